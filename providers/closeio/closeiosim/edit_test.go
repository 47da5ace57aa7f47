package closeiosim_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

func TestHandsOfAPerson(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id, err := b.sim.Insert("lead", closeiosim.Fields{"name": "Acme", "custom.Plan": "Pro"})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"insert of nothing known": second(b.sim.Insert("deal", nil)),
		"insert with a bad field": second(b.sim.Insert("lead", closeiosim.Fields{"custom.Nothing": 1})),
		"insert of a bad value":   second(b.sim.Insert("lead", closeiosim.Fields{"custom.Health": "Great"})),
		"edit of nobody":          b.sim.Edit("lead_x", nil),
		"edit of a bad field":     b.sim.EditLead(id, closeiosim.Fields{"naam": "x"}),
		"no such custom field":    b.sim.SetCustom(id, "Nothing", 1),
		"touch of nobody":         b.sim.Touch("lead_x"),
		"merge with nobody":       b.sim.MergeLeads(id, "lead_x"),
		"departure of nobody":     b.sim.DepartUser("user_x"),
		"new name of nobody":      b.sim.RenameUser("user_x", "A", "B"),
		"field twice":             second(b.sim.AddCustomField(closeiosim.CustomField{Name: "Plan", Type: "text", Objects: []string{"lead"}})),
	} {
		if err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	if b.sim.Delete("lead_x") || b.sim.Record("lead_x") != nil || b.sim.IDs("deal") != nil || b.sim.Children("lead_x", "task") != nil {
		t.Error("somebody was found who is not there")
	}
	if err := b.sim.SetCustom(id, "Plan", nil); err != nil {
		t.Fatal(err)
	}
	if got := b.sim.Find("lead", "custom.Plan", "Pro"); len(got) != 0 {
		t.Errorf("a cleared value is found: %v", got)
	}
	if d := cmp.Diff([]string{id}, b.sim.Find("lead", "name", "Acme")); d != "" {
		t.Error(d)
	}
	alone := b.sim.AddTask("", closeiosim.Fields{"_type": "voicemail"})
	if got := string(b.sim.Record(alone)["lead_id"]); got != "null" {
		t.Errorf("lead of a task without one: %s", got)
	}
}

func second[T any](_ T, err error) error { return err }

// A call or an e-mail moves date_updated, and a stamp may lie in the future;
// neither is an event.
func TestStampsMoveWithoutEvents(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	b.clock.advance(time.Hour)
	if err := b.sim.Touch(id); err != nil {
		t.Fatal(err)
	}
	stamp := func() any { return rows(b.search(since("lead", "", "date_updated")))[0]["date_updated"] }
	if got := stamp(); got != "2026-11-22T10:05:00.123000+00:00" {
		t.Errorf("touched: %v", got)
	}
	if err := b.sim.SetUpdated(id, b.clock.at.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if got := stamp(); got != "2027-11-22T10:05:00.123000+00:00" {
		t.Errorf("in the future: %v", got)
	}
	if n := len(rows(b.search(since("lead", "2027-01-01T00:00:00Z")))); n != 1 {
		t.Errorf("a search from next year finds %d", n)
	}
	if d := cmp.Diff([]string{"lead created"}, brief(rows(b.get("/event/")))); d != "" {
		t.Error(d)
	}
}

func TestUserIsRenamed(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	u := b.sim.Users()[1]
	id := b.sim.AddLead(closeiosim.Fields{})
	if err := b.sim.RenameUser(u.ID, "Grace", "Hopper"); err != nil {
		t.Fatal(err)
	}
	if got := b.get("/lead/?_fields=created_by_name"); rows(got)[0]["created_by_name"] != "Grace Hopper" {
		t.Errorf("%s: %v", id, got)
	}
}
