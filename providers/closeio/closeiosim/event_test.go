package closeiosim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

func brief(list []object) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = fmt.Sprint(e["object_type"], " ", e["action"])
	}
	return out
}

func names(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, x := range list {
		out[i], _ = x.(string)
	}
	return out
}

// A lead's date_updated moves with its children, and no event of the lead
// tells; a new contact changes the lead's own list of contacts, and one does.
func TestLeadOverReports(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	person := b.sim.AddContact(id, closeiosim.Fields{"name": "Ann"})
	events := func() []string { return brief(rows(b.get("/event/?lead_id=" + id + "&object_type=lead"))) }
	if d := cmp.Diff([]string{"lead updated", "lead created"}, events()); d != "" {
		t.Fatal(d)
	}
	before := b.get("/lead/" + id + "/")
	b.clock.advance(time.Hour)
	if err := b.sim.Edit(person, closeiosim.Fields{"title": "CEO"}); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Minute)
	b.sim.AddTask(id, closeiosim.Fields{"text": "Call"})
	after := b.get("/lead/" + id + "/")
	if want := "2026-11-22T10:06:00.123000+00:00"; after["date_updated"] != want {
		t.Errorf("date_updated %v, want %v", after["date_updated"], want)
	}
	for _, inner := range []string{"contacts", "tasks", "date_updated"} {
		delete(before, inner)
		delete(after, inner)
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("a field of the lead changed: %s", d)
	}
	if d := cmp.Diff([]string{"lead updated", "lead created"}, events()); d != "" {
		t.Errorf("an event tells of it: %s", d)
	}
	if err := b.sim.Configure(func(o *closeiosim.Options) { o.ExactUpdates = true }); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Minute)
	b.sim.AddTask(id, closeiosim.Fields{"text": "Call"})
	if got := b.get("/lead/" + id + "/?_fields=date_updated")["date_updated"]; got != "2026-11-22T10:06:00.123000+00:00" {
		t.Errorf("with exact updates: %v", got)
	}
}

func TestQuickChangesAreOneEvent(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "One", "custom.Plan": "Basic"})
	b.clock.advance(time.Hour)
	edit := func(f closeiosim.Fields) {
		if err := b.sim.EditLead(id, f); err != nil {
			t.Fatal(err)
		}
	}
	edit(closeiosim.Fields{"name": "Two"})
	first := rows(b.get("/event/?object_id=" + id + "&action=updated"))[0]
	b.clock.advance(20 * time.Second)
	edit(closeiosim.Fields{"name": "Three", "custom.Plan": nil})
	list := rows(b.get("/event/?object_id=" + id + "&action=updated"))
	if len(list) != 1 {
		t.Fatalf("%d events", len(list))
	}
	e := list[0]
	if e["id"] != first["id"] || e["date_created"] != first["date_created"] || e["date_updated"] == first["date_updated"] {
		t.Errorf("id %v → %v, created %v → %v, updated %v → %v", first["id"], e["id"], first["date_created"], e["date_created"], first["date_updated"], e["date_updated"])
	}
	if e["date_updated"] != "2026-11-22T10:05:20.123000" {
		t.Errorf("date_updated %v has an offset or is wrong", e["date_updated"])
	}
	plan := "custom." + b.sim.CustomFieldID("lead", "Plan")
	previous := e["previous_data"].(object)
	if previous["name"] != "One" || previous[plan] != "Basic" {
		t.Errorf("previous_data %v", previous)
	}
	data := e["data"].(object)
	if _, has := data[plan]; has || data["name"] != "Three" {
		t.Errorf("data %v", data)
	}
	if changed := names(e["changed_fields"]); !slices.Contains(changed, plan) || !slices.Contains(changed, "date_updated") || !slices.Contains(changed, "name") {
		t.Errorf("changed_fields %v", changed)
	}
	b.clock.advance(2 * time.Minute)
	edit(closeiosim.Fields{"name": "Four"})
	// Another author's change is another event, however quick.
	b.call("PUT", "/lead/"+id+"/", `{"name":"Five"}`)
	list = rows(b.get("/event/?object_id=" + id + "&action=updated"))
	if len(list) != 3 {
		t.Fatalf("%d events, want 3: %v", len(list), brief(list))
	}
	if list[0]["api_key_id"] == nil || list[1]["api_key_id"] != nil {
		t.Errorf("api_key_id %v and %v", list[0]["api_key_id"], list[1]["api_key_id"])
	}
}

func TestDeleteTellsOfChildren(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	b.sim.AddContact(id, closeiosim.Fields{"name": "Ann"})
	b.sim.AddOpportunity(id, closeiosim.Fields{"value": 100})
	b.sim.AddTask(id, closeiosim.Fields{"text": "Call"})
	b.sim.AddTask(id, closeiosim.Fields{"_type": "missed_call"})
	b.clock.advance(time.Hour)
	since := b.clock.at.Format(time.RFC3339Nano)
	b.sim.DeleteLead(id)
	list := rows(b.get("/event/?date_updated__gte=" + since))
	got := brief(list)
	slices.Sort(got)
	want := []string{"contact deleted", "lead deleted", "opportunity deleted", "task.lead deleted", "task.missed_call deleted"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"lead deleted"}, brief(rows(b.get("/event/?object_type=lead&action=deleted")))); d != "" {
		t.Error(d)
	}
	gone := list[0]
	if gone["data"] != nil || gone["previous_data"].(object)["name"] != "Acme" || gone["lead_id"] != id {
		t.Errorf("the lead's event: %v", gone)
	}
	for _, kind := range []string{"lead", "contact", "opportunity", "task"} {
		if left := b.sim.IDs(kind); len(left) > 0 {
			t.Errorf("%s: %v is left", kind, left)
		}
	}
	b.refused(404, "GET", "/lead/"+id+"/", "")
}

func TestMergeMovesChildrenAndTells(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	from, to := b.sim.AddLead(closeiosim.Fields{"name": "Old"}), b.sim.AddLead(closeiosim.Fields{"name": "New"})
	person := b.sim.AddContact(from, closeiosim.Fields{"name": "Ann"})
	deal := b.sim.AddOpportunity(from, closeiosim.Fields{"value": 5})
	b.clock.advance(time.Hour)
	since := b.clock.at.Format(time.RFC3339Nano)
	b.refused(400, "POST", "/lead/merge/", `{"source":"`+from+`","destination":"`+from+`"}`)
	b.call("POST", "/lead/merge/", `{"source":"`+from+`","destination":"`+to+`"}`)
	list := rows(b.get("/event/?date_updated__gte=" + since))
	want := []string{"lead merged", "lead deleted", "lead updated", "opportunity updated", "contact updated"}
	if d := cmp.Diff(want, brief(list)); d != "" {
		t.Error(d)
	}
	for _, e := range list {
		meta := e["meta"].(object)
		if meta["merge_source_lead_id"] != from || meta["merge_destination_lead_id"] != to {
			t.Errorf("%v %v: meta %v", e["object_type"], e["action"], meta)
		}
	}
	if list[0]["object_id"] != to || list[0]["data"].(object)["name"] != "New" || list[1]["object_id"] != from {
		t.Errorf("merged is of %v, deleted of %v", list[0]["object_id"], list[1]["object_id"])
	}
	for _, path := range []string{"/contact/" + person + "/", "/opportunity/" + deal + "/"} {
		if got := b.get(path)["lead_id"]; got != to {
			t.Errorf("%s belongs to %v", path, got)
		}
	}
	b.refused(404, "GET", "/lead/"+from+"/", "")
	if n := len(b.sim.Writes()); n != 1 {
		t.Errorf("%d writes in the audit", n)
	}
}

func TestEventsHideValuesFromOthersAfterAnHour(t *testing.T) {
	for _, plain := range []bool{false, true} {
		b := newBed(t, closeiosim.Options{NonAdmin: plain})
		b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
		shown := func() bool { _, has := rows(b.get("/event/"))[0]["data"]; return has }
		if !shown() {
			t.Error("no data in a fresh event")
		}
		b.clock.advance(time.Hour)
		if shown() == plain {
			t.Errorf("after an hour, non-admin %v: data shown %v", plain, shown())
		}
	}
}

func TestEventPages(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	for i := range 120 {
		b.sim.AddLead(closeiosim.Fields{"name": fmt.Sprint(i)})
		if i%3 == 0 {
			b.clock.advance(time.Millisecond)
		}
	}
	var all []string
	path := "/event/?_limit=1000"
	var pages []object
	for {
		page := b.get(path)
		pages = append(pages, page)
		for _, e := range rows(page) {
			all = append(all, e["data"].(object)["name"].(string))
		}
		next, more := page["cursor_next"].(string)
		if !more {
			break
		}
		path = "/event/?_limit=1000&_cursor=" + next
	}
	want := make([]string, 120)
	for i := range want {
		want[i] = fmt.Sprint(119 - i)
	}
	if d := cmp.Diff(want, all); d != "" || len(pages) != 3 {
		t.Errorf("%d pages: %s", len(pages), d)
	}
	back := b.get("/event/?_cursor=" + pages[1]["cursor_previous"].(string))
	if d := cmp.Diff(ids(rows(pages[0])), ids(rows(back))); d != "" {
		t.Errorf("back from the second page: %s", d)
	}
	if pages[0]["cursor_previous"] != nil {
		t.Error("the first page has one before it")
	}
	one := rows(pages[0])[0]["id"].(string)
	if got := b.get("/event/" + one + "/"); got["id"] != one {
		t.Errorf("GET by id: %v", got)
	}
	b.clock.advance(31 * 24 * time.Hour)
	if n := len(rows(b.get("/event/"))); n != 0 {
		t.Errorf("%d events after 31 days", n)
	}
}

func TestEventFilterCombinations(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	all := []string{"object_type", "object_id", "action", "lead_id", "user_id", "request_id"}
	good := map[string]bool{}
	for set := range 1 << len(all) {
		var chosen []string
		for i, name := range all {
			if set>>i&1 == 1 {
				chosen = append(chosen, name)
			}
		}
		code := b.send("GET", "/event/?date_updated__gt=2026-01-01&"+strings.Join(chosen, "=x&")+"=x", "").Code
		if code == 200 {
			good[strings.Join(chosen, "+")] = true
		} else if code != 400 {
			t.Errorf("%v: %d", chosen, code)
		}
	}
	if len(good) != 16 || good["object_type"] || good["action"] || !good["object_type+action"] || !good[""] {
		t.Errorf("allowed: %v", good)
	}
}

func TestTaskCompletedTells(t *testing.T) {
	b := newBed(t, closeiosim.Options{ConsolidateWithin: -1})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	chore := b.sim.AddTask(id, closeiosim.Fields{"text": "Call"})
	b.clock.advance(90 * 24 * time.Hour)
	for _, err := range []error{b.sim.CompleteTask(chore), b.sim.ReopenTask(chore)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := brief(rows(b.get("/event/?object_type=task.lead&object_id=" + chore)))
	if d := cmp.Diff([]string{"task.lead updated", "task.lead completed"}, got); d != "" {
		t.Error(d)
	}
}
