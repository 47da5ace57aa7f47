package hubspotsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// maxURI is where the edge refuses a request line, as users measured it.
const maxURI = 16200

// strictFrom is the first dated version that enforces administrators' rules.
const strictFrom = "2026-09"

// call is one request to the CRM API.
type call struct {
	*Sim
	w       http.ResponseWriter
	r       *http.Request
	version string   // v3, v4 or a date
	path    []string // what follows area and version, one decoded segment each
	size    int      // of the body

	status int // of the answer; 0 until there is one
	answer *[]byte
}

func (c *call) legacy() bool { return c.version[0] == 'v' }
func (c *call) strict() bool { return !c.legacy() && c.version >= strictFrom }
func (c *call) query() url.Values {
	return c.r.URL.Query()
}

// serial makes correlation ids that follow from the seed.
type serial struct {
	seed uint64
	n    atomic.Uint64
}

func (s *serial) next() string {
	n := s.n.Add(1)
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(s.seed), uint16(n>>48), uint16(n>>36)&0xfff, uint16(n>>24)&0xfff, n)
}

// serve routes a request.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.opt.Clock().UTC().Format(http.TimeFormat))
	w.Header().Set("X-Hubspot-Correlation-Id", s.serial.next())
	if len(r.URL.RequestURI()) > maxURI {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusRequestURITooLong)
		_, _ = w.Write([]byte("<html><head><title>414 Request-URI Too Large</title></head></html>"))
		return
	}
	path, err := segments(r.URL.EscapedPath())
	if err != nil || len(path) < 3 {
		s.fail(w, notFound())
		return
	}
	if path[0] == "oauth" {
		if version := path[1]; s.serves(version, "v1", "v3") {
			s.serveOAuth(w, r, version, path[2:])
			return
		}
		s.fail(w, notFound())
		return
	}
	c := &call{Sim: s, w: w, r: r}
	handler := c.route(path)
	if handler == nil {
		s.fail(w, notFound())
		return
	}
	if err := c.admit(); err != nil {
		s.fail(w, err)
		return
	}
	if err := handler(); err != nil {
		s.fail(w, err)
		return
	}
	c.flush()
}

// segments splits an escaped path and decodes each part once.
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

// serves tells whether the portal has an API version.
func (s *Sim) serves(version string, legacy ...string) bool {
	if slices.Contains(legacy, version) {
		return !s.opt.NoLegacy
	}
	return slices.Contains(s.opt.Versions, version)
}

// route finds what serves a path: /crm/v3/objects/… and /crm/objects/2026-09/…
// are the same.
func (c *call) route(path []string) func() *Error {
	if path[0] == "account-info" {
		c.version, c.path = path[1], path[2:]
		if !c.serves(c.version, "v3") {
			return nil
		}
		return c.serveAccount
	}
	if path[0] != "crm" {
		return nil
	}
	area, version := path[1], path[2]
	if path[1] == "v3" || path[1] == "v4" {
		area, version = path[2], path[1]
	}
	c.version, c.path = version, path[3:]
	legacy := []string{"v3"}
	if area == "objects" || area == "associations" {
		legacy = append(legacy, "v4")
	}
	if !c.serves(version, legacy...) {
		return nil
	}
	switch area {
	case "objects":
		return c.serveObjects
	case "associations":
		return c.serveAssociations
	case "properties":
		return c.serveProperties
	case "owners":
		return c.serveOwners
	}
	return nil
}

// admit checks what comes before every call: the token, the account's move to
// another data center, the limits and the lock.
func (c *call) admit() *Error {
	oauth, err := c.auth.check(c.r)
	if err != nil {
		c.calls.count(CallUnauthorized, "")
		return err
	}
	if wait := c.moving(); wait > 0 {
		c.calls.count(CallRefused, "")
		c.w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
		return &Error{Status: 477, Message: "The account is being moved to another data center", Category: "MIGRATION_IN_PROGRESS"}
	}
	search := c.r.Method == http.MethodPost && len(c.path) == 2 && c.path[1] == "search"
	exempt := slices.Contains(c.path, "batch") && strings.Contains(c.r.URL.Path, "/associations/")
	u, err := c.limits.admit(search, exempt)
	if !search {
		c.limits.headers(c.w.Header(), u, oauth)
	}
	if err != nil {
		c.calls.count(CallLimited, "")
		return err
	}
	if c.writes() && c.lockedOut() {
		c.calls.count(CallRefused, "")
		return &Error{Status: http.StatusLocked, Category: "LOCKED", Message: "The object is locked by other writes. Try again in 2 seconds."}
	}
	return nil
}

// writes tells whether the call changes records or associations.
func (c *call) writes() bool {
	if c.r.Method == http.MethodGet || !strings.HasPrefix(c.r.URL.Path, "/crm") {
		return false
	}
	return len(c.path) == 0 || !slices.Contains([]string{"read", "search"}, c.path[len(c.path)-1])
}

// moving is how long the account's move takes yet, in seconds.
func (c *call) moving() int64 {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	return (c.store.switches.moving - c.store.now() + 999) / 1000
}

// lockTime is how long a lock lasts, in milliseconds.
const lockTime = 2000

func (c *call) lockedOut() bool {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	sw, now := &c.store.switches, c.store.now()
	if now < sw.lockedUntil {
		return true
	}
	if sw.locked == 0 {
		return false
	}
	sw.locked = max(sw.locked-1, -1)
	sw.lockedUntil = now + lockTime
	return true
}

// scope refuses a call whose token lacks a scope.
func (c *call) scope(name string) *Error {
	c.store.mu.RLock()
	missing := c.store.switches.scopes[name]
	c.store.mu.RUnlock()
	if !missing {
		return nil
	}
	c.calls.count(CallRefused, "")
	const message = "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes."
	return &Error{
		Status: http.StatusForbidden, Category: "MISSING_SCOPES", Message: message,
		Errors: []Detail{{Message: "One or more of the following scopes are required.", Context: map[string][]string{"requiredGranularScopes": {name}}}},
	}
}

// fail sends an error; the caller has counted the call.
func (s *Sim) fail(w http.ResponseWriter, e *Error) {
	told := *e
	if told.State == "" {
		told.State = "error"
	}
	told.CorrelationID = w.Header().Get("X-Hubspot-Correlation-Id")
	if told.PolicyName != "" {
		told.RequestID = told.CorrelationID
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(told); err != nil {
		b.WriteString(`{"status":"error","message":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(told.Status)
	_, _ = w.Write(b.Bytes())
}

// send keeps an answer that build appends to an empty buffer until the store's
// lock is free, so that a client that reads slowly keeps nobody from writing.
func (c *call) send(status int, build func([]byte) []byte) {
	buf, _ := c.buffers.Get().(*[]byte)
	*buf = build((*buf)[:0])
	c.status, c.answer = status, buf
}

func (c *call) flush() {
	if c.answer == nil {
		if c.status != 0 {
			c.w.WriteHeader(c.status)
		}
		return
	}
	c.w.Header().Set("Content-Type", "application/json;charset=utf-8")
	c.w.WriteHeader(c.status)
	_, _ = c.w.Write(*c.answer)
	c.buffers.Put(c.answer)
}

// sendValue keeps v as the answer.
func (c *call) sendValue(status int, v any) {
	c.send(status, func(b []byte) []byte {
		out := bytes.NewBuffer(b)
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return append(b, "{}"...)
		}
		return out.Bytes()
	})
}
