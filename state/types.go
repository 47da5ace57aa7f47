package state

import (
	"time"

	"crmsyncd/fieldmap/record"
)

// Num is the dictionary number of a name. Numbers are never reused; 0 is none.
type Num uint16

// HubState says what became of a hub record.
type HubState uint8

// The states of a hub record. Their numbers are stored.
const (
	HubActive    HubState = iota
	HubOut                // out of scope: no pulling link is left
	HubAlias              // an empty record that stands for another one
	HubForgotten          // blanked on request; a tombstone
)

// Flow is one of the two ways in which records travel. One object may travel
// both.
type Flow uint8

// The flows. Their numbers are stored.
const (
	FlowNone Flow = iota // within the hub, or decided by a person
	FlowPull             // system to hub
	FlowPush             // hub to system
)

// String names the flow.
func (f Flow) String() string { return [...]string{"", "pull", "push", ""}[f&3] }

// Grade says what the time of a value is worth as evidence.
type Grade uint8

// The grades. Their numbers are stored.
const (
	NoTime   Grade = iota // nothing is known of when it was said
	Possible              // said at the latest within the interval: the record's own time of change
	Certain               // said within the interval: the field's own time of change
)

// Evidence is when a value was said, as its system tells it.
type Evidence struct {
	Grade    Grade
	From, To int64 // Unix milliseconds
}

// HubValue is one field of a hub record with where it came from.
type HubValue struct {
	Field    Num
	Value    record.Value
	Source   Num
	At       int64 // Unix seconds
	Rule     Num
	Evidence Evidence
	Override bool // a person put it there against the field's owner
}

// HubRecord is one hub record. Values stand sorted by Field.
type HubRecord struct {
	ID      HubID
	Number  uint64 // number of its latest change
	State   HubState
	AliasOf HubID
	Values  []HubValue
}

// IndexKey is one match key of a hub record.
type IndexKey struct {
	Field  Num
	Digest record.Digest
}

// LinkState says whether a link still joins its two records.
type LinkState uint8

// The states of a link. Their numbers are stored.
const (
	LinkOpen LinkState = iota
	LinkLeaving
	LinkClosed
)

// Origin says how a link came to be.
type Origin uint8

// The origins of a link. Their numbers are stored.
const (
	OriginFound Origin = iota
	OriginMade
	OriginPerson
)

// CloseReason says why a link was closed.
type CloseReason uint8

// The reasons for closing. Their numbers are stored.
const (
	NotClosed CloseReason = iota
	ClosedDeleted
	ClosedMerged
	ClosedRemoved // left scope
	ClosedByPerson
)

// LinkField is what a link knows of one rule: the digest of their value, in
// their own form, and of the hub's value that the rule last settled with.
type LinkField struct {
	Field      Num // of the rule
	Seen, Told record.Digest
	Note       uint8        // reason code of a tolerated difference between these two values, 0 for none
	Text       record.Value // of a tolerated difference: their value, missing where it was not read
	// Sent and Shown are of a write, in its intent and in its answer: Seen is what
	// was sent, and the answer showed it. A link never has them.
	Sent, Shown bool
}

// LinkThere is what a link knows to stand in one remote field.
type LinkThere struct {
	Field Num // of the remote field
	record.There
}

// Link joins one hub record and one remote record. Fields and There stand sorted
// by Field.
type Link struct {
	Hub       HubID
	Remote    string
	State     LinkState
	Origin    Origin
	Close     CloseReason
	ClosedAt  int64
	Successor string
	Version   int64 // the remote record's own time of change as last read or answered, Unix milliseconds
	Fresh     bool  // Version is that of our last write, or of a reading since
	Wrote     int64 // our last confirmed write, Unix milliseconds
	Raw       record.Digest
	Fields    []LinkField
	There     []LinkThere
}

// Entry is one spooled observation. Keys order the merge.
type Entry struct{ Key, Data []byte }

// Intent is one write under way: a create, or a write to a record that is
// linked.
type Intent struct {
	Hub      HubID
	External string
	Remote   string // of a linked record
	At       int64
	Version  int64         // of the record as it was read before the write; 0 when it was not
	Sent     []LinkField   // the field states that the link gets when the write is confirmed
	Before   []IntentField // of a linked record: what each field was, and what it was sent
	Part     uint16        // where PutIntents put it within its batch, for SentIntent
}

// IntentField is one field of a write to a record that is linked.
type IntentField struct {
	Field Num           // of the rule
	Seen  record.Digest // what the rule had settled with
	Form  record.Digest // of what was sent, by the rule's compare form
}

// IntentBatch is what the intents of one batch have in common.
type IntentBatch struct {
	Flow Flow
	Job  string // of a write by the vendor's bulk interface
}

// Hold is something left alone until an event or a person ends it.
type Hold struct {
	System, Object string
	Flow           Flow
	Hub            HubID
	Remote         string
	Field          string
	Reason         string
	Detail         string
	Candidates     []string
	Digest         record.Digest // of what was refused, of the whole record where Field is empty
	// Ours and Theirs are the digests of the two values that a field is held for,
	// 0 where there is none.
	Ours, Theirs record.Digest `json:",omitempty"`
	Event        string
	Since, Last  time.Time
	Attempts     int
	Run          uint64
	Dropped      bool
}

// RunObject is the share of one object in a run.
type RunObject struct {
	Object string
	Counts map[string]int
	Status string
	Note   string
}

// Run is one pass of one system in one flow.
type Run struct {
	ID                    uint64
	System, Flow, Trigger string
	Full                  bool
	Started, Ended        time.Time
	Status                string
	Counts                map[string]int
	Calls                 map[string]int
	Error                 string
	Objects               []RunObject
	Plan                  string
	// Audit has the first of what a full run found and nobody can explain.
	Audit []RunFinding `json:",omitempty"`
}

// OldKnown says how the old value of a journal entry is known.
type OldKnown uint8

// How an old value is known. Their numbers are stored.
const (
	OldUnknown OldKnown = iota // nobody looked
	OldRead                    // it was read there, or the hub held it
	OldOwnLast                 // it is what we wrote there last
)

// String is the word that admins see.
func (k OldKnown) String() string {
	switch k {
	case OldRead:
		return "read"
	case OldOwnLast:
		return "own_last"
	case OldUnknown:
	}
	return "unknown"
}

// RunFinding names a field, or a record where Field is empty, in which the two
// sides differ. It holds no value.
type RunFinding struct{ Object, HubObject, Hub, Remote, Field, Reason string }

// JournalEntry is one change that was made, with its reason.
type JournalEntry struct {
	Seq    uint64
	Run    uint64 // 0 where a person did it
	At     int64  // Unix seconds
	Object string // of the hub
	Hub    HubID
	System Num
	Remote string
	Flow   Flow
	Field  Num // of the hub; 0 for the record as a whole
	Rule   Num // names the remote field too; 0 for none
	// Old and New are as their system spells them, in the hub as the hub does. A
	// missing Old that is OldOwnLast is filled in when the entry is read, as far
	// as the value is known.
	Old, New record.Value
	OldKnown OldKnown
	Reason   string // of a small set: texts are stored once per value of the journal
	Evidence string
	Config   uint64
	// Sent is what a record was made with, in an entry for the record as a whole.
	Sent []SentValue
}

// SentValue is one field that a record was made with, as their system spells it.
type SentValue struct {
	Field, Rule Num
	Value       record.Value
}

// Position says how far one object of one system is settled in one flow.
type Position struct {
	Number   uint64
	Cursor   record.Cursor
	Fields   map[string]uint64 // rule name → fingerprint that the position is valid for
	Behind   []string
	PassFrom HubID
	Listed   time.Time
	Took     time.Duration
	Complete bool
	// Pass is the reading of everything for rules that are behind, while it goes
	// on in the background.
	Pass *PullPass `json:",omitempty"`
	// Looked is the change number up to which filters that ask about other
	// systems were looked at again.
	Looked uint64 `json:",omitempty"`
}

// PullPass is how far a reading of everything is that fills what is behind.
type PullPass struct {
	Cursor record.Cursor
	Began  time.Time
	Rules  map[string]uint64 // what it is for: rule name → fingerprint
	Done   int
	Total  int
}

// Excluded says which clause keeps a remote record out.
type Excluded struct {
	Clause string
	Digest record.Digest
	// Keys are the digests of the record's match keys, in the order of the route,
	// where the filter asks whether another system holds it; 0 for a blank key.
	// Held has a bit for each of the systems that held it then.
	Keys []record.Digest
	Held byte
}

// Plan is a kept plan that waits for a person.
type Plan struct {
	ID, System, Object string
	Flow               Flow
	Edition            int // how often rows joined or moved since it was made, from 1
	Run                uint64
	At                 time.Time
	Accepted           bool
	Rows               int
	Note               string
}

// PlanRow is one record of a plan.
type PlanRow struct {
	Hub     HubID
	Digest  record.Digest // of both sides as they were decided on
	Edition int           // in which the row joined or moved last
	Fields  []PlanField
}

// PlanField is one field of a row.
type PlanField struct {
	Name     string
	Old, New record.Value // missing where they were not read
	Reason   uint8        // reason code of the decision
	Rule     Num
}

// Damage is one row that Verify found to be wrong.
type Damage struct{ Bucket, Key, Problem string }
