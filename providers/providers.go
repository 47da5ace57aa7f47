// Package providers says what the engine may ask of a system: small
// capabilities, each an interface of its own, and the kinds of error that say
// how far a failure reaches. Providers speak records, never rules: they know
// nothing of routes, of the hub or of who wins.
package providers

import (
	"context"
	"iter"
	"time"

	"crmsyncd/fieldmap/record"
)

// Identity is the organization that a credential opens.
type Identity struct {
	Org     string // the system's own id of it; links belong to this and no other
	Name    string // for people
	Sandbox bool
	// Host says that Org is no more than the host of the address: the system has
	// no id of its own. Another system behind the same host is not noticed, and a
	// host that was renamed looks like another system.
	Host bool
}

// Provider is what every system offers.
type Provider interface {
	// Identify asks which organization the credential opens, and so proves the
	// credential. It costs one call at most, beside that for a token.
	Identify(ctx context.Context) (Identity, error)
	// Convert turns a field as it was sent into its canonical value: what the
	// system would store, trimmed, and null where it holds blanks. raw == nil
	// is missing, unless in this system an absent key means a blank. A value
	// that does not fit the type is an error of kind Rejected that names the
	// field and never the value.
	Convert(object string, f record.Field, raw []byte) (record.Value, error)
	// Usage says what was called since the start, and what is left of the quota.
	Usage() Usage
}

// Organizer is a Provider that can tell without a call which organization it
// opens: the answer of a token carries it, or the address is all that there is.
type Organizer interface {
	// Organization returns what Identify does, fetching a token where that is
	// needed and there is none yet. Org is empty where this credential does not
	// tell, Name where only Identify does. It is the organization of the token that
	// the next call will carry.
	Organization(ctx context.Context) (Identity, error)
}

// Pinner is a Provider that leaves the organization it was proved for to nobody
// else, while the process lives.
type Pinner interface {
	// Pin names the organization that Identify or Organization proved. From then
	// on a credential that is read anew and is another one is proved before it is
	// used, by one call where its token does not tell. Where it opens another
	// organization, every call fails with kind Denied, Elsewhere and a Hint, and
	// nothing is read or written there. An empty name ends that.
	Pin(org string)
}

// Usage is what a system was asked for, and what is left.
type Usage struct {
	Calls      map[string]int // by kind: read, find, get, create, update, describe, token
	QuotaUsed  int            // of the day, as the system reported it; 0 when it does not
	QuotaLimit int
}

// Query asks for a listing.
type Query struct {
	Object string
	Fields []record.Field
	// Since is where an earlier read ended; empty asks for everything.
	Since record.Cursor
	// Full asks for everything, whatever Since says, and for a proof that it
	// was everything.
	Full bool
}

// Reader lists the records that changed since a cursor, oldest first, at least
// once each. A provider without a change filter lists everything each time and
// says so by Incremental.
type Reader interface {
	// Read yields page after page. The first error ends it. A page's records
	// are valid until the next page is asked for.
	Read(ctx context.Context, q Query) iter.Seq2[record.Page, error]
	// Incremental reports whether Read of this object can leave out what did
	// not change. If not, every run is a complete listing.
	Incremental(object string) bool
}

// Getter reads records by id. Version and By of a record are set as in a
// listing. An id without a record comes back in errs, with Ref.ID in the form
// that the system gives: of kind Missing with its Gone, and with Successor where
// the record was merged into another; of kind Rejected where it can be no id of
// the system, or where the system refuses to say. An id that is in neither is
// one of a kind that is never taken, or not visible.
type Getter interface {
	Get(ctx context.Context, object string, fields []record.Field, ids []string) (found []record.Record, errs []*Error, err error)
}

// Finder looks records up by one field. Every hit is compared again by the
// caller, for systems fold case. The fields asked for come with each hit, and
// its Version and By as in a listing.
type Finder interface {
	Find(ctx context.Context, object string, fields []record.Field, key record.Field, values []record.Value) ([]record.Record, error)
}

// KeyChooser is a Finder that cannot look every field up, or not surely: a
// search index that lags is no proof of absence. A Finder without it takes any
// key. Keys that it refuses are listed once into an index of our own.
type KeyChooser interface {
	FindsBy(ctx context.Context, object string, key record.Field) (bool, error)
}

// Completer fills in fields of a record that only a call per record can tell,
// such as the customers of a contact. The engine asks it for new and changed
// records only, and for all in a full run.
type Completer interface {
	// Costly reports whether this field needs a call per record.
	Costly(object string, f record.Field) bool
	// Complete sets the costly fields' Raw of each record.
	Complete(ctx context.Context, object string, fields []record.Field, recs []record.Record) error
}

// Writer creates and updates records, in batches of at most BatchSize. It has
// no delete and no upsert: neither can happen, by type.
type Writer interface {
	BatchSize(object string) int
	// Create inserts one record per patch, each carrying its unique external
	// id, and never repeats a call whose outcome is unknown. The results stand
	// in the order of the patches. An error is about the whole call; of kind
	// Unknown when the records may or may not have been made.
	Create(ctx context.Context, object string, patches []record.Patch) ([]Result, error)
	// Update writes the fields of each patch and no others, by record id.
	Update(ctx context.Context, object string, patches []record.Patch) ([]Result, error)
}

// Result is what became of one patch.
type Result struct {
	ID string // the record's id in the system
	// Err is nil when it was written. Missing is what the system claims and may
	// be about a record that the patch refers to: a read by id tells. The Fields of
	// a refusal have the names of the patch where they are of it.
	Err *Error

	// Version is when the answer of the write says that the record changed: at
	// this write, or later. Zero where it does not tell.
	Version time.Time
	// Shown holds what the answer of the write showed, in the order of the
	// patch's fields and as Convert gives it. A field that the answer left out,
	// or in a form that cannot be read, is Missing there; so is one that the
	// answer of this write cannot know, such as an association. It is nil where
	// the answer showed none. Where it differs from what was sent, the system
	// keeps another value. A system may repeat what was sent and store something
	// else later, so that an equal value is what the answer says and no more.
	Shown []record.Value
}

// Open reports whether nothing became of the patch yet.
func (r *Result) Open() bool { return r.ID == "" && r.Err == nil }

// Describer tells what a system's object looks like now.
type Describer interface {
	Describe(ctx context.Context, object string) (Schema, error)
}

// Schema is an object of a system as it is now. Fields are keyed by the
// system's own spelling; Lookup tells how to ask without regard to case.
type Schema struct {
	Object string
	Fields map[string]SchemaField
	// Partial is true where the system cannot tell its whole schema (QBench):
	// an absent field is then no proof.
	Partial bool
}

// SchemaField is one field of a system's object.
type SchemaField struct {
	Name        string
	ID          string        // the system's own id of it, where a field can be renamed
	Type        string        // the system's own word
	Types       []record.Type // hub types whose values fit
	Length      int           // in characters; 0 when unlimited or unknown
	Createable  bool
	Updateable  bool
	RequiredNew bool // needed at creation
	Unique      bool
	ExternalID  bool
	CaseExact   bool // a unique field that tells ABC from abc
	Restricted  bool // only the Picklist values are taken
	Picklist    []string
	Readonly    string // why it can never be written: calculated, compound; empty if it can
	FindBy      bool   // Finder may use it as a key
}

// Grouper names fields that must travel together, such as state with country.
// Each group is sent whole whenever one of it is sent.
type Grouper interface {
	Groups(object string) [][]string
}

// Fixer makes in a system what a route needs there and what is missing: the
// property that carries our external id. It makes nothing else, changes
// nothing that exists, and is asked only when a person said so.
type Fixer interface {
	// Fix makes a unique text property for field, described by why. It returns
	// nil when one is there already, and an error of kind Rejected when what is
	// there cannot serve, or when it is no such property that is asked for.
	Fix(ctx context.Context, object string, field record.Field, why string) error
}

// ChildReader reads the records that belong to given parents. A parent that
// enters the scope brings children that did not change themselves.
type ChildReader interface {
	// ReadChildren yields the records of q.Object whose field parent names one of
	// ids. Since and Full of the query say nothing here.
	ReadChildren(ctx context.Context, q Query, parent string, ids []string) iter.Seq2[record.Page, error]
}

// Eventer tells what listings never show: that records were deleted or merged,
// and when which field changed.
type Eventer interface {
	// Events yields what happened since a cursor, at least once each. An empty
	// cursor asks for nothing but where to begin.
	Events(ctx context.Context, since record.Cursor) iter.Seq2[EventPage, error]
}

// Historian tells which values a field had, since when, and who gave them.
type Historian interface {
	// History returns the values of one field, newest first, by record id. A
	// record that is gone, or whose system kept nothing of the field, is absent.
	// Systems keep a limited number, and some note nothing where the same value was
	// written again.
	History(ctx context.Context, object string, field record.Field, ids []string) (map[string][]FieldVersion, error)
}

// FieldVersion is one value that a field had.
type FieldVersion struct {
	Value record.Value // unreadable where it does not fit the type any more
	At    time.Time
	// By is certain for a person and for our own app. An app is ByUnknown as long
	// as nothing has told which one we are.
	By       record.Author
	Source   string // the kind of author in the system's own words
	SourceID string // the author, such as a user or an app
}

// EventPage is one durable step of the events.
type EventPage struct {
	Events []Event
	Next   record.Cursor
}

// EventKind says what happened to a record.
type EventKind uint8

// The kinds of event.
const (
	EventUpdated EventKind = iota // fields changed; also a creation
	EventDeleted
	EventMerged // into another record, which has its children now
)

// Event is one thing that happened to one record.
type Event struct {
	At     time.Time
	Kind   EventKind
	Object string
	ID     string
	Into   string   // of a merge: the record that remains
	Fields []string // of an update: what changed, in the words of the listings
	Own    bool     // our own credential did it
}
