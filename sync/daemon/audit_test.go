package daemon_test

import (
	"encoding/json"
	"strings"
	"testing"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
)

// What a full run left unexplained turns the status red, by object and with
// the command that shows it, until a full run finds nothing.
func TestAuditTurnsTheStatusRed(t *testing.T) {
	a := api(t)
	setup := a.Setup()
	setup.Systems = []daemon.System{{Name: "crm", Push: true}}
	a.Setup = func() daemon.Setup { return setup }
	mark := func(text string) daemon.Status {
		t.Helper()
		if err := a.Store.Update(func(tx *state.Tx) error { return tx.SetMeta("audit:crm", []byte(text)) }); err != nil {
			t.Fatal(err)
		}
		st, err := daemon.Ask[daemon.Status](t.Context(), daemon.Local(a.Handler()), "status", nil, daemon.Sink{})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	st := mark(`{"Account": {"run": 7, "unexplained": 2}, "Contact": {"run": 7}}`)
	if st.Health != "red" || len(st.Problems) != 1 || !strings.Contains(st.Problems[0], "crmsyncd audit crm/Account") {
		t.Errorf("%s: %q", st.Health, st.Problems)
	}
	if got := st.Systems[0].Unexplained; len(got) != 1 || got["Account"] != 2 {
		t.Errorf("the number by object: %v", got)
	}
	if st := mark(`{"Account": {"run": 8}}`); st.Health != "yellow" {
		t.Errorf("after a clean full run: %s %q", st.Health, st.Problems)
	}
}

// The question for an audit is judged before anything is read.
func TestAuditAsked(t *testing.T) {
	c := daemon.Local(api(t).Handler())
	for _, args := range []daemon.AuditArgs{{System: "nobody"}, {Sample: -1}, {Object: "nothing"}} {
		if _, err := daemon.Ask[json.RawMessage](t.Context(), c, "audit", args, daemon.Sink{}); err == nil {
			t.Errorf("%+v was taken", args)
		}
	}
}
