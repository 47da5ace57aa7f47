package closeio

import (
	"context"
	"errors"
	"iter"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Read lists an object. Leads and contacts come by the search, opportunities and
// tasks by their listings, oldest change first but for tasks, whose order is not
// offered: those of one reading come by the time of their creation. Users come
// whole each time.
func (c *Client) Read(ctx context.Context, q providers.Query) iter.Seq2[record.Page, error] {
	return func(yield func(record.Page, error) bool) {
		r, err := c.newReader(ctx, "read "+short(q.Object), q.Object, q.Fields)
		if err == nil {
			r.list, err = c.newLister(r, q)
		}
		if err != nil {
			yield(record.Page{}, err)
			return
		}
		r.run(ctx, yield)
	}
}

// lister reads one page after the other. The last one says so.
type lister interface {
	next(ctx context.Context, s *sheet) error
}

func (c *Client) newLister(r *reader, q providers.Query) (lister, error) {
	k := call{op: r.op, kind: kindRead}
	var since position
	if !q.Full && q.Object != User {
		var err error
		if since, err = parsePosition(r.op, q.Since); err != nil {
			return nil, err
		}
	}
	if since.window != (q.Object == Task) && since.set() {
		return nil, providers.Errorf(providers.Broken, r.op, "the position is one of another object")
	}
	switch q.Object {
	case User:
		return &userList{c: c, call: k, q: r.q}, nil
	case Opportunity, Task:
		return newKeyset(c, k, r.q, since, q.Full), nil
	}
	return newSearch(c, k, r.q, since, q.Full), nil
}

// reader hands pages over, none before it is sure that what is absent in it is
// unset and not gone.
type reader struct {
	c       *Client
	op      string
	q       *question
	list    lister
	hold    int      // how many pages wait for one look at the schema
	pending []*sheet // pages that wait
	free    []*sheet
}

func (c *Client) newReader(ctx context.Context, op, object string, fields []record.Field) (*reader, error) {
	if err := checkObject(op, object); err != nil {
		return nil, err
	}
	var schema *customSchema
	if anyCustom(object, fields) {
		var err error
		if schema, err = c.schema(ctx, op, object); err != nil {
			return nil, err
		}
	}
	q, err := newQuestion(op, object, fields, schema)
	if err != nil {
		return nil, err
	}
	q.me = c.user()
	return &reader{c: c, op: op, q: q, hold: 1}, nil
}

func (r *reader) run(ctx context.Context, yield func(record.Page, error) bool) {
	for {
		s := r.blank()
		if err := r.fetch(ctx, s); err != nil {
			// What came before the failure is good, if the schema still says so.
			if len(r.pending) > 0 && r.verify(ctx) == nil && !r.flush(yield) {
				return
			}
			yield(record.Page{}, err)
			return
		}
		last := s.last
		r.pending = append(r.pending, s)
		if r.doubtful() {
			if len(r.pending) < r.hold && r.bytes() < holdBytes && !last {
				continue
			}
			if err := r.verify(ctx); err != nil {
				yield(record.Page{}, err)
				return
			}
			r.hold = min(4*r.hold, holdMost)
		}
		if !r.flush(yield) || last {
			return
		}
	}
}

// blank returns a sheet to read a page into.
func (r *reader) blank() *sheet {
	if n := len(r.free); n > 0 {
		s := r.free[n-1]
		r.free = r.free[:n-1]
		return s
	}
	return newSheet(r.q)
}

// fetch reads the next page. A listing that is refused for what it asks is asked
// once more without the fields that have gone meanwhile.
func (r *reader) fetch(ctx context.Context, s *sheet) error {
	err := r.list.next(ctx, s)
	if err == nil || !refused(err) || len(r.q.custom) == 0 {
		return err
	}
	before := r.q.lost()
	if verr := r.verify(ctx); verr != nil {
		return errors.Join(err, verr)
	}
	if r.q.lost() == before {
		return err
	}
	return r.list.next(ctx, s)
}

func (r *reader) doubtful() bool {
	return slices.ContainsFunc(r.pending, func(s *sheet) bool { return s.absent })
}

// bytes is how large the pages that wait are.
func (r *reader) bytes() int {
	n := 0
	for _, s := range r.pending {
		n += len(s.resp.Body)
	}
	return n
}

// verify asks for the schema again. A custom field that it has no longer, or has
// under another name, is unreadable in every page that waits and in all to come:
// its absence says nothing (F19).
func (r *reader) verify(ctx context.Context) error {
	schema, err := r.c.schema(ctx, r.op, r.q.object)
	if err != nil {
		return err
	}
	if err := r.q.compare(r.op, schema); err != nil {
		return err
	}
	for _, s := range r.pending {
		s.settle()
	}
	return nil
}

// flush hands over the pages that wait.
func (r *reader) flush(yield func(record.Page, error) bool) bool {
	for len(r.pending) > 0 {
		s := r.pending[0]
		r.pending = slices.Delete(r.pending, 0, 1)
		p := s.page()
		p.Gone = r.q.goneNames()
		if !yield(p, nil) {
			return false
		}
		s.clear()
		r.free = append(r.free, s)
	}
	return true
}

// compare notes which of the custom fields asked for are no longer in schema.
func (q *question) compare(op string, schema *customSchema) error {
	for i := range q.custom {
		cell := &q.custom[i]
		f, err := schema.find(op, q.object, cell.name[len(customPrefix):])
		if err != nil {
			return err
		}
		if f == nil || f.ID != cell.id {
			cell.lost = true
			id := customPrefix + cell.id
			q.names = slices.DeleteFunc(q.names, func(n string) bool { return n == id })
		}
	}
	return nil
}

// lost counts the custom fields that have gone since they were resolved.
func (q *question) lost() int {
	n := 0
	for i := range q.custom {
		if q.custom[i].lost {
			n++
		}
	}
	return n
}

func (q *question) goneNames() []string {
	names := q.gone
	for i := range q.custom {
		if q.custom[i].lost {
			names = append(names[:len(names):len(names)], q.custom[i].name)
		}
	}
	return names
}
