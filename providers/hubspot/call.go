package hubspot

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// The kinds that calls are counted by.
const (
	kindRead      = "read"
	kindFind      = "find"
	kindGet       = "get"
	kindCreate    = "create"
	kindUpdate    = "update"
	kindDescribe  = "describe"
	kindFix       = "fix"
	kindToken     = "token"
	kindAssociate = "associate"
)

// call says what a request is for.
type call struct {
	op   string
	kind string
	verb verb
}

func (c *Client) get(ctx context.Context, k call, path string) (*rest.Response, error) {
	return c.send(ctx, k, rest.Request{Path: path})
}

// ask sends a question that needs a body. Asking twice is the same as once.
func (c *Client) ask(ctx context.Context, k call, path string, body []byte) (*rest.Response, error) {
	return c.send(ctx, k, rest.Request{Method: http.MethodPost, Path: path, Body: body, Idempotent: true})
}

// send makes a request and returns its answer if that is a success, whatever
// its shade: versions differ in which of 200, 201 and 207 they answer. The error
// is a *providers.Error.
func (c *Client) send(ctx context.Context, k call, r rest.Request) (*rest.Response, error) {
	r.Kind = k.kind
	if r.Group == groupSlow {
		r.Group = c.group()
	}
	resp, err := c.rest.Do(ctx, r)
	if err != nil {
		resp.Release()
		return nil, outcome.NoAnswer(ctx, k.op, err)
	}
	if resp.Status >= 200 && resp.Status < 300 {
		return resp, nil
	}
	defer resp.Release()
	return nil, outcome.Refused(c.rest, resp, callError(k.op, k.verb, resp))
}

// said cleans what the vendor said in an error.
func (c *Client) said(e *providers.Error) *providers.Error { return c.rest.Words().Error(e) }

// group is the rate of all calls that have none of their own.
func (c *Client) group() string {
	if c.fast.Load() {
		return groupFast
	}
	return groupSlow
}

// classify judges an answer where the status alone would mislead. A request
// that was refused for its rate, or for a lock, was certainly not carried out.
func classify(_ *rest.Request, resp *rest.Response) rest.Verdict {
	switch resp.Status {
	case http.StatusTooManyRequests:
		if ofTheDay(parseFault(resp)) {
			return rest.Final
		}
		return rest.Unapplied
	case statusLocked:
		return rest.Unapplied
	case statusMoving, statusBadKey:
		return rest.Final
	}
	return rest.Standard
}

// ofTheDay tells the daily quota from a rate: it does not come back while we
// wait. The category is of no use, for it differs.
func ofTheDay(f fault) bool { return f.Policy == "DAILY" }

// learn takes the server's clock, its limits and its quota from an answer.
func (c *Client) learn(resp *rest.Response) rest.Signal {
	c.clock.Learn(resp.Header)
	var s rest.Signal
	if limit, ok := headerInt(resp.Header, "X-HubSpot-RateLimit-Max"); ok {
		window, _ := headerInt(resp.Header, "X-HubSpot-RateLimit-Interval-Milliseconds")
		c.fast.Store(limit >= fastFrom && (window == 0 || window == 10_000))
		if left, ok := headerInt(resp.Header, "X-HubSpot-RateLimit-Remaining"); ok && left == 0 {
			s.Reset = time.Second // somebody else calls with this key as well
		}
	}
	day, ok := headerInt(resp.Header, "X-HubSpot-RateLimit-Daily")
	left, told := headerInt(resp.Header, "X-HubSpot-RateLimit-Daily-Remaining")
	if ok && told && day > 0 {
		s.QuotaUsed, s.QuotaLimit = max(day-left, 0), day
	}
	s.RetryAfter = restFor(resp)
	return s
}

// restFor is how long to wait after a refusal that says nothing of it: no
// Retry-After is promised.
//
// https://github.com/HubSpot/hubspot-api-nodejs/blob/master/src/services/decorators/RetryDecorator.ts,
// last checked 2026-11-22.
func restFor(resp *rest.Response) time.Duration {
	switch resp.Status {
	case statusLocked:
		return lockedFor
	case http.StatusTooManyRequests:
		switch parseFault(resp).Policy {
		case "TEN_SECONDLY_ROLLING":
			return 10 * time.Second
		case "SECONDLY":
			return time.Second
		}
	}
	return 0
}

func headerInt(h http.Header, name string) (int, bool) {
	n, err := strconv.Atoi(h.Get(name))
	return n, err == nil && n >= 0
}

func ref(object, id string) record.Ref {
	return record.Ref{System: "hubspot", Object: object, ID: id}
}
