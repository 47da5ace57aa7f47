package engine

import (
	"fmt"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// inScope applies the route's filter, after that of the record's parent. A
// record on which the filter cannot answer is neither in nor out: fault says
// why, without any value.
func (s *settling) inScope() (in bool, fault string) {
	if s.out, s.with = s.parentOut(); s.out {
		return false, ""
	}
	if s.p.r.Filter == nil {
		return true, ""
	}
	ok, err := s.p.r.Filter.Match(s.value, fieldmap.Scope{Today: s.p.today, ExistsIn: s.existsIn})
	if err == nil {
		return ok, ""
	}
	for _, name := range s.p.r.Filter.Fields() {
		if i := s.p.r.ReadIndex(name); i >= 0 && s.o.values[i].fault != "" {
			return false, fmt.Sprintf("the filter %q asks for %s: %s", s.p.r.Filter.Source(), name, strings.TrimPrefix(s.o.values[i].fault, name+": "))
		}
	}
	return false, err.Error()
}

// doubt holds a record on which the filter cannot answer. What it was stays as
// it is: nothing is taken from it, and it is looked at again.
func (s *settling) doubt(fault string) error {
	s.hold("", ledger.HoldBadValue, fault)
	if row, ok := s.tx.ExcludedRow(s.p.req.System, s.p.r.Object, s.o.remote); ok {
		row.Digest = 0
		if err := s.tx.Exclude(s.p.req.System, s.p.r.Object, s.o.remote, row); err != nil {
			return err
		}
	}
	return s.unsettle()
}

// parentOut reports whether the record belongs to one that is out of scope, and
// whether that one is only leaving: children share its state (R89, R107).
func (s *settling) parentOut() (out, leaving bool) {
	rule := s.p.r.Parent()
	if rule == nil {
		return false, false
	}
	route := s.p.routeOf(rule.Hub.RefTo)
	elems := s.o.values[rule.Index].value.Elems()
	if route == nil || len(elems) != 1 {
		return false, false
	}
	_, _, st, ok := route.Links(s.tx).Peek(elems[0])
	if ok && st == state.LinkOpen {
		return false, false
	}
	out = ok && s.p.incremental()
	if !out {
		_, out = s.tx.ExcludedRow(route.System, route.Object, elems[0])
	}
	return out, st == state.LinkLeaving
}

// existsIn reports whether the record's account is read from another system and
// in scope there (R28, R29).
func (s *settling) existsIn(system string) bool {
	id := s.meant()
	return id != 0 && s.p.book.HeldBy(s.tx, system, s.p.r.Hub, id)
}

// meant returns the hub record that the record is linked with or would be, 0
// where that is none or not sure.
func (s *settling) meant() state.HubID {
	if s.link.Hub != 0 {
		return s.link.Hub
	}
	for _, key := range s.p.r.Match {
		if hits, err := s.hubHits(key, s.keyValue(key)); err == nil && len(hits) == 1 {
			return hits[0]
		}
	}
	return 0
}

// leave marks a linked record that fails its filter, or is gone. Nothing is
// taken from it or written to it until it returns, or a full run closes its
// link (R127, R128).
func (p *puller) leave(tx *state.Tx, l *state.Link) error {
	if l.State != state.LinkOpen {
		return nil
	}
	l.State, l.Raw = state.LinkLeaving, 0
	p.count("leaving", 1)
	if err := p.r.Links(tx).Put(l); err != nil {
		return err
	}
	return p.r.LeftBy(tx, l.Hub)
}

// leave leaves a small row as well, so that a question about the record can be
// answered; it speaks for its children.
func (s *settling) leave() error {
	if !s.with {
		s.p.goes.set(uint64(s.link.Hub))
	}
	changed := s.noteHolders()
	if err := s.p.leave(s.tx, &s.link); err != nil {
		return err
	}
	if changed && s.link.State != state.LinkOpen {
		if err := s.links.Put(&s.link); err != nil {
			return err
		}
	}
	return s.excludedRow()
}

// exclude leaves out a record that was never in.
func (s *settling) exclude() error {
	s.p.count("excluded", 1)
	if err := s.excludedRow(); err != nil {
		return err
	}
	// What came before it and waits is out of scope with it.
	return s.p.book.Notify(s.tx, ledger.Known(s.p.req.System, s.p.r.Object, s.o.remote))
}

// excludedRow leaves a small row for a record that its own route's filter keeps
// out. A child's state is its parent's.
func (s *settling) excludedRow() error {
	if s.p.r.Filter == nil || s.out {
		return nil
	}
	row := state.Excluded{Clause: s.p.r.Filter.Source(), Digest: s.o.raw}
	if len(s.p.r.Filter.Systems()) > 0 {
		for _, key := range s.p.r.Match {
			ik, _ := s.p.book.IndexKey(ledger.Index{Field: key.Hub, Form: key.Compare}, s.keyValue(key))
			row.Keys = append(row.Keys, ik.Digest)
		}
		row.Held = s.p.holders(s.tx, s.meant())
	}
	return s.tx.Exclude(s.p.req.System, s.p.r.Object, s.o.remote, row)
}

// stillExcluded reports whether a record that is not linked is kept out as it
// was when it was last looked at.
func (p *puller) stillExcluded(tx *state.Tx, remote string, raw record.Digest) bool {
	if p.r.Filter == nil || p.r.Filter.UsesToday() || p.req.Full {
		return false
	}
	row, ok := tx.ExcludedRow(p.req.System, p.r.Object, remote)
	return ok && row.Digest == raw && row.Clause == p.r.Filter.Source()
}

// announce tells whoever waits for this record, or looks at it, that it is there
// or is not what it was.
func (s *settling) announce(changed, returned bool) error {
	p := s.p
	if err := s.enter(returned); err != nil {
		return err
	}
	if s.isNew || s.met || returned {
		if err := p.book.Notify(s.tx, ledger.Known(p.req.System, p.r.Object, s.o.remote)); err != nil {
			return err
		}
	}
	if s.isNew || changed {
		if err := s.announceKeys(); err != nil {
			return err
		}
	}
	if !s.isNew && !s.met && !changed && !returned {
		return nil
	}
	return s.announceFamily()
}

// announceFamily has the computed fields worked out that look at the record, and
// its own where it is new: nothing belongs to it yet (R75).
func (s *settling) announceFamily() error {
	p := s.p
	if s.isNew && len(p.book.ComputedOf(p.r.Hub.Name)) > 0 {
		if err := s.tx.Flip(p.r.Hub.Name, "", s.rec.ID); err != nil {
			return err
		}
	}
	if err := p.book.KeepComputing(s.tx, p.r.Hub, &s.rec, s.parents); err != nil {
		return err
	}
	return p.book.Recompute(s.tx, p.r.Hub, append(s.parents, p.book.Computing(p.r.Hub, &s.rec)...))
}

// enter brings a record into scope, and its children with it if it was out.
func (s *settling) enter(returned bool) error {
	p := s.p
	_, excluded := s.tx.ExcludedRow(p.req.System, p.r.Object, s.o.remote)
	if excluded {
		if err := s.tx.Include(p.req.System, p.r.Object, s.o.remote); err != nil {
			return err
		}
	}
	if !returned && !excluded && !s.relinked {
		return nil
	}
	return p.wakeChildren(s.tx, s.o.remote)
}

// announceKeys tells those that name the record by one of its keys, and those
// that are alone in the hub and could be the same as this one.
func (s *settling) announceKeys() error {
	p := s.p
	for _, f := range p.book.Named(p.r.Hub) {
		if v := p.r.Value(&s.rec, f); v.IsSet() {
			if err := p.book.Notify(s.tx, p.book.HasKey(f, v)); err != nil {
				return err
			}
		}
	}
	if err := s.announceFreed(); err != nil {
		return err
	}
	if err := s.announceTurn(); err != nil {
		return err
	}
	for _, route := range p.joins[p.r] {
		if err := s.wakeLonely(route); err != nil {
			return err
		}
	}
	return nil
}

// announceFreed tells those that wait for a key which the record has no longer.
func (s *settling) announceFreed() error {
	for _, ik := range s.freed {
		if err := s.p.book.Notify(s.tx, ledger.Fewer(s.p.r.Hub, ik)); err != nil {
			return err
		}
	}
	if !s.rekeyed {
		return nil
	}
	for _, route := range s.p.book.Routes {
		if route.Hub != s.p.r.Hub || route.Direction != fieldmap.Pull {
			continue
		}
		if err := s.p.book.Notify(s.tx, route.LetGo(s.rec.ID)); err != nil {
			return err
		}
	}
	return nil
}

// announceTurn tells those whose parent would have made them their own ancestor
// that a chain of parents is another one now, and has those looked for that name
// the record by a key which it has no longer.
func (s *settling) announceTurn() error {
	if s.turned {
		if err := s.p.book.Notify(s.tx, ledger.OtherParent(s.p.r.Hub)); err != nil {
			return err
		}
	}
	if !s.rekeyed || len(s.p.book.Named(s.p.r.Hub)) == 0 {
		return nil
	}
	return noteRenamed(s.tx, s.p.r.Hub.Name, s.rec.ID)
}

// wakeLonely has records of another route matched again that have one of this
// record's keys and a hub record to themselves.
func (s *settling) wakeLonely(route *ledger.Route) error {
	links := route.Links(s.tx)
	if links.Count() == 0 {
		return nil
	}
	var l state.Link
	if ok, err := links.Get(s.rec.ID, &l); ok || err != nil {
		return nil //nolint:nilerr // it is linked there; a damaged link is not for here
	}
	for _, key := range route.Match {
		hits, err := s.hubHits(key, s.p.r.Value(&s.rec, key.Hub))
		if err != nil {
			return err
		}
		for _, id := range withoutID(hits, s.rec.ID) {
			if ok, err := links.Get(id, &l); !ok || err != nil || l.State == state.LinkClosed {
				continue
			}
			if len(s.p.linksBeside(s.tx, route, id)) == 0 {
				if err := s.tx.Wake(route.System, route.Object, state.WakeRecord, l.Remote); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
