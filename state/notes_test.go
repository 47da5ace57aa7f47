package state_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/state"
)

// Notes to read something again outlive a restart, are made once, and one that
// was made after a mark is not forgotten with those before it.
func TestWakes(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	note := func(kind state.WakeKind, ids ...string) {
		update(t, s, func(tx *state.Tx) error {
			for _, id := range ids {
				if err := tx.Wake("close", "lead", kind, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	noted := func(kind state.WakeKind, limit int) (ids []string) {
		view(t, s, func(tx *state.Tx) (err error) { ids, err = tx.Wakes("close", "lead", kind, limit); return err })
		return ids
	}
	note(state.WakeRecord, "b", "a", "a")
	note(state.WakeParent, "p")
	mark := s.WakeMark()
	note(state.WakeRecord, "c", "a") // a again: it must be read again
	s = reopen(t, s)
	if diff := cmp.Diff([]string{"a", "b", "c"}, noted(state.WakeRecord, 0)); diff != "" {
		t.Error(diff)
	}
	if got := noted(state.WakeRecord, 2); len(got) != 2 {
		t.Errorf("%v, want two of them", got)
	}
	update(t, s, func(tx *state.Tx) error { return tx.UnwakeBefore("close", "lead", state.WakeRecord, mark) })
	if diff := cmp.Diff([]string{"a", "c"}, noted(state.WakeRecord, 0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"p"}, noted(state.WakeParent, 0)); diff != "" {
		t.Error(diff)
	}
	if later := s.WakeMark(); later <= mark {
		t.Errorf("a mark of after the restart lies before one of before: %d %d", later, mark)
	}
	update(t, s, func(tx *state.Tx) error { return tx.Unwake("close", "lead", state.WakeRecord, "a") })
	sound(t, s)
	update(t, s, func(tx *state.Tx) error { return tx.UnwakeAll("close", "lead") })
	if left := append(noted(state.WakeRecord, 0), noted(state.WakeParent, 0)...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What the calendar is waited for comes due on its day and not before, the
// oldest first, and what is due at once before all.
func TestFlips(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	update(t, s, func(tx *state.Tx) error {
		for id, day := range []string{"2026-11-23", "2026-11-22", "", "2026-11-22"} {
			if err := tx.Flip("account", day, state.HubID(id+1)); err != nil {
				return err
			}
		}
		return tx.Flip("contact", "", 9)
	})
	s = reopen(t, s)
	due := func(today string) (ids []state.HubID) {
		view(t, s, func(tx *state.Tx) error {
			return tx.Flips("account", today, func(_ string, id state.HubID) error { ids = append(ids, id); return nil })
		})
		return ids
	}
	for today, want := range map[string][]state.HubID{"2026-11-21": {3}, "2026-11-22": {3, 2, 4}, "2026-12-01": {3, 2, 4, 1}} {
		if diff := cmp.Diff(want, due(today)); diff != "" {
			t.Errorf("%s: %s", today, diff)
		}
	}
	update(t, s, func(tx *state.Tx) error { return tx.Unflip("account", "", 3) })
	if diff := cmp.Diff([]state.HubID{2, 4}, due("2026-11-22")); diff != "" {
		t.Error(diff)
	}
	sound(t, s)
}

// The index of whose a record is tells the children of one parent and no other.
func TestChildren(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	update(t, s, func(tx *state.Tx) error {
		for child, parent := range map[state.HubID]state.HubID{1: 7, 2: 7, 3: 8, 300: 7} {
			if err := tx.PutChild("opportunity", parent, child); err != nil {
				return err
			}
		}
		if err := errors.Join(tx.PutChild("opportunity", 7, 1), tx.DropChild("opportunity", 7, 2), tx.PutChild("opportunity", 8, 4)); err != nil {
			return err
		}
		var now []state.HubID
		err := tx.Children("opportunity", 8, func(id state.HubID) error { now = append(now, id); return nil })
		if diff := cmp.Diff([]state.HubID{3, 4}, now); diff != "" {
			t.Errorf("within the transaction: %s", diff)
		}
		return errors.Join(err, tx.DropChild("opportunity", 8, 4))
	})
	s = reopen(t, s)
	children := func(parent state.HubID) (ids []state.HubID) {
		view(t, s, func(tx *state.Tx) error {
			return tx.Children("opportunity", parent, func(id state.HubID) error { ids = append(ids, id); return nil })
		})
		return ids
	}
	for parent, want := range map[state.HubID][]state.HubID{7: {1, 300}, 8: {3}, 9: nil} {
		if diff := cmp.Diff(want, children(parent)); diff != "" {
			t.Errorf("parent %d: %s", parent, diff)
		}
	}
	sound(t, s)
	update(t, s, func(tx *state.Tx) error { return tx.DropChildren("opportunity") })
	if left := children(7); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
