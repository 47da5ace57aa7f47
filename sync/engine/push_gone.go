package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// notBrought sorts what a read by id did not bring. A record that was merged is
// followed at once; of any other the end of the walk decides.
func (p *pusher) notBrought(gone []state.Link, errs []*providers.Error) error {
	said := make(map[string]*providers.Error, len(errs))
	for _, e := range errs {
		if e.Kind == providers.Missing {
			said[e.Ref.ID] = e
		}
	}
	var merged []state.Link
	for _, l := range gone {
		p.askedFor.set(uint64(l.Hub))
		e := said[l.Remote]
		switch {
		case l.State == state.LinkClosed:
		case e == nil:
			p.noteAbsent(p.r, l.Hub, absence{remote: l.Remote})
		case e.Successor != "":
			merged = append(merged, l)
		default:
			p.noteAbsent(p.r, l.Hub, absence{l.Remote, e.Gone})
		}
	}
	if len(merged) == 0 {
		return nil
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		for _, l := range merged {
			if err := p.closeOne(tx, l, said[l.Remote].Successor); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleAbsent decides what becomes of the records that reads by id did not
// bring: what is proven to be gone is closed, all else is held. Too many at once
// stop at the guard: then nothing changes but what a person accepted.
func (p *pusher) settleAbsent(context.Context) error {
	rows, err := p.sortAbsent()
	if err != nil || len(rows.pass)+len(rows.stop) == 0 {
		return err
	}
	stopped := p.opt.Guards.Removals.passed(len(rows.stop), rows.open)
	if !stopped {
		rows.pass = append(rows.pass, rows.stop...)
	}
	err = p.opt.Store.Update(func(tx *state.Tx) error {
		for _, row := range rows.pass {
			if err := p.endAbsent(tx, row.Hub); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range rows.pass {
		delete(p.absent[p.r], row.Hub)
	}
	if !stopped {
		return nil
	}
	return p.keepPlan(p.r, rows.stop, fmt.Sprintf("%d of %d linked records are gone from %s or not visible there", len(rows.stop), rows.open, p.req.System))
}

// absentRows are the records that were not brought, as rows of a plan: those
// that may go and those that count for the guard.
type absentRows struct {
	pass, stop []state.PlanRow
	open       int
}

func (p *pusher) sortAbsent() (absentRows, error) {
	var rows absentRows
	if len(p.absent[p.r]) == 0 {
		return rows, nil
	}
	err := p.opt.Store.View(func(tx *state.Tx) error {
		rows.open = p.r.Links(tx).Open()
		for _, hub := range slices.Sorted(maps.Keys(p.absent[p.r])) {
			a := p.absent[p.r][hub]
			why := rowNotVisible
			if p.proven(p.r, a.gone) {
				why = rowDeleted
			}
			row := state.PlanRow{
				Hub: hub, Edition: 1, Digest: p.book.Key.Bytes([]byte(why + " " + a.remote)), Fields: []state.PlanField{{Name: why}},
			}
			if _, known := notVisible(p.r.Holds(tx, hub, "")); known || accepted(tx, p.plans, row) {
				rows.pass = append(rows.pass, row)
			} else {
				rows.stop = append(rows.stop, row)
			}
		}
		return nil
	})
	return rows, err
}

// endAbsent closes the link of a record that is gone, or holds one that is not
// visible.
func (p *pusher) endAbsent(tx *state.Tx, hub state.HubID) error {
	a := p.absent[p.r][hub]
	var l state.Link
	ok, err := p.r.Links(tx).Get(hub, &l)
	if err != nil && !errors.Is(err, state.ErrDamaged) || !ok || l.Remote != a.remote || l.State == state.LinkClosed {
		return err
	}
	if p.proven(p.r, a.gone) {
		if err := p.closeOne(tx, state.Link{Hub: hub, Remote: a.remote}, ""); err != nil {
			return err
		}
		return p.book.Notify(tx, p.r.Linked(hub)) // what waits for its sight is decided anew
	}
	return p.holdHidden(tx, p.holdOf(&item{id: hub}, "", ledger.HoldNotVisible, "", ""), a.remote)
}

// toAsk reports whether the record of the link under way, with its holds, is to
// be asked for once more: it was not visible, or was deleted and may be back.
func (p *pusher) toAsk(holds []state.Hold) bool {
	hub := p.link.Hub
	switch {
	case p.sys.Getter == nil || p.askedFor.has(uint64(hub)):
		return false
	case p.link.State == state.LinkClosed:
		return p.mayReturn(&p.link)
	}
	return p.hiddenBy(p.r, hub, holds)
}

// mayReturn reports whether a link was closed because its record was gone, so
// lately that it may be put back.
func (p *pusher) mayReturn(l *state.Link) bool {
	return l.Close == state.ClosedDeleted && p.now().Unix()-l.ClosedAt <= int64(binKeeps.Seconds())
}

// meetAgain takes in that a linked record was seen: one that was not visible
// is no longer held, and a link that was closed because it was gone is open
// again, with what it knew. Either has a new number, for what is due. It reports
// whether the link is open again.
func (p *pusher) meetAgain(tx *state.Tx, hub state.HubID, remote string) (reopened bool, err error) {
	delete(p.absent[p.r], hub)
	if reopened, err = p.reopen(tx, hub, remote); err != nil {
		return false, err
	}
	h, held := notVisible(p.r.Holds(tx, hub, ""))
	if held {
		if err := tx.DeleteHold(h.Key()); err != nil {
			return false, fmt.Errorf("end hold %s: %w", h.Key(), err)
		}
	}
	if !held && !reopened {
		return false, nil
	}
	p.sent = true // another pass writes what is due
	if p.back == nil {
		p.back = map[state.HubID]bool{}
	}
	p.back[hub] = true
	if err := tx.Hub(p.r.Hub.Name).Touch(hub); err != nil {
		return false, err
	}
	return reopened, p.book.Notify(tx, p.r.Linked(hub))
}

// reopen opens a link again that was closed because its record was gone, if
// neither side has another one. What stands there is to be read.
func (p *pusher) reopen(tx *state.Tx, hub state.HubID, remote string) (bool, error) {
	ls := p.r.Links(tx)
	var l state.Link
	ok, err := ls.Get(hub, &l)
	if wasGone := l.State == state.LinkClosed && l.Close == state.ClosedDeleted; err != nil || !ok || !wasGone || l.Remote != remote {
		return false, nil //nolint:nilerr // a damaged link tells nothing of why it was closed
	}
	var rec state.HubRecord
	if ok, err := tx.Hub(p.r.Hub.Name).Get(hub, &rec); err != nil || !ok || rec.State != state.HubActive {
		return false, err
	}
	if other, _, _, ok := ls.Peek(remote); !ok || other != hub {
		return false, nil // another hub record has it now
	}
	l.State, l.Close, l.ClosedAt, l.There = state.LinkOpen, state.NotClosed, 0, nil
	if err := ls.Put(&l); err != nil {
		return false, err
	}
	if err := p.r.EndHolds(tx, hub, "", ledger.HoldDeleted); err != nil {
		return false, err
	}
	p.count("reopened", 1)
	return true, tx.Journal([]state.JournalEntry{p.entryOf(p.r, hub, remote, "reopened")})
}

// meetHits takes in which linked records a look-up brought, before it is decided
// whom they belong to. A link that is open again is read.
func (p *pusher) meetHits(tx *state.Tx, hits []hit) error {
	ls := p.r.Links(tx)
	p.noteMet(p.r, len(hits))
	for i := range hits {
		hub, _, _, ok := ls.Peek(hits[i].id)
		if !ok {
			continue
		}
		reopened, err := p.meetAgain(tx, hub, hits[i].id)
		if err != nil {
			return err
		}
		if !reopened {
			continue
		}
		if err := tx.Wake(p.req.System, p.r.Object, state.WakeWritten, hits[i].id); err != nil {
			return err
		}
		if err := p.r.RequeueChildren(tx, hub); err != nil {
			return err
		}
	}
	return nil
}

// isAbsent reports whether the row of a plan is of a record that was gone or not
// visible, and not of one that would be overwritten.
func isAbsent(row state.PlanRow) bool {
	return len(row.Fields) == 1 && (row.Fields[0].Name == rowDeleted || row.Fields[0].Name == rowNotVisible)
}

// acceptedAbsent reads by id the records of accepted plans that were gone or not
// visible, so that it is decided now what becomes of them.
func (p *pusher) acceptedAbsent(ctx context.Context) error {
	var chunk []state.Link
	err := p.opt.Store.View(func(tx *state.Tx) error {
		ls := p.r.Links(tx)
		for _, pl := range p.plans {
			err := tx.EachPlanRow(pl.ID, func(row state.PlanRow) error {
				if !isAbsent(row) {
					return nil
				}
				if ok, err := ls.Get(row.Hub, &p.link); ok && err == nil && p.link.State == state.LinkOpen {
					chunk = append(chunk, state.Link{Hub: row.Hub, Remote: p.link.Remote})
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("read plan %s: %w", pl.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(chunk, scanChunk) {
		if _, err := p.reconcileChunk(ctx, part, comparison{only: map[int]bool{}}); err != nil {
			return err
		}
	}
	return nil
}

// found is a hub record that is held for records which a look-up found before.
type found struct {
	it         *item
	hold       state.Hold
	candidates []string
}

// holdCandidates keeps hub records held that no look-up found this time, while
// nobody knows that the records which it found before are gone: no key of what is
// not visible counts as absent.
func (p *pusher) holdCandidates(ctx context.Context, loose []*item) error {
	before, err := p.foundBefore(loose)
	if err != nil {
		return err
	}
	var ids []string
	for _, f := range before {
		ids = append(ids, f.candidates...)
	}
	if len(ids) == 0 || p.sys.Getter == nil {
		return nil
	}
	known, err := p.fates(ctx, ids)
	if err != nil {
		return err
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		for _, f := range before {
			if !slices.ContainsFunc(f.candidates, func(id string) bool { return !known[id] }) {
				continue
			}
			p.hold(f.it, "", f.hold.Reason, f.hold.Detail, ledger.Event(f.hold.Event), f.hold.Candidates...)
			if err := p.putHolds(tx, f.it); err != nil {
				return err
			}
		}
		return nil
	})
}

// foundBefore returns what is held for the records that a look-up found.
func (p *pusher) foundBefore(loose []*item) (out []found, err error) {
	err = p.opt.Store.View(func(tx *state.Tx) error {
		for _, it := range loose {
			for _, h := range p.r.Holds(tx, it.id, "") {
				if h.Field == "" && (h.Reason == ledger.HoldAmbiguous || h.Reason == ledger.HoldDuplicate) {
					out = append(out, found{it, h, p.remotesOf(tx, it.id, h.Candidates)})
				}
			}
		}
		return nil
	})
	return out, err
}

// fates asks for records by id and says of which it is known what became of
// them: they are there, or are proven to be gone.
func (p *pusher) fates(ctx context.Context, ids []string) (map[string]bool, error) {
	known, errs, err := p.shown(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, e := range errs {
		known[e.Ref.ID] = e.Successor != "" || e.Kind == providers.Missing && p.proven(p.r, e.Gone)
	}
	return known, nil
}

// shown asks for records by id and says which of them their system shows, and
// what it says of the others. ids are sorted in place.
func (p *pusher) shown(ctx context.Context, ids []string) (map[string]bool, []*providers.Error, error) {
	slices.Sort(ids)
	recs, errs, err := p.sys.Getter.Get(ctx, p.r.Object, p.findFields(), slices.Compact(ids))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s by id: %w", p.r.Object, err)
	}
	p.noteMet(p.r, len(recs))
	there := map[string]bool{}
	for i := range recs {
		there[recs[i].ID] = true
	}
	return there, errs, nil
}

// remotesOf returns the records that the candidates of a hold stand for: remote
// ids as they are, and those that other hub records are linked with.
func (p *pusher) remotesOf(tx *state.Tx, own state.HubID, candidates []string) []string {
	var out []string
	for _, c := range candidates {
		name, isHub := strings.CutPrefix(c, p.r.Hub.Name+"/")
		if !isHub {
			out = append(out, c)
			continue
		}
		id, err := state.ParseHubID(name)
		if err != nil || id == own {
			continue
		}
		if remote, ok := p.r.OpenLink(tx, id); ok {
			out = append(out, remote)
		}
	}
	return out
}

// naming is a record whose write was refused, with the linked records that it
// named.
type naming struct {
	it    *item
	named map[*ledger.Route][]state.Link
}

// askNamed reads by id what refused writes referred to. Where one of these is
// gone or not visible, that is why: the record waits for it, or its field does.
func (p *pusher) askNamed(ctx context.Context, items []*item) error {
	var refused []naming
	wanted := map[*ledger.Route][]state.Link{}
	err := p.opt.Store.View(func(tx *state.Tx) error {
		for _, it := range items {
			if n := p.namedBy(tx, it); len(n.named) > 0 {
				refused = append(refused, n)
				for route, links := range n.named {
					wanted[route] = append(wanted[route], links...)
				}
			}
		}
		return nil
	})
	if err != nil || len(refused) == 0 || p.sys.Getter == nil {
		return err
	}
	lost := map[*ledger.Route]map[state.HubID]bool{}
	for _, route := range p.book.RoutesOf(p.req.System) {
		if len(wanted[route]) == 0 {
			continue
		}
		if lost[route], err = p.pusher(route).presence(ctx, wanted[route]); err != nil {
			return err
		}
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		for _, n := range refused {
			if !n.anyLost(lost) {
				continue
			}
			if err := p.endRefusal(tx, n.it.id); err != nil {
				return err
			}
			if err := tx.Hub(p.r.Hub.Name).Touch(n.it.id); err != nil {
				return err
			}
			p.count("held", -1)
		}
		return nil
	})
}

func (n *naming) anyLost(lost map[*ledger.Route]map[state.HubID]bool) bool {
	for route, links := range n.named {
		if slices.ContainsFunc(links, func(l state.Link) bool { return lost[route][l.Hub] }) {
			return true
		}
	}
	return false
}

// namedBy returns what a refused write referred to.
func (p *pusher) namedBy(tx *state.Tx, it *item) naming {
	n := naming{it: it}
	if !slices.ContainsFunc(it.holds, func(h state.Hold) bool { return h.Field == "" && h.Reason == ledger.HoldRejected && h.Event == "" }) {
		return n
	}
	for i, rule := range p.r.Fields {
		v := &it.verdicts[i]
		route := p.routeOf(rule.Hub.RefTo)
		if rule.Hub.Type != record.Reference || v.Kind != plan.Push || !v.Value.IsSet() || route == nil {
			continue
		}
		if hub, _, st, ok := route.Links(tx).Peek(v.Value.Text()); ok && st == state.LinkOpen {
			if n.named == nil {
				n.named = map[*ledger.Route][]state.Link{}
			}
			n.named[route] = append(n.named[route], state.Link{Hub: hub, Remote: v.Value.Text()})
		}
	}
	return n
}

// presence asks for linked records and says which of them are gone or not
// visible. They are closed or held, unless they are so many that a full run is
// to stop at its guard for them.
func (p *pusher) presence(ctx context.Context, links []state.Link) (map[state.HubID]bool, error) {
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.Remote
	}
	there, errs, err := p.shown(ctx, ids)
	if err != nil {
		return nil, err
	}
	lost := map[state.HubID]bool{}
	var gone []state.Link
	for _, l := range links {
		if !there[l.Remote] {
			lost[l.Hub], gone = true, append(gone, l)
		}
	}
	if err := p.notBrought(gone, errs); err != nil {
		return nil, err
	}
	rows, err := p.sortAbsent()
	if err != nil || p.opt.Guards.Removals.passed(len(rows.stop), rows.open) {
		return lost, err
	}
	return lost, p.settleAbsent(ctx)
}
