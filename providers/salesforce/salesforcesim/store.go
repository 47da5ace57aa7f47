package salesforcesim

import (
	"strings"
	"sync"
	"time"

	"crmsyncd/providers/internal/simrules"
)

const (
	userPrefix = "005"
	apiUser    = 0 // row of the user that API calls run as
	humanUser  = 1 // row of the user behind the Go API's edits
)

// store is the org's data. Everything below mu is guarded by it; methods with
// the comment "locked" expect it held.
type store struct {
	schema *schema
	clock  func() time.Time
	rules  *simrules.Set

	mu         sync.RWMutex
	tables     map[*object]*table
	audit      []auditEntry
	noAudit    bool
	late       time.Duration
	locks      map[string]int
	duplicates []DuplicateRule
	country    bool
	rule       func(Write) *Error
	emptied    int64 // when the recycle bin was last emptied
}

func newStore(sc *schema, clock func() time.Time) *store {
	s := &store{schema: sc, clock: clock, rules: &simrules.Set{}, tables: map[*object]*table{}, locks: map[string]int{}}
	for _, name := range sc.names {
		o := sc.object(name)
		t := &table{obj: o, indexes: map[*field]*index{}, rules: s.rules}
		for _, f := range o.fields {
			if f.sys == sysNone && (f.unique || f.isKey()) {
				t.indexFor(f)
			}
		}
		s.tables[o] = t
	}
	return s
}

func (s *store) now() int64 { return s.clock().Unix() }

// table finds an object's table by name in any case, or returns nil.
func (s *store) table(name string) *table {
	o := s.schema.object(name)
	if o == nil {
		return nil
	}
	return s.tables[o]
}

// tableOf finds the table that a canonical id points into.
func (s *store) tableOf(id string) *table {
	if len(id) < 3 {
		return nil
	}
	return s.tables[s.schema.byPrefix[id[:3]]]
}

// match returns the live rows with value v in key field f. Locked.
func (s *store) match(t *table, f *field, v string) []uint32 {
	if f.sys == sysID {
		id, ok := CanonicalID(v)
		if !ok {
			return nil
		}
		if n, ok := t.find(id); ok && t.rows[n].life == live {
			return []uint32{n}
		}
		return nil
	}
	v, err := f.parseText(v)
	if err != nil || v == "" {
		return nil
	}
	return t.indexFor(f).get(f.fold(v))
}

// compound returns the value of an address field as JSON.
func (t *table) appendAddress(b []byte, r *row, f *field) []byte {
	empty := true
	for _, p := range f.parts {
		empty = empty && r.stored(p) == ""
	}
	if empty {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, p := range f.parts {
		if i > 0 {
			b = append(b, ',')
		}
		key := strings.TrimPrefix(p.name, strings.TrimSuffix(f.name, "Address"))
		b = quote(b, strings.ToLower(key[:1])+key[1:])
		b = append(b, ':')
		b = p.appendJSON(b, r.stored(p))
	}
	return append(b, '}')
}

// appendField appends "Name":value.
func (t *table) appendField(b []byte, n uint32, r *row, f *field) []byte {
	b = append(b, '"')
	b = append(b, f.name...)
	b = append(b, `":`...)
	if t.rules.Reading() {
		if form, broken := t.rules.Malforms(t.obj.name, f.name, t.values(n, r)); broken {
			return simrules.AppendMalformed(b, form, t.value(n, r, f))
		}
	}
	if f.sys == sysAddress {
		return t.appendAddress(b, r, f)
	}
	return f.appendJSON(b, t.value(n, r, f))
}

// appendAttributes appends the attributes of a record.
func (t *table) appendAttributes(b []byte, n uint32, prefix string) []byte {
	b = append(b, `"attributes":{"type":"`...)
	b = append(b, t.obj.name...)
	b = append(b, `","url":"`...)
	b = append(b, prefix...)
	b = append(b, `/sobjects/`...)
	b = append(b, t.obj.name...)
	b = append(b, '/')
	b = append(b, t.id(n)...)
	return append(b, `"}`...)
}

// appendRecord appends a record with the given fields.
func (t *table) appendRecord(b []byte, n uint32, r *row, fields []*field, prefix string) []byte {
	b = append(b, '{')
	b = t.appendAttributes(b, n, prefix)
	for _, f := range fields {
		b = append(b, ',')
		b = t.appendField(b, n, r, f)
	}
	return append(b, '}')
}

// visible are the fields that the running user can see.
func (o *object) visible() []*field {
	list := make([]*field, 0, len(o.fields))
	for _, f := range o.fields {
		if !f.hidden {
			list = append(list, f)
		}
	}
	return list
}
