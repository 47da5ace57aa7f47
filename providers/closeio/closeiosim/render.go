package closeiosim

import (
	"strings"

	"crmsyncd/providers/internal/simrules"
)

// selection is what _fields asks for; nil is everything shown by default.
type selection struct {
	fields []*field
	custom []uint16 // in the order asked for
	all    bool     // every custom field
}

// selectFields reads the names of _fields. Unknown regular names come back.
func (s *store) selectFields(k kind, names []string) (sel *selection, unknown []string) {
	sel = &selection{}
	for _, name := range names {
		name = strings.TrimSpace(name)
		if f := s.kinds[k].byName[name]; f != nil {
			sel.fields = append(sel.fields, f)
			continue
		}
		switch {
		case name == "custom":
			sel.all = true
		case name == "_all":
			sel.fields = append(sel.fields, s.kinds[k].fields...)
			sel.all = true
		case strings.HasPrefix(name, "custom."):
			if f := s.fieldByKey(k, name); f != nil {
				sel.custom = append(sel.custom, f.n)
			}
		case name != "":
			unknown = append(unknown, name)
		}
	}
	return sel, unknown
}

// appendRecord writes a record as the API shows it: what has no value is null,
// but a custom field without one has no key at all.
// https://developer.close.com/api/resources/leads (last checked 2026-11-22)
func (s *store) appendRecord(b []byte, r *record, v *version, sel *selection) []byte {
	b = append(b, '{')
	return append(s.appendKeys(b, r, v, sel), '}')
}

func (s *store) appendKeys(b []byte, r *record, v *version, sel *selection) []byte {
	start := len(b)
	if sel == nil {
		for _, f := range s.kinds[r.kind].fields {
			if !f.named {
				b = s.appendKey(b, start, f, r, v)
			}
		}
		if r.kind == lead {
			b = s.appendLegacy(b, v)
		}
		return s.appendCustom(b, start, r, v)
	}
	for _, f := range sel.fields {
		b = s.appendKey(b, start, f, r, v)
	}
	if sel.all {
		return s.appendCustom(b, start, r, v)
	}
	for _, n := range sel.custom {
		if raw, ok := v.doc.get(n); ok {
			b = s.appendCell(b, start, s.keys.names[n], raw, r)
		}
	}
	return b
}

func appendName(b []byte, start int, name string) []byte {
	if len(b) > start {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, `":`...)
}

func (s *store) appendKey(b []byte, start int, f *field, r *record, v *version) []byte {
	if form, broken := s.malformed(r, f.name); broken {
		return simrules.AppendMalformed(appendName(b, start, f.name), form, plain(string(s.appendValue(nil, f, r, v))))
	}
	return s.appendValue(appendName(b, start, f.name), f, r, v)
}

func (s *store) appendValue(b []byte, f *field, r *record, v *version) []byte {
	if f.get != nil {
		return f.get(s, r, v, b)
	}
	raw, ok := v.doc.get(f.key)
	if !ok || raw == "null" {
		raw = f.blank
	}
	return append(b, raw...)
}

// appendCell writes a custom field.
func (s *store) appendCell(b []byte, start int, key, raw string, r *record) []byte {
	b = appendName(b, start, key)
	if form, broken := s.malformed(r, key); broken {
		return simrules.AppendMalformed(b, form, plain(raw))
	}
	return append(b, raw...)
}

func (s *store) appendCustom(b []byte, start int, r *record, v *version) []byte {
	for d := v.doc; len(d) > 0; {
		var n uint16
		var raw string
		n, raw, d = d.cut()
		if f := s.fieldByN[n]; f != nil && f.of(r.kind) {
			b = s.appendCell(b, start, f.key, raw, r)
		}
	}
	return b
}

// appendLegacy writes the deprecated dictionary of custom fields by their
// names, which recorded answers of 2025 still carry.
func (s *store) appendLegacy(b []byte, v *version) []byte {
	b = append(b, `,"custom":{`...)
	start := len(b)
	for d := v.doc; len(d) > 0; {
		var n uint16
		var raw string
		n, raw, d = d.cut()
		if f := s.fieldByN[n]; f != nil && f.of(lead) {
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(quote(b, f.Name), ':')
			b = append(b, raw...)
		}
	}
	return append(b, '}')
}

// cell is a key and its value as an event tells them.
type cell struct{ name, raw string }

// eventCells are the keys of a record in an event: without other records, and
// with the ids of a lead's contacts.
func (s *store) eventCells(r *record, v *version) []cell {
	var list []cell
	for _, f := range s.kinds[r.kind].fields {
		if f.inner || f.named && f.name != "contact_ids" {
			continue
		}
		list = append(list, cell{f.name, string(s.appendValue(nil, f, r, v))})
	}
	for d := v.doc; len(d) > 0; {
		var n uint16
		var raw string
		n, raw, d = d.cut()
		if f := s.fieldByN[n]; f != nil && f.of(r.kind) {
			list = append(list, cell{f.key, raw})
		}
	}
	return list
}

func joinCells(list []cell) string {
	b := []byte{'{'}
	for i, c := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `"`+c.name+`":`...), c.raw...)
	}
	return string(append(b, '}'))
}
