package closeiosim

import "fmt"

// Insert makes a record of a kind (lead, contact, opportunity, task) as a person
// would and returns its id. Unlike the Add methods it returns what Close would
// refuse.
func (s *Sim) Insert(object string, f Fields) (string, error) {
	k, known := kindNamed(object)
	if !known {
		return "", fmt.Errorf("make a record: no object %q", object)
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	id, err := s.store.add(k, f)
	if err != nil {
		return "", fmt.Errorf("make a %s: %w", object, err)
	}
	return id, nil
}
