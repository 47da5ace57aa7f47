package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/sync/engine"
)

// C17.6: after the clock was set back by a day, what a target shows of a person's
// edit is taken notice of as before, a lost write is settled, and the audit has
// nothing to ask: what we wrote by the old clock is no later than all that is read.
func TestClockSetBackAfterAPush(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		d.qb.AddCustomer(customer("Acme"))
		d.go1()
		d.go1(true)
		id := d.id("account", "name", "Acme")
		d.off = -24 * time.Hour
		d.byHand("account", id, map[string]string{"description": "typed"})
		d.go1(true)
		d.wantDiffers("account", id, "drift typed")
		if _, lines := d.audit(engine.AuditRequest{System: d.system}); len(lines) > 0 {
			t.Errorf("the audit asks: %q", lines)
		}
	})
}

// C17.6: so is what a source tells that we wrote to by the old clock.
func TestClockSetBackAfterAWriteToASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCloseWorld(t)
		lead := w.lead("Acme", "8")
		w.pullClose()
		w.now = w.now.Add(30 * time.Minute)
		w.wroteToLead(lead)
		w.off = -24 * time.Hour
		w.change(lead, closeiosim.Fields{"name": "Acme Two"})
		w.pullClose()
		if got := valueOf(w.hub("account", "8"), "name"); got != "Acme Two" {
			t.Errorf("name %q: a day of changes is not believed", got)
		}
		_ = w.store.Close()
	})
}
