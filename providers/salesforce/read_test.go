package salesforce_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/salesforce"
)

var serverTime = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

type row struct {
	n    int
	at   string // time of day
	name string
}

func (r row) json() string {
	return fmt.Sprintf(`{"attributes":{"type":"Account","url":"/x"},"Id":%q,"SystemModstamp":"2026-05-01T%s.000+0000","Name":%q}`, id(r.n), r.at, r.name)
}

func page(total int, next string, rows ...row) reply {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = r.json()
	}
	more := `"done":true`
	if next != "" {
		more = `"done":false,"nextRecordsUrl":"` + next + `"`
	}
	return reply{body: fmt.Sprintf(`{"totalSize":%d,%s,"records":[%s]}`, total, more, strings.Join(list, ","))}
}

// told answers the question for the time and then the script.
func told(list ...reply) *script {
	s := answers(append([]reply{{body: `[{"version":"64.0"}]`}}, list...)...)
	s.date = serverTime
	return s
}

type read struct {
	ids   []string
	pages int
	next  record.Cursor
	last  bool
	total int
	err   error
}

func readAll(t *testing.T, c *salesforce.Client, q providers.Query) read {
	t.Helper()
	if q.Object == "" {
		q.Object, q.Fields = "Account", fields("Name", record.Text)
	}
	var out read
	for p, err := range c.Read(t.Context(), q) {
		if err != nil {
			out.err = err
			break
		}
		out.pages, out.next, out.last, out.total = out.pages+1, p.Next, p.Last, p.Total
		for _, r := range p.Records {
			out.ids = append(out.ids, r.ID)
		}
	}
	return out
}

func TestReadSinceACursor(t *testing.T) {
	s := told(page(1, "", row{1, "11:30:00", "A"}))
	got := readAll(t, client(t, s), providers.Query{
		Object: "Account", Fields: fields("Name", record.Text, "id", record.ID, "Account.Name", record.Text), Since: "2026-05-01T10:00:00Z",
	})
	// The script does not answer all that was asked for; the query is the point.
	if got.err == nil {
		t.Error("an absent field passed")
	}
	want := "GET acme.my.salesforce.com/services/data/v64.0/query SELECT Id, SystemModstamp, LastModifiedById, Name, Account.Name FROM Account" +
		" WHERE SystemModstamp >= 2026-05-01T09:45:00Z AND SystemModstamp < 2026-05-01T12:00:00Z ORDER BY SystemModstamp, Id"
	if diff := cmp.Diff(want, s.calls()[1]); diff != "" {
		t.Error(diff)
	}
}

// F3: the cursor is the last stamp seen, and never later than the beginning of
// the read less the overlap, by the server's clock.
func TestF3_Cursor(t *testing.T) {
	tests := []struct {
		name  string
		since record.Cursor
		full  bool
		rows  []row
		want  record.Cursor
	}{
		{"last stamp", "2026-05-01T10:00:00Z", false, []row{{1, "11:00:00", "a"}, {2, "11:30:00", "b"}}, "2026-05-01T11:30:00Z"},
		{"F3 clamped by the overlap", "2026-05-01T10:00:00Z", false, []row{{1, "11:59:59", "a"}}, "2026-05-01T11:45:00Z"},
		{"nothing new", "2026-05-01T10:00:00Z", false, nil, "2026-05-01T10:00:00Z"},
		{"nothing at all", "", false, nil, "2026-05-01T11:45:00Z"},
		{"first read", "", false, []row{{1, "03:00:00", "a"}}, "2026-05-01T03:00:00Z"},
		{"F5 a stamp from the future", "", true, []row{{1, "11:00:00", "a"}, {2, "23:00:00", "b"}}, "2026-05-01T11:00:00Z"},
		{"F5 only the future", "", true, []row{{2, "23:00:00", "b"}}, "2026-05-01T11:45:00Z"},
		{"a full read ignores its cursor", "2026-05-01T10:00:00Z", true, []row{{1, "03:00:00", "a"}}, "2026-05-01T03:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := told(page(len(tt.rows), "", tt.rows...))
			got := readAll(t, client(t, s), providers.Query{Since: tt.since, Full: tt.full})
			if got.err != nil || got.next != tt.want || !got.last || len(got.ids) != len(tt.rows) || got.total != len(tt.rows) {
				t.Errorf("%+v, want %q", got, tt.want)
			}
			if bounded := strings.Contains(s.calls()[1], "WHERE"); bounded != (tt.since != "" && !tt.full) {
				t.Error(s.calls()[1])
			}
		})
	}
}

// F3: many records of one second are read page by page without a gap, and a
// later read goes on behind the very record where this one stopped.
func TestF3_TiesAndResumption(t *testing.T) {
	s := told(
		page(5, "/services/data/v66.0/query/0r8-2", row{1, "09:00:00", "a"}, row{2, "09:00:00", "b"}),
		page(5, "/services/data/v66.0/query/0r8-4", row{3, "09:00:00", "c"}, row{4, "11:50:00", "d"}),
		page(5, "", row{5, "11:55:00", "e"}))
	c := client(t, s)
	var cursors []record.Cursor
	for p, err := range c.Read(t.Context(), providers.Query{Object: "Account", Fields: fields("Name", record.Text)}) {
		if err != nil {
			t.Fatal(err)
		}
		cursors = append(cursors, p.Next)
	}
	want := []record.Cursor{record.Cursor("2026-05-01T09:00:00Z " + id(2)), "2026-05-01T11:45:00Z", "2026-05-01T11:45:00Z"}
	if diff := cmp.Diff(want, cursors); diff != "" {
		t.Error(diff)
	}
	// The address of the next page is taken as it is, version and all.
	if got := s.calls()[2]; got != "GET acme.my.salesforce.com/services/data/v66.0/query/0r8-2" {
		t.Error(got)
	}
	readAll(t, c, providers.Query{Since: cursors[0]})
	if got := s.calls()[4]; !strings.Contains(got, "WHERE (SystemModstamp > 2026-05-01T09:00:00Z OR (SystemModstamp = 2026-05-01T09:00:00Z AND Id > '"+id(2)+"')) AND SystemModstamp < ") {
		t.Error(got)
	}
}

// A locator dies after two days, or with the session that made it. The listing
// goes on behind the last record, not behind one that moved meanwhile.
func TestLostLocatorRestartsTheQuery(t *testing.T) {
	for _, lost := range []reply{
		{status: 400, body: `[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]`},
		{status: 401, body: `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`},
	} {
		replies := []reply{page(3, "/services/data/v64.0/query/0r8-2", row{1, "09:00:00", "a"}, row{2, "12:00:05", "moved"}), lost}
		if lost.status == 401 {
			replies = append(replies, lost) // with the renewed token as well
		}
		s := told(append(replies, page(2, "", row{2, "12:00:05", "moved"}, row{3, "10:00:00", "c"}))...)
		got := readAll(t, client(t, s), providers.Query{})
		if diff := cmp.Diff([]string{id(1), id(2), id(2), id(3)}, got.ids); diff != "" || got.err != nil || !got.last {
			t.Error(diff, got.err, got.last)
		}
		calls := s.calls()
		if q := calls[len(calls)-1]; !strings.Contains(q, "Id > '"+id(1)+"'") {
			t.Error(q)
		}
	}
}

func TestLocatorLostForEver(t *testing.T) {
	lost := reply{status: 400, body: `[{"message":"m","errorCode":"INVALID_QUERY_LOCATOR"}]`}
	s := &script{date: serverTime}
	s.answer = func(r *http.Request, _ string) reply {
		if strings.Contains(r.URL.Path, "0r8") {
			return lost
		}
		return page(9, "/services/data/v64.0/query/0r8-1", row{1, "09:00:00", "a"})
	}
	got := readAll(t, client(t, s), providers.Query{})
	if got.err == nil || len(s.calls()) > 30 {
		t.Errorf("%v after %d calls", got.err, len(s.calls()))
	}
}

// A complete listing is claimed only when the counts agree.
func TestLastNeedsTheCount(t *testing.T) {
	got := readAll(t, client(t, told(page(3, "", row{1, "09:00:00", "a"}))), providers.Query{Full: true})
	if got.err != nil || got.last {
		t.Errorf("%+v", got)
	}
}

func TestReadRefusesHostileAnswers(t *testing.T) {
	good := row{1, "09:00:00", "a"}.json()
	tests := map[string]struct {
		reply reply
		want  string
	}{
		"HTML":                {reply{body: "<html><title>Maintenance</title>"}, "near byte 0"},
		"breaks off":          {reply{body: `{"totalSize":1,"done":true,"records":[` + good[:40]}, "breaks off"},
		"deep":                {reply{body: `{"totalSize":1,"x":` + strings.Repeat("[", 100_000)}, "deeper"},
		"no records":          {reply{body: `{"totalSize":1,"done":true}`}, "no page"},
		"no count":            {reply{body: `{"done":true,"records":[]}`}, "no page"},
		"negative count":      {reply{body: `{"totalSize":-1,"done":true,"records":[]}`}, "no page"},
		"done with a next":    {reply{body: `{"totalSize":1,"done":true,"nextRecordsUrl":"/x","records":[]}`}, "no page"},
		"more without a next": {reply{body: `{"totalSize":1,"done":false,"records":[]}`}, "no page"},
		"null record":         {reply{body: `{"totalSize":1,"done":true,"records":[null]}`}, "null"},
		"no id":               {reply{body: `{"totalSize":1,"done":true,"records":[{"Name":"a"}]}`}, "no id"},
		"id of another kind":  {reply{body: `{"totalSize":1,"done":true,"records":[{"Id":5,"Name":"a"}]}`}, "no id"},
		"F19 field left out":  {reply{body: `{"totalSize":1,"done":true,"records":[{"Id":"` + id(1) + `"}]}`}, "leaves out the field Name"},
		"stands still":        {page(9, "/services/data/v64.0/query/0r8"), "does not move on"},
		"other host":          {page(9, "https://evil.example/services/data/v64.0/query/0r8", row{1, "09:00:00", "a"}), "another host"},
		"other host, short":   {page(9, "//evil.example/x", row{1, "09:00:00", "a"}), "another host"},
		"other port":          {page(9, base+":8443/x", row{1, "09:00:00", "a"}), "another host"},
		"100 MB":              {reply{body: strings.Repeat(" ", 100<<20)}, "too large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := told(tt.reply)
			got := readAll(t, client(t, s), providers.Query{})
			if got.err == nil || providers.KindOf(got.err) != providers.Broken || !strings.Contains(got.err.Error(), tt.want) {
				t.Errorf("%v: %v", providers.KindOf(got.err), got.err)
			}
			for _, call := range s.calls() {
				if strings.Contains(call, "evil") {
					t.Error(call)
				}
			}
		})
	}
}

func TestReadRefusesAForeignCursor(t *testing.T) {
	for _, c := range []record.Cursor{"x", "2026-05-01", "2026-05-01T10:00:00Z ' OR Name != '", "2026-05-01T10:00:00Z abc"} {
		if got := readAll(t, client(t, told(page(0, ""))), providers.Query{Since: c}); providers.KindOf(got.err) != providers.Broken || got.err == nil {
			t.Errorf("%q: %v", c, got.err)
		}
	}
}

// The window ends by the server's clock, whatever the local one says.
func TestServerClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock is in the year 2000
		s := told(page(0, ""))
		c := client(t, s)
		readAll(t, c, providers.Query{Since: "2026-05-01T10:00:00Z"})
		s.date = time.Time{}
		time.Sleep(90 * time.Second)
		readAll(t, c, providers.Query{Since: "2026-05-01T10:00:00Z"})
		if calls := s.calls(); len(calls) != 3 || !strings.Contains(calls[1], "< 2026-05-01T12:00:00Z") || !strings.Contains(calls[2], "< 2026-05-01T12:01:30Z") {
			t.Error(calls)
		}
	})
}

func TestReadStopsWhenAsked(t *testing.T) {
	s := told(page(9, "/services/data/v64.0/query/0r8-1", row{1, "09:00:00", "a"}))
	for _, err := range client(t, s).Read(t.Context(), providers.Query{Object: "Account", Fields: fields("Name", record.Text)}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if len(s.calls()) != 2 {
		t.Error(s.calls())
	}
}

func FuzzQueryAnswer(f *testing.F) {
	f.Add([]byte(page(1, "", row{1, "09:00:00", "a"}).body))
	f.Add([]byte(page(9, "//evil.example", row{1, "09:00:00", "a"}).body))
	f.Add([]byte(`{"totalSize":1e9,"done":"x","nextRecordsUrl":{},"records":[{"Id":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := told(reply{body: string(body)}, reply{status: 400, body: string(body)})
		got := readAll(t, client(t, s), providers.Query{})
		for _, id := range got.ids {
			if _, ok := salesforce.ID18(id); !ok {
				t.Fatalf("id %q", id)
			}
		}
		for _, call := range s.calls() {
			if !strings.Contains(call, " acme.my.salesforce.com/") {
				t.Fatal(call)
			}
		}
	})
}

// C5.2: a record whose id cannot be read is counted and left out; the others
// come, and the listing is complete.
func TestC5_2_RecordThatCannotBeToldApart(t *testing.T) {
	body := `{"totalSize":2,"done":true,"records":[{"Id":NaN,"SystemModstamp":null,"Name":"x"},{"Id":"` + id(1) + `","SystemModstamp":null,"Name":"y"}]}`
	for p, err := range client(t, told(reply{body: body})).Read(t.Context(), providers.Query{Object: "Account", Fields: fields("Name", record.Text), Full: true}) {
		if err != nil || len(p.Records) != 1 || p.Records[0].ID != id(1) || p.Unreadable != 1 || !p.Last {
			t.Errorf("%+v, %v", p, err)
		}
	}
}
