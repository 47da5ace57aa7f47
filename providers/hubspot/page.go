package hubspot

import (
	"slices"
	"strconv"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// question is what is asked of every record: properties by name, and
// associations by calls of their own.
type question struct {
	object string // as the route names it
	typ    string // as addresses name it
	fields []record.Field
	names  []string // of properties, each once
	links  []linkField
}

// linkField is a field that is an association: the at-th of those asked for.
type linkField struct {
	at int
	association
}

func newQuestion(op, object string, fields []record.Field) (question, error) {
	if err := checkNames(op, object, fields); err != nil {
		return question{}, err
	}
	q := question{object: object, typ: objectType(object), fields: fields}
	for i, f := range fields {
		if isAssociation(f.Name) {
			a, e := associationOf(op, object, f)
			if e != nil {
				return question{}, e
			}
			q.links = append(q.links, linkField{i, a})
			continue
		}
		q.add(f.Name)
	}
	if len(q.names) == 0 {
		q.add(idProperty) // none at all would mean the default ones
	}
	return q, nil
}

// add asks for one more property.
func (q *question) add(name string) {
	if !slices.Contains(q.names, name) {
		q.names = append(q.names, name)
	}
}

// The places of what every record is asked for, and of an answer's head.
const (
	cellID = iota
	cellUpdated
	cellStamp
	cellFields
)

const (
	headAfter = iota
	headTotal
	headErrors
)

// never is a name that no member of an answer has.
const never = "\x00"

// walker reads answers of records: the id, the stamps, and the fields in their
// order.
func (q *question) walker() *jsonwalk.Walker {
	cells := make([]string, 0, len(q.fields)+cellFields)
	cells = append(cells, "id", "updatedAt", "properties."+stampProperty(q.object))
	for _, f := range q.fields {
		if isAssociation(f.Name) {
			cells = append(cells, never)
			continue
		}
		cells = append(cells, "properties."+f.Name)
	}
	return jsonwalk.New(jsonwalk.Shape{Array: "results", Head: []string{"paging.next.after", "total", "errors"}, Fields: cells})
}

// page is one answer of records.
type page struct {
	*jsonwalk.Page
	after string // where the listing goes on; empty at its end
	total int    // -1 when it is not told
	lost  int    // records whose id cannot be read
}

func walkPage(op string, w *jsonwalk.Walker, body []byte) (page, error) {
	p, err := w.Walk(body)
	if err != nil {
		return page{}, providers.Errorf(providers.Broken, op, "read the answer: %w", err)
	}
	if !p.Found {
		return page{}, providers.Errorf(providers.Broken, op, "the answer holds no records, not even none")
	}
	out := page{Page: p, total: -1}
	if n, ok := jsonwalk.Int(p.Head[headTotal]); ok {
		out.total = n
	}
	out.after, err = nextOf(op, p.Head[headAfter])
	return out, err
}

// nextOf reads where a listing goes on, which is a number in either form.
func nextOf(op string, raw []byte) (string, error) {
	if raw == nil || jsonwalk.IsNull(raw) {
		return "", nil
	}
	after, ok := jsonwalk.Text(raw)
	if !ok {
		after = string(raw)
	}
	if after != "" && !validName(after) {
		return "", providers.Errorf(providers.Broken, op, "the next page has no readable place")
	}
	return after, nil
}

// records appends the page's records, which point into its body.
func (p *page) records(op string, out []record.Record) ([]record.Record, error) {
	for i := range p.Len() {
		if lost(p.Row(i)) {
			p.lost++
			continue
		}
		rec, err := oneRecord(op, p.Row(i))
		if err != nil {
			return out, err
		}
		out = append(out, rec)
	}
	return out, nil
}

func lost(row [][]byte) bool { return row != nil && jsonwalk.Unreadable(row[cellID]) }

func oneRecord(op string, row [][]byte) (record.Record, error) {
	if row == nil {
		return record.Record{}, providers.Errorf(providers.Broken, op, "a record of the answer is null")
	}
	id, ok := idOf(row[cellID])
	if !ok {
		return record.Record{}, providers.Errorf(providers.Broken, op, "a record of the answer has no id")
	}
	return record.Record{ID: id, Version: stamp(row[cellUpdated]), Raw: row[cellFields:]}, nil
}

// idOf reads an id, which answers hold as a text or as a number.
func idOf(raw []byte) (string, bool) {
	if len(raw) > 2 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	id := string(raw)
	return id, validID(id)
}

// stamp reads a moment of the service; the zero time when it is none.
func stamp(raw []byte) time.Time {
	if len(raw) < 3 {
		return time.Time{}
	}
	text := string(raw)
	if raw[0] == '"' {
		text = text[1 : len(text)-1]
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC()
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}
