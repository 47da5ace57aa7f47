package hubspotsim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crmsyncd/providers/hubspot/hubspotsim"
)

const (
	host  = "https://api.hubapi.test"
	token = "pat-fixed"
	v9    = "/crm/objects/2026-09"
	v3    = "/crm/v3/objects"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// portal is a simulator with a client that holds the fixed token.
type portal struct {
	*hubspotsim.Sim
	t     testing.TB
	clock *clock
	token string
}

// newPortal makes a portal without rate limits, with a unique property per object.
func newPortal(t testing.TB, change ...func(*hubspotsim.Options)) *portal {
	t.Helper()
	c := &clock{at: time.Date(2026, 5, 1, 7, 25, 37, 400e6, time.UTC)}
	opt := hubspotsim.Options{Token: token, Clock: c.now, RateLimit: hubspotsim.Unlimited, SearchLimit: hubspotsim.Unlimited}
	for _, f := range change {
		f(&opt)
	}
	sim, err := hubspotsim.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	for object, name := range map[string]string{"companies": "qbench_customer_id", "contacts": "qbench_contact_id"} {
		if err := sim.AddProperty(object, hubspotsim.Property{Name: name, Unique: true}); err != nil {
			t.Fatal(err)
		}
	}
	return &portal{Sim: sim, t: t, clock: c, token: token}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (p *portal) do(method, path, body string) answer {
	p.t.Helper()
	req, err := http.NewRequest(method, host+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/oauth") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := (&http.Client{Transport: p.Transport()}).Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") && len(b) > 0 && !json.Valid(b) {
		p.t.Fatalf("%s %s: invalid JSON: %s", method, path, b)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// record is a record of an answer.
type record struct {
	ID           string             `json:"id"`
	Properties   map[string]*string `json:"properties"`
	UpdatedAt    string             `json:"updatedAt"`
	Archived     bool               `json:"archived"`
	New          *bool              `json:"new"`
	Trace        string             `json:"objectWriteTraceId"`
	Associations map[string]struct {
		Results []struct{ ID, Type string }
	} `json:"associations"`
	History map[string][]struct {
		Value, Timestamp, SourceType, SourceID string
	} `json:"propertiesWithHistory"`
	Warnings []struct {
		Category string
		Context  map[string]string
	}
}

// get is the text of a property, "-" if the answer does not have it and "" if it is null.
func (r record) get(name string) string {
	v, told := r.Properties[name]
	switch {
	case !told:
		return "-"
	case v == nil:
		return ""
	}
	return *v
}

type problem struct {
	Status, Message, Category, SubCategory, PolicyName, CorrelationID string

	Errors []struct {
		Message, Code string
		Context       map[string][]string
	}
	Context map[string][]string
}

type many struct {
	Status    string
	Results   []record
	Total     int
	NumErrors int
	Errors    []problem
	Paging    struct{ Next struct{ After string } }
}

// into decodes an answer's body, after its status was compared with want.
func into[T any](p *portal, a answer, want int) (v T) {
	p.t.Helper()
	if a.status != want {
		p.t.Fatalf("got %d %s, want status %d", a.status, a.body, want)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		p.t.Fatalf("decode %q: %v", a.body, err)
	}
	return v
}

// code is the category or the first code of an error answer of the status.
func (p *portal) code(a answer, status int) string {
	p.t.Helper()
	e := into[problem](p, a, status)
	if e.Status != "error" || e.CorrelationID == "" {
		p.t.Fatalf("no error body: %s", a.body)
	}
	if len(e.Errors) > 0 && e.Errors[0].Code != "" {
		return e.Errors[0].Code
	}
	return e.Category
}

// must inserts a record by the Go API; pairs are names and values.
func (p *portal) must(object string, pairs ...string) string {
	p.t.Helper()
	fields := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	id, err := p.Insert(object, fields)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *portal) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// inputs joins the inputs of a batch.
func inputs(list ...string) string { return `{"inputs":[` + strings.Join(list, ",") + `]}` }

// upsert is an input of a company's upsert by the custom unique property, with
// a trace id.
func upsert(key, properties string) string {
	return fmt.Sprintf(`{"idProperty":"qbench_customer_id","id":%q,"objectWriteTraceId":"t-%s","properties":{%s}}`, key, key, properties)
}

func propertyUnique(name string) hubspotsim.Property {
	return hubspotsim.Property{Name: name, Unique: true}
}
