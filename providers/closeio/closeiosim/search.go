package closeiosim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// searchMax is the largest _limit of a search. Close does not publish it.
const searchMax = 200

// query is the body of a search.
type query struct {
	kind kind

	Query         node                `json:"query"`
	Sort          []sorting           `json:"sort"`
	Fields        map[string][]string `json:"_fields"`
	Limit         *int                `json:"_limit"`
	Cursor        *string             `json:"cursor"`
	ResultsLimit  *int                `json:"results_limit"`
	IncludeCounts bool                `json:"include_counts"`
}

type sorting struct {
	Direction string    `json:"direction"`
	Field     nodeField `json:"field"`
}

// cursor is a place in a walk through the matches of one query.
type cursor struct {
	of    string // the query
	born  int64
	given int // records so far
	key   int64
	n     uint32
}

// parseSearch reads the body. Only leads and contacts can be searched for.
func (c *call) parseSearch() (*query, answer) {
	q := &query{}
	if err := json.Unmarshal(c.body, q); err != nil {
		return nil, badField("query", "Not a valid query.")
	}
	k, known := kindNamed(q.Query.objectType())
	if !known || k > contact {
		return nil, badField("query", "The query must have an object_type of lead or contact.")
	}
	q.kind = k
	return q, answer{}
}

// search answers POST /data/search/ from the index, which lags behind.
// https://developer.close.com/api/resources/advanced-filtering (last checked 2026-11-22)
func (c *call) search(q *query) answer {
	s := c.store
	s.settle(false)
	w, refused := c.walk(q)
	if w == nil {
		return refused
	}
	rows, more := w.rows()
	b := append(make([]byte, 0, 1<<14), `{"data":[`...)
	for i, r := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"__object_type":"`+q.kind.String()+`","id":`...)
		b = quote(b, r.id)
		if w.sel != nil {
			mark := len(b)
			b = append(b, ',')
			b = s.appendKeys(b, r, r.shown, w.sel)
			if len(b) == mark+1 {
				b = b[:mark]
			}
		}
		b = append(b, '}')
	}
	b = append(b, `],"cursor":`...)
	if more {
		b = quote(b, s.keepCursor(w, rows[len(rows)-1], len(rows)))
	} else {
		b = append(b, "null"...)
	}
	if q.IncludeCounts {
		b = append(b, `,"count":{"total":`+strconv.Itoa(w.total())+`}`...)
	}
	return ok(append(b, '}'))
}

// walk is one request of a walk.
type walk struct {
	*store
	kind    kind
	of      string
	match   predicate
	within  *span
	sel     *selection
	order   *order
	desc    bool
	limit   int // of the page
	most    int // of the walk
	start   *cursor
	updated bool // ordered by date_updated
}

func (c *call) walk(q *query) (*walk, answer) {
	s := c.store
	comp := &compiler{store: s, kind: q.kind}
	match, err := comp.compile(&q.Query, true)
	if err != nil {
		return nil, badField("query", err.Error())
	}
	if s.rules.Reading() {
		all := match
		match = func(r *record, v *version) bool { return all(r, v) && !s.hides(r) }
	}
	w := &walk{store: s, kind: q.kind, match: match, within: comp.within, of: c.fingerprint()}
	if a, fine := w.fields(q); !fine {
		return nil, a
	}
	if a, fine := w.sorted(q); !fine {
		return nil, a
	}
	if a, fine := w.sized(q); !fine {
		return nil, a
	}
	return w, answer{}
}

// fingerprint is the query without what may differ from page to page.
func (c *call) fingerprint() string {
	var parts map[string]json.RawMessage
	_ = json.Unmarshal(c.body, &parts)
	delete(parts, "cursor")
	delete(parts, "_limit")
	var out bytes.Buffer
	_ = json.Compact(&out, encode(parts))
	return out.String()
}

// fields are those that the query names: without them there are only ids. The
// id comes anyway. A name that is no regular field is refused, while a custom
// field that is gone is passed over, which is our choice.
func (w *walk) fields(q *query) (answer, bool) {
	names := slices.DeleteFunc(slices.Clone(q.Fields[q.kind.String()]), func(n string) bool { return n == "id" })
	sel, unknown := w.selectFields(q.kind, names)
	if len(unknown) > 0 {
		return badField("_fields", "Unknown fields: "+strings.Join(unknown, ", ")+"."), false
	}
	if len(names) > 0 {
		w.sel = sel
	}
	return answer{}, true
}

func (w *walk) sorted(q *query) (answer, bool) {
	t := w.tables[q.kind]
	w.order = &t.indexMade
	if len(q.Sort) == 0 {
		return answer{}, true
	}
	by := q.Sort[0]
	w.desc = by.Direction == "desc"
	if by.Direction != "desc" && by.Direction != "asc" || by.Field.Type != "regular_field" || by.Field.ObjectType != q.kind.String() {
		return badField("sort", "Not a valid sort."), false
	}
	switch by.Field.FieldName {
	case "date_updated":
		w.order, w.updated = &t.indexRecent, true
	case "date_created":
	default:
		f := w.kinds[q.kind].byName[by.Field.FieldName]
		if f == nil || f.inner {
			return badField("sort", "Unknown field "+strconv.Quote(by.Field.FieldName)+"."), false
		}
		w.order = w.orderBy(f, t)
	}
	return answer{}, true
}

// orderBy sorts the whole index by a field; each row's place is its key.
func (w *walk) orderBy(f *field, t *table) *order {
	text := map[*record]string{}
	rows := slices.Clone(t.indexMade.rows)
	for _, r := range rows {
		text[r] = strings.ToLower(plain(string(w.appendValue(nil, f, r, r.shown))))
	}
	slices.SortStableFunc(rows, func(a, b *record) int { return cmp.Compare(text[a], text[b]) })
	place := make(map[*record]int64, len(rows))
	for i, r := range rows {
		place[r] = int64(i)
	}
	return &order{rows: rows, key: func(r *record) int64 { return place[r] }}
}

func (w *walk) sized(q *query) (answer, bool) {
	most := searchMax
	if w.opt.PageMax > 0 {
		most = w.opt.PageMax
	}
	w.limit = min(100, most)
	if q.Limit != nil {
		w.limit = *q.Limit
	}
	if w.limit < 1 || w.limit > most {
		return badField("_limit", "Must be between 1 and "+strconv.Itoa(most)+"."), false
	}
	given := 0
	if q.Cursor != nil && *q.Cursor != "" {
		w.start = w.cursors[*q.Cursor]
		if w.start == nil || w.now()-w.start.born > w.opt.CursorLife.Milliseconds() {
			return badRequest("Expired cursor"), false
		}
		if w.start.of != w.of {
			return badRequest("Invalid cursor"), false
		}
		given = w.start.given
	}
	w.most = w.opt.WalkMax
	if q.ResultsLimit != nil {
		w.most = min(w.most, *q.ResultsLimit)
	}
	w.limit = max(0, min(w.limit, w.most-given))
	return answer{}, true
}

// rows finds the page, and whether the walk goes on: not past its maximum,
// however many matches there are.
func (w *walk) rows() (page []*record, more bool) {
	list := w.order.rows
	lo, hi := 0, len(list)
	if w.updated && w.within != nil {
		lo = w.order.at(w.within.from, 0)
		hi = max(lo, w.order.at(w.within.to, 0))
	}
	step, i, end := 1, lo, hi
	if w.start != nil {
		if at := w.order.at(w.start.key, w.start.n+1); !w.desc {
			i = max(lo, at)
		}
	}
	if w.desc {
		step, i, end = -1, hi-1, lo-1
		if w.start != nil {
			i = min(i, w.order.at(w.start.key, w.start.n)-1)
		}
	}
	for ; i != end && (i-end)*step < 0; i += step {
		r := list[i]
		if !w.match(r, r.shown) {
			continue
		}
		if len(page) == w.limit {
			return page, len(page) > 0 && !w.ends(len(page))
		}
		page = append(page, r)
	}
	return page, false
}

func (w *walk) ends(page int) bool {
	given := page
	if w.start != nil {
		given += w.start.given
	}
	return given >= w.most
}

func (w *walk) total() int {
	n := 0
	for _, r := range w.order.rows {
		if w.match(r, r.shown) {
			n++
		}
	}
	return n
}

func (s *store) keepCursor(w *walk, last *record, page int) string {
	now := s.now()
	if len(s.cursors) > 64 {
		for token, c := range s.cursors {
			if now-c.born > s.opt.CursorLife.Milliseconds() {
				delete(s.cursors, token)
			}
		}
	}
	token := s.traces.next("cursor_")
	c := &cursor{of: w.of, born: now, given: page, key: w.order.key(last), n: last.n}
	if w.start != nil {
		c.given += w.start.given
	}
	s.cursors[token] = c
	return token
}

// moments is the range that a condition names. Its moments are rounded down to
// the grain of the index.
func (s *store) moments(on *condition) (span, error) {
	out := span{math.MinInt64, math.MaxInt64}
	for _, m := range []struct {
		at   *moment
		set  *int64
		plus int64
	}{{on.OnOrAfter, &out.from, 0}, {on.After, &out.from, 1}, {on.Before, &out.to, 0}} {
		if m.at == nil {
			continue
		}
		ms, err := s.moment(m.at)
		if err != nil {
			return out, err
		}
		if grain := s.opt.SearchGrain.Milliseconds(); grain > 0 {
			ms -= ms % grain
		}
		*m.set = ms + m.plus
	}
	return out, nil
}

func (s *store) moment(m *moment) (int64, error) {
	switch m.Type {
	case "now":
		return s.now(), nil
	case "fixed_utc":
		if ms, _, ok := parseMoment(m.Value); ok {
			return ms, nil
		}
	case "fixed_local_date":
		if ms, day, ok := parseMoment(m.Value); ok && day {
			if m.Which == "end" {
				ms += 24 * 60 * 60 * 1000
			}
			return ms, nil
		}
	case "offset":
		if m.Moment != nil {
			return s.offset(m)
		}
	}
	return 0, refused("Not a valid moment.")
}

func (s *store) offset(m *moment) (int64, error) {
	ms, err := s.moment(m.Moment)
	if err != nil {
		return 0, err
	}
	sign := 1
	if m.Direction == "past" {
		sign = -1
	}
	o := m.Offset
	t := time.UnixMilli(ms).UTC().AddDate(sign*o["years"], sign*o["months"], sign*(o["days"]+7*o["weeks"]))
	d := time.Duration(o["hours"])*time.Hour + time.Duration(o["minutes"])*time.Minute + time.Duration(o["seconds"])*time.Second
	return t.Add(time.Duration(sign) * d).UnixMilli(), nil
}
