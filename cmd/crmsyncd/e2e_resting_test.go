package main_test

import (
	"strings"
	"testing"
)

// C10.1: a field that rests is named by status, which is yellow, by held and by
// plan, until it is back.
func TestE2E_C10_1_RestingIsSaid(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	b.want(0, "run", "--once")
	if err := b.sf.HideField("Account", "Industry", true); err != nil {
		t.Fatal(err)
	}
	b.seed(1)
	_, _, _ = b.run("run", "--once") // may be red: it meets it
	b.want(0, "run", "--once")
	const line = "resting: salesforce/Account.Industry: gone, hidden or not writable there"
	for _, command := range []string{"held", "plan"} {
		if out := b.want(0, command); !strings.Contains(strings.Join(strings.Fields(out), " "), line) {
			t.Errorf("%s does not say it:\n%s", command, out)
		}
	}
	if out := b.want(0, "status"); !strings.Contains(out, "yellow") || !strings.Contains(out, "Account.Industry") {
		t.Errorf("status:\n%s", out)
	}
	if err := b.sf.HideField("Account", "Industry", false); err != nil {
		t.Fatal(err)
	}
	b.want(0, "run", "--once")
	for _, command := range []string{"held", "plan", "status"} {
		if out := b.want(0, command); strings.Contains(out, "resting") || strings.Contains(out, "Account.Industry") {
			t.Errorf("%s after it is back:\n%s", command, out)
		}
	}
}
