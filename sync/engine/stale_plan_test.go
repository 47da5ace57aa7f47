package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

const (
	rightLine = "{remote: Description, hub: description}"
	wrongLine = "{remote: Description, hub: name}"
)

// mapped exchanges a line of the push route, as a start with edited files does.
func (w *world) mapped(from, to string) {
	w.t.Helper()
	w.edit("routes/salesforce.yaml", from, to)
	w.load()
	w.restart()
	w.tick()
}

// waiting names the plans that wait, with a star where one was accepted.
func (w *world) waiting() (out []string) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error {
		for _, p := range tx.Plans() {
			if p.Accepted {
				p.ID += "*"
			}
			out = append(out, p.ID)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// D22: a plan whose cause is gone waits no more, and an acceptance outlives no
// run that comes to its end: the same wrong line stops at the guard again.
func TestD22_PlanEndsWithItsCause(t *testing.T) {
	for name, tc := range map[string]struct{ accept, down, full bool }{
		"routine": {}, "full": {full: true}, "accepted": {accept: true}, "accepted, then down": {accept: true, down: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i := range 39 {
				w.qb.AddCustomer(customer(fmt.Sprint("Acme ", i)))
			}
			w.sync()
			w.mapped(rightLine, wrongLine)
			run, err := w.tryPush()
			if !errors.Is(err, engine.ErrGuard) {
				t.Fatalf("err %v, want the guard", err)
			}
			if tc.accept {
				if _, err := w.eng.Accept(run.Plan); err != nil {
					t.Fatal(err)
				}
			}
			w.mapped(wrongLine, rightLine)
			if tc.down {
				w.sf.RefuseSessions(1000)
				if _, err := w.tryPush(); err == nil || !slices.Equal(w.waiting(), []string{run.Plan + "*"}) {
					t.Errorf("err %v, plans %v; want the acceptance to last", err, w.waiting())
				}
				w.sf.RefuseSessions(0)
				w.restart()
			}
			w.sf.ResetAudit()
			w.push(tc.full)
			if left := w.waiting(); len(left) > 0 || len(w.sf.Audit()) > 0 {
				t.Errorf("%v wait, %d writes; want none", left, len(w.sf.Audit()))
			}
			w.mapped(rightLine, wrongLine)
			if run, err := w.tryPush(); !errors.Is(err, engine.ErrGuard) || len(w.sf.Audit()) > 0 {
				t.Errorf("the same wrong line: err %v, %d writes, %v", err, len(w.sf.Audit()), run.Counts)
			}
			w.mapped(wrongLine, rightLine)
			w.push()
		})
	}
}

// D22: a plan of records that are gone from a target waits for the next run that
// reads them all, and no run that does not takes it away.
func TestD22_PlanOfAbsentEndsWhenAllWereRead(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.qb.AddCustomer(customer(fmt.Sprint("Acme ", i)))
	}
	w.sync()
	show := hide(t, w.sf, "Account", `"Industry":"Food"`)
	w.tick()
	run, err := w.tryPush(true)
	if !errors.Is(err, engine.ErrGuard) {
		t.Fatalf("err %v, want the guard", err)
	}
	w.qb.AddCustomer(customer("New", qbenchsim.Fields{"industry": "Steel"}))
	w.sync()
	if left := w.waiting(); !slices.Equal(left, []string{run.Plan}) {
		t.Errorf("after a routine run %v wait, want %s", left, run.Plan)
	}
	show()
	w.tick()
	w.push(true)
	if left := w.waiting(); len(left) > 0 {
		t.Errorf("after a full run %v wait, want none", left)
	}
}

// F7: a plan of removals whose cause is gone ends with the full run that finds
// nothing to stop for, accepted or not; a routine run leaves it.
func TestF7_PlanOfRemovalsEndsWithItsCause(t *testing.T) {
	const plain, steel = "    # filter: 'status == \"Active\"'", "    filter: 'industry == \"Steel\"'"
	w := newWorld(t)
	for i := range 20 {
		w.qb.AddCustomer(customer(fmt.Sprint("Acme ", i)))
	}
	w.sync()
	filtered := func(from, to string) {
		w.edit("routes/qbench.yaml", from, to)
		w.load()
		w.restart()
		w.tick()
	}
	for _, accept := range []bool{false, true} {
		filtered(plain, steel)
		run, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true})
		if !errors.Is(err, engine.ErrGuard) {
			t.Fatalf("err %v, want the guard", err)
		}
		want := run.Plan
		if accept {
			want += "*"
			if _, err := w.eng.Accept(run.Plan); err != nil {
				t.Fatal(err)
			}
		}
		filtered(steel, plain)
		w.pull()
		if left := w.waiting(); !slices.Equal(left, []string{want}) {
			t.Errorf("after a routine run %v wait, want %s", left, want)
		}
		w.tick()
		w.pull(true)
		if left := w.waiting(); len(left) > 0 {
			t.Errorf("after a full run %v wait, want none", left)
		}
	}
	if n := w.openLinks("customer"); n != 20 {
		t.Errorf("%d links are open, want 20", n)
	}
}

// D22: many records that a routine pull asked for and was not shown stop it; once
// a person accepted that, the next routine run holds them and asks no more.
func TestD22_UnseenOfARoutinePullAccepted(t *testing.T) {
	w := newCloseWorld(t, unprovenBy("close"))
	var leads []string
	for i := range 40 {
		leads = append(leads, w.lead(fmt.Sprint("Acme ", i), fmt.Sprint(i)))
	}
	w.pullClose()
	defer hide(t, w.cl, "lead", `"status_label":"Potential"`)()
	for _, lead := range leads {
		if err := w.eng.Resync("close", "lead", lead); err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(15 * time.Minute)
	run, err := w.eng.Pull(t.Context(), engine.Request{System: "close"})
	if !errors.Is(err, engine.ErrGuard) {
		t.Fatalf("err %v, want the guard", err)
	}
	if _, err := w.eng.Accept(run.Plan); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	if held := w.held("close"); len(held) != len(leads) || held[0].Reason != ledger.HoldNotVisible {
		t.Errorf("%d are held, want all %d", len(held), len(leads))
	}
	if left := w.waiting(); len(left) > 0 {
		t.Errorf("%v wait, want none", left)
	}
}

// D22: a plan says which guard would stop its runs, whichever that is, names no
// plan that nobody can accept, and leaves none behind.
func TestD22_PlanNamesTheGuard(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.qb.AddCustomer(customer(fmt.Sprint("Acme ", i)))
	}
	w.sync()
	w.edit("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry == \"Steel\"'")
	w.load()
	w.restart()
	w.tick()
	_, err := w.eng.Plan(t.Context(), engine.PlanRequest{Full: true})
	if !errors.Is(err, engine.ErrGuard) || !strings.Contains(err.Error(), "the next run of qbench stops there") {
		t.Errorf("the plan ends with %v, want the guard and the next run", err)
	}
	if left := w.waiting(); len(left) > 0 {
		t.Errorf("%v wait, want none", left)
	}
	w.edit("routes/qbench.yaml", "    filter: 'industry == \"Steel\"'", "    # filter: 'status == \"Active\"'")
	w.load()
	w.restart()
}
