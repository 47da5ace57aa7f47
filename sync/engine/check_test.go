package engine_test

import (
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/ledger"
)

// findings asks one system and returns what it has to say, errors apart.
func (w *world) findings(system string) (wrong, warned []string) {
	w.t.Helper()
	_, found, err := w.eng.Check(w.t.Context(), system)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range found {
		if f.Warning {
			warned = append(warned, f.String())
		} else {
			wrong = append(wrong, f.String())
		}
	}
	return wrong, warned
}

// R10, R132, R133: a live check names the file, the field and the mend of
// whatever does not fit, and a run refuses to start on it, unless just that
// field can rest.
func TestCheckLive(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(*world) error
		field  string
		says   string
		goesOn bool // the field rests, the others go on
	}{
		{"a field is gone", func(w *world) error { return w.sf.HideField("Account", "Industry", true) }, "Industry", "no field", true},
		{"a field is read-only", func(w *world) error { return w.sf.ProtectField("Account", "Website", true) }, "Website", "not writable", false},
		{"a field is too short", func(w *world) error { return w.sf.ResizeField("Account", "QBench_Id__c", 5) }, "QBench_Id__c", "characters", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, unaudited("the schema stays unfit"))
			w.qb.AddCustomer(customer("Acme"))
			if wrong, _ := w.findings("salesforce"); len(wrong) != 0 {
				t.Fatalf("before: %q", wrong)
			}
			if err := c.spoil(w); err != nil {
				t.Fatal(err)
			}
			wrong, _ := w.findings("salesforce")
			text := strings.Join(wrong, "\n")
			if !strings.Contains(text, "routes/salesforce.yaml:") || !strings.Contains(text, c.field) || !strings.Contains(text, c.says) || !strings.Contains(text, "(") {
				t.Errorf("the check says %q", text)
			}
			w.tick()
			w.pull()
			if _, err := w.tryPush(); (err == nil) != c.goesOn {
				t.Errorf("a run on it: %v", err)
			}
			if !c.goesOn {
				w.wantCount("Account", 0)
			}
		})
	}
}

// An external-id field that is not unique could not refuse a repeated create.
func TestCheckLiveExternalID(t *testing.T) {
	w := newWorld(t, unaudited("the external id stays unfit"), edited("routes/salesforce.yaml", "external_id: QBench_Id__c       #", "external_id: AccountNumber       #"))
	wrong, _ := w.findings("salesforce")
	if text := strings.Join(wrong, "\n"); !strings.Contains(text, "AccountNumber") || !strings.Contains(text, "unique") {
		t.Errorf("the check says %q", text)
	}
}

// D11: fill rates of mapped fields; thin required and key fields are
// warned about.
func TestFillRates(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"website": "", "description": nil}))
	}
	w.qb.AddCustomer(customer("Best"))
	_, warned := w.findings("qbench")
	text := strings.Join(warned, "\n")
	if !strings.Contains(text, "customer.website is filled in 25 % of 4 records (") {
		t.Errorf("a thin key field is not warned about: %q", text)
	}
	if !strings.Contains(text, "customer.description is filled in 25 % of 4 records\n") {
		t.Errorf("a thin plain field is not listed, or is warned about: %q", text)
	}
}

// R162, R173: a contact's address fields that QBench does not have are told.
func TestMissingContactAddressFields(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	gone := qbenchsim.Absent{}
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example", qbenchsim.Fields{"street": gone, "city": gone, "state": gone, "postal_code": gone, "country": gone}), acme)
	_, warned := w.findings("qbench")
	text := strings.Join(warned, "\n")
	for _, f := range []string{"street", "city", "state", "postal_code", "country"} {
		if !strings.Contains(text, `qbench/contact has no field "`+f+`"`) {
			t.Errorf("%s is not told: %q", f, text)
		}
	}
}

// R1, R4, D13, R23-R25: an account and its person reach the
// target through the hub with the ids that tie them together from the first
// write on.
func TestEveryRecordCarriesItsID(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	for _, a := range w.sf.Audit() {
		if !a.Created || a.Fields["QBench_Id__c"] == "" {
			t.Errorf("%s was made without its id: %v", a.Object, a.Fields)
		}
		if a.Object == "Contact" && a.Fields["AccountId"] == "" {
			t.Error("a contact was made without its account")
		}
	}
}

// R22, R24, R138, R140, R141: a customer without a name is held by the field's
// name; with one it is made and updated.
func TestCustomerNeedsAName(t *testing.T) {
	w := newWorld(t)
	id := w.qb.AddCustomer(customer("", qbenchsim.Fields{"website": ""}))
	w.sync()
	w.wantHeld("qbench", "customer "+ledger.HoldRequired)
	if got := w.held("qbench")[0].Detail; got != "name" {
		t.Errorf("detail %q, want the field", got)
	}
	w.wantCount("Account", 0)
	_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"customer_name": "Acme"})
	w.sync()
	w.wantHeld("")
	_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"description": "New"})
	w.sync()
	if w.account("Acme")["Description"] != "New" {
		t.Error("a customer with a name was not updated")
	}
}

// R47, R48: a likeness links nothing; only equality in the form that a key
// names does.
func TestLikenessLinksNothing(t *testing.T) {
	w := newWorld(t)
	w.insert("Account", map[string]string{"Name": "Acme", "Phone": "+1 202 555 0101", "Website": "acme-inc.example"})
	w.qb.AddCustomer(customer("Acme"))
	run := w.sync()
	if run.Counts["linked"] != 0 {
		t.Error("a name, a phone or a near domain linked two records")
	}
	w.wantCount("Account", 2)
}

// B6: what create-only means holds for every record of a run: no update carries
// an address or a phone, even when everything changed.
func TestB6_NoUpdateCarriesASubObject(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		id := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"website": ""}))
		w.qb.AddContact(person("Ann", "Lee", "a"+slug(string(rune('a'+id%26)))+"@acme.example"), id)
	}
	w.sync()
	w.sf.ResetAudit()
	for _, id := range w.qb.CustomerIDs() {
		_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"description": "New", "city": "Gotham", "phone": "1", "street": "x", "country": "y"})
	}
	for _, id := range w.qb.ContactIDs() {
		_ = w.qb.UpdateContact(id, qbenchsim.Fields{"first_name": "New", "city": "Gotham", "phone": "1", "street": "x", "country": "y"})
	}
	w.sync()
	if len(w.sf.Audit()) != 10 {
		t.Fatalf("%d writes, want 10", len(w.sf.Audit()))
	}
	for _, a := range w.sf.Audit() {
		for f := range a.Fields {
			if strings.HasPrefix(f, "Billing") || strings.HasPrefix(f, "Mailing") || f == "Phone" {
				t.Errorf("%s.%s was written by an update", a.Object, f)
			}
		}
	}
}

// R122, R123: a field that is new in the mapping is filled by the next routine
// run, for that object only, with no record changed at the source.
func TestNewFieldOnThePullRoute(t *testing.T) {
	line := "      - {remote: industry, hub: industry}\n"
	w := newWorld(t, edited("routes/qbench.yaml", line, ""), edited("routes/salesforce.yaml", "      - {remote: Industry, hub: industry}\n", ""))
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.files = shippedFiles(t)
	w.load()
	w.restart()
	w.sync()
	if got := w.account("Acme")["Industry"]; got != "Food" {
		t.Errorf("Industry is %q after it was mapped", got)
	}
}

// R131, R157: every hold tells an admin which record, why, and what is missing.
func TestHoldsSpeakPlainly(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("No", "Mail", ""), acme)
	w.qb.AddContact(person("No", "Phone", "np@acme.example", qbenchsim.Fields{"phone": nil}), acme)
	w.sync()
	for _, h := range w.held("") {
		if h.Reason == "" || h.Detail == "" || h.Since.IsZero() || h.Hub == 0 && h.Remote == "" {
			t.Errorf("a hold that says too little: %+v", h)
		}
	}
	if len(w.held("")) != 2 {
		t.Error("want two holds")
	}
}

// F19: a field that is gone from the target rests; the others go on, nothing is
// taken for blank, and what changed meanwhile goes out when it is back.
func TestF19_FieldGoneFromTheTarget(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	if err := w.sf.HideField("Account", "Industry", true); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New", "industry": "Steel"})
	w.tick()
	w.pull()
	_, _ = w.tryPush() // meets it in the middle of the day
	best := w.qb.AddCustomer(customer("Best"))
	_ = best
	run := w.sync()
	if run.Objects[0].Note == "" {
		t.Error("the run does not tell that a field rests")
	}
	if w.account("Acme")["Description"] != "New" {
		t.Error("one field stopped the others")
	}
	w.account("Best")
	w.wantHeld("")

	if err := w.sf.HideField("Account", "Industry", false); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(25 * time.Hour)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Newer"})
	w.sync()
	if a, b := w.account("Acme"), w.account("Best"); a["Industry"] != "Steel" || b["Industry"] != "Food" {
		t.Errorf("Industry %q and %q after the field came back, want Steel and Food", a["Industry"], b["Industry"])
	}
}
