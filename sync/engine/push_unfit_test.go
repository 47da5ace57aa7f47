package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/sync/ledger"
)

// C5.1: Salesforce refuses the Name of one record, as it does of a person
// account, on update and on insert: that record is held and named, everything
// else goes out, in this run and in the next ones.
func TestC5_1_OneRefusedFieldHoldsItsRecord(t *testing.T) {
	w := newWorld(t)
	person := func(wr salesforcesim.Write) *salesforcesim.Error {
		if wr.Object == "Account" && strings.HasPrefix(wr.Fields["Name"], "Person") {
			return &salesforcesim.Error{
				Status: 400, Code: "INVALID_FIELD_FOR_INSERT_UPDATE",
				Message: "Unable to create/update fields: Name. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
				Fields:  []string{"Name"},
			}
		}
		return nil
	}
	acme := w.qb.AddCustomer(customer("Acme"))
	best := w.qb.AddCustomer(customer("Best"))
	w.sync()
	w.sf.SetRule(person)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"customer_name": "Person A"})
	_ = w.qb.UpdateCustomer(best, qbenchsim.Fields{"description": "New"})
	cole := w.qb.AddCustomer(customer("Cole"))
	made := w.qb.AddCustomer(customer("Person B"))
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldRejected, "Account "+ledger.HoldRejected)
	for _, h := range w.held("salesforce") {
		if h.Hub == 0 || !strings.Contains(h.Detail, "Name") {
			t.Errorf("held %+v", h)
		}
	}
	if w.account("Best")["Description"] != "New" || w.account("Cole")["Name"] != "Cole" {
		t.Error("one record stopped the others")
	}
	w.wantResting()
	w.sf.ResetCalls()
	_ = w.qb.UpdateCustomer(cole, qbenchsim.Fields{"description": "Newer"})
	w.sync()
	if w.account("Cole")["Description"] != "Newer" {
		t.Error("the next run did not go on")
	}
	w.sf.SetRule(nil)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"customer_name": "Acme Two"})
	_ = w.qb.UpdateCustomer(made, qbenchsim.Fields{"customer_name": "Made"})
	w.sync()
	w.wantHeld("salesforce")
	w.account("Acme Two")
	w.account("Made")
}

// C5.5: in a large stage, whose next batch is decided while a call is under way,
// no record is held for a field that came to rest meanwhile.
func TestC5_5_RestsInALargeStage(t *testing.T) {
	const many = 450 // more than two batches
	w := newWorld(t, unaudited("the field stays as it is"), func(w *world) { w.spool = 1 })
	w.guards.Overwrites.Floor = many
	w.build()
	var ids []int64
	for i := range many {
		ids = append(ids, w.qb.AddCustomer(customer(fmt.Sprint("Acme ", i))))
	}
	w.sync()
	if err := w.sf.ProtectField("Account", "Industry", true); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"industry": "Steel", "description": "New"})
	}
	w.sync()
	w.wantHeld("salesforce")
	w.wantResting("salesforce/Account.Industry")
	if n := len(w.sf.Find("Account", "Description", "New")); n != many {
		t.Errorf("%d of %d records went out", n, many)
	}
}

// C5.1, C5.5: where the schema, asked again, says that the field is not writable,
// it rests in the same run: every record goes out without it, and none is held.
// Where it is one that no record can be without, the object stops and says so.
func TestC5_5_TheSchemaIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	if err := w.sf.ProtectField("Account", "Industry", true); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel", "description": "New"})
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	w.wantHeld("salesforce")
	w.wantResting("salesforce/Account.Industry")
	if a := w.account("Acme"); a["Industry"] != "Food" || a["Description"] != "New" {
		t.Errorf("Industry %q, Description %q", a["Industry"], a["Description"])
	}
	w.account("Best")
	wrong, _ := w.findings("salesforce")
	if text := strings.Join(wrong, "\n"); len(wrong) != 1 || !strings.Contains(text, "Industry is not writable for this credential") || !strings.Contains(text, "grant edit access") {
		t.Errorf("the check says %q", text)
	}
	_ = w.sf.ProtectField("Account", "Industry", false)
	w.sync()
	w.wantResting()
	if a, b := w.account("Acme"), w.account("Best"); a["Industry"] != "Steel" || b["Industry"] != "Food" {
		t.Errorf("Industry %q and %q once it is writable", a["Industry"], b["Industry"])
	}

	if err := w.sf.ProtectField("Account", "Name", true); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"customer_name": "Acme Two"})
	w.tick()
	w.pull()
	if _, err := w.tryPush(); err == nil || !strings.Contains(err.Error(), "Account.Name is not writable") {
		t.Errorf("err = %v", err)
	}
	w.wantHeld("salesforce")
	_ = w.sf.ProtectField("Account", "Name", false)
	w.sync()
	w.account("Acme Two")
}
