package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// The kinds that calls are counted by.
const (
	kindRead     = "read"
	kindFind     = "find"
	kindGet      = "get"
	kindCreate   = "create"
	kindUpdate   = "update"
	kindDescribe = "describe"
	kindToken    = "token"
)

// call says what a request is for.
type call struct {
	op   string
	kind string
	verb verb
}

// data returns the path of an endpoint of the data API.
func (c *Client) data(path string) string { return "/services/data/v" + c.version + path }

func (c *Client) queryPath(endpoint, soql string) string {
	return c.data("/" + endpoint + "?q=" + escapeQuery(soql))
}

func (c *Client) get(ctx context.Context, k call, path string) (*rest.Response, error) {
	return c.send(ctx, k, rest.Request{Path: path})
}

// send makes a request and returns its answer if that is a success. The error
// is a *providers.Error.
func (c *Client) send(ctx context.Context, k call, r rest.Request) (*rest.Response, error) {
	r.Kind = k.kind
	resp, err := c.rest.Do(ctx, r)
	return c.checked(ctx, k, resp, err)
}

func (c *Client) follow(ctx context.Context, k call, next string) (*rest.Response, error) {
	resp, err := c.rest.Follow(ctx, rest.Request{Kind: k.kind}, next)
	return c.checked(ctx, k, resp, err)
}

func (c *Client) checked(ctx context.Context, k call, resp *rest.Response, err error) (*rest.Response, error) {
	if err != nil {
		resp.Release()
		return nil, outcome.NoAnswer(ctx, k.op, err)
	}
	if resp.Status == http.StatusOK || resp.Status == http.StatusCreated {
		return resp, nil
	}
	defer resp.Release()
	return nil, outcome.Refused(c.rest, resp, callError(k.op, k.verb, resp.Status, parseFault(resp)))
}

// said cleans what the vendor said in an error.
func (c *Client) said(e *providers.Error) *providers.Error { return c.rest.Words().Error(e) }

// classify judges an answer where the status alone would mislead.
func classify(_ *rest.Request, resp *rest.Response) rest.Verdict {
	switch resp.Status {
	case http.StatusUnauthorized:
		if sessionIsWrong(parseFault(resp).Message) {
			return rest.Final
		}
		return rest.Reauth
	case http.StatusTooManyRequests, statusCannotRoute:
		return rest.Unapplied
	case http.StatusNotAcceptable:
		if len(resp.Body) == 0 {
			return rest.Passing
		}
	case http.StatusBadRequest:
		if parseFault(resp).Code == "UNABLE_TO_LOCK_ROW" {
			return rest.Unapplied
		}
	}
	return rest.Standard
}

// faultJSON takes a fault in all its shapes: of a call, of a record, of the
// token endpoint.
type faultJSON struct {
	Message          string   `json:"message"`
	ErrorCode        string   `json:"errorCode"`
	StatusCode       string   `json:"statusCode"`
	Fields           []string `json:"fields"`
	OAuthError       string   `json:"error"`
	OAuthDescription string   `json:"error_description"`
}

func (f *faultJSON) fault() fault {
	out := fault{Code: f.ErrorCode, Message: f.Message, Fields: f.Fields}
	for _, code := range []string{f.StatusCode, f.OAuthError} {
		if out.Code == "" {
			out.Code = code
		}
	}
	if out.Message == "" {
		out.Message = f.OAuthDescription
	}
	if !validName(out.Code) {
		out.Code = ""
	}
	out.Fields = slices.DeleteFunc(out.Fields, func(name string) bool { return !validName(name) })
	return namedFields(out)
}

// parseFault reads the error that an answer holds. Where it holds none, as with
// a maintenance page, the fault has no code and the beginning of the text; of
// JSON nothing is shown, for it may be a record's.
func parseFault(resp *rest.Response) fault {
	body := bytes.TrimSpace(resp.Body)
	var list []faultJSON
	if bytes.HasPrefix(body, []byte{'{'}) {
		list = make([]faultJSON, 1)
		_ = json.Unmarshal(body, &list[0])
	} else {
		_ = json.Unmarshal(body, &list)
	}
	for i := range list {
		if f := list[i].fault(); f.Code != "" {
			return f
		}
	}
	said := "JSON without an error code"
	if len(body) == 0 || body[0] != '{' && body[0] != '[' && body[0] != '"' {
		said = rest.Excerpt(resp)
	}
	return fault{Message: strings.TrimSuffix("status "+strconv.Itoa(resp.Status)+", "+said, ", ")}
}

// learn takes the server's clock and its quota from an answer.
func (c *Client) learn(resp *rest.Response) rest.Signal {
	c.clock.Learn(resp.Header)
	used, limit, ok := apiUsage(resp.Header.Get("Sforce-Limit-Info"))
	if !ok {
		return rest.Signal{}
	}
	return rest.Signal{QuotaUsed: used, QuotaLimit: limit}
}

// apiUsage reads the organization's usage, which a figure of the app alone may
// stand beside: "api-usage=25/5000; per-app-api-usage=17/250(appName=x)".
func apiUsage(header string) (used, limit int, ok bool) {
	const name, app = "api-usage=", "per-app-"
	for tail := header; ; {
		i := strings.Index(tail, name)
		if i < 0 {
			return 0, 0, false
		}
		before := tail[:i]
		tail = tail[i+len(name):]
		if strings.HasSuffix(before, app) {
			continue
		}
		u, l, cut := strings.Cut(tail, "/")
		used, err1 := strconv.Atoi(u)
		limit, err2 := strconv.Atoi(l[:len(l)-len(strings.TrimLeft(l, "0123456789"))])
		return used, limit, cut && err1 == nil && err2 == nil && used >= 0 && limit > 0
	}
}

func ref(object, id string) record.Ref {
	return record.Ref{System: "salesforce", Object: object, ID: id}
}
