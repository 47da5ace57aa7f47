package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/oauth"
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
		return oauth.Need(a.Method, a.Token != nil, "token")
	case OAuth:
		return oauth.Need(a.Method, a.ClientID != "" && a.Secret != nil && a.RefreshToken != nil && a.StoreRefreshToken != nil,
			"client_id, secret, refresh_token and a place to keep a new one")
	}
	return fmt.Errorf("auth method %q is neither %s nor %s", a.Method, FixedToken, OAuth)
}

// keyLasts is how long a fixed token is used before it is asked for again: a
// key that was rotated lives on for days, and must not be used until it dies.
const keyLasts = time.Minute

// token fetches an access token. One of OAuth is renewed by the clock: HubSpot
// asks not to wait for a refusal.
//
// https://developers.hubspot.com/docs/api/usage-details, last checked 2026-11-22.
func (c *Client) token(ctx context.Context) (rest.Token, error) {
	a := &c.cfg.Auth
	if a.Method == FixedToken {
		t, err := oauth.Fixed("token", a.Token)
		if err != nil {
			return rest.Token{}, err
		}
		return c.pin.Token(ctx, t, rest.Token{Value: t, Expires: time.Now().Add(keyLasts)}, c.portalOf)
	}
	form, err := c.refresh.Form(a.ClientID, a.Secret)
	if err != nil {
		return rest.Token{}, oauth.Denied(err)
	}
	t, err := oauth.Endpoint{
		Kind: kindToken, Group: c.group(), Path: c.paths.token(), Refused: tokenError,
	}.Exchange(ctx, c.rest, form, c.refresh.Accept)
	if err != nil {
		return rest.Token{}, err
	}
	return c.pin.Token(ctx, c.refresh.Grant(), t, c.portalOf)
}

// tokenError says what a refusal of the token endpoint means.
func tokenError(resp *rest.Response) *providers.Error {
	f := parseFault(resp)
	e := &providers.Error{Op: oauth.Op, Code: f.Code, Message: f.Message, Kind: providers.Denied}
	switch {
	case resp.Status == http.StatusTooManyRequests, resp.Status >= http.StatusInternalServerError && resp.Status != statusBadKey:
		e.Kind = providers.Transient
	case f.Code == "BAD_REFRESH_TOKEN", f.Code == "invalid_grant":
		e.Hint = "the app was uninstalled or its access revoked: install it again"
	}
	return e
}
