package salesforcesim

import "time"

// A Write is one write that the org accepted from the API. Edits made through
// the Go API are not among them.
type Write struct {
	Time    time.Time
	Op      string // OpCreate, OpUpdate, OpUpsert or OpDelete
	Created bool   // the write made the record
	Object  string
	ID      string
	// Fields are the fields written, in canonical form; null is "".
	Fields map[string]string
}

// auditEntry is a Write in little memory.
type auditEntry struct {
	at      int64
	op      string
	created bool
	t       *table
	n       uint32
	cells   []cell
}

// note remembers an accepted write. Locked.
func (w *writer) note(t *table, n uint32, cells []cell, op string, created bool) {
	if w.human || w.noAudit {
		return
	}
	kept := make([]cell, len(cells))
	copy(kept, cells)
	w.audit = append(w.audit, auditEntry{w.at, op, created, t, n, kept})
}

func (s *store) describe(t *table, id string, cells []cell, op string, created bool, at int64) Write {
	w := Write{Time: time.Unix(at, 0).UTC(), Op: op, Created: created, Object: t.obj.name, ID: id}
	w.Fields = make(map[string]string, len(cells))
	for _, c := range cells {
		w.Fields[c.f.name] = c.val
	}
	return w
}

// Audit returns every write that the API accepted, oldest first.
func (s *Sim) Audit() []Write {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	list := make([]Write, len(s.store.audit))
	for i, e := range s.store.audit {
		list[i] = s.store.describe(e.t, e.t.id(e.n), e.cells, e.op, e.created, e.at)
	}
	return list
}

// ResetAudit forgets the writes accepted so far.
func (s *Sim) ResetAudit() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.audit = nil
}
