package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
)

// batchSize is what one call to Salesforce takes.
const batchSize = 200

// TestCallsAreAsFewAsBatchesAllow: a first push, one with nothing to do and one
// with an edit here and there make no call more than the records need.
func TestCallsAreAsFewAsBatchesAllow(t *testing.T) {
	w := newWorld(t)
	ids := w.populate(1000, 2000)
	w.firstPushCalls(1000, 2000)
	w.idleCalls()
	w.editedCalls(ids)
}

// BenchmarkFirstPush pushes 10,000 customers and 20,000 contacts, a tenth of
// which Salesforce has already, against simulators in the process, and fails
// where it takes one call too many.
func BenchmarkFirstPush(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		customers, contacts := scale(10_000), scale(20_000)
		ids := w.populate(customers, contacts)
		took := w.firstPushCalls(customers, contacts)
		b.ReportMetric(float64(customers+contacts)/took.Seconds(), "records/s")
		w.idleCalls()
		w.editedCalls(ids)
	}
}

// populated is who lives in QBench.
type populated struct{ customers, contacts []int64 }

// populate fills QBench. Salesforce has each tenth of them already, under
// another's hand and without our id.
func (w *world) populate(customers, contacts int) (p populated) {
	w.t.Helper()
	for i := range customers {
		name := fmt.Sprintf("Laboratory %05d", i)
		p.customers = append(p.customers, w.qb.AddCustomer(customer(name)))
		if i%10 == 0 {
			w.insert("Account", map[string]string{"Name": name, "Website": "https://" + slug(name) + ".example"})
		}
	}
	for i := range contacts {
		email, last := fmt.Sprintf("person.%05d@labs.example", i), fmt.Sprintf("Lee %05d", i)
		p.contacts = append(p.contacts, w.qb.AddContact(person("Ann", last, email), p.customers[i%customers]))
		if i%10 == 0 {
			w.insert("Contact", map[string]string{"LastName": last, "Email": email})
		}
	}
	return p
}

func batches(records int) int { return (records + batchSize - 1) / batchSize }

// firstPushCalls makes the first push and fails the test unless it took exactly
// as many write calls as there are batches, and at most one read call for each
// of them and match key.
func (w *world) firstPushCalls(customers, contacts int) time.Duration {
	w.t.Helper()
	w.tick()
	w.pull()
	w.sf.ResetCalls()
	began := time.Now()
	run := w.push()
	took := time.Since(began)
	calls := w.sf.Calls()
	if held := w.held(""); len(held) > 0 {
		w.t.Fatalf("%d held, such as %+v", len(held), held[0])
	}
	for _, o := range run.Objects {
		records := map[string]int{"Account": customers, "Contact": contacts}[o.Object]
		w.wantWrites(calls, o.Object, records-records/10, records/10)
		const matchKeys = 2
		writes := batches(records-records/10) + batches(records/10)
		if n := calls.Of(salesforcesim.CallQuery, o.Object) + calls.Of(salesforcesim.CallQueryMore, o.Object); n > writes*matchKeys {
			w.t.Errorf("%s: %d read calls for %d write calls and %d match keys", o.Object, n, writes, matchKeys)
		}
	}
	if all := calls.Writes(); all != calls.Of(salesforcesim.CallCreateMany)+calls.Of(salesforcesim.CallUpdateMany) {
		w.t.Errorf("some writes went out one by one: %v", calls)
	}
	return took
}

func (w *world) wantWrites(calls salesforcesim.Calls, object string, creates, updates int) {
	w.t.Helper()
	if n, want := calls.Of(salesforcesim.CallCreateMany, object), batches(creates); n != want {
		w.t.Errorf("%s: %d calls made %d records, want %d", object, n, creates, want)
	}
	if n, want := calls.Of(salesforcesim.CallUpdateMany, object), batches(updates); n != want {
		w.t.Errorf("%s: %d calls changed %d records, want %d", object, n, updates, want)
	}
}

// idleCalls fails the test unless a run with nothing changed leaves the target
// alone.
func (w *world) idleCalls() {
	w.t.Helper()
	w.sf.ResetCalls()
	w.sync()
	if calls := w.sf.Calls(); calls.Total() != 0 {
		w.t.Errorf("a run with nothing changed made %v", calls)
	}
}

// editedCalls edits each hundredth record, and fails the test unless those go
// out in full batches, and of them only what was edited.
func (w *world) editedCalls(p populated) {
	w.t.Helper()
	edited := 0
	for i := 0; i < len(p.customers); i += 100 {
		if err := w.qb.UpdateCustomer(p.customers[i], qbenchsim.Fields{"description": "Another"}); err != nil {
			w.t.Fatal(err)
		}
		edited++
	}
	w.sf.ResetCalls()
	w.sf.ResetAudit()
	w.sync()
	w.wantWrites(w.sf.Calls(), "Account", 0, edited)
	if all := w.sf.Calls().Total(); all != batches(edited) {
		w.t.Errorf("%d edits took %v", edited, w.sf.Calls())
	}
	written := w.written("Account")
	if len(written) != edited {
		w.t.Errorf("%d records were written, want %d", len(written), edited)
	}
	for _, fields := range written {
		if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, []string{"Description"}) {
			w.t.Fatalf("written were %v", got)
		}
	}
}
