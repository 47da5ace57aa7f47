package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"crmsyncd/providers"
	"crmsyncd/state"
)

// unseen notes a record that a read by id did not bring and that nothing proves
// to be gone, if it is linked.
func (p *puller) unseen(tx *state.Tx, remote string) (linked bool) {
	hub, _, st, ok := p.r.Links(tx).Peek(remote)
	if linked = ok && st == state.LinkOpen; linked {
		p.noteAbsent(p.r, hub, absence{remote, providers.NotVisible})
	}
	return linked
}

// settleUnseen holds the records that this run asked for and was not shown,
// unless they are too many. A full run has asked for all of them.
func (p *puller) settleUnseen() error {
	found := p.absent[p.r]
	if len(found) == 0 || p.req.Full {
		return nil
	}
	var rows []state.PlanRow
	for _, hub := range slices.Sorted(maps.Keys(found)) {
		rows = append(rows, state.PlanRow{Hub: hub, Fields: []state.PlanField{{Name: rowNotVisible}}})
	}
	fresh, err := p.newlyHidden(rows)
	if err != nil {
		return err
	}
	open, err := p.countOpen(p.r)
	if err != nil {
		return err
	}
	var plans []state.Plan
	if err := p.opt.Store.View(func(tx *state.Tx) error { plans = acceptedPlans(tx, p.r); return nil }); err != nil {
		return err
	}
	counted, err := p.notAccepted(plans, fresh)
	if err != nil {
		return err
	}
	if p.opt.Guards.Removals.passed(counted, open) {
		return p.keepPlan(p.r, fresh, fmt.Sprintf("%d of %d records are not visible in %s any more", len(fresh), open, p.req.System))
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		for _, row := range rows {
			if err := p.hide(tx, row.Hub); err != nil {
				return err
			}
		}
		if !p.opt.Guards.Removals.passed(len(fresh), open) {
			return nil // no acceptance was needed
		}
		return dropPlans(tx, plans)
	})
}

// newlyHidden are the rows of records that were visible before.
func (p *puller) newlyHidden(rows []state.PlanRow) (fresh []state.PlanRow, err error) {
	err = p.opt.Store.View(func(tx *state.Tx) error {
		var l state.Link
		for _, row := range rows {
			if ok, err := p.r.Links(tx).Get(row.Hub, &l); err != nil || !ok {
				continue
			}
			if _, known := notVisible(p.r.Holds(tx, 0, l.Remote)); !known {
				fresh = append(fresh, row)
			}
		}
		return nil
	})
	return fresh, err
}

// hide holds a linked record that is not visible. It counts as unsettled, so
// that the next read that brings it ends the hold.
func (p *puller) hide(tx *state.Tx, hub state.HubID) error {
	links := p.r.Links(tx)
	var l state.Link
	ok, err := links.Get(hub, &l)
	if err != nil && !errors.Is(err, state.ErrDamaged) || !ok || l.State == state.LinkClosed {
		return err
	}
	if l.Raw != 0 {
		l.Raw = 0
		if err := links.Put(&l); err != nil {
			return err
		}
	}
	h := p.newHold(p.r, 0, "", "")
	h.Remote = l.Remote
	return p.holdHidden(tx, h, l.Remote)
}
