package engine

import (
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
)

// acceptedPlans returns the plans of an object that a person let through.
func acceptedPlans(tx *state.Tx, system, object string) []state.Plan {
	var out []state.Plan
	for _, pl := range tx.Plans() {
		if pl.System == system && pl.Object == object && pl.Accepted {
			out = append(out, pl)
		}
	}
	return out
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
func (r *run) countOpen(route *fieldmap.Route) (n int, err error) {
	err = r.opt.Store.View(func(tx *state.Tx) error {
		n = tx.Links(route.System, route.Object).Open()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count the links with %s: %w", route.Key(), err)
	}
	return n, nil
}

// keepPlan stores what a guard stopped, so that it can be read and accepted,
// and returns the error that stops the object.
func (r *run) keepPlan(rows []state.PlanRow, note string) error {
	id := fmt.Sprintf("%d-%s", r.rec.ID, r.obj.Object)
	err := r.opt.Store.Update(func(tx *state.Tx) error {
		for _, old := range tx.Plans() {
			if old.System == r.req.System && old.Object == r.obj.Object {
				if err := tx.DropPlan(old.ID); err != nil {
					return err
				}
			}
		}
		if err := tx.PutPlan(state.Plan{
			ID: id, System: r.req.System, Object: r.obj.Object, Run: r.rec.ID, At: r.now(), Rows: len(rows), Note: note,
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
