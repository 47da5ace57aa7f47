package engine_test

import (
	"errors"
	"fmt"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
)

// F8, D5: of one record of a batch nobody knows whether it was made. It stays
// under its intent and is held; the next run looks it up, and there is one of
// it in the end, whether it had been made or not.
func TestF8_OneOfABatchIsDoubtful(t *testing.T) {
	for _, made := range []bool{false, true} {
		m, late := newMemory(), func() {}
		w := newWorld(t, withMemory(m))
		for i := range 7 {
			w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
		}
		w.tick()
		w.pull()
		m.refuse = func(object string, p record.Patch) *providers.Error {
			for _, f := range p.Fields {
				if f.Value.Text() == "Acme 4" {
					m.refuse = nil
					if made {
						late = func() { m.write(object, "late", p) } // after our look-up
					}
					return &providers.Error{Kind: providers.Unknown, Code: "TIMEOUT"}
				}
			}
			return nil
		}
		w.pushTo("memory")
		w.wantHeld("memory", "firm "+engine.HoldUnknownOutcome)
		if made {
			late()
		}
		w.restart()
		w.pushTo("memory")
		w.wantHeld("memory")
		names := map[string]int{}
		for _, f := range m.records["firm"] {
			names[f["title"].Text()]++
		}
		if len(names) != 7 || len(m.records["firm"]) != 7 {
			t.Errorf("made %v: firms %v, want one of each", made, names)
		}
	}
}

// DESIGN 10: an accepted plan of removals serves the next full run and no
// later one, even if that run found nothing to remove any more.
func TestAcceptedRemovalsServeOnce(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry != \"Steel\"'"))
	var ids []int64
	for i := range 40 {
		ids = append(ids, w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i))))
	}
	w.sync()
	full := func(industry string) (string, error) {
		for _, id := range ids[:30] {
			_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"industry": industry})
		}
		w.tick()
		run, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true})
		return run.Plan, err
	}
	id, err := full("Steel")
	if !errors.Is(err, engine.ErrGuard) {
		t.Fatalf("err = %v, want the guard", err)
	}
	if _, err := w.eng.Accept(id); err != nil {
		t.Fatal(err)
	}
	if _, err := full("Food"); err != nil { // they came back before it ran
		t.Fatal(err)
	}
	if _, err := full("Steel"); !errors.Is(err, engine.ErrGuard) {
		t.Errorf("err = %v: an old plan let removals through", err)
	}
	if n := w.openLinks("customer"); n == 0 {
		t.Error("everything left the hub")
	}
}
