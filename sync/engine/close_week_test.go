package engine_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// R118, R119, R120, R125, R126, R129, F3, F5, F11: a week of Close in virtual
// time: 672 routine runs and a full one at the weekend, while people work in
// Close and in QBench, calls fail and the process dies and starts again. Routine
// runs alone keep the hub as the two are, but for what only a full run may
// remove; Salesforce gets each customer once, and nothing else.
func TestAWeekOfClose(t *testing.T) {
	for _, seed := range weekSeeds() {
		synctest.Test(t, func(t *testing.T) {
			k := newWeek(t, seed)
			const runs = 7 * 24 * 4
			for i := range runs {
				k.people()
				k.weather(i)
				time.Sleep(15 * time.Minute)
				k.now = time.Now()
				full := k.now.Weekday() == time.Saturday && k.now.Hour() == 3 && k.now.Minute() < 15
				_, err := k.eng.Pull(t.Context(), engine.Request{System: "close", Full: full, Trigger: "schedule"})
				k.failed += min(1, len(fmt.Sprint(err))-len("<nil>"))
				if i%4 == 0 && err == nil {
					k.qbenchToSalesforce()
				}
				if k.cutAt > 0 || err != nil && k.dice.IntN(4) == 0 {
					k.cutAt = 0
					k.restart()
				}
			}
			k.cl.Faults().Clear()
			k.pull()
			for range 2 {
				time.Sleep(15 * time.Minute)
				k.now = time.Now()
				k.mustPull(engine.Request{System: "close"})
			}
			k.agrees(false)
			k.mustPull(engine.Request{System: "close", Full: true})
			k.agrees(true)
			k.pull()
			k.push()
			k.salesforceAgrees()
			both := 0
			if err := k.eng.ExportWithout("account", "", func(v engine.RecordView) error {
				both += min(1, len(linkOf(v, "close").Remote)*len(linkOf(v, "qbench").Remote))
				return nil
			}); err != nil || both == 0 {
				t.Errorf("%d accounts are held by both systems: %v", both, err)
			}
			if bad, err := k.store.Verify(t.Context(), nil); err != nil || len(bad) > 0 {
				t.Errorf("the state is not sound: %v %v", bad, err)
			}
			t.Logf("seed %d: %d things done, %d of %d runs failed, %v in Close, %d customers in QBench, %d accounts of both",
				seed, k.done, k.failed, runs, k.sizes(), len(k.customers), both)
			_ = k.store.Close()
		})
	}
}

// week is a world of Close with people in it.
type week struct {
	*closeWorld
	dice   *rand.Rand
	done   int
	failed int
	next   int
	users  []string

	mayHold []string        // reasons beside those that every week has
	apart   map[string]bool // leads that a person took from a customer

	customers map[int64]string // of QBench, with their names
}

func newWeek(t *testing.T, seed uint64) *week {
	k := &week{dice: rand.New(rand.NewPCG(seed, 7)), next: 100_000, customers: map[int64]string{}}
	k.closeWorld = newCloseWorld(t, edited("hub.yaml", renewalField, renewalField+
		"    - {name: deals, type: int, computed: {from: opportunity, where: \"end_date >= today\", pick: count(), when_none: '0'}}\n"),
		func(w *world) { w.now = time.Now(); w.guards.Removals.Floor = 1 << 20 })
	for _, u := range k.cl.Users() {
		k.users = append(k.users, u.ID)
	}
	for range 12 {
		k.newLead()
	}
	return k
}

func (k *week) sizes() map[string]int {
	out := map[string]int{}
	for _, object := range []string{"lead", "contact", "opportunity", "task"} {
		out[object] = len(k.cl.IDs(object))
	}
	return out
}

func (k *week) newLead() {
	k.next++
	lead := k.lead(fmt.Sprint("Lab ", k.next), nil)
	if k.dice.IntN(3) > 0 {
		k.custom(lead, "AccountExternalID", fmt.Sprint(k.next))
	}
}

// qbenchToSalesforce is the hourly part of the world.
func (k *week) qbenchToSalesforce() {
	_, err := k.eng.Pull(k.t.Context(), engine.Request{System: "qbench"})
	if err == nil {
		_, err = k.tryPush()
	}
	if err != nil && k.cutAt == 0 {
		k.t.Fatal(err)
	}
}

// salesforceAgrees fails unless Salesforce holds each customer once, with what
// QBench says.
func (k *week) salesforceAgrees() {
	k.t.Helper()
	k.wantCount("Account", len(k.qb.CustomerIDs()))
	for id, name := range k.customers {
		a := k.only("Account", "QBench_Id__c", fmt.Sprint(id))
		if a["Name"] != name {
			k.t.Errorf("account %d is called %q in Salesforce, want %q", id, a["Name"], name)
		}
	}
}

// freeCustomer returns a customer that no lead names, 0 where there is none.
func (k *week) freeCustomer() int64 {
	for _, id := range k.qb.CustomerIDs() {
		if len(k.cl.Find("lead", "custom.AccountExternalID", fmt.Sprint(id))) == 0 {
			return id
		}
	}
	return 0
}

// pick returns one record of an object, "" where there is none.
func (k *week) pick(object string) string {
	ids := k.cl.IDs(object)
	if len(ids) == 0 {
		return ""
	}
	return ids[k.dice.IntN(len(ids))]
}

// people do up to three things in a quarter of an hour, and often none.
func (k *week) people() {
	for range max(0, k.dice.IntN(6)-2) {
		k.done++
		k.next++
		lead := k.pick("lead")
		switch k.dice.IntN(18) {
		case 0:
			k.newLead()
		case 1:
			k.cl.AddContact(lead, closeiosim.Fields{"name": fmt.Sprint("Pat Lee", k.next)})
		case 2, 3:
			deal := k.cl.AddOpportunity(lead, closeiosim.Fields{"value": k.next * 100, "user_id": k.users[k.dice.IntN(len(k.users))]})
			k.custom(deal, "End Date", "2027-01-01")
		case 4:
			k.cl.AddTask(lead, closeiosim.Fields{"text": fmt.Sprint("Call ", k.next)})
		case 5:
			k.change(lead, closeiosim.Fields{"name": fmt.Sprint("Lab renamed ", k.next)})
		case 6:
			if k.cl.CustomFieldID("lead", "Renewal Date") != "" {
				k.custom(lead, "Renewal Date", fmt.Sprintf("2027-%02d-01", 1+k.dice.IntN(12)))
			}
		case 7:
			k.custom(lead, "AccountExternalID", fmt.Sprint(k.next)) // filled in, or changed
		case 8:
			k.custom(lead, "AccountExternalID", nil)
		case 9:
			if task := k.pick("task"); task != "" {
				k.change(task, closeiosim.Fields{"is_complete": k.dice.IntN(2) == 0})
			}
		case 10:
			if contact := k.pick("contact"); contact != "" {
				k.change(contact, closeiosim.Fields{"title": fmt.Sprint("Title ", k.next), "lead_id": lead})
			}
		case 11:
			k.cl.Delete(k.pick([]string{"contact", "opportunity", "task"}[k.dice.IntN(3)]))
		case 12:
			if other := k.pick("lead"); other != lead && k.dice.IntN(3) == 0 {
				_ = k.cl.MergeLeads(lead, other)
			}
		case 14, 15:
			name := fmt.Sprint("Customer ", k.next)
			k.customers[k.qb.AddCustomer(qbenchsim.Fields{"customer_name": name})] = name
		case 16:
			if id := k.freeCustomer(); id != 0 {
				k.custom(lead, "AccountExternalID", fmt.Sprint(id))
			}
		case 17:
			if ids := k.qb.CustomerIDs(); len(ids) > 0 {
				id := ids[k.dice.IntN(len(ids))]
				k.customers[id] = fmt.Sprint("Customer renamed ", k.next)
				_ = k.qb.UpdateCustomer(id, qbenchsim.Fields{"customer_name": k.customers[id]})
			}
		case 13:
			_ = k.cl.Touch(lead) // an e-mail came: updated, and nothing changed
		}
	}
}

// weather is what goes wrong.
func (k *week) weather(i int) {
	k.cl.Faults().Clear()
	switch {
	case i%23 == 11:
		k.fault("500,rate=0.3")
	case i%29 == 7:
		k.fault("drop,after,rate=0.2")
	case i%31 == 5:
		k.fault("truncate,rate=0.1")
	case i%37 == 3:
		k.commits, k.cutAt = 0, 1+k.dice.IntN(9)
	}
}

func (k *week) fault(rule string) {
	if err := k.cl.AddFault(rule); err != nil {
		k.t.Fatal(err)
	}
}

// agrees compares the hub with what Close holds, read from Close itself and not
// by our client. After a full run nothing is in the hub that Close does not have
// in scope.
func (k *week) agrees(full bool) {
	k.t.Helper()
	holds := map[string]string{}
	for _, h := range k.held("close") {
		holds[h.Remote] = h.Reason
	}
	inScope := map[string]map[string]string{} // lead → nothing, or its record
	for _, id := range k.cl.IDs("lead") {
		rec := k.cl.Record(id)
		external := k.field(rec, "custom."+k.cl.CustomFieldID("lead", "AccountExternalID"))
		if external == "" {
			k.absent("account", id, full)
			continue
		}
		inScope[id] = map[string]string{
			"name": k.field(rec, "display_name"), "account_id": external,
			"next_renewal_date": k.field(rec, "custom."+k.cl.CustomFieldID("lead", "Renewal Date")),
		}
		if k.mapping.Object("account").Field("deals") != nil {
			inScope[id]["deals"] = fmt.Sprint(len(k.cl.Children(id, "opportunity")))
		}
		if customer, err := strconv.ParseInt(external, 10, 64); err == nil && k.customers[customer] != "" {
			inScope[id]["name"] = k.customers[customer]
		}
		if k.mayHold != nil && slices.ContainsFunc(k.held("close"), func(h state.Hold) bool { return h.Object == "opportunity" }) {
			delete(inScope[id], "deals") // one that is held counts where it was
		}
		if k.apart[id] {
			delete(inScope[id], "name") // the customer's or its own
		}
		k.same("account", id, inScope[id], holds)
	}
	for object, hub := range map[string]string{"contact": "contact", "opportunity": "opportunity", "task": "task"} {
		for _, id := range k.cl.IDs(object) {
			rec := k.cl.Record(id)
			lead := k.field(rec, "lead_id")
			if inScope[lead] == nil || holds[lead] != "" {
				if inScope[lead] == nil && full { // till then they share the state of their lead
					k.absent(hub, id, full)
				}
				continue
			}
			want := map[string]string{"account": k.hubOf("account", lead)}
			switch object {
			case "contact":
				want["title"] = k.field(rec, "title")
			case "opportunity":
				want["end_date"] = k.field(rec, "custom."+k.cl.CustomFieldID("opportunity", "End Date"))
			case "task":
				want["subject"], want["status"] = k.field(rec, "text"), map[string]string{"true": "closed", "false": "open"}[k.field(rec, "is_complete")]
			}
			k.same(hub, id, want, holds)
		}
	}
	if full {
		k.nothingElse()
	}
}

// nothingElse fails where an open link names a record that Close does not have.
func (k *week) nothingElse() {
	for object, hub := range map[string]string{"lead": "account", "contact": "contact", "opportunity": "opportunity", "task": "task"} {
		there := k.cl.IDs(object)
		if err := k.eng.ExportWithout(hub, "", func(v engine.RecordView) error {
			if l := linkOf(v, "close"); l.State == "open" && !slices.Contains(there, l.Remote) {
				k.t.Errorf("%s %s is linked with %s, which Close does not have", hub, v.ID, l.Remote)
			}
			return nil
		}); err != nil {
			k.t.Error(err)
		}
	}
}

func (k *week) field(rec map[string]json.RawMessage, name string) string {
	text := string(rec[name])
	if text == "" || text == "null" {
		return ""
	}
	var s string
	if json.Unmarshal(rec[name], &s) == nil {
		return s
	}
	return text
}

func (k *week) hubOf(hub, remote string) string {
	for _, v := range k.hubAll(hub, remote) {
		if linkOf(v, "close").Remote == remote {
			return v.ID
		}
	}
	return ""
}

func (k *week) same(hub, remote string, want map[string]string, holds map[string]string) {
	k.t.Helper()
	if reason := holds[remote]; reason != "" {
		if !slices.Contains(append(k.mayHold, ledger.HoldIdentity, ledger.HoldDuplicate, ledger.HoldMerged), reason) {
			k.t.Errorf("%s %s is held: %s", hub, remote, reason)
		}
		return
	}
	hits := k.hubAll(hub, remote)
	if len(hits) != 1 || linkOf(hits[0], "close").State != "open" {
		k.t.Errorf("%d hub records of %s go by %s: %+v", len(hits), hub, remote, hits)
		return
	}
	for _, field := range slices.Sorted(maps.Keys(want)) {
		blank := slices.ContainsFunc(linkOf(hits[0], "close").Differs, func(d engine.DifferenceView) bool {
			return d.Field == field && d.Reason == plan.BlankIgnored.String() // of a lead that came to another's account
		})
		if got := valueOf(hits[0], field); strings.TrimSpace(got) != strings.TrimSpace(want[field]) && (!blank || want[field] != "") {
			k.t.Errorf("%s %s: %s is %q, want %q", hub, remote, field, got, want[field])
		}
	}
}

// absent fails where a record that is out of scope is in it. Before a full run
// it may be leaving.
func (k *week) absent(hub, remote string, full bool) {
	k.t.Helper()
	for _, v := range k.hubAll(hub, remote) {
		if l := linkOf(v, "close"); l.Remote == remote && (l.State == "open" || full && l.State != "closed") {
			k.t.Errorf("%s %s is out of scope, but its link is %s", hub, remote, l.State)
		}
	}
}

// weekSeeds are the weeks that are lived: one, or those that CRMSYNCD_WEEKS
// names, as "from-to", for a long search.
func weekSeeds() []uint64 {
	var from, to uint64
	if n, _ := fmt.Sscanf(os.Getenv("CRMSYNCD_WEEKS"), "%d-%d", &from, &to); n != 2 {
		return []uint64{1}
	}
	var out []uint64
	for seed := from; seed <= to; seed++ {
		out = append(out, seed)
	}
	return out
}
