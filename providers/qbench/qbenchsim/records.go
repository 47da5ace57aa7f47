package qbenchsim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// AddCustomer adds a customer at the source and returns its id. It panics on a
// value that has no JSON form.
func (s *Sim) AddCustomer(f Fields) int64 {
	return s.mustAdd(customer, f)
}

// AddContact adds a contact of the given customers at the source and returns
// its id. It panics on a value that has no JSON form.
func (s *Sim) AddContact(f Fields, customers ...int64) int64 {
	if len(customers) > 0 {
		f = maps.Clone(f)
		if f == nil {
			f = Fields{}
		}
		f[customerIDs] = customers
	}
	return s.mustAdd(contact, f)
}

func (s *Sim) mustAdd(o object, f Fields) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.add(o, f)
	if err != nil {
		panic("qbenchsim: add " + o.String() + ": " + err.Error())
	}
	return id
}

// EditQuietly changes some fields of a customer or contact behind everybody's
// back: last_updated does not move.
func (s *Sim) EditQuietly(object string, id int64, f Fields) error {
	o, ok := objectNamed(object)
	if !ok {
		return fmt.Errorf("edit %s %d: no such object", object, id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overlay(o, id, f, true)
}

// UpdateCustomer changes some fields of a customer, as a person does at the
// source, and leaves the others alone.
func (s *Sim) UpdateCustomer(id int64, f Fields) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.update(customer, id, f)
}

// UpdateContact changes some fields of a contact, as a person does at the
// source, and leaves the others alone.
func (s *Sim) UpdateContact(id int64, f Fields) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.update(contact, id, f)
}

// DeleteCustomer removes a customer; its contacts lose it, and stay. It reports
// whether there was one.
func (s *Sim) DeleteCustomer(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop(customer, id)
}

// DeleteContact removes a contact and reports whether there was one.
func (s *Sim) DeleteContact(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop(contact, id)
}

// Customer returns what is stored of a customer, whatever the switches hide.
func (s *Sim) Customer(id int64) (Fields, bool) { return s.stored(customer, id) }

// Contact returns what is stored of a contact, its customer_ids with it,
// whatever the switches hide.
func (s *Sim) Contact(id int64) (Fields, bool) { return s.stored(contact, id) }

// CustomerIDs lists the ids of all customers, oldest first.
func (s *Sim) CustomerIDs() []int64 { return s.ids(customer) }

// ContactIDs lists the ids of all contacts, oldest first.
func (s *Sim) ContactIDs() []int64 { return s.ids(contact) }

func (s *Sim) ids(o object) []int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rows := s.table(o).rows
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].id
	}
	return ids
}

func (s *Sim) stored(o object, id int64) (Fields, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.table(o).find(id)
	if r == nil {
		return nil, false
	}
	f := decode(r.body)
	if o == contact {
		f[customerIDs] = slices.Clone(r.customers)
	}
	return f, true
}

func (s *Sim) table(o object) *table {
	if o == contact {
		return &s.contacts
	}
	return &s.customers
}

// add stores a new record. The caller holds s.mu.
func (s *Sim) add(o object, f Fields) (int64, error) {
	now := s.opts.Clock().Unix()
	r := row{created: now, updated: now}
	if err := r.take(s.table(o).keys, f); err != nil {
		return 0, err
	}
	id := s.table(o).insert(r)
	s.members = nil
	return id, nil
}

// update overlays a record. The caller holds s.mu.
func (s *Sim) update(o object, id int64, f Fields) error { return s.overlay(o, id, f, false) }

func (s *Sim) overlay(o object, id int64, f Fields, quiet bool) error {
	t := s.table(o)
	r := t.find(id)
	if r == nil {
		return fmt.Errorf("no %s %d", o, id)
	}
	all := decode(r.body)
	for _, k := range t.keys {
		if _, ok := all[k]; !ok {
			all[k] = Absent{}
		}
	}
	maps.Copy(all, f)
	if err := r.take(t.keys, all); err != nil {
		return err
	}
	if !quiet {
		r.updated = s.opts.Clock().Unix()
	}
	s.members = nil
	return nil
}

// drop removes a record. The caller holds s.mu.
func (s *Sim) drop(o object, id int64) bool {
	if !s.table(o).remove(id) {
		return false
	}
	s.members = nil
	if o == contact {
		return true
	}
	for i := range s.contacts.rows {
		c := &s.contacts.rows[i]
		if slices.Contains(c.customers, id) {
			c.customers = slices.DeleteFunc(slices.Clone(c.customers), func(x int64) bool { return x == id })
		}
	}
	return true
}

// take fills r from f; it changes nothing when it fails.
func (r *row) take(keys []string, f Fields) error {
	ids, given, err := takeIDs(f)
	if err != nil {
		return err
	}
	body, err := encode(keys, f)
	if err != nil {
		return err
	}
	r.body = body
	if given {
		r.customers = ids
	}
	switch d := f[dateCreated].(type) {
	case time.Time:
		r.created = d.Unix()
	case string:
		r.ownDate = d
	}
	return nil
}

// contactsOf lists the contacts of a customer. The caller holds s.mu for writing.
func (s *Sim) contactsOf(id int64) []int64 {
	if s.members == nil {
		s.members = make(map[int64][]int64, len(s.customers.rows))
		for i := range s.contacts.rows {
			c := &s.contacts.rows[i]
			for _, owner := range c.customers {
				s.members[owner] = append(s.members[owner], c.id)
			}
		}
	}
	return s.members[id]
}
