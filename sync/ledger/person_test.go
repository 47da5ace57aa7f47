package ledger_test

import (
	"slices"
	"testing"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// What a person kept apart stays so, each pair on its own, until a person says
// otherwise.
func TestExclusions(t *testing.T) {
	t.Parallel()
	s := opened(t)
	r := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"})).Route("lab", "customer")
	excluded := func(remote string) (ids []state.HubID) {
		t.Helper()
		if err := s.View(func(tx *state.Tx) error { ids = r.Excluded(tx, remote); return nil }); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	for _, step := range []struct {
		do   func(tx *state.Tx) error
		want []state.HubID
	}{
		{func(tx *state.Tx) error { return r.Exclude(tx, "a", 1) }, []state.HubID{1}},
		{func(tx *state.Tx) error { return r.Exclude(tx, "a", 1) }, []state.HubID{1}},
		{func(tx *state.Tx) error { return r.Exclude(tx, "a", 2) }, []state.HubID{1, 2}},
		{func(tx *state.Tx) error { return r.Include(tx, "a", 3) }, []state.HubID{1, 2}},
		{func(tx *state.Tx) error { return r.Include(tx, "a", 1) }, []state.HubID{2}},
		{func(tx *state.Tx) error { return r.Include(tx, "a", 2) }, nil},
	} {
		if err := s.Update(step.do); err != nil {
			t.Fatal(err)
		}
		if got := excluded("a"); !slices.Equal(got, step.want) {
			t.Errorf("excluded %v, want %v", got, step.want)
		}
		if got := excluded("b"); len(got) > 0 {
			t.Errorf("another record is excluded from %v", got)
		}
	}
}

// A redirect leads to the end of its chain, and a circle of them ends; the hub's count
// leaves them out.
func TestRedirects(t *testing.T) {
	t.Parallel()
	s := opened(t)
	o := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"})).Route("lab", "customer").Hub
	if err := s.Update(func(tx *state.Tx) error {
		for id, to := range map[state.HubID]state.HubID{1: 2, 2: 3, 3: 0, 4: 5, 5: 4} {
			rec := state.HubRecord{ID: id, State: state.HubActive}
			if to != 0 {
				rec.State, rec.AliasOf = state.HubAlias, to
				if err := ledger.NoteMoved(tx, o.Name); err != nil {
					return err
				}
			}
			if err := tx.Hub(o.Name).Put(&rec, nil); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *state.Tx) error {
		for from, want := range map[state.HubID]state.HubID{1: 3, 2: 3, 3: 3, 9: 9} {
			if got, moved := ledger.Redirect(tx, o, from); got != want || moved != (from != want) {
				t.Errorf("%d leads to %d, moved %t", from, got, moved)
			}
		}
		ledger.Redirect(tx, o, 4) // it comes back
		if n := ledger.Records(tx, o.Name); n != 1 {
			t.Errorf("%d records, want 1", n)
		}
		if string(tx.Meta(ledger.Moved(o.Name))) != "4" {
			t.Errorf("moved: %q", tx.Meta(ledger.Moved(o.Name)))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
