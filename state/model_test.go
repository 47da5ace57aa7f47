package state_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// model is what the store must be equal to, kept in plain maps.
type model struct {
	hub     map[state.HubID]state.HubRecord
	keys    map[state.IndexKey]map[state.HubID]bool
	links   map[state.HubID]state.Link
	holds   map[string]state.Hold
	out     map[string]state.Excluded
	counter uint64
	nextID  state.HubID
}

func newModel() *model {
	return &model{
		hub: map[state.HubID]state.HubRecord{}, keys: map[state.IndexKey]map[state.HubID]bool{},
		links: map[state.HubID]state.Link{}, holds: map[string]state.Hold{}, out: map[string]state.Excluded{},
	}
}

func (m *model) clone() *model {
	c := *m
	c.hub, c.links, c.holds, c.out = maps.Clone(m.hub), maps.Clone(m.links), maps.Clone(m.holds), maps.Clone(m.out)
	c.keys = map[state.IndexKey]map[state.HubID]bool{}
	for k, ids := range m.keys {
		c.keys[k] = maps.Clone(ids)
	}
	return &c
}

// holder returns the hub record whose link, not closed, has this remote id.
func (m *model) holder(remote string) state.HubID {
	for id, l := range m.links {
		if l.Remote == remote && l.State != state.LinkClosed {
			return id
		}
	}
	return 0
}

// machine drives a store and its model with the same operations.
type machine struct {
	s *state.Store
	m *model
}

var errUndo = errors.New("undo")

// TestStoreAgreesWithAModel runs random transactions, some of them undone,
// against the store and against maps. R9: the ids are texts that look like
// numbers and must come back as they went in.
func TestStoreAgreesWithAModel(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		checks := "25" // each has some thirty transactions; ask for more with -rapid.checks
		if underRace {
			checks = "8"
		}
		_ = f.Value.Set(checks)
	}
	root := memoryDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(root, "m") //nolint:usetesting // one for each run of many in this test
		if err != nil {
			rt.Fatal(err)
		}
		s, err := state.Open(filepath.Join(dir, "state.db"), state.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := s.Nums("a", "b", "c", "d", "e", "f"); err != nil {
			rt.Fatal(err)
		}
		state.SmallRuns(s)
		mc := &machine{s: s, m: newModel()}
		defer func() { _ = mc.s.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"transaction": mc.transaction,
			"merge":       mc.merge,
			"reopen":      mc.reopen,
			"":            mc.compare,
		})
	})
}

func (mc *machine) reopen(rt *rapid.T) {
	found, err := mc.s.Verify(rt.Context(), nil)
	if err != nil || len(found) > 0 {
		rt.Fatalf("verify: %v %v", found, err)
	}
	if err := mc.s.Close(); err != nil {
		rt.Fatal(err)
	}
	s, err := state.Open(mc.s.Path(), state.Options{})
	if err != nil {
		rt.Fatal(err)
	}
	mc.s = s
	state.SmallRuns(s)
	if s.Suspect() != "" {
		rt.Fatal(s.Suspect())
	}
}

// transaction does a few operations at once, and undoes some transactions.
func (mc *machine) transaction(rt *rapid.T) {
	was := mc.m.clone()
	undo := rapid.IntRange(0, 4).Draw(rt, "undo") == 0
	err := mc.s.Update(func(tx *state.Tx) error {
		for range rapid.IntRange(1, 8).Draw(rt, "ops") {
			if err := mc.operate(rt, tx); err != nil {
				return err
			}
		}
		mc.look(rt, tx)
		if undo {
			return errUndo
		}
		return nil
	})
	if undo {
		mc.m = was
	}
	if err != nil && (!undo || !errors.Is(err, errUndo)) {
		rt.Fatal(err)
	}
}

// merge spools operations and merges them in small chunks.
func (mc *machine) merge(rt *rapid.T) {
	sp := mc.s.Spool("model")
	keys := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 12), 0, 30).Draw(rt, "keys")
	err := mc.s.Update(func(tx *state.Tx) error {
		for _, k := range keys {
			if err := sp.Append(tx, []state.Entry{{Key: k, Data: k}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
	var got [][]byte
	err = sp.Merge(rt.Context(), 7, func(tx *state.Tx, e state.Entry) error {
		got = append(got, slices.Clone(e.Key))
		mc.lookHub(rt, tx)
		return mc.operate(rt, tx)
	})
	if err != nil {
		rt.Fatal(err)
	}
	slices.SortFunc(keys, slices.Compare)
	if diff := cmp.Diff(keys, got, emptyAsNil); len(keys) > 0 && diff != "" {
		rt.Fatalf("merged in another order: %s", diff)
	}
}

var emptyAsNil = cmp.Transformer("text", func(b []byte) string { return string(b) })

func (mc *machine) operate(rt *rapid.T, tx *state.Tx) error {
	ops := []func(*rapid.T, *state.Tx) error{
		mc.putHub, mc.putHub, mc.touch, mc.putLink, mc.putLink, mc.deleteLink, mc.putHold, mc.deleteHold, mc.exclude,
	}
	return ops[rapid.IntRange(0, len(ops)-1).Draw(rt, "op")](rt, tx)
}

func drawID(rt *rapid.T) state.HubID { return state.HubID(rapid.IntRange(1, 12).Draw(rt, "id")) }

func remotes() []string { return []string{"1", "01", "1.0", "1e5", "00Q", "a/b", "ü", "x y"} }

func drawRemote(rt *rapid.T) string { return rapid.SampledFrom(remotes()).Draw(rt, "remote") }

func (mc *machine) putHub(rt *rapid.T, tx *state.Tx) error {
	h := tx.Hub("account")
	id := drawID(rt)
	if id > mc.m.nextID {
		var err error
		if id, err = h.NextID(); err != nil {
			return err
		}
		mc.m.nextID++
		if id != mc.m.nextID {
			return fmt.Errorf("next id is %d, want %d", id, mc.m.nextID)
		}
	}
	rec := state.HubRecord{ID: id, State: state.HubState(rapid.IntRange(0, 3).Draw(rt, "state"))}
	if rec.State == state.HubAlias {
		rec.AliasOf = drawID(rt)
	}
	for f := state.Num(1); f <= 5; f++ {
		text := rapid.SampledFrom([]string{"", "", "007", "12345.0", "Ünï", "long " + string(make([]byte, 300))}).Draw(rt, "text")
		rec.Set(f, record.Of(text), f%2+1, int64(f)*rapid.Int64Range(-3, 3).Draw(rt, "at"), 6)
	}
	key := state.IndexKey{Field: 1, Digest: record.Digest(rapid.IntRange(1, 4).Draw(rt, "key"))}
	if err := h.Put(&rec, []state.IndexKey{key}); err != nil {
		return err
	}
	mc.m.counter++
	if rec.Number != mc.m.counter {
		return fmt.Errorf("number %d, want %d", rec.Number, mc.m.counter)
	}
	mc.m.hub[id] = rec
	if mc.m.keys[key] == nil {
		mc.m.keys[key] = map[state.HubID]bool{}
	}
	mc.m.keys[key][id] = true
	return nil
}

func (mc *machine) touch(rt *rapid.T, tx *state.Tx) error {
	id := drawID(rt)
	rec, ok := mc.m.hub[id]
	err := tx.Hub("account").Touch(id)
	if !ok {
		if err == nil {
			return errors.New("touched a record that is not there")
		}
		return nil
	}
	mc.m.counter++
	rec.Number = mc.m.counter
	mc.m.hub[id] = rec
	return err
}

func (mc *machine) putLink(rt *rapid.T, tx *state.Tx) error {
	l := state.Link{
		Hub: drawID(rt), Remote: drawRemote(rt), State: state.LinkState(rapid.IntRange(0, 2).Draw(rt, "state")),
		Origin: state.Origin(rapid.IntRange(0, 2).Draw(rt, "origin")), Version: rapid.Int64().Draw(rt, "version"),
		Wrote: rapid.SampledFrom([]int64{0, 1_760_000_000_000, -5}).Draw(rt, "wrote"), Raw: record.Digest(rapid.Uint64().Draw(rt, "raw")),
	}
	if l.State == state.LinkClosed {
		l.Close, l.ClosedAt, l.Successor = state.ClosedMerged, 12, drawRemote(rt)
	}
	for range rapid.IntRange(0, 4).Draw(rt, "fields") {
		l.Set(state.LinkField{
			Field: state.Num(rapid.IntRange(1, 6).Draw(rt, "field")),
			Seen:  record.Digest(rapid.IntRange(0, 2).Draw(rt, "seen")), Told: record.Digest(rapid.IntRange(0, 2).Draw(rt, "told")),
			Note: rapid.SampledFrom([]uint8{0, 0, 9, 127}).Draw(rt, "note"),
		})
	}
	for range rapid.IntRange(0, 4).Draw(rt, "there") {
		var there record.There
		for range rapid.IntRange(0, 5).Draw(rt, "values") {
			if d := record.Digest(rapid.IntRange(1, 2).Draw(rt, "value")); rapid.Bool().Draw(rt, "sent") {
				there.Send(d)
			} else {
				there.Show(d)
			}
		}
		l.SetStands(state.Num(rapid.IntRange(7, 12).Draw(rt, "remote field")), there)
	}
	err := tx.Links("sys/1", "Acc").Put(&l)
	if other := mc.m.holder(l.Remote); l.State != state.LinkClosed && other != 0 && other != l.Hub {
		if !errors.Is(err, state.ErrClaimed) {
			return fmt.Errorf("second claim: %w", err)
		}
		return nil
	}
	mc.m.links[l.Hub] = l
	return err
}

func (mc *machine) deleteLink(rt *rapid.T, tx *state.Tx) error {
	id := drawID(rt)
	delete(mc.m.links, id)
	return tx.Links("sys/1", "Acc").Delete(id)
}

func (mc *machine) putHold(rt *rapid.T, tx *state.Tx) error {
	h := state.Hold{
		System: rapid.SampledFrom([]string{"a", "a/b", "b"}).Draw(rt, "system"), Object: "o",
		Field: rapid.SampledFrom([]string{"", "name"}).Draw(rt, "field"), Reason: "conflict",
		Event: rapid.SampledFrom([]string{"", "linked account/1", "linked"}).Draw(rt, "event"), Dropped: rapid.Bool().Draw(rt, "dropped"),
	}
	if rapid.Bool().Draw(rt, "by hub") {
		h.Hub = drawID(rt)
	} else {
		h.Remote = drawRemote(rt)
	}
	mc.m.holds[h.Key()] = h
	return tx.PutHold(h)
}

func (mc *machine) deleteHold(rt *rapid.T, tx *state.Tx) error {
	key := state.Hold{System: "a", Object: "o", Hub: drawID(rt)}.Key()
	if all := slices.Sorted(maps.Keys(mc.m.holds)); len(all) > 0 {
		key = rapid.SampledFrom(all).Draw(rt, "hold")
	}
	delete(mc.m.holds, key)
	return tx.DeleteHold(key)
}

func (mc *machine) exclude(rt *rapid.T, tx *state.Tx) error {
	remote := drawRemote(rt)
	if rapid.Bool().Draw(rt, "include") {
		delete(mc.m.out, remote)
		return tx.Include("q", "c", remote)
	}
	e := state.Excluded{Clause: drawRemote(rt), Digest: record.Digest(rapid.Uint64().Draw(rt, "digest"))}
	mc.m.out[remote] = e
	return tx.Exclude("q", "c", remote, e)
}

// compare reads everything back in a view.
func (mc *machine) compare(rt *rapid.T) {
	err := mc.s.View(func(tx *state.Tx) error {
		mc.look(rt, tx)
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// look compares the store with the model within one transaction.
func (mc *machine) look(rt *rapid.T, tx *state.Tx) {
	mc.lookHub(rt, tx)
	mc.lookLinks(rt, tx)
	mc.lookHolds(rt, tx)
	out := map[string]state.Excluded{}
	for _, remote := range remotes() {
		if e, ok := tx.ExcludedRow("q", "c", remote); ok {
			out[remote] = e
		}
	}
	same(rt, "excluded", mc.m.out, out)
	same(rt, "excluded count", len(mc.m.out), tx.CountExcluded("q", "c"))
}

func same(rt *rapid.T, what string, want, got any) {
	if diff := cmp.Diff(want, got, sameValues); diff != "" {
		rt.Fatalf("%s: -want +got\n%s", what, diff)
	}
}

func (mc *machine) lookHub(rt *rapid.T, tx *state.Tx) {
	h := tx.Hub("account")
	got := map[state.HubID]state.HubRecord{}
	check(rt, h.Each(0, func(r *state.HubRecord) error {
		c := *r
		c.Values = slices.Clone(r.Values)
		got[r.ID] = c
		return nil
	}))
	same(rt, "hub", mc.m.hub, got)
	same(rt, "hub count", len(mc.m.hub), h.Count())
	same(rt, "counter", mc.m.counter, tx.Counter())
	for k, want := range mc.m.keys {
		ids, err := h.Find(k)
		check(rt, err)
		same(rt, "find", slices.Sorted(maps.Keys(want)), ids)
	}
	after := mc.m.counter / 2
	want, changed := map[uint64]state.HubID{}, map[uint64]state.HubID{}
	for id, r := range mc.m.hub {
		if r.Number > after {
			want[r.Number] = id
		}
	}
	last := after
	check(rt, h.Changes(after, mc.m.counter, func(n uint64, id state.HubID) error {
		if n <= last {
			rt.Fatal("changes are not in order")
		}
		last, changed[n] = n, id
		return nil
	}))
	same(rt, "changes", want, changed)
}

func (mc *machine) lookLinks(rt *rapid.T, tx *state.Tx) {
	l := tx.Links("sys/1", "Acc")
	got, opened := map[state.HubID]state.Link{}, 0
	check(rt, l.Each(0, func(link *state.Link) error {
		c := *link
		c.Fields, c.There = slices.Clone(link.Fields), slices.Clone(link.There)
		got[link.Hub] = c
		return nil
	}))
	for id, want := range mc.m.links {
		remote := ""
		if want.State == state.LinkOpen {
			opened++
			remote = want.Remote
		}
		same(rt, "open remote", remote, l.OpenRemote(id))
		if want.State != state.LinkClosed {
			found, _ := l.ByRemote(want.Remote)
			same(rt, "by remote", id, found)
		}
	}
	mc.lookIndex(rt, l)
	same(rt, "links", mc.m.links, got)
	same(rt, "link count", len(mc.m.links), l.Count())
	same(rt, "open links", opened, l.Open())
	if _, ok := l.ByRemote("never"); ok || l.OpenRemote(1<<40) != "" {
		rt.Fatal("found a link that never was")
	}
}

// lookIndex compares what the index of remote ids repeats with the links.
func (mc *machine) lookIndex(rt *rapid.T, l *state.Links) {
	for _, remote := range remotes() {
		id, raw, st, ok := l.Peek(remote)
		link, there := mc.m.links[id]
		switch {
		case ok && (!there || link.Remote != remote || link.Raw != raw || link.State != st):
			rt.Fatalf("the index says %d %x %d of %q, and its link is %+v", id, raw, st, remote, link)
		case !ok && mc.m.holder(remote) != 0:
			rt.Fatalf("the index does not know %q", remote)
		case ok && !l.Sound(id):
			rt.Fatalf("the link of %d is not sound", id)
		}
	}
}

func (mc *machine) lookHolds(rt *rapid.T, tx *state.Tx) {
	got, open, dropped := map[string]state.Hold{}, map[string]int{"": 0}, map[string]int{"": 0}
	check(rt, tx.EachHold("", func(h state.Hold) error {
		got[h.Key()] = h
		return nil
	}))
	same(rt, "holds", mc.m.holds, got)
	events := map[string]int{}
	for key, h := range mc.m.holds {
		counts := open
		if h.Dropped {
			counts = dropped
		}
		counts[h.System]++
		counts[""]++
		events[h.Event]++
		if !slices.ContainsFunc(tx.HoldsOf(h.System, h.Object, h.Flow, h.Hub, h.Remote), func(o state.Hold) bool { return o.Key() == key }) {
			rt.Fatalf("%s is not among the holds of its record", key)
		}
	}
	for system, n := range open {
		same(rt, "holds of "+system, n, tx.CountHolds(system))
	}
	for system, n := range dropped {
		same(rt, "dropped holds of "+system, n, tx.CountDropped(system))
	}
	for _, event := range []string{"linked account/1", "linked", "other"} {
		same(rt, "event", events[event], len(tx.HoldsFor(event)))
	}
}

func check(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatal(err)
	}
}
