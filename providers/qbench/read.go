package qbench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/rest"
)

func (c *Client) objectPath(object string) string {
	if c.cfg.API == V2 {
		return "/qbench/api/v2/" + object + "s"
	}
	return "/qbench/api/v1/" + object
}

func (c *Client) listPath(object string, page, size int) string {
	return c.objectPath(object) + pageQuery(page, size)
}

func pageQuery(page, size int) string {
	return "?page_num=" + strconv.Itoa(page) + "&page_size=" + strconv.Itoa(size)
}

// Read lists an object, always in full. A record that several pages show comes
// once. Where the counts do not add up, because records came or went while the
// pages were read, the listing starts once more from its first page, and its
// records come again; if they still do not, it ends in an error.
func (c *Client) Read(ctx context.Context, q providers.Query) iter.Seq2[record.Page, error] {
	return func(yield func(record.Page, error) bool) {
		op := "list QBench " + q.Object + "s"
		if err := checkObject(op, q.Object); err != nil {
			yield(record.Page{}, err)
			return
		}
		for range 2 {
			l := newListing(q.Fields, q.Object, c)
			if !l.all(ctx, op, yield) || l.complete {
				return
			}
		}
		yield(record.Page{}, providers.Errorf(providers.Transient, op,
			"the listing does not add up, twice: records come and go while it is read; the next run tries again"))
	}
}

// listing is one walk over all pages.
type listing struct {
	c       *Client
	object  string
	walk    *jsonwalk.Walker
	width   int // of what the caller asked for
	streets []int
	costly  []int
	records []record.Record
	lost    int // records of the page whose id cannot be read
	allLost int // and of the whole walk
	idAt    int
	dateAt  int // -1 without an updated field
	addrAt  int // -1 unless part of an address is wanted

	ids      idSet
	number   int // of the page
	pages    int
	total    int // -1 where the server does not say
	highest  int // the largest total so far
	size     int // of the first page
	complete bool
}

// listHead are the members of a list beside its records.
func listHead() []string { return []string{"total_count", "total_pages"} }

func newListing(fields []record.Field, object string, c *Client) *listing {
	l := &listing{c: c, object: object, width: len(fields), dateAt: -1, addrAt: -1, total: -1}
	names := make([]string, 0, len(fields)+3)
	partial := false
	for i, f := range fields {
		names = append(names, f.Name)
		if isStreet(f.Name) {
			l.streets = append(l.streets, i)
		}
		partial = partial || strings.HasPrefix(f.Name, addressPrefix)
	}
	l.costly = c.costlyIndexes(object, fields)
	l.idAt, names = len(names), append(names, "id")
	if c.cfg.UpdatedField != "" {
		l.dateAt, names = len(names), append(names, c.cfg.UpdatedField)
	}
	if partial {
		l.addrAt, names = len(names), append(names, address)
	}
	l.walk = jsonwalk.New(jsonwalk.Shape{Array: "data", Head: listHead(), Fields: names})
	return l
}

// all reads page after page and reports whether to go on.
func (l *listing) all(ctx context.Context, op string, yield func(record.Page, error) bool) bool {
	for l.number = 1; ; l.number++ {
		resp, err := l.c.rest.Do(ctx, rest.Request{Kind: "read", Path: l.c.listPath(l.object, l.number, l.c.cfg.PageSize)})
		if err := l.c.failure(op, resp, err); err != nil {
			yield(record.Page{}, err)
			return false
		}
		page, last, err := l.take(resp.Body)
		if err != nil {
			yield(record.Page{}, l.c.unreadable(fmt.Sprintf("%s, page %d", op, l.number), resp, err))
			return false
		}
		more := yield(page, nil)
		resp.Release()
		if !more || last {
			return more
		}
		if l.number == 1 && l.total < 0 {
			if err := l.peekTotal(ctx, op); err != nil {
				yield(record.Page{}, err)
				return false
			}
		}
	}
}

// peekTotal looks at the last page to learn the total of a tenant that sends no
// total_count: without it, a record that goes while we read, and pulls another
// one behind us, would not be noticed.
func (l *listing) peekTotal(ctx context.Context, op string) error {
	resp, err := l.c.rest.Do(ctx, rest.Request{Kind: "read", Path: l.c.listPath(l.object, l.pages, l.c.cfg.PageSize)})
	if err := l.c.failure(op, resp, err); err != nil {
		return err
	}
	defer resp.Release()
	doc, err := l.walk.Walk(resp.Body)
	if err != nil {
		return l.c.unreadable(fmt.Sprintf("%s, page %d", op, l.pages), resp, err)
	}
	l.highest = max(l.highest, (l.pages-1)*l.size+doc.Len())
	return nil
}

// take reads one page and reports whether it ends the walk.
func (l *listing) take(body []byte) (record.Page, bool, error) {
	doc, err := l.walk.Walk(body)
	if err != nil {
		return record.Page{}, false, err // the caller says which page
	}
	if !doc.Found {
		return record.Page{}, false, fmt.Errorf("the answer has no list named data")
	}
	if err := l.counts(doc); err != nil {
		return record.Page{}, false, err
	}
	before := l.ids.n
	if err := l.rows(doc); err != nil {
		return record.Page{}, false, err
	}
	// A page that brings nothing new ends the walk: a server that answers so for
	// ever would hold us for ever. Whether it was the end, the counts tell.
	last := l.number >= l.pages || l.ids.n == before && l.lost == 0
	if last {
		l.complete = l.proven()
	}
	return record.Page{Records: l.records, Last: l.complete, Total: max(l.total, 0), Unreadable: l.lost}, last, nil
}

// counts reads the totals again on every page, for records come and go.
func (l *listing) counts(doc *jsonwalk.Page) error {
	var ok bool
	if l.pages, ok = jsonwalk.Int(doc.Head[1]); !ok || l.pages < 0 {
		return fmt.Errorf("the answer has no usable total_pages")
	}
	if l.number == 1 {
		l.size = doc.Len()
	}
	l.total = -1
	switch {
	case doc.Head[0] != nil:
		if l.total, ok = jsonwalk.Int(doc.Head[0]); !ok || l.total < 0 {
			return fmt.Errorf("the answer has no usable total_count")
		}
	case l.c.cfg.API == V1:
		return fmt.Errorf("the answer has no total_count")
	case l.number >= l.pages:
		l.total = max(l.pages-1, 0)*l.size + doc.Len()
	}
	l.highest = max(l.highest, l.total)
	return nil
}

// proven reports whether everything was seen: the last page was reached, the
// total never shrank (a record that goes pulls the next page's first one behind
// us), and as many different records came as there are.
func (l *listing) proven() bool {
	return l.number >= l.pages && l.total == l.highest && l.ids.n+l.allLost == l.total
}

func (l *listing) rows(doc *jsonwalk.Page) error {
	l.records, l.lost = l.records[:0], 0
	for i := range doc.Len() {
		row := doc.Row(i)
		if row == nil {
			return fmt.Errorf("record %d of the page is null", i)
		}
		if lostID(row[l.idAt]) {
			l.lost++
			l.allLost++
			continue
		}
		id, err := recordID(row[l.idAt])
		if err != nil {
			return fmt.Errorf("record %d of the page: %w", i, err)
		}
		if !l.ids.add(id) {
			continue
		}
		l.records = append(l.records, l.record(id, row))
	}
	return nil
}

func (l *listing) record(id string, row [][]byte) record.Record {
	rec := record.Record{ID: id, Raw: row[:l.width:l.width]}
	if l.addrAt >= 0 {
		if text := row[l.addrAt]; len(text) > 0 && text[0] == '"' {
			for _, at := range l.streets {
				rec.Raw[at] = text
			}
		}
	}
	for _, at := range l.costly {
		rec.Raw[at] = nil
	}
	if l.dateAt >= 0 {
		rec.Version = l.c.version(row[l.dateAt])
	}
	return rec
}

// lostID reports whether a record has an id that is no text, nor anything else.
func lostID(raw []byte) bool {
	_, ok := jsonwalk.Text(raw)
	return jsonwalk.Unreadable(raw) || len(raw) > 0 && raw[0] == '"' && !ok
}

// recordID is the text of a record's id, exactly as it was sent: an id such as
// 12345.0 is for Convert to report, never for us to repair.
func recordID(raw []byte) (string, error) {
	if text, ok := jsonwalk.Text(raw); ok && strings.TrimSpace(text) != "" {
		return text, nil
	}
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return string(raw), nil
	}
	return "", fmt.Errorf("it has no id")
}

// version is when the record says it changed, zero where that cannot be read.
func (c *Client) version(raw []byte) time.Time {
	text, ok := dateText(raw)
	if !ok {
		return time.Time{}
	}
	w, err := parseWhen(text, c.cfg.Zone)
	if err != nil {
		return time.Time{}
	}
	return w.instant(c.cfg.Zone)
}

// Get reads records by id, one call each, so that a refusal is the answer for
// this very id.
func (c *Client) Get(ctx context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	op := "get QBench " + object
	if err := checkObject(op, object); err != nil {
		return nil, nil, err
	}
	var found []record.Record
	var errs []*providers.Error
	for _, id := range ids {
		if !plainID(id) {
			e := providers.Errorf(providers.Rejected, op, "not an id of QBench's")
			e.Ref = ref(object, rest.Short(id, 80))
			errs = append(errs, e)
			continue
		}
		rec, gone, err := c.getOne(ctx, op, object, fields, id)
		switch {
		case err != nil:
			return nil, nil, err
		case gone != nil:
			errs = append(errs, gone)
		default:
			found = append(found, rec)
		}
	}
	return found, errs, nil
}

func ref(object, id string) record.Ref {
	return record.Ref{System: "qbench", Object: object, ID: id}
}

// plainID reports whether id can be an id of QBench's at all. Any other would
// change the address that it becomes part of.
func plainID(id string) bool {
	_, err := strconv.ParseUint(id, 10, 64)
	return err == nil
}

// getOne reads one record, or returns that there is none.
func (c *Client) getOne(ctx context.Context, op, object string, fields []record.Field, id string) (rec record.Record, gone *providers.Error, err error) {
	resp, err := c.rest.Do(ctx, rest.Request{Kind: "get", Path: c.objectPath(object) + "/" + id})
	if err := c.failure(op, resp, err); err != nil {
		if errors.As(err, &gone) && gone.Kind == providers.Missing {
			gone.Ref, gone.Gone = ref(object, id), providers.Answered
			return record.Record{}, gone, nil
		}
		return record.Record{}, nil, err
	}
	defer resp.Release()
	l := newListing(fields, object, c)
	// One record is read as a list of one, by the same code.
	doc, err := l.walk.Walk(slices.Concat([]byte(`{"data":[`), resp.Body, []byte(`]}`)))
	if err == nil && doc.Len() != 1 {
		err = fmt.Errorf("the answer holds %d records", doc.Len())
	}
	if err == nil {
		err = l.rows(doc)
	}
	if err == nil && (len(l.records) != 1 || l.records[0].ID != id) {
		err = fmt.Errorf("the answer is about another record")
	}
	if err != nil {
		return record.Record{}, nil, fmt.Errorf("%s: %w", ref(object, id), c.unreadable(op, resp, err))
	}
	return l.records[0], nil, nil
}
