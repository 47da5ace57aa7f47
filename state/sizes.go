package state

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
			const pageHeader, rowHeader = 16, 16
			st := t.b.Stats()
			out = append(out, BucketSize{
				Name: t.name, Rows: st.KeyN, Pages: int64(st.BranchAlloc + st.LeafAlloc + st.InlineBucketInuse),
				Packed: int64(st.LeafInuse+st.InlineBucketInuse) - int64(st.LeafPageN+st.InlineBucketN)*pageHeader - int64(st.KeyN)*rowHeader,
			})
		})
		return nil
	})
	return out, err
}
