package audit

import (
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// Link is what is remembered of the link of a remote record.
type Link struct {
	// Open is false for a record that is leaving, or whose link is closed.
	Open bool
	// Reason is why it is not open.
	Reason string
	// Read is when the record was last read, by the system's own clock where that
	// is known; zero where nothing tells. Wrote is when we last wrote to it.
	Read, Wrote time.Time
	// TheirsAlone is set for a record that nobody but they write, in a system that tells
	// no time of change: what stands there now and did not when it was read, they
	// changed since.
	TheirsAlone bool
}

// There is what is known to stand in one field of their system. Sent is set
// where it was written and not read since.
type There struct {
	Digest record.Digest
	Sent   bool
}

// Statement is what somebody has said about a field: a person, a rule, or the
// run that left it so. The zero Statement says nothing.
type Statement struct {
	Standing Standing // Due, Held, Tolerated, Suspended or Unread
	Reason   string
	// Ours and Theirs are the digests of the two values that it names. Only a hold,
	// what is due and what is to be read may leave one out, and so name any.
	Ours, Theirs record.Digest
	There        There
	Dropped      bool // of a hold: a person lets the difference stay
}

// ReasonDropped is why a difference may stay of which a person dropped the hold.
const ReasonDropped = "dropped"

// Memory is what was stated about links and fields. It is asked after a
// difference was found, never before.
type Memory interface {
	// Link tells of the link of a remote record.
	Link(remote *Remote) Link
	// Held tells of a hold on the field, or on the record.
	Held(remote *Remote, d *Difference) Statement
	// Tolerated tells why the link leaves the field as it is, and what it takes
	// to stand there.
	Tolerated(remote *Remote, d *Difference) Statement
}

// Judge says how a difference stands, and the reason that was given for it.
func Judge(key record.Key, remote *Remote, d *Difference, m Memory) (Standing, string) {
	switch {
	case d.Fault != "":
	case d.Theirs.State() == record.Unreadable:
		return Suspended, ""
	case d.Theirs.State() == record.Missing:
		return NotSent, ""
	}
	link := m.Link(remote)
	if !link.Open {
		return Leaving, link.Reason
	}
	s := m.Held(remote, d)
	switch named := s.names(key, d); {
	case named && s.Dropped:
		return Tolerated, ReasonDropped
	case named:
		return Held, s.Reason
	}
	s = m.Tolerated(remote, d)
	if s.names(key, d) {
		return s.Standing, s.Reason
	}
	if d.Fault != "" {
		return Unexplained, d.Fault
	}
	return unread(key, remote, d, link, s.There)
}

// names reports whether a statement is about these two values.
func (s *Statement) names(key record.Key, d *Difference) bool {
	ours, theirs := d.Types()
	if s.Standing == Unexplained {
		return false
	}
	loose := s.Standing == Held || s.Standing == Due || s.Standing == Unread
	fits := func(named record.Digest, t record.Type, v record.Value) bool {
		return loose && named == 0 || named != 0 && named == key.Value(t, v)
	}
	return fits(s.Ours, ours, d.Ours) && fits(s.Theirs, theirs, d.Theirs)
}

// The reasons of what is unread.
const (
	ReasonChanged  = "changed_there" // after we looked, by their stamp
	ReasonSpelling = "spelling"      // what we sent, in their own spelling
	ReasonMoving   = "moving"        // each time it was read, a run had settled something newer
	ReasonAnswer   = "answer_lost"   // the next run reads what became of a write
)

// unread tells what the next full run will read from what nobody can explain.
func unread(key record.Key, remote *Remote, d *Difference, l Link, there There) (Standing, string) {
	_, t := d.Types()
	seen := there.Digest == key.Value(t, d.Theirs)
	switch {
	case !seen && changedSince(remote.Version, l), !seen && l.TheirsAlone && there.Digest != 0 && !there.Sent:
		return Unread, ReasonChanged
	case there.Sent && SameSpelling(t, d.OursThere, d.Theirs):
		return Unread, ReasonSpelling
	}
	return Unexplained, ""
}

// changedSince reports whether the record changed after our last reading and
// our last write. Within one second nothing can be told.
func changedSince(version time.Time, l Link) bool {
	last := l.Read
	if l.Wrote.After(last) {
		last = l.Wrote
	}
	if version.IsZero() || last.IsZero() {
		return false
	}
	return version.Truncate(time.Second).After(last)
}

// Key is what findings are counted by.
type Key struct {
	System, Object string
	Standing       Standing
	Reason         string
}

// Tally counts findings. It grows with the kinds of finding, not with records.
type Tally map[Key]int

// Add counts n findings of a route.
func (t Tally) Add(route *fieldmap.Route, s Standing, reason string, n int) {
	if n != 0 {
		t[Key{route.System, route.Object, s, reason}] += n
	}
}

// Count returns how many findings stand so, whatever their object and reason.
func (t Tally) Count(s Standing) (n int) {
	for k, v := range t {
		if k.Standing == s {
			n += v
		}
	}
	return n
}
