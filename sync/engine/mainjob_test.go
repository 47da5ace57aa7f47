package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The main job: R134, R135, R140, R151, R158, R160.
func TestMainJob(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	run := w.sync()
	if run.Counts["created"] != 2 {
		t.Errorf("created %d, want 2: %+v\nheld: %+v", run.Counts["created"], run.Objects, w.held(""))
	}
	a := w.account("Acme")
	c := w.contact("ann@acme.example")
	if c["AccountId"] != a["Id"] {
		t.Errorf("the contact hangs on %q, want %q", c["AccountId"], a["Id"])
	}
	if diff := cmp.Diff("Springfield", a["BillingCity"]); diff != "" {
		t.Error(diff)
	}
	w.sf.ResetCalls()
	w.sync()
	if n := w.sf.Calls(); len(n) != 0 {
		t.Errorf("a second run made %+v", n)
	}
}
