package state

import (
	"encoding/binary"
	"fmt"
	"slices"
)

func (tx *Tx) journal() *table { return tx.table("journal").pack(fillAppend) }

func (tx *Tx) journalBytes() *counter {
	return tx.counter("journal bytes", func() (n uint64) {
		_ = tx.journal().walk(nil, nil, func(_, payload []byte, _ error) error {
			n += uint64(len(payload))
			return nil
		})
		return n
	})
}

// journalLast is the sequence number of the latest entry. Only the first number
// of a value stands in its key, so the last value is read where it is lost.
func (tx *Tx) journalLast() *counter {
	return tx.counter("journal", func() uint64 {
		t := tx.journal()
		first := t.lastKey()
		if first == 0 {
			return 0
		}
		if payload, _, err := t.get(numberKey(first)); err == nil {
			return first + uint64(countJournal(payload)) - 1
		}
		return first + frameSize // no value holds more entries than bytes
	})
}

// journalGather is how many entries a transaction gathers before it packs them.
const journalGather = 512

// Journal appends entries and gives them their sequence numbers. Those of one
// transaction share values.
func (tx *Tx) Journal(entries []JournalEntry) error {
	if len(entries) == 0 {
		return nil
	}
	last := tx.journalLast()
	for i := range entries {
		entries[i].Seq = last.next()
	}
	from := len(tx.entries)
	tx.entries = append(tx.entries, entries...)
	for i := range tx.entries[from:] {
		e := &tx.entries[from+i]
		e.Sent = slices.Clone(e.Sent) // the caller may use the list again
	}
	if len(tx.entries) < journalGather {
		return nil
	}
	return tx.packEntries(false)
}

// flushJournal packs what the transaction gathered.
func (tx *Tx) flushJournal() error { return tx.packEntries(true) }

// packEntries packs what was gathered into values that fill pages. A last one
// that could hold more waits for it, unless that is the end.
func (tx *Tx) packEntries(end bool) error {
	if len(tx.entries) == 0 {
		return nil
	}
	size, entries := tx.journalBytes(), tx.entries
	for len(entries) > 0 {
		payload, n := tx.packer.pack(entries)
		if n == len(entries) && !end {
			break
		}
		if err := tx.journal().put(numberKey(entries[0].Seq), payload); err != nil {
			return fmt.Errorf("write the journal: %w", err)
		}
		tx.posted.add(entries[:n])
		size.add(len(payload))
		entries = entries[n:]
	}
	left := copy(tx.entries, entries)
	clear(tx.entries[left:])
	tx.entries = tx.entries[:left]
	return nil
}

// EachJournal calls fn for each entry in the order they were written: those of
// one object where object is not empty, of one hub record where hub is not 0,
// of one run where run is not 0. Old values that are our own last are filled in.
// Damaged values are left out, and an ErrDamaged that names the first of them is
// returned in the end.
func (tx *Tx) EachJournal(object string, hub HubID, run uint64, fn func(JournalEntry) error) error {
	if err := tx.flushJournal(); err != nil {
		return err
	}
	pass := func(e JournalEntry) error {
		if object != "" && e.Object != object || hub != 0 && e.Hub != hub || run != 0 && e.Run != run {
			return nil
		}
		return fn(e)
	}
	switch {
	case run != 0:
		return tx.JournalOfRun(run, 0, nil, pass)
	case object != "" && hub != 0:
		return tx.journalOfRecord(object, hub, pass)
	}
	r := newJournalReader(tx)
	err := tx.journal().walk(nil, nil, func(key, _ []byte, _ error) error {
		return r.each(binary.BigEndian.Uint64(key), nil, pass)
	})
	return firstError(err, r.lost)
}

// JournalOfRun calls fn, like EachJournal, for each entry of a run that comes
// after the entry of this number and is wanted. All are where want is nil.
func (tx *Tx) JournalOfRun(run, after uint64, want func(*JournalEntry) bool, fn func(JournalEntry) error) error {
	if err := tx.flushJournal(); err != nil {
		return err
	}
	r := newJournalReader(tx)
	if tx.journal().b == nil {
		return nil
	}
	these := func(e *JournalEntry) bool { return e.Run == run && e.Seq > after && (want == nil || want(e)) }
	err := tx.eachSpan(run, func(s span) error {
		stop := false
		from := tx.journal().before(max(s.first, after+1) + 1) // the value that holds it
		err := tx.journal().walk(numberKey(from), nil, func(key, _ []byte, _ error) error {
			frame := binary.BigEndian.Uint64(key)
			if frame > s.last {
				return ErrStop
			}
			err := r.each(frame, these, fn)
			stop = err != nil
			return err
		})
		if err == nil && stop {
			return ErrStop
		}
		return err
	})
	return firstError(stopped(err), r.lost)
}

// journalOfRecord calls fn for each entry of one hub record, with what was kept
// of older ones.
func (tx *Tx) journalOfRecord(object string, hub HubID, fn func(JournalEntry) error) error {
	r := newJournalReader(tx)
	all, err := tx.keptOf(object, hub)
	r.lost = firstError(r.lost, err)
	for _, frame := range r.framesOf(object, hub) {
		for _, e := range r.frame(frame) {
			if e.Object == object && e.Hub == hub {
				all = append(all, e)
			}
		}
	}
	slices.SortStableFunc(all, bySeq)
	for i := range all {
		r.resolve(&all[i])
		if err := fn(all[i]); err != nil {
			return firstError(stopped(err), r.lost)
		}
	}
	return r.lost
}
