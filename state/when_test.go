package state_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"crmsyncd/state"
)

// TestUndoneNoteIsTakenAgain: a note of the time that was undone with its
// transaction was never taken, and the next transaction takes it.
func TestUndoneNoteIsTakenAgain(t *testing.T) {
	now, full := time.Unix(36_000, 0), false
	errFull := errors.New("the disk is full")
	s, err := state.Open(filepath.Join(memoryDir(t), "private", "state.db"), state.Options{
		Now: func() time.Time { return now },
		BeforeCommit: func() error {
			if full {
				return errFull
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	change := func(id state.HubID) error {
		return s.Update(func(tx *state.Tx) error { return tx.Hub("account").Put(&state.HubRecord{ID: id}, nil) })
	}
	if err := change(1); err != nil {
		t.Fatal(err)
	}
	now, full = now.Add(2*time.Hour), true
	if err := change(2); !errors.Is(err, errFull) {
		t.Fatalf("on a full disk: %v", err)
	}
	now, full = now.Add(10*time.Second), false
	if err := change(2); err != nil {
		t.Fatal(err)
	}
	view(t, s, func(tx *state.Tx) error {
		if at := tx.TimeOf(tx.Counter()); !at.Equal(now) {
			t.Errorf("change %d was at %s, not at %s", tx.Counter(), now, at)
		}
		return nil
	})
}
