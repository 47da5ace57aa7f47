package salesforce

import (
	"context"
	"iter"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// Incremental reports that every object can be read by what changed.
func (c *Client) Incremental(string) bool { return true }

// Read lists an object by SystemModstamp and Id. A listing since a cursor looks
// back further by an overlap and ends before the moment of the query by the
// server's clock; a full one has no bounds.
func (c *Client) Read(ctx context.Context, q providers.Query) iter.Seq2[record.Page, error] {
	return func(yield func(record.Page, error) bool) {
		l, err := c.newListing(ctx, q)
		if err != nil {
			yield(record.Page{}, err)
			return
		}
		defer l.release()
		for !l.done {
			page, err := l.page(ctx)
			if err != nil {
				yield(record.Page{}, err)
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// position is how far a listing came. With an id it names one record, and what
// lies before it was seen for good; without one it is a moment that a later
// read looks back from.
type position struct {
	at time.Time
	id string
}

func (p position) cursor() record.Cursor {
	if p.at.IsZero() {
		return ""
	}
	return record.Cursor(strings.TrimSpace(p.at.Format(literalForm) + " " + p.id))
}

func parseCursor(op string, c record.Cursor) (position, error) {
	if c == "" {
		return position{}, nil
	}
	text, id, named := strings.Cut(string(c), " ")
	at, err := time.Parse(literalForm, text)
	ok := true
	if named {
		id, ok = ID18(id)
	}
	if err != nil || !ok {
		return position{}, providers.Errorf(providers.Broken, op, "%q is no position of this system", c)
	}
	return position{at: at, id: id}, nil
}

// maxRestarts bounds how often a listing begins again after its locator was
// lost without a record in between.
const maxRestarts = 3

type listing struct {
	c      *Client
	call   call
	q      providers.Query
	walker *jsonwalk.Walker

	since  position  // where the caller wants to begin
	from   position  // where the running query began
	before time.Time // where it ends; zero in a listing of everything
	start  time.Time // when the listing began, by the server's clock
	last   position  // the last record seen that will not move any more

	resp     *rest.Response
	recs     []record.Record
	next     string
	seen     int // of the running query
	total    int
	restarts int
	done     bool
}

func (c *Client) newListing(ctx context.Context, q providers.Query) (*listing, error) {
	op := "read " + q.Object
	if err := checkNames(op, q.Object, q.Fields); err != nil {
		return nil, err
	}
	l := &listing{c: c, q: q, call: call{op: op, kind: kindRead}, walker: newQueryWalker(q.Fields)}
	if !q.Full {
		var err error
		if l.since, err = parseCursor(op, q.Since); err != nil {
			return nil, err
		}
	}
	var err error
	if l.start, err = c.serverNow(ctx); err != nil {
		return nil, err
	}
	if !l.since.at.IsZero() {
		l.before = l.start
	}
	l.from = l.since
	return l, nil
}

// serverNow returns the server's time, asking for it where no answer told it
// yet.
func (c *Client) serverNow(ctx context.Context) (time.Time, error) {
	if at, ok := c.clock.At(time.Now()); ok {
		return at, nil
	}
	resp, err := c.get(ctx, call{op: "ask for the time", kind: kindRead}, "/services/data")
	if err != nil {
		return time.Time{}, err
	}
	resp.Release()
	at, _ := c.clock.At(time.Now())
	return at, nil
}

func (l *listing) release() {
	l.resp.Release()
	l.resp = nil
}

// page reads the next page, and begins the query again behind the last record
// where the service no longer knows it: a locator lives two days, and dies with
// the session that made it.
func (l *listing) page(ctx context.Context) (record.Page, error) {
	for {
		l.release()
		var err error
		if l.next == "" {
			l.resp, err = l.c.get(ctx, l.call, l.c.queryPath("query", listingQuery(l.q.Object, l.q.Fields, l.from, l.before)))
		} else {
			l.resp, err = l.c.follow(ctx, l.call, l.next)
		}
		if err == nil {
			break
		}
		if l.next == "" || !locatorLost(err) || l.restarts == maxRestarts {
			return record.Page{}, err
		}
		l.restarts++
		l.next, l.seen = "", 0
		if !l.last.at.IsZero() {
			l.from = l.last
		}
	}
	return l.parse()
}

func (l *listing) parse() (record.Page, error) {
	p, err := walkQuery(l.call.op, l.walker, l.resp.Body)
	if err != nil {
		return record.Page{}, err
	}
	if l.recs, err = p.records(l.call.op, l.c.user(), l.q.Fields, l.recs[:0]); err != nil {
		return record.Page{}, err
	}
	if err := l.step(p); err != nil {
		return record.Page{}, err
	}
	if l.last != l.from {
		l.restarts = 0
	}
	out := record.Page{Records: l.recs, Next: l.cursor(), Total: l.total, Last: l.done && l.seen == p.total, Unreadable: p.lost}
	return out, nil
}

// step moves the listing on by one page.
func (l *listing) step(p queryPage) error {
	for i := range l.recs {
		// A record that was changed while the listing runs shows its new stamp at
		// its old place: what follows it is not behind that stamp.
		if r := &l.recs[i]; !r.Version.IsZero() && r.Version.Before(l.start) {
			l.last = position{at: r.Version.Truncate(time.Second), id: r.ID}
		}
	}
	l.seen += len(l.recs) + p.lost
	l.total = max(l.total, p.total)
	if !p.done && (p.next == l.next || p.Len() == 0) {
		return providers.Errorf(providers.Broken, l.call.op, "the listing does not move on after %d records", l.seen)
	}
	l.done, l.next = p.done, p.next
	return nil
}

// cursor returns where a later read may begin. It is never later than the
// beginning of this one less the overlap: what was stamped after that may not
// have been visible yet.
func (l *listing) cursor() record.Cursor {
	safe := position{at: l.start.Add(-overlap)}
	switch {
	case l.last.at.IsZero() && !l.since.at.IsZero():
		return l.since.cursor()
	case l.last.at.IsZero() && !l.done:
		return ""
	case l.last.at.IsZero(), l.last.at.After(safe.at):
		return safe.cursor()
	case l.done:
		return position{at: l.last.at}.cursor()
	}
	return l.last.cursor()
}

func locatorLost(err error) bool {
	e := outcome.AsError(err)
	return e != nil && (e.Code == "INVALID_QUERY_LOCATOR" || e.Code == "INVALID_SESSION_ID")
}
