package engine_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// shortened is a reader whose listing lacks the first record of each page, or
// its end.
type shortened struct {
	providers.Reader
	first, last bool
}

func (s *shortened) Read(ctx context.Context, q providers.Query) iter.Seq2[record.Page, error] {
	return func(yield func(record.Page, error) bool) {
		for page, err := range s.Reader.Read(ctx, q) {
			if s.first && len(page.Records) > 1 {
				page.Records = page.Records[1:]
			}
			page.Last = page.Last && !s.last
			if !yield(page, err) {
				return
			}
		}
	}
}

// F6: a listing that was not read to its last page removes nothing and counts
// as broken; a record that a complete one lacks is read by id first, and stays
// if it is there.
func TestF6_ShortListings(t *testing.T) {
	for _, short := range []*shortened{{first: true}, {last: true}} {
		w := newWorld(t, unaudited("the listings stay short"))
		for _, name := range []string{"Acme", "Best", "Cole"} {
			w.qb.AddCustomer(customer(name))
		}
		w.sync()
		w.wrap = func(s *engine.System) {
			if s.Name == "qbench" {
				short.Reader = s.Reader
				s.Reader = short
			}
		}
		w.build()
		w.tick()
		_, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true, Objects: []string{"customer"}})
		if broken := err != nil; broken != short.last {
			t.Errorf("without its end %v: err = %v", short.last, err)
		}
		if n := w.openLinks("customer"); n != 3 {
			t.Errorf("%d open links, want all three", n)
		}
	}
}

// D8: a record that left the hub keeps the ids and digests of its link, and
// nothing is written to it in a target, not even what is enforced there.
func TestD8_LeftRecordIsLeftAlone(t *testing.T) {
	w := newWorld(t, onAccount(industryLine, "write: enforce"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Feed"})
	w.sync()
	before := w.sourceLink(1)
	w.qb.DeleteCustomer(acme)
	w.tick()
	w.pull(true)
	after := w.sourceLink(1)
	if after.State != state.LinkClosed || after.ClosedAt == 0 || after.Remote != before.Remote || len(after.Fields) != len(before.Fields) {
		t.Errorf("the link was %+v and is %+v; want it closed with its digests", before, after)
	}
	_ = w.sf.SetField("Account", w.account("Acme")["Id"], "Industry", "By hand")
	w.tick()
	w.push(true)
	if got := w.account("Acme")["Industry"]; got != "By hand" {
		t.Errorf("Industry %q: a record out of scope was written", got)
	}
	w.wantCount("Account", 2)
}

// sourceLink is the link of a hub record with its QBench customer.
func (w *world) sourceLink(hub state.HubID) (l state.Link) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error {
		_, err := tx.Links("qbench", "customer").Get(hub, &l)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return l
}

// Contacts go with their customer in a full run though they did not
// change themselves, come back with it, and never go before it: while a guard
// keeps the customers, their contacts stay.
func TestContactsGoWithTheirCustomer(t *testing.T) {
	line := "    # filter: 'status == \"Active\"'"
	w := newWorld(t, edited("routes/qbench.yaml", line, "    filter: 'industry == \"Food\"'"))
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	ben := w.qb.AddContact(person("Ben", "Roe", "ben@best.example"), best)
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel"})
	w.tick()
	w.pull(true)
	if a, c := w.openLinks("customer"), w.openLinks("contact"); a != 1 || c != 1 {
		t.Errorf("%d customers and %d contacts are in, want one each", a, c)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Food"})
	w.sync()
	if a, c := w.openLinks("customer"), w.openLinks("contact"); a != 2 || c != 2 {
		t.Errorf("%d customers and %d contacts after the return, want two each", a, c)
	}
	w.wantHeld("")

	w.edit("routes/qbench.yaml", "industry == \"Food\"", "industry == \"Steel\"")
	w.load()
	w.restart()
	_ = w.qb.UpdateContact(ben, qbenchsim.Fields{"first_name": "Benno"})
	w.tick()
	if _, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true}); !errors.Is(err, engine.ErrGuard) {
		t.Fatalf("err = %v, want the guard", err)
	}
	_ = w.store.View(func(tx *state.Tx) error {
		return tx.Links("qbench", "contact").Each(0, func(l *state.Link) error {
			if l.State == state.LinkClosed {
				t.Errorf("contact %s went before its customer", l.Remote)
			}
			return nil
		})
	})
}
