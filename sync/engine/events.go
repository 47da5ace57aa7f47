package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// eventsObject stands for the events in a run, beside its objects.
const eventsObject = "events"

// events reads what no listing shows: that records were deleted or merged. It
// comes first, so that the listings find the links as they are now. A system
// that refuses to tell costs the run nothing: a full run finds what is missing.
func (r *run) events(ctx context.Context) error {
	if r.sys.Events == nil || r.flow != "pull" || r.req.Backfill {
		return nil
	}
	if r.gate.pass(ctx) != nil || r.preflight(ctx) != nil {
		return nil // the objects say so themselves
	}
	key := "events:" + r.req.System
	since, err := ledger.Note(r.opt.Store, key, r.log)
	if err != nil {
		return err
	}
	r.rec.Objects = append(r.rec.Objects, state.RunObject{Object: eventsObject, Counts: map[string]int{}, Status: StatusDone})
	r.obj = &r.rec.Objects[len(r.rec.Objects)-1]
	for page, err := range r.sys.Events.Events(ctx, record.Cursor(since)) {
		if err == nil {
			err = r.opt.Store.Update(func(tx *state.Tx) error { return r.takeEvents(tx, key, &page) })
		}
		if err == nil {
			continue
		}
		if reachesSystem(err) && providers.KindOf(err) != providers.Denied {
			return fmt.Errorf("read the events of %s: %w", r.req.System, err)
		}
		r.obj.Status, r.obj.Note = StatusFailed, err.Error()
		r.log.Warn("events not read; deletes and merges are noticed by the next full run", "system", r.req.System, "err", err)
		break
	}
	if len(r.obj.Counts) == 0 && r.obj.Status == StatusDone {
		r.rec.Objects = r.rec.Objects[:len(r.rec.Objects)-1]
	}
	return nil
}

// takeEvents settles one page of events and remembers how far they were read.
func (r *run) takeEvents(tx *state.Tx, key string, page *providers.EventPage) error {
	for i := range page.Events {
		ev := &page.Events[i]
		route := r.book.Route(r.req.System, ev.Object)
		if route == nil || route.Direction != fieldmap.Pull || ev.Kind == providers.EventUpdated {
			continue
		}
		p := newPuller(r, route)
		p.children = p.r.ChildRoutes(tx)
		if err := p.event(tx, ev); err != nil {
			return fmt.Errorf("%s %s: %w", route.Key(), ev.ID, err)
		}
	}
	if page.Next == "" {
		return nil
	}
	return tx.SetMeta(key, []byte(page.Next))
}

// event settles that a record was deleted or merged.
func (p *puller) event(tx *state.Tx, ev *providers.Event) error {
	links := p.r.Links(tx)
	id, ok := links.ByRemote(ev.ID)
	if !ok {
		return p.neverIn(tx, ev)
	}
	var l state.Link
	if found, err := links.Get(id, &l); err != nil || !found {
		return nil //nolint:nilerr // a damaged link is settled when its record is read
	}
	if l.State == state.LinkClosed {
		return p.neverIn(tx, ev)
	}
	if ev.Kind == providers.EventMerged && ev.Into != "" {
		return p.merged(tx, l, ev.Into)
	}
	if err := p.r.EndHolds(tx, 0, l.Remote); err != nil {
		return err
	}
	return p.leave(tx, &l)
}

// neverIn settles that a record is gone which is not linked: nothing waits for
// it any more, and nothing keeps it out.
func (p *puller) neverIn(tx *state.Tx, ev *providers.Event) error {
	if err := p.r.EndHolds(tx, 0, ev.ID); err != nil {
		return err
	}
	if err := tx.Include(p.req.System, p.r.Object, ev.ID); err != nil {
		return err
	}
	if ev.Kind != providers.EventMerged || ev.Into == "" {
		return nil
	}
	return p.wakeChildren(tx, ev.Into)
}

// merged settles that a record was merged into another one. The link moves
// there; if that is linked already, the loser's is closed and its hub record
// held, for hub records are never merged (F11).
func (p *puller) merged(tx *state.Tx, l state.Link, into string) error {
	links := p.r.Links(tx)
	if err := p.wakeChildren(tx, into); err != nil {
		return err
	}
	var other state.Link
	winner, ok := links.ByRemote(into)
	if ok {
		if found, err := links.Get(winner, &other); err == nil && found && other.State == state.LinkClosed {
			if err := links.Delete(winner); err != nil {
				return err
			}
			ok = false
		}
	}
	if ok {
		return p.mergedAway(tx, l, winner, into)
	}
	if err := links.Delete(l.Hub); err != nil {
		return err
	}
	from := l.Remote
	l.Remote, l.Version, l.Raw, l.State, l.There = into, 0, 0, state.LinkOpen, nil
	for i := range l.Fields {
		l.Fields[i].Seen, l.Fields[i].Told, l.Fields[i].Note = ledger.Lost, ledger.Lost, 0
	}
	if err := links.Put(&l); err != nil {
		return err
	}
	p.count("moved", 1)
	if err := tx.Wake(p.req.System, p.r.Object, state.WakeRecord, into); err != nil {
		return err
	}
	return tx.Journal([]state.JournalEntry{p.entryOf(p.r, l.Hub, from, "merged_into "+into)})
}

// mergedAway closes the link of a record whose successor is linked elsewhere.
func (p *puller) mergedAway(tx *state.Tx, l state.Link, winner state.HubID, into string) error {
	l.State, l.Close, l.ClosedAt, l.Raw, l.Successor = state.LinkClosed, state.ClosedMerged, p.now().Unix(), 0, into
	if err := p.r.Links(tx).Put(&l); err != nil {
		return err
	}
	p.count("merged", 1)
	if err := p.r.LeftBy(tx, l.Hub); err != nil {
		return err
	}
	if err := p.r.EndHolds(tx, 0, l.Remote); err != nil {
		return err
	}
	h := p.newHold(p.r, l.Hub, ledger.HoldMerged, fmt.Sprintf("%s was merged into %s, which is %s/%s", l.Remote, into, p.r.Hub.Name, winner))
	h.Candidates = hubNames(p.r.Hub.Name, []state.HubID{l.Hub, winner})
	if err := tx.PutHold(h); err != nil {
		return err
	}
	if err := tx.Journal([]state.JournalEntry{p.entryOf(p.r, l.Hub, l.Remote, ledger.HoldMerged)}); err != nil {
		return err
	}
	if err := p.book.Notify(tx, p.r.LetGo(l.Hub)); err != nil {
		return err
	}
	return p.r.LeaveScope(tx, l.Hub)
}
