package hubspotsim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"crmsyncd/providers/internal/faults"
)

// switches are what tests turn. The store's lock guards them.
type switches struct {
	rule             func(Write) *Error
	autoCompanies    bool
	wholeBatches     bool
	isolateConflicts bool
	foldStatus       bool
	silent           int
	locked           int
	lockedUntil      int64
	moving           int64
	scopes           map[string]bool // revoked
	keepLabels       bool
	firstPrimary     bool
}

func (s *Sim) turn(change func(*switches)) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	change(&s.store.switches)
}

// SetRule installs a rule that sees every API write of a record before it is
// stored and refuses it by returning an error. The rule must not call the Sim.
// A nil rule removes it.
func (s *Sim) SetRule(rule func(Write) *Error) { s.turn(func(w *switches) { w.rule = rule }) }

// SetSearchLag sets how long the search index stays behind: until then a
// search shows a record as it was before a change, or not at all. Lists and
// reads by id or key are never behind.
func (s *Sim) SetSearchLag(d time.Duration) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.lag = d
}

// SetAutoCompanies turns on the portal's setting by which it makes a company
// from a new contact's e-mail domain and links them.
func (s *Sim) SetAutoCompanies(on bool) { s.turn(func(w *switches) { w.autoCompanies = on }) }

// SetFirstCompanyPrimary makes the first company of a contact its primary one
// whatever type was asked for.
func (s *Sim) SetFirstCompanyPrimary(on bool) { s.turn(func(w *switches) { w.firstPrimary = on }) }

// SetWholeBatches makes one bad record refuse its whole batch with 400 or 409,
// whether its inputs have trace ids or not.
func (s *Sim) SetWholeBatches(on bool) { s.turn(func(w *switches) { w.wholeBatches = on }) }

// SetIsolateConflicts makes conflicts in updates and upserts with trace ids
// concern their own record alone. As delivered they refuse the whole batch.
func (s *Sim) SetIsolateConflicts(on bool) { s.turn(func(w *switches) { w.isolateConflicts = on }) }

// SetFoldStatus makes batches with errors answer 200 or 201 instead of 207.
func (s *Sim) SetFoldStatus(on bool) { s.turn(func(w *switches) { w.foldStatus = on }) }

// SetKeepLabels makes writing association types add to the labels of a pair.
// As delivered it replaces them.
func (s *Sim) SetKeepLabels(on bool) { s.turn(func(w *switches) { w.keepLabels = on }) }

// SilenceBatches makes the next n batch writes do nothing and answer 200 with
// neither results nor errors.
func (s *Sim) SilenceBatches(n int) { s.turn(func(w *switches) { w.silent = n }) }

// LockWrites answers the next n writes with 423, and every write within the
// two seconds that each lock lasts.
func (s *Sim) LockWrites(n int) { s.turn(func(w *switches) { w.locked = n }) }

// MoveDataCenter answers every call with 477 and Retry-After for the time d.
func (s *Sim) MoveDataCenter(d time.Duration) {
	s.turn(func(w *switches) { w.moving = s.opt.Clock().Add(d).UnixMilli() })
}

// RevokeScope takes a scope such as crm.objects.companies.write from the
// token, or gives it back. A token has all scopes at first.
func (s *Sim) RevokeScope(scope string, revoke bool) {
	s.turn(func(w *switches) { w.scopes[scope] = revoke })
}

// LoseAnswers lets the next n writes of records take effect and then answers
// status, usually 502 or 524, with the edge's page. It returns the function
// that ends it.
func (s *Sim) LoseAnswers(status, n int) (end func()) {
	return s.faults.Add(faults.Rule{
		Match: isRecordWrite, From: 1, To: n, After: true, Status: status, Answer: faults.HTML,
	})
}

func isRecordWrite(r *http.Request) bool {
	path, err := segments(r.URL.EscapedPath())
	if err != nil || len(path) == 0 || r.Method == http.MethodGet {
		return false
	}
	last := path[len(path)-1]
	return path[0] == "crm" && !slices.Contains([]string{"read", "search"}, last) && !slices.Contains(path, "properties")
}

// Require makes strict versions (2026-09 and later) demand a property of an
// object: always, or where another property has a value.
func (s *Sim) Require(object, name string, when ...string) error {
	return s.withObject(object, func(o *objectType) error {
		r := requirement{property: name}
		if len(when) == 2 {
			r.when, r.value = when[0], when[1]
		} else if len(when) != 0 {
			return fmt.Errorf("a condition is a property and its value")
		}
		o.rules = append(o.rules, r)
		return nil
	})
}

// LimitAssociations lets each record of an object have at most n of another,
// as administrators can; 0 is no limit.
func (s *Sim) LimitAssociations(from, to string, n int) error {
	return s.withObject(from, func(o *objectType) error {
		other := s.store.object(to)
		if other == nil {
			return fmt.Errorf("no object %q", to)
		}
		s.store.pair(o, other).limit = n
		return nil
	})
}

func (s *Sim) withObject(name string, change func(*objectType) error) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	o := s.store.object(name)
	if o == nil {
		return fmt.Errorf("change object %q: there is none", name)
	}
	if err := change(o); err != nil {
		return fmt.Errorf("change object %s: %w", name, err)
	}
	return nil
}

func (s *Sim) changeProperty(object, name string, change func(*property)) error {
	return s.withObject(object, func(o *objectType) error {
		p := o.byName[name]
		if p == nil {
			return fmt.Errorf("no property %q", name)
		}
		change(p)
		p.updated = s.store.now()
		o.seq++ // what a search found may be another thing now
		return nil
	})
}

// ArchiveProperty takes a property away, or brings it back; its values stay.
func (s *Sim) ArchiveProperty(object, name string, archive bool) error {
	return s.changeProperty(object, name, func(p *property) { p.archived = archive })
}

// ProtectProperty makes a property read-only for the API, or writable again.
func (s *Sim) ProtectProperty(object, name string, protect bool) error {
	return s.changeProperty(object, name, func(p *property) { p.protected = protect })
}

// SetOptions replaces the options of an enumeration; values that are stored stay.
func (s *Sim) SetOptions(object, name string, options ...Option) error {
	return s.changeProperty(object, name, func(p *property) { p.options = slices.Clone(options) })
}

// AddProperty adds a custom property, as an administrator does.
func (s *Sim) AddProperty(object string, p Property) error {
	return s.withObject(object, func(o *objectType) error {
		made := p.property()
		if err := made.complete(); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if o.byName[p.Name] != nil {
			return fmt.Errorf("%s exists already", p.Name)
		}
		made.created = s.store.now()
		made.updated = made.created
		return s.store.put(o, made)
	})
}

// An Owner is a user who can own records. ID and UserID are chosen where they are empty.
type Owner struct {
	ID, Email, FirstName, LastName string
	UserID                         int
	Archived                       bool
}

// AddOwner adds an owner and returns its id.
func (s *Sim) AddOwner(o Owner) string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if o.ID == "" {
		o.ID = strconv.Itoa(70001 + len(s.store.owners))
	}
	if o.UserID == 0 {
		o.UserID = 12 + len(s.store.owners)
	}
	s.store.owners = append(s.store.owners, o)
	return o.ID
}

// ArchiveOwner deactivates an owner, or brings it back.
func (s *Sim) ArchiveOwner(id string, archive bool) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for i := range s.store.owners {
		if s.store.owners[i].ID == id {
			s.store.owners[i].Archived = archive
			return nil
		}
	}
	return fmt.Errorf("archive owner %s: there is none", id)
}
