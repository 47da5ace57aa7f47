package state_test

import (
	"path/filepath"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

func TestSmoke(t *testing.T) {
	p := filepath.Join(t.TempDir(), "s", "state.db")
	s, err := state.Open(p, state.Options{})
	if err != nil { t.Fatal(err) }
	n, err := s.Nums("a", "b", "a")
	if err != nil { t.Fatal(err) }
	t.Log(n, s.Suspect())
	err = s.Update(func(tx *state.Tx) error {
		h := tx.Hub("account")
		id, _ := h.NextID()
		r := state.HubRecord{ID: id}
		r.Set(n[0], record.Of("x"), n[1], 12, n[1])
		if err := h.Put(&r, []state.IndexKey{{n[0], 77}}); err != nil { return err }
		return tx.Links("sf", "Account").Put(&state.Link{Hub: id, Remote: "001"})
	})
	if err != nil { t.Fatal(err) }
	d, err := s.Verify(t.Context(), nil)
	if err != nil || len(d) > 0 { t.Fatal(err, d) }
	if err := s.Close(); err != nil { t.Fatal(err) }
	s, err = state.Open(p, state.Options{})
	if err != nil { t.Fatal(err) }
	t.Log(s.Suspect(), s.Name(1))
	s.Close()
}
