package engine_test

import (
	"maps"
	"slices"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// onAccount edits one field line of the Salesforce account route.
func onAccount(line, more string) worldOption {
	return edited("routes/salesforce.yaml", "{"+line+"}", "{"+line+", "+more+"}")
}

const (
	industryLine    = "remote: Industry, hub: industry"
	descriptionLine = "remote: Description, hub: description"
)

// A field under enforce is written back by a full run when it drifts,
// and is confirmed by a read; under on_change the same drift is left and
// listed.
func TestEnforceWritesDriftBack(t *testing.T) {
	w := newWorld(t, onAccount(industryLine, "write: enforce"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.tick()
	w.push(true) // reads what was made
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Feed"})
	w.sync()
	id := w.account("Acme")["Id"]
	_ = w.sf.SetField("Account", id, "Industry", "By hand")
	_ = w.sf.SetField("Account", id, "Description", "By hand")
	w.tick()
	w.push()
	if a := w.account("Acme"); a["Industry"] != "By hand" {
		t.Error("a routine run, in which nothing was read, wrote")
	}
	w.tick()
	w.push(true)
	if a := w.account("Acme"); a["Industry"] != "Feed" || a["Description"] != "By hand" {
		t.Errorf("Industry %q, Description %q: want the enforced one alone written back", a["Industry"], a["Description"])
	}
	if got := w.differs(acme); !slices.Equal(got, []string{"description drift"}) {
		t.Errorf("listed %q, want the drift that is tolerated", got)
	}
}

// differs lists the differences that a customer's link with Salesforce
// tolerates, as field and reason.
func (w *world) differs(customer any) []string {
	w.t.Helper()
	var out []string
	for _, l := range w.one("account", customer).Links {
		if l.System != "salesforce" {
			continue
		}
		for _, d := range l.Differs {
			out = append(out, d.Field+" "+d.Reason)
		}
	}
	slices.Sort(out)
	return out
}

// write: never is never written, neither at creation nor after, and
// is listed.
func TestNeverIsNeverWritten(t *testing.T) {
	w := newWorld(t, onAccount(industryLine, "write: never"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel", "description": "New"})
	w.sync()
	w.tick()
	w.push(true)
	if a := w.account("Acme"); a["Industry"] != "" || a["Description"] != "New" {
		t.Errorf("Industry %q, Description %q", a["Industry"], a["Description"])
	}
	if got := w.differs(acme); !slices.Equal(got, []string{"industry never_written"}) {
		t.Errorf("listed %q", got)
	}
}

// What a record that is found already holds: on_link decides, and a
// later change of the hub goes out in any case.
func TestOnLink(t *testing.T) {
	for rule, want := range map[string][2]string{
		"source": {"Food", "A lab"}, "fill_blank": {"Theirs", "A lab"}, "keep": {"Theirs", ""},
	} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, edited("routes/salesforce.yaml", "    create_needs: [name]\n", "    create_needs: [name]\n    on_link: "+rule+"\n"))
			id := w.insert("Account", map[string]string{"Name": "Acme", "Website": "https://acme.example", "Industry": "Theirs"})
			acme := w.qb.AddCustomer(customer("Acme"))
			w.sync()
			a := w.sf.Record("Account", id)
			if a["Industry"] != want[0] || a["Description"] != want[1] || a["QBench_Id__c"] == "" {
				t.Errorf("Industry %q, Description %q, QBench_Id__c %q; want %q and our id", a["Industry"], a["Description"], a["QBench_Id__c"], want)
			}
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel"})
			w.sync()
			if a := w.sf.Record("Account", id); a["Industry"] != "Steel" {
				t.Errorf("Industry is %q after a change, want Steel", a["Industry"])
			}
		})
	}
}

// F18: a value that the map lacks, on the way in: held, skipped or replaced.
func TestF18_UnmappedOnPull(t *testing.T) {
	for rule, want := range map[string]string{"hold": "", "skip_field": "", "default, default: Other": "Other"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, edited("routes/qbench.yaml", "{remote: industry, hub: industry}",
				"{remote: industry, hub: industry, values: {Food: Foods}, on_unmapped: "+rule+"}"))
			acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"industry": "Steel"}))
			w.sync()
			if a := w.account("Acme"); a["Industry"] != want || a["Description"] != "A lab" {
				t.Errorf("Industry %q, Description %q", a["Industry"], a["Description"])
			}
			if rule == "hold" {
				w.wantHeld("", "customer "+ledger.HoldUnmapped)
			} else {
				w.wantHeld("")
			}
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Food"})
			w.sync()
			if a := w.account("Acme"); a["Industry"] != "Foods" {
				t.Errorf("Industry %q after a value that the map has", a["Industry"])
			}
			w.wantHeld("")
		})
	}
}

// F18: the same on the way out, at creation and after; and a map that learns
// the value sends it without any change of the record.
func TestF18_UnmappedOnPush(t *testing.T) {
	for rule, want := range map[string]string{"hold": "", "skip_field": "", "default, default: Other": "Other"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, onAccount(industryLine, "values: {Foods: Food}, on_unmapped: "+rule))
			w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"industry": "Steel"}))
			best := w.qb.AddCustomer(customer("Best"))
			w.sync()
			_ = w.qb.UpdateCustomer(best, qbenchsim.Fields{"industry": "Steel", "description": "New"})
			w.sync()
			after := "Foods"
			if want != "" {
				after = want
			}
			if a, b := w.account("Acme"), w.account("Best"); a["Industry"] != want || b["Industry"] != after || b["Description"] != "New" {
				t.Errorf("Acme %q, Best %q %q; want %q, %q and the other field", a["Industry"], b["Industry"], b["Description"], want, after)
			}
			if rule == "hold" {
				w.wantHeld("", "Account "+ledger.HoldUnmapped, "Account "+ledger.HoldUnmapped)
			} else {
				w.wantHeld("")
			}
			w.edit("routes/salesforce.yaml", "{Foods: Food}", "{Foods: Food, Metal: Steel}")
			w.load()
			w.restart()
			w.sync()
			if a := w.account("Acme"); a["Industry"] != "Metal" {
				t.Errorf("Acme %q after the map learned the value", a["Industry"])
			}
			if b := w.account("Best"); b["Industry"] != "Metal" && rule != "skip_field" {
				t.Errorf("Best %q after the map learned the value", b["Industry"])
			}
			w.wantHeld("")
		})
	}
}

// F12: on_empty on the way out: a blank of the owner clears by default and
// under clear, and leaves theirs under ignore.
func TestF12_OnEmpty(t *testing.T) {
	for rule, want := range map[string]string{"": "", ", on_empty: clear": "", ", on_empty: ignore": "Food"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, edited("routes/salesforce.yaml", industryLine, industryLine+rule))
			acme := w.qb.AddCustomer(customer("Acme"))
			w.sync()
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": ""})
			w.sync()
			if a := w.account("Acme"); a["Industry"] != want {
				t.Errorf("Industry %q, want %q", a["Industry"], want)
			}
		})
	}
	w := newWorld(t, edited("routes/qbench.yaml", "{remote: industry, hub: industry}", "{remote: industry, hub: industry, on_empty: ignore}"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": ""})
	w.sync()
	if a := w.account("Acme"); a["Industry"] != "Food" {
		t.Errorf("Industry %q: a blank that the pull ignores cleared", a["Industry"])
	}
}

// Fields of a group travel whole: a freed state takes its country
// with it, which did not change, and a street outside the group stays.
func TestGroupTravelsWhole(t *testing.T) {
	w := newWorld(t,
		onAccount("remote: BillingState, hub: addresses.BILLING.state", "write: on_change"),
		onAccount("remote: BillingCountry, hub: addresses.BILLING.country", "write: on_change"))
	w.sf.RequireCountryWithState(true)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.sf.ResetAudit()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"state": "OH", "street": "9 New St"})
	w.sync()
	got := w.written("Account")
	if len(got) != 1 || !maps.Equal(got[0], map[string]string{"BillingState": "OH", "BillingCountry": "United States"}) {
		t.Errorf("sent %v, want state and country", got)
	}
}

// A field that may only fill a blank is no part of what its group overwrites.
func TestGroupNeverFillsWhatIsFilled(t *testing.T) {
	w := newWorld(t,
		onAccount("remote: BillingState, hub: addresses.BILLING.state", "write: on_change"),
		onAccount("remote: BillingCountry, hub: addresses.BILLING.country", "write: fill_blank"))
	id := w.insert("Account", map[string]string{"Name": "Acme", "Website": "https://acme.example", "BillingCountry": "Canada"})
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"state": "OH"})
	w.sync()
	if a := w.sf.Record("Account", id); a["BillingCountry"] != "Canada" || a["BillingState"] != "OH" {
		t.Errorf("BillingCountry %q, BillingState %q: fill_blank overwrote", a["BillingCountry"], a["BillingState"])
	}
}

// on_move: hold leaves a contact where it is when its customer
// changes, lets its other fields go, and ends when the contact comes back.
func TestOnMoveHold(t *testing.T) {
	w := newWorld(t, edited("routes/salesforce.yaml", "    create_needs: [email,", "    on_move: hold\n    create_needs: [email,"))
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	ann := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"customer_ids": []int64{best}, "first_name": "Anna"})
	w.sync()
	if c := w.contact("ann@acme.example"); c["AccountId"] != w.account("Acme")["Id"] || c["FirstName"] != "Anna" {
		t.Errorf("FirstName %q, or the contact was moved", c["FirstName"])
	}
	w.wantHeld("salesforce", "Contact "+ledger.HoldConflict)
	_ = w.qb.UpdateContact(ann, qbenchsim.Fields{"customer_ids": []int64{acme}})
	w.sync()
	w.wantHeld("")
}

// D14: create_from says whose records are made in a target; others are still
// linked and updated. mode: match_only makes none at all.
func TestD14_WhoMayCreate(t *testing.T) {
	for _, line := range []string{"mode: match_only", "create_from: [salesforce]"} {
		t.Run(line, func(t *testing.T) {
			w := newWorld(t, edited("routes/salesforce.yaml", "    create_needs: [name]\n", "    "+line+"\n"))
			id := w.insert("Account", map[string]string{"Name": "Acme", "Website": "https://acme.example"})
			acme := w.qb.AddCustomer(customer("Acme"))
			w.qb.AddCustomer(customer("Best"))
			run := w.sync()
			w.wantCount("Account", 1)
			if run.Counts["not_created"] != 1 {
				t.Errorf("counts %v, want what was not created told", run.Counts)
			}
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
			w.sync()
			if a := w.sf.Record("Account", id); a["Description"] != "New" {
				t.Errorf("what was found is not updated: %v", a)
			}
		})
	}
}

// R26 on a push route: a filter over hub fields keeps a record from a target,
// and a record that comes to meet it goes out.
func TestFilterOnAPushRoute(t *testing.T) {
	w := newWorld(t, edited("routes/salesforce.yaml", "    create_needs: [name]\n", "    create_needs: [name]\n    filter: 'industry == \"Food\"'\n"))
	acme := w.qb.AddCustomer(customer("Acme"))
	other := w.qb.AddCustomer(customer("Other", qbenchsim.Fields{"industry": "Steel"}))
	w.sync()
	w.wantCount("Account", 1)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel", "description": "Left"})
	_ = w.qb.UpdateCustomer(other, qbenchsim.Fields{"industry": "Food"})
	w.sync()
	w.wantCount("Account", 2)
	if a := w.account("Acme"); a["Description"] == "Left" {
		t.Error("a record outside the filter was written")
	}
}

// D12: a create-only field that comes into the mapping later stays unwritten on
// records that exist, even where theirs is blank, and is listed.
func TestD12_CreateOnlyFieldAddedLater(t *testing.T) {
	line := "      - {remote: BillingCity, hub: addresses.BILLING.city}\n"
	w := newWorld(t, edited("routes/salesforce.yaml", line, ""))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.files = shippedFiles(t)
	w.load()
	w.restart()
	w.sync()
	w.tick()
	w.push(true)
	if a := w.account("Acme"); a["BillingCity"] != "" {
		t.Errorf("BillingCity %q: written after creation", a["BillingCity"])
	}
	if got := w.differs(acme); !slices.Equal(got, []string{"addresses.BILLING.city " + plan.CreateOnly.String()}) {
		t.Errorf("listed %q", got)
	}
}

// What was taken and what was written is in the journal: an update
// field by field with its reason, a create as one entry; and the run is
// recorded with its counts and calls.
func TestJournalAndRuns(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	made := w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	changed := w.sync()
	got := map[uint64][]string{}
	if err := w.store.View(func(tx *state.Tx) error {
		return tx.EachJournal("account", 0, 0, func(j state.JournalEntry) error {
			got[j.Run] = append(got[j.Run], w.store.Name(j.System)+" "+w.store.Name(j.Field)+" "+j.Reason+" "+text(j.Old)+">"+text(j.New))
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	want := map[uint64][]string{
		made.ID - 1:    {"s:qbench  new_record >"},
		made.ID:        {"s:salesforce  created >"},
		changed.ID - 1: {"s:qbench f:description source_changed A lab>New"},
		changed.ID:     {"s:salesforce f:description source_changed A lab>New"},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("journal %v, want %v", got, want)
	}
	_ = w.store.View(func(tx *state.Tx) error {
		run, ok := tx.Run(made.ID)
		if !ok || run.Status != engine.StatusDone || run.Counts["created"] != 1 || run.Calls["create"] != 1 || run.Ended.IsZero() {
			t.Errorf("the run is recorded as %+v", run)
		}
		return nil
	})
}

func text(v record.Value) string {
	if !v.IsSet() {
		return ""
	}
	return v.Text()
}
