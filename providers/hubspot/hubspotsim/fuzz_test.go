package hubspotsim_test

import (
	"net/http"
	"strings"
	"testing"

	"crmsyncd/providers/hubspot/hubspotsim"
)

// FuzzRequests sends any body to any path: the portal answers with valid JSON
// (which the harness checks), and never fails itself.
func FuzzRequests(f *testing.F) {
	paths := []string{
		v9 + "/companies", v9 + "/companies/batch/create", v9 + "/companies/batch/update", v9 + "/companies/batch/upsert",
		v9 + "/companies/batch/read", v9 + "/companies/batch/archive", v9 + "/contacts/search", v9 + "/companies/merge",
		ties9 + "create", ties9 + "read", ties9 + "archive", ties9 + "labels/archive", "/crm/v3/associations/contacts/companies/batch/create",
		"/crm/properties/2026-09/companies", "/crm/v3/properties/contacts/batch/create", "/crm/associations/2026-09/contacts/companies/labels",
	}
	for i, body := range []string{
		`{"properties":{"name":"x","phone":1.5,"is_public":false}}`, inputs(upsert("a", `"name":"x"`)),
		`{"filterGroups":[{"filters":[{"propertyName":"createdate","operator":"BETWEEN","value":"1","highValue":"9e99"}]}],"sorts":["-x"],"after":"-1"}`,
		inputs(tie("9000000001", "9000000001", 1, 279)), `{"primaryObjectId":1,"objectIdToMerge":"1"}`, `{"inputs":[null,{}]}`, `{"inputs":[{"id":null}]}`,
	} {
		f.Add(i, body)
	}
	f.Fuzz(func(t *testing.T, at int, body string) {
		p := newPortal(t)
		p.must("companies", "name", "A", "qbench_customer_id", "a")
		p.must("contacts", "email", "a@a.test")
		path := paths[uint(at)%uint(len(paths))]
		a := p.do("POST", path, body)
		if a.status < 200 || a.status > 500 || (a.status == http.StatusInternalServerError && !strings.Contains(path, "search")) {
			t.Errorf("POST %s %q: %d %s", path, body, a.status, a.body)
		}
	})
}

func FuzzSchema(f *testing.F) {
	f.Add("objects: {labs: {singular: lab, type_id: 2-1, properties: [{name: x, options: [a=b]}]}}")
	f.Add("objects: {companies: {properties: [{name: industry, type: enumeration}]}}")
	f.Fuzz(func(_ *testing.T, text string) {
		sc, err := hubspotsim.ReadSchema(strings.NewReader(text))
		if err == nil {
			_, _ = hubspotsim.New(hubspotsim.Options{Schema: sc})
		}
	})
}

// FuzzPaths asks for any path and query.
func FuzzPaths(f *testing.F) {
	for _, path := range []string{"/crm/v3/objects/companies/1?idProperty=name&associations=contacts", "/crm/objects/2026-09/contacts?limit=1&after=9", "/crm/v4/objects/contacts/1/associations/companies", "/oauth/v1/access-tokens/x", "//crm/%2f"} {
		f.Add(path)
	}
	p := newPortal(f)
	p.must("companies", "name", "A")
	f.Fuzz(func(t *testing.T, path string) {
		req, err := http.NewRequest("GET", host+"/"+strings.TrimPrefix(path, "/"), http.NoBody)
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := (&http.Client{Transport: p.Transport()}).Do(req)
		if err != nil {
			return
		}
		_ = resp.Body.Close()
		if resp.StatusCode >= 500 {
			t.Errorf("GET %s: %d", path, resp.StatusCode)
		}
	})
}
