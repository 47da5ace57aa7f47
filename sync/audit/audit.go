// Package audit compares the hub with what a system really holds, field by
// field, through the mapping and through nothing else: value maps, references,
// compare forms. What links remember can be wrong without anyone noticing, so
// nothing here reads it to find a difference. Only when two values differ is it
// asked whether somebody has stated that they may, and a statement counts only
// where it names these two values.
package audit

import (
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// Standing says how a field, or a record, stands between hub and system.
type Standing uint8

// The standings. All but Unexplained are in order; Unread is work of the next
// full run.
const (
	Unexplained Standing = iota // the sides differ and nobody has said why
	Agree                       // the same, by the rule's compare form
	Due                         // the hub's change has not gone out yet
	Held                        // it waits for an event or a person
	Tolerated                   // it is settled that these two values may differ
	Suspended                   // the system has no such field now
	Leaving                     // the record is on its way out of scope, or out of it
	NotSent                     // the system left the field out of its answer
	Unread                      // they changed it after we looked, or spell what we sent in their own way
)

// String is the name that admins see.
func (s Standing) String() string {
	names := [...]string{"unexplained", "agree", "due", "held", "tolerated", "suspended", "leaving", "not_sent", "unread"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Remote is one record of a system as it was just read.
type Remote struct {
	ID      string
	ReadAt  time.Time      // when it was asked for, by our clock
	Version time.Time      // when the system says that it changed; zero when it does not say
	Raw     record.Digest  // of the fields as they were listed; 0 where that is not known
	Values  []record.Value // in their own form, in the order of the route's ReadFields
	Faults  []string       // beside Values: why one does not convert, empty where it does
}

// Hub is one hub record.
type Hub struct {
	// Value returns the hub's value of a field; null where it has none.
	Value func(*fieldmap.HubField) record.Value
	// External is our id as it shall stand in the system, on a push route; missing
	// where the record has none.
	External record.Value
}

// References brings references from one side to the other. Both report false
// for a record that has no counterpart.
type References interface {
	// ToHub returns the id of the hub record that their value names.
	ToHub(rule *fieldmap.Rule, theirs record.Value) (record.Value, bool)
	// ToRemote returns what names a hub record at their side.
	ToRemote(rule *fieldmap.Rule, ours record.Value) (record.Value, bool)
}

// Difference is one mapped field in which the two sides do not hold the same,
// or could not be compared.
type Difference struct {
	Rule   *fieldmap.Rule // nil for our id in their system
	Field  string         // of the hub
	Remote string         // of their system

	Ours, OursThere    record.Value // the hub's value, and the same in their form; missing where it has none there
	Theirs, TheirsHere record.Value // their value, and the same in the hub's form; missing where it has none here
	Fault              string       // why theirs could not be read, or one side not be brought to the other
}

// The faults that keep two values from being compared. A value that does not
// convert has the provider's own words.
const (
	FaultUnmapped  = "the value map does not hold the value"
	FaultReference = "it names a record without a counterpart"
)

// Types returns the types under which digests of ours and of theirs are made.
func (d *Difference) Types() (ours, theirs record.Type) {
	if d.Rule == nil {
		return record.ID, record.ID
	}
	return d.Rule.Hub.Type, d.Rule.Remote.Type
}
