package hubspotsim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// arm arms a rule by its door and returns what takes it away.
func (p *portal) arm(rule string) (disarm func()) {
	p.t.Helper()
	w := httptest.NewRecorder()
	p.RulesDoor().ServeHTTP(w, httptest.NewRequest("POST", "/_sim/rules", strings.NewReader(rule)))
	var made struct{ ID int }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
		p.t.Fatalf("%s: %d %s", rule, w.Code, w.Body)
	}
	return func() {
		w := httptest.NewRecorder()
		p.RulesDoor().ServeHTTP(w, httptest.NewRequest("DELETE", fmt.Sprintf("/_sim/rules/%d", made.ID), nil))
		if w.Code != http.StatusNoContent {
			p.t.Fatalf("disarm: %d %s", w.Code, w.Body)
		}
	}
}

// change is an input of an update, with a trace id.
func change(id, properties string) string {
	return fmt.Sprintf(`{"id":%q,"objectWriteTraceId":"t-%s","properties":{%s}}`, id, id, properties)
}

// C16.1: a refusal by rule is one of a 207's errors where each input has a
// trace id, refuses the whole batch where none has, and a single call.
func TestC16_1_RefusedByRule(t *testing.T) {
	p := newPortal(t)
	one, two := p.must("companies", "name", "One"), p.must("companies", "name", "Two")
	p.arm(`{"object":"companies","match":{"name":"One"},"code":"INVALID_OPTION","text":"{phone} is none of {credential}'s options, ask ann@acme.test","fields":["phone"]}`)
	const told = "12 is none of pat-fixed's options, ask ann@acme.test"
	got := into[many](p, p.do("POST", v9+"/companies/batch/update", inputs(change(one, `"phone":"12"`), change(two, `"phone":"12"`))), http.StatusMultiStatus)
	if len(got.Results) != 1 || got.Results[0].ID != two || got.NumErrors != 1 || got.Errors[0].Category != "VALIDATION_ERROR" ||
		!cmp.Equal(got.Errors[0].Context["objectWriteTraceId"], []string{"t-" + one}) || !strings.Contains(got.Errors[0].Message, `"message":"`+told+`","error":"INVALID_OPTION","name":"phone"`) {
		t.Errorf("got %+v", got)
	}
	plain := fmt.Sprintf(`{"id":%q,"properties":{"phone":"12"}}`, one)
	whole := into[problem](p, p.do("POST", v9+"/companies/batch/update", inputs(plain)), http.StatusBadRequest)
	if len(whole.Errors) != 1 || whole.Errors[0].Code != "INVALID_OPTION" || whole.Errors[0].Message != told || !cmp.Equal(whole.Errors[0].Context["propertyName"], []string{"phone"}) {
		t.Errorf("got %+v", whole)
	}
	if got := p.code(p.do("PATCH", v9+"/companies/"+one, `{"properties":{"phone":"12"}}`), http.StatusBadRequest); got != "INVALID_OPTION" {
		t.Errorf("got %s", got)
	}
	if a := p.do("PATCH", v9+"/companies/"+one, `{"properties":{"city":"Bern"}}`); a.status != http.StatusOK {
		t.Errorf("a write without the property: %d %s", a.status, a.body)
	}
	p.arm(`{"object":"companies","on":"create","code":"CONFLICT","text":"no more","times":1}`)
	for _, want := range []int{http.StatusConflict, http.StatusCreated} {
		if a := p.do("POST", v9+"/companies", `{"properties":{"name":"Three"}}`); a.status != want {
			t.Errorf("got %d %s, want %d", a.status, a.body, want)
		}
	}
	p.arm(`{"object":"companies","fields":["zip"],"when":"missing","unnamed":true,"on":"create","code":"MISSING_REQUIRED_PROPERTY","text":"zip"}`)
	if e := into[problem](p, p.do("POST", v9+"/companies", `{"properties":{"name":"Four"}}`), http.StatusBadRequest); e.Category != "MISSING_REQUIRED_PROPERTY" || len(e.Errors) != 0 {
		t.Errorf("got %+v", e)
	}
	if a := p.do("POST", v9+"/companies", `{"properties":{"name":"Four","zip":"1"}}`); a.status != http.StatusCreated {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// C16.1: the answer to a write that is ignored or rewritten tells the record as it stands.
func TestC16_1_TakenAndIgnored(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "One", "phone", "1", "qbench_customer_id", "q1")
	p.arm(`{"object":"company","match":{"id":"` + id + `"},"effect":"ignore","fields":["phone"]}`)
	p.arm(`{"object":"companies","effect":"rewrite","fields":["city"],"form":"upper"}`)
	got := into[many](p, p.do("POST", v9+"/companies/batch/upsert", inputs(upsert("q1", `"phone":"2","city":"Bern"`))), http.StatusOK)
	if r := got.Results[0]; r.get("phone") != "1" || r.get("city") != "BERN" {
		t.Errorf("got %+v", r)
	}
	if r := p.Record("companies", id); r["phone"] != "1" || r["city"] != "BERN" {
		t.Errorf("stored: %v", r)
	}
	if w := p.Audit(); len(w) != 1 || w[0].Fields["phone"] != "2" {
		t.Errorf("the audit keeps what was accepted: %+v", w)
	}
	if err := p.SetField("companies", id, "phone", "3"); err != nil || p.Record("companies", id)["phone"] != "3" {
		t.Errorf("rules are not about people: %v", err)
	}
}

// C16.1: a record that the token does not see is not one that was deleted.
func TestC16_1_Hidden(t *testing.T) {
	p := newPortal(t)
	id, gone := p.must("companies", "name", "One", "qbench_customer_id", "q1"), p.must("companies", "name", "Two")
	person := p.must("contacts", "email", "roe@acme.test")
	p.ok(p.Associate("contacts", person, "companies", id))
	p.ok(p.Delete("companies", gone))
	disarm := p.arm(`{"object":"companies","match":{"hs_object_id":"` + id + `"},"effect":"hide"}`)
	for _, path := range []string{v9 + "/companies", v9 + "/companies?archived=true"} {
		if a := p.do("GET", path, ""); strings.Contains(a.body, `"`+id+`"`) || strings.Contains(path, "true") != strings.Contains(a.body, `"`+gone+`"`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	for _, body := range []string{`{"inputs":[{"id":"` + id + `"}]}`, `{"idProperty":"qbench_customer_id","inputs":[{"id":"q1"}]}`} {
		got := into[many](p, p.do("POST", v9+"/companies/batch/read", body), http.StatusMultiStatus)
		if len(got.Results) != 0 || got.Errors[0].Category != "OBJECT_NOT_FOUND" {
			t.Errorf("%s: %+v", body, got)
		}
	}
	if got := into[many](p, p.do("POST", v9+"/companies/search", `{}`), http.StatusOK); got.Total != 0 {
		t.Errorf("search: %+v", got)
	}
	for method, body := range map[string]string{"GET": "", "PATCH": `{"properties":{"phone":"1"}}`, "DELETE": ""} {
		if a := p.do(method, v9+"/companies/"+id, body); a.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	if a := p.do("GET", v9+"/contacts/"+person+"/associations/companies", ""); strings.Contains(a.body, id) {
		t.Errorf("associations: %s", a.body)
	}
	if got := p.code(p.do("POST", v9+"/companies/batch/upsert", inputs(upsert("q1", `"name":"New"`))), http.StatusConflict); got != "CONFLICTING_UNIQUE_VALUE" {
		t.Errorf("an upsert by its key: %s", got)
	}
	disarm()
	if a := p.do("GET", v9+"/companies/"+id, ""); a.status != http.StatusOK || p.Count("companies") != 1 {
		t.Errorf("after the rule: %d %s", a.status, a.body)
	}
	if got := into[many](p, p.do("POST", v9+"/companies/search", `{}`), http.StatusOK); got.Total != 1 {
		t.Errorf("search after the rule: %+v", got)
	}
}

// C16.1: broken JSON in one record.
func TestC16_1_Malformed(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "One", "phone", "1")
	p.must("companies", "name", "Two", "phone", "2")
	for form, want := range map[string]string{"surrogate": `"phone":"1\ud83d"`, "nan": `"phone":NaN`, "newline": "\"phone\":\"1\n\""} {
		disarm := p.arm(`{"object":"companies","match":{"name":"One"},"effect":"malform","fields":["phone"],"form":"` + form + `"}`)
		for path, body := range map[string]string{
			"/companies?properties=phone": "", "/companies/" + id + "?properties=phone": "",
			"/companies/batch/read": `{"properties":["phone"],"inputs":[{"id":"` + id + `"}]}`, "/companies/search": `{"properties":["phone"]}`,
		} {
			method := "POST"
			if body == "" {
				method = "GET"
			}
			r := httptest.NewRequest(method, v9+path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			if p.ServeHTTP(w, r); strings.Count(w.Body.String(), want) != 1 {
				t.Errorf("%s: got %s, want %s", path, w.Body, want)
			}
		}
		disarm()
	}
}

// C16.1: another portal behind the same address.
func TestC16_1_AnotherPortal(t *testing.T) {
	p := newPortal(t)
	p.ok(p.SetPortalID("48000099"))
	if a := p.do("GET", "/account-info/2026-09/details", ""); !strings.Contains(a.body, `"portalId":48000099`) || p.PortalID() != "48000099" {
		t.Errorf("got %s", a.body)
	}
	if a := p.do("POST", "/oauth/2026-09/token", "grant_type=refresh_token&refresh_token=r"); !strings.Contains(a.body, `"hub_id":48000099`) {
		t.Errorf("got %s", a.body)
	}
	if a := p.do("POST", v9+"/companies", `{"properties":{"nonsense":"x"}}`); !strings.Contains(a.body, `48000099`) {
		t.Errorf("got %s", a.body)
	}
	if err := p.SetPortalID("acme"); err == nil {
		t.Error("took a name")
	}
}

// C16.1: history and hs_updated_by_user_id tell the app from a person, and an
// edit behind everybody's back moves neither stamp nor author.
func TestC16_1_Modifier(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "One", "phone", "0")
	read := func() (phone, by, stamp, source string) {
		got := into[record](p, p.do("GET", v9+"/companies/"+id+"?properties=phone,hs_updated_by_user_id&propertiesWithHistory=phone", ""), http.StatusOK)
		h := got.History["phone"][0]
		if h.Value != got.get("phone") {
			t.Errorf("history begins with %q, the value is %q", h.Value, got.get("phone"))
		}
		return got.get("phone"), got.get("hs_updated_by_user_id"), got.UpdatedAt, h.SourceType + " " + h.SourceID + " " + h.Timestamp
	}
	check := func(what, wantPhone, wantBy, wantStamp, wantSource string) {
		t.Helper()
		phone, by, stamp, source := read()
		if diff := cmp.Diff([]string{wantPhone, wantBy, wantStamp, wantSource}, []string{phone, by, stamp, source}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	const made, written, edited = "2026-05-01T07:25:37.400Z", "2026-05-01T07:26:37.400Z", "2026-05-01T07:28:37.400Z"
	check("made by a person", "0", "12", made, "CRM_UI userId:12 "+made)
	p.clock.add(time.Minute)
	if a := p.do("PATCH", v9+"/companies/"+id, `{"properties":{"phone":"1"}}`); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	check("written by the app", "1", "", written, "INTEGRATION 7700001 "+written)
	p.clock.add(time.Minute)
	p.ok(p.EditQuietly("companies", id, map[string]string{"phone": "2"}))
	check("edited behind everybody's back", "2", "", written, "INTEGRATION 7700001 "+written)
	p.clock.add(time.Minute)
	p.ok(p.Edit("companies", id, map[string]string{"phone": "3"}))
	check("edited by a person", "3", "12", edited, "CRM_UI userId:12 "+edited)
	if n := len(p.Audit()); n != 1 {
		t.Errorf("%d writes in the audit", n)
	}
}

// C16.1: a search, which may remember what it found, sees a quiet edit.
func TestC16_1_SearchAfterAQuietEdit(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "One", "phone", "1")
	search := func() int {
		return into[many](p, p.do("POST", v9+"/companies/search", `{"filterGroups":[{"filters":[{"propertyName":"phone","operator":"EQ","value":"2"}]}]}`), http.StatusOK).Total
	}
	if n := search(); n != 0 {
		t.Fatalf("found %d", n)
	}
	p.ok(p.EditQuietly("companies", id, map[string]string{"phone": "2"}))
	if n := search(); n != 1 {
		t.Errorf("found %d", n)
	}
}
