package state

import (
	"encoding/binary"
	"time"
)

// When change numbers were given is noted once a minute: a row maps the number
// that the counter stood at to the time, and says from which number on it is
// exact. The numbers between two rows were given within the minute after the
// first.

const (
	noteEvery = time.Minute
	noteKeep  = 400 * 24 * time.Hour
)

func (tx *Tx) whens() *table { return tx.table("when") }

func unpackWhen(b []byte) (at int64, first uint64, err error) {
	r := newReader(b)
	at, first = r.varint(), r.uvarint()
	return at, first, r.end()
}

// noteTime notes when the counter stood where it does, if the last note is old.
func (tx *Tx) noteTime() error {
	c := tx.counts["change"]
	if c == nil || !c.dirty {
		return nil
	}
	now := tx.s.now()
	if since := now.Sub(tx.s.noted); since >= 0 && since < noteEvery {
		return nil
	}
	tx.noted = now
	b := binary.AppendVarint([]byte{packedVersion}, now.Unix())
	b = binary.AppendUvarint(b, tx.begun+1)
	if err := tx.whens().put(numberKey(c.n), b); err != nil {
		return err
	}
	return tx.forgetTimes(now.Add(-noteKeep).Unix())
}

// forgetTimes removes a few of the oldest notes.
func (tx *Tx) forgetTimes(before int64) error {
	const step = 10
	n := 0
	return tx.whens().walk(nil, nil, func(key, payload []byte, _ error) error {
		at, _, err := unpackWhen(payload)
		if n++; n > step || err == nil && at >= before {
			return ErrStop
		}
		return tx.whens().del(key)
	})
}

// TimeOf returns when a change number was given, to the minute; for one that is
// older than all notes, when the first of them was taken. It is the zero time
// where there is no note.
func (tx *Tx) TimeOf(number uint64) time.Time {
	t := tx.whens()
	if t.b == nil {
		return time.Time{}
	}
	c := t.b.Cursor()
	read := func(key, val []byte) (int64, uint64, bool) {
		if key == nil {
			return 0, 0, false
		}
		payload, err := t.open(key, val)
		if err != nil {
			return 0, 0, false
		}
		at, first, err := unpackWhen(payload)
		return at, first, err == nil
	}
	at, first, ok := read(c.Seek(numberKey(number)))
	if ok && number >= first {
		return time.Unix(at, 0)
	}
	if !ok {
		at, _, ok = read(c.Last())
	} else if before, _, found := read(c.Prev()); found {
		at = before
	}
	if !ok {
		return time.Time{}
	}
	return time.Unix(at, 0)
}
