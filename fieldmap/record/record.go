// Package record holds the words that every other package speaks: a record of
// some system, its fields, their canonical values and the digests of those.
// It knows no system, no rule and no file, and imports nothing of ours.
package record

import "time"

// Ref names one record of one system.
type Ref struct{ System, Object, ID string }

// String returns system/object/id, which is fit for logs: ids are not personal.
func (r Ref) String() string { return r.System + "/" + r.Object + "/" + r.ID }

// Field is one field that a route asks a system for: the name in the system's
// own spelling and the type of the hub field that it meets.
type Field struct {
	Name string
	Type Type
}

// Record is one record as it was read. Raw stands in the order of the fields
// that were asked for and holds each one as the JSON that the system sent,
// so that an unchanged record costs no conversion. A nil element means that
// the system did not send the field.
//
// Raw points into the page it came with and is valid only until the next page
// is asked for.
type Record struct {
	ID      string
	Version time.Time // when the system says it changed; zero when it does not say
	By      Author    // who changed it last, as far as the system tells
	Raw     [][]byte
}

// Author says who changed a record last, seen from our credential.
type Author uint8

// The authors. A credential may be shared with other tools: ByOurs is the user
// or app behind it, and no proof that it was this daemon.
const (
	ByUnknown Author = iota // the system does not tell, or not who we are; the zero Author
	ByOurs                  // the user or app that our credential is
	ByOther                 // a person or another tool
)

// String returns the author's name for logs.
func (a Author) String() string { return [...]string{"unknown", "ours", "other"}[a] }

// Page is one durable step of a listing.
type Page struct {
	Records []Record
	Next    Cursor // where a later read may go on; empty where a listing cannot be resumed
	Last    bool   // the listing is complete: the last page was reached and counts agree
	Total   int    // how many records the whole listing has, 0 when unknown
	// ReadAt is when the page was asked for; zero where that was when the reader
	// was asked for it.
	ReadAt time.Time
	// Ignored counts records of kinds that are never taken, such as e-mails
	// among tasks.
	Ignored int
	// Unreadable counts records that cannot be told apart, for their id is no text
	// that can be read. They are left out, and the rest of the page is as it is.
	Unreadable int
	// Gone names the fields asked for that the system no longer has. Their Raw is
	// nil in every record: unreadable, never blank.
	Gone []string
}

// Cursor says how far a listing was read. It is made and read only by the
// provider that gave it.
type Cursor string

// FieldValue is one field to be written.
type FieldValue struct {
	Field
	Value Value
}

// Patch is one write: the fields to set and no others. ID is the record's id
// in the system for an update and empty for a create.
type Patch struct {
	ID     string
	Fields []FieldValue
}
