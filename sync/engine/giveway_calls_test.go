package engine_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// Each run tells its own calls, also a full one within which routine runs
// went first.
func TestCallsOfARunThatGivesWay(t *testing.T) {
	w := newCloseWorld(t)
	for i := range 250 {
		w.lead(fmt.Sprintf("L%d", i), i+1)
	}
	w.pullClose()
	w.tick()
	p := w.eng
	w.cl.ResetCalls()
	var inner []state.Run
	outer := w.mustPull(engine.Request{System: "close", Full: true, GiveWay: func(ctx context.Context) {
		if len(inner) < 2 {
			run, err := p.Pull(ctx, engine.Request{System: "close"})
			if err != nil {
				t.Error(err)
			}
			inner = append(inner, run)
		}
	}})
	sum := func(calls map[string]int) (n int) {
		for c := range maps.Values(calls) {
			n += c
		}
		return n
	}
	total := sum(outer.Calls)
	for _, run := range inner {
		total += sum(run.Calls)
	}
	if made := sum(w.cl.Calls()); total != made || len(inner) != 2 || sum(inner[0].Calls) == 0 {
		t.Errorf("%d calls were made; the runs tell %v and %v", made, outer.Calls, inner)
	}
}
