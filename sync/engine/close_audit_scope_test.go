package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// R121, R123: a lead that returns, and what belongs to it, is read by the rules
// as they are now, though they changed while it was away.
func TestR123_RulesChangedWhileAway(t *testing.T) {
	const statuses = "{active: open, won: won, lost: lost}"
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprint("removed ", full), func(t *testing.T) {
			w := newCloseWorld(t)
			lead, _, deal, _ := w.family("Acme", "8")
			w.pullClose()
			w.custom(lead, "AccountExternalID", nil)
			w.pullClose()
			if full {
				w.fullClose()
			}
			w.edit(closeRoutes, statuses, "{active: won, won: open, lost: lost}")
			w.load()
			w.restart()
			w.tick()
			w.pullClose()
			w.fillClose()
			w.tick()
			w.custom(lead, "AccountExternalID", "8")
			w.pullClose()
			if got := w.hub("opportunity", deal); valueOf(got, "status") != "won" || linkOf(got, "close").State != "open" {
				t.Errorf("status %q, link %s", valueOf(got, "status"), linkOf(got, "close").State)
			}
		})
	}
}

// F11: a lead that was removed comes back as the one that another is merged
// into: the account is the other's, and what belongs to both belongs to it.
func TestF11_MergedIntoARemovedLead(t *testing.T) {
	w := newCloseWorld(t)
	gone, old, _, _ := w.family("Old", "7")
	lead, contact, _, _ := w.family("Acme", "8")
	w.pullClose()
	w.custom(gone, "AccountExternalID", nil)
	w.pullClose()
	w.fullClose()
	account := w.hub("account", "8")
	w.tick()
	w.pullClose()
	if err := w.cl.MergeLeads(lead, gone); err != nil {
		t.Fatal(err)
	}
	w.custom(gone, "AccountExternalID", "8")
	w.pullClose()
	w.tick()
	w.pullClose()
	if l := linkOf(w.hub("account", "hub:"+account.ID), "close"); l.Remote != gone || l.State != "open" {
		t.Errorf("the account's link: %+v", l)
	}
	for _, person := range []string{old, contact} {
		if v := w.hub("contact", person); valueOf(v, "account") != account.ID || linkOf(v, "close").State != "open" {
			t.Errorf("%s belongs to %q, want %q; %s", person, valueOf(v, "account"), account.ID, linkOf(v, "close").State)
		}
	}
	w.wantHeld("close")
}

// F11: the account of a lead that was merged away gets another lead: what a
// person was asked is answered.
func TestF11_HoldEndsWithANewLead(t *testing.T) {
	w := newCloseWorld(t)
	loser, winner := w.lead("Loser", "8"), w.lead("Winner", "9")
	w.pullClose()
	if err := w.cl.MergeLeads(loser, winner); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldMerged)
	again := w.lead("Again", "8")
	w.pullClose()
	if l := linkOf(w.hub("account", "8"), "close"); l.Remote != again || l.State != "open" {
		t.Errorf("%+v", l)
	}
	w.wantHeld("close")
}

// F11: merges A into B into C that are read at once, with B deleted or not
// known, leave one account and its contacts.
func TestF11_ChainOfMerges(t *testing.T) {
	w := newCloseWorld(t)
	a, pa, _, _ := w.family("A", "1")
	b, pb, _, _ := w.family("B", nil)
	c, pc, _, _ := w.family("C", nil)
	w.pullClose()
	id := w.hub("account", "1").ID
	for _, pair := range [][2]string{{a, b}, {b, c}} {
		w.now = w.now.Add(time.Minute)
		if err := w.cl.MergeLeads(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	w.custom(c, "AccountExternalID", "1")
	w.pullClose()
	w.tick()
	w.pullClose()
	if l := linkOf(w.hub("account", "hub:"+id), "close"); l.Remote != c || l.State != "open" || w.count("account") != 1 {
		t.Errorf("%+v, %d accounts", l, w.count("account"))
	}
	for _, person := range []string{pa, pb, pc} {
		if v := w.hub("contact", person); valueOf(v, "account") != id {
			t.Errorf("%s belongs to %q", person, valueOf(v, "account"))
		}
	}
	w.now = w.now.Add(time.Minute)
	d := w.lead("D", nil)
	if err := w.cl.MergeLeads(c, d); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	w.cl.DeleteLead(d)
	w.pullClose()
	w.pullClose()
	if l := linkOf(w.hub("account", "hub:"+id), "close"); l.State != "leaving" {
		t.Errorf("the account whose lead was merged and deleted: %+v", l)
	}
	w.wantHeld("close")
}

// R113, F6: users that the filter leaves out and records name stand in the hub
// as unknown; a full run does not take them for people who left.
func TestR113_PlaceholdersAreNoRemovals(t *testing.T) {
	w := newCloseWorld(t, edited(closeRoutes, "    # filter: is_active\n", "    filter: is_active\n"))
	lead := w.lead("Acme", "8")
	var deals []string
	for i := range 40 {
		user := w.cl.AddUser("Gone", fmt.Sprint(i), fmt.Sprintf("gone%d@acme.example", i))
		if err := w.cl.DepartUser(user); err != nil {
			t.Fatal(err)
		}
		deals = append(deals, w.cl.AddOpportunity(lead, closeiosim.Fields{"value": 1, "user_id": user}))
	}
	w.pullClose()
	w.pullClose()
	run := w.fullClose()
	if run.Counts["removed"] != 0 || run.Counts["leaving"] != 0 {
		t.Errorf("a full run: %v", run.Counts)
	}
	w.change(deals[0], closeiosim.Fields{"value": 2})
	run = w.pullClose()
	if run.Counts["placeholders"] != 0 || valueOf(w.hub("opportunity", deals[0]), "owner") == "" {
		t.Errorf("after it: %v", run.Counts)
	}
}

// R90, R121: a contact that passes a filter of its own enters with its lead.
func TestR121_FilteredChildrenEnter(t *testing.T) {
	w := newCloseWorld(t, edited(closeRoutes, "  - object: contact\n    hub: contact\n    direction: pull\n", "  - object: contact\n    hub: contact\n    direction: pull\n    filter: 'title != \"No\"'\n"))
	lead, contact, _, _ := w.family("Acme", nil)
	no := w.cl.AddContact(lead, closeiosim.Fields{"name": "No", "title": "No"})
	w.pullClose()
	w.tick()
	w.pullClose()
	w.tick()
	w.custom(lead, "AccountExternalID", "8")
	w.pullClose()
	if got := len(w.hubAll("contact", contact)); got != 1 {
		t.Errorf("the contact did not enter with its lead")
	}
	if got := len(w.hubAll("contact", no)); got != 0 {
		t.Errorf("the contact entered that its filter leaves out")
	}
}

// D5: of two records that are looked at again together, the first may wait for
// the second: it is not forgotten.
func TestD5_NotesOfOneBatch(t *testing.T) {
	w := newCloseWorld(t)
	z := w.lead("Z", "9")
	holder := w.lead("X", "8")
	w.pullClose()
	waits := w.lead("Y", nil)
	for waits > holder { // the one that waits must come first
		waits = w.lead("Y", nil)
	}
	w.custom(waits, "AccountExternalID", "8")
	w.pullClose()
	w.custom(holder, "AccountExternalID", "9") // where Z is
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldDuplicate, "lead "+ledger.HoldDuplicate)
	w.tick()
	w.pullClose()
	w.tick()
	w.custom(z, "AccountExternalID", "10")
	w.now = w.now.Add(10 * time.Minute)
	if _, err := w.eng.RetryHolds(engine.HoldFilter{System: "close"}, false); err != nil {
		t.Fatal(err)
	}
	w.mustPull(engine.Request{System: "close"})
	w.tick()
	w.pullClose()
	w.wantHeld("close")
	if a, b := linkOf(w.hub("account", "8"), "close").Remote, linkOf(w.hub("account", "9"), "close").Remote; a != waits || b != holder {
		t.Errorf("account 8 is %q, 9 is %q", a, b)
	}
}

// R89, R107: a child that came before its lead waits no longer once the lead
// turns out to be out of scope.
func TestR107_ChildOfALeadOutOfScope(t *testing.T) {
	w := newCloseWorld(t)
	w.family("Other", "7")
	w.pullClose()
	lead := w.lead("Prospect", nil)
	w.cl.AddContact(lead, closeiosim.Fields{"name": "Pat Lee"})
	w.now = w.now.Add(10 * time.Minute)
	w.mustPull(engine.Request{System: "close", Objects: []string{"contact"}})
	w.wantHeld("close", "contact "+ledger.HoldParentUnknown)
	w.tick()
	w.mustPull(engine.Request{System: "close", Objects: []string{"contact"}})
	w.mustPull(engine.Request{System: "close", Objects: []string{"lead"}})
	w.tick()
	w.pullClose()
	w.wantHeld("close")
}

// Leads whose ids are exchanged, two or three of them in a circle,
// do not wait for each other for ever.
func TestR61_ExchangedIDs(t *testing.T) {
	for _, n := range []int{2, 3, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newCloseWorld(t)
			var leads, contacts, hubs []string
			for i := range n {
				lead, contact, _, _ := w.family(fmt.Sprint("Lab ", i), 11+i)
				leads, contacts = append(leads, lead), append(contacts, contact)
			}
			w.pullClose()
			for i := range n {
				hubs = append(hubs, w.hub("account", fmt.Sprint(11+i)).ID)
			}
			for i := range n {
				w.custom(leads[i], "AccountExternalID", fmt.Sprint(11+(i+1)%n))
			}
			w.pullClose()
			w.tick()
			w.pullClose()
			w.wantHeld("close")
			for i := range n {
				v := w.hub("account", fmt.Sprint(11+(i+1)%n))
				if linkOf(v, "close").Remote != leads[i] || v.ID != hubs[i] {
					t.Errorf("account %d is %s with %q, want %s with %q", 11+(i+1)%n, v.ID, linkOf(v, "close").Remote, hubs[i], leads[i])
				}
				if got := valueOf(w.hub("contact", contacts[i]), "account"); got != hubs[i] {
					t.Errorf("the contact of lead %d belongs to %q", i, got)
				}
			}
		})
	}
}

// F7: a filter that changed while read records lay in the spool is still a
// changed filter: its removals wait for a plan.
func TestF7_FilterChangedWithRecordsInTheSpool(t *testing.T) {
	w := newCloseWorld(t, func(w *world) { w.spool = 5 })
	for i := range 230 {
		lead := w.lead(fmt.Sprintf("L%d", i), i+1)
		w.custom(lead, "Sync", []string{"Yes", "Yes", "Yes", "No"}[i%4])
		w.now = w.now.Add(time.Second)
	}
	w.tick()
	w.pullClose()
	for _, lead := range w.cl.IDs("lead") {
		w.change(lead, closeiosim.Fields{"name": "New " + lead})
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.tick()
	_, err := w.eng.Pull(ctx, engine.Request{System: "close", Full: true, GiveWay: func(context.Context) { cancel() }})
	if err == nil {
		t.Fatal("the run was not stopped")
	}
	w.guards.Removals = engine.Guard{Percent: 50, Floor: 1000}
	w.edit(closeRoutes, leadFilter, "filter: 'custom.Sync == \"Yes\"'\n")
	w.load()
	w.restart()
	w.tick()
	full, err := w.eng.Pull(t.Context(), engine.Request{System: "close", Full: true})
	if err == nil || full.Status != engine.StatusGuard || full.Counts["removed"] != 0 || w.count("account") != 230 || !strings.Contains(err.Error(), "57 of 230") {
		t.Errorf("%v: %s, %v, %d accounts", err, full.Status, full.Counts, w.count("account"))
	}
}

// R83, F24: a stop and a changed mapping lose no child that waits for a parent.
func TestR83_StoppedBeforeTheParentCame(t *testing.T) {
	w := newCloseWorld(t)
	child := w.lead("A child", "1")
	w.custom(child, "ParentExternalID", "7002")
	for i := range 230 {
		w.lead(fmt.Sprintf("L%d", i), 100+i)
		w.now = w.now.Add(time.Second)
	}
	w.tick()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := w.eng.Pull(ctx, engine.Request{System: "close", Objects: []string{"user", "lead"}, GiveWay: func(context.Context) {
		if len(w.hubAll("account", "1")) == 1 {
			cancel()
		}
	}}); err == nil {
		t.Fatal("the run was not stopped")
	}
	w.edit(closeRoutes, "      - {remote: custom.Renewal Date, hub: next_renewal_date}\n", "")
	w.load()
	w.restart()
	w.tick()
	w.pullClose()
	w.tick()
	w.lead("B parent", "7002")
	w.pullClose()
	w.tick()
	w.pullClose()
	if got := valueOf(w.hub("account", "1"), "parent"); got != w.hub("account", "7002").ID {
		t.Errorf("the parent is %q", got)
	}
	w.wantHeld("close")
}

// R83: a parent that gets another id is no longer the one that its children
// name.
func TestR83_ParentGetsAnotherID(t *testing.T) {
	w := newCloseWorld(t)
	parent, child := w.lead("Parent", "7001"), w.lead("Child", "7002")
	w.custom(child, "ParentExternalID", "7001")
	w.pullClose()
	w.tick()
	w.pullClose()
	w.tick()
	w.custom(parent, "AccountExternalID", "7003")
	w.pullClose()
	w.tick()
	next := w.lead("Next", "7001")
	w.pullClose()
	w.tick()
	w.pullClose()
	v := w.hub("account", "7001")
	if linkOf(v, "close").Remote != next {
		t.Fatalf("account 7001 is %+v", linkOf(v, "close"))
	}
	if got := valueOf(w.hub("account", "7002"), "parent"); got != v.ID {
		t.Errorf("the parent is %q, want %q", got, v.ID)
	}
	w.wantHeld("close")
}
