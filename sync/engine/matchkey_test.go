package engine_test

import (
	"strings"
	"testing"
)

// C5.6: a match key that Salesforce cannot filter by, or does not have, is refused
// by the live check with file, line and mend, before anything is written.
func TestC5_6_KeyThatCannotBeAsked(t *testing.T) {
	for key, says := range map[string]string{
		"{remote: Description, hub: description}": "cannot look records up by Account.Description (textarea)",
		"{remote: Nope__c, hub: website}":         `has no field "Nope__c"`,
	} {
		w := newWorld(t, unaudited("the key stays unfit"),
			edited("routes/salesforce.yaml", "      - {remote: Website, hub: website, compare: domain}\n", "      - "+key+"\n"))
		w.qb.AddCustomer(customer("Acme"))
		wrong, _ := w.findings("salesforce")
		if len(wrong) != 1 || !strings.Contains(wrong[0], says) || !strings.Contains(wrong[0], "routes/salesforce.yaml:") || !strings.Contains(wrong[0], "(") {
			t.Errorf("%s: the check says %q", key, wrong)
		}
		w.tick()
		w.pull()
		if _, err := w.tryPush(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: a run says %v", key, err)
		}
		w.wantCount("Account", 0)
	}
}
