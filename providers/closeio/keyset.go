package closeio

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crmsyncd/providers"
)

// keyset reads opportunities and tasks by their listings. It never turns pages
// far: each question begins at the last stamp that the one before showed, for a
// page that is counted off moves when records change. Opportunities come in the
// order of their changes. Tasks cannot be ordered so: those that changed since
// the position come in the order of their creation, which no change moves.
//
// https://developer.close.com/resources/opportunities and
// https://developer.close.com/resources/tasks, last checked 2026-11-22.
type keyset struct {
	c     *Client
	call  call
	q     *question
	since position
	n     *census // of a full or a first reading

	safe  time.Time // when the reading began, less the overlap
	at    time.Time // of the key: where the running question begins
	top   time.Time // the latest change seen before safe
	given given
	skip  int // records of the running question that were read
	again int // how often a run of one stamp was begun anew
}

func newKeyset(c *Client, k call, q *question, since position, full bool) *keyset {
	s := &keyset{c: c, call: k, q: q, since: since, at: since.at, given: newGiven(since.edge), n: newCensus(since, full)}
	if q.object == Task {
		s.at, s.top = since.created, since.top
		if !since.begun.IsZero() {
			s.safe = since.begun.Add(-overlap)
		}
	}
	return s
}

// key is the stamp that the reading goes by.
func (w *keyset) key(s *sheet, i int) time.Time {
	if w.q.object == Task {
		return s.created(i)
	}
	return s.stamps[i]
}

// next reads pages until one brings something, or the end.
func (w *keyset) next(ctx context.Context, s *sheet) error {
	for {
		if err := w.fetch(ctx, s); err != nil {
			return err
		}
		if w.moved(s) {
			if w.again++; w.again > 3 {
				return providers.Errorf(providers.Transient, w.call.op, "records with one time of change move while they are listed")
			}
			w.skip = 0
			continue
		}
		w.take(s)
		done, err := w.advance(s)
		if err == nil && done {
			err = w.finish(ctx)
		}
		if err != nil {
			return err
		}
		s.total = w.n.expected()
		if done || len(s.records)+s.ignored > 0 {
			s.next, s.last = w.position(done).cursor(), done
			return nil
		}
	}
}

func (w *keyset) fetch(ctx context.Context, s *sheet) error {
	asked := time.Now()
	resp, err := w.c.get(ctx, w.call, w.path())
	if err != nil {
		return err
	}
	if w.safe.IsZero() {
		w.safe = w.c.serverAt(asked).Add(-overlap)
	}
	if err := s.read(w.call.op, resp, asked); err != nil {
		return err
	}
	if w.at.IsZero() && w.skip == 0 {
		w.n.learn(s.head(headTotal))
	}
	return w.keysTold(s)
}

func (w *keyset) keysTold(s *sheet) error {
	for i := range s.doc.Len() {
		if w.key(s, i).IsZero() {
			return providers.Errorf(providers.Broken, w.call.op, "a record of the answer has no time of creation")
		}
	}
	return nil
}

// tieOverlap is how many records each page within a run of one stamp shows
// again, as a proof that the run did not move.
const tieOverlap = 10

// moved reports whether records left a run of one stamp while it was read, so
// that others slipped by between two pages; the run is then read again.
func (w *keyset) moved(s *sheet) bool {
	return w.skip > 0 && (s.doc.Len() == 0 || !w.given.has(mark(s.doc.Row(0)[cellID], s.stamps[0])))
}

func (w *keyset) take(s *sheet) {
	for i := range s.doc.Len() {
		id, at := s.doc.Row(i)[cellID], s.stamps[i]
		w.n.count(id)
		if !at.After(w.safe) {
			w.top = later(w.top, at)
		}
		if w.given.fresh(mark(id, at), w.key(s, i)) {
			s.take(i)
		}
	}
}

// advance moves on by one page and reports whether it was the last.
func (w *keyset) advance(s *sheet) (done bool, err error) {
	n := s.doc.Len()
	more := n >= pageSize
	if raw := s.head(headMore); raw != nil {
		more = string(raw) == "true"
	}
	switch {
	case !more:
		return true, nil
	case n <= tieOverlap:
		return false, providers.Errorf(providers.Broken, w.call.op, "the listing says that there is more and does not give it")
	}
	if to := grain(w.key(s, n-1)); to.After(w.at) {
		w.at, w.skip, w.again = to, 0, 0
		w.given.pass(to)
		return false, nil
	}
	w.skip += n - tieOverlap
	return false, nil
}

// finish proves a full reading by its count.
func (w *keyset) finish(ctx context.Context) error {
	if w.n.whole() {
		return nil
	}
	// Records that went while we read are missing from neither.
	if err := w.n.ask(ctx, w.c, w.call, w.q.object); err != nil {
		return err
	}
	if !w.n.whole() {
		return w.n.short(w.call.op)
	}
	return nil
}

// position returns where a later reading begins, by the same rule as that of a
// search. Within a window of tasks it holds how far their creations were read,
// and when that began.
func (w *keyset) position(done bool) position {
	window := w.q.object == Task
	if window && !done {
		return position{
			window: true, at: w.since.at, begun: w.safe.Add(overlap), created: w.at, top: grain(w.top),
		}
	}
	if !done {
		return position{at: grain(later(earlier(w.at, w.safe), w.since.at))}
	}
	p := endPosition(w.top, w.safe, w.since.at, w.given)
	if window {
		p.window, p.edge = true, nil
	}
	return p
}

func (w *keyset) path() string {
	v := url.Values{"_limit": {strconv.Itoa(pageSize)}, "_fields": {w.q.wanted()}}
	if w.skip > 0 {
		v.Set("_skip", strconv.Itoa(w.skip))
	}
	by := byUpdate
	if w.q.object == Task {
		by = byCreation
		setFrom(v, byUpdate, w.since.at)
	}
	v.Set("_order_by", by)
	setFrom(v, by, w.at)
	return "/" + w.q.object + "/?" + v.Encode()
}

func setFrom(v url.Values, name string, at time.Time) {
	if !at.IsZero() {
		v.Set(name+"__gte", at.UTC().Format(stampForm))
	}
}

// wanted names what a listing is to bring. One word stands for all custom fields
// where their ids would make the address too long.
func (q *question) wanted() string {
	all := strings.Join(q.names, ",")
	if len(all) <= uriRoom {
		return all
	}
	out := []string{"custom"}
	for _, name := range q.names {
		if !strings.HasPrefix(name, customPrefix) {
			out = append(out, name)
		}
	}
	return strings.Join(out, ",")
}
