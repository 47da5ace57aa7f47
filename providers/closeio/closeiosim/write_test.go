package closeiosim_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

func TestPutIsAPatch(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{
		"name": "Acme", "description": "Old", "url": "acme.example",
		"addresses": []object{{"label": "business", "city": "Denver", "country": "US"}, {"label": "mailing", "city": "Austin"}},
	})
	b.clock.advance(time.Hour)
	got := b.call("PUT", "/lead/"+id+"/", `{"description":null,"addresses":[{"city":"Boston"}]}`)
	address := object{"label": "business", "address_1": nil, "address_2": nil, "city": "Boston", "state": nil, "zipcode": nil, "country": nil}
	if d := cmp.Diff([]any{address}, got["addresses"]); d != "" {
		t.Errorf("arrays are replaced whole: %s", d)
	}
	if got["name"] != "Acme" || got["url"] != "acme.example" || got["description"] != nil || got["date_updated"] != "2026-11-22T10:05:00.123000+00:00" {
		t.Errorf("got %v", got)
	}
	b.clock.advance(time.Hour)
	if got := b.call("PUT", "/lead/"+id+"/", `{"name":" Acme "}`); got["date_updated"] != "2026-11-22T10:05:00.123000+00:00" {
		t.Errorf("a write that changes nothing moved date_updated to %v", got["date_updated"])
	}
	writes := b.sim.Writes()
	if len(writes) != 2 || writes[0].ID != id || writes[0].Method != "PUT" || string(writes[0].Fields["description"]) != "null" {
		t.Errorf("audit: %v", writes)
	}
	b.sim.ResetWrites()
	if len(b.sim.Writes()) != 0 {
		t.Error("writes after a reset")
	}
}

func TestWritesAreChecked(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	person := b.sim.AddContact(id, closeiosim.Fields{"name": "Ann"})
	deal := b.sim.AddOpportunity(id, closeiosim.Fields{})
	chore := b.sim.AddTask(id, closeiosim.Fields{"_type": "voicemail"})
	custom := func(kind, name string) string { return "custom." + b.sim.CustomFieldID(kind, name) }
	for _, c := range []struct{ path, body, field string }{
		{"/lead/" + id + "/", `{"naam":"x"}`, "naam"},
		{"/lead/" + id + "/", `{"contacts":[]}`, "contacts"},
		{"/lead/" + id + "/", `{"custom":{"Plan":"x"}}`, "custom"},
		{"/lead/" + id + "/", `{"date_updated":"2026-01-01"}`, "date_updated"},
		{"/lead/" + id + "/", `{"name":7}`, "name"},
		{"/lead/" + id + "/", `{"status_id":"stat_x"}`, "status_id"},
		{"/lead/" + id + "/", `{"addresses":[{"country":"Germany"}]}`, "addresses"},
		{"/lead/" + id + "/", `{"addresses":[{"town":"x"}]}`, "addresses"},
		{"/lead/" + id + "/", `{"` + custom("lead", "Health") + `":"Great"}`, custom("lead", "Health")},
		{"/lead/" + id + "/", `{"` + custom("lead", "Renewal Date") + `":"2026-11-22T00:00:00Z"}`, custom("lead", "Renewal Date")},
		{"/lead/" + id + "/", `{"` + custom("lead", "Account Owner") + `":"user_x"}`, custom("lead", "Account Owner")},
		{"/lead/" + id + "/", `{"custom.cf_gone":"x"}`, "custom.cf_gone"},
		{"/lead/" + id + "/", `{"` + custom("contact", "ContactExternalID") + `":"x"}`, custom("contact", "ContactExternalID")},
		{"/contact/" + person + "/", `{"lead_id":"lead_x"}`, "lead_id"},
		{"/contact/" + person + "/", `{"emails":[{"email":"no"}]}`, "emails"},
		{"/contact/" + person + "/", `{"title":"` + strings.Repeat("x", 1001) + `"}`, "title"},
		{"/contact/" + person + "/", `{"phones":[` + strings.Repeat(`{"phone":"1"},`, 100) + `{"phone":"1"}]}`, "phones"},
		{"/opportunity/" + deal + "/", `{"value":1.5}`, "value"},
		{"/opportunity/" + deal + "/", `{"confidence":101}`, "confidence"},
		{"/opportunity/" + deal + "/", `{"value_period":"daily"}`, "value_period"},
		{"/opportunity/" + deal + "/", `{"value_currency":"usd"}`, "value_currency"},
		{"/task/" + chore + "/", `{"text":"x"}`, "text"},
		{"/task/" + chore + "/", `{"_type":"lead"}`, "_type"},
		{"/task/" + chore + "/", `{"is_complete":"yes"}`, "is_complete"},
		{"/task/" + chore + "/", `{"date":"tomorrow"}`, "date"},
	} {
		text := b.refused(400, "PUT", c.path, c.body)
		if !strings.Contains(text, `"field-errors":{"`+c.field+`"`) {
			t.Errorf("%s: %s", c.body, text)
		}
	}
	for path, body := range map[string]string{
		"/contact/": `{"name":"x"}`, "/opportunity/": `{}`, "/task/": `{"text":"x"}`,
	} {
		if text := b.refused(400, "POST", path, body); !strings.Contains(text, `"lead_id":"This field is required."`) {
			t.Errorf("%s: %s", path, text)
		}
	}
	b.refused(400, "POST", "/task/", `{"lead_id":"`+id+`","_type":"missed_call"}`)
	b.refused(404, "PUT", "/lead/lead_x/", `{}`)
	b.refused(400, "PUT", "/lead/"+id+"/", `[]`)
	if n := len(b.sim.Writes()); n != 0 {
		t.Errorf("%d writes in the audit", n)
	}
}

func TestPhonesAreNormalized(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	for typed, want := range map[string]object{
		"8004445555":         {"type": "mobile", "phone": "+18004445555", "phone_formatted": "+1 800-444-5555", "country": "US"},
		" 1-303-555-0100 x7": {"type": "mobile", "phone": "+13035550100", "phone_formatted": "+1 303-555-0100", "country": "US"},
		"0049 89/123456":     {"type": "mobile", "phone": "+4989123456", "phone_formatted": "+49 89123456", "country": "DE"},
		"+44 113 496 0000":   {"type": "mobile", "phone": "+441134960000", "phone_formatted": "+44 1134960000", "country": "GB"},
		"ask Jim":            {"type": "mobile", "phone": "ask Jim", "phone_formatted": "ask Jim", "country": nil},
	} {
		body := asJSON(object{"lead_id": id, "name": "x", "phones": []object{{"type": "mobile", "phone": typed}}})
		if d := cmp.Diff([]any{want}, b.call("POST", "/contact/", body)["phones"]); d != "" {
			t.Errorf("%q: %s", typed, d)
		}
	}
}

func TestCustomValues(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	key := "custom." + b.sim.CustomFieldID("lead", "Plan")
	many, err := b.sim.AddCustomField(closeiosim.CustomField{Name: "Regions", Type: "choices", Choices: []string{"N", "S", "W"}, Multiple: true, Objects: []string{"lead"}})
	if err != nil {
		t.Fatal(err)
	}
	number, err := b.sim.AddCustomField(closeiosim.CustomField{Name: "Seats", Type: "number", Objects: []string{"lead"}})
	if err != nil {
		t.Fatal(err)
	}
	list, seats := "custom."+many, "custom."+number
	id := b.call("POST", "/lead/", `{"name":"Acme","`+key+`":"Pro","`+list+`":["N","S"],"`+seats+`":12.50}`)["id"].(string)
	put := func(body string) object { return b.call("PUT", "/lead/"+id+"/", body) }
	if got := put(`{}`); got[key] != "Pro" || got[seats] != 12.5 {
		t.Errorf("got %v", got)
	}
	got := put(`{"` + key + `":null,"` + list + `.add":["W"],"` + list + `.remove":["S"]}`)
	if _, has := got[key]; has {
		t.Errorf("a cleared field is there: %v", got[key])
	}
	// Both changes name one field; at least neither is lost in a second call.
	put(`{"` + list + `.remove":["S"]}`)
	if d := cmp.Diff([]any{"N", "W"}, put(`{"` + list + `.add":"W"}`)[list]); d != "" {
		t.Error(d)
	}
	if _, has := put(`{"` + list + `":[]}`)[list]; has {
		t.Error("an empty list is there")
	}
	b.refused(400, "PUT", "/lead/"+id+"/", `{"`+key+`.add":"x"}`)
	b.refused(400, "PUT", "/lead/"+id+"/", `{"`+seats+`":"many"}`)
}

func TestFieldOfARole(t *testing.T) {
	b := newBed(t, closeiosim.Options{NonAdmin: true})
	f, err := b.sim.AddCustomField(closeiosim.CustomField{Name: "Locked", Type: "text", Objects: []string{"lead"}, EditableBy: []string{"admin"}})
	if err != nil {
		t.Fatal(err)
	}
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme", "custom.Locked": "by an admin"})
	w := b.send("PUT", "/lead/"+id+"/", `{"name":"x","custom.`+f+`":"y"}`)
	if w.Code != 403 || w.Body.String() != "Forbidden" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	if got := b.get("/lead/" + id + "/"); got["name"] != "Acme" {
		t.Errorf("half of it was written: %v", got["name"])
	}
}

// A status changes several fields at once, and the day of the win is the
// caller's own.
func TestWonToday(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	b.clock.at = time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	deal := b.sim.AddOpportunity(id, closeiosim.Fields{"value": 50_000, "value_currency": "JPY"})
	won, active, lost := b.sim.StatusID("opportunity", "Won"), b.sim.StatusID("opportunity", "Contract Sent"), b.sim.StatusID("opportunity", "Lost")
	put := func(status, zone string) object {
		w := b.send("PUT", "/opportunity/"+deal+"/", `{"status_id":"`+status+`"}`, func(r *http.Request) { r.Header.Set("x-tz-offset", zone) })
		if w.Code != 200 {
			t.Fatal(w.Body)
		}
		return b.get("/opportunity/" + deal + "/?_fields=status_type,status_label,confidence,date_won,date_lost,value_formatted")
	}
	want := object{"status_type": "won", "status_label": "Won", "confidence": 100.0, "date_won": "2026-11-21", "date_lost": nil, "value_formatted": "¥50,000"}
	if d := cmp.Diff(want, put(won, "-5")); d != "" {
		t.Error(d)
	}
	want["status_type"], want["status_label"] = "active", "Contract Sent"
	if d := cmp.Diff(want, put(active, "0")); d != "" {
		t.Errorf("leaving won clears nothing: %s", d)
	}
	want["status_type"], want["status_label"], want["confidence"], want["date_lost"] = "lost", "Lost", 0.0, "2026-11-22T02:30:00+00:00"
	if d := cmp.Diff(want, put(lost, "0")); d != "" {
		t.Error(d)
	}
	other := rows(b.get("/pipeline/"))[1]["id"].(string)
	b.refused(400, "POST", "/opportunity/", `{"lead_id":"`+id+`","pipeline_id":"`+other+`","status_id":"`+won+`"}`)
	if got := b.call("POST", "/opportunity/", `{"lead_id":"`+id+`","pipeline_id":"`+other+`"}`); got["status_label"] != "Up for renewal" || got["pipeline_id"] != other {
		t.Errorf("in the other pipeline: %v", got)
	}
}

func TestContactMoves(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	from, to := b.sim.AddLead(closeiosim.Fields{"name": "A"}), b.sim.AddLead(closeiosim.Fields{"name": "B"})
	person := b.sim.AddContact(from, closeiosim.Fields{"name": "Ann"})
	b.clock.advance(time.Hour)
	b.call("PUT", "/contact/"+person+"/", `{"lead_id":"`+to+`"}`)
	if len(b.sim.Children(from, "contact")) != 0 || len(b.sim.Children(to, "contact")) != 1 {
		t.Error("the contact did not move")
	}
	for _, id := range []string{from, to} {
		if got := brief(rows(b.get("/event/?object_type=lead&action=updated&lead_id=" + id)))[0]; got != "lead updated" {
			t.Errorf("event of %s: %s", id, got)
		}
	}
	if list := rows(b.get("/contact/?lead_id=" + to)); len(list) != 1 || list[0]["lead_id"] != to {
		t.Errorf("contacts of the new lead: %v", list)
	}
}

func TestCreateAndDeleteByAPI(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	made := b.call("POST", "/lead/", `{"name":"Bluth","contacts":[{"name":"Gob","emails":[{"type":"office","email":"gob@bluth.example"}]}]}`)
	id := made["id"].(string)
	if got := made["contacts"].([]any); len(got) != 1 || made["status_label"] != "Potential" || made["created_by"] == nil {
		t.Errorf("made %v", made)
	}
	if got := b.get("/lead/" + id + "/?_fields=primary_email")["primary_email"].(object)["email"]; got != "gob@bluth.example" {
		t.Errorf("primary_email %v", got)
	}
	b.refused(400, "POST", "/lead/", `{"name":"Half","contacts":[{"naam":"x"}]}`)
	if n := len(b.sim.Find("lead", "name", "Half")); n != 0 {
		t.Error("half of a refused lead is there")
	}
	chore := b.call("POST", "/task/", `{"lead_id":"`+id+`","text":"Call","date":"2026-12-01"}`)
	if chore["_type"] != "lead" || chore["view"] != "future" || chore["is_complete"] != false {
		t.Errorf("made %v", chore)
	}
	if w := b.send("DELETE", "/lead/"+id+"/", ""); w.Code != 200 || w.Body.String() != "{}" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	b.refused(404, "DELETE", "/lead/"+id+"/", "")
	var ops []string
	for _, w := range b.sim.Writes() {
		ops = append(ops, w.Method+" "+w.Object)
	}
	if d := cmp.Diff([]string{"POST lead", "POST task", "DELETE lead"}, ops); d != "" {
		t.Error(d)
	}
}
