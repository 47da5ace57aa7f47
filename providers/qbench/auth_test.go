package qbench_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/faults"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
)

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{TokenLife: 10 * time.Minute}, nil)
		identify := func() {
			t.Helper()
			if _, err := p.Identify(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		identify()
		time.Sleep(7 * time.Minute)
		identify()
		if n := p.sim.Calls()["token"]; n != 1 {
			t.Errorf("%d tokens after 7 of 10 minutes, want 1", n)
		}
		time.Sleep(61 * time.Second)
		identify()
		if n := p.sim.Calls()["token"]; n != 2 {
			t.Errorf("%d tokens after 8 of 10 minutes, want 2", n)
		}
		if n := p.sim.Calls()["unauthorized"]; n != 0 {
			t.Errorf("%d calls were refused", n)
		}
	})
}

// Our clock may be wrong: the server's Date header helps once.
func TestClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{-3 * time.Hour, -2 * time.Minute, 2 * time.Minute, 26 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, qbenchsim.Options{Clock: func() time.Time { return time.Now().Add(skew) }}, nil)
			fill(p.sim, records)
			r := read(t, p, customers(), nil)
			if r.err != nil || r.lasts != 1 {
				t.Fatalf("skew %v: %v", skew, r.err)
			}
			p.sim.ExpireTokens()
			calls := p.sim.Calls()["token"]
			if r = read(t, p, customers(), nil); r.err != nil {
				t.Fatal(r.err)
			}
			if n := p.sim.Calls()["token"] - calls; n != 1 {
				t.Errorf("skew %v: %d token calls the second time: it was not remembered", skew, n)
			}
		})
	}
}

func TestSecretIsReadAtEachExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		current, broken := "an old secret that is wrong", error(nil)
		p := newPair(t, qbenchsim.Options{}, func(c *qbench.Config) {
			c.Secret = func() (string, error) { return current, broken }
		})
		_, err := p.Identify(t.Context())
		if providers.KindOf(err) != providers.Denied || err == nil || strings.Contains(err.Error(), current) {
			t.Errorf("a wrong secret: got %v", err)
		}
		current = secret
		if _, err = p.Identify(t.Context()); err != nil {
			t.Errorf("the corrected secret: %v", err)
		}
		p.sim.ExpireTokens()
		broken = errors.New("permission denied")
		if _, err = p.Identify(t.Context()); providers.KindOf(err) != providers.Denied || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("an unreadable secret: got %v", err)
		}
		broken, current = nil, ""
		if _, err = p.Identify(t.Context()); providers.KindOf(err) != providers.Denied {
			t.Errorf("an empty secret: got %v", err)
		}
	})
}

func TestThrottleIsHonored(t *testing.T) {
	words := func(s string) faults.Rule {
		return faults.Rule{Path: "/api/", From: 1, Status: http.StatusTooManyRequests, Body: `{"error":"Rate limit of 300 requests per 60 seconds exceeded, retry in ` + s + ` seconds"}`}
	}
	header := faults.Rule{Path: "/api/", From: 1, Status: http.StatusTooManyRequests, Header: map[string]string{"x-qbapi-throttle-ttl": "33"}}
	for _, tt := range []struct {
		name     string
		rule     faults.Rule
		min, max time.Duration
	}{
		{"in words", words("33"), 33 * time.Second, 34 * time.Second},
		{"in a header", header, 33 * time.Second, 34 * time.Second},
		{"in words too long to be a number", words(strings.Repeat("9", 40)), 0, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, qbenchsim.Options{}, nil)
				p.sim.Faults().Add(tt.rule)
				start := time.Now()
				if _, err := p.Identify(t.Context()); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(start); d < tt.min || d > tt.max {
					t.Errorf("waited %v, want %v to %v", d, tt.min, tt.max)
				}
			})
		})
	}
}

// A wait of a day is kept, and is what the error tells.
func TestLongThrottleIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{}, nil)
		p.sim.Faults().Add(faults.Rule{Path: "/api/", From: 1, Status: http.StatusTooManyRequests, Body: `{"error":"retry in 999999999 seconds"}`})
		for range 2 {
			_, err := p.Identify(t.Context())
			var e *providers.Error
			if !errors.As(err, &e) || e.Kind != providers.Transient || e.RetryAfter != 24*time.Hour {
				t.Errorf("%+v", err)
			}
		}
		if n := p.wire.Count("/api/"); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

// At its own rate the client never meets the vendor's limit.
func TestRateLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{}, func(c *qbench.Config) { c.PageSize = 1 })
		fill(p.sim, 600)
		start := time.Now()
		if r := read(t, p, customers(), nil); r.err != nil || len(r.ids) != 600 {
			t.Fatal(len(r.ids), r.err)
		}
		if d := time.Since(start); d < 140*time.Second || d > 160*time.Second {
			t.Errorf("600 calls at 240 a minute took %v", d)
		}
		if n := p.sim.Calls()["throttled"]; n != 0 {
			t.Errorf("%d calls met the vendor's limit", n)
		}
	})
}

func TestManyTokensInOneRun(t *testing.T) {
	for calls := 1; calls <= 4; calls++ {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, qbenchsim.Options{TokenCalls: calls, Expired: qbenchsim.Expired400}, nil)
			ids := fill(p.sim, records)
			if r := read(t, p, customers(), nil); r.err != nil || len(r.ids) != len(ids) {
				t.Errorf("a token good for %s calls: %v", strconv.Itoa(calls), r.err)
			}
		})
	}
}
