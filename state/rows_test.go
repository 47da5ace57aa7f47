package state_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// TestPositionsAndBehindFields: how far a route is, and which of its fields are
// behind, lives in the file for each route apart (B3).
func TestPositionsAndBehindFields(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	want := state.Position{
		Number: 7, Cursor: "2026-11-22T10:00:00Z|0015", Fields: map[string]uint64{"account.name": 1 << 63}, Behind: []string{"account.health"},
		PassFrom: 12, Listed: time.Unix(5, 0).UTC(), Took: time.Minute, Complete: true,
	}
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.SetPosition("a", "b/c", state.FlowPush, want), tx.SetPosition("a/b", "c", state.FlowPush, state.Position{Number: 9}))
	})
	s = reopen(t, s)
	view(t, s, func(tx *state.Tx) error {
		got, ok, err := tx.Position("a", "b/c", state.FlowPush)
		if diff := cmp.Diff(want, got); !ok || err != nil || diff != "" {
			t.Errorf("%t %v %s", ok, err, diff)
		}
		if other, _, _ := tx.Position("a/b", "c", state.FlowPush); other.Number != 9 {
			t.Error("two routes share a position")
		}
		if _, ok, err := tx.Position("a", "none", state.FlowPush); ok || err != nil {
			t.Errorf("a position that never was: %t %v", ok, err)
		}
		return nil
	})
}

// TestF8_IntentsOutliveTheProcess: what was about to be created is known after a
// restart, with the digests that were sent, until its outcome is.
func TestF8_IntentsOutliveTheProcess(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	var first, second uint64
	update(t, s, func(tx *state.Tx) (err error) {
		first, err = tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, sampleIntents())
		return err
	})
	update(t, s, func(tx *state.Tx) (err error) {
		second, err = tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, []state.Intent{{Hub: 3, External: "007"}})
		return errors.Join(err, tx.CloseIntents("salesforce", "Account", 99))
	})
	s = reopen(t, s)
	update(t, s, func(tx *state.Tx) error {
		var batches []uint64
		err := tx.Intents("salesforce", "Account", func(batch uint64, _ state.IntentBatch, in []state.Intent) error {
			batches = append(batches, batch)
			if diff := cmp.Diff(sampleIntents(), in, sameValues); batch == first && diff != "" {
				t.Error(diff)
			}
			return tx.CloseIntents("salesforce", "Account", batch) // while walking
		})
		if err != nil || len(batches) != 2 || batches[0] != first || batches[1] != second || second <= first {
			t.Errorf("batches %v: %v", batches, err)
		}
		return tx.Intents("salesforce", "Account", func(uint64, state.IntentBatch, []state.Intent) error { return errors.New("still open") })
	})
	update(t, s, func(tx *state.Tx) error {
		third, err := tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, nil)
		if third <= second {
			t.Errorf("batch number %d is given out again", third)
		}
		return err
	})
}

// TestF9_OneOpenLinkForARemoteRecord: a second claimant is refused, until the
// first link is closed or gone.
func TestF9_OneOpenLinkForARemoteRecord(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	update(t, s, func(tx *state.Tx) error {
		l := tx.Links("sf", "Account")
		if err := l.Put(&state.Link{Hub: 1, Remote: "001"}); err != nil {
			return err
		}
		err := l.Put(&state.Link{Hub: 2, Remote: "001"})
		if !errors.Is(err, state.ErrClaimed) || !strings.Contains(err.Error(), "hub record 1") {
			t.Errorf("second claim: %v", err)
		}
		if err := tx.Links("sf", "Contact").Put(&state.Link{Hub: 2, Remote: "001"}); err != nil {
			t.Errorf("another object: %v", err)
		}
		if err := l.Put(&state.Link{Hub: 1, Remote: "001", State: state.LinkClosed, Close: state.ClosedMerged}); err != nil {
			return err
		}
		if id, ok := l.ByRemote("001"); !ok || id != 1 {
			t.Error("a closed link is not found by its remote id")
		}
		return l.Put(&state.Link{Hub: 2, Remote: "001"})
	})
	update(t, s, func(tx *state.Tx) error {
		l := tx.Links("sf", "Account")
		if err := l.Put(&state.Link{Hub: 1, Remote: "001"}); !errors.Is(err, state.ErrClaimed) {
			t.Errorf("reopened while another has it: %v", err)
		}
		if err := l.Put(&state.Link{Hub: 1}); err == nil {
			t.Error("a link to nothing is taken")
		}
		if err := l.Put(&state.Link{Remote: "002"}); err == nil {
			t.Error("a link of nothing is taken")
		}
		return nil
	})
	sound(t, s)
}

func TestHoldKeepsItsBeginning(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	h := state.Hold{System: "sf", Object: "Contact", Remote: "hub:1", Field: "e/mail", Reason: "conflict", Since: time.Unix(10, 0).UTC(), Event: "a"}
	key := h.Key()
	update(t, s, func(tx *state.Tx) error { return tx.PutHold(h) })
	h.Since, h.Last, h.Attempts, h.Event, h.Candidates = time.Unix(99, 0), time.Unix(99, 0).UTC(), 2, "b", []string{"001", "002"}
	update(t, s, func(tx *state.Tx) error { return tx.PutHold(h) })
	view(t, s, func(tx *state.Tx) error {
		got, ok := tx.Hold(key)
		if !ok || got.Since.Unix() != 10 || got.Last.Unix() != 99 || got.Attempts != 2 || len(got.Candidates) != 2 {
			t.Errorf("%+v", got)
		}
		if len(tx.HoldsFor("a")) != 0 || len(tx.HoldsFor("b")) != 1 {
			t.Error("the index of events is off")
		}
		if len(tx.HoldsOf("sf", "Contact", 0, 1, "")) != 0 {
			t.Error("a remote id is taken for a hub id")
		}
		return nil
	})
}

// TestAbsentRowsLeaveNothingBehind: what was read into a record before does not
// show through when there is no row.
func TestAbsentRowsLeaveNothingBehind(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 1)
	view(t, s, func(tx *state.Tx) error {
		var rec state.HubRecord
		var link state.Link
		for id := state.HubID(1); id <= 2; id++ {
			there, err := tx.Hub("account").Get(id, &rec)
			linked, lerr := tx.Links("salesforce", "Account").Get(id, &link)
			if want := id == 1; there != want || linked != want || err != nil || lerr != nil {
				t.Errorf("record %d: %t %t %v %v", id, there, linked, err, lerr)
			}
		}
		if rec.ID != 2 || len(rec.Values) != 0 || link.Hub != 2 || link.Remote != "" || len(link.Fields) != 0 {
			t.Errorf("left: %+v %+v", rec, link)
		}
		return nil
	})
}

func TestRunsNewestFirst(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	for i := range 5 {
		update(t, s, func(tx *state.Tx) error {
			r := state.Run{System: "sf", Counts: map[string]int{"created": i}}
			if err := tx.NewRun(&r); err != nil {
				return err
			}
			r.Status = fmt.Sprint("done ", r.ID)
			return tx.PutRun(r)
		})
	}
	view(t, s, func(tx *state.Tx) error {
		runs, err := tx.Runs(2)
		if err != nil || len(runs) != 2 || runs[0].ID != 5 || runs[1].Status != "done 4" {
			t.Errorf("%+v %v", runs, err)
		}
		if all, _ := tx.Runs(0); len(all) != 5 {
			t.Errorf("%d runs", len(all))
		}
		if _, ok := tx.Run(6); ok {
			t.Error("a run that never was")
		}
		return nil
	})
}

func TestConfigsAndPlans(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	rows := []state.PlanRow{{Hub: 3, Digest: 1, Fields: fieldsNamed("name")}, {Hub: 1, Digest: 2}}
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.PutConfig(1<<63, []byte("a: 1")), tx.PutConfig(1<<63, []byte("other")),
			tx.PutPlan(state.Plan{ID: "p/1", Rows: 2}), tx.PutPlan(state.Plan{ID: "p"}), tx.AddPlanRows("p/1", rows))
	})
	s = reopen(t, s)
	update(t, s, func(tx *state.Tx) error {
		if string(tx.Config(1<<63)) != "a: 1" || tx.Config(5) != nil {
			t.Error("configurations are not kept by fingerprint")
		}
		if p, ok := tx.Plan("p/1"); !ok || p.Rows != 2 || len(tx.Plans()) != 2 {
			t.Errorf("plan %+v", p)
		}
		var got []state.HubID
		err := tx.EachPlanRow("p/1", func(r state.PlanRow) error {
			got = append(got, r.Hub)
			return nil
		})
		r, ok := tx.PlanRow("p/1", 3)
		if diff := cmp.Diff(rows[0], r, sameValues); err != nil || !ok || diff != "" || len(got) != 2 || got[0] != 1 {
			t.Errorf("rows %v %v %s", got, err, diff)
		}
		return tx.DropPlan("p/1")
	})
	view(t, s, func(tx *state.Tx) error {
		if _, ok := tx.Plan("p/1"); ok || len(tx.Plans()) != 1 {
			t.Error("the plan is still there")
		}
		if _, ok := tx.PlanRow("p/1", 3); ok {
			t.Error("its rows are still there")
		}
		return nil
	})
}

func TestFactsAndStops(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 10)
	update(t, s, func(tx *state.Tx) error { return tx.SetMeta("org", []byte("00D")) })
	update(t, s, func(tx *state.Tx) error { return tx.SetMeta("org", nil) })
	seen := 0
	view(t, s, func(tx *state.Tx) error {
		if tx.Meta("org") != nil {
			t.Error("a removed fact is still there")
		}
		return errors.Join(
			tx.Hub("account").Changes(2, 8, func(n uint64, id state.HubID) error {
				if seen++; n < 3 || n > 8 {
					t.Errorf("change %d is out of range", n)
				}
				if n == 5 {
					return state.ErrStop
				}
				return nil
			}),
			tx.Links("salesforce", "Account").Each(9, func(l *state.Link) error {
				if seen += 10; l.Hub < 9 {
					t.Error("began too early")
				}
				return nil
			}))
	})
	if seen != 23 {
		t.Errorf("walked %d", seen)
	}
}

// TestWalksMaySeeChangesMade: rows may be changed, added and removed while a
// walk is under way; none is skipped or met twice.
func TestWalksMaySeeChangesMade(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 500)
	update(t, s, func(tx *state.Tx) error {
		l, seen := tx.Links("salesforce", "Account"), 0
		err := l.Each(0, func(link *state.Link) error {
			seen++
			if link.Hub%2 == 0 {
				return l.Delete(link.Hub)
			}
			link.Version = -1
			return l.Put(link)
		})
		if seen != 500 || l.Count() != 250 || l.Open() != 250 {
			t.Errorf("walked %d, left %d", seen, l.Count())
		}
		upTo, touched := tx.Counter(), 0
		h := tx.Hub("account")
		return errors.Join(err, h.Changes(0, upTo, func(_ uint64, id state.HubID) error {
			touched++
			return h.Touch(id)
		}), func() error {
			if touched != 500 || tx.Counter() != upTo+500 {
				return fmt.Errorf("touched %d", touched)
			}
			return nil
		}())
	})
	sound(t, s)
}

func TestMigrationsGoForward(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	var ran []int
	run := func(to int) error {
		ran = append(ran, to)
		return nil
	}
	if got, err := state.Migrate(s, 2, []int{2, 3, 4}, run); err != nil || got != 4 || len(ran) != 2 || ran[0] != 3 {
		t.Errorf("format %d, ran %v: %v", got, ran, err)
	}
	if _, err := state.Migrate(s, 1, []int{3}, run); err == nil {
		t.Error("a step was left out")
	}
	if _, err := state.Migrate(s, 1, []int{2}, func(int) error { return errCut }); !errors.Is(err, errCut) {
		t.Errorf("a failed step: %v", err)
	}
}

// fieldsNamed are fields of a plan's row by their names.
func fieldsNamed(names ...string) (out []state.PlanField) {
	for _, n := range names {
		out = append(out, state.PlanField{Name: n, Old: record.Of("old " + n), New: record.NullValue()})
	}
	return out
}
