package state

// PackedSize returns the bytes of the packed rows of a record and its link,
// with their keys and checksums.
func PackedSize(r *HubRecord, l *Link) int64 {
	hub, _ := packHub(nil, r)
	link, _ := packLink(nil, l)
	return int64(len(hub) + len(link) + 2*(8+sumSize))
}

// BucketBytes returns the bytes of all pages of a bucket.
func BucketBytes(s *Store, name string) (n int) {
	_ = s.View(func(tx *Tx) error {
		st := tx.table(name).b.Stats()
		n = st.BranchAlloc + st.LeafAlloc
		return nil
	})
	return n
}
