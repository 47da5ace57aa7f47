package engine

import (
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// match finds the hub record of a record that has no link: by the route's keys
// in their order, else a new one. It returns false when the record must wait.
func (s *settling) match() (bool, error) {
	for _, key := range s.p.r.Match {
		hits, err := s.hubHits(key, s.keyValue(key))
		if err != nil {
			return false, err
		}
		switch {
		case len(hits) > 1:
			s.ambiguous(key, hits)
			return false, nil
		case len(hits) == 1:
			return s.claim(hits[0])
		}
	}
	s.isNew, s.met = true, true
	s.rec = state.HubRecord{State: state.HubActive, Values: make([]state.HubValue, 0, len(s.p.r.Fields))}
	s.newLink()
	return true, nil
}

// newLink begins the link of a record that was found.
func (s *settling) newLink() {
	s.link = state.Link{
		Remote: s.o.remote, Origin: state.OriginFound,
		Fields: make([]state.LinkField, 0, len(s.p.r.Fields)), There: make([]state.LinkThere, 0, len(s.p.r.Fields)),
	}
}

// ambiguous holds a record that several hub records match until one of them has
// another key.
func (s *settling) ambiguous(key fieldmap.MatchKey, hits []state.HubID) {
	s.hold("", ledger.HoldAmbiguous, "several hub records have this "+key.Hub.Name, hubNames(s.p.r.Hub.Name, hits)...)
	if ik, ok := s.p.book.IndexKey(ledger.Index{Field: key.Hub, Form: key.Compare}, s.keyValue(key)); ok {
		s.holds[len(s.holds)-1].Event = string(ledger.Fewer(s.p.r.Hub, ik))
	}
}

// circle reports whether the record that holds the hub record waits for another
// one, that for a third, and so on to this one: their keys were exchanged.
func (s *settling) circle(hub state.HubID) bool {
	var l state.Link
	if ok, err := s.links.Get(hub, &l); !ok || err != nil || l.State == state.LinkClosed {
		return false
	}
	for range ledger.MaxChain {
		next := ""
		for _, h := range s.p.r.Holds(s.tx, 0, l.Remote) {
			if h.Reason == ledger.HoldDuplicate && h.Field == "" && len(h.Candidates) == 2 {
				next = h.Candidates[0]
			}
		}
		if next == "" || next == s.o.remote {
			return next != ""
		}
		l.Remote = next
	}
	return false
}

// claim links the record to a hub record, unless another record of this object
// holds it already.
func (s *settling) claim(id state.HubID) (bool, error) {
	var other state.Link
	ok, err := s.links.Get(id, &other)
	taken := ok && err == nil && other.Remote != s.o.remote
	if taken && other.State != state.LinkClosed {
		s.hold("", ledger.HoldDuplicate, fmt.Sprintf("%s/%s is already linked with %s %s", s.p.r.Hub.Name, id, s.p.r.Object, other.Remote),
			other.Remote, s.o.remote)
		s.holds[len(s.holds)-1].Event = string(s.p.r.LetGo(id))
		return false, nil
	}
	if taken { // what belonged to the former record is looked at once more
		if err := s.p.wakeChildren(s.tx, other.Remote); err != nil {
			return false, err
		}
	}
	if _, err := s.hub.Get(id, &s.rec); err != nil {
		return false, err
	}
	s.met = true
	s.newLink()
	s.link.Hub = id
	s.parents = append(s.parents, s.p.book.Computing(s.p.r.Hub, &s.rec)...)
	// What a person was asked when its record was merged away: it has one again.
	return true, s.p.r.EndHolds(s.tx, id, "", ledger.HoldMerged)
}

// keyValue is the observed value of a match key, in the hub's form.
func (s *settling) keyValue(key fieldmap.MatchKey) record.Value {
	v := s.value(key.Remote)
	for _, rule := range s.p.r.Fields {
		if rule.Remote.Name == key.Remote && rule.Hub == key.Hub {
			if hub, fault := s.translate(rule, v); fault == nil {
				return hub
			}
		}
	}
	return v
}

// hubHits returns the hub records whose value of the key is equal by the key's
// form; the index only suggests.
func (s *settling) hubHits(key fieldmap.MatchKey, want record.Value) ([]state.HubID, error) {
	hits, err := s.hubHitsOf(s.hub, s.p.r.Hub, key, want)
	if err != nil || len(hits) == 0 {
		return hits, err
	}
	for _, id := range s.p.r.Excluded(s.tx, s.o.remote) {
		hits = withoutID(hits, id)
	}
	return hits, nil
}

func (s *settling) hubHitsOf(hub *state.Hub, object *fieldmap.HubObject, key fieldmap.MatchKey, want record.Value) ([]state.HubID, error) {
	ik, ok := s.p.book.IndexKey(ledger.Index{Field: key.Hub, Form: key.Compare}, want)
	if !ok {
		return nil, nil
	}
	ids, err := hub.Find(ik)
	if err != nil {
		return nil, err
	}
	var hits []state.HubID
	var rec state.HubRecord
	for _, id := range ids {
		if ok, err := hub.Get(id, &rec); err != nil || !ok || rec.State == state.HubAlias {
			continue
		}
		if key.Compare.Equal(rec.Get(s.p.book.Nums(object)[key.Hub.Index]), want) {
			hits = append(hits, id)
		}
	}
	return hits, nil
}

func hubNames(object string, ids []state.HubID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = object + "/" + id.String()
	}
	return out
}

// verdicts decides every field. It returns false when the whole record must
// wait; then nothing is taken from it.
func (s *settling) verdicts() ([]plan.Verdict, bool) {
	p := s.p
	out := make([]plan.Verdict, len(p.r.Fields))
	s.holds = nil
	for i, rule := range p.r.Fields {
		lf := s.fieldState(p.r.Rules[i])
		out[i] = plan.Verdict{Kind: plan.Hold, Seen: lf.Seen, Told: lf.Told}
		o := s.o.values[i]
		if o.fault != "" {
			s.hold(rule.Hub.Name, ledger.HoldBadValue, strings.TrimPrefix(o.fault, rule.Remote.Name+": "))
			continue
		}
		hub, fault := s.translate(rule, o.value)
		if fault != nil {
			if fault.record {
				s.holds = nil
				s.holdFor(fault, "")
				return nil, false
			}
			if fault.reason != "" {
				s.holdFor(fault, rule.Hub.Name)
			}
			continue
		}
		v := plan.Decide(p.book.Key, s.field(i, rule, lf, hub))
		if v.Kind == plan.Hold {
			if !s.holdVerdict(rule, v) {
				return nil, false
			}
		}
		out[i] = v
	}
	return out, true
}

// holdVerdict turns a hold verdict into a held row: a clear of a required, key
// or identity field holds the record, a conflict its field alone.
func (s *settling) holdVerdict(rule *fieldmap.Rule, v plan.Verdict) bool {
	if v.Reason != plan.MissingRequired {
		s.hold(rule.Hub.Name, ledger.HoldConflict, "both sides changed "+rule.Hub.Name)
		return true
	}
	s.holds = nil
	if isContactEmail(rule.Hub) {
		s.hold("", ledger.HoldNoEmail, "the e-mail was removed; the hub keeps the old one")
	} else {
		s.hold("", ledger.HoldRequired, rule.Hub.Name+" was removed; the hub keeps the old value")
	}
	return false
}

// isContactEmail reports whether the field is the e-mail of a customer's
// person, whose absence has a name of its own (R154, R155).
func isContactEmail(f *fieldmap.HubField) bool { return f.Object == "contact" && f.Name == "email" }

func (s *settling) fieldState(n state.Num) state.LinkField {
	if lf := s.link.Field(n); lf != nil && !s.lost {
		return *lf
	}
	return state.LinkField{Field: n}
}

// field is the input of the decision.
func (s *settling) field(i int, rule *fieldmap.Rule, lf state.LinkField, hub record.Value) plan.Field {
	p := s.p
	n := p.r.Nums[rule.Hub.Index]
	ours := s.rec.Get(n)
	// The record that a reference names may be another one in the hub since, and
	// nothing of theirs changed: then the new meaning is the rule's.
	// So is every rule for a record that was away, for it may have changed meanwhile.
	changed := p.changed[i] || s.link.State != state.LinkOpen || rule.Hub.Type == record.Reference && lf.Told == p.book.Key.Value(rule.Hub.Type, ours)
	return plan.Field{
		Rule: rule, Direction: fieldmap.Pull, OnLink: p.r.OnLink,
		Theirs: s.o.values[i].value, TheirsHub: hub, Ours: ours, OursRemote: ours,
		Seen: lf.Seen, Told: lf.Told, Tolerated: lf.Note != 0, Lost: s.lost || lf.Seen == ledger.Lost,
		There:       p.r.Stands(&s.link, i),
		RuleChanged: changed, OtherSeen: changed && p.r.OtherSeen(&s.link, i, s.o.values[i].value),
		OursOwned:  rule.Hub.Owner != "" && p.sourceOf(&s.rec, n) == rule.Hub.Owner,
		OursTheirs: !rule.Owned && p.sourceOf(&s.rec, n) == p.req.System,
		OursByGone: p.changed[i] && p.byGone(&s.rec, p.r, n),
	}
}

// byGone reports whether the hub's value of a field came from the system of a
// pull route by a line that none of its routes to this hub object has.
func (e *Engine) byGone(rec *state.HubRecord, route *ledger.Route, field state.Num) bool {
	at := slices.IndexFunc(rec.Values, func(v state.HubValue) bool { return v.Field == field })
	if at < 0 || rec.Values[at].Rule == 0 || rec.Values[at].Override || e.sourceOf(rec, field) != route.System {
		return false
	}
	return !slices.ContainsFunc(e.book.RoutesOf(route.System), func(r *ledger.Route) bool {
		return r.Hub == route.Hub && r.Direction == fieldmap.Pull && slices.Contains(r.Rules, rec.Values[at].Rule)
	})
}

// sourceOf names the system that the hub's value of a field came from.
func (e *Engine) sourceOf(rec *state.HubRecord, field state.Num) string {
	for i := range rec.Values {
		if rec.Values[i].Field == field {
			return strings.TrimPrefix(e.opt.Store.Name(rec.Values[i].Source), "s:")
		}
	}
	return ""
}

// fault is why a value cannot be carried over.
type fault struct {
	reason, detail string
	candidates     []string
	event          ledger.Event // what ends it
	record         bool         // the whole record waits, not the field alone
}

// holdFor holds what a fault is about until the event that ends it.
func (s *settling) holdFor(f *fault, field string) {
	s.hold(field, f.reason, f.detail, f.candidates...)
	s.holds[len(s.holds)-1].Event = string(f.event)
}

// translate brings their value into the hub's form: through the value map, and
// from their record's id to the hub's.
func (s *settling) translate(rule *fieldmap.Rule, v record.Value) (record.Value, *fault) {
	if rule.Hub.Type == record.Reference {
		return s.reference(rule, v)
	}
	hub, ok := rule.ToHub(v)
	switch {
	case ok:
		return hub, nil
	case rule.OnUnmapped == fieldmap.UnmappedSkip:
		return v, &fault{}
	}
	return v, &fault{reason: ledger.HoldUnmapped, detail: fmt.Sprintf("%s: %q is in no line of the value map or the picklist", rule.Remote.Name, v.Text())}
}

// identity looks whether the record says that it is another one now. A
// record that has its hub record to itself is matched again whenever a key
// changes or another record takes the key. moved reports that the link went
// to another hub record; ok is false when the record must wait for a person.
func (s *settling) identity(verdicts []plan.Verdict) (moved, ok bool, err error) {
	if s.isNew || s.met {
		return false, true, nil
	}
	key, changed := s.changedKey(verdicts)
	if !changed && s.p.r.Hub.SystemOfRecord == s.p.req.System {
		return false, true, nil
	}
	if others := s.p.linksBeside(s.tx, s.p.r, s.rec.ID); len(others) > 0 {
		if changed && key.Hub == s.p.r.Hub.ID {
			s.holds = nil
			s.hold("", ledger.HoldIdentity, key.Hub.Name+" changed, but the record is linked with "+strings.Join(others, ", ")+" under the old one")
			return false, false, nil
		}
		return false, true, nil
	}
	keys := s.p.r.Match
	if changed {
		keys = append([]fieldmap.MatchKey{key}, keys...)
	}
	for _, key := range keys {
		hits, err := s.hubHits(key, s.keyValue(key))
		if err != nil {
			return false, false, err
		}
		switch hits = withoutID(hits, s.rec.ID); {
		case len(hits) == 1 && s.circle(hits[0]):
			// It takes the key where it is, and so do the others, one after the other.
		case len(hits) == 1:
			return s.move(hits[0])
		case len(hits) > 1:
			s.holds = nil
			s.ambiguous(key, hits)
			return false, false, nil
		}
	}
	return false, true, nil
}

// changedKey returns the first identity or match key that the record changed.
func (s *settling) changedKey(verdicts []plan.Verdict) (fieldmap.MatchKey, bool) {
	for i, rule := range s.p.r.Fields {
		if rule.Hub != s.p.r.Hub.ID || !s.spoke(i, verdicts[i]) {
			continue
		}
		if s.p.r.Value(&s.rec, rule.Hub).IsSet() {
			return fieldmap.MatchKey{Remote: rule.Remote.Name, Hub: rule.Hub, Compare: fieldmap.Exact}, true
		}
	}
	for _, key := range s.p.r.Match {
		for i, rule := range s.p.r.Fields {
			if rule.Hub == key.Hub && s.spoke(i, verdicts[i]) {
				return key, true
			}
		}
	}
	return fieldmap.MatchKey{}, false
}

// spoke reports whether the record has another value of a field now than it
// had, whoever owns the field.
func (s *settling) spoke(i int, v plan.Verdict) bool {
	if v.Kind == plan.Take {
		return true
	}
	lf := s.fieldState(s.p.r.Rules[i])
	return v.Kind == plan.Tolerate && v.Reason == plan.Drift && lf.Seen != 0 && lf.Seen != v.Seen
}

// linksBeside names the hub record's open links with other objects than that
// of a route.
func (e *Engine) linksBeside(tx *state.Tx, route *ledger.Route, id state.HubID) []string {
	var out []string
	var l state.Link
	for _, r := range e.book.Routes {
		if r.Hub != route.Hub || r.Key() == route.Key() {
			continue
		}
		if ok, err := r.Links(tx).Get(id, &l); ok && (err != nil || l.State != state.LinkClosed) {
			out = append(out, r.Key()+" "+l.Remote)
		}
	}
	return out
}

// move takes the link to another hub record and leaves the empty one as an
// alias of it.
func (s *settling) move(to state.HubID) (moved, ok bool, err error) {
	from := s.rec
	from.Values = append([]state.HubValue(nil), s.rec.Values...)
	if ok, err := s.claim(to); err != nil || !ok {
		return false, false, err
	}
	if err := s.links.Delete(from.ID); err != nil {
		return false, false, err
	}
	for _, ik := range s.p.book.IndexKeys(s.p.r.Hub, &from) {
		if err := s.p.book.Notify(s.tx, ledger.Fewer(s.p.r.Hub, ik)); err != nil {
			return false, false, err
		}
	}
	from.State, from.AliasOf, from.Values = state.HubAlias, to, nil
	s.lost = false
	if err := ledger.NoteMoved(s.tx, s.p.r.Hub.Name); err != nil {
		return false, false, err
	}
	if err := s.p.book.Notify(s.tx, s.p.r.LetGo(from.ID)); err != nil {
		return false, false, err
	}
	return true, true, s.hub.Put(&from, nil)
}

func withoutID(ids []state.HubID, id state.HubID) []state.HubID {
	var out []state.HubID
	for _, x := range ids {
		if x != id {
			out = append(out, x)
		}
	}
	return out
}
