package engine_test

import (
	"fmt"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

const leadFilter = "filter: custom.AccountExternalID != nil\n"

func filtered(filter string) worldOption {
	return edited(closeRoutes, leadFilter, "filter: '"+filter+"'\n")
}

// pullFrom pulls from a system, an hour after the one before.
func (w *closeWorld) pullFrom(system string, full bool) {
	w.t.Helper()
	w.tick()
	w.build()
	w.mustPull(engine.Request{System: system, Full: full})
}

func (w *closeWorld) insertAccount(id string) string {
	w.t.Helper()
	out, err := w.sf.Insert("Account", map[string]string{"Name": "SF " + id, "QBench_Id__c": id})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *closeWorld) leadState(key string) string {
	w.t.Helper()
	for _, v := range w.hubAll("account", key) {
		if l := linkOf(v, "close"); l.State != "" {
			return l.State
		}
	}
	return ""
}

// R28: a filter that asks for two systems follows both of them, and one that
// asks that a system has none follows as well.
func TestR28_FilterOverTwoSystems(t *testing.T) {
	for filter, want := range map[string][4]string{ // in none, in Salesforce, in both, in QBench alone
		`exists_in("salesforce") and exists_in("qbench")`:                       {"", "", "open", "leaving"},
		`custom.AccountExternalID != nil and not exists_in("salesforce")`:       {"open", "leaving", "leaving", "open"},
		`exists_in("qbench") and not exists_in("salesforce")`:                   {"", "", "", "open"},
		`exists_in("salesforce") or exists_in("qbench")`:                        {"", "open", "open", "open"},
		`custom.AccountExternalID != nil and not (exists_in("qbench"))`:         {"open", "open", "leaving", "leaving"},
		`exists_in("salesforce") and not exists_in("qbench")`:                   {"", "open", "leaving", "leaving"},
		`custom.AccountExternalID != nil and (exists_in("qbench") or 1 == 1)`:   {"open", "open", "open", "open"},
		`exists_in("salesforce") == exists_in("qbench") and display_name != ""`: {"open", "leaving", "open", "leaving"},
	} {
		t.Run(filter, func(t *testing.T) {
			w := newCloseWorld(t, salesforceAsSource, func(w *world) {
				w.edit(closeRoutes, "filter: 'exists_in(\"salesforce\") and custom.Sync != \"No\"'\n", "filter: '"+filter+"'\n")
			})
			w.lead("Acme", "1000")
			w.insertAccount("99")
			var got [4]string
			look := func(i int) {
				w.pullFrom("close", false)
				w.pullFrom("close", false)
				got[i] = w.leadState("1000")
			}
			look(0)
			id := w.insertAccount("1000")
			w.pullFrom("salesforce", false)
			look(1)
			if c := w.qb.AddCustomer(customer("Acme")); c != 1000 {
				t.Fatal(c)
			}
			w.pullFrom("qbench", false)
			look(2)
			if err := w.sf.Delete("Account", id); err != nil {
				t.Fatal(err)
			}
			w.pullFrom("salesforce", true)
			look(3)
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
			w.cl.ResetCalls()
			w.pullFrom("close", false)
			if n := w.cl.Calls()["get.lead"]; n != 0 {
				t.Errorf("%d reads by id with nothing changed", n)
			}
		})
	}
}

// R28: a route that is listed whole each time follows another system too.
func TestR28_QBenchFollowsClose(t *testing.T) {
	w := newCloseWorld(t, edited("routes/qbench.yaml", "    # filter: 'status == \"Active\"'\n", "    filter: 'exists_in(\"close\")'\n"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.pullFrom("qbench", false)
	lead := w.lead("Acme", acme)
	w.pullFrom("close", false)
	w.pullFrom("qbench", false)
	if got := linkOf(w.hub("account", fmt.Sprint(acme)), "qbench").State; got != "open" {
		t.Errorf("the customer is %q after its lead came", got)
	}
	w.custom(lead, "AccountExternalID", nil)
	w.pullFrom("close", false)
	w.pullFrom("qbench", false)
	if got := linkOf(w.hub("account", fmt.Sprint(acme)), "qbench").State; got != "leaving" {
		t.Errorf("the customer is %q after its lead left", got)
	}
}

// R126, R127: a full run looks at each record again whose filter asks for more
// than the record: for the day, or for another system.
func TestR127_FullRunAsksTheFilterAgain(t *testing.T) {
	t.Run("the day", func(t *testing.T) {
		w := newCloseWorld(t, filtered(`custom["Renewal Date"] >= today`))
		lead := w.lead("Acme", "8")
		w.custom(lead, "Renewal Date", "2026-11-21")
		w.pullClose()
		w.now = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
		w.pullFrom("close", false)
		if got, err := w.eng.Behind("close"); err != nil || len(got) != 1 {
			t.Errorf("behind on another day: %v %v", got, err)
		}
		w.fillClose()
		if got := w.leadState("8"); got != "leaving" {
			t.Errorf("the lead is %q after its day", got)
		}
		w.fullClose()
		if got := w.leadState("8"); got != "closed" {
			t.Errorf("the lead is %q after a full run", got)
		}
	})
	t.Run("another system", func(t *testing.T) {
		w := newCloseWorld(t, salesforceAsSource)
		w.insertAccount("99")
		w.lead("Acme", "8")
		id := w.insertAccount("8")
		w.pullFrom("salesforce", false)
		w.pullFrom("close", false)
		if err := w.sf.Delete("Account", id); err != nil {
			t.Fatal(err)
		}
		w.pullFrom("salesforce", true)
		w.pullFrom("close", true)
		if got := w.leadState("8"); got != "closed" {
			t.Errorf("the lead is %q after a full run", got)
		}
	})
}

// F5: a record whose stamp lay in the future is not deaf till then: what
// changes later is read.
func TestF5_FutureLeadIsStillRead(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	w.pullClose()
	if err := w.cl.SetUpdated(lead, w.now.Add(365*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	for i := range 3 {
		name := fmt.Sprint("Acme ", i)
		w.tick()
		w.change(lead, closeiosim.Fields{"name": name})
		w.pullClose()
		w.pullClose()
		if got := valueOf(w.hub("account", "8"), "name"); got != name {
			t.Errorf("name %q, want %q", got, name)
		}
	}
}

// A hold ends with its record: one that is merged into the other, as the hold
// advises, or deleted, waits for nothing any more.
func TestHoldEndsWithItsRecord(t *testing.T) {
	for name, end := range map[string]func(w *closeWorld, first, second string){
		"merged":  func(w *closeWorld, first, second string) { _ = w.cl.MergeLeads(second, first) },
		"deleted": func(w *closeWorld, _, second string) { w.cl.DeleteLead(second) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newCloseWorld(t)
			first, second := w.lead("Acme", "8"), w.lead("Acme copy", "8")
			w.pullClose()
			w.wantHeld("close", "lead "+ledger.HoldDuplicate)
			if w.held("close")[0].Remote == first {
				first, second = second, first
			}
			w.tick()
			w.pullClose()
			end(w, first, second)
			w.pullClose()
			w.wantHeld("close")
		})
	}
	t.Run("no event", func(t *testing.T) {
		w := newCloseWorld(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		other := w.qb.AddCustomer(customer("Other"))
		person := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme, other)
		w.pull()
		w.wantHeld("qbench", "contact "+ledger.HoldManyCustomers)
		w.qb.DeleteContact(person)
		w.tick()
		w.pull(true)
		w.wantHeld("qbench")
	})
	t.Run("no event in Close", func(t *testing.T) {
		w := newCloseWorld(t)
		w.lead("Acme", "8")
		w.lead("Acme copy", "8")
		w.pullClose()
		second := w.held("close")[0].Remote
		w.tick()
		w.pullClose()
		end := w.cl.Forbid("/event/")
		w.cl.DeleteLead(second)
		w.tick()
		w.pullClose()
		w.fullClose()
		end()
		w.wantHeld("close")
	})
}

// R83: a parent that would make a circle is taken once the circle is open.
func TestR83_CycleEnds(t *testing.T) {
	w := newCloseWorld(t)
	a, b, c := w.lead("A", "1"), w.lead("B", "2"), w.lead("C", "3")
	for lead, parent := range map[string]string{a: "2", b: "3", c: "1"} {
		w.custom(lead, "ParentExternalID", parent)
	}
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldBadValue)
	held := w.held("close")[0].Remote
	w.tick()
	w.pullClose()
	other := map[string]string{a: b, b: c, c: a}[held]
	w.custom(other, "ParentExternalID", nil)
	w.tick()
	w.pullClose()
	w.wantHeld("close")
	number := map[string]string{a: "1", b: "2", c: "3"}
	if got := valueOf(w.hub("account", number[held]), "parent"); got != w.hub("account", number[other]).ID {
		t.Errorf("the parent is %q after the circle was opened", got)
	}
}

// D1, D5: a record that several of the hub match is matched again when one of
// them is no longer such.
func TestD5_AmbiguityEnds(t *testing.T) {
	w := newCloseWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	one := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	two := w.qb.AddContact(person("Ann", "Roe", "Ann@acme.example"), acme)
	w.pull()
	lead := w.lead("Acme", acme)
	contact := w.cl.AddContact(lead, closeiosim.Fields{"name": "Ann", "emails": []any{map[string]any{"type": "office", "email": "ann@acme.example"}}})
	w.pullClose()
	w.wantHeld("close", "contact "+ledger.HoldAmbiguous)
	w.tick()
	w.pullClose()
	if err := w.qb.UpdateContact(two, map[string]any{"email_address": "roe@acme.example"}); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pull()
	w.tick()
	w.pullClose()
	w.wantHeld("close")
	if got := linkOf(w.hub("contact", fmt.Sprint(one)), "close").Remote; got != contact {
		t.Errorf("the person is linked with %q", got)
	}
}

// D8: a person takes a lead from an account: what belongs to the lead goes with
// it, and comes back with it.
func TestUnlinkedLeadTakesItsChildren(t *testing.T) {
	w := newCloseWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.pull()
	lead, contact, deal, task := w.family("Acme", acme)
	w.pullClose()
	shared := w.hub("account", fmt.Sprint(acme))
	w.tick()
	w.pullClose()
	family := map[string]string{"contact": contact, "opportunity": deal, "task": task}
	belongs := func(want string) {
		t.Helper()
		for object, key := range family {
			if v := w.hub(object, key); valueOf(v, "account") != want || linkOf(v, "close").State != "open" {
				t.Errorf("the %s belongs to %q, want %q; %s", object, valueOf(v, "account"), want, linkOf(v, "close").State)
			}
		}
	}
	belongs(shared.ID)
	if err := w.eng.Unlink("close", "lead", mustHub(t, shared.ID)); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pullClose()
	own := w.hub("account", lead)
	if own.ID == shared.ID {
		t.Fatal("the lead is still there")
	}
	belongs(own.ID)
	if err := w.eng.Unlink("close", "lead", mustHub(t, own.ID)); err != nil {
		t.Fatal(err)
	}
	if err := w.eng.Link(t.Context(), "close", "lead", mustHub(t, shared.ID), lead); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pullClose()
	belongs(shared.ID)
	w.wantHeld("close")
}

func mustHub(t *testing.T, id string) state.HubID {
	t.Helper()
	out, err := state.ParseHubID(id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// R17: a person links a lead that was held; what waited for it comes in.
func TestR17_LinkedByAPersonBringsItsChildren(t *testing.T) {
	w := newCloseWorld(t)
	other := w.qb.AddCustomer(customer("Other"))
	w.pull()
	w.lead("Acme", "8")
	w.pullClose()
	second := w.lead("Acme copy", "8")
	contact := w.cl.AddContact(second, closeiosim.Fields{"name": "Pat Lee"})
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldDuplicate, "contact "+ledger.HoldParentUnknown)
	w.tick()
	w.pullClose()
	account := w.hub("account", fmt.Sprint(other))
	if err := w.eng.Link(t.Context(), "close", "lead", mustHub(t, account.ID), second); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pullClose()
	w.wantHeld("close")
	if got := w.hub("contact", contact); valueOf(got, "account") != account.ID {
		t.Errorf("the contact belongs to %q", valueOf(got, "account"))
	}
}
