package closeiosim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

func TestSearchInNumbersAndLists(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	seats, err := b.sim.AddCustomField(closeiosim.CustomField{Name: "Seats", Type: "number", Objects: []string{"lead"}})
	if err != nil {
		t.Fatal(err)
	}
	tags, err := b.sim.AddCustomField(closeiosim.CustomField{Name: "Tags", Type: "text", Multiple: true, Objects: []string{"lead"}})
	if err != nil {
		t.Fatal(err)
	}
	few := b.sim.AddLead(closeiosim.Fields{"custom.Seats": 5, "custom.Tags": []string{"a", "b"}})
	many := b.sim.AddLead(closeiosim.Fields{"custom.Seats": 50, "custom.Tags": []string{"b", "c"}})
	b.sim.AddLead(closeiosim.Fields{})
	for name, c := range map[string]struct {
		field     string
		condition object
		want      []string
	}{
		"at least": {seats, object{"type": "number_range", "gte": 50}, []string{many}},
		"below":    {seats, object{"type": "number_range", "gt": 0, "lt": 50}, []string{few}},
		"at most":  {seats, object{"type": "number_range", "lte": 50}, []string{few, many}},
		"one of":   {tags, object{"type": "term", "values": []string{"a", "x"}}, []string{few}},
		"both":     {tags, object{"type": "term", "values": []string{"b"}}, []string{few, many}},
	} {
		q := object{"query": object{"type": "and", "queries": []any{
			object{"type": "object_type", "object_type": "lead"},
			object{"type": "field_condition", "field": object{"type": "custom_field", "custom_field_id": c.field}, "condition": c.condition},
		}}}
		if d := cmp.Diff(c.want, ids(rows(b.search(q)))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// A record may point to a contact that is gone: the id stays, the name is empty.
func TestContactOfATaskIsGone(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	person := b.sim.AddContact(id, closeiosim.Fields{"emails": []object{{"email": "ann@acme.example"}}, "urls": []object{{"url": "https://ann.example"}, {"url": ""}}})
	if got := b.get("/contact/" + person + "/"); got["display_name"] != "ann@acme.example" || len(got["urls"].([]any)) != 1 {
		t.Errorf("a contact without a name: %v", got)
	}
	chore := b.sim.AddTask(id, closeiosim.Fields{"contact_id": person})
	if got := b.get("/task/" + chore + "/")["contact_name"]; got != "ann@acme.example" {
		t.Errorf("contact_name %v", got)
	}
	b.sim.Delete(person)
	if got := b.get("/task/" + chore + "/"); got["contact_id"] != person || got["contact_name"] != "" {
		t.Errorf("contact_id %v, contact_name %v", got["contact_id"], got["contact_name"])
	}
}

func TestMoneyIsWrittenByItsCurrency(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{})
	for want, f := range map[string]closeiosim.Fields{
		"$1,300":       {"value": 130_000},
		"$0.05":        {"value": 5, "value_currency": "USD"},
		"€12.50":       {"value": 1250, "value_currency": "EUR"},
		"¥50,000":      {"value": 50_000, "value_currency": "JPY"},
		"KWD 1.234":    {"value": 1234, "value_currency": "KWD"},
		"CHF 1,000.01": {"value": 100_001, "value_currency": "CHF"},
	} {
		if got := string(b.sim.Record(b.sim.AddOpportunity(id, f))["value_formatted"]); strings.Trim(got, `"`) != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}

func TestBulkWithAll(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	b.sim.Bulk(closeiosim.BulkOptions{Leads: 30, ContactsPerLead: 2, OpportunitiesPerLead: 1, TasksPerLead: 2})
	for kind, want := range map[string]int{"lead": 30, "contact": 60, "opportunity": 30, "task": 60} {
		if n := len(rows(b.get("/" + kind + "/"))); n != want {
			t.Errorf("%s: %d, want %d", kind, n, want)
		}
	}
	if got := b.sim.Find("lead", "custom.AccountExternalID", "1007"); len(got) != 1 {
		t.Errorf("leads under 1007: %v", got)
	}
}
