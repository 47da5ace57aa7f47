package state_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// TestListingFitsOneRevision: a listing is remembered as it was, and where the
// number of the revision is lost, the one that takes its place fits no listing.
func TestListingFitsOneRevision(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 20)
	var kept state.Listing
	update(t, s, func(tx *state.Tx) error {
		kept = state.Listing{Revision: tx.Links("salesforce", "Account").Revision(), Pages: []record.Digest{1, 0, 7}}
		return tx.SetListing("salesforce", "Account", kept)
	})
	if kept.Revision == 0 {
		t.Error("links were made and have no revision")
	}
	view(t, s, func(tx *state.Tx) error {
		if diff := cmp.Diff(kept, tx.Listing("salesforce", "Account")); diff != "" {
			t.Error(diff)
		}
		if got := tx.Listing("salesforce", "Contact"); got.Revision != 0 || len(got.Pages) != 0 {
			t.Errorf("another object has %v", got)
		}
		return nil
	})
	update(t, s, func(tx *state.Tx) error { return state.DropCounts(tx) })
	view(t, s, func(tx *state.Tx) error {
		if now := tx.Links("salesforce", "Account").Revision(); now == kept.Revision {
			t.Error("a lost revision is the one of the listing")
		}
		return nil
	})
	sound(t, s)
}
