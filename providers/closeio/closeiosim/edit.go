package closeiosim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Fields are fields of a record as a person fills them in: under the API's
// name, or custom.<name of the field>. A nil clears.
type Fields = map[string]any

// switches change how writes are taken.
type switches struct {
	quiet bool // no events, no lag, no touching of owners
	sound bool // no broken JSON, whatever the rules say
	human bool // in the app rather than by the API
}

// AddLead makes a lead as a person would, and returns its id. It panics on
// fields that Close would refuse, as all Add methods do. A time.Time under
// date_created is when it was made.
func (s *Sim) AddLead(f Fields) string { return s.mustAdd(lead, f) }

// AddContact makes a contact of a lead.
func (s *Sim) AddContact(leadID string, f Fields) string {
	return s.mustAdd(contact, under(leadID, f))
}

// AddOpportunity makes an opportunity of a lead.
func (s *Sim) AddOpportunity(leadID string, f Fields) string {
	return s.mustAdd(opportunity, under(leadID, f))
}

// AddTask makes a task of a lead, of any _type: those of the system get an id
// that begins with noti_. Without a lead the leadID is empty.
func (s *Sim) AddTask(leadID string, f Fields) string {
	return s.mustAdd(task, under(leadID, f))
}

func under(leadID string, f Fields) Fields {
	out := Fields{}
	for name, v := range f {
		out[name] = v
	}
	if leadID != "" {
		out["lead_id"] = leadID
	}
	return out
}

func (s *Sim) mustAdd(k kind, f Fields) string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	id, err := s.store.add(k, f)
	if err != nil {
		panic("closeiosim: add " + k.String() + ": " + err.Error())
	}
	return id
}

// person is who edits in the app.
func (s *store) person() *actor {
	return &actor{
		userID: s.users[1].id, requestID: s.traces.next("req_"), method: "POST", path: "/graphql/", human: true,
	}
}

func (s *store) add(k kind, f Fields) (string, error) {
	a := s.person()
	if at, has := f["date_created"].(time.Time); has {
		a.stamp = at
		f = under("", f)
		delete(f, "date_created")
	}
	in, err := s.toInput(k, f)
	if err != nil {
		return "", err
	}
	was := s.switches.human
	s.switches.human = true
	defer func() { s.switches.human = was }()
	r, err := s.create(k, in, a)
	if err != nil {
		return "", err
	}
	return r.id, nil
}

// toInput gives custom fields the keys of the API.
func (s *store) toInput(k kind, f Fields) (input, error) {
	in := make(input, len(f))
	for name, v := range f {
		if custom, is := strings.CutPrefix(name, "custom."); is && s.fieldByKey(k, name) == nil {
			c := s.field(k, custom)
			if c == nil {
				return nil, fmt.Errorf("no custom field %q", custom)
			}
			name = c.key
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		in[name] = raw
	}
	return in, nil
}

// Edit changes fields of a lead, contact, opportunity or task as a person
// would: date_updated moves, and updated_by is a person.
func (s *Sim) Edit(id string, f Fields) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r := s.store.any(id)
	if r == nil {
		return fmt.Errorf("edit %s: no such record", id)
	}
	in, err := s.store.toInput(r.kind, f)
	if err == nil {
		err = s.store.update(r, in, s.store.person())
	}
	if err != nil {
		return fmt.Errorf("edit %s: %w", id, err)
	}
	return nil
}

// EditQuietly changes fields of a record behind everybody's back: neither
// date_updated nor updated_by moves, no event tells of it, and its lead is as
// it was. The search index has it at once.
func (s *Sim) EditQuietly(id string, f Fields) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r := s.store.any(id)
	if r == nil {
		return fmt.Errorf("edit %s: no such record", id)
	}
	in, err := s.store.toInput(r.kind, f)
	if err != nil {
		return fmt.Errorf("edit %s: %w", id, err)
	}
	changes, owner, err := s.store.check(r.kind, in, r.live, onUpdate, s.store.person())
	if err != nil {
		return fmt.Errorf("edit %s: %w", id, err)
	}
	for n, raw := range changes {
		if raw == "null" {
			changes[n] = ""
		}
	}
	v := *r.live
	v.doc = v.doc.with(changes)
	if owner != nil && r.kind != lead {
		v.lead = owner
	}
	s.store.switches.quiet = true
	defer func() { s.store.switches.quiet = false }()
	s.store.replace(r, &v)
	return nil
}

// EditLead changes fields of a lead as a person would.
func (s *Sim) EditLead(id string, f Fields) error { return s.Edit(id, f) }

// SetCustom fills a custom field, by its name; nil clears it.
func (s *Sim) SetCustom(id, name string, value any) error {
	return s.Edit(id, Fields{"custom." + name: value})
}

// CompleteTask ticks a task off; its event says completed.
func (s *Sim) CompleteTask(id string) error { return s.Edit(id, Fields{"is_complete": true}) }

// ReopenTask makes a completed task open again.
func (s *Sim) ReopenTask(id string) error { return s.Edit(id, Fields{"is_complete": false}) }

// Touch moves the date_updated of a record, and nothing else, and without an
// event, as a call or an e-mail does to its lead.
func (s *Sim) Touch(id string) error { return s.SetUpdated(id, s.clock()) }

// SetUpdated gives a record a date_updated of its own, in the past or in the
// future, without an event.
func (s *Sim) SetUpdated(id string, at time.Time) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r := s.store.any(id)
	if r == nil {
		return fmt.Errorf("set date_updated of %s: no such record", id)
	}
	v := *r.live
	v.updated = at.UnixMilli()
	s.store.replace(r, &v)
	return nil
}

// Delete deletes a record as a person would, and with a lead all that belongs
// to it. It reports whether there was one.
func (s *Sim) Delete(id string) bool {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r := s.store.any(id)
	if r == nil {
		return false
	}
	s.store.erase(r, s.store.person())
	return true
}

// DeleteLead deletes a lead and all that belongs to it.
func (s *Sim) DeleteLead(id string) bool { return s.Delete(id) }

// MergeLeads merges source into destination: the children move, source is gone.
func (s *Sim) MergeLeads(source, destination string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	a, b := s.store.find(lead, source), s.store.find(lead, destination)
	if a == nil || b == nil || a == b {
		return fmt.Errorf("merge %s into %s: both must be leads", source, destination)
	}
	s.store.merge(a, b, s.store.person())
	return nil
}

// CatchUp brings the search index up to date at once.
func (s *Sim) CatchUp() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.settle(true)
}

// Record is a record as GET would show it now; nil if there is none.
func (s *Sim) Record(id string) map[string]json.RawMessage {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r := s.store.any(id)
	if r == nil {
		return nil
	}
	s.store.switches.sound = true
	defer func() { s.store.switches.sound = false }()
	var out map[string]json.RawMessage
	if err := json.Unmarshal(s.store.appendRecord(nil, r, r.live, nil), &out); err != nil {
		panic("closeiosim: " + err.Error())
	}
	return out
}

// IDs lists the ids of all records of a kind (lead, contact, opportunity,
// task), oldest first.
func (s *Sim) IDs(object string) []string {
	k, known := kindNamed(object)
	if !known {
		return nil
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	rows := s.store.tables[k].made.rows
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	return ids
}

// Children lists the ids of a lead's contacts, opportunities or tasks.
func (s *Sim) Children(leadID, object string) []string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r := s.store.find(lead, leadID)
	if r == nil {
		return nil
	}
	var ids []string
	for _, kid := range r.kids {
		if kid.kind.String() == object {
			ids = append(ids, kid.id)
		}
	}
	return ids
}

// Find lists the ids of the records of a kind whose field, regular or
// custom.<name>, has the value, oldest first.
func (s *Sim) Find(object, field, value string) []string {
	k, known := kindNamed(object)
	if !known {
		return nil
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	var ids []string
	for _, r := range s.store.tables[k].made.rows {
		if s.store.text(r, field) == value {
			ids = append(ids, r.id)
		}
	}
	return ids
}

func (s *store) text(r *record, field string) string {
	if name, is := strings.CutPrefix(field, "custom."); is {
		f := s.field(r.kind, name)
		if f == nil {
			return ""
		}
		raw, _ := r.live.doc.get(f.n)
		return plain(raw)
	}
	f := s.kinds[r.kind].byName[field]
	if f == nil {
		return ""
	}
	return plain(string(s.appendValue(nil, f, r, r.live)))
}
