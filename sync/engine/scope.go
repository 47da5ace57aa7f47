package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// inScope applies the route's filter, after that of the record's parent.
func (s *settling) inScope() (bool, error) {
	if s.parentOut() {
		return false, nil
	}
	if s.p.r.Filter == nil {
		return true, nil
	}
	ok, err := s.p.r.Filter.Match(s.value, fieldmap.Scope{Today: s.p.today, ExistsIn: s.existsIn})
	if err != nil {
		return false, fmt.Errorf("filter of %s: %w", s.p.r.Key(), err)
	}
	return ok, nil
}

// parentOut reports whether the record belongs to one that is out of scope or
// leaving: children share its state (R89, R107).
func (s *settling) parentOut() bool {
	rule := parentRule(s.p.r)
	if rule == nil {
		return false
	}
	route := s.p.routeOf(rule.Hub.RefTo)
	elems := s.o.values[rule.Index].value.Elems()
	if route == nil || len(elems) != 1 {
		return false
	}
	if _, _, st, ok := s.tx.Links(route.System, route.Object).Peek(elems[0]); ok && st == state.LinkOpen {
		return false
	} else if ok && s.p.incremental() {
		return true
	}
	_, out := s.tx.ExcludedRow(route.System, route.Object, elems[0])
	return out
}

// existsIn reports whether the record's account is read from another system and
// in scope there (R28, R29).
func (s *settling) existsIn(system string) bool {
	id := s.meant()
	return id != 0 && s.p.heldBy(s.tx, system, s.p.r.Hub, id)
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

// heldBy reports whether a system that is read has a record linked with this
// one.
func (e *Engine) heldBy(tx *state.Tx, system string, hub *fieldmap.HubObject, id state.HubID) bool {
	var l state.Link
	for _, route := range e.opt.Mapping.RoutesOf(system) {
		if route.Direction != fieldmap.Pull || route.Hub != hub {
			continue
		}
		if ok, err := tx.Links(route.System, route.Object).Get(id, &l); ok && err == nil && l.State == state.LinkOpen {
			return true
		}
	}
	return false
}

// askedAbout reports whether some filter asks whether this system holds records
// of this hub object.
func (e *Engine) askedAbout(system string, hub *fieldmap.HubObject) bool {
	for _, route := range e.opt.Mapping.Routes {
		if route.Direction != fieldmap.Pull || route.Hub != hub {
			continue
		}
		for _, s := range route.Filter.Systems() {
			if s == system {
				return true
			}
		}
	}
	return false
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
	if err := tx.Links(p.req.System, p.r.Object).Put(l); err != nil {
		return err
	}
	return p.left(tx, l.Hub)
}

// left tells whoever looks at a record of the hub that one of its systems holds
// it no longer.
func (p *puller) left(tx *state.Tx, hub state.HubID) error {
	var rec state.HubRecord
	if ok, err := tx.Hub(p.r.Hub.Name).Get(hub, &rec); err != nil || !ok {
		return err
	}
	if err := p.reckon(tx, p.parentsOf(&rec)); err != nil {
		return err
	}
	if !p.askedAbout(p.req.System, p.r.Hub) {
		return nil
	}
	return tx.Hub(p.r.Hub.Name).Touch(hub)
}

// leave leaves a small row as well, so that a question about the record can be
// answered; it speaks for its children.
func (s *settling) leave() error {
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
	return s.excludedRow()
}

// excludedRow leaves a small row for a record that its own route's filter keeps
// out. A child's state is its parent's.
func (s *settling) excludedRow() error {
	if s.p.r.Filter == nil {
		return nil
	}
	row := state.Excluded{Clause: s.p.r.Filter.Source(), Digest: s.o.raw}
	if len(s.p.r.Filter.Systems()) > 0 {
		for _, key := range s.p.r.Match {
			ik, _ := s.p.indexKey(indexName{key.Hub, key.Compare}, s.keyValue(key))
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
		if err := p.tell(s.tx, knownEvent(p.req.System, p.r.Object, s.o.remote)); err != nil {
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
	if s.isNew && len(p.names.worked[p.r.Hub.Name]) > 0 {
		if err := s.tx.Flip(p.r.Hub.Name, "", s.rec.ID); err != nil {
			return err
		}
	}
	if err := p.keepChild(s.tx, &s.rec, s.parents); err != nil {
		return err
	}
	return p.reckon(s.tx, append(s.parents, p.parentsOf(&s.rec)...))
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
	for _, f := range p.names.named[p.r.Hub] {
		if v := s.rec.Get(p.names.fields[p.r.Hub][f.Index]); v.IsSet() {
			if err := p.tell(s.tx, p.keyEvent(f, v)); err != nil {
				return err
			}
		}
	}
	for _, route := range p.opt.Mapping.Routes {
		if !s.rekeyed || route.Hub != p.r.Hub || route.Direction != fieldmap.Pull {
			continue
		}
		if err := p.tell(s.tx, freeEvent(route, s.rec.ID)); err != nil {
			return err
		}
	}
	for _, route := range p.names.joins[p.r] {
		if err := s.wakeLonely(route); err != nil {
			return err
		}
	}
	return nil
}

// wakeLonely has records of another route matched again that have one of this
// record's keys and a hub record to themselves.
func (s *settling) wakeLonely(route *fieldmap.Route) error {
	links := s.tx.Links(route.System, route.Object)
	if links.Count() == 0 {
		return nil
	}
	var l state.Link
	if ok, err := links.Get(s.rec.ID, &l); ok || err != nil {
		return nil //nolint:nilerr // it is linked there; a damaged link is not for here
	}
	for _, key := range route.Match {
		hits, err := s.hubHits(key, s.rec.Get(s.p.names.fields[s.p.r.Hub][key.Hub.Index]))
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

// lookChunk is how many records one transaction looks at again.
const lookChunk = 2000

// lookAgain notes the records whose filter asks about another system that took
// a record in or let one go since the last pull.
func (p *puller) lookAgain(context.Context) error {
	if len(p.r.Filter.Systems()) == 0 || p.everything() {
		return nil
	}
	var upTo uint64
	var wake []string
	err := p.opt.Store.View(func(tx *state.Tx) error {
		if upTo = tx.Counter(); upTo <= p.pos.Looked {
			return nil
		}
		links := tx.Links(p.req.System, p.r.Object)
		var l state.Link
		err := tx.Hub(p.r.Hub.Name).Changes(p.pos.Looked, upTo, func(_ uint64, id state.HubID) error {
			ok, err := links.Get(id, &l)
			if !ok || err != nil || l.State == state.LinkClosed {
				return nil //nolint:nilerr // a damaged link is settled when it is read
			}
			if lf := l.Field(p.names.held); lf == nil || lf.Seen != heldDigest(p.holders(tx, id)) {
				wake = append(wake, l.Remote)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return tx.EachExcluded(p.req.System, p.r.Object, func(remote string, row state.Excluded) error {
			if p.holdersOf(tx, row) != row.Held {
				wake = append(wake, remote)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("look at the filter of %s again: %w", p.r.Key(), err)
	}
	if upTo <= p.pos.Looked {
		return nil
	}
	return p.noteWoken(wake, upTo)
}

// noteWoken notes what is to be read again, and last that it was looked for.
func (p *puller) noteWoken(wake []string, upTo uint64) error {
	for {
		n := min(lookChunk, len(wake))
		err := p.opt.Store.Update(func(tx *state.Tx) error {
			for _, remote := range wake[:n] {
				if err := tx.Wake(p.req.System, p.r.Object, state.WakeRecord, remote); err != nil {
					return err
				}
			}
			if n < len(wake) {
				return nil
			}
			return p.reposition(tx, func(pos *state.Position) { pos.Looked = upTo })
		})
		if wake = wake[n:]; err != nil || len(wake) == 0 {
			return err
		}
	}
}

// holders tells which of the systems that the filter asks about hold the hub
// record: one bit for each, the last for all beyond the eighth.
func (p *puller) holders(tx *state.Tx, id state.HubID) (mask byte) {
	for i, system := range p.r.Filter.Systems() {
		if id != 0 && p.heldBy(tx, system, p.r.Hub, id) {
			mask |= 1 << min(i, 7)
		}
	}
	return mask
}

// heldDigest is how a link keeps which systems held its record.
func heldDigest(mask byte) record.Digest { return record.Digest(mask) + lostDigest + 1 }

// noteHolders keeps with the link which systems held the record when the filter
// was asked, and reports whether that is something else than before.
func (s *settling) noteHolders() bool {
	if len(s.p.r.Filter.Systems()) == 0 {
		return false
	}
	now := state.LinkField{Field: s.p.names.held, Seen: heldDigest(s.p.holders(s.tx, s.link.Hub))}
	if lf := s.link.Field(now.Field); lf != nil && lf.Seen == now.Seen {
		return false
	}
	s.link.Set(now)
	return true
}

// holdersOf is holders for the hub records that an excluded one matches.
func (p *puller) holdersOf(tx *state.Tx, row state.Excluded) (mask byte) {
	for i, key := range p.r.Match {
		if i >= len(row.Keys) || row.Keys[i] == 0 {
			continue
		}
		ids, err := tx.Hub(p.r.Hub.Name).Find(state.IndexKey{Field: p.names.keys[indexName{key.Hub, key.Compare}], Digest: row.Keys[i]})
		if err != nil {
			continue
		}
		for _, id := range ids {
			mask |= p.holders(tx, id)
		}
	}
	return mask
}
