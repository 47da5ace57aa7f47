package state

import (
	"slices"
	"strings"
)

// BucketSize is what the rows of one kind take.
type BucketSize struct {
	Name   string
	Rows   int
	Packed int64 // keys and values
	Pages  int64 // on disk, with what is free in their pages
}

// Sizes returns what takes the room in the state file, by bucket. It reads
// every page.
func (s *Store) Sizes() ([]BucketSize, error) {
	var out []BucketSize
	err := s.View(func(tx *Tx) error {
		tx.eachTable("", func(t *table) {
			one := t.size()
			i := slices.IndexFunc(out, func(b BucketSize) bool { return b.Name == one.Name })
			if i < 0 {
				out = append(out, one)
				return
			}
			out[i].Rows += one.Rows
			out[i].Packed += one.Packed
			out[i].Pages += one.Pages
		})
		return nil
	})
	return out, err
}

// size is what the rows of a table take. A spare bucket has the name of the one
// that it is to replace.
func (t *table) size() BucketSize {
	const pageHeader, rowHeader = 16, 16
	st := t.b.Stats()
	return BucketSize{
		Name: strings.TrimSuffix(t.name, spareSuffix), Rows: st.KeyN, Pages: int64(st.BranchAlloc + st.LeafAlloc + st.InlineBucketInuse),
		Packed: int64(st.LeafInuse+st.InlineBucketInuse) - int64(st.LeafPageN+st.InlineBucketN)*pageHeader - int64(st.KeyN)*rowHeader,
	}
}
