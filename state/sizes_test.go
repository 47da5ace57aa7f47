package state_test

import (
	"path/filepath"
	"testing"

	"crmsyncd/state"
)

// TestSizesCountKeysAndValues: what rows take is what was put, with a checksum
// of four bytes each, in a small bucket as in one of many pages.
func TestSizesCountKeysAndValues(t *testing.T) {
	for _, rows := range []int{1, 3000} {
		s := open(t, filepath.Join(memoryDir(t), "state.db"))
		update(t, s, func(tx *state.Tx) error {
			for i := range rows {
				if err := state.PutRow(tx, "fact", state.NumberKey(uint64(i)), make([]byte, 100)); err != nil {
					return err
				}
			}
			return nil
		})
		sizes, err := s.Sizes()
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, b := range sizes {
			if b.Name != "fact" {
				continue
			}
			found = true
			if want := int64(rows * (8 + 100 + 4)); b.Rows != rows || b.Packed != want || b.Pages < want {
				t.Errorf("%+v, want %d rows of %d bytes", b, rows, want)
			}
		}
		if !found {
			t.Errorf("no such bucket in %+v", sizes)
		}
	}
}
