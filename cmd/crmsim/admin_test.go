package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
	h := withAdmin(sim)
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
