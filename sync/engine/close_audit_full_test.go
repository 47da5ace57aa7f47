package engine_test

import (
	"context"
	"slices"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// F6: a record that the system refuses to show by id is not proven to be gone.
func TestF6_RefusedIsNotGone(t *testing.T) {
	refuses := true
	w := newCloseWorld(t, func(w *world) {
		w.wrap = func(s *engine.System) {
			if s.Name == "close" {
				s.Getter = refusing{s.Getter, &refuses}
			}
		}
	})
	w.lead("Other", "7")
	lead := w.lead("Acme", "8")
	w.pullClose()
	w.tick()
	end := w.cl.Forbid("/event/") // so that its deletion is not told
	w.cl.DeleteLead(lead)
	w.tick()
	if run := w.fullClose(); run.Counts["removed"] != 0 || w.leadState("8") != "open" {
		t.Errorf("%v, %s", run.Counts, w.leadState("8"))
	}
	refuses = false
	w.tick()
	if run := w.fullClose(); run.Counts["removed"] != 1 || run.Status != engine.StatusDone {
		t.Errorf("%s %v", run.Status, run.Counts)
	}
	end()
}

// refusing is a reader by id that says of each absent record that it may not be
// seen.
type refusing struct {
	providers.Getter
	on *bool
}

func (g refusing) Get(ctx context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	found, errs, err := g.Getter.Get(ctx, object, fields, ids)
	for _, id := range ids {
		if *g.on && !slices.ContainsFunc(found, func(r record.Record) bool { return r.ID == id }) {
			e := providers.Errorf(providers.Rejected, "get "+object, "may not be seen")
			e.Ref.ID = id
			errs = append(errs, e)
		}
	}
	return found, errs, err
}

// R107, R127: an account whose lead was removed gets another lead before what
// belonged to the first was removed: that does not stay with the account.
func TestR107_AnotherLeadTakesTheAccount(t *testing.T) {
	w := newCloseWorld(t)
	lead, contact, deal, _ := w.family("Acme", "8")
	w.pullClose()
	w.custom(lead, "AccountExternalID", nil)
	w.pullClose()
	w.tick()
	w.mustPull(engine.Request{System: "close", Full: true, Objects: []string{"lead"}})
	w.lead("Acme again", "8")
	w.pullClose()
	w.pullClose()
	for object, key := range map[string]string{"contact": contact, "opportunity": deal} {
		if got := w.linkState(object, key); got != "leaving" {
			t.Errorf("the %s of the first lead is %q", object, got)
		}
	}
	w.fullClose()
	for object, key := range map[string]string{"contact": contact, "opportunity": deal} {
		if got := w.linkState(object, key); got != "closed" {
			t.Errorf("the %s of the first lead is %q after a full run", object, got)
		}
	}
}

// A lead that was removed, came back with another's id, and is deleted then is
// held no longer.
func TestHoldOfARemovedLeadEnds(t *testing.T) {
	for _, told := range []bool{true, false} {
		w := newCloseWorld(t)
		lead, _ := w.lead("Acme", "8"), w.lead("Other", "9")
		w.pullClose()
		w.custom(lead, "AccountExternalID", nil)
		w.pullClose()
		w.fullClose()
		w.custom(lead, "AccountExternalID", "9")
		w.pullClose()
		w.wantHeld("close", "lead "+ledger.HoldDuplicate)
		w.tick()
		w.pullClose()
		if !told {
			defer w.cl.Forbid("/event/")()
		}
		w.cl.DeleteLead(lead)
		w.tick()
		w.pullClose()
		if !told {
			w.fullClose()
		}
		w.wantHeld("close")
	}
}

// A value that its owner changes leaves the other systems that hold the field
// behind: the audit tells that they do not own it, and finds nothing wrong. What
// stands in the hub and came from nobody stays unexplained.
func TestAuditOfAFieldThatItsOwnerMovedOn(t *testing.T) {
	w := newCloseWorld(t, unaudited("it changes a value behind our back"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.lead("Lead", acme)
	best := w.qb.AddCustomer(customer("Best"))
	w.lead("Best", best)
	w.pullClose() // the lead's name first, then its owner's
	w.pull()
	_ = w.qb.UpdateCustomer(best, qbenchsim.Fields{"customer_name": "Best Labs"})
	w.tick()
	w.pull()
	w.fullClose()
	res, lines := w.audit(engine.AuditRequest{System: "close", Object: "lead"})
	if len(lines) > 0 || !slices.Contains(counted(res), "close/lead tolerated not_owner 2") {
		t.Errorf("findings %v of %v", lines, counted(res))
	}
	if err := w.cl.EditQuietly(w.cl.IDs("lead")[0], closeiosim.Fields{"name": "Behind"}); err != nil {
		t.Fatal(err)
	}
	if _, lines = w.audit(engine.AuditRequest{System: "close", Object: "lead"}); len(lines) != 1 {
		t.Errorf("findings %v, want the name that changed behind our back", lines)
	}
}
