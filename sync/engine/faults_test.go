package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// F8, D20: the answer to a create is lost after it took effect. No second
// record is made, the first is linked, and its create-only fields are not
// written again, whatever a person typed meanwhile.
func TestF8_LostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.fault("salesforce", "drop,method=POST,path=/composite/sobjects,after")
		w.tick()
		w.pull()
		_, _ = w.tryPush()
		w.clearFaults()
		ids := w.sf.Find("Account", "Name", "Acme")
		if len(ids) != 1 {
			t.Fatalf("%d accounts after the lost answer", len(ids))
		}
		if err := w.sf.SetField("Account", ids[0], "BillingCity", "Typed By Hand"); err != nil {
			t.Fatal(err)
		}
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
		w.restart()
		w.sync()
		w.wantCount("Account", 1)
		if a := w.account("Acme"); a["BillingCity"] != "Typed By Hand" || a["Description"] != "New" {
			t.Errorf("after the repeat: %v", a)
		}
		w.wantHeld("")
	})
}

// F8: the answer is lost and the look-up fails too: the record is held with an
// unknown outcome or waits under its intent, and the next run settles it.
func TestF8_LostAnswerAndLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.qb.AddCustomer(customer("Acme"))
		w.tick()
		w.pull()
		w.fault("salesforce", "drop,method=POST,path=/composite/sobjects")
		if _, err := w.tryPush(); err == nil {
			w.wantHeld("salesforce", "Account "+ledger.HoldUnknownOutcome)
		}
		w.clearFaults()
		w.wantCount("Account", 0)
		w.restart()
		w.sync()
		w.wantCount("Account", 1)
		w.wantHeld("")
	})
}

// fault arms a rule in one of the simulators.
func (w *world) fault(system, rule string) {
	w.t.Helper()
	add := w.qb.AddFault
	if system == "salesforce" {
		add = w.sf.AddFault
	}
	if err := add(rule); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clearFaults() {
	w.qb.Faults().Clear()
	w.sf.Faults().Clear()
}

// cutter fails every call from the n-th on, before or after it took effect, as
// a kill of the process would look from outside.
type cutter struct {
	next  http.RoundTripper
	at    int
	after bool
	calls int
}

func (c *cutter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls++
	if c.calls < c.at {
		return c.next.RoundTrip(r)
	}
	if c.calls == c.at && c.after {
		if resp, err := c.next.RoundTrip(r); err == nil {
			_ = resp.Body.Close()
		}
	}
	return nil, errors.New("cut")
}

// F8, F10, R157: a run that is cut at any call, before or after the call took
// effect, and started again ends in the same state.
func TestCutAtEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, after := range []bool{false, true} {
			for n := 1; n < 40; n++ {
				w := newWorld(t)
				for i := range 3 {
					id := w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
					w.qb.AddContact(person("Ann", "Lee", fmt.Sprintf("ann%d@acme.example", i)), id)
				}
				w.insert("Account", map[string]string{"Name": "old", "Website": "acme-1.example"})
				w.tick()
				w.pull()
				c := &cutter{next: w.sf.Transport(), at: n, after: after}
				w.sfTransport = c
				w.build()
				_, _ = w.tryPush()
				done := c.calls < n
				w.sfTransport = nil
				w.restart()
				for range 3 {
					w.sync()
				}
				w.wantCount("Account", 3)
				w.wantCount("Contact", 3)
				w.wantHeld("")
				for i := range 3 {
					if c := w.contact(fmt.Sprintf("ann%d@acme.example", i)); c["AccountId"] != w.account(fmt.Sprintf("Acme %d", i))["Id"] {
						t.Errorf("cut at call %d (after: %v): contact %d hangs elsewhere", n, after, i)
					}
				}
				_ = w.store.Close()
				if t.Failed() {
					t.Fatalf("cut at call %d, after it took effect: %v", n, after)
				}
				if done {
					break
				}
			}
		}
	})
}

// F16, F17, R157: a bad record of a batch is held with the vendor's code; the
// others are written, and it is not sent again unchanged.
func TestF16_BadRecordOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 5 {
			w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
		}
		bad := w.qb.AddCustomer(customer("Bad", qbenchsim.Fields{"industry": strings.Repeat("x", 300)}))
		w.sync()
		w.wantCount("Account", 5)
		w.wantHeld("salesforce", "Account "+ledger.HoldRejected)
		if d := w.held("salesforce")[0].Detail; !strings.Contains(d, "STRING_TOO_LONG") {
			t.Errorf("detail %q, want the vendor's code", d)
		}
		w.sf.ResetCalls()
		w.sync()
		if w.sf.Calls().Total() != 0 {
			t.Errorf("a refused record was sent again unchanged: %s", w.sf.Calls())
		}
		_ = w.qb.UpdateCustomer(bad, qbenchsim.Fields{"industry": "Food"})
		w.sync()
		w.wantCount("Account", 6)
		w.wantHeld("")
	})
}

// A record that fails in passing is tried by the next runs, three in all, then
// held; a position is never blocked by it.
func TestLockedRowIsTriedThreeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.sync()
		w.sf.LockRows(100, w.account("Acme")["Id"])
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
		for range 5 {
			w.sync()
		}
		w.wantHeld("salesforce", "Account "+ledger.HoldRejected)
		if h := w.held("salesforce")[0]; h.Attempts != 3 || h.Event != "" {
			t.Errorf("attempts %d, event %q: want three and then a hold", h.Attempts, h.Event)
		}
		w.sf.UnlockRows()
		w.push(true) // a full run tries each once more
		w.wantHeld("")
		if w.account("Acme")["Description"] != "New" {
			t.Error("the full run did not try it again")
		}
	})
}

// F22: a spent quota stops the run cleanly; nothing is held and the next slot
// goes on.
func TestF22_Quota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.qb.AddCustomer(customer("Acme"))
		w.tick()
		w.pull()
		w.sf.SetQuota(990, 1000)
		run, err := w.tryPush()
		if providers.KindOf(err) != providers.Budget || run.Status != engine.StatusBudget {
			t.Errorf("status %q, err %v", run.Status, err)
		}
		w.wantHeld("")
		w.wantCount("Account", 0)
		w.sf.SetQuota(10, 1000)
		w.now = w.now.Add(24 * time.Hour)
		w.build()
		w.sync()
		w.wantCount("Account", 1)
	})
}

// Hostile or broken answers end in an error, and nothing is lost.
func TestHostileAnswers(t *testing.T) {
	for _, answer := range []string{"html", "huge", "deep", "control", "empty", "truncate"} {
		for _, side := range []string{"qbench", "salesforce"} {
			t.Run(side+" "+answer, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { hostile(t, side, answer) })
			})
		}
	}
}

func hostile(t *testing.T, side, answer string) {
	w := newWorld(t)
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.qb.AddCustomer(customer("Best"))
	w.tick()
	if side == "salesforce" {
		w.pull()
	}
	w.fault(side, answer)
	var err error
	if side == "qbench" {
		_, err = w.eng.Pull(context.Background(), engine.Request{System: "qbench"})
	} else {
		_, err = w.tryPush()
	}
	if err == nil && len(w.held("salesforce")) == 0 {
		t.Error("a hostile answer was taken")
	}
	w.clearFaults()
	w.sync()
	w.sync()
	w.wantCount("Account", 2)
	w.wantHeld("")
}
