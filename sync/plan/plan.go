// Package plan decides. Given one field of one link, and what each side was
// when last reckoned with, it says what is to be done and why; given the hits
// of a look-up, which one is the record. It is pure: it reads no clock, no
// network and no file, and the same input always gives the same verdict (F25).
package plan

import (
	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// Kind is what a verdict asks for.
type Kind uint8

// The kinds of verdict.
const (
	Nothing  Kind = iota // neither side changed
	Agree                // both digests move, nothing is written
	Take                 // the hub takes their value
	Push                 // their system is to get ours
	Tolerate             // the sides differ and may; listed with the reason
	Hold                 // an event or a person must come first; neither digest moves
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"nothing", "agree", "take", "push", "tolerate", "hold"}[k]
}

// Reason says why. The set is closed; its numbers are stored with links.
type Reason uint8

// The reasons. Their numbers are stored: add, never renumber.
const (
	NoReason        Reason = 0
	SourceChanged   Reason = 1  // the side it comes from changed it
	NewRecord       Reason = 2  // the record is new here
	FirstMeeting    Reason = 3  // two records met and this side wins
	MappingChanged  Reason = 4  // the rule changed, not the value
	BlankFilled     Reason = 5  // theirs was blank
	DriftEnforced   Reason = 6  // they changed a field that is enforced
	Overwritten     Reason = 7  // both changed it; ours is pushed, theirs is journaled
	Drift           Reason = 8  // they changed a field that they do not own
	CreateOnly      Reason = 9  // written at creation and never after
	NeverWritten    Reason = 10 // write: never
	BlankIgnored    Reason = 11 // a blank never beats this value
	KeptBoth        Reason = 12 // on_link: keep
	NotOwner        Reason = 13 // the value comes from another system than the field's owner
	RemoteForm      Reason = 14 // their system stores our value in a form of its own (F2)
	EqualByForm     Reason = 15 // the same in another spelling
	Conflict        Reason = 16 // both changed it and a person decides
	MissingRequired Reason = 17 // a required, key or identity field cannot be cleared
	Suspended       Reason = 18 // the field is gone from their schema (F19)
	Same            Reason = 19 // both sides hold the same value
	NotEmpty        Reason = 20 // fill_blank: theirs holds a value
	Skipped         Reason = 21 // the value map does not hold the value and the rule says skip_field
	ExternalID      Reason = 22 // our id is put on a record that was found (D18)
	FormOrEdit      Reason = 23 // theirs is another form of what we sent, or an edit: nobody can tell
	WriteIgnored    Reason = 24 // they accepted what we sent and kept the value before it
	Oscillating     Reason = 25 // they gave the same other value to the same value of ours twice
	VendorDefault   Reason = 26 // their system filled a field that we left blank when we made the record
	Dropped         Reason = 27 // a person said that the sides may differ
)

// reasonNames are in the order of the numbers.
func reasonNames() []string {
	return []string{
		"", "source_changed", "new_record", "first_meeting", "mapping_changed", "blank_filled", "drift_enforced",
		"overwritten", "drift", "create_only", "never_written", "blank_ignored", "kept_both", "not_owner", "remote_form",
		"equal_by_form", "conflict", "missing_required", "suspended", "same", "not_empty", "skipped", "external_id",
		"form_or_edit", "write_ignored", "oscillating", "vendor_default", "dropped",
	}
}

// String is the name that admins see.
func (r Reason) String() string {
	if names := reasonNames(); int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

// MayStay are the reasons for which the two sides of a field may differ.
func MayStay() (names []string) {
	for _, r := range []Reason{
		Drift, CreateOnly, NeverWritten, BlankIgnored, KeptBoth, NotOwner, RemoteForm, NotEmpty, Skipped, FormOrEdit, VendorDefault, Dropped,
	} {
		names = append(names, r.String())
	}
	return names
}

// Field is one field of one link as both sides stand.
//
// Theirs is in the system's own form and TheirsHub the same in the hub's form,
// after value map and reference; Ours is the hub's and OursRemote the same in
// the system's form. They differ only where a value map or a reference stands
// between the two.
type Field struct {
	Rule       *fieldmap.Rule
	Direction  fieldmap.Direction
	OnLink     fieldmap.LinkRule
	Theirs     record.Value
	TheirsHub  record.Value
	Ours       record.Value
	OursRemote record.Value

	Seen, Told record.Digest // what this rule last settled with; 0: never
	// There is what was known to stand in the remote field before this reading.
	There record.There
	// Reading says how Theirs was read.
	Reading Reading

	// Pending is why ours is to go out, by an earlier reading, where it did not go out
	// yet; NoReason where none decided so.
	Pending Reason

	Lost        bool // the digests are damaged or belong to another record
	RuleChanged bool // the rule is not the one that the link last settled with, or it was away
	// OtherSeen reports whether Theirs is what another rule of this remote field
	// last settled with: then nobody edited it.
	OtherSeen bool
	Tolerated bool // the sides differ and it is settled that they may
	// Freed reports whether that was settled for what the line said then, and would
	// not be for what it says now: its write mode or its word on blanks changed.
	Freed     bool
	OursOwned bool // the hub's value came from the field's owner
	// OwnersBlank reports whether the hub never had a value, and the field's owner
	// holds the record, so that the blank is its word.
	OwnersBlank bool
	OursTheirs  bool // the hub's value came from this system, and the owner never said the same
	// OursByGone reports whether the hub's value came from this system by a line
	// that is gone: then nobody but that line changed it.
	OursByGone bool
	Creating   bool // the record is about to be made in their system
	Found      bool // the record was found there, not made by us (D21)
}

// Reading is how a value was read, as evidence of who put it there.
type Reading struct {
	ByID    bool          // by id, and begun after the answer to our last write
	Own     bool          // right after our write, so that it shows what became of that
	Touched record.Author // who changed the record since our last write
	History record.Author // who changed the field since our last write
}

// Verdict is what is to be done about one field. Seen and Told are the digests
// to keep once it is carried out: at once, and for a push on its confirmation.
type Verdict struct {
	Kind   Kind
	Reason Reason
	Value  record.Value // Take: in the hub's form. Push: in theirs
	Seen   record.Digest
	Told   record.Digest
	Sent   bool // Seen is what goes out, and nothing has shown it yet
	// Overwrites: a push replaces a value that is not blank, or may (D22).
	Overwrites bool
}

// Change is one write as a plan shows it: a record, what happens to it and
// every field with old, new and reason.
type Change struct {
	System, Object string
	Op             Op
	Remote         string // empty for a create
	HubObject      string
	Hub            uint64
	Key            string // what people know the record by: its id field, else e-mail or name
	Fields         []FieldChange
	Note           string
}

// Op is what happens to a record. There is no delete.
type Op string

// The ops.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpLink   Op = "link"
	OpHold   Op = "hold"
)

// FieldChange is one field of a change.
type FieldChange struct {
	Field  string
	Remote string
	Old    record.Value
	New    record.Value
	Reason Reason
}
