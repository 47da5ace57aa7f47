package engine

import (
	"errors"
	"slices"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/audit"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// auditRefs brings references over by the links of the same system.
type auditRefs struct {
	*Engine
	tx *state.Tx
	r  *ledger.Route
}

// ToHub returns the hub id that a reference of theirs names.
func (f auditRefs) ToHub(rule *fieldmap.Rule, theirs record.Value) (record.Value, bool) {
	elems := theirs.Elems()
	if len(elems) != 1 {
		return record.Value{}, false
	}
	if rule.RefKey != nil {
		return f.byKey(rule, theirs)
	}
	links := f.links(rule)
	if links == nil {
		return record.Value{}, false
	}
	id, ok := links.ByRemote(elems[0])
	return record.Of(f.real(rule, id).String()), ok
}

// byKey finds the one hub record that a key names.
func (f auditRefs) byKey(rule *fieldmap.Rule, key record.Value) (record.Value, bool) {
	o := f.opt.Mapping.Object(rule.Hub.RefTo)
	ik, ok := f.book.IndexKey(ledger.Index{Field: rule.RefKey, Form: fieldmap.Exact}, key)
	if !ok {
		return record.Value{}, false
	}
	ids, err := f.tx.Hub(o.Name).Find(ik)
	var rec state.HubRecord
	var found []state.HubID
	for _, id := range ids {
		got, gerr := f.tx.Hub(o.Name).Get(id, &rec)
		err = errors.Join(err, gerr)
		if got && rec.State != state.HubAlias && rec.Get(f.book.Nums(o)[rule.RefKey.Index]) == key {
			found = append(found, id)
		}
	}
	if err != nil || len(found) != 1 {
		return record.Value{}, false
	}
	return record.Of(found[0].String()), true
}

// ToRemote returns what names a hub record in their system.
func (f auditRefs) ToRemote(rule *fieldmap.Rule, ours record.Value) (record.Value, bool) {
	id, err := state.ParseHubID(ours.Text())
	if err != nil {
		return record.Value{}, false
	}
	id = f.real(rule, id)
	if rule.RefKey != nil {
		var rec state.HubRecord
		o := f.opt.Mapping.Object(rule.Hub.RefTo)
		ok, err := f.tx.Hub(o.Name).Get(id, &rec)
		v := rec.Get(f.book.Nums(o)[rule.RefKey.Index])
		return v, ok && err == nil && v.IsSet()
	}
	links := f.links(rule)
	if links == nil {
		return record.Value{}, false
	}
	var l state.Link
	ok, err := links.Get(id, &l)
	return record.Of(l.Remote), ok && err == nil && l.Remote != ""
}

// links are those by which the route's references are told, nil if none.
func (f auditRefs) links(rule *fieldmap.Rule) *state.Links {
	for _, r := range f.book.RoutesOf(f.r.System) {
		if r.Hub.Name == rule.Hub.RefTo && r.Direction == f.r.Direction {
			return r.Links(f.tx)
		}
	}
	return nil
}

// real is the hub record that an alias stands for.
func (f auditRefs) real(rule *fieldmap.Rule, id state.HubID) state.HubID {
	var rec state.HubRecord
	if ok, err := f.tx.Hub(rule.Hub.RefTo).Get(id, &rec); ok && err == nil && rec.State == state.HubAlias {
		return rec.AliasOf
	}
	return id
}

// auditMemory is what the rows of the state say about links and fields. It is
// all that the audit hears of them, and is asked only after a difference was
// found.
type auditMemory struct {
	a      *auditing
	tx     *state.Tx
	loaded bool
	number uint64 // up to which the route is settled
	waits  string // why what is behind that number waits
	behind map[int]bool
	read   time.Time            // since when every linked record was read once
	doubt  map[state.HubID]bool // records of which the answer to an update was lost
}

// remember makes the memory that of a transaction.
func (a *auditing) remember(tx *state.Tx) {
	if a.memory.tx != tx {
		a.memory = auditMemory{a: a, tx: tx}
	}
}

// route loads what concerns the whole route, once per transaction.
func (m *auditMemory) route() *auditMemory {
	if m.loaded {
		return m
	}
	a := m.a
	m.loaded, m.waits = true, "next_push"
	pos, ok, err := a.r.Position(m.tx)
	if ok && err == nil {
		m.number = pos.Number
	}
	if a.running == nil { // else the run has just read what was behind
		m.behind = behindRules(a.r, pos, a.src.Rests)
		m.read = AuditMarks(m.tx, a.r.System)[a.r.Object].Began
	} else {
		m.read = a.running.rec.Started
	}
	m.doubt = openUpdates(m.tx, a.r)
	switch {
	case a.sys.WritesOff:
		m.waits = "writes_off"
	case planWaits(m.tx, a.r):
		m.waits = "guard"
	}
	return m
}

// filtered reports whether the filter of a push keeps the record under way out.
func (m *auditMemory) filtered() bool {
	if m.a.r.Direction != fieldmap.Push {
		return false
	}
	in, fault := m.a.p.inScope(&item{rec: m.a.rec})
	return fault == "" && !in
}

// Link tells of the link of the record under way.
func (m *auditMemory) Link(remote *audit.Remote) audit.Link {
	l, rec := &m.a.link, &m.a.rec
	out := audit.Link{
		Open: l.State == state.LinkOpen, Read: m.route().read,
		TheirsAlone: m.a.running == nil && m.a.r.Direction == fieldmap.Pull && m.a.sys.Writer == nil && remote.Version.IsZero(),
	}
	if l.Version != 0 && time.UnixMilli(l.Version).After(out.Read) {
		out.Read = time.UnixMilli(l.Version)
	}
	if m.a.past(l.Wrote) != 0 {
		out.Wrote = time.UnixMilli(l.Wrote)
	}
	switch {
	case !out.Open:
		out.Reason = "leaving"
	case m.placeholder():
		out.Open, out.Reason = false, "placeholder"
	case rec.State != state.HubActive:
		out.Open, out.Reason = false, hubStateName(rec.State)
	case m.filtered():
		out.Open, out.Reason = false, "filter"
	}
	return out
}

// placeholder reports whether the hub record stands in for a user whom records
// name and whom no listing brought (R113).
func (m *auditMemory) placeholder() bool {
	return m.a.r.Direction == fieldmap.Pull && m.a.r.Hub.Name == fieldmap.User && len(m.a.link.Fields) == 0
}

// heldWhole is how the record under way is held as a whole, and the reason; both
// are empty if it is not.
func (m *auditMemory) heldWhole() (standing audit.Standing, reason string) {
	for _, h := range m.a.r.Holds(m.tx, m.a.rec.ID, m.a.link.Remote) {
		if h.Field == "" {
			return heldAs(h)
		}
	}
	return standing, ""
}

// heldAs is how a hold counts: where a person dropped it, as a difference that
// may stay, and else as `status` counts it.
func heldAs(h state.Hold) (standing audit.Standing, reason string) {
	if h.Dropped {
		return audit.Tolerated, audit.ReasonDropped
	}
	return audit.Held, h.Reason
}

// guarded reports whether a plan that waits for a person has the record.
func (m *auditMemory) guarded(hub state.HubID) bool {
	return slices.ContainsFunc(plansOf(m.tx, m.a.r), func(p state.Plan) bool {
		_, has := m.tx.PlanRow(p.ID, hub)
		return has
	})
}

// Held tells of a hold on the field or on its record. One that a pull made is
// of the record as it looked then.
func (m *auditMemory) Held(remote *audit.Remote, d *audit.Difference) audit.Statement {
	for _, h := range m.a.r.Holds(m.tx, m.a.rec.ID, remote.ID) {
		stale := h.Remote != "" && h.Digest != 0 && remote.Raw != 0 && h.Digest != remote.Raw
		stale = stale && (h.Field != d.Field || !m.asRead(d))
		if stale || h.Field != "" && h.Field != d.Field {
			continue
		}
		s := audit.Statement{Standing: audit.Held, Reason: h.Reason, Ours: h.Ours, Theirs: h.Theirs, Dropped: h.Dropped}
		if d.Fault != "" {
			s.Theirs = 0 // it has no value that could be named
		}
		if d.Rule != nil && d.Rule.Hub.Type == record.Reference {
			s.Ours = 0 // it names the record that the reference leads to there
		}
		return s
	}
	return audit.Statement{}
}

// asRead reports whether a field shows what it showed when it was read last, be it
// something that cannot be read.
func (m *auditMemory) asRead(d *audit.Difference) bool {
	if d.Rule == nil {
		return false
	}
	stands := m.a.r.Stands(&m.a.link, d.Rule.Index)
	now := m.a.book.Key.Bytes([]byte(d.Fault))
	if d.Theirs.Known() {
		now = m.a.book.Key.Value(d.Rule.Remote.Type, d.Theirs)
	}
	return stands.Known == record.Read && stands.Last() == now
}

// fromElsewhere reports whether another source than the system gave the hub's
// value of a rule.
func (m *auditMemory) fromElsewhere(rule *fieldmap.Rule) bool {
	if rule == nil {
		return false
	}
	source := m.a.sourceOf(&m.a.rec, m.a.r.Nums[rule.Hub.Index])
	return source != "" && source != m.a.r.System
}

// Tolerated tells what the link says of the field: what stands there, and of
// which two values it is settled that they may differ.
func (m *auditMemory) Tolerated(_ *audit.Remote, d *audit.Difference) audit.Statement {
	num := m.a.book.External
	var stands record.There
	if d.Rule != nil {
		num = m.a.r.Rules[d.Rule.Index]
		stands = m.a.r.Stands(&m.a.link, d.Rule.Index)
	}
	s := m.skipped(d)
	switch {
	case m.route().doubt[m.a.rec.ID]:
		s.Standing, s.Reason = audit.Unread, audit.ReasonAnswer
	case s.Standing == audit.Unexplained:
		s = m.stated(d, m.a.link.Field(num), stands)
	}
	s.There = audit.There{Digest: stands.Last(), Sent: stands.Known == record.Sent}
	return s
}

// skipped is the statement of a rule that takes no value that its map does not
// hold. Nothing is kept of it with the link.
func (m *auditMemory) skipped(d *audit.Difference) (s audit.Statement) {
	if m.a.r.Direction == fieldmap.Pull && d.Fault == audit.FaultUnmapped && d.Rule.OnUnmapped == fieldmap.UnmappedSkip {
		ours, theirs := d.Types()
		s.Standing, s.Reason = audit.Tolerated, plan.Skipped.String()
		s.Ours, s.Theirs = m.a.book.Key.Value(ours, d.Ours), m.a.book.Key.Value(theirs, d.Theirs)
	}
	return s
}

// stated is the statement that the link makes of a difference.
func (m *auditMemory) stated(d *audit.Difference, lf *state.LinkField, stands record.There) (s audit.Statement) {
	ours, _ := d.Types()
	want := m.a.book.Key.Value(ours, d.Ours)
	push := m.a.r.Direction == fieldmap.Push
	switch {
	case d.Rule != nil && m.route().behind[d.Rule.Index]:
		s.Standing, s.Reason = audit.Due, "back_fill"
	case push && m.a.rec.Number > m.route().number && (lf == nil || lf.Told != want):
		s.Standing, s.Reason, s.Ours = audit.Due, m.route().waits, want
		if stands.Known == record.Read {
			s.Theirs = stands.Last()
		}
	case !push && lf != nil && lf.Told != want && m.fromElsewhere(d.Rule):
		// The hub took another system's value since, and a pulled field is never
		// written back: that is no news to the record, and nothing visits it.
		s.Standing, s.Reason = audit.Tolerated, plan.NotOwner.String()
		s.Ours, s.Theirs = want, lf.Seen
	case lf != nil && lf.Note != 0 && lf.Told != 0:
		s.Standing, s.Reason = audit.Tolerated, plan.Reason(lf.Note).String()
		s.Ours, s.Theirs = lf.Told, lf.Seen
	}
	return s
}
