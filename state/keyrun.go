package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// Match keys are digests, so the keys of any few thousand records lie all over
// the tree. Putting those of each chunk of a merge into it would write most of
// its pages once a chunk. So a chunk's keys are stored as one sorted run, where
// Find looks as well, and all runs are folded into the tree in key order when
// the merge has ended.

const (
	runSize    = 2000 // keys below which a run is not worth it
	runRowSize = keyRowSize + sumSize
	foldStep   = 64 << 10 // keys that one transaction folds
)

// keyRun is sorted match key rows, each with the checksum that it has in the
// tree.
type keyRun []byte

func (r keyRun) len() int { return len(r) / runRowSize }

func (r keyRun) row(i int) []byte { return r[i*runRowSize:][:keyRowSize] }

// seek returns the first row that is not below key.
func (r keyRun) seek(key []byte) int {
	return sort.Search(r.len(), func(i int) bool { return bytes.Compare(r.row(i), key) >= 0 })
}

func (r keyRun) check(keys *table, i int) error {
	row := r.row(i)
	if binary.LittleEndian.Uint32(r[i*runRowSize+keyRowSize:]) != keys.sum(row, nil) {
		return keys.damage(row, "checksum does not fit")
	}
	return nil
}

const runRow = "run"

func (h *Hub) runTable(id uint64) *table {
	return h.tx.table("keyrun", h.object, fmt.Sprintf("%016d", id))
}

func (h *Hub) putRun(rows [][keyRowSize]byte) error {
	run := make([]byte, 0, len(rows)*runRowSize)
	for _, row := range rows {
		run = binary.LittleEndian.AppendUint32(append(run, row[:]...), h.keys.sum(row[:], nil))
	}
	id := h.tx.counter(bucketName("keyrun", h.object), h.lastRun).next()
	h.listed = false
	return h.runTable(id).put([]byte(runRow), run)
}

func (h *Hub) lastRun() (last uint64) {
	for _, name := range h.runNames() {
		var n uint64
		if _, err := fmt.Sscanf(name[len(name)-16:], "%d", &n); err == nil {
			last = max(last, n)
		}
	}
	return last
}

func (h *Hub) runNames() (names []string) {
	h.tx.eachTable(bucketName("keyrun", h.object)+"/", func(t *table) { names = append(names, t.name) })
	return names
}

// runs returns all runs that are not folded yet.
func (h *Hub) runs() []keyRun {
	if !h.listed {
		h.folded, h.listed = h.open(h.runNames()), true
	}
	return h.folded
}

// open returns the runs without their checksums: rows have their own.
func (h *Hub) open(names []string) (runs []keyRun) {
	for _, name := range names {
		if val := h.tx.table(name).raw([]byte(runRow)); len(val) > sumSize {
			runs = append(runs, keyRun(val[:len(val)-sumSize]))
		}
	}
	return runs
}

// fold says which runs are being folded and up to which row they are.
type fold struct {
	Runs  []string
	Row   []byte
	Fresh bool // the tree was empty, so its pages can be filled
}

// foldKeys folds the runs of all hub objects into their trees. It may be cut
// off anywhere: the runs stay until the last of their rows is in the tree.
func (s *Store) foldKeys(ctx context.Context) error {
	s.folding.Lock()
	defer s.folding.Unlock()
	objects := map[string]bool{}
	err := s.View(func(tx *Tx) error {
		tx.eachTable("keyrun/", func(t *table) { objects[unescape(t.name[len("keyrun/"):len(t.name)-17])] = true })
		return nil
	})
	var lost error
	for object := range objects {
		for more := err == nil; more && err == nil; {
			if err = ctx.Err(); err != nil {
				break
			}
			err = s.update(true, func(tx *Tx) (err error) {
				more, err = tx.Hub(object).foldSome(&lost)
				return err
			})
		}
	}
	if err = errors.Join(err, lost); err != nil {
		return fmt.Errorf("fold match keys: %w", err)
	}
	return nil
}

// foldSome folds the next rows, and reports whether more are left. A damaged
// row is left out and reported.
func (h *Hub) foldSome(lost *error) (more bool, err error) {
	t, key := h.tx.table("fold"), []byte(escape(h.object))
	var at fold
	begun, err := t.getJSON(key, &at)
	if err != nil || !begun {
		// Folding a row twice does no harm.
		at = fold{Runs: h.runNames(), Fresh: h.keys.b == nil}
	}
	if at.Fresh {
		h.keys.pack(fillMerge)
	}
	runs := h.open(at.Runs)
	next := make([]int, len(runs))
	for i, r := range runs {
		next[i] = r.seek(at.Row)
	}
	var last []byte
	for range h.tx.s.foldStep {
		i := lowest(runs, next)
		if i < 0 {
			return false, h.dropRuns(at.Runs, t, key)
		}
		row := runs[i].row(next[i])
		if damage := runs[i].check(h.keys, next[i]); damage != nil {
			*lost = firstError(*lost, damage)
		} else if err := h.putKey(row); err != nil {
			return false, err
		}
		last = row
		next[i]++
	}
	at.Row = append(bytes.Clone(last), 0)
	return true, t.putJSON(key, at)
}

// lowest returns the run whose next row comes first, or -1 at the end of all.
func lowest(runs []keyRun, next []int) int {
	found := -1
	for i, r := range runs {
		if next[i] == r.len() {
			continue
		}
		if found < 0 || bytes.Compare(r.row(next[i]), runs[found].row(next[found])) < 0 {
			found = i
		}
	}
	return found
}

func (h *Hub) dropRuns(names []string, t *table, key []byte) error {
	h.listed = false
	for _, name := range names {
		if err := h.tx.table(name).drop(); err != nil {
			return err
		}
	}
	return t.del(key)
}
