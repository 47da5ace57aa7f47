package hubspot_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/hubspot"
)

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

	mu   sync.Mutex
	log  []string // method and path with query
	sent []string // bodies
	keys []string // Authorization headers
	at   []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	s.mu.Lock()
	s.log = append(s.log, r.Method+" "+r.URL.RequestURI())
	s.sent = append(s.sent, string(body))
	s.keys = append(s.keys, r.Header.Get("Authorization"))
	s.at = append(s.at, time.Now())
	s.mu.Unlock()
	a := s.answer(r, string(body))
	if a.err != nil {
		return nil, a.err
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	for k, v := range a.header {
		h.Set(k, v)
	}
	return &http.Response{
		StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.body)),
		ContentLength: int64(len(a.body)), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// calls returns the requests whose path holds part.
func (s *script) calls(part string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, l := range s.log {
		if strings.Contains(l, part) {
			out = append(out, l)
		}
	}
	return out
}

// bodies returns the bodies of the requests whose path holds part.
func (s *script) bodies(part string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for i, l := range s.log {
		if strings.Contains(l, part) {
			out = append(out, s.sent[i])
		}
	}
	return out
}

func config(s *script) hubspot.Config {
	return hubspot.Config{
		Transport: s, PerTenSeconds: 100_000,
		Auth: hubspot.Auth{Method: hubspot.FixedToken, Token: func() (string, error) { return "pat-fixed", nil }},
	}
}

func client(t testing.TB, s *script) *hubspot.Client {
	t.Helper()
	c, err := hubspot.New(config(s))
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

// batch is what the bodies of batches have in common.
type batch struct {
	IDProperty string `json:"idProperty"`
	Inputs     []struct {
		ID         string            `json:"id"`
		IDProperty string            `json:"idProperty"`
		Trace      string            `json:"objectWriteTraceId"`
		Properties map[string]string `json:"properties"`
	} `json:"inputs"`
}

func decode(t testing.TB, body string) batch {
	t.Helper()
	var b batch
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		t.Errorf("a body is no batch: %v", err)
	}
	return b
}

func field(name string, t record.Type, v record.Value) record.FieldValue {
	return record.FieldValue{Field: record.Field{Name: name, Type: t}, Value: v}
}

func text(name, value string) record.FieldValue { return field(name, record.Text, record.Of(value)) }

func company(id string) record.FieldValue {
	return field("associations.company", record.Reference, record.Of(id))
}

func fields(list ...any) []record.Field {
	var out []record.Field
	for i := 0; i < len(list); i += 2 {
		out = append(out, record.Field{Name: list[i].(string), Type: list[i+1].(record.Type)})
	}
	return out
}

// inserts returns n patches, each with an external id and a name.
func inserts(n int) []record.Patch {
	out := make([]record.Patch, n)
	for i := range out {
		out[i].Fields = []record.FieldValue{
			field("qbench_id", record.ID, record.Of(fmt.Sprintf("Q%d", i))), text("name", fmt.Sprintf("Name %d", i)),
		}
	}
	return out
}

// updates returns n patches of the records 1 to n.
func updates(n int) []record.Patch {
	out := inserts(n)
	for i := range out {
		out[i].ID = strconv.Itoa(i + 1)
		out[i].Fields = out[i].Fields[1:]
	}
	return out
}

// results answers a batch with a success for each of its inputs, in reverse:
// no order is promised.
func results(t testing.TB, body string) string {
	t.Helper()
	var parts []string
	for i, in := range decode(t, body).Inputs {
		id := in.ID
		if id == "" {
			id = strconv.Itoa(1000 + i)
		}
		parts = append(parts, fmt.Sprintf(`{"id":%q,"properties":{},"objectWriteTraceId":%q}`, id, in.Trace))
	}
	slices.Reverse(parts)
	return `{"status":"COMPLETE","results":[` + strings.Join(parts, ",") + `]}`
}

func kinds(res []providers.Result) string {
	var out []string
	for _, r := range res {
		if r.Err == nil {
			out = append(out, r.ID)
			continue
		}
		out = append(out, r.Err.Kind.String())
	}
	return strings.Join(out, " ")
}
