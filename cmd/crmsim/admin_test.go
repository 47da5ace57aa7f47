package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/salesforce/salesforcesim"
)

func TestEditTheOrgAsAPerson(t *testing.T) {
	sim, err := salesforcesim.New(salesforcesim.Options{Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := sim.Insert("Account", map[string]string{"Name": "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	h := withAdmin(sim, extrasOfSalesforce(sim))
	do := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	account := "/services/data/v64.0/sobjects/Account/" + id
	if w := do("PATCH", "/_sim/Account/"+id, `{"Phone":"303-555-0100"}`); w.Code != http.StatusNoContent {
		t.Fatalf("edit: %d %s", w.Code, w.Body)
	}
	if w := do("GET", account, ""); !strings.Contains(w.Body.String(), "303-555-0100") {
		t.Fatalf("after the edit: %d %s", w.Code, w.Body)
	}
	for path, body := range map[string]string{"/_sim/Account/" + id: `{"Nonsense":"x"}`, "/_sim/Account/001": `{}`, "/_sim/Thing/1": `{}`, "/_sim/Account/x": `[1]`} {
		if w := do("PATCH", path, body); w.Code != http.StatusBadRequest {
			t.Errorf("PATCH %s %s: %d %s", path, body, w.Code, w.Body)
		}
	}
	if w := do("DELETE", "/_sim/Account/"+id, ""); w.Code != http.StatusNoContent {
		t.Fatalf("delete: %d %s", w.Code, w.Body)
	}
	if w := do("GET", account, ""); w.Code != http.StatusNotFound {
		t.Fatalf("after the delete: %d %s", w.Code, w.Body)
	}
	if w := do("GET", "/_sim/audit", ""); strings.TrimSpace(w.Body.String()) != `{"writes":[]}` && strings.TrimSpace(w.Body.String()) != `{"writes":null}` {
		t.Fatalf("a person's edits are no API writes: %s", w.Body)
	}
}

func TestEditThePortalAsAPerson(t *testing.T) {
	sim, err := hubspotsim.New(hubspotsim.Options{Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	h := withAdmin(sim, extrasOfHubSpot(sim))
	do := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	var made struct {
		ID string `json:"id"`
	}
	w := do("POST", "/_sim/companies", `{"name":"Acme","domain":"acme.example"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || made.ID == "" {
		t.Fatalf("insert: %d %s", w.Code, w.Body)
	}
	if w := do("PATCH", "/_sim/companies/"+made.ID, `{"phone":"303-555-0100"}`); w.Code != http.StatusNoContent {
		t.Fatalf("edit: %d %s", w.Code, w.Body)
	}
	const properties = "?properties=phone,name"
	company := "/crm/objects/2026-09/companies/" + made.ID + properties
	if w := do("GET", company, ""); !strings.Contains(w.Body.String(), "303-555-0100") {
		t.Fatalf("after the edit: %d %s", w.Code, w.Body)
	}
	if w := do("GET", "/_sim/companies/"+made.ID, ""); !strings.Contains(w.Body.String(), `"domain":"acme.example"`) {
		t.Fatalf("the record: %d %s", w.Code, w.Body)
	}
	if w := do("GET", "/_sim/audit", ""); strings.Contains(w.Body.String(), "303-555-0100") {
		t.Fatalf("a person's edits are no API writes: %s", w.Body)
	}
	if w := do("POST", "/crm/objects/2026-09/companies/batch/create", `{"inputs":[{"properties":{"name":"By API"}}]}`); w.Code != http.StatusCreated {
		t.Fatalf("create: %d %s", w.Code, w.Body)
	}
	if w := do("GET", "/_sim/audit", ""); !strings.Contains(w.Body.String(), "By API") {
		t.Fatalf("audit: %s", w.Body)
	}
	if w := do("POST", "/_sim/faults?rule=503", ""); w.Code != http.StatusNoContent {
		t.Fatalf("fault: %d %s", w.Code, w.Body)
	}
	if w := do("GET", company, ""); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("with the fault: %d %s", w.Code, w.Body)
	}
	if w := do("DELETE", "/_sim/faults", ""); w.Code != http.StatusNoContent {
		t.Fatalf("no fault: %d %s", w.Code, w.Body)
	}
	if w := do("DELETE", "/_sim/companies/"+made.ID, ""); w.Code != http.StatusNoContent {
		t.Fatalf("delete: %d %s", w.Code, w.Body)
	}
	if w := do("GET", company, ""); w.Code != http.StatusNotFound {
		t.Fatalf("after the delete: %d %s", w.Code, w.Body)
	}
	for path, want := range map[string]int{"/_sim/faults?rule=nonsense": 400, "/_sim/things": 400, "/_sim/expire": 204} {
		if w := do("POST", path, `{}`); w.Code != want {
			t.Errorf("POST %s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
	if w := do("GET", "/_sim/companies/1", ""); w.Code != http.StatusNotFound {
		t.Errorf("a record that is not there: %d %s", w.Code, w.Body)
	}
}

// A vendor's path reaches the vendor as it was sent: a mux would tidy it.
func TestVendorPathsAreNotTidied(t *testing.T) {
	sim, err := salesforcesim.New(salesforcesim.Options{Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	h := withAdmin(sim, extrasOfSalesforce(sim))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/services//data/x/../y", nil))
	if w.Code >= 300 && w.Code < 400 {
		t.Errorf("redirected to %s", w.Header().Get("Location"))
	}
}
