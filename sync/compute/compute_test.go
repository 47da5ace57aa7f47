package compute_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/compute"
	"crmsyncd/sync/ledger"
)

var errStop = errors.New("stop")

// bench is a hub in which an account's next_renewal_date is the latest end of its
// opportunities that are not over.
type bench struct {
	t      *testing.T
	store  *state.Store
	book   *ledger.Book
	m      *fieldmap.Mapping
	c      *compute.Computer
	today  time.Time
	before func() error // each commit
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, today: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	hub := fieldmap.HubSpec{Objects: map[string]fieldmap.HubObjectSpec{
		"account": {SystemOfRecord: "close", ID: "account_id", Fields: []fieldmap.HubFieldSpec{
			{Name: "name", Required: true},
			{Name: "next_renewal_date", Computed: &fieldmap.ComputedSpec{From: "opportunity", Where: "end_date >= today", Pick: "max(end_date)", WhenNone: "clear"}},
		}},
		"opportunity": {SystemOfRecord: "close", Fields: []fieldmap.HubFieldSpec{{Name: "end_date"}}},
	}}
	routes := []fieldmap.RouteSpec{{System: "close", Objects: []fieldmap.ObjectSpec{
		{Object: "lead", Hub: "account", Direction: "pull", Fields: []fieldmap.FieldSpec{{Remote: "id", Hub: "account_id"}, {Remote: "name", Hub: "name"}}},
		{Object: "opportunity", Hub: "opportunity", Direction: "pull", Fields: []fieldmap.FieldSpec{{Remote: "lead_id", Hub: "account"}, {Remote: "end", Hub: "end_date"}}},
	}}}
	m, problems := fieldmap.Compile(hub, routes, fieldmap.Options{Systems: map[string]fieldmap.SystemInfo{"close": {}}})
	if m == nil || fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	var err error
	b.before = func() error { return nil }
	if b.store, err = state.Open(filepath.Join(t.TempDir(), "private", "state.db"), state.Options{BeforeCommit: func() error { return b.before() }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.store.Close() })
	b.m = m
	b.bind()
	return b
}

func (b *bench) bind() {
	b.t.Helper()
	var err error
	if b.book, err = ledger.Bind(b.store, b.m); err != nil {
		b.t.Fatal(err)
	}
	b.c = &compute.Computer{
		Store: b.store, Book: b.book, Objects: b.m.Hub, Now: func() time.Time { return b.today }, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
	}
}

func (b *bench) update(fn func(*state.Tx) error) {
	b.t.Helper()
	if err := b.store.Update(fn); err != nil {
		b.t.Fatal(err)
	}
}

// put stores a record that close holds, as a pull would.
func (b *bench) put(object string, id state.HubID, values map[string]record.Value) {
	b.t.Helper()
	o := b.m.Object(object)
	b.update(func(tx *state.Tx) error {
		rec := state.HubRecord{ID: id}
		if _, err := tx.Hub(object).Get(id, &rec); err != nil {
			return err
		}
		rec.ID, rec.State = id, state.HubActive
		before := b.book.Computing(o, &rec)
		for name, v := range values {
			rec.Set(b.book.Nums(o)[o.Field(name).Index], v, 1, 1, 0)
		}
		if err := tx.Hub(object).Put(&rec, nil); err != nil {
			return err
		}
		remote := map[string]string{"account": "lead", "opportunity": "opportunity"}[object]
		if err := tx.Links("close", remote).Put(&state.Link{Hub: id, Remote: id.String(), State: state.LinkOpen}); err != nil {
			return err
		}
		if err := b.book.KeepComputing(tx, o, &rec, before); err != nil {
			return err
		}
		return b.book.Recompute(tx, o, append(before, b.book.Computing(o, &rec)...))
	})
}

func (b *bench) opportunity(id, account state.HubID, end string) {
	b.t.Helper()
	b.put("opportunity", id, map[string]record.Value{"account": record.Of(account.String()), "end_date": record.Of(end)})
}

func (b *bench) run(want int) {
	b.t.Helper()
	if err := b.c.Prepare(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	n, err := b.c.Due(b.t.Context(), 7)
	if err != nil || n != want {
		b.t.Errorf("%d records changed, want %d; %v", n, want, err)
	}
}

func (b *bench) renewal(id state.HubID) (text string) {
	b.t.Helper()
	o := b.m.Object("account")
	var rec state.HubRecord
	if err := b.store.View(func(tx *state.Tx) error { _, err := tx.Hub("account").Get(id, &rec); return err }); err != nil {
		b.t.Fatal(err)
	}
	return rec.Get(b.book.Nums(o)[o.Field("next_renewal_date").Index]).Text()
}

// R71, R72: a value follows the records that belong to it, also when one turns to
// another account.
func TestR71_FollowsItsRecords(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("account", 1, nil)
	b.put("account", 2, nil)
	b.opportunity(1, 1, "2027-03-01")
	b.opportunity(2, 1, "2027-06-01")
	b.run(1)
	if got := b.renewal(1); got != "2027-06-01" {
		t.Errorf("renewal %q", got)
	}
	b.opportunity(2, 2, "2027-06-01")
	b.run(2)
	if one, two := b.renewal(1), b.renewal(2); one != "2027-03-01" || two != "2027-06-01" {
		t.Errorf("after one turned: %q and %q", one, two)
	}
}

// D7: the day alone changes a value, on the day that the rule says and not before.
func TestD7_TheDayChangesIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("account", 1, nil)
	b.opportunity(1, 1, "2026-12-02")
	b.run(1)
	b.today = b.today.AddDate(0, 0, 1)
	b.run(0)
	b.today = b.today.AddDate(0, 0, 1)
	b.run(1)
	if got := b.renewal(1); got != "" {
		t.Errorf("renewal %q after the last end", got)
	}
}

// A second run with the same rules works nothing out and writes nothing; a rule that
// changed works out all of them anew.
func TestSecondRunComputesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for id := state.HubID(1); id <= 3; id++ {
		b.put("account", id, nil)
		b.opportunity(id, id, "2027-03-01")
	}
	b.run(3)
	commits := 0
	b.before = func() error { commits++; return nil }
	b.run(0)
	b.bind() // as after a restart
	b.run(0)
	if commits > 0 {
		t.Errorf("%d commits where nothing is due", commits)
	}
	b.m.Object("account").Field("next_renewal_date").Computed.Fingerprint++
	b.run(0) // the values are the same
	if commits == 0 {
		t.Error("another rule works nothing out")
	}
}

// What a stop leaves is worked off by the next run.
func TestStopLosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for id := state.HubID(1); id <= 600; id++ {
		b.put("account", id, nil)
	}
	for id := state.HubID(1); id <= 600; id++ {
		b.opportunity(id, id, "2027-03-01")
	}
	if err := b.c.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	commits := 0
	b.before = func() error {
		if commits++; commits == 2 {
			return errStop
		}
		return nil
	}
	if _, err := b.c.Due(t.Context(), 7); err == nil {
		t.Fatal("the commit did not fail")
	}
	b.before = func() error { return nil }
	if _, err := b.c.Due(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	for id := state.HubID(1); id <= 600; id++ {
		if got := b.renewal(id); got != "2027-03-01" {
			t.Fatalf("account %d has renewal %q", id, got)
		}
	}
}
