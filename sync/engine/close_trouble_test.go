package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// R83, R111, R113, R121, R122, R124, R127, R128, F11, F19: two days in which
// people also exchange ids, name parents, leave the company and do what a person
// may to links and holds, while fields come and go in Close and in the mapping,
// filters change, passes and full runs are broken off and give way. In the end
// the hub is what Close is, or says why not.
func TestDaysOfTrouble(t *testing.T) {
	for _, seed := range weekSeeds() {
		synctest.Test(t, func(t *testing.T) {
			k := &trouble{week: newWeek(t, 1000+seed), renewal: true}
			k.apart = map[string]bool{}
			k.mayHold = []string{ledger.HoldParentUnknown, ledger.HoldBadValue, ledger.HoldAmbiguous}
			const runs = 2 * 24 * 4
			for i := range runs {
				k.people()
				k.more()
				k.weather(i)
				time.Sleep(15 * time.Minute)
				k.now = time.Now()
				k.run(i)
				if k.cutAt > 0 {
					k.cutAt = 0
					k.restart()
				}
			}
			k.calm()
			k.agrees(false)
			k.parents()
			k.fullAccepted()
			k.tellsNothing()
			k.agrees(true)
			k.parents()
			if bad, err := k.store.Verify(t.Context(), nil); err != nil || len(bad) > 0 {
				t.Errorf("the state is not sound: %v %v", bad, err)
			}
			t.Logf("seed %d: %d things done, %d of %d runs failed, %v held", seed, k.done, k.failed, runs, len(k.held("close")))
			_ = k.store.Close()
		})
	}
}

// trouble is a week with more in it.
type trouble struct {
	*week
	renewal  bool // the custom field is there
	narrow   bool // the filter asks for more
	describe bool // the description is mapped
}

// calm ends all trouble and lets everything settle.
func (k *trouble) calm() {
	k.t.Helper()
	k.cl.Faults().Clear()
	if !k.renewal {
		k.toggleRenewal()
	}
	if k.narrow {
		k.toggleFilter()
	}
	time.Sleep(25 * time.Hour) // what a check remembers
	for range 4 {
		time.Sleep(15 * time.Minute)
		k.now = time.Now()
		k.pull()
		k.mustPull(engine.Request{System: "close"})
		k.mustPull(engine.Request{System: "close", Backfill: true})
	}
	if behind, err := k.eng.Behind("close"); err != nil || len(behind) > 0 {
		k.t.Errorf("still behind: %v %v", behind, err)
	}
}

// run is one run: mostly a routine one, else a pass or a full run, in which
// routine runs go first and which may be broken off.
func (k *trouble) run(i int) {
	req := engine.Request{System: "close", Trigger: "schedule", Full: i%40 == 13, Backfill: i%6 == 4}
	ctx, cancel := context.WithCancel(k.t.Context())
	defer cancel()
	if req.Full || req.Backfill {
		req.GiveWay = func(ctx context.Context) {
			if k.dice.IntN(12) == 0 {
				cancel()
				return
			}
			k.people()
			time.Sleep(time.Duration(k.dice.IntN(10)) * time.Minute)
			k.now = time.Now()
			_, _ = k.eng.Pull(ctx, engine.Request{System: "close", Trigger: "schedule"})
		}
	}
	_, err := k.eng.Pull(ctx, req)
	k.failed += min(1, len(fmt.Sprint(err))-len("<nil>"))
	if i%4 == 0 {
		_, _ = k.eng.Pull(k.t.Context(), engine.Request{System: "qbench"})
	}
}

func (k *trouble) more() {
	lead, other := k.pick("lead"), k.pick("lead")
	id := func(lead string) string {
		return k.field(k.cl.Record(lead), "custom."+k.cl.CustomFieldID("lead", "AccountExternalID"))
	}
	switch k.dice.IntN(14) {
	case 0: // exchanged
		a, b := id(lead), id(other)
		if a != "" && b != "" {
			k.custom(lead, "AccountExternalID", b)
			k.custom(other, "AccountExternalID", a)
		}
	case 1: // twice
		if a := id(other); a != "" {
			k.custom(lead, "AccountExternalID", a)
		}
	case 2, 3:
		k.custom(lead, "ParentExternalID", nil)
		if a := id(other); a != "" {
			k.custom(lead, "ParentExternalID", a)
		}
	case 4:
		user := k.users[k.dice.IntN(len(k.users))]
		if k.dice.IntN(2) == 0 {
			_ = k.cl.DepartUser(user)
		} else {
			_ = k.cl.ReturnUser(user)
		}
	case 5:
		k.person(lead)
	case 6:
		if k.dice.IntN(3) == 0 {
			k.toggleRenewal()
		}
	case 7:
		if k.dice.IntN(3) == 0 {
			k.toggleFilter()
		}
	case 8:
		if k.dice.IntN(2) == 0 {
			k.toggleDescription()
		}
	case 9:
		k.change(lead, closeiosim.Fields{"description": fmt.Sprint("About ", k.next)})
	case 10:
		k.cl.DeleteLead(lead)
		k.newLead()
	case 11:
		_, _ = k.eng.RetryHolds(engine.HoldFilter{System: "close"}, false)
	}
}

// person unlinks a lead that is held or shares its account.
func (k *trouble) person(lead string) {
	for _, v := range k.hubAll("account", lead) {
		if l := linkOf(v, "close"); l.Remote != lead || l.State == "closed" || linkOf(v, "qbench").State == "" {
			continue
		}
		id, err := state.ParseHubID(v.ID)
		if err == nil {
			k.apart[lead] = true
			err = k.eng.Unlink("close", "lead", id)
		}
		if err != nil && k.cutAt == 0 {
			k.t.Fatal(err)
		}
	}
}

func (k *trouble) toggleRenewal() {
	k.renewal = !k.renewal
	if !k.renewal {
		if err := k.cl.DeleteCustomField("lead", "Renewal Date"); err != nil {
			k.t.Fatal(err)
		}
		return
	}
	if _, err := k.cl.AddCustomField(closeiosim.CustomField{Name: "Renewal Date", Type: "date", Objects: []string{"lead"}}); err != nil {
		k.t.Fatal(err)
	}
	for _, lead := range k.cl.IDs("lead") {
		k.custom(lead, "Renewal Date", fmt.Sprintf("2028-%02d-01", 1+k.dice.IntN(12)))
	}
}

func (k *trouble) toggleFilter() {
	wide, narrow := leadFilter, "filter: 'custom.AccountExternalID != nil and not (display_name contains \"renamed\")'\n"
	if k.narrow {
		wide, narrow = narrow, wide
	}
	k.narrow = !k.narrow
	k.edit(closeRoutes, wide, narrow)
	k.load()
	k.restart()
}

func (k *trouble) toggleDescription() {
	off, on := industryRule, "      - {remote: description, hub: description}\n"
	if k.describe {
		off, on = on, off
	}
	k.describe = !k.describe
	k.edit(closeRoutes, off, on)
	k.load()
	k.restart()
}

// parents compares the parents of all leads that are not held.
func (k *trouble) parents() {
	k.t.Helper()
	held := map[string]bool{}
	for _, h := range k.held("close") {
		held[h.Remote] = true
	}
	for _, lead := range k.cl.IDs("lead") {
		rec := k.cl.Record(lead)
		hits := k.hubAll("account", lead)
		if held[lead] || len(hits) != 1 || linkOf(hits[0], "close").State != "open" {
			continue
		}
		got, want := "", k.field(rec, "custom."+k.cl.CustomFieldID("lead", "ParentExternalID"))
		if p := valueOf(hits[0], "parent"); p != "" {
			got = valueOf(k.hub("account", "hub:"+p), "account_id")
		}
		if got != want && (want != "" || !blankIgnored(hits[0], "parent")) {
			k.t.Errorf("the parent of %s is %q, want %q", lead, got, want)
		}
		if about := k.field(rec, "description"); k.describe && linkOf(hits[0], "qbench").State == "" && valueOf(hits[0], "description") != about &&
			(about != "" || !blankIgnored(hits[0], "description")) {
			k.t.Errorf("the description of %s is %q, want %q", lead, valueOf(hits[0], "description"), about)
		}
	}
}

// blankIgnored reports whether a blank of a lead left the value of an account that
// it came to.
func blankIgnored(v engine.RecordView, field string) bool {
	return slices.ContainsFunc(linkOf(v, "close").Differs, func(d engine.DifferenceView) bool {
		return d.Field == field && d.Reason == plan.BlankIgnored.String()
	})
}

// fullAccepted is a full run whose removals a person lets through: the filter is
// not always the one of the full run before.
func (k *trouble) fullAccepted() {
	k.t.Helper()
	run, err := k.eng.Pull(k.t.Context(), engine.Request{System: "close", Full: true})
	if errors.Is(err, engine.ErrGuard) {
		if _, err := k.eng.Accept(run.Plan); err != nil {
			k.t.Fatal(err)
		}
		_, err = k.eng.Pull(k.t.Context(), engine.Request{System: "close", Full: true})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// tellsNothing fails where something is held of a record that is gone.
func (k *trouble) tellsNothing() {
	k.t.Helper()
	for _, h := range k.held("close") {
		if h.Remote != "" && k.cl.Record(h.Remote) == nil {
			k.t.Errorf("held though it is gone: %+v", h)
		}
	}
}
