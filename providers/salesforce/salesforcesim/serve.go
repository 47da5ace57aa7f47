package salesforcesim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The vendor's limits on a request.
const (
	maxURI  = 16384
	maxBody = 50 << 20
)

// call is one request to the data API.
type call struct {
	*Sim
	w       http.ResponseWriter
	r       *http.Request
	version int
	prefix  string   // /services/data/v62.0
	path    []string // what follows the prefix, one decoded segment each
	session string
	locked  bool
}

// rlock takes the read lock until the answer is built, so that a client that
// reads slowly does not keep others from writing.
func (c *call) rlock() {
	c.store.mu.RLock()
	c.locked = true
}

func (c *call) runlock() {
	if c.locked {
		c.locked = false
		c.store.mu.RUnlock()
	}
}

// serve routes a request. Empty path segments do not count: clients send
// //services/data and a slash before the question mark.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.opt.Clock().UTC().Format(http.TimeFormat))
	if len(r.URL.RequestURI()) > maxURI {
		reply(w, http.StatusRequestURITooLong, errorf(http.StatusRequestURITooLong, "URI_TOO_LONG", "URI Too Long"), 0)
		return
	}
	path, err := segments(r.URL.EscapedPath())
	if err != nil {
		reply(w, http.StatusBadRequest, bad("INVALID_FIELD", "the path is not well encoded"), 0)
		return
	}
	switch {
	case under(path, "services", "oauth2"):
		s.serveAuth(w, r, path[2:])
	case under(path, "services", "Soap", "u"):
		s.serveLogin(w, r)
	case under(path, "services", "data"):
		s.serveData(w, r, path[2:])
	case under(path, "id") && len(path) == 3:
		s.serveIdentity(w, r)
	default:
		reply(w, http.StatusNotFound, notFound(), 0)
	}
}

func under(path []string, prefix ...string) bool {
	if len(path) < len(prefix) {
		return false
	}
	for i, p := range prefix {
		if path[i] != p {
			return false
		}
	}
	return true
}

// segments splits an escaped path and decodes each part once, so that an
// escaped slash stays inside its part.
func segments(escaped string) ([]string, error) {
	var list []string
	for part := range strings.SplitSeq(escaped, "/") {
		if part == "" {
			continue
		}
		p, err := url.PathUnescape(part)
		if err != nil {
			return nil, fmt.Errorf("decode %q: %w", part, err)
		}
		list = append(list, p)
	}
	return list, nil
}

func (s *Sim) serveData(w http.ResponseWriter, r *http.Request, path []string) {
	if len(path) == 0 {
		s.calls.count(CallVersions, "")
		s.serveVersions(w)
		return
	}
	version, status := s.parseVersion(path[0])
	if status != 0 {
		code := "NOT_FOUND"
		if status == http.StatusGone {
			code = "UNSUPPORTED_API_VERSION"
		}
		reply(w, status, errorf(status, code, "The requested resource does not exist"), 0)
		return
	}
	c := &call{Sim: s, w: w, r: r, version: version, prefix: "/services/data/v" + strconv.Itoa(version) + ".0", path: path[1:]}
	if err := c.admit(); err != nil {
		c.fail(err)
		return
	}
	c.serveRoute()
}

func (c *call) serveRoute() {
	err := c.route()
	c.runlock()
	if err != nil {
		c.fail(err)
	}
}

// parseVersion reads v62.0. A status other than 0 is the answer; retired
// versions are documented to get 410, the code in its body is a likely one.
func (s *Sim) parseVersion(text string) (version, status int) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(text, "v"), ".0")
	n, err := strconv.Atoi(digits)
	switch {
	case !ok || err != nil || text[0] != 'v':
		return 0, http.StatusNotFound
	case n >= 7 && n < s.opt.MinVersion:
		return 0, http.StatusGone
	case n < s.opt.MinVersion || n > s.opt.MaxVersion:
		return 0, http.StatusNotFound
	}
	return n, 0
}

// admit checks session and quota.
func (c *call) admit() *Error {
	session, err := c.auth.check(c.r)
	if err != nil {
		c.calls.count(CallUnauthorized, "")
		return err
	}
	c.session = session
	if !c.quota.take() {
		c.calls.count(CallOverQuota, "")
		return errorf(http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
	}
	return nil
}

// route finds the resource. The longest of them has five parts.
func (c *call) route() *Error {
	if len(c.path) == 0 {
		return c.only(http.MethodGet, c.resources)
	}
	switch c.path[0] {
	case "sobjects":
		return c.routeSObjects(c.path[1:])
	case "query", "queryAll":
		return c.only(http.MethodGet, c.query)
	case "composite":
		return c.routeComposite(c.path[1:])
	case "limits":
		return c.only(http.MethodGet, c.limits)
	}
	return notFound()
}

func (c *call) routeSObjects(rest []string) *Error {
	if len(rest) == 0 {
		return c.only(http.MethodGet, c.describeGlobal)
	}
	t := c.store.table(rest[0])
	if t == nil {
		return notFound()
	}
	switch {
	case len(rest) == 1:
		return c.routeObject(t)
	case len(rest) == 2 && rest[1] == "describe":
		return c.only(http.MethodGet, func() *Error { return c.describe(t) })
	case len(rest) == 2 && rest[1] == "updated":
		return c.only(http.MethodGet, func() *Error { return c.updated(t) })
	case len(rest) == 2 && rest[1] == "deleted":
		return c.only(http.MethodGet, func() *Error { return c.deleted(t) })
	case len(rest) == 2:
		return c.byID(t, rest[1])
	case len(rest) == 3:
		return c.byKey(t, rest[1], rest[2])
	}
	return notFound()
}

func (c *call) routeObject(t *table) *Error {
	switch c.r.Method {
	case http.MethodPost:
		return c.create(t)
	case http.MethodGet:
		return c.describeBasic(t)
	}
	return c.wrongMethod("GET,HEAD,POST")
}

func (c *call) routeComposite(rest []string) *Error {
	switch {
	case len(rest) == 0:
		return c.only(http.MethodPost, c.composite)
	case rest[0] == "sobjects" && c.version >= 42:
		return c.routeCollections(rest[1:])
	}
	return notFound()
}

func (c *call) only(method string, do func() *Error) *Error {
	if c.r.Method != method && (method != http.MethodGet || c.r.Method != http.MethodHead) {
		return c.wrongMethod(method)
	}
	return do()
}

func (c *call) wrongMethod(allowed string) *Error {
	return errorf(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method '"+c.r.Method+"' not allowed. Allowed are "+allowed)
}

// body reads the request's body, which must be JSON, into a buffer that free
// gives back.
func (c *call) body() (body []byte, free func(), fail *Error) {
	if ct := c.r.Header.Get("Content-Type"); ct != "" && !strings.Contains(strings.ToLower(ct), "json") {
		return nil, nil, errorf(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE",
			"Content type not supported. Content-Type header value should be application/json.")
	}
	held, _ := c.buffers.Get().(*[]byte)
	buf := bytes.NewBuffer((*held)[:0])
	_, err := buf.ReadFrom(io.LimitReader(c.r.Body, maxBody+1))
	*held = buf.Bytes()
	free = func() { c.buffers.Put(held) }
	switch {
	case err != nil:
		free()
		return nil, nil, bad("JSON_PARSER_ERROR", "the body ended early")
	case len(*held) > maxBody:
		free()
		return nil, nil, errorf(http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE", "the body is too large")
	}
	return *held, free, nil
}

// answer sends a JSON answer that build appends to a buffer.
func (c *call) answer(status int, build func([]byte) []byte) *Error {
	held, _ := c.buffers.Get().(*[]byte)
	*held = build((*held)[:0])
	c.runlock()
	c.limitHeader()
	c.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(*held)
	c.buffers.Put(held)
	return nil
}

// noContent answers 204. Recorded answers of that kind carry no quota header.
func (c *call) noContent() *Error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *call) fail(err *Error) {
	c.limitHeader()
	if err.Status == http.StatusNotModified {
		c.w.WriteHeader(err.Status)
		return
	}
	reply(c.w, err.Status, err, c.version)
}

func (c *call) limitHeader() { c.w.Header().Set("Sforce-Limit-Info", c.quota.header()) }

// reply sends an error in the array shape of the data API.
func reply(w http.ResponseWriter, status int, err error, version int) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	var e *Error
	if !errors.As(err, &e) {
		e = errorf(status, "UNKNOWN_EXCEPTION", err.Error())
	}
	b := e.appendSingle([]byte{'['}, version)
	_, _ = w.Write(append(b, ']'))
}
