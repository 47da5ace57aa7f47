package qbenchsim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
)

// arm arms a rule by its door and returns what takes it away.
func arm(t *testing.T, sim http.Handler, rule string) (disarm func()) {
	t.Helper()
	w := call(sim, "POST", "/_sim/rules", "", rule)
	var made struct{ ID int }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%s: %d %s", rule, w.Code, w.Body)
	}
	return func() {
		if w := call(sim, "DELETE", fmt.Sprintf("/_sim/rules/%d", made.ID), "", ""); w.Code != http.StatusNoContent {
			t.Fatalf("disarm: %d %s", w.Code, w.Body)
		}
	}
}

// C16.1: refusals by rule in both versions of the API.
func TestC16_1_RefusedByRule(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	one, two := sim.AddCustomer(qbenchsim.Fields{"customer_name": "One"}), sim.AddCustomer(qbenchsim.Fields{"customer_name": "Two"})
	for rule, wrong := range map[string]string{
		`{"object":"customer","match":{"id":7}}`:          "no customer fits",
		`{"object":"order"}`:                              "no object",
		`{"object":"contact","fields":["customer_name"]}`: "no field",
	} {
		if w := call(sim, "POST", "/_sim/rules", "", rule); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), wrong) {
			t.Errorf("%s: %d %s", rule, w.Code, w.Body)
		}
	}
	arm(t, sim, fmt.Sprintf(`{"object":"customers","match":{"id":%d},"code":"phone_invalid","text":"{phone} with {credential}, ask ann@acme.test","fields":["phone"],"times":2}`, one))
	const told = `12 with fixed-token, ask ann@acme.test","qb_error_code":"phone_invalid"}`
	v1 := fmt.Sprintf("/qbench/api/v1/customer/%d", one)
	if w := call(sim, "PUT", v1, fixedToken, `{"phone":"12"}`); w.Code != http.StatusBadRequest || w.Body.String() != `{"error":"`+told {
		t.Errorf("v1: %d %s", w.Code, w.Body)
	}
	if w := call(sim, "PUT", v1, fixedToken, `{"fax":"12"}`); w.Code != http.StatusOK {
		t.Errorf("a write without the field: %d %s", w.Code, w.Body)
	}
	both := fmt.Sprintf(`[{"id":%d,"phone":"12"},{"id":%d,"phone":"12"}]`, two, one)
	for i, want := range []string{`{"error":"item 1: ` + told, `"phone":"12"`} {
		if w := call(sim, "PATCH", "/qbench/api/v2/customers", fixedToken, both); !strings.Contains(w.Body.String(), want) {
			t.Errorf("v2, call %d: %d %s", i, w.Code, w.Body)
		}
	}
	arm(t, sim, `{"object":"contact","on":"create","text":"no"}`)
	if w := call(sim, "POST", "/qbench/api/v1/contact", fixedToken, `{"first_name":"A","last_name":"B"}`); w.Body.String() != `{"error":"no","qb_error_code":"validation_failed"}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if n := len(sim.Audit()); n != 3 {
		t.Errorf("%d writes in the audit, want the 3 that were taken", n)
	}
}

// C16.1: a write that is taken and ignored, and one that is stored in another form.
func TestC16_1_TakenAndIgnored(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	id := sim.AddCustomer(qbenchsim.Fields{"customer_name": "One", "phone": "1", "tier": "gold"})
	arm(t, sim, `{"object":"customer","match":{"customer_name":"One"},"effect":"ignore","fields":["phone"]}`)
	arm(t, sim, `{"object":"customer","effect":"rewrite","fields":["tier"],"form":"upper"}`)
	w := call(sim, "PATCH", "/qbench/api/v2/customers", fixedToken, fmt.Sprintf(`[{"id":%d,"phone":"2","tier":"silver"}]`, id))
	if got := w.Body.String(); !strings.Contains(got, `"phone":"1"`) || !strings.Contains(got, `"tier":"SILVER"`) {
		t.Errorf("got %d %s", w.Code, got)
	}
	if a := sim.Audit(); len(a) != 1 || a[0].Fields["phone"] != "2" {
		t.Errorf("the audit keeps what was accepted: %+v", a)
	}
	if err := sim.UpdateCustomer(id, qbenchsim.Fields{"phone": "3"}); err != nil {
		t.Fatal(err)
	}
	if f, _ := sim.Customer(id); f["phone"] != "3" {
		t.Errorf("rules are not about people: %v", f)
	}
}

// C16.1: a record that the client does not see is left out of lists and totals.
func TestC16_1_Hidden(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	one, two := sim.AddCustomer(qbenchsim.Fields{"customer_name": "One"}), sim.AddCustomer(qbenchsim.Fields{"customer_name": "Two"})
	person := sim.AddContact(qbenchsim.Fields{"first_name": "Ann", "last_name": "Roe"}, one, two)
	disarm := arm(t, sim, `{"object":"customer","match":{"customer_name":"One"},"effect":"hide"}`)
	for _, path := range []string{"/qbench/api/v1/customer", "/qbench/api/v2/customers", fmt.Sprintf("/qbench/api/v2/contacts/%d/customers", person)} {
		if l := getList(t, sim, path); ids(l) != fmt.Sprint(two) || *l.TotalCount != 1 {
			t.Errorf("%s: %s of %d", path, ids(l), *l.TotalCount)
		}
	}
	path := fmt.Sprintf("/qbench/api/v1/customer/%d", one)
	for method, body := range map[string]string{"GET": "", "PUT": `{"phone":"1"}`} {
		if w := call(sim, method, path, fixedToken, body); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	if w := call(sim, "GET", fmt.Sprintf("/_sim/customers/%d", one), "", ""); w.Code != http.StatusOK {
		t.Errorf("people see it: %d %s", w.Code, w.Body)
	}
	disarm()
	if l := getList(t, sim, "/qbench/api/v1/customer"); *l.TotalCount != 2 {
		t.Errorf("after the rule: %s", ids(l))
	}
}

// C16.1: broken JSON in one record.
func TestC16_1_Malformed(t *testing.T) {
	sim := newSim(qbenchsim.Options{Hidden: []string{"fax"}})
	id := sim.AddCustomer(qbenchsim.Fields{"customer_name": "One", "phone": "1", "tier": 5})
	sim.AddCustomer(qbenchsim.Fields{"customer_name": "Two", "phone": "2"})
	for form, want := range map[string]string{"surrogate": `"phone":"1\ud83d"`, "nan": `"phone":NaN`, "newline": "\"phone\":\"1\n\""} {
		disarm := arm(t, sim, `{"object":"customer","match":{"customer_name":"One"},"effect":"malform","fields":["phone"],"form":"`+form+`"}`)
		for _, path := range []string{"/qbench/api/v1/customer", "/qbench/api/v2/customers?name_keyword=one", fmt.Sprintf("/qbench/api/v1/customer/%d", id)} {
			got := call(sim, "GET", path, fixedToken, "").Body.String()
			if strings.Count(got, want) != 1 || !strings.Contains(got, `"tier":5`) || strings.Contains(got, "fax") {
				t.Errorf("%s: got %s, want %s", path, got, want)
			}
		}
		disarm()
	}
}

// C16.1: an edit behind everybody's back does not move last_updated, a
// person's does. QBench tells of no modifier.
func TestC16_1_QuietEdit(t *testing.T) {
	c := newClock()
	sim := newSim(qbenchsim.Options{Clock: c.now, LastUpdated: true})
	id := sim.AddCustomer(qbenchsim.Fields{"customer_name": "One"})
	door, path := fmt.Sprintf("/_sim/customers/%d", id), fmt.Sprintf("/qbench/api/v1/customer/%d", id)
	made := string(getRecord(t, sim, path)["last_updated"])
	for _, tt := range []struct {
		body  string
		moves bool
	}{{`{"phone":"1","quiet":true}`, false}, {`{"phone":"2","quiet":false}`, true}, {`{"phone":"3"}`, true}} {
		c.advance(time.Minute)
		ok(t, call(sim, "PATCH", door, "", tt.body))
		r := getRecord(t, sim, path)
		if _, has := r["quiet"]; has || (string(r["last_updated"]) != made) != tt.moves {
			t.Errorf("%s: %s", tt.body, r["last_updated"])
		}
	}
	if err := sim.EditQuietly("contact", 1, nil); err == nil {
		t.Error("edited a contact that is not there")
	}
	if len(sim.Audit()) != 0 {
		t.Errorf("the audit holds %+v", sim.Audit())
	}
}
