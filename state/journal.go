package state

import (
	"encoding/binary"
	"fmt"
	"time"
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
			return first + uint64(newReader(payload).count()) - 1
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
	tx.entries = append(tx.entries, entries...)
	if len(tx.entries) < journalGather {
		return nil
	}
	return tx.flushJournal()
}

// flushJournal packs what the transaction gathered.
func (tx *Tx) flushJournal() error {
	if len(tx.entries) == 0 {
		return nil
	}
	size, entries := tx.journalBytes(), tx.entries
	for len(entries) > 0 {
		n := journalFit(entries)
		payload := packJournal(entries[:n])
		if err := tx.journal().put(numberKey(entries[0].Seq), payload); err != nil {
			return fmt.Errorf("write the journal: %w", err)
		}
		size.add(len(payload))
		entries = entries[n:]
	}
	clear(tx.entries)
	tx.entries = tx.entries[:0]
	return nil
}

// journalFit returns how many entries share the next value.
func journalFit(entries []JournalEntry) int {
	size := 0
	for i, e := range entries {
		size += 40 + len(e.Remote) + len(e.Old.Text()) + len(e.New.Text())
		if i == 0 || entries[i-1].Object != e.Object {
			size += len(e.Object)
		}
		if i == 0 || entries[i-1].Reason != e.Reason {
			size += len(e.Reason)
		}
		if i == 0 || entries[i-1].Evidence != e.Evidence {
			size += len(e.Evidence)
		}
		if size > frameSize && i > 0 {
			return i
		}
	}
	return len(entries)
}

// packJournal packs entries with consecutive numbers: how many, their texts,
// each once, then the entries.
func packJournal(entries []JournalEntry) []byte {
	texts, index := []string{}, map[string]uint64{}
	number := func(s string) uint64 {
		n, ok := index[s]
		if !ok {
			n = uint64(len(texts))
			index[s] = n
			texts = append(texts, s)
		}
		return n
	}
	body := make([]byte, 0, min(frameSize, 80*len(entries)))
	var prev JournalEntry
	for _, e := range entries {
		body = binary.AppendUvarint(body, e.Run)
		body = binary.AppendVarint(body, e.At-prev.At)
		body = binary.AppendUvarint(body, number(e.Object))
		body = binary.AppendUvarint(body, uint64(e.Hub))
		body = binary.AppendUvarint(body, uint64(e.System))
		body = AppendString(body, e.Remote)
		body = binary.AppendUvarint(body, uint64(e.Field))
		body = AppendValue(AppendValue(body, e.Old), e.New)
		body = binary.AppendUvarint(body, number(e.Reason))
		body = binary.AppendUvarint(body, number(e.Evidence))
		body = binary.AppendUvarint(body, e.Config)
		prev = e
	}
	b := append(make([]byte, 0, len(body)+64), packedVersion)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, s := range texts {
		b = AppendString(b, s)
	}
	return append(b, body...)
}

func unpackJournal(first uint64, b []byte) ([]JournalEntry, error) {
	r := newReader(b)
	n := r.count()
	texts := make([]string, r.count())
	for i := range texts {
		texts[i] = r.string()
	}
	text := func() string {
		i := r.uvarint()
		if r.bad || i >= uint64(len(texts)) {
			r.bad = true
			return ""
		}
		return texts[i]
	}
	var entries []JournalEntry
	var prev JournalEntry
	for i := 0; i < n && !r.bad; i++ {
		e := JournalEntry{
			Seq: first + uint64(i), Run: r.uvarint(), At: prev.At + r.varint(), Object: text(), Hub: HubID(r.uvarint()),
			System: r.short(), Remote: r.string(), Field: r.short(), Old: r.value(), New: r.value(),
			Reason: text(), Evidence: text(), Config: r.uvarint(),
		}
		entries = append(entries, e)
		prev = e
	}
	return entries, r.end()
}

// EachJournal calls fn for each entry in the order they were written: those of
// one object where object is not empty, of one hub record where hub is not 0,
// of one run where run is not 0. Damaged values are left out, and an ErrDamaged
// that names the first of them is returned in the end.
func (tx *Tx) EachJournal(object string, hub HubID, run uint64, fn func(JournalEntry) error) error {
	if err := tx.flushJournal(); err != nil {
		return err
	}
	t := tx.journal()
	var lost error
	err := t.walk(nil, nil, func(key, payload []byte, damage error) error {
		entries, err := unpackJournal(binary.BigEndian.Uint64(key), payload)
		if damage == nil && err != nil {
			damage = t.damage(key, err.Error())
		}
		if damage != nil {
			lost = firstError(lost, damage)
			return nil
		}
		for _, e := range entries {
			if object != "" && e.Object != object || hub != 0 && e.Hub != hub || run != 0 && e.Run != run {
				continue
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	})
	return firstError(err, lost)
}

// pruneStep is how many values of the journal one transaction removes.
const pruneStep = 2000

// PruneJournal removes the oldest values while their last entry is older than
// maxAge or all of them together take more than maxBytes. A limit of 0 is none.
func (s *Store) PruneJournal(maxAge time.Duration, maxBytes int64, now time.Time) error {
	for more := true; more; {
		err := s.Update(func(tx *Tx) error {
			var err error
			more, err = tx.pruneJournal(maxAge, maxBytes, now)
			return err
		})
		if err != nil {
			return fmt.Errorf("prune the journal: %w", err)
		}
	}
	return nil
}

func (tx *Tx) pruneJournal(maxAge time.Duration, maxBytes int64, now time.Time) (more bool, err error) {
	t, size, steps := tx.journal(), tx.journalBytes(), 0
	tx.journalLast() // known before the values that tell it are gone
	err = t.walk(nil, nil, func(key, payload []byte, damage error) error {
		entries, bad := unpackJournal(binary.BigEndian.Uint64(key), payload)
		old := damage != nil || bad != nil || len(entries) == 0
		if !old && maxAge > 0 {
			old = entries[len(entries)-1].At < now.Add(-maxAge).Unix()
		}
		full := maxBytes > 0 && int64(size.n) > maxBytes
		if more = steps == pruneStep; more || !old && !full {
			return ErrStop
		}
		if damage != nil && !full && maxAge == 0 {
			return ErrStop
		}
		steps++
		size.add(-len(payload))
		return t.del(key)
	})
	return more, err
}
