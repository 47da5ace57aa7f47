package worldtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Step is one thing that happens in a history. N is its hour and makes what it
// invents unlike anything else; A and B choose among what there is. A step
// without an object, such as an edit where nothing stands, does nothing, so a
// history without some of its steps is a history.
type Step struct {
	N    int
	Kind string
	A, B int
}

// String is the step in a line of a report.
func (s Step) String() string { return fmt.Sprintf("%d:%s(%d,%d)", s.N, s.Kind, s.A, s.B) }

// Kind is a kind of step.
type kind struct {
	name    string
	weight  int
	disturb bool // left out of the undisturbed twin
	do      func(*life, Step)
}

// Steps draws a history from a seed.
func Steps(seed uint64, without ...string) []Step {
	dice := rand.New(rand.NewPCG(seed, 16))
	kinds, sum := kinds(), 0
	for _, k := range kinds {
		sum += k.weight
	}
	out := []Step{{1, "customer", 0, 0}, {2, "customer", 0, 1}, {3, "contact", 0, 0}, {4, "lead", 0, 0}, {5, "round", 0, 1}}
	for n := range 12 + dice.IntN(30) {
		pick, step := dice.IntN(sum), Step{N: 6 + n, A: dice.IntN(1 << 16), B: dice.IntN(1 << 16)}
		for _, k := range kinds {
			if pick -= k.weight; pick < 0 {
				step.Kind = k.name
				break
			}
		}
		if !contains(without, step.Kind) {
			out = append(out, step)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// life is a world with people in it, and a memory of what they did.
type life struct {
	*World
	start time.Time
	twin  bool // nothing disturbs this one

	customers, contacts []int64         // every one that there ever was
	gone                map[string]bool // hub object and id, or also a field, that left the source
	leads, deals        []string
	rekeyed             map[string]bool // leads that were another customer's once
	touched             touches
	edits               []edit

	swapped map[string]int // systems of another organization, with the writes at that time
	files   map[string]string
	bent    map[string]bool // targets with rules or edited lines, which leave differences of their own
	counts  map[string]int
	fired   int // faults

	org, portal, closeOrg string
	failures              []string
}

// edit is what a person wrote into one field of a target.
type edit struct {
	at                        time.Time
	system, object, id, field string
}

func newLife(t testing.TB, twin bool, opts ...Option) *life {
	l := &life{
		World: New(t, opts...), start: time.Now(), twin: twin, gone: map[string]bool{}, bent: map[string]bool{}, counts: map[string]int{}, touched: touches{},
		rekeyed: map[string]bool{},
		swapped: map[string]int{}, files: map[string]string{},
	}
	l.org, l.portal, l.closeOrg = l.Salesforce.OrgID(), l.HubSpot.PortalID(), l.Close.OrganizationID()
	for name, f := range l.Files {
		l.files[name] = string(f.Data)
	}
	return l
}

// live carries out the steps, each at its hour.
func (l *life) live(steps []Step) {
	table := map[string]kind{}
	for _, k := range kinds() {
		table[k.name] = k
	}
	for _, s := range steps {
		l.until(s.N)
		if k := table[s.Kind]; !l.twin || !k.disturb {
			k.do(l, s)
		}
	}
	l.until(steps[len(steps)-1].N + 1)
}

// until sleeps until an hour of the history begins.
func (l *life) until(n int) {
	time.Sleep(time.Until(l.start.Add(time.Duration(n) * time.Hour)))
}

func (l *life) fail(format string, args ...any) {
	l.failures = append(l.failures, fmt.Sprintf(format, args...))
}

// settle ends everything that disturbs, and gives each system two full runs.
func (l *life) settle() {
	l.calm()
	l.unrule()
	l.organizationsBack()
	l.linesBack()
	l.Restart()
	for range 2 {
		for _, system := range Systems() {
			l.Tick()
			if _, err := l.Run(system, true); err != nil {
				l.fail("the last full run of %s: %v", system, err)
			}
		}
	}
}

// Lived is what became of a history.
type Lived struct {
	Wrong []string // nothing if all is well
	// Did counts what happened on the way, so that a reader can tell that histories
	// are not idle: kills, faults and rules that fired, runs that failed, writes,
	// and what is held and tolerated at the end, by reason.
	Did map[string]int
}

// Live plays a history and its twin.
func Live(t testing.TB, steps []Step, opts ...Option) Lived {
	var wrong []string
	var lives [2]*life
	for i := range lives {
		l := newLife(t, i == 1, opts...)
		lives[i] = l
		l.live(steps)
		l.settle()
		wrong = append(wrong, prefixed(l, l.check())...)
	}
	if len(wrong) == 0 {
		wrong = lives[0].unlike(lives[1])
	}
	did := lives[0].did()
	for _, l := range lives {
		_ = l.Store.Close()
	}
	return Lived{wrong, did}
}

// did counts what happened in a life.
func (l *life) did() map[string]int {
	out := maps.Clone(l.counts)
	out["kills"] = l.kill.deaths
	out["faults"] = l.fired
	for _, system := range []string{Salesforce, HubSpot} {
		for _, w := range l.audited(system) {
			if w.created {
				out["created "+w.object]++
			} else {
				out["updated "+w.object]++
			}
		}
	}
	for _, r := range l.Targets() {
		for _, v := range l.views()[r.Hub.Name] {
			for _, h := range v.Holds {
				if h.System == r.System && h.Object == r.Object {
					out["held "+h.Reason]++
				}
			}
			for _, link := range v.Links {
				for _, d := range link.Differs {
					if link.System == r.System && link.Object == r.Object {
						out["tolerated "+d.Reason]++
					}
				}
			}
		}
	}
	return out
}

func prefixed(l *life, lines []string) (out []string) {
	for _, line := range lines {
		if l.twin {
			line = "twin: " + line
		}
		out = append(out, line)
	}
	return out
}

// Text is a history in one line.
func Text(steps []Step) string {
	var out []string
	for _, s := range steps {
		out = append(out, s.String())
	}
	return strings.Join(out, " ")
}

// Parse reads what Text wrote, so that a report can be played again.
func Parse(text string) (out []Step, err error) {
	for _, word := range strings.Fields(text) {
		var s Step
		if _, err := fmt.Sscanf(strings.NewReplacer(":", " ", "(", " ", ",", " ", ")", " ").Replace(word), "%d %s %d %d", &s.N, &s.Kind, &s.A, &s.B); err != nil {
			return nil, fmt.Errorf("step %q: %w", word, err)
		}
		out = append(out, s)
	}
	return out, nil
}
