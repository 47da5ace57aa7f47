package engine_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
)

// errCut is what a commit meets from the n-th on: the process is as good as
// dead.
var errCut = errors.New("cut")

// F8, F9, F10, F24, D5: the process dies at the n-th commit, for every n, in a
// first load and in a round of changes, with and without the spool. Started
// again, it ends in the same state: nothing doubled, nothing lost.
func TestCutAtEveryCommit(t *testing.T) {
	for _, spool := range []int{0, 1} {
		for n := 1; ; n += cutStep() {
			if !cutAtCommit(t, spool, n) {
				t.Logf("spool %d: %d points", spool, n-1)
				break
			}
			if t.Failed() {
				t.Fatalf("spool %d, cut at commit %d", spool, n)
			}
		}
	}
}

// cutStep is how far the points lie apart at which a test dies.
func cutStep() int {
	if underRace {
		return 4
	}
	return 1
}

// cutAtCommit reports whether the cut was reached.
func cutAtCommit(t *testing.T, spool, n int) (cut bool) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.spool = spool })
		for i := range 3 {
			id := w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
			w.qb.AddContact(person("Ann", "Lee", fmt.Sprintf("ann%d@acme.example", i)), id)
		}
		w.insert("Account", map[string]string{"Name": "old", "Website": "acme-1.example"})
		w.restart()
		w.commits, w.cutAt = 0, n
		w.life()
		for i, id := range w.qb.CustomerIDs() {
			_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"description": fmt.Sprint("New ", i)})
		}
		w.life()
		cut = w.commits >= n
		w.cutAt = 0
		w.restart()
		for range 3 {
			w.sync()
		}
		w.wantCount("Account", 3)
		w.wantCount("Contact", 3)
		w.wantHeld("")
		for i := range 3 {
			a, c := w.account(fmt.Sprintf("Acme %d", i)), w.contact(fmt.Sprintf("ann%d@acme.example", i))
			if c["AccountId"] != a["Id"] || a["Description"] != fmt.Sprint("New ", i) {
				t.Errorf("record %d: %v %v", i, a, c)
			}
		}
		w.sf.ResetCalls()
		w.sync()
		if w.sf.Calls().Total() != 0 {
			t.Errorf("a further run made calls: %s", w.sf.Calls())
		}
		_ = w.store.Close()
	})
	return cut
}

// life is a pull and a push of a process that may die in them.
func (w *world) life() {
	w.tick()
	_, err := w.eng.Pull(w.t.Context(), engine.Request{System: "qbench"})
	if errors.Is(err, errCut) {
		return
	}
	_, _ = w.tryPush()
}
