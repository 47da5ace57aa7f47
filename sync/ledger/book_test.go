package ledger_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// mapping has a route that pulls accounts from lab, and one that pushes the name and the
// fields given to crm.
func mapping(t *testing.T, pushed ...fieldmap.FieldSpec) *fieldmap.Mapping {
	t.Helper()
	hub := fieldmap.HubSpec{Objects: map[string]fieldmap.HubObjectSpec{"account": {
		SystemOfRecord: "lab", ID: "account_id",
		Fields: []fieldmap.HubFieldSpec{{Name: "name", Required: true}, {Name: "size", Type: "decimal"}, {Name: "town", Type: "text"}},
	}}}
	fields := []fieldmap.FieldSpec{{Remote: "id", Hub: "account_id"}, {Remote: "name", Hub: "name"}, {Remote: "web", Hub: "website"}, {Remote: "size", Hub: "size"}, {Remote: "town", Hub: "town"}}
	routes := []fieldmap.RouteSpec{
		{System: "lab", Objects: []fieldmap.ObjectSpec{{Object: "customer", Hub: "account", Direction: "pull", Fields: fields}}},
		{System: "crm", Objects: []fieldmap.ObjectSpec{{
			Object: "Account", Hub: "account", Direction: "push", ExternalID: "Lab_Id", Fields: append(pushed, fieldmap.FieldSpec{Remote: "Title", Hub: "name"}),
			Match: []fieldmap.MatchSpec{{Remote: "Lab_Id", Hub: "account_id"}, {Remote: "Web", Hub: "website", Compare: "domain"}},
		}}},
	}
	m, problems := fieldmap.Compile(hub, routes, fieldmap.Options{Systems: map[string]fieldmap.SystemInfo{"lab": {}, "crm": {}}})
	if m == nil || fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	return m
}

func opened(t *testing.T) *state.Store {
	t.Helper()
	s, err := state.Open(filepath.Join(t.TempDir(), "private", "state.db"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func bind(t *testing.T, s *state.Store, m *fieldmap.Mapping) *ledger.Book {
	t.Helper()
	b, err := ledger.Bind(s, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A rule has its number for good: under another order of lines, and beside new ones.
// Another pair of fields is another rule, and rules of one remote field share its
// number.
func TestNumbersOutliveLines(t *testing.T) {
	t.Parallel()
	s := opened(t)
	before := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"}, fieldmap.FieldSpec{Remote: "Size", Hub: "size"})).Route("crm", "Account")
	after := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Size", Hub: "size"}, fieldmap.FieldSpec{Remote: "Name", Hub: "website"}))
	r := after.Route("crm", "Account")
	if r.Rules[0] != before.Rules[1] || r.Remotes[0] != before.Remotes[1] {
		t.Errorf("the moved line: %v and %v, before %v and %v", r.Rules, r.Remotes, before.Rules, before.Remotes)
	}
	if r.Rules[1] == before.Rules[0] || r.Remotes[1] != before.Remotes[0] {
		t.Errorf("another pair: %v and %v, before %v and %v", r.Rules, r.Remotes, before.Rules, before.Remotes)
	}
	if got := after.RemoteOf(before.Rules[0]); got != before.Remotes[0] {
		t.Errorf("of the line that is gone the remote field is %d, want %d", got, before.Remotes[0])
	}
	if after.RemoteOf(after.External) != 0 {
		t.Error("our id is a rule")
	}
	seen := []state.Num{after.External, after.Askers, after.Computed, after.System("lab"), after.System("crm")}
	slices.Sort(seen)
	if seen[0] == 0 || len(slices.Compact(seen)) != 5 {
		t.Errorf("numbers meet: %v", seen)
	}
	if after.System("other") != 0 || after.Route("crm", "Lead") != nil || len(after.RoutesOf("crm")) != 1 {
		t.Error("there is more than the mapping says")
	}
}

// What stands in a link is found by the rule, also under a line that took another's
// place, and whatever type that line had.
func TestOfALink(t *testing.T) {
	t.Parallel()
	s := opened(t)
	was := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"})).Route("crm", "Account")
	b := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "size"}))
	r := b.Route("crm", "Account")
	text := record.Of("7")
	asText, asNumber := b.Key.Value(record.Text, text), b.Key.Value(r.Fields[0].Remote.Type, text)
	if asText == asNumber {
		t.Fatal("the two types make one digest")
	}
	var l state.Link
	l.Set(state.LinkField{Field: was.Rules[0], Seen: asText, Told: asText})
	l.SetStands(was.Remotes[0], record.ReadThere(asText))
	if r.Field(&l, 0) != nil || was.Field(&l, 0) == nil {
		t.Error("a rule has met what another pair of fields has")
	}
	if there := r.Stands(&l, 0); there.Last() != asText {
		t.Errorf("there stands %v", there)
	}
	if there := r.StandsUnder(&l, 0, text); there.Last() != asNumber {
		t.Errorf("named as the rule names it: %v, want %v", there, asNumber)
	}
	if there := r.StandsUnder(&l, 0, record.Of("8")); there.Last() != asText {
		t.Errorf("another value renames what stands: %v", there)
	}
	if !r.OtherSeen(&l, 0, text) || r.OtherSeen(&l, 0, record.Of("8")) || was.OtherSeen(&l, 0, text) {
		t.Error("what another rule settled with")
	}
}

// The keys of a record are those of its match keys and of its identity, in each
// form they are compared by; what has no such form has no key.
func TestIndexKeys(t *testing.T) {
	t.Parallel()
	b := bind(t, opened(t), mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"}))
	r := b.Route("crm", "Account")
	o := r.Hub
	var rec state.HubRecord
	set := func(name, text string) { rec.Set(r.Nums[o.Field(name).Index], record.Of(text), 1, 1, 0) }
	set("account_id", "AC-1")
	set("website", "https://www.acme.example/path")
	keys := b.IndexKeys(o, &rec)
	if len(keys) != 3 {
		t.Fatalf("%d keys", len(keys))
	}
	same, ok := b.IndexKey(ledger.Index{Field: o.Field("website"), Form: fieldmap.Domain}, record.Of("acme.example"))
	if !ok || !slices.Contains(keys, same) {
		t.Errorf("%v, want %v among them", keys, same)
	}
	set("website", "no address at all")
	if keys := b.IndexKeys(o, &rec); len(keys) != 2 {
		t.Errorf("of what is no address there are %d keys", len(keys))
	}
}

// Holds and positions of one object are kept by flow.
func TestByFlow(t *testing.T) {
	t.Parallel()
	s := opened(t)
	b := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"}))
	pull, push := b.Route("lab", "customer"), b.Route("crm", "Account")
	if pull.Flow != state.FlowPull || push.Flow != state.FlowPush {
		t.Fatalf("flows %v and %v", pull.Flow, push.Flow)
	}
	err := s.Update(func(tx *state.Tx) error {
		if err := push.SetPosition(tx, state.Position{Number: 7}); err != nil {
			return err
		}
		return tx.PutHold(state.Hold{System: "crm", Object: "Account", Flow: state.FlowPull, Hub: 1, Reason: "x"})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(func(tx *state.Tx) error {
		pos, ok, err := push.Position(tx)
		if err != nil || !ok || pos.Number != 7 {
			t.Errorf("position %+v, %t, %v", pos, ok, err)
		}
		if _, ok, _ := pull.Position(tx); ok {
			t.Error("a pull has the push's position")
		}
		if n := len(push.Holds(tx, 1, "")); n != 0 {
			t.Errorf("the push has %d holds of the pull", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever waits is decided anew by the flow that holds it, and nobody else is.
func TestNotify(t *testing.T) {
	t.Parallel()
	s := opened(t)
	b := bind(t, s, mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"}))
	pull, push := b.Route("lab", "customer"), b.Route("crm", "Account")
	known, linked := ledger.Known("lab", "customer", "7"), push.Linked(9)
	update := func(fn func(tx *state.Tx) error) {
		t.Helper()
		if err := s.Update(fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx *state.Tx) error {
		hold := func(r *ledger.Route, hub state.HubID, remote string, ev ledger.Event) error {
			return tx.PutHold(state.Hold{System: r.System, Object: r.Object, Flow: r.Flow, Hub: hub, Remote: remote, Reason: "x", Event: string(ev)})
		}
		for id := state.HubID(1); id < 5; id++ {
			if err := tx.Hub("account").Put(&state.HubRecord{ID: id}, nil); err != nil {
				return err
			}
		}
		return errors.Join(hold(pull, 0, "1", known), hold(pull, 0, "2", ledger.Known("lab", "customer", "8")), hold(push, 3, "", linked), hold(push, 4, "", push.Linked(8)))
	})
	var before uint64
	changed := func() (ids []state.HubID) {
		t.Helper()
		if err := s.View(func(tx *state.Tx) error {
			return tx.Hub("account").Changes(before, tx.Counter(), func(_ uint64, id state.HubID) error { ids = append(ids, id); return nil })
		}); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if err := s.View(func(tx *state.Tx) error { before = tx.Counter(); return nil }); err != nil {
		t.Fatal(err)
	}
	woken := func() (ids []string) {
		t.Helper()
		if err := s.View(func(tx *state.Tx) (err error) {
			ids, err = tx.Wakes("lab", "customer", state.WakeRecord, 10)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	update(func(tx *state.Tx) error { return b.Notify(tx, known) })
	if got := woken(); !slices.Equal(got, []string{"1"}) || len(changed()) > 0 {
		t.Errorf("known: woken %v, changed %v", got, changed())
	}
	update(func(tx *state.Tx) error { return b.Notify(tx, linked) })
	if got := changed(); !slices.Equal(got, []state.HubID{3}) || len(woken()) != 1 {
		t.Errorf("linked: changed %v, woken %v", got, woken())
	}
}

// The texts of events stand in the files of former builds.
func TestEventTexts(t *testing.T) {
	t.Parallel()
	b := bind(t, opened(t), mapping(t, fieldmap.FieldSpec{Remote: "Name", Hub: "town"}))
	r := b.Route("crm", "Account")
	for got, want := range map[ledger.Event]string{
		ledger.NextRun("crm"):           "run:crm",
		r.Linked(9):                     "link:crm/account/" + state.HubID(9).String(),
		ledger.Known("lab", "a", "b/c"): "known lab/a/b/c",
		r.LetGo(9):                      "free crm/Account/" + state.HubID(9).String(),
		ledger.OtherParent(r.Hub):       "turn account",
		ledger.Fewer(r.Hub, state.IndexKey{Field: 3, Digest: 255}): "less account/3/ff",
	} {
		if string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
