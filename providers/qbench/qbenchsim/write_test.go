package qbenchsim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/qbench/qbenchsim"
)

func TestWritesV1(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	if got := ok(t, call(sim, "POST", "/qbench/api/v1/customer", fixedToken, `{"customer_name":"Acme","account_no":"12345","id":7}`)).Body.String(); got != `{"id":1000}` {
		t.Fatalf("create answered %s", got)
	}
	ok(t, call(sim, "PUT", "/qbench/api/v1/customer/1000", fixedToken, `{"phone":"555"}`))
	ok(t, call(sim, "POST", "/qbench/api/v1/contact", fixedToken, `{"first_name":"Ann","last_name":"Lee","customer_ids":[1000]}`))
	r := getRecord(t, sim, "/qbench/api/v1/customer/1000")
	if string(r["customer_name"]) != `"Acme"` || string(r["phone"]) != `"555"` || string(r["account_no"]) != `"12345"` {
		t.Fatalf("stored %s", r)
	}
	if got := ids(getList(t, sim, "/qbench/api/v2/customers/1000/contacts")); got != "5000" {
		t.Fatalf("contacts of the customer %q", got)
	}
	checkAudit(t, sim, "POST customer 1000", "PUT customer 1000", "POST contact 5000")
}

func TestWritesV2(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	made := decodeAs[list](t, ok(t, call(sim, "POST", "/qbench/api/v2/customers", fixedToken, `[{"customer_name":"A"},{"customer_name":"B"}]`)))
	if ids(made) != "1000 1001" {
		t.Fatalf("made %s", ids(made))
	}
	ok(t, call(sim, "PATCH", "/qbench/api/v2/customers", fixedToken, `[{"id":1001,"phone":"5"},{"id":1000,"fax":"6"}]`))
	if w := call(sim, "DELETE", "/qbench/api/v2/customers/1000", fixedToken, ""); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Fatalf("delete: %d %s", w.Code, w.Body)
	}
	if w := call(sim, "DELETE", "/qbench/api/v2/customers/1000", fixedToken, ""); w.Code != http.StatusNotFound {
		t.Fatalf("second delete: %d", w.Code)
	}
	if f, _ := sim.Customer(1001); f["phone"] != "5" || f["customer_name"] != "B" {
		t.Fatalf("stored %v", f)
	}
	checkAudit(t, sim, "POST customer 1000", "POST customer 1001", "PATCH customer 1001", "PATCH customer 1000", "DELETE customer 1000")
}

func TestRefusedWritesChangeNothing(t *testing.T) {
	tests := []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/contact", `{"first_name":"Ann"}`, 400},
		{"POST", "/v1/contact", `{"first_name":"Ann","last_name":"Lee","customer_ids":[9]}`, 400},
		{"POST", "/v1/contact", `{"first_name":"Ann","last_name":"Lee","customer_ids":["x"]}`, 400},
		{"POST", "/v1/contact", `{"first_name":"Ann","last_name":"Lee","customer_ids":3}`, 400},
		{"POST", "/v1/customer", `[]`, 400},
		{"POST", "/v1/customer", `null`, 400},
		{"POST", "/v1/customer", `{"customer_name":`, 400},
		{"POST", "/v1/customer", `{}{}`, 400},
		{"PUT", "/v1/customer/1", `{}`, 404},
		{"PUT", "/v1/contact/5000", `{"customer_ids":[9]}`, 400},
		{"POST", "/v2/contacts", `[{"first_name":"A","last_name":"B"},{"first_name":"C"}]`, 400},
		{"POST", "/v2/customers", `{"customer_name":"one object"}`, 400},
		{"PATCH", "/v2/contacts", `[{"id":5000,"phone":"1"},{"id":1}]`, 404},
		{"PATCH", "/v2/contacts", `[{"id":5000,"phone":"1"},{"id":5000,"customer_ids":[9]}]`, 400},
	}
	for _, tt := range tests {
		sim := newSim(qbenchsim.Options{})
		sim.AddContact(qbenchsim.Fields{"first_name": "Old", "last_name": "Hand"})
		before := stored(sim)
		w := call(sim, tt.method, "/qbench/api"+tt.path, fixedToken, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), "qb_error_code") {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, w.Code, w.Body)
		}
		if d := cmp.Diff(before, stored(sim)); d != "" {
			t.Errorf("%s %s %s changed the tenant:\n%s", tt.method, tt.path, tt.body, d)
		}
		checkAudit(t, sim)
	}
}

func TestHumanEditsAreNoAPIWrites(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	id := sim.AddCustomer(qbenchsim.Fields{"customer_name": "Acme"})
	if err := sim.UpdateCustomer(id, qbenchsim.Fields{"customer_name": "Acme Inc."}); err != nil {
		t.Fatal(err)
	}
	ok(t, call(sim, "PATCH", fmt.Sprint("/_sim/customers/", id), "", `{"phone":"555"}`))
	ok(t, call(sim, "POST", "/_sim/contacts", "", `{"first_name":"Ann","customer_ids":[1000]}`))
	if w := call(sim, "DELETE", "/_sim/contacts/5000", "", ""); w.Code != http.StatusNoContent {
		t.Fatalf("delete: %d", w.Code)
	}
	if f, _ := sim.Customer(id); f["customer_name"] != "Acme Inc." || f["phone"] != "555" {
		t.Fatalf("stored %v", f)
	}
	checkAudit(t, sim)
	if len(sim.Calls()) != 0 {
		t.Fatalf("edits counted as calls: %v", sim.Calls())
	}
}

func TestAdminTellsWhatHappened(t *testing.T) {
	sim := withCustomers(qbenchsim.Options{}, 2)
	ok(t, call(sim, "GET", "/qbench/api/v1/customer", fixedToken, ""))
	ok(t, call(sim, "PUT", "/qbench/api/v1/customer/1000", fixedToken, `{"phone":"5"}`))
	got := decodeAs[map[string]any](t, ok(t, call(sim, "GET", "/_sim/", "", "")))
	want := map[string]any{
		"customers": 2.0, "contacts": 0.0, "writes": 1.0, "faults_fired": 0.0,
		"calls": map[string]any{"list_customers": 1.0, "write": 1.0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if got := ok(t, call(sim, "GET", "/_sim/audit", "", "")).Body.String(); !strings.Contains(got, `"path":"/qbench/api/v1/customer/1000"`) {
		t.Fatalf("audit %s", got)
	}
	if w := call(sim, "POST", "/_sim/faults?rule=503,nth=1", "", ""); w.Code != http.StatusNoContent {
		t.Fatalf("arm a fault: %d %s", w.Code, w.Body)
	}
	if w := call(sim, "GET", "/qbench/api/v1/customer", fixedToken, ""); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("armed fault: %d", w.Code)
	}
	if w := call(sim, "POST", "/_sim/faults?rule=nonsense", "", ""); w.Code != http.StatusBadRequest {
		t.Fatalf("bad rule: %d", w.Code)
	}
}

func TestRateLimit(t *testing.T) {
	c := newClock()
	sim := newSim(qbenchsim.Options{Clock: c.now})
	for range 300 {
		ok(t, call(sim, "GET", "/qbench/api/v2/customers", fixedToken, ""))
	}
	c.advance(48*time.Second + 500*time.Millisecond)
	w := call(sim, "GET", "/qbench/api/v2/customers", fixedToken, "")
	if w.Code != http.StatusTooManyRequests || w.Header().Get("x-qbapi-throttle-ttl") != "12" ||
		!strings.Contains(w.Body.String(), "300 requests per 60 seconds") || !strings.Contains(w.Body.String(), "retry in 12 seconds") {
		t.Fatalf("call 301: %d %v %s", w.Code, w.Header(), w.Body)
	}
	c.advance(12 * time.Second)
	ok(t, call(sim, "GET", "/qbench/api/v2/customers", fixedToken, ""))
	want := map[string]int{"list_customers": 301, "throttled": 1}
	if d := cmp.Diff(want, sim.Calls()); d != "" {
		t.Fatal(d)
	}
}

func TestRateLimitMayBeSetAndLifted(t *testing.T) {
	c := newClock()
	sim := newSim(qbenchsim.Options{Clock: c.now, RateLimit: 2})
	var got []int
	for range 3 {
		got = append(got, call(sim, "GET", "/qbench/api/v2/customers", fixedToken, "").Code)
	}
	sim.Configure(func(o *qbenchsim.Options) { o.RateLimit = -1 })
	got = append(got, call(sim, "GET", "/qbench/api/v2/customers", fixedToken, "").Code)
	if d := cmp.Diff([]int{200, 200, 429, 200}, got); d != "" {
		t.Fatal(d)
	}
}

func TestStormSpeaksTheVendorsWords(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	end := sim.Storm(1, 7*time.Second)
	w := call(sim, "GET", "/qbench/api/v2/customers", fixedToken, "")
	if w.Code != 429 || w.Header().Get("x-qbapi-throttle-ttl") != "7" || !strings.Contains(w.Body.String(), "retry in 7 seconds") {
		t.Fatalf("storm: %d %v %s", w.Code, w.Header(), w.Body)
	}
	end()
	ok(t, call(sim, "GET", "/qbench/api/v2/customers", fixedToken, ""))
}

func TestFaultAfterTheWriteTookEffect(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	if err := sim.AddFault("502,method=post,after"); err != nil {
		t.Fatal(err)
	}
	if w := call(sim, "POST", "/qbench/api/v1/customer", fixedToken, `{"customer_name":"Acme"}`); w.Code != 502 {
		t.Fatalf("status %d", w.Code)
	}
	checkAudit(t, sim, "POST customer 1000")
	if err := sim.AddFault("whatever"); err == nil {
		t.Fatal("a rule that is none was armed")
	}
}

func TestTransportNeedsNoSocket(t *testing.T) {
	client := &http.Client{Transport: withCustomers(qbenchsim.Options{}, 1).Transport()}
	resp, err := client.Get("https://lab.example/qbench/api/v1/customer")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
}

// The tenant is used from many goroutines at once; the race detector judges.
func TestConcurrentUse(t *testing.T) {
	sim := withCustomers(qbenchsim.Options{RateLimit: -1}, 20)
	srv := httptest.NewServer(sim)
	defer srv.Close()
	done := make(chan error, 8)
	for n := range cap(done) {
		go func() {
			for i := range 20 {
				if n%2 == 0 {
					sim.AddContact(qbenchsim.Fields{"first_name": "x"}, int64(1000+i))
					continue
				}
				resp, err := http.Get(srv.URL + fmt.Sprint("/qbench/api/v2/customers/", 1000+i, "/contacts"))
				if err == nil {
					err = resp.Body.Close()
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if got := len(sim.ContactIDs()); got != 80 {
		t.Fatalf("%d contacts, want 80", got)
	}
}

func FuzzWriteBody(f *testing.F) {
	f.Add(`{"customer_name":"x","a":{"b":[1,2,{}]},"n":1e999}`)
	f.Add("{\"\\u0000\":\"\xff\"}")
	f.Fuzz(func(t *testing.T, body string) {
		sim := newSim(qbenchsim.Options{Hidden: []string{"phone"}, LastUpdated: true})
		call(sim, "POST", "/qbench/api/v1/customer", fixedToken, body)
		call(sim, "PUT", "/qbench/api/v1/customer/1000", fixedToken, body)
		if w := call(sim, "GET", "/qbench/api/v1/customer", fixedToken, ""); !json.Valid(w.Body.Bytes()) {
			t.Fatalf("after %q the list is %s", body, w.Body)
		}
	})
}

func checkAudit(t *testing.T, sim *qbenchsim.Sim, want ...string) {
	t.Helper()
	var got []string
	for _, w := range sim.Audit() {
		got = append(got, fmt.Sprint(w.Method, " ", w.Object, " ", w.ID))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("audit (-want +got):\n%s", d)
	}
}

func stored(sim *qbenchsim.Sim) []qbenchsim.Fields {
	var all []qbenchsim.Fields
	for _, id := range sim.CustomerIDs() {
		f, _ := sim.Customer(id)
		all = append(all, f)
	}
	for _, id := range sim.ContactIDs() {
		f, _ := sim.Contact(id)
		all = append(all, f)
	}
	return all
}
