package salesforcesim

// remove moves records and their cascading children to the recycle bin.
func (s *store) remove(ids []string, opt writeOptions) []outcome {
	out := make([]outcome, len(ids))
	s.mu.Lock()
	defer s.mu.Unlock()
	opt.op = OpDelete
	w := &writer{store: s, writeOptions: opt, at: s.now(), user: apiUser}
	if opt.human {
		w.user = humanUser
	}
	audited, anyFailed := len(s.audit), false
	for i, id := range ids {
		out[i] = w.removeOne(id)
		anyFailed = anyFailed || out[i].err != nil
	}
	if opt.allOrNone && anyFailed {
		w.rollBack(out)
		s.audit = s.audit[:audited]
	}
	return out
}

func (w *writer) removeOne(id string) outcome {
	canonical, ok := CanonicalID(id)
	if !ok {
		return failed(bad("MALFORMED_ID", "malformed id "+id))
	}
	t := w.tableOf(canonical)
	if t == nil || t.obj.readOnly {
		return failed(errorf(404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))
	}
	n, err := w.find(t, canonical)
	if err == nil && w.keepsFromAPI(t, n) {
		err = noAccess()
	}
	if err == nil {
		err = w.checkLocks(&draft{t: t}, n, true)
	}
	if err != nil {
		return failed(err)
	}
	w.bin(t, n)
	w.note(t, n, nil, OpDelete, false)
	return outcome{t: t, row: n, hasID: true}
}

// bin moves one record and its cascading children to the recycle bin. Locked.
func (w *writer) bin(t *table, n uint32) {
	r := &t.rows[n]
	if r.life != live {
		return
	}
	prior := *r
	if w.allOrNone {
		w.undo = append(w.undo, func() { t.restore(n, prior) })
	}
	t.setLife(n, deleted)
	r.stamp, r.modified, r.modifiedBy = w.at, w.at, w.user
	id := t.id(n)
	w.eachChild(t, id, func(child *table, f *field, m uint32) {
		if f.cascade {
			w.bin(child, m)
		}
	})
}

// unbin takes a record and the children that went with it out of the recycle
// bin. Locked.
func (s *store) unbin(t *table, n uint32) {
	binned, id := t.rows[n].stamp, t.id(n)
	t.setLife(n, live)
	t.rows[n].stamp, t.rows[n].modified, t.rows[n].modifiedBy = s.now(), s.now(), humanUser
	for _, child := range s.tables {
		for _, f := range child.obj.fields {
			if !f.cascade || !f.refers(t.obj.name) {
				continue
			}
			for m := range child.rows {
				if r := &child.rows[m]; r.life == deleted && r.stamp == binned && r.stored(f) == id {
					s.unbin(child, uint32(m))
				}
			}
		}
	}
}

// eachChild calls do for every live row that refers to the record. Locked.
func (w *writer) eachChild(t *table, id string, do func(*table, *field, uint32)) {
	for _, child := range w.tables {
		for _, f := range child.obj.fields {
			if f.kind != "reference" || f.sys != sysNone || !f.refers(t.obj.name) {
				continue
			}
			for _, m := range child.indexFor(f).get(id) {
				do(child, f, m)
			}
		}
	}
}

func (f *field) refers(object string) bool {
	for _, to := range f.refersTo {
		if to == object {
			return true
		}
	}
	return false
}

// merge puts loser into the bin with winner as its master and moves its
// children to winner.
func (s *store) merge(winner, loser string) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &writer{store: s, writeOptions: writeOptions{op: OpUpdate, human: true}, at: s.now(), user: humanUser}
	id, _ := CanonicalID(winner)
	t := s.tableOf(id)
	if t == nil {
		return malformedID("Record ID", winner)
	}
	if t.obj.byName["MasterRecordId"] == nil {
		return bad("INVALID_TYPE", "entity type "+t.obj.name+" does not support merge")
	}
	win, err := s.find(t, winner)
	if err != nil {
		return err
	}
	lose, err := s.find(t, loser)
	if err != nil {
		return err
	}
	if win == lose {
		return bad("INVALID_CROSS_REFERENCE_KEY", "a record cannot be merged into itself")
	}
	w.eachChild(t, t.id(lose), func(child *table, f *field, m uint32) {
		child.set(m, f, t.id(win))
		child.rows[m].stamp, child.rows[m].modified, child.rows[m].modifiedBy = w.at, w.at, w.user
	})
	r := &t.rows[lose]
	t.setLife(lose, deleted)
	r.master = win + 1
	r.stamp, r.modified, r.modifiedBy = w.at, w.at, w.user
	t.rows[win].stamp, t.rows[win].modified, t.rows[win].modifiedBy = w.at, w.at, w.user
	return nil
}
