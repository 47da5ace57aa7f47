package salesforcesim

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxSubrequests is the most that one composite call may hold.
const maxSubrequests = 25

type compositeRequest struct {
	AllOrNone bool `json:"allOrNone"`
	Collate   bool `json:"collateSubrequests"`
	Requests  []struct {
		Method      string            `json:"method"`
		URL         string            `json:"url"`
		ReferenceID string            `json:"referenceId"`
		Body        json.RawMessage   `json:"body"`
		Headers     map[string]string `json:"httpHeaders"`
	} `json:"compositeRequest"`
}

type compositeResponse struct {
	Body        json.RawMessage
	Headers     map[string]string
	Status      int
	ReferenceID string
}

// composite carries out subrequests one after the other. All-or-none over
// several subrequests is not simulated and is refused.
func (c *call) composite() *Error {
	c.calls.count(CallComposite, "")
	body, free, fail := c.body()
	if fail != nil {
		return fail
	}
	defer free()
	var in compositeRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return bad("JSON_PARSER_ERROR", err.Error())
	}
	switch {
	case in.AllOrNone:
		return errorf(http.StatusNotImplemented, "NOT_IMPLEMENTED", "allOrNone over a composite is not simulated")
	case len(in.Requests) == 0:
		return bad("REQUIRED_FIELD_MISSING", "Required fields are missing: [compositeRequest]", "compositeRequest")
	case len(in.Requests) > maxSubrequests:
		return bad("LIMIT_EXCEEDED", "The composite request holds more than 25 subrequests")
	}
	done := map[string]json.RawMessage{}
	var out []compositeResponse
	for _, sub := range in.Requests {
		target, ok := fillIn(sub.URL, done)
		payload, ok2 := fillIn(string(sub.Body), done)
		if !ok || !ok2 {
			out = append(out, compositeResponse{
				Body:    json.RawMessage(`[{"errorCode":"PROCESSING_HALTED","message":"Invalid reference specified. No value for a reference found."}]`),
				Headers: map[string]string{}, Status: http.StatusBadRequest, ReferenceID: sub.ReferenceID,
			})
			continue
		}
		res := c.subrequest(sub.Method, target, payload, sub.Headers)
		res.ReferenceID = sub.ReferenceID
		if res.Status < 300 {
			done[sub.ReferenceID] = res.Body
		}
		out = append(out, res)
	}
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"compositeResponse":[`...)
		for i := range out {
			if i > 0 {
				b = append(b, ',')
			}
			b = out[i].append(b)
		}
		return append(b, `]}`...)
	})
}

// append appends a response; its body is what the subrequest answered, be it
// JSON or not.
func (x *compositeResponse) append(b []byte) []byte {
	b = append(append(b, `{"body":`...), x.Body...)
	b = append(b, `,"httpHeaders":{`...)
	for i, name := range slices.Sorted(maps.Keys(x.Headers)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(append(quote(b, name), ':'), x.Headers[name])
	}
	b = append(b, `},"httpStatusCode":`...)
	b = strconv.AppendInt(b, int64(x.Status), 10)
	return append(quote(append(b, `,"referenceId":`...), x.ReferenceID), '}')
}

// memory keeps the answer to a subrequest.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(status int)      { m.status = status }
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }

// subrequest runs one request in the session of the outer call, at no cost of quota.
func (c *call) subrequest(method, target, body string, headers map[string]string) compositeResponse {
	w := &memory{header: http.Header{}, status: http.StatusOK}
	u, err := url.ParseRequestURI(target)
	inner := &call{Sim: c.Sim, w: w, version: c.version, prefix: c.prefix, session: c.session}
	path := []string(nil)
	if err == nil {
		path, err = segments(u.EscapedPath())
	}
	if err != nil || !under(path, "services", "data") || len(path) < 4 || path[3] == "composite" && len(path) == 4 {
		inner.fail(bad("INVALID_FIELD", "The url of a subrequest must be a relative path such as "+c.prefix+"/sobjects/Account"))
	} else {
		inner.path = path[3:]
		inner.r = (&http.Request{Method: method, URL: u, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Host: c.r.Host}).WithContext(c.r.Context())
		for k, v := range headers {
			inner.r.Header.Set(k, v)
		}
		inner.serveRoute()
	}
	res := compositeResponse{Body: w.body.Bytes(), Headers: map[string]string{}, Status: w.status}
	if len(res.Body) == 0 {
		res.Body = json.RawMessage("null")
	}
	if loc := w.header.Get("Location"); loc != "" {
		res.Headers["Location"] = loc
	}
	return res
}

// fillIn replaces @{ref.path} by values of earlier answers.
func fillIn(text string, done map[string]json.RawMessage) (string, bool) {
	ok := true
	out := regexp.MustCompile(`@\{([A-Za-z0-9_]+)\.([A-Za-z0-9_.\[\]]+)\}`).ReplaceAllStringFunc(text, func(m string) string {
		ref, path, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(m, "@{"), "}"), ".")
		var v any
		if done[ref] == nil || json.Unmarshal(done[ref], &v) != nil {
			ok = false
			return m
		}
		for _, part := range strings.Split(path, ".") {
			members, _ := v.(map[string]any)
			v = members[part]
		}
		s, isText := v.(string)
		ok = ok && isText
		return s
	})
	return out, ok
}
