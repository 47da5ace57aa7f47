package state_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// journalOf are n entries of one run about ten records of two objects.
func journalOf(run uint64, n int, at int64) (entries []state.JournalEntry) {
	for i := range n {
		entries = append(entries, state.JournalEntry{
			Run: run, At: at, Object: []string{"account", "contact"}[i%2], Hub: state.HubID(i%10 + 1), System: 1, Field: 2,
			Remote: fmt.Sprint("r", i%10), New: record.Of(fmt.Sprint("value ", i)), Reason: "pulled", Config: 9,
		})
	}
	return entries
}

// pushed is one field that was written, with its old value as far as it is
// given.
func pushed(run uint64, hub state.HubID, field state.Num, at int64, old, value string) state.JournalEntry {
	e := state.JournalEntry{
		Run: run, At: at, Object: "account", Hub: hub, System: 3, Remote: fmt.Sprint("r", hub), Flow: state.FlowPush,
		Field: field, Rule: field + 100, New: record.Of(value), Reason: "source_changed", Config: 9, OldKnown: state.OldOwnLast,
	}
	if old != "" {
		e.Old, e.OldKnown = record.Of(old), state.OldRead
	}
	return e
}

func journal(t testing.TB, s *state.Store, entries ...state.JournalEntry) {
	t.Helper()
	update(t, s, func(tx *state.Tx) error { return tx.Journal(entries) })
}

// listed are the entries that a question finds.
func listed(t testing.TB, s *state.Store, object string, hub state.HubID, run uint64) (got []state.JournalEntry) {
	t.Helper()
	view(t, s, func(tx *state.Tx) error {
		return tx.EachJournal(object, hub, run, func(e state.JournalEntry) error {
			got = append(got, e)
			return nil
		})
	})
	return got
}

// TestJournalByRecordAndByRun asks for what is written in many transactions,
// large and small, so that postings stand in the index and in its short list.
func TestJournalByRecordAndByRun(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	var all []state.JournalEntry
	for part := range 700 {
		n := 3
		if part%100 == 50 {
			n = 1500
		}
		entries := journalOf(uint64(part/300+1), n, int64(part))
		for i := range entries {
			entries[i].Hub = state.HubID((part*7919+i)%20_000 + 1)
		}
		update(t, s, func(tx *state.Tx) error { return tx.Journal(entries) })
		all = append(all, entries...)
	}
	s = reopen(t, s)
	sound(t, s)
	type question struct {
		object string
		hub    state.HubID
		run    uint64
	}
	asked := []question{{}, {object: "account"}, {hub: all[4].Hub}, {run: 2}, {"account", all[0].Hub, 1}, {object: "none"}, {"none", 1, 0}}
	for i := 0; i < len(all); i += 97 {
		asked = append(asked, question{all[i].Object, all[i].Hub, 0})
	}
	for _, q := range asked {
		var want []state.JournalEntry
		for _, e := range all {
			if (q.object == "" || e.Object == q.object) && (q.hub == 0 || e.Hub == q.hub) && (q.run == 0 || e.Run == q.run) {
				want = append(want, e)
			}
		}
		if diff := cmp.Diff(want, listed(t, s, q.object, q.hub, q.run), sameValues); diff != "" {
			t.Errorf("%+v: %s", q, diff)
		}
	}
	for i, e := range all {
		if e.Seq != uint64(i+1) {
			t.Fatalf("entry %d has the number %d", i+1, e.Seq)
		}
	}
}

// TestJournalOfRunGoesOn: a run's entries are read in parts, from each of them.
func TestJournalOfRunGoesOn(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	for range 5 {
		journal(t, s, journalOf(1, 100, 1)...)
		journal(t, s, journalOf(2, 30, 1)...)
	}
	want := listed(t, s, "", 0, 1)
	for _, part := range []int{1, 7, 100, 250} {
		var got []state.JournalEntry
		for more := true; more; {
			more = false
			after := uint64(0)
			if len(got) > 0 {
				after = got[len(got)-1].Seq
			}
			view(t, s, func(tx *state.Tx) error {
				n := 0
				return tx.JournalOfRun(1, after, nil, func(e state.JournalEntry) error {
					if n++; n > part {
						more = true
						return state.ErrStop
					}
					got = append(got, e)
					return nil
				})
			})
		}
		if diff := cmp.Diff(want, got, sameValues); diff != "" || len(got) != 500 {
			t.Errorf("in parts of %d: %s", part, diff)
		}
	}
}

// TestJournalSeesItsOwnTransaction: what a transaction journaled is found within
// it.
func TestJournalSeesItsOwnTransaction(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	journal(t, s, pushed(1, 7, 1, 1, "", "a"))
	update(t, s, func(tx *state.Tx) error {
		if err := tx.Journal([]state.JournalEntry{pushed(2, 7, 1, 1, "", "b")}); err != nil {
			return err
		}
		for _, run := range []uint64{0, 2} {
			var got []string
			err := tx.EachJournal("account", 7, run, func(e state.JournalEntry) error {
				got = append(got, e.Old.Text()+">"+e.New.Text())
				return nil
			})
			if want := []string{">a", "a>b"}[min(run, 1):]; err != nil || !slices.Equal(got, want) {
				t.Errorf("run %d: %q %v, want %q", run, got, err, want)
			}
		}
		return nil
	})
}

// TestJournalOwnLast: an old value that is our own last is what the entry before
// says was sent to that very field of that very record, a create's values too.
func TestJournalOwnLast(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	made := pushed(1, 1, 0, 1, "", "")
	made.New, made.OldKnown, made.Rule = record.Value{}, state.OldUnknown, 0
	made.Sent = []state.SentValue{{Field: 5, Rule: 105, Value: record.Of("made")}, {Field: 6, Rule: 106, Value: record.NullValue()}}
	other, taken, moved := pushed(2, 1, 5, 2, "", "by another rule"), pushed(2, 1, 5, 2, "x", "taken"), pushed(4, 1, 5, 4, "", "elsewhere")
	other.Rule, taken.Flow, moved.Remote = 999, state.FlowPull, "another"
	journal(t, s, made)
	made.Sent[0].Value = record.Of("used again") // the caller's list is its own
	journal(t, s, other, taken, pushed(2, 1, 5, 2, "", "second"), pushed(2, 1, 6, 2, "", "filled"), pushed(2, 1, 7, 2, "", "first"))
	journal(t, s, pushed(3, 1, 5, 3, "theirs", "third"), pushed(3, 2, 5, 3, "", "of another record"))
	journal(t, s, moved, pushed(4, 1, 5, 4, "", "fourth"))
	var got []string
	for _, e := range listed(t, s, "", 0, 0) {
		old := e.Old.Text()
		if e.Old.State() == record.Null {
			old = "null"
		}
		got = append(got, fmt.Sprintf("%s %s>%s", e.OldKnown, old, e.New.Text()))
	}
	want := []string{
		"unknown >", "own_last >by another rule", "read x>taken", "own_last made>second", "own_last null>filled", "own_last >first",
		"read theirs>third", "own_last >of another record", "own_last >elsewhere", "own_last third>fourth",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func prune(t testing.TB, s *state.Store, keep time.Duration, most int64, now int64) {
	t.Helper()
	if err := s.PruneJournal(t.Context(), state.JournalLimits{Keep: keep, Max: most}, time.Unix(now, 0)); err != nil {
		t.Fatal(err)
	}
}

// runsOf counts entries by run.
func runsOf(entries []state.JournalEntry) map[uint64]int {
	n := map[uint64]int{}
	for _, e := range entries {
		n[e.Run]++
	}
	return n
}

// TestC12_4_JournalRetention: whole runs go, the oldest first, by age and by
// size; the latest run stays whatever it takes; the limits may be none.
func TestC12_4_JournalRetention(t *testing.T) {
	const now = 1_000_000
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	for run := uint64(1); run <= 7; run += 2 {
		at := now - 5000 + 500*int64(run)
		for part := range 12 { // two runs at a time
			journal(t, s, journalOf(run, 100, at+int64(part))...)
			journal(t, s, journalOf(run+1, 10, at)...)
			if run == 1 && part < 3 {
				journal(t, s, journalOf(0, 1, at)...)
			}
		}
	}
	want := map[uint64]int{0: 3, 1: 1200, 2: 120, 3: 1200, 4: 120, 5: 1200, 6: 120, 7: 1200, 8: 120}
	check := func(what string, gone ...uint64) {
		t.Helper()
		for _, run := range gone {
			delete(want, run)
		}
		if got := runsOf(listed(t, s, "", 0, 0)); !maps.Equal(got, want) {
			t.Errorf("%s: left %v, want %v", what, got, want)
		}
		for run, n := range want {
			if got := len(listed(t, s, "", 0, run)); got != n && run != 0 {
				t.Errorf("%s: run %d has %d entries, want %d", what, run, got, n)
			}
		}
		view(t, s, func(tx *state.Tx) error {
			if n, size := state.JournalValues(tx); (n == 0) != (size == 0) {
				t.Errorf("%s: %d values of %d bytes", what, n, size)
			}
			return nil
		})
		sound(t, s)
	}
	prune(t, s, 0, 0, now)
	check("no limits")
	prune(t, s, 4000*time.Second, 0, now)
	check("by age", 0, 1, 2)
	view(t, s, func(tx *state.Tx) error {
		_, size := state.JournalValues(tx)
		prune(t, s, 0, int64(size)-1, now)
		return nil
	})
	check("a byte too much", 3)
	prune(t, s, 0, 1, now)
	check("by a tiny size", 4, 5, 6, 7)
	prune(t, s, time.Second, 0, now+100_000)
	check("all", 8)
	e := journalOf(99, 1, 1)
	update(t, s, func(tx *state.Tx) error { return tx.Journal(e) })
	if e[0].Seq != 5284 {
		t.Errorf("the number %d is given out again", e[0].Seq)
	}
}

// TestC12_4_TheNewestEntryOfAFieldStays: retention takes old values away, and
// leaves what tells our own last.
func TestC12_4_TheNewestEntryOfAFieldStays(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	made := pushed(1, 1, 0, 10, "", "")
	made.New, made.OldKnown, made.Rule = record.Value{}, state.OldUnknown, 0
	made.Sent = []state.SentValue{{Field: 5, Rule: 105, Value: record.Of("made 5")}, {Field: 6, Rule: 106, Value: record.Of("made 6")}}
	journal(t, s, made, pushed(1, 1, 7, 10, "secret old", "first 7"), pushed(1, 2, 7, 10, "", "other record"))
	journal(t, s, pushed(2, 1, 5, 20, "read", "second 5"), pushed(2, 1, 6, 20, "", "second 6"))
	journal(t, s, pushed(3, 1, 7, 30, "read", "second 7"), pushed(3, 1, 6, 30, "", "third 6"))
	show := func() (out []string) {
		for _, hub := range []state.HubID{1, 2} {
			for _, e := range listed(t, s, "account", hub, 0) {
				out = append(out, fmt.Sprintf("%d: %d.%d %s>%s", e.Run, hub, e.Field, e.Old.Text(), e.New.Text()))
			}
		}
		return out
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, show()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		sound(t, s)
	}
	// Of run 1 the value of 6 stays, for the entry of run 2 says that it was ours,
	// and the newest of 7 of the other record. 5 and 7 have newer ones.
	prune(t, s, 15*time.Second, 0, 30)
	expect("without run 1", "1: 1.6 >made 6", "2: 1.5 read>second 5", "2: 1.6 made 6>second 6",
		"3: 1.7 read>second 7", "3: 1.6 second 6>third 6", "1: 2.7 >other record")
	prune(t, s, 5*time.Second, 0, 30)
	expect("without run 2", "2: 1.5 >second 5", "2: 1.6 >second 6", "3: 1.7 read>second 7", "3: 1.6 second 6>third 6", "1: 2.7 >other record")
	prune(t, s, time.Second, 0, 40)
	expect("without any", "2: 1.5 >second 5", "3: 1.7 >second 7", "3: 1.6 >third 6", "1: 2.7 >other record")
	// What comes later tells its old value by them, and they go once nobody needs
	// them.
	journal(t, s, pushed(4, 1, 5, 50, "", "fourth 5"), pushed(4, 1, 6, 50, "read", "fourth 6"))
	prune(t, s, 30*time.Second, 0, 50)
	expect("with run 4", "2: 1.5 >second 5", "3: 1.7 >second 7", "4: 1.5 second 5>fourth 5", "4: 1.6 read>fourth 6", "1: 2.7 >other record")
	prune(t, s, 30*time.Second, 0, 90)
	expect("at last", "3: 1.7 >second 7", "4: 1.5 >fourth 5", "4: 1.6 >fourth 6", "1: 2.7 >other record")
}

// TestC12_4_OldRunsGo: a run that is too old goes with its entries; one that is
// not stays, and so does the latest.
func TestC12_4_OldRunsGo(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	for i := range int64(4) {
		update(t, s, func(tx *state.Tx) error {
			r := state.Run{Started: time.Unix(100*i, 0), Ended: time.Unix(100*i+10, 0)}
			if err := tx.NewRun(&r); err != nil || i == 1 {
				return err
			}
			return tx.Journal(journalOf(r.ID, 5, 100*i))
		})
	}
	ids := func() (ids []uint64) {
		view(t, s, func(tx *state.Tx) error {
			runs, err := tx.Runs(0)
			for _, r := range runs {
				ids = append(ids, r.ID)
			}
			return err
		})
		return ids
	}
	prune(t, s, 0, 1, 1000)
	if got := ids(); !slices.Equal(got, []uint64{4, 3, 2, 1}) {
		t.Errorf("by size: runs %v", got)
	}
	prune(t, s, 100*time.Second, 0, 250)
	if got := ids(); !slices.Equal(got, []uint64{4, 3}) {
		t.Errorf("by age: runs %v", got)
	}
	prune(t, s, 100*time.Second, 0, 10_000)
	if got := ids(); !slices.Equal(got, []uint64{4}) {
		t.Errorf("all are old: runs %v", got)
	}
}

// TestC12_4_PruneCutOffAnywhere cuts a prune at each of its commits: the next one
// ends where it would have, no run is half there for good, and what was kept is
// there at each moment.
func TestC12_4_PruneCutOffAnywhere(t *testing.T) {
	prepare := func(cut *int) *state.Store {
		s, err := state.Open(filepath.Join(memoryDir(t), "state.db"), state.Options{BeforeCommit: func() error {
			if *cut--; *cut == 0 {
				return errCut
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		*cut = -1
		for run := uint64(1); run <= 4; run++ {
			update(t, s, func(tx *state.Tx) error {
				return tx.NewRun(&state.Run{Started: time.Unix(int64(run), 0), Ended: time.Unix(int64(run), 1)})
			})
			var entries []state.JournalEntry
			for i := range 3000 {
				entries = append(entries, pushed(run, state.HubID(i*3+1), state.Num(run%2+1), int64(run), "", fmt.Sprint("value ", i)))
			}
			journal(t, s, entries...)
		}
		return s
	}
	sum := func(s *state.Store) map[string]int {
		got := map[string]int{}
		view(t, s, func(tx *state.Tx) error {
			state.EachName(tx, func(name string, rows int) { got[name] = rows })
			return nil
		})
		delete(got, "fact") // empty, where nothing was cut
		delete(got, "meta")
		return got
	}
	limits, now := state.JournalLimits{Keep: 2 * time.Second}, time.Unix(5, 0)
	never := -1
	whole := prepare(&never)
	if err := whole.PruneJournal(t.Context(), limits, now); err != nil {
		t.Fatal(err)
	}
	want := sum(whole)
	if n := len(listed(t, whole, "", 0, 0)); n != 6000 || want["journalkept/account"] != 6000 {
		t.Fatalf("%d entries are left, %v", n, want)
	}
	for at := 1; ; at++ {
		cut := -1
		s := prepare(&cut)
		cut = at
		err := s.PruneJournal(t.Context(), limits, now)
		if cut > 0 {
			if at < 5 {
				t.Errorf("a prune of %d commits", at-1)
			}
			break
		}
		if !errors.Is(err, errCut) {
			t.Fatalf("cut at %d: %v", at, err)
		}
		sound(t, s)
		for _, hub := range []state.HubID{1, 1501, 8998} {
			if got := listed(t, s, "account", hub, 0); len(got) != 4 || got[2].Old != got[0].New || got[3].Old != got[1].New {
				t.Errorf("cut at %d: hub record %d has %v", at, hub, got)
			}
		}
		s = reopen(t, s)
		if err := s.PruneJournal(t.Context(), limits, now); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, sum(s)); diff != "" {
			t.Errorf("cut at %d: %s", at, diff)
		}
		sound(t, s)
	}
}

// TestJournalOfFormat1: values of the former format are read as they are, and
// found by both indexes once these were made.
func TestJournalOfFormat1(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	old := append(journalOf(1, 12, 5), journalOf(2, 12, 6)...)
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(state.JournalAsBefore(tx, old[:7]), state.JournalAsBefore(tx, old[7:]))
	})
	if diff := cmp.Diff(old, listed(t, s, "", 0, 0), sameValues); diff != "" {
		t.Fatal(diff)
	}
	update(t, s, state.MigrateJournal)
	sound(t, s)
	added := pushed(3, 3, 2, 7, "", "new")
	journal(t, s, added)
	if got := runsOf(listed(t, s, "account", 3, 0)); !maps.Equal(got, map[uint64]int{1: 1, 2: 1, 3: 1}) {
		t.Errorf("by record: %v", got)
	}
	if got := listed(t, s, "", 0, 2); len(got) != 12 || got[0].Seq != 13 {
		t.Errorf("by run: %d entries", len(got))
	}
	prune(t, s, time.Second, 0, 1000)
	if got := listed(t, s, "", 0, 0); len(got) != 0 {
		t.Errorf("%d entries are left", len(got))
	}
	sound(t, s)
}

// TestDamagedJournalIndex: what a damaged row of an index names is reported,
// never taken for nothing.
func TestDamagedJournalIndex(t *testing.T) {
	for _, bucket := range []string{"journalrun", "journalnew/account", "journalof/account", "journalkept/account"} {
		s := open(t, filepath.Join(memoryDir(t), "state.db"))
		journal(t, s, pushed(1, 1, 1, 1, "", "a"))
		prune(t, s, time.Second, 0, 10)
		many := journalOf(2, 5000, 20)
		for i := range many {
			many[i].Hub = state.HubID(i + 1)
		}
		journal(t, s, many...)
		journal(t, s, pushed(3, 1, 1, 30, "", "b"))
		update(t, s, func(tx *state.Tx) error {
			for _, key := range state.Keys(tx, bucket) {
				state.FlipBit(tx, bucket, key)
			}
			return nil
		})
		hub, run := state.HubID(1), uint64(0)
		if bucket == "journalrun" {
			hub, run = 0, 3
		}
		err := s.View(func(tx *state.Tx) error {
			return tx.EachJournal("account", hub, run, func(state.JournalEntry) error { return nil })
		})
		if !errors.Is(err, state.ErrDamaged) {
			t.Errorf("%s: %v", bucket, err)
		}
		if found, err := s.Verify(t.Context(), nil); err != nil || len(found) == 0 {
			t.Errorf("%s: verify finds %v %v", bucket, found, err)
		}
		prune(t, s, time.Second, 0, 1000)
	}
}

// TestJournalOfManyRecords fills the short list again and again, so that it is
// brought into the index, while the oldest are pruned.
func TestJournalOfManyRecords(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	at := int64(0)
	for range 1100 {
		at++
		journal(t, s, pushed(uint64(at), state.HubID(at%40*1000+1), 1, at, "", fmt.Sprint(at)))
		if at%200 == 0 {
			prune(t, s, 300*time.Second, 0, at)
		}
	}
	sound(t, s)
	for i := range int64(40) {
		got := listed(t, s, "account", state.HubID(i*1000+1), 0)
		if len(got) < 7 || len(got) > 12 {
			t.Fatalf("record %d has %d entries", i, len(got))
		}
		for j, e := range got {
			if j > 0 && e.Old != got[j-1].New {
				t.Errorf("record %d: %s > %s after %s", i, e.Old.Text(), e.New.Text(), got[j-1].New.Text())
			}
		}
	}
}

// C12.4, C17.6: a clock that is set years forward makes no history old; after a real
// pause the age counts again, as soon as the runs go on steadily.
func TestC12_4_JumpedClockPrunesNothing(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	now, id := time.Unix(1_000_000_000, 0), uint64(0)
	ran := func() {
		t.Helper()
		id++
		update(t, s, func(tx *state.Tx) error { return tx.PutRun(state.Run{ID: id, System: "qbench", Started: now}) })
		journal(t, s, journalOf(id, 3, now.Unix())...)
		prune(t, s, 400*24*time.Hour, 0, now.Unix())
	}
	for range 5 {
		ran()
		now = now.Add(time.Hour)
	}
	now = now.AddDate(15, 0, 0)
	ran()
	now = now.AddDate(-15, 0, 0)
	ran()
	if got := runsOf(listed(t, s, "", 0, 0)); len(got) != 7 {
		t.Fatalf("of 7 runs %v are left", got)
	}
	now = now.AddDate(2, 0, 0)
	for range 100 {
		ran()
		now = now.Add(time.Hour)
	}
	got := runsOf(listed(t, s, "", 0, 0))
	for run := uint64(1); run <= 7; run++ {
		if got[run] > 0 {
			t.Errorf("run %d is left after two years", run)
		}
	}
}
