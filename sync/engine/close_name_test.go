package engine_test

import (
	"strings"
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/ledger"
)

// C8.4, R138, R140, R141: a customer of QBench without a name that is a lead as
// well is made in no target by the lead's name, be that one a name or the text
// that Close shows where there is none. It is made once QBench has one.
func TestC8_4_TheSystemOfRecordNames(t *testing.T) {
	for name, lead := range map[string]closeiosim.Fields{"a lead without a name": {"name": nil}, "a lead with one": {"name": "Acme of Close"}} {
		for _, field := range []string{"name", "display_name"} {
			t.Run(name+", by "+field, func(t *testing.T) {
				w := newCloseWorld(t, edited(closeRoutes, "{remote: display_name, hub: name}", "{remote: "+field+", hub: name}"))
				acme := w.qb.AddCustomer(customer(""))
				w.lead("", acme, lead)
				for range 2 {
					w.tick()
					w.pull()
					w.pullClose()
					w.pull()
					w.push()
				}
				w.wantCount("Account", 0)
				if len(w.held("salesforce"))+len(w.held("qbench")) == 0 {
					t.Error("nothing says why it is not made")
				}
				for _, h := range w.held("salesforce") {
					if h.Reason != ledger.HoldRequired || !strings.HasPrefix(h.Detail, "name (qbench has none") {
						t.Errorf("held %+v", h)
					}
				}
				_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"customer_name": "Acme of Close"})
				w.sync()
				w.wantCount("Account", 1)
				w.account("Acme of Close")
				w.tick()
				w.fullClose()
				w.wantHeld("")
			})
		}
	}
}

// C8.4: an account that the system of record does not hold is made where its own
// system may make it, by that system's name.
func TestC8_4_OtherSourcesNameTheirOwn(t *testing.T) {
	w := newCloseWorld(t, edited("routes/salesforce.yaml", "    create_needs: [name]\n", "    create_needs: [name]\n    create_from: [qbench, close]\n"))
	w.lead("Acme", "77")
	w.tick()
	w.pullClose()
	w.push()
	w.account("Acme")
}
