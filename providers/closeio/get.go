package closeio

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// Get reads records by id. Ids that are gone are left out; of a lead that was
// merged into another, which is gone as well, the event log may know where to.
func (c *Client) Get(ctx context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	g, err := c.newGetter(ctx, object, fields)
	if err != nil {
		return nil, nil, err
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !validID(id) })
	switch object {
	case User:
		err = g.users(ctx, ids)
	case Task:
		err = g.tasks(ctx, ids)
	default:
		err = g.each(ctx, ids)
	}
	if err == nil && g.doubtful() {
		err = g.verify(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	var found []record.Record
	for _, s := range g.pending {
		found = append(found, s.records...)
	}
	return found, g.errs, nil
}

// getter reads records by id. Its pages are all kept until the end.
type getter struct {
	reader
	call call
	errs []*providers.Error
}

func (c *Client) newGetter(ctx context.Context, object string, fields []record.Field) (*getter, error) {
	op := "get " + short(object)
	if err := checkObject(op, object); err != nil {
		return nil, err
	}
	var schema *customSchema
	if anyCustom(object, fields) {
		var err error
		if schema, err = c.recentSchema(ctx, op, object); err != nil {
			return nil, err
		}
	}
	q, err := newQuestion(op, object, fields, schema)
	if err != nil {
		return nil, err
	}
	return &getter{reader: reader{c: c, op: op, q: q}, call: call{op: op, kind: kindGet, verb: looking}}, nil
}

// keep reads an answer into a sheet of its own and takes the rows that are
// wanted.
func (g *getter) keep(resp *rest.Response, asked time.Time, ids []string) error {
	s := newSheet(g.q)
	if err := s.read(g.op, resp, asked); err != nil {
		return err
	}
	for i := range s.doc.Len() {
		if slices.Contains(ids, s.id(i)) {
			s.take(i)
		}
	}
	g.pending = append(g.pending, s)
	return nil
}

func (g *getter) each(ctx context.Context, ids []string) error {
	for _, id := range ids {
		asked := time.Now()
		resp, err := g.c.get(ctx, g.call, "/"+g.q.object+"/"+id+"/?_fields="+url.QueryEscape(g.q.wanted()))
		switch e := outcome.AsError(err); {
		case err == nil:
			// One record is read as a list of one, by the same code.
			resp.Body = slices.Concat([]byte(`{"data":[`), resp.Body, []byte(`]}`))
			if err := g.keep(resp, asked, []string{id}); err != nil {
				return err
			}
			if len(g.pending[len(g.pending)-1].records) != 1 {
				return providers.Errorf(providers.Broken, g.op, "the answer is about another record")
			}
		case e.Kind == providers.Missing:
			if err := g.successor(ctx, id, e); err != nil {
				return err
			}
		case e.Kind == providers.Rejected:
			e.Ref = ref(g.q.object, id)
			g.errs = append(g.errs, e)
		default:
			return err
		}
	}
	return nil
}

// successor looks whether a lead that is gone was merged, where the log may be
// seen.
func (g *getter) successor(ctx context.Context, id string, gone *providers.Error) error {
	if g.q.object != Lead {
		return nil
	}
	into, err := g.c.mergedInto(ctx, g.op, id)
	if providers.KindOf(err) == providers.Denied {
		return nil // the role of the key's user may not see the log; the lead is gone all the same
	}
	if err != nil || into == "" {
		return err
	}
	gone.Ref, gone.Successor = ref(Lead, id), into
	g.errs = append(g.errs, gone)
	return nil
}

// idsPerCall is how many tasks one listing by id names.
const idsPerCall = 50

func (g *getter) tasks(ctx context.Context, ids []string) error {
	for batch := range slices.Chunk(ids, idsPerCall) {
		v := url.Values{"id__in": {strings.Join(batch, ",")}, "_limit": {strconv.Itoa(pageSize)}, "_fields": {g.q.wanted()}}
		asked := time.Now()
		resp, err := g.c.get(ctx, call{op: g.op, kind: kindGet}, "/task/?"+v.Encode())
		if err != nil {
			return err
		}
		if err := g.keep(resp, asked, batch); err != nil {
			return err
		}
	}
	return nil
}

func (g *getter) users(ctx context.Context, ids []string) error {
	list := &userList{c: g.c, call: call{op: g.op, kind: kindGet}, q: g.q}
	for last := len(ids) == 0; !last; {
		s := newSheet(g.q)
		if err := list.next(ctx, s); err != nil {
			return err
		}
		s.records = slices.DeleteFunc(s.records, func(r record.Record) bool { return !slices.Contains(ids, r.ID) })
		g.pending = append(g.pending, s)
		last = s.last
	}
	return nil
}

// ReadChildren lists the records that belong to these leads, lead by lead.
func (c *Client) ReadChildren(ctx context.Context, q providers.Query, parent string, ids []string) iter.Seq2[record.Page, error] {
	return func(yield func(record.Page, error) bool) {
		op := "read " + short(q.Object) + " of leads"
		if (q.Object != Contact && q.Object != Opportunity && q.Object != Task) || parent != leadID {
			yield(record.Page{}, providers.Errorf(providers.Broken, op, "Close lists contacts, opportunities and tasks by lead_id only"))
			return
		}
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !validID(id) })
		if len(ids) == 0 {
			yield(record.Page{Last: true}, nil)
			return
		}
		r, err := c.newReader(ctx, op, q.Object, q.Fields)
		if err != nil {
			yield(record.Page{}, err)
			return
		}
		r.list = &childList{c: c, call: call{op: op, kind: kindRead}, q: r.q, ids: ids}
		r.run(ctx, yield)
	}
}

const leadID = "lead_id"

// childList lists the children of one lead after the other.
type childList struct {
	c    *Client
	call call
	q    *question
	ids  []string
	skip int
	seen map[string]struct{}
}

func (w *childList) next(ctx context.Context, s *sheet) error {
	asked := time.Now()
	v := url.Values{leadID: {w.ids[0]}, "_limit": {strconv.Itoa(pageSize)}, "_fields": {w.q.wanted()}}
	if w.skip > 0 {
		v.Set("_skip", strconv.Itoa(w.skip))
	}
	resp, err := w.c.get(ctx, w.call, "/"+w.q.object+"/?"+v.Encode())
	if err != nil {
		return err
	}
	if err := s.read(w.call.op, resp, asked); err != nil {
		return err
	}
	if w.skip == 0 {
		w.seen = map[string]struct{}{}
	}
	for i := range s.doc.Len() {
		if id := s.id(i); !has(w.seen, id) {
			w.seen[id] = struct{}{}
			s.take(i)
		}
	}
	w.skip += s.doc.Len()
	if string(s.head(headMore)) == "true" && s.doc.Len() > 0 {
		return nil
	}
	w.skip, w.ids = 0, w.ids[1:]
	s.last = len(w.ids) == 0
	return nil
}

func has(set map[string]struct{}, id string) bool {
	_, ok := set[id]
	return ok
}

// mergedInto asks the event log which lead took in one that is gone; empty when
// it was deleted, or merged longer ago than the log reaches.
func (c *Client) mergedInto(ctx context.Context, op, id string) (string, error) {
	v := url.Values{"object_type": {Lead}, "object_id": {id}, "_limit": {strconv.Itoa(eventPage)}, "_fields": {eventFields}}
	resp, err := c.get(ctx, call{op: op, kind: kindEvents}, "/event/?"+v.Encode())
	if err != nil {
		return "", err
	}
	defer resp.Release()
	p, werr := newEventWalker().Walk(resp.Body)
	if werr != nil || !p.Found {
		return "", providers.Errorf(providers.Broken, op, "the answer holds no events, not even none")
	}
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		source, _ := jsonwalk.Text(row[evSource])
		into, ok := jsonwalk.Text(row[evInto])
		if ok && source == id && validID(into) {
			return into, nil
		}
	}
	return "", nil
}
