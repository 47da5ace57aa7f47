package hubspot_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/hubspot"
)

// shelf is a tiny portal of one object that can be listed, searched and read.
// Its search has the vendor's bounds.
type shelf struct {
	t      *testing.T
	rows   []row
	hidden map[int]bool // not in the index yet
	moved  func()       // called before each search
	list   int          // page size of the listing
	total  func(n int) int
}

type row struct {
	id int
	at time.Time
}

func (r row) json(by string) string {
	stamp := r.at.UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`{"id":"%d","updatedAt":%q,"archived":false,"properties":{"hs_object_id":"%d","name":"Lab %d","%s":%q,"blank":null}}`,
		r.id, stamp, r.id, r.id, by, stamp)
}

type searchIn struct {
	FilterGroups []struct {
		Filters []struct {
			PropertyName, Operator, Value string
		}
	}
	Sorts []struct{ PropertyName, Direction string }
	Limit int
	After string
}

func (f *shelf) script() *script {
	return &script{answer: func(r *http.Request, body string) reply {
		by := "hs_lastmodifieddate"
		if strings.Contains(r.URL.Path, "/contacts") {
			by = "lastmodifieddate"
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/search"):
			return f.search(by, body)
		case strings.HasSuffix(r.URL.Path, "/batch/read"):
			return f.read(by, body)
		case strings.HasSuffix(r.URL.Path, "/details"):
			return reply{body: `{"portalId":7,"accountType":"STANDARD"}`}
		}
		return f.page(by, r)
	}}
}

func (f *shelf) page(by string, r *http.Request) reply {
	if len(r.URL.RequestURI()) > 16_000 {
		return reply{status: 414, body: "URI too long"}
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	slices.SortFunc(f.rows, func(a, b row) int { return a.id - b.id })
	var out []string
	next := ""
	for _, one := range f.rows {
		if one.id < after {
			continue
		}
		if len(out) == f.list {
			next = fmt.Sprintf(`,"paging":{"next":{"after":"%d","link":"https://elsewhere.example/x"}}`, one.id)
			break
		}
		out = append(out, one.json(by))
	}
	return reply{body: `{"results":[` + strings.Join(out, ",") + `]` + next + `}`}
}

func (f *shelf) read(by, body string) reply {
	var out []string
	for _, in := range decode(f.t, body).Inputs {
		for _, one := range f.rows {
			if strconv.Itoa(one.id) == in.ID {
				out = append(out, one.json(by))
			}
		}
	}
	slices.Reverse(out)
	return reply{body: `{"results":[` + strings.Join(out, ",") + `]}`}
}

func (f *shelf) search(by, body string) reply {
	if f.moved != nil {
		f.moved()
	}
	var in searchIn
	if err := json.Unmarshal([]byte(body), &in); err != nil || len(body) > 3000 || in.Limit > 200 {
		return reply{status: 400, body: `{"category":"VALIDATION_ERROR","message":"bad search"}`}
	}
	after, _ := strconv.Atoi(in.After)
	if after+in.Limit > 10_000 {
		return reply{status: 400, body: `{"category":"VALIDATION_ERROR","message":"paging past 10000"}`}
	}
	var hits []row
	for _, one := range f.rows {
		if !f.hidden[one.id] && f.meets(one, in) {
			hits = append(hits, one)
		}
	}
	if len(in.Sorts) > 0 {
		slices.SortStableFunc(hits, func(a, b row) int {
			if in.Sorts[0].PropertyName == "hs_object_id" {
				return a.id - b.id
			}
			return cmp.Compare(a.at.UnixMilli(), b.at.UnixMilli())
		})
	}
	total := len(hits)
	if f.total != nil && len(in.Sorts) == 0 {
		total = f.total(total)
	}
	var out []string
	for _, one := range hits[min(after, len(hits)):min(after+in.Limit, len(hits))] {
		out = append(out, one.json(by))
	}
	next := ""
	if after+in.Limit < len(hits) {
		next = fmt.Sprintf(`,"paging":{"next":{"after":"%d"}}`, after+in.Limit)
	}
	return reply{body: fmt.Sprintf(`{"total":%d,"results":[%s]%s}`, total, strings.Join(out, ","), next)}
}

func (f *shelf) meets(r row, in searchIn) bool {
	for _, g := range in.FilterGroups {
		for _, c := range g.Filters {
			have := r.at.UnixMilli()
			if c.PropertyName == "hs_object_id" {
				have = int64(r.id)
			}
			want, _ := strconv.ParseInt(c.Value, 10, 64)
			ok := map[string]bool{"GTE": have >= want, "LTE": have <= want, "GT": have > want}[c.Operator]
			if !ok {
				return false
			}
		}
	}
	return true
}

// reading is what a Read gave.
type reading struct {
	ids   []string
	pages []record.Page
	err   error
}

func read(t *testing.T, c *hubspot.Client, q providers.Query) (out reading) {
	t.Helper()
	for p, err := range c.Read(t.Context(), q) {
		if err != nil {
			out.err = err
			break
		}
		for _, r := range p.Records {
			out.ids = append(out.ids, r.ID)
			if len(r.Raw) != len(q.Fields) {
				t.Fatalf("%d literals for %d fields", len(r.Raw), len(q.Fields))
			}
		}
		p.Records = nil
		out.pages = append(out.pages, p)
	}
	return out
}

func (r reading) last() record.Page { return r.pages[len(r.pages)-1] }

// misses returns how many of the rows from a moment on were not read.
func (r reading) misses(rows []row, since time.Time) (n int) {
	have := map[string]bool{}
	for _, id := range r.ids {
		have[id] = true
	}
	for _, one := range rows {
		if !one.at.Before(since) && !have[strconv.Itoa(one.id)] {
			n++
		}
	}
	return n
}

func day() time.Time { return time.Now().UTC().Truncate(time.Hour).Add(-48 * time.Hour) }

func cursorAt(at time.Time) record.Cursor {
	return record.Cursor(at.Format("2006-01-02T15:04:05.000Z"))
}

func TestListing(t *testing.T) {
	synctest.Test(t, testListing)
}

func testListing(t *testing.T) {
	f := &shelf{t: t, list: 100}
	for i := range 250 {
		f.rows = append(f.rows, row{i + 1, day()})
	}
	s := f.script()
	q := providers.Query{Object: "companies", Fields: fields("name", record.Text, "blank", record.Text, "nowhere", record.Text)}
	got := read(t, client(t, s), q)
	if got.err != nil || len(got.ids) != 250 || !got.last().Last || got.last().Total != 250 || got.pages[0].Last || len(got.pages) != 3 {
		t.Fatalf("%d records, %+v, %v", len(got.ids), got.pages, got.err)
	}
	// A listing that broke off goes on where it was, and is complete as well.
	q.Since = got.pages[1].Next
	rest := read(t, client(t, s), q)
	if rest.err != nil || len(rest.ids) != 50 || !rest.last().Last {
		t.Errorf("%d records, %+v, %v", len(rest.ids), rest.pages, rest.err)
	}
	// Where it ends, what changed since it began is read next.
	q.Since = rest.last().Next
	f.rows[7].at = time.Now()
	if got := read(t, client(t, s), q); got.err != nil || !slices.Equal(got.ids, []string{"8"}) {
		t.Errorf("%v, %v", got.ids, got.err)
	}
	if full := read(t, client(t, s), providers.Query{Object: "companies", Fields: q.Fields, Since: q.Since, Full: true}); len(full.ids) != 250 {
		t.Errorf("a full reading gave %d records, %v", len(full.ids), full.err)
	}
}

// F6, hubspot-9.19: a listing that gives fewer records than the portal counts
// is no proof that the others are gone. One of which some went meanwhile is.
func TestListingThatIsNotComplete(t *testing.T) {
	synctest.Test(t, testListingThatIsNotComplete)
}

func testListingThatIsNotComplete(t *testing.T) {
	f := &shelf{t: t, list: 100, total: func(int) int { return 3 }, rows: []row{{1, day()}, {2, day()}}}
	q := providers.Query{Object: "companies", Fields: fields("name", record.Text), Full: true}
	if got := read(t, client(t, f.script()), q); got.err != nil || got.last().Last || len(got.ids) != 2 {
		t.Errorf("%+v, %v", got.pages, got.err)
	}
	f.rows = nil
	if got := read(t, client(t, f.script()), q); got.err != nil || got.last().Last {
		t.Errorf("an empty answer: %+v, %v", got.pages, got.err)
	}
	asked := 0
	f.rows = []row{{1, day()}, {2, day()}}
	f.total = func(n int) int {
		if asked++; asked == 1 {
			return n + 1
		}
		return n
	}
	if got := read(t, client(t, f.script()), q); got.err != nil || !got.last().Last {
		t.Errorf("%+v, %v", got.pages, got.err)
	}
}

// hubspot-9.1: a reading of more than 10,000 changes never asks past the end of
// a search.
func TestMoreChangesThanASearchGives(t *testing.T) {
	synctest.Test(t, testMoreChangesThanASearchGives)
}

func testMoreChangesThanASearchGives(t *testing.T) {
	f := &shelf{t: t}
	for i := range 10_450 {
		f.rows = append(f.rows, row{i + 1, day().Add(time.Duration(i) * 250 * time.Millisecond)})
	}
	s := f.script()
	got := read(t, client(t, s), providers.Query{Object: "companies", Since: cursorAt(day()), Fields: fields("name", record.Text)})
	if got.err != nil || got.misses(f.rows, day()) != 0 || len(got.ids) != len(f.rows) {
		t.Errorf("%d records, %d missed, %v", len(got.ids), got.misses(f.rows, day()), got.err)
	}
	if n := len(s.calls("/search")); n > 54 {
		t.Errorf("%d searches for 10,450 records", n)
	}
	for _, body := range s.bodies("/search") {
		if strings.Contains(body, `"after"`) {
			t.Fatal("a search's page was turned")
		}
	}
}

// hubspot-9.2: more than 10,000 records of one very moment do not hold the
// reading up, and what lies around them is read.
func TestOneMomentOfManyRecords(t *testing.T) {
	synctest.Test(t, testOneMomentOfManyRecords)
}

func testOneMomentOfManyRecords(t *testing.T) {
	f := &shelf{t: t, rows: []row{{1, day()}, {2, day().Add(time.Second)}}}
	for i := range 10_001 {
		f.rows = append(f.rows, row{i + 3, day().Add(time.Minute)})
	}
	f.rows = append(f.rows, row{20_000, day().Add(time.Minute + time.Millisecond)}, row{20_001, day().Add(time.Hour)})
	s := f.script()
	got := read(t, client(t, s), providers.Query{Object: "contacts", Since: cursorAt(day()), Fields: fields("name", record.Text)})
	if got.err != nil || got.misses(f.rows, day()) != 0 || !got.last().Last {
		t.Errorf("%d records, %d missed, %v", len(got.ids), got.misses(f.rows, day()), got.err)
	}
	if extra := len(got.ids) - len(f.rows); extra > 400 || len(s.calls("/search")) > 60 {
		t.Errorf("%d records twice, %d searches", extra, len(s.calls("/search")))
	}
}

// hubspot-9.3, F4: what was not in the index when we read comes with a later
// reading, though its stamp lies before what we saw.
func TestIndexThatLags(t *testing.T) {
	synctest.Test(t, testIndexThatLags)
}

func testIndexThatLags(t *testing.T) {
	now := time.Now().UTC()
	f := &shelf{t: t, hidden: map[int]bool{2: true}, rows: []row{{1, now.Add(-20 * time.Minute)}, {2, now.Add(-10 * time.Minute)}, {3, now.Add(-time.Second)}}}
	q := providers.Query{Object: "companies", Since: cursorAt(day()), Fields: fields("name", record.Text)}
	got := read(t, client(t, f.script()), q)
	if got.err != nil || !slices.Equal(got.ids, []string{"1", "3"}) {
		t.Fatal(got.ids, got.err)
	}
	f.hidden = nil
	q.Since = got.last().Next
	if got := read(t, client(t, f.script()), q); !slices.Contains(got.ids, "2") {
		t.Errorf("the late record is lost: %v", got.ids)
	}
}

// hubspot-9.4, F3: records of one moment on both sides of a page, and at the
// cursor, are all read.
func TestTiesAtThePage(t *testing.T) {
	synctest.Test(t, testTiesAtThePage)
}

func testTiesAtThePage(t *testing.T) {
	f := &shelf{t: t}
	for i := range 1000 {
		f.rows = append(f.rows, row{i + 1, day().Add(time.Duration(i/150) * time.Millisecond)})
	}
	q := providers.Query{Object: "companies", Since: cursorAt(day()), Fields: fields("name", record.Text)}
	got := read(t, client(t, f.script()), q)
	if got.err != nil || got.misses(f.rows, day()) != 0 || len(got.ids) != 1000 {
		t.Errorf("%d records, %d missed, %v", len(got.ids), got.misses(f.rows, day()), got.err)
	}
	// The last moment belongs to the next reading as well.
	f.rows = append(f.rows, row{2000, f.rows[999].at})
	q.Since = got.last().Next
	if got := read(t, client(t, f.script()), q); !slices.Contains(got.ids, "2000") {
		t.Errorf("a record of the cursor's own moment is lost: %v", got.err)
	}
}

// hubspot-9.20, F3, F5: the cursor never passes the beginning of the reading,
// whatever changed while it ran and whatever stamp comes from the future; and a
// record that changes under way draws no other one out of sight.
func TestChangesDuringTheReading(t *testing.T) {
	synctest.Test(t, testChangesDuringTheReading)
}

func testChangesDuringTheReading(t *testing.T) {
	f := &shelf{t: t}
	for i := range 900 {
		f.rows = append(f.rows, row{i + 1, day().Add(time.Duration(i) * time.Second)})
	}
	n := 0
	f.moved = func() {
		n++
		f.rows[n].at = time.Now().Add(time.Duration(n) * time.Hour) // what was read already moves to the end
	}
	began := time.Now()
	got := read(t, client(t, f.script()), providers.Query{Object: "companies", Since: cursorAt(day()), Fields: fields("name", record.Text)})
	if got.err != nil || got.misses(f.rows, day()) != 0 {
		t.Errorf("%d missed, %v", got.misses(f.rows, day()), got.err)
	}
	for _, p := range got.pages {
		at, err := time.Parse("2006-01-02T15:04:05.000Z", string(p.Next))
		if err != nil || at.After(began.Add(-30*time.Minute)) {
			t.Errorf("cursor %s, %v", p.Next, err)
		}
	}
}

// hubspot-9.15: every page has its cursor, so that a reading that breaks off
// goes on where it was.
func TestCursorOfEveryPage(t *testing.T) {
	synctest.Test(t, testCursorOfEveryPage)
}

func testCursorOfEveryPage(t *testing.T) {
	f := &shelf{t: t}
	for i := range 1000 {
		f.rows = append(f.rows, row{i + 1, day().Add(time.Duration(i) * time.Second)})
	}
	q := providers.Query{Object: "companies", Since: cursorAt(day()), Fields: fields("name", record.Text)}
	all := read(t, client(t, f.script()), q)
	if len(all.pages) < 5 || len(all.ids) != 1000 {
		t.Fatalf("%d records on %d pages", len(all.ids), len(all.pages))
	}
	for n, p := range all.pages {
		q.Since = p.Next
		rest := read(t, client(t, f.script()), q)
		left := 1000 - 199*(n+1) // a page begins with the last record of the one before
		if rest.err != nil || len(rest.ids) > max(left, 1)+1 || rest.misses(f.rows[1000-max(left, 1):], day()) > 0 {
			t.Errorf("after page %d: %d records, %v", n, len(rest.ids), rest.err)
		}
	}
	// A refusal half way leaves the page before it.
	s := f.script()
	inner, calls := s.answer, 0
	s.answer = func(r *http.Request, body string) reply {
		if calls++; calls > 4 {
			return reply{status: 429, body: `{"policyName":"DAILY","message":"You have reached your daily limit."}`}
		}
		return inner(r, body)
	}
	q.Since = cursorAt(day())
	got := read(t, client(t, s), q)
	if providers.KindOf(got.err) != providers.Budget || len(got.pages) != 3 || got.last().Next == q.Since {
		t.Errorf("%d pages, %v", len(got.pages), got.err)
	}
}

// hubspot-9.18: more properties than an address or a search holds are read by
// bodies.
func TestWideReads(t *testing.T) {
	synctest.Test(t, testWideReads)
}

func testWideReads(t *testing.T) {
	var wide []record.Field
	for i := range 500 {
		wide = append(wide, record.Field{Name: fmt.Sprintf("a_property_with_quite_a_long_name_%d", i), Type: record.Text})
	}
	wide = append(wide, record.Field{Name: "name", Type: record.Text})
	f := &shelf{t: t, list: 100}
	for i := range 250 {
		f.rows = append(f.rows, row{i + 1, day().Add(time.Duration(i) * time.Second)})
	}
	for _, since := range []record.Cursor{"", cursorAt(day())} {
		s := f.script()
		order := 0
		for p, err := range client(t, s).Read(t.Context(), providers.Query{Object: "companies", Fields: wide, Since: since}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.Records {
				if order++; r.ID != strconv.Itoa(order) || string(r.Raw[500]) != `"Lab `+r.ID+`"` || r.Version.IsZero() {
					t.Fatalf("record %s at %d has %s", r.ID, order, r.Raw[500])
				}
			}
		}
		if order != 250 || len(s.calls("/batch/read")) > 4 {
			t.Errorf("%d records by %d batches", order, len(s.calls("/batch/read")))
		}
	}
}

func TestCursorsThatAreNone(t *testing.T) {
	synctest.Test(t, testCursorsThatAreNone)
}

func testCursorsThatAreNone(t *testing.T) {
	c := client(t, (&shelf{t: t, list: 10}).script())
	for _, bad := range []record.Cursor{"x", "2024", "2024-01-01T00:00:00.000Z a", "2024-01-01T00:00:00.000Z a b", "2024-01-01T00:00:00.000Z ../x 1", "2024-01-01T00:00:00.000Z 5 -1"} {
		got := read(t, c, providers.Query{Object: "companies", Since: bad})
		if got.err == nil || providers.KindOf(got.err) != providers.Broken {
			t.Errorf("%q: %v", bad, got.err)
		}
	}
}

func TestListingThatDoesNotMove(t *testing.T) {
	synctest.Test(t, testListingThatDoesNotMove)
}

func testListingThatDoesNotMove(t *testing.T) {
	for name, body := range map[string]string{
		"same place": `{"total":1,"results":[{"id":"1"}],"paging":{"next":{"after":"5"}}}`,
		"no records": `{"total":1,"results":[],"paging":{"next":{"after":"6"}}}`,
		"a path":     `{"total":1,"results":[{"id":"1"}],"paging":{"next":{"after":"../x?y"}}}`,
		"no id":      `{"total":1,"results":[{"properties":{}}]}`,
		"null":       `{"total":1,"results":[null]}`,
	} {
		got := read(t, client(t, answers(reply{body: body})), providers.Query{Object: "companies"})
		if got.err == nil || providers.KindOf(got.err) != providers.Broken {
			t.Errorf("%s: %v", name, got.err)
		}
	}
}

// C5.2: a record whose id cannot be read is counted and left out; the others
// come, and the listing is complete.
func TestC5_2_RecordThatCannotBeToldApart(t *testing.T) {
	s := &script{answer: func(r *http.Request, _ string) reply {
		if r.Method == http.MethodPost {
			return reply{body: `{"total":2,"results":[]}`}
		}
		return reply{body: `{"results":[{"id":NaN,"properties":{"name":"x"}},{"id":"5","properties":{"name":"y"}}]}`}
	}}
	for p, err := range client(t, s).Read(t.Context(), providers.Query{Object: "companies", Fields: fields("name", record.Text), Full: true}) {
		if err != nil || len(p.Records) != 1 || p.Records[0].ID != "5" || p.Unreadable != 1 || !p.Last {
			t.Errorf("%+v, %v", p, err)
		}
	}
}
