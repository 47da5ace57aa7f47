package state_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// The index of a target's keys gives back what was put in, of that key alone,
// and a whole check knows it.
func TestRemoteKeys(t *testing.T) {
	s, err := state.Open(filepath.Join(t.TempDir(), "private", "state.db"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Update(func(tx *state.Tx) error {
		k := tx.RemoteKeys("hubspot", "companies", "domain")
		for _, row := range []struct {
			d  record.Digest
			id string
		}{{7, "101"}, {7, "102"}, {8, "103"}, {7, "101"}} {
			if err := k.Add(row.d, row.id); err != nil {
				return err
			}
		}
		return tx.RemoteKeys("hubspot", "companies", "name").Add(7, "999")
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *state.Tx) error {
		got, err := tx.RemoteKeys("hubspot", "companies", "domain").Find(7)
		if !slices.Equal(got, []string{"101", "102"}) {
			t.Errorf("found %q", got)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if bad, err := s.Verify(context.Background(), nil); err != nil || len(bad) != 0 {
		t.Errorf("verify: %v %v", bad, err)
	}
}
