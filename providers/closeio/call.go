package closeio

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// The kinds that calls are counted by.
const (
	kindRead     = "read"
	kindGet      = "get"
	kindUpdate   = "update"
	kindDescribe = "describe"
	kindEvents   = "events"
	kindToken    = "token"
)

const (
	apiPath    = "/api/v1"
	tokenPath  = "/oauth2/token/"
	groupToken = "POST oauth2"
)

// call says what a request is for.
type call struct {
	op   string
	kind string
	verb verb
}

// get reads a path of the API. Every path ends in a slash: without it the answer
// is a redirect.
func (c *Client) get(ctx context.Context, k call, path string) (*rest.Response, error) {
	return c.send(ctx, k, rest.Request{Path: path})
}

// ask sends a question that needs a body. Asking twice is the same as once.
func (c *Client) ask(ctx context.Context, k call, path string, body []byte) (*rest.Response, error) {
	return c.send(ctx, k, rest.Request{Method: http.MethodPost, Path: path, Body: body, Idempotent: true})
}

// send makes a request and returns its answer if that is a success. The error is
// a *providers.Error.
func (c *Client) send(ctx context.Context, k call, r rest.Request) (*rest.Response, error) {
	r.Kind, r.Group, r.Path = k.kind, groupOf(r.Method, r.Path), apiPath+r.Path
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

// groupOf names the endpoints that share a rate: a method and a family of paths.
//
// https://developer.close.com/api/overview/rate-limits, last checked 2026-11-22.
func groupOf(method, path string) string {
	if method == "" {
		method = http.MethodGet
	}
	family, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return method + " " + family
}

// limits gives every group of endpoints a rate of its own, which the answers
// then set.
func limits(perSecond float64) map[string]rest.Limit {
	out := map[string]rest.Limit{}
	for _, name := range []string{
		"GET me", "GET lead", "GET contact", "GET opportunity", "GET task", "GET user", "GET event", "GET organization",
		"GET custom_field_schema", "GET status", "POST data", "PUT lead", "PUT contact", "PUT opportunity", "PUT task", groupToken,
	} {
		out[name] = rest.Limit{PerSecond: perSecond, Burst: 5}
	}
	return out
}

// classify judges an answer where the status alone would mislead. A request that
// was refused for its rate was certainly not carried out.
func classify(_ *rest.Request, resp *rest.Response) rest.Verdict {
	if resp.Status == http.StatusTooManyRequests {
		return rest.Unapplied
	}
	return rest.Standard
}

// learn takes the server's clock and its limits from an answer. A refusal for
// the rate says when the window ends in the same header; its body and the
// Retry-After header are what is left where that is missing.
//
// https://github.com/closeio/closeio-api, last checked 2026-11-22.
func (c *Client) learn(resp *rest.Response) rest.Signal {
	c.clock.Learn(resp.Header)
	var s rest.Signal
	left, reset, ok := parseRateLimit(resp.Header.Get("RateLimit"))
	if ok {
		s.Remaining, s.Reset = left, reset
	}
	if resp.Status != http.StatusTooManyRequests {
		return s
	}
	s.Remaining = 0
	if s.RetryAfter = s.Reset; ok {
		return s
	}
	if _, told := rest.RetryAfter(resp.Header, time.Now()); !told {
		s.RetryAfter = resetOfBody(resp.Body)
	}
	return s
}

// parseRateLimit reads the header that every answer carries, such as
// "limit=100, remaining=50, reset=5". A reset may have a fraction; it is rounded
// up, to one second at least.
func parseRateLimit(header string) (remaining int, reset time.Duration, ok bool) {
	var seen int
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(n) || n < 0 {
			continue
		}
		switch n = min(n, 86_400); name {
		case "remaining":
			remaining, seen = int(n), seen|1
		case "reset":
			reset, seen = wholeSeconds(n), seen|2
		}
	}
	return remaining, reset, seen == 3
}

func wholeSeconds(n float64) time.Duration {
	return max(time.Duration(math.Ceil(n))*time.Second, time.Second)
}

// resetOfBody reads the older form of a refusal.
func resetOfBody(body []byte) time.Duration {
	type reset struct {
		RateReset float64 `json:"rate_reset"`
	}
	var b struct {
		reset
		Error reset `json:"error"`
	}
	// The body is there or not; two seconds do where nothing is told.
	_ = json.Unmarshal(body, &b)
	if n := max(b.RateReset, b.Error.RateReset); n > 0 && n <= 86_400 {
		return wholeSeconds(n)
	}
	return 2 * time.Second
}

// serverAt returns what Close's clock showed at a local moment. Before any
// answer told it, the local clock has to do.
func (c *Client) serverAt(local time.Time) time.Time {
	at, _ := c.clock.At(local)
	return at
}
