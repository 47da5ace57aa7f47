package state_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/state"
)

// history makes a state with runs and two kept configurations.
func history(t *testing.T, runs int) *state.Store {
	t.Helper()
	s := open(t, newPath(t))
	update(t, s, func(tx *state.Tx) error {
		for range runs {
			if err := tx.NewRun(&state.Run{System: "qbench", Flow: "pull", Error: fmt.Sprintf("%0200d", runs)}); err != nil {
				return err
			}
		}
		for fp := range uint64(2) {
			if err := tx.PutConfig(fp+1, []byte("x: 1")); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

// C13.3: a damaged run and a damaged kept configuration are left out while the
// store is open, and named and set aside when it is opened again.
func TestC13_3_DamagedHistoryIsSetAside(t *testing.T) {
	s := history(t, 3)
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "run", state.NumberKey(2))
		state.FlipBit(tx, "config", state.NumberKey(1))
		return nil
	})
	ids := func(s *state.Store) (ids []uint64, kept string) {
		update(t, s, func(tx *state.Tx) error {
			runs, err := tx.Runs(0)
			for _, r := range runs {
				ids = append(ids, r.ID)
			}
			kept = string(tx.Config(1)) + "," + string(tx.Config(2))
			return err
		})
		return ids, kept
	}
	look := func(s *state.Store) {
		t.Helper()
		if got, kept := ids(s); !cmp.Equal(got, []uint64{3, 1}) || kept != ",x: 1" {
			t.Errorf("runs %v, configurations %s", got, kept)
		}
	}
	look(s)
	if found, err := s.Verify(t.Context(), nil); err != nil || len(found) != 2 {
		t.Errorf("verify: %v %v", found, err)
	}
	s = reopen(t, s)
	want := []state.Damage{
		{Bucket: "config", Key: "1", Problem: "checksum does not fit"},
		{Bucket: "run", Key: "2", Problem: "checksum does not fit"},
	}
	if d := cmp.Diff(want, s.SetAside()); d != "" {
		t.Error(d)
	}
	look(s)
	sound(t, s)
	s = reopen(t, s)
	if got := s.SetAside(); got != nil {
		t.Errorf("set aside again: %v", got)
	}
	update(t, s, func(tx *state.Tx) error { return tx.PutConfig(1, []byte("x: 2")) })
	if _, kept := ids(s); kept != "x: 2,x: 1" {
		t.Errorf("kept %s", kept)
	}
}

// C13.3: runs that cannot even be walked cost the runs and nothing else.
func TestC13_3_BrokenPagesOfHistory(t *testing.T) {
	s := history(t, 200)
	page := int64(0)
	view(t, s, func(tx *state.Tx) error {
		page = state.RootPage(tx, "run")
		return nil
	})
	if page == 0 {
		t.Fatal("too few runs for a page")
	}
	shut(t, s)
	file, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	copy(file[page*int64(os.Getpagesize()):], bytes.Repeat([]byte{0xff}, 64))
	if err := os.WriteFile(s.Path(), file, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.Path())
	if got := s.SetAside(); len(got) != 1 || got[0].Bucket != "run" {
		t.Fatalf("set aside: %v", got)
	}
	run := state.Run{System: "qbench"}
	update(t, s, func(tx *state.Tx) error { return tx.NewRun(&run) })
	if run.ID != 201 {
		t.Errorf("the next run is %d, want 201", run.ID)
	}
	if found, err := s.VerifyRows(t.Context(), nil); err != nil || len(found) > 0 {
		t.Errorf("rows: %v %v", found, err)
	}
	if s = reopen(t, s); len(s.SetAside()) > 0 {
		t.Errorf("set aside again: %v", s.SetAside())
	}
}
