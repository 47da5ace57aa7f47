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

// Get reads records by id. A refusal that names an id is the answer that there is
// no such record; of a lead, which may also have been merged into another, the
// event log is asked what became of it. A user that no membership names is not
// visible.
func (c *Client) Get(ctx context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	g, err := c.newGetter(ctx, object, fields)
	if err != nil {
		return nil, nil, err
	}
	ids = g.goodIDs(ids)
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
	q.me = c.user()
	return &getter{reader: reader{c: c, op: op, q: q}, call: call{op: op, kind: kindGet, verb: looking}}, nil
}

// goodIDs parts what can be an id from what would lead elsewhere.
func (g *getter) goodIDs(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		if validID(id) {
			return false
		}
		e := providers.Errorf(providers.Rejected, g.op, "not an id of Close's")
		e.Ref = ref(g.q.object, short(id))
		g.errs = append(g.errs, e)
		return true
	})
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
			if s := g.pending[len(g.pending)-1]; len(s.records)+s.ignored != 1 {
				return providers.Errorf(providers.Broken, g.op, "the answer is about another record")
			}
		case e.Kind == providers.Missing:
			if err := g.gone(ctx, id, e); err != nil {
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

// gone notes that the answer for this very id was that there is no such record,
// and what the log tells of a lead, where it may be seen.
func (g *getter) gone(ctx context.Context, id string, e *providers.Error) error {
	e.Ref, e.Gone = ref(g.q.object, id), providers.Answered
	g.errs = append(g.errs, e)
	if g.q.object != Lead {
		return nil
	}
	into, deleted, err := g.c.endOf(ctx, g.op, id)
	switch {
	case providers.KindOf(err) == providers.Denied:
		return nil // the role of the key's user may not see the log; the lead is gone all the same
	case err != nil:
		return err
	case into != "" || deleted:
		e.Successor, e.Gone = into, providers.Told
	}
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
		// The listing leaves out what is gone and says nothing of it.
		if err := g.each(ctx, g.pending[len(g.pending)-1].without(batch)); err != nil {
			return err
		}
	}
	return nil
}

// without returns those of ids that no row of the page has.
func (s *sheet) without(ids []string) []string {
	have := make(map[string]struct{}, s.doc.Len())
	for i := range s.doc.Len() {
		have[s.id(i)] = struct{}{}
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return has(have, id) })
}

func (g *getter) users(ctx context.Context, ids []string) error {
	list := &userList{c: g.c, call: call{op: g.op, kind: kindGet}, q: g.q}
	shown := make(map[string]struct{}, len(ids))
	for last := len(ids) == 0; !last; {
		s := newSheet(g.q)
		if err := list.next(ctx, s); err != nil {
			return err
		}
		s.records = slices.DeleteFunc(s.records, func(r record.Record) bool { return !slices.Contains(ids, r.ID) })
		for i := range s.records {
			shown[s.records[i].ID] = struct{}{}
		}
		g.pending = append(g.pending, s)
		last = s.last
	}
	for _, id := range ids {
		if !has(shown, id) {
			g.errs = append(g.errs, &providers.Error{
				Op: g.op, Ref: ref(User, id), Kind: providers.Missing, Gone: providers.NotVisible, Message: "no member, nor one who has departed",
			})
		}
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

// endOf asks the event log what became of a lead that is gone: which one took it
// in, or that it was deleted; neither when that was longer ago than the log
// reaches.
func (c *Client) endOf(ctx context.Context, op, id string) (into string, deleted bool, err error) {
	v := url.Values{"object_type": {Lead}, "object_id": {id}, "_limit": {strconv.Itoa(eventPage)}, "_fields": {eventFields}}
	resp, err := c.get(ctx, call{op: op, kind: kindEvents}, "/event/?"+v.Encode())
	if err != nil {
		return "", false, err
	}
	defer resp.Release()
	p, werr := newEventWalker().Walk(resp.Body)
	if werr != nil || !p.Found {
		return "", false, providers.Errorf(providers.Broken, op, "the answer holds no events, not even none")
	}
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		source, _ := jsonwalk.Text(row[evSource])
		into, ok := jsonwalk.Text(row[evInto])
		if ok && source == id && validID(into) {
			return into, true, nil
		}
		action, _ := jsonwalk.Text(row[evAction])
		about, _ := jsonwalk.Text(row[evObject])
		deleted = deleted || action == "deleted" && about == id
	}
	return "", deleted, nil
}
