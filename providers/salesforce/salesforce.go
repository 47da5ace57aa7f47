package salesforce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
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
	_ providers.Grouper   = (*Client)(nil)
	_ providers.Organizer = (*Client)(nil)
	_ providers.Pinner    = (*Client)(nil)
)

// DefaultVersion is the API version that a Config without one asks for.
const DefaultVersion = "64.0"

// Config says which organization to speak to, and how.
type Config struct {
	// BaseURL is the organization's own address, its My Domain, such as
	// https://acme.my.salesforce.com.
	BaseURL    string
	APIVersion string // such as 64.0; empty means DefaultVersion
	Auth       Auth

	// ReservePercent is the share of the daily quota that is left to others.
	// Zero means 20, a negative number none.
	ReservePercent int
	// PerSecond bounds the rate of calls; zero means no bound, for Salesforce
	// has none by the second.
	PerSecond float64
	// AllowAlerts saves records past those duplicate rules that only alert.
	// Rules that block still refuse.
	AllowAlerts bool
	// Transport carries the requests; nil means a pooled one of its own.
	Transport http.RoundTripper
}

// Client is one organization with one credential. It is safe for concurrent
// use.
type Client struct {
	cfg     Config
	rest    *rest.Client
	version string
	clock   rest.Clock
	refresh oauth.Rotation
	pin     oauth.Pin
	self    atomic.Pointer[self] // nil where nothing told it yet
}

// New returns a client. It makes no call: Identify is what proves the address,
// the credential and the version.
func New(cfg Config) (*Client, error) {
	if cfg.APIVersion == "" {
		cfg.APIVersion = DefaultVersion
	}
	if cfg.ReservePercent == 0 {
		cfg.ReservePercent = 20
	}
	err := errors.Join(checkVersion(cfg.APIVersion), checkBase(cfg), cfg.Auth.check())
	if cfg.ReservePercent > 99 {
		err = errors.Join(err, errors.New("the reserve leaves nothing of the quota"))
	}
	if err != nil {
		return nil, fmt.Errorf("salesforce: %w", err)
	}
	c := &Client{
		cfg: cfg, version: cfg.APIVersion,
		refresh: oauth.Rotation{Load: cfg.Auth.RefreshToken, Store: cfg.Auth.StoreRefreshToken},
	}
	c.rest, err = rest.New(rest.Config{
		Base: cfg.BaseURL, Transport: cfg.Transport, Token: c.token,
		AllowBase: c.allowBase, Classify: classify, Learn: c.learn,
		Limits:  map[string]rest.Limit{"": {PerSecond: cfg.PerSecond, Burst: 10}},
		Reserve: float64(max(cfg.ReservePercent, 0)) / 100,
	})
	if err != nil {
		return nil, fmt.Errorf("salesforce: %w", err)
	}
	return c, nil
}

func checkVersion(v string) error {
	major, minor, ok := strings.Cut(v, ".")
	n, err := strconv.Atoi(major)
	switch {
	case err != nil || !ok || minor != "0" || strconv.Itoa(n) != major:
		return fmt.Errorf("api_version %q is not of the form %s", v, DefaultVersion)
	case n < oldestVersion:
		return fmt.Errorf("api_version %q is too old: collections need %d.0 or newer", v, oldestVersion)
	}
	return nil
}

// Usage says what was called since the start, and what is left of the quota.
func (c *Client) Usage() providers.Usage {
	u := c.rest.Usage()
	return providers.Usage{Calls: u.Calls, QuotaUsed: u.QuotaUsed, QuotaLimit: u.QuotaLimit}
}

// maxName is how much of an organization's name is shown.
const maxName = 80

// Identify asks which organization the credential opens. An organization that
// does not serve the API version asked for says so in the error.
func (c *Client) Identify(ctx context.Context) (providers.Identity, error) {
	const op, soql = "read the organization", "SELECT Id, Name, IsSandbox FROM Organization LIMIT 1"
	if told, err := oauth.Admit(ctx, c.rest, op); err != nil || told.Org != "" {
		return told, err
	}
	resp, err := c.get(ctx, call{op: op, kind: kindRead}, c.queryPath("query", soql))
	if err != nil && providers.KindOf(err) != providers.Broken {
		return providers.Identity{}, err
	}
	if err != nil {
		if err := c.checkServed(ctx); err != nil {
			return providers.Identity{}, err
		}
		return c.identifyByUser(ctx)
	}
	defer resp.Release()
	id, ok := parseOrganization(resp.Body)
	if !ok {
		return c.identifyByUser(ctx)
	}
	id.Name = c.rest.Words().Line(id.Name, maxName)
	return id, nil
}

// Organization returns the organization that the answer of the token named. A
// token that is given as it is names none.
func (c *Client) Organization(ctx context.Context) (providers.Identity, error) {
	const op = "prove the organization"
	if _, err := oauth.Admit(ctx, c.rest, op); err != nil {
		return providers.Identity{}, err
	}
	if s := c.self.Load(); s != nil {
		return providers.Identity{Org: s.org}, nil
	}
	return providers.Identity{}, nil
}

// Pin holds the client to an organization.
func (c *Client) Pin(org string) { c.pin.Set(org) }

// identifyByUser serves integration users that may not read the organization.
func (c *Client) identifyByUser(ctx context.Context) (providers.Identity, error) {
	const op = "read the user's organization"
	if s := c.self.Load(); s != nil {
		return providers.Identity{Org: s.org, Name: s.org}, nil
	}
	who, err := c.whoIs(ctx, call{op: op, kind: kindRead}, rest.Request{Path: userInfoPath})
	if err != nil {
		return providers.Identity{}, err
	}
	c.self.Store(who)
	return providers.Identity{Org: who.org, Name: who.org}, nil
}

func (c *Client) checkServed(ctx context.Context) error {
	const op = "list the API versions"
	resp, err := c.get(ctx, call{op: op, kind: kindDescribe}, "/services/data")
	if err != nil {
		return err
	}
	defer resp.Release()
	served, newest, ok := parseVersions(resp.Body, c.version)
	switch {
	case !ok:
		return providers.Errorf(providers.Broken, op, "the answer is no list of versions")
	case !served:
		e := providers.Errorf(providers.Broken, op, "version %s is not served here", c.version)
		e.Hint = "set api_version to at most " + newest
		return c.said(e)
	}
	return nil
}
