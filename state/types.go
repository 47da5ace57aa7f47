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

// HubValue is one field of a hub record with where it came from.
type HubValue struct {
	Field  Num
	Value  record.Value
	Source Num
	At     int64 // Unix seconds
	Rule   Num
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

// LinkField is what a link knows of one field: the digest of their value as it
// was last seen, and of the hub value that the link last reckoned with.
type LinkField struct {
	Field      Num
	Seen, Told record.Digest
	Assumed    bool  // Seen is what we sent, not yet what we read
	Note       uint8 // reason code of a tolerated difference, 0 for none
}

// Link joins one hub record and one remote record. Fields stand sorted by
// Field.
type Link struct {
	Hub       HubID
	Remote    string
	State     LinkState
	Origin    Origin
	Close     CloseReason
	ClosedAt  int64
	Successor string
	Version   int64 // the remote record's own time of change, Unix milliseconds
	Wrote     int64 // our last confirmed write, Unix milliseconds
	Raw       record.Digest
	Fields    []LinkField
}

// Entry is one spooled observation. Keys order the merge.
type Entry struct{ Key, Data []byte }

// Intent is one create under way.
type Intent struct {
	Hub      HubID
	External string
	At       int64
	Sent     []LinkField // the field states that the link gets when the create is confirmed
	Part     uint16      // where PutIntents put it within its batch, for SentIntent
}

// Hold is something left alone until an event or a person ends it.
type Hold struct {
	System, Object string
	Hub            HubID
	Remote         string
	Field          string
	Reason         string
	Detail         string
	Candidates     []string
	Digest         record.Digest
	Event          string
	Since, Last    time.Time
	Attempts       int
	Run            uint64
	Dropped        bool
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

// RunFinding names a field, or a record where Field is empty, in which the two
// sides differ. It holds no value.
type RunFinding struct{ Object, HubObject, Hub, Remote, Field, Reason string }

// JournalEntry is one change that was made, with its reason.
type JournalEntry struct {
	Seq      uint64
	Run      uint64
	At       int64
	Object   string
	Hub      HubID
	System   Num
	Remote   string
	Field    Num
	Old, New record.Value
	Reason   string
	Evidence string
	Config   uint64
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
	Run                uint64
	At                 time.Time
	Accepted           bool
	Rows               int
	Note               string
}

// PlanRow is one record of a plan.
type PlanRow struct {
	Hub    HubID
	Digest record.Digest
	Fields []string
}

// Damage is one row that Verify found to be wrong.
type Damage struct{ Bucket, Key, Problem string }
