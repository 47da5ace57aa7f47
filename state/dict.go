package state

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

var errFullDictionary = errors.New("the dictionary of names is full")

// loadNames reads the dictionary, which is small, into memory.
func (s *Store) loadNames(tx *Tx) error {
	s.numbers, s.names = map[string]Num{}, []string{""}
	err := tx.table("name").walk(nil, nil, func(key, payload []byte, damage error) error {
		if damage != nil {
			return damage
		}
		return s.learn(tx, key, string(payload))
	})
	given := tx.counter("name", func() uint64 { return uint64(len(s.names) - 1) })
	if err == nil && given.n != uint64(len(s.names)-1) {
		return &DamageError{Bucket: "name", Problem: "names are missing"}
	}
	return err
}

func (s *Store) learn(tx *Tx, key []byte, name string) error {
	if len(key) != 2 || int(key[0])<<8|int(key[1]) != len(s.names) {
		return tx.table("name").damage(key, "numbers are not in sequence")
	}
	s.numbers[name] = Num(len(s.names))
	s.names = append(s.names, name)
	return nil
}

// Nums returns the dictionary numbers of these names, and gives the new ones
// a number that lasts for good; a reader's new ones last until Close. It must not
// be called inside a transaction.
func (s *Store) Nums(names ...string) ([]Num, error) {
	if nums, all := s.known(names); all {
		return nums, nil
	}
	s.naming.Lock()
	defer s.naming.Unlock()
	if s.opt.ReadOnly {
		return s.borrow(names)
	}
	var added []string
	err := s.Update(func(tx *Tx) error {
		added = nil
		fresh := map[string]bool{}
		for _, name := range names {
			if known, ok := s.known([]string{name}); ok && known[0] != 0 || fresh[name] {
				continue
			}
			fresh[name] = true
			added = append(added, name)
			if err := s.assign(tx, len(added), name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("number the names: %w", err)
	}
	s.mu.Lock()
	for _, name := range added {
		s.numbers[name] = Num(len(s.names))
		s.names = append(s.names, name)
	}
	s.mu.Unlock()
	nums, _ := s.known(names)
	return nums, nil
}

// borrow numbers names for a reader. No row has such a number.
func (s *Store) borrow(names []string) ([]Num, error) {
	s.mu.Lock()
	for _, name := range names {
		if s.numbers[name] == 0 && name != "" && len(s.names) <= math.MaxUint16 {
			s.numbers[name] = Num(len(s.names))
			s.names = append(s.names, name)
		}
	}
	s.mu.Unlock()
	nums, all := s.known(names)
	if !all {
		return nil, fmt.Errorf("number the names: %w, or one is empty", errFullDictionary)
	}
	return nums, nil
}

// assign writes the nth new name of a transaction.
func (s *Store) assign(tx *Tx, nth int, name string) error {
	s.mu.RLock()
	n := len(s.names) + nth - 1
	s.mu.RUnlock()
	if name == "" || n > math.MaxUint16 {
		return fmt.Errorf("%w or %q is no name", errFullDictionary, name)
	}
	tx.counter("name", func() uint64 { return uint64(n - 1) }).next()
	return tx.table("name").put([]byte{byte(n >> 8), byte(n)}, []byte(name))
}

func (s *Store) known(names []string) (nums []Num, all bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	nums, all = make([]Num, len(names)), true
	for i, name := range names {
		nums[i] = s.numbers[name]
		all = all && nums[i] != 0
	}
	return nums, all
}

// Name returns the name behind a dictionary number, empty when there is none.
func (s *Store) Name(n Num) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if int(n) >= len(s.names) {
		return ""
	}
	return s.names[n]
}

// Names returns the names that begin with prefix, by their numbers.
func (s *Store) Names(prefix string) map[Num]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := map[Num]string{}
	for i, name := range s.names {
		if i > 0 && strings.HasPrefix(name, prefix) {
			out[Num(i)] = name
		}
	}
	return out
}
