package state

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Snapshot writes a consistent copy of the state to path while the work goes
// on. The copy is private to its owner, replaces what is at path only once it
// is whole, and is suspect when it is opened in place of the state: by then it
// is older than what the systems hold.
func (s *Store) Snapshot(path string) error {
	if filepath.Clean(path) == s.path {
		return fmt.Errorf("copy the state to %s: that is the state itself", path)
	}
	err := writeAside(path, true, func(tmp *os.File) error {
		if err := s.writeTo(tmp); err != nil {
			return err
		}
		return s.markCopy(tmp.Name())
	})
	if err != nil {
		return fmt.Errorf("copy the state to %s: %w", path, err)
	}
	return nil
}

// Image writes the file to path as it is, damage included, and looks at nothing
// in it. It is to be verified and thrown away.
func (s *Store) Image(path string) error {
	if err := writeAside(path, true, s.writeTo); err != nil {
		return fmt.Errorf("copy the state to %s: %w", path, err)
	}
	return nil
}

func (s *Store) writeTo(f *os.File) error {
	return guard(s.path, func() error {
		return s.db.View(func(b *bbolt.Tx) error {
			_, err := b.WriteTo(f)
			return err
		})
	})
}

func (s *Store) markCopy(path string) error {
	o := s.boltOptions(nil)
	o.ReadOnly, o.MaxSize = false, 0
	return guard(path, func() error {
		db, err := bbolt.Open(path, fileMode, o)
		if err != nil {
			return err
		}
		err = db.Update(func(b *bbolt.Tx) error {
			tx := s.newTx(b, false)
			h, err := tx.header()
			if err != nil {
				return err
			}
			h.Copy = true
			return tx.putHeader(h)
		})
		if cerr := db.Close(); err == nil {
			err = cerr
		}
		return err
	})
}
