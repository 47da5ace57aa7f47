package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// filterName is what a position keeps the filter's fingerprint under.
const filterName = "filter"

func filterFingerprint(r *ledger.Route) uint64 {
	if r.Filter == nil {
		return 0
	}
	return wordFingerprint(r.Filter.Source())
}

// removeBatch is how many absent records are asked for by id at once.
const removeBatch = 200

// remove closes the links of records that are gone or no longer meet the
// filter. Only a full run with a proven complete listing comes here (F6, R127);
// each absent record is read by id first, and a guard limits how many go, with
// those that are newly not visible. Nothing is deleted in any system: the hub
// record merely leaves scope.
func (p *puller) remove(ctx context.Context) error {
	if err := p.askForHeld(ctx); err != nil {
		return err
	}
	out, err := p.missing(ctx)
	if err != nil {
		return err
	}
	var plans, all []state.Plan
	if err := p.opt.Store.View(func(tx *state.Tx) error {
		plans, all = acceptedPlans(tx, p.r), plansOf(tx, p.r)
		return nil
	}); err != nil {
		return err
	}
	if len(out.gone)+len(out.hidden)+len(all) == 0 {
		return nil
	}
	fresh, err := p.newlyHidden(out.hidden)
	if err != nil {
		return err
	}
	removed, err := p.notAccepted(plans, out.gone)
	hidden, herr := p.notAccepted(plans, fresh)
	if err := errors.Join(err, herr); err != nil {
		return err
	}
	if p.filterChanged() && removed > 0 || p.opt.Guards.Removals.passed(removed+hidden, out.open) {
		note := fmt.Sprintf("%d of %d records would leave the hub", len(out.gone), out.open)
		if len(fresh) > 0 {
			note += fmt.Sprintf(", and %d are not visible in %s any more", len(fresh), p.req.System)
		}
		return p.keepPlan(p.r, append(out.gone, fresh...), note)
	}
	return p.letGo(out)
}

// letGo closes the links of what is gone and holds what is not visible. No plan
// outlives that: it was used, or there is no cause for it any more.
func (p *puller) letGo(out missingRows) error {
	return p.opt.Store.Update(func(tx *state.Tx) error {
		var l state.Link
		for _, g := range out.gone {
			ok, err := p.r.Links(tx).Get(g.Hub, &l)
			if ok && err == nil {
				err = p.closeLink(tx, p.r, &l, state.ClosedRemoved, p.entryOf(p.r, g.Hub, l.Remote, "left_scope"))
			}
			if err != nil {
				return err
			}
		}
		for _, h := range out.hidden {
			if err := p.hide(tx, h.Hub); err != nil {
				return err
			}
		}
		p.count("removed", len(out.gone))
		return dropPlans(tx, plansOf(tx, p.r))
	})
}

// askForHeld reads by id what is held without a link and was not in the listing:
// a hold ends with its record.
func (p *puller) askForHeld(ctx context.Context) error {
	if p.sys.Getter == nil {
		return nil
	}
	var ids []string
	err := p.opt.Store.View(func(tx *state.Tx) error {
		links := p.r.Links(tx)
		return tx.EachHold(p.req.System, func(h state.Hold) error {
			if h.Object != p.r.Object || h.Remote == "" || !h.Last.Before(p.began) {
				return nil
			}
			if _, _, st, linked := links.Peek(h.Remote); !linked || st == state.LinkClosed {
				ids = append(ids, h.Remote)
			}
			return nil
		})
	})
	for batch := range slices.Chunk(slices.Compact(ids), removeBatch) {
		if err == nil {
			err = p.readByID(ctx, batch, nil)
		}
	}
	return err
}

// filterChanged reports whether the filter is not the one that the last
// complete listing ran under: then every removal waits for a plan that a
// person has seen (F7).
func (p *puller) filterChanged() bool {
	fp, known := p.pos.Fields[filterName]
	return known && fp != filterFingerprint(p.r)
}

// missingRows are the links of records that a full listing did not bring, as
// rows of a plan: those to be closed, and those whose record is not visible.
type missingRows struct {
	gone, hidden []state.PlanRow
	open         int // links that are not closed yet
}

// missing returns the links of records that are gone or not visible, and of
// those that failed their filter.
func (p *puller) missing(ctx context.Context) (missingRows, error) {
	var out missingRows
	var unseen []state.Link
	err := p.opt.Store.View(func(tx *state.Tx) error {
		return p.r.Links(tx).Each(0, func(l *state.Link) error {
			if l.State != state.LinkClosed {
				out.open++
			}
			switch why, ask := p.mayGo(tx, l); {
			case why != "":
				out.gone = append(out.gone, state.PlanRow{Hub: l.Hub, Fields: []state.PlanField{{Name: why}}})
			case ask:
				unseen = append(unseen, state.Link{Hub: l.Hub, Remote: l.Remote})
			}
			return nil
		})
	})
	if err != nil {
		return out, err
	}
	for part := range slices.Chunk(unseen, removeBatch) {
		stands, err := p.stillThere(ctx, part)
		if err != nil {
			return out, err
		}
		for _, l := range part {
			switch stands[l.Remote] {
			case isGone:
				out.gone = append(out.gone, state.PlanRow{Hub: l.Hub, Fields: []state.PlanField{{Name: rowGone}}})
			case isHidden:
				out.hidden = append(out.hidden, state.PlanRow{Hub: l.Hub, Fields: []state.PlanField{{Name: rowNotVisible}}})
			}
		}
	}
	return out, nil
}

// mayGo says why a link is to be closed, or that its record must be asked for.
func (p *puller) mayGo(tx *state.Tx, l *state.Link) (why string, ask bool) {
	left := p.parentLeft(tx, l)
	switch {
	case left == state.LinkLeaving && !p.goes.has(uint64(l.Hub)):
		// It goes with its parent, once that is closed.
	case left == state.LinkClosed && l.State == state.LinkOpen:
		return "its account left the hub", false
	case l.State == state.LinkLeaving && len(p.r.Holds(tx, 0, l.Remote)) > 0:
		return "", !p.seen.has(uint64(l.Hub)) // else it is back in the scope, and held
	case l.State == state.LinkLeaving:
		return "no longer meets the filter", false
	case p.standsIn(l):
		// Nobody ever read the user: it is only named (R113).
	case l.State == state.LinkOpen:
		return "", !p.seen.has(uint64(l.Hub))
	}
	return "", false
}

// standsIn reports whether a link is of a user whom records name and nobody
// read.
func (p *puller) standsIn(l *state.Link) bool {
	return p.r.Hub.Name == fieldmap.User && len(l.Fields) == 0
}

// parentLeft tells how far the account of a linked record has left: children
// share its state. It is open for one that is in scope.
func (p *puller) parentLeft(tx *state.Tx, l *state.Link) state.LinkState {
	var rec state.HubRecord
	var parent state.Link
	for _, rule := range p.r.Fields {
		route := p.routeOf(rule.Hub.RefTo)
		if !ledger.IsParent(rule) || route == nil || route.Filter == nil {
			continue
		}
		links := route.Links(tx)
		if links.Open() == links.Count() {
			continue
		}
		if ok, err := tx.Hub(p.r.Hub.Name).Get(l.Hub, &rec); !ok || err != nil {
			continue
		}
		id, err := state.ParseHubID(p.r.Value(&rec, rule.Hub).Text())
		if err != nil {
			continue
		}
		if ok, err := links.Get(id, &parent); !ok || err != nil {
			continue
		}
		if _, out := tx.ExcludedRow(route.System, route.Object, parent.Remote); out {
			return parent.State
		}
	}
	return state.LinkOpen
}

// How a record stands that was asked for by id.
const (
	isHidden = iota // nothing proves that it is gone, and nothing shows it
	isGone
	isThere
)

// stillThere asks for records by id, and says how each stands. What is there
// after all is settled.
func (p *puller) stillThere(ctx context.Context, links []state.Link) (map[string]int, error) {
	stands := map[string]int{}
	if p.sys.Getter == nil {
		// Without a read by id nothing can be proven, so nothing goes.
		for _, l := range links {
			stands[l.Remote] = isThere
		}
		return stands, nil
	}
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.Remote
	}
	p.readAt = p.now()
	recs, errs, err := p.sys.Getter.Get(ctx, p.r.Object, p.fields, ids)
	if err != nil {
		return nil, fmt.Errorf("read absent %s by id: %w", p.r.Object, err)
	}
	p.noteMet(p.r, len(recs))
	for i := range recs {
		stands[recs[i].ID] = isThere
	}
	var merged []string
	for _, e := range errs {
		switch {
		case e.Successor != "": // a merge is no removal
			stands[e.Ref.ID], merged = isThere, append(merged, e.Ref.ID)
		case e.Kind == providers.Missing && p.proven(p.r, e.Gone):
			stands[e.Ref.ID] = isGone
		default: // what it refuses to show is not proven to be gone
			stands[e.Ref.ID] = isHidden
		}
	}
	if len(p.costly) > 0 {
		recs = nil // they are not whole
	}
	return stands, p.settleByID(recs, func(tx *state.Tx) error { return p.notFound(tx, merged, nil, errs) })
}

// closeLink closes the link of a source's record that is removed, as the entry of
// the journal says. The hub record leaves scope with its last pulling link; ids and
// digests stay, so that a return re-opens it (D8).
func (e *Engine) closeLink(tx *state.Tx, r *ledger.Route, l *state.Link, why state.CloseReason, entry state.JournalEntry) error {
	l.State, l.Close, l.ClosedAt, l.Raw = state.LinkClosed, why, e.now().Unix(), 0
	if err := r.Links(tx).Put(l); err != nil {
		return err
	}
	if err := tx.Journal([]state.JournalEntry{entry}); err != nil {
		return err
	}
	if err := r.LeftBy(tx, l.Hub); err != nil {
		return err
	}
	if err := r.EndHolds(tx, 0, l.Remote); err != nil {
		return err
	}
	if err := e.book.Notify(tx, r.LetGo(l.Hub)); err != nil {
		return err
	}
	return r.LeaveScope(tx, l.Hub)
}
