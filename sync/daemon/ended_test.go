package daemon_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// A run whose process died in it, or that could not record its end, is told
// as a problem until another one of its flow has ended, and is not said to run.
func TestRunThatNeverEnded(t *testing.T) {
	a := apiOf(t, nil)
	ask := func() (st daemon.Status, runs []string) {
		t.Helper()
		c := daemon.Local(a.Handler())
		st, err := daemon.Ask[daemon.Status](t.Context(), c, "status", nil, daemon.Sink{})
		if err != nil {
			t.Fatal(err)
		}
		sink := daemon.Sink{Item: func(raw json.RawMessage) error {
			var v daemon.RunView
			err := json.Unmarshal(raw, &v)
			runs = append(runs, v.Status)
			return err
		}}
		if _, err := daemon.Ask[daemon.Count](t.Context(), c, "runs", nil, sink); err != nil {
			t.Fatal(err)
		}
		return st, runs
	}
	began := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	run := func(ended bool) {
		t.Helper()
		if err := a.Store.Update(func(tx *state.Tx) error {
			r := state.Run{System: "crm", Flow: "push", Status: engine.StatusRunning, Started: began}
			if err := tx.NewRun(&r); err != nil || !ended {
				return err
			}
			r.Ended, r.Status = began.Add(time.Minute), engine.StatusDone
			return tx.PutRun(r)
		}); err != nil {
			t.Fatal(err)
		}
	}
	run(true)
	if st, _ := ask(); st.Health != daemon.HealthYellow {
		t.Errorf("%s after a run that ended: %q", st.Health, st.Problems)
	}
	run(false)
	st, runs := ask()
	if st.Health != daemon.HealthRed || len(st.Problems) != 1 || !strings.HasPrefix(st.Problems[0], "crm push: run 2 of 2026-11-30T09:00:00Z never ended") {
		t.Errorf("%s: %q", st.Health, st.Problems)
	}
	if strings.Join(runs, " ") != "never_ended done" {
		t.Errorf("the list says %q", runs)
	}
	run(true)
	if st, _ := ask(); st.Health != daemon.HealthYellow {
		t.Errorf("%s after the next run: %q", st.Health, st.Problems)
	}
}
