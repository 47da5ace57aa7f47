package hubspotsim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Insert makes a record as a person would in the vendor's screens, and returns
// its id. The portal's rules hold.
func (s *Sim) Insert(object string, fields map[string]string) (id string, err error) {
	d, o, err := s.byHand(object, OpCreate, "", fields)
	if err != nil {
		return "", fmt.Errorf("insert %s: %w", object, err)
	}
	return o.id(d.n), nil
}

// Edit changes properties of a record as a person would: the stamp moves, and
// history and hs_updated_by_user_id name a person.
func (s *Sim) Edit(object, id string, fields map[string]string) error {
	if _, _, err := s.byHand(object, OpUpdate, id, fields); err != nil {
		return fmt.Errorf("edit %s %s: %w", object, id, err)
	}
	return nil
}

// EditQuietly changes properties of a record behind everybody's back: neither
// its stamp nor its author nor the history of the property moves.
func (s *Sim) EditQuietly(object, id string, fields map[string]string) error {
	if _, _, err := s.write(object, OpUpdate, id, fields, true); err != nil {
		return fmt.Errorf("edit %s %s: %w", object, id, err)
	}
	return nil
}

// SetField changes one property of a record as a person would.
func (s *Sim) SetField(object, id, name, value string) error {
	return s.Edit(object, id, map[string]string{name: value})
}

func (s *Sim) byHand(object, op, id string, fields map[string]string) (*draft, *objectType, error) {
	return s.write(object, op, id, fields, false)
}

func (s *Sim) write(object, op, id string, fields map[string]string, quiet bool) (*draft, *objectType, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	o := s.store.object(object)
	if o == nil {
		return nil, nil, errors.New("no such object")
	}
	d := &draft{in: recordInput{ID: text(id)}}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		d.in.Properties = append(d.in.Properties, prop{name, fields[name]})
	}
	w := s.store.writer(o, op)
	w.human, w.quiet, w.source = true, quiet, byPerson
	w.plan(d)
	switch {
	case d.missing:
		return nil, nil, noRecord(o, id)
	case d.err != nil:
		return nil, nil, d.err
	}
	w.apply(d)
	return d, o, nil
}

// Touch moves the last-modified stamp and nothing else, as the portal's own
// recalculations do.
func (s *Sim) Touch(object, id string) error {
	return s.withRow(object, id, func(o *objectType, n uint32) error {
		s.store.stamp(o, n)
		return nil
	})
}

// Delete archives a record as a person would.
func (s *Sim) Delete(object, id string) error {
	return s.withRow(object, id, func(o *objectType, n uint32) error {
		s.store.archive(o, n)
		return nil
	})
}

// Merge merges loser into winner: the loser's id leads to the winner from then
// on, where the API follows it.
func (s *Sim) Merge(object, winner, loser string) error {
	return s.withRow(object, winner, func(o *objectType, n uint32) error {
		m, ok := o.find(loser)
		if !ok || m == n {
			return fmt.Errorf("no other record %s", loser)
		}
		s.store.merge(o, n, m)
		return nil
	})
}

// Restore brings an archived record back, without its associations.
func (s *Sim) Restore(object, id string) error {
	return s.withObject(object, func(o *objectType) error {
		n, ok := o.row(id)
		if !ok || o.rows[n].life != archived {
			return fmt.Errorf("%s is not archived", id)
		}
		s.store.before(o, n, false)
		s.store.setLife(o, n, live)
		o.rows[n].modified = s.store.now()
		return nil
	})
}

// Purge takes archived records away for good, as the portal does after 90 days.
func (s *Sim) Purge() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, o := range s.store.objects {
		for n := range o.rows {
			if o.rows[n].life == archived {
				o.rows[n].life = purged
			}
		}
	}
}

func (s *Sim) withRow(object, id string, change func(*objectType, uint32) error) error {
	return s.withObject(object, func(o *objectType) error {
		n, ok := o.find(id)
		if !ok {
			return noRecord(o, id)
		}
		return change(o, n)
	})
}

// Record returns the properties of a record that have a value, whatever became
// of it. It is nil when there is no such record.
func (s *Sim) Record(object, id string) map[string]string {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	o := s.store.object(object)
	if o == nil {
		return nil
	}
	n, ok := o.row(id)
	if !ok {
		return nil
	}
	return s.store.record(o, n)
}

func (s *store) record(o *objectType, n uint32) map[string]string {
	m := map[string]string{}
	for _, p := range o.props {
		if v := s.value(o, n, &o.rows[n], p); v != "" {
			m[p.name] = v
		}
	}
	return m
}

// Archived tells whether a record is in the recycle bin, merged away or unknown.
func (s *Sim) Archived(object, id string) bool {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	o := s.store.object(object)
	if o == nil {
		return true
	}
	_, ok := o.find(id)
	return !ok
}

// Records returns the live records of an object, oldest first.
func (s *Sim) Records(object string) []map[string]string {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	o := s.store.object(object)
	if o == nil {
		return nil
	}
	var list []map[string]string
	for n := range o.rows {
		if o.rows[n].life == live {
			list = append(list, s.store.record(o, uint32(n)))
		}
	}
	return list
}

// Count is the number of live records of an object.
func (s *Sim) Count(object string) int {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	n := 0
	if o := s.store.object(object); o != nil {
		for i := range o.rows {
			if o.rows[i].life == live {
				n++
			}
		}
	}
	return n
}

// Objects are the names of all objects.
func (s *Sim) Objects() []string {
	var names []string
	for _, o := range s.store.objects {
		names = append(names, o.name)
	}
	return names
}

// Find returns the ids of the live records whose property has exactly the value.
func (s *Sim) Find(object, name, value string) []string {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	o := s.store.object(object)
	if o == nil || o.byName[name] == nil {
		return nil
	}
	p := o.byName[name]
	if p.unique && p.name != "hs_additional_emails" && value != "" {
		if n, ok := s.store.holder(o, p, value); ok {
			return []string{o.id(n)}
		}
		return nil
	}
	var ids []string
	for n := range o.rows {
		if o.rows[n].life == live && s.store.value(o, uint32(n), &o.rows[n], p) == value {
			ids = append(ids, o.id(uint32(n)))
		}
	}
	return ids
}

// Associate ties two records as a person would, with the type ids given or
// with none but the unlabeled one.
func (s *Sim) Associate(from, fromID, to, toID string, types ...int) error {
	return s.withRow(from, fromID, func(o *objectType, n uint32) error {
		other := s.store.object(to)
		if other == nil {
			return fmt.Errorf("no object %q", to)
		}
		m, ok := other.find(toID)
		if !ok {
			return noRecord(other, toID)
		}
		p := s.store.pair(o, other)
		specs := make([]assocSpec, len(types))
		for i, id := range types {
			specs[i].TypeID = id
		}
		k, unknown := p.kind(specs)
		if unknown != nil {
			return s.store.wrongType(o, *unknown)
		}
		s.store.connect(p, n, m, k, false)
		return nil
	})
}

// Disassociate takes the tie between two records away as a person would.
func (s *Sim) Disassociate(from, fromID, to, toID string) error {
	return s.withRow(from, fromID, func(o *objectType, n uint32) error {
		other := s.store.object(to)
		if other == nil {
			return fmt.Errorf("no object %q", to)
		}
		m, ok := other.find(toID)
		if !ok || !s.store.disconnect(s.store.pair(o, other), n, m) {
			return fmt.Errorf("not associated with %s %s", to, toID)
		}
		return nil
	})
}

// An Association is one tie of a record.
type Association struct {
	ToID  string
	Types []AssociationType
}

// Primary tells whether the tie is to the primary company.
func (a Association) Primary() bool {
	return slices.ContainsFunc(a.Types, func(t AssociationType) bool { return t.Label == "Primary" && t.Category == definedByHubSpot })
}

// Associations are the ties of a record to an object, oldest first.
func (s *Sim) Associations(from, id, to string) []Association {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	o, other := s.store.object(from), s.store.object(to)
	if o == nil || other == nil {
		return nil
	}
	n, ok := o.find(id)
	if !ok {
		return nil
	}
	p := s.store.pair(o, other)
	var list []Association
	for i := range o.rows[n].links {
		if l := &o.rows[n].links[i]; l.obj == other.num {
			list = append(list, Association{other.id(l.n), p.types(l)})
		}
	}
	return list
}

// AddLabel gives people a label for a pair of objects, with the same or another
// name in the other direction, and returns the type ids of both directions.
func (s *Sim) AddLabel(from, to, label, inverse string) (id, inverseID int, err error) {
	err = s.withObject(from, func(o *objectType) error {
		other := s.store.object(to)
		if other == nil {
			return fmt.Errorf("no object %q", to)
		}
		id, inverseID, err = s.store.addLabel(o, other, label, inverse)
		return err
	})
	return id, inverseID, err
}

// firstLabel is the type id below all labels of people.
const firstLabel = 100

func (s *store) addLabel(from, to *objectType, label, inverse string) (id, inverseID int, err error) {
	there, back := s.pair(from, to), s.pair(to, from)
	if len(there.labels) >= 30 {
		return 0, 0, errors.New("too many labels")
	}
	count := 0
	for _, p := range s.pairs {
		count += len(p.labels)
	}
	id, inverseID = firstLabel+count, firstLabel+count+1
	if from == to && label == inverse {
		there.labels = append(there.labels, assocLabel{id, definedByUser, label, len(there.labels)})
		return id, id, nil
	}
	at, atBack := len(there.labels), len(back.labels)
	if from == to {
		atBack++
	}
	there.labels = append(there.labels, assocLabel{id, definedByUser, label, atBack})
	back.labels = append(back.labels, assocLabel{inverseID, definedByUser, inverse, at})
	return id, inverseID, nil
}
