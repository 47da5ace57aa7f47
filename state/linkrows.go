package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
)

// Rows that grow where they are split their pages, and pages that are split stay
// half empty. A merge that writes most links in the order of their keys moves
// them instead, one behind the other into a second bucket, which ends up as full
// as after a first load; when all have moved, the first bucket is gone and the
// second one has its place. At any moment every row stands in one of the two,
// and all keys of the one that is being filled are below those of the other.

// spareSuffix marks the second bucket. No escaped name has it.
const spareSuffix = "+"

// moveStep bounds how many rows one transaction moves beside those it
// merges, because bbolt holds all of them in memory until the commit.
const moveStep = 16 << 10

// linkRows is the links of one object of one system: hub id → link.
type linkRows struct {
	low   *table // what was moved already; nil where nothing is being moved
	high  *table
	spare *table // where rows would be moved to
	bound []byte // the highest key of low
	left  int    // how many rows this transaction may still move
	from  []byte // for reuse
}

func (tx *Tx) linkRows(name string) *linkRows {
	a, b := tx.table(name), tx.table(name+spareSuffix)
	first, second := a.firstKey(), b.firstKey()
	switch {
	case second == nil:
		return &linkRows{high: a, spare: b, left: tx.s.moveStep}
	case first == nil:
		return &linkRows{high: b, spare: a, left: tx.s.moveStep}
	case bytes.Compare(first, second) > 0:
		a, b = b, a
	}
	return &linkRows{low: a, high: b, bound: a.highestKey(), left: tx.s.moveStep}
}

// home returns where the row of this key stands, if there is one.
func (r *linkRows) home(key []byte) *table {
	if r.low != nil && bytes.Compare(key, r.bound) <= 0 {
		return r.low
	}
	return r.high
}

func (r *linkRows) get(key []byte) (payload []byte, ok bool, err error) { return r.home(key).get(key) }

func (r *linkRows) put(key, payload []byte) error { return r.home(key).put(key, payload) }

func (r *linkRows) del(key []byte) error { return r.home(key).del(key) }

func (r *linkRows) rows() uint64 {
	n := r.high.rows()
	if r.low != nil {
		n += r.low.rows()
	}
	return n
}

// walk is that of a table.
func (r *linkRows) walk(from []byte, fn func(key, payload []byte, damage error) error) error {
	stop := false
	low, high := r.low, r.high
	if low != nil {
		err := low.walk(from, nil, func(key, payload []byte, damage error) error {
			err := fn(key, payload, damage)
			stop = err != nil
			return err
		})
		if err != nil || stop {
			return err
		}
	}
	return high.walk(from, nil, fn)
}

// rewrite puts a row like put. The rows before it that were not moved yet are
// moved first, and the row goes behind them. Too many of them stay for another
// transaction, and the row stays where it is.
func (r *linkRows) rewrite(key, payload []byte) error {
	behind := r.low == nil && bytes.Compare(key, r.high.highestKey()) > 0
	if behind || r.home(key) == r.low {
		return r.put(key, payload)
	}
	reached, err := r.moveBelow(key)
	if err != nil || !reached {
		return firstError(err, r.put(key, payload))
	}
	r.bound = bytes.Clone(key)
	if err := r.high.del(key); err != nil {
		return err
	}
	return r.low.put(key, payload)
}

// moveBelow moves the rows before key, all for nil, until this transaction has
// moved so many, and reports whether none are left.
func (r *linkRows) moveBelow(key []byte) (reached bool, err error) {
	for {
		k, val := r.next()
		if k == nil || key != nil && bytes.Compare(k, key) >= 0 {
			break
		}
		if r.left == 0 {
			return false, nil
		}
		r.begin()
		k = bytes.Clone(k)
		if err := r.low.putRaw(k, val); err != nil {
			return false, err
		}
		if err := r.high.del(k); err != nil {
			return false, err
		}
		r.bound, r.left = k, r.left-1
	}
	r.begin()
	return true, nil
}

// next returns the first row that was not moved yet. It looks where the last one
// was: the pages before are empty until the commit, and a walk from the beginning
// would meet them all.
func (r *linkRows) next() (key, val []byte) {
	if r.low == nil || r.high.b == nil {
		return r.high.first()
	}
	r.from = append(append(r.from[:0], r.bound...), 0)
	return r.high.c.Seek(r.from)
}

// begin lets the second bucket be filled.
func (r *linkRows) begin() {
	if r.low == nil {
		r.low, r.spare = r.spare.pack(fillMerge), nil
	}
}

// Rewrite says that this transaction is one of a merge that writes most links,
// in the order of their hub ids: their pages are made anew, and full. PackLinks
// has to follow the merge.
func (l *Links) Rewrite() { l.rewriting = true }

// Rewriting reports whether a rewriting is under way: PackLinks has not come to
// its end.
func (l *Links) Rewriting() bool { return l.rows.low != nil }

// PackLinks ends a rewriting of the links of an object: what was not written
// moves as it is.
func (s *Store) PackLinks(ctx context.Context, system, object string) error {
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.View(func(tx *Tx) error { done = !tx.Links(system, object).halves(); return nil }); err != nil || done {
			return err
		}
		err := s.update(true, func(tx *Tx) (err error) {
			done, err = tx.Links(system, object).pack()
			return err
		})
		if err != nil {
			return fmt.Errorf("pack the links of %s/%s: %w", system, object, err)
		}
	}
	return nil
}

// halves reports whether there are two buckets, be one of them empty.
func (l *Links) halves() bool {
	return l.rows.low != nil || l.rows.spare.b != nil && l.rows.high.b != nil
}

// pack moves the next rows, and removes the bucket that is empty then.
func (l *Links) pack() (done bool, err error) {
	r := l.rows
	if r.low == nil {
		return true, r.spare.drop()
	}
	if done, err = r.moveBelow(nil); err != nil || !done {
		return false, err
	}
	err = r.high.drop()
	l.rows = &linkRows{high: r.low, spare: r.high}
	return true, err
}

// first returns the first row with its checksum, nil where there is none.
func (t *table) first() (key, val []byte) {
	if t.b == nil {
		return nil, nil
	}
	return t.b.Cursor().First()
}

func (t *table) firstKey() []byte {
	k, _ := t.first()
	return bytes.Clone(k)
}

// highestKey returns the last key, nil where there is none.
func (t *table) highestKey() []byte {
	if t.b == nil {
		return nil
	}
	k, _ := t.b.Cursor().Last()
	return bytes.Clone(k)
}

// checkHome checks that a link stands in the right bucket of the two.
func (r *linkRows) checkHome(t *table, key []byte) error {
	if home := r.home(key); home.name != t.name {
		return fmt.Errorf("link %d belongs into %s", binary.BigEndian.Uint64(key), home.name)
	}
	return nil
}
