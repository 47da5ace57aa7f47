package salesforcesim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"crmsyncd/providers/internal/simrules"
)

// Rule says what the org does with some records of an object: refuse, ignore
// or rewrite what the API writes, hide records from the API user, or tell
// fields in broken JSON. Objects and fields go by their API names in any case,
// and Code is the vendor's statusCode, FIELD_CUSTOM_VALIDATION_EXCEPTION if
// empty.
type Rule = simrules.Rule

// Match chooses the records of a Rule.
type Match = simrules.Match

// vendor is the org as its rules know it.
type vendor struct{ *store }

// Resolve implements simrules.Vendor.
func (v vendor) Resolve(r *simrules.Rule) error {
	t := v.table(r.Object)
	if t == nil {
		return fmt.Errorf("there is no object %q; there are %s", r.Object, strings.Join(v.schema.names, ", "))
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	r.Object = t.obj.name
	match := simrules.Match{}
	for name, want := range r.Match {
		f, err := t.obj.named(name)
		if err != nil {
			return err
		}
		if id, ok := CanonicalID(want); ok && (f.kind == "reference" || f.sys == sysID) {
			want = id
		}
		match[f.name] = want
	}
	r.Match = match
	for i, name := range r.Fields {
		f, err := t.obj.named(name)
		if err != nil {
			return err
		}
		r.Fields[i] = f.name
		if r.Effect != simrules.Rewrite || r.Text == "" {
			continue
		}
		if _, bad := f.parseText(r.Text); bad != nil {
			return fmt.Errorf("%s cannot be %q: %w", f.name, r.Text, bad)
		}
	}
	return nil
}

func (o *object) named(name string) (*field, error) {
	f := o.byName[strings.ToLower(name)]
	if f == nil {
		return nil, fmt.Errorf("%s has no field %q", o.name, name)
	}
	return f, nil
}

// Stands implements simrules.Vendor.
func (v vendor) Stands(r *simrules.Rule) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t := v.table(r.Object)
	return slices.ContainsFunc(t.numbers(), func(n uint32) bool {
		return t.rows[n].life == live && r.Fits(t.values(n, &t.rows[n]))
	})
}

func (t *table) numbers() []uint32 {
	list := make([]uint32, len(t.rows))
	for n := range list {
		list[n] = uint32(n)
	}
	return list
}

// values are what a row has, as rules ask for it.
func (t *table) values(n uint32, r *row) simrules.Values {
	return func(name string) []string {
		f := t.obj.byName[strings.ToLower(name)]
		if f == nil {
			return nil
		}
		return []string{t.value(n, r, f)}
	}
}

// hides tells whether the API user does not see row n.
func (t *table) hides(n uint32, r *row) bool {
	return t.rules.Reading() && t.rules.Hides(t.obj.name, t.values(n, r))
}

// shows is see for the API user.
func (t *table) shows(n uint32, now int64) *row {
	r := t.see(n, now)
	if r == nil || t.hides(n, r) {
		return nil
	}
	return r
}

// keepsFromAPI tells whether the write is the API user's, who does not see row n.
func (w *writer) keepsFromAPI(t *table, n uint32) bool { return !w.human && t.hides(n, &t.rows[n]) }

// noAccess is what a write hears of a record that the user does not see: that
// it is refused is documented, the code is a likely one for it.
func noAccess() *Error {
	return errorf(http.StatusForbidden, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id")
}

// hiddenTwin is what an upsert hears whose key is that of a record that the
// user does not see; the code is a likely one, as above.
func hiddenTwin(key *field) *Error {
	if !key.unique {
		return noAccess()
	}
	return bad("DUPLICATE_VALUE", "duplicate value found: <unknown> duplicates value on record with id: <unknown>")
}

// ruled is a write as the rules see it.
func (w *writer) ruled(d *draft, n uint32, exists bool) simrules.Write {
	out := simrules.Write{Object: d.t.obj.name, Create: !exists, Credential: w.credential}
	for _, c := range d.cells {
		out.Given = append(out.Given, c.f.name)
	}
	out.Values = func(name string) (list []string) {
		f := d.t.obj.byName[strings.ToLower(name)]
		if f == nil {
			return nil
		}
		if exists {
			list = append(list, d.t.value(n, &d.t.rows[n], f))
		}
		if v, given := d.get(f); given {
			list = append(list, v)
		}
		return list
	}
	return out
}

func (w *writer) checkRefusals(d *draft, n uint32, exists bool) *Error {
	if w.human {
		return nil
	}
	no := w.rules.Refusal(w.ruled(d, n, exists))
	if no == nil {
		return nil
	}
	if no.Code == "" {
		no.Code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
	}
	return errorf(statusOf(no.Code), no.Code, no.Text, no.Fields...)
}

// statusOf is the HTTP status of a single call that fails with the code.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm (last checked 2026-11-30)
func statusOf(code string) int {
	switch code {
	case "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND":
		return http.StatusNotFound
	case "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "API_DISABLED_FOR_ORG", "REQUEST_LIMIT_EXCEEDED":
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// changes are what the rules make of a write that is taken.
func (w *writer) changes(d *draft, n uint32, exists bool) simrules.Changes {
	if w.human {
		return nil
	}
	return w.rules.Changes(w.ruled(d, n, exists))
}

// put stores the cells of a draft as the rules let it.
func (w *writer) put(d *draft, n uint32, changes simrules.Changes) {
	for _, c := range d.cells {
		if changes.Keeps(c.f.name) {
			continue
		}
		v := c.val
		if form := changes.Form(c.f.name, v); form != v {
			// The rule's text was read when it was armed; another form of a value that
			// the field would not take is left as it was given.
			if mended, bad := c.f.parseText(form); bad == nil {
				v = mended
			}
		}
		d.t.set(n, c.f, v)
	}
}
