package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/internal/rest"
)

const base = "https://crm.example.net"

// script answers requests one after the other, and keeps what it was asked.
type script struct {
	mu    sync.Mutex
	steps []func(*http.Request) (*http.Response, error)
	got   []*http.Request
	at    []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.at = append(s.got, r), append(s.at, time.Now())
	step := s.steps[min(len(s.got), len(s.steps))-1]
	return step(r)
}

func answer(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func lose(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// cutOff answers and breaks off within the body.
func cutOff(status int) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"id":`), failing{})
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type steps = []func(*http.Request) (*http.Response, error)

func client(t *testing.T, s *script, change func(*rest.Config)) *rest.Client {
	t.Helper()
	cfg := rest.Config{Base: base, Transport: s, Rand: func() float64 { return 0.5 }}
	if change != nil {
		change(&cfg)
	}
	c, err := rest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get() rest.Request { return rest.Request{Kind: "read", Path: "/q?x=1"} }

func post() rest.Request {
	return rest.Request{Kind: "create", Method: http.MethodPost, Path: "/new", Body: []byte(`{"a":1}`)}
}

var (
	errRefused = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	errReset   = &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
)

// F8: what may have reached the server is not sent again.
func TestF8_RepeatsOnlyWhatIsSafe(t *testing.T) {
	unapplied := func(_ *rest.Request, r *rest.Response) rest.Verdict {
		if r.Status == 429 || r.Status == 503 {
			return rest.Unapplied
		}
		return rest.Standard
	}
	tests := []struct {
		name     string
		req      rest.Request
		classify func(*rest.Request, *rest.Response) rest.Verdict
		steps    steps
		calls    int
		unknown  bool
		status   int
	}{
		{"get, 503 once", get(), nil, steps{answer(503, ""), answer(200, "{}")}, 2, false, 200},
		{"get, reset once", get(), nil, steps{lose(errReset), answer(200, "{}")}, 2, false, 200},
		{"get, cut off once", get(), nil, steps{cutOff(200), answer(200, "{}")}, 2, false, 200},
		{"get, 501 is final", get(), nil, steps{answer(501, "")}, 1, false, 501},
		{"get, 404 is final", get(), nil, steps{answer(404, "")}, 1, false, 404},
		{"create, 503", post(), nil, steps{answer(503, "")}, 1, true, 503},
		{"create, 500", post(), nil, steps{answer(500, "")}, 1, true, 500},
		{"create, 408", post(), nil, steps{answer(408, "")}, 1, true, 408},
		{"create, reset", post(), nil, steps{lose(errReset)}, 1, true, 0},
		{"create, end of stream", post(), nil, steps{lose(io.EOF)}, 1, true, 0},
		{"create, cut off", post(), nil, steps{cutOff(201)}, 1, true, 201},
		{"create, 400", post(), nil, steps{answer(400, "")}, 1, false, 400},
		{"create, 429 is not ours to judge", post(), nil, steps{answer(429, "")}, 1, false, 429},
		{"create, 429 known as unapplied", post(), unapplied, steps{answer(429, ""), answer(201, "{}")}, 2, false, 201},
		{"create, unapplied and then lost", post(), unapplied, steps{answer(503, ""), lose(errReset)}, 2, true, 0},
		{"create, no connection", post(), nil, steps{lose(errRefused), answer(201, "{}")}, 2, false, 201},
		{"create, no connection, then lost", post(), nil, steps{lose(errRefused), lose(errReset)}, 2, true, 0},
		{"create, no connection at all", post(), nil, steps{lose(errRefused)}, 8, false, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: tt.steps}
				resp, err := client(t, s, func(c *rest.Config) { c.Classify = tt.classify }).Do(t.Context(), tt.req)
				if len(s.got) != tt.calls {
					t.Errorf("%d calls, want %d", len(s.got), tt.calls)
				}
				if errors.Is(err, rest.ErrUnknownOutcome) != tt.unknown {
					t.Errorf("got %v, want unknown %v", err, tt.unknown)
				}
				switch {
				case tt.status < 0 && err == nil:
					t.Error("no error")
				case tt.status > 0 && (resp == nil || resp.Status != tt.status):
					t.Errorf("got %+v, want status %d", resp, tt.status)
				case tt.status > 0 && !tt.unknown && err != nil:
					t.Error(err)
				}
			})
		})
	}
}

func TestBodiesAreSentWholeOnEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		read := func(status int) func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				b, err := io.ReadAll(r.Body)
				bodies = append(bodies, string(b))
				if err != nil {
					return nil, err
				}
				return answer(status, "{}")(r)
			}
		}
		r := post()
		r.Idempotent = true
		if _, err := client(t, &script{steps: steps{read(500), read(502), read(200)}}, nil).Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(bodies, "|"); got != `{"a":1}|{"a":1}|{"a":1}` {
			t.Errorf("got %s", got)
		}
	})
}

func TestWaits(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where a bubble's clock starts
	stamp := func(d time.Duration) string { return start.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name     string
		header   []string
		min, max time.Duration
	}{
		{"seconds", []string{"Retry-After", "7"}, 7 * time.Second, 8 * time.Second},
		{"fraction", []string{"Retry-After", "1.5"}, 1500 * time.Millisecond, 2 * time.Second},
		{"date", []string{"Retry-After", stamp(30 * time.Second)}, 30 * time.Second, 31 * time.Second},
		{"date by the server's own clock", []string{"Retry-After", stamp(time.Hour + 9*time.Second), "Date", stamp(time.Hour)}, 9 * time.Second, 10 * time.Second},
		{"date in the past", []string{"Retry-After", stamp(-time.Hour)}, 0, time.Second},
		{"zero", []string{"Retry-After", "0"}, 0, time.Second},
		{"negative", []string{"Retry-After", "-5"}, 0, time.Second},
		{"garbage", []string{"Retry-After", "soon"}, 0, time.Second},
		{"not a number", []string{"Retry-After", "NaN"}, 0, time.Second},
		{"just as long as a request waits", []string{"Retry-After", "120"}, 2 * time.Minute, 121 * time.Second},
		{"none", nil, 0, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: steps{answer(429, "", tt.header...), answer(200, "{}")}}
				if _, err := client(t, s, nil).Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
				if d := s.at[1].Sub(s.at[0]); d < tt.min || d > tt.max {
					t.Errorf("waited %v, want %v to %v", d, tt.min, tt.max)
				}
			})
		})
	}
}

// C13.4: a wait that is longer than a request lasts ends it with the answer, and
// those that come meanwhile before they are sent; it is a day at most.
func TestC13_4_LongWaitsAreKept(t *testing.T) {
	for name, tt := range map[string]struct {
		header string
		want   time.Duration
	}{
		"ten minutes":  {"600", 10 * time.Minute},
		"huge":         {"1000000000", 24 * time.Hour},
		"huger":        {strings.Repeat("9", 400), 24 * time.Hour},
		"a far date":   {time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Format(http.TimeFormat), 24 * time.Hour},
		"121 seconds":  {"121", 121 * time.Second},
		"even a write": {"600", 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: steps{answer(429, "", "Retry-After", tt.header), answer(200, "{}")}}
				c := client(t, s, nil)
				req := get()
				if name == "even a write" {
					req = post()
				}
				start := time.Now()
				resp, err := c.Do(t.Context(), req)
				if err != nil || resp.Status != 429 || resp.Signal.RetryAfter != tt.want || time.Since(start) > time.Second {
					t.Fatalf("got %+v, %v after %v", resp, err, time.Since(start))
				}
				// What is left is waited out where that is short enough for a request.
				time.Sleep(tt.want / 2)
				var wait *rest.WaitError
				_, err = c.Do(t.Context(), get())
				if long := tt.want/2 > 2*time.Minute; long != errors.Is(err, rest.ErrWait) {
					t.Errorf("half way through %v: %v", tt.want, err)
				} else if long && (!errors.As(err, &wait) || wait.Left != tt.want/2 || len(s.got) != 1) {
					t.Errorf("half way through: %+v after %d calls", wait, len(s.got))
				}
				time.Sleep(tt.want / 2)
				if _, err := c.Do(t.Context(), get()); err != nil {
					t.Error(err)
				}
				if d := s.at[1].Sub(s.at[0]); d < tt.want {
					t.Errorf("it was asked again after %v", d)
				}
			})
		})
	}
}

func TestBackoffIsJitteredAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{answer(500, "")}}
		c := client(t, s, func(c *rest.Config) { c.Rand = func() float64 { return 0.999 }; c.Attempts = 12 })
		if _, err := c.Do(t.Context(), get()); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(s.at); i++ {
			want := min(500*time.Millisecond<<(i-1), 30*time.Second)
			if d := s.at[i].Sub(s.at[i-1]); d > want || d < want*9/10 {
				t.Errorf("wait %d was %v, want just below %v", i, d, want)
			}
		}
	})
}

func TestTotalDeadlineHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{answer(429, "", "Retry-After", "60")}}
		c := client(t, s, func(c *rest.Config) { c.Total = 150 * time.Second; c.Attempts = 100 })
		start := time.Now()
		_, err := c.Do(t.Context(), get())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 150*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestA429StopsItsGroupOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		byPath := &script{steps: steps{func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/slow" && time.Since(epoch()) < 10*time.Second {
				return answer(429, "", "Retry-After", "20")(r)
			}
			return answer(200, "{}")(r)
		}}}
		c := client(t, byPath, func(c *rest.Config) {
			c.Limits = map[string]rest.Limit{"a": {PerSecond: 100}, "b": {PerSecond: 100}}
		})
		took := map[string]time.Duration{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		call := func(path, group string, after time.Duration) {
			wg.Go(func() {
				time.Sleep(after)
				start := time.Now()
				if _, err := c.Do(t.Context(), rest.Request{Path: path, Group: group}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				took[path] = time.Since(start)
			})
		}
		call("/slow", "a", 0)
		call("/neighbor", "a", time.Second)
		call("/other", "b", time.Second)
		wg.Wait()
		if took["/neighbor"] < 18*time.Second {
			t.Errorf("a call of the same group went out after %v", took["/neighbor"])
		}
		if took["/other"] > time.Second {
			t.Errorf("another group waited %v", took["/other"])
		}
	})
}

// epoch is where a bubble's clock starts.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestRateIsKeptAndLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signal := rest.Signal{}
		s := &script{steps: steps{answer(200, "{}")}}
		c := client(t, s, func(c *rest.Config) {
			c.Limits = map[string]rest.Limit{"": {PerSecond: 4, Burst: 1}}
			c.Learn = func(*rest.Response) rest.Signal { return signal }
		})
		run := func(n int) time.Duration {
			start := time.Now()
			for range n {
				if _, err := c.Do(t.Context(), get()); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(start)
		}
		if d := run(41); d < 9900*time.Millisecond || d > 10100*time.Millisecond {
			t.Errorf("40 calls at 4 a second took %v", d)
		}
		signal = rest.Signal{Remaining: 10, Reset: 10 * time.Second}
		run(1)
		if d := run(10); d < 9*time.Second {
			t.Errorf("with 10 calls left for 10 s, 10 calls took %v", d)
		}
		signal = rest.Signal{Remaining: 0, Reset: 30 * time.Second}
		run(1)
		signal = rest.Signal{Remaining: 1000, Reset: time.Second}
		if d := run(1); d < 29*time.Second {
			t.Errorf("with no call left for 30 s, the next went out after %v", d)
		}
		if d := run(40); d > 11*time.Second {
			t.Errorf("the rate did not recover: 40 calls took %v", d)
		}
	})
}

// F22, F23: the reserve is left to others, and a spent budget ends the call at
// once instead of waiting for the day to turn.
func TestF22_BudgetKeepsItsReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := 0
		s := &script{steps: steps{func(r *http.Request) (*http.Response, error) {
			used++
			return answer(200, "{}", "X-Used", fmt.Sprint(used))(r)
		}}}
		c := client(t, s, func(c *rest.Config) {
			c.Reserve = 0.2
			c.Learn = func(r *rest.Response) rest.Signal {
				n := 0
				_, _ = fmt.Sscan(r.Header.Get("X-Used"), &n)
				return rest.Signal{QuotaUsed: n, QuotaLimit: 100}
			}
		})
		var err error
		for range 200 {
			if _, err = c.Do(t.Context(), get()); err != nil {
				break
			}
		}
		if !errors.Is(err, rest.ErrBudget) || used != 80 {
			t.Fatalf("got %v after %d calls, want the budget's error after 80", err, used)
		}
		if u := c.Usage(); u.QuotaUsed != 80 || u.QuotaLimit != 100 || u.Calls["read"] != 80 {
			t.Errorf("usage %+v", u)
		}
		start := time.Now()
		if _, err = c.Do(t.Context(), get()); !errors.Is(err, rest.ErrBudget) || time.Since(start) != 0 {
			t.Errorf("got %v after %v, want the error at once", err, time.Since(start))
		}
		// The day turns: a later look finds room again.
		time.Sleep(31 * time.Minute)
		used = 0
		for range 3 {
			if _, err = c.Do(t.Context(), get()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, bad := range []string{"", "crm.example.net", "ftp://x", "https://", "https://u:p@x", "https://x?y=1", "https://x#y", "https://x/%zz"} {
		if _, err := rest.New(rest.Config{Base: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("the error shows the URL: %v", err)
		}
	}
}
