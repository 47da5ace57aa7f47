package qbenchsim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
)

const fixedToken = "fixed-token"

// clock is a clock that a test moves by hand.
type clock struct{ at time.Time }

func newClock() *clock                    { return &clock{time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)} }
func (c *clock) now() time.Time           { return c.at }
func (c *clock) advance(by time.Duration) { c.at = c.at.Add(by) }

func newSim(o qbenchsim.Options) *qbenchsim.Sim {
	o.Token = fixedToken
	return qbenchsim.New(o)
}

// call makes one request; token may be empty.
func call(sim http.Handler, method, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w
}

// list is any list answer; the totals are pointers to tell absent from zero.
type list struct {
	TotalCount *int                         `json:"total_count"`
	TotalPages *int                         `json:"total_pages"`
	Data       []map[string]json.RawMessage `json:"data"`
}

func getList(t *testing.T, sim http.Handler, target string) list {
	t.Helper()
	return decodeAs[list](t, ok(t, call(sim, "GET", target, fixedToken, "")))
}

func getRecord(t *testing.T, sim http.Handler, target string) map[string]json.RawMessage {
	t.Helper()
	return decodeAs[map[string]json.RawMessage](t, ok(t, call(sim, "GET", target, fixedToken, "")))
}

func ok(t *testing.T, w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d, body %s", w.Code, w.Body)
	}
	return w
}

func decodeAs[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("decode %s: %v", w.Body, err)
	}
	return v
}

func ids(l list) string {
	var all []string
	for _, r := range l.Data {
		all = append(all, string(r["id"]))
	}
	return strings.Join(all, " ")
}

// sign makes an assertion by hand, so that it can be made wrong.
func sign(secret string, header, claims map[string]any) string {
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func exchange(sim http.Handler, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/qbench/oauth2/v1/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w
}

func assertionForm(assertion string) url.Values {
	return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
}

// freshToken obtains a token the honest way.
func freshToken(t *testing.T, sim http.Handler, now time.Time) string {
	t.Helper()
	a := sign(qbenchsim.DefaultClientSecret, map[string]any{"alg": "HS256", "typ": "JWT"},
		map[string]any{"sub": qbenchsim.DefaultClientID, "iat": now.Unix(), "exp": now.Add(55 * time.Minute).Unix()})
	return decodeAs[struct {
		AccessToken string `json:"access_token"`
	}](t, ok(t, exchange(sim, assertionForm(a)))).AccessToken
}
