package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/rest"
)

// Incremental reports that every object can be read by what changed.
func (c *Client) Incremental(string) bool { return true }

// Read lists an object. Everything comes by the listing, in the order of ids,
// which shows what was just written and has no end; what changed since a cursor
// comes by searches, oldest first, from an overlap before it.
func (c *Client) Read(ctx context.Context, q providers.Query) iter.Seq2[record.Page, error] {
	return func(yield func(record.Page, error) bool) {
		r, err := c.newReader(ctx, q)
		if err != nil {
			yield(record.Page{}, err)
			return
		}
		for {
			p, done, err := r.page(ctx)
			if err != nil {
				yield(record.Page{}, err)
				return
			}
			if !yield(p, nil) || done {
				return
			}
		}
	}
}

// reader gives one page after the other.
type reader interface {
	page(ctx context.Context) (p record.Page, done bool, err error)
}

func (c *Client) newReader(ctx context.Context, q providers.Query) (reader, error) {
	k := call{op: "read " + q.Object, kind: kindRead}
	ask, err := newQuestion(k.op, q.Object, q.Fields)
	if err != nil {
		return nil, err
	}
	var since position
	if !q.Full {
		if since, err = parseCursor(k.op, q.Since); err != nil {
			return nil, err
		}
	}
	if since.changes() {
		return c.newChanges(ctx, k, ask, since.at)
	}
	return c.newListing(ctx, k, ask, since)
}

// position is how far a reading came: within a listing, the record to go on at
// and how many came before; else the moment to search from.
type position struct {
	at    time.Time // of a listing: when it began
	after string
	seen  int
}

func (p position) changes() bool { return !p.at.IsZero() && p.after == "" }

func (p position) cursor() record.Cursor {
	if p.at.IsZero() {
		return ""
	}
	text := p.at.UTC().Format(stampForm)
	if p.after != "" {
		text += " " + p.after + " " + strconv.Itoa(p.seen)
	}
	return record.Cursor(text)
}

func parseCursor(op string, c record.Cursor) (position, error) {
	if c == "" {
		return position{}, nil
	}
	var p position
	at, tail, inList := strings.Cut(string(c), " ")
	p.at, _ = time.Parse(stampForm, at)
	if inList {
		after, seen, _ := strings.Cut(tail, " ")
		p.after = after
		p.seen, _ = strconv.Atoi(seen)
	}
	// Only what was given out is taken back: parsers are lenient.
	if p.at.IsZero() || p.cursor() != c || inList != validName(p.after) || p.seen < 0 {
		return position{}, providers.Errorf(providers.Broken, op, "%q is no position of this system", short(string(c)))
	}
	return p, nil
}

// listing reads everything by the listing.
type listing struct {
	c      *Client
	call   call
	ask    question
	walker *jsonwalk.Walker
	wide   bool // the fields do not fit into an address

	pos   position
	total int
	resp  *rest.Response
	recs  []record.Record
	lost  int // records of the page whose id cannot be read
}

func (c *Client) newListing(ctx context.Context, k call, ask question, from position) (*listing, error) {
	l := &listing{c: c, call: k, ask: ask, pos: from, walker: ask.walker()}
	if len(l.path()) > uriRoom {
		bare := question{object: ask.object, typ: ask.typ}
		l.wide, l.walker = true, bare.walker()
	}
	var err error
	if l.total, err = c.total(ctx, k, ask.typ); err != nil {
		return nil, err
	}
	if l.pos.at.IsZero() {
		l.pos.at, _ = c.clock.At(time.Now())
	}
	return l, nil
}

func (l *listing) path() string {
	names := l.ask.names
	if l.wide {
		names = []string{idProperty}
	}
	p := l.c.paths.objects(l.ask.typ, "?limit="+strconv.Itoa(recordsPerCall)+"&archived=false&properties="+strings.Join(names, ","))
	if l.pos.after != "" {
		p += "&after=" + url.QueryEscape(l.pos.after)
	}
	return p
}

func (l *listing) page(ctx context.Context) (record.Page, bool, error) {
	l.resp.Release()
	l.resp = nil
	resp, err := l.c.get(ctx, l.call, l.path())
	if err != nil {
		return record.Page{}, true, err
	}
	l.resp = resp
	p, err := walkPage(l.call.op, l.walker, resp.Body)
	if err != nil {
		return record.Page{}, true, err
	}
	if l.recs, err = p.records(l.call.op, l.recs[:0]); err != nil {
		return record.Page{}, true, err
	}
	l.lost = p.lost
	if p.after != "" && (p.after == l.pos.after || p.Len() == 0) {
		return record.Page{}, true, providers.Errorf(providers.Broken, l.call.op, "the listing does not move on after %d records", l.pos.seen)
	}
	l.pos.after, l.pos.seen = p.after, l.pos.seen+p.Len()
	if l.recs, err = l.c.complete(ctx, l.call, l.ask, l.recs, l.wide); err != nil {
		return record.Page{}, true, err
	}
	return l.finish(ctx)
}

// finish makes the page. The last one is proof of a complete listing only when
// it holds no fewer records than the portal counts: an answer without records
// is no proof that there are none (F6).
func (l *listing) finish(ctx context.Context) (record.Page, bool, error) {
	out := record.Page{Records: l.recs, Total: max(l.total, l.pos.seen), Next: l.pos.cursor(), Unreadable: l.lost}
	if l.pos.after != "" {
		return out, false, nil
	}
	if l.pos.seen < l.total {
		// Records that went while we read are missing from neither.
		total, err := l.c.total(ctx, l.call, l.ask.typ)
		if err != nil {
			return record.Page{}, true, err
		}
		l.total = total
	}
	out.Last = l.pos.seen >= l.total
	out.Next = position{at: l.pos.at.Add(-overlap)}.cursor()
	return out, true, nil
}

// complete brings what the page itself could not: the fields of records that
// were listed by id alone, and the associations.
func (c *Client) complete(ctx context.Context, k call, ask question, recs []record.Record, wide bool) ([]record.Record, error) {
	if wide && len(recs) > 0 {
		ids := make([]string, len(recs))
		for i := range recs {
			ids[i] = recs[i].ID
		}
		var err error
		if recs, err = c.inOrder(ctx, k, ask, ids); err != nil {
			return nil, err
		}
	}
	return recs, c.fillLinks(ctx, k, ask, recs)
}

// inOrder reads records by id and keeps their order; one that went meanwhile is
// left out.
func (c *Client) inOrder(ctx context.Context, k call, ask question, ids []string) ([]record.Record, error) {
	place := make(map[string]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	var out []record.Record
	for batch := range slices.Chunk(ids, recordsPerCall) {
		recs, _, err := c.readBatch(ctx, k, ask, "", batch)
		if err != nil {
			return nil, err
		}
		out = append(out, recs...)
	}
	slices.SortFunc(out, func(a, b record.Record) int { return place[a.ID] - place[b.ID] })
	return out, nil
}

// total asks how many records an object has, which only the search tells.
func (c *Client) total(ctx context.Context, k call, typ string) (int, error) {
	resp, err := c.search(ctx, k, typ, []byte(`{"filterGroups":[],"properties":["`+idProperty+`"],"limit":1}`))
	if err != nil {
		return 0, err
	}
	defer resp.Release()
	var answer struct {
		Total *int `json:"total"`
	}
	if err := json.Unmarshal(resp.Body, &answer); err != nil || answer.Total == nil || *answer.Total < 0 {
		return 0, providers.Errorf(providers.Broken, k.op, "the answer to a search holds no total")
	}
	return *answer.Total, nil
}

func (c *Client) search(ctx context.Context, k call, typ string, body []byte) (*rest.Response, error) {
	return c.send(ctx, k, rest.Request{
		Method: http.MethodPost, Path: c.paths.objects(typ, "/search"), Body: body, Idempotent: true, Group: groupSearch,
	})
}

// filter is one condition of a search.
type filter struct {
	Property string `json:"propertyName"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

// searchBody writes a search for all records that meet the filters, in the
// order of one property.
func searchBody(sort string, names []string, filters ...filter) ([]byte, error) {
	type group struct {
		Filters []filter `json:"filters"`
	}
	type by struct {
		Property  string `json:"propertyName"`
		Direction string `json:"direction"`
	}
	body, err := json.Marshal(struct {
		Groups     []group  `json:"filterGroups"`
		Sorts      []by     `json:"sorts"`
		Properties []string `json:"properties"`
		Limit      int      `json:"limit"`
	}{[]group{{filters}}, []by{{sort, "ASCENDING"}}, names, foundPerCall})
	if err != nil {
		return nil, fmt.Errorf("write the search: %w", err)
	}
	return body, nil
}
