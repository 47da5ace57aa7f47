package closeiosim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
)

// clock is a clock that a test moves by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time           { return c.at }
func (c *clock) advance(by time.Duration) { c.at = c.at.Add(by) }

func start() time.Time { return time.Date(2026, 11, 22, 9, 5, 0, 123e6, time.UTC) }

type object = map[string]any

// bed is an organization and a client that speaks plain HTTP.
type bed struct {
	*testing.T
	sim   *closeiosim.Sim
	clock *clock
}

func newBed(t *testing.T, o closeiosim.Options) *bed {
	t.Helper()
	c := &clock{start()}
	o.Clock = c.now
	if o.RateLimit == 0 {
		o.RateLimit = -1
	}
	sim, err := closeiosim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &bed{t, sim, c}
}

// send makes one request as Close's documents show it.
func (b *bed) send(method, path, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	b.Helper()
	if !strings.HasPrefix(path, "/oauth2") {
		path = "/api/v1" + path
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth(closeiosim.DefaultAPIKey, "")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	b.sim.ServeHTTP(w, r)
	return w
}

// call makes a request that must succeed and decodes the answer.
func (b *bed) call(method, path, body string) object {
	b.Helper()
	w := b.send(method, path, body)
	if w.Code != http.StatusOK {
		b.Fatalf("%s %s: status %d, %s", method, path, w.Code, w.Body)
	}
	var out object
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		b.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	return out
}

func (b *bed) get(path string) object { b.Helper(); return b.call("GET", path, "") }

// refused makes a request that must fail, and returns what it says.
func (b *bed) refused(status int, method, path, body string, edit ...func(*http.Request)) string {
	b.Helper()
	w := b.send(method, path, body, edit...)
	if w.Code != status {
		b.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return w.Body.String()
}

func rows(o object) []object {
	list, _ := o["data"].([]any)
	out := make([]object, len(list))
	for i, v := range list {
		out[i], _ = v.(object)
	}
	return out
}

func ids(list []object) []string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i], _ = o["id"].(string)
	}
	return out
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// since is a search for a kind by update time, oldest first.
func since(kind, moment string, fields ...string) object {
	field := object{"type": "regular_field", "object_type": kind, "field_name": "date_updated"}
	queries := []any{object{"type": "object_type", "object_type": kind}}
	if moment != "" {
		queries = append(queries, object{
			"type": "field_condition", "field": field,
			"condition": object{"type": "moment_range", "on_or_after": object{"type": "fixed_utc", "value": moment}},
		})
	}
	q := object{"query": object{"type": "and", "queries": queries}, "sort": []any{object{"direction": "asc", "field": field}}, "_limit": 100}
	if len(fields) > 0 {
		q["_fields"] = object{kind: fields}
	}
	return q
}

func (b *bed) search(q object) object {
	b.Helper()
	return b.call("POST", "/data/search/", asJSON(q))
}
