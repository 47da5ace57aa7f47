package worldtest_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"crmsyncd/sync/worldtest"
)

// F1, F3, F8, F14, F16, R6, R143, R153: histories drawn from seeds, with people
// on all sides, kills, faults, rules, edited lines and swapped organizations,
// end with nothing unexplained, no double, no forbidden write, and as their
// undisturbed twins. WORLD_SEEDS says how many, WORLD_BASE where they begin,
// WORLD_SEED plays one, WORLD_WITHOUT leaves kinds of steps out, and
// WORLD_SHRINK=1 seeks the fewest steps that still fail.
func TestHistories(t *testing.T) {
	known, tally := &worldtest.Compiled{}, &tally{did: map[string]int{}}
	t.Cleanup(func() { t.Log(tally) })
	if text := os.Getenv("WORLD_STEPS"); text != "" {
		steps, err := worldtest.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := play(t, known, steps).Wrong; len(wrong) > 0 {
			t.Errorf("%s\n  %s", worldtest.Text(steps), strings.Join(wrong, "\n  "))
		}
		return
	}
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			steps := worldtest.Steps(seed, without()...)
			lived := play(t, known, steps)
			tally.add(lived.Did)
			wrong := lived.Wrong
			if len(wrong) == 0 {
				return
			}
			if os.Getenv("WORLD_SHRINK") != "" {
				steps, wrong = shrunk(t, known, steps, wrong)
			}
			t.Errorf("WORLD_SEED=%d: %s\n  %s", seed, worldtest.Text(steps), strings.Join(wrong, "\n  "))
		})
	}
}

// play plays a history in virtual time.
func play(t *testing.T, known *worldtest.Compiled, steps []worldtest.Step) (lived worldtest.Lived) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { lived = worldtest.Live(t, steps, worldtest.Sharing(known)) })
	return lived
}

// shrunk takes steps away for as long as the history still fails.
func shrunk(t *testing.T, known *worldtest.Compiled, steps []worldtest.Step, wrong []string) ([]worldtest.Step, []string) {
	t.Helper()
	for width := len(steps) / 2; width > 0; {
		shorter := false
		for from := 0; from+width <= len(steps) && len(steps) > width; {
			fewer := append(append([]worldtest.Step{}, steps[:from]...), steps[from+width:]...)
			if got := play(t, known, fewer).Wrong; len(got) > 0 && kindOf(got[0]) == kindOf(wrong[0]) {
				steps, wrong, shorter = fewer, got, true
				continue
			}
			from += width
		}
		if !shorter || width > 1 {
			width /= 2
		}
	}
	return steps, wrong
}

// kindOf is the beginning of a complaint, without the record that it is about.
func kindOf(line string) string {
	words := strings.Fields(line)
	return strings.Join(words[:min(3, len(words))], " ")
}

// without are the kinds of steps that are left out: those of WORLD_WITHOUT.
func without() []string {
	return strings.Split(os.Getenv("WORLD_WITHOUT"), ",")
}

func seeds(t *testing.T) (out []uint64) {
	t.Helper()
	if one, err := strconv.ParseUint(os.Getenv("WORLD_SEED"), 10, 64); err == nil {
		return []uint64{one}
	}
	n, err := strconv.Atoi(os.Getenv("WORLD_SEEDS"))
	if err != nil {
		n = 5
	}
	base, err := strconv.ParseUint(os.Getenv("WORLD_BASE"), 10, 64)
	if err != nil {
		base = 1
	}
	for i := range n {
		out = append(out, base+uint64(i))
	}
	return out
}

// tally sums up what happened in histories that are played side by side.
type tally struct {
	mu  sync.Mutex
	did map[string]int
}

func (y *tally) add(did map[string]int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for what, n := range did {
		y.did[what] += n
	}
}

func (y *tally) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return fmt.Sprint(y.did)
}
