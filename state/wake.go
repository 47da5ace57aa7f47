package state

import (
	"encoding/binary"
	"fmt"
)

// WakeKind says how a record is to be read out of turn.
type WakeKind byte

// The kinds of waking. Their letters are stored.
const (
	WakeRecord WakeKind = 'r' // the record of this remote id
	WakeParent WakeKind = 'p' // the records that belong to the parent of this remote id
	// WakeWritten is the record of this remote id, which was written to: its answer
	// showed something else than what was sent.
	WakeWritten WakeKind = 'w'
)

func (tx *Tx) wakes(system, object string) *table { return tx.table("wake", system, object) }

func wakeKey(kind WakeKind, remote string) []byte { return append([]byte{byte(kind)}, remote...) }

// Wake notes that the next pull of an object is to read records that did not
// change themselves.
func (tx *Tx) Wake(system, object string, kind WakeKind, remote string) error {
	at := binary.AppendVarint(nil, tx.s.WakeMark())
	return tx.wakes(system, object).put(wakeKey(kind, remote), at)
}

// WakeMark returns a mark that lies after every note made so far and before
// every one to come.
func (s *Store) WakeMark() int64 {
	for {
		last := s.wakeMark.Load()
		next := max(last+1, s.now().UnixMicro())
		if s.wakeMark.CompareAndSwap(last, next) {
			return next
		}
	}
}

// Wakes returns the first remote ids that were noted, at most limit of them;
// all where limit is 0.
func (tx *Tx) Wakes(system, object string, kind WakeKind, limit int) ([]string, error) {
	var out []string
	err := tx.wakes(system, object).walk(nil, []byte{byte(kind)}, func(key, _ []byte, _ error) error {
		if limit > 0 && len(out) == limit {
			return ErrStop
		}
		out = append(out, string(key[1:]))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is to be read again of %s/%s: %w", system, object, err)
	}
	return out, nil
}

// Unwake forgets a note.
func (tx *Tx) Unwake(system, object string, kind WakeKind, remote string) error {
	return tx.wakes(system, object).del(wakeKey(kind, remote))
}

// UnwakeBefore forgets the notes of a kind that were made before a mark: what
// they name was read since.
func (tx *Tx) UnwakeBefore(system, object string, kind WakeKind, mark int64) error {
	t := tx.wakes(system, object)
	return t.walk(nil, []byte{byte(kind)}, func(key, payload []byte, damage error) error {
		at, _ := binary.Varint(payload)
		if damage == nil && at < mark {
			return t.del(key)
		}
		return nil // a damaged note stays, and costs a reading
	})
}

// UnwakeAll forgets all notes of one object.
func (tx *Tx) UnwakeAll(system, object string) error { return tx.wakes(system, object).drop() }
