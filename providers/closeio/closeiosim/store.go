package closeiosim

import (
	"math"
	"slices"
	"sync"

	"crmsyncd/providers/internal/simrules"
)

// kind is a kind of record.
type kind uint8

const (
	lead kind = iota
	contact
	opportunity
	task
	kindCount
)

func (k kind) String() string {
	return [...]string{"lead", "contact", "opportunity", "task"}[k]
}

// kindNamed finds a kind by its name.
func kindNamed(name string) (kind, bool) {
	for k := range kindCount {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// record is a lead, a contact, an opportunity or a task.
type record struct {
	id      string
	kind    kind
	n       uint32 // serial number
	created int64  // Unix milliseconds
	live    *version
	shown   *version  // what the search index holds
	kids    []*record // of a lead
}

// version is one state of a record; it never changes.
type version struct {
	updated int64
	lead    *record // the owner; nil for leads
	doc     doc
}

// table holds the records of one kind.
type table struct {
	byID   map[string]*record
	made   order // by creation
	recent order // by update
	// What the search index holds.
	indexMade, indexRecent order
}

func newTable() *table {
	made := func(r *record) int64 { return r.created }
	return &table{
		byID:        map[string]*record{},
		made:        order{key: made},
		recent:      order{key: func(r *record) int64 { return r.live.updated }},
		indexMade:   order{key: made},
		indexRecent: order{key: func(r *record) int64 { return r.shown.updated }},
	}
}

// store is all that the organization holds. Its lock guards everything in it.
type store struct {
	rules  simrules.Set
	mu     sync.Mutex
	opt    Options
	ids    namer
	traces namer // of requests, events and cursors, which reading makes
	serial uint32
	keys   keys
	kinds  [kindCount]*schema
	tables [kindCount]*table

	pending  []indexing
	turn     uint64 // grows with every change
	cursors  map[string]*cursor
	lists    map[string]*listing
	events   eventLog
	audit    []Write
	fields   []*customField
	fieldByN map[uint16]*customField

	organization string
	users        []*user
	me           *user
	keyID        string
	statuses     []*status
	pipelines    []*pipeline

	switches switches
}

// indexing is a version on its way into the search index.
type indexing struct {
	due int64
	r   *record
	v   *version
}

func (s *store) now() int64 { return s.opt.Clock().UnixMilli() }

func (s *store) find(k kind, id string) *record { return s.tables[k].byID[id] }

// any finds a record of whatever kind.
func (s *store) any(id string) *record {
	for _, t := range s.tables {
		if r := t.byID[id]; r != nil {
			return r
		}
	}
	return nil
}

// insert adds a new record whose live version is set.
func (s *store) insert(r *record) {
	s.serial++
	r.n = s.serial
	t := s.tables[r.kind]
	t.byID[r.id] = r
	t.made.insert(r)
	t.recent.insert(r)
	if up := r.live.lead; up != nil {
		up.kids = append(up.kids, r)
	}
	s.index(r, r.live)
}

// replace gives r its next version.
func (s *store) replace(r *record, v *version) {
	t := s.tables[r.kind]
	t.recent.remove(r)
	if old := r.live.lead; old != v.lead {
		if old != nil {
			old.kids = without(old.kids, r)
		}
		if v.lead != nil {
			v.lead.kids = append(v.lead.kids, r)
		}
	}
	r.live = v
	t.recent.insert(r)
	s.index(r, v)
}

// remove takes r away; search finds it until the index notices.
func (s *store) remove(r *record) {
	t := s.tables[r.kind]
	delete(t.byID, r.id)
	t.made.remove(r)
	t.recent.remove(r)
	if up := r.live.lead; up != nil {
		up.kids = without(up.kids, r)
	}
	s.index(r, nil)
}

func without(list []*record, r *record) []*record {
	for i, x := range list {
		if x == r {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// index lets the search index have v, or nothing, when its lag has passed.
func (s *store) index(r *record, v *version) {
	s.turn++
	if s.opt.IndexLag <= 0 || s.switches.quiet {
		// What still waits of this record is older, and must not come after v.
		s.pending = slices.DeleteFunc(s.pending, func(p indexing) bool { return p.r == r })
		s.show(r, v)
		return
	}
	s.pending = append(s.pending, indexing{s.now() + s.opt.IndexLag.Milliseconds(), r, v})
}

// settle brings into the index what is due, or all of it.
func (s *store) settle(all bool) {
	now := s.now()
	if all {
		now = math.MaxInt64
	}
	done := 0
	for done < len(s.pending) && s.pending[done].due <= now {
		s.show(s.pending[done].r, s.pending[done].v)
		done++
	}
	if done > 0 {
		s.pending = append([]indexing(nil), s.pending[done:]...)
		s.turn++
	}
}

func (s *store) show(r *record, v *version) {
	t := s.tables[r.kind]
	if r.shown != nil {
		t.indexRecent.remove(r)
		if v == nil {
			t.indexMade.remove(r)
		}
	}
	had := r.shown != nil
	r.shown = v
	if v == nil {
		return
	}
	t.indexRecent.insert(r)
	if !had {
		t.indexMade.insert(r)
	}
}
