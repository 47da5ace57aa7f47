package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// F11: a lead that is merged into one the hub does not know takes its link
// along: no account is doubled or removed, and its children follow.
func TestF11_MergedIntoAnUnknownLead(t *testing.T) {
	w := newCloseWorld(t)
	lead, contact, deal, _ := w.family("Acme", "8")
	other := w.lead("Acme again", nil) // out of scope: no id
	w.pullClose()
	id := w.hub("account", "8").ID
	if err := w.cl.MergeLeads(lead, other); err != nil {
		t.Fatal(err)
	}
	w.custom(other, "AccountExternalID", "8")
	w.pullClose()
	got := w.hub("account", "8")
	if got.ID != id || linkOf(got, "close").Remote != other || linkOf(got, "close").State != "open" {
		t.Errorf("account %s, link %+v", got.ID, linkOf(got, "close"))
	}
	for object, key := range map[string]string{"contact": contact, "opportunity": deal} {
		if v := w.hub(object, key); valueOf(v, "account") != id || linkOf(v, "close").State != "open" {
			t.Errorf("%s belongs to %q, %s", object, valueOf(v, "account"), linkOf(v, "close").State)
		}
	}
	w.wantHeld("close")
	w.tick()
	if run := w.fullClose(); run.Counts["removed"] != 0 || w.count("account") != 1 {
		t.Errorf("a full run after the merge: %v, %d accounts", run.Counts, w.count("account"))
	}
}

// F11: where both leads are linked, the loser's link is closed and its account
// held; hub records are never merged. What QBench holds stays in scope.
func TestF11_MergedIntoALinkedLead(t *testing.T) {
	w := newCloseWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.pull()
	lead, contact, _, _ := w.family("Acme", acme)
	other := w.lead("Other", "77")
	w.pullClose()
	loser, winner := w.hub("account", fmt.Sprint(acme)), w.hub("account", "77")
	if err := w.cl.MergeLeads(lead, other); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldMerged)
	if h := w.held("close")[0]; !strings.Contains(h.Detail, other) || len(h.Candidates) != 2 {
		t.Errorf("the hold does not say into what: %+v", h)
	}
	got := w.hub("account", fmt.Sprint(acme))
	if l := linkOf(got, "close"); got.ID != loser.ID || got.State != "active" || l.Closed != "merged_into" || l.Successor != other {
		t.Errorf("the loser: %s %+v", got.State, l)
	}
	if v := w.hub("contact", contact); valueOf(v, "account") != winner.ID {
		t.Errorf("the contact belongs to %q, want the winner %s", valueOf(v, "account"), winner.ID)
	}
	w.tick()
	if run := w.fullClose(); run.Counts["removed"] != 0 {
		t.Errorf("a full run removed something: %v", run.Counts)
	}
}

// R61, R64: a lead whose AccountExternalID is filled in later joins the
// customer's account; the contact that came before its QBench twin does too, and
// the empty record stands for the other.
func TestR61_FilledInLater(t *testing.T) {
	w := newCloseWorld(t)
	lead, contact, _, _ := w.family("Acme", "501")
	w.pullClose()
	early := w.hub("contact", contact)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Pat", "Acme", "PAT@acme.example"), acme)
	w.tick()
	w.pull()
	w.custom(lead, "AccountExternalID", fmt.Sprint(acme)) // mended: it was wrong
	w.pullClose()
	account := w.hub("account", fmt.Sprint(acme))
	if linkOf(account, "close").Remote != lead || linkOf(account, "qbench").State != "open" {
		t.Errorf("links: %+v", account.Links)
	}
	joined := w.hub("contact", "pat@acme.example")
	if joined.ID == early.ID || linkOf(joined, "close").Remote != contact || linkOf(joined, "qbench").State != "open" {
		t.Errorf("the contact: %+v", joined)
	}
	if got := valueOf(joined, "account"); got != account.ID {
		t.Errorf("the contact belongs to %q", got)
	}
	if n := w.count("account") + w.count("contact"); n != 2 {
		t.Errorf("%d accounts and contacts, want one of each", n)
	}
	if err := w.store.View(func(tx *state.Tx) error {
		if n := ledger.Records(tx, "account") + ledger.Records(tx, "contact"); n != 2 {
			t.Errorf("%d accounts and contacts are told, want one of each", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	w.wantHeld("close")
}

// An id that changes on a lead which shares its account with a
// customer is held for a person; on one that has it alone it is taken.
func TestR61_ChangedID(t *testing.T) {
	w := newCloseWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.pull()
	shared, alone := w.lead("Acme", acme), w.lead("Alone", "900")
	w.pullClose()
	w.custom(shared, "AccountExternalID", "901")
	w.custom(alone, "AccountExternalID", "902")
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldIdentity)
	if got := linkOf(w.hub("account", fmt.Sprint(acme)), "close").Remote; got != shared {
		t.Errorf("the shared account's lead is %q", got)
	}
	if got := linkOf(w.hub("account", "902"), "close").Remote; got != alone {
		t.Errorf("the other's lead is %q", got)
	}
	w.custom(shared, "AccountExternalID", fmt.Sprint(acme))
	w.pullClose()
	w.wantHeld("close")
}

// D1: of two leads with one id the second is held with both named,
// and takes the place when the first lets go.
func TestD1_TwoLeadsOneID(t *testing.T) {
	w := newCloseWorld(t)
	first, second := w.lead("Acme", "8"), w.lead("Acme copy", "8")
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldDuplicate)
	h := w.held("close")[0]
	taken, waits := linkOf(w.hub("account", "8"), "close").Remote, h.Remote
	if !strings.Contains(strings.Join(h.Candidates, " "), first) || !strings.Contains(strings.Join(h.Candidates, " "), second) || taken == waits {
		t.Errorf("held %+v while %s has the account", h, taken)
	}
	w.custom(waits, "AccountExternalID", "9")
	w.pullClose()
	w.wantHeld("close")
	if got := linkOf(w.hub("account", "9"), "close").Remote; got != waits {
		t.Errorf("the mended lead is not account 9 but %q", got)
	}
	// The other way: the first lets go, and the one that waits takes its place at
	// once, though nobody touched it.
	w.custom(waits, "AccountExternalID", "8")
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldDuplicate)
	w.tick()
	w.pullClose()
	w.tick()
	w.custom(taken, "AccountExternalID", "10")
	w.pullClose()
	w.wantHeld("close")
	if a, b := linkOf(w.hub("account", "8"), "close").Remote, linkOf(w.hub("account", "10"), "close").Remote; a != waits || b != taken {
		t.Errorf("account 8 is %q and account 10 %q", a, b)
	}
}

// D8: a lead that a person took from an account does not come back
// to it by its key; with the person's word it does.
func TestUnlinkedLeadStaysApart(t *testing.T) {
	w := newCloseWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.pull()
	lead := w.lead("Acme", acme)
	w.pullClose()
	shared := w.hub("account", fmt.Sprint(acme))
	id, err := state.ParseHubID(shared.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.eng.Unlink("close", "lead", id); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.tick()
		w.pullClose()
		w.change(lead, closeiosim.Fields{"name": "Acme " + w.now.String()})
	}
	w.fullClose()
	if got := linkOf(w.hub("account", "hub:"+shared.ID), "close"); got.State == "open" {
		t.Errorf("the lead came back: %+v", got)
	}
	own := w.hubAll("account", lead)
	if len(own) != 1 || own[0].ID == shared.ID || linkOf(own[0], "close").State != "open" {
		t.Fatalf("the lead has no record of its own: %+v", own)
	}
	alone, err := state.ParseHubID(own[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.eng.Unlink("close", "lead", alone); err != nil {
		t.Fatal(err)
	}
	if err := w.eng.Link(t.Context(), "close", "lead", id, lead); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pullClose()
	if got := linkOf(w.hub("account", "hub:"+shared.ID), "close"); got.State != "open" || got.Remote != lead {
		t.Errorf("the person's word: %+v", got)
	}
}

// A value of Close that QBench never spoke about follows Close; once QBench says
// the same it is QBench's.
func TestLeadWithoutATwinFollowsClose(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "1000")
	w.pullClose()
	w.change(lead, closeiosim.Fields{"name": "Acme Labs"})
	w.pullClose()
	if got := valueOf(w.hub("account", "1000"), "name"); got != "Acme Labs" {
		t.Errorf("name %q", got)
	}
	if id := w.qb.AddCustomer(customer("Acme Labs")); id != 1000 {
		t.Fatalf("the customer has id %d", id)
	}
	w.pull()
	w.change(lead, closeiosim.Fields{"name": "Nonsense"})
	w.pullClose()
	if got := w.hub("account", "1000"); valueOf(got, "name") != "Acme Labs" || sourceOf(got, "name") != "qbench" {
		t.Errorf("name %q from %q", valueOf(got, "name"), sourceOf(got, "name"))
	}
}

// salesforceAsSource turns the world's Salesforce into a source of accounts.
func salesforceAsSource(w *world) {
	w.edit("hub.yaml", "  push_only: [salesforce, hubspot]  # nothing is ever read back from here into the hub\n", "")
	w.edit("routes/salesforce.yaml", string(w.files["routes/salesforce.yaml"].Data), `
system: salesforce
objects:
  - object: Account
    hub: account
    direction: pull
    match: [{remote: QBench_Id__c, hub: account_id}]
    fields:
      - {remote: QBench_Id__c, hub: account_id}
      - {remote: Name, hub: name}
`)
	w.edit(closeRoutes, "filter: custom.AccountExternalID != nil\n", "filter: 'exists_in(\"salesforce\") and custom.Sync != \"No\"'\n")
}

// R28, R29: a filter asks whether another system that is read holds the account.
// When that begins or ends, the records follow without having changed.
func TestR28_FilterAcrossSystems(t *testing.T) {
	w := newCloseWorld(t, salesforceAsSource)
	lead, contact, _, _ := w.family("Acme", "8")
	no := w.lead("No", "9")
	w.custom(no, "Sync", "No")
	sf := func() {
		t.Helper()
		w.build() // its client's clock goes with the real one between calls
		if _, err := w.eng.Pull(t.Context(), engine.Request{System: "salesforce"}); err != nil {
			t.Fatal(err)
		}
	}
	sf()
	w.pullClose()
	if n := w.count("account") + w.count("contact"); n != 0 {
		t.Errorf("%d records entered though Salesforce has none", n)
	}
	w.tick()
	w.pullClose()
	w.tick()
	id, err := w.sf.Insert("Account", map[string]string{"Name": "Acme SF", "QBench_Id__c": "8"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.sf.Insert("Account", map[string]string{"Name": "No SF", "QBench_Id__c": "9"}); err != nil {
		t.Fatal(err)
	}
	w.tick()
	sf()
	w.pullClose()
	account := w.hub("account", "8")
	if linkOf(account, "close").Remote != lead || linkOf(account, "salesforce").Remote != id {
		t.Errorf("links: %+v", account.Links)
	}
	if got := w.linkState("contact", contact); got != "open" {
		t.Errorf("the contact is %q", got)
	}
	if got := linkOf(w.hub("account", "9"), "close").Remote; got != "" {
		t.Errorf("%q entered though the other half of its filter says no", got)
	}
	w.cl.ResetCalls()
	w.tick()
	w.pullClose()
	if n := w.cl.Calls()["get.lead"]; n != 0 {
		t.Errorf("%d reads by id with nothing changed: %v", n, w.cl.Calls())
	}
	if err := w.sf.Delete("Account", id); err != nil {
		t.Fatal(err)
	}
	w.tick()
	if _, err := w.eng.Pull(t.Context(), engine.Request{System: "salesforce", Full: true}); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	if got := w.linkState("account", "8"); got != "leaving" {
		t.Errorf("the lead is %q after Salesforce let its account go", got)
	}
}

// F5: a record from the future does not freeze the position: what comes after
// is still read.
func TestF5_FutureLead(t *testing.T) {
	w := newCloseWorld(t)
	future := w.lead("Future", "1")
	w.pullClose()
	if err := w.cl.SetUpdated(future, w.now.Add(365*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	for i := range 5 {
		w.lead(fmt.Sprintf("Later %d", i), 10+i)
		w.pullClose()
		if got := len(w.hubAll("account", fmt.Sprint(10+i))); got != 1 {
			t.Fatalf("lead %d was not read", i)
		}
	}
}
