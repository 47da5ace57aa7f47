package faults

import (
	"net/http"
	"strings"
	"time"
)

// Answer names a canned hostile answer.
type Answer string

// The canned hostile answers. Each is sent instead of the simulator's own, with
// status 200 unless the rule names another.
const (
	// Huge is a syntactically plausible JSON string of HugeSize bytes that never ends.
	Huge Answer = "huge"
	// HTML is a maintenance page, as an edge proxy sends it.
	HTML Answer = "html"
	// Deep is JSON that opens a hundred thousand arrays.
	Deep Answer = "deep"
	// Control is a JSON object with raw control characters in a string.
	Control Answer = "control"
	// Empty is an answer without any body.
	Empty Answer = "empty"
)

// HugeSize is the length of the Huge answer in bytes.
const HugeSize = 100 << 20

// A Rule says which requests fail, and how. The zero Rule matches every request
// and changes nothing.
//
// A rule fires on the From-th to the To-th request that it matches, counted
// from 1: both 0 means all, To 0 the From-th only, a To below 0 has no end.
// Rate, if above 0, makes it fire on that share of those requests only.
type Rule struct {
	// Method and Path choose requests: an empty Method matches all, and Path is
	// a substring of the escaped path and query ("/composite/sobjects", "q=SELECT").
	Method string
	Path   string
	// Match, if set, must agree as well. It must not read the body.
	Match func(*http.Request) bool

	From, To int
	Rate     float64

	// After lets the simulator take effect first and then loses its answer.
	// Without it the simulator never sees the request.
	After bool

	// Status, Header and Body are the answer sent instead; {credential} in Body is
	// the key or token that the request carries. Status 0 with neither
	// Answer, Drop nor Truncate leaves the simulator's own answer alone, so that
	// a rule can just Delay.
	Status int
	Header map[string]string
	Body   string

	// Answer is a canned hostile answer; it overrules Body.
	Answer Answer
	// Delay comes before everything else and ends early with the request.
	Delay time.Duration
	// Drop closes the connection without an answer.
	Drop bool
	// Truncate sends only the first half of the answer's body under the length of the
	// whole, then closes the connection. It cuts the simulator's own answer unless
	// Status or Answer is set.
	Truncate bool
}

func (r *Rule) matches(req *http.Request) bool {
	if r.Method != "" && !strings.EqualFold(r.Method, req.Method) {
		return false
	}
	if r.Path != "" && !strings.Contains(req.URL.RequestURI(), r.Path) {
		return false
	}
	return r.Match == nil || r.Match(req)
}

// inRange tells whether the n-th match, counted from 1, is one the rule fires on.
func (r *Rule) inRange(n int) bool {
	from, to := r.From, r.To
	if to == 0 {
		to = from
	}
	return n >= from && (to <= 0 || n <= to)
}

// replaces tells whether the rule sends an answer of its own.
func (r *Rule) replaces() bool { return r.Status != 0 || r.Answer != "" || r.Drop }
