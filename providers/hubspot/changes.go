package hubspot

import (
	"context"
	"strconv"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/rest"
)

// changes reads what changed since a moment. It never turns a search's page:
// that ends at 10,000 records, and a record that changes meanwhile moves to the
// end and draws another one over the edge of the page, unread. Each query
// begins at the last stamp seen instead. Where one moment has more records than
// a page, as after an import, they are read in the order of their ids.
type changes struct {
	c      *Client
	call   call
	ask    question
	walker *jsonwalk.Walker
	wide   bool // the fields do not fit into a search

	since time.Time
	start time.Time // when the reading began, by the server's clock

	from    time.Time           // the running query's lower bound
	ties    map[string]struct{} // records of that very moment that were given already
	moment  bool                // the running query is about that moment alone
	idAfter string              // and about ids above this one
	last    time.Time           // the latest stamp seen

	resp *rest.Response
	recs []record.Record
	lost int // records of the page whose id cannot be read
}

func (c *Client) newChanges(ctx context.Context, k call, ask question, since time.Time) (*changes, error) {
	s := &changes{c: c, call: k, ask: ask, since: since, from: since, ties: map[string]struct{}{}}
	if s.from.UnixMilli() < epoch {
		s.from = time.UnixMilli(epoch).UTC()
	}
	s.ask.add(stampProperty(ask.object))
	body, err := s.body()
	if err != nil {
		return nil, providers.Errorf(providers.Broken, k.op, "%w", err)
	}
	s.walker = s.ask.walker()
	if len(body) > searchRoom {
		bare := question{object: ask.object, typ: ask.typ}
		s.wide, s.walker = true, bare.walker()
	}
	if s.start, err = c.serverNow(ctx, k); err != nil {
		return nil, err
	}
	return s, nil
}

// serverNow returns the server's time, asking for it where no answer told it
// yet.
func (c *Client) serverNow(ctx context.Context, k call) (time.Time, error) {
	if at, known := c.clock.At(time.Now()); known {
		return at, nil
	}
	resp, err := c.get(ctx, k, c.paths.account())
	if err != nil {
		return time.Time{}, err
	}
	resp.Release()
	at, _ := c.clock.At(time.Now())
	return at, nil
}

func (s *changes) body() ([]byte, error) {
	by := stampProperty(s.ask.object)
	names := s.ask.names
	if s.wide {
		names = []string{by}
	}
	from := strconv.FormatInt(s.from.UnixMilli(), 10)
	if s.moment {
		return searchBody(idProperty, names, filter{by, "GTE", from}, filter{by, "LTE", from}, filter{idProperty, "GT", s.idAfter})
	}
	return searchBody(by, names, filter{by, "GTE", from})
}

func (s *changes) page(ctx context.Context) (record.Page, bool, error) {
	s.resp.Release()
	s.resp = nil
	body, err := s.body()
	if err != nil {
		return record.Page{}, true, providers.Errorf(providers.Broken, s.call.op, "%w", err)
	}
	if s.resp, err = s.c.search(ctx, s.call, s.ask.typ, body); err != nil {
		return record.Page{}, true, err
	}
	p, err := walkPage(s.call.op, s.walker, s.resp.Body)
	if err != nil {
		return record.Page{}, true, err
	}
	if p.total < 0 || p.after != "" && p.Len() == 0 {
		return record.Page{}, true, providers.Errorf(providers.Broken, s.call.op, "the answer is no page of a search")
	}
	if err := s.take(p); err != nil {
		return record.Page{}, true, err
	}
	done, err := s.step(p)
	if err != nil {
		return record.Page{}, true, err
	}
	recs, err := s.c.complete(ctx, s.call, s.ask, s.recs, s.wide)
	if err != nil {
		return record.Page{}, true, err
	}
	return record.Page{Records: recs, Next: s.cursor(), Last: done, Unreadable: s.lost}, done, nil
}

// take keeps the page's records that were not given before.
func (s *changes) take(p page) error {
	s.recs, s.lost = s.recs[:0], 0
	for i := range p.Len() {
		row := p.Row(i)
		if lost(row) {
			s.lost++
			continue
		}
		rec, err := oneRecord(s.call.op, row)
		if err != nil {
			return err
		}
		at := stamp(row[cellStamp])
		if at.IsZero() {
			e := providers.Errorf(providers.Broken, s.call.op, "a record of the answer tells no time of change")
			e.Fields = []string{stampProperty(s.ask.object)}
			return e
		}
		if at.After(s.last) {
			s.last = at
		}
		if _, given := s.ties[rec.ID]; !given {
			s.recs = append(s.recs, rec)
		}
	}
	return nil
}

// step moves on by one page. Records come out of order at times, so the last
// record's stamp is what is trusted, and not the highest.
func (s *changes) step(p page) (done bool, err error) {
	more := p.after != ""
	if s.moment {
		return false, s.stepMoment(p, more)
	}
	if !more {
		return true, nil
	}
	at := stamp(p.Row(p.Len() - 1)[cellStamp]).Truncate(time.Millisecond)
	if at.After(s.from) {
		s.from = at
		clear(s.ties)
		s.tie(p)
		return false, nil
	}
	s.tie(p)
	s.moment, s.idAfter = true, "0"
	return false, nil
}

// tie notes the records of the page that carry the next query's first moment.
func (s *changes) tie(p page) {
	for i := range p.Len() {
		row := p.Row(i)
		if id, ok := idOf(row[cellID]); ok && stamp(row[cellStamp]).Truncate(time.Millisecond).Equal(s.from) {
			s.ties[id] = struct{}{}
		}
	}
}

func (s *changes) stepMoment(p page, more bool) error {
	if !more {
		s.moment = false
		s.from = s.from.Add(time.Millisecond)
		clear(s.ties)
		return nil
	}
	id, _ := idOf(p.Row(p.Len() - 1)[cellID])
	if !idLess(s.idAfter, id) {
		return providers.Errorf(providers.Broken, s.call.op, "the search does not move on after record %s", s.idAfter)
	}
	s.idAfter = id
	return nil
}

// idLess compares two ids as numbers of any length.
func idLess(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// cursor returns where a later reading begins: never past what was seen, and
// never later than the beginning of this one less the overlap, for the index
// may not have shown what changed after that (F3, F4). A stamp from the future
// moves nothing (F5).
func (s *changes) cursor() record.Cursor {
	safe := s.start.Add(-overlap)
	switch {
	case s.last.IsZero(), s.last.Before(s.since):
		return position{at: s.since}.cursor()
	case s.last.After(safe):
		return position{at: maxTime(safe, s.since)}.cursor()
	}
	return position{at: s.last.Truncate(time.Millisecond)}.cursor()
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
