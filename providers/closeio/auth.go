package closeio

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// The ways to be let in.
const (
	APIKey = "api_key" // a key that a user made
	OAuth  = "oauth"   // an app that was installed once
)

// Auth is a credential. Secrets are loaded anew whenever a token is needed.
// Rights, and what the event log tells, are those of the user behind it: give
// it a user of its own.
type Auth struct {
	Method string // one of the ways above

	// Key is asked again at least every minute, and whenever Close refuses the
	// last one, so that a rotated key works without a restart.
	Key func() (string, error)

	ClientID     string
	Secret       func() (string, error)
	RefreshToken func() (string, error)
	// StoreRefreshToken keeps a refresh token that took the place of the last
	// one. It is called before the new access token is used.
	StoreRefreshToken func(token string) error
}

func (a *Auth) check() error {
	switch a.Method {
	case APIKey:
		return need(a.Method, a.Key != nil, "a key")
	case OAuth:
		return need(a.Method, a.ClientID != "" && a.Secret != nil && a.RefreshToken != nil && a.StoreRefreshToken != nil,
			"client_id, secret, refresh_token and a place to keep a new one")
	}
	return fmt.Errorf("auth method %q is neither %s nor %s", a.Method, APIKey, OAuth)
}

func need(method string, ok bool, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("auth method %s needs %s", method, what)
}

// authorize puts the credential into a request. A key is the user of Basic, with
// an empty password.
//
// https://developer.close.com/api/overview/api-key-authentication, last checked
// 2026-11-22.
func (a *Auth) authorize(h http.Header, t rest.Token) {
	if a.Method == APIKey {
		h.Set("Authorization", "Basic "+t.Value)
		return
	}
	h.Set("Authorization", "Bearer "+t.Value)
}

const opToken = "fetch an access token"

// keyLasts is how long a key is used before it is asked for again: one
// that was rotated may live on for a while, and must not be used until it dies.
const keyLasts = time.Minute

// rotation holds the refresh token that took the place of the configured one,
// until that has been stored.
type rotation struct {
	mu       sync.Mutex
	unstored string
}

// token fetches an access token.
func (c *Client) token(ctx context.Context) (rest.Token, error) {
	a := &c.cfg.Auth
	if a.Method == APIKey {
		k, err := a.Key()
		if err != nil {
			return rest.Token{}, denied(fmt.Errorf("load the key: %w", err))
		}
		if k = strings.TrimSpace(k); k == "" || strings.ContainsFunc(k, notVisible) {
			return rest.Token{}, denied(errors.New("the key is empty or holds a blank"))
		}
		// The value is kept as it goes over the wire, so that errors hide that form.
		return rest.Token{Value: base64.StdEncoding.EncodeToString([]byte(k + ":")), Expires: time.Now().Add(keyLasts)}, nil
	}
	form, err := c.form()
	if err != nil {
		return rest.Token{}, denied(err)
	}
	resp, err := c.rest.Do(ctx, rest.Request{
		Kind: kindToken, Method: http.MethodPost, Path: tokenPath, Body: []byte(form.Encode()),
		Type: "application/x-www-form-urlencoded", Idempotent: true, NoAuth: true, Group: groupToken,
	})
	if err != nil {
		return rest.Token{}, outcome.NoAnswer(ctx, opToken, err)
	}
	defer resp.Release()
	if resp.Status != http.StatusOK {
		return rest.Token{}, withoutSecrets(tokenError(resp), form)
	}
	return c.accept(resp.Body, time.Now())
}

// form returns what the token endpoint asks for. All of it goes into the body:
// an address ends up in logs.
func (c *Client) form() (url.Values, error) {
	a := &c.cfg.Auth
	secret, err := a.Secret()
	if err != nil {
		return nil, fmt.Errorf("load the client secret: %w", err)
	}
	refresh, err := c.refreshToken()
	if err != nil {
		return nil, err
	}
	return url.Values{
		"grant_type": {"refresh_token"}, "client_id": {a.ClientID}, "client_secret": {secret}, "refresh_token": {refresh},
	}, nil
}

// refreshToken returns the token to refresh with. One that could not be stored
// comes first, for it may be the only one alive.
func (c *Client) refreshToken() (string, error) {
	c.refresh.mu.Lock()
	defer c.refresh.mu.Unlock()
	if t := c.refresh.unstored; t != "" {
		return t, nil
	}
	t, err := c.cfg.Auth.RefreshToken()
	if err != nil {
		return "", fmt.Errorf("load the refresh token: %w", err)
	}
	return strings.TrimSpace(t), nil
}

// accept reads the endpoint's answer. The token is renewed by the clock, ten
// minutes or a third of its life before it ends.
//
// https://developer.close.com/api/overview/oauth-authentication, last checked
// 2026-11-22.
func (c *Client) accept(body []byte, now time.Time) (rest.Token, error) {
	var t struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &t); err != nil || t.AccessToken == "" || strings.ContainsFunc(t.AccessToken, notVisible) {
		return rest.Token{}, providers.Errorf(providers.Broken, opToken, "the answer holds no token")
	}
	if err := c.keep(t.RefreshToken); err != nil {
		return rest.Token{}, err
	}
	out := rest.Token{Value: t.AccessToken}
	if t.ExpiresIn > 0 {
		life := time.Duration(min(t.ExpiresIn, 1<<31)) * time.Second
		out.Expires = now.Add(life - min(10*time.Minute, life/3))
	}
	return out, nil
}

// keep stores a refresh token that is not the one we have.
func (c *Client) keep(renewed string) error {
	c.refresh.mu.Lock()
	defer c.refresh.mu.Unlock()
	if renewed != "" {
		if known, err := c.cfg.Auth.RefreshToken(); err != nil || strings.TrimSpace(known) != renewed {
			c.refresh.unstored = renewed
		}
	}
	if c.refresh.unstored == "" {
		return nil
	}
	if err := c.cfg.Auth.StoreRefreshToken(c.refresh.unstored); err != nil {
		e := providers.Errorf(providers.Denied, opToken, "store the new refresh token: %w", err)
		e.Hint = "the old one may be dead: make the place writable before the daemon stops"
		return e
	}
	c.refresh.unstored = ""
	return nil
}

// tokenError says what a refusal of the token endpoint means.
func tokenError(resp *rest.Response) *providers.Error {
	f := parseFault(resp)
	e := &providers.Error{Op: opToken, Code: statusText(resp.Status), Message: f.text(), Kind: providers.Denied}
	switch {
	case resp.Status == http.StatusTooManyRequests, resp.Status >= http.StatusInternalServerError:
		e.Kind = providers.Transient
	case strings.Contains(f.Message, "invalid_grant"):
		e.Hint = "the app was taken away or its access revoked: install it again"
	}
	return e
}

// withoutSecrets takes out of an error what a server may have echoed.
func withoutSecrets(e *providers.Error, form url.Values) *providers.Error {
	for _, name := range []string{"client_secret", "refresh_token"} {
		if v := form.Get(name); v != "" {
			e.Message, e.Code = strings.ReplaceAll(e.Message, v, hidden), strings.ReplaceAll(e.Code, v, hidden)
		}
	}
	return e
}

func notVisible(r rune) bool { return r <= ' ' || r >= 0x7f }

func denied(err error) *providers.Error {
	return &providers.Error{Op: opToken, Kind: providers.Denied, Err: err}
}
