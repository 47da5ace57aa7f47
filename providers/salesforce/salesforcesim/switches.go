package salesforcesim

import (
	"fmt"
	"strings"
	"time"
)

// A DuplicateRule finds records that agree in one field.
type DuplicateRule struct {
	Object, Field string
	// Block refuses the write for good; without it the rule only alerts, and
	// Sforce-Duplicate-Rule-Header: allowSave=true passes it.
	Block bool
}

// SetDuplicateRules replaces the org's duplicate rules.
func (s *Sim) SetDuplicateRules(rules ...DuplicateRule) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.duplicates = rules
}

// LockRows refuses the next n writes that touch any of the keys with
// UNABLE_TO_LOCK_ROW; a negative n refuses them until UnlockRows. A key is a
// record's id, the value of one of its key fields, or the id of its parent.
func (s *Sim) LockRows(n int, keys ...string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, k := range keys {
		if id, ok := CanonicalID(k); ok && s.store.tableOf(id) != nil {
			k = id
		}
		s.store.locks[k] = n
	}
}

// UnlockRows ends all locks.
func (s *Sim) UnlockRows() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	clear(s.store.locks)
}

// RequireCountryWithState makes a state without its country fail, as in orgs
// with state and country picklists.
func (s *Sim) RequireCountryWithState(on bool) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.country = on
}

// SetRule installs a validation rule that sees every API write before it is
// stored and refuses it by returning an error. The rule must not call the Sim. A nil rule
// removes it.
func (s *Sim) SetRule(rule func(Write) *Error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.rule = rule
}

// CommitLate lets edits made through the Go API become visible only after d,
// with the stamp of when they were made: a reader's cursor may have passed it
// by then. Records written by the API are visible at once.
func (s *Sim) CommitLate(d time.Duration) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.late = d
}

// HideField takes a field away from the API user, or gives it back: it is absent
// from describe, and naming it is an error. Its values stay.
func (s *Sim) HideField(object, name string, hide bool) error {
	return s.changeField(object, name, func(f *field) { f.hidden = hide })
}

// ProtectField makes a field read-only for the API user, or writable again.
func (s *Sim) ProtectField(object, name string, protect bool) error {
	return s.changeField(object, name, func(f *field) {
		if f.sys == sysNone && !f.calculated {
			f.createable, f.updateable = !protect, !protect
		}
	})
}

// ResizeField changes the length of a text field; values that are longer stay.
func (s *Sim) ResizeField(object, name string, length int) error {
	return s.changeField(object, name, func(f *field) { f.length = length })
}

func (s *Sim) changeField(object, name string, change func(*field)) error {
	t := s.store.table(object)
	if t == nil {
		return fmt.Errorf("change field %s.%s: no such object", object, name)
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	f := t.obj.byName[strings.ToLower(name)]
	if f == nil {
		return fmt.Errorf("change field %s.%s: no such field", object, name)
	}
	change(f)
	s.store.schema.changed = s.store.now()
	return nil
}

// EmptyBin empties the recycle bin: deleted records are gone for queryAll and
// getDeleted, and earliestDateAvailable moves to now.
func (s *Sim) EmptyBin() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, t := range s.store.tables {
		for n := range t.rows {
			if t.rows[n].life == deleted {
				t.rows[n].life = purged
			}
		}
	}
	s.store.emptied = s.store.now()
}
