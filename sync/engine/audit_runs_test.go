package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// An accepted plan lets those rows through that have not moved; the
// others are counted anew.
func TestAcceptedPlanAndMovedRows(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for i := range 40 {
		ids = append(ids, w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i))))
	}
	w.sync()
	all := func(industry string) {
		for _, id := range ids {
			_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"industry": industry})
		}
		w.tick()
		w.pull()
	}
	all("Wrong")
	run, _ := w.tryPush()
	if _, err := w.eng.Accept(run.Plan); err != nil {
		t.Fatal(err)
	}
	all("Worse") // nobody looked at this
	w.sf.ResetAudit()
	run, err := w.tryPush()
	if !errors.Is(err, engine.ErrGuard) || len(w.sf.Audit()) != 0 {
		t.Fatalf("status %q, %d writes: rows that moved went through", run.Status, len(w.sf.Audit()))
	}
	if _, err := w.eng.Accept(run.Plan); err != nil {
		t.Fatal(err)
	}
	w.push()
	if n := len(w.sf.Audit()); n != 40 {
		t.Errorf("%d writes after the second plan was accepted, want 40", n)
	}
	all("Worst") // an accepted plan serves once
	w.sf.ResetAudit()
	if _, err := w.tryPush(); !errors.Is(err, engine.ErrGuard) {
		t.Errorf("err %v: an old plan let new rows through", err)
	}
}

// D22: overwrites of values that nobody wrote before count as well: those of
// records that were just found. Writes into blanks do not.
func TestD22_FoundRecordsCount(t *testing.T) {
	for _, industry := range []string{"", "Theirs"} {
		w := newWorld(t)
		for i := range 40 {
			name := fmt.Sprintf("Acme %d", i)
			w.insert("Account", map[string]string{"Name": name, "Website": "https://" + slug(name) + ".example", "Industry": industry})
			w.qb.AddCustomer(customer(name))
		}
		w.tick()
		w.pull()
		w.sf.ResetAudit()
		_, err := w.tryPush()
		if stopped := errors.Is(err, engine.ErrGuard); stopped != (industry != "") {
			t.Errorf("industry %q over there: err = %v", industry, err)
		}
		if industry != "" && len(w.sf.Audit()) != 0 {
			t.Errorf("%d writes behind the guard", len(w.sf.Audit()))
		}
	}
}

// A record that fails in passing is tried in three runs and then
// held; all that time others of its batch go out and the position moves.
func TestFailingInPassingBlocksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
		w.sync()
		w.sf.LockRows(100, w.account("Acme")["Id"])
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
		for i := range 4 {
			_ = w.qb.UpdateCustomer(best, qbenchsim.Fields{"description": fmt.Sprint("New ", i)})
			w.sync()
			if got := w.account("Best")["Description"]; got != fmt.Sprint("New ", i) {
				t.Errorf("run %d: Best has %q", i, got)
			}
			if h := w.held("salesforce"); len(h) != 1 || h[0].Attempts != min(i+1, 3) || (h[0].Event == "") != (i >= 2) {
				t.Errorf("run %d: held %+v", i, h)
			}
		}
		if due, err := w.eng.Due("salesforce"); due || err != nil {
			t.Errorf("due %v, %v: a held record keeps the target busy", due, err)
		}
		// A change of the record itself is tried at once.
		w.sf.UnlockRows()
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Newest"})
		w.sync()
		w.wantHeld("")
		if w.account("Acme")["Description"] != "Newest" {
			t.Error("a changed record was not tried again")
		}
	})
}

// F16, F22, D5: what stops the whole route or the system holds nothing and
// leaves the position before it; what stops the system, such as a spent quota,
// leaves its other objects alone.
func TestWhatStopsTheRouteHoldsNothing(t *testing.T) {
	for _, kind := range []providers.Kind{providers.Broken, providers.Budget, providers.Denied} {
		m := newMemory()
		w := newWorld(t, withMemory(m))
		for i := range 7 {
			w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
		}
		w.tick()
		w.pull()
		m.refuse = func(_ string, p record.Patch) *providers.Error {
			for _, f := range p.Fields {
				if f.Value.Text() == "Acme 4" {
					return &providers.Error{Kind: kind, Code: "STOP"}
				}
			}
			return nil
		}
		run, err := w.eng.Push(t.Context(), engine.Request{System: "memory"})
		if providers.KindOf(err) != kind {
			t.Errorf("%s: err = %v", kind, err)
		}
		if alone := len(run.Objects) == 1; alone != (kind != providers.Broken) {
			t.Errorf("%s: %d objects were gone through", kind, len(run.Objects))
		}
		w.wantHeld("memory")
		m.refuse = nil
		w.restart()
		w.pushTo("memory")
		if n := len(m.records["firm"]); n != 7 {
			t.Errorf("%s: %d firms in the end, want 7", kind, n)
		}
	}
}

// R146: no contact goes out before its account in this target, whatever other
// targets have; it goes out in the run that makes the account.
func TestR146_PerTarget(t *testing.T) {
	m := newMemory()
	m.refuse = func(object string, _ record.Patch) *providers.Error {
		if object == "firm" {
			return &providers.Error{Kind: providers.Rejected, Code: "NO"}
		}
		return nil
	}
	w := newWorld(t, withMemory(m))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.pushTo("memory")
	w.wantCount("Contact", 1)
	w.wantHeld("memory", "firm "+ledger.HoldRejected, "human "+ledger.HoldParentWaits)
	if len(m.records["human"]) != 0 {
		t.Error("a contact went out before its account")
	}
	m.refuse = nil
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	w.pushTo("memory")
	w.wantHeld("memory")
	if len(m.records["human"]) != 1 {
		t.Error("the contact did not go out in the run that made its account")
	}
}

// R147: a contact that waits is released when its customer is found and linked
// there, as when it is made.
func TestR147_ReleasedByAFoundCustomer(t *testing.T) {
	w := newWorld(t)
	one := w.insert("Account", map[string]string{"Name": "Acme A", "Website": "acme.example"})
	two := w.insert("Account", map[string]string{"Name": "Acme B", "Website": "https://www.acme.example"})
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldAmbiguous, "Contact "+ledger.HoldParentWaits)
	if err := w.sf.Delete("Account", two); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	w.wantHeld("")
	if c := w.contact("ann@acme.example"); c["AccountId"] != one {
		t.Errorf("the contact hangs on %q, want %q", c["AccountId"], one)
	}
}

// R155: a contact that was linked by its id and has no e-mail is not updated.
func TestR155_LinkedWithoutEmail(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	ann := w.qb.AddContact(person("Ann", "Lee", ""), acme)
	w.sync()
	con := w.insert("Contact", map[string]string{"LastName": "Old", "Email": "old@acme.example", "AccountId": w.account("Acme")["Id"]})
	if err := w.eng.Link(t.Context(), "salesforce", "Contact", hubID(t, w.one("contact", ann)), con); err != nil {
		t.Fatal(err)
	}
	w.sync()
	w.sync()
	w.wantHeld("salesforce", "Contact "+ledger.HoldNoEmail)
	if c := w.sf.Record("Contact", con); c["LastName"] != "Old" {
		t.Errorf("LastName %q: an update went out without e-mail", c["LastName"])
	}
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"email_address": "ann@acme.example"})
	w.sync()
	w.wantHeld("")
	if c := w.sf.Record("Contact", con); c["LastName"] != "Lee" {
		t.Errorf("LastName %q once there is an e-mail", c["LastName"])
	}
}

// D1: keys are tried in their order: a hit by the first ends the search, even
// if the next would hit another record.
func TestD1_KeysInOrder(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: id, hub: account_id}", "{remote: account_no, hub: account_id}"))
	byID := w.insert("Account", map[string]string{"Name": "By id", "QBench_Id__c": "A1"})
	bySite := w.insert("Account", map[string]string{"Name": "By site", "Website": "acme.example"})
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": "A1"}))
	w.sync()
	w.wantHeld("")
	if a, b := w.sf.Record("Account", byID), w.sf.Record("Account", bySite); a["Name"] != "Acme" || b["Name"] != "By site" {
		t.Errorf("written %q and %q, want the hit of the first key alone", a["Name"], b["Name"])
	}
}

// F10: a refused create leaves no link behind: the next try is a create again.
func TestF10_RefusedCreateIsNoLink(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sf.SetRule(func(salesforcesim.Write) *salesforcesim.Error {
		return &salesforcesim.Error{Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "no"}
	})
	w.sync()
	if n := len(w.links("Account")); n != 0 {
		t.Errorf("%d links after a refused create", n)
	}
	w.sf.SetRule(nil)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	run := w.sync()
	if run.Counts["created"] != 1 || run.Counts["updated"] != 0 || w.account("Acme")["BillingCity"] == "" {
		t.Errorf("counts %v", run.Counts)
	}
}

// F9, F8: a record with our id that appeared there between look-up and create
// is linked and not made twice.
func TestF9_SomebodyWasQuicker(t *testing.T) {
	w := newWorld(t)
	var acme int64
	w.wrap = func(s *engine.System) {
		if s.Name == "salesforce" {
			s.Writer = &beforeCreate{s.Writer, func() {
				w.insert("Account", map[string]string{"Name": "Quick", "QBench_Id__c": fmt.Sprint(acme), "BillingCity": "Elsewhere"})
			}}
		}
	}
	w.build()
	acme = w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.sync()
	w.wantCount("Account", 1)
	w.wantHeld("")
	if a := w.account("Acme"); a["BillingCity"] != "Elsewhere" {
		t.Errorf("BillingCity %q: what was there already got the create's shape", a["BillingCity"])
	}
}

// beforeCreate does something just before the first create.
type beforeCreate struct {
	providers.Writer
	do func()
}

func (b *beforeCreate) Create(ctx context.Context, object string, p []record.Patch) ([]providers.Result, error) {
	if b.do != nil {
		do := b.do
		b.do = nil
		do()
	}
	return b.Writer.Create(ctx, object, p)
}

// D20, F8: the process dies after a create took effect and before its answer
// is kept. The repeat finds the record under its intent, knows it as made by
// us with what was sent, and writes over nothing that a person typed there.
func TestD20_RepeatLeavesWhatAPersonTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, lost := range []bool{false, true} {
			w := newWorld(t)
			w.qb.AddCustomer(customer("Acme"))
			w.tick()
			w.pull()
			if lost {
				w.fault("salesforce", "drop,method=POST,path=/composite/sobjects,after")
			} else {
				w.wrap = func(s *engine.System) {
					if s.Writer != nil {
						s.Writer = &afterCreate{s.Writer, func() { w.cutAt = w.commits + 1 }}
					}
				}
				w.build()
			}
			_, _ = w.tryPush()
			w.clearFaults()
			w.cutAt, w.wrap = 0, nil
			id := w.account("Acme")["Id"]
			_ = w.sf.SetField("Account", id, "Description", "By hand")
			_ = w.sf.SetField("Account", id, "Phone", "+1 202 555 0999")
			w.restart()
			w.sync()
			w.sync()
			w.wantCount("Account", 1)
			w.wantHeld("")
			if a := w.account("Acme"); a["Description"] != "By hand" || a["Phone"] != "+1 202 555 0999" {
				t.Errorf("lost answer %v: Description %q, Phone %q", lost, a["Description"], a["Phone"])
			}
			if l := w.links("Account"); len(l) != 1 || l[0].Origin != state.OriginMade {
				t.Errorf("lost answer %v: the link does not know that we made the record: %+v", lost, l)
			}
			_ = w.store.Close()
		}
	})
}

// afterCreate does something when a create has taken effect.
type afterCreate struct {
	providers.Writer
	do func()
}

func (a *afterCreate) Create(ctx context.Context, object string, p []record.Patch) ([]providers.Result, error) {
	res, err := a.Writer.Create(ctx, object, p)
	a.do()
	return res, err
}
