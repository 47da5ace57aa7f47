package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// settling is one observation on its way into the hub, inside the write
// transaction that decides it.
type settling struct {
	p        *puller
	tx       *state.Tx
	o        *observation
	links    *state.Links
	hub      *state.Hub
	link     state.Link
	rec      state.HubRecord
	isNew    bool // the hub record is about to be made
	met      bool // the link is about to be made
	lost     bool
	out      bool             // its parent is out of scope, and so is it
	with     bool             // its parent is leaving, and it shares that
	relinked bool             // it was linked with another hub record before
	rekeyed  bool             // a key of the hub record has another value now
	freed    []state.IndexKey // those that it had
	turned   bool             // it has another parent of its own kind now
	owned    bool             // the owner of a field said the same as another system before it
	late     bool             // it names a parent by a key that may come later in this run
	parents  []state.HubID    // whose computed fields looked at the record before
	holds    []state.Hold
	entries  []state.JournalEntry
}

// settle decides one observation against the rows as they are now.
func (p *puller) settle(tx *state.Tx, o *observation) error {
	s := &settling{p: p, tx: tx, o: o, links: p.r.Links(tx), hub: tx.Hub(p.r.Hub.Name)}
	linked, err := s.find()
	if err != nil {
		return err
	}
	delete(p.absent[p.r], s.link.Hub)
	if linked && s.tooOld() {
		if !p.byID { // else the next full run settles it
			p.again = append(p.again, o.remote)
		}
		return nil
	}
	s.parents = p.book.Computing(p.r.Hub, &s.rec)
	in, fault := s.inScope()
	switch {
	case fault != "":
		return s.close(s.doubt(fault))
	case !in && linked && !p.standsIn(&s.link):
		return s.close(s.leave())
	case !in:
		return s.close(s.exclude())
	}
	if !linked {
		if ok, err := s.match(); err != nil || !ok {
			return s.close(err)
		}
	}
	if err := s.close(s.decide()); err != nil || !s.late {
		return err
	}
	return p.postpone(tx, o)
}

// find loads the link and the hub record of the observation.
func (s *settling) find() (bool, error) {
	id, ok := s.links.ByRemote(s.o.remote)
	if !ok {
		return false, nil
	}
	_, err := s.links.Get(id, &s.link)
	if s.link.State == state.LinkClosed && s.link.Close == state.ClosedByPerson {
		s.link, s.relinked = state.Link{}, true
		return false, nil // it is another one, a person said
	}
	switch {
	case errors.Is(err, state.ErrDamaged):
		s.lost = true
	case err != nil:
		return false, err
	}
	if _, err := s.hub.Get(id, &s.rec); err != nil {
		return false, fmt.Errorf("hub record %s/%s: %w", s.p.r.Hub.Name, id, err)
	}
	s.rec.ID = id
	return true, nil
}

// tooOld reports whether the read says nothing: it began before our own last
// write to the record, or shows a version older than the one settled (F4).
func (s *settling) tooOld() bool {
	if s.o.readAt <= s.p.past(s.link.Wrote) {
		return true
	}
	return s.o.version != 0 && s.link.Version != 0 && s.o.version < s.link.Version && !s.p.req.Full
}

// value returns the observed value of a remote field, missing when the route
// does not read it.
func (s *settling) value(remote string) record.Value {
	i := s.p.r.ReadIndex(remote)
	if i < 0 {
		return record.Value{}
	}
	return s.o.values[i].value
}

// routeOf returns the pull route of this system that fills a hub object.
func (r *run) routeOf(hubObject string) *ledger.Route {
	for _, route := range r.book.RoutesOf(r.req.System) {
		if route.Hub.Name == hubObject && (route.Direction == fieldmap.Pull) == (r.flow == "pull") {
			return route
		}
	}
	return nil
}

// hold notes that something must wait. It is written when the record closes.
func (s *settling) hold(field, reason, detail string, candidates ...string) {
	h := s.p.newHold(s.p.r, 0, reason, detail)
	h.Remote, h.Field, h.Candidates, h.Digest = s.o.remote, field, candidates, s.o.raw
	s.holds = append(s.holds, h)
}

// close writes the record's holds, ends those that no longer stand, and
// remembers what was journaled.
func (s *settling) close(err error) error {
	if err != nil {
		return err
	}
	standing := map[string]bool{}
	held := 0
	for _, h := range s.holds {
		standing[h.Key()] = true
		if old, ok := s.tx.Hold(h.Key()); ok && old.Dropped && old.Digest == h.Digest {
			h.Dropped = true // a person ignores it until the record changes
		} else {
			held++
		}
		if err := s.tx.PutHold(h); err != nil {
			return err
		}
	}
	if !s.late {
		s.p.count("held", held)
	}
	for _, h := range s.p.r.Holds(s.tx, 0, s.o.remote) {
		if !standing[h.Key()] {
			if err := s.tx.DeleteHold(h.Key()); err != nil {
				return err
			}
		}
	}
	return s.tx.Journal(s.entries)
}

// decide takes what is to be taken and writes link and hub record.
func (s *settling) decide() error {
	verdicts, ok := s.verdicts()
	if !ok {
		return s.unsettle()
	}
	moved, ok, err := s.identity(verdicts)
	if err != nil {
		return err
	}
	if !ok {
		return s.unsettle()
	}
	if moved {
		// Another hub record is meant: everything is decided as a new link.
		if verdicts, ok = s.verdicts(); !ok {
			return nil
		}
	}
	changed := s.apply(verdicts)
	if s.isNew && s.lacksRequired() {
		return nil
	}
	return s.write(changed)
}

// unsettle forgets what a linked record looked like when it was last settled: it
// is held now, and looked at again though it be what it was.
func (s *settling) unsettle() error {
	var l state.Link
	if s.link.Hub == 0 {
		return nil
	}
	if ok, err := s.links.Get(s.link.Hub, &l); !ok || err != nil || l.Raw == 0 {
		return nil //nolint:nilerr // a damaged link is never taken for settled
	}
	l.Raw = 0
	return s.links.Put(&l)
}

// write puts the rows. The raw digest is kept only when every field is
// settled, for it spares looking at the record again.
func (s *settling) write(changed bool) error {
	p := s.p
	returned := s.link.State != state.LinkOpen && !s.isNew
	if s.isNew {
		id, err := s.hub.NextID()
		if err != nil {
			return err
		}
		s.rec.ID, s.link.Hub = id, id
		s.entries = append(s.entries, p.entryOf(p.r, id, s.o.remote, plan.NewRecord.String()))
	}
	s.link.State, s.link.Close, s.link.ClosedAt = state.LinkOpen, state.NotClosed, 0
	s.link.Version = max(s.link.Version, s.o.version)
	s.link.Raw = s.o.raw
	if len(s.holds) > 0 {
		s.link.Raw = 0
	}
	p.seen.set(uint64(s.rec.ID))
	s.noteHolders()
	s.tally(changed)
	if changed || s.owned || s.isNew || s.met || returned || s.rec.State != state.HubActive {
		s.rec.State = state.HubActive
		if err := s.hub.Put(&s.rec, p.book.IndexKeys(p.r.Hub, &s.rec)); err != nil {
			return err
		}
		if err := p.book.KeepFamily(s.tx, p.r.Hub, &s.rec); err != nil {
			return err
		}
	}
	if err := s.links.Put(&s.link); err != nil {
		return err
	}
	return s.announce(changed, returned)
}

// tally counts what became of the record, once.
func (s *settling) tally(changed bool) {
	switch {
	case s.isNew:
		s.p.count("new", 1)
	case changed:
		s.p.count("changed", 1)
	case !s.p.final:
		s.p.count("unchanged", 1)
	}
}

// apply carries the verdicts out on the rows in memory.
func (s *settling) apply(verdicts []plan.Verdict) (changed bool) {
	p := s.p
	fields, rules := p.r.Nums, p.r.Rules
	source := p.book.System(p.req.System)
	for i, rule := range p.r.Fields {
		v := verdicts[i]
		s.stand(i)
		if v.Kind == plan.Hold && s.lost {
			// Digests that match nothing: the field stays lost until its hold ends,
			// and never looks like a first meeting.
			s.link.Set(state.LinkField{Field: rules[i], Seen: ledger.Lost, Told: ledger.Lost})
		}
		if v.Kind == plan.Hold || v.Seen == 0 {
			continue
		}
		s.link.Set(s.settledField(i, v))
		switch {
		case v.Kind == plan.Agree && rule.Owned:
			s.owned = s.rec.Attribute(fields[rule.Hub.Index], source) || s.owned
		case v.Kind == plan.Take:
			changed = s.takeValue(rule, v, source) || changed
		}
	}
	return changed
}

// stand notes what stands in the remote field of a rule, be it taken or held. A
// value that cannot be read has no form of its own: its fault stands for it.
func (s *settling) stand(i int) {
	o := s.o.values[i]
	switch {
	case o.fault != "":
		s.link.SetStands(s.p.r.Remotes[i], record.ReadThere(s.p.book.Key.Bytes([]byte(o.fault))))
	case o.value.Known():
		s.link.SetStands(s.p.r.Remotes[i], record.ReadThere(s.p.book.Key.Value(s.p.r.Fields[i].Remote.Type, o.value)))
	}
}

// settledField is what the link knows of a rule after a verdict, with why the
// sides may differ where they do.
func (s *settling) settledField(i int, v plan.Verdict) state.LinkField {
	rule := s.p.r.Rules[i]
	out := state.LinkField{Field: rule, Seen: v.Seen, Told: v.Told}
	if v.Kind == plan.Tolerate {
		out.Note = uint8(v.Reason)
		out.Text = s.o.values[i].value
		return out
	}
	if lf := s.link.Field(rule); v.Kind == plan.Nothing && lf != nil {
		out.Note, out.Text = lf.Note, lf.Text
	}
	return out
}

// takeValue takes a value into the hub record and notes it for the journal.
func (s *settling) takeValue(rule *fieldmap.Rule, v plan.Verdict, source state.Num) bool {
	p := s.p
	field := p.r.Nums[rule.Hub.Index]
	old := s.rec.Get(field)
	if !s.rec.Set(field, v.Value, source, p.now().Unix(), p.r.Rules[rule.Index]) {
		return false
	}
	s.rekeyed = s.rekeyed || old.IsSet() && (rule.Hub.Key || rule.Hub.Identity)
	s.turned = s.turned || rule.Hub.RefTo == p.r.Hub.Name
	for _, ix := range p.book.Indexes(p.r.Hub) {
		if ik, ok := p.book.IndexKey(ix, old); ok && ix.Field == rule.Hub {
			s.freed = append(s.freed, ik)
		}
	}
	if s.isNew {
		return true // what a new record begins with is told as one, if it comes to be
	}
	e := p.entryOf(p.r, s.rec.ID, s.o.remote, v.Reason.String())
	e.Field, e.Old, e.New = field, old, v.Value
	e.Rule, e.OldKnown = p.r.Rules[rule.Index], state.OldRead
	s.entries = append(s.entries, e)
	return true
}

// lacksRequired holds a record that cannot be made yet, by the names of what it
// lacks. A field that came in a form that cannot be taken says so itself.
func (s *settling) lacksRequired() bool {
	var missing []string
	var bad []state.Hold
	for i, f := range s.p.r.Hub.Fields {
		if !f.Required || s.rec.Get(s.p.r.Nums[i]).IsSet() {
			continue
		}
		if at := slices.IndexFunc(s.holds, func(h state.Hold) bool { return h.Field == f.Name }); at >= 0 {
			bad = append(bad, s.holds[at])
		} else {
			missing = append(missing, f.Name)
		}
	}
	if len(missing)+len(bad) == 0 {
		return false
	}
	s.holds = bad
	if len(missing) > 0 {
		s.hold("", ledger.HoldRequired, strings.Join(missing, ", "))
	}
	return true
}
