package salesforcesim

import (
	"slices"

	"crmsyncd/providers/internal/simrules"
)

// The kinds of an accepted write, as Write.Op tells them.
const (
	OpCreate = "create"
	OpUpdate = "update"
	OpUpsert = "upsert"
	OpDelete = "delete"
)

// cell is one field to write, in canonical form.
type cell struct {
	f   *field
	val string
}

// parentKey is a reference given by a key of the parent.
type parentKey struct {
	f   *field // the reference
	by  *field // the parent's key field
	to  *table
	val string
}

// draft is one record of a write call, decoded and checked as far as that is
// possible without the store.
type draft struct {
	t       *table
	id      string // the target of an update, as given
	key     string // the value of the upsert's key field
	cells   []cell
	parents []parentKey
	err     *Error
}

type writeOptions struct {
	op         string
	key        *field // of an upsert
	allOrNone  bool
	updateOnly bool
	allowSave  bool // Sforce-Duplicate-Rule-Header
	human      bool // an edit in the vendor's own screens
	quiet      bool // neither stamp nor modifier moves
	credential string
	guard      func(*table, *row) *Error
}

type outcome struct {
	t       *table
	row     uint32
	hasID   bool
	created bool
	matches []uint32 // of an ambiguous upsert; nothing is written then
	err     *Error
}

func failed(e *Error) outcome { return outcome{err: e} }

// writer carries out one call under the store's lock.
type writer struct {
	*store
	writeOptions
	at   int64
	user uint32
	undo []func()
}

// write applies the drafts of one call in order.
func (s *store) write(drafts []draft, opt writeOptions) []outcome {
	out := make([]outcome, len(drafts))
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &writer{store: s, writeOptions: opt, at: s.now(), user: apiUser}
	if opt.human {
		w.user = humanUser
	}
	audited, anyFailed := len(s.audit), false
	for i := range drafts {
		out[i] = w.one(&drafts[i])
		anyFailed = anyFailed || out[i].err != nil || out[i].matches != nil
	}
	if opt.allOrNone && anyFailed {
		w.rollBack(out)
		s.audit = s.audit[:audited]
	}
	return out
}

func (w *writer) rollBack(out []outcome) {
	for _, undo := range slices.Backward(w.undo) {
		undo()
	}
	for i := range out {
		if out[i].err == nil {
			out[i] = failed(bad("ALL_OR_NONE_OPERATION_ROLLED_BACK",
				"Record rolled back because not all records were valid and the request was using AllOrNone header"))
		}
	}
}

func (w *writer) one(d *draft) outcome {
	if d.err != nil {
		return failed(d.err)
	}
	if d.t.obj.readOnly {
		return failed(errorf(405, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type "+d.t.obj.name+" does not support "+w.op))
	}
	n, exists, out := w.target(d)
	if out != nil {
		return *out
	}
	if err := w.resolveParents(d); err != nil {
		return failed(err)
	}
	if err := w.check(d, n, exists); err != nil {
		return outcome{err: err, created: !exists && w.op == OpUpsert}
	}
	changes := w.changes(d, n, exists)
	if !exists {
		n = w.insert(d, changes)
	} else {
		w.update(d, n, changes)
	}
	w.note(d.t, n, d.cells, w.op, !exists)
	return outcome{t: d.t, row: n, hasID: true, created: !exists}
}

// target finds the row to update. An outcome other than nil ends the record.
func (w *writer) target(d *draft) (n uint32, exists bool, end *outcome) {
	stop := func(e *Error) (uint32, bool, *outcome) { o := failed(e); return 0, false, &o }
	switch w.op {
	case OpCreate:
		return 0, false, nil
	case OpUpdate:
		n, err := w.find(d.t, d.id)
		if err == nil && w.keepsFromAPI(d.t, n) {
			err = noAccess()
		}
		if err != nil {
			return stop(err)
		}
		return n, true, nil
	}
	if d.key == "" {
		return stop(bad("MISSING_ARGUMENT", w.key.name+" not specified", w.key.name))
	}
	rows := w.match(d.t, w.key, d.key)
	switch {
	case slices.ContainsFunc(rows, func(n uint32) bool { return w.keepsFromAPI(d.t, n) }):
		return stop(hiddenTwin(w.key))
	case len(rows) > 1:
		return 0, false, &outcome{t: d.t, matches: rows}
	case len(rows) == 1:
		return rows[0], true, nil
	case w.updateOnly || w.key.sys == sysID:
		return stop(notFound())
	}
	d.cells = append(d.cells, cell{w.key, d.key})
	return 0, false, nil
}

// find returns the live row of an id in any form.
func (s *store) find(t *table, id string) (uint32, *Error) {
	canonical, ok := CanonicalID(id)
	if !ok {
		return 0, malformedID(t.obj.label+" ID", id)
	}
	if canonical[:3] != t.obj.prefix {
		return 0, malformedID(t.obj.label+" ID", id)
	}
	n, ok := t.find(canonical)
	switch {
	case !ok:
		return 0, errorf(404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	case t.rows[n].life != live:
		return 0, entityDeleted()
	}
	return n, nil
}

func (w *writer) resolveParents(d *draft) *Error {
	for _, p := range d.parents {
		rows := slices.DeleteFunc(w.match(p.to, p.by, p.val), func(n uint32) bool { return w.keepsFromAPI(p.to, n) })
		switch len(rows) {
		case 0:
			return bad("INVALID_FIELD", "Foreign key external ID: "+p.val+" not found for field "+p.by.name+" in entity "+p.to.obj.name)
		case 1:
			d.cells = append(d.cells, cell{p.f, p.to.id(rows[0])})
		default:
			return bad("INVALID_FIELD", "More than one record found for external id "+p.val+" of field "+p.by.name+" in entity "+p.to.obj.name)
		}
	}
	return nil
}

func (w *writer) insert(d *draft, changes simrules.Changes) uint32 {
	t := d.t
	n := uint32(len(t.rows))
	t.rows = append(t.rows, row{
		created: w.at, modified: w.at, stamp: w.at, createdBy: w.user, modifiedBy: w.user,
		vals: make([]string, 0, t.slots),
	})
	w.put(d, n, changes)
	for _, f := range t.obj.fields {
		if f.sys != sysNone || f.kind == "boolean" || (f.fallback == "" && f.name != "OwnerId") || d.has(f) {
			continue
		}
		v := f.fallback
		if f.name == "OwnerId" {
			v = w.tables[w.schema.byPrefix[userPrefix]].id(w.user)
		}
		t.set(n, f, v)
	}
	if w.allOrNone {
		w.undo = append(w.undo, func() { t.setLife(n, purged) })
	}
	w.hideUntilCommit(t, n, nil)
	return n
}

func (w *writer) update(d *draft, n uint32, changes simrules.Changes) {
	t, r := d.t, &d.t.rows[n]
	if w.allOrNone || w.late > 0 {
		prior := *r
		prior.vals = slices.Clone(r.vals)
		if w.allOrNone {
			w.undo = append(w.undo, func() { t.restore(n, prior) })
		}
		w.hideUntilCommit(t, n, &prior)
	}
	w.put(d, n, changes)
	if !w.quiet {
		r.modified, r.stamp, r.modifiedBy = w.at, w.at, w.user
	}
}

// hideUntilCommit keeps a human's write from readers for a while: its stamp is
// set inside the transaction, but others see it only after the commit.
func (w *writer) hideUntilCommit(t *table, n uint32, prior *row) {
	if !w.human {
		delete(t.late, n)
		return
	}
	if w.late <= 0 {
		return
	}
	if t.late == nil {
		t.late = map[uint32]lateRow{}
	}
	for m, l := range t.late {
		if l.until <= w.at {
			delete(t.late, m)
		}
	}
	if l, waiting := t.late[n]; waiting {
		prior = l.prior
	}
	t.late[n] = lateRow{until: w.at + int64(w.late.Seconds()), prior: prior}
}

// restore puts a row back as it was.
func (t *table) restore(n uint32, prior row) {
	for _, f := range t.obj.fields {
		if f.slot != noSlot {
			t.set(n, f, prior.stored(f))
		}
	}
	vals := t.rows[n].vals
	t.setLife(n, prior.life)
	t.rows[n] = prior
	t.rows[n].vals = vals
}

func (d *draft) get(f *field) (string, bool) {
	for i := len(d.cells) - 1; i >= 0; i-- {
		if d.cells[i].f == f {
			return d.cells[i].val, true
		}
	}
	return "", false
}

func (d *draft) has(f *field) bool {
	_, ok := d.get(f)
	return ok
}
