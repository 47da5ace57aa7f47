package hubspotsim

import (
	"fmt"
	"net/http"
	"strings"

	"crmsyncd/providers/internal/simrules"
)

// Rule says what the portal does with some records of an object: refuse,
// ignore or rewrite what the API writes, hide records from the token, or tell
// properties in broken JSON. With Fields, Code is the code of a property's
// error; without, it is the category of the record's. VALIDATION_ERROR is the
// one if it is empty, and CONFLICT answers 409.
type Rule = simrules.Rule

// Match chooses the records of a Rule.
type Match = simrules.Match

// vendor is the portal as its rules know it.
type vendor struct{ *store }

// Resolve implements simrules.Vendor.
func (v vendor) Resolve(r *simrules.Rule) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	o := v.object(r.Object)
	if o == nil {
		var names []string
		for _, o := range v.objects {
			names = append(names, o.name)
		}
		return fmt.Errorf("there is no object %q; there are %s", r.Object, strings.Join(names, ", "))
	}
	r.Object = o.name
	match := simrules.Match{}
	for name, want := range r.Match {
		p, err := o.named(name)
		if err != nil {
			return err
		}
		match[p.name] = want
	}
	r.Match = match
	for i, name := range r.Fields {
		p, err := o.named(name)
		if err != nil {
			return err
		}
		r.Fields[i] = p.name
	}
	return nil
}

func (o *objectType) named(name string) (*property, error) {
	if name == "id" {
		name = "hs_object_id"
	}
	if p := o.prop(name); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s has no property %q", o.name, name)
}

// Stands implements simrules.Vendor.
func (v vendor) Stands(r *simrules.Rule) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	o := v.object(r.Object)
	for n := range o.rows {
		if o.rows[n].life == live && r.Fits(v.values(o, uint32(n), &o.rows[n])) {
			return true
		}
	}
	return false
}

// values are what a row has, as rules ask for it.
func (s *store) values(o *objectType, n uint32, r *row) simrules.Values {
	return func(name string) []string {
		p, err := o.named(name)
		if err != nil {
			return nil
		}
		return []string{s.value(o, n, r, p)}
	}
}

// hides tells whether the token does not see row n.
func (s *store) hides(o *objectType, n uint32) bool {
	return s.rules.Reading() && s.rules.Hides(o.name, s.values(o, n, &o.rows[n]))
}

// lookup finds rows as the token sees them: what is hidden is as if it were not
// there, in the archive either.
type lookup struct {
	s *store
	o *objectType
}

func (s *store) seen(o *objectType) lookup { return lookup{s, o} }

func (x lookup) only(n uint32, ok bool) (uint32, bool) { return n, ok && !x.s.hides(x.o, n) }

func (x lookup) find(id string) (uint32, bool)   { return x.only(x.o.find(id)) }
func (x lookup) follow(id string) (uint32, bool) { return x.only(x.o.follow(id)) }
func (x lookup) row(id string) (uint32, bool)    { return x.only(x.o.row(id)) }

func (x lookup) holder(p *property, v string) (uint32, bool) { return x.only(x.s.holder(x.o, p, v)) }

// ruled is a write as the rules see it.
func (w *writer) ruled(d *draft) simrules.Write {
	out := simrules.Write{Object: w.o.name, Create: d.fresh, Credential: w.credential}
	for _, c := range d.set {
		if !c.derived {
			out.Given = append(out.Given, c.p.name)
		}
	}
	if d.company != nil {
		out.Given = append(out.Given, "associatedcompanyid")
	}
	out.Values = func(name string) (list []string) {
		p, err := w.o.named(name)
		if err != nil {
			return nil
		}
		if !d.fresh {
			list = append(list, w.value(w.o, d.n, &w.o.rows[d.n], p))
		}
		if c := d.changed(p.name); c != nil {
			list = append(list, c.val)
		}
		return list
	}
	return out
}

// refuse answers with the first rule that refuses the draft.
func (w *writer) refuse(d *draft) *Error {
	no := w.rules.Refusal(w.ruled(d))
	if no == nil {
		return nil
	}
	if no.Code == "" {
		no.Code = "VALIDATION_ERROR"
	}
	if len(no.Fields) == 0 {
		return &Error{Status: statusOf(no.Code), Category: no.Code, Message: no.Text, conflict: no.Code == "CONFLICT"}
	}
	bad := refused{portal: w.portal.Load()}
	for _, name := range no.Fields {
		bad.add(name, &fault{no.Code, no.Text})
	}
	e := bad.err()
	e.conflict = no.Code == "CONFLICTING_UNIQUE_VALUE"
	return e
}

// statusOf is the HTTP status of a category.
// https://developers.hubspot.com/docs/api/error-handling (last checked 2026-11-30)
func statusOf(category string) int {
	switch category {
	case "CONFLICT":
		return http.StatusConflict
	case "OBJECT_NOT_FOUND":
		return http.StatusNotFound
	case "MISSING_SCOPES", "FORBIDDEN":
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// put stores what a draft sets as the rules let it. An edit that is quiet takes
// the time and the author of the value before, or of the record.
func (w *writer) put(d *draft) {
	var changes simrules.Changes
	if !w.human {
		changes = w.rules.Changes(w.ruled(d))
	}
	for _, c := range d.set {
		if changes.Keeps(c.p.name) {
			continue
		}
		if w.quiet {
			r := &w.o.rows[d.n]
			stamp := r.stored(c.p).stamp
			if stamp == 0 {
				stamp = newCell("", r.created, r.source).stamp
			}
			w.replace(w.o, d.n, c.p, cell{c.val, stamp}, false)
			continue
		}
		source := w.source
		if c.derived {
			source = byPortal
		}
		w.set(w.o, d.n, c.p, newCell(changes.Form(c.p.name, c.val), w.at, source))
	}
}
