package rest

import (
	"bytes"
	"net/http"
	"sync"
)

// Request is one call. It may be sent several times.
type Request struct {
	Kind   string // what it counts as: read, get, find, create, update, describe, token
	Method string // "": GET
	Path   string // below the base, with its query; or an address that the server gave
	Header http.Header
	Body   []byte
	Type   string // of the body; "": application/json
	Group  string // of endpoints that share a rate
	// Idempotent says that sending it twice is the same as once. GET always is.
	Idempotent bool
	// NoAuth leaves the token out and the budget alone, as for fetching a token.
	NoAuth bool
	// Classify overrules the client's for this call.
	Classify func(r *Request, resp *Response) Verdict
}

func (r *Request) repeatable() bool {
	return r.Idempotent || r.Method == "" || r.Method == http.MethodGet || r.Method == http.MethodHead
}

// Verdict is what an answer means for the request that it answers.
type Verdict uint8

const (
	// Standard leaves it to the status: 408, 425, 429 and 5xx are passing, and
	// 401 is for the token.
	Standard Verdict = iota
	// Final hands the answer to the caller.
	Final
	// Passing means that a later try may go better. A create is not repeated:
	// its outcome is unknown.
	Passing
	// Unapplied means that a later try may go better and that certainly nothing
	// was done: even a create is repeated.
	Unapplied
	// Reauth means that the token is no longer good: it is renewed and the
	// request repeated, once.
	Reauth
)

// Response is an answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Signal Signal // what it told about limits; RetryAfter is a day at most

	buf   *bytes.Buffer
	pool  *sync.Pool
	share *share // of the room for large answers; nil for a small one
}

// Release gives the body's memory back; the body and all slices of it are then
// no longer valid. Calling it is optional, but others wait for the room that a
// large answer takes until it is released or collected.
func (r *Response) Release() {
	if r == nil {
		return
	}
	if r.share != nil {
		r.share.release()
		r.share, r.Body = nil, nil
	}
	if r.buf != nil {
		r.pool.Put(r.buf)
		r.buf, r.Body = nil, nil
	}
}

func standard(r *Request, resp *Response) Verdict {
	switch s := resp.Status; {
	case s == http.StatusUnauthorized && !r.NoAuth:
		return Reauth
	case s == http.StatusTooManyRequests:
		if r.repeatable() {
			return Passing
		}
		return Final
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		return Passing
	case s >= 500 && s != http.StatusNotImplemented && s != http.StatusHTTPVersionNotSupported:
		return Passing
	}
	return Final
}
