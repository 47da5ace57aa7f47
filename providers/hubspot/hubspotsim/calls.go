package hubspotsim

import (
	"fmt"
	"maps"
	"sync"
)

// A CallKind says what a request asked for.
type CallKind string

// The kinds of calls that reach the portal. Those ending in Many are batches.
const (
	CallToken            CallKind = "token"
	CallAccount          CallKind = "account"
	CallProperties       CallKind = "properties"     // list or read
	CallWriteProperty    CallKind = "write_property" // create, change or archive
	CallOwners           CallKind = "owners"         // list or read
	CallList             CallKind = "list"           // one page
	CallRetrieve         CallKind = "retrieve"       // one record
	CallCreate           CallKind = "create"         // one record
	CallUpdate           CallKind = "update"         // one record
	CallArchive          CallKind = "archive"        // one record
	CallMerge            CallKind = "merge"          // one pair
	CallSearch           CallKind = "search"         // one page
	CallRetrieveMany     CallKind = "retrieve_many"  // batch/read
	CallCreateMany       CallKind = "create_many"    // batch/create
	CallUpdateMany       CallKind = "update_many"    // batch/update
	CallUpsertMany       CallKind = "upsert_many"    // batch/upsert
	CallArchiveMany      CallKind = "archive_many"   // batch/archive
	CallAssociate        CallKind = "associate"      // one pair
	CallDisassociate     CallKind = "disassociate"   // one pair
	CallAssociations     CallKind = "associations"   // of one record
	CallAssociateMany    CallKind = "associate_many" // batch create or default
	CallDisassociateMany CallKind = "disassociate_many"
	CallAssociationsMany CallKind = "associations_many" // batch/read
	CallLabels           CallKind = "labels"
	CallUnauthorized     CallKind = "unauthorized" // refused with 401
	CallLimited          CallKind = "limited"      // refused with 429
	CallRefused          CallKind = "refused"      // refused with 403, 423 or 477
)

type callKey struct {
	kind   CallKind
	object string
}

// Calls counts requests by kind and object, which is the plural name and, of
// associations, the from side's.
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

// Writes is the number of calls that write records or associations.
func (c Calls) Writes() int {
	n := 0
	for _, kind := range []CallKind{
		CallCreate, CallUpdate, CallArchive, CallMerge, CallCreateMany, CallUpdateMany, CallUpsertMany,
		CallArchiveMany, CallAssociate, CallDisassociate, CallAssociateMany, CallDisassociateMany,
	} {
		n += c.Of(kind)
	}
	return n
}

// Reads is the number of calls that read records or associations.
func (c Calls) Reads() int {
	n := 0
	for _, kind := range []CallKind{CallList, CallRetrieve, CallSearch, CallRetrieveMany, CallAssociations, CallAssociationsMany} {
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

// Calls are the requests that reached the portal since the start or the last
// ResetCalls. What a fault rule stopped before the portal is not among them.
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
