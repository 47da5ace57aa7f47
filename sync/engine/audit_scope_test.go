package engine_test

import (
	"fmt"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// D8: children of a record that leaves share its state: nothing is
// taken from them, they go with it in a full run, and they come back with it.
func TestChildrenShareTheirParentsState(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry == \"Food\"'"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	ann := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel"})
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"first_name": "Anna"})
	w.sync()
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Ann" {
		t.Errorf("FirstName %q: taken from a child of a leaving record", c["FirstName"])
	}
	w.wantHeld("")
	w.tick()
	w.pull(true)
	w.push()
	if n := w.openLinks("contact"); n != 0 {
		t.Errorf("%d open contact links after the full run", n)
	}
	w.wantHeld("")
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"first_name": "Annie"})
	w.sync()
	w.wantHeld("")
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Ann" {
		t.Errorf("FirstName %q: taken from a child of a closed record", c["FirstName"])
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Food"})
	w.sync()
	w.wantHeld("")
	if c := w.contact("ann@acme.example"); c["FirstName"] != "Annie" {
		t.Errorf("FirstName %q after the return", c["FirstName"])
	}
}

// What a person said to ignore stays ignored until the source
// changes.
func TestDroppedPullHoldStaysDropped(t *testing.T) {
	w := newWorld(t)
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	id := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme, best)
	w.sync()
	if n, err := w.eng.DropHolds(engine.HoldFilter{System: "qbench"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.sync()
	if h := w.held("qbench"); len(h) != 1 || !h[0].Dropped {
		t.Errorf("after a run with nothing changed: %+v", h)
	}
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"first_name": "Anna"})
	w.sync()
	if h := w.held("qbench"); len(h) != 1 || h[0].Dropped {
		t.Errorf("after a change: %+v", h)
	}
}

// The same of what waits on the way out; it ends when it comes right.
func TestDroppedPushHoldStaysDropped(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	id := w.qb.AddContact(person("Ann", "Lee", ""), acme)
	w.sync()
	if n, err := w.eng.DropHolds(engine.HoldFilter{System: "salesforce"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.sync()
	w.push(true)
	if h := w.held("salesforce"); len(h) != 1 || !h[0].Dropped {
		t.Errorf("after a run with nothing changed: %+v", h)
	}
	_ = w.qb.UpdateContact(id, qbenchsim.Fields{"email_address": "ann@acme.example"})
	w.sync()
	w.wantCount("Contact", 1)
	w.wantHeld("salesforce")
}

// R11: an id in decimal form is reported as the bad value that it is, and not
// as a value that is missing.
func TestR11_DecimalIDSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: id, hub: account_id}", "{remote: account_no, hub: account_id}"))
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": 12345.5}))
	w.sync()
	h := w.held("")
	if len(h) != 1 || h[0].Reason != ledger.HoldBadValue {
		t.Errorf("%+v", h)
	}
	w.wantCount("Account", 0)
}

// D8, D1: a customer that was deleted at the source and made again there under
// the same account_id goes on with the account that the target has.
func TestD8_MadeAgainAtTheSource(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: id, hub: account_id}", "{remote: account_no, hub: account_id}"))
	acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": "A1"}))
	w.qb.AddCustomer(customer("Best", qbenchsim.Fields{"account_no": "A2"}))
	w.sync()
	w.qb.DeleteCustomer(acme)
	w.tick()
	w.pull(true)
	w.push()
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"account_no": "A1", "description": "New"}))
	w.sync()
	w.wantHeld("")
	w.wantCount("Account", 2)
	if d := w.account("Acme")["Description"]; d != "New" {
		t.Errorf("Description %q", d)
	}
}

// R146, F11: a new contact of an account that was deleted in the target waits,
// and goes out when a person has the account made again.
func TestR146_AccountWasDeletedThere(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.sf.Delete("Account", w.account("Acme")["Id"])
	w.tick()
	w.push(true)
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldDeleted, "Contact "+ledger.HoldParentWaits)
	if n, err := w.eng.RetryHolds(engine.HoldFilter{Reason: ledger.HoldDeleted}, true); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.sync()
	w.wantHeld("")
	w.wantCount("Contact", 1)
}

// A held record that its filter excludes later is held no longer.
func TestExcludedRecordIsNotHeld(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry == \"Food\"'"))
	acme := w.qb.AddCustomer(customer("", qbenchsim.Fields{"website": ""}))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	w.wantHeld("qbench", "customer "+ledger.HoldRequired)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel"})
	w.sync()
	w.wantHeld("")
}

// F7: what an edit of the filter would remove waits for a person who has seen
// the plan, however few they are; accepted, it goes.
func TestF7_AcceptedPlanLetsRemovalsThrough(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
	}
	w.sync()
	w.edit("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry == \"Steel\"'")
	w.load()
	w.restart()
	w.tick()
	run, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true})
	if err == nil || run.Plan == "" {
		t.Fatalf("not stopped: %v", err)
	}
	if _, err := w.eng.Accept(run.Plan); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pull(true)
	if n := w.openLinks("customer"); n != 0 {
		t.Errorf("%d open", n)
	}
}

// D8: a record that left the hub and comes back has its old link opened again,
// with its old digests: same hub record, same account, and only what changed
// meanwhile goes out.
func TestD8_ReturnKeepsLinkAndDigests(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry != \"Steel\"'"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	hub, id := w.one("account", acme).ID, w.account("Acme")["Id"]
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel"})
	w.tick()
	w.pull()
	w.tick()
	w.pull(true)
	if n := w.openLinks("customer"); n != 1 {
		t.Fatalf("%d open links after the full run, want 1", n)
	}
	w.push()
	_ = w.sf.SetField("Account", id, "Description", "By hand")
	w.sf.ResetAudit()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Feed"})
	w.sync()
	if got := w.one("account", acme).ID; got != hub {
		t.Errorf("the hub record is %s, want %s again", got, hub)
	}
	w.wantCount("Account", 2)
	if got := w.written("Account"); len(got) != 1 || len(got[0]) != 1 || got[0]["Industry"] != "Feed" {
		t.Errorf("sent %v, want what changed alone", got)
	}
}
