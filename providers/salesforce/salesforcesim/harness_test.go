package salesforcesim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"crmsyncd/providers/salesforce/salesforcesim"
)

const (
	host  = "https://acme.my.salesforce.test"
	token = "fixed!token"
	v62   = "/services/data/v62.0"
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

// org is a simulator with a client that holds the fixed token.
type org struct {
	*salesforcesim.Sim
	t      testing.TB
	clock  *clock
	header http.Header
}

func newOrg(t testing.TB, change ...func(*salesforcesim.Options)) *org {
	t.Helper()
	c := &clock{at: time.Date(2026, 5, 1, 7, 25, 37, 400e6, time.UTC)}
	opt := salesforcesim.Options{Token: token, Clock: c.now}
	for _, f := range change {
		f(&opt)
	}
	sim, err := salesforcesim.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return &org{Sim: sim, t: t, clock: c, header: http.Header{"Authorization": {"Bearer " + token}}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends one request; the path stands as it goes over the wire.
func (o *org) do(method, path, body string) answer {
	o.t.Helper()
	req, err := http.NewRequest(method, host+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header = o.header.Clone()
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Transport: o.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") && len(b) > 0 && !json.Valid(b) {
		o.t.Fatalf("%s %s: invalid JSON: %s", method, path, b)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// decode reads an answer's JSON with exact numbers.
func (o *org) decode(a answer) any {
	o.t.Helper()
	dec := json.NewDecoder(bytes.NewReader([]byte(a.body)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		o.t.Fatalf("decode %q: %v", a.body, err)
	}
	return v
}

// code is the errorCode of an error answer.
func (o *org) code(a answer) string {
	o.t.Helper()
	var list []struct {
		ErrorCode string `json:"errorCode"`
	}
	if a.status < 300 || json.Unmarshal([]byte(a.body), &list) != nil || len(list) == 0 {
		return ""
	}
	return list[0].ErrorCode
}

// query runs SOQL and returns the records.
func (o *org) query(soql string) []map[string]any {
	o.t.Helper()
	a := o.do("GET", v62+"/query?q="+url.QueryEscape(soql), "")
	if a.status != http.StatusOK {
		o.t.Fatalf("query %s: %d %s", soql, a.status, a.body)
	}
	m, _ := o.decode(a).(map[string]any)
	return records(m["records"])
}

func records(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, r := range list {
		m, _ := r.(map[string]any)
		out = append(out, m)
	}
	return out
}

// must inserts a record by the Go API.
func (o *org) must(object string, fields map[string]string) string {
	o.t.Helper()
	id, err := o.Insert(object, fields)
	if err != nil {
		o.t.Fatal(err)
	}
	return id
}

type result struct {
	ID      string `json:"id"`
	Success bool   `json:"success"`
	Created *bool  `json:"created"`
	Errors  []struct {
		StatusCode string   `json:"statusCode"`
		Message    string   `json:"message"`
		Fields     []string `json:"fields"`
	} `json:"errors"`
}

// codes are the statusCodes of a collection's answer; "ok" stands for success.
func (o *org) codes(a answer) []string {
	o.t.Helper()
	if a.status != http.StatusOK {
		o.t.Fatalf("collection: %d %s", a.status, a.body)
	}
	var list []string
	for _, r := range o.results(a) {
		if r.Success {
			list = append(list, "ok")
			continue
		}
		list = append(list, r.Errors[0].StatusCode)
	}
	return list
}

func (o *org) results(a answer) []result {
	o.t.Helper()
	var list []result
	if err := json.Unmarshal([]byte(a.body), &list); err != nil {
		o.t.Fatalf("decode %q: %v", a.body, err)
	}
	return list
}
