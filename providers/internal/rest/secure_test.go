package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/internal/rest"
)

// Three secrets that reach an error by three ways.
const (
	canary       = "canary-token-3141592653"
	headerCanary = "canary-header-2718281828"
	queryCanary  = "canary-query-1618033988"
)

func TestTokenIsFetchedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		s := &script{steps: steps{answer(200, "{}")}}
		c := client(t, s, func(c *rest.Config) {
			c.Token = func(ctx context.Context) (rest.Token, error) {
				time.Sleep(time.Second)
				n := fetches.Add(1)
				return rest.Token{Value: fmt.Sprint("tok", n), Expires: time.Now().Add(time.Minute)}, ctx.Err()
			}
		})
		burst := func() {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := c.Do(t.Context(), get()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		burst()
		burst()
		if n := fetches.Load(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
		time.Sleep(time.Minute)
		burst()
		if n := fetches.Load(); n != 2 {
			t.Errorf("%d fetches after it expired, want 2", n)
		}
	})
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		good := "tok2"
		s := &script{steps: steps{func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") != "Bearer "+good {
				return answer(401, "")(r)
			}
			return answer(200, "{}")(r)
		}}}
		c := client(t, s, func(c *rest.Config) {
			c.Token = func(context.Context) (rest.Token, error) {
				return rest.Token{Value: fmt.Sprint("tok", fetches.Add(1))}, nil
			}
		})
		resp, err := c.Do(t.Context(), post())
		if err != nil || resp.Status != 200 || len(s.got) != 2 {
			t.Fatalf("got %+v, %v after %d calls: even a create is repeated, for it was never let in", resp, err, len(s.got))
		}
		// A second refusal is final.
		good = "none"
		s.got = nil
		resp, err = c.Do(t.Context(), get())
		if err != nil || resp.Status != 401 || len(s.got) != 2 || fetches.Load() != 3 {
			t.Errorf("got %+v, %v, %d calls, %d fetches", resp, err, len(s.got), fetches.Load())
		}
	})
}

func TestWaitingForATokenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, &script{steps: steps{answer(200, "{}")}}, func(c *rest.Config) {
			c.Token = func(context.Context) (rest.Token, error) {
				time.Sleep(time.Hour)
				return rest.Token{Value: "late"}, nil
			}
		})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.Do(t.Context(), get()) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Do(ctx, get())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		wg.Wait()
	})
}

// A token, an assertion or a query must not show in any error, whatever fails.
func TestErrorsShowNoSecrets(t *testing.T) {
	echo := errors.New("proxy said no to Bearer " + canary + " and " + headerCanary + " at https://x/?sig=" + queryCanary + " of it")
	tests := map[string]steps{
		"transport":        {lose(echo)},
		"reset":            {lose(errReset)},
		"wrapped":          {lose(&url.Error{Op: "Get", URL: "https://x/?t=" + queryCanary, Err: echo})},
		"redirect":         {answer(302, "", "Location", "https://elsewhere.example/?t="+queryCanary)},
		"broken location":  {answer(302, "", "Location", "https://x/%zz?t="+queryCanary)},
		"too large":        {answer(200, strings.Repeat("x", 2000))},
		"cut off":          {cutOff(200)},
		"unknown scheme":   {answer(302, "", "Location", "file:///etc/passwd?"+queryCanary)},
		"user in location": {answer(302, "", "Location", "https://"+canary+":x@crm.example.net/")},
	}
	for name, st := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, &script{steps: st}, func(c *rest.Config) {
					c.MaxBody = 1000
					c.Token = func(context.Context) (rest.Token, error) { return rest.Token{Value: canary}, nil }
				})
				_, err := c.Do(t.Context(), rest.Request{Path: "/q?secret=" + queryCanary, Header: http.Header{"X-Key": {headerCanary}}})
				if err == nil {
					t.Fatal("no error")
				}
				if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "canary-") {
					t.Errorf("it shows a secret: %s", strings.ReplaceAll(text, "canary-", "<CANARY>"))
				}
				if !strings.Contains(err.Error(), "/q") {
					t.Errorf("it does not name the path: %v", err)
				}
			})
		})
	}
}

func TestLeavesItsHostNever(t *testing.T) {
	for _, next := range []string{
		"https://evil.example/q", "http://crm.example.net/q", "//evil.example/q", "https://crm.example.net:444/q",
		"https://u@crm.example.net/q", "file:///etc/passwd", "https://crm.example.net.evil.example/q", "javascript:1", "https://crm.example.net@evil.example/",
	} {
		s := &script{steps: steps{answer(200, "{}")}}
		_, err := client(t, s, nil).Follow(t.Context(), get(), next)
		if !errors.Is(err, rest.ErrForeignHost) || len(s.got) != 0 {
			t.Errorf("%s: got %v after %d calls", next, err, len(s.got))
		}
	}
	for next, want := range map[string]string{
		"/q?a=b%20c":                              "https://crm.example.net/q?a=b%20c",
		"https://crm.example.net/q?page=2":        "https://crm.example.net/q?page=2",
		"HTTPS://CRM.example.net:443/q":           "https://CRM.example.net:443/q",
		"/a%2Fb":                                  "https://crm.example.net/a%2Fb",
		"/services/data/v64.0/query/01gxx-2000":   "https://crm.example.net/services/data/v64.0/query/01gxx-2000",
		"https://crm.example.net/a/../b?x=//evil": "https://crm.example.net/b?x=//evil",
	} {
		s := &script{steps: steps{answer(200, "{}")}}
		if _, err := client(t, s, nil).Follow(t.Context(), get(), next); err != nil {
			t.Errorf("%s: %v", next, err)
		} else if got := s.got[0].URL.String(); got != want {
			t.Errorf("%s became %s, want %s", next, got, want)
		}
	}
}

func TestRedirects(t *testing.T) {
	tests := []struct {
		name, location string
		req            rest.Request
		calls, status  int
		foreign        bool
	}{
		{"same host", "/other", get(), 2, 200, false},
		{"another host", "https://evil.example/", get(), 1, 0, true},
		{"plain http", "http://crm.example.net/", get(), 1, 0, true},
		{"a post anywhere", "/other", post(), 1, 307, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{steps: steps{answer(307, "", "Location", tt.location), answer(200, "{}")}}
			resp, err := client(t, s, nil).Do(t.Context(), tt.req)
			if errors.Is(err, rest.ErrForeignHost) != tt.foreign || len(s.got) != tt.calls {
				t.Errorf("got %v after %d calls", err, len(s.got))
			}
			if tt.status != 0 && (resp == nil || resp.Status != tt.status) {
				t.Errorf("got %+v", resp)
			}
		})
	}
	t.Run("in a circle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: steps{answer(302, "", "Location", "/q")}}
			if _, err := client(t, s, func(c *rest.Config) { c.Attempts = 1 }).Do(t.Context(), get()); err == nil || len(s.got) > 5 {
				t.Errorf("got %v after %d calls", err, len(s.got))
			}
		})
	})
}

func TestTokenMayMoveTheBaseOnlyWhereAllowed(t *testing.T) {
	for _, tt := range []struct {
		base string
		ok   bool
	}{
		{"https://crm.example.net", true},
		{"https://acme.my.example.net", true},
		{"https://evil.example", false},
		{"http://acme.my.example.net", false},
		{"garbage", false},
	} {
		s := &script{steps: steps{answer(200, "{}")}}
		c := client(t, s, func(c *rest.Config) {
			c.Token = func(context.Context) (rest.Token, error) { return rest.Token{Value: canary, Base: tt.base}, nil }
			c.AllowBase = func(u *url.URL) bool { return u.Scheme == "https" && strings.HasSuffix(u.Host, ".example.net") }
		})
		_, err := c.Do(t.Context(), get())
		if (err == nil) != tt.ok || len(s.got) == 1 != tt.ok {
			t.Errorf("%s: got %v after %d calls", tt.base, err, len(s.got))
		}
	}
}

// The limit counts what comes out of the decompressor, over a real socket.
func TestGzipBombIsBounded(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(z, zeros{}, 64<<20); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}))
	defer srv.Close()
	c, err := rest.New(rest.Config{Base: srv.URL, MaxBody: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Do(t.Context(), get())
	if !errors.Is(err, rest.ErrTooLarge) || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("got %v, want an error that names the limit", err)
	}
}

// No more is read than shows that it is too much.
func TestEndlessBodyIsNotReadOn(t *testing.T) {
	body := &counted{}
	s := &script{steps: steps{func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
	}}}
	_, err := client(t, s, func(c *rest.Config) { c.MaxBody = 100_000 }).Do(t.Context(), get())
	if !errors.Is(err, rest.ErrTooLarge) || body.n > 100_001 || len(s.got) != 1 {
		t.Errorf("got %v after %d bytes and %d calls", err, body.n, len(s.got))
	}
}

type counted struct{ n int }

func (c *counted) Read(p []byte) (int, error) { c.n += len(p); return len(p), nil }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestConnectionsAndBuffersAreUsedAgain(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	srv.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c, err := rest.New(rest.Config{Base: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, path := range []string{"/a", "/bad", "/b", "/bad", "/c"} {
		resp, err := c.Do(t.Context(), rest.Request{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		resp.Release()
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 5 calls", n)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = quiet()
	srv.TLS = oldTLS()
	srv.StartTLS()
	defer srv.Close()
	c, err := rest.New(rest.Config{Base: srv.URL, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err = c.Do(t.Context(), get()); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("got %v, want a refusal of the protocol version", err)
	}
}

func TestExcerpt(t *testing.T) {
	for body, want := range map[string]string{
		"<!DOCTYPE html><html><head><TITLE>Down\n for\x00 Maintenance</TITLE>": `a page titled "Down for Maintenance" instead of JSON`,
		"<x/>":                             "a page of HTML or XML instead of JSON",
		"plain\r\nwords\x1b[31m":           "plain words [31m",
		"a " + strings.Repeat("ä", 2100):   "a", // cut before a word, never within it
		"a\u202eb\u200bc":                  "a b c",
		"<title>İ" + "</title> unclosed <": "a page of HTML or XML instead of JSON",
	} {
		if got := rest.Excerpt(&rest.Response{Body: []byte(body)}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// FuzzRetryAfter holds the wait within its bounds, whatever the header says.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "1.5", "-1", "1e9", "Inf", "NaN", "Fri, 31 Dec 1999 23:59:59 GMT", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, _ := rest.RetryAfter(http.Header{"Retry-After": {s}}, time.Unix(0, 0))
		if d < 0 || d > 24*time.Hour {
			t.Errorf("%q gave %v", s, d)
		}
	})
}
