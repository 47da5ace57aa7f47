package state

import (
	"encoding/binary"
	"fmt"
)

// frameSize bounds a value of the spool and of the journal so that two of them
// fill a page of 4 KiB with its headers, and smallFrame so that four do. bbolt
// never splits a page that holds four values or fewer, so larger ones would be
// written again with each of the next appends: 4.5 times as many bytes in all.
const (
	frameSize  = 2000
	smallFrame = 990
)

// frameFor returns the size of frame that writes the least for so many entries
// of so many bytes: small ones leave more room behind the last entry of each,
// and less of them is written again with the next append.
func frameFor(size, entries int) int {
	const page, againLarge, againSmall = 4096, 3.5 * frameSize, 2.5 * smallFrame
	mean := max(1, size/max(1, entries))
	if mean > smallFrame {
		return frameSize
	}
	large := float64(size)*page/float64(2*(frameSize/mean*mean)) + againLarge
	small := float64(size)*page/float64(4*(smallFrame/mean*mean)) + againSmall
	if small < large {
		return smallFrame
	}
	return frameSize
}

// Spool is a sequential log of observations within the state file: pages of a
// large run are appended as they come, each durable with the transaction that
// appends it, and are merged in the order of their keys in the end.
type Spool struct {
	s    *Store
	name string
}

// Spool returns the spool of this name.
func (s *Store) Spool(name string) *Spool { return &Spool{s: s, name: name} }

func (sp *Spool) frames(tx *Tx) *table { return tx.table("spool", sp.name).pack(fillAppend) }

func (sp *Spool) length(tx *Tx) *counter {
	return tx.counter(bucketName("spool", sp.name), func() uint64 {
		var n uint64
		_ = sp.frames(tx).walk(nil, nil, func(_, payload []byte, _ error) error {
			n += uint64(countEntries(payload))
			return nil
		})
		return n
	})
}

// Len returns the number of entries that are not merged yet.
func (sp *Spool) Len(tx *Tx) int { return int(sp.length(tx).n) }

// Append adds entries behind all others. They are durable when tx is.
func (sp *Spool) Append(tx *Tx, entries []Entry) error {
	tx.OneOfMany()
	t, length := sp.frames(tx), sp.length(tx)
	next := tx.counter(bucketName("frame", sp.name), t.lastKey)
	frame, size := tx.scratch[:0], frameFor(entriesSize(entries), len(entries))
	flush := func() error {
		if len(frame) == 0 {
			return nil
		}
		err := t.put(numberKey(next.next()), frame)
		frame = frame[:0]
		return err
	}
	for _, e := range entries {
		if len(frame)+len(e.Key)+len(e.Data)+8 > size {
			if err := flush(); err != nil {
				return fmt.Errorf("append to spool %s: %w", sp.name, err)
			}
		}
		if len(frame) == 0 {
			frame = append(frame, packedVersion)
		}
		frame = appendBytes(appendBytes(frame, e.Key), e.Data)
	}
	if err := flush(); err != nil {
		return fmt.Errorf("append to spool %s: %w", sp.name, err)
	}
	tx.scratch = frame
	length.add(len(entries))
	return nil
}

// entriesSize is what entries take in frames, at most.
func entriesSize(entries []Entry) (n int) {
	for _, e := range entries {
		n += len(e.Key) + len(e.Data) + 4
	}
	return n
}

func appendBytes(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// Drop removes all that the spool holds, merged or not.
func (sp *Spool) Drop(tx *Tx) error {
	sp.length(tx).drop()
	if err := sp.progressTable(tx).del([]byte(sp.name)); err != nil {
		return err
	}
	return sp.frames(tx).drop()
}

// eachEntry calls fn for each entry of a frame with its offset.
func eachEntry(frame []byte, fn func(off int, key []byte)) error {
	in := newReader(frame)
	for !in.bad && in.pos < len(in.b) {
		off := in.pos
		key := in.bytes()
		in.bytes()
		if !in.bad {
			fn(off, key)
		}
	}
	return in.end()
}

func countEntries(frame []byte) (n int) {
	_ = eachEntry(frame, func(int, []byte) { n++ })
	return n
}

// entryAt returns the entry at an offset that eachEntry gave.
func entryAt(frame []byte, off uint32) (Entry, error) {
	in := &reader{b: frame, pos: int(off), bad: int(off) > len(frame)}
	e := Entry{Key: in.bytes(), Data: in.bytes()}
	if in.bad {
		return Entry{}, errShort
	}
	return e, nil
}

// progress says how far a merge has come: everything up to the frame UpTo and,
// in the order of the merge, up to this entry is merged.
type progress struct {
	UpTo  uint64
	Key   []byte
	Frame uint64
	Off   uint32
	Begun bool
}

func (sp *Spool) progressTable(tx *Tx) *table { return tx.table("merge") }
