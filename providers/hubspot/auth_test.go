package hubspot_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/hubspot"
)

func asError(err error) *providers.Error {
	var e *providers.Error
	if errors.As(err, &e) {
		return e
	}
	return &providers.Error{}
}

const account = `{"portalId":7,"accountType":"STANDARD"}`

func TestNewRefuses(t *testing.T) {
	load := func() (string, error) { return "s", nil }
	good := hubspot.Config{Auth: hubspot.Auth{Method: hubspot.FixedToken, Token: load}}
	for want, change := range map[string]func(*hubspot.Config){
		"api_version":      func(c *hubspot.Config) { c.APIVersion = "v2" },
		"api_version \"20": func(c *hubspot.Config) { c.APIVersion = "2026-9" },
		"https":            func(c *hubspot.Config) { c.BaseURL = "http://api.hubapi.com" },
		"base_url":         func(c *hubspot.Config) { c.BaseURL = "hubapi" },
		"needs token":      func(c *hubspot.Config) { c.Auth.Token = nil },
		"neither":          func(c *hubspot.Config) { c.Auth.Method = "hapikey" },
		"refresh_token":    func(c *hubspot.Config) { c.Auth.Method = hubspot.OAuth },
		"reserve":          func(c *hubspot.Config) { c.ReservePercent = 100 },
		"rate":             func(c *hubspot.Config) { c.PerTenSeconds = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := hubspot.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	good.BaseURL = "http://127.0.0.1:8080"
	clientOf(t, good)
}

// A key that was rotated in its file is used within a minute, and at once when
// the portal refuses the old one.
func TestRotatedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, dead := "one", ""
		s := &script{}
		s.answer = func(r *http.Request, _ string) reply {
			if r.Header.Get("Authorization") == "Bearer "+dead {
				return reply{status: 401, body: `{"category":"INVALID_AUTHENTICATION","message":"credentials not found"}`}
			}
			return reply{body: account}
		}
		cfg := config(s)
		cfg.Auth.Token = func() (string, error) { return key + "\n", nil }
		c := clientOf(t, cfg)
		ask := func() error { _, err := c.Identify(t.Context()); return err }
		_ = ask()
		key = "two"
		time.Sleep(61 * time.Second)
		_ = ask()
		key, dead = "three", "two"
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		want := []string{"Bearer one", "Bearer two", "Bearer two", "Bearer three"}
		if !slices.Equal(s.keys, want) {
			t.Errorf("keys %v", s.keys)
		}
		dead = "three"
		if err := ask(); providers.KindOf(err) != providers.Denied || strings.Contains(err.Error(), "three") {
			t.Error(err)
		}
		for _, bad := range []string{"", "a b"} {
			key = bad
			time.Sleep(2 * time.Minute)
			if err := ask(); providers.KindOf(err) != providers.Denied {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

// An OAuth token is renewed by the clock, before it ends, and everything that
// asks for it stands in the body.
func TestOAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, stored, refresh := 0, []string{}, "r0"
		s := &script{}
		s.answer = func(r *http.Request, body string) reply {
			if !strings.HasPrefix(r.URL.Path, "/oauth/") {
				return reply{body: account}
			}
			form, _ := url.ParseQuery(body)
			if r.URL.RawQuery != "" || form.Get("grant_type") != "refresh_token" || form.Get("client_id") != "app" ||
				form.Get("client_secret") != "hush-hush" || form.Get("refresh_token") != refresh {
				t.Errorf("asked %s with %s", r.URL, body)
			}
			n++
			return reply{body: fmt.Sprintf(`{"token_type":"bearer","access_token":"at%d","refresh_token":"r%d","expires_in":1800}`, n, n/2)}
		}
		cfg := config(s)
		cfg.Auth = hubspot.Auth{
			Method: hubspot.OAuth, ClientID: "app", Secret: func() (string, error) { return "hush-hush", nil },
			RefreshToken:      func() (string, error) { return refresh, nil },
			StoreRefreshToken: func(t string) error { refresh = t; stored = append(stored, t); return nil },
		}
		c := clientOf(t, cfg)
		for range 25 { // two hours and five minutes
			if _, err := c.Identify(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
		}
		if n != 7 {
			t.Errorf("%d tokens in two hours, want one every twenty minutes", n)
		}
		if !slices.Equal(stored, []string{"r1", "r2", "r3"}) {
			t.Errorf("stored %v", stored)
		}
		if calls := s.calls("/oauth/"); calls[0] != "POST /oauth/2026-09/token" {
			t.Error(calls[0])
		}
	})
}

func TestOAuthRefused(t *testing.T) {
	for want, a := range map[string]reply{
		"denied BAD_REFRESH_TOKEN": {status: 400, body: `{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token hush-refresh","error":"invalid_grant"}`},
		"denied ":                  {status: 403, body: `<html><title>no hush-hush</title>`},
		"broken ":                  {body: `{"access_token":""}`},
	} {
		s := answers(a)
		cfg := config(s)
		hush := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
		cfg.Auth = hubspot.Auth{
			Method: hubspot.OAuth, ClientID: "app", Secret: hush("hush-hush"), RefreshToken: hush("hush-refresh"),
			StoreRefreshToken: func(string) error { return errors.New("disk full") },
		}
		_, err := clientOf(t, cfg).Identify(t.Context())
		e := asError(err)
		if e.Kind.String()+" "+e.Code != want || strings.Contains(fmt.Sprint(err), "hush") {
			t.Errorf("want %s: %v", want, err)
		}
		s.answer = func(*http.Request, string) reply {
			return reply{body: `{"access_token":"a","refresh_token":"new","expires_in":1800}`}
		}
		if _, err := clientOf(t, cfg).Identify(t.Context()); providers.KindOf(err) != providers.Denied || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("a refresh token that cannot be kept: %v", err)
		}
	}
}

// rate returns how many of n calls are made in the first ten seconds.
func rate(t *testing.T, s *script, c *hubspot.Client, n int, ask func()) int {
	for range n {
		ask()
	}
	in := 0
	for _, at := range s.at {
		if at.Sub(s.at[0]) < 10*time.Second {
			in++
		}
	}
	return in
}

// hubspot-9.21: the rate leaves room below the portal's for others with the same
// key, and rises when the portal says that it allows more.
func TestRates(t *testing.T) {
	for name, test := range map[string]struct {
		max      string
		from, to int
	}{"small": {"100", 85, 96}, "oauth": {"110", 85, 96}, "large": {"190", 160, 181}, "untold": {"", 85, 96}} {
		synctest.Test(t, func(t *testing.T) {
			h := map[string]string{"X-HubSpot-RateLimit-Max": test.max, "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}
			s := answers(reply{body: account, header: h})
			cfg := config(s)
			cfg.PerTenSeconds = 0
			c := clientOf(t, cfg)
			if n := rate(t, s, c, 300, func() { _, _ = c.Identify(t.Context()) }); n < test.from || n > test.to {
				t.Errorf("%s: %d calls in ten seconds", name, n)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := answers(reply{body: `{"total":0,"results":[]}`})
		c := client(t, s)
		q := providers.Query{Object: "companies", Since: "2026-01-01T00:00:00.000Z"}
		_, _ = c.Identify(t.Context()) // for the clock
		s.at, s.log = nil, nil
		if n := rate(t, s, c, 60, func() { read(t, c, q) }); n > 41 {
			t.Errorf("%d searches in ten seconds, the portal takes 50 of all apps", n)
		}
	})
}

// hubspot-9.21: whoever finds the window used up by others waits a moment.
func TestWindowUsedUpByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(reply{body: account, header: map[string]string{"X-HubSpot-RateLimit-Max": "100", "X-HubSpot-RateLimit-Remaining": "0"}})
		c := client(t, s)
		start := time.Now()
		for range 5 {
			_, _ = c.Identify(t.Context())
		}
		if took := time.Since(start); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("five calls took %v", took)
		}
	})
}

// Refusals are waited out by what they say, or are no reason to wait at all.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		first    reply
		from, to time.Duration
		kind     providers.Kind // Broken stands for success
	}{
		"423":       {reply{status: 423}, 2 * time.Second, 3 * time.Second, 0},
		"secondly":  {reply{status: 429, body: `{"policyName":"SECONDLY","errorType":"RATE_LIMIT"}`}, time.Second, 2 * time.Second, 0},
		"rolling":   {reply{status: 429, body: `{"policyName":"TEN_SECONDLY_ROLLING"}`}, 10 * time.Second, 12 * time.Second, 0},
		"told":      {reply{status: 429, header: map[string]string{"Retry-After": "30"}}, 30 * time.Second, 32 * time.Second, 0},
		"524":       {reply{status: 524}, 0, 3 * time.Second, 0},
		"daily":     {reply{status: 429, body: `{"policyName":"DAILY","message":"You have reached your daily limit."}`}, 0, 0, providers.Budget},
		"477":       {reply{status: 477, header: map[string]string{"Retry-After": "3600"}}, 0, 0, providers.Budget},
		"530":       {reply{status: 530, body: "<html><title>1016</title>"}, 0, 0, providers.Denied},
		"scopes":    {reply{status: 403, body: `{"category":"MISSING_SCOPES","errors":[{"context":{"requiredGranularScopes":["crm.objects.owners.read"]}}]}`}, 0, 0, providers.Denied},
		"not there": {reply{status: 404, body: "<html>"}, 0, 0, providers.Broken},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := answers(test.first, reply{body: account})
			start := time.Now()
			_, err := client(t, s).Identify(t.Context())
			took := time.Since(start)
			failed := name == "not there" || test.kind != 0
			if (err != nil) != failed || failed && providers.KindOf(err) != test.kind || took < test.from || took > test.to {
				t.Errorf("%s: %v after %v", name, err, took)
			}
			switch e := asError(err); name {
			case "477":
				if e.RetryAfter != time.Hour {
					t.Errorf("to be tried again after %v", e.RetryAfter)
				}
			case "scopes":
				if !strings.Contains(e.Hint, "crm.objects.owners.read") {
					t.Errorf("the hint is %q", e.Hint)
				}
			}
		})
	}
}

// F22: the day's quota is used up to the reserve and no further.
func TestQuotaStopsAtTheReserve(t *testing.T) {
	used := 0
	s := &script{}
	s.answer = func(*http.Request, string) reply {
		used++
		return reply{body: account, header: map[string]string{
			"X-HubSpot-RateLimit-Daily": "100", "X-HubSpot-RateLimit-Daily-Remaining": fmt.Sprint(100 - used),
		}}
	}
	cfg := config(s)
	cfg.ReservePercent = 30
	c := clientOf(t, cfg)
	var err error
	for range 100 {
		if _, err = c.Identify(t.Context()); err != nil {
			break
		}
	}
	if providers.KindOf(err) != providers.Budget || err == nil || used != 70 {
		t.Errorf("stopped after %d calls: %v", used, err)
	}
	if u := c.Usage(); u.QuotaUsed != 70 || u.QuotaLimit != 100 || u.Calls["read"] != 70 {
		t.Errorf("usage %+v", u)
	}
}

// Nothing of a record reaches an error: not what was sent, not what the portal
// quotes.
func TestErrorsShowNoValues(t *testing.T) {
	p := record.Patch{ID: "5", Fields: []record.FieldValue{
		text("email", "Ann.Secret@larch.test"), text("name", "Larch Secret Labs"), field("tags", record.MultiSet, record.Multi("secret-a", "secret-b")),
	}}
	for _, msg := range []string{
		`Property values were not valid: [{"message":"Email address ann.secret@larch.test is invalid","error":"INVALID_EMAIL","name":"email"}]`,
		`Property values were not valid: [{"message":"Larch Secret Labs was not one of the allowed options: [label: \"secret\"]","error":"INVALID_OPTION","name":"name"}]`,
		`"LARCH SECRET LABS" and secret-b clash`, `value "some other Secret thing" of other.secret@x.test`,
	} {
		body := fmt.Sprintf(`{"category":"VALIDATION_ERROR","message":%q}`, msg)
		res, err := client(t, answers(reply{status: 400, body: body})).Update(t.Context(), "contacts", []record.Patch{p})
		if err != nil || res[0].Err == nil || strings.Contains(strings.ToLower(res[0].Err.Error()), "secret") {
			t.Errorf("%v %v", res, err)
		}
	}
}

// C3.1: a key that is read anew and opens another portal is used for nothing but
// to learn that; the former one, put back, works again, and costs no new proof
// while it stays.
func TestC3_1_KeyOfAnotherPortal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := "pat-one"
		portals := map[string]string{"Bearer pat-one": `{"portalId":1}`, "Bearer pat-uno": `{"portalId":1}`, "Bearer pat-two": `{"portalId":2}`}
		s := &script{answer: func(r *http.Request, _ string) reply {
			if strings.Contains(r.URL.Path, "account") {
				return reply{body: portals[r.Header.Get("Authorization")]}
			}
			return reply{body: `{"results":[{"id":"5","properties":{}}]}`}
		}}
		cfg := config(s)
		cfg.Auth.Token = func() (string, error) { return key, nil }
		c, err := hubspot.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		id, err := c.Identify(t.Context())
		if err != nil || id.Org != "1" {
			t.Fatal(id, err)
		}
		c.Pin(id.Org)
		steps := []struct {
			key    string
			kind   providers.Kind
			proofs int
		}{{"pat-one", 0, 0}, {"pat-two", providers.Denied, 1}, {"pat-two", providers.Denied, 1}, {"pat-uno", 0, 1}, {"pat-uno", 0, 0}}
		for i, step := range steps {
			time.Sleep(2 * time.Minute)
			key = step.key
			proofs, data := len(s.calls("account")), len(s.calls("/batch/read"))
			_, _, err := c.Get(t.Context(), "companies", nil, []string{"5"})
			denied := providers.KindOf(err) == providers.Denied && err != nil
			if denied != (step.kind == providers.Denied) || len(s.calls("account"))-proofs != step.proofs {
				t.Errorf("step %d: %v after %d proofs", i, err, len(s.calls("account"))-proofs)
			}
			if n := len(s.calls("/batch/read")) - data; denied && n != 0 {
				t.Errorf("step %d: %d calls with a foreign key", i, n)
			}
		}
	})
}
