package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// changed are the changes of a run as text, in the order in which they are told.
func (w *world) changed(filter engine.ChangesFilter) (out []string) {
	w.t.Helper()
	side := func(v *string, refers string) string {
		switch {
		case v == nil:
			return "-"
		case refers != "":
			return "[" + refers + "]"
		}
		return *v
	}
	err := w.eng.Changes(w.t.Context(), filter, func(v engine.ChangeView) error {
		old := side(v.Old, v.OldRefers)
		if v.OldLost {
			old = "?"
		}
		out = append(out, fmt.Sprintf("%s.%s %s %s %s %s: %s (%s) > %s: %s",
			v.Object, v.Field, v.Label, v.Flow, v.System, v.RemoteField, old, v.OldKnown, side(v.New, v.NewRefers), v.Reason))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// What a pull took is told with old and new and how the old value is known, by
// object and field, the counts first; a reference by the record that it names.
func TestChangesOfAPull(t *testing.T) {
	w := newWorld(t)
	acme, other := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Other"))
	jane := w.qb.AddContact(person("Jane", "Doe", "jane@acme.example"), acme)
	w.sync()
	for id, description := range map[int64]string{acme: "New", other: ""} {
		if err := w.qb.UpdateCustomer(id, qbenchsim.Fields{"description": description}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.qb.UpdateContact(jane, qbenchsim.Fields{"first_name": "Janet", "customer_ids": []int64{other}}); err != nil {
		t.Fatal(err)
	}
	w.tick()
	run := w.pull()
	acmeLabel, otherLabel, janeLabel := fmt.Sprint(acme, " Acme"), fmt.Sprint(other, " Other"), fmt.Sprint(jane, " jane@acme.example")
	all := []string{
		"account.description " + acmeLabel + " pull qbench description: A lab (read) > New: source_changed",
		"account.description " + otherLabel + " pull qbench description: A lab (read) > -: source_changed",
		"contact.account " + janeLabel + " pull qbench customer_ids: [" + acmeLabel + "] (read) > [" + otherLabel + "]: source_changed",
		"contact.first_name " + janeLabel + " pull qbench first_name: Jane (read) > Janet: source_changed",
	}
	if diff := cmp.Diff(all, w.changed(engine.ChangesFilter{Run: run.ID})); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	for filter, want := range map[engine.ChangesFilter][]string{
		{Run: run.ID, Object: "account"}:                {all[0], all[1]},
		{Run: run.ID, Field: "first_name"}:              {all[3]},
		{Run: run.ID, Object: "account", Field: "name"}: nil,
		{Run: run.ID + 1}:                               nil,
	} {
		if got := w.changed(filter); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", filter, got, want)
		}
	}
	groups, err := w.eng.ChangeGroups(t.Context(), engine.ChangesFilter{Run: run.ID})
	want := []engine.ChangeGroup{
		{Object: "account", Field: "description", Changes: 2, Reasons: map[string]int{"source_changed": 2}},
		{Object: "contact", Field: "account", Changes: 1, Reasons: map[string]int{"source_changed": 1}},
		{Object: "contact", Field: "first_name", Changes: 1, Reasons: map[string]int{"source_changed": 1}},
	}
	if diff := cmp.Diff(want, groups); diff != "" || err != nil {
		t.Errorf("groups: %v %s", err, diff)
	}
	_, err = w.eng.ChangeGroups(t.Context(), engine.ChangesFilter{Run: run.ID, Object: "account", Field: "Title"})
	if !errors.Is(err, engine.ErrNoObject) || !strings.Contains(err.Error(), "website") {
		t.Errorf("a field that the hub does not have: %v", err)
	}
	if _, err := w.eng.ChangeGroups(t.Context(), engine.ChangesFilter{Run: run.ID, Object: "acount"}); !errors.Is(err, engine.ErrNoObject) {
		t.Errorf("an object that the hub lacks: %v", err)
	}
}

// What a pull did not take in, for want of a required field, is no change.
func TestChangesOfWhatIsHeld(t *testing.T) {
	w := newWorld(t)
	w.qb.AddCustomer(customer(""))
	run := w.pull()
	if held := w.held("qbench"); len(held) != 1 {
		t.Fatalf("%d are held, want the customer without a name", len(held))
	}
	if got := w.changed(engine.ChangesFilter{Run: run.ID}); len(got) > 0 {
		t.Errorf("the run took nothing, and tells of %q", got)
	}
}

// What a record was made with is told field by field, and an old value that is
// our own last is told by it.
func TestChangesOfACreate(t *testing.T) {
	w := newWorld(t)
	id := strconv.FormatInt(w.qb.AddCustomer(customer("Acme")), 10)
	w.sync()
	field, err := w.store.Nums("f:name", "r:name>Name", "s:salesforce")
	if err != nil {
		t.Fatal(err)
	}
	entry := func(run uint64) state.JournalEntry {
		return state.JournalEntry{Run: run, At: 1, Object: "account", Hub: 1, System: field[2], Remote: "001", Flow: state.FlowPush, Reason: "created"}
	}
	made, later := entry(90), entry(91)
	made.Sent = []state.SentValue{{Field: field[0], Rule: field[1], Value: record.Of("Acme")}}
	later.Field, later.Rule, later.OldKnown, later.New, later.Reason = field[0], field[1], state.OldOwnLast, record.Of("Acme Inc."), "source_changed"
	if err := w.store.Update(func(tx *state.Tx) error { return tx.Journal([]state.JournalEntry{made, later}) }); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"account. " + id + " Acme push salesforce : - () > -: created",
		"account.name " + id + " Acme push salesforce Name: ? (unknown) > Acme: created",
		"account.name " + id + " Acme push salesforce Name: Acme (own_last) > Acme Inc.: source_changed",
	}
	if diff := cmp.Diff(want, append(w.changed(engine.ChangesFilter{Run: 90}), w.changed(engine.ChangesFilter{Run: 91})...)); diff != "" {
		t.Error(diff)
	}
	if got := w.changed(engine.ChangesFilter{Run: 90, Field: "name"}); !slices.Equal(got, want[1:2]) {
		t.Errorf("its name alone: %q", got)
	}
}

// C12.4: a run that ends prunes the journal; what is older than its limits goes,
// with the runs, and a plan prunes nothing.
func TestC12_4_ARunPrunesTheJournal(t *testing.T) {
	w := newWorld(t, func(w *world) { w.limits = state.JournalLimits{Keep: 48 * time.Hour} })
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	first := w.pull().ID
	w.now = w.now.Add(30 * time.Hour)
	if err := w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"}); err != nil {
		t.Fatal(err)
	}
	w.sync()
	w.now = w.now.Add(30 * time.Hour)
	left := func() (runs, entries int) {
		if err := w.store.View(func(tx *state.Tx) error {
			all, err := tx.Runs(0)
			runs = len(all)
			return errors.Join(err, tx.EachJournal("", 0, 0, func(state.JournalEntry) error { entries++; return nil }))
		}); err != nil {
			t.Fatal(err)
		}
		return runs, entries
	}
	runs, entries := left()
	if _, err := w.eng.Plan(t.Context(), engine.PlanRequest{}); err != nil {
		t.Fatal(err)
	}
	if r, n := left(); r != runs || n != entries {
		t.Errorf("after a plan: %d runs of %d, %d entries of %d", r, runs, n, entries)
	}
	w.sync()
	if r, n := left(); r != 4 || n != 2 {
		t.Errorf("%d runs and %d entries are left, want 4 and 2", r, n)
	}
	if got := w.changed(engine.ChangesFilter{Run: first - 2}); got != nil {
		t.Errorf("the first run still tells %q", got)
	}
}
