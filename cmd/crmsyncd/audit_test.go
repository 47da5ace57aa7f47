package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// The audit prints the counts first, then what nobody can explain, then what
// the next full run reads, each with both values and the commands that help.
func TestPrintAudit(t *testing.T) {
	ours, theirs, good := "green", "Bad", "Good"
	var out bytes.Buffer
	newApp(&out, &out).printAudit(auditResult{
		AuditResult: engine.AuditResult{
			Counts: []engine.AuditCount{
				{System: "crm", Object: "Account", Standing: "agree", Count: 1200},
				{System: "crm", Object: "Account", Standing: "unexplained", Count: 2},
				{System: "crm", Object: "Account", Standing: "unread", Reason: "changed_there", Count: 1},
			},
			Records: 100, Unexplained: 2, Unread: 1,
		},
		Findings: []engine.AuditFinding{
			{
				System: "crm", Object: "Account", Remote: "a1", HubObject: "account", Hub: "7", Record: "1042 Acme", Field: "website", There: "Web",
				Standing: "unread", Reason: "changed_there", Ours: engine.AuditSide{Known: true}, Theirs: engine.AuditSide{},
			},
			{
				System: "crm", Object: "Account", Remote: "a1", HubObject: "account", Hub: "7", Record: "1042 Acme", Field: "health", There: "Health",
				Standing: "unexplained", Ours: engine.AuditSide{Known: true, Value: &ours, Other: &good}, Theirs: engine.AuditSide{Known: true, Value: &theirs},
			},
			{System: "crm", Object: "Account", HubObject: "account", Hub: "8", Record: "1043 Bolt", Standing: "unexplained", Reason: engine.AuditNoLink},
		},
	})
	want := `SYSTEM  OBJECT   FIELDS       REASON         COUNT
crm     Account  agree                        1200
crm     Account  unexplained                     2
crm     Account  unread       changed_there      1

unexplained  crm/Account  a1  1042 Acme
    health: hub "green" ("Good" on the other side), there "Bad" in Health
    crmsyncd get account hub:7
    crmsyncd resync crm/Account/a1

unexplained  crm/Account  1043 Bolt  (no link)
    crmsyncd get account hub:8
    crmsyncd resync crm/Account

unread  crm/Account  a1  1042 Acme  (changed there)
    website: hub (blank), there (cannot be read) in Web
    crmsyncd get account hub:7
    crmsyncd resync crm/Account/a1

100 records compared: 2 differences that nobody can explain, 1 to be read by the next full run.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// A full run that leaves something unexplained ends with 5, whatever else it
// has to say.
func TestExitOfAFullRunsAudit(t *testing.T) {
	found := onceResult{Held: 3, Runs: []daemon.RunView{{}, {Counts: map[string]int{"audit_unexplained": 1}}}}
	for _, err := range []error{nil, engine.ErrGuard, errors.New("failed")} {
		if got := exitCode(onceError(found, err)); got != exitUnexplained {
			t.Errorf("after %v: exit code %d, want %d", err, got, exitUnexplained)
		}
	}
	if got := exitCode(onceError(onceResult{Held: 3, Runs: []daemon.RunView{{Counts: map[string]int{"audit_unread": 1}}}}, nil)); got != exitHeld {
		t.Errorf("what is unread is the next full run's: exit code %d, want %d", got, exitHeld)
	}
}
