package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

const industryRule = "      # - {remote: description, hub: description}\n"

// R122, R123, R124: a field that is new in the mapping has only its own object
// read again, in the background, while routine runs go on; a stop in between
// costs nothing.
func TestR123_NewFieldReadsItsObjectAlone(t *testing.T) {
	w := newCloseWorld(t)
	var leads []string
	for i := range 450 {
		lead := w.lead(fmt.Sprintf("L%03d", i), i+1, closeiosim.Fields{"description": fmt.Sprintf("About %d", i)})
		w.cl.AddContact(lead, closeiosim.Fields{"name": "P"})
		leads = append(leads, lead)
		w.now = w.now.Add(time.Second)
	}
	w.now = w.now.Add(10 * time.Minute)
	w.lead("Last", 999)
	w.pullClose()
	w.edit(closeRoutes, industryRule, "      - {remote: description, hub: description}\n")
	w.load()
	w.restart()
	w.tick()
	w.change(leads[7], closeiosim.Fields{"description": "Edited"})
	run := w.pullClose()
	if got := valueOf(w.hub("account", "8"), "description"); got != "Edited" || run.Calls["read"] > 12 {
		t.Errorf("the routine run beside the pass: %q with %v", got, run.Calls)
	}
	if got := valueOf(w.hub("account", "9"), "description"); got != "" {
		t.Errorf("description %q before the pass", got)
	}
	// The pass is stopped after its second page and goes on there.
	ctx, cancel := context.WithCancel(t.Context())
	pages := 0
	stopped, err := w.eng.Pull(ctx, engine.Request{System: "close", Backfill: true, GiveWay: func(context.Context) {
		if pages++; pages == 2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the stopped pass: %v", err)
	}
	passes, err := w.eng.BehindPasses("close")
	if err != nil || len(passes) != 1 || passes[0].Object != "lead" || !slices.Equal(passes[0].Fields, []string{"description"}) || passes[0].Read == 0 || passes[0].Began.IsZero() {
		t.Fatalf("the pass: %+v %v", passes, err)
	}
	w.restart()
	w.tick()
	w.pullClose()
	rest := w.fillClose()
	for _, r := range [...]int{len(stopped.Objects), len(rest.Objects)} {
		if r != 1 {
			t.Errorf("%d objects were read, want the leads alone", r)
		}
	}
	if sum := stopped.Counts["read"] + rest.Counts["read"]; sum > 460 {
		t.Errorf("%d records read in both parts, want each once", sum)
	}
	for i := range leads {
		want := fmt.Sprintf("About %d", i)
		if i == 7 {
			want = "Edited"
		}
		if got := valueOf(w.hub("account", fmt.Sprint(i+1)), "description"); got != want {
			t.Fatalf("lead %d: description %q, want %q", i, got, want)
		}
	}
	if behind, _ := w.eng.Behind("close"); len(behind) != 0 {
		t.Errorf("still behind: %v", behind)
	}
}

// F19: a custom field that is deleted in Close is not read as blank: it rests,
// the others go on, and once it is back everything is read for it.
func TestF19_DeletedCustomField(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	w.custom(lead, "Renewal Date", "2027-01-01")
	w.pullClose()
	if err := w.cl.DeleteCustomField("lead", "Renewal Date"); err != nil {
		t.Fatal(err)
	}
	w.change(lead, closeiosim.Fields{"name": "Acme Two"})
	w.pullClose()
	got := w.hub("account", "8")
	if valueOf(got, "next_renewal_date") != "2027-01-01" || valueOf(got, "name") != "Acme Two" {
		t.Errorf("renewal %q, name %q", valueOf(got, "next_renewal_date"), valueOf(got, "name"))
	}
	w.tick()
	w.fullClose()
	if got := valueOf(w.hub("account", "8"), "next_renewal_date"); got != "2027-01-01" {
		t.Errorf("a full run cleared it: %q", got)
	}
	if _, err := w.cl.AddCustomField(closeiosim.CustomField{Name: "Renewal Date", Type: "date", Objects: []string{"lead"}}); err != nil {
		t.Fatal(err)
	}
	w.custom(lead, "Renewal Date", "2028-02-02")
	w.now = w.now.Add(25 * time.Hour) // the checks are remembered for a day
	w.pullClose()
	if behind, _ := w.eng.BehindPasses("close"); len(behind) != 1 || !slices.Equal(behind[0].Fields, []string{"next_renewal_date"}) {
		t.Errorf("what changed while the field was away is not read again: %+v", behind)
	}
	w.fillClose()
	if got := valueOf(w.hub("account", "8"), "next_renewal_date"); got != "2028-02-02" {
		t.Errorf("after its return: %q", got)
	}
}

// F19: a rename in Close is noticed and explained with the new name; writing
// that into the mapping goes on where it was.
func TestF19_RenamedCustomField(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	w.custom(lead, "Renewal Date", "2027-01-01")
	w.pullClose()
	if err := w.cl.RenameCustomField("lead", "Renewal Date", "Next Renewal"); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	_, findings, err := w.eng.Check(t.Context(), "close")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(findings, func(f engine.Finding) bool {
		return f.Field == "custom.Renewal Date" && strings.Contains(f.Message, `called "custom.Next Renewal" now`) && strings.Contains(f.Mend, "routes/close.yaml")
	}) {
		t.Errorf("the rename is not explained: %v", findings)
	}
	if got := valueOf(w.hub("account", "8"), "next_renewal_date"); got != "2027-01-01" {
		t.Errorf("a rename cleared it: %q", got)
	}
	w.edit(closeRoutes, "remote: custom.Renewal Date", "remote: custom.Next Renewal")
	w.load()
	w.restart()
	w.custom(lead, "Next Renewal", "2027-05-05")
	w.pullClose()
	w.fillClose()
	if got := valueOf(w.hub("account", "8"), "next_renewal_date"); got != "2027-05-05" {
		t.Errorf("under the new name: %q", got)
	}
}

// F12: an unset custom field is a blank of its owner and clears.
func TestF12_UnsetCustomFieldClears(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	w.custom(lead, "Renewal Date", "2027-01-01")
	w.pullClose()
	w.custom(lead, "Renewal Date", nil)
	w.pullClose()
	if got := valueOf(w.hub("account", "8"), "next_renewal_date"); got != "" {
		t.Errorf("renewal %q, want it cleared", got)
	}
}

const renewalField = "    - {name: next_renewal_date, wins: close}\n"

// computedWorld is a world in which the renewal date is worked out from the
// opportunities that run today.
func computedWorld(t *testing.T, whenNone string) *closeWorld {
	return newCloseWorld(t, edited("hub.yaml", renewalField,
		"    - {name: next_renewal_date, computed: {from: opportunity, where: \"start_date < today && end_date >= today\", pick: max(end_date), when_none: '"+whenNone+"'}}\n"),
		func(w *world) {
			w.edit(closeRoutes, "      - {remote: custom.Renewal Date, hub: next_renewal_date}\n", "")
		})
}

func (w *closeWorld) deal(lead, from, to string) string {
	id := w.cl.AddOpportunity(lead, closeiosim.Fields{"value": 1})
	w.custom(id, "Start Date", from)
	w.custom(id, "End Date", to)
	return id
}

func (w *closeWorld) renewal() string {
	return valueOf(w.hub("account", "8"), "next_renewal_date")
}

// R71, R72, R74: the renewal date follows the opportunities: the furthest end of
// those that run today, also when one changes, disappears or moves, though the
// lead is not flagged.
func TestR72_RenewalFromOpportunities(t *testing.T) {
	w := computedWorld(t, "clear")
	lead := w.lead("Acme", "8")
	near := w.deal(lead, "2026-01-01", "2027-01-31")
	far := w.deal(lead, "2026-06-01", "2027-06-30")
	w.deal(lead, "2027-01-01", "2029-12-31") // begins later
	w.pullClose()
	if got := w.renewal(); got != "2027-06-30" {
		t.Fatalf("renewal %q, want the furthest end", got)
	}
	if got := sourceOf(w.hub("account", "8"), "next_renewal_date"); got != "computed" {
		t.Errorf("the source is %q", got)
	}
	w.custom(near, "End Date", "2028-01-31")
	w.pullClose()
	if got := w.renewal(); got != "2028-01-31" {
		t.Errorf("renewal %q after a change", got)
	}
	w.cl.Delete(near)
	w.pullClose()
	if got := w.renewal(); got != "2027-06-30" {
		t.Errorf("renewal %q after the furthest was deleted", got)
	}
	other := w.lead("Other", "9")
	w.change(far, closeiosim.Fields{"lead_id": other})
	w.pullClose()
	if got := w.renewal(); got != "" {
		t.Errorf("renewal %q after the last one moved away, want it cleared (R75)", got)
	}
	if got := valueOf(w.hub("account", "9"), "next_renewal_date"); got != "2027-06-30" {
		t.Errorf("renewal %q where it moved to", got)
	}
}

// R73, D7: the result changes when the calendar moves and no record does: at
// midnight of the configured zone, not before.
func TestR73_CalendarMoves(t *testing.T) {
	for rule, want := range map[string]string{"clear": "", "keep": "2026-11-22", "2030-01-01": "2030-01-01"} {
		t.Run(rule, func(t *testing.T) {
			w := computedWorld(t, rule)
			lead := w.lead("Acme", "8")
			w.deal(lead, "2026-11-21", "2026-12-24") // begins on the 22nd: its start must lie before today
			w.deal(lead, "2026-01-01", "2026-11-22")
			w.pullClose() // on the 20th
			if got := w.renewal(); got != "2026-11-22" {
				t.Fatalf("renewal %q on the 20th", got)
			}
			turn := func(at time.Time, changes bool) {
				t.Helper()
				w.now = at
				changed, err := w.eng.Turn(t.Context())
				if err != nil || changed != changes {
					t.Errorf("the turn of %s: %t %v, want %t", at, changed, err, changes)
				}
			}
			turn(time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC), false)
			if got := w.renewal(); got != "2026-11-22" {
				t.Errorf("renewal %q before midnight", got)
			}
			turn(time.Date(2026, 11, 22, 0, 0, 1, 0, time.UTC), true)
			if got := w.renewal(); got != "2026-12-24" {
				t.Errorf("renewal %q on the 22nd", got)
			}
			w.cl.Delete(w.cl.Children(lead, "opportunity")[0])
			w.cl.Delete(w.cl.Children(lead, "opportunity")[0])
			w.pullClose()
			if rule == "keep" {
				want = "2026-12-24"
			}
			if got := w.renewal(); got != want {
				t.Errorf("renewal %q when none counts and the rule says %s", got, rule)
			}
		})
	}
}

// R71, R122: a computed field that is new or changed is worked out for every
// account; no system is read for it.
func TestR71_NewComputedField(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	w.deal(lead, "2026-01-01", "2027-01-31")
	w.custom(lead, "Renewal Date", "2031-01-01")
	w.pullClose()
	w.edit("hub.yaml", renewalField, "    - {name: next_renewal_date, computed: {from: opportunity, where: \"end_date >= today\", pick: max(end_date), when_none: keep}}\n")
	w.edit(closeRoutes, "      - {remote: custom.Renewal Date, hub: next_renewal_date}\n", "")
	w.load()
	w.restart()
	w.cl.ResetCalls()
	if changed, err := w.eng.Turn(t.Context()); !changed || err != nil {
		t.Errorf("changed %t %v", changed, err)
	}
	if got := w.renewal(); got != "2027-01-31" || len(w.cl.Calls()) != 0 {
		t.Errorf("renewal %q after %v", got, w.cl.Calls())
	}
}

// R82, R83: the field of a lead that holds its parent's AccountExternalID makes
// the account its child, in whatever order they come; a missing parent is held
// and found when it comes, and a cycle is refused.
func TestR83_ParentAccounts(t *testing.T) {
	w := newCloseWorld(t)
	child := w.lead("A child", "1")
	w.custom(child, "ParentExternalID", "2")
	w.lead("B parent", "2")
	orphan := w.lead("C orphan", "3")
	w.custom(orphan, "ParentExternalID", "4")
	w.pullClose()
	if n := w.cl.Calls()["get.lead"]; n != 0 {
		t.Errorf("%d leads were read by id to find parents of the same run", n)
	}
	parent := w.hub("account", "2")
	if got := valueOf(w.hub("account", "1"), "parent"); got != parent.ID {
		t.Errorf("the child's parent is %q, want %s", got, parent.ID)
	}
	w.wantHeld("close", "lead "+ledger.HoldParentUnknown)
	if got := valueOf(w.hub("account", "3"), "name"); got != "C orphan" {
		t.Errorf("only the parent is held, but the name is %q", got)
	}
	w.tick()
	w.pullClose()
	w.tick()
	w.lead("D late", "4")
	w.pullClose()
	w.wantHeld("close")
	if got := valueOf(w.hub("account", "3"), "parent"); got != w.hub("account", "4").ID {
		t.Errorf("the orphan's parent is %q after it came", got)
	}
	w.custom(w.cl.Find("lead", "name", "B parent")[0], "ParentExternalID", "1")
	w.pullClose()
	w.wantHeld("close", "lead "+ledger.HoldBadValue)
	if got := valueOf(w.hub("account", "2"), "parent"); got != "" {
		t.Errorf("a cycle was made: the parent of the parent is %q", got)
	}
	w.custom(child, "ParentExternalID", nil)
	w.pullClose()
	if got := valueOf(w.hub("account", "1"), "parent"); got != "" {
		t.Errorf("the parent is still %q", got)
	}
	// A parent that QBench brings is found as well.
	acme := w.qb.AddCustomer(customer("Acme"))
	w.custom(child, "ParentExternalID", fmt.Sprint(acme+1))
	w.pullClose()
	next := w.qb.AddCustomer(customer("Next"))
	w.pull()
	w.tick()
	w.pullClose()
	if got := valueOf(w.hub("account", "1"), "parent"); got != w.hub("account", fmt.Sprint(next)).ID {
		t.Errorf("the parent that QBench brought is %q", got)
	}
}

// R110, R111, R113, R115: users come first and with those who left; a reference
// to a user whom nobody knows gets a placeholder instead of breaking.
func TestR111_Users(t *testing.T) {
	w := newCloseWorld(t, edited(closeRoutes, "    # filter: is_active\n", "    filter: is_active\n"))
	gone := w.cl.AddUser("Gone", "Person", "gone@acme.example")
	stays := w.cl.AddUser("Stays", "Person", "stays@acme.example")
	if err := w.cl.DepartUser(gone); err != nil {
		t.Fatal(err)
	}
	lead := w.lead("Acme", "8")
	deal := w.cl.AddOpportunity(lead, closeiosim.Fields{"value": 1, "user_id": gone})
	mine := w.cl.AddOpportunity(lead, closeiosim.Fields{"value": 1, "user_id": stays})
	run := w.pullClose()
	if run.Objects[0].Object != "user" {
		t.Errorf("the first object is %s", run.Objects[0].Object)
	}
	if got := valueOf(w.hub("opportunity", mine), "owner"); got != w.hub("user", "stays@acme.example").ID {
		t.Errorf("owner %q", got)
	}
	owner := w.hub("user", "hub:"+valueOf(w.hub("opportunity", deal), "owner"))
	if !strings.Contains(valueOf(owner, "name"), gone) || linkOf(owner, "close").Remote != gone {
		t.Errorf("the placeholder: %+v", owner)
	}
	w.wantHeld("close")
	if err := w.cl.ReturnUser(gone); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	if got := w.hub("user", "gone@acme.example"); got.ID != owner.ID || valueOf(got, "name") != "Gone Person" {
		t.Errorf("the placeholder did not become the user: %+v", got)
	}
	if err := w.cl.DepartUser(stays); err != nil {
		t.Fatal(err)
	}
	w.fullClose()
	w.change(mine, closeiosim.Fields{"note": "x", "value": 2})
	w.pullClose()
	if got := w.hub("opportunity", mine); valueOf(got, "owner") != w.hub("user", "stays@acme.example").ID {
		t.Errorf("the owner who left is %q now", valueOf(got, "owner"))
	}
}

// R100, R103, R104, D10: a task that is done stays the same record, closed; one
// that is reopened is open again; what the system makes by itself is ignored and
// counted.
func TestD10_TasksAndActivities(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	task := w.cl.AddTask(lead, closeiosim.Fields{"text": "Call"})
	w.cl.AddTask(lead, closeiosim.Fields{"_type": "incoming_email"})
	run := w.pullClose()
	if run.Counts["ignored"] != 1 || w.count("task") != 1 {
		t.Errorf("%v, %d tasks", run.Counts, w.count("task"))
	}
	id := w.hub("task", task).ID
	w.now = w.now.Add(90 * 24 * time.Hour) // months later
	w.pullClose()
	if err := w.cl.CompleteTask(task); err != nil {
		t.Fatal(err)
	}
	run = w.pullClose()
	if got := w.hub("task", task); got.ID != id || valueOf(got, "status") != "closed" || run.Counts["changed"] != 1 {
		t.Errorf("after it was done: %s %q, %v", got.ID, valueOf(got, "status"), run.Counts)
	}
	if run = w.pullClose(); run.Counts["changed"] != 0 {
		t.Errorf("it moved twice: %v", run.Counts)
	}
	if err := w.cl.ReopenTask(task); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
	if got := w.hub("task", task); got.ID != id || valueOf(got, "status") != "open" || w.count("task") != 1 {
		t.Errorf("after it was reopened: %+v", got)
	}
}
