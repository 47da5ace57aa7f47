package closeiosim

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// actor is who changes something, and how.
type actor struct {
	userID, keyID string
	requestID     string
	credential    string
	method, path  string
	zone          time.Duration // the caller's offset from UTC
	human         bool          // in the app, not through the API
	merged        *merge
	stamp         time.Time // if set, when it happened
}

// merge names both leads of a merge.
type merge struct{ source, destination string }

// today is the date by the actor's own calendar.
func (a *actor) today(now int64) string {
	return time.UnixMilli(now).UTC().Add(a.zone).Format(time.DateOnly)
}

// fieldErrors are told per field.
type fieldErrors map[string]string

func (e fieldErrors) Error() string {
	var list []string
	for name, text := range e {
		list = append(list, name+": "+text)
	}
	return strings.Join(list, "; ")
}

// errForbidden is a write that the caller's role does not allow.
var errForbidden = errors.New("forbidden")

type input = map[string]json.RawMessage

// check turns what is given into stored values. The owner comes apart, for it
// is no stored value.
func (s *store) check(k kind, given input, before *version, when occasion, a *actor) (changes map[uint16]string, owner *record, err error) {
	changes = make(map[uint16]string, len(given)+2)
	bad := fieldErrors{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		var err error
		if strings.HasPrefix(name, "custom.") {
			err = s.checkCustom(k, name, given[name], before, changes, a)
		} else {
			err = s.checkRegular(k, name, given[name], before, when, changes)
		}
		if err == nil && !a.human && s.pointsAtHidden(name, given[name]) {
			err = refused("Object does not exist.")
		}
		if errors.Is(err, errForbidden) {
			return nil, nil, err
		}
		if err != nil {
			bad[name] = err.Error()
		} else if name == "lead_id" {
			owner = s.find(lead, plain(string(given[name])))
		}
	}
	if len(bad) > 0 {
		return nil, nil, bad
	}
	return changes, owner, nil
}

// pointsAtHidden tells whether a value is the id of a record that the API user
// does not see.
func (s *store) pointsAtHidden(name string, raw json.RawMessage) bool {
	return strings.HasSuffix(name, "_id") && s.rules.Reading() && s.hides(s.any(plain(string(raw))))
}

func (s *store) checkRegular(k kind, name string, raw json.RawMessage, before *version, when occasion, changes map[uint16]string) error {
	f := s.kinds[k].byName[name]
	if f == nil || f.set == nil || f.on&when == 0 {
		return refused("Unknown field.")
	}
	value, err := f.set(s, raw)
	if err != nil {
		return err
	}
	if name == "text" && k == task && before != nil && plain(s.stored(before, "_type")) != "lead" {
		return refused("Cannot be changed for this type of task.")
	}
	if f.get == nil {
		changes[f.key] = value
	}
	return nil
}

func (s *store) checkCustom(k kind, name string, raw json.RawMessage, before *version, changes map[uint16]string, a *actor) error {
	key, add := strings.CutSuffix(name, ".add")
	key, drop := strings.CutSuffix(key, ".remove")
	f := s.fieldByKey(k, key)
	if f == nil {
		return refused("Unknown field.")
	}
	if len(f.EditableBy) > 0 && !a.human && !contains(f.EditableBy, s.me.role) {
		return errForbidden
	}
	if !add && !drop {
		value, err := s.setCustom(f, raw)
		changes[f.n] = value
		return err
	}
	now, given := changes[f.n]
	if before != nil && !given {
		now, _ = before.doc.get(f.n)
	}
	value, err := s.changeMany(f, now, raw, add)
	changes[f.n] = value
	return err
}

// create adds a record. The store's lock is held, here and below.
func (s *store) create(k kind, given input, a *actor) (*record, error) {
	var inner []input
	if raw, ok := given["contacts"]; ok && k == lead {
		if json.Unmarshal(raw, &inner) != nil {
			return nil, fieldErrors{"contacts": "Not a valid list."}
		}
		delete(given, "contacts")
	}
	d, err := s.take(k, nil, given, a)
	if err != nil {
		return nil, err
	}
	changes, owner := d.changes, d.owner
	ownerless := k == lead || k == task && s.switches.human
	if owner == nil && !ownerless {
		return nil, fieldErrors{"lead_id": "This field is required."}
	}
	if err := s.defaults(k, given, changes, a); err != nil {
		return nil, err
	}
	r := s.newRecord(k, owner, changes, a)
	for _, one := range inner {
		if one == nil {
			one = input{}
		}
		one["lead_id"] = json.RawMessage(quoted(r.id))
		if _, err := s.create(contact, one, a); err != nil {
			s.erase(r, a)
			return nil, err
		}
	}
	return r, nil
}

// newRecord stores a record and tells of it.
func (s *store) newRecord(k kind, owner *record, changes map[uint16]string, a *actor) *record {
	prefix := [...]string{"lead_", "cont_", "oppo_", "task_"}[k]
	if k == task && !humanType(plain(changes[s.keys.number("_type")])) {
		prefix = "noti_"
	}
	at := s.now()
	if !a.stamp.IsZero() {
		at = a.stamp.UnixMilli()
	}
	var ownerBefore []cell
	if k == contact {
		ownerBefore = s.cellsBefore(owner)
	}
	r := &record{id: s.ids.next(prefix), kind: k, created: at}
	r.live = &version{updated: at, lead: owner, doc: doc("").with(changes)}
	s.insert(r)
	s.logMade(r, a)
	s.touchOwner(r, owner, ownerBefore, a)
	return r
}

// defaults fills what a new record has of itself.
func (s *store) defaults(k kind, given input, changes map[uint16]string, a *actor) error {
	put := func(name, raw string) {
		if n := s.keys.number(name); changes[n] == "" {
			changes[n] = raw
		}
	}
	if a.userID != "" {
		put("created_by", quoted(a.userID))
		put("updated_by", quoted(a.userID))
	}
	switch k {
	case lead:
		put("status_id", quoted(s.statuses[0].id))
	case opportunity:
		p := s.pipelines[0]
		if raw, ok := given["pipeline_id"]; ok {
			for _, x := range s.pipelines {
				if x.id == plain(string(raw)) {
					p = x
				}
			}
			if st := s.status(plain(changes[s.keys.number("status_id")])); st != nil && st.pipeline != p {
				return fieldErrors{"status_id": "The status does not belong to the pipeline."}
			}
		}
		put("status_id", quoted(p.statuses[0].id))
		put("user_id", quoted(a.userID))
		s.closeDeal(changes, nil, a)
	case task:
		put("_type", `"lead"`)
		put("is_complete", "false")
		put("assigned_to", quoted(a.userID))
		if kind := objectOf(plain(changes[s.keys.number("_type")])); kind != "" {
			put("object_type", quoted(kind))
			put("object_id", quoted(s.ids.next("acti_")))
		}
	}
	for n, raw := range changes {
		if raw == `""` || raw == "null" {
			changes[n] = ""
		}
	}
	return nil
}

// update changes fields of a record and no others; whatever is equal to what is
// stored changes nothing, not even date_updated.
func (s *store) update(r *record, given input, a *actor) error {
	old := r.live
	d, err := s.take(r.kind, r, given, a)
	if err != nil {
		return err
	}
	changes, owner := d.changes, d.owner
	if owner == nil || r.kind == lead {
		owner = old.lead
	}
	if r.kind == opportunity {
		s.closeDeal(changes, old, a)
	}
	for n, raw := range changes {
		if raw == "null" {
			raw, changes[n] = "", ""
		}
		if was, _ := old.doc.get(n); was == raw {
			delete(changes, n)
		}
	}
	if len(changes) == 0 && owner == old.lead {
		return nil
	}
	changes[s.keys.number("updated_by")] = quoted(a.userID)
	before := s.cellsBefore(r)
	action := "updated"
	if r.kind == task && !s.complete(old) && changes[s.keys.number("is_complete")] == "true" {
		action = "completed"
	}
	ownerBefore, formerBefore := s.ownersBefore(r, owner, old.lead)
	s.replace(r, &version{updated: s.now(), lead: owner, doc: old.doc.with(changes)})
	s.logChange(r, before, action, a)
	s.touchOwner(r, owner, ownerBefore, a)
	if owner != old.lead && old.lead != nil {
		s.touchOwner(r, old.lead, formerBefore, a)
	}
	return nil
}

func (s *store) cellsBefore(r *record) []cell {
	if s.switches.quiet {
		return nil
	}
	return s.eventCells(r, r.live)
}

// ownersBefore remembers both leads when a contact moves, for then the list of
// contacts changes on both.
func (s *store) ownersBefore(r, owner, former *record) (now, old []cell) {
	if r.kind != contact || owner == former {
		return nil, nil
	}
	return s.cellsBefore(owner), s.cellsBefore(former)
}

// touchOwner moves the date_updated of the lead to which a record belongs,
// without an event unless its list of contacts changed.
// https://developer.close.com/api/resources/events/list-of-event-types (last checked 2026-11-22)
func (s *store) touchOwner(r, owner *record, before []cell, a *actor) {
	if owner == nil || s.switches.quiet {
		return
	}
	if before == nil && s.opt.ExactUpdates {
		return
	}
	v := *owner.live
	v.updated = s.now()
	if !a.stamp.IsZero() {
		v.updated = max(owner.live.updated, r.live.updated)
	}
	s.replace(owner, &v)
	if before != nil {
		s.logChange(owner, before, "updated", a)
	}
}

// erase deletes a record, and with a lead all that belongs to it.
func (s *store) erase(r *record, a *actor) {
	for len(r.kids) > 0 {
		kid := r.kids[len(r.kids)-1]
		before := s.cellsBefore(kid)
		v := kid.live
		s.remove(kid)
		s.logGone(kid, v, before, a)
	}
	before := s.cellsBefore(r)
	v := r.live
	var ownerBefore []cell
	if r.kind == contact && v.lead != nil {
		ownerBefore = s.cellsBefore(v.lead)
	}
	s.remove(r)
	s.logGone(r, v, before, a)
	s.touchOwner(r, v.lead, ownerBefore, a)
}

// merge moves what belongs to source over to destination and deletes source.
// Every event of it names both.
// https://developer.close.com/api/resources/events/list-of-event-types (last checked 2026-11-22)
func (s *store) merge(source, destination *record, by *actor) {
	a := *by
	a.merged = &merge{source.id, destination.id}
	before := s.cellsBefore(destination)
	for _, kid := range append([]*record(nil), source.kids...) {
		was := s.cellsBefore(kid)
		s.replace(kid, &version{updated: s.now(), lead: destination, doc: kid.live.doc})
		s.logChange(kid, was, "updated", &a)
	}
	v := *destination.live
	v.updated = s.now()
	s.replace(destination, &v)
	s.logChange(destination, before, "updated", &a)
	gone, was := source.live, s.cellsBefore(source)
	s.remove(source)
	s.logGone(source, gone, was, &a)
	s.logRecord(destination, destination.live, "merged", &a, joinCells(s.eventCells(destination, destination.live)))
}
