package closeio

import (
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/rest"
)

// The places of what every record is asked for. The fields asked for follow, and
// after them the members that derived ones are made of.
const (
	cellID = iota
	cellUpdated
	cellCreated
	cellType
	cellBy
	cellFields
)

// updatedBy names the user who changed a record last.
const updatedBy = "updated_by"

// never is a name that no member of an answer has.
const never = "\x00"

// question is what is asked of every record of an object: members of its own,
// custom fields by their ids, and fields that are made of other members.
type question struct {
	object  string
	me      string // our own user; empty where it is not known
	fields  []record.Field
	names   []string // what Close is asked for, each once
	cells   []string // what is read of each record
	width   int      // of what the caller asked for
	custom  []customCell
	parts   []partCell
	derived []derivedCell
	gone    []string // names asked for that the schema lacks
}

// customCell is a field that is a custom one: the at-th of those asked for.
type customCell struct {
	at       int
	name, id string
	lost     bool // it has gone since
}

// newQuestion resolves the fields. Where schema is nil, no custom field is among
// them.
func newQuestion(op, object string, fields []record.Field, schema *customSchema) (*question, error) {
	q := &question{object: object, fields: fields, width: len(fields), cells: []string{"id", byUpdate, byCreation, "_type", updatedBy}}
	q.names = []string{"id", byUpdate, byCreation, updatedBy}
	if object == Task {
		q.names = append(q.names, "_type")
	}
	for i, f := range fields {
		cell := f.Name
		switch {
		case isCustom(object, f.Name):
			id, err := q.addCustom(op, i, f.Name, schema)
			if err != nil {
				return nil, err
			}
			cell = id
		case q.addDerived(i, f.Name):
			cell = never
		case !validName(f.Name):
			return nil, noField(op, f.Name)
		default:
			q.add(f.Name)
		}
		q.cells = append(q.cells, cell)
	}
	q.finish()
	return q, nil
}

func noField(op, name string) error {
	e := providers.Errorf(providers.Broken, op, "%q is no name of a field in Close", short(name))
	e.Fields = []string{short(name)}
	return e
}

func isCustom(object, name string) bool {
	return hasCustom(object) && strings.HasPrefix(name, customPrefix)
}

func anyCustom(object string, fields []record.Field) bool {
	return slices.ContainsFunc(fields, func(f record.Field) bool { return isCustom(object, f.Name) })
}

// addCustom resolves a custom field by its name. One that the schema lacks is
// noted as gone and not asked for.
func (q *question) addCustom(op string, at int, name string, schema *customSchema) (cell string, err error) {
	f, err := schema.find(op, q.object, strings.TrimPrefix(name, customPrefix))
	if err != nil {
		return "", err
	}
	if f == nil {
		q.gone = append(q.gone, name)
		return never, nil
	}
	q.custom = append(q.custom, customCell{at: at, name: name, id: f.ID})
	q.add(customPrefix + f.ID)
	return customPrefix + f.ID, nil
}

// add asks Close for one more member.
func (q *question) add(name string) {
	if !slices.Contains(q.names, name) {
		q.names = append(q.names, name)
	}
}

// source adds a member that is read for what is made of it, and returns its
// place.
func (q *question) source(name string) int {
	q.add(name)
	base := cellFields + q.width
	for i := base; i < len(q.cells); i++ {
		if q.cells[i] == name {
			return i
		}
	}
	q.cells = append(q.cells, name)
	return len(q.cells) - 1
}

// finish gives the members that derived fields need their places, which come
// after those of the fields.
func (q *question) finish() {
	for i := range q.parts {
		q.parts[i].src = q.source(q.parts[i].list.member)
	}
	for i := range q.derived {
		d := &q.derived[i]
		for j, name := range d.sources {
			d.src[j] = q.source(name)
		}
	}
}

// validName reports whether name can be a member of a record: it becomes part of
// an address.
func validName(name string) bool {
	if name == "" || len(name) > 100 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

func (q *question) walker() *jsonwalk.Walker {
	return jsonwalk.New(jsonwalk.Shape{Array: "data", Head: []string{"cursor", "has_more", "total_results"}, Fields: q.cells})
}

// The places in an answer's head.
const (
	headCursor = iota
	headMore
	headTotal
)

// sheet is one page as it was read, kept until it may be handed over.
type sheet struct {
	q      *question
	walker *jsonwalk.Walker
	resp   *rest.Response
	doc    *jsonwalk.Page
	lists  map[*partList]*jsonwalk.Walker
	arena  []byte // literals that were made here

	readAt  time.Time
	records []record.Record
	stamps  []time.Time // of the document's rows
	ignored int
	next    record.Cursor
	last    bool
	total   int
	absent  bool // a custom field that was asked for is missing in a record
}

func newSheet(q *question) *sheet {
	return &sheet{q: q, walker: q.walker()}
}

// read takes an answer in. The sheet owns it from then on.
func (s *sheet) read(op string, resp *rest.Response, asked time.Time) error {
	s.clear()
	s.resp, s.readAt = resp, asked
	var err error
	if s.doc, err = s.walker.Walk(resp.Body); err != nil {
		return providers.Errorf(providers.Broken, op, "read the answer: %w", err)
	}
	if !s.doc.Found {
		return providers.Errorf(providers.Broken, op, "the answer holds no records, not even none")
	}
	for i := range s.doc.Len() {
		row := s.doc.Row(i)
		if row == nil {
			return providers.Errorf(providers.Broken, op, "a record of the answer is null")
		}
		at := parseStamp(row[cellUpdated])
		if id, ok := jsonwalk.Text(row[cellID]); !ok || !validID(id) || at.IsZero() && s.q.object != User {
			return providers.Errorf(providers.Broken, op, "a record of the answer has no id or no time of change")
		}
		s.stamps = append(s.stamps, at)
	}
	return nil
}

// clear lets the last page go.
func (s *sheet) clear() {
	s.resp.Release()
	s.resp, s.doc = nil, nil
	s.records, s.stamps, s.arena = s.records[:0], s.stamps[:0], s.arena[:0]
	s.ignored, s.next, s.last, s.total, s.absent = 0, "", false, 0, false
}

func (s *sheet) id(i int) string {
	id, _ := jsonwalk.Text(s.doc.Row(i)[cellID])
	return id
}

func (s *sheet) created(i int) time.Time { return parseStamp(s.doc.Row(i)[cellCreated]) }

// ours reports whether a row is of a kind that is taken. Of tasks that is what
// people note to do; all others are Close's own reminders of calls and messages,
// which nobody takes anywhere (R104).
//
// https://developer.close.com/resources/tasks, last checked 2026-11-22.
func (s *sheet) ours(i int) bool {
	if s.q.object != Task {
		return true
	}
	kind, _ := jsonwalk.Text(s.doc.Row(i)[cellType])
	return kind == Lead
}

// take makes row i a record of the page.
func (s *sheet) take(i int) {
	if !s.ours(i) {
		s.ignored++
		return
	}
	row := s.doc.Row(i)
	raw := row[cellFields : cellFields+s.q.width : cellFields+s.q.width]
	for i := range s.q.custom {
		switch c := &s.q.custom[i]; {
		case c.lost:
			raw[c.at] = nil
		case raw[c.at] == nil:
			raw[c.at] = null()
			s.absent = true
		}
	}
	s.derive(row, raw)
	s.records = append(s.records, record.Record{ID: s.id(i), Version: s.stamps[i], By: s.author(row[cellBy]), Raw: raw})
}

// author reads who changed a record last. Close names nobody for a change of its
// own.
func (s *sheet) author(raw []byte) record.Author {
	user, ok := jsonwalk.Text(raw)
	switch {
	case s.q.me == "", !ok, user == "":
		return record.ByUnknown
	case user == s.q.me:
		return record.ByOurs
	}
	return record.ByOther
}

// settle takes in what one more look at the schema told: fields that it has no
// longer are unreadable in every record of the page, and what else is absent is
// unset.
func (s *sheet) settle() {
	s.absent = false
	for _, c := range s.q.custom {
		if !c.lost {
			continue
		}
		for i := range s.records {
			s.records[i].Raw[c.at] = nil
		}
	}
}

func (s *sheet) page() record.Page {
	return record.Page{
		Records: s.records, Next: s.next, Last: s.last, Total: s.total, ReadAt: s.readAt, Ignored: s.ignored,
	}
}

// head returns a member beside the records.
func (s *sheet) head(i int) []byte { return s.doc.Head[i] }

// null is the literal of what is unset.
func null() []byte { return []byte("null") }
