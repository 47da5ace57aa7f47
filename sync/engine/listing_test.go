package engine_test

import (
	"fmt"
	"strconv"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
)

// remembered returns how many pages of customers the state recognizes as a
// whole.
func (w *world) remembered() (n int) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error {
		l := tx.Listing("qbench", "customer")
		if l.Revision != tx.Links("qbench", "customer").Revision() {
			return nil
		}
		for _, page := range l.Pages {
			if page != 0 {
				n++
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// hubID is the hub record of a customer.
func (w *world) hubID(customer int64) state.HubID {
	w.t.Helper()
	id, err := state.ParseHubID(w.one("account", customer).ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// unsettled counts the customers that the state holds no digest of.
func (w *world) unsettled() (n int) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error {
		links := tx.Links("qbench", "customer")
		for _, id := range w.qb.CustomerIDs() {
			if _, raw, st, ok := links.Peek(strconv.FormatInt(id, 10)); !ok || raw == 0 || st != state.LinkOpen {
				n++
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestPagesAreRecognized: a listing in which nothing moved is remembered page
// by page, and whatever makes a record need a look again ends that.
func TestPagesAreRecognized(t *testing.T) {
	const customers, pages = 120, 3 // 50 on a page
	for name, disturb := range map[string]func(w *world, ids []int64){
		"an edit": func(w *world, ids []int64) {
			_ = w.qb.UpdateCustomer(ids[60], qbenchsim.Fields{"customer_name": "Another"})
		},
		"a person unlinks": func(w *world, ids []int64) {
			hub := w.hubID(ids[60])
			if err := w.eng.Unlink("qbench", "customer", hub); err != nil {
				w.t.Fatal(err)
			}
		},
		"a new record": func(w *world, _ []int64) { w.qb.AddCustomer(customer("Newcomer")) },
		"a digest that was taken back": func(w *world, ids []int64) {
			hub := w.hubID(ids[60])
			if err := w.store.Update(func(tx *state.Tx) error {
				var l state.Link
				links := tx.Links("qbench", "customer")
				if ok, err := links.Get(hub, &l); !ok || err != nil {
					return fmt.Errorf("link: %t %w", ok, err)
				}
				l.Raw = 0
				return links.Put(&l)
			}); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var ids []int64
			for i := range customers {
				ids = append(ids, w.qb.AddCustomer(customer(fmt.Sprintf("Lab %03d", i))))
			}
			w.pull()
			w.pull()
			if n := w.remembered(); n != pages {
				t.Fatalf("%d pages are remembered, want %d", n, pages)
			}
			if run := w.pull(); run.Counts["unchanged"] != customers {
				t.Errorf("with nothing changed: %v", run.Counts)
			}
			disturb(w, ids)
			run := w.pull()
			if want := map[string]int{"an edit": 1}[name]; run.Counts["changed"] != want {
				t.Errorf("%d records changed, want %d", run.Counts["changed"], want)
			}
			if n := w.unsettled(); n != 0 {
				t.Errorf("%d records were not looked at: %v", n, run.Counts)
			}
			if n := w.remembered(); n != 0 {
				t.Errorf("%d pages are remembered across a change", n)
			}
			w.pull()
			if n := w.remembered(); n != pages {
				t.Errorf("%d pages are remembered again, want %d", n, pages)
			}
		})
	}
}
