package closeio

import (
	"context"
	"encoding/json"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// The stamps that a search can go by.
const (
	byUpdate   = "date_updated"
	byCreation = "date_created"
)

// search reads leads and contacts in the order of their changes. It asks for
// what changed at or after the last change that it saw, again and again, and
// turns pages by the vendor's cursor only where that does not move on: within a
// run of records with one stamp, and among records so new that they may be
// changing while they are read, whose place in the index is then not the one
// that their stamp says.
type search struct {
	c     *Client
	call  call
	q     *question
	since position
	n     *census // of a full or a first reading

	safe    time.Time // what changed before this is in the index for good
	at      time.Time // where the running question begins; zero is the beginning
	top     time.Time // the latest change seen before safe
	given   given
	walk    walk
	crowd   *crowd // a run too long for the vendor's cursor
	settled bool   // the index was given time to catch up
	wait    bool   // and is to be given it now
}

// walk is where the vendor's cursor stands.
type walk struct {
	cursor  string
	stepped int // records since the walk began
	expired int // how often it ended too early, in a row
}

// crowd reads a run of records with one stamp in the order of their creation: the
// vendor's cursor ended within it, at its cap or with a full page.
type crowd struct {
	low, high time.Time // of the stamp: from, and before
	created   time.Time
}

func newSearch(c *Client, k call, q *question, since position, full bool) *search {
	return &search{
		c: c, call: k, q: q, since: since, at: since.at, given: newGiven(since.edge), n: newCensus(since, full),
	}
}

// next reads pages until one brings something, or the end.
func (w *search) next(ctx context.Context, s *sheet) error {
	if err := w.prepare(ctx); err != nil {
		return err
	}
	for {
		if err := w.fetch(ctx, s); err != nil {
			return err
		}
		w.take(s)
		done, err := w.advance(s)
		if err == nil && done {
			done, err = w.finish(ctx)
		}
		if err != nil {
			return err
		}
		s.total = w.n.expected()
		if done || len(s.records) > 0 {
			s.next, s.last = w.position(done).cursor(), done
			return nil
		}
		if err := w.prepare(ctx); err != nil {
			return err
		}
	}
}

// prepare asks for the total before a full reading, and gives the index time
// where that is due.
func (w *search) prepare(ctx context.Context) error {
	if w.n != nil && w.n.total < 0 && w.safe.IsZero() {
		if err := w.n.ask(ctx, w.c, w.call, w.q.object); err != nil {
			return err
		}
	}
	if !w.wait {
		return nil
	}
	w.wait = false
	return pause(ctx, w.call.op, indexLag)
}

// fetch asks for a page. A cursor that died of age is done without: the question
// begins anew, and what was given already is passed over.
func (w *search) fetch(ctx context.Context, s *sheet) error {
	for {
		body, err := w.body()
		if err != nil {
			return err
		}
		asked := time.Now()
		resp, err := w.c.ask(ctx, w.call, "/data/search/", body)
		if w.walk.cursor != "" && expired(err) && w.walk.expired < 3 {
			w.walk = walk{expired: w.walk.expired + 1}
			continue
		}
		if err != nil {
			return err
		}
		w.walk.expired = 0
		if w.safe.IsZero() {
			w.safe = later(w.c.serverAt(asked).Add(-overlap), w.since.at)
		}
		return s.read(w.call.op, resp, asked)
	}
}

// take makes the rows that were not given before the records of the page.
func (w *search) take(s *sheet) {
	for i := range s.doc.Len() {
		id, at := s.doc.Row(i)[cellID], s.stamps[i]
		w.n.count(id)
		if !at.After(w.safe) {
			w.top = later(w.top, at)
		}
		if w.given.fresh(mark(id, at), at) {
			s.take(i)
		}
	}
}

// advance moves on by one page and reports whether it was the last. A page that
// is not full ends a question.
func (w *search) advance(s *sheet) (done bool, err error) {
	w.walk.stepped += s.doc.Len()
	w.walk.cursor, _ = jsonwalk.Text(s.head(headCursor))
	full := s.doc.Len() >= pageSize
	if w.crowd != nil {
		return false, w.advanceCrowd(s, full)
	}
	if !full {
		return true, nil
	}
	if to := w.anchor(s); to.After(w.at) {
		w.begin(to)
		return false, nil
	}
	if w.walk.cursor != "" && w.walk.stepped < walkCap {
		return false, nil
	}
	low, high := bounds(s.stamps)
	switch {
	case low.After(w.at):
		w.begin(low)
	case high.After(w.at):
		w.begin(high)
	default:
		// A walk that ends with a full page ended there or was cut off there.
		end := w.at.Truncate(time.Second).Add(time.Second)
		w.crowd, w.walk = &crowd{low: w.at, high: end}, walk{}
	}
	return false, nil
}

// begin asks anew, from a moment on.
func (w *search) begin(at time.Time) {
	w.at, w.walk = at, walk{}
	w.given.pass(at)
}

// anchor returns the latest stamp on the page that stands still.
func (w *search) anchor(s *sheet) time.Time {
	var to time.Time
	for _, at := range s.stamps {
		if !at.After(w.safe) {
			to = later(to, grain(at))
		}
	}
	return to
}

func bounds(stamps []time.Time) (low, high time.Time) {
	low, high = stamps[0], stamps[0]
	for _, at := range stamps[1:] {
		low, high = earlier(low, at), later(high, at)
	}
	return grain(low), grain(high)
}

// advanceCrowd moves on within a crowd, and behind it at its end.
func (w *search) advanceCrowd(s *sheet, full bool) error {
	if !full {
		w.leaveCrowd()
		return nil
	}
	last := grain(s.created(s.doc.Len() - 1))
	switch {
	case last.IsZero():
		return providers.Errorf(providers.Broken, w.call.op, "a record of the answer has no time of creation")
	case last.After(w.crowd.created):
		w.crowd.created, w.walk = last, walk{}
	case w.walk.stepped >= walkCap:
		e := providers.Errorf(providers.Broken, w.call.op,
			"more than %d records have one time of change and one of creation", walkCap)
		e.Hint = "Close gives no more of them; change a field of some of them in Close, so that their times differ"
		return e
	case w.walk.cursor == "":
		w.leaveCrowd()
	}
	return nil
}

func (w *search) leaveCrowd() {
	end := w.crowd.high
	w.crowd = nil
	w.begin(end)
}

// finish reports whether the listing is complete. A full one must have brought
// as many records as Close counts; what is missing may be too new for the index,
// which is given time once.
func (w *search) finish(ctx context.Context) (bool, error) {
	if w.n.whole() {
		return true, nil
	}
	// Records that went while we read are missing from neither.
	if err := w.n.ask(ctx, w.c, w.call, w.q.object); err != nil || w.n.whole() {
		return err == nil, err
	}
	if w.settled {
		return false, w.n.short(w.call.op)
	}
	w.settled, w.wait, w.walk = true, true, walk{}
	w.at = earlier(w.at, grain(w.safe))
	return false, nil
}

// position returns where a later reading begins: never past what was seen, and
// never later than the beginning of this one less the overlap, for the index may
// not have shown what changed after that (F3, F4). A stamp from the future moves
// nothing (F5).
func (w *search) position(done bool) position {
	if !done {
		return position{at: grain(later(earlier(w.at, w.safe), w.since.at))}
	}
	return endPosition(w.top, w.safe, w.since.at, w.given)
}

// The parts of a search.
type (
	searchBody struct {
		Query  node                `json:"query"`
		Sort   []order             `json:"sort"`
		Fields map[string][]string `json:"_fields"`
		Limit  int                 `json:"_limit"`
		Cursor *string             `json:"cursor"`
	}
	node struct {
		Type       string     `json:"type"`
		Queries    []node     `json:"queries,omitempty"`
		ObjectType string     `json:"object_type,omitempty"`
		Field      *fieldName `json:"field,omitempty"`
		Condition  *moments   `json:"condition,omitempty"`
	}
	fieldName struct {
		Type       string `json:"type"`
		ObjectType string `json:"object_type"`
		Name       string `json:"field_name"`
	}
	order struct {
		Direction string    `json:"direction"`
		Field     fieldName `json:"field"`
	}
	moments struct {
		Type      string  `json:"type"`
		OnOrAfter *moment `json:"on_or_after,omitempty"`
		Before    *moment `json:"before,omitempty"`
	}
	moment struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
)

// body writes the running question. Only what it names comes back.
//
// https://developer.close.com/resources/advanced-filtering, last checked
// 2026-11-22.
func (w *search) body() ([]byte, error) {
	object := w.q.object
	query := node{Type: "and", Queries: []node{{Type: "object_type", ObjectType: object}}}
	by := byUpdate
	if w.crowd != nil {
		by = byCreation
		query.between(object, byUpdate, w.crowd.low, w.crowd.high)
		query.between(object, byCreation, w.crowd.created, time.Time{})
	} else {
		query.between(object, byUpdate, w.at, time.Time{})
	}
	out := searchBody{
		Query: query, Sort: []order{{"asc", regular(object, by)}},
		Fields: map[string][]string{object: w.q.names}, Limit: pageSize,
	}
	if w.walk.cursor != "" {
		out.Cursor = &w.walk.cursor
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, providers.Errorf(providers.Broken, w.call.op, "write the search: %w", err)
	}
	return body, nil
}

func regular(object, name string) fieldName {
	return fieldName{Type: "regular_field", ObjectType: object, Name: name}
}

// between adds a condition on a stamp; a zero bound is none.
func (n *node) between(object, name string, low, high time.Time) {
	if low.IsZero() && high.IsZero() {
		return
	}
	field := regular(object, name)
	n.Queries = append(n.Queries, node{
		Type: "field_condition", Field: &field,
		Condition: &moments{Type: "moment_range", OnOrAfter: fixed(low), Before: fixed(high)},
	})
}

func fixed(t time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	return &moment{Type: "fixed_utc", Value: t.UTC().Format(stampForm)}
}
