package main_test

import (
	"encoding/json"
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
	if out := b.want(0, "held"); !strings.Contains(out, "0 held, 1 dropped (--dropped).") {
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
	hub := "hub:" + b.hubIDOf("account", canaryName+" 0")
	number := strings.TrimPrefix(hub, "hub:")
	for _, key := range []string{hub, "account/" + number} {
		if out := b.want(0, "get", "account", key); !strings.Contains(out, hub) {
			t.Errorf("get account %s:\n%s", key, out)
		}
	}
	if _, _, code := b.run("get", "contact", "account/"+number); code != 1 {
		t.Errorf("get contact account/%s: code %d", number, code)
	}
	for id, want := range map[string]string{number: "1 held.", hub: "1 held.", "account/" + number: "1 held.", "contact/" + number: "Nothing that is held fits."} {
		if out := b.want(0, "held", "--hub-id", id); !strings.Contains(out, want) {
			t.Errorf("held --hub-id %s:\n%s", id, out)
		}
	}
	for _, what := range []string{"retry", "drop"} {
		if out := b.want(0, "held", what, "--hub-id", "99999"); !strings.Contains(out, "Nothing that is held fits.") {
			t.Errorf("held %s of nobody:\n%s", what, out)
		}
	}
	b.want(0, "held", "drop", "--all")
	if out := b.want(0, "held", "drop", "--hub-id", number); !strings.Contains(out, "dropped already") {
		t.Errorf("held drop again:\n%s", out)
	}
}

// hubIDOf is the number of the record that goes by a key.
func (b *bed) hubIDOf(object, key string) string {
	b.t.Helper()
	var recs []struct {
		ID string `json:"hub_id"`
	}
	if err := json.Unmarshal([]byte(b.want(0, "get", object, key, "-o", "json")), &recs); err != nil || len(recs) != 1 {
		b.t.Fatalf("get %s %q: %v, %d records", object, key, err, len(recs))
	}
	return recs[0].ID
}
