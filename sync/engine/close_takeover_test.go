package engine_test

import (
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
)

// R61, F11, C10.1: where another lead takes over the account of one that was
// lost from sight, the children of the former are looked at once more, also by
// a full run that finds them as they were: what belongs to no account any more
// does not stay with that one.
func TestChildrenOfALeadThatLostItsAccount(t *testing.T) {
	w := newCloseWorld(t)
	former, contact, deal, _ := w.family("Acme", "8")
	w.pullClose()
	if _, err := w.cl.AddRule(closeiosim.Rule{Object: "lead", Effect: "hide", Match: closeiosim.Match{"id": former}}); err != nil {
		t.Fatal(err)
	}
	w.lead("Other", "9")
	w.fullClose() // the lead is gone
	w.cl.ClearRules()
	w.custom(former, "AccountExternalID", nil)
	heir := w.lead("Acme again", "8")
	w.tick()
	w.fullClose()
	w.tick()
	w.fullClose()
	if got := linkOf(w.hub("account", "8"), "close").Remote; got != heir {
		t.Fatalf("account 8 is %q, want the heir %s", got, heir)
	}
	for object, remote := range map[string]string{"contact": contact, "opportunity": deal} {
		for _, v := range w.hubAll(object, remote) {
			if got := linkOf(v, "close").State; got == "open" {
				t.Errorf("the former lead's %s is %s and belongs to %q", object, got, valueOf(v, "account"))
			}
		}
	}
}
