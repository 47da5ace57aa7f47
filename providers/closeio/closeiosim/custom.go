package closeiosim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CustomField describes a custom field. The type is one of text, textarea,
// number, date, datetime, user, contact, choices, hidden, url.
type CustomField struct {
	Name        string
	Type        string
	Description string
	Choices     []string
	Multiple    bool
	// Objects are the kinds of records that have the field. With more than
	// one, or with Shared, it is a shared field.
	Objects []string
	Shared  bool
	// EditableBy lists the roles that may write it; empty for everybody.
	EditableBy []string
}

type customField struct {
	CustomField
	id, key          string
	n                uint16
	created, updated int64
	converting       string
	convertedAt      int64
}

func (f *customField) of(k kind) bool { return slices.Contains(f.Objects, k.String()) }

func fieldTypes() []string {
	return []string{"text", "textarea", "number", "date", "datetime", "user", "contact", "choices", "hidden", "url"}
}

func (s *store) addField(c CustomField) (*customField, error) {
	if c.Name == "" || len(c.Objects) == 0 {
		return nil, fmt.Errorf("custom field %q: needs a name and an object", c.Name)
	}
	if !slices.Contains(fieldTypes(), c.Type) {
		return nil, fmt.Errorf("custom field %q: no type %q (%s)", c.Name, c.Type, strings.Join(fieldTypes(), " "))
	}
	if c.Type == "choices" && len(c.Choices) == 0 {
		return nil, fmt.Errorf("custom field %q: choices are missing", c.Name)
	}
	for _, o := range c.Objects {
		k, ok := kindNamed(o)
		if !ok || k == task {
			return nil, fmt.Errorf("custom field %q: no object %q (lead contact opportunity)", c.Name, o)
		}
		if s.field(k, c.Name) != nil {
			return nil, fmt.Errorf("custom field %q: %s has it already", c.Name, o)
		}
	}
	c.Shared = c.Shared || len(c.Objects) > 1
	id := s.ids.next("cf_")
	f := &customField{CustomField: c, id: id, key: "custom." + id, created: s.now(), updated: s.now()}
	f.n = s.keys.number(f.key)
	s.fields = append(s.fields, f)
	s.fieldByN[f.n] = f
	return f, nil
}

// field finds a custom field by its name.
func (s *store) field(k kind, name string) *customField {
	for _, f := range s.fields {
		if f.Name == name && f.of(k) {
			return f
		}
	}
	return nil
}

// fieldByKey finds the custom field of a key custom.cf_….
func (s *store) fieldByKey(k kind, key string) *customField {
	n, ok := s.keys.byName[key]
	if !ok {
		return nil
	}
	if f := s.fieldByN[n]; f != nil && f.of(k) {
		return f
	}
	return nil
}

// setCustom checks a value of f. Close keeps no nulls: "" takes the key away.
func (s *store) setCustom(f *customField, raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "", nil
	}
	if !f.Multiple {
		return s.customValue(f, raw)
	}
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		all = []json.RawMessage{raw}
	}
	var out []string
	for _, one := range all {
		v, err := s.customValue(f, one)
		if err != nil {
			return "", err
		}
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return "", nil
	}
	return "[" + strings.Join(out, ",") + "]", nil
}

func (s *store) customValue(f *customField, raw json.RawMessage) (string, error) {
	if f.Type == "number" {
		v := plain(string(raw))
		if _, err := strconv.ParseFloat(v, 64); err != nil || !json.Valid([]byte(v)) {
			return "", refused("Not a valid number.")
		}
		return v, nil
	}
	v, err := word(raw)
	if err != nil {
		return "", err
	}
	if f.Type != "textarea" {
		v = strings.TrimSpace(v)
	}
	if v == "" {
		return "", nil
	}
	return s.customText(f, v)
}

func (s *store) customText(f *customField, v string) (string, error) {
	ms, day, isTime := parseMoment(v)
	switch f.Type {
	case "date":
		if !isTime || !day {
			return "", refused("Not a valid date.")
		}
	case "datetime":
		if !isTime {
			return "", refused("Not a valid datetime.")
		}
		return string(appendStamp(nil, ms)), nil
	case "choices":
		if !slices.Contains(f.Choices, v) {
			return "", refused(strconv.Quote(v) + " is not a valid choice.")
		}
	case "user":
		if s.user(v) == nil {
			return "", refused("Object does not exist.")
		}
	case "contact":
		if s.find(contact, v) == nil {
			return "", refused("Object does not exist.")
		}
	}
	return quoted(v), nil
}

// changeMany applies custom.cf_x.add or .remove to a field of many values.
func (s *store) changeMany(f *customField, now string, raw json.RawMessage, add bool) (string, error) {
	if !f.Multiple {
		return "", refused("Field does not accept multiple values.")
	}
	given, err := s.setCustom(f, raw)
	if err != nil || given == "" {
		return now, err
	}
	var have, change []json.RawMessage
	if now != "" && json.Unmarshal([]byte(now), &have) != nil || json.Unmarshal([]byte(given), &change) != nil {
		return "", refused("Not a valid list.")
	}
	var out []string
	for _, h := range have {
		if add || !slices.ContainsFunc(change, func(c json.RawMessage) bool { return string(c) == string(h) }) {
			out = append(out, string(h))
		}
	}
	for _, c := range change {
		if add && !slices.Contains(out, string(c)) {
			out = append(out, string(c))
		}
	}
	if len(out) == 0 {
		return "", nil
	}
	return "[" + strings.Join(out, ",") + "]", nil
}

// appendField describes a field. A shared one has associations where others
// have choices and roles.
// https://developer.close.com/api/resources/custom-fields (last checked 2026-11-22)
func (s *store) appendField(b []byte, f *customField) []byte {
	d := map[string]any{
		"id": f.id, "name": f.Name, "description": nil, "type": f.Type, "accepts_multiple_values": f.Multiple,
		"organization_id": s.organization, "created_by": s.users[0].id, "updated_by": s.users[0].id,
		"date_created": json.RawMessage(appendStamp(nil, f.created)), "date_updated": json.RawMessage(appendStamp(nil, f.updated)),
	}
	if f.Description != "" {
		d["description"] = f.Description
	}
	if f.converting != "" {
		d["converting_to_type"] = f.converting
	}
	roles := append([]string{}, f.EditableBy...)
	if f.Shared {
		ties := make([]map[string]any, len(f.Objects))
		for i, o := range f.Objects {
			ties[i] = map[string]any{"object_type": o, "required": false, "editable_with_roles": roles}
		}
		d["associations"], d["is_shared"] = ties, true
		if f.Type == "choices" {
			d["choices"] = f.Choices
		}
	} else {
		d["choices"], d["editable_with_roles"] = nil, roles
		if f.Type == "choices" {
			d["choices"] = f.Choices
		}
	}
	return append(b, encode(d)...)
}

// convert finishes the changes of type whose time has come. Values that do not
// fit the new type are lost.
func (s *store) convert() {
	now := s.now()
	for _, f := range s.fields {
		if f.converting == "" || now < f.convertedAt {
			continue
		}
		f.Type, f.converting, f.updated = f.converting, "", now
		for _, o := range f.Objects {
			k, _ := kindNamed(o)
			for _, r := range s.tables[k].made.rows {
				s.convertValue(f, r)
			}
		}
		s.turn++
	}
}

func (s *store) convertValue(f *customField, r *record) {
	raw, ok := r.live.doc.get(f.n)
	if !ok {
		return
	}
	given := json.RawMessage(raw)
	if f.Type != "number" && raw[0] != '"' && !f.Multiple {
		given = json.RawMessage(quoted(raw))
	}
	out, err := s.setCustom(f, given)
	if err != nil {
		out = ""
	}
	if out == raw {
		return
	}
	v := &version{updated: r.live.updated, lead: r.live.lead, doc: r.live.doc.with(map[uint16]string{f.n: out})}
	s.replace(r, v)
}
