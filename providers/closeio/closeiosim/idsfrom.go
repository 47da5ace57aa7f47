package closeiosim

// CountIDsFrom makes the ids of records that are made from now on those that
// follow from n and the seed, however many ids the organization itself took. A
// test whose records must have the same ids in every build calls it first.
func (s *Sim) CountIDsFrom(n uint64) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.ids.n = n
}
