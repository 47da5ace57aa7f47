package providers

import (
	"errors"
	"fmt"
	"time"

	"crmsyncd/fieldmap/record"
)

// Kind says how far a failure reaches.
type Kind uint8

// The kinds. An error without one counts as Broken, the widest, so that
// forgetting to classify is safe.
const (
	Broken    Kind = iota // the route: our fault, an unreadable answer, a changed schema. Never guess
	Transient             // this call: a time-out, 5xx, too many requests; already retried
	Rejected              // this record: the system refuses these values
	Missing               // this record: it is gone, deleted or merged
	Exists                // this create: a record with that unique key is there already
	Unknown               // this create: it may or may not have happened
	Denied                // the system: the credential or its rights
	Budget                // the system: the quota is spent; stop cleanly, go on at the next slot
)

// String returns the kind's name for logs.
func (k Kind) String() string {
	return [...]string{"broken", "transient", "rejected", "missing", "exists", "unknown", "denied", "budget"}[k]
}

// Gone says how it is known that a record is gone.
type Gone uint8

// The grades of proof. A claim of the system that it repeats for records which
// the user may not see is no proof, however it is worded.
const (
	NotVisible Gone = iota // nothing but its absence: it may be there, out of our sight
	Answered               // the system answered for this very id that there is no such record
	Told                   // the system told that it was deleted: bin, event, archive, or a merge
)

// String returns the grade's name for logs.
func (g Gone) String() string { return [...]string{"not visible", "answered", "told"}[g] }

// Error is a failure of a provider. Its text is for operators and holds no
// customer's data.
type Error struct {
	Op         string // what was being done: "create Account"
	Ref        record.Ref
	Kind       Kind
	Code       string   // the vendor's own code, e.g. STRING_TOO_LONG
	Message    string   // the vendor's own words, shortened, one line
	Fields     []string // the fields that the vendor names
	RetryAfter time.Duration
	Gone       Gone   // for Missing: how that is known
	Successor  string // for Missing: the id that the record was merged into
	Hint       string // what the operator can do
	// Elsewhere is, for Denied, the organization that the credential opens where
	// another one was pinned; see Pinner.
	Elsewhere *Identity
	Err       error
}

// Error returns one line.
func (e *Error) Error() string {
	s := e.Op
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err, Broken when it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Broken
}

// Errorf returns an error of this kind.
func Errorf(k Kind, op, format string, args ...any) *Error {
	return &Error{Op: op, Kind: k, Err: fmt.Errorf(format, args...)}
}
