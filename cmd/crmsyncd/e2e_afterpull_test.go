package main_test

import (
	"strings"
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
)

// R16: a pull of any source sets the pushes off of what it changed, also where another
// system is the system of record of the object: a date that Close owns goes out at once.
func TestR16_PullOfAnOwnerSetsPushesOff(t *testing.T) {
	b := newCloseBed(t)
	b.edit("routes/salesforce.yaml", "# - {remote: Next_Renewal_Date__c, hub: next_renewal_date}", "- {remote: Next_Renewal_Date__c, hub: next_renewal_date}")
	b.seed(1)
	lead := b.cl.AddLead(closeiosim.Fields{"name": "Acme"})
	b.start()
	b.until("the first runs have ended", func() bool { return b.sf.Count("Account") == 1 && len(b.runsAnyCode()) >= 4 })
	if err := b.cl.SetCustom(lead, "AccountExternalID", b.sf.Records("Account")[0]["QBench_Id__c"]); err != nil {
		t.Fatal(err)
	}
	if err := b.cl.SetCustom(lead, "Renewal Date", "2027-03-04"); err != nil {
		t.Fatal(err)
	}
	b.want(0, "run", "--once", "--no-wait", "--system", "close")
	b.until("the date is in Salesforce", func() bool {
		return strings.Contains(b.sf.Records("Account")[0]["Next_Renewal_Date__c"], "2027-03-04")
	})
}
