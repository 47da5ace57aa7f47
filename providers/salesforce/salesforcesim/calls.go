package salesforcesim

import (
	"fmt"
	"maps"
	"sync"
)

// A CallKind says what a request asked for.
type CallKind string

// The kinds of calls that reach the org. Those ending in Many are collections.
const (
	CallToken          CallKind = "token"
	CallRevoke         CallKind = "revoke"
	CallIdentity       CallKind = "identity" // userinfo, introspect and the identity URL
	CallVersions       CallKind = "versions"
	CallResources      CallKind = "resources"
	CallDescribeGlobal CallKind = "describe_global"
	CallDescribe       CallKind = "describe"
	CallLimits         CallKind = "limits"
	CallQuery          CallKind = "query"
	CallQueryMore      CallKind = "query_more"
	CallRetrieve       CallKind = "retrieve"
	CallCreate         CallKind = "create"
	CallUpdate         CallKind = "update"
	CallUpsert         CallKind = "upsert"
	CallDelete         CallKind = "delete"
	CallRetrieveMany   CallKind = "retrieve_many"
	CallCreateMany     CallKind = "create_many"
	CallUpdateMany     CallKind = "update_many"
	CallUpsertMany     CallKind = "upsert_many"
	CallDeleteMany     CallKind = "delete_many"
	CallUpdated        CallKind = "updated"
	CallDeleted        CallKind = "deleted"
	CallComposite      CallKind = "composite"
	CallUnauthorized   CallKind = "unauthorized" // refused with 401
	CallOverQuota      CallKind = "over_quota"   // refused with 403
)

type callKey struct {
	kind   CallKind
	object string
}

// Calls counts requests by kind and object.
type Calls map[callKey]int

// Of is the number of calls of a kind, for one object if it is named.
func (c Calls) Of(kind CallKind, object ...string) int {
	if len(object) > 0 {
		return c[callKey{kind, object[0]}]
	}
	n := 0
	for k, v := range c {
		if k.kind == kind {
			n += v
		}
	}
	return n
}

// Writes is the number of calls that write records.
func (c Calls) Writes() int {
	n := 0
	for _, kind := range []CallKind{CallCreate, CallUpdate, CallUpsert, CallDelete, CallCreateMany, CallUpdateMany, CallUpsertMany, CallDeleteMany} {
		n += c.Of(kind)
	}
	return n
}

// Reads is the number of calls that read records.
func (c Calls) Reads() int {
	n := 0
	for _, kind := range []CallKind{CallQuery, CallQueryMore, CallRetrieve, CallRetrieveMany, CallUpdated, CallDeleted} {
		n += c.Of(kind)
	}
	return n
}

// Total is the number of all calls.
func (c Calls) Total() int {
	n := 0
	for _, v := range c {
		n += v
	}
	return n
}

// String lists the counts, for a test's message.
func (c Calls) String() string {
	flat := map[string]int{}
	for k, v := range c {
		name := string(k.kind)
		if k.object != "" {
			name += "/" + k.object
		}
		flat[name] = v
	}
	return fmt.Sprint(flat)
}

type calls struct {
	mu sync.Mutex
	n  Calls
}

func (c *calls) count(kind CallKind, object string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = Calls{}
	}
	c.n[callKey{kind, object}]++
}

// Calls are the requests that reached the org since the start or the last
// ResetCalls. What a fault rule stopped before the org is not among them.
func (s *Sim) Calls() Calls {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return maps.Clone(s.calls.n)
}

// ResetCalls sets all counts to zero.
func (s *Sim) ResetCalls() {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.n = nil
}
