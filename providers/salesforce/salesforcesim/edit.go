package salesforcesim

import (
	"fmt"
	"slices"
	"strings"
)

// Insert makes a record as a person would in the vendor's screens, and returns
// its id. The org's rules hold; values are given as text, null as "".
func (s *Sim) Insert(object string, fields map[string]string) (id string, err error) {
	t := s.store.table(object)
	if t == nil {
		return "", fmt.Errorf("insert %s: no such object", object)
	}
	out := s.store.write([]draft{s.store.textDraft(t, fields)}, writeOptions{op: OpCreate, human: true})[0]
	if out.err != nil {
		return "", fmt.Errorf("insert %s: %w", object, out.err)
	}
	return t.id(out.row), nil
}

// Edit changes fields of a record as a person would: the stamps move, and
// LastModifiedById is a person.
func (s *Sim) Edit(object, id string, fields map[string]string) error {
	return s.edit(object, id, fields, writeOptions{op: OpUpdate, human: true})
}

func (s *Sim) edit(object, id string, fields map[string]string, opt writeOptions) error {
	t := s.store.table(object)
	if t == nil {
		return fmt.Errorf("edit %s: no such object", object)
	}
	d := s.store.textDraft(t, fields)
	d.id = id
	if out := s.store.write([]draft{d}, opt)[0]; out.err != nil {
		return fmt.Errorf("edit %s %s: %w", object, id, out.err)
	}
	return nil
}

// EditQuietly changes fields of a record behind everybody's back: neither the
// stamps nor LastModifiedById move.
func (s *Sim) EditQuietly(object, id string, fields map[string]string) error {
	return s.edit(object, id, fields, writeOptions{op: OpUpdate, human: true, quiet: true})
}

// SetField changes one field of a record as a person would.
func (s *Sim) SetField(object, id, name, value string) error {
	return s.Edit(object, id, map[string]string{name: value})
}

// Touch moves SystemModstamp and nothing else, as an automated change does.
func (s *Sim) Touch(object, id string) error {
	t := s.store.table(object)
	if t == nil {
		return fmt.Errorf("touch %s: no such object", object)
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	n, err := s.store.find(t, id)
	if err != nil {
		return fmt.Errorf("touch %s %s: %w", object, id, err)
	}
	t.rows[n].stamp = s.store.now()
	return nil
}

// Delete moves a record into the recycle bin as a person would, and with it
// the records that hang on it.
func (s *Sim) Delete(object, id string) error {
	if out := s.store.remove([]string{id}, writeOptions{human: true})[0]; out.err != nil {
		return fmt.Errorf("delete %s %s: %w", object, id, out.err)
	}
	return nil
}

// Restore takes a record out of the recycle bin as a person would, and with it
// what went there in its wake.
func (s *Sim) Restore(object, id string) error {
	t := s.store.table(object)
	canonical, ok := CanonicalID(id)
	if t == nil || !ok {
		return fmt.Errorf("restore %s %s: no such record", object, id)
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	n, ok := t.find(canonical)
	if !ok || t.rows[n].life != deleted {
		return fmt.Errorf("restore %s %s: it is not in the bin", object, id)
	}
	s.store.unbin(t, n)
	return nil
}

// Merge merges loser into winner: loser goes into the bin and names winner as
// its master, and what referred to loser refers to winner. Fields of the
// winner stay as they are.
func (s *Sim) Merge(winner, loser string) error {
	if err := s.store.merge(winner, loser); err != nil {
		return fmt.Errorf("merge %s into %s: %w", loser, winner, err)
	}
	return nil
}

// Record returns the fields of a record that have a value, deleted or not and
// committed or not; IsDeleted tells. It is nil when there is no such record.
func (s *Sim) Record(object, id string) map[string]string {
	t := s.store.table(object)
	canonical, ok := CanonicalID(id)
	if t == nil || !ok {
		return nil
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	n, ok := t.find(canonical)
	if !ok {
		return nil
	}
	return t.record(n)
}

func (t *table) record(n uint32) map[string]string {
	m := map[string]string{}
	for _, f := range t.obj.fields {
		if v := t.value(n, &t.rows[n], f); v != "" {
			m[f.name] = v
		}
	}
	return m
}

// Records returns the live records of an object, oldest first.
func (s *Sim) Records(object string) []map[string]string {
	t := s.store.table(object)
	if t == nil {
		return nil
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	var list []map[string]string
	for n := range t.rows {
		if t.rows[n].life == live {
			list = append(list, t.record(uint32(n)))
		}
	}
	return list
}

// Count is the number of live records of an object.
func (s *Sim) Count(object string) int {
	t := s.store.table(object)
	if t == nil {
		return 0
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	n := 0
	for i := range t.rows {
		if t.rows[i].life == live {
			n++
		}
	}
	return n
}

// Objects are the names of all objects, sorted.
func (s *Sim) Objects() []string { return slices.Clone(s.store.schema.names) }

// Find returns the ids of the live records whose field has the value, in the
// way a query compares it.
func (s *Sim) Find(object, name, value string) []string {
	t := s.store.table(object)
	if t == nil {
		return nil
	}
	f := t.obj.byName[strings.ToLower(name)]
	if f == nil {
		return nil
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	var ids []string
	for n := range t.rows {
		r := &t.rows[n]
		if r.life == live && f.fold(t.value(uint32(n), r, f)) == f.fold(value) {
			ids = append(ids, t.id(uint32(n)))
		}
	}
	return ids
}
