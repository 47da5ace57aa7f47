package hubspotsim

import "time"

// A Write is one write that the portal accepted from the API. Edits made
// through the Go API are not among them, nor is what the portal concluded itself.
type Write struct {
	Time    time.Time
	Op      string // OpCreate, OpUpdate, OpUpsert, OpArchive, OpMerge, OpAssociate or OpDisassociate
	Created bool   // the write made the record
	Object  string
	ID      string
	// Fields are the properties sent, as they were stored; a clear is "".
	Fields map[string]string

	// To, ToID and Types are the other end and the type ids of an association,
	// and the record merged away.
	To, ToID string
	Types    []int
}

// auditEntry is a Write in little memory.
type auditEntry struct {
	at      int64
	op      string
	created bool
	o       *objectType
	n       uint32
	set     []change
	to      *objectType
	m       uint32
	types   []int
}

// note remembers an accepted write of a record.
func (w *writer) note(d *draft) {
	if w.human || w.opt.NoAudit {
		return
	}
	e := auditEntry{at: w.at, op: w.op, created: d.fresh, o: w.o, n: d.n}
	for _, c := range d.set {
		if !c.derived {
			e.set = append(e.set, c)
		}
	}
	w.audit = append(w.audit, e)
}

// noteLink remembers an accepted write of an association.
func (w *writer) noteLink(l plannedLink, n uint32, op string) {
	if w.human || w.opt.NoAudit {
		return
	}
	w.audit = append(w.audit, auditEntry{at: w.at, op: op, o: l.p.from, n: n, to: l.p.to, m: l.m, types: l.k.types})
}

func (e *auditEntry) write() Write {
	w := Write{Time: time.UnixMilli(e.at).UTC(), Op: e.op, Created: e.created, Object: e.o.name, ID: e.o.id(e.n), Types: e.types}
	if e.to != nil {
		w.To, w.ToID = e.to.name, e.to.id(e.m)
	}
	if e.set != nil {
		w.Fields = fieldsOf(e.set)
	}
	return w
}

func fieldsOf(set []change) map[string]string {
	m := make(map[string]string, len(set))
	for _, c := range set {
		if !c.derived {
			m[c.p.name] = c.val
		}
	}
	return m
}

// describe is a draft as a rule sees it.
func (w *writer) describe(d *draft) Write {
	x := Write{Time: time.UnixMilli(w.at).UTC(), Op: w.op, Created: d.fresh, Object: w.o.name, Fields: fieldsOf(d.set)}
	if !d.fresh {
		x.ID = w.o.id(d.n)
	}
	return x
}

// Audit returns every write that the API accepted, oldest first.
func (s *Sim) Audit() []Write {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	list := make([]Write, len(s.store.audit))
	for i := range s.store.audit {
		list[i] = s.store.audit[i].write()
	}
	return list
}

// ResetAudit forgets the writes accepted so far.
func (s *Sim) ResetAudit() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.audit = nil
}
