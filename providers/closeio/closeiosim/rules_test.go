package closeiosim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

// arm arms a rule by its door and returns what takes it away.
func (b *bed) arm(rule string) (disarm func()) {
	b.Helper()
	w := httptest.NewRecorder()
	b.sim.RulesDoor().ServeHTTP(w, httptest.NewRequest("POST", "/_sim/rules", strings.NewReader(rule)))
	var made struct{ ID int }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
		b.Fatalf("%s: %d %s", rule, w.Code, w.Body)
	}
	return func() {
		w := httptest.NewRecorder()
		b.sim.RulesDoor().ServeHTTP(w, httptest.NewRequest("DELETE", fmt.Sprintf("/_sim/rules/%d", made.ID), nil))
		if w.Code != http.StatusNoContent {
			b.Fatalf("disarm: %d %s", w.Code, w.Body)
		}
	}
}

// C16.1: refusals by rule, as field-errors, as an error, and as plain text.
func TestC16_1_RefusedByRule(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	one, two := b.sim.AddLead(closeiosim.Fields{"name": "One"}), b.sim.AddLead(closeiosim.Fields{"name": "Two"})
	person := b.sim.AddContact(one, closeiosim.Fields{"name": "Ann Roe"})
	disarm := b.arm(`{"object":"lead","match":{"name":"One"},"fields":["status_id","description"],"text":"{description} for {credential}, ask ann@acme.test","times":1}`)
	got := b.refused(400, "PUT", "/lead/"+one+"/", `{"description":"12"}`)
	const told = "12 for api_rehearsal.only, ask ann@acme.test"
	if got != `{"errors":[],"field-errors":{"description":"`+told+`","status":"`+told+`"}}` {
		t.Errorf("got %s", got)
	}
	b.call("PUT", "/lead/"+two+"/", `{"description":"12"}`)
	b.call("PUT", "/lead/"+one+"/", `{"description":"13"}`)
	disarm()
	for rule, want := range map[string]struct {
		status int
		body   string
	}{
		`{"object":"contact","text":"Not now."}`:                              {400, `{"error":"Not now."}`},
		`{"object":"contact","code":"402","text":"Upgrade."}`:                 {402, `{"error":"Upgrade."}`},
		`{"object":"contact","code":"403","fields":["title"],"unnamed":true}`: {403, "Forbidden"},
	} {
		disarm := b.arm(rule)
		if got := b.refused(want.status, "PUT", "/contact/"+person+"/", `{"title":"CEO"}`); got != want.body {
			t.Errorf("%s: got %s", rule, got)
		}
		disarm()
	}
	b.arm(`{"object":"contact","on":"create","fields":["lead_id"],"text":"No."}`)
	if got := b.refused(400, "POST", "/contact/", `{"lead_id":"`+one+`","name":"Bo"}`); got != `{"errors":[],"field-errors":{"lead":"No."}}` {
		t.Errorf("got %s", got)
	}
	if _, err := b.sim.ArmRule([]byte(`{"object":"lead","code":"STRING_TOO_LONG"}`)); err == nil {
		t.Error("took a code, which Close does not have")
	}
	if n := len(b.sim.Writes()); n != 2 {
		t.Errorf("%d writes in the audit, want the 2 that were taken", n)
	}
}

// C16.1: the answer to a write that is ignored or rewritten tells the record as it stands.
func TestC16_1_TakenAndIgnored(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	lead := b.sim.AddLead(closeiosim.Fields{"name": "One", "description": "1", "custom.AccountExternalID": "A1"})
	person := b.sim.AddContact(lead, closeiosim.Fields{"name": "Ann"})
	b.arm(`{"object":"lead","match":{"id":"` + lead + `"},"effect":"ignore","fields":["description","custom.AccountExternalID"]}`)
	b.arm(`{"object":"lead","effect":"rewrite","fields":["name"],"form":"upper"}`)
	b.arm(`{"object":"contact","effect":"rewrite","fields":["emails"],"form":"upper"}`)
	b.arm(`{"object":"contact","effect":"rewrite","fields":["urls"],"text":"[{\"type\":\"url\",\"url\":\"https://rewritten.test\"}]"}`)
	id := ""
	for name := range b.get("/lead/" + lead + "/") {
		if strings.HasPrefix(name, "custom.cf_") {
			id = name
		}
	}
	for _, got := range []object{
		b.call("PUT", "/lead/"+lead+"/", `{"name":"Two","description":"2","`+id+`":"A2"}`), b.get("/lead/" + lead + "/"),
	} {
		if got["name"] != "TWO" || got["description"] != "1" || got[id] != "A1" {
			t.Errorf("got %v, %v, %v", got["name"], got["description"], got[id])
		}
	}
	got := b.call("PUT", "/contact/"+person+"/", `{"emails":[{"type":"office","email":"ann@acme.test"}],"urls":[]}`)
	if text := asJSON(got["emails"]); !strings.Contains(text, `"email":"ANN@ACME.TEST"`) || !strings.Contains(text, `"type":"office"`) {
		t.Errorf("got %s", text)
	}
	if made := b.call("POST", "/lead/", `{"name":"Three"}`); made["name"] != "THREE" {
		t.Errorf("got %v", made["name"])
	}
	if w := b.sim.Writes(); len(w) != 3 || string(w[0].Fields["description"]) != `"2"` {
		t.Errorf("the audit keeps what was accepted: %+v", w)
	}
	if err := b.sim.Edit(lead, closeiosim.Fields{"description": "3"}); err != nil || string(b.sim.Record(lead)["description"]) != `"3"` {
		t.Errorf("rules are not about people: %v", err)
	}
}

// C16.1: a record that the user does not see is not one that was deleted.
func TestC16_1_Hidden(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	lead, gone := b.sim.AddLead(closeiosim.Fields{"name": "One"}), b.sim.AddLead(closeiosim.Fields{"name": "Two"})
	person := b.sim.AddContact(lead, closeiosim.Fields{"name": "Ann"})
	b.sim.DeleteLead(gone)
	disarm := b.arm(`{"object":"lead","match":{"name":"One"},"effect":"hide"}`)
	if list := rows(b.get("/lead/")); len(list) != 0 {
		t.Errorf("listed: %v", list)
	}
	if list := rows(b.search(since("lead", ""))); len(list) != 0 {
		t.Errorf("found: %v", list)
	}
	for method, body := range map[string]string{"GET": "", "PUT": `{"name":"x"}`, "DELETE": ""} {
		b.refused(404, method, "/lead/"+lead+"/", body)
	}
	b.refused(400, "POST", "/contact/", `{"lead_id":"`+lead+`","name":"Bo"}`)
	var told []string
	for _, e := range rows(b.get("/event/")) {
		told = append(told, fmt.Sprint(e["object_id"], " ", e["action"]))
	}
	if !slices.Contains(told, gone+" deleted") || slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, lead) }) {
		t.Errorf("events: %v", told)
	}
	disarm()
	b.get("/lead/" + lead + "/")
	if list := rows(b.get("/lead/")); len(list) != 1 {
		t.Errorf("listed after the rule: %v", list)
	}
	b.arm(`{"object":"contact","match":{"id":"` + person + `"},"effect":"hide"}`)
	if got := b.get("/lead/" + lead + "/?_fields=contacts,contact_ids"); asJSON(got) != `{"contact_ids":[],"contacts":[]}` {
		t.Errorf("got %s", asJSON(got))
	}
}

// C16.1: broken JSON in one record.
func TestC16_1_Malformed(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	lead := b.sim.AddLead(closeiosim.Fields{"name": "One", "description": "1", "custom.AccountExternalID": "A1"})
	b.sim.AddLead(closeiosim.Fields{"name": "Two", "description": "2"})
	search := asJSON(since("lead", "", "description"))
	for form, want := range map[string]string{"surrogate": `1\ud83d"`, "nan": `NaN`, "newline": "1\n\""} {
		disarm := b.arm(`{"object":"lead","match":{"name":"One"},"effect":"malform","fields":["description","custom.AccountExternalID"],"form":"` + form + `"}`)
		for path, count := range map[string]int{"/lead/": 2, "/lead/" + lead + "/": 2, "/lead/?_fields=description": 1} {
			if w := b.send("GET", path, ""); strings.Count(w.Body.String(), want) != count {
				t.Errorf("%s: got %s, want %d times %s", path, w.Body, count, want)
			}
		}
		if w := b.send("POST", "/data/search/", search); strings.Count(w.Body.String(), want) != 1 {
			t.Errorf("search: got %s, want %s", w.Body, want)
		}
		if string(b.sim.Record(lead)["description"]) != `"1"` {
			t.Errorf("people read %s", b.sim.Record(lead)["description"])
		}
		disarm()
	}
}

// C16.1: another organization behind the same address.
func TestC16_1_AnotherOrganization(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	lead := b.sim.AddLead(closeiosim.Fields{"name": "One"})
	if err := b.sim.SetOrganizationID("orga_another"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/me/", "/lead/" + lead + "/", "/user/", "/event/", "/pipeline/", "/organization/orga_another/"} {
		if w := b.send("GET", path, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"orga_another"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if b.sim.OrganizationID() != "orga_another" || b.sim.SetOrganizationID("48000001") == nil {
		t.Errorf("got %s", b.sim.OrganizationID())
	}
}

// C16.1: updated_by, and the user and key of an event, tell the API user from a
// person, and an edit behind everybody's back leaves no trace.
func TestC16_1_Modifier(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	me, _ := b.get("/me/")["id"].(string)
	lead := b.sim.AddLead(closeiosim.Fields{"name": "One"})
	task := b.sim.AddTask(lead, closeiosim.Fields{"text": "Call"})
	b.clock.advance(time.Minute)
	written := b.call("PUT", "/lead/"+lead+"/", `{"description":"1"}`)
	person, _ := b.get("/task/" + task + "/")["updated_by"].(string)
	if written["updated_by"] != me || person == me || person == "" {
		t.Errorf("updated by %v, a person's task by %q, the API user is %s", written["updated_by"], person, me)
	}
	b.clock.advance(time.Hour)
	events := len(rows(b.get("/event/")))
	if err := b.sim.EditQuietly(lead, closeiosim.Fields{"description": "2"}); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.EditQuietly(task, closeiosim.Fields{"is_complete": true}); err != nil {
		t.Fatal(err)
	}
	quiet := b.get("/lead/" + lead + "/")
	if diff := cmp.Diff([]any{"2", me, written["date_updated"]}, []any{quiet["description"], quiet["updated_by"], quiet["date_updated"]}); diff != "" {
		t.Errorf("a quiet edit (-want +got):\n%s", diff)
	}
	if n := len(rows(b.get("/event/"))); n != events || b.get("/task/" + task + "/")["is_complete"] != true {
		t.Errorf("%d events, there were %d", n, events)
	}
	if found := rows(b.search(since("lead", "", "description"))); found[0]["description"] != "2" {
		t.Errorf("found %v", found)
	}
	if err := b.sim.Edit(lead, closeiosim.Fields{"description": "3"}); err != nil {
		t.Fatal(err)
	}
	edited := b.get("/lead/" + lead + "/")
	if edited["updated_by"] != person || edited["date_updated"] == written["date_updated"] {
		t.Errorf("a person's edit: by %v at %v", edited["updated_by"], edited["date_updated"])
	}
	list := rows(b.get("/event/?object_type=lead&action=updated"))
	if list[0]["user_id"] != person || list[0]["api_key_id"] != nil || list[1]["user_id"] != me || list[1]["api_key_id"] == nil {
		t.Errorf("events: %v", list)
	}
	if n := len(b.sim.Writes()); n != 1 {
		t.Errorf("%d writes in the audit", n)
	}
}

// What nobody saw being edited stays so, though an older change of the record
// waits for the search index meanwhile.
func TestQuietEditAfterAChangeThatIsNotIndexed(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	lead := b.sim.AddLead(closeiosim.Fields{"name": "One"})
	b.clock.advance(time.Minute)
	if err := b.sim.Touch(lead); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.EditQuietly(lead, closeiosim.Fields{"description": "2"}); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Minute)
	if found := rows(b.search(since("lead", "", "description"))); found[0]["description"] != "2" {
		t.Errorf("found %v", found)
	}
}
