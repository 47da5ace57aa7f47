package salesforce_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/salesforce"
)

const base = "https://acme.my.salesforce.com"

// reply is what a scripted server says.
type reply struct {
	status int
	body   string
	header map[string]string
	err    error
}

// script is a server behind a RoundTripper: each request is answered by the
// function, and noted.
type script struct {
	answer func(r *http.Request, body string) reply
	date   time.Time // of the server's clock; zero leaves the header out

	mu   sync.Mutex
	log  []string
	sent []string // bodies
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	s.mu.Lock()
	q := r.URL.Query().Get("q")
	s.log = append(s.log, strings.TrimSpace(r.Method+" "+r.URL.Host+r.URL.Path+" "+q))
	s.sent = append(s.sent, string(body))
	s.mu.Unlock()
	a := s.answer(r, string(body))
	if a.err != nil {
		return nil, a.err
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if !s.date.IsZero() {
		h.Set("Date", s.date.UTC().Format(http.TimeFormat))
	}
	for k, v := range a.header {
		h.Set(k, v)
	}
	return &http.Response{
		StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.body)),
		ContentLength: int64(len(a.body)), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func (s *script) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

func (s *script) bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.sent...)
}

func config(s *script) salesforce.Config {
	return salesforce.Config{
		BaseURL: base, Transport: s,
		Auth: salesforce.Auth{Method: salesforce.FixedToken, Token: func() (string, error) { return "fixed", nil }},
	}
}

func client(t testing.TB, s *script) *salesforce.Client {
	t.Helper()
	c, err := salesforce.New(config(s))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answers scripts one reply after the other; the last one is repeated.
func answers(list ...reply) *script {
	i := 0
	return &script{answer: func(*http.Request, string) reply {
		a := list[min(i, len(list)-1)]
		i++
		return a
	}}
}

// id returns the n-th account id.
func id(n int) string {
	long, ok := salesforce.ID18(fmt.Sprintf("001xx%010d", n))
	if !ok {
		panic("not an id")
	}
	return long
}

func text(name, value string) record.FieldValue {
	return field(name, record.Text, record.Of(value))
}

func field(name string, t record.Type, v record.Value) record.FieldValue {
	return record.FieldValue{Field: record.Field{Name: name, Type: t}, Value: v}
}

// inserts returns n patches, each with an external id and a name.
func inserts(n int) []record.Patch {
	out := make([]record.Patch, n)
	for i := range out {
		out[i].Fields = []record.FieldValue{
			field("Ext__c", record.ID, record.Of(fmt.Sprintf("E%d", i))), text("Name", fmt.Sprintf("Name %d", i)),
		}
	}
	return out
}

// made answers a collections call with a success for each record in it.
func made(body string) string {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range strings.Count(body, `"attributes"`) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%q,"success":true,"errors":[],"created":true}`, id(i))
	}
	b.WriteByte(']')
	return b.String()
}

func fields(list ...any) []record.Field {
	var out []record.Field
	for i := 0; i < len(list); i += 2 {
		out = append(out, record.Field{Name: list[i].(string), Type: list[i+1].(record.Type)})
	}
	return out
}
