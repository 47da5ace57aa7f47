package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// family makes a lead with a contact, an opportunity and a task.
func (w *closeWorld) family(name string, accountID any) (lead, contact, deal, task string) {
	lead = w.lead(name, accountID)
	contact = w.cl.AddContact(lead, closeiosim.Fields{"name": "Pat " + slug(name), "emails": []any{map[string]any{"type": "office", "email": "pat@" + slug(name) + ".example"}}})
	deal = w.cl.AddOpportunity(lead, closeiosim.Fields{"value": 100, "value_currency": "USD"})
	task = w.cl.AddTask(lead, closeiosim.Fields{"text": "Call " + name})
	return lead, contact, deal, task
}

func (w *closeWorld) linkState(object, key string) string {
	w.t.Helper()
	return linkOf(w.hub(object, key), "close").State
}

// R89, R107, R121: a lead that enters the scope brings its contacts,
// opportunities and tasks in the same run, though nobody touched them.
func TestR121_ChildrenEnterWithTheirLead(t *testing.T) {
	w := newCloseWorld(t)
	lead, contact, deal, task := w.family("Acme", nil)
	w.family("Other", "7")
	w.pullClose()
	for _, object := range []string{"account", "contact", "opportunity", "task"} {
		if n := w.count(object); n != 1 {
			t.Errorf("%d of %s are in the hub, want the other lead's alone", n, object)
		}
	}
	w.tick()
	w.pullClose()
	w.tick() // so that nothing of it lies in the overlap
	w.custom(lead, "AccountExternalID", "8")
	run := w.pullClose()
	for object, key := range map[string]string{"account": "8", "contact": contact, "opportunity": deal, "task": task} {
		if got := w.linkState(object, key); got != "open" {
			t.Errorf("%s %s is %q", object, key, got)
		}
	}
	if run.Counts["entered"] != 3 {
		t.Errorf("counts %v, want 3 objects read for one parent that entered", run.Counts)
	}
	w.wantHeld("close")
}

// R121: where very many parents enter, their children are read with one listing.
func TestR121_ManyParentsEnter(t *testing.T) {
	w := newCloseWorld(t)
	var leads []string
	for i := range 520 {
		lead := w.lead(fmt.Sprintf("L%d", i), nil)
		w.cl.AddContact(lead, closeiosim.Fields{"name": fmt.Sprintf("P%d", i)})
		leads = append(leads, lead)
	}
	w.pullClose()
	w.tick()
	w.pullClose()
	w.tick()
	for i, lead := range leads {
		w.custom(lead, "AccountExternalID", fmt.Sprint(1000+i))
	}
	run := w.pullClose()
	if got := w.count("contact"); got != len(leads) {
		t.Errorf("%d contacts came, want %d", got, len(leads))
	}
	if calls := run.Calls["read"]; calls > 60 {
		t.Errorf("%d calls, want one listing instead of one per parent: %v", calls, run.Calls)
	}
}

// R127, R128, D8: what leaves the filter stays until a full run, and nothing is
// taken from it meanwhile; its children share its state; a return brings all of
// them back with their old links.
func TestR128_RoutineNeverRemoves(t *testing.T) {
	w := newCloseWorld(t)
	lead, contact, deal, _ := w.family("Acme", "8")
	w.pullClose()
	before := w.hub("account", "8")
	w.custom(lead, "AccountExternalID", nil)
	w.change(lead, closeiosim.Fields{"name": "Acme while away"})
	w.change(contact, closeiosim.Fields{"title": "Changed while away"})
	run := w.pullClose()
	if run.Counts["removed"] != 0 || w.linkState("account", "8") != "leaving" {
		t.Errorf("counts %v, link %q", run.Counts, w.linkState("account", "8"))
	}
	if got := valueOf(w.hub("account", "8"), "name"); got != "Acme" {
		t.Errorf("name %q was taken from a record that is leaving", got)
	}
	if got := valueOf(w.hub("contact", contact), "title"); got != "" {
		t.Errorf("title %q was taken from a child of a record that is leaving", got)
	}
	w.custom(lead, "AccountExternalID", "8")
	w.pullClose()
	if got := w.hub("account", "8"); got.ID != before.ID || valueOf(got, "name") != "Acme while away" || linkOf(got, "close").State != "open" {
		t.Errorf("after its return: %+v", got)
	}
	if got := valueOf(w.hub("contact", contact), "title"); got != "Changed while away" {
		t.Errorf("title %q after the return of its lead", got)
	}
	w.custom(lead, "AccountExternalID", nil)
	w.pullClose()
	w.fullClose()
	account := w.hub("account", before.ID)
	if account.State != "out_of_scope" || linkOf(account, "close").State != "closed" {
		t.Errorf("after a full run: %s, link %+v", account.State, linkOf(account, "close"))
	}
	for object, key := range map[string]string{"contact": contact, "opportunity": deal} {
		if got := w.linkState(object, key); got != "closed" {
			t.Errorf("%s is %q after its lead was removed", object, got)
		}
	}
	w.custom(lead, "AccountExternalID", "8")
	w.pullClose()
	if got := w.hub("account", "8"); got.ID != before.ID || linkOf(got, "close").State != "open" || got.State != "active" {
		t.Errorf("after its second return: %+v", got)
	}
	if got := w.linkState("opportunity", deal); got != "open" {
		t.Errorf("the opportunity is %q after the return of its lead", got)
	}
}

// F6: a full run whose last page fails removes nothing; one that ends well does.
func TestF6_FullRunNeedsItsLastPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCloseWorld(t, func(w *world) { w.guards.Removals.Floor = 1000 })
		for i := range 230 {
			w.lead(fmt.Sprintf("L%d", i), i+1)
		}
		w.pullClose()
		gone := w.cl.IDs("lead")[:20]
		deal := w.cl.AddOpportunity(gone[0], closeiosim.Fields{"value": 1})
		w.pullClose()
		for _, id := range gone[1:] {
			w.cl.DeleteLead(id)
		}
		if err := w.cl.AddFault("500,method=POST,path=/data/search,nth=3-1000"); err != nil {
			t.Fatal(err)
		}
		w.tick()
		if _, err := w.eng.Pull(t.Context(), engine.Request{System: "close", Full: true, Objects: []string{"lead"}}); err == nil {
			t.Fatal("a listing that broke off is taken for whole")
		}
		if n := w.count("account"); n != 230 {
			t.Errorf("%d accounts after a broken full run, want 230", n)
		}
		w.cl.Faults().Clear()
		w.tick()
		run := w.fullClose()
		if run.Counts["removed"] != 19 || w.count("account") != 211 {
			t.Errorf("%v, %d accounts", run.Counts, w.count("account"))
		}
		if got := w.linkState("opportunity", deal); got != "open" {
			t.Errorf("the opportunity of a lead that stays is %q", got)
		}
	})
}

// R127, F11: a lead that is deleted while an opportunity still points to it
// leaves, and its opportunity with it; nothing is deleted or cleared in the hub.
func TestR127_RemovedLeadWithChildren(t *testing.T) {
	w := newCloseWorld(t)
	lead, _, deal, _ := w.family("Acme", "8")
	w.pullClose()
	id := w.hub("account", "8").ID
	w.cl.DeleteLead(lead)
	w.pullClose()
	if got := w.linkState("account", "8"); got != "leaving" {
		t.Errorf("the deleted lead is %q after a routine run", got)
	}
	w.tick()
	w.fullClose()
	if got := w.hub("account", id); got.State != "out_of_scope" || valueOf(got, "name") != "Acme" {
		t.Errorf("account after a full run: %s %q", got.State, valueOf(got, "name"))
	}
	if got := w.hub("opportunity", deal); got.State != "out_of_scope" || valueOf(got, "account") != id {
		t.Errorf("opportunity after a full run: %s of %q", got.State, valueOf(got, "account"))
	}
}

// R26, R121, F7: a changed filter is a back-fill of the object: newcomers enter
// in the background, and what would be removed waits for a plan that somebody has
// seen.
func TestF7_ChangedCloseFilter(t *testing.T) {
	w := newCloseWorld(t)
	for i := range 40 {
		lead := w.lead(fmt.Sprintf("L%d", i), i+1)
		w.custom(lead, "Sync", []string{"Yes", "No"}[i%2])
	}
	w.lead("Prospect", nil)
	w.pullClose()
	w.edit(closeRoutes, "filter: custom.AccountExternalID != nil\n", "filter: 'custom.Sync == \"Yes\"'\n")
	w.load()
	w.restart()
	w.tick()
	w.pullClose()
	if behind, _ := w.eng.BehindPasses("close"); len(behind) != 1 || behind[0].Object != "lead" || !slices.Equal(behind[0].Fields, []string{"filter"}) {
		t.Errorf("behind: %+v", behind)
	}
	run := w.fillClose()
	if run.Counts["leaving"] != 20 || run.Counts["removed"] != 0 || len(run.Objects) != 1 {
		t.Errorf("the pass: %v over %d objects", run.Counts, len(run.Objects))
	}
	if behind, _ := w.eng.Behind("close"); len(behind) != 0 {
		t.Errorf("behind after the pass: %v", behind)
	}
	w.tick()
	full, err := w.eng.Pull(t.Context(), engine.Request{System: "close", Full: true})
	if err == nil || full.Status != engine.StatusGuard || w.count("account") != 40 {
		t.Fatalf("%v: %s, %d accounts", err, full.Status, w.count("account"))
	}
	if _, err := w.eng.Accept(full.Plan); err != nil {
		t.Fatal(err)
	}
	w.fullClose()
	if n := w.count("account"); n != 20 {
		t.Errorf("%d accounts after the plan was accepted, want 20", n)
	}
}

// R17, R18: a contact that shows before its lead is held by name and comes in
// with it, at once.
func TestR17_ContactBeforeItsLead(t *testing.T) {
	w := newCloseWorld(t)
	w.family("Other", "7")
	w.pullClose()
	lead := w.lead("Acme", "8")
	contact := w.cl.AddContact(lead, closeiosim.Fields{"name": "Pat Lee"})
	w.now = w.now.Add(10 * 60e9)
	if _, err := w.eng.Pull(t.Context(), engine.Request{System: "close", Objects: []string{"contact"}}); err != nil {
		t.Fatal(err)
	}
	w.wantHeld("close", "contact "+ledger.HoldParentUnknown)
	w.tick() // out of the overlap
	if _, err := w.eng.Pull(t.Context(), engine.Request{System: "close", Objects: []string{"contact"}}); err != nil {
		t.Fatal(err)
	}
	w.wantHeld("close", "contact "+ledger.HoldParentUnknown)
	w.tick()
	w.mustPull(engine.Request{System: "close", Objects: []string{"lead"}})
	w.tick()
	w.pullClose()
	w.wantHeld("close")
	if got := valueOf(w.hub("contact", contact), "account"); got != w.hub("account", "8").ID {
		t.Errorf("the contact belongs to %q", got)
	}
}
