package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
)

// wantResting fails unless just these fields rest, as system/object.field.
func (w *world) wantResting(want ...string) {
	w.t.Helper()
	got, err := w.eng.Resting("")
	if err != nil || !slices.Equal(got, want) {
		w.t.Errorf("resting: %q, %v; want %q", got, err, want)
	}
}

// logged has the engine write its log into a buffer.
func (w *world) logged() *bytes.Buffer {
	var b bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.build()
	return &b
}

// resting is a system of which a mapped field can be taken away and given back.
type resting struct {
	system, field string // the field as system/object.field
	world         func(*testing.T) (w *world, away func(bool) error, value func() string)
}

func restingSystems() map[string]resting {
	return map[string]resting{
		"a property of HubSpot is archived": {"hubspot", "hubspot/companies.description", func(t *testing.T) (*world, func(bool) error, func() string) {
			w, hs := bothTargets(t)
			return w, func(yes bool) error { return hs.ArchiveProperty("companies", "description", yes) },
				func() string { return w.hsOne(hs, "companies", "name", "Acme")["description"] }
		}},
		"a property of HubSpot becomes read-only": {"hubspot", "hubspot/companies.description", func(t *testing.T) (*world, func(bool) error, func() string) {
			w, hs := bothTargets(t)
			return w, func(yes bool) error { return hs.ProtectProperty("companies", "description", yes) },
				func() string { return w.hsOne(hs, "companies", "name", "Acme")["description"] }
		}},
		"a field of Salesforce is hidden": {"salesforce", "salesforce/Account.Description", func(t *testing.T) (*world, func(bool) error, func() string) {
			w := newWorld(t)
			return w, func(yes bool) error { return w.sf.HideField("Account", "Description", yes) },
				func() string { return w.account("Acme")["Description"] }
		}},
		"C5.5: a field of Salesforce is visible and not writable": {"salesforce", "salesforce/Account.Description", func(t *testing.T) (*world, func(bool) error, func() string) {
			w := newWorld(t)
			return w, func(yes bool) error { return w.sf.ProtectField("Account", "Description", yes) },
				func() string { return w.account("Acme")["Description"] }
		}},
	}
}

// C10.1, C10.2, C5.5, F19: a field that is gone, hidden or not writable rests and
// is named by every run, by status, held and plan; the others go on. It is
// looked for in every run, and what changed meanwhile goes out in the first run
// after it is back, without an edit of the files.
func TestC10_2_RestsUntilItIsBack(t *testing.T) {
	for name, c := range restingSystems() {
		t.Run(name, func(t *testing.T) {
			w, away, value := c.world(t)
			acme := w.qb.AddCustomer(customer("Acme"))
			push := func() {
				t.Helper()
				w.tick()
				w.pull()
				_, _ = w.eng.Push(context.Background(), engine.Request{System: c.system})
			}
			push()
			if err := away(true); err != nil {
				t.Fatal(err)
			}
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New", "industry": "Steel"})
			push() // one run may be red: it meets it
			push()
			w.wantResting(c.field)
			log := w.logged()
			push()
			if field := strings.SplitAfter(c.field, ".")[1]; !strings.Contains(log.String(), "WARN") || !strings.Contains(log.String(), "field="+field) {
				t.Errorf("a run says nothing of it: %s", log)
			}
			if s, err := w.eng.Standing(c.system); err != nil || len(s.Suspended) != 1 {
				t.Errorf("status names %q, %v", s.Suspended, err)
			}
			p, err := w.eng.Plan(t.Context(), engine.PlanRequest{})
			if err != nil || !slices.Equal(p.Resting, []string{c.field}) {
				t.Errorf("the plan says that %q rest, %v", p.Resting, err)
			}
			if got := value(); got != "A lab" {
				t.Errorf("there stands %q", got)
			}

			if err := away(false); err != nil {
				t.Fatal(err)
			}
			push()
			w.wantResting()
			if got := value(); got != "New" {
				t.Errorf("%q stands there in the first run after it is back", got)
			}
		})
	}
}

// C10.2: a live check that finds the field in order lets it join as well.
func TestC10_2_CheckLiveLetsItJoin(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.sf.HideField("Account", "Industry", true)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel"})
	w.tick()
	w.pull()
	_, _ = w.tryPush()
	w.sync()
	w.wantResting("salesforce/Account.Industry")
	if wrong, _ := w.findings("salesforce"); len(wrong) != 1 || !strings.Contains(wrong[0], "no field") {
		t.Errorf("the check says %q", wrong)
	}
	w.wantResting("salesforce/Account.Industry")
	_ = w.sf.HideField("Account", "Industry", false)
	if wrong, _ := w.findings("salesforce"); len(wrong) != 0 {
		t.Errorf("the check says %q", wrong)
	}
	w.wantResting()
	w.sync()
	if got := w.account("Acme")["Industry"]; got != "Steel" {
		t.Errorf("Industry %q", got)
	}
}

// C10.2, F19: a custom field of Close that is made again is read again, from the
// next pull on.
func TestC10_2_PulledFieldJoinsAgain(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	w.custom(lead, "Renewal Date", "2027-01-01")
	w.pullClose()
	if err := w.cl.DeleteCustomField("lead", "Renewal Date"); err != nil {
		t.Fatal(err)
	}
	w.change(lead, closeiosim.Fields{"name": "Acme Two"})
	w.pullClose()
	w.wantResting("close/lead.custom.Renewal Date")
	w.tick()
	w.fullClose()
	if _, err := w.cl.AddCustomField(closeiosim.CustomField{Name: "Renewal Date", Type: "date", Objects: []string{"lead"}}); err != nil {
		t.Fatal(err)
	}
	w.custom(lead, "Renewal Date", "2028-02-02")
	w.tick()
	w.pullClose()
	w.wantResting()
	w.fillClose()
	if got := valueOf(w.hub("account", "8"), "next_renewal_date"); got != "2028-02-02" {
		t.Errorf("after its return: %q", got)
	}
}

// C10.3, R66: a line that names a field which never existed is an error of the
// check and of every run, and rests in none.
func TestC10_3_NeverExistedIsAnError(t *testing.T) {
	for system, c := range map[string]struct {
		field, from, to string
		world           func(*testing.T, ...worldOption) *world
	}{
		"salesforce": {"Summary__c", "{remote: Description, hub: description}", "{remote: Summary__c, hub: description}", func(t *testing.T, o ...worldOption) *world { return newWorld(t, o...) }},
		"hubspot": {"summary_text", "{remote: description, hub: description}", "{remote: summary_text, hub: description}", func(t *testing.T, o ...worldOption) *world {
			w, _ := bothTargets(t, o...)
			return w
		}},
		"close": {"custom.Renewal Dte", "remote: custom.Renewal Date", "remote: custom.Renewal Dte", func(t *testing.T, o ...worldOption) *world { return newCloseWorld(t, o...).world }},
	} {
		t.Run(system, func(t *testing.T) {
			for _, later := range []bool{false, true} {
				file := "routes/" + system + ".yaml"
				spoil := func(w *world) {
					if strings.Contains(string(w.files[file].Data), c.from) {
						w.edit(file, c.from, c.to)
					}
				}
				opts := []worldOption{unaudited("a line stays unfit")}
				w := c.world(t, opts...)
				if later {
					w.qb.AddCustomer(customer("Acme"))
					if err := w.run(system); err != nil {
						t.Fatal(err)
					}
				}
				spoil(w)
				w.load()
				w.restart()
				w.qb.AddCustomer(customer("Best"))
				for range 2 {
					if err := w.run(system); err == nil || !strings.Contains(err.Error(), "has no field "+strconv.Quote(c.field)) {
						t.Errorf("a run (later: %v) says %v", later, err)
					}
				}
				w.wantResting()
				if wrong, _ := w.findings(system); len(wrong) == 0 {
					t.Error("the check fits")
				}
			}
		})
	}
}

// run pulls from QBench, and then runs a system in the flow that it has.
func (w *world) run(system string) error {
	w.t.Helper()
	w.tick()
	w.pull()
	one := w.eng.Push
	if pulls, _ := w.eng.Flows(system); pulls {
		one = w.eng.Pull
	}
	_, err := one(context.Background(), engine.Request{System: system, Trigger: "test"})
	return err
}
