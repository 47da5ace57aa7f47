package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// An enforced field is confirmed by a read when its record is made,
// so that what a person changes then is drift and no form of ours.
func TestEnforceOnWhatWasJustMade(t *testing.T) {
	w := newWorld(t, onAccount(industryLine, "write: enforce"))
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.sf.SetField("Account", w.account("Acme")["Id"], "Industry", "By hand")
	w.tick()
	w.push(true)
	if a := w.account("Acme"); a["Industry"] != "Food" {
		t.Errorf("Industry %q", a["Industry"])
	}
}

// F18: a value that was skipped goes out once the value map has it.
func TestF18_SkippedGoesOutOnceTheMapHasIt(t *testing.T) {
	w := newWorld(t, onAccount(industryLine, "values: {Foods: Food}, on_unmapped: skip_field"))
	best := w.qb.AddCustomer(customer("Best"))
	w.sync()
	_ = w.qb.UpdateCustomer(best, qbenchsim.Fields{"industry": "Steel"})
	w.sync()
	w.edit("routes/salesforce.yaml", "{Foods: Food}", "{Foods: Food, Metal: Steel}")
	w.load()
	w.restart()
	w.sync()
	if b := w.account("Best"); b["Industry"] != "Metal" {
		t.Errorf("Best %q", b["Industry"])
	}
	w.tick()
	w.push(true)
	if b := w.account("Best"); b["Industry"] != "Metal" {
		t.Errorf("Best %q after full", b["Industry"])
	}
}

// F7: an edit of the filter is remembered until a full run has reckoned with
// it; routine runs in between do not count.
func TestF7_RoutineRunDoesNotForgetTheFilter(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
	}
	w.sync()
	w.edit("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry == \"Steel\"'")
	w.load()
	w.restart()
	w.sync() // the routine run comes first
	w.tick()
	_, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true})
	if n := w.openLinks("customer"); err == nil {
		t.Errorf("an edit of the filter removed all without a plan: %d open, err %v", n, err)
	}
}

// D5, R176: a mapping that lets more records through than the one before sends
// those that nobody touched since.
func TestD5_MappingThatLetsMoreThrough(t *testing.T) {
	for _, c := range []struct{ name, old, then string }{
		{"match_only off", "    mode: match_only\n", ""},
		{"filter off", "    filter: 'industry == \"Steel\"'\n", ""},
		{"filter changed", "    filter: 'industry == \"Steel\"'\n", "    filter: 'industry == \"Food\"'\n"},
		{"create_from", "    create_from: [salesforce]\n", "    create_from: [any]\n"},
		{"create_needs", "    create_needs: [name, addresses.BILLING.street_2]\n", "    create_needs: [name]\n"},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " full ", full), func(t *testing.T) {
				w := newWorld(t, edited("routes/salesforce.yaml", "    create_needs: [name]\n", c.old))
				w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"street_2": ""}))
				w.sync()
				w.wantCount("Account", 0)
				w.edit("routes/salesforce.yaml", c.old, c.then)
				w.load()
				w.restart()
				w.tick()
				w.pull()
				w.push(full)
				w.wantCount("Account", 1)
			})
		}
	}
}

// When a parent has another id in a target, because a person had it
// made again, its children there are tied to the new one.
func TestRecreatedParentGetsItsChildren(t *testing.T) {
	m := newMemory()
	w := newWorld(t, withMemory(m))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.pushTo("memory")
	clear(m.records["firm"])
	if _, err := w.eng.Push(t.Context(), engine.Request{System: "memory", Full: true}); err != nil {
		t.Fatal(err)
	}
	w.wantHeld("memory", "firm "+ledger.HoldDeleted)
	if n, err := w.eng.RetryHolds(engine.HoldFilter{System: "memory"}, true); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.pushTo("memory")
	w.pushTo("memory")
	for _, h := range m.records["human"] {
		if m.records["firm"][h["firm"].Text()] == nil {
			t.Errorf("the contact still hangs on %q; firms %v", h["firm"].Text(), m.records["firm"])
		}
	}
}

// R148, D1: a contact that becomes ready after the walk that matches and before
// the one that writes is looked up before it is made.
func TestBecomesReadyBetweenTheWalks(t *testing.T) {
	systems := map[string]*engine.System{}
	w := newWorld(t, func(w *world) { w.wrap = func(s *engine.System) { systems[s.Name] = s } })
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddCustomer(customer("Best"))
	w.sync()
	w.insert("Contact", map[string]string{"LastName": "Lee", "Email": "ann@acme.example"})
	ann := w.qb.AddContact(person("Ann", "Lee", ""), acme)
	w.tick()
	w.pull()
	done := false
	eng, err := engine.New(engine.Options{
		Store: w.store, Mapping: w.mapping, Systems: systems, Guards: w.guards, Now: w.clock,
		OnProgress: func(p engine.Progress) {
			if p.System == "salesforce" && p.Object == "Contact" && p.Step == "write" && !done {
				done = true
				_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"email_address": "ann@acme.example"})
				w.pull()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eng.Push(t.Context(), engine.Request{System: "salesforce"}); err != nil {
		t.Fatal(err)
	}
	if !done {
		t.Fatal("never came")
	}
	w.sync()
	w.wantCount("Contact", 1)
}

// F18: a pulled value that the map does not hold and the rule skips is listed as
// skipped, whether the field is blank in the hub or keeps what it had.
func TestF18_SkippedOnPullIsExplained(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: industry, hub: industry}",
		"{remote: industry, hub: industry, values: {Food: Foods}, on_unmapped: skip_field}"))
	w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"industry": "Steel"}))
	best := w.qb.AddCustomer(customer("Best"))
	w.sync()
	_ = w.qb.UpdateCustomer(best, qbenchsim.Fields{"industry": "Steel"})
	w.sync()
	res, lines := w.audit(engine.AuditRequest{System: "qbench", Object: "customer"})
	if len(lines) > 0 {
		t.Errorf("%q", lines)
	}
	if got := counted(res); !slices.Contains(got, "qbench/customer tolerated skipped 2") {
		t.Errorf("counted %q", got)
	}
}
