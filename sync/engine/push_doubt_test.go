package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
)

// afterUpdate does something when an update has taken effect.
type afterUpdate struct {
	providers.Writer
	do func() error
}

func (a *afterUpdate) Update(ctx context.Context, object string, p []record.Patch) ([]providers.Result, error) {
	res, err := a.Writer.Update(ctx, object, p)
	if lost := a.do(); lost != nil {
		return nil, lost
	}
	return res, err
}

// losses are the ways in which the answer to an update is lost.
func losses() map[string]func(d *door) func() error {
	return map[string]func(d *door) func() error{
		"killed": func(d *door) func() error {
			return func() error { d.cutAt = d.commits + 1; return nil }
		},
		"unknown":   func(*door) func() error { return failWith(providers.Unknown) },
		"transient": func(*door) func() error { return failWith(providers.Transient) },
		// Something between refuses what the system took.
		"denied":   func(*door) func() error { return failWith(providers.Denied) },
		"rejected": func(*door) func() error { return failWith(providers.Rejected) },
	}
}

func failWith(kind providers.Kind) func() error {
	return func() error { return providers.Errorf(kind, "update", "no answer came") }
}

// losing makes the next run lose the answers of its updates, and then go on as a
// new process.
func (d *door) losing(loss func(d *door) func() error, run func()) {
	d.wrap = func(s *engine.System) {
		if s.Name == d.system && s.Writer != nil {
			s.Writer = &afterUpdate{s.Writer, loss(d)}
		}
	}
	d.build()
	run()
	d.cutAt, d.wrap = 0, nil
	d.restart()
}

// F8, C2.1: an update whose answer never came is not forgotten. Where the hub's
// value or the line went back meanwhile, the next run reads the record, and writes
// what is right. Until then audit and status say that it is to be read.
func TestF8_UpdateWithoutAnswer(t *testing.T) {
	sf, hs := "{remote: Description, hub: description}", "{remote: description, hub: description}"
	wrongSF, wrongHS := "{remote: Description, hub: name}", "{remote: description, hub: name}"
	for name, loss := range losses() {
		t.Run(name, func(t *testing.T) {
			doors(t, func(t *testing.T, d *door) {
				acme := d.qb.AddCustomer(customer("Acme"))
				d.go1()
				id := d.id("account", "name", "Acme")
				say := func(text string) { _ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": text}) }
				explained := func(what string) {
					t.Helper()
					if res, lines := d.audit(engine.AuditRequest{System: d.system}); res.Unexplained > 0 {
						t.Errorf("audit while %q stands there: %q", what, lines)
					}
					if st, err := d.eng.Standing(d.system); err != nil || st.Unread != 1 {
						t.Errorf("%v, while %q stands there: %+v", err, what, st)
					}
				}
				lose := func(what string) {
					t.Helper()
					d.losing(loss, func() { _ = d.try(false) })
					d.want("account", id, map[string]string{"description": what})
					explained(what)
				}
				// The value goes back.
				say("Wrong")
				lose("Wrong")
				say("A lab")
				d.tick()
				d.pull()
				explained("Wrong")
				d.go1()
				d.want("account", id, map[string]string{"description": "A lab"})
				// It stays: nothing is written twice, and it is in the journal.
				say("Right")
				lose("Right")
				run, err := d.eng.Push(t.Context(), engine.Request{System: d.system, Trigger: "test"})
				if err != nil || run.Counts["updated"] != 0 {
					t.Errorf("%v, counts %v, of what stands there already", err, run.Counts)
				}
				if found := d.changed(engine.ChangesFilter{Run: run.ID}); len(found) != 1 || !strings.Contains(found[0], "Right") {
					t.Errorf("the journal says %q", found)
				}
				// The line goes back.
				d.remap([3]string{"routes/salesforce.yaml", sf, wrongSF}, [3]string{hubspotRoutes, hs, wrongHS})
				lose("Acme")
				d.remap([3]string{"routes/salesforce.yaml", wrongSF, sf}, [3]string{hubspotRoutes, wrongHS, hs})
				explained("Acme")
				d.go1()
				d.want("account", id, map[string]string{"description": "Right"})
				// A person's edit of what was sent stays.
				say("Sent")
				lose("Sent")
				d.byHand("account", id, map[string]string{"description": "By hand"})
				say("Right")
				d.go1()
				d.want("account", id, map[string]string{"description": "By hand"})
			})
		})
	}
}

// heldBack keeps an update back that the caller gave up on.
type heldBack struct {
	providers.Writer
	late func() error
}

func (h *heldBack) Update(ctx context.Context, object string, p []record.Patch) ([]providers.Result, error) {
	h.late = func() error { _, err := h.Writer.Update(context.WithoutCancel(ctx), object, p); return err }
	return nil, providers.Errorf(providers.Unknown, "update", "no answer came")
}

// F8: a write that takes effect only after the next run has read the record is ours
// all the same, and is put right. What is known is not journaled twice.
func TestF8_UpdateThatLandsLate(t *testing.T) {
	for _, resent := range []bool{false, true} {
		doors(t, func(t *testing.T, d *door) {
			acme := d.qb.AddCustomer(customer("Acme"))
			d.go1()
			id := d.id("account", "name", "Acme")
			push := func(full bool) error {
				d.now = d.now.Add(time.Minute)
				d.pull()
				_, err := d.eng.Push(t.Context(), engine.Request{System: d.system, Full: full, Trigger: "test"})
				return err
			}
			say := func(text string) { _ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": text}) }
			back := &heldBack{}
			d.wrap = func(s *engine.System) {
				if s.Name == d.system && s.Writer != nil {
					back.Writer = s.Writer
					s.Writer = back
				}
			}
			d.build()
			say("Late")
			if err := push(false); err == nil {
				t.Fatal("nothing was lost")
			}
			d.wrap = nil
			d.restart()
			want := "A lab"
			if resent {
				want = "Newer"
			}
			say(want)
			if err := push(false); err != nil {
				t.Fatal(err)
			}
			d.want("account", id, map[string]string{"description": want})
			if err := back.late(); err != nil {
				t.Fatal(err)
			}
			d.want("account", id, map[string]string{"description": "Late"})
			if err := push(false); err != nil {
				t.Fatal(err)
			}
			d.want("account", id, map[string]string{"description": want})
			d.tick()
			d.go1()
			if st, err := d.eng.Standing(d.system); err != nil || st.Unread+st.Due != 0 {
				t.Errorf("%v, in the end: %+v", err, st)
			}
		})
	}
}

// F12: what a reading decided and a failed call did not write stays what it was
// decided to be. A clear of a value is none of a first meeting, where a blank says
// nothing.
func TestF12_ClearGoesOutAfterAFailedCall(t *testing.T) {
	for _, full := range []bool{false, true} {
		doors(t, func(t *testing.T, d *door) {
			acme := d.qb.AddCustomer(customer("Acme"))
			d.go1()
			id := d.id("account", "name", "Acme")
			_ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": ""})
			d.wrap = func(s *engine.System) {
				if s.Name == d.system && s.Writer != nil {
					s.Writer = deaf{s.Writer}
				}
			}
			d.build()
			if err := d.try(true); err == nil {
				t.Fatal("the call did not fail")
			}
			d.wrap = nil
			d.restart()
			d.go1(full)
			d.want("account", id, map[string]string{"description": ""})
			if l := d.one("account", acme).Links; slices.ContainsFunc(l, func(l engine.LinkView) bool { return len(l.Differs) > 0 && l.Differs[0].Reason == "blank_ignored" }) {
				t.Errorf("the clear is a difference that may stay: %+v", l)
			}
		})
	}
}

// deaf fails every update before it is made.
type deaf struct{ providers.Writer }

func (deaf) Update(context.Context, string, []record.Patch) ([]providers.Result, error) {
	return nil, providers.Errorf(providers.Broken, "update", "no call was made")
}

// F8: so is one that a line of another type sent.
func TestF8_UpdateOfAnotherType(t *testing.T) {
	const right, wrong = "{remote: description, hub: description}", "{remote: description, hub: account_id}"
	for name, loss := range losses() {
		t.Run(name, func(t *testing.T) {
			doors(t, func(t *testing.T, d *door) {
				if d.system != "hubspot" {
					return // Salesforce takes no id into a text area
				}
				acme := d.qb.AddCustomer(customer("Acme"))
				d.go1()
				id := d.id("account", "name", "Acme")
				d.remap([3]string{hubspotRoutes, right, wrong})
				d.losing(loss, func() { _ = d.try(false) })
				d.want("account", id, map[string]string{"description": fmt.Sprint(acme)})
				d.remap([3]string{hubspotRoutes, wrong, right})
				d.go1()
				d.want("account", id, map[string]string{"description": "A lab"})
			})
		})
	}
}

// F8: a lost write to a record that the filter keeps out by then is not forgotten: it
// is put right when the record is let in again.
func TestF8_UpdateOfARecordThatIsFilteredOut(t *testing.T) {
	filtered := func(w *world) {
		w.edit("routes/salesforce.yaml", "    hub: account\n    direction: push\n", "    hub: account\n    direction: push\n    filter: 'number_of_employees > 5'\n")
		w.edit(hubspotRoutes, "    hub: account\n    direction: push\n", "    hub: account\n    direction: push\n    filter: 'number_of_employees > 5'\n")
	}
	for name, loss := range losses() {
		t.Run(name, func(t *testing.T) {
			doors(t, func(t *testing.T, d *door) {
				acme := d.qb.AddCustomer(customer("Acme"))
				d.go1()
				id := d.id("account", "name", "Acme")
				_ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Wrong"})
				d.losing(loss, func() { _ = d.try(false) })
				_ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "A lab", employees: 1})
				d.go1()
				d.want("account", id, map[string]string{"description": "Wrong"})
				_ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{employees: 12})
				d.go1()
				d.want("account", id, map[string]string{"description": "A lab"})
			}, filtered)
		})
	}
}
