package rest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"crmsyncd/providers/internal/scrub"
)

// The failures that callers tell apart. Errors of the context come through as
// they are.
var (
	// ErrUnknownOutcome says that a request which must not be repeated may or
	// may not have taken effect.
	ErrUnknownOutcome = errors.New("the outcome is unknown")
	// ErrBudget says that the daily quota is used up to the reserve.
	ErrBudget = errors.New("the daily quota is used up to its reserve")
	// ErrTooLarge says that an answer was longer than the limit.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrForeignHost says that an address led away from the system's own host.
	ErrForeignHost = errors.New("the address leads to another host")
	// ErrWait says that the server asked for a longer wait than a request lasts,
	// and that it is not over. The error is a *WaitError.
	ErrWait = errors.New("the server asked to be left alone")
	// ErrToken says that no token could be had.
	ErrToken = errors.New("no access token")
)

// WaitError is a request that was not sent, for the server asked for a wait
// that is not over.
type WaitError struct {
	Left time.Duration
}

// Error says how long it is.
func (e *WaitError) Error() string {
	return fmt.Sprintf("%v for %v more", ErrWait, e.Left.Round(time.Second))
}

// Is makes it an ErrWait.
func (e *WaitError) Is(target error) bool { return target == ErrWait }

// Config sets a Client up. Zero values mean the defaults named here.
type Config struct {
	Base      string            // scheme and host, such as https://lab.example.net; a path is kept as a prefix
	Transport http.RoundTripper // nil: pooled connections, TLS 1.2 or newer
	UserAgent string            // "crmsyncd"

	Token     TokenFunc                                // nil: requests carry no credential
	Authorize func(h http.Header, t Token)             // nil: Authorization: Bearer
	AllowBase func(u *url.URL) bool                    // may a token move the base there? nil: never
	Classify  func(r *Request, resp *Response) Verdict // nil: the standard verdict
	Learn     func(resp *Response) Signal              // what an answer tells of limits; nil: nothing

	Limits  map[string]Limit // per group of endpoints; "" is for all others
	Reserve float64          // share of the daily quota that is left to others, 0 to 1
	Recheck time.Duration    // how often a spent budget is looked at again; 30 minutes

	MaxBody  int64         // of one answer, after decompression; 32 MiB
	MaxHeld  int64         // of all answers longer than 1 MiB that are held at once; others wait; 64 MiB
	MaxWait  time.Duration // the longest wait within a request; a server that asks for more ends it; 2 minutes
	Attempts int           // of one request; 8
	Attempt  time.Duration // the longest that one attempt may take; 2 minutes
	Total    time.Duration // the longest that a request may take with its repeats; 15 minutes
	MinWait  time.Duration // the first backoff, doubled each time; 500 ms

	Rand func() float64 // jitter, in [0,1); nil: math/rand
}

// Limit is the rate of one group of endpoints. A PerSecond of 0 is no limit.
type Limit struct {
	PerSecond float64
	Burst     int
}

// Signal is what one answer tells about the server's limits. Zero fields were
// not told.
type Signal struct {
	Remaining  int           // requests left in the window that ends after Reset
	Reset      time.Duration // 0: the window was not told
	QuotaUsed  int           // of the day
	QuotaLimit int           // 0: the quota was not told
	RetryAfter time.Duration // beside the Retry-After header, which is always read
}

// Usage is what was called since the start and what is known of the quota.
type Usage struct {
	Calls      map[string]int
	QuotaUsed  int
	QuotaLimit int
}

// Client speaks to one system with one credential. It is safe for concurrent
// use.
type Client struct {
	cfg    Config
	base   *url.URL
	http   *http.Client
	tokens *tokens
	groups groups
	budget budget
	words  scrub.Words
	bodies sync.Pool
	room   *room

	mu    sync.Mutex
	calls map[string]int
}

// New returns a client. The base must be an absolute http or https URL without
// user, query or fragment.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.Base)
	if err != nil {
		return nil, err
	}
	cfg.defaults()
	c := &Client{
		cfg:    cfg,
		base:   base,
		tokens: newTokens(cfg.Token),
		calls:  map[string]int{},
		groups: newGroups(cfg.Limits, cfg.MaxWait),
		budget: budget{reserve: cfg.Reserve, recheck: cfg.Recheck},
		room:   newRoom(cfg.MaxHeld),
		bodies: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	c.http = &http.Client{Transport: cfg.Transport, Timeout: cfg.Attempt, CheckRedirect: checkRedirect}
	return c, nil
}

func (cfg *Config) defaults() {
	setDefault(&cfg.UserAgent, "crmsyncd")
	setDefault(&cfg.Recheck, 30*time.Minute)
	setDefault(&cfg.MaxBody, 32<<20)
	setDefault(&cfg.MaxHeld, 64<<20)
	setDefault(&cfg.MaxWait, 2*time.Minute)
	setDefault(&cfg.Attempts, 8)
	setDefault(&cfg.Attempt, 2*time.Minute)
	setDefault(&cfg.Total, 15*time.Minute)
	setDefault(&cfg.MinWait, 500*time.Millisecond)
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Authorize == nil {
		cfg.Authorize = func(h http.Header, t Token) { h.Set("Authorization", "Bearer "+t.Value) }
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.MaxIdleConnsPerHost = 16
	t.ResponseHeaderTimeout = 90 * time.Second
	t.MaxResponseHeaderBytes = 1 << 20
	return t
}

func parseBase(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("the base URL cannot be read")
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the base URL must be http(s)://host[:port][/prefix], without user, query or fragment")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// Host returns the host of the configured base, without its port, in lower case.
func (c *Client) Host() string { return strings.ToLower(c.base.Hostname()) }

// Words is the one place through which everything passes that the system says:
// it knows all that this client ever sent as a credential.
func (c *Client) Words() *scrub.Words { return &c.words }

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Usage returns the calls counted by kind, repeats included.
func (c *Client) Usage() Usage {
	c.mu.Lock()
	calls := maps.Clone(c.calls)
	c.mu.Unlock()
	used, limit := c.budget.known()
	return Usage{Calls: calls, QuotaUsed: used, QuotaLimit: limit}
}

func (c *Client) count(kind string) {
	if kind == "" {
		kind = "other"
	}
	c.mu.Lock()
	c.calls[kind]++
	c.mu.Unlock()
}

// resolve makes the absolute address of a path or of an address that the server
// gave, and refuses any that leaves the base.
func resolve(base *url.URL, path string) (*url.URL, error) {
	ref, err := url.Parse(path)
	if err != nil {
		return nil, errors.New("the address cannot be read")
	}
	if ref.Scheme == "" && ref.Host == "" && ref.User == nil && ref.Opaque == "" {
		u := *base
		u.Path, u.RawPath, u.RawQuery = base.Path+ref.Path, "", ref.RawQuery
		if ref.RawPath != "" {
			u.RawPath = base.EscapedPath() + ref.RawPath
		}
		return &u, nil
	}
	if u := base.ResolveReference(ref); sameOrigin(base, u) && u.User == nil {
		return u, nil
	}
	return nil, fmt.Errorf("%w: %q instead of %q", ErrForeignHost, Short(ref.Host, 80), base.Host)
}

func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}

// checkRedirect follows a GET within its own host and nothing else: a body or a
// token sent elsewhere cannot be called back.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if first := via[0]; first.Method != http.MethodGet && first.Method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if !sameOrigin(via[0].URL, req.URL) || req.URL.User != nil {
		return fmt.Errorf("%w: redirect to %q", ErrForeignHost, Short(req.URL.Host, 80))
	}
	if len(via) > 3 {
		return errors.New("more than three redirects")
	}
	return nil
}
