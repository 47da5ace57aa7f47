package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"crmsyncd/configs"
	"crmsyncd/providers/closeio/closeiosim"
)

// newCloseBed is a bed in which Close is a second source.
func newCloseBed(t *testing.T) *bed {
	t.Helper()
	b := newBed(t)
	text, err := fs.ReadFile(configs.Shipped, closeRoutes)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.config, closeRoutes), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// lead makes a lead with a contact, under the AccountExternalID if there is one.
func (b *bed) lead(i int, external string) string {
	f := closeiosim.Fields{"name": fmt.Sprintf("%s lead %d", canaryName, i), "custom.Renewal Date": "2027-03-31"}
	if external != "" {
		f["custom.AccountExternalID"] = external
	}
	id := b.cl.AddLead(f)
	b.cl.AddContact(id, closeiosim.Fields{
		"name": fmt.Sprintf("Bea %s%d", canaryName, i), "emails": []map[string]string{{"type": "office", "email": fmt.Sprintf("%s-bea%d@c.example", canaryMail, i)}},
	})
	return id
}

// fieldJSON and recordJSON are what get and export print.
type fieldJSON struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Refers string `json:"refers_to"`
	Source string `json:"source"`
}

type recordJSON struct {
	Hub    string      `json:"hub_id"`
	Object string      `json:"object"`
	State  string      `json:"state"`
	Fields []fieldJSON `json:"fields"`
	Links  []struct {
		System string `json:"system"`
		Remote string `json:"remote_id"`
		Unread bool   `json:"unread"`
	} `json:"links"`
}

func (r recordJSON) field(name string) fieldJSON {
	for _, f := range r.Fields {
		if f.Name == name {
			return f
		}
	}
	return fieldJSON{}
}

// one asks for the one record that goes by a key.
func (b *bed) one(object, key string) recordJSON {
	b.t.Helper()
	var out []recordJSON
	text := b.want(0, "get", object, key, "-o", "json")
	if err := json.Unmarshal([]byte(text), &out); err != nil || len(out) != 1 {
		b.t.Fatalf("get %s %s: %v\n%s", object, key, err, text)
	}
	return out[0]
}

// table is an export as CSV, a map of column and value per record.
func (b *bed) table(args ...string) (rows []map[string]string) {
	b.t.Helper()
	all, err := csv.NewReader(strings.NewReader(b.want(0, append([]string{"export"}, args...)...))).ReadAll()
	if err != nil || len(all) == 0 {
		b.t.Fatalf("export %v: %v", args, err)
	}
	for _, line := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// One pass takes leads, contacts, opportunities, tasks and users of Close into
// the hub beside what QBench holds; get and export show all of them, with the
// source of each field; nothing is written to Close, and no log shows a name or
// a secret. R24, D10, D14.
func TestE2ECloseOncePass(t *testing.T) {
	t.Parallel()
	b := newCloseBed(t)
	b.edit("routes/close.yaml", "    # filter: is_active\n", "    filter: is_active\n")
	b.edit("hub.yaml", "    - {name: next_renewal_date, wins: close}\n", "    - {name: next_renewal_date, wins: close}\n"+
		"    - {name: last_end, type: date, computed: {from: opportunity, pick: max(end_date), when_none: keep}}\n")
	b.seed(6)
	gone := b.cl.AddUser("Gus", "Gone", "gus@close-sim.example")
	if err := b.cl.DepartUser(gone); err != nil {
		t.Fatal(err)
	}
	shared := b.lead(0, "1000")
	child := b.lead(1, "1001")
	if err := b.cl.SetCustom(child, "ParentExternalID", "1000"); err != nil {
		t.Fatal(err)
	}
	alone := b.lead(2, "7777")
	out := b.lead(3, "")
	deal := b.cl.AddOpportunity(shared, closeiosim.Fields{
		"status_id": b.cl.StatusID("opportunity", "Won"), "value": 123450, "value_currency": "USD", "user_id": gone, "custom.End Date": "2028-01-31",
	})
	open := b.cl.AddTask(shared, closeiosim.Fields{"_type": "lead", "text": "Call back"})
	done := b.cl.AddTask(shared, closeiosim.Fields{"_type": "lead", "text": "Send the list", "is_complete": true})

	b.want(0, "check", "--live")
	text := b.want(0, "run", "--once")
	if !strings.Contains(text, "excluded 1") || strings.Contains(text, "\x1b") {
		t.Errorf("the table says\n%s", text)
	}
	a := b.one("account", shared)
	for _, want := range []fieldJSON{
		{Name: "name", Value: canaryName + " 0", Source: "qbench"},
		{Name: "next_renewal_date", Value: "2027-03-31", Source: "close"},
		{Name: "last_end", Value: "2028-01-31", Source: "computed"},
	} {
		if got := a.field(want.Name); got != want {
			t.Errorf("the account has %+v, want %+v", got, want)
		}
	}
	if got := b.one("account", child).field("parent"); got.Refers != "1000 "+canaryName+" 0" || got.Value != a.Hub {
		t.Errorf("the parent is %+v", got)
	}
	d := b.one("opportunity", deal)
	if got := d.field("amount"); got.Value != "1234.5" || d.field("account").Value != a.Hub {
		t.Errorf("the opportunity is %+v", d)
	}
	owner := b.one("user", gone)
	if !owner.Links[0].Unread || owner.Hub != d.field("owner").Value || !strings.Contains(b.want(0, "get", "user", gone), "is a placeholder") {
		t.Errorf("the owner whom the filter leaves out is %+v", owner)
	}
	if got := b.one("task", open).field("status").Value; got != "open" {
		t.Errorf("the open task is %q", got)
	}
	if got := b.one("activity", done); got.Object != "task" || got.field("status").Value != "closed" {
		t.Errorf("the activity is %+v", got)
	}
	if _, errs, code := b.run("get", "activity", open); code != 1 || !strings.Contains(errs, "no activity goes by") {
		t.Errorf("an open task as an activity: code %d, %q", code, errs)
	}
	if _, errs, code := b.run("get", "account", out); code != 1 {
		t.Errorf("a lead that is out of scope: code %d, %q", code, errs)
	}

	count := map[string]int{"account": 7, "contact": 9, "opportunity": 1, "task": 2, "activity": 1}
	for object, n := range count {
		if rows := b.table(object); len(rows) != n {
			t.Errorf("export %s has %d records, want %d", object, len(rows), n)
		}
		if lines := strings.Count(b.want(0, "export", object, "--format", "jsonl"), "\n"); lines != n {
			t.Errorf("export %s has %d lines of JSON, want %d", object, lines, n)
		}
	}
	if users := b.table("user"); !slices.ContainsFunc(users, func(u map[string]string) bool { return u["close/user"] == gone }) {
		t.Errorf("the users are %v", users)
	}
	if rows := b.table("activity"); len(rows) == 1 && (rows[0]["account_label"] != "1000 "+canaryName+" 0" || rows[0]["close/task"] != done) {
		t.Errorf("the activity is %v", rows[0])
	}
	twinless := b.table("account", "--without", "qbench")
	if len(twinless) != 1 || twinless[0]["close/lead"] != alone || twinless[0]["account_id"] != "7777" {
		t.Errorf("what QBench lacks: %v", twinless)
	}
	if n := len(b.sf.Find("Account", "QBench_Id__c", "7777")); n != 0 || b.sf.Count("Account") != 6 {
		t.Errorf("a lead without a twin was made in Salesforce, which has %d accounts", b.sf.Count("Account"))
	}
	for _, words := range [][]string{{"export", "account", "--without", "nobody"}, {"export", "task", "--without", "qbench"}, {"export", "note"}} {
		if _, errs, code := b.run(words...); code != 64 || errs == "" {
			t.Errorf("%v: code %d, %q", words, code, errs)
		}
	}
	if writes := b.cl.Writes(); len(writes) != 0 {
		t.Errorf("%d writes reached Close: %v", len(writes), writes[0].Path)
	}
	b.noCanary()
}

// resync asks the running daemon for everything, for an object or for one
// record, and says so where no daemon runs.
func TestE2ECloseResync(t *testing.T) {
	t.Parallel()
	b := newCloseBed(t)
	b.seed(3)
	lead := b.lead(0, "1000")
	if _, errs, code := b.run("resync", "close/lead"); code != 1 || !strings.Contains(errs, "run --once --full") {
		t.Errorf("without a daemon: code %d, %q", code, errs)
	}
	d := b.start()
	ran := func(trigger string, full bool, status string) (n int) {
		for _, r := range b.runs() {
			if r.System == "close" && r.Trigger == trigger && r.Full == full && r.Status == status {
				n++
			}
		}
		return n
	}
	b.until("the first pull of Close is done", func() bool { return ran("schedule", false, "done") == 1 })

	b.cl.ResetCalls()
	if out := b.want(0, "resync", "close/lead"); !strings.Contains(out, "was asked to go over close/lead again") {
		t.Errorf("resync says %q", out)
	}
	b.until("the full run of the leads is done", func() bool { return ran("resync", true, "done") == 1 })
	if calls := b.cl.Calls(); calls["search.lead"] == 0 || calls["search.contact"] != 0 || calls["list.opportunity"] != 0 {
		t.Errorf("a resync of the leads made the calls %v", calls)
	}

	b.cl.ResetCalls()
	b.want(0, "resync", "close/lead/"+lead)
	b.until("the run for one record is done", func() bool { return ran("resync", false, "done") == 1 })
	if n := b.cl.Calls()["get.lead"]; n != 1 {
		t.Errorf("the lead was read %d times by id, want once: %v", n, b.cl.Calls())
	}

	b.want(0, "resync", "close", "-o", "json")
	b.until("the full run of Close is done", func() bool { return ran("resync", true, "done") == 2 })
	for _, what := range []string{"nobody", "close/note"} {
		if _, errs, code := b.run("resync", what); code != 64 || !strings.Contains(errs, "close/lead") {
			t.Errorf("resync %s: code %d, %q", what, code, errs)
		}
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	b.noCanary()
}

// onlyLeadsFilled insists that one pass, over the leads alone, filled the field.
func (b *bed) onlyLeadsFilled(leads int) {
	b.t.Helper()
	fills := slices.DeleteFunc(b.runs(), func(r runJSON) bool { return r.Trigger != "back_fill" })
	if len(fills) != 1 {
		b.t.Fatalf("%d passes filled the field, want one", len(fills))
	}
	var run struct {
		Objects []struct {
			Object string         `json:"object"`
			Counts map[string]int `json:"counts"`
		} `json:"objects"`
	}
	text := b.want(0, "runs", fmt.Sprint(fills[0].ID), "-o", "json")
	if err := json.Unmarshal([]byte(text), &run); err != nil || len(run.Objects) != 1 || run.Objects[0].Object != "lead" {
		b.t.Fatalf("the pass read %+v (%v)", run.Objects, err)
	}
	if n := run.Objects[0].Counts["read"]; n != leads {
		b.t.Errorf("the pass read %d leads, want %d", n, leads)
	}
	if n := b.cl.Calls()["get.lead"]; n > 2 {
		b.t.Errorf("%d leads were read one by one", n)
	}
}

// A field that is new in a route is filled by the next routine run, for its
// object alone, in the background: status shows it, and a routine run of the
// same system goes on meanwhile. R122, R123, R124.
func TestE2ECloseNewField(t *testing.T) {
	const leads = 900
	t.Parallel()
	b := newCloseBed(t)
	for i := range leads {
		b.cl.AddLead(closeiosim.Fields{"name": fmt.Sprint("Lead ", i), "custom.AccountExternalID": fmt.Sprint(5000 + i), "custom.Health": "Good"})
	}
	one := b.cl.IDs("lead")[7]
	d := b.start()
	routine := func() (n int) {
		for _, r := range b.runs() {
			if r.System == "close" && !r.Full && r.Trigger != "back_fill" && r.Status == "done" {
				n++
			}
		}
		return n
	}
	b.until("all leads are in the hub", func() bool { return routine() == 1 })
	b.want(0, "run", "--once", "--system", "close") // reads again what the index may have missed
	b.until("a second routine run is done", func() bool { return routine() == 2 })

	b.edit("hub.yaml", "    - {name: next_renewal_date, wins: close}\n",
		"    - {name: next_renewal_date, wins: close}\n    - {name: health, type: picklist, values: [green, amber, red]}\n")
	b.edit("routes/close.yaml", "      # - {remote: custom.Health,", "      - {remote: custom.Health,")
	b.cl.ResetCalls()
	b.slowClose.Store(int64(500 * time.Millisecond))
	d.signal(syscall.SIGHUP)
	b.until("the reload is done", func() bool { return strings.Contains(b.want(0, "status"), "begins after the next pull") })
	b.want(0, "run", "--once", "--system", "close")
	b.until("the new field is being filled", func() bool { return strings.Contains(b.want(0, "status"), "fills new fields") })
	if out := b.want(0, "status"); !strings.Contains(out, "FILLS IN") || !strings.Contains(out, "health") {
		t.Errorf("status says\n%s", out)
	}
	if err := b.cl.SetCustom(one, "Renewal Date", "2029-12-31"); err != nil {
		t.Fatal(err)
	}
	before := routine()
	b.want(0, "run", "--once", "--system", "close")
	b.until("a routine run is done meanwhile", func() bool { return routine() > before })
	if out := b.want(0, "status"); !strings.Contains(out, "fills new fields") {
		t.Errorf("the routine run did not go first; status says\n%s", out)
	}
	if got := b.one("account", one).field("next_renewal_date").Value; got != "2029-12-31" {
		t.Errorf("the routine run brought %q", got)
	}
	b.slowClose.Store(0)
	b.until("nothing is behind any more", func() bool { return !strings.Contains(b.want(0, "status"), "health") })

	filled := 0
	for _, row := range b.table("account") {
		if row["health"] == "green" {
			filled++
		}
	}
	if filled != leads {
		t.Errorf("%d of %d leads have the new field", filled, leads)
	}
	b.onlyLeadsFilled(leads)
	b.want(0, "status")
	d.signal(syscall.SIGTERM)
	if code := d.wait(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if len(b.cl.Writes()) != 0 {
		t.Error("something was written to Close")
	}
	b.noCanary()
}
