package plan_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/plan"
)

// world is one hub field and the systems that it is tied to: the smallest thing
// in which verdicts can be carried out, one after the other.
type world struct {
	hub    record.Value
	source string // the system that the hub's value came from
	moves  int    // how often the hub's value changed
	ends   []*end
	broken []string // laws that a verdict broke
	log    []string
}

// end is one system's field, and the link's memory of it.
type end struct {
	name   string
	dir    fieldmap.Direction
	rule   *fieldmap.Rule
	onLink fieldmap.LinkRule
	theirs record.Value
	absent bool                // a push target that the record is not made in yet
	form   func(string) string // what the system makes of what it is told
	coded  bool                // a value map stands between: theirs is <x> where the hub has x

	seen, told          record.Digest
	note                plan.Reason
	there               record.There
	lost, changed, own  bool
	last                plan.Verdict
	writes, writesAfter int // all, and those that are not the creation
}

func (e *end) toHub(v record.Value) record.Value {
	if !v.IsSet() || !e.coded {
		return v
	}
	return record.Of(strings.TrimSuffix(strings.TrimPrefix(v.Text(), "<"), ">"))
}

func (e *end) toRemote(v record.Value) record.Value {
	if !v.IsSet() || !e.coded {
		return v
	}
	return record.Of("<" + v.Text() + ">")
}

// stored is what their system holds after it was told v.
func (e *end) stored(v record.Value) record.Value {
	if !v.IsSet() {
		v = record.Of("")
	}
	return record.Of(e.form(v.Text()))
}

// field is the decision that stands now.
func (w *world) field(e *end, read bool) plan.Field {
	f := plan.Field{
		Rule: e.rule, Direction: e.dir, OnLink: e.onLink, Ours: w.hub, OursRemote: e.toRemote(w.hub),
		Seen: e.seen, Told: e.told, There: e.there, Reading: plan.Reading{ByID: read, Own: e.own}, Lost: e.lost, RuleChanged: e.changed && read, Tolerated: e.note != plan.NoReason,
		OursOwned: w.source != "" && w.source == e.rule.Hub.Owner, Creating: e.absent,
	}
	if read && !e.absent {
		f.Theirs, f.TheirsHub = e.theirs, e.toHub(e.theirs)
	}
	return f
}

// run decides the field once and carries the verdict out as runs do: a pull
// always reads; a push that reads only remembers what it found and writes what
// must be written in a second walk, which does not read.
func (w *world) run(e *end, read bool) plan.Verdict {
	read = read || e.dir == fieldmap.Pull
	if !read && !e.absent && (e.seen == 0 || e.lost) {
		read = true // a link that knows nothing is read before it is written to
	}
	v := w.decide(e, read)
	if v.Kind == plan.Push && read && !e.absent {
		e.seen, e.told, e.note = testKey().Value(e.rule.Remote.Type, e.theirs), 0, 0
		e.there.Show(e.seen)
		e.lost, e.changed = false, false
		v = w.decide(e, false)
	}
	w.carry(e, v, read)
	if v.Kind == plan.Push && e.rule.Write == fieldmap.Enforce {
		w.confirm(e)
	}
	if read {
		// What is held while its digests are lost is still lost.
		e.lost, e.changed = e.lost && v.Kind == plan.Hold, false
	}
	return v
}

// confirm reads an enforced field right after it was written, as runs do.
func (w *world) confirm(e *end) {
	e.own = true
	v := w.decide(e, true)
	e.own = false
	if v.Kind != plan.Push {
		w.carry(e, v, true)
	}
}

func (w *world) decide(e *end, read bool) plan.Verdict {
	f := w.field(e, read)
	v := plan.Decide(testKey(), f)
	w.log = append(w.log, fmt.Sprintf("%s read=%v theirs=%s hub=%s: %s", e.name, read, word(e.theirs), word(w.hub), wordsOf(f, v)))
	for _, b := range broken(testKey(), f, v) {
		w.broken = append(w.broken, e.name+": "+b)
	}
	e.last = v
	return v
}

func (w *world) carry(e *end, v plan.Verdict, read bool) {
	switch v.Kind {
	case plan.Hold:
		return
	case plan.Take:
		w.set(e.name, v.Value)
	case plan.Push:
		e.theirs, e.writes = e.stored(v.Value), e.writes+1
		if !e.absent {
			e.writesAfter++
		}
	case plan.Agree, plan.Tolerate, plan.Nothing:
	}
	if e.absent && v.Kind != plan.Push {
		e.theirs = e.stored(record.NullValue())
	}
	e.absent = false
	e.seen, e.told = v.Seen, v.Told
	switch {
	case v.Sent && v.Kind != plan.Push:
		e.there = record.SentThere(v.Seen)
	case v.Sent:
		e.there.Send(v.Seen)
	case read:
		e.there = record.ReadThere(testKey().Value(e.rule.Remote.Type, e.theirs))
	}
	if v.Kind != plan.Nothing {
		e.note = plan.NoReason
	}
	if v.Kind == plan.Tolerate {
		e.note = v.Reason
	}
}

// set gives the hub a value; a blank that was never anything else came from
// nobody.
func (w *world) set(source string, v record.Value) {
	if w.hub != v {
		w.hub, w.source = v, source
		w.moves++
	}
}

// round runs every end once, reading, and reports whether it was quiet: nothing
// was written, taken or newly settled.
func (w *world) round(order []int) bool {
	quiet := true
	for _, i := range order {
		v := w.run(w.ends[i], true)
		quiet = quiet && (v.Kind == plan.Nothing || v.Kind == plan.Hold)
	}
	return quiet
}

// settle runs rounds until one is quiet and returns how many were not.
func (w *world) settle(order []int) int {
	for n := range 10 {
		if w.round(order) {
			return n
		}
	}
	return 10
}

// unsettled names the ends that neither agree, nor are held, nor have a reason
// to differ.
func (w *world) unsettled() (out []string) {
	for _, e := range w.ends {
		if e.last.Kind == plan.Hold || e.note != plan.NoReason || e.rule.Equal(e.toHub(e.theirs), w.hub) {
			continue
		}
		out = append(out, fmt.Sprintf("%s has %s, the hub has %s", e.name, word(e.theirs), word(w.hub)))
	}
	return out
}

// forms are the habits of systems with what they are told (F2).
func forms() map[string]func(string) string {
	return map[string]func(string) string{
		"as told":      func(s string) string { return s },
		"upper case":   strings.ToUpper,
		"cuts":         func(s string) string { return s[:min(len(s), 2)] },
		"drops":        func(string) string { return "" },
		"fills blanks": func(s string) string { return map[bool]string{true: "default", false: s}[s == ""] },
	}
}

func drawEnd(t *rapid.T, name string, dir fieldmap.Direction, hub *fieldmap.HubField) *end {
	e := &end{name: name, dir: dir, rule: drawRule(t), coded: maybe(t, "coded"), form: forms()["as told"]}
	e.rule.Hub, e.rule.Owned = hub, hub.Owner == name
	e.onLink = fieldmap.LinkRule(rapid.IntRange(0, int(fieldmap.OnLinkKeep)).Draw(t, "on_link"))
	e.theirs = e.toRemote(value(oneOf(t, "theirs", words()...)))
	if dir == fieldmap.Push {
		e.absent = maybe(t, "absent")
		e.form = forms()[oneOf(t, "form", "as told", "upper case", "cuts", "drops", "fills blanks")]
	}
	if e.absent {
		e.theirs = record.NullValue()
	}
	return e
}

func words() []string { return []string{"abc", "ABC", "xyz", "-"} }

// drawWorld draws a hub field with up to two systems that fill it and up to two
// that it is pushed to.
func drawWorld(t *rapid.T) *world {
	hub := drawRule(t).Hub
	w := &world{hub: record.NullValue()}
	for i := range rapid.IntRange(0, 2).Draw(t, "pulls") {
		w.ends = append(w.ends, drawEnd(t, []string{"qbench", "close"}[i], fieldmap.Pull, hub))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "pushes") {
		w.ends = append(w.ends, drawEnd(t, []string{"salesforce", "hubspot"}[i], fieldmap.Push, hub))
	}
	if len(w.ends) == 0 {
		w.ends = append(w.ends, drawEnd(t, "salesforce", fieldmap.Push, hub))
	}
	if maybe(t, "filled by a person") {
		w.set("a person", value(oneOf(t, "hub", words()...)))
	}
	return w
}

// step is one thing that happens: an edit on some side, a run, or damage.
func (w *world) step(t *rapid.T) {
	e := w.ends[rapid.IntRange(0, len(w.ends)-1).Draw(t, "end")]
	what := oneOf(t, "step", "they edit", "hub edit", "run", "run", "read", "lose", "rule")
	w.log = append(w.log, what+" "+e.name)
	switch what {
	case "they edit":
		if !e.absent {
			e.theirs = e.toRemote(value(oneOf(t, "theirs", words()...)))
		}
	case "hub edit":
		w.set("a person", value(oneOf(t, "hub", words()...)))
	case "run":
		w.run(e, false)
	case "read":
		w.run(e, true)
	case "lose":
		e.lost = !e.absent
	case "rule":
		e.coded, e.changed = !e.coded, true
	}
}

func (w *world) check(t *rapid.T) {
	t.Helper()
	for _, b := range w.broken {
		t.Error(b)
	}
	if t.Failed() {
		t.Fatal(strings.Join(w.log, "\n"))
	}
}
