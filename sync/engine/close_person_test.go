package engine_test

import (
	"fmt"
	"testing"

	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

func (w *closeWorld) hubID(object, key string) state.HubID {
	w.t.Helper()
	id, err := state.ParseHubID(w.hub(object, key).ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// R61: a lead held because its id changed under a shared account is
// another one once a person says so: it leaves that account and is the one that
// its id names, and its children go with it.
func TestR61_AnotherOneByAPersonsWord(t *testing.T) {
	w := newCloseWorld(t)
	acme, next := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Next"))
	w.pull()
	lead, contact, deal, _ := w.family("Acme", acme)
	w.pullClose()
	w.custom(lead, "AccountExternalID", fmt.Sprint(next))
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldIdentity)
	if err := w.eng.Unlink("close", "lead", w.hubID("account", fmt.Sprint(acme))); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pullClose()
	w.wantHeld("close")
	other := w.hub("account", fmt.Sprint(next))
	if got := linkOf(other, "close").Remote; got != lead {
		t.Errorf("the lead of the customer that its id names is %q", got)
	}
	w.tick()
	w.fullClose()
	for object, key := range map[string]string{"contact": contact, "opportunity": deal} {
		if got := valueOf(w.hub(object, key), "account"); got != other.ID {
			t.Errorf("the %s belongs to %q, want %s", object, got, other.ID)
		}
	}
}
