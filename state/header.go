package state

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"crmsyncd/fieldmap/record"
)

// header is what the file says about itself.
type header struct {
	Format     int
	Install    string
	Key        [16]byte
	Generation uint64
	Suspect    string
	Copy       bool // written by Snapshot and not yet opened for work

	fresh bool // made by this Open
}

// headerKey is the one row of the bucket meta.
const headerKey = "header"

func newHeader(suspect string) header {
	h := header{Format: format, Generation: 1, Suspect: suspect}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the process instead
	_, _ = rand.Read(h.Key[:])
	h.Install = hex.EncodeToString(id[:])
	return h
}

func (tx *Tx) putHeader(h header) error { return tx.table("meta").putJSON([]byte(headerKey), h) }

func (tx *Tx) header() (header, error) {
	var h header
	t := tx.table("meta")
	ok, err := t.getJSON([]byte(headerKey), &h)
	if err != nil {
		return h, err
	}
	if !ok {
		return h, &DamageError{Bucket: t.name, Problem: "this is not a state file of crmsyncd"}
	}
	if h.Format > format {
		return h, fmt.Errorf("%w (format %d, this one knows %d); install that version or restore an older copy",
			ErrNewerFormat, h.Format, format)
	}
	if h.Format < 1 || h.Install == "" {
		return h, t.damage([]byte(headerKey), "no format or install id")
	}
	return h, nil
}

// Key returns the key that this installation's digests are made with.
func (s *Store) Key() record.Key { return record.NewKey(s.header().Key) }

// format is the format that this version writes. A file of an older one is
// brought up to it, one step at a time; there is no way back.
const format = 2

// migration brings a file from the format before to this one.
type migration struct {
	to  int
	run func(*Tx) error
}

// migrations lists all steps in order.
func migrations() []migration { return []migration{{to: 2, run: migrateTwo}} }

// migrate runs the steps that h is behind, all in the transaction of tx.
func migrate(tx *Tx, h *header, steps []migration) error {
	for _, m := range steps {
		if m.to <= h.Format {
			continue
		}
		if m.to != h.Format+1 {
			return errors.New("no way from this format of the state file")
		}
		if err := m.run(tx); err != nil {
			return fmt.Errorf("bring the state file to format %d: %w", m.to, err)
		}
		h.Format = m.to
	}
	return nil
}
