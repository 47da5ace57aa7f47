package salesforcesim

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// decoder turns the JSON of a write call into drafts. It walks tokens straight
// into cells; all cells of a call share one slice.
type decoder struct {
	store   *store
	op      string
	key     *field // of an upsert
	keyPath bool   // the key stands in the path, not in the record
	home    *table // the object, if the path names it

	arena   []cell
	members []member
	typeRaw []byte // the last attributes seen, and their table
	typeOf  *table
}

// member is one name and value of an object, as slices of the body.
type member struct{ name, value []byte }

func newJSON(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
}

func jsonError(err error) *Error {
	text := err.Error()
	if len(text) > 300 {
		text = text[:300]
	}
	return bad("JSON_PARSER_ERROR", text)
}

// object reads the members of the JSON object that body consists of.
func (d *decoder) object(body []byte) ([]member, *Error) {
	dec := newJSON(body)
	list, err := readMembers(dec, body, nil)
	if err != nil {
		return nil, err
	}
	if _, e := dec.ReadToken(); e == nil {
		return nil, bad("JSON_PARSER_ERROR", "unexpected text after the object")
	}
	return list, nil
}

// readMembers appends the members of the next value, which must be an object.
func readMembers(dec *jsontext.Decoder, body []byte, list []member) ([]member, *Error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, jsonError(err)
	}
	if tok.Kind() != '{' {
		return nil, parserError("sobject", "value that is no object")
	}
	for dec.PeekKind() != '}' {
		name, e := readSlice(dec, body)
		if e != nil {
			return nil, e
		}
		value, e := readSlice(dec, body)
		if e != nil {
			return nil, e
		}
		list = append(list, member{name, value})
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, jsonError(err)
	}
	return list, nil
}

// readSlice reads the next value and returns the place in body where it stands.
func readSlice(dec *jsontext.Decoder, body []byte) ([]byte, *Error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return nil, jsonError(err)
	}
	end := int(dec.InputOffset())
	return body[end-len(raw) : end], nil
}

// record decodes the members of one record. What is wrong with it is told by
// the draft's err.
func (d *decoder) record(members []member) draft {
	out := draft{t: d.home}
	for _, m := range members {
		if string(m.name) == `"attributes"` {
			if out.t, out.err = d.tableFor(m.value); out.err != nil {
				return out
			}
		}
	}
	if out.t == nil {
		out.err = bad("INVALID_TYPE", "attributes.type is missing")
		return out
	}
	start := len(d.arena)
	for _, m := range members {
		if err := d.member(&out, m); err != nil {
			out.err = err
			return out
		}
	}
	out.cells = d.arena[start:len(d.arena):len(d.arena)]
	return out
}

// tableFor reads {"type": …}.
func (d *decoder) tableFor(raw []byte) (*table, *Error) {
	if d.typeOf != nil && bytes.Equal(raw, d.typeRaw) {
		return d.typeOf, nil
	}
	members, err := d.object(raw)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if string(m.name) != `"type"` {
			continue
		}
		name := unquote(m.value)
		t := d.store.table(name)
		if t == nil {
			return nil, bad("INVALID_TYPE", "sObject type '"+name+"' is not supported.")
		}
		if d.home != nil && t != d.home {
			return nil, bad("INVALID_TYPE", "attributes.type is "+t.obj.name+" but the resource is for "+d.home.obj.name)
		}
		d.typeRaw, d.typeOf = raw, t
		return t, nil
	}
	if d.home != nil {
		return d.home, nil
	}
	return nil, bad("INVALID_TYPE", "attributes.type is missing")
}

func (d *decoder) member(out *draft, m member) *Error {
	if string(m.name) == `"attributes"` {
		return nil
	}
	name := m.name[1 : len(m.name)-1]
	f := out.t.obj.byName[string(name)]
	if f == nil || f.hidden {
		f = out.t.obj.field(unquote(m.name))
	}
	switch {
	case f == nil:
		return d.parent(out, unquote(m.name), m.value)
	case f.sys == sysID:
		return d.id(out, m.value)
	case f == d.key && d.keyPath:
		return bad("INVALID_FIELD", "The "+f.name+" field should not be specified in the sobject data.")
	}
	v, err := f.parseJSON(m.value)
	if err != nil {
		return err
	}
	if f == d.key {
		out.key = v
		return nil
	}
	d.arena = append(d.arena, cell{f, v})
	return nil
}

// id takes the Id of a record: the target of an update, or a mistake.
func (d *decoder) id(out *draft, raw []byte) *Error {
	v := unquoteOrEmpty(raw)
	switch {
	case d.op == OpUpdate && !d.keyPath:
		out.id = v
		return nil
	case d.op == OpUpsert && !d.keyPath && d.key.sys == sysID:
		out.key = v
		return nil
	case d.op == OpCreate:
		return bad("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
	}
	return bad("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
}

func unquoteOrEmpty(raw []byte) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	return unquote(raw)
}

// parent takes a nested parent, addressed by a key: "Account":{"Ext__c":"q1"}.
func (d *decoder) parent(out *draft, name string, raw []byte) *Error {
	f := out.t.obj.parent(name)
	if f == nil {
		return noSuchColumn(name, out.t.obj.name)
	}
	if string(raw) == "null" {
		d.arena = append(d.arena, cell{f, ""})
		return nil
	}
	members, err := d.object(raw)
	if err != nil {
		return err
	}
	to, members, err := d.parentTable(f, members)
	if err != nil {
		return err
	}
	if len(members) != 1 {
		return bad("INVALID_FIELD", "The foreign key reference "+name+" must name exactly one external ID field of "+to.obj.name)
	}
	by := to.obj.field(unquote(members[0].name))
	if by == nil {
		return noSuchColumn(unquote(members[0].name), to.obj.name)
	}
	if !by.isKey() {
		return bad("INVALID_FIELD", "The field "+by.name+" of "+to.obj.name+" is not an external ID or indexed field")
	}
	val := string(members[0].value)
	if members[0].value[0] == '"' {
		val = unquote(members[0].value)
	}
	out.parents = append(out.parents, parentKey{f: f, by: by, to: to, val: val})
	return nil
}

// parentTable tells which object a nested parent is of, and returns its other
// members. A polymorphic one must say so, with attributes as the first member.
func (d *decoder) parentTable(f *field, members []member) (*table, []member, *Error) {
	to := d.store.table(f.refersTo[0])
	for i, m := range members {
		if string(m.name) != `"attributes"` {
			continue
		}
		if len(f.refersTo) > 1 && i > 0 {
			return nil, nil, bad("JSON_PARSER_ERROR", "attributes must be the first member of the polymorphic reference "+f.relation)
		}
		home := d.home
		d.home, d.typeOf = nil, nil
		t, err := d.tableFor(m.value)
		d.home, d.typeOf = home, nil
		if err != nil {
			return nil, nil, err
		}
		if !f.refers(t.obj.name) {
			return nil, nil, bad("INVALID_FIELD", "The reference "+f.relation+" cannot point to "+t.obj.name)
		}
		rest := append([]member{}, members[:i]...)
		return t, append(rest, members[i+1:]...), nil
	}
	if len(f.refersTo) > 1 {
		return nil, nil, bad("JSON_PARSER_ERROR", "attributes.type is missing in the polymorphic reference "+f.relation)
	}
	return to, members, nil
}

// textDraft builds a draft from field names and text, for the Go API.
func (s *store) textDraft(t *table, fields map[string]string) draft {
	out := draft{t: t}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text := fields[name]
		f := t.obj.byName[strings.ToLower(name)]
		if f == nil {
			out.err = noSuchColumn(name, t.obj.name)
			return out
		}
		v, err := f.parseText(text)
		if err != nil {
			out.err = err
			return out
		}
		out.cells = append(out.cells, cell{f, v})
	}
	return out
}
