package engine_test

import "testing"

// C2.1: a line that was mixed up with one of another type is put right by the next
// push after it is corrected, in routine runs alone, and nothing of that is taken
// for anybody's edit.
func TestC2_1_WrongLineOfAnotherType(t *testing.T) {
	const good, bad = "{remote: Description, hub: description}", "{remote: Description, hub: industry}"
	w := newWorld(t)
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.edit("routes/salesforce.yaml", good, bad)
	w.reload()
	w.sync()
	if got := w.account("Acme")["Description"]; got != "Food" {
		t.Fatalf("Description %q under the wrong line", got)
	}
	w.edit("routes/salesforce.yaml", bad, good)
	w.reload()
	w.sync()
	if got := w.account("Acme")["Description"]; got != "A lab" {
		t.Errorf("Description %q after the line was corrected", got)
	}
	if got := w.pushedOld("industry"); len(got) != 1 || got[0] != "mapping_changed A lab>Food read" {
		t.Errorf("the wrong line: %v", got)
	}
	if got := w.pushedOld("description"); len(got) != 1 || got[0] != "mapping_changed Food>A lab read" {
		t.Errorf("the right line: %v", got)
	}
}

// reload takes edited files in, on the same state.
func (w *world) reload() {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.load()
	w.open()
}
