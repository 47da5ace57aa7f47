package plan

import (
	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// Decide gives the verdict on one field.
//
//	theirs    ours      equal  verdict
//	same      same      -      nothing
//	changed   any       yes    agree: both digests move, nothing is written
//	same      changed   exact  agree: they hold it already
//	changed   same      no     pulled: take, if the owner says so; else drift.
//	                           pushed: drift; written back under enforce
//	same      changed   no     pushed: push, if the write mode lets it. pulled: tolerated
//	changed   changed   no     pulled: the owner's value, or hold. pushed: push, and journal theirs
//	first meeting              on_link; a blank never beats a value
//	told without seen          pushed: theirs is seen, and a difference is tolerated as form_or_edit
//	digests lost               pulled: as a conflict. pushed: as a first meeting
//
// A side that was not read stands as There has it. The first reading after a
// write is classified before the table is asked: see answered.
func Decide(k record.Key, f Field) Verdict {
	s := sides{Field: f, key: k, theirs: k.Value(f.Rule.Remote.Type, f.Theirs), ours: k.Value(f.Rule.Hub.Type, f.Ours)}
	s.null = k.Value(f.Rule.Remote.Type, record.NullValue())
	s.read = f.Theirs.Known()
	if f.Lost {
		s.Seen, s.Told, s.There = 0, 0, record.There{}
	}
	switch {
	case f.Theirs.State() == record.Unreadable:
		v := s.nothing()
		v.Reason = Suspended
		return v
	case f.Direction == fieldmap.Pull:
		return s.pulled()
	}
	return s.pushed()
}

// sides is a field with the digests of both values as they are now.
type sides struct {
	Field
	key                record.Key
	theirs, ours, null record.Digest
	read               bool
}

// stands is the digest of what stands there as far as it is known.
func (s *sides) stands() record.Digest {
	if s.read {
		return s.theirs
	}
	if d := s.There.Last(); d != 0 {
		return d
	}
	return s.Seen
}

// equal says whether both sides mean the same. In a push target, a value that
// the value map does not have means nothing of ours, even if it is spelled alike.
func (s *sides) equal() bool {
	if s.Direction == fieldmap.Push && s.Rule.Values != nil {
		if _, mapped := s.Rule.Values.ToHub(s.Theirs); !mapped || s.Theirs == s.OursRemote {
			return s.Theirs == s.OursRemote
		}
	}
	return s.TheirsHub == s.Ours || s.Rule.Equal(s.TheirsHub, s.Ours)
}

// nothing keeps both digests.
func (s *sides) nothing() Verdict {
	return Verdict{Kind: Nothing, Seen: s.Seen, Told: s.Told}
}

func (s *sides) agree(why Reason) Verdict {
	return Verdict{Kind: Agree, Reason: why, Seen: s.theirs, Told: s.ours}
}

// tolerate settles that the sides may differ. seen moves only if theirs was
// read.
func (s *sides) tolerate(why Reason) Verdict {
	v := Verdict{Kind: Tolerate, Reason: why, Seen: s.theirs, Told: s.ours}
	if !s.read {
		v.Seen = s.Seen
	}
	return v
}

func (s *sides) hold(why Reason) Verdict {
	return Verdict{Kind: Hold, Reason: why, Seen: s.Seen, Told: s.Told}
}

func (s *sides) take(why Reason) Verdict {
	h := s.Rule.Hub
	if s.TheirsHub.IsNull() && s.Ours.IsSet() && (h.Required || h.Key || h.Identity) {
		return s.hold(MissingRequired)
	}
	return Verdict{
		Kind: Take, Reason: why, Value: s.TheirsHub,
		Seen: s.theirs, Told: s.key.Value(s.Rule.Hub.Type, s.TheirsHub),
	}
}

// pulled decides a field of a pull route.
func (s *sides) pulled() Verdict {
	theirsChanged, oursChanged := s.theirs != s.Seen, s.ours != s.Told
	switch {
	case !s.read:
		return s.nothing()
	case s.Seen == 0:
		return s.pulledFirst()
	case !theirsChanged && !oursChanged && !s.RuleChanged:
		return s.nothing()
	case s.TheirsHub == s.Ours:
		return s.agree(Same)
	}
	byOther := s.RuleChanged && s.OtherSeen // another rule put it there, and nobody edited
	spoke := theirsChanged && !byOther
	byGone := s.byGone()
	if byGone {
		oursChanged = false
	}
	if s.equal() {
		return s.equalByForm(spoke || !oursChanged)
	}
	if spoke {
		return s.pulledChange(oursChanged)
	}
	return s.pulledStill(theirsChanged || byGone, oursChanged && !byOther)
}

// byGone reports whether a line that is gone put ours there, and nobody edited it.
func (s *sides) byGone() bool { return s.RuleChanged && s.OursByGone }

// pulledChange decides a value that somebody changed there.
func (s *sides) pulledChange(oursChanged bool) Verdict {
	if oursChanged {
		return s.pulledConflict()
	}
	return s.pulledBy(SourceChanged)
}

// pulledStill decides a value that nobody changed there: ours did, or the rule.
// anew is whether the two values are others than those that were settled.
func (s *sides) pulledStill(anew, oursChanged bool) Verdict {
	switch {
	case oursChanged:
		return s.tolerate(NotOwner)
	case s.Tolerated && !anew:
		return s.nothing()
	}
	return s.pulledBy(MappingChanged)
}

// pulledFirst is the first reading of a field, or the first after its digests
// were lost.
func (s *sides) pulledFirst() Verdict {
	switch {
	case s.TheirsHub == s.Ours:
		return s.agree(Same)
	case s.equal():
		return s.equalByForm(s.OnLink == fieldmap.OnLinkSource)
	case s.Ours.IsNull() && (!s.Lost || !s.OursOwned):
		return s.take(FirstMeeting)
	case s.Lost:
		return s.pulledConflict()
	case s.TheirsHub.IsNull():
		return s.tolerate(BlankIgnored)
	case s.OnLink == fieldmap.OnLinkFillBlank, s.OnLink == fieldmap.OnLinkKeep:
		return s.tolerate(KeptBoth)
	case s.OursOwned && !s.Rule.Owned:
		return s.tolerate(NotOwner)
	}
	return s.take(FirstMeeting)
}

// equalByForm settles two spellings of the same: theirs is taken only from the
// field's owner, and only where they are the ones who spoke.
func (s *sides) equalByForm(spoke bool) Verdict {
	if s.Rule.Owned && spoke {
		return s.take(EqualByForm)
	}
	return s.agree(EqualByForm)
}

// ignoresBlank reports whether their blank says nothing about our value.
func (s *sides) ignoresBlank() bool {
	clears := s.Rule.OnEmpty == fieldmap.EmptyClear || s.Rule.OnEmpty == fieldmap.EmptyByOwner && (s.Rule.Owned || s.OursTheirs)
	return s.TheirsHub.IsNull() && s.Ours.IsSet() && !clears
}

// pulledBy takes their value if the owner rules let this system speak.
func (s *sides) pulledBy(why Reason) Verdict {
	h := s.Rule.Hub
	switch {
	case s.ignoresBlank():
		return s.tolerate(BlankIgnored)
	// Where an owner decides, a lone change by another would be taken by no
	// other, so the sides could never agree again: it is drift. A blank that the
	// owner left is its word too. A value that the owner never had its say about
	// follows the system that gave it.
	case !s.Rule.Owned && h.Owner != "" && h.Policy == "" && !s.OursTheirs && (s.Ours.IsSet() || s.OursOwned):
		return s.tolerate(Drift)
	}
	return s.take(why)
}

// pulledConflict decides when both sides changed.
func (s *sides) pulledConflict() Verdict {
	switch {
	case s.ignoresBlank():
		return s.tolerate(BlankIgnored)
	case s.Rule.Hub.Policy != "", s.Rule.Hub.Owner == "":
		return s.hold(Conflict)
	case s.Rule.Owned, s.OursTheirs:
		return s.take(SourceChanged)
	}
	return s.tolerate(Drift)
}

// pushed decides a field of a push route.
func (s *sides) pushed() Verdict {
	switch {
	case s.Creating:
		return s.creation()
	case s.Seen == 0 && s.Told == 0:
		return s.pushedFirst()
	case s.Seen == 0:
		return s.pushedBlind()
	case s.read && s.There.Open() && !s.byOther():
		return s.pushedAnswer(s.answered())
	}
	return s.pushedTable()
}

// byOther reports whether another rule of the field put there what stands there:
// then nobody edited it, and it is no answer to what this rule sent.
func (s *sides) byOther() bool { return s.RuleChanged && s.OtherSeen }

// idleBlank reports whether ours is a blank that nobody who owns the field put
// there, so that it clears nothing.
func (s *sides) idleBlank() bool {
	return s.Ours.IsNull() && s.Rule.OnEmpty == fieldmap.EmptyByOwner && !s.OursOwned
}

// pushedTable is the table for a field of which both digests are known.
func (s *sides) pushedTable() Verdict {
	theirsChanged := s.stands() != s.Seen
	oursChanged := s.ours != s.Told || s.remoteChanged()
	switch {
	case s.Told == 0 && s.holdsOurs():
		return s.settledAs(Agree, Same)
	case !theirsChanged && !oursChanged:
		return s.nothing()
	case s.read && theirsChanged && s.equal():
		return s.agree(Same)
	case s.ours != s.Told && s.holdsOurs():
		return s.settledAs(Agree, Same)
	case oursChanged:
		return s.push(s.why(theirsChanged))
	case !s.read:
		return s.nothing() // theirs moved under a hold: whoever reads it decides
	}
	return s.drifted(Drift)
}

// why is why our value goes out.
func (s *sides) why(theirsChanged bool) Reason {
	switch {
	case s.Told == 0:
		return s.firstPush()
	case s.ours == s.Told:
		return MappingChanged
	case theirsChanged:
		return Overwritten
	}
	return SourceChanged
}

// holdsOurs reports whether their system has our value already, so that a write
// would change nothing.
func (s *sides) holdsOurs() bool {
	return s.key.Value(s.Rule.Remote.Type, s.OursRemote) == s.stands()
}

// firstPush is why a field goes out that was met and not told yet: as a reading
// before said, or as for a first meeting.
func (s *sides) firstPush() Reason {
	switch {
	case s.Pending != NoReason:
		return s.Pending
	case s.Rule.Write == fieldmap.Enforce && !s.Found:
		return DriftEnforced
	case s.stands() == s.null:
		return BlankFilled
	}
	return FirstMeeting
}

// remoteChanged reports whether a changed rule gives their system another value
// than what this rule, or another one of the field, put there or held back. What
// somebody edited, what is equal under the new rule, and what may still differ from
// ours, stays as it is.
func (s *sides) remoteChanged() bool {
	switch {
	case s.holdsOurs(), s.read && s.equal():
		return false
	case s.stands() == s.Seen:
		return s.Freed || s.RuleChanged && !s.Tolerated
	case s.byOther():
		return s.Freed || !s.idleBlank() || s.OwnersBlank
	}
	return false
}

// creation fills a new record: every field that holds a value and may ever be
// written.
func (s *sides) creation() Verdict {
	switch {
	case s.Rule.Write == fieldmap.Never:
		return s.tolerate(NeverWritten)
	case !s.OursRemote.IsSet():
		v := s.agree(Same)
		v.Seen, v.Sent = s.null, true
		return v
	}
	return s.written(NewRecord, false)
}

// pushedFirst is the first meeting on a push route: a field read when its
// record was found, or new to the route.
func (s *sides) pushedFirst() Verdict {
	blank := s.stands() == s.null
	switch {
	case !s.read && s.holdsOurs():
		return s.settledAs(Agree, Same)
	case !s.read && !blank:
		// Not read yet: nothing can be said, and nothing may be overwritten.
		return s.nothing()
	case s.read && s.equal():
		return s.agree(Same)
	case s.byOther() && (!s.idleBlank() || s.OwnersBlank):
		return s.push(MappingChanged)
	case s.Ours.IsNull():
		return s.settledAs(Tolerate, BlankIgnored)
	case s.OnLink == fieldmap.OnLinkKeep, s.OnLink == fieldmap.OnLinkFillBlank && !blank:
		return s.settledAs(Tolerate, KeptBoth)
	case blank:
		return s.push(BlankFilled)
	}
	return s.push(FirstMeeting)
}

// settledAs settles with what stands there, be it read now or before.
func (s *sides) settledAs(kind Kind, why Reason) Verdict {
	return Verdict{Kind: kind, Reason: why, Seen: s.stands(), Told: s.ours}
}

// pushedBlind decides a field that was told, and whose value there was never
// seen: a state of an older format or a restored copy, or theirs could not be
// read. It is no first meeting, unless ours has changed since and theirs can be
// read.
func (s *sides) pushedBlind() Verdict {
	switch {
	case s.ours != s.Told && s.holdsOurs():
		return s.settledAs(Agree, Same)
	case s.ours != s.Told && s.read:
		return s.pushedFirst()
	case s.ours != s.Told:
		return s.push(SourceChanged)
	case !s.read:
		return s.nothing()
	case s.equal():
		return s.agree(Same)
	case s.Freed && s.Theirs.IsNull():
		return s.push(BlankFilled)
	case s.Rule.Write == fieldmap.Never:
		return s.tolerate(NeverWritten)
	}
	return s.tolerate(FormOrEdit)
}

// drifted decides a change on their side alone. alone is why it is tolerated.
func (s *sides) drifted(alone Reason) Verdict {
	switch {
	case s.idleBlank() && s.byOther():
		return s.tolerate(BlankIgnored)
	case s.idleBlank(): // it enforces nothing
		return s.tolerate(alone)
	case s.Rule.Write == fieldmap.Enforce:
		return s.push(DriftEnforced)
	case s.Rule.Write == fieldmap.FillBlank && s.Theirs.IsNull() && s.Ours.IsSet():
		return s.push(BlankFilled)
	}
	return s.tolerate(alone)
}

// push writes ours if the write mode lets it.
func (s *sides) push(why Reason) Verdict {
	blank := s.stands() == s.null
	switch s.Rule.Write {
	case fieldmap.CreateOnly:
		return s.tolerate(CreateOnly)
	case fieldmap.Never:
		return s.tolerate(NeverWritten)
	case fieldmap.FillBlank:
		if !blank {
			return s.tolerate(NotEmpty)
		}
	}
	if s.OursRemote.IsNull() && (blank || s.Rule.OnEmpty == fieldmap.EmptyIgnore) {
		return s.tolerate(BlankIgnored)
	}
	return s.written(why, !blank)
}

// written is a push that goes out. What stands there is sent until it is read
// back.
func (s *sides) written(why Reason, overwrites bool) Verdict {
	return Verdict{
		Kind: Push, Reason: why, Value: s.OursRemote, Overwrites: overwrites,
		Seen: s.key.Value(s.Rule.Remote.Type, s.OursRemote), Told: s.ours, Sent: true,
	}
}
