package state_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

var sameValues = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b record.Value) bool { return a == b }), cmp.Comparer(func(a, b record.There) bool { return a == b })}

func TestValuesRoundTrip(t *testing.T) {
	for _, want := range []record.Value{
		{},
		record.UnreadableValue(), record.NullValue(), record.Of("0012345.0"), record.Of(strings.Repeat("ü", 5000)),
		record.Multi("a", "b"),
	} {
		b := state.AppendString(state.AppendUvarint(state.AppendValue(nil, want), math.MaxUint64), "rest")
		got, b, err := state.ReadValue(b)
		if err != nil || got != want {
			t.Errorf("value: %v %v", got, err)
		}
		n, b, err := state.ReadUvarint(b)
		if err != nil || n != math.MaxUint64 {
			t.Errorf("number: %d %v", n, err)
		}
		s, b, err := state.ReadString(b)
		if err != nil || s != "rest" || len(b) != 0 {
			t.Errorf("text: %q %v", s, err)
		}
	}
}

func sampleHub() state.HubRecord {
	r := state.HubRecord{Number: math.MaxUint64, State: state.HubAlias, AliasOf: 7}
	r.Set(65535, record.Of("last"), 3, math.MaxInt64, 65535)
	r.Set(1, record.Of("x"), 1, math.MinInt64, 0)
	r.Set(2, record.Of("y"), 1, math.MinInt64, 0)
	r.Set(2, record.NullValue(), 2, -1, 9)
	r.Values[0].Evidence = state.Evidence{Grade: state.Certain, From: -5, To: math.MaxInt64 - 5}
	r.Values[1].Override = true
	return r
}

func sampleLink() state.Link {
	l := state.Link{
		Remote: "00Q", State: state.LinkClosed, Origin: state.OriginPerson, Close: state.ClosedByPerson, ClosedAt: -1,
		Successor: "00R", Version: math.MinInt64, Wrote: math.MaxInt64, Raw: math.MaxUint64, Fresh: true,
	}
	for i, f := range []state.LinkField{
		{Seen: 1, Told: 1}, {Seen: 1, Told: 2}, {Seen: 1}, {Told: 2}, {}, {Seen: 5, Told: 5, Sent: true, Shown: true, Note: 127, Text: record.Of("theirs")}, {Note: 9, Text: record.NullValue()},
	} {
		f.Field = state.Num(1 + 9000*i)
		l.Set(f)
	}
	several := record.ReadThere(1)
	several.Send(2)
	several.Show(3)
	several.Send(2)
	for i, there := range []record.There{record.ReadThere(1), record.SentThere(1), record.SentThere(9), several} {
		l.SetStands(state.Num(2+9000*i), there)
	}
	return l
}

func sampleJournal() []state.JournalEntry {
	return []state.JournalEntry{
		{
			Seq: 1, Run: 2, At: -3, Object: "account", Hub: 4, System: 5, Remote: "0014", Flow: state.FlowPush, Field: 6, Rule: 8,
			Old: record.Of("a"), New: record.NullValue(), OldKnown: state.OldRead, Reason: "pulled", Evidence: "certain", Config: 7,
		},
		{Seq: 2, Run: 2, At: -3, Object: "account", Hub: 4, System: 5, Remote: "0014", Field: 7, OldKnown: state.OldOwnLast, New: record.Of("b"), Reason: "pulled", Config: math.MaxUint64},
		{Seq: 3, Run: 2, At: 9, Object: "contact", Hub: 3, Remote: "0012", Old: record.UnreadableValue(), Reason: "pulled"},
		{Seq: 4, Run: 2, At: 9, Object: "contact", Hub: 3, Reason: "created", Sent: []state.SentValue{{Field: 1, Rule: 2, Value: record.Of("c")}, {Field: 9}}},
	}
}

func sampleIntents() []state.Intent {
	return []state.Intent{{Hub: 1, External: "12345.0", At: -1, Sent: []state.LinkField{{Field: 1, Seen: 2, Told: 3, Sent: true}}}, {Hub: 2}, {
		Hub: 3, Remote: "lead_1", Version: -7, Before: []state.IntentField{{Field: 9, Seen: 1, Form: 2}},
	}}
}

func TestPackedRowsRoundTrip(t *testing.T) {
	hub, link, journal, intents := sampleHub(), sampleLink(), sampleJournal(), sampleIntents()
	plan := state.PlanRow{Hub: 1, Digest: 99, Edition: 3, Fields: []state.PlanField{{Name: "name", Old: record.NullValue(), New: record.Of("b"), Reason: 1, Rule: 9}, {}}}
	for name, c := range map[string]struct{ want, got any }{
		"hub":     {hub, state.HubThroughBytes(t, hub)},
		"link":    {link, state.LinkThroughBytes(t, link)},
		"journal": {journal, state.JournalThroughBytes(t, journal)},
		"intents": {intents, state.IntentsThroughBytes(t, intents)},
		"plan":    {plan, state.PlanRowThroughBytes(t, plan)},
	} {
		if diff := cmp.Diff(c.want, c.got, sameValues); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// TestTruncatedRowsAreMalformed: no packed row is right when its end is missing
// or something follows it.
func TestTruncatedRowsAreMalformed(t *testing.T) {
	for kind, b := range state.SampleRows(sampleHub(), sampleLink(), sampleJournal(), sampleIntents()) {
		for n := range b {
			if kind != "spool" && state.Decode(kind, b[:n]) == nil {
				t.Errorf("%s of %d bytes is taken with %d", kind, len(b), n)
			}
		}
		if state.Decode(kind, append(bytes.Clone(b), 0)) == nil {
			t.Errorf("%s is taken with a byte behind it", kind)
		}
		if err := state.Decode(kind, b); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// FuzzDecoders feeds hostile bytes to every decoder of packed rows. None may
// panic, or allocate more than what the bytes can hold.
func FuzzDecoders(f *testing.F) {
	for _, b := range state.SampleRows(sampleHub(), sampleLink(), sampleJournal(), sampleIntents()) {
		f.Add(b)
	}
	f.Add([]byte{1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range state.Kinds() {
			_ = state.Decode(kind, b)
		}
		if v, rest, err := state.ReadValue(b); err == nil && len(rest) > len(b) {
			t.Errorf("value %v left more than there was", v)
		}
		if _, rest, err := state.ReadString(b); err == nil && len(rest) >= len(b) {
			t.Error("a text left as much as there was")
		}
		_, _ = state.ParseHubID(string(b))
	})
}

// FuzzStoredRows puts hostile bytes where a row of each kind is kept: reading it
// is an ErrDamaged, never a panic, another value or a record that is not there.
func FuzzStoredRows(f *testing.F) {
	s := open(f, memoryDir(f)+"/state.db")
	fill(f, s, 1)
	f.Add([]byte{})
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		undo := errors.New("undo")
		err := s.Update(func(tx *state.Tx) error {
			state.SetRaw(tx, "hub/account", state.NumberKey(1), b)
			state.SetRaw(tx, "link/salesforce/Account", state.NumberKey(1), b)
			state.SetRaw(tx, "remote/salesforce/Account", []byte("001000001"), b)
			var rec state.HubRecord
			if _, err := tx.Hub("account").Get(1, &rec); !errors.Is(err, state.ErrDamaged) || rec.ID != 1 || len(rec.Values) != 0 {
				t.Errorf("hub record: %v", err)
			}
			var link state.Link
			if ok, err := tx.Links("salesforce", "Account").Get(1, &link); !ok || !errors.Is(err, state.ErrDamaged) {
				t.Errorf("link: %v %v", ok, err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Errorf("update: %v", err)
		}
	})
}

func TestHubIDsAreText(t *testing.T) {
	if id, err := state.ParseHubID(state.HubID(math.MaxUint64).String()); err != nil || id != math.MaxUint64 {
		t.Errorf("%v %v", id, err)
	}
	for _, bad := range []string{"", "0", "01", "+1", "1.0", "1e3", " 1", "-1", "18446744073709551616"} {
		if id, err := state.ParseHubID(bad); err == nil {
			t.Errorf("%q is taken for %d", bad, id)
		}
	}
}

// TestBlankIsNotUnread: the hub always knows, and what was not read changes
// nothing.
func TestBlankIsNotUnread(t *testing.T) {
	var r state.HubRecord
	if !r.Get(3).IsNull() {
		t.Error("a field that is absent is not null")
	}
	if r.Set(3, record.NullValue(), 1, 1, 1) {
		t.Error("null over nothing is a change")
	}
	if !r.Set(3, record.Of("x"), 1, 1, 1) || r.Set(3, record.Of("x"), 2, 2, 2) {
		t.Error("a change was not told from none")
	}
	for _, v := range []record.Value{{}, record.UnreadableValue()} {
		if r.Set(3, v, 1, 1, 1) || r.Get(3).Text() != "x" {
			t.Errorf("%v changed the value", v)
		}
	}
	if !r.Set(3, record.NullValue(), 4, 5, 6) || !r.Get(3).IsNull() || r.Values[0].Source != 4 {
		t.Errorf("a cleared value: %+v", r.Values)
	}
}
