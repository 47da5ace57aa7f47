package engine_test

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// notes counts the records that are noted to have another key.
func (w *world) notes() (n int) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error {
		if old := tx.Meta("renamed:account"); old != nil {
			w.t.Errorf("the notes stand in one text of %d bytes", len(old))
		}
		return tx.Flips("renamed account", "", func(string, state.HubID) error { n++; return nil })
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// C13.7, R83: each of many accounts that get another id at once is noted in a row
// of its own; a stop loses none, and the next run looks who named them.
func TestC13_7_ManyRenamedAtOnce(t *testing.T) {
	const many = 40
	w := newCloseWorld(t)
	var leads []string
	for i := range many {
		leads = append(leads, w.lead(fmt.Sprint("Lead ", i), 7000+i))
	}
	child := w.lead("Child", 6000)
	w.custom(child, "ParentExternalID", "7000")
	w.pullClose()
	w.tick()
	w.pullClose()
	w.tick()
	for i, lead := range leads {
		w.custom(lead, "AccountExternalID", strconv.Itoa(8000+i))
	}
	next := w.lead("Next", 7000)
	w.tick()
	for cut := 1; w.notes() == 0; cut++ { // stops right after the accounts were settled
		if cut > 50 {
			t.Fatal("no stop leaves a note")
		}
		w.commits, w.cutAt = 0, cut
		if _, err := w.eng.Pull(t.Context(), engine.Request{System: "close"}); err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		w.cutAt = 0
	}
	if n := w.notes(); n != many {
		t.Errorf("%d notes of %d accounts", n, many)
	}
	w.restart()
	for range 2 {
		w.tick()
		w.pullClose()
	}
	if n := w.notes(); n != 0 {
		t.Errorf("%d notes are left", n)
	}
	v := w.hub("account", "7000")
	if linkOf(v, "close").Remote != next {
		t.Fatalf("account 7000 is %+v", linkOf(v, "close"))
	}
	if got := valueOf(w.hub("account", "6000"), "parent"); got != v.ID {
		t.Errorf("the parent is %q, want %q", got, v.ID)
	}
}

// C13.7: the one text of an earlier state is followed as well.
func TestC13_7_NotesOfAnEarlierState(t *testing.T) {
	w := newCloseWorld(t)
	w.lead("Parent", 7001)
	child := w.lead("Child", 7002)
	w.custom(child, "ParentExternalID", "7001")
	w.pullClose()
	w.tick()
	w.pullClose()
	parent := w.hub("account", "7001").ID
	if err := w.store.Update(func(tx *state.Tx) error { return tx.SetMeta("renamed:account", []byte(" "+parent)) }); err != nil {
		t.Fatal(err)
	}
	w.cl.ResetCalls()
	w.tick()
	w.pullClose()
	if w.notes() != 0 || w.cl.Calls()["get.lead"] == 0 {
		t.Errorf("%d notes are left, calls %v: want the child read by id", w.notes(), w.cl.Calls())
	}
}

// linkAgain unlinks Acme and links it with another account of Salesforce, and
// returns how many bytes that took.
func (w *world) linkAgain() uint64 {
	w.t.Helper()
	hub := w.one("account", "Acme").ID
	id, err := state.ParseHubID(hub)
	if err != nil {
		w.t.Fatal(err)
	}
	to := w.insert("Account", map[string]string{"Name": "Acme there", "Website": "https://there.example"})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := errors.Join(w.eng.Unlink("salesforce", "Account", id), w.eng.Link(w.t.Context(), "salesforce", "Account", id, to)); err != nil {
		w.t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	w.sync()
	if got := w.contact("ann@acme.example")["AccountId"]; got != to {
		w.t.Errorf("the contact belongs to %q, want %q", got, to)
	}
	return after.TotalAlloc - before.TotalAlloc
}

// C13.8: to link an account looks at its own contacts, however many others there
// are.
func TestC13_8_LinkWalksTheFamilyAlone(t *testing.T) {
	took := map[int]uint64{}
	for _, others := range []int{10, 1500} {
		w := newWorld(t, unaudited("the former account stays"))
		acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
		w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
		for i := range others {
			w.qb.AddContact(person("Bob", "Ray", fmt.Sprintf("bob%d@best.example", i)), best)
		}
		w.sync()
		took[others] = w.linkAgain()
	}
	if few, many := took[10], took[1500]; 2*many > 3*few+128<<10 {
		t.Errorf("%d bytes with 1500 other contacts, %d with 10", many, few)
	}
}

// C13.8: the index of a state that was made without one is built once, and holds
// what is there.
func TestC13_8_EarlierStateGetsTheIndex(t *testing.T) {
	w := newWorld(t, unaudited("the former account stays"))
	acme := w.qb.AddCustomer(customer("Acme"))
	ann := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	if err := w.store.Update(func(tx *state.Tx) error {
		return errors.Join(tx.SetMeta("families", nil), tx.DropChildren("ref contact account"))
	}); err != nil {
		t.Fatal(err)
	}
	w.linkAgain() // before any run, by a walk
	if err := w.store.View(func(tx *state.Tx) error {
		if tx.Meta("families") == nil {
			t.Error("no index was built")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"first_name": "Anna"})
	w.sync()
	w.linkAgain() // by the index
}
