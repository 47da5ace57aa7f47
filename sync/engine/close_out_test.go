package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// uncommented takes lines that are shipped as a comment into use: one line, or a
// block that begins with it.
func uncommented(file, begins string) worldOption {
	return func(w *world) {
		lines := strings.SplitAfter(string(w.files[file].Data), "\n")
		at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "# "+begins) })
		if at < 0 {
			w.t.Fatalf("%s shows no comment %q", file, begins)
		}
		head, _, _ := strings.Cut(lines[at], "# ")
		for i := at; i < len(lines); i++ {
			rest, ok := strings.CutPrefix(lines[i], head+"# ")
			if !ok || i > at && !strings.HasPrefix(rest, "  ") {
				break
			}
			lines[i] = head + rest
		}
		w.files[file] = &fstest.MapFile{Data: []byte(strings.Join(lines, ""))}
	}
}

// withSalesforceFields gives the world's Salesforce more of them.
func withSalesforceFields(schema string) worldOption {
	return func(w *world) {
		more, err := salesforcesim.ReadSchema(strings.NewReader(schema))
		if err != nil {
			w.t.Fatal(err)
		}
		w.sf, err = salesforcesim.New(salesforcesim.Options{Clock: w.clock, Sandbox: true, BaseURL: "https://acme.my.salesforce.com", Schema: more})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

const renewalInSalesforce = "{name: Next_Renewal_Date__c, type: date}"

// D13, D14: what Close says reaches the targets that carry the field, on the
// accounts that the system of record holds. A lead without a twin stays in the
// hub and is made nowhere.
func TestD14_CloseFlowsOut(t *testing.T) {
	w := newCloseWorld(t, uncommented("routes/salesforce.yaml", "- {remote: Next_Renewal_Date__c"),
		withSalesforceFields("objects: {Account: {fields: ["+renewalInSalesforce+"]}}"))
	acme := w.qb.AddCustomer(customer("Acme"))
	lead := w.lead("Acme", acme)
	w.custom(lead, "Renewal Date", "2027-03-01")
	w.lead("Nobody's", "4711")
	w.pull()
	w.pullClose()
	w.push()
	w.wantCount("Account", 1)
	if got := w.account("Acme")["Next_Renewal_Date__c"]; got != "2027-03-01" {
		t.Errorf("the renewal date in Salesforce is %q", got)
	}
	w.custom(lead, "Renewal Date", "2028-03-01")
	w.pullClose()
	w.push()
	if got := w.account("Acme")["Next_Renewal_Date__c"]; got != "2028-03-01" {
		t.Errorf("the renewal date in Salesforce is %q after a change", got)
	}
}

// D13: the routes that are shipped as comments carry Close's opportunities to
// both targets, tied to the account that QBench holds; those of a lead without a
// twin wait by name and are not made.
func TestD13_OpportunitiesFlowOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs, err := hubspotsim.New(hubspotsim.Options{RateLimit: hubspotsim.Unlimited, SearchLimit: hubspotsim.Unlimited})
		if err != nil {
			t.Fatal(err)
		}
		w := newCloseWorld(t, withHubSpot(hs), uncommented("routes/salesforce.yaml", "- object: Opportunity"), uncommented("routes/hubspot.yaml", "- object: deals"),
			withSalesforceFields("objects: {Opportunity: {fields: [{name: Close_Id__c, type: string, length: 60, external_id: true, unique: true, case_sensitive: true}]}}"))
		fixes, err := w.eng.Fixes(t.Context(), "hubspot")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fixes {
			if err := w.eng.Fix(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		acme := w.qb.AddCustomer(customer("Acme"))
		lead, alone := w.lead("Acme", acme), w.lead("Nobody's", "4711")
		deal := w.cl.AddOpportunity(lead, closeiosim.Fields{"value": 123456, "value_currency": "USD", "date_won": "2027-02-28"})
		w.cl.AddOpportunity(alone, closeiosim.Fields{"value": 1, "date_won": "2027-02-28"})
		w.pull()
		w.pullClose()
		push := func() {
			t.Helper()
			for _, system := range []string{"salesforce", "hubspot"} {
				if _, err := w.eng.Push(t.Context(), engine.Request{System: system}); err != nil {
					t.Fatal(err)
				}
			}
		}
		push()
		w.wantCount("Opportunity", 1)
		got := w.only("Opportunity", "Close_Id__c", "close:"+deal)
		if got["Amount"] != "1234.56" || got["StageName"] != "Prospecting" || got["CloseDate"] != "2027-02-28" || got["AccountId"] != w.account("Acme")["Id"] {
			t.Errorf("the opportunity in Salesforce: %v", got)
		}
		there := w.hsOne(hs, "deals", "close_id", "close:"+deal)
		if there["amount"] != "1234.56" || there["dealstage"] != "appointmentscheduled" || len(hs.Find("deals", "amount", "0.01")) != 0 {
			t.Errorf("the deal in HubSpot: %v", there)
		}
		w.wantHeld("salesforce", "Opportunity "+ledger.HoldParentWaits)
		w.change(deal, closeiosim.Fields{"status_id": w.cl.StatusID("opportunity", "Won")})
		w.tick()
		w.pullClose()
		push()
		if got := w.only("Opportunity", "Close_Id__c", "close:"+deal)["StageName"]; got != "Closed Won" {
			t.Errorf("the stage in Salesforce is %q", got)
		}
		if got := w.hsOne(hs, "deals", "close_id", "close:"+deal)["dealstage"]; got != "closedwon" {
			t.Errorf("the stage in HubSpot is %q", got)
		}
		// The customer of the other lead appears: its opportunity follows.
		w.custom(alone, "AccountExternalID", fmt.Sprint(w.qb.AddCustomer(customer("Nobody's"))))
		w.pull()
		w.pullClose()
		push()
		w.wantCount("Opportunity", 2)
		w.wantHeld("salesforce")
	})
}

// D14: a contact that only Close holds does not take the record of a target that
// belongs to the customer's own, whichever of the two is pulled first.
func TestD14_CloseTakesNothingFromTheSystemOfRecord(t *testing.T) {
	w := newCloseWorld(t)
	ann, err := w.sf.Insert("Contact", map[string]string{"LastName": "Lee", "Email": "ann@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	lead := w.lead("Acme", "1000")
	w.cl.AddContact(lead, closeiosim.Fields{"name": "Ann Lee", "emails": []any{map[string]any{"type": "office", "email": "ann@acme.example"}}})
	w.pullClose()
	w.push()
	if n := w.hub("contact", "ann@acme.example"); linkOf(n, "salesforce").Remote != "" {
		t.Errorf("Close's own contact took %s", linkOf(n, "salesforce").Remote)
	}
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.pull()
	w.tick()
	w.pullClose()
	w.push()
	w.wantHeld("")
	w.wantCount("Contact", 1)
	if n := w.hub("contact", "ann@acme.example"); linkOf(n, "salesforce").Remote != ann || linkOf(n, "close").State != "open" || linkOf(n, "qbench").State != "open" {
		t.Errorf("links: %+v", n.Links)
	}
}

// R61, F22: where very many records turn out to be others', they are read with
// one listing instead of one by one.
func TestManyRecordsJoin(t *testing.T) {
	w := newCloseWorld(t)
	const people = 620
	lead := w.lead("Acme", "1000")
	for i := range people {
		w.cl.AddContact(lead, closeiosim.Fields{"name": "P", "emails": []any{map[string]any{"type": "office", "email": fmt.Sprintf("p%d@acme.example", i)}}})
	}
	w.pullClose()
	acme := w.qb.AddCustomer(customer("Acme"))
	for i := range people {
		w.qb.AddContact(person("P", "Lee", fmt.Sprintf("p%d@acme.example", i)), acme)
	}
	w.tick()
	w.pull()
	w.cl.ResetCalls()
	w.pullClose()
	if n := w.count("contact"); n != people {
		t.Errorf("%d contacts in the hub, want %d", n, people)
	}
	if calls := w.cl.Calls(); calls["get.contact"] > 10 || calls["search.contact"] > 20 {
		t.Errorf("calls: %v", calls)
	}
}
