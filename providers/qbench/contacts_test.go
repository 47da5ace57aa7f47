package qbench_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
)

func contactFields() []record.Field {
	return []record.Field{{Name: "last_name", Type: record.Text}, {Name: "customer_ids", Type: record.Reference}}
}

// addContacts adds contacts of none, one, two and twelve customers.
func addContacts(t *testing.T, p pair) {
	t.Helper()
	ids := fill(p.sim, 12)
	one, two := atoi(t, ids[0]), atoi(t, ids[1])
	p.sim.AddContact(qbenchsim.Fields{"last_name": "None"})
	p.sim.AddContact(qbenchsim.Fields{"last_name": "One"}, one)
	p.sim.AddContact(qbenchsim.Fields{"last_name": "Two"}, two, one)
	var all []int64
	for _, id := range ids {
		all = append(all, atoi(t, id))
	}
	p.sim.AddContact(qbenchsim.Fields{"last_name": "Many"}, all...)
}

// customerCounts reads how many customers each contact has, -1 where nothing
// tells.
func customerCounts(t *testing.T, p pair, complete bool) map[string]int {
	t.Helper()
	fields := contactFields()
	got := map[string]int{}
	for page, err := range p.Read(t.Context(), providers.Query{Object: qbench.Contact, Fields: fields}) {
		if err != nil {
			t.Fatal(err)
		}
		if complete {
			if err := p.Complete(t.Context(), qbench.Contact, fields, page.Records); err != nil {
				t.Fatal(err)
			}
		}
		for _, rec := range page.Records {
			name, _ := p.Convert(qbench.Contact, fields[0], rec.Raw[0])
			ids, err := p.Convert(qbench.Contact, fields[1], rec.Raw[1])
			if err != nil {
				t.Fatal(err)
			}
			got[name.Text()] = len(ids.Elems())
			if !ids.Known() {
				got[name.Text()] = -1
			}
		}
	}
	return got
}

// A contact may have several customers, and an unread list
// of them is not an empty one.
func TestCustomersOfContacts(t *testing.T) {
	fields := contactFields()
	want := map[string]int{"None": 0, "One": 1, "Two": 2, "Many": 12}
	t.Run("from the contact", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, qbenchsim.Options{}, nil)
			addContacts(t, p)
			if p.Costly(qbench.Contact, fields[1]) {
				t.Error("the field is called costly")
			}
			if diff := cmp.Diff(want, customerCounts(t, p, false)); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("from a call per contact", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, qbenchsim.Options{HideCustomerIDs: true}, func(c *qbench.Config) {
				c.API, c.ContactsFrom = qbench.V2, qbench.FromCall
			})
			addContacts(t, p)
			if !p.Costly(qbench.Contact, fields[1]) || p.Costly(qbench.Contact, fields[0]) || p.Costly(qbench.Customer, fields[1]) {
				t.Error("the wrong fields are called costly")
			}
			if diff := cmp.Diff(map[string]int{"None": -1, "One": -1, "Two": -1, "Many": -1}, customerCounts(t, p, false)); diff != "" {
				t.Errorf("before they are asked for: %s", diff)
			}
			if n := p.sim.Calls()["contact_customers"]; n != 0 {
				t.Errorf("%d calls were made unasked", n)
			}
			if diff := cmp.Diff(want, customerCounts(t, p, true)); diff != "" {
				t.Error(diff)
			}
			if n := p.sim.Calls()["contact_customers"]; n != 3+3 { // three short lists, one of three pages
				t.Errorf("%d calls, want 6", n)
			}
		})
	})
}
