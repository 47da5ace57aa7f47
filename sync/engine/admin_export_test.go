package engine_test

import (
	"errors"
	"slices"
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/sync/engine"
)

// R21, D14: what the system of record lacks is listed, until a customer of that
// id appears there; what is out of scope is not.
func TestR21_ExportWithout(t *testing.T) {
	w := newCloseWorld(t)
	w.pull()
	w.lead("Here and there", "1000")
	alone := w.lead("Only in Close", "7777")
	out := w.lead("Left", "8888")
	w.qb.AddCustomer(customer("Here and there"))
	w.pull()
	w.pullClose()
	if !w.cl.Delete(out) {
		t.Fatal("no such lead")
	}
	w.fullClose()
	without := func(object, system string) (remotes []string) {
		t.Helper()
		err := w.eng.ExportWithout(object, system, func(v engine.RecordView) error {
			for _, l := range v.Links {
				if l.System == "close" {
					remotes = append(remotes, l.Remote)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return remotes
	}
	if got := without("account", "qbench"); !slices.Equal(got, []string{alone}) {
		t.Errorf("without a customer are %v, want %s alone", got, alone)
	}
	if err := w.eng.ExportWithout("task", "qbench", nil); !errors.Is(err, engine.ErrNoRoute) {
		t.Errorf("tasks that QBench lacks: %v", err)
	}
	if err := w.eng.ExportWithout("note", "", nil); !errors.Is(err, engine.ErrNoObject) {
		t.Errorf("notes: %v", err)
	}
}

// D10, R100: an activity is a closed task, and no longer one when it is
// reopened.
func TestActivityIsAView(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "1000")
	task := w.cl.AddTask(lead, closeiosim.Fields{"_type": "lead", "text": "Call", "is_complete": true})
	w.pullClose()
	activities := func() (n int) {
		t.Helper()
		if err := w.eng.ExportWithout(engine.Activity, "", func(engine.RecordView) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	closed := w.hub("task", task)
	if n := activities(); n != 1 || w.hub(engine.Activity, task).ID != closed.ID {
		t.Errorf("%d activities", n)
	}
	if err := w.cl.ReopenTask(task); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	if n := activities(); n != 0 || len(w.hubAll(engine.Activity, task)) != 0 || w.hub("task", task).ID != closed.ID {
		t.Errorf("%d activities after it was reopened", n)
	}
	ids, fields, err := w.eng.Columns(engine.Activity)
	refs, routes := w.eng.Ties(engine.Activity)
	if err != nil || len(ids) != 0 || !slices.Contains(fields, "status") || !slices.Contains(refs, "account") || !slices.Equal(routes, []string{"close/task"}) {
		t.Errorf("columns %v %v %v %v %v", ids, fields, refs, routes, err)
	}
}
