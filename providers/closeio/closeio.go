package closeio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/oauth"
	"crmsyncd/providers/internal/rest"
)

var (
	_ providers.Provider    = (*Client)(nil)
	_ providers.Reader      = (*Client)(nil)
	_ providers.Getter      = (*Client)(nil)
	_ providers.Describer   = (*Client)(nil)
	_ providers.ChildReader = (*Client)(nil)
	_ providers.Eventer     = (*Client)(nil)
	_ providers.Writer      = (*Client)(nil)
	_ providers.Pinner      = (*Client)(nil)
)

// The objects.
const (
	Lead        = "lead"
	Contact     = "contact"
	Opportunity = "opportunity"
	Task        = "task"
	User        = "user"
)

// DefaultBase is where Close lives.
const DefaultBase = "https://api.close.com"

// Config says which organization to speak to, and how. The credential decides
// which organization it is.
type Config struct {
	BaseURL string // empty means DefaultBase
	Auth    Auth
	// Zone is where the day of an instant is meant, when a date is asked of one;
	// UTC unless told otherwise.
	Zone *time.Location
	// PerSecond bounds the rate of each group of endpoints. Zero means what the
	// answers tell and nothing else.
	PerSecond float64
	// Transport carries the requests; nil means a pooled one of its own.
	Transport http.RoundTripper
}

// Client is one organization with one credential. It is safe for concurrent
// use.
type Client struct {
	cfg     Config
	rest    *rest.Client
	clock   rest.Clock
	refresh oauth.Rotation
	pin     oauth.Pin
	schemas schemaCache

	mu   sync.Mutex
	self *self
}

// New returns a client. It makes no call: Identify is what proves the
// credential.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBase
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	err := errors.Join(rest.CheckBase(cfg.BaseURL, DefaultBase), cfg.Auth.check())
	if cfg.PerSecond < 0 {
		err = errors.Join(err, errors.New("the rate is negative"))
	}
	if err != nil {
		return nil, fmt.Errorf("closeio: %w", err)
	}
	c := &Client{cfg: cfg, refresh: oauth.Rotation{Load: cfg.Auth.RefreshToken, Store: cfg.Auth.StoreRefreshToken}}
	c.rest, err = rest.New(rest.Config{
		Base: cfg.BaseURL, Transport: cfg.Transport, Token: c.token, Authorize: cfg.Auth.authorize,
		Classify: classify, Learn: c.learn, Limits: limits(cfg.PerSecond),
	})
	if err != nil {
		return nil, fmt.Errorf("closeio: %w", err)
	}
	return c, nil
}

// Usage says what was called since the start. Close has no daily quota.
func (c *Client) Usage() providers.Usage {
	return providers.Usage{Calls: c.rest.Usage().Calls}
}

// Close lets idle connections go.
func (c *Client) Close() { c.rest.Close() }

// Incremental reports whether an object can be read by what changed. Users can
// not: they are few, and listed whole each time.
func (c *Client) Incremental(object string) bool { return object != User }

// self is who the credential is.
type self struct {
	org  providers.Identity
	user string
}

// Identify asks which organization the credential opens.
func (c *Client) Identify(ctx context.Context) (providers.Identity, error) {
	const op = "read the organization"
	if told, err := oauth.Admit(ctx, c.rest, op); err != nil || told.Org != "" {
		return told, err
	}
	s, err := c.whoami(ctx, op)
	if err != nil {
		return providers.Identity{}, err
	}
	c.mu.Lock()
	c.self = s
	c.mu.Unlock()
	return s.org, nil
}

// me returns who the credential is, asking once.
func (c *Client) me(ctx context.Context) (*self, error) {
	c.mu.Lock()
	s := c.self
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	if _, err := c.Identify(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.self, nil
}

// user returns our own user, empty where Identify was not asked yet.
func (c *Client) user() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.self == nil {
		return ""
	}
	return c.self.user
}

func (c *Client) whoami(ctx context.Context, op string) (*self, error) {
	return c.whoIs(ctx, call{op: op, kind: kindRead}, rest.Request{Path: mePath})
}

const mePath = "/me/"

// Pin holds the client to an organization.
func (c *Client) Pin(org string) { c.pin.Set(org) }

// orgOf asks which organization a token opens that is not in use yet.
func (c *Client) orgOf(ctx context.Context, t rest.Token) (providers.Identity, error) {
	s, err := c.whoIs(ctx, call{op: "prove the organization", kind: kindToken}, c.rest.With(t, rest.Request{Path: mePath}))
	if err != nil {
		return providers.Identity{}, err
	}
	// The user behind the credential may be another one now.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.self != nil && c.self.org.Org == s.org.Org {
		c.self = s
	}
	return s.org, nil
}

func (c *Client) whoIs(ctx context.Context, k call, r rest.Request) (*self, error) {
	op := k.op
	resp, err := c.send(ctx, k, r)
	if err != nil {
		return nil, err
	}
	defer resp.Release()
	p, werr := jsonwalk.New(jsonwalk.Shape{Array: "organizations", Head: []string{"id"}, Fields: []string{"id", "name"}}).Walk(resp.Body)
	if werr != nil {
		return nil, providers.Errorf(providers.Broken, op, "read the answer: %w", werr)
	}
	user, ok := jsonwalk.Text(p.Head[0])
	if !ok || !p.Found || p.Len() == 0 {
		return nil, providers.Errorf(providers.Broken, op, "the answer names no user with an organization")
	}
	if p.Len() > 1 {
		e := providers.Errorf(providers.Denied, op, "the credential opens %d organizations", p.Len())
		e.Hint = "use a key of one organization"
		return nil, e
	}
	s := &self{user: user}
	if row := p.Row(0); row != nil {
		s.org.Org, _ = jsonwalk.Text(row[0])
		name, _ := jsonwalk.Text(row[1])
		s.org.Name = c.rest.Words().Line(name, 80)
	}
	if !validID(s.org.Org) {
		return nil, providers.Errorf(providers.Broken, op, "the answer names no organization")
	}
	return s, nil
}

func checkObject(op, object string) error {
	switch object {
	case Lead, Contact, Opportunity, Task, User:
		return nil
	}
	return providers.Errorf(providers.Broken, op, "Close has no object %q here, only lead, contact, opportunity, task and user", short(object))
}
