package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/oauth"
	"crmsyncd/providers/internal/rest"
)

// The ways to be let in.
const (
	ClientCredentials = "client_credentials" // a run-as user of an app, on My Domain only
	RefreshToken      = "refresh_token"      // a grant that a person gave once
	JWT               = "jwt"                // a signed assertion for a user admitted beforehand
	FixedToken        = "token"              // an access token as it is, for tests and rehearsals
)

// Auth is a credential. Secrets are loaded anew whenever a token is fetched.
type Auth struct {
	Method   string // one of the ways above
	ClientID string
	Secret   func() (string, error) // of the app; optional with a refresh token

	RefreshToken func() (string, error)
	// StoreRefreshToken keeps a refresh token that took the place of the last
	// one. It is called before the new access token is used: the old refresh
	// token is dead by then, and a crash must not lose the new one.
	StoreRefreshToken func(token string) error

	Username   string
	Audience   string                 // empty means https://login.salesforce.com
	PrivateKey func() ([]byte, error) // PEM, RSA

	Token func() (string, error) // for FixedToken
}

func (a *Auth) check() error {
	switch a.Method {
	case ClientCredentials:
		return oauth.Need(a.Method, a.ClientID != "" && a.Secret != nil, "client_id and secret")
	case RefreshToken:
		return oauth.Need(a.Method, a.ClientID != "" && a.RefreshToken != nil && a.StoreRefreshToken != nil,
			"client_id, refresh_token and a place to keep a new one")
	case JWT:
		return oauth.Need(a.Method, a.ClientID != "" && a.Username != "" && a.PrivateKey != nil,
			"client_id, username and private_key")
	case FixedToken:
		return oauth.Need(a.Method, a.Token != nil, "token")
	}
	return fmt.Errorf("auth method %q is none of %s, %s, %s, %s",
		a.Method, ClientCredentials, RefreshToken, JWT, FixedToken)
}

// checkBase refuses addresses that can never work or would show the secret.
func checkBase(cfg Config) error {
	if err := rest.CheckBase(cfg.BaseURL, "https://acme.my.salesforce.com"); err != nil {
		return err
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return errors.New("base_url is no address")
	}
	host := strings.ToLower(u.Hostname())
	if shared := host == "login.salesforce.com" || host == "test.salesforce.com"; shared &&
		(cfg.Auth.Method == ClientCredentials || cfg.Auth.Method == FixedToken) {
		return errors.New("base_url must be the organization's My Domain: " + host + " refuses this auth method")
	}
	return nil
}

// allowBase says whether a token may send us to u: from one of the vendor's
// own addresses to another under the same domain. Anything else would carry
// the token away.
func (c *Client) allowBase(u *url.URL) bool {
	ours := vendorDomain(c.rest.Host())
	return ours != "" && u.Scheme == "https" && u.Port() == "" && vendorDomain(u.Hostname()) == ours
}

func vendorDomain(host string) string {
	host = strings.ToLower(host)
	for _, d := range []string{"salesforce.com", "salesforce.mil", "cloudforce.com", "sfcrmproducts.cn"} {
		if strings.HasSuffix(host, "."+d) {
			return d
		}
	}
	return ""
}

// token fetches an access token.
func (c *Client) token(ctx context.Context) (rest.Token, error) {
	a := &c.cfg.Auth
	if a.Method == FixedToken {
		t, err := a.Token()
		if err != nil {
			return rest.Token{}, oauth.Denied(fmt.Errorf("load the token: %w", err))
		}
		c.self.Store(nil)
		return c.pin.Token(ctx, t, rest.Token{Value: t}, c.orgOf)
	}
	form, err := c.form()
	if err != nil {
		return rest.Token{}, oauth.Denied(err)
	}
	t, err := oauth.Endpoint{
		Kind: kindToken, Path: "/services/oauth2/token", Refused: tokenError,
	}.Exchange(ctx, c.rest, form, c.accept)
	if err != nil || c.self.Load() != nil {
		return t, err
	}
	return c.pin.Token(ctx, c.refresh.Grant(), t, c.orgOf) // the answer did not tell
}

// form returns what the token endpoint asks for.
func (c *Client) form() (url.Values, error) {
	a := &c.cfg.Auth
	switch a.Method {
	case JWT:
		assertion, err := a.assertion(time.Now())
		return url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"assertion":  {assertion},
		}, err
	case RefreshToken:
		return c.refresh.Form(a.ClientID, a.Secret)
	}
	return oauth.Form(a.Method, a.ClientID, a.Secret)
}

func (a *Auth) assertion(now time.Time) (string, error) {
	pem, err := a.PrivateKey()
	if err != nil {
		return "", fmt.Errorf("load the private key: %w", err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	if err != nil {
		return "", errors.New("the private key is no RSA key in PEM form")
	}
	aud := a.Audience
	if aud == "" {
		aud = "https://login.salesforce.com"
	}
	claims := jwt.RegisteredClaims{
		Issuer: a.ClientID, Subject: a.Username, Audience: jwt.ClaimStrings{aud},
		ExpiresAt: jwt.NewNumericDate(now.Add(3 * time.Minute)),
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	signed, err := t.SignedString(key)
	if err != nil {
		return "", errors.New("the private key cannot sign")
	}
	return signed, nil
}

// accept reads the endpoint's answer and keeps a new refresh token before
// anything else happens.
func (c *Client) accept(body []byte) (rest.Token, error) {
	var t struct {
		AccessToken  string `json:"access_token"`
		InstanceURL  string `json:"instance_url"`
		RefreshToken string `json:"refresh_token"`
		Identity     string `json:"id"`
	}
	if err := json.Unmarshal(body, &t); err != nil || !oauth.Usable(t.AccessToken) {
		return rest.Token{}, oauth.NoToken()
	}
	if c.cfg.Auth.Method == RefreshToken {
		if err := c.refresh.Keep(t.RefreshToken); err != nil {
			return rest.Token{}, err
		}
	}
	who := selfOf(t.Identity)
	if who != nil {
		if err := c.pin.Check(providers.Identity{Org: who.org}); err != nil {
			return rest.Token{}, err
		}
	}
	c.self.Store(who)
	return rest.Token{Value: t.AccessToken, Base: strings.TrimRight(t.InstanceURL, "/")}, nil
}

// orgOf asks which organization a token opens that is not in use yet.
func (c *Client) orgOf(ctx context.Context, t rest.Token) (providers.Identity, error) {
	who, err := c.whoIs(ctx, call{op: "prove the organization", kind: kindToken}, c.rest.With(t, rest.Request{Path: userInfoPath}))
	if err != nil {
		return providers.Identity{}, err
	}
	return providers.Identity{Org: who.org}, nil
}

// tokenError says what a refusal means. Logins have a rate of their own.
//
// https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flow_errors.htm,
// last checked 2026-11-22.
func tokenError(resp *rest.Response) *providers.Error {
	f := parseFault(resp)
	e := &providers.Error{Op: oauth.Op, Kind: providers.Denied, Code: f.Code, Message: f.Message}
	switch {
	case f.Code == "":
		e.Kind = statusKind(resp.Status)
	case f.Code == "rate_limit_exceeded", strings.Contains(strings.ToLower(f.Message), "login rate"):
		e.Kind, e.RetryAfter = providers.Transient, time.Hour/4
	case resp.Status >= http.StatusInternalServerError:
		e.Kind = providers.Transient
	case f.Code == "invalid_grant":
		e.Hint = "the grant expired or was revoked, or the user was not admitted to the app"
	case strings.Contains(f.Message, "no client credentials user"):
		e.Hint = "choose a run-as user in the app's client credentials settings"
	}
	return e
}
