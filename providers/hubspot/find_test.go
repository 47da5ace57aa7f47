package hubspot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// register answers batch reads from records by key, and single reads by id.
func register(t *testing.T, by map[string]string, single map[string]string) *script {
	return &script{answer: func(r *http.Request, body string) reply {
		if r.Method == http.MethodGet {
			id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
			if now, ok := single[id]; ok {
				return reply{body: fmt.Sprintf(`{"id":%q,"properties":{}}`, now)}
			}
			return reply{status: 404, body: `{"status":"error","category":"OBJECT_NOT_FOUND","message":"resource not found"}`}
		}
		var found, missing []string
		for _, in := range decode(t, body).Inputs {
			if id, ok := by[in.ID]; ok {
				found = append(found, fmt.Sprintf(`{"id":%q,"updatedAt":"2026-01-02T03:04:05.678Z","properties":{"qbench_id":%q,"name":null}}`, id, in.ID))
				continue
			}
			missing = append(missing, fmt.Sprintf("%q", in.ID))
		}
		slices.Reverse(found)
		out := `{"status":"COMPLETE","results":[` + strings.Join(found, ",") + `]`
		if len(missing) > 0 {
			out += `,"numErrors":1,"errors":[{"status":"error","category":"OBJECT_NOT_FOUND","message":"no","context":{"ids":[` + strings.Join(missing, ",") + `]}}]`
		}
		return reply{status: 207, body: out + `}`}
	}}
}

func values(texts ...string) []record.Value {
	var out []record.Value
	for _, s := range texts {
		out = append(out, record.Of(s))
	}
	return out
}

func ids(recs []record.Record) []string {
	out := []string{}
	for _, r := range recs {
		out = append(out, r.ID)
	}
	slices.Sort(out)
	return out
}

// hubspot-9.5: what is there is looked up by its unique property and never by a
// search, whose index lags: a search is no proof of absence.
func TestFindByUniqueProperty(t *testing.T) {
	by := map[string]string{}
	var keys []record.Value
	for i := range 250 {
		keys = append(keys, record.Of(fmt.Sprintf("Q%d", i)))
		if i%2 == 0 {
			by[fmt.Sprintf("Q%d", i)] = fmt.Sprint(1000 + i)
		}
	}
	keys = append(keys, record.Of("Q0"), record.NullValue())
	s := register(t, by, nil)
	got, err := client(t, s).Find(t.Context(), "companies", fields("name", record.Text, "qbench_id", record.ID), record.Field{Name: "qbench_id", Type: record.ID}, keys)
	if err != nil || len(got) != 125 || len(s.calls("")) != 3 || len(s.calls("/search")) != 0 {
		t.Fatalf("%d hits by %v, %v", len(got), s.calls(""), err)
	}
	if r := got[0]; string(r.Raw[0]) != "null" || !strings.HasPrefix(string(r.Raw[1]), `"Q`) || r.Version != time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC) {
		t.Errorf("got %s %s %v", r.Raw[0], r.Raw[1], r.Version)
	}
	for _, body := range s.bodies("") {
		if b := decode(t, body); b.IDProperty != "qbench_id" || len(b.Inputs) > 100 {
			t.Errorf("asked by %q for %d", b.IDProperty, len(b.Inputs))
		}
	}
	if got, err := client(t, s).Find(t.Context(), "companies", nil, record.Field{Name: "qbench_id", Type: record.ID}, nil); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}

func TestFindByOtherKeys(t *testing.T) {
	s := register(t, map[string]string{"ann@larch.test": "5", "further@larch.test": "5", "6": "6"}, nil)
	c := client(t, s)
	email := record.Field{Name: "email", Type: record.Text}
	got, err := c.Find(t.Context(), "contacts", nil, email, values("Ann@Larch.test", "ann@larch.test", "further@larch.test", "no@larch.test"))
	if err != nil || !slices.Equal(ids(got), []string{"5"}) || len(decode(t, s.bodies("")[0]).Inputs) != 3 {
		t.Errorf("%v, %v", ids(got), err)
	}
	got, err = c.Find(t.Context(), "contacts", nil, record.Field{Name: "hs_object_id", Type: record.Reference}, values("6", "nonsense", "7"))
	if err != nil || !slices.Equal(ids(got), []string{"6"}) || strings.Contains(s.bodies("")[1], "idProperty") {
		t.Errorf("%v, %v", ids(got), err)
	}
	refused := answers(reply{status: 400, body: `{"category":"VALIDATION_ERROR","message":"Unable to perform read by non-unique 0-2 property domain in portal ID 7"}`})
	_, err = client(t, refused).Find(t.Context(), "companies", nil, record.Field{Name: "domain", Type: record.Text}, values("larch.test"))
	if err == nil || providers.KindOf(err) != providers.Broken || !strings.Contains(err.Error(), "unique") {
		t.Error(err)
	}
	for _, name := range []string{"associations.company", "", "a b"} {
		if _, err := c.Find(t.Context(), "contacts", nil, record.Field{Name: name, Type: record.Reference}, values("1")); err == nil || providers.KindOf(err) != providers.Broken {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Keys that are answered neither by a record nor by an error are not absent: a
// contact may be found by two of its addresses, and what stays silent stops the
// look-up, or the record would be made twice.
func TestFindKeysLeftOutInSilence(t *testing.T) {
	s := &script{answer: func(_ *http.Request, body string) reply {
		switch in := decode(t, body).Inputs; {
		case len(in) == 1 && in[0].ID == "c@x.test":
			return reply{body: `{"results":[],"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["c@x.test"]}}]}`}
		case slices.ContainsFunc(in, func(i struct {
			ID         string            `json:"id"`
			IDProperty string            `json:"idProperty"`
			Trace      string            `json:"objectWriteTraceId"`
			Properties map[string]string `json:"properties"`
		},
		) bool {
			return i.ID == "a@x.test" || i.ID == "b@x.test"
		}):
			return reply{body: `{"results":[{"id":"5","properties":{"email":"a@x.test"}}]}`}
		}
		return reply{body: `{"results":[],"errors":[]}`}
	}}
	c, email := client(t, s), record.Field{Name: "email", Type: record.Text}
	got, err := c.Find(t.Context(), "contacts", nil, email, values("a@x.test", "b@x.test", "c@x.test"))
	if err != nil || !slices.Equal(ids(got), []string{"5"}) {
		t.Errorf("%v, %v", ids(got), err)
	}
	if _, err = c.Find(t.Context(), "contacts", nil, email, values("a@x.test", "lost@x.test")); err == nil || providers.KindOf(err) != providers.Broken {
		t.Errorf("a silent key: %v", err)
	}
	if _, err = c.Find(t.Context(), "contacts", nil, email, values("l@x.test", "m@x.test")); err == nil || len(s.calls("")) > 12 {
		t.Errorf("silence: %v after %d calls", err, len(s.calls("")))
	}
}

// F11: of the ids that are gone, one that was merged leads to its successor.
func TestGetMissing(t *testing.T) {
	by := map[string]string{"1": "1", "2": "2", "3": "3"}
	s := register(t, by, map[string]string{"8": "1"})
	got, errs, err := client(t, s).Get(t.Context(), "companies", fields("name", record.Text), []string{"1", "8", "9", "3", "1", "../x"})
	if err != nil || !slices.Equal(ids(got), []string{"1", "3"}) || len(errs) != 3 {
		t.Fatal(ids(got), errs, err)
	}
	if e := errs[1]; e.Kind != providers.Missing || e.Ref.ID != "8" || e.Successor != "1" {
		t.Errorf("got %+v", e)
	}
	if e := errs[2]; e.Kind != providers.Missing || e.Ref.ID != "9" || e.Gone != providers.Answered || e.Successor != "" {
		t.Errorf("got %+v", e)
	}
	if errs[0].Kind != providers.Rejected {
		t.Errorf("got %+v", errs[0])
	}
	// A record that a batch leaves out though it is there is never taken for gone.
	s = register(t, by, map[string]string{"7": "7"})
	if _, _, err := client(t, s).Get(t.Context(), "companies", nil, []string{"1", "7"}); providers.KindOf(err) != providers.Transient {
		t.Error(err)
	}
	// So is one that the answer about it cannot be read of.
	s = answers(reply{body: `{"results":[]}`}, reply{status: 200, body: `{"hello":1}`})
	if _, _, err := client(t, s).Get(t.Context(), "companies", nil, []string{"1"}); err == nil || providers.KindOf(err) != providers.Broken {
		t.Error(err)
	}
}

// hubspot-9.17: histories are read fifty at a time, the most that is taken.
func TestHistory(t *testing.T) {
	s := &script{answer: func(_ *http.Request, body string) reply {
		var in struct {
			Histories []string `json:"propertiesWithHistory"`
		}
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			t.Error(err)
		}
		inputs := decode(t, body).Inputs
		if len(in.Histories) > 0 && len(inputs) > 50 {
			return reply{status: 400, body: `{"category":"VALIDATION_ERROR","message":"The maximum number of inputs supported in a batch request for property histories is 50"}`}
		}
		var out []string
		for _, one := range inputs {
			out = append(out, fmt.Sprintf(`{"id":%q,"propertiesWithHistory":{"name":[{"value":"Old %s","timestamp":"2026-01-01T00:00:00Z","sourceType":"CRM_UI","sourceId":"userId:1"},{"value":null,"timestamp":"2026-03-01T00:00:00.5Z","sourceType":"INTEGRATION"}]}}`, one.ID, one.ID))
		}
		return reply{body: `{"results":[` + strings.Join(out, ",") + `]}`}
	}}
	var all []string
	for i := range 120 {
		all = append(all, fmt.Sprint(i+1))
	}
	got, err := client(t, s).History(t.Context(), "companies", record.Field{Name: "name", Type: record.Text}, all)
	if err != nil || len(got) != 120 || len(s.calls("")) != 3 {
		t.Fatalf("%d histories by %d calls, %v", len(got), len(s.calls("")), err)
	}
	h := got["7"]
	if len(h) != 2 || !h[0].Value.IsNull() || h[1].Value.Text() != "Old 7" || h[1].SourceID != "userId:1" || h[0].Source != "INTEGRATION" {
		t.Errorf("got %+v", h)
	}
}

// Every version of the API has its own addresses.
func TestPaths(t *testing.T) {
	tests := map[string][]string{
		"2026-09": {
			"GET /account-info/2026-09/details", "GET /crm/properties/2026-09/contacts?archived=false",
			"POST /crm/objects/2026-09/contacts/batch/read", "POST /crm/associations/2026-09/contacts/companies/batch/read",
		},
		"2026-03": {
			"GET /account-info/2026-03/details", "GET /crm/properties/2026-03/contacts?archived=false",
			"POST /crm/objects/2026-03/contacts/batch/read", "POST /crm/associations/2026-03/contacts/companies/batch/read",
		},
		"v3": {
			"GET /account-info/v3/details", "GET /crm/v3/properties/contacts?archived=false",
			"POST /crm/v3/objects/contacts/batch/read", "POST /crm/v4/associations/contacts/companies/batch/read",
		},
	}
	tests["v4"] = tests["v3"]
	for version, want := range tests {
		s := answers(
			reply{body: `{"portalId":7,"accountType":"DEVELOPER_TEST"}`}, reply{body: `{"results":[{"name":"x"}]}`}, reply{body: `{"results":[{"id":"1"}]}`},
		)
		cfg := config(s)
		cfg.APIVersion = version
		c := clientOf(t, cfg)
		if id, err := c.Identify(t.Context()); err != nil || id.Org != "7" || !id.Sandbox {
			t.Error(id, err)
		}
		if _, err := c.Describe(t.Context(), "contact"); err != nil {
			t.Error(err)
		}
		// The answer to the associations is read as one of records and refused.
		_, _, _ = c.Get(t.Context(), "contact", fields("associations.company", record.Reference), []string{"1"})
		if diff := cmp.Diff(want, s.calls("")); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
	}
}

// A person who gave a property its value is another; an app is we ourselves, or
// another one, once the answer of a create told which one we are.
func TestHistoryNamesItsAuthors(t *testing.T) {
	history := reply{body: `{"results":[{"id":"1","propertiesWithHistory":{"name":[
		{"value":"d","timestamp":"2026-01-04T00:00:00Z","sourceType":"CRM_UI","sourceId":"userId:12"},
		{"value":"c","timestamp":"2026-01-03T00:00:00Z","sourceType":"INTEGRATION","sourceId":"77"},
		{"value":"b","timestamp":"2026-01-02T00:00:00Z","sourceType":"INTEGRATION","sourceId":"88"},
		{"value":"a","timestamp":"2026-01-01T00:00:00Z"}]}}]}`}
	created := reply{body: `{"results":[{"id":"7","objectWriteTraceId":"r0","properties":{"hs_object_source":"INTEGRATION","hs_object_source_id":"77"}}]}`}
	c := client(t, answers(history, created, history))
	authors := func() string {
		got, err := c.History(t.Context(), "companies", record.Field{Name: "name", Type: record.Text}, []string{"1"})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, v := range got["1"] {
			out = append(out, v.By.String())
		}
		return strings.Join(out, " ")
	}
	if got := authors(); got != "other unknown unknown unknown" {
		t.Error(got)
	}
	if _, err := c.Create(t.Context(), "companies", inserts(1)); err != nil {
		t.Fatal(err)
	}
	if got := authors(); got != "other ours other unknown" {
		t.Error(got)
	}
}
