package state

import "encoding/binary"

func (tx *Tx) runs() *table { return tx.table("run") }

// NewRun stores a run that begins and gives it its id.
func (tx *Tx) NewRun(r *Run) error {
	t := tx.runs()
	r.ID = tx.counter("run", t.lastKey).next()
	return t.putJSON(numberKey(r.ID), r)
}

// PutRun stores what is known of a run by now.
func (tx *Tx) PutRun(r Run) error { return tx.runs().putJSON(numberKey(r.ID), r) }

// Run returns the run with this id.
func (tx *Tx) Run(id uint64) (Run, bool) {
	var r Run
	ok := tx.runs().getNoted(numberKey(id), &r)
	return r, ok
}

// Runs returns the latest runs, newest first; all of them where limit is 0. A
// damaged one is left out.
func (tx *Tx) Runs(limit int) ([]Run, error) {
	t := tx.runs()
	var found []Run
	for id := t.lastKey(); id > 0 && (limit <= 0 || len(found) < limit); {
		var r Run
		if ok, err := t.getJSON(numberKey(id), &r); ok && err == nil {
			found = append(found, r)
		}
		before := t.before(id)
		if before >= id {
			return nil, t.disorder(numberKey(id))
		}
		id = before
	}
	return found, nil
}

// before returns the highest key below n, 0 where there is none.
func (t *table) before(n uint64) uint64 {
	c := t.b.Cursor()
	c.Seek(numberKey(n))
	k, _ := c.Prev()
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}
