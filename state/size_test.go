package state_test

import (
	"path/filepath"
	"testing"

	"crmsyncd/state"
)

// TestLinkRowSize holds the size of a merged link of 12 fields on disk, pages
// and all: 250 bytes where told is seen, 350 otherwise.
func TestLinkRowSize(t *testing.T) {
	const rows = 10_000
	for told, limit := range map[bool]float64{false: 250, true: 350} {
		s := open(t, filepath.Join(memoryDir(t), "state.db"))
		l := newLoader(t, s)
		l.told = told
		l.pages(t, rows)
		l.merge(t)
		size := float64(state.BucketBytes(s, "link/qbench/customer")) / rows
		if size > limit || size < 100 {
			t.Errorf("told differs %t: %.0f bytes a link, limit %.0f", told, size, limit)
		}
		view(t, s, func(tx *state.Tx) error {
			if n := tx.Links("qbench", "customer").Open(); n != rows {
				t.Errorf("%d links", n)
			}
			return nil
		})
		sound(t, s)
	}
}
