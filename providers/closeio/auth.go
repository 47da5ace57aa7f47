package closeio

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/oauth"
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
		return oauth.Need(a.Method, a.Key != nil, "a key")
	case OAuth:
		return oauth.Need(a.Method, a.ClientID != "" && a.Secret != nil && a.RefreshToken != nil && a.StoreRefreshToken != nil,
			"client_id, secret, refresh_token and a place to keep a new one")
	}
	return fmt.Errorf("auth method %q is neither %s nor %s", a.Method, APIKey, OAuth)
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

// keyLasts is how long a key is used before it is asked for again: one
// that was rotated may live on for a while, and must not be used until it dies.
const keyLasts = time.Minute

// token fetches an access token. One of OAuth is renewed by the clock, for the
// answer says how long it lives.
//
// https://developer.close.com/api/overview/oauth-authentication, last checked
// 2026-11-22.
func (c *Client) token(ctx context.Context) (rest.Token, error) {
	a := &c.cfg.Auth
	if a.Method == APIKey {
		k, err := oauth.Fixed("key", a.Key)
		if err != nil {
			return rest.Token{}, err
		}
		c.rest.Words().Learn(k)
		t := rest.Token{Value: base64.StdEncoding.EncodeToString([]byte(k + ":")), Expires: time.Now().Add(keyLasts)}
		return c.pin.Token(ctx, k, t, c.orgOf)
	}
	form, err := c.refresh.Form(a.ClientID, a.Secret)
	if err != nil {
		return rest.Token{}, oauth.Denied(err)
	}
	t, err := oauth.Endpoint{
		Kind: kindToken, Group: groupToken, Path: tokenPath, Refused: tokenError,
	}.Exchange(ctx, c.rest, form, c.refresh.Accept)
	if err != nil {
		return rest.Token{}, err
	}
	return c.pin.Token(ctx, c.refresh.Grant(), t, c.orgOf)
}

// tokenError says what a refusal of the token endpoint means.
func tokenError(resp *rest.Response) *providers.Error {
	f := parseFault(resp)
	e := &providers.Error{Op: oauth.Op, Code: statusText(resp.Status), Message: f.Message, Kind: providers.Denied}
	switch {
	case resp.Status == http.StatusTooManyRequests, resp.Status >= http.StatusInternalServerError:
		e.Kind = providers.Transient
	case strings.Contains(f.Message, "invalid_grant"):
		e.Hint = "the app was taken away or its access revoked: install it again"
	}
	return e
}
