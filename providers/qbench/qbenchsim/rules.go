package qbenchsim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"crmsyncd/providers/internal/simrules"
)

// Rule says what the tenant does with some customers or contacts: refuse,
// ignore or rewrite what the API writes, hide records from the API client, or
// tell fields in broken JSON. Code is the qb_error_code, validation_failed if
// empty. QBench's errors name no field, so Fields only say which writes are
// refused.
type Rule = simrules.Rule

// Match chooses the records of a Rule.
type Match = simrules.Match

// vendor is the tenant as its rules know it.
type vendor struct{ *Sim }

// Resolve implements simrules.Vendor.
func (v vendor) Resolve(r *simrules.Rule) error {
	o, ok := objectNamed(r.Object)
	if !ok {
		return fmt.Errorf("there is no object %q; there are customer and contact", r.Object)
	}
	r.Object = o.String()
	v.mu.RLock()
	defer v.mu.RUnlock()
	for name := range r.Match {
		if name != "id" && !v.knows(o, name) {
			return fmt.Errorf("%s has no field %q", o, name)
		}
	}
	for _, name := range r.Fields {
		if !v.knows(o, name) || r.Effect == simrules.Malform && reserved(name) {
			return fmt.Errorf("%s has no field %q that a rule can touch", o, name)
		}
	}
	return nil
}

func objectNamed(name string) (object, bool) {
	switch strings.TrimSuffix(name, "s") {
	case customer.String():
		return customer, true
	case contact.String():
		return contact, true
	}
	return 0, false
}

// knows tells whether a field is documented, or additional and held by some
// record. The caller holds s.mu.
func (s *Sim) knows(o object, name string) bool {
	if slices.Contains(s.table(o).keys, name) || name == customerIDs && o == contact {
		return true
	}
	rows := s.table(o).rows
	key := append(appendText(nil, name), ':')
	for i := range rows {
		if bytes.Contains(rows[i].body, key) {
			return true
		}
	}
	return false
}

// Stands implements simrules.Vendor.
func (v vendor) Stands(r *simrules.Rule) bool {
	o, _ := objectNamed(r.Object)
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.ContainsFunc(v.table(o).rows, func(have row) bool { return r.Fits(have.values()) })
}

// values are what a row has, as rules ask for it.
func (r *row) values() simrules.Values {
	var f Fields
	return func(name string) []string {
		if name == "id" {
			return []string{strconv.FormatInt(r.id, 10)}
		}
		if f == nil {
			f = decode(r.body)
		}
		v, has := f[name]
		if !has {
			return nil
		}
		return []string{jsonText(v)}
	}
}

// hides tells whether the API client does not see a row. The caller holds s.mu.
func (s *Sim) hides(o object, r *row) bool {
	return s.rules.Reading() && s.rules.Hides(o.String(), r.values())
}

// seen finds a row as the API client sees it. The caller holds s.mu.
func (s *Sim) seen(o object, id int64) *row {
	if r := s.table(o).find(id); r != nil && !s.hides(o, r) {
		return r
	}
	return nil
}

// appendSeen renders a row for the API client, with the fields that rules break.
func (s *Sim) appendSeen(b []byte, opts *Options, o object, r *row) []byte {
	if !s.rules.Reading() {
		return opts.appendRow(b, o, r)
	}
	f := decode(r.body)
	var broken [][2][]byte
	for name, v := range f {
		form, is := s.rules.Malforms(o.String(), name, r.values())
		if !is {
			continue
		}
		mark := fmt.Sprintf("broken field %d", len(broken))
		broken = append(broken, [2][]byte{appendText(nil, mark), simrules.AppendMalformed(nil, form, jsonText(v))})
		f[name] = mark
	}
	if broken == nil {
		return opts.appendRow(b, o, r)
	}
	sound := *r
	var err error
	if sound.body, err = encode(s.table(o).shown(f), f); err != nil {
		panic("qbenchsim: a stored record cannot be encoded: " + err.Error())
	}
	text := opts.appendRow(nil, o, &sound)
	for _, x := range broken {
		text = bytes.Replace(text, x[0], x[1], 1)
	}
	return append(b, text...)
}

// shown are the documented keys that a record has, in their order.
func (t *table) shown(f Fields) []string {
	return slices.DeleteFunc(slices.Clone(t.keys), func(k string) bool { _, has := f[k]; return !has })
}

// ruled is a write as the rules see it; r is nil for a new record.
func (s *Sim) ruled(req *http.Request, o object, r *row, f Fields) simrules.Write {
	out := simrules.Write{Object: o.String(), Create: r == nil, Credential: bearer(req)}
	for name := range f {
		if name != "id" {
			out.Given = append(out.Given, name)
		}
	}
	out.Values = func(name string) (list []string) {
		if r != nil {
			list = r.values()(name)
		}
		if v, given := f[name]; given && name != "id" {
			list = append(list, jsonText(v))
		}
		return list
	}
	return out
}

// newRecord is the id of a record that is not there yet.
const newRecord = 0

// refusal is what stands against a write, if anything. The caller holds s.mu.
func (s *Sim) refusal(req *http.Request, o object, id int64, f Fields) *simrules.Refusal {
	check := s.checkIDs
	if id == newRecord {
		check = s.checkNew
	}
	if err := check(o, f); err != nil {
		return &simrules.Refusal{Code: "validation_failed", Text: err.Error()}
	}
	no := s.rules.Refusal(s.ruled(req, o, s.table(o).find(id), f))
	if no != nil && no.Code == "" {
		no.Code = "validation_failed"
	}
	return no
}

// bent is what the rules make of a write that is taken. The caller holds s.mu.
func (s *Sim) bent(req *http.Request, o object, id int64, f Fields) Fields {
	changes := s.rules.Changes(s.ruled(req, o, s.table(o).find(id), f))
	if changes == nil {
		return f
	}
	out := Fields{}
	for name, v := range f {
		if changes.Keeps(name) {
			continue
		}
		if text, is := changes.Text(name); is {
			v = text
		} else if text, is := v.(string); is {
			v = changes.Form(name, text)
		}
		out[name] = v
	}
	return out
}

func bearer(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token
}
