package closeiosim

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// field is one key of a record.
type field struct {
	name  string
	key   uint16
	blank string // what stands for no value
	get   getter // nil if the value is stored
	set   setter // nil if a client cannot write it
	on    occasion
	// named fields are shown only when _fields asks for them; inner ones are
	// other records, which an event's data leave out.
	named, inner bool
}

type getter func(s *store, r *record, v *version, b []byte) []byte

// occasion says when a field may be written.
type occasion uint8

const (
	onCreate occasion = 1 << iota
	onUpdate
	always = onCreate | onUpdate
)

// schema is the fields of a kind, in the order in which they are shown.
type schema struct {
	fields []*field
	byName map[string]*field
}

func (s *store) newSchema(fields []field) *schema {
	c := &schema{byName: make(map[string]*field, len(fields))}
	for i := range fields {
		f := &fields[i]
		f.key = s.keys.number(f.name)
		if f.blank == "" {
			f.blank = "null"
		}
		c.fields = append(c.fields, f)
		c.byName[f.name] = f
	}
	return c
}

func (s *store) buildSchemas() {
	s.kinds[lead] = s.newSchema(append(leadFields(), stampFields()...))
	s.kinds[contact] = s.newSchema(append(contactFields(), stampFieldsOf(contact)...))
	s.kinds[opportunity] = s.newSchema(append(opportunityFields(), stampFields()...))
	s.kinds[task] = s.newSchema(append(taskFields(), stampFields()...))
}

// stampFields are common to all kinds.
func stampFields() []field {
	return []field{
		{name: "organization_id", get: func(s *store, _ *record, _ *version, b []byte) []byte { return quote(b, s.organization) }},
		{name: "created_by"},
		{name: "created_by_name", get: userName("created_by")},
		{name: "updated_by"},
		{name: "updated_by_name", get: userName("updated_by")},
		{name: "date_created", get: func(_ *store, r *record, _ *version, b []byte) []byte { return appendStamp(b, r.created) }},
		{name: "date_updated", get: func(_ *store, _ *record, v *version, b []byte) []byte { return appendStamp(b, v.updated) }},
	}
}

// stampFieldsOf leaves out the names of users, which recorded contacts lack.
func stampFieldsOf(k kind) []field {
	return slices.DeleteFunc(stampFields(), func(f field) bool { return k == contact && strings.HasSuffix(f.name, "_by_name") })
}

func idField() field {
	return field{name: "id", get: func(_ *store, r *record, _ *version, b []byte) []byte { return quote(b, r.id) }}
}

// leadFields are those of a lead. contact_ids and the primary_… fields come
// only by name in recorded answers.
func leadFields() []field {
	return []field{
		idField(),
		{name: "name", set: text(0), on: always},
		{name: "display_name", get: leadName},
		{name: "description", set: text(0), on: always},
		{name: "url", set: text(0), on: always},
		{name: "html_url", get: func(_ *store, r *record, _ *version, b []byte) []byte {
			return quote(b, "https://app.close.com/lead/"+r.id+"/")
		}},
		{name: "status_id", set: leadStatus, on: always},
		{name: "status_label", get: statusLabel},
		{name: "addresses", blank: "[]", set: addresses, on: always},
		{name: "contacts", get: innerRecords(contact), inner: true},
		{name: "opportunities", get: innerRecords(opportunity), inner: true},
		{name: "tasks", get: innerRecords(task), inner: true},
		{name: "contact_ids", get: contactIDs, named: true},
		{name: "primary_email", get: primary("emails"), named: true},
		{name: "primary_phone", get: primary("phones"), named: true},
		{name: "integration_links", get: googleLink},
	}
}

func contactFields() []field {
	return []field{
		idField(),
		leadField(),
		{name: "name", set: text(1000), on: always},
		{name: "display_name", get: contactName},
		{name: "title", set: text(1000), on: always},
		{name: "emails", blank: "[]", set: emails, on: always},
		{name: "phones", blank: "[]", set: phones, on: always},
		{name: "urls", blank: "[]", set: urls, on: always},
		{name: "timezone"},
		{name: "integration_links", blank: "[]"},
	}
}

// leadField is the owner, which a contact may change.
func leadField() field {
	return field{name: "lead_id", on: always, set: reference(lead), get: func(_ *store, _ *record, v *version, b []byte) []byte {
		if v.lead == nil {
			return append(b, "null"...)
		}
		return quote(b, v.lead.id)
	}}
}

// ownerName is the name of the lead that owns a record.
func ownerName() field {
	return field{name: "lead_name", get: func(s *store, _ *record, v *version, b []byte) []byte {
		if v.lead == nil {
			return append(b, "null"...)
		}
		return leadName(s, v.lead, v.lead.live, b)
	}}
}

// partnerName is the name of the contact that a record points to; it may point
// to nothing, and then the name is empty.
func partnerName() field {
	return field{name: "contact_name", get: func(s *store, _ *record, v *version, b []byte) []byte {
		id := plain(s.stored(v, "contact_id"))
		if id == "" {
			return append(b, "null"...)
		}
		if r := s.find(contact, id); r != nil {
			return contactName(s, r, r.live, b)
		}
		return append(b, `""`...)
	}}
}

// stored is a stored value, or null.
func (s *store) stored(v *version, name string) string {
	if raw, ok := v.doc.get(s.keys.number(name)); ok {
		return raw
	}
	return "null"
}

func leadName(s *store, _ *record, v *version, b []byte) []byte {
	if raw := s.stored(v, "name"); raw != "null" {
		return append(b, raw...)
	}
	return append(b, `"Untitled"`...)
}

func contactName(s *store, _ *record, v *version, b []byte) []byte {
	if raw := s.stored(v, "name"); raw != "null" {
		return append(b, raw...)
	}
	if first := elements(s.stored(v, "emails")); len(first) > 0 {
		return append(b, first[0]["email"]...)
	}
	return append(b, `"Unnamed"`...)
}

func statusLabel(s *store, _ *record, v *version, b []byte) []byte {
	st := s.status(plain(s.stored(v, "status_id")))
	if st == nil {
		return append(b, "null"...)
	}
	return quote(b, st.label)
}

func userName(of string) getter {
	return func(s *store, _ *record, v *version, b []byte) []byte {
		u := s.user(plain(s.stored(v, of)))
		if u == nil {
			return append(b, "null"...)
		}
		return quote(b, u.name())
	}
}

// innerRecords lists the children of a lead in full; of tasks only those that are
// not complete, since 2024-06-07.
// https://developer.close.com/api/overview/changelog/2024/6/7 (last checked 2026-11-22)
func innerRecords(k kind) getter {
	return func(s *store, r *record, _ *version, b []byte) []byte {
		b = append(b, '[')
		first := true
		for _, kid := range r.kids {
			if kid.kind != k || k == task && s.complete(kid.live) || s.hides(kid) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = s.appendRecord(b, kid, kid.live, nil)
		}
		return append(b, ']')
	}
}

func contactIDs(s *store, r *record, _ *version, b []byte) []byte {
	b = append(b, '[')
	first := true
	for _, kid := range r.kids {
		if kid.kind != contact || s.hides(kid) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = quote(b, kid.id)
	}
	return append(b, ']')
}

// primary is the first e-mail or phone of the lead's first contact with one.
func primary(list string) getter {
	return func(s *store, r *record, _ *version, b []byte) []byte {
		for _, kid := range r.kids {
			if kid.kind != contact || s.hides(kid) {
				continue
			}
			if all := elements(s.stored(kid.live, list)); len(all) > 0 {
				return append(b, encode(all[0])...)
			}
		}
		return append(b, "null"...)
	}
}

func googleLink(s *store, _ *record, v *version, b []byte) []byte {
	name := strings.ReplaceAll(url.QueryEscape(plain(s.stored(v, "name"))), "+", "%20")
	b = append(b, `[{"name":"Google Search","url":`...)
	b = quote(b, "https://google.com/search?q="+name)
	return append(b, "}]"...)
}

func quoted(text string) string { return string(quote(nil, text)) }

func number(n int64) string { return strconv.FormatInt(n, 10) }
