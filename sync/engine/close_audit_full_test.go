package engine_test

import (
	"context"
	"slices"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/sync/engine"
)

// F6: a record that the system refuses to show by id is not proven to be gone.
func TestF6_RefusedIsNotGone(t *testing.T) {
	refuses := true
	w := newCloseWorld(t, func(w *world) {
		w.wrap = func(s *engine.System) {
			if s.Name == "close" {
				s.Getter = refusing{s.Getter, &refuses}
			}
		}
	})
	w.lead("Other", "7")
	lead := w.lead("Acme", "8")
	w.pullClose()
	w.tick()
	end := w.cl.Forbid("/event/") // so that its deletion is not told
	w.cl.DeleteLead(lead)
	w.tick()
	if run := w.fullClose(); run.Counts["removed"] != 0 || w.leadState("8") != "open" {
		t.Errorf("%v, %s", run.Counts, w.leadState("8"))
	}
	refuses = false
	w.tick()
	if run := w.fullClose(); run.Counts["removed"] != 1 || run.Status != engine.StatusDone {
		t.Errorf("%s %v", run.Status, run.Counts)
	}
	end()
}

// refusing is a reader by id that says of each absent record that it may not be
// seen.
type refusing struct {
	providers.Getter
	on *bool
}

func (g refusing) Get(ctx context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	found, errs, err := g.Getter.Get(ctx, object, fields, ids)
	for _, id := range ids {
		if *g.on && !slices.ContainsFunc(found, func(r record.Record) bool { return r.ID == id }) {
			e := providers.Errorf(providers.Rejected, "get "+object, "may not be seen")
			e.Ref.ID = id
			errs = append(errs, e)
		}
	}
	return found, errs, err
}
