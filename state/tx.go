package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Tx is one transaction. It belongs to the goroutine it was given to and ends
// when the function it was given to returns.
type Tx struct {
	s        *Store
	b        *bbolt.Tx
	writable bool
	merging  bool
	tables   map[string]*table
	hubs     map[string]*Hub
	links    map[linksOf]*Links
	counts   map[string]*counter
	arena    []byte
	grabbed  int // bytes taken from arenas
	scratch  []byte
	entries  []JournalEntry // of the journal, not packed yet
	packer   journalPacker
	posted   journalPosts // of the journal, not indexed yet
	idle     holdsState
	head     *header          // to be stored, where it changes
	many     bool             // see OneOfMany
	damage   error            // met by a reader that has no error of its own to return
	begun    uint64           // where the counter of changes stood at the beginning
	noted    time.Time        // when noteTime took a note, where it did
	kin      map[string][]kin // noted by PutChild, by object, and not written yet
}

// counter is one maintained number.
type counter struct {
	n     uint64
	dirty bool
}

func (s *Store) newTx(b *bbolt.Tx, merging bool) *Tx {
	return &Tx{
		s: s, b: b, writable: b.Writable(), merging: merging,
		tables: map[string]*table{}, hubs: map[string]*Hub{},
		links: map[linksOf]*Links{}, counts: map[string]*counter{},
	}
}

// View runs fn in a transaction that sees one moment of the state. It holds
// old pages back, so fn must be short and must not wait for a network.
func (s *Store) View(fn func(*Tx) error) error {
	return guard(s.path, func() error {
		if s.opt.BeforeView != nil {
			if err := s.opt.BeforeView(); err != nil {
				return err
			}
		}
		return s.db.View(func(b *bbolt.Tx) error {
			tx := s.newTx(b, false)
			if err := fn(tx); err != nil {
				return err
			}
			return tx.damage
		})
	})
}

// Update runs fn in the one transaction that may write, and makes what it
// wrote durable unless fn returns an error. A damaged row that fn met in a
// reader without an error of its own undoes the transaction. Inside fn no other
// transaction may be begun, not by Nums, Merge or Verify either.
func (s *Store) Update(fn func(*Tx) error) error { return s.update(false, fn) }

func (s *Store) update(merging bool, fn func(*Tx) error) error {
	// bbolt has a lock of its own, but after a panic it may never let go of it,
	// and who waits for it would wait for ever.
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.refused(); err != nil {
		return err
	}
	panicked := true
	var done *Tx
	err := guard(s.path, func() error {
		err := s.db.Update(func(b *bbolt.Tx) error {
			tx := s.newTx(b, merging)
			done = tx
			if err := fn(tx); err != nil {
				return err
			}
			if err := s.age(tx); err != nil {
				return err
			}
			s.db.NoFreelistSync = tx.many || merging
			if err := tx.flush(); err != nil || s.opt.BeforeCommit == nil {
				return err
			}
			return s.opt.BeforeCommit()
		})
		panicked = false
		return err
	})
	if panicked {
		// The transaction was rolled back, but what bbolt holds in memory may
		// be as wrong as the page that it tripped over.
		s.refuse(err)
	}
	if err != nil {
		return err
	}
	if !done.noted.IsZero() {
		s.noted = done.noted
	}
	return s.publish(done.head)
}

// OneOfMany says that this transaction is one of the many of a run. bbolt would
// store its whole list of free pages with each, which after a large merge is
// longer than all the rest: it is left out, and stored by the next transaction
// that does not say so. The state that a crash leaves behind in between is
// whole, but to open it takes a walk over all its pages.
func (tx *Tx) OneOfMany() { tx.many = true }

// flush writes what the transaction collected, in key order.
func (tx *Tx) flush() error {
	if tx.damage != nil {
		return tx.damage
	}
	for _, h := range tx.hubs {
		if err := h.flush(); err != nil {
			return err
		}
	}
	for _, l := range tx.links {
		if err := l.flush(); err != nil {
			return err
		}
	}
	if err := firstError(firstError(tx.flushJournal(), tx.flushPosts()), tx.flushAllKin()); err != nil {
		return err
	}
	if err := tx.noteTime(); err != nil {
		return err
	}
	counts := tx.table("count")
	for name, c := range tx.counts {
		if !c.dirty {
			continue
		}
		if err := counts.put([]byte(name), binary.AppendUvarint(nil, c.n)); err != nil {
			return err
		}
	}
	return nil
}

// grab returns n bytes that stay until the transaction ends: bbolt keeps the
// slices it is given until the commit.
func (tx *Tx) grab(n int) []byte {
	if n > cap(tx.arena)-len(tx.arena) {
		tx.arena = make([]byte, 0, max(n, 64<<10))
	}
	tx.grabbed += n
	start := len(tx.arena)
	tx.arena = tx.arena[:start+n]
	return tx.arena[start : start+n : start+n]
}

// weight is about what the transaction holds in memory.
func (tx *Tx) weight() int {
	st := tx.b.Stats()
	return tx.grabbed + int(st.GetNodeCount())*pageBytes
}

// note remembers damage met by a reader without an error to return.
func (tx *Tx) note(err error) {
	if tx.damage == nil {
		tx.damage = err
	}
}

// counter returns the maintained number of this name. Where its row is missing
// or damaged, recount finds it again, so that no id is ever given out twice.
func (tx *Tx) counter(name string, recount func() uint64) *counter {
	if c := tx.counts[name]; c != nil {
		return c
	}
	c := &counter{}
	payload, ok, err := tx.table("count").get([]byte(name))
	n, rest, bad := ReadUvarint(payload)
	if ok && err == nil && bad == nil && len(rest) == 0 {
		c.n = n
	} else {
		c.n, c.dirty = recount(), tx.writable
	}
	tx.counts[name] = c
	return c
}

func (c *counter) add(n int) {
	c.dirty = true
	if n < 0 && uint64(-n) > c.n {
		c.n = 0
		return
	}
	c.n += uint64(n)
}

func (c *counter) next() uint64 {
	c.add(1)
	return c.n
}

func (c *counter) drop() { c.n, c.dirty = 0, true }

// Counter returns the number of the latest change.
func (tx *Tx) Counter() uint64 { return tx.changes().n }

func (tx *Tx) changes() *counter {
	if c := tx.counts["change"]; c != nil {
		return c
	}
	c := tx.counter("change", func() uint64 {
		var highest uint64
		tx.eachTable("change/", func(t *table) { highest = max(highest, t.lastKey()) })
		return highest
	})
	tx.begun = c.n
	return c
}

// eachTable calls fn for each bucket whose name begins with prefix, but for
// those that were set aside.
func (tx *Tx) eachTable(prefix string, fn func(*table)) {
	var names []string
	c := tx.b.Cursor()
	for k, _ := c.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, _ = c.Next() {
		if n := len(names); n > 0 && string(k) <= names[n-1] {
			tx.note(tx.table("count").disorder(k))
			break
		}
		names = append(names, string(k))
	}
	for _, name := range names {
		if !strings.HasPrefix(name, asideBuckets) {
			fn(tx.table(name))
		}
	}
}

// Meta returns a small fact, nil when there is none.
func (tx *Tx) Meta(key string) []byte {
	payload, ok, err := tx.table("fact").get([]byte(key))
	if err != nil {
		tx.note(err)
		return nil
	}
	if !ok {
		return nil
	}
	return append([]byte{}, payload...)
}

// SetMeta stores a small fact; nil removes it.
func (tx *Tx) SetMeta(key string, val []byte) error {
	if val == nil {
		return tx.table("fact").del([]byte(key))
	}
	return tx.table("fact").put([]byte(key), val)
}

// getJSON reads a row that is kept as JSON into v.
func (t *table) getJSON(key []byte, v any) (bool, error) {
	payload, ok, err := t.get(key)
	if err != nil || !ok {
		return ok, err
	}
	return true, t.unJSON(key, payload, v)
}

func (t *table) unJSON(key, payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return t.damage(key, "not readable")
	}
	return nil
}

func (t *table) putJSON(key []byte, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("pack a row of %s: %w", t.name, err)
	}
	return t.put(key, payload)
}

// getNoted is getJSON for readers without an error to return.
func (t *table) getNoted(key []byte, v any) bool {
	ok, err := t.getJSON(key, v)
	if err != nil {
		t.tx.note(err)
		return false
	}
	return ok
}
