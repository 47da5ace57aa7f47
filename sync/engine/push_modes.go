package engine

import (
	"hash/fnv"
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// A line may hold a value back, by its write mode or its word on blanks. Where
// that changed since a position was reached, what was held back is decided anew.

// writeName and emptyName begin the names under which a push position keeps the
// write mode of a rule, and its word on blanks. A position that lacks them is of
// an older version, and says nothing of whether they changed.
const (
	writeName = "write "
	emptyName = "on_empty "
)

// modesOf are the fingerprints of what lets a rule hold a value back, by name.
func modesOf(rule *fieldmap.Rule) map[string]uint64 {
	return map[string]uint64{
		writeName + ledger.RuleName(rule): wordFingerprint(rule.Write.String()),
		emptyName + ledger.RuleName(rule): wordFingerprint(rule.OnEmpty.String()),
	}
}

func wordFingerprint(word string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(word))
	return h.Sum64()
}

// modeChanged reports whether a rule held other values back when a position was
// reached.
func modeChanged(rule *fieldmap.Rule, pos state.Position) bool {
	for name, now := range modesOf(rule) {
		if was, known := pos.Fields[name]; known && was != now {
			return true
		}
	}
	return false
}

// modesKnown reports whether a position tells what every rule held back.
func modesKnown(r *ledger.Route, pos state.Position) bool {
	for _, rule := range r.Fields {
		for name := range modesOf(rule) {
			if _, known := pos.Fields[name]; !known {
				return false
			}
		}
	}
	return true
}

// keepModes notes what the rules hold back. One that rests keeps what was known
// of it, for nothing is compared by it.
func (p *pusher) keepModes(was map[string]uint64) {
	for i, rule := range p.r.Fields {
		for name, now := range modesOf(rule) {
			if old, known := was[name]; known && p.resting[i] {
				now = old
			}
			p.pos.Fields[name] = now
		}
	}
}

// frees reports whether a rule whose write mode or word on blanks changed would
// hold a value back no more that it held for a reason. A blank that ours is since
// it was cleared was held back; one that it always was is just no value.
func (p *pusher) frees(rule *fieldmap.Rule, why plan.Reason, cleared bool) bool {
	switch why {
	case plan.NeverWritten:
		return rule.Write != fieldmap.Never
	case plan.CreateOnly:
		return rule.Write != fieldmap.CreateOnly
	case plan.NotEmpty:
		return rule.Write != fieldmap.FillBlank
	case plan.BlankIgnored:
		ignored := p.pos.Fields[emptyName+ledger.RuleName(rule)] == wordFingerprint(fieldmap.EmptyIgnore.String())
		return ignored && rule.OnEmpty != fieldmap.EmptyIgnore && cleared
	}
	return false
}

// cleared reports whether a field of a hub record had a value and has none.
func cleared(rec *state.HubRecord, field state.Num) bool {
	return slices.ContainsFunc(rec.Values, func(v state.HubValue) bool { return v.Field == field && v.Value.IsNull() })
}
