package engine_test

import (
	"slices"
	"testing"

	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/sync/ledger"
)

// wantHeld fails unless exactly these reasons are held.
func (w *world) wantHeld(system string, want ...string) {
	w.t.Helper()
	got := reasons(w.held(system))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("held in %s: %q, want %q\n%+v", system, got, want, w.held(system))
	}
}

// wantCount fails unless Salesforce holds so many records.
func (w *world) wantCount(object string, want int) {
	w.t.Helper()
	if got := w.sf.Count(object); got != want {
		w.t.Errorf("Salesforce holds %d of %s, want %d", got, object, want)
	}
}

// A contact waits for its customer in this target, and goes out in the run that
// links the customer (R18, R146, R147, D5, D21).
func TestContactWaitsForItsCustomer(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sf.SetRule(func(wr salesforcesim.Write) *salesforcesim.Error {
		if wr.Object == "Account" {
			return &salesforcesim.Error{Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "no"}
		}
		return nil
	})
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldRejected, "Contact "+ledger.HoldParentWaits)
	w.wantCount("Contact", 0)

	// The customer changes and is let in. The contact did not change since.
	w.sf.SetRule(nil)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "A better lab"})
	w.sync()
	w.wantHeld("salesforce")
	w.wantCount("Contact", 1)
	if c := w.contact("ann@acme.example"); c["AccountId"] != w.account("Acme")["Id"] {
		t.Error("the contact does not hang on its customer")
	}
}

// R149, D4: a create waits for e-mail, first name, last name and phone, and
// says which are missing; R150: an update does not need the phone.
func TestCreateWaitsForPhone(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	id := w.qb.AddContact(person("Ann", "", "ann@acme.example", qbenchsim.Fields{"phone": ""}), acme)
	w.sync()
	w.wantHeld("salesforce", "Contact "+ledger.HoldRequired)
	if got := w.held("salesforce")[0].Detail; got != "last_name, phone" {
		t.Errorf("missing %q, want both named", got)
	}
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"phone": "+1 202 555 0199", "last_name": "Lee"})
	w.sync()
	w.wantHeld("salesforce")
	w.wantCount("Contact", 1)

	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"phone": nil, "first_name": "Anna"})
	w.sync()
	w.wantHeld("salesforce")
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Anna" || c["Phone"] == "" {
		t.Errorf("FirstName %q, Phone %q; want the name changed and the phone left", c["FirstName"], c["Phone"])
	}
}

// R154, R155, R157: no e-mail holds the record by its own name, on create and
// on update, also when the e-mail was removed later; the run goes on.
func TestNoEmail(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	none := w.qb.AddContact(person("No", "Mail", ""), acme)
	ann := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.wantHeld("salesforce", "Contact "+ledger.HoldNoEmail)
	w.wantCount("Contact", 1)

	// Removed after the first sync: nothing of the record goes out, the old
	// e-mail stays, and another record's change does go out.
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"email_address": "", "first_name": "Anna"})
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	w.wantHeld("qbench", "contact "+ledger.HoldNoEmail)
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Ann" {
		t.Errorf("FirstName is %q: an update went out without e-mail", c["FirstName"])
	}
	if w.account("Acme")["Description"] != "New" {
		t.Error("one held record stopped the run")
	}

	// Both come right.
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"email_address": "ann@acme.example"})
	_ = w.qb.UpdateContact(none, qbenchsim.Fields{"email_address": "no@acme.example"})
	w.sync()
	w.wantHeld("")
	w.wantCount("Contact", 2)
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Anna" {
		t.Errorf("FirstName is %q, want what waited to go out", c["FirstName"])
	}
}

// D21: an ill-formed e-mail is a bad value, not the exception.
func TestIllFormedEmail(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	id := w.qb.AddContact(person("Ann", "Lee", "ann at acme"), acme)
	w.sync()
	w.wantHeld("salesforce", "Contact "+ledger.HoldBadValue)
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"email_address": "ann@acme.example"})
	w.sync()
	w.wantHeld("")
	// On an update the field alone waits.
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"email_address": "nonsense", "first_name": "Anna"})
	w.sync()
	w.wantHeld("salesforce", "Contact "+ledger.HoldBadValue)
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Anna" {
		t.Error("a bad e-mail held another field")
	}
}

// R156, R31: a contact of two customers is held by name and goes out when one
// is left.
func TestTwoCustomers(t *testing.T) {
	w := newWorld(t)
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	id := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme, best)
	w.sync()
	w.wantHeld("qbench", "contact "+ledger.HoldManyCustomers)
	w.wantCount("Account", 2)
	w.wantCount("Contact", 0)
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"customer_ids": []int64{best}})
	w.sync()
	w.wantHeld("")
	if c := w.contact("ann@acme.example"); c["AccountId"] != w.account("Best")["Id"] {
		t.Error("the contact does not hang on the customer that is left")
	}
	// A second customer later: nothing of it goes out.
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"customer_ids": []int64{acme, best}, "first_name": "Anna"})
	w.sync()
	w.wantHeld("qbench", "contact "+ledger.HoldManyCustomers)
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Ann" {
		t.Error("an update of a contact with two customers went out")
	}
}

// R17, D21: no customer, or one that nobody knows.
func TestParentNotFound(t *testing.T) {
	w := newWorld(t)
	id := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"))
	w.sync()
	w.wantHeld("salesforce", "Contact "+ledger.HoldParentUnknown)
	w.wantCount("Contact", 0)
	acme := w.qb.AddCustomer(customer("Acme"))
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"customer_ids": []int64{acme}})
	w.sync()
	w.wantHeld("")
	w.wantCount("Contact", 1)
}

// A contact moved to another customer is moved there, once that is linked.
func TestContactMoves(t *testing.T) {
	w := newWorld(t)
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	id := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"customer_ids": []int64{best}})
	run := w.sync()
	if c := w.contact("ann@acme.example"); c["AccountId"] != w.account("Best")["Id"] {
		t.Error("the contact was not moved")
	}
	if run.Counts["updated"] != 1 {
		t.Errorf("updated %d, want 1", run.Counts["updated"])
	}

	// To a customer that Salesforce refuses: that field alone waits.
	w.sf.SetRule(func(wr salesforcesim.Write) *salesforcesim.Error {
		if wr.Object == "Account" {
			return &salesforcesim.Error{Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "no"}
		}
		return nil
	})
	third := w.qb.AddCustomer(customer("Third"))
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"customer_ids": []int64{third}, "first_name": "Anna"})
	w.sync()
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Anna" || c["AccountId"] != w.account("Best")["Id"] {
		t.Errorf("FirstName %q: a waiting parent held another field, or the contact left its old customer", c["FirstName"])
	}
	w.sf.SetRule(nil)
	_ = w.qb.UpdateCustomer(third, qbenchsim.Fields{"description": "ok now"})
	w.sync()
	if c := w.contact("ann@acme.example"); c["AccountId"] != w.account("Third")["Id"] {
		t.Error("the field did not go out when its parent was linked")
	}
	w.wantHeld("")
}

// R156: where only a call per contact tells its customers, a routine run
// asks for new and changed contacts only, and a full run for all.
func TestCustomersByCall(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.qb.Configure(func(o *qbenchsim.Options) { o.HideCustomerIDs = true })
		w.qbOpt = func(c *qbench.Config) { c.API, c.ContactsFrom = qbench.V2, qbench.FromCall }
	})
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	var ids []int64
	for _, name := range []string{"ann", "ben", "cy"} {
		ids = append(ids, w.qb.AddContact(person(name, "Lee", name+"@acme.example"), acme))
	}
	asked := func(run func()) int {
		before := w.qb.Calls()["contact_customers"]
		run()
		return w.qb.Calls()["contact_customers"] - before
	}
	if n := asked(func() { w.sync() }); n != 3 {
		t.Errorf("the first run asked %d times, want once for each contact", n)
	}
	w.wantCount("Contact", 3)
	if n := asked(func() { w.sync() }); n != 0 {
		t.Errorf("a run with nothing changed asked %d times", n)
	}
	_ = w.qb.UpdateContact(ids[0], qbenchsim.Fields{"first_name": "Anna"})
	if n := asked(func() { w.sync() }); n != 1 {
		t.Errorf("one changed contact was asked for %d times", n)
	}
	// Its customers change without any sign in the listing: a full run sees it.
	_ = w.qb.UpdateContact(ids[1], qbenchsim.Fields{"customer_ids": []int64{acme, best}})
	w.sync()
	w.wantHeld("")
	if n := asked(func() { w.tick(); w.pull(true) }); n != 3 {
		t.Errorf("a full run asked %d times, want for all", n)
	}
	w.wantHeld("qbench", "contact "+ledger.HoldManyCustomers)
}
