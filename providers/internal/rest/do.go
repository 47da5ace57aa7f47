package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"github.com/hashicorp/go-retryablehttp"
)

// Do sends r until there is an answer worth handing over, and returns the last
// answer whatever its status: a status is the caller's to judge. An error means
// that there was no such answer, or, with ErrUnknownOutcome, that the answer
// does not tell what became of the request.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Total)
	defer cancel()
	for try := 0; ; try++ {
		tok, err := c.token(ctx, &r)
		if err != nil {
			return nil, c.tidy(&r, err)
		}
		k := &call{c: c, r: &r, tok: tok}
		k.send(ctx)
		if k.reauth && try == 0 {
			c.tokens.drop(tok)
			k.resp.Release()
			continue
		}
		if k.err != nil {
			return k.resp, c.tidy(&r, k.err)
		}
		return k.resp, nil
	}
}

// Follow reads an address that the server gave, such as a next page. It never
// leaves the host.
func (c *Client) Follow(ctx context.Context, r Request, next string) (*Response, error) {
	r.Method, r.Path, r.Body = http.MethodGet, next, nil
	return c.Do(ctx, r)
}

// Admit makes sure that there is a token, and fetches one where there is none.
func (c *Client) Admit(ctx context.Context) error {
	r := Request{Kind: "token"}
	if _, err := c.token(ctx, &r); err != nil {
		return c.tidy(&r, err)
	}
	return nil
}

// With returns a request that carries a token which is not in use yet.
func (c *Client) With(t Token, r Request) Request {
	h := http.Header{}
	c.cfg.Authorize(h, t)
	r.NoAuth, r.Header = true, h
	return r
}

func (c *Client) token(ctx context.Context, r *Request) (Token, error) {
	if r.NoAuth {
		return Token{}, nil
	}
	return c.tokens.get(ctx)
}

// call is one request with one token: its attempts and the last one's answer.
type call struct {
	c    *Client
	r    *Request
	tok  Token
	resp *Response
	err  error

	reauth  bool
	unknown bool // the last attempt may have taken effect and must not be repeated
}

func (k *call) send(ctx context.Context) {
	req, err := k.request(ctx)
	if err != nil {
		k.err = err
		return
	}
	if k.err = k.admit(ctx); k.err != nil {
		return
	}
	retry := retryablehttp.Client{
		HTTPClient:   k.c.http,
		RetryMax:     k.c.cfg.Attempts - 1,
		CheckRetry:   k.check,
		Backoff:      k.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: func(req *http.Request) error { return k.admit(req.Context()) },
	}
	// The answer was read in check, and its body is closed.
	_, err = retry.Do(req) //nolint:bodyclose // see above
	if err != nil && (k.err == nil || !k.unknown) {
		k.err = err
	}
	if k.unknown {
		k.err = unknownOutcome(k.resp, k.err)
	}
}

func unknownOutcome(resp *Response, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	case resp != nil:
		return fmt.Errorf("%w: status %d", ErrUnknownOutcome, resp.Status)
	}
	return ErrUnknownOutcome
}

func (k *call) request(ctx context.Context) (*retryablehttp.Request, error) {
	base, err := k.base()
	if err != nil {
		return nil, err
	}
	u, err := resolve(base, k.r.Path)
	if err != nil {
		return nil, err
	}
	method := k.r.Method
	if method == "" {
		method = http.MethodGet
	}
	var body any
	if k.r.Body != nil {
		body = k.r.Body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	k.headers(req.Header)
	return req, nil
}

func (k *call) headers(h http.Header) {
	h.Set("Accept", "application/json")
	h.Set("User-Agent", k.c.cfg.UserAgent)
	if k.r.Body != nil {
		h.Set("Content-Type", "application/json")
		if k.r.Type != "" {
			h.Set("Content-Type", k.r.Type)
		}
	}
	for name, vals := range k.r.Header {
		h[http.CanonicalHeaderKey(name)] = vals
	}
	if k.tok.Value != "" {
		k.c.cfg.Authorize(h, k.tok)
	}
	k.c.learnSecrets(k.r, h)
}

// base is where the token says that the system lives, if it may say so.
func (k *call) base() (*url.URL, error) {
	if k.tok.Base == "" {
		return k.c.base, nil
	}
	u, err := parseBase(k.tok.Base)
	if err != nil {
		return nil, fmt.Errorf("the token's address: %w", err)
	}
	if sameOrigin(k.c.base, u) || (k.c.cfg.AllowBase != nil && k.c.cfg.AllowBase(u)) {
		return u, nil
	}
	return nil, fmt.Errorf("%w: the token names %q", ErrForeignHost, Short(u.Host, 80))
}

// admit waits for the rate and asks the budget, before every attempt.
func (k *call) admit(ctx context.Context) error {
	if !k.r.NoAuth {
		if err := k.c.budget.admit(); err != nil {
			return err
		}
	}
	if err := k.c.groups.wait(ctx, k.r.Group); err != nil {
		return fmt.Errorf("wait for the rate limit: %w", err)
	}
	k.c.count(k.r.Kind)
	return nil
}

// check takes an attempt's answer in and says whether to go on. It never
// returns an error: what happened stands in k.
func (k *call) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	k.resp.Release()
	k.resp, k.err, k.reauth, k.unknown = nil, nil, false, false
	if err != nil {
		k.err = err
		return k.failed(ctx), nil //nolint:nilerr // the error stands in k
	}
	if k.resp, k.err = k.c.read(ctx, resp); k.err != nil {
		// A body that breaks off does not say what the server did.
		k.unknown = !k.r.repeatable()
		return !k.unknown && ctx.Err() == nil && !errors.Is(k.err, ErrTooLarge), nil
	}
	k.c.learn(k.r, k.resp)
	return k.judge(), nil
}

func (k *call) judge() bool {
	verdict := Standard
	switch {
	case k.r.Classify != nil:
		verdict = k.r.Classify(k.r, k.resp)
	case k.c.cfg.Classify != nil:
		verdict = k.c.cfg.Classify(k.r, k.resp)
	}
	if verdict == Standard {
		verdict = standard(k.r, k.resp)
	}
	late := k.tooLong()
	switch verdict {
	case Unapplied:
		return !late
	case Passing:
		k.unknown = !k.r.repeatable()
		return !k.unknown && !late
	case Reauth:
		k.reauth = !k.r.NoAuth
	}
	return false
}

// failed judges an attempt that brought no answer.
func (k *call) failed(ctx context.Context) bool {
	switch {
	case errors.Is(k.err, ErrForeignHost), badCertificate(k.err):
		return false
	case neverSent(k.err):
		return ctx.Err() == nil
	case !k.r.repeatable():
		k.unknown = true
		return false
	}
	return ctx.Err() == nil
}

// neverSent reports whether err proves that no byte reached the server: there
// was no connection.
func neverSent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.Is(err, syscall.ECONNREFUSED)
}

func badCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &verify) || errors.As(err, &host) || errors.As(err, &unknown)
}
