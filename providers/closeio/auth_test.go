package closeio_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/internal/faults"
)

// TestKeyRotated: a key that took the place of the last one counts without a
// restart, and a refusal of the old one is no failure.
func TestKeyRotated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, closeiosim.Options{}, nil)
		key := "api_old"
		c := connect(t, l.wire, func(c *closeio.Config) { c.Auth.Key = func() (string, error) { return key, nil } })
		if _, err := c.Identify(t.Context()); providers.KindOf(err) != providers.Denied || strings.Contains(err.Error(), key) {
			t.Errorf("a key that is none: %v", err)
		}
		key = closeiosim.DefaultAPIKey + "\n"
		if _, err := c.Identify(t.Context()); err != nil {
			t.Errorf("the new key: %v", err)
		}
	})
}

// TestNoKey: a key that cannot be had, or cannot be one, stops the system.
func TestNoKey(t *testing.T) {
	l := newLab(t, closeiosim.Options{}, nil)
	for _, key := range []func() (string, error){
		func() (string, error) { return "", nil }, func() (string, error) { return "a b", nil },
		func() (string, error) { return "", errors.New("no file") },
	} {
		c := connect(t, l.wire, func(c *closeio.Config) { c.Auth.Key = key })
		if _, err := c.Identify(t.Context()); providers.KindOf(err) != providers.Denied || err == nil {
			t.Errorf("got %v", err)
		}
	}
	if n := l.calls(); n != 0 {
		t.Errorf("%d calls without a key", n)
	}
}

// TestRotation: a refresh token that took the place of the last one is stored
// before the access token is used, and kept while it cannot be stored.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, closeiosim.Options{RotateRefreshTokens: true}, nil)
		kept, full := closeiosim.DefaultRefreshToken, true
		c := connect(t, l.wire, func(c *closeio.Config) {
			oauth(c)
			c.Auth.RefreshToken = func() (string, error) { return kept, nil }
			c.Auth.StoreRefreshToken = func(token string) error {
				if full {
					return errors.New("disk full")
				}
				if n := l.wire.Count("/me/"); n != 0 && kept == closeiosim.DefaultRefreshToken {
					t.Errorf("%d calls before the token was stored", n)
				}
				kept = token
				return nil
			}
		})
		if _, err := c.Identify(t.Context()); providers.KindOf(err) != providers.Denied || !strings.Contains(err.Error(), "disk full") {
			t.Fatalf("got %v", err)
		}
		if n := l.wire.Count("/me/"); n != 0 {
			t.Errorf("%d calls with a token whose successor is lost", n)
		}
		full = false
		if _, err := c.Identify(t.Context()); err != nil || kept == closeiosim.DefaultRefreshToken {
			t.Errorf("%v; the token was stored: %v", err, kept != closeiosim.DefaultRefreshToken)
		}
		// The token is renewed by the clock, before it ends.
		time.Sleep(55 * time.Minute)
		if _, err := c.Identify(t.Context()); err != nil || l.wire.Count("/oauth2/token/") != 3 {
			t.Errorf("%d exchanges, %v", l.wire.Count("/oauth2/token/"), err)
		}
	})
}

// TestTokenRefused: what the endpoint says stops the system, passes, or is none.
func TestTokenRefused(t *testing.T) {
	for body, tc := range map[string]struct {
		status int
		kind   providers.Kind
	}{
		`{"error":"invalid_grant"}`:           {http.StatusBadRequest, providers.Denied},
		`{"error":"later"}`:                   {http.StatusBadGateway, providers.Transient},
		`{"token_type":"Bearer"}`:             {http.StatusOK, providers.Broken},
		`{"access_token":"a b"}`:              {http.StatusOK, providers.Broken},
		`<html><title>Sorry</title></html>`:   {http.StatusOK, providers.Broken},
		`{"error":"close-sim-refresh-token"}`: {http.StatusForbidden, providers.Denied},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, closeiosim.Options{}, oauth)
			l.sim.Faults().Add(faults.Rule{Path: "/oauth2/token/", From: 1, To: -1, Status: tc.status, Body: body})
			_, err := l.Identify(t.Context())
			if err == nil || providers.KindOf(err) != tc.kind || strings.Contains(err.Error(), closeiosim.DefaultRefreshToken) {
				t.Errorf("%s: %v", body, err)
			}
		})
	}
}
