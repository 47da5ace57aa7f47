package main_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
)

// auditJSON is what audit prints.
type auditJSON struct {
	Counts []struct {
		System, Object, Standing string
		Count                    int
	} `json:"counts"`
	Unexplained int `json:"unexplained"`
	Unread      int `json:"unread"`
	Findings    []struct {
		System, Object, Field, Standing string
		Remote                          string `json:"remote_id"`
		Ours, Theirs                    struct{ Value string }
	} `json:"findings"`
}

func (b *bed) audit(code int, args ...string) (out auditJSON) {
	b.t.Helper()
	text := b.want(code, append(append([]string{"audit"}, args...), "-o", "json")...)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		b.t.Fatalf("audit: %v\n%s", err, text)
	}
	return out
}

// auditAtEnd makes the audit the last step of a scenario: a full run of every
// system, and then no difference that nobody has stated and nothing still to be
// read. A run may hold records, and a guard may stop it: what it keeps back is due.
func (b *bed) auditAtEnd() {
	b.t.Cleanup(func() {
		if b.t.Failed() || b.t.Skipped() || b.unaudited != "" {
			return
		}
		if out, errs, code := b.run("run", "--once", "--full"); code != 0 && code != 3 && code != 4 {
			b.t.Fatalf("full run before the audit at the end: exit code %d\n%s%s", code, out, errs)
		}
		if got := b.audit(0); got.Unexplained+got.Unread > 0 {
			b.t.Errorf("audit at the end: %+v", got.Findings)
		}
	})
}

// behind changes a lead by a door that leaves its stamp alone.
func (b *bed) behind(lead string, f closeiosim.Fields) {
	b.t.Helper()
	var stamp time.Time
	if err := json.Unmarshal(b.cl.Record(lead)["date_updated"], &stamp); err != nil {
		b.t.Fatal(err)
	}
	if err := b.cl.Edit(lead, f); err != nil {
		b.t.Fatal(err)
	}
	if err := b.cl.SetUpdated(lead, stamp); err != nil {
		b.t.Fatal(err)
	}
}

// The audit agrees with what a run settled; a value that was changed behind our
// back is unexplained, exit code 5, with both values and the commands that
// help; one that a person changed since is unread. It says the same beside a
// daemon, and a full run settles both.
func TestE2EAudit(t *testing.T) {
	t.Parallel()
	b := newCloseBed(t)
	b.seed(3)
	lead := func(i int) string {
		return b.cl.AddLead(closeiosim.Fields{
			"name": fmt.Sprintf("%s %d", canaryName, i), "custom.AccountExternalID": fmt.Sprint(1000 + i), "custom.Renewal Date": "2027-03-31",
		})
	}
	one, two := lead(0), lead(1)
	b.want(0, "run", "--once")
	if got := b.audit(0); got.Unexplained+got.Unread > 0 {
		t.Fatalf("after a run: %+v", got.Findings)
	}
	b.change(one, two, "2027-03-31", "2028-08-08")
	out := b.want(5, "audit", "close/lead")
	for _, want := range []string{"unexplained", "2027-03-31", "2028-08-08", "crmsyncd get account hub:", "crmsyncd resync close/lead/" + one} {
		if !strings.Contains(out, want) {
			t.Errorf("audit does not say %q:\n%s", want, out)
		}
	}
	if _, errs, code := b.run("audit", "nobody"); code != 64 || !strings.Contains(errs, "nobody") {
		t.Errorf("an unknown system: code %d, %s", code, errs)
	}
	b.want(0, "run", "--once", "--full")
	if got := b.audit(0); got.Unexplained+got.Unread > 0 {
		t.Errorf("after a full run: %+v", got.Findings)
	}
	d := b.start()
	ran := func(system, flow string) bool {
		return slices.ContainsFunc(b.runsAnyCode(), func(r runJSON) bool {
			return r.System == system && r.Flow == flow && r.Trigger != "command" && r.Status == "done"
		})
	}
	b.until("the daemon's first runs are done", func() bool {
		return ran("qbench", "pull") && ran("close", "pull") && ran("salesforce", "push")
	})
	b.change(one, two, "2028-08-08", "2029-09-09")
	d.signal(syscall.SIGTERM)
	d.wait(time.Minute)
	b.noCanary()
}

// change changes one lead behind our back and the other as a person does, a
// minute later, and insists on what the audit says of them.
func (b *bed) change(one, two, from, to string) {
	b.t.Helper()
	b.behind(one, closeiosim.Fields{"custom.Renewal Date": to})
	if err := b.cl.Edit(two, closeiosim.Fields{"custom.Renewal Date": to}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.cl.SetUpdated(two, time.Now().Add(time.Minute)); err != nil {
		b.t.Fatal(err)
	}
	b.judged(one, two, from, to)
	if err := b.cl.SetUpdated(two, time.Now()); err != nil {
		b.t.Fatal(err)
	}
}

// judged insists on what the audit says of the two leads.
func (b *bed) judged(one, two, from, to string) {
	b.t.Helper()
	got := b.audit(5, "close")
	if got.Unexplained != 1 || got.Unread != 1 || len(got.Findings) != 2 {
		b.t.Fatalf("audit: %+v", got)
	}
	for _, f := range got.Findings {
		if f.Remote == one && (f.Standing != "unexplained" || f.Ours.Value != from || f.Theirs.Value != to) ||
			f.Remote == two && (f.Standing != "unread" || f.Theirs.Value != to) {
			b.t.Errorf("finding: %+v", f)
		}
	}
}

// A system that is down is named by the audit, and the others are compared.
func TestAuditWithOneSystemDown(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	b.want(0, "run", "--once")
	if err := b.sf.AddFault("403"); err != nil {
		t.Fatal(err)
	}
	out, errs, code := b.run("audit")
	if code != 1 || !strings.Contains(out, "not audited: salesforce: ") || !strings.Contains(out, "qbench") || !strings.Contains(out, "all explained") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	b.sf.Faults().Clear()
}
