package plan_test

import (
	"testing"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/plan"
)

// bits hands out the bits of a number as small choices.
type bits uint64

func (b *bits) next(n uint64) uint64 {
	v := uint64(*b) % n
	*b = bits(uint64(*b) / n)
	return v
}

func (b *bits) flag() bool { return b.next(2) == 1 }

func (b *bits) value(text string) record.Value {
	switch b.next(4) {
	case 0:
		return record.Value{}
	case 1:
		return record.UnreadableValue()
	case 2:
		return record.NullValue()
	}
	return record.Of(text)
}

// fuzzField is a field in a state that need not make any sense.
func fuzzField(b bits, theirs, theirsHub, ours, oursRemote, seen, told string) plan.Field {
	hub := &fieldmap.HubField{
		Object: "contact", Name: "field", Type: record.Type(b.next(11)), Scale: int(b.next(4)) - 1,
		Owner: []string{"", "qbench"}[b.next(2)], Policy: []string{"", "newer", "hold", "qbench"}[b.next(4)],
		Required: b.flag(), Key: b.flag(), Identity: b.flag(),
	}
	rule := &fieldmap.Rule{
		Remote: record.Field{Name: "Field__c", Type: record.Type(b.next(11))}, Hub: hub,
		Write: fieldmap.WriteMode(b.next(5)), Compare: fieldmap.Form(b.next(7)), OnEmpty: fieldmap.OnEmpty(b.next(3)), Owned: b.flag(),
	}
	f := plan.Field{
		Rule: rule, Direction: fieldmap.Direction(b.next(2)), OnLink: fieldmap.LinkRule(b.next(3)),
		OtherSeen: b.flag(), OwnersBlank: b.flag(), Lost: b.flag(), RuleChanged: b.flag(), Tolerated: b.flag(), OursOwned: b.flag(), OursTheirs: b.flag(), OursByGone: b.flag(),
		Creating: b.flag(), Found: b.flag(), Freed: b.flag(),
	}
	f.Theirs, f.TheirsHub = b.value(theirs), b.value(theirsHub)
	f.Ours, f.OursRemote = b.value(ours), b.value(oursRemote)
	f.Seen = testKey().Value(rule.Remote.Type, record.Of(seen))
	f.Told = testKey().Value(hub.Type, record.Of(told))
	f.There = stood(f.Seen, b.flag())
	if b.flag() {
		f.There.Show(testKey().Value(rule.Remote.Type, f.Theirs))
	}
	if b.flag() {
		f.There.Send(f.Told)
	}
	f.Reading = plan.Reading{ByID: b.flag(), Own: b.flag(), Touched: record.Author(b.next(3)), History: record.Author(b.next(3))}
	if b.flag() {
		f.Told = 0
	}
	if b.flag() {
		f.Seen = 0
	}
	return f
}

// sensible makes of a field what an engine can hand in: both forms of a value
// are in the same state, the hub's was read, a new record was not, and only a
// known field was told anything.
func sensible(f plan.Field) plan.Field {
	if !f.Ours.Known() || f.Ours.IsSet() != f.OursRemote.IsSet() || !f.OursRemote.Known() {
		f.Ours, f.OursRemote = record.NullValue(), record.NullValue()
	}
	if f.Theirs.State() != f.TheirsHub.State() {
		f.TheirsHub = f.Theirs
	}
	if f.Creating = f.Creating && f.Direction == fieldmap.Push; f.Creating {
		f.Theirs, f.TheirsHub, f.Seen, f.Lost = record.Value{}, record.Value{}, 0, false
	}
	if f.Seen == 0 {
		f.Told = 0
	}
	if f.Rule.Hub.Owner == "" {
		f.Rule.Owned = false
	}
	return f
}

// FuzzDecide hands in fields in any state, sense or none: nothing panics, and
// the laws hold for whatever makes sense.
func FuzzDecide(f *testing.F) {
	for i, words := range [][6]string{
		{"a", "a", "a", "a", "a", "a"},
		{"b", "b", "a", "a", "a", "a"},
		{"", "", "a", "a", "a", "a"},
		{"+49 30 1234", "+49301234", "030 1234", "x", "", ""},
		{"10.005", "10.01", "10.0", "1e3", "-0", "."},
	} {
		f.Add(uint64(0x123456789abcdef)*uint64(i+1), words[0], words[1], words[2], words[3], words[4], words[5])
		f.Add(^uint64(0)/uint64(i+2), words[0], words[1], words[2], words[3], words[4], words[5])
	}
	f.Fuzz(func(t *testing.T, b uint64, theirs, theirsHub, ours, oursRemote, seen, told string) {
		in := fuzzField(bits(b), theirs, theirsHub, ours, oursRemote, seen, told)
		if v, again := plan.Decide(testKey(), in), plan.Decide(testKey(), in); v != again {
			t.Fatalf("%s, then %s", wordsOf(in, v), wordsOf(in, again))
		}
		in = sensible(in)
		v := plan.Decide(testKey(), in)
		for _, law := range broken(testKey(), in, v) {
			t.Errorf("%s: %s", wordsOf(in, v), law)
		}
	})
}

// FuzzHistory lets the fuzzer choose what happens in a small world.
func FuzzHistory(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07 whatever happened"))
	f.Fuzz(rapid.MakeFuzz(settles))
}

// FuzzMatchHits lets the fuzzer choose what a look-up brings.
func FuzzMatchHits(f *testing.F) {
	f.Add([]byte("\x07\x06\x05\x04\x03\x02\x01\x00 whatever was found"))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { hitLaws(t, drawHits(t)) }))
}
