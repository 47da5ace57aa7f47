package main_test

import (
	"strings"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
)

// What a person dropped stays ignored until the record changes at its source,
// and what is ignored is no reason for exit code 3.
func TestE2EDroppedStaysDropped(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	id := b.qb.CustomerIDs()[0]
	employees := func(text string) {
		if err := b.qb.UpdateCustomer(id, qbenchsim.Fields{"number_of_employees": text}); err != nil {
			t.Fatal(err)
		}
	}
	employees("many")
	b.want(3, "run", "--once")
	out := b.want(0, "held")
	for _, want := range []string{"bad_value (1): mend the value at its source", canaryName + " 0", "number_of_employees", "1 held."} {
		if !strings.Contains(out, want) {
			t.Errorf("held does not say %q:\n%s", want, out)
		}
	}
	if out := b.want(0, "held", "--long"); !strings.Contains(out, "ENDS WHEN") {
		t.Errorf("held --long:\n%s", out)
	}
	b.want(0, "held", "drop", "--reason", "bad_value")
	b.want(0, "run", "--once")
	b.want(0, "run", "--once", "--full")
	if out := b.want(0, "held"); !strings.Contains(out, "0 held, 1 dropped.") {
		t.Errorf("held after a drop:\n%s", out)
	}
	employees("lots")
	b.want(3, "run", "--once")
	if out := b.want(0, "held"); !strings.Contains(out, "1 held.") {
		t.Errorf("held after an edit:\n%s", out)
	}
	if _, errs, code := b.run("held", "--system", "nobody"); code != 64 || !strings.Contains(errs, "qbench, salesforce") {
		t.Errorf("held of an unknown system: code %d, %q", code, errs)
	}
	if _, _, code := b.run("held", "retry", "--recreate"); code != 64 {
		t.Errorf("held retry --recreate of everything: code %d", code)
	}
}
