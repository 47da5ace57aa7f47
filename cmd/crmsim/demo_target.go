package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// target is a simulated CRM as the demo looks at it.
type target struct {
	system, name     string // as the program calls it, and as people do
	account, contact string // the objects
	key              string // the field with our id
	description      string // the fields that the demo edits
	firstName        string

	sim   looked
	calls func() int // since the last reset
	reset func()
	audit func() []sent
	seen  int // writes that were looked at
}

// looked is what the demo reads of a CRM behind the program's back.
type looked interface {
	Find(object, field, value string) []string
	Record(object, id string) map[string]string
}

// sent is one write that a target took.
type sent struct {
	object, id string
	fields     map[string]string
}

func (s *stage) targets() []target {
	return []target{
		{
			system: "hubspot", name: "HubSpot", account: "companies", contact: "contacts",
			key: "qbench_id", description: "description", firstName: "firstname",
			sim: s.hubspot, calls: func() int { return s.hubspot.Calls().Total() }, reset: s.hubspot.ResetCalls,
			audit: func() (list []sent) {
				for _, w := range s.hubspot.Audit() {
					list = append(list, sent{w.Object, w.ID, w.Fields})
				}
				return list
			},
		},
		{
			system: "salesforce", name: "Salesforce", account: "Account", contact: "Contact",
			key: "QBench_Id__c", description: "Description", firstName: "FirstName",
			sim: s.salesforce, calls: func() int { return s.salesforce.Calls().Total() }, reset: s.salesforce.ResetCalls,
			audit: func() (list []sent) {
				for _, w := range s.salesforce.Audit() {
					list = append(list, sent{w.Object, w.ID, w.Fields})
				}
				return list
			},
		},
	}
}

// news returns the writes that the target took since it was last asked.
func (t *target) news() []sent {
	all := t.audit()
	list := all[t.seen:]
	t.seen = len(all)
	return list
}

// has reports whether the record with this id of ours is there.
func (t *target) has(object, id string) bool { return len(t.sim.Find(object, t.key, id)) == 1 }

// called is what people call a record.
func (t *target) called(object, id string) string {
	f := t.sim.Record(object, id)
	person := strings.TrimSpace(f["FirstName"] + f["firstname"] + " " + f["LastName"] + f["lastname"])
	return cmp.Or(person, f["Name"], f["name"], id)
}

// lines tells writes as a person would, sorted.
func (t *target) lines(writes []sent) []string {
	var list []string
	for _, w := range writes {
		for _, field := range slices.Sorted(maps.Keys(w.fields)) {
			list = append(list, fmt.Sprintf("%s %s: %s = %q", w.object, t.called(w.object, w.id), field, w.fields[field]))
		}
	}
	slices.Sort(list)
	return list
}
