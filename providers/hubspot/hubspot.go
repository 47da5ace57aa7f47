package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/oauth"
	"crmsyncd/providers/internal/rest"
)

var (
	_ providers.Provider  = (*Client)(nil)
	_ providers.Reader    = (*Client)(nil)
	_ providers.Getter    = (*Client)(nil)
	_ providers.Finder    = (*Client)(nil)
	_ providers.Writer    = (*Client)(nil)
	_ providers.Describer = (*Client)(nil)
	_ providers.Fixer     = (*Client)(nil)
	_ providers.Pinner    = (*Client)(nil)
	_ providers.Historian = (*Client)(nil)
)

// What a Config without them means.
const (
	DefaultBase    = "https://api.hubapi.com"
	DefaultVersion = "2026-09"
)

// Config says which portal to speak to, and how. The credential decides which
// portal it is.
type Config struct {
	BaseURL    string // empty means DefaultBase
	APIVersion string // a date such as 2026-03, or v3 or v4 for the old paths; empty means DefaultVersion
	Auth       Auth

	// ReservePercent is the share of the daily quota that is left to others.
	// Zero means 20, a negative number none.
	ReservePercent int
	// PerTenSeconds bounds the rate of calls. Zero means 90, and 170 once the
	// portal says that it allows 190.
	PerTenSeconds int
	// Transport carries the requests; nil means a pooled one of its own.
	Transport http.RoundTripper
}

// Client is one portal with one credential. It is safe for concurrent use.
type Client struct {
	cfg     Config
	rest    *rest.Client
	paths   paths
	clock   rest.Clock
	refresh oauth.Rotation
	pin     oauth.Pin
	chosen  chooser
	appID   atomic.Value // string
	fast    atomic.Bool  // the portal allows the higher rate
}

// New returns a client. It makes no call: Identify is what proves the
// credential and the version.
func New(cfg Config) (*Client, error) {
	setDefault(&cfg.BaseURL, DefaultBase)
	setDefault(&cfg.APIVersion, DefaultVersion)
	setDefault(&cfg.ReservePercent, 20)
	err := errors.Join(checkVersion(cfg.APIVersion), rest.CheckBase(cfg.BaseURL, DefaultBase), cfg.Auth.check())
	if cfg.ReservePercent > 99 {
		err = errors.Join(err, errors.New("the reserve leaves nothing of the quota"))
	}
	if cfg.PerTenSeconds < 0 {
		err = errors.Join(err, errors.New("the rate is negative"))
	}
	if err != nil {
		return nil, fmt.Errorf("hubspot: %w", err)
	}
	slow, fast := slowRate, fastRate
	if cfg.PerTenSeconds > 0 {
		slow = float64(cfg.PerTenSeconds) / 10
		fast = slow
	}
	c := &Client{
		cfg: cfg, paths: paths(cfg.APIVersion),
		refresh: oauth.Rotation{Load: cfg.Auth.RefreshToken, Store: cfg.Auth.StoreRefreshToken},
	}
	c.rest, err = rest.New(rest.Config{
		Base: cfg.BaseURL, Transport: cfg.Transport, Token: c.token, Classify: classify, Learn: c.learn,
		Limits: map[string]rest.Limit{
			groupSlow:   {PerSecond: slow, Burst: 5},
			groupFast:   {PerSecond: fast, Burst: 10},
			groupSearch: {PerSecond: searchRate, Burst: 1},
		},
		Reserve: float64(max(cfg.ReservePercent, 0)) / 100,
	})
	if err != nil {
		return nil, fmt.Errorf("hubspot: %w", err)
	}
	return c, nil
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Usage says what was called since the start, and what is left of the quota.
func (c *Client) Usage() providers.Usage {
	u := c.rest.Usage()
	return providers.Usage{Calls: u.Calls, QuotaUsed: u.QuotaUsed, QuotaLimit: u.QuotaLimit}
}

// Identify asks which portal the credential opens. Developer and sandbox
// portals count as sandboxes.
func (c *Client) Identify(ctx context.Context) (providers.Identity, error) {
	const op = "read the account"
	if told, err := oauth.Admit(ctx, c.rest, op); err != nil || told.Org != "" {
		return told, err
	}
	return c.account(ctx, call{op: op, kind: kindRead}, rest.Request{Path: c.paths.account()})
}

// Pin holds the client to a portal.
func (c *Client) Pin(org string) { c.pin.Set(org) }

// portalOf asks which portal a token opens that is not in use yet.
func (c *Client) portalOf(ctx context.Context, t rest.Token) (providers.Identity, error) {
	return c.account(ctx, call{op: "prove the portal", kind: kindToken}, c.rest.With(t, rest.Request{Path: c.paths.account()}))
}

func (c *Client) account(ctx context.Context, k call, r rest.Request) (providers.Identity, error) {
	resp, err := c.send(ctx, k, r)
	if err != nil {
		return providers.Identity{}, err
	}
	defer resp.Release()
	id, ok := parseAccount(resp.Body)
	if !ok {
		return providers.Identity{}, providers.Errorf(providers.Broken, k.op, "the answer names no portal")
	}
	return id, nil
}

func parseAccount(body []byte) (providers.Identity, bool) {
	var a struct {
		PortalID    int64  `json:"portalId"`
		AccountType string `json:"accountType"`
	}
	if err := json.Unmarshal(body, &a); err != nil || a.PortalID <= 0 {
		return providers.Identity{}, false
	}
	id := strconv.FormatInt(a.PortalID, 10)
	return providers.Identity{Org: id, Name: "portal " + id, Sandbox: a.AccountType != "" && a.AccountType != "STANDARD"}, true
}
