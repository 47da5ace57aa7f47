package state

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Where damaged history goes: rows into one bucket, and a whole bucket that
// cannot be walked into one of its own, whose rows nobody reads.
const (
	asideRows    = "aside"
	asideBuckets = "lost/"
)

// history names the buckets that nothing decides by: they are for people to
// read. Damage in them costs a line of the past and never the work.
func history() []string { return []string{"config", "run"} }

// SetAside returns the damaged runs and kept configurations that this opening
// took out of the way. Everything works on without them.
func (s *Store) SetAside() []Damage { return s.aside }

// setAside takes damaged history out of the way. What it was is remembered for
// SetAside; where nothing is damaged, nothing is written.
func (s *Store) setAside() error {
	var broken []string
	var rows []Damage
	keys := map[string][][]byte{}
	for _, name := range history() {
		found, err := s.damagedRows(name)
		switch {
		case errors.Is(err, ErrDamaged):
			broken = append(broken, name)
			rows = append(rows, Damage{Bucket: name, Problem: "its rows cannot be read: " + err.Error()})
		case err != nil:
			return err
		}
		for _, key := range found {
			keys[name] = append(keys[name], key)
			rows = append(rows, Damage{Bucket: name, Key: keyText(key), Problem: "checksum does not fit"})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	err := s.db.Update(func(b *bbolt.Tx) error {
		tx := s.newTx(b, false)
		for _, name := range broken {
			if err := tx.loseBucket(name); err != nil {
				return err
			}
			delete(keys, name)
		}
		for name, of := range keys {
			for _, key := range of {
				if err := tx.loseRow(name, key); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set damaged history aside: %w", err)
	}
	s.aside = rows
	return nil
}

// damagedRows returns the keys of the damaged rows of a bucket. A bucket that
// cannot be walked is an ErrDamaged.
func (s *Store) damagedRows(name string) (keys [][]byte, err error) {
	err = guard(s.path, func() error {
		return s.db.View(func(b *bbolt.Tx) error {
			return s.newTx(b, false).table(name).walk(nil, nil, func(key, _ []byte, damage error) error {
				if damage != nil {
					keys = append(keys, append([]byte{}, key...))
				}
				return nil
			})
		})
	})
	return keys, err
}

// loseRow keeps what a damaged row holds under another name.
func (tx *Tx) loseRow(name string, key []byte) error {
	t := tx.table(name)
	if err := tx.table(asideRows).put(append([]byte(name+"/"), key...), t.raw(key)); err != nil {
		return err
	}
	return t.del(key)
}

// loseBucket moves a bucket away without a look at its pages.
func (tx *Tx) loseBucket(name string) error {
	for n := 1; ; n++ {
		place := []byte(fmt.Sprintf("%s%d", asideBuckets, n))
		if tx.b.Bucket(place) != nil {
			continue
		}
		to, err := tx.b.CreateBucket(place)
		if err != nil {
			return err
		}
		return tx.b.MoveBucket([]byte(name), nil, to)
	}
}
