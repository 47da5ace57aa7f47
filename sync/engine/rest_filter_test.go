package engine_test

import (
	"strings"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/ledger"
)

const employees = "number_of_employees"

// C5.4: a record whose number is no number is held by a filter that asks for it,
// and says of which field; all others go on, and so does it when it is mended.
func TestC5_4_FilterOnABadValueHoldsThatRecord(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", `# filter: 'status == "Active"'`, "filter: 'number_of_employees > 100'"))
	bad := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{employees: "lots"}))
	small := w.qb.AddCustomer(customer("Best", qbenchsim.Fields{employees: 12}))
	large := w.qb.AddCustomer(customer("Cole", qbenchsim.Fields{employees: 500}))
	w.sync()
	w.wantHeld("qbench", "customer "+ledger.HoldBadValue)
	if h := w.held("qbench")[0]; h.Field != "" || !strings.Contains(h.Detail, employees) || strings.Contains(h.Detail, "lots") {
		t.Errorf("held %+v", h)
	}
	w.wantCount("Account", 1)

	// One that is linked, and one that is out, stay what they are meanwhile.
	_ = w.qb.UpdateCustomer(large, qbenchsim.Fields{employees: "very many", "description": "New"})
	_ = w.qb.UpdateCustomer(small, qbenchsim.Fields{employees: "few"})
	w.sync()
	w.wantHeld("qbench", "customer "+ledger.HoldBadValue, "customer "+ledger.HoldBadValue, "customer "+ledger.HoldBadValue)
	if w.account("Cole")["Description"] != "A lab" {
		t.Error("something was taken from a record of which nobody knows whether it is in scope")
	}

	_ = w.qb.UpdateCustomer(bad, qbenchsim.Fields{employees: 200})
	_ = w.qb.UpdateCustomer(large, qbenchsim.Fields{employees: 501})
	_ = w.qb.UpdateCustomer(small, qbenchsim.Fields{employees: 12}) // as it was when it was left out
	w.sync()
	w.wantHeld("qbench")
	w.wantCount("Account", 2)
	if w.account("Cole")["Description"] != "New" {
		t.Error("what was mended was not taken")
	}
}

// C5.4: so does one whose value can be read, and is none that the filter can work
// with: it does not leave scope.
func TestC5_4_FilterThatCannotAnswer(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", `# filter: 'status == "Active"'`, "filter: 'int(description) > 5'"))
	acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"description": "7"}))
	w.sync()
	w.wantCount("Account", 1)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "seven"})
	w.tick()
	w.pull(true)
	w.wantHeld("qbench", "customer "+ledger.HoldBadValue)
	if h := w.held("qbench")[0]; h.Detail == "" || strings.Contains(h.Detail, "seven") {
		t.Errorf("held %+v", h)
	}
	if v := w.one("account", acme); v.State != "active" {
		t.Errorf("the account is %s", v.State)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "8"})
	w.sync()
	w.wantHeld("qbench")
}

// C5.4: a push filter that cannot answer on one record holds that record.
func TestC5_4_PushFilterHoldsThatRecord(t *testing.T) {
	w := newWorld(t, edited("routes/salesforce.yaml", "    hub: account\n    direction: push\n", "    hub: account\n    direction: push\n    filter: 'int(description) > 5'\n"))
	bad := w.qb.AddCustomer(customer("Acme"))
	good := w.qb.AddCustomer(customer("Best", qbenchsim.Fields{"description": "7"}))
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldBadValue)
	if h := w.held("salesforce")[0]; strings.Contains(h.Detail, "A lab") {
		t.Errorf("the hold shows the value: %+v", h)
	}
	w.wantCount("Account", 1)

	_ = w.qb.UpdateCustomer(good, qbenchsim.Fields{"description": "many", "industry": "Steel"})
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldBadValue, "Account "+ledger.HoldBadValue)
	if w.account("Best")["Industry"] != "Food" {
		t.Error("a record of which nobody knows whether it belongs there was written")
	}

	_ = w.qb.UpdateCustomer(good, qbenchsim.Fields{"description": "8"})
	_ = w.qb.UpdateCustomer(bad, qbenchsim.Fields{"description": "1"})
	w.sync()
	w.wantCount("Account", 1)
	if w.account("Best")["Industry"] != "Steel" {
		t.Error("what was mended did not go out")
	}
	w.wantHeld("salesforce")
}
