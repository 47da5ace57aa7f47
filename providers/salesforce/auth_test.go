package salesforce_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/salesforce"
	"crmsyncd/providers/salesforce/salesforcesim"
)

func asError(err error) *providers.Error {
	var e *providers.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

func TestNewRefuses(t *testing.T) {
	secret := func() (string, error) { return "s", nil }
	good := salesforce.Config{BaseURL: base, Auth: salesforce.Auth{Method: salesforce.ClientCredentials, ClientID: "c", Secret: secret}}
	tests := map[string]func(*salesforce.Config){
		"api_version":     func(c *salesforce.Config) { c.APIVersion = "45.0" },
		"api_version \"6": func(c *salesforce.Config) { c.APIVersion = "64" },
		"api_version \"v": func(c *salesforce.Config) { c.APIVersion = "v64.0" },
		"api_version \"0": func(c *salesforce.Config) { c.APIVersion = "064.0" },
		"https":           func(c *salesforce.Config) { c.BaseURL = "http://acme.my.salesforce.com" },
		"base_url":        func(c *salesforce.Config) { c.BaseURL = "acme" },
		"My Domain":       func(c *salesforce.Config) { c.BaseURL = "https://login.salesforce.com" },
		"secret":          func(c *salesforce.Config) { c.Auth.Secret = nil },
		"none of":         func(c *salesforce.Config) { c.Auth.Method = "password" },
		"private_key":     func(c *salesforce.Config) { c.Auth.Method = salesforce.JWT },
		"refresh_token":   func(c *salesforce.Config) { c.Auth.Method = salesforce.RefreshToken },
		"needs token":     func(c *salesforce.Config) { c.Auth.Method = salesforce.FixedToken },
		"reserve":         func(c *salesforce.Config) { c.ReservePercent = 100 },
	}
	for want, change := range tests {
		cfg := good
		change(&cfg)
		if _, err := salesforce.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	good.BaseURL = "http://127.0.0.1:8080"
	if _, err := salesforce.New(good); err != nil {
		t.Error(err)
	}
}

func TestJWTFlow(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	bubble(t, salesforcesim.Options{JWTKey: &key.PublicKey, Username: "sync@acme.test", Password: "unused"}, func(c *salesforce.Config) {
		c.Auth = salesforce.Auth{
			Method: salesforce.JWT, ClientID: "app", Username: "sync@acme.test", Audience: "https://login.salesforce.com",
			PrivateKey: func() ([]byte, error) { return keyPEM, nil },
		}
	}, func(t *testing.T, o org) {
		if _, err := o.Identify(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for name, load := range map[string]func() ([]byte, error){
		"no file": func() ([]byte, error) { return nil, errors.New("no such file") },
		"no key":  func() ([]byte, error) { return []byte("secret text"), nil },
	} {
		cfg := config(answers(reply{}))
		cfg.Auth = salesforce.Auth{Method: salesforce.JWT, ClientID: "app", Username: "u", PrivateKey: load}
		c, err := salesforce.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Describe(t.Context(), "Account"); providers.KindOf(err) != providers.Denied || strings.Contains(fmt.Sprint(err), "secret text") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// vault is the place of a refresh token.
type vault struct {
	token  string
	stored []string
	fail   error
	during func() // called while storing
}

func (v *vault) config(c *salesforce.Config) {
	c.Auth = salesforce.Auth{
		Method: salesforce.RefreshToken, ClientID: "app", Secret: c.Auth.Secret,
		RefreshToken: func() (string, error) { return v.token, nil },
		StoreRefreshToken: func(t string) error {
			if v.during != nil {
				v.during()
			}
			if v.fail != nil {
				return v.fail
			}
			v.token = t
			v.stored = append(v.stored, t)
			return nil
		},
	}
}

// A rotated refresh token is stored before the access token is used.
func TestRefreshTokenRotation(t *testing.T) {
	v := &vault{token: "first"}
	bubble(t, salesforcesim.Options{RefreshToken: "first", RotateRefreshTokens: true}, v.config, func(t *testing.T, o org) {
		v.during = func() {
			if n := o.wire.Count("/services/data"); n != 2*len(v.stored) {
				t.Errorf("%d data calls before the token was stored", n)
			}
		}
		for range 3 {
			if _, err := o.Describe(t.Context(), "Account"); err != nil {
				t.Fatal(err)
			}
			o.sim.ExpireTokens()
		}
		if len(v.stored) != 3 {
			t.Errorf("%d tokens stored", len(v.stored))
		}
	})
}

// A new refresh token that cannot be stored is not lost while the daemon runs.
func TestRefreshTokenThatCannotBeStored(t *testing.T) {
	v := &vault{token: "first", fail: errors.New("read-only file system")}
	bubble(t, salesforcesim.Options{RefreshToken: "first", RotateRefreshTokens: true}, v.config, func(t *testing.T, o org) {
		_, err := o.Describe(t.Context(), "Account")
		if providers.KindOf(err) != providers.Denied || err == nil || o.wire.Count("/services/data") != 0 {
			t.Fatal(err)
		}
		v.fail = nil
		if _, err := o.Describe(t.Context(), "Account"); err != nil || len(v.stored) == 0 {
			t.Error(err, len(v.stored))
		}
	})
}

// A session that ends is renewed once; what was asked is asked again.
func TestSessionIsRenewedOnce(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		ids := o.fill(t, 2)
		for range 3 {
			o.sim.ExpireTokens()
			if got, err := o.Update(t.Context(), "Account", []record.Patch{{ID: ids[0]}}); err != nil || got[0].Err != nil {
				t.Fatal(got, err)
			}
			o.sim.ExpireTokens()
		}
		if n := o.wire.Count("/oauth2/token"); n != 4 && n != 3 {
			t.Errorf("%d token calls", n)
		}
		o.sim.RefuseSessions(-1)
		before := o.wire.Count("/oauth2/token")
		if _, err := o.Describe(t.Context(), "Account"); providers.KindOf(err) != providers.Denied {
			t.Error(err)
		}
		if n := o.wire.Count("/oauth2/token") - before; n > 2 {
			t.Errorf("%d token calls for a session that is never good", n)
		}
	})
}

// Two answers of 401 mean something that no new token mends.
func TestHopelessSessionsAskForNoToken(t *testing.T) {
	for _, msg := range []string{"This session is not valid for use with the REST API", "Connected app is not attached to Agent"} {
		s := &script{answer: func(r *http.Request, _ string) reply {
			if strings.HasSuffix(r.URL.Path, "/token") {
				return reply{body: `{"access_token":"t","instance_url":"` + base + `"}`}
			}
			return reply{status: 401, body: `[{"message":"` + msg + `","errorCode":"INVALID_SESSION_ID"}]`}
		}}
		cfg := config(s)
		cfg.Auth = salesforce.Auth{Method: salesforce.ClientCredentials, ClientID: "c", Secret: func() (string, error) { return "s", nil }}
		c, err := salesforce.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Describe(t.Context(), "Account"); providers.KindOf(err) != providers.Denied || len(s.calls()) != 2 {
			t.Error(err, s.calls())
		}
	}
}

// tokenScript answers the token endpoint so, and data calls with a description.
func tokenScript(t *testing.T, baseURL string, answers ...reply) (*salesforce.Client, *script) {
	t.Helper()
	i := 0
	s := &script{answer: func(r *http.Request, _ string) reply {
		if strings.HasSuffix(r.URL.Path, "/token") {
			a := answers[min(i, len(answers)-1)]
			i++
			return a
		}
		if r.Header.Get("Authorization") == "Bearer old" {
			return reply{status: 401, body: `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`}
		}
		return reply{body: accountDescribe}
	}}
	cfg := config(s)
	cfg.BaseURL = baseURL
	cfg.Auth = salesforce.Auth{Method: salesforce.ClientCredentials, ClientID: "c", Secret: func() (string, error) { return "s", nil }}
	c, err := salesforce.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// The organization moves: the address is taken from each new token.
func TestInstanceMoves(t *testing.T) {
	c, s := tokenScript(t, base,
		reply{body: `{"access_token":"old","instance_url":"https://acme.my.salesforce.com"}`},
		reply{body: `{"access_token":"new","instance_url":"https://na139.salesforce.com"}`})
	if _, err := c.Describe(t.Context(), "Account"); err != nil {
		t.Fatal(err)
	}
	calls := s.calls()
	if len(calls) != 4 || !strings.Contains(calls[1], " acme.my.salesforce.com/") || !strings.Contains(calls[3], " na139.salesforce.com/") {
		t.Error(calls)
	}
}

// A token goes to no host but the organization's.
func TestTokenStaysAtHome(t *testing.T) {
	for _, tt := range []struct{ base, instance string }{
		{base, "https://evil.example"},
		{base, "http://acme.my.salesforce.com"},
		{base, "https://salesforce.com.evil.example"},
		{base, "https://evilsalesforce.com"},
		{base, "https://na1.salesforce.com:8443"},
		{base, "https://x@na1.salesforce.com"},
		{"https://crm.acme.example", "https://na1.salesforce.com"},
		{"https://crm.acme.example", "https://evil.acme.example"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:9090"},
		{"http://127.0.0.1:8080", "http://127.0.0.2:8080"},
		{base, "::"},
	} {
		c, s := tokenScript(t, tt.base, reply{body: `{"access_token":"t","instance_url":"` + tt.instance + `"}`})
		if _, err := c.Describe(t.Context(), "Account"); err == nil || len(s.calls()) != 1 || strings.Contains(err.Error(), "Bearer") {
			t.Errorf("%s: %v after %v", tt.instance, err, s.calls())
		}
	}
}

func TestTokenEndpointFaults(t *testing.T) {
	tests := []struct {
		reply reply
		want  providers.Kind
	}{
		{reply{status: 400, body: `{"error":"invalid_grant","error_description":"expired access/refresh token"}`}, providers.Denied},
		{reply{status: 400, body: `{"error":"invalid_client","error_description":"no client credentials user enabled"}`}, providers.Denied},
		{reply{status: 400, body: `{"error":"rate_limit_exceeded"}`}, providers.Transient},
		{reply{status: 400, body: `{"error":"unknown_error","error_description":"Login Rate Exceeded"}`}, providers.Transient},
		{reply{status: 403, body: `<html>`}, providers.Denied},
		{reply{status: 503, body: `<html>`}, providers.Transient},
		{reply{err: errors.New("reset")}, providers.Transient},
		{reply{body: `<html>`}, providers.Broken},
		{reply{body: `{"access_token":""}`}, providers.Broken},
		{reply{body: `{"access_token":"a\r\nX: y"}`}, providers.Broken},
		{reply{status: 302, header: map[string]string{"Location": "https://evil.example"}}, providers.Broken},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			c, s := tokenScript(t, base, tt.reply)
			_, err := c.Create(t.Context(), "Account", inserts(1))
			if err == nil || providers.KindOf(err) != tt.want {
				t.Errorf("%+v: %v, %v", tt.reply, providers.KindOf(err), err)
			}
			for _, call := range s.calls() {
				if strings.Contains(call, "/services/data") || strings.Contains(call, "evil") {
					t.Error(call)
				}
			}
		})
	}
}

func TestIdentifyWithoutTheOrganization(t *testing.T) {
	s := &script{answer: func(r *http.Request, _ string) reply {
		switch {
		case strings.HasSuffix(r.URL.Path, "/userinfo"):
			return reply{body: `{"organization_id":"00D8d0000000042"}`}
		case strings.HasSuffix(r.URL.Path, "/query"):
			return reply{status: 400, body: `[{"message":"sObject type 'Organization' is not supported","errorCode":"INVALID_TYPE"}]`}
		}
		return reply{body: `[{"version":"63.0"},{"version":"64.0"}]`}
	}}
	got, err := client(t, s).Identify(t.Context())
	if want, _ := salesforce.ID18("00D8d0000000042"); err != nil || got.Org != want {
		t.Error(got, err)
	}
}

func TestIdentifyHostile(t *testing.T) {
	for _, body := range []string{"", "<html>", "[]", "{}", "null", `[{"version":5}]`, strings.Repeat("[", 100_000)} {
		if _, err := client(t, answers(reply{body: body})).Identify(t.Context()); err == nil || providers.KindOf(err) != providers.Broken {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func FuzzDescribeAndIdentify(f *testing.F) {
	f.Add([]byte(accountDescribe))
	f.Add([]byte(`[{"version":"64.0"}]`))
	f.Add([]byte(`{"fields":[{"name":null,"picklistValues":[{}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := client(t, answers(reply{body: string(body)}))
		if s, err := c.Describe(t.Context(), "Account"); err == nil && len(s.Fields) == 0 {
			t.Fatal("an object without fields")
		}
		if id, err := c.Identify(t.Context()); err == nil && id.Org == "" {
			t.Fatal("no organization")
		}
	})
}

// FuzzLimitHeader: whatever the header holds, the quota is sane or unknown.
func FuzzLimitHeader(f *testing.F) {
	for _, h := range []string{"api-usage=18/15000", "api-usage=25/5000; per-app-api-usage=17/250(appName=x)", "per-app-api-usage=17/250(appName=api-usage=1/2)", "api-usage=", "api-usage=-1/0"} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, h string) {
		c := client(t, answers(reply{body: accountDescribe, header: map[string]string{"Sforce-Limit-Info": h}}))
		_, _ = c.Describe(t.Context(), "Account")
		if u := c.Usage(); u.QuotaUsed < 0 || u.QuotaLimit < 0 {
			t.Fatalf("%+v", u)
		}
	})
}

func TestLimitHeader(t *testing.T) {
	for h, want := range map[string][2]int{
		"api-usage=18/15000": {18, 15000},
		"api-usage=25/5000; per-app-api-usage=17/250(appName=x)": {25, 5000},
		"per-app-api-usage=17/250(appName=x); api-usage=25/5000": {25, 5000},
		"per-app-api-usage=17/250(appName=x)":                    {0, 0},
		"nonsense":                                               {0, 0},
	} {
		c := client(t, answers(reply{body: accountDescribe, header: map[string]string{"Sforce-Limit-Info": h}}))
		if _, err := c.Describe(t.Context(), "Account"); err != nil {
			t.Fatal(err)
		}
		if u := c.Usage(); u.QuotaUsed != want[0] || u.QuotaLimit != want[1] {
			t.Errorf("%q: %+v", h, u)
		}
	}
}
