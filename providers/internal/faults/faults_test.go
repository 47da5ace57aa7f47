package faults_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/internal/faults"
)

// counter is a simulator that counts what took effect.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	_, _ = io.WriteString(w, `{"name":"whole answer"}`)
}

func get(t *testing.T, client *http.Client, url string) (status int, body string, err error) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestRuleFires(t *testing.T) {
	tests := []struct {
		name       string
		rule       string
		wantStatus []int // 0 is a lost answer
		wantEffect int
	}{
		{"nth", "503,nth=2", []int{200, 503, 200}, 2},
		{"range", "429,nth=1-2", []int{429, 429, 200}, 1},
		{"always", "500", []int{500, 500, 500}, 0},
		{"after", "502,after,nth=1", []int{502, 200, 200}, 3},
		{"drop before", "drop,nth=1", []int{0, 200, 200}, 2},
		{"drop after", "drop,after,nth=1", []int{0, 200, 200}, 3},
		{"truncate", "truncate,nth=3", []int{200, 200, 0}, 3},
		{"other path", "503,path=/elsewhere", []int{200, 200, 200}, 3},
		{"path and query", "503,path=/it?q=1", []int{503, 503, 503}, 0},
		{"other method", "503,method=post", []int{200, 200, 200}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sw, sim := faults.New(1), &counter{}
			rule, err := faults.Parse(tt.rule)
			if err != nil {
				t.Fatal(err)
			}
			sw.Add(rule)
			srv := httptest.NewServer(sw.Wrap(sim))
			defer srv.Close()
			// Go's client would itself repeat a GET on a reused connection that died.
			sockets := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			inProcess := &http.Client{Transport: &faults.Transport{Handler: sw.Wrap(sim)}}
			for _, c := range []struct {
				client *http.Client
				url    string
			}{{sockets, srv.URL}, {inProcess, "http://sim.test"}} {
				sw.Clear()
				sw.Add(rule)
				sim.n = 0
				for i, want := range tt.wantStatus {
					status, _, err := get(t, c.client, c.url+"/it?q=1")
					if err != nil {
						status = 0
					}
					if status != want {
						t.Errorf("%s: request %d: got status %d (%v), want %d", c.url, i+1, status, err, want)
					}
				}
				if sim.n != tt.wantEffect {
					t.Errorf("%s: got %d effects, want %d", c.url, sim.n, tt.wantEffect)
				}
			}
		})
	}
}

func TestTruncatedBodyEndsUnexpectedly(t *testing.T) {
	sw := faults.New(1)
	sw.Add(faults.Rule{Truncate: true})
	client := &http.Client{Transport: &faults.Transport{Handler: sw.Wrap(&counter{})}}
	_, body, err := get(t, client, "http://sim.test/")
	if !errors.Is(err, io.ErrUnexpectedEOF) || body != `{"name":"wh` {
		t.Errorf("got %q, %v", body, err)
	}
}

// C16.1: a vendor's text may repeat the credential.
func TestC16_1_TextsRepeatTheCredential(t *testing.T) {
	rule, err := faults.Parse(`401,body={"message":"{credential} is unknown"}`)
	if err != nil {
		t.Fatal(err)
	}
	sw := faults.New(1)
	sw.Add(rule)
	for _, sign := range []func(*http.Request){
		func(r *http.Request) { r.SetBasicAuth("s3cret", "") }, func(r *http.Request) { r.Header.Set("Authorization", "Bearer s3cret") },
	} {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		sign(r)
		if sw.Wrap(&counter{}).ServeHTTP(w, r); w.Code != http.StatusUnauthorized || w.Body.String() != `{"message":"s3cret is unknown"}` {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
}

func TestHostileAnswers(t *testing.T) {
	for text, want := range map[string]func(string) bool{
		"html":    func(b string) bool { return strings.Contains(b, "<html>") },
		"deep":    func(b string) bool { return strings.HasPrefix(b, "[[[[[[[[") && len(b) == 100_000 },
		"control": func(b string) bool { return strings.Contains(b, "\x01") },
		"empty":   func(b string) bool { return b == "" },
		"huge":    func(b string) bool { return len(b) > faults.HugeSize },
	} {
		t.Run(text, func(t *testing.T) {
			rule, err := faults.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			sw := faults.New(1)
			sw.Add(rule)
			srv := httptest.NewServer(sw.Wrap(&counter{}))
			defer srv.Close()
			status, body, err := get(t, srv.Client(), srv.URL)
			if err != nil || status != http.StatusOK || !want(body) {
				t.Errorf("got %d, %d bytes, %v", status, len(body), err)
			}
		})
	}
}

func TestRatesFollowSeed(t *testing.T) {
	run := func(seed uint64) (hits string) {
		sw := faults.New(seed)
		sw.Storm(0.3, 2*time.Second)
		client := &http.Client{Transport: &faults.Transport{Handler: sw.Wrap(&counter{})}}
		for range 200 {
			status, _, err := get(t, client, "http://sim.test/")
			if err != nil {
				t.Fatal(err)
			}
			hits += string(rune('0' + status/100))
		}
		return hits
	}
	one, two, other := run(1), run(1), run(2)
	if one != two || one == other {
		t.Errorf("seed 1 twice equal: %v, seed 2 equal: %v", one == two, one == other)
	}
	if n := strings.Count(one, "4"); n < 40 || n > 80 {
		t.Errorf("got %d of 200 refused at rate 0.3", n)
	}
}

func TestEndOfUnavailable(t *testing.T) {
	sw, sim := faults.New(3), &counter{}
	end := sw.Unavailable(1, true)
	client := &http.Client{Transport: &faults.Transport{Handler: sw.Wrap(sim)}}
	failed := 0
	for range 100 {
		if status, _, _ := get(t, client, "http://sim.test/"); status == http.StatusServiceUnavailable {
			failed++
		}
	}
	if failed != sw.Fired() || failed == 0 || sim.n <= 100-failed {
		t.Errorf("got %d failures, %d fired, %d effects", failed, sw.Fired(), sim.n)
	}
	end()
	if status, _, _ := get(t, client, "http://sim.test/"); status != http.StatusOK {
		t.Errorf("after the end: got %d", status)
	}
}

func TestDelayInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sw := faults.New(1)
		sw.Add(faults.Rule{Delay: time.Hour})
		client := &http.Client{Transport: &faults.Transport{Handler: sw.Wrap(&counter{})}, Timeout: 2 * time.Hour}
		start := time.Now()
		if _, _, err := get(t, client, "http://sim.test/"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != time.Hour {
			t.Errorf("took %v", took)
		}
		client.Timeout = time.Minute
		if _, _, err := get(t, client, "http://sim.test/"); err == nil {
			t.Error("no time-out")
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"429,rate=0.1,retry-after=2", "drop,nth=2-5", "html", "", "nth=,", "rate=NaN,500", "delay=-1s", "99"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := faults.Parse(text)
		if err != nil {
			return
		}
		if r.From < 0 || (r.To != 0 && r.To < r.From) || !(r.Rate >= 0 && r.Rate <= 1) || r.Delay < 0 {
			t.Errorf("accepted %+v", r)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "after", "99", "700", "nth=0,500", "nth=5-2,500", "rate=2,500", "rate=NaN,500", "nonsense", "k=v", "delay=-1s", "delay=x"} {
		if _, err := faults.Parse(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
