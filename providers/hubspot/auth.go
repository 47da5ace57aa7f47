package hubspot

import (
	"context"
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
	FixedToken = "token" // a service key, or the token of a private app
	OAuth      = "oauth" // an app that was installed once
)

// Auth is a credential. Secrets are loaded anew whenever a token is needed.
type Auth struct {
	Method string // one of the ways above

	// Token is asked again at least every minute, and whenever the portal
	// refuses the last one, so that a rotated key works without a restart.
	Token func() (string, error)

	ClientID     string
	Secret       func() (string, error)
	RefreshToken func() (string, error)
	// StoreRefreshToken keeps a refresh token that took the place of the last
	// one. It is called before the new access token is used.
	StoreRefreshToken func(token string) error
}

func (a *Auth) check() error {
	switch a.Method {
	case FixedToken:
		return need(a.Method, a.Token != nil, "token")
	case OAuth:
		return need(a.Method, a.ClientID != "" && a.Secret != nil && a.RefreshToken != nil && a.StoreRefreshToken != nil,
			"client_id, secret, refresh_token and a place to keep a new one")
	}
	return fmt.Errorf("auth method %q is neither %s nor %s", a.Method, FixedToken, OAuth)
}

func need(method string, ok bool, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("auth method %s needs %s", method, what)
}

const opToken = "fetch an access token"

// keyLasts is how long a fixed token is used before it is asked for again: a
// key that was rotated lives on for days, and must not be used until it dies.
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
	if a.Method == FixedToken {
		t, err := a.Token()
		if err != nil {
			return rest.Token{}, denied(fmt.Errorf("load the token: %w", err))
		}
		if t = strings.TrimSpace(t); t == "" || strings.ContainsFunc(t, notVisible) {
			return rest.Token{}, denied(errors.New("the token is empty or holds a blank"))
		}
		return rest.Token{Value: t, Expires: time.Now().Add(keyLasts)}, nil
	}
	form, err := c.form()
	if err != nil {
		return rest.Token{}, denied(err)
	}
	resp, err := c.rest.Do(ctx, rest.Request{
		Kind: kindToken, Method: http.MethodPost, Path: c.paths.token(), Body: []byte(form.Encode()),
		Type: "application/x-www-form-urlencoded", Idempotent: true, NoAuth: true, Group: c.group(),
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
// minutes or a third of its life before it ends: HubSpot asks not to wait for a
// refusal.
//
// https://developers.hubspot.com/docs/api/usage-details, last checked 2026-11-22.
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
	e := &providers.Error{Op: opToken, Code: f.Code, Message: oneLine(f.Message), Kind: providers.Denied}
	switch {
	case resp.Status == http.StatusTooManyRequests, resp.Status >= http.StatusInternalServerError && resp.Status != statusBadKey:
		e.Kind = providers.Transient
	case f.Code == "BAD_REFRESH_TOKEN", f.Code == "invalid_grant":
		e.Hint = "the app was uninstalled or its access revoked: install it again"
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
