package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
)

func TestEditCloseAsAPerson(t *testing.T) {
	sim, err := closeiosim.New(closeiosim.Options{APIKey: "k", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	h := withAdmin(closeOrg{sim}, extrasOfClose(sim))
	do := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	add := func(object, body string) string {
		t.Helper()
		var made struct {
			ID string `json:"id"`
		}
		if w := do("POST", "/_sim/"+object, body); json.Unmarshal(w.Body.Bytes(), &made) != nil || made.ID == "" {
			t.Fatalf("make a %s: %d %s", object, w.Code, w.Body)
		}
		return made.ID
	}
	lead := add("lead", `{"name":"Acme","custom.AccountExternalID":"1000"}`)
	contact := add("contact", fmt.Sprintf(`{"lead_id":%q,"name":"Ann Lee","email":"ann@acme.example","phone":"303-555-0100"}`, lead))
	task := add("task", fmt.Sprintf(`{"lead_id":%q,"text":"Call"}`, lead))
	deal := add("opportunity", fmt.Sprintf(`{"lead_id":%q,"value":"50000","confidence":"70"}`, lead))
	for path, body := range map[string]string{
		"lead/" + lead: `{"custom.AccountExternalID":""}`, "task/" + task: `{"is_complete":"true"}`, "opportunity/" + deal: `{"confidence":"80"}`,
	} {
		if w := do("PATCH", "/_sim/"+path, body); w.Code != http.StatusNoContent {
			t.Errorf("edit %s: %d %s", path, w.Code, w.Body)
		}
	}
	for path, want := range map[string]string{"task/" + task: `"is_complete":true`, "contact/" + contact: "+13035550100", "opportunity/" + deal: `"confidence":80`} {
		if w := do("GET", "/api/v1/"+path+"/", ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s after the edits: %d %s", path, w.Code, w.Body)
		}
	}
	if ids := sim.Find("lead", "custom.AccountExternalID", "1000"); len(ids) != 0 {
		t.Error("an empty text does not clear")
	}
	if w := do("GET", "/_sim/task/"+task, ""); !strings.Contains(w.Body.String(), `"is_complete":"true"`) {
		t.Errorf("the record: %s", w.Body)
	}
	for path, body := range map[string]string{
		"lead/" + contact: `{"name":"x"}`, "lead/lead_none": `{}`, "thing/" + lead: `{}`, "task/" + task: `{"is_complete":"perhaps"}`, "lead/" + lead: `{"nonsense":"x"}`,
	} {
		if w := do("PATCH", "/_sim/"+path, body); w.Code != http.StatusBadRequest {
			t.Errorf("PATCH %s %s: %d %s", path, body, w.Code, w.Body)
		}
	}
	if w := do("DELETE", "/_sim/lead/"+lead, ""); w.Code != http.StatusNoContent {
		t.Fatalf("delete: %d %s", w.Code, w.Body)
	}
	if w := do("GET", "/_sim/contact/"+contact, ""); w.Code != http.StatusNotFound {
		t.Errorf("a contact of a lead that was deleted: %d %s", w.Code, w.Body)
	}
	if len(sim.Writes()) != 0 {
		t.Errorf("a person's edits are no API writes: %v", sim.Writes())
	}
}

// The same seed gives Close the companies of the laboratory system: most under
// the customer's id, some without any, and some that only Close has.
func TestCloseKnowsSomeOfTheCustomers(t *testing.T) {
	s, err := newStage(options{seed: 3, accounts: 120, contactsEach: 2, api: apiOptions{dates: "mixed"}})
	if err != nil {
		t.Fatal(err)
	}
	known, own := 0, 0
	for i, id := range s.qbench.CustomerIDs() {
		leads := s.closeio.Find("lead", "custom.AccountExternalID", fmt.Sprint(id))
		known += min(1, len(leads))
		for _, lead := range leads {
			if lead == s.leads[i] {
				own++
			}
		}
	}
	without := len(s.closeio.Find("lead", "custom.AccountExternalID", ""))
	if known < 40 || known > 100 || own < 40 || without < 5 || len(s.closeio.IDs("contact")) < 50 {
		t.Errorf("%d customers are known, %d by their own lead, %d leads have no id", known, own, without)
	}
	if len(s.closeio.Writes()) != 0 || sum(s.closeio.Calls()) != 0 {
		t.Error("filling the organization counts as calls of its API")
	}
}
