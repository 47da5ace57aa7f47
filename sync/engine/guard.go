package engine

import (
	"cmp"
	"fmt"
	"slices"

	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// plansOf returns the plans of a route, accepted or not. One that tells no flow
// may be of any.
func plansOf(tx *state.Tx, route *ledger.Route) []state.Plan {
	return slices.DeleteFunc(tx.Plans(), func(pl state.Plan) bool {
		return pl.System != route.System || pl.Object != route.Object || pl.Flow != state.FlowNone && pl.Flow != route.Flow
	})
}

// acceptedPlans returns the plans of a route that a person let through.
func acceptedPlans(tx *state.Tx, route *ledger.Route) []state.Plan {
	return slices.DeleteFunc(plansOf(tx, route), func(pl state.Plan) bool { return !pl.Accepted })
}

// planWaits reports whether a plan of the route waits for a person.
func planWaits(tx *state.Tx, route *ledger.Route) bool {
	return slices.ContainsFunc(plansOf(tx, route), func(pl state.Plan) bool { return !pl.Accepted })
}

func dropPlans(tx *state.Tx, plans []state.Plan) error {
	for _, pl := range plans {
		if err := tx.DropPlan(pl.ID); err != nil {
			return err
		}
	}
	return nil
}

// accepted reports whether a plan lets this row through: it names the record,
// and nothing has moved since.
func accepted(tx *state.Tx, plans []state.Plan, row state.PlanRow) bool {
	for _, pl := range plans {
		if got, ok := tx.PlanRow(pl.ID, row.Hub); ok && got.Digest == row.Digest {
			return true
		}
	}
	return false
}

// notAccepted counts the rows that no accepted plan lets through.
func (r *run) notAccepted(plans []state.Plan, rows []state.PlanRow) (n int, err error) {
	err = r.opt.Store.View(func(tx *state.Tx) error {
		for _, row := range rows {
			if !accepted(tx, plans, row) {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look what was accepted: %w", err)
	}
	return n, nil
}

// countOpen counts the open links of a route.
func (r *run) countOpen(route *ledger.Route) (n int, err error) {
	err = r.opt.Store.View(func(tx *state.Tx) error {
		n = route.Links(tx).Open()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count the links with %s: %w", route.Key(), err)
	}
	return n, nil
}

// stopsThere is the error of a plan whose run a guard would stop.
func (r *run) stopsThere(route *ledger.Route, note string) error {
	var waits string
	err := r.opt.Store.View(func(tx *state.Tx) error {
		for _, p := range plansOf(tx, route) {
			if !p.Accepted {
				waits = p.ID
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if waits == "" {
		return fmt.Errorf("%w: %s; the next run of %s stops there and says how it is let through", ErrGuard, note, route.System)
	}
	return fmt.Errorf("%w: %s; let it through with `crmsyncd accept %s`", ErrGuard, note, waits)
}

// keepPlan stores what a guard stopped, so that it can be read and accepted,
// and returns the error that stops the object. What only plans goes on, for it is
// to be seen what stops, and has the error at its end.
func (r *run) keepPlan(route *ledger.Route, rows []state.PlanRow, note string) error {
	if r.opt.dry {
		r.wouldStop = cmp.Or(r.wouldStop, r.stopsThere(route, note))
		return nil
	}
	id := fmt.Sprintf("%d-%s", r.rec.ID, route.Object)
	err := r.opt.Store.Update(func(tx *state.Tx) error {
		if err := dropPlans(tx, plansOf(tx, route)); err != nil {
			return err
		}
		if err := tx.PutPlan(state.Plan{
			ID: id, System: route.System, Object: route.Object, Flow: route.Flow, Run: r.rec.ID, At: r.now(), Rows: len(rows), Note: note,
		}); err != nil {
			return err
		}
		return tx.AddPlanRows(id, rows)
	})
	if err != nil {
		return err
	}
	r.rec.Plan = id
	return fmt.Errorf("%w: %s; look with `crmsyncd plan`, let it through with `crmsyncd accept %s`", ErrGuard, note, id)
}
