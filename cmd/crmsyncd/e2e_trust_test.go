package main_test

import (
	"os"
	"strings"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
)

// A lost state links what it finds and creates nothing until a person says that
// the new one is right.
func TestE2EStateInDoubt(t *testing.T) {
	b := newBed(t)
	b.seed(5)
	b.want(0, "run", "--once")
	if out := b.want(0, "state", "trust"); !strings.Contains(out, "not in doubt") {
		t.Errorf("a good state: %s", out)
	}
	if err := os.Remove(b.state); err != nil {
		t.Fatal(err)
	}
	b.qb.AddCustomer(qbenchsim.Fields{"customer_name": "Newcomer", "website": "https://newcomer.example"})
	if out, errs, code := b.run("run", "--once"); code != 1 || !strings.Contains(out+errs, "crmsyncd state trust") {
		t.Errorf("a run on a state in doubt: code %d\n%s%s", code, out, errs)
	}
	if n := b.sf.Count("Account"); n != 5 {
		t.Errorf("%d accounts after a run in doubt, want the 5 of before", n)
	}
	if out, _, code := b.run("status"); code != 1 || !strings.Contains(out, "in doubt") {
		t.Errorf("status: code %d\n%s", code, out)
	}
	if out, _, code := b.run("state", "trust"); code != 1 || !strings.Contains(out, "--yes") {
		t.Errorf("trust without --yes: code %d\n%s", code, out)
	}
	if out, _, code := b.run("state", "trust", "--yes"); code != 0 || !strings.Contains(out, "trusted from now on") {
		t.Errorf("trust: code %d\n%s", code, out)
	}
	b.want(0, "run", "--once")
	if n := b.sf.Count("Account"); n != 6 {
		t.Errorf("%d accounts in the end, want the newcomer and nobody twice", n)
	}
	b.want(0, "status")
}
