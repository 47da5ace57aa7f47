package qbench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// The objects.
const (
	Customer = "customer"
	Contact  = "contact"
)

// API is a version of QBench's API.
type API string

// The versions.
const (
	V1 API = "v1"
	V2 API = "v2"
)

// ContactsFrom says what tells the customers of a contact.
type ContactsFrom string

// The ways to learn the customers of a contact.
const (
	FromCustomerIDs ContactsFrom = "customer_ids" // the contact's own field
	FromCall        ContactsFrom = "call"         // one call per contact; API v2 only
)

// Config says which tenant to read and how.
type Config struct {
	BaseURL  string // https://tenant.qbench.net
	API      API    // V1 unless told otherwise
	ClientID string
	// Secret is asked at each token exchange, so that a changed file counts.
	Secret func() (string, error)

	PageSize     int          // 50, the most that QBench sends, unless told otherwise
	MaxPageSize  int          // lifts the most for a benchmark; 50
	PerMinute    int          // calls a minute; 240 unless told otherwise, negative for no limit
	UpdatedField string       // the field that says when a record changed; none unless told otherwise
	ContactsFrom ContactsFrom // FromCustomerIDs unless told otherwise
	// Zone is where dates without one are meant; UTC unless told otherwise.
	Zone      *time.Location
	Transport http.RoundTripper // for tests; nil for the network
}

// Client reads one tenant. It is safe for concurrent use.
type Client struct {
	cfg  Config
	rest *rest.Client
	skew time.Duration // the server's clock less ours; only the token exchange touches it
}

var (
	_ providers.Provider  = (*Client)(nil)
	_ providers.Reader    = (*Client)(nil)
	_ providers.Organizer = (*Client)(nil)
	_ providers.Getter    = (*Client)(nil)
	_ providers.Completer = (*Client)(nil)
	_ providers.Describer = (*Client)(nil)
)

// New returns a client, or all that is wrong with cfg.
func New(cfg Config) (*Client, error) {
	cfg.defaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg}
	var err error
	c.rest, err = rest.New(rest.Config{
		Base:      cfg.BaseURL,
		Transport: cfg.Transport,
		Token:     c.fetchToken,
		Classify:  classify,
		Learn:     learn,
		Limits:    map[string]rest.Limit{"": {PerSecond: float64(max(cfg.PerMinute, 0)) / 60, Burst: burst}},
	})
	if err != nil {
		return nil, fmt.Errorf("qbench: base_url: %w", err)
	}
	return c, nil
}

func (cfg *Config) defaults() {
	if cfg.API == "" {
		cfg.API = V1
	}
	if cfg.MaxPageSize == 0 {
		cfg.MaxPageSize = vendorMaxPage
	}
	if cfg.PageSize == 0 {
		cfg.PageSize = min(cfg.MaxPageSize, vendorMaxPage)
	}
	if cfg.PerMinute == 0 {
		cfg.PerMinute = defaultPerMinute
	}
	if cfg.ContactsFrom == "" {
		cfg.ContactsFrom = FromCustomerIDs
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
}

func (cfg *Config) validate() error {
	var errs []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("qbench: "+format, args...))
		}
	}
	say(cfg.API != V1 && cfg.API != V2, "api must be v1 or v2, not %q", string(cfg.API))
	say(cfg.ClientID == "", "the client id is missing")
	say(cfg.Secret == nil, "the client secret is missing")
	say(cfg.PageSize < 1 || cfg.PageSize > cfg.MaxPageSize, "page_size must be from 1 to %d, not %d", cfg.MaxPageSize, cfg.PageSize)
	say(cfg.ContactsFrom != FromCustomerIDs && cfg.ContactsFrom != FromCall,
		"contacts_from must be customer_ids or call, not %q", string(cfg.ContactsFrom))
	say(cfg.ContactsFrom == FromCall && cfg.API == V1, "contacts_from: call needs api: v2, for v1 has no such call")
	return errors.Join(errs...)
}

// Identify names the tenant by its host, after a call that proves the
// credential.
func (c *Client) Identify(ctx context.Context) (providers.Identity, error) {
	const op = "identify the QBench tenant"
	resp, err := c.rest.Do(ctx, rest.Request{Kind: "identify", Path: c.listPath(Customer, 1, 1)})
	if err := c.failure(op, resp, err); err != nil {
		return providers.Identity{}, err
	}
	defer resp.Release()
	if _, err := newListing(nil, Customer, c).walk.Walk(resp.Body); err != nil {
		return providers.Identity{}, c.unreadable(op, resp, err)
	}
	return c.identity(), nil
}

// Organization returns the host: QBench knows no more of itself, so there is
// nothing to ask.
func (c *Client) Organization(context.Context) (providers.Identity, error) {
	return c.identity(), nil
}

func (c *Client) identity() providers.Identity {
	host := c.rest.Host()
	return providers.Identity{Org: host, Name: host, Host: true}
}

// Usage returns the calls made so far. QBench has no daily quota.
func (c *Client) Usage() providers.Usage {
	u := c.rest.Usage()
	return providers.Usage{Calls: u.Calls, QuotaUsed: u.QuotaUsed, QuotaLimit: u.QuotaLimit}
}

// Close lets idle connections go.
func (c *Client) Close() { c.rest.Close() }

// Incremental is false: QBench cannot be asked for what changed.
func (c *Client) Incremental(string) bool { return false }

// Costly reports whether a field is told by a call per contact only.
func (c *Client) Costly(object string, f record.Field) bool {
	return object == Contact && f.Name == customerIDs && c.cfg.ContactsFrom == FromCall
}

func checkObject(op, object string) error {
	if object == Customer || object == Contact {
		return nil
	}
	return providers.Errorf(providers.Broken, op, "QBench has no object %q here, only customer and contact", object)
}

func (c *Client) costlyIndexes(object string, fields []record.Field) []int {
	var at []int
	for i, f := range fields {
		if c.Costly(object, f) {
			at = append(at, i)
		}
	}
	return slices.Clip(at)
}
