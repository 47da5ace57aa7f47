package state

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// defaultChunk is how many entries one transaction of a merge takes.
const defaultChunk = 32 << 10

// chunkBytes ends a transaction of a merge before that, where it has written so
// much: bbolt holds all of it in memory until the commit, and with it each page
// that it touched, which weighs pageBytes.
const (
	chunkBytes = 24 << 20
	pageBytes  = 16 << 10
)

// SpoolError says that a part of a spool is damaged and was left out of the
// merge. It is an ErrDamaged, and comes again at every Merge until the spool
// is dropped.
type SpoolError struct {
	Spool   string
	Frames  []uint64 // the damaged values, as far as they are still there
	Entries int      // how many entries are lost
}

// Error names what is lost.
func (e *SpoolError) Error() string {
	return fmt.Sprintf("spool %s: %d entries are damaged and were left out (values %v); read their source again",
		e.Spool, e.Entries, e.Frames)
}

// Is reports whether target is ErrDamaged.
func (e *SpoolError) Is(target error) bool { return target == ErrDamaged }

// mergeItem places one entry: eight bytes of its key and where it lies.
type mergeItem struct {
	part  uint64
	frame uint32 // above base
	off   uint32
}

// merger is one pass over a spool.
type merger struct {
	sp     *Spool
	base   uint64
	at     progress
	items  []mergeItem
	common int // how many bytes all keys begin with
	lost   SpoolError
	total  int // what the spool should hold
}

// Merge calls fn for each entry in the order of their keys, those with one key
// in the order they were appended. It takes chunk entries a transaction (32768
// where chunk is 0), fewer where they write much, and remembers its progress in that same transaction, so
// that a merge that was cut off goes on where it was. In the end it drops the
// spool, unless a part was damaged: that part is left out and reported by a
// SpoolError. Key and data are valid until fn returns.
func (sp *Spool) Merge(ctx context.Context, chunk int, fn func(tx *Tx, e Entry) error) error {
	if chunk <= 0 {
		chunk = defaultChunk
	}
	for {
		m := &merger{sp: sp}
		if err := sp.s.View(m.load); err != nil {
			return fmt.Errorf("merge spool %s: %w", sp.name, err)
		}
		if m.total == 0 {
			return sp.s.foldKeys(ctx)
		}
		if err := m.run(ctx, chunk, fn); err != nil {
			return fmt.Errorf("merge spool %s: %w", sp.name, err)
		}
		if m.lost.Entries > 0 {
			return errors.Join(&m.lost, sp.s.foldKeys(ctx))
		}
	}
}

// load reads the keys of all entries that are not merged yet and sorts them.
func (m *merger) load(tx *Tx) error {
	t := m.sp.frames(tx)
	m.total = m.sp.Len(tx)
	m.lost.Spool = m.sp.name
	if _, err := m.sp.progressTable(tx).getJSON([]byte(m.sp.name), &m.at); err != nil {
		return err
	}
	if !m.at.Begun {
		m.at = progress{UpTo: t.lastKey()}
	}
	first, err := m.survey(t)
	if err != nil {
		return err
	}
	m.common = len(first)
	if err := m.place(t); err != nil {
		return err
	}
	m.lost.Entries = max(0, m.total-len(m.items)-m.later(t))
	return m.sort(t, m.items, m.common)
}

// survey checks every frame and returns what all keys begin with.
func (m *merger) survey(t *table) (common []byte, err error) {
	seen := false
	err = t.walk(nil, nil, func(key, frame []byte, damage error) error {
		number := binary.BigEndian.Uint64(key)
		if !seen {
			m.base = number
		}
		if number > m.at.UpTo {
			return ErrStop
		}
		if damage == nil {
			damage = eachEntry(frame, func(_ int, k []byte) {
				if !seen {
					common, seen = bytes.Clone(k), true
				}
				common = common[:commonLen(common, k)]
			})
		}
		if damage != nil {
			m.lost.Frames = append(m.lost.Frames, number)
		}
		return nil
	})
	return common, err
}

func commonLen(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// place lists the entries that are not merged yet.
func (m *merger) place(t *table) error {
	m.items = make([]mergeItem, 0, m.total)
	c := t.b
	if c == nil {
		return nil
	}
	cursor := c.Cursor()
	bad, last := 0, uint64(0)
	for k, val := cursor.First(); k != nil; k, val = cursor.Next() {
		number := binary.BigEndian.Uint64(k)
		if number > m.at.UpTo {
			return nil
		}
		if number <= last {
			return t.disorder(k)
		}
		last = number
		if bad < len(m.lost.Frames) && m.lost.Frames[bad] == number {
			bad++
			continue
		}
		err := eachEntry(val[:len(val)-sumSize], func(off int, key []byte) {
			if !m.merged(key, number, uint32(off)) {
				m.items = append(m.items, mergeItem{part(key, m.common), uint32(number - m.base), uint32(off)})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// merged reports whether an earlier chunk took this entry.
func (m *merger) merged(key []byte, frame uint64, off uint32) bool {
	if !m.at.Begun {
		return false
	}
	c := bytes.Compare(key, m.at.Key)
	if c == 0 {
		c = cmp.Or(cmp.Compare(frame, m.at.Frame), cmp.Compare(off, m.at.Off))
	}
	return c <= 0
}

// later counts the entries that were appended after this merge began.
func (m *merger) later(t *table) (n int) {
	_ = t.walk(numberKey(m.at.UpTo+1), nil, func(_, frame []byte, _ error) error {
		n += countEntries(frame)
		return nil
	})
	return n
}

// part returns eight bytes of a key from depth on, as a number that compares
// as they do. What the key lacks counts as zeros.
func part(key []byte, depth int) uint64 {
	if depth >= len(key) {
		return 0
	}
	var b [8]byte
	copy(b[:], key[depth:])
	return binary.BigEndian.Uint64(b[:])
}

// sort orders items whose keys agree before depth. Only where eight bytes are
// the same are more of them read.
func (m *merger) sort(t *table, items []mergeItem, depth int) error {
	slices.SortFunc(items, func(a, b mergeItem) int {
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.frame, b.frame), cmp.Compare(a.off, b.off))
	})
	for from := 0; from < len(items); {
		to := from + 1
		for to < len(items) && items[to].part == items[from].part {
			to++
		}
		if to-from > 1 {
			if err := m.sortTies(t, items[from:to], depth+8); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// sortTies orders items whose keys agree before depth, as far as they go that
// far. A key that has ended stands before the longer ones.
func (m *merger) sortTies(t *table, items []mergeItem, depth int) error {
	lengths := make([]int, len(items))
	ended, mixed := 0, false
	for i := range items {
		e, err := m.entry(t, items[i])
		if err != nil {
			return err
		}
		items[i].part = part(e.Key, depth)
		lengths[i] = min(len(e.Key), depth+1)
		mixed = mixed || lengths[i] != lengths[0]
		if lengths[i] <= depth {
			ended++
		}
	}
	if mixed {
		byLength(items, lengths)
	} else if ended > 0 {
		return nil // one key, in the order it was appended
	}
	return m.sort(t, items[ended:], depth)
}

// byLength orders items by the lengths of their keys and keeps the order of
// those with one length.
func byLength(items []mergeItem, lengths []int) {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lengths[a], lengths[b]) })
	was := slices.Clone(items)
	for i, o := range order {
		items[i] = was[o]
	}
}

// entry reads the entry that an item places. Its checksum was right when the
// merge began.
func (m *merger) entry(t *table, it mergeItem) (Entry, error) {
	key := numberKey(m.base + uint64(it.frame))
	val := t.raw(key)
	if len(val) < sumSize {
		return Entry{}, t.damage(key, "it is gone")
	}
	e, err := entryAt(val[:len(val)-sumSize], it.off)
	if err != nil {
		return e, t.damage(key, err.Error())
	}
	return e, nil
}

// run merges the sorted items chunk by chunk.
func (m *merger) run(ctx context.Context, chunk int, fn func(tx *Tx, e Entry) error) error {
	for from := 0; from < len(m.items); {
		if err := ctx.Err(); err != nil {
			return err
		}
		items, n := m.items[from:min(from+chunk, len(m.items))], 0
		err := m.sp.s.update(true, func(tx *Tx) (err error) {
			n, err = m.take(ctx, tx, items, fn)
			return err
		})
		if err != nil {
			return err
		}
		from += n
	}
	if m.lost.Entries > 0 {
		return nil
	}
	return m.sp.s.update(true, m.finish)
}

// take merges items until the transaction holds enough, and returns how many
// that were.
func (m *merger) take(ctx context.Context, tx *Tx, items []mergeItem, fn func(tx *Tx, e Entry) error) (n int, err error) {
	t := m.sp.frames(tx)
	var last Entry
	for n < len(items) {
		if n%64 == 0 && n > 0 && tx.weight() > chunkBytes {
			break
		}
		if n%256 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if last, err = m.entry(t, items[n]); err != nil {
			return 0, err
		}
		if err := fn(tx, last); err != nil {
			return 0, err
		}
		n++
	}
	it := items[n-1]
	m.sp.length(tx).add(-n)
	return n, m.sp.progressTable(tx).putJSON([]byte(m.sp.name), progress{
		UpTo: m.at.UpTo, Key: last.Key, Frame: m.base + uint64(it.frame), Off: it.off, Begun: true,
	})
}

// finish removes what was merged. Entries that were appended meanwhile stay
// for the next pass.
func (m *merger) finish(tx *Tx) error {
	if m.sp.Len(tx) == 0 {
		return m.sp.Drop(tx)
	}
	t := m.sp.frames(tx)
	err := t.walk(nil, nil, func(key, _ []byte, _ error) error {
		if binary.BigEndian.Uint64(key) > m.at.UpTo {
			return ErrStop
		}
		return t.del(key)
	})
	if err != nil {
		return err
	}
	return m.sp.progressTable(tx).del([]byte(m.sp.name))
}
