package engine_test

import (
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/plan"
)

// written returns the fields that Salesforce was sent for one record since the
// audit was reset.
func (w *world) written(object string) []map[string]string {
	var out []map[string]string
	for _, a := range w.sf.Audit() {
		if a.Object == object {
			out = append(out, a.Fields)
		}
	}
	return out
}

// D2, R142, R152, R163-R169: what is editable goes out, addresses and phones go
// out at creation and never after, whatever changed.
func TestCreateOnly(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	ann := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	a, c := w.account("Acme"), w.contact("ann@acme.example")
	for field, want := range map[string]string{
		"BillingStreet": "1 Main St", "Billing_Street_2__c": "Floor 2", "BillingCity": "Springfield", "BillingState": "IL",
		"BillingPostalCode": "62701", "BillingCountry": "United States", "Phone": "+1 202 555 0101",
	} {
		if a[field] != want {
			t.Errorf("Account.%s is %q at creation, want %q", field, a[field], want)
		}
	}
	if c["MailingCity"] != "Springfield" || c["MailingPostalCode"] != "62702" || c["Phone"] == "" {
		t.Errorf("the contact was made without address or phone: %v", c)
	}

	w.sf.ResetAudit()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{
		"customer_name": "Acme Labs", "description": "Bigger", "industry": "Chemicals", "website": "https://acme-labs.example",
		"number_of_employees": 40, "street": "9 New St", "city": "Shelbyville", "phone": "+1 202 555 0777",
	})
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{
		"first_name": "Anna", "last_name": "Leigh", "street": "8 New St", "phone": "+1 202 555 0888",
	})
	w.sync()
	for _, wrote := range append(w.written("Account"), w.written("Contact")...) {
		for _, never := range []string{"BillingStreet", "BillingCity", "Phone", "MailingStreet"} {
			if v, ok := wrote[never]; ok {
				t.Errorf("%s was written after creation: %q", never, v)
			}
		}
	}
	a = w.account("Acme Labs")
	if a["Description"] != "Bigger" || a["Industry"] != "Chemicals" || a["NumberOfEmployees"] != "40" || a["Website"] != "https://acme-labs.example" {
		t.Errorf("an editable field did not go out: %v", a)
	}
	if c = w.contact("ann@acme.example"); c["FirstName"] != "Anna" || c["LastName"] != "Leigh" {
		t.Errorf("an editable field did not go out: %v", c)
	}
}

// D2: one line frees a field; the others stay.
func TestPhoneFreedByOneLine(t *testing.T) {
	w := newWorld(t, edited("routes/salesforce.yaml",
		"      - {remote: Phone, hub: phone_numbers.WORK}\n      # To keep", "      - {remote: Phone, hub: phone_numbers.WORK, write: on_change}\n      # To keep"))
	acme := w.qb.AddCustomer(customer("Acme"))
	ann := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"phone": "+1 202 555 0888", "street": "8 New St"})
	w.sync()
	if c := w.contact("ann@acme.example"); c["Phone"] != "+1 202 555 0888" || c["MailingStreet"] != "2 Side St" {
		t.Errorf("Phone %q, MailingStreet %q", c["Phone"], c["MailingStreet"])
	}
}

// D12, R166: an address that was absent at creation stays unwritten when it is
// filled later.
func TestAddressFilledLater(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"street": nil, "city": nil, "state": nil, "postal_code": nil, "country": nil, "street_2": nil}))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"street": "9 New St", "city": "Shelbyville"})
	w.sync()
	if a := w.account("Acme"); a["BillingStreet"] != "" || a["BillingCity"] != "" {
		t.Errorf("an address was written after creation: %v", a)
	}
	notes := 0
	for _, l := range w.links("Account") {
		for _, f := range l.Fields {
			if plan.Reason(f.Note) == plan.CreateOnly {
				notes++
			}
		}
	}
	if notes != 2 {
		t.Errorf("%d create-only differences are kept, want street and city", notes)
	}
}

// D21: on a record that was found, sub-objects are never written, not even into
// blanks.
func TestFoundRecordKeepsItsAddress(t *testing.T) {
	w := newWorld(t)
	id, err := w.sf.Insert("Account", map[string]string{"Name": "Acme", "Website": "http://www.acme.example/", "BillingCity": "Elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	w.qb.AddCustomer(customer("Acme"))
	run := w.sync()
	if run.Counts["linked"] != 1 || run.Counts["created"] != 0 {
		t.Errorf("linked %d, created %d: an existing account was doubled", run.Counts["linked"], run.Counts["created"])
	}
	a := w.sf.Record("Account", id)
	if a["BillingCity"] != "Elsewhere" || a["BillingStreet"] != "" || a["Phone"] != "" {
		t.Errorf("a sub-object of a found record was written: %v", a)
	}
	if a["Description"] != "A lab" {
		t.Errorf("a blank was not filled: %v", a)
	}
}
