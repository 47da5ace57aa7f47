package hubspotsim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBatchCreate(t *testing.T) {
	p := newPortal(t)
	taken := p.must("companies", "name", "T", "qbench_customer_id", "taken")
	in := func(trace, fields string) string {
		return `{"objectWriteTraceId":"` + trace + `","properties":{` + fields + `}}`
	}
	good, bad := `"name":"G"`, `"name":"B","industry":"nope"`
	conflict := `"name":"C","qbench_customer_id":"taken"`
	tests := []struct {
		name   string
		inputs []string
		status int
		done   int
		failed []string // trace ids
	}{
		{"all good", []string{in("a", good), in("b", good)}, 201, 2, nil},
		{"one bad with trace ids", []string{in("a", good), in("b", bad), in("c", conflict)}, 207, 1, []string{"b", "c"}},
		{"a trace id twice", []string{in("a", good), in("a", bad)}, 400, 0, nil},
		{"one bad without trace ids", []string{in("", good), in("", bad)}, 400, 0, nil},
		{"one conflict without trace ids", []string{in("", good), in("", conflict)}, 409, 0, nil},
		{"conflict inside the batch", []string{in("a", `"name":"1","qbench_customer_id":"n"`), in("b", `"name":"2","qbench_customer_id":"n"`)}, 207, 1, []string{"b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := p.Count("companies")
			a := p.do("POST", v9+"/companies/batch/create", inputs(tt.inputs...))
			got := into[many](p, a, tt.status)
			var failed []string
			for _, e := range got.Errors {
				failed = append(failed, e.Context["objectWriteTraceId"]...)
			}
			if tt.status >= 400 {
				failed = nil
			}
			if len(got.Results) != tt.done || p.Count("companies") != before+tt.done || !cmp.Equal(failed, tt.failed) || (tt.status < 400 && got.NumErrors != len(tt.failed)) {
				t.Errorf("got %s", a.body)
			}
			if tt.status == 409 && !strings.Contains(a.body, taken) {
				t.Errorf("the text names the holder: %s", a.body)
			}
		})
	}
	over := make([]string, 101)
	for i := range over {
		over[i] = in(fmt.Sprint(i), good)
	}
	if a := p.do("POST", v9+"/companies/batch/create", inputs(over...)); a.status != http.StatusBadRequest {
		t.Errorf("101 inputs: %d", a.status)
	}
}

func TestBatchUpsert(t *testing.T) {
	p := newPortal(t)
	old := p.must("companies", "name", "Old", "qbench_customer_id", "Q1")
	up := v9 + "/companies/batch/upsert"
	got := into[many](p, p.do("POST", up, inputs(upsert("Q1", `"name":"New"`), upsert("Q2", `"name":"Two"`))), http.StatusOK)
	if len(got.Results) != 2 || *got.Results[0].New || got.Results[0].ID != old || !*got.Results[1].New || got.Results[1].Trace != "t-Q2" {
		t.Errorf("got %+v", got)
	}
	if id := p.Find("companies", "qbench_customer_id", "Q2"); len(id) != 1 || id[0] != got.Results[1].ID {
		t.Errorf("the key is a value of the new record: %v", id)
	}
	got = into[many](p, p.do("POST", up, inputs(upsert("Q1", `"name":"Newer"`), upsert("Q3", `"industry":"Biotech"`))), http.StatusMultiStatus)
	if len(got.Results) != 1 || got.NumErrors != 1 || got.Errors[0].Category != "VALIDATION_ERROR" || got.Errors[0].Context["objectWriteTraceId"][0] != "t-Q3" {
		t.Errorf("got %+v", got)
	}
	p.ok(p.AddProperty("companies", propertyUnique("vat")))
	p.must("companies", "name", "V", "vat", "DE1")
	conflict := inputs(upsert("Q1", `"name":"Never"`), upsert("Q2", `"vat":"DE1"`))
	if got := p.code(p.do("POST", up, conflict), http.StatusConflict); got == "" || p.Record("companies", old)["name"] != "Newer" {
		t.Errorf("one conflict refuses the whole batch: %s, %v", got, p.Record("companies", old))
	}
	p.SetIsolateConflicts(true)
	got = into[many](p, p.do("POST", up, conflict), http.StatusMultiStatus)
	if len(got.Results) != 1 || got.NumErrors != 1 {
		t.Errorf("got %+v", got)
	}
	for name, body := range map[string]string{
		"key twice":      inputs(upsert("Q1", ""), upsert("Q1", "")),
		"non-unique key": inputs(`{"idProperty":"domain","id":"a.test","properties":{}}`),
		"record id":      inputs(`{"idProperty":"hs_object_id","id":"` + old + `","properties":{}}`),
		"no key":         inputs(`{"id":"` + old + `","properties":{}}`),
	} {
		if got := p.code(p.do("POST", up, body), http.StatusBadRequest); got != "VALIDATION_ERROR" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestBatchUpsertByEmail(t *testing.T) {
	p := newPortal(t)
	id := p.must("contacts", "email", "a@a.test", "hs_additional_emails", "b@a.test")
	in := func(email, fields string) string {
		return `{"idProperty":"email","id":"` + email + `","objectWriteTraceId":"` + email + `","properties":{` + fields + `}}`
	}
	up := v3 + "/contacts/batch/upsert"
	got := into[many](p, p.do("POST", up, inputs(in("B@a.test", `"city":"Ulm"`))), http.StatusOK)
	if got.Results[0].ID != id || p.Record("contacts", id)["email"] != "a@a.test" {
		t.Errorf("found by the second address: %+v", got)
	}
	if a := p.do("POST", up, inputs(in("c@a.test", ""), in("not an address", ""))); a.status != http.StatusBadRequest || p.Count("contacts") != 1 {
		t.Errorf("one invalid address refuses the batch: %d %s", a.status, a.body)
	}
	if a := p.do("POST", up, inputs(in("c@a.test", ""), in("C@a.test", ""))); a.status != http.StatusBadRequest {
		t.Errorf("twice but for case: %d", a.status)
	}
}

func TestBatchUpdate(t *testing.T) {
	p := newPortal(t)
	a, b := p.must("contacts", "email", "a@a.test", "qbench_contact_id", "Q1"), p.must("contacts", "email", "b@a.test")
	up := v9 + "/contacts/batch/update"
	in := func(id, fields string) string {
		return `{"id":"` + id + `","objectWriteTraceId":"` + id + `","properties":{` + fields + `}}`
	}
	got := into[many](p, p.do("POST", up, inputs(in(a, `"city":"Ulm"`), in("12345", `"city":"x"`), in("b@a.test", `"city":"x"`))), http.StatusOK)
	if len(got.Results) != 1 || got.NumErrors != 0 || p.Record("contacts", b)["city"] != "" {
		t.Errorf("unknown ids are passed over in silence: %+v", got)
	}
	got = into[many](p, p.do("POST", up, inputs(in(a, `"city":"Bonn"`), in(b, `"email":"x"`))), http.StatusMultiStatus)
	if len(got.Results) != 1 || got.Errors[0].Context["objectWriteTraceId"][0] != b {
		t.Errorf("got %+v", got)
	}
	if got := p.code(p.do("POST", up, inputs(in(a, `"city":"Kiel"`), in(b, `"email":"a@a.test"`))), http.StatusConflict); got != "CONFLICTING_UNIQUE_VALUE" || p.Record("contacts", a)["city"] != "Bonn" {
		t.Errorf("a conflict refuses all: %s", got)
	}
	for _, bad := range []string{`{"id":"a@a.test","idProperty":"email"}`, `{"id":"` + a + `","idProperty":"hs_object_id"}`} {
		if got := p.code(p.do("POST", up, inputs(bad)), http.StatusBadRequest); got != "VALIDATION_ERROR" {
			t.Errorf("%s: %s", bad, got)
		}
	}
	key := func(id string) string {
		return `{"idProperty":"qbench_contact_id","id":"` + id + `","properties":{"city":"Köln"}}`
	}
	got = into[many](p, p.do("POST", up, inputs(key("Q1"), key("Q2"))), http.StatusMultiStatus)
	if len(got.Results) != 1 || got.Errors[0].Category != "OBJECT_NOT_FOUND" || got.Errors[0].Context["ids"][0] != "Q2" {
		t.Errorf("by key: %+v", got)
	}
}

func TestBatchRead(t *testing.T) {
	p := newPortal(t)
	var ids []string
	for i := range 60 {
		ids = append(ids, p.must("companies", "name", fmt.Sprint(i), "qbench_customer_id", fmt.Sprint("Q", i)))
	}
	p.ok(p.Delete("companies", ids[5]))
	read := v9 + "/companies/batch/read"
	got := into[many](p, p.do("POST", read, `{"properties":["name","nonsense"],"idProperty":"qbench_customer_id","inputs":[{"id":"Q1"},{"id":"Q5"},{"id":"zz"},{"id":"Q1"}]}`), http.StatusMultiStatus)
	if len(got.Results) != 1 || got.Results[0].get("name") != "1" || got.Results[0].get("nonsense") != "-" ||
		!cmp.Equal(got.Errors[0].Context["ids"], []string{"Q5", "zz"}) || got.Errors[0].Category != "OBJECT_NOT_FOUND" {
		t.Errorf("got %+v", got)
	}
	p.SetFoldStatus(true)
	if got := into[many](p, p.do("POST", read, inputs(`{"id":"1"}`)), http.StatusOK); got.NumErrors != 1 {
		t.Errorf("folded: %+v", got)
	}
	got = into[many](p, p.do("POST", read+"?archived=true", inputs(`{"id":"`+ids[5]+`"}`)), http.StatusOK)
	if len(got.Results) != 1 || !got.Results[0].Archived {
		t.Errorf("archived: %+v", got)
	}
	var refs []string
	for _, id := range ids {
		refs = append(refs, `{"id":"`+id+`"}`)
	}
	a := p.do("POST", read, `{"propertiesWithHistory":["name"],"inputs":[`+strings.Join(refs, ",")+`]}`)
	if e := into[problem](p, a, http.StatusBadRequest); !strings.HasPrefix(e.Message, "The maximum number of inputs supported in a batch request for property histories is 50") {
		t.Errorf("got %+v", e)
	}
	if got := p.code(p.do("POST", read, `{"idProperty":"domain","inputs":[{"id":"x"}]}`), http.StatusBadRequest); got != "VALIDATION_ERROR" {
		t.Errorf("non-unique: %s", got)
	}
}

func TestBatchArchive(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "A")
	a := p.do("POST", v9+"/companies/batch/archive", inputs(`{"id":"`+id+`"}`, `{"id":"12345"}`))
	if a.status != http.StatusNoContent || a.body != "" || p.Count("companies") != 0 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	p.ok(p.Restore("companies", id))
	if p.Count("companies") != 1 {
		t.Error("not restored")
	}
}

func TestMalformedRequests(t *testing.T) {
	p := newPortal(t)
	const ties = "/crm/associations/2026-09/contacts/companies/batch/create"
	for path, bodies := range map[string][]string{
		v9 + "/companies":              {``, `{`, `[]`, `{"properties":[]}`, `{"properties":{"name":{}}}`, `{"properties":{"name":["x"]}}`},
		v9 + "/companies/batch/upsert": {`{"inputs":{}}`, `{"inputs":[{"id":true}]}`},
		v9 + "/companies/search":       {`{"filterGroups":1}`, `{"sorts":[1]}`, `{"limit":"x"}`},
		ties:                           {`{"inputs":[{"from":1}]}`},
	} {
		for _, body := range bodies {
			if a := p.do("POST", path, body); a.status != http.StatusBadRequest {
				t.Errorf("%s %s: got %d %s", path, body, a.status, a.body)
			}
		}
	}
	for _, path := range []string{"/", "/crm/v3", "/crm/v3/things/x", "/crm/v5/objects/companies", "/crm/objects/2025-01/companies", "/oauth/v2/token", "/crm/v3/objects/companies/batch/x"} {
		if a := p.do("POST", path, `{}`); a.status != http.StatusNotFound {
			t.Errorf("%s: got %d", path, a.status)
		}
	}
	if a := p.do("GET", v9+"/things", ""); a.status != http.StatusBadRequest || p.Count("companies") != 0 {
		t.Errorf("unknown object: %d", a.status)
	}
}
