package closeiosim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

// fieldsOf names the fields that the schema tells, in its order.
func (b *bed) fieldsOf(kind string) map[string]object {
	b.Helper()
	out := map[string]object{}
	list, _ := b.get("/custom_field_schema/" + kind + "/")["fields"].([]any)
	for _, v := range list {
		f := v.(object)
		out[f["name"].(string)] = f
	}
	return out
}

func TestSchemaTells(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	leads := b.fieldsOf("lead")
	health := leads["Health"]
	if d := cmp.Diff([]any{"Good", "OK", "Bad"}, health["choices"]); d != "" || health["type"] != "choices" || health["accepts_multiple_values"] != false {
		t.Errorf("Health: %v", health)
	}
	if roles, is := health["editable_with_roles"].([]any); !is || len(roles) != 0 {
		t.Errorf("editable_with_roles %v", health["editable_with_roles"])
	}
	owner := leads["Account Owner"]
	_, choices := owner["choices"]
	_, roles := owner["editable_with_roles"]
	ties, _ := owner["associations"].([]any)
	if choices || roles || len(ties) != 2 || b.fieldsOf("contact")["Account Owner"]["id"] != owner["id"] {
		t.Errorf("a shared field: %v", owner)
	}
	own := rows(b.get("/custom_field/lead/?_limit=2"))
	if len(own) != 2 || own[0]["name"] != "AccountExternalID" {
		t.Errorf("fields of leads: %v", own)
	}
	shared := rows(b.get("/custom_field/shared/"))
	if len(shared) != 1 || shared[0]["id"] != owner["id"] {
		t.Errorf("shared fields: %v", shared)
	}
	id := own[0]["id"].(string)
	if got := b.get("/custom_field/lead/" + id + "/"); got["id"] != id {
		t.Errorf("by id: %v", got)
	}
	b.refused(404, "GET", "/custom_field/contact/"+id+"/", "")
}

// A renamed field keeps id and values; a deleted one vanishes with them,
// and in neither case does a record count as changed.
func TestFieldIsRenamedThenDeleted(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme", "custom.Plan": "Pro"})
	key := "custom." + b.sim.CustomFieldID("lead", "Plan")
	before := b.get("/lead/" + id + "/")
	b.clock.advance(time.Hour)
	if err := b.sim.RenameCustomField("lead", "Plan", "Subscription"); err != nil {
		t.Fatal(err)
	}
	after := b.get("/lead/" + id + "/")
	if d := cmp.Diff(object{"Subscription": "Pro"}, after["custom"]); d != "" || after[key] != "Pro" || after["date_updated"] != before["date_updated"] {
		t.Errorf("after the rename: %v, %v, %v", after["custom"], after[key], after["date_updated"])
	}
	if err := b.sim.DeleteCustomField("lead", "Subscription"); err != nil {
		t.Fatal(err)
	}
	after = b.get("/lead/" + id + "/")
	if _, has := after[key]; has || after["date_updated"] != before["date_updated"] {
		t.Errorf("after the deletion: %v", after)
	}
	if _, has := rows(b.search(since("lead", "", "name", key)))[0][key]; has {
		t.Error("the search still has the value")
	}
	if _, has := b.fieldsOf("lead")["Subscription"]; has {
		t.Error("the schema still has the field")
	}
	if b.sim.CustomFieldID("lead", "Subscription") != "" || b.sim.DeleteCustomField("lead", "Subscription") == nil || b.sim.RenameCustomField("task", "x", "y") == nil {
		t.Error("a field that is not there was found")
	}
	got := brief(rows(b.get("/event/?date_updated__gte=" + b.clock.at.Format(time.RFC3339Nano))))
	if d := cmp.Diff([]string{"custom_fields.lead deleted", "custom_fields.lead updated"}, got); d != "" {
		t.Error(d)
	}
}

func TestTypeChangesInTime(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	good := b.sim.AddLead(closeiosim.Fields{"custom.Plan": "12"})
	bad := b.sim.AddLead(closeiosim.Fields{"custom.Plan": "Pro"})
	key := "custom." + b.sim.CustomFieldID("lead", "Plan")
	if err := b.sim.ChangeCustomFieldType("lead", "Plan", "number", time.Minute); err != nil {
		t.Fatal(err)
	}
	if f := b.fieldsOf("lead")["Plan"]; f["type"] != "text" || f["converting_to_type"] != "number" {
		t.Errorf("at first: %v", f)
	}
	b.clock.advance(time.Minute)
	f := b.fieldsOf("lead")["Plan"]
	if _, converting := f["converting_to_type"]; converting || f["type"] != "number" {
		t.Errorf("a minute later: %v", f)
	}
	if got := b.get("/lead/" + good + "/")[key]; got != 12.0 {
		t.Errorf("12 became %v", got)
	}
	if got, has := b.get("/lead/" + bad + "/")[key]; has {
		t.Errorf("Pro became %v", got)
	}
	if err := b.sim.ChangeCustomFieldType("lead", "Plan", "text", 0); err != nil {
		t.Fatal(err)
	}
	if got := b.get("/lead/" + good + "/")[key]; got != "12" {
		t.Errorf("back to text: %v", got)
	}
	if b.sim.ChangeCustomFieldType("lead", "Plan", "smell", 0) == nil {
		t.Error("a type that does not exist was taken")
	}
}

const schemaText = `
custom_fields:
  - {name: Region, type: choices, choices: [EMEA, AMER], objects: [lead, contact], editable_by: [admin]}
  - {name: Plan, type: choices, choices: [Free, Pro], objects: [lead], description: What they pay for}
  - {name: Tags, type: text, multiple: true, objects: [opportunity]}
`

func TestSchemaFile(t *testing.T) {
	s, err := closeiosim.ReadSchema(strings.NewReader(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, closeiosim.Options{Schema: s, Accounts: 5})
	leads := b.fieldsOf("lead")
	if leads["Plan"]["type"] != "choices" || leads["Plan"]["description"] != "What they pay for" || leads["Region"]["associations"] == nil {
		t.Errorf("Plan %v, Region %v", leads["Plan"], leads["Region"])
	}
	if f := b.fieldsOf("opportunity")["Tags"]; f["accepts_multiple_values"] != true {
		t.Errorf("Tags %v", f)
	}
	for text, want := range map[string]string{
		"":                                    "empty",
		"custom_fields: 7":                    "line 1",
		"fields: []":                          "line 1",
		"custom_fields: []\n---\na: 1":        "more than one",
		strings.Repeat("# long\n", 200_000):   "larger",
		"custom_fields: [{name: x, kind: y}]": "kind",
	} {
		if _, err := closeiosim.ReadSchema(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"custom_fields: [{name: x, type: smell, objects: [lead]}]":                                        "smell",
		"custom_fields: [{name: x, type: text, objects: [task]}]":                                         "task",
		"custom_fields: [{name: x, type: text}]":                                                          "object",
		"custom_fields: [{name: x, type: choices, objects: [lead]}]":                                      "choices",
		"custom_fields: [{name: x, type: text, objects: [lead]}, {name: x, type: text, objects: [lead]}]": "already",
	} {
		s, err := closeiosim.ReadSchema(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := closeiosim.New(closeiosim.Options{Schema: s}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []closeiosim.Options{{Accounts: -1}, {PageMax: -1}, {WalkMax: -1}} {
		if _, err := closeiosim.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	b := newBed(t, closeiosim.Options{})
	if err := b.sim.Configure(func(o *closeiosim.Options) { o.MaxSkip = -1 }); err == nil {
		t.Error("a negative MaxSkip was taken")
	}
}

func FuzzReadSchema(f *testing.F) {
	f.Add(schemaText)
	f.Add("custom_fields: [{name: x, type: text, objects: [lead, lead]}]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := closeiosim.ReadSchema(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := closeiosim.New(closeiosim.Options{Schema: s}); err != nil && slices.Contains([]string{"", "EOF"}, err.Error()) {
			t.Errorf("an error that says nothing: %q", err)
		}
	})
}
