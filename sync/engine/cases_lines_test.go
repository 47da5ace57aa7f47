package engine_test

import (
	"fmt"
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
)

// C2.1: what a wrong line brought into the hub is put right by the line that
// takes its place, there and in the targets, in routine runs alone.
func TestC2_1_WrongPullLine(t *testing.T) {
	const good, bad = "{remote: description, hub: description}", "{remote: comments, hub: description}"
	for _, full := range []bool{false, true} {
		w := newWorld(t)
		acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"comments": "Pays late"}))
		blank := w.qb.AddCustomer(customer("Blank", qbenchsim.Fields{"comments": ""}))
		run := func() {
			w.tick()
			w.pull(full)
			w.push(full)
		}
		want := func(when, a, b string) {
			t.Helper()
			for id, text := range map[int64]string{acme: a, blank: b} {
				if got := valueOf(w.one("account", id), "description"); got != text {
					t.Errorf("full %v, %s: the hub has %q of %d, want %q", full, when, got, id, text)
				}
			}
			if x, y := w.account("Acme")["Description"], w.account("Blank")["Description"]; x != a || y != b {
				t.Errorf("full %v, %s: the target has %q and %q, want %q and %q", full, when, x, y, a, b)
			}
		}
		run()
		want("at first", "A lab", "A lab")
		for range 2 {
			w.edit("routes/qbench.yaml", good, bad)
			w.reload()
			run()
			if got := w.account("Acme")["Description"]; got != "Pays late" {
				t.Fatalf("full %v: %q under the wrong line", full, got)
			}
			w.edit("routes/qbench.yaml", bad, good)
			w.reload()
			run()
			want("after the line was corrected", "A lab", "A lab")
			before := len(w.written("Account"))
			run()
			if after := len(w.written("Account")); after != before {
				t.Errorf("full %v: another run wrote %d times", full, after-before)
			}
		}
	}
}

// C2.1: the same from Close, where a back-fill pass reads what a changed line is
// for.
func TestC2_1_WrongPullLineOfClose(t *testing.T) {
	const good, bad = "{remote: status_label, hub: stage}", "{remote: status_type, hub: stage}"
	w := newCloseWorld(t)
	lead := w.lead("Acme", 1)
	deal := w.cl.AddOpportunity(lead, closeiosim.Fields{})
	w.pullClose()
	right := valueOf(w.hub("opportunity", deal), "stage")
	for _, lines := range [][2]string{{good, bad}, {bad, good}} {
		w.edit(closeRoutes, lines[0], lines[1])
		w.load()
		w.restart()
		w.tick()
		w.pullClose()
		w.fillClose()
	}
	if got := valueOf(w.hub("opportunity", deal), "stage"); got != right || right == "" {
		t.Errorf("the stage is %q after the line was corrected, want %q", got, right)
	}
}

// C2.1: a line that is freed sends what it held back, in the next routine run, and
// what a person typed meanwhile stays. A line that did not change holds back as
// before.
func TestC2_1_LineFreed(t *testing.T) {
	for _, c := range []struct{ name, mode string }{
		{"never", ", write: never"},
		{"create_only", ", write: create_only"},
		{"fill_blank", ", write: fill_blank"},
		{"blanks", ", on_empty: ignore"},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, full %v", c.name, full), func(t *testing.T) {
				doors(t, func(t *testing.T, d *door) {
					lineFreed(d, c.mode, c.name == "blanks", full)
				})
			})
		}
	}
}

func lineFreed(d *door, mode string, blank, full bool) {
	sf, hs := "{remote: Description, hub: description", "{remote: description, hub: description"
	customers := make([]int64, 3)
	ids := make([]string, 3)
	for i := range customers {
		customers[i] = d.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
	}
	d.go1()
	d.go1(true)
	for i := range ids {
		ids[i] = d.id("account", "name", fmt.Sprintf("Acme %d", i))
	}
	d.remap([3]string{"routes/salesforce.yaml", sf + "}", sf + mode + "}"}, [3]string{hubspotRoutes, hs + "}", hs + mode + "}"})
	d.go1()
	due := "Bigger"
	if blank {
		due = ""
	}
	for _, id := range customers[:2] {
		_ = d.qb.UpdateCustomer(id, qbenchsim.Fields{"description": due})
	}
	d.go1()
	d.go1(full)
	d.want("account", ids[0], map[string]string{"description": "A lab"})
	d.wantIdle()
	d.tick()
	d.byHand("account", ids[1], map[string]string{"description": "typed"})
	d.byHand("account", ids[2], map[string]string{"description": "typed"})
	d.remap([3]string{"routes/salesforce.yaml", sf + mode + "}", sf + "}"}, [3]string{hubspotRoutes, hs + mode + "}", hs + "}"})
	d.go1()
	d.want("account", ids[0], map[string]string{"description": due})
	d.want("account", ids[1], map[string]string{"description": "typed"})
	d.want("account", ids[2], map[string]string{"description": "typed"})
	d.wantDiffers("account", ids[0])
	d.wantDiffers("account", ids[1], "drift typed")
	d.wantIdle()
	d.go1(true)
	d.want("account", ids[0], map[string]string{"description": due})
	d.wantDiffers("account", ids[0])
	d.wantIdle()
}

// C2.1: two lines that take turns in one field, with an edit between: each writes its
// own value, a blank too where its owner left it so.
func TestC2_1_LinesTakeTurns(t *testing.T) {
	a := [][3]string{{"routes/salesforce.yaml", "{remote: Description, hub: description}", ""}, {hubspotRoutes, "{remote: description, hub: description}", ""}}
	for name, other := range map[string]string{
		"on_change": "hub: addresses.BILLING.state, write: on_change", "create_only": "hub: addresses.BILLING.state", "enforce": "hub: addresses.BILLING.state, write: enforce",
	} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, together %v", name, together), func(t *testing.T) {
				doors(t, func(t *testing.T, d *door) {
					lines := map[bool][2]string{
						false: {"{remote: Description, hub: description}", "{remote: description, hub: description}"},
						true:  {"{remote: Description, " + other + "}", "{remote: description, " + other + "}"},
					}
					turn := func(to bool) {
						from := lines[!to]
						d.remap([3]string{a[0][0], from[0], lines[to][0]}, [3]string{a[1][0], from[1], lines[to][1]})
					}
					full := d.qb.AddCustomer(customer("Full"))
					blank := d.qb.AddCustomer(customer("Blank", qbenchsim.Fields{"state": ""}))
					edit := func(text string) {
						for _, id := range []int64{full, blank} {
							_ = d.qb.UpdateCustomer(id, qbenchsim.Fields{"description": text})
						}
					}
					d.go1()
					want := func(when, ofFull, ofBlank string) {
						t.Helper()
						d.want("account", d.id("account", "name", "Full"), map[string]string{"description": ofFull})
						d.want("account", d.id("account", "name", "Blank"), map[string]string{"description": ofBlank})
						if res, lines := d.audit(engine.AuditRequest{System: d.system}); res.Unexplained > 0 {
							t.Errorf("%s: %q", when, lines)
						}
						if t.Failed() {
							t.Fatal(when)
						}
					}
					state, none := "IL", ""
					if name == "create_only" {
						state, none = "second", "second"
					}
					edit("first")
					d.go1()
					turn(true)
					d.go1()
					if name == "create_only" {
						want("the other line", "first", "first")
					} else {
						want("the other line", "IL", "")
					}
					turn(false)
					if !together {
						d.go1()
					}
					edit("second")
					d.go1()
					want("the first line again", "second", "second")
					turn(true)
					d.go1()
					want("the other line again", state, none)
					d.go1(true)
					want("after a full run", state, none)
				})
			})
		}
	}
}
