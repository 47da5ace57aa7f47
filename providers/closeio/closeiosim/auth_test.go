package closeiosim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
)

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func TestCredentials(t *testing.T) {
	b := newBed(t, closeiosim.Options{Token: "fixed"})
	for name, c := range map[string]struct {
		edit func(*http.Request)
		want int
	}{
		"key":           {func(*http.Request) {}, 200},
		"password":      {func(r *http.Request) { r.SetBasicAuth(closeiosim.DefaultAPIKey, "x") }, 401},
		"other key":     {func(r *http.Request) { r.SetBasicAuth("api_other", "") }, 401},
		"none":          {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"fixed token":   {bearer("fixed"), 200},
		"unknown token": {bearer("x"), 401},
		"empty token":   {bearer(""), 401},
	} {
		if w := b.send("GET", "/me/", "", c.edit); w.Code != c.want {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if n := b.sim.Calls()["unauthorized"]; n != 5 {
		t.Errorf("%d calls counted as unauthorized", n)
	}
}

type granted struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	ExpiresIn int    `json:"expires_in"`
}

func (b *bed) exchange(form url.Values) (granted, *httptest.ResponseRecorder) {
	for name, v := range map[string]string{"client_id": closeiosim.DefaultClientID, "client_secret": closeiosim.DefaultClientSecret} {
		if !form.Has(name) {
			form.Set(name, v)
		}
	}
	w := b.send("POST", "/oauth2/token/", form.Encode(), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Del("Authorization")
	})
	var g granted
	if w.Code == 200 {
		if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil {
			b.Fatal(err)
		}
	}
	return g, w
}

func TestOAuth(t *testing.T) {
	b := newBed(t, closeiosim.Options{RotateRefreshTokens: true, TokenLife: time.Hour})
	refresh := func(token string) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	}
	g, w := b.exchange(refresh(closeiosim.DefaultRefreshToken))
	if w.Code != 200 || g.ExpiresIn != 3600 || g.Refresh == closeiosim.DefaultRefreshToken || b.sim.RefreshToken() != g.Refresh {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := b.send("GET", "/me/", "", bearer(g.Access)); w.Code != 200 {
		t.Errorf("the new token: %d", w.Code)
	}
	if _, w := b.exchange(refresh(closeiosim.DefaultRefreshToken)); w.Code != 400 || !strings.Contains(w.Body.String(), "invalid_grant") {
		t.Errorf("the rotated token: %d %s", w.Code, w.Body)
	}
	b.clock.advance(time.Hour)
	if w := b.send("GET", "/me/", "", bearer(g.Access)); w.Code != 401 {
		t.Errorf("after its hour: %d", w.Code)
	}
	g, _ = b.exchange(url.Values{"grant_type": {"authorization_code"}, "code": {"x"}})
	b.sim.ExpireTokens()
	if w := b.send("GET", "/me/", "", bearer(g.Access)); w.Code != 401 {
		t.Errorf("after ExpireTokens: %d", w.Code)
	}
	for name, form := range map[string]url.Values{
		"secret": {"client_secret": {"x"}, "grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}},
		"grant":  {"grant_type": {"password"}},
		"code":   {"grant_type": {"authorization_code"}},
	} {
		if _, w := b.exchange(form); w.Code < 400 {
			t.Errorf("wrong %s: %d", name, w.Code)
		}
	}
}

func TestRateLimitPerGroup(t *testing.T) {
	b := newBed(t, closeiosim.Options{RateLimit: 2})
	first := b.send("GET", "/me/", "")
	if got := first.Header().Get("RateLimit"); got != "limit=2, remaining=1, reset=5" {
		t.Errorf("RateLimit: %s", got)
	}
	b.clock.advance(3500 * time.Millisecond)
	b.send("GET", "/me/", "")
	w := b.send("GET", "/me/", "")
	if w.Code != 429 || w.Header().Get("RateLimit") != "limit=2, remaining=0, reset=1.5" || w.Header().Get("Retry-After") != "2" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := b.send("GET", "/lead/", ""); w.Code != 200 {
		t.Errorf("another group: %d", w.Code)
	}
	b.clock.advance(1500 * time.Millisecond)
	if w := b.send("GET", "/me/", ""); w.Code != 200 {
		t.Errorf("in the next window: %d", w.Code)
	}
	if n := b.sim.Calls()["limited"]; n != 1 {
		t.Errorf("%d calls counted as limited", n)
	}
}

func TestFaultSwitches(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	end := b.sim.Forbid("/data/search/")
	w := b.send("POST", "/data/search/", asJSON(since("lead", "")))
	if w.Code != 403 || w.Body.String() != "Forbidden" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	end()
	end = b.sim.Storm(1, 1500*time.Millisecond)
	if w := b.send("GET", "/me/", ""); w.Code != 429 || w.Header().Get("RateLimit") != "limit=100, remaining=0, reset=1.5" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	end()
	if err := b.sim.AddFault("503,path=/lead/,after,method=POST,nth=1"); err != nil {
		t.Fatal(err)
	}
	if w := b.send("POST", "/lead/", `{"name":"Lost answer"}`); w.Code != 503 || len(b.sim.Writes()) != 1 {
		t.Errorf("%d, %d writes", w.Code, len(b.sim.Writes()))
	}
	if err := b.sim.AddFault("sometimes"); err == nil {
		t.Error("a rule without sense was armed")
	}
	b.sim.Faults().Clear()
	client := &http.Client{Transport: b.sim.Transport()}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.close.com/api/v1/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(closeiosim.DefaultAPIKey, "")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("in process, through the redirect: %d", res.StatusCode)
	}
}
