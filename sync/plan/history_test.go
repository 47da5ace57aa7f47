package plan_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/plan"
)

// TestTwiceIsNothing: a verdict that was carried out leaves nothing to do, but
// to note once in what form their system keeps what it was told.
func TestTwiceIsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			w.step(t)
		}
		e := w.ends[rapid.IntRange(0, len(w.ends)-1).Draw(t, "end")]
		if e.absent {
			w.run(e, false)
			w.run(e, true) // what a creation did not write is met with the first reading
		}
		first := w.run(e, true)
		hub, theirs := w.hub, e.theirs
		second := w.run(e, true)
		switch {
		case first.Kind == plan.Hold && second.Kind != plan.Hold:
			t.Errorf("what was held is not held any more: %s", second.Kind)
		case second.Kind == plan.Push && attempts(e) > 1: // they kept something else, and it is sent once more
		case second.Kind == plan.Hold && (second.Reason == plan.WriteIgnored || second.Reason == plan.Oscillating): // they keep nothing of what is sent
		case first.Kind != plan.Hold && second.Kind == plan.Hold:
			t.Errorf("held after it was carried out")
		case second.Kind == plan.Tolerate && (second.Reason == plan.RemoteForm || second.Reason == plan.FormOrEdit):
		case second.Kind == plan.Agree && first.Sent: // their form is ours in another spelling
		case second.Kind != plan.Nothing && second.Kind != plan.Hold:
			t.Errorf("%s %s after it was carried out", second.Kind, second.Reason)
		}
		if third := w.run(e, true); third.Kind != plan.Nothing && third.Kind != plan.Hold && second.Kind != plan.Push {
			t.Errorf("the third time: %s %s", third.Kind, third.Reason)
		}
		if w.hub != hub || e.theirs != theirs {
			t.Errorf("something was written again")
		}
		w.check(t)
	})
}

// attempts is how often a value is sent at most: a mode that restores what they
// have otherwise tries once more before it asks a person.
func attempts(e *end) int {
	if e.rule.Write == fieldmap.Enforce || e.rule.Write == fieldmap.FillBlank {
		return 2
	}
	return 1
}

// TestF1_F2_Settles: whatever happened, once people stop editing everything is
// quiet after three rounds, no system is told the same twice, and every end
// agrees, is held, or has a reason to differ. That is so although systems keep what they
// are told in forms of their own.
func TestF1_F2_Settles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, settles)
}

func settles(t *rapid.T) {
	w := drawWorld(t)
	for range rapid.IntRange(0, 12).Draw(t, "steps") {
		w.step(t)
	}
	before := make([]int, len(w.ends))
	for i, e := range w.ends {
		before[i] = e.writes
	}
	w.moves, w.log = 0, append(w.log, "settle")
	if n := w.settle(indexes(len(w.ends))); n > 4 {
		t.Errorf("it was not quiet after 4 rounds but after %d", n)
	}
	for i, e := range w.ends {
		if wrote := e.writes - before[i]; wrote > attempts(e)*max(1, w.moves) {
			t.Errorf("%s was written to %d times, while the hub moved %d times", e.name, wrote, w.moves)
		}
		if e.rule.Write == fieldmap.CreateOnly && e.writesAfter > 0 || e.rule.Write == fieldmap.Never && e.writes > 0 {
			t.Errorf("%s was written to against its mode", e.name)
		}
	}
	for _, u := range w.unsettled() {
		t.Error(u)
	}
	w.check(t)
}

// TestLoneChangeStays: from a quiet world, a change on one side alone is undone
// by no other side. Only where the mapping asks for it, by enforce or by
// fill_blank, is a change in a push target written over.
func TestLoneChangeStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			w.step(t)
		}
		w.settle(indexes(len(w.ends)))
		if slices.ContainsFunc(w.ends, func(e *end) bool { return e.last.Kind == plan.Hold }) {
			return // somebody's change is still waiting
		}
		who := rapid.IntRange(-1, len(w.ends)-1).Draw(t, "who")
		to := value(oneOf(t, "to", words()...))
		w.log = append(w.log, "lone change")
		order := rapid.Permutation(indexes(len(w.ends))).Draw(t, "order")
		if who < 0 {
			w.set("a person", to)
			w.settle(order)
			if w.hub != to {
				t.Errorf("the hub's change to %s was undone: %s", word(to), word(w.hub))
			}
		} else {
			w.loneRemoteChange(t, w.ends[who], to, order)
		}
		w.check(t)
	})
}

func (w *world) loneRemoteChange(t *rapid.T, e *end, to record.Value, order []int) {
	t.Helper()
	theirs, hub := e.toRemote(to), w.hub
	changed := theirs != e.theirs
	e.theirs = theirs
	taken := w.run(e, true).Kind == plan.Take
	if taken {
		hub = w.hub
	}
	w.settle(order)
	asked := e.rule.Write == fieldmap.Enforce || e.rule.Write == fieldmap.FillBlank && theirs.IsNull()
	if changed && e.theirs != theirs && !asked {
		t.Errorf("the change in %s to %s was undone: %s", e.name, word(theirs), word(e.theirs))
	}
	if e.dir == fieldmap.Push && w.hub != hub {
		t.Errorf("a push target changed the hub")
	}
	if w.hub != hub {
		t.Errorf("the hub took %s from %s and was undone: %s", word(hub), e.name, word(w.hub))
	}
}

// TestF25_OrderOfSystems: which of two systems is read first decides nothing,
// where the field's owner decides its conflicts.
func TestF25_OrderOfSystems(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hub := drawRule(t).Hub
		hub.Owner, hub.Policy = "qbench", ""
		one, other := &world{hub: record.NullValue()}, &world{hub: record.NullValue()}
		for _, name := range []string{"qbench", "close"} {
			e := drawEnd(t, name, fieldmap.Pull, hub)
			e.onLink = fieldmap.OnLinkSource
			twin := *e
			one.ends, other.ends = append(one.ends, e), append(other.ends, &twin)
		}
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for i := range one.ends {
				if maybe(t, "edit") {
					v := value(oneOf(t, "theirs", words()...))
					one.ends[i].theirs, other.ends[i].theirs = one.ends[i].toRemote(v), other.ends[i].toRemote(v)
				}
			}
			one.round([]int{0, 1})
			other.round([]int{1, 0})
			if one.hub != other.hub {
				t.Errorf("read in another order the hub has %s and not %s:\n%s\n\n%s", word(other.hub), word(one.hub),
					strings.Join(one.log, "\n"), strings.Join(other.log, "\n"))
				return
			}
		}
		one.check(t)
		other.check(t)
	})
}
