package closeiosim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"crmsyncd/providers/internal/simrules"
)

// Rule says what the organization does with some records of an object (lead,
// contact, opportunity or task): refuse, ignore or rewrite what the API writes,
// hide records from the API user, or tell fields in broken JSON. Fields go by
// the API's name, or custom.<name of the field>. Code is the HTTP status of a
// refusal: 400 if empty, 402, or 403, which is plain text.
type Rule = simrules.Rule

// Match chooses the records of a Rule.
type Match = simrules.Match

// vendor is the organization as its rules know it.
type vendor struct{ *store }

// Resolve implements simrules.Vendor.
func (v vendor) Resolve(r *simrules.Rule) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	k, known := kindNamed(r.Object)
	if !known {
		return fmt.Errorf("there is no object %q; there are lead, contact, opportunity, task", r.Object)
	}
	match := simrules.Match{}
	for name, want := range r.Match {
		own, err := v.ownName(k, name)
		if err != nil {
			return err
		}
		if f := v.kinds[k].byName[own]; f != nil && (f.inner || f.named) {
			return fmt.Errorf("%s is made of other records and cannot choose one", name)
		}
		match[own] = want
	}
	r.Match = match
	for i, name := range r.Fields {
		own, err := v.ownName(k, name)
		if err != nil {
			return err
		}
		r.Fields[i] = own
		if r.Effect == simrules.Rewrite && r.Form == "" {
			if _, err := v.stands(k, own, r.Text); err != nil {
				return fmt.Errorf("%s cannot be %q: %w", name, r.Text, err)
			}
		}
	}
	return checkCode(r)
}

func checkCode(r *simrules.Rule) error {
	switch {
	case r.Code == "" || r.Code == "400":
	case r.Code != "402" && r.Code != "403":
		return fmt.Errorf("code is %q: must be the status 400, 402 or 403, for errors of Close have no code", r.Code)
	case len(r.Fields) > 0 && !r.Unnamed:
		return fmt.Errorf("code %s does not name fields; only 400 does", r.Code)
	}
	return nil
}

// ownName is the name under which rules keep a field: that of the API.
func (s *store) ownName(k kind, name string) (string, error) {
	if s.kinds[k].byName[name] != nil || s.fieldByKey(k, name) != nil {
		return name, nil
	}
	if custom, is := strings.CutPrefix(name, "custom."); is {
		if f := s.field(k, custom); f != nil {
			return f.key, nil
		}
	}
	return "", fmt.Errorf("%s has no field %q", k, name)
}

// stands is text as it would stand in a field: a text, or what it says in JSON.
func (s *store) stands(k kind, name, text string) (raw string, err error) {
	for _, given := range []string{quoted(text), text} {
		if !json.Valid([]byte(given)) {
			continue
		}
		if f := s.fieldByKey(k, name); f != nil {
			raw, err = s.setCustom(f, json.RawMessage(given))
		} else if f := s.kinds[k].byName[name]; f == nil || f.set == nil {
			return "", refused("it cannot be written")
		} else {
			raw, err = f.set(s, json.RawMessage(given))
		}
		if err == nil {
			return raw, nil
		}
	}
	return "", err
}

// Stands implements simrules.Vendor.
func (v vendor) Stands(r *simrules.Rule) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	k, _ := kindNamed(r.Object)
	for _, rec := range v.tables[k].made.rows {
		if r.Fits(v.values(rec)) {
			return true
		}
	}
	return false
}

// values are what a record has, as rules ask for it.
func (s *store) values(r *record) simrules.Values {
	return func(name string) []string {
		if f := s.fieldByKey(r.kind, name); f != nil {
			raw, _ := r.live.doc.get(f.n)
			return []string{plain(raw)}
		}
		f := s.kinds[r.kind].byName[name]
		if f == nil || f.inner || f.named {
			return nil
		}
		return []string{plain(string(s.appendValue(nil, f, r, r.live)))}
	}
}

// hides tells whether the API user does not see a record.
func (s *store) hides(r *record) bool {
	return r != nil && s.rules.Reading() && s.rules.Hides(r.kind.String(), s.values(r))
}

// seen finds a record as the API user sees it.
func (s *store) seen(k kind, id string) *record {
	if r := s.find(k, id); !s.hides(r) {
		return r
	}
	return nil
}

// malformed tells the broken form in which a field is told, if there is one.
func (s *store) malformed(r *record, name string) (form string, broken bool) {
	if s.switches.sound || !s.rules.Reading() {
		return "", false
	}
	return s.rules.Malforms(r.kind.String(), name, s.values(r))
}

// refusedCall is a refusal that names no field.
type refusedCall struct {
	status int
	text   string
}

func (e refusedCall) Error() string { return e.text }

// draft is a write whose values were checked.
type draft struct {
	kind    kind
	r       *record // nil if it is new
	given   input
	changes map[uint16]string
	owner   *record
	who     *actor
}

// plainName is the name of an input's key: that of the field whose values are
// added or removed.
func plainName(name string) string {
	if !strings.HasPrefix(name, "custom.") {
		return name
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, ".add"), ".remove")
}

// ruled is a write as the rules see it.
func (s *store) ruled(d *draft) simrules.Write {
	out := simrules.Write{Object: d.kind.String(), Create: d.r == nil, Credential: d.who.credential}
	for name := range d.given {
		out.Given = append(out.Given, plainName(name))
	}
	out.Values = func(name string) (list []string) {
		if d.r != nil {
			list = s.values(d.r)(name)
		}
		if n, known := s.keys.byName[name]; known {
			if raw, given := d.changes[n]; given {
				list = append(list, plain(raw))
			}
		}
		if name == "lead_id" && d.owner != nil {
			list = append(list, d.owner.id)
		}
		return list
	}
	return out
}

// take checks a write and lets the rules have their say; r is nil for a new
// record.
func (s *store) take(k kind, r *record, given input, a *actor) (*draft, error) {
	var before *version
	when := onCreate
	if r != nil {
		before, when = r.live, onUpdate
	}
	changes, owner, err := s.check(k, given, before, when, a)
	if err != nil {
		return nil, err
	}
	d := &draft{kind: k, r: r, given: given, changes: changes, owner: owner, who: a}
	return d, s.bend(d)
}

// bend lets the rules refuse a write, or make something else of it.
func (s *store) bend(d *draft) error {
	if d.who.human || !s.rules.Writing() {
		return nil
	}
	if no := s.rules.Refusal(s.ruled(d)); no != nil {
		return refusalOf(no)
	}
	changes := s.rules.Changes(s.ruled(d))
	if changes == nil {
		return nil
	}
	for given := range d.given {
		name := plainName(given)
		n := s.keys.number(name)
		raw, has := d.changes[n]
		switch {
		case changes.Keeps(name):
			delete(d.changes, n)
			if name == "lead_id" && d.r != nil {
				d.owner = d.r.live.lead
			}
		case has && raw != "" && raw != "null":
			d.changes[n] = s.form(d.kind, name, raw, changes)
		}
	}
	return nil
}

// refusalOf is a refusal in the shape of the vendor, which names the lead and
// the status without _id.
func refusalOf(no *simrules.Refusal) error {
	if len(no.Fields) == 0 {
		status, err := strconv.Atoi(no.Code)
		if err != nil {
			status = http.StatusBadRequest
		}
		if status == http.StatusForbidden {
			return errForbidden
		}
		return refusedCall{status, no.Text}
	}
	bad := fieldErrors{}
	for _, name := range no.Fields {
		if name == "lead_id" || name == "status_id" {
			name = strings.TrimSuffix(name, "_id")
		}
		bad[name] = no.Text
	}
	return bad
}

// form is the form of a value that the rules store.
func (s *store) form(k kind, name, raw string, changes simrules.Changes) string {
	if text, ok := changes.Text(name); ok {
		if v, err := s.stands(k, name, text); err == nil {
			return v
		}
		return raw
	}
	var v any
	if json.Unmarshal([]byte(raw), &v) != nil {
		return raw
	}
	return string(encode(reform(v, func(text string) string { return changes.Form(name, text) })))
}

// reform changes the texts inside a value, but none that says what kind of
// entry it is.
func reform(v any, form func(string) string) any {
	switch v := v.(type) {
	case string:
		return form(v)
	case []any:
		for i := range v {
			v[i] = reform(v[i], form)
		}
	case map[string]any:
		for name := range v {
			if name != "type" && name != "label" {
				v[name] = reform(v[name], form)
			}
		}
	}
	return v
}
