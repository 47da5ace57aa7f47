package qbenchsim_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
)

func TestTokenExchange(t *testing.T) {
	c := newClock()
	hs := map[string]any{"alg": "HS256", "typ": "JWT"}
	claims := func(iat, exp time.Duration) map[string]any {
		return map[string]any{"sub": "me", "iat": c.at.Add(iat).Unix(), "exp": c.at.Add(exp).Unix()}
	}
	tests := []struct {
		name      string
		form      url.Values
		status    int
		wantError string
	}{
		{"good", assertionForm(sign("s3cret", hs, claims(0, time.Hour))), 200, ""},
		{"small skew is forgiven", assertionForm(sign("s3cret", hs, claims(4*time.Second, time.Hour))), 200, ""},
		{"wrong secret", assertionForm(sign("other", hs, claims(0, time.Hour))), 400, "invalid_grant"},
		{"alg none", assertionForm(sign("s3cret", map[string]any{"alg": "none"}, claims(0, time.Hour))), 400, "invalid_grant"},
		{"wrong client", assertionForm(sign("s3cret", hs, map[string]any{"sub": "you", "iat": c.at.Unix(), "exp": c.at.Add(time.Hour).Unix()})), 400, "invalid_grant"},
		{"no iat", assertionForm(sign("s3cret", hs, map[string]any{"sub": "me", "exp": c.at.Add(time.Hour).Unix()})), 400, "invalid_grant"},
		{"no exp", assertionForm(sign("s3cret", hs, map[string]any{"sub": "me", "iat": c.at.Unix()})), 400, "invalid_grant"},
		{"too long", assertionForm(sign("s3cret", hs, claims(0, time.Hour+time.Second))), 400, "invalid_grant"},
		{"clock ahead", assertionForm(sign("s3cret", hs, claims(time.Minute, 50*time.Minute))), 400, "invalid_grant"},
		{"clock behind", assertionForm(sign("s3cret", hs, claims(-2*time.Hour, -time.Hour))), 400, "invalid_grant"},
		{"ends before it begins", assertionForm(sign("s3cret", hs, claims(4*time.Second, 2*time.Second))), 400, "invalid_grant"},
		{"not a JWT", assertionForm("abc"), 400, "invalid_grant"},
		{"no assertion", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}}, 400, "invalid_request"},
		{"wrong grant", url.Values{"grant_type": {"client_credentials"}}, 400, "unsupported_grant_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sim := qbenchsim.New(qbenchsim.Options{ClientID: "me", ClientSecret: "s3cret", Clock: c.now})
			w := exchange(sim, tt.form)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d; body %s", w.Code, tt.status, w.Body)
			}
			got := decodeAs[struct {
				Error       string `json:"error"`
				AccessToken string `json:"access_token"`
				TokenType   string `json:"token_type"`
				ExpiresIn   int    `json:"expires_in"`
			}](t, w)
			if got.Error != tt.wantError {
				t.Fatalf("error %q, want %q", got.Error, tt.wantError)
			}
			if tt.status == 200 && (got.AccessToken == "" || got.TokenType != "Bearer" || got.ExpiresIn != 3600) {
				t.Fatalf("token answer %s", w.Body)
			}
		})
	}
}

func TestServerDateFollowsItsClock(t *testing.T) {
	c := newClock()
	w := exchange(newSim(qbenchsim.Options{Clock: c.now}), nil)
	if got, want := w.Header().Get("Date"), "Sun, 22 Nov 2026 09:05:00 GMT"; got != want {
		t.Fatalf("Date %q, want %q: a client with a wrong clock re-signs with it", got, want)
	}
}

func TestTokenExpiry(t *testing.T) {
	tests := []struct {
		name   string
		opts   qbenchsim.Options
		expire func(*clock, *qbenchsim.Sim)
		calls  int
		status int
		want   string
	}{
		{"by time, as 401", qbenchsim.Options{}, func(c *clock, _ *qbenchsim.Sim) { c.advance(time.Hour) }, 1, 401, "invalid_token"},
		{"by time, as 400", qbenchsim.Options{Expired: qbenchsim.Expired400}, func(c *clock, _ *qbenchsim.Sim) { c.advance(time.Hour) }, 1, 400, "invalid_grant"},
		{"after three calls", qbenchsim.Options{TokenCalls: 3}, func(*clock, *qbenchsim.Sim) {}, 3, 401, "invalid_token"},
		{"by hand", qbenchsim.Options{}, func(_ *clock, s *qbenchsim.Sim) { s.ExpireTokens() }, 1, 401, "invalid_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			tt.opts.Clock = c.now
			sim := newSim(tt.opts)
			token := freshToken(t, sim, c.at)
			for range tt.calls {
				ok(t, call(sim, "GET", "/qbench/api/v1/customer", token, ""))
			}
			tt.expire(c, sim)
			w := call(sim, "GET", "/qbench/api/v1/customer", token, "")
			got := decodeAs[map[string]string](t, w)
			if w.Code != tt.status || got["error"] != tt.want {
				t.Fatalf("expired token: %d %s, want %d %s", w.Code, w.Body, tt.status, tt.want)
			}
			ok(t, call(sim, "GET", "/qbench/api/v1/customer", freshToken(t, sim, c.at), ""))
			ok(t, call(sim, "GET", "/qbench/api/v1/customer", fixedToken, ""))
		})
	}
}

func TestNoAccessWithoutToken(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	id := sim.AddCustomer(qbenchsim.Fields{"customer_name": "Acme"})
	for _, token := range []string{"", "wrong"} {
		for _, method := range []string{"GET", "DELETE"} {
			w := call(sim, method, "/qbench/api/v2/customers/1000", token, "")
			if w.Code != http.StatusUnauthorized {
				t.Fatalf("%s with token %q: %d", method, token, w.Code)
			}
		}
	}
	if _, there := sim.Customer(id); !there {
		t.Fatal("a call without a token deleted a customer")
	}
	if got := sim.Calls()["unauthorized"]; got != 4 {
		t.Fatalf("unauthorized calls %d, want 4", got)
	}
}

func FuzzTokenExchange(f *testing.F) {
	f.Add("a.b.c")
	f.Add(sign("x", map[string]any{"alg": "HS256"}, map[string]any{"sub": 1, "iat": 1e300, "exp": -1e300}))
	f.Fuzz(func(t *testing.T, assertion string) {
		sim := newSim(qbenchsim.Options{})
		if w := exchange(sim, assertionForm(assertion)); w.Code != http.StatusBadRequest {
			t.Fatalf("assertion %q: status %d", assertion, w.Code)
		}
	})
}
