package engine_test

import (
	"strings"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// links lists the links with one Salesforce object.
func (w *world) links(object string) []state.Link {
	w.t.Helper()
	var out []state.Link
	if err := w.store.View(func(tx *state.Tx) error {
		return tx.Links("salesforce", object).Each(0, func(l *state.Link) error {
			c := *l
			c.Fields = append([]state.LinkField(nil), l.Fields...)
			out = append(out, c)
			return nil
		})
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) insert(object string, fields map[string]string) string {
	w.t.Helper()
	id, err := w.sf.Insert(object, fields)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// R139, R148, R158, R159, R34, R50, D18, R15: a record that exists is found by
// its match keys, linked, not doubled, and gets our id by its record id.
func TestExistingRecordsAreLinked(t *testing.T) {
	w := newWorld(t)
	acc := w.insert("Account", map[string]string{"Name": "ACME Inc", "Website": "www.acme.example"})
	con := w.insert("Contact", map[string]string{"LastName": "Lee", "Email": "ANN@acme.example"})
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@Acme.example"), acme)
	run := w.sync()
	if run.Counts["linked"] != 2 || run.Counts["created"] != 0 {
		t.Errorf("%v\n%+v", run.Counts, w.held(""))
	}
	w.wantCount("Account", 1)
	w.wantCount("Contact", 1)
	a, c := w.sf.Record("Account", acc), w.sf.Record("Contact", con)
	if a["Name"] != "Acme" || a["QBench_Id__c"] == "" || c["QBench_Id__c"] == "" || c["AccountId"] != acc {
		t.Errorf("after linking: %v %v", a, c)
	}
	for _, l := range w.links("Account") {
		if l.Origin != state.OriginFound {
			t.Error("the link does not know that the record was found")
		}
	}
}

// D1, R31: several hits hold the record and name them; nothing is made.
func TestSeveralHitsHold(t *testing.T) {
	w := newWorld(t)
	one := w.insert("Account", map[string]string{"Name": "Acme A", "Website": "acme.example"})
	two := w.insert("Account", map[string]string{"Name": "Acme B", "Website": "https://www.acme.example"})
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldAmbiguous)
	w.wantCount("Account", 2)
	if c := strings.Join(w.held("salesforce")[0].Candidates, " "); !strings.Contains(c, one) || !strings.Contains(c, two) {
		t.Errorf("candidates %q, want both named", c)
	}
}

// R6, D9: an account_id must match exactly, although the target folds case.
func TestAccountIDIsExact(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: id, hub: account_id}", "{remote: account_no, hub: account_id}"))
	w.insert("Account", map[string]string{"Name": "Other", "QBench_Id__c": "AB-1"})
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": "ab-1"}))
	w.sync()
	w.wantCount("Account", 2)
	if got := w.account("Acme")["QBench_Id__c"]; got != "ab-1" {
		t.Errorf("QBench_Id__c is %q, want ab-1", got)
	}
}

// R9-R11, F21: an id in decimal form is held, never repaired in silence.
func TestDecimalIDIsHeld(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: id, hub: account_id}", "{remote: account_no, hub: account_id}"))
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": 12345.5}))
	w.qb.AddCustomer(customer("Best", qbenchsim.Fields{"account_no": "0012345"}))
	w.sync()
	if got := w.account("Best")["QBench_Id__c"]; got != "0012345" {
		t.Errorf("a text id became %q", got)
	}
	w.wantCount("Account", 1)
	if len(w.held("qbench")) == 0 {
		t.Error("an id with a fraction was taken")
	}
}

// An e-mail hit on a contact that carries another id is somebody else's when
// that id is known, and is held when it is not, both named (D1, D21).
func TestHitWithAnotherExternalID(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	ann := w.qb.AddContact(person("Ann", "Lee", "team@acme.example"), acme)
	_ = ann
	w.sync()
	// A second contact with the same e-mail: the hit carries Ann's id, which is
	// known, so it is no hit.
	w.qb.AddContact(person("Ben", "Roe", "team@acme.example"), acme)
	w.sync()
	w.wantCount("Contact", 2)
	w.wantHeld("")
	// A hit that carries an id that nobody knows.
	other := w.insert("Contact", map[string]string{"LastName": "Old", "Email": "cy@acme.example", "QBench_Id__c": "999999"})
	w.qb.AddContact(person("Cy", "Fox", "cy@acme.example"), acme)
	w.sync()
	w.wantHeld("salesforce", "Contact "+ledger.HoldDuplicate)
	if h := w.held("salesforce")[0]; len(h.Candidates) == 0 || h.Candidates[0] != other {
		t.Errorf("candidates %q, want %s named", h.Candidates, other)
	}
	w.wantCount("Contact", 3)
}

// F9: two hub records can never claim one record of the target.
func TestTwoClaimOneRecord(t *testing.T) {
	w := newWorld(t)
	w.insert("Account", map[string]string{"Name": "Acme", "Website": "acme.example"})
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"website": "acme.example"}))
	w.qb.AddCustomer(customer("Acme Two", qbenchsim.Fields{"website": "www.acme.example"}))
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldDuplicate)
	w.wantCount("Account", 1)
}

// Two customers with one account_id: the second is held and both are named.
func TestTwoCustomersWithOneID(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: id, hub: account_id}", "{remote: account_no, hub: account_id}"))
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": "A1"}))
	w.qb.AddCustomer(customer("Best", qbenchsim.Fields{"account_no": "A1"}))
	w.sync()
	w.wantHeld("qbench", "customer "+ledger.HoldDuplicate)
	if h := w.held("qbench")[0]; len(h.Candidates) != 2 {
		t.Errorf("candidates %q, want both", h.Candidates)
	}
	w.wantCount("Account", 1)
}

// An account_id corrected at the source: with no other link it is taken; with
// one, a person decides.
func TestAccountIDCorrected(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: id, hub: account_id}", "{remote: account_no, hub: account_id}"))
	acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": "A1"}))
	w.tick()
	w.pull()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"account_no": "A2"})
	w.sync()
	if got := w.account("Acme")["QBench_Id__c"]; got != "A2" {
		t.Errorf("QBench_Id__c is %q, want the corrected id", got)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"account_no": "A3", "description": "New"})
	w.sync()
	w.wantHeld("qbench", "customer "+ledger.HoldIdentity)
	if a := w.account("Acme"); a["QBench_Id__c"] != "A2" || a["Description"] == "New" {
		t.Errorf("something of a changed identity went out: %v", a)
	}
	// Put right at the source: it goes on.
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"account_no": "A2"})
	w.sync()
	w.wantHeld("")
	if a := w.account("Acme"); a["Description"] != "New" {
		t.Error("the record did not go on")
	}
}
