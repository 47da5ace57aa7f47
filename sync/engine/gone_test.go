package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// armer is a simulator that takes rules.
type armer interface {
	ArmRule(raw []byte) (int, error)
	RemoveRule(id int) bool
}

// hide keeps records out of the API user's sight until show is called.
func hide(t *testing.T, sim armer, object, match string) (show func()) {
	t.Helper()
	id, err := sim.ArmRule(fmt.Appendf(nil, `{"object":%q,"match":{%s},"effect":"hide"}`, object, match))
	if err != nil {
		t.Fatal(err)
	}
	return func() { sim.RemoveRule(id) }
}

func (w *world) describe(id int64, text string) {
	w.t.Helper()
	if err := w.qb.UpdateCustomer(id, qbenchsim.Fields{"description": text}); err != nil {
		w.t.Fatal(err)
	}
}

// C4.1: accounts that the API user does not see any more are neither closed nor
// written nor made again; a full run counts how long that is so, and the first
// read that brings them goes on with what is due.
func TestC4_1_SalesforceLosesSight(t *testing.T) {
	w := newWorld(t)
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	show := hide(t, w.sf, "Account", `"Name":"Acme"`)
	w.describe(acme, "Changed")
	w.describe(best, "Changed too")
	ben := w.qb.AddContact(person("Ben", "Ray", "ben@acme.example"), acme)
	w.sync()
	w.push(true)
	w.tick()
	w.push(true)
	w.wantHeld("salesforce", "Account "+ledger.HoldNotVisible, "Contact "+ledger.HoldParentWaits)
	w.wantCount("Account", 2)
	for _, h := range w.views("salesforce") {
		switch h.Reason {
		case ledger.HoldNotVisible:
			if h.Attempts != 2 || !strings.Contains(h.Mend, "crmsyncd unlink --gone salesforce/Account account KEY") || !strings.Contains(h.Detail, "since 2026-11-20, in 2 full runs") {
				t.Errorf("held: %+v", h)
			}
		default:
			if !strings.Contains(h.Detail, "which salesforce does not show") {
				t.Errorf("the contact waits: %q", h.Detail)
			}
		}
	}
	if d := w.account("Best")["Description"]; d != "Changed too" {
		t.Errorf("another account: %q", d)
	}
	if d := w.account("Acme")["Description"]; d == "Changed" {
		t.Error("an account that is not visible was written to")
	}
	show()
	w.tick()
	w.push(true)
	w.wantHeld("salesforce")
	if d := w.account("Acme")["Description"]; d != "Changed" {
		t.Errorf("after the return: %q", d)
	}
	if c := w.contact("ben@acme.example"); c["AccountId"] != w.account("Acme")["Id"] {
		t.Errorf("contact %d: %v", ben, c)
	}
}

func (w *world) views(system string) []engine.HoldView {
	w.t.Helper()
	var out []engine.HoldView
	if err := w.eng.Holds(engine.HoldFilter{System: system}, func(h engine.HoldView) error { out = append(out, h); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// C4.1: sight of many at once stops at the guard of removals, with a plan, and
// nothing changes; the rows that a person lets through are held.
func TestC4_1_ManyStopAtTheGuard(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.qb.AddCustomer(customer(fmt.Sprint("Lab ", i), qbenchsim.Fields{"industry": "Food"}))
	}
	w.sync()
	show := hide(t, w.sf, "Account", `"Industry":"Food"`)
	w.qb.AddContact(person("Ann", "Lee", "ann@lab-0.example"), w.qb.CustomerIDs()[0])
	w.tick()
	w.pull()
	run, err := w.tryPush(true)
	if !errors.Is(err, engine.ErrGuard) || run.Plan == "" {
		t.Fatalf("%v, plan %q", err, run.Plan)
	}
	w.wantHeld("salesforce", "Contact "+ledger.HoldParentWaits)
	if n := w.linked("Account"); n != 40 {
		t.Errorf("%d links are open, want 40", n)
	}
	if _, err := w.eng.Accept(run.Plan); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.push()
	if n := len(w.held("salesforce")); n != 41 || w.linked("Account") != 40 {
		t.Errorf("%d are held, %d links are open; want 41 and 40", n, w.linked("Account"))
	}
	w.tick()
	w.push(true) // what is known to be out of sight counts no more
	show()
	w.tick()
	w.push(true)
	w.wantHeld("salesforce")
}

func (w *world) linked(object string) (n int) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error { n = tx.Links("salesforce", object).Open(); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// C4.1: what was ambiguous is not made beside records that are out of sight.
func TestC4_1_NoKeyCountsAsAbsent(t *testing.T) {
	w := newWorld(t)
	w.insert("Account", map[string]string{"Name": "One", "Website": "https://twin.example"})
	w.insert("Account", map[string]string{"Name": "Two", "Website": "https://twin.example"})
	twin := w.qb.AddCustomer(customer("Twin", qbenchsim.Fields{"website": "https://twin.example"}))
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldAmbiguous)
	show := hide(t, w.sf, "Account", `"Website":"https://twin.example"`)
	w.tick()
	w.push(true)
	w.describe(twin, "Changed")
	w.sync()
	w.wantCount("Account", 2)
	w.wantHeld("salesforce", "Account "+ledger.HoldAmbiguous)
	show()
	for _, name := range []string{"One", "Two"} {
		_ = w.sf.Delete("Account", w.account(name)["Id"])
	}
	w.tick()
	w.push(true)
	w.wantCount("Account", 1)
	w.wantHeld("salesforce")
}

// C4.1: HubSpot answers for the very id. One company among others that it shows
// is believed gone; the only one is not, and a held retry asks once more.
func TestC4_1_HubSpotAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.sync()
		w.pushTo("hubspot")
		show := hide(t, hs, "companies", `"name":"Acme"`)
		w.fullTo("hubspot")
		w.wantHeld("hubspot", "companies "+ledger.HoldNotVisible)
		w.describe(acme, "Changed")
		w.sync()
		w.pushTo("hubspot")
		show()
		if n, err := w.eng.RetryHolds(engine.HoldFilter{System: "hubspot"}, false); n != 1 || err != nil {
			t.Error(n, err)
		}
		w.pushTo("hubspot")
		w.wantHeld("hubspot")
		if d := w.hsOne(hs, "companies", "name", "Acme")["description"]; d != "Changed" {
			t.Errorf("after the retry: %q", d)
		}
		w.qb.AddCustomer(customer("Best"))
		w.sync()
		w.pushTo("hubspot")
		show = hide(t, hs, "companies", `"name":"Acme"`)
		w.fullTo("hubspot")
		w.wantHeld("hubspot", "companies "+ledger.HoldDeleted)
		show()
		w.fullTo("hubspot")
		w.wantHeld("hubspot")
	})
}

func (w *world) fullTo(system string) state.Run {
	w.t.Helper()
	w.tick()
	run, err := w.eng.Push(w.t.Context(), engine.Request{System: system, Full: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// C4.1: a person says of a record that is out of sight that it is gone. One that
// is visible, or is shown when asked, is refused.
func TestC4_1_UnlinkGone(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	id := hubID(t, w.one("account", "Acme"))
	gone := func() error { return w.eng.UnlinkGone(t.Context(), "salesforce", "Account", id) }
	if err := gone(); !errors.Is(err, engine.ErrVisible) {
		t.Errorf("of a visible record: %v", err)
	}
	show := hide(t, w.sf, "Account", `"Name":"Acme"`)
	w.tick()
	w.push(true)
	show()
	if err := gone(); !errors.Is(err, engine.ErrVisible) {
		t.Errorf("of one that is shown again: %v", err)
	}
	show = hide(t, w.sf, "Account", `"Name":"Acme"`)
	if err := gone(); err != nil {
		t.Fatal(err)
	}
	w.wantHeld("salesforce", "Account "+ledger.HoldDeleted)
	w.describe(acme, "Changed")
	w.sync()
	w.push(true)
	show()
	w.tick()
	w.push(true) // what a person closed stays closed
	w.wantHeld("salesforce", "Account "+ledger.HoldDeleted)
	w.wantCount("Account", 2)
	if err := gone(); !errors.Is(err, engine.ErrNoRecord) {
		t.Errorf("of a closed link: %v", err)
	}
	if l := linkOf(w.one("account", "Acme"), "salesforce"); l.State != "closed" || l.Closed != "by_person" {
		t.Errorf("link %+v", l)
	}
	if n, err := w.eng.RetryHolds(engine.HoldFilter{System: "salesforce"}, true); n != 1 || err != nil {
		t.Error(n, err)
	}
	w.sync()
	w.wantHeld("salesforce")
	w.wantCount("Account", 2)
}

// C4.2: a company that was deleted and put back goes on by itself, whether a full
// run asks for it or its hub record changes, with what is due and with its
// contacts.
func TestC4_2_HubSpotRestored(t *testing.T) {
	for _, full := range []bool{true, false} {
		t.Run(fmt.Sprint("full ", full), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, hs := bothTargets(t)
				acme := w.qb.AddCustomer(customer("Acme"))
				w.qb.AddCustomer(customer("Best"))
				w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
				w.sync()
				w.pushTo("hubspot")
				id := hs.Find("companies", "name", "Acme")[0]
				if err := hs.Delete("companies", id); err != nil {
					t.Fatal(err)
				}
				w.fullTo("hubspot")
				w.wantHeld("hubspot", "companies "+ledger.HoldDeleted, "contacts "+ledger.HoldParentWaits)
				if err := hs.Restore("companies", id); err != nil {
					t.Fatal(err)
				}
				w.describe(acme, "Changed")
				w.sync()
				if full {
					w.fullTo("hubspot")
				} else {
					w.pushTo("hubspot")
				}
				w.wantHeld("hubspot")
				if c := w.hsOne(hs, "companies", "name", "Acme"); c["description"] != "Changed" || hs.Count("companies") != 2 {
					t.Errorf("%d companies, %v", hs.Count("companies"), c)
				}
				as := hs.Associations("contacts", hs.Find("contacts", "email", "ann@acme.example")[0], "companies")
				if !slices.ContainsFunc(as, func(a hubspotsim.Association) bool { return a.ToID == id }) {
					t.Errorf("the contact hangs on %+v", as)
				}
			})
		})
	}
}

// C4.2: an account that was deleted with its contacts, and taken out of the bin.
func TestC4_2_SalesforceRestored(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	id := w.account("Acme")["Id"]
	if err := w.sf.Delete("Account", id); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.push(true)
	w.wantHeld("salesforce", "Account "+ledger.HoldDeleted, "Contact "+ledger.HoldDeleted)
	w.describe(acme, "Changed")
	w.sync()
	if err := w.sf.Restore("Account", id); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.push(true)
	w.wantHeld("salesforce")
	if a := w.account("Acme"); a["Id"] != id || a["Description"] != "Changed" || w.contact("ann@acme.example")["AccountId"] != id {
		t.Errorf("%v", a)
	}
}

// C4.2: a link that was closed because its record was gone opens again when a
// look-up for another hub record brings that record; the other one does not get
// it.
func TestC4_2_KeyHitOpensTheLink(t *testing.T) {
	w := newWorld(t)
	w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	id := w.account("Acme")["Id"]
	_ = w.sf.Delete("Account", id)
	w.tick()
	w.push(true)
	_ = w.sf.Restore("Account", id)
	w.qb.AddCustomer(customer("Other", qbenchsim.Fields{"website": "https://acme.example"}))
	w.sync()
	w.wantHeld("salesforce")
	w.wantCount("Account", 3)
	if l := linkOf(w.one("account", "Acme"), "salesforce"); l.State != "open" || l.Remote != id {
		t.Errorf("link %+v", l)
	}
}

// C4.3: a new contact of a company that a person deleted waits for it: the
// refusal leads to a read of the company at once.
func TestC4_3_HubSpotNewContactOfDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.sync()
		w.pushTo("hubspot")
		id := hs.Find("companies", "name", "Acme")[0]
		if err := hs.Delete("companies", id); err != nil {
			t.Fatal(err)
		}
		w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
		w.sync()
		w.pushTo("hubspot")
		w.wantHeld("hubspot", "companies "+ledger.HoldDeleted, "contacts "+ledger.HoldParentWaits)
		hub := w.one("account", "Acme").ID
		for _, h := range w.views("hubspot") {
			if h.Reason == ledger.HoldParentWaits && h.Detail != fmt.Sprintf("account/%s was deleted in hubspot", hub) {
				t.Errorf("the contact waits: %q", h.Detail)
			}
		}
		if err := hs.Restore("companies", id); err != nil {
			t.Fatal(err)
		}
		w.fullTo("hubspot")
		w.wantHeld("hubspot")
		w.hsOne(hs, "contacts", "email", "ann@acme.example")
	})
}

// C4.3: the same in Salesforce, with an account that was deleted and with one
// that is out of sight.
func TestC4_3_SalesforceNewContactOfAbsent(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprint("hidden ", hidden), func(t *testing.T) {
			w := newWorld(t)
			acme := w.qb.AddCustomer(customer("Acme"))
			w.sync()
			id, want := w.account("Acme")["Id"], ledger.HoldDeleted
			back := func() { _ = w.sf.Restore("Account", id) }
			if hidden {
				back, want = hide(t, w.sf, "Account", `"Name":"Acme"`), ledger.HoldNotVisible
			} else {
				_ = w.sf.Delete("Account", id)
			}
			w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
			w.sync()
			w.wantHeld("salesforce", "Account "+want, "Contact "+ledger.HoldParentWaits)
			back()
			w.tick()
			w.push(true)
			w.wantHeld("salesforce")
			if c := w.contact("ann@acme.example"); c["AccountId"] != id {
				t.Errorf("contact %v", c)
			}
		})
	}
}

// unproven is a reader by id that says of every absent record no more than that
// it is not shown.
type unproven struct{ providers.Getter }

func (g unproven) Get(ctx context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	found, errs, err := g.Getter.Get(ctx, object, fields, ids)
	for _, e := range errs {
		e.Gone, e.Successor = providers.NotVisible, ""
	}
	return found, errs, err
}

func unprovenBy(system string) worldOption {
	return func(w *world) {
		w.wrap = func(s *engine.System) {
			if s.Name == system {
				s.Getter = unproven{s.Getter}
			}
		}
	}
}

// C4.1, R128: a customer that QBench neither lists nor proves to be gone is held,
// stays in the hub and in the targets, and goes on when it is listed again. Many
// at once stop at the guard.
func TestC4_1_QBenchNotVisible(t *testing.T) {
	w := newWorld(t, unprovenBy("qbench"))
	acme := w.qb.AddCustomer(customer("Acme"))
	for i := range 40 {
		w.qb.AddCustomer(customer(fmt.Sprint("Lab ", i)))
	}
	w.sync()
	show := hide(t, w.qb, "customer", `"customer_name":"Acme"`)
	for range 2 {
		w.tick()
		w.pull(true)
	}
	w.wantHeld("qbench", "customer "+ledger.HoldNotVisible)
	if v := w.views("qbench")[0]; v.Attempts != 2 || !strings.Contains(v.Mend, "unlink --gone qbench/customer account KEY") || v.Label != "1000 Acme" {
		t.Errorf("held: %+v", v)
	}
	if l := linkOf(w.one("account", "Acme"), "qbench"); l.State != "open" {
		t.Errorf("link %+v", l)
	}
	show()
	w.describe(acme, "Changed")
	w.sync()
	w.wantHeld("qbench")
	if d := w.account("Acme")["Description"]; d != "Changed" {
		t.Errorf("after the return: %q", d)
	}
	show = hide(t, w.qb, "customer", `"city":"Springfield"`)
	w.qb.AddCustomer(customer("Seen", qbenchsim.Fields{"city": "Elsewhere"}))
	w.tick()
	run, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true})
	if !errors.Is(err, engine.ErrGuard) || run.Plan == "" {
		t.Fatalf("%v, plan %q", err, run.Plan)
	}
	w.wantHeld("qbench")
	show()
}

// C4.1: QBench answers for the very id: one customer among others that it shows
// leaves, as documented, and comes back by itself.
func TestC4_1_QBenchAnswers(t *testing.T) {
	w := newWorld(t)
	w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	show := hide(t, w.qb, "customer", `"customer_name":"Acme"`)
	w.tick()
	w.pull(true)
	if l := linkOf(w.one("account", "Acme"), "qbench"); l.State != "closed" || l.Closed != "left_scope" {
		t.Errorf("link %+v", l)
	}
	show()
	w.sync()
	if l := linkOf(w.one("account", "Acme"), "qbench"); l.State != "open" {
		t.Errorf("link %+v", l)
	}
}

// C4.1: a person says of a customer that QBench does not show that it is gone:
// it leaves the hub's scope, and is another one when it comes back.
func TestC4_1_UnlinkGoneOfASource(t *testing.T) {
	w := newWorld(t, unprovenBy("qbench"))
	w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	show := hide(t, w.qb, "customer", `"customer_name":"Acme"`)
	w.tick()
	w.pull(true)
	if err := w.eng.UnlinkGone(t.Context(), "qbench", "customer", hubID(t, w.one("account", "Acme"))); err != nil {
		t.Fatal(err)
	}
	w.wantHeld("qbench")
	if v := w.one("account", "Acme"); v.State != "out_of_scope" || linkOf(v, "qbench").Closed != "by_person" {
		t.Errorf("%s, link %+v", v.State, linkOf(v, "qbench"))
	}
	show()
	w.sync()
	if v := w.one("account", "Acme"); linkOf(v, "qbench").State != "open" || linkOf(v, "salesforce").State != "open" {
		t.Errorf("%s, links %+v", v.State, v.Links)
	}
	w.wantCount("Account", 2)
}

// C4.1: a lead of Close that a routine pull asks for by id and is not shown is no
// leaving one: it is held, and its next sight ends that.
func TestC4_1_CloseNotVisible(t *testing.T) {
	w := newCloseWorld(t, unprovenBy("close"))
	lead := w.lead("Acme", "8")
	w.lead("Best", "9")
	w.pullClose()
	show := hide(t, w.cl, "lead", fmt.Sprintf(`"id":%q`, lead))
	again := func() {
		if err := w.eng.Resync("close", "lead", lead); err != nil {
			t.Fatal(err)
		}
		w.pullClose()
	}
	again()
	w.wantHeld("close", "lead "+ledger.HoldNotVisible)
	if s := w.leadState("8"); s != "open" {
		t.Errorf("link %s", s)
	}
	w.fullClose()
	w.wantHeld("close", "lead "+ledger.HoldNotVisible)
	show()
	again()
	w.wantHeld("close")
}

// C4.1: Close answers for the very id. The lead is leaving only while other leads
// are seen in the same run; a full run closes it.
func TestC4_1_CloseAnswers(t *testing.T) {
	w := newCloseWorld(t)
	lead, other := w.lead("Acme", "8"), w.lead("Best", "9")
	w.pullClose()
	end := w.cl.Forbid("/event/") // so that no deletion is told
	show := hide(t, w.cl, "lead", fmt.Sprintf(`"id":%q`, lead))
	for _, id := range []string{lead, other} {
		if err := w.eng.Resync("close", "lead", id); err != nil {
			t.Fatal(err)
		}
	}
	w.pullClose()
	if s := w.leadState("8"); s != "leaving" {
		t.Errorf("link %s", s)
	}
	w.fullClose()
	if s := w.leadState("8"); s != "closed" {
		t.Errorf("link %s", s)
	}
	show()
	end()
}

// C4.3: a contact that moves to a company which a person deleted keeps its other
// changes; its reference alone waits.
func TestC4_3_MovedToDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
		ann := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
		w.sync()
		w.pushTo("hubspot")
		_ = hs.Delete("companies", hs.Find("companies", "name", "Best")[0])
		_ = w.sf.Delete("Account", w.account("Best")["Id"])
		if err := w.qb.UpdateContact(ann, qbenchsim.Fields{"last_name": "Ray", "customer_ids": []int64{best}}); err != nil {
			t.Fatal(err)
		}
		w.sync()
		w.pushTo("hubspot")
		w.wantHeld("hubspot", "companies "+ledger.HoldDeleted, "contacts "+ledger.HoldParentWaits)
		w.wantHeld("salesforce", "Account "+ledger.HoldDeleted, "Contact "+ledger.HoldParentWaits)
		if c := w.hsOne(hs, "contacts", "email", "ann@acme.example"); c["lastname"] != "Ray" {
			t.Errorf("contact %v", c)
		}
		if c := w.contact("ann@acme.example"); c["LastName"] != "Ray" {
			t.Errorf("contact %v", c)
		}
	})
}
