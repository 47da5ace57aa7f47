package salesforcesim

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// The vendor's limits on collections.
const (
	maxCollection = 200
	maxRetrieve   = 2000
	maxChunks     = 10
)

// tooMany refuses the whole call. That it is refused is documented, its code
// is a likely one: no recording of it was found.
func tooMany(limit int) *Error {
	return bad("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than "+strconv.Itoa(limit)+" records into this call")
}

func (c *call) routeCollections(rest []string) *Error {
	switch {
	case len(rest) == 0:
		switch c.r.Method {
		case http.MethodPost:
			return c.writeMany(OpCreate, CallCreateMany, nil, nil)
		case http.MethodPatch:
			return c.writeMany(OpUpdate, CallUpdateMany, nil, nil)
		case http.MethodDelete:
			return c.removeMany()
		}
		return c.wrongMethod("POST,PATCH,DELETE")
	case len(rest) > 2:
		return notFound()
	}
	t := c.store.table(rest[0])
	if t == nil {
		return errorf(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
	}
	if len(rest) == 1 {
		return c.retrieveMany(t)
	}
	if c.version < 46 {
		return notFound()
	}
	return c.only(http.MethodPatch, func() *Error { return c.upsertMany(t, rest[1]) })
}

func (c *call) upsertMany(t *table, name string) *Error {
	c.store.mu.RLock()
	f := t.obj.field(name)
	c.store.mu.RUnlock()
	if f == nil || !f.isKey() {
		return noSuchKey(name)
	}
	return c.writeMany(OpUpsert, CallUpsertMany, t, f)
}

// writeMany serves the three writing collections. Whatever becomes of the
// records, the answer is 200.
func (c *call) writeMany(op string, kind CallKind, t *table, key *field) *Error {
	body, free, err := c.body()
	if err != nil {
		return err
	}
	defer free()
	opt := c.options(op)
	opt.key = key
	d := &decoder{store: c.store, op: op, key: key, home: t}
	drafts, err := c.decodeMany(d, body, &opt)
	c.calls.count(kind, objectOf(t, drafts))
	if err != nil {
		return err
	}
	if err := checkChunks(op, drafts); err != nil {
		return err
	}
	if op == OpUpsert {
		refuseRepeats(key, drafts)
	}
	out := c.store.write(drafts, opt)
	return c.answer(http.StatusOK, func(b []byte) []byte { return appendOutcomes(b, out, op == OpUpsert) })
}

func objectOf(t *table, drafts []draft) string {
	if t == nil && len(drafts) > 0 {
		t = drafts[0].t
	}
	if t == nil {
		return ""
	}
	return t.obj.name
}

// decodeMany reads {"allOrNone": …, "records": […]}.
func (c *call) decodeMany(d *decoder, body []byte, opt *writeOptions) ([]draft, *Error) {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	top, err := d.object(body)
	if err != nil {
		return nil, err
	}
	var records []byte
	for _, m := range top {
		switch unquote(m.name) {
		case "allOrNone":
			opt.allOrNone = string(m.value) == "true"
		case "records":
			records = m.value
		default:
			return nil, bad("JSON_PARSER_ERROR", "Unrecognized field \""+unquote(m.name)+"\"")
		}
	}
	drafts, err := d.records(records)
	if err == nil && len(drafts) == 0 {
		err = bad("REQUIRED_FIELD_MISSING", "Required fields are missing: [records]", "records")
	}
	return drafts, err
}

// records decodes an array of records.
func (d *decoder) records(raw []byte) ([]draft, *Error) {
	if len(raw) == 0 {
		return nil, nil
	}
	dec := newJSON(raw)
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, jsonError(err)
	}
	if tok.Kind() != '[' {
		return nil, parserError("list of sobjects", "value that is no array")
	}
	drafts := make([]draft, 0, 16)
	// No fewer than this many fields fit into the bytes: they grow once.
	d.arena = make([]cell, 0, bytes.Count(raw, []byte(`":`)))
	for dec.PeekKind() != ']' {
		if len(drafts) == maxCollection {
			return drafts, tooMany(maxCollection)
		}
		var e *Error
		d.members, e = readMembers(dec, raw, d.members[:0])
		if e != nil {
			return drafts, e
		}
		drafts = append(drafts, d.record(d.members))
	}
	if _, err := dec.ReadToken(); err != nil {
		return drafts, jsonError(err)
	}
	return drafts, nil
}

// checkChunks refuses a create with too many runs of one type.
func checkChunks(op string, drafts []draft) *Error {
	runs := 0
	for i := range drafts {
		if i == 0 || drafts[i].t != drafts[i-1].t {
			runs++
		}
		if op == OpUpdate && drafts[i].err == nil && drafts[i].id == "" {
			drafts[i].err = bad("MISSING_ARGUMENT", "Id not specified in an update call")
		}
	}
	if runs > maxChunks {
		return bad("LIMIT_EXCEEDED", "the records make more than "+strconv.Itoa(maxChunks)+" chunks of one type")
	}
	return nil
}

// refuseRepeats marks the second record with the same key in one call.
// Whether the vendor fails the second or both is not known.
func refuseRepeats(key *field, drafts []draft) {
	seen := make(map[string]bool, len(drafts))
	for i := range drafts {
		k := key.fold(drafts[i].key)
		if k != "" && seen[k] && drafts[i].err == nil {
			drafts[i].err = bad("DUPLICATE_VALUE", "Duplicate external id specified: "+drafts[i].key, key.name)
		}
		seen[k] = true
	}
}

func appendOutcomes(b []byte, out []outcome, upsert bool) []byte {
	b = append(b, '[')
	for i := range out {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOutcome(b, &out[i], upsert)
	}
	return append(b, ']')
}

func appendOutcome(b []byte, o *outcome, upsert bool) []byte {
	b = append(b, '{')
	if o.hasID {
		b = append(b, `"id":"`...)
		b = append(b, o.t.id(o.row)...)
		b = append(b, `",`...)
	}
	if o.matches != nil {
		ids := make([]string, len(o.matches))
		for i, n := range o.matches {
			ids[i] = o.t.id(n)
		}
		o.err = bad("DUPLICATE_EXTERNAL_ID", "Multiple records found for the external ID: ["+strings.Join(ids, ", ")+"]")
	}
	if o.err != nil {
		b = append(b, `"success":false,"errors":[`...)
		b = o.err.appendMany(b)
		b = append(b, ']')
	} else {
		b = append(b, `"success":true,"errors":[]`...)
	}
	if upsert {
		b = append(b, `,"created":`...)
		b = strconv.AppendBool(b, o.created)
	}
	return append(b, '}')
}

func (c *call) removeMany() *Error {
	q := c.r.URL.Query()
	ids := splitIDs(q.Get("ids"))
	object := ""
	if len(ids) > 0 {
		if id, ok := CanonicalID(ids[0]); ok {
			if t := c.store.tableOf(id); t != nil {
				object = t.obj.name
			}
		}
	}
	c.calls.count(CallDeleteMany, object)
	switch {
	case len(ids) == 0:
		return bad("REQUIRED_FIELD_MISSING", "Required fields are missing: [ids]", "ids")
	case len(ids) > maxCollection:
		return tooMany(maxCollection)
	}
	out := c.store.remove(ids, writeOptions{credential: c.session, allOrNone: strings.EqualFold(q.Get("allOrNone"), "true")})
	return c.answer(http.StatusOK, func(b []byte) []byte { return appendOutcomes(b, out, false) })
}

func splitIDs(list string) []string {
	var ids []string
	for id := range strings.SplitSeq(list, ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// retrieveMany answers the records of a list of ids, with null for those that
// are not there.
func (c *call) retrieveMany(t *table) *Error {
	c.calls.count(CallRetrieveMany, t.obj.name)
	var ids, names []string
	limit := maxRetrieve
	switch c.r.Method {
	case http.MethodGet:
		ids, names = splitIDs(c.r.URL.Query().Get("ids")), fieldsParam(c.r.URL.Query())
	case http.MethodPost:
		var err *Error
		if ids, names, err = c.retrieveBody(); err != nil {
			return err
		}
	default:
		return c.wrongMethod("GET,POST")
	}
	switch {
	case len(ids) == 0:
		return bad("REQUIRED_FIELD_MISSING", "Required fields are missing: [ids]", "ids")
	case len(names) == 0:
		return bad("REQUIRED_FIELD_MISSING", "Required fields are missing: [fields]", "fields")
	case len(ids) > limit:
		return tooMany(limit)
	}
	c.rlock()
	fields, err := t.obj.pick(names)
	if err != nil {
		return err
	}
	rows, err := c.rowsByID(t, ids)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, '[')
		for i, r := range rows {
			if i > 0 {
				b = append(b, ',')
			}
			if r.row == nil {
				b = append(b, "null"...)
				continue
			}
			b = t.appendRecord(b, r.n, r.row, fields, c.prefix)
		}
		return append(b, ']')
	})
}

type found struct {
	n   uint32
	row *row
}

// rowsByID finds the visible live rows of ids. Locked.
func (c *call) rowsByID(t *table, ids []string) ([]found, *Error) {
	now := c.store.now()
	rows := make([]found, len(ids))
	for i, id := range ids {
		canonical, ok := CanonicalID(id)
		if !ok {
			return nil, bad("MALFORMED_ID", "malformed id "+id)
		}
		if n, ok := t.find(canonical); ok {
			if r := t.shows(n, now); r != nil && r.life == live {
				rows[i] = found{n, r}
			}
		}
	}
	return rows, nil
}

// retrieveBody reads {"ids": […], "fields": […]}.
func (c *call) retrieveBody() (ids, names []string, fail *Error) {
	body, free, fail := c.body()
	if fail != nil {
		return nil, nil, fail
	}
	defer free()
	d := &decoder{}
	top, fail := d.object(body)
	if fail != nil {
		return nil, nil, fail
	}
	for _, m := range top {
		list, err := stringList(m.value)
		if err != nil {
			return nil, nil, err
		}
		switch unquote(m.name) {
		case "ids":
			ids = list
		case "fields":
			names = list
		}
	}
	return ids, names, nil
}

func stringList(raw []byte) ([]string, *Error) {
	dec := newJSON(raw)
	tok, err := dec.ReadToken()
	if err != nil || tok.Kind() != '[' {
		return nil, parserError("list of strings", "value that is no array")
	}
	var list []string
	for dec.PeekKind() != ']' {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, jsonError(err)
		}
		if tok.Kind() != '"' {
			return nil, parserError("string", "value that is no string")
		}
		list = append(list, tok.String())
	}
	return list, nil
}
