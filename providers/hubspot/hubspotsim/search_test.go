package hubspotsim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// found are the names, sorted unless in order, that a search finds.
func (p *portal) found(object, body string) []string {
	p.t.Helper()
	var list []string
	for _, r := range into[many](p, p.do("POST", v9+"/"+object+"/search", body), http.StatusOK).Results {
		list = append(list, r.get("name"))
	}
	return list
}

func TestSearchFilters(t *testing.T) {
	p := newPortal(t)
	a := p.must("companies", "name", "Alpha Lab", "numberofemployees", "5", "industry", "RESEARCH", "qbench_customer_id", "Q1")
	p.clock.add(time.Millisecond)
	p.must("companies", "name", "Beta", "numberofemployees", "50", "domain", "beta.test")
	p.clock.add(time.Millisecond)
	gone := p.must("companies", "name", "Gone")
	p.ok(p.Delete("companies", gone))
	contact := p.must("contacts", "email", "a@a.test")
	p.ok(p.Associate("contacts", contact, "companies", a))
	filter := func(f string) string { return `{"properties":["name"],"filterGroups":[{"filters":[` + f + `]}]}` }
	tests := []struct {
		filter string
		want   string
	}{
		{`{"propertyName":"name","operator":"EQ","value":"alpha LAB"}`, "Alpha Lab"},
		{`{"propertyName":"name","operator":"NEQ","value":"beta"}`, "Alpha Lab"},
		{`{"propertyName":"name","operator":"IN","values":["beta"]}`, "Beta"},
		{`{"propertyName":"name","operator":"IN","values":["Beta"]}`, ""}, // IN wants lower case
		{`{"propertyName":"name","operator":"NOT_IN","values":["beta"]}`, "Alpha Lab"},
		{`{"propertyName":"name","operator":"CONTAINS_TOKEN","value":"lab"}`, "Alpha Lab"},
		{`{"propertyName":"name","operator":"CONTAINS_TOKEN","value":"la"}`, ""},
		{`{"propertyName":"name","operator":"CONTAINS_TOKEN","value":"la*"}`, "Alpha Lab"},
		{`{"propertyName":"name","operator":"NOT_CONTAINS_TOKEN","value":"lab"}`, "Beta"},
		{`{"propertyName":"industry","operator":"EQ","value":"RESEARCH"}`, "Alpha Lab"},
		{`{"propertyName":"industry","operator":"EQ","value":"research"}`, ""},
		{`{"propertyName":"domain","operator":"HAS_PROPERTY"}`, "Beta"},
		{`{"propertyName":"domain","operator":"NOT_HAS_PROPERTY"}`, "Alpha Lab"},
		{`{"propertyName":"numberofemployees","operator":"GT","value":"5"}`, "Beta"},
		{`{"propertyName":"numberofemployees","operator":"GTE","value":5}`, "Alpha Lab,Beta"},
		{`{"propertyName":"numberofemployees","operator":"LT","value":"50"}`, "Alpha Lab"},
		{`{"propertyName":"numberofemployees","operator":"BETWEEN","value":"5","highValue":"10"}`, "Alpha Lab"},
		{`{"propertyName":"hs_object_id","operator":"EQ","value":"` + a + `"}`, "Alpha Lab"},
		{`{"propertyName":"hs_object_id","operator":"GT","value":"` + a + `"}`, "Beta"},
		{`{"propertyName":"createdate","operator":"LTE","value":"1777620337400"}`, "Alpha Lab"},
		{`{"propertyName":"createdate","operator":"GT","value":"2026-05-01T07:25:37.400Z"}`, "Beta"},
		{`{"propertyName":"associations.contact","operator":"EQ","value":"` + contact + `"}`, "Alpha Lab"},
		{`{"propertyName":"associations.contacts","operator":"NEQ","value":"` + contact + `"}`, "Beta"},
		{`{"propertyName":"name","operator":"EQ","value":"beta"},{"propertyName":"numberofemployees","operator":"EQ","value":"5"}`, ""},
	}
	for _, tt := range tests {
		got := p.found("companies", filter(tt.filter))
		slices.Sort(got)
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%s: got %v, want %s", tt.filter, got, tt.want)
		}
	}
	if got := p.found("companies", `{"properties":["name"],"query":"LPHA"}`); !cmp.Equal(got, []string{"Alpha Lab"}) {
		t.Errorf("query: %v", got)
	}
	if got := p.found("companies", `{"properties":["name"],"filterGroups":[{"filters":[{"propertyName":"name","operator":"EQ","value":"beta"}]},{"filters":[{"propertyName":"name","operator":"EQ","value":"alpha lab"}]}]}`); len(got) != 2 {
		t.Errorf("groups are alternatives: %v", got)
	}
	for f, want := range map[string]int{
		`{"propertyName":"nonsense","operator":"EQ","value":"x"}`:                 400,
		`{"propertyName":"associations.things","operator":"EQ","value":"x"}`:      400,
		`{"propertyName":"name","operator":"LIKE","value":"x"}`:                   400,
		`{"propertyName":"numberofemployees","operator":"EQ","value":"many"}`:     400,
		`{"propertyName":"hs_lastmodifieddate","operator":"GTE","value":"0"}`:     500,
		`{"propertyName":"hs_lastmodifieddate","operator":"GTE","value":"1000"}`:  200,
		`{"propertyName":"hs_lastmodifieddate","operator":"BETWEEN","value":"1"}`: 400,
	} {
		if a := p.do("POST", v9+"/companies/search", filter(f)); a.status != want {
			t.Errorf("%s: got %d, want %d", f, a.status, want)
		}
	}
}

func TestSearchLimits(t *testing.T) {
	p := newPortal(t)
	group := func(n int) string {
		return `{"filters":[` + strings.TrimSuffix(strings.Repeat(`{"propertyName":"name","operator":"EQ","value":"x"},`, n), ",") + `]}`
	}
	groups := func(n ...int) string {
		var list []string
		for _, f := range n {
			list = append(list, group(f))
		}
		return `{"filterGroups":[` + strings.Join(list, ",") + `]}`
	}
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"page 200":    {`{"limit":200}`, 200},
		"page 201":    {`{"limit":201}`, 400},
		"two sorts":   {`{"sorts":["name","-domain"]}`, 400},
		"long body":   {`{"query":"` + strings.Repeat("x", 3000) + `"}`, 400},
		"6 filters":   {groups(6, 6, 6), 200},
		"7 filters":   {groups(7), 400},
		"19 filters":  {groups(5, 5, 5, 4), 400},
		"6 groups":    {groups(1, 1, 1, 1, 1, 1), 400},
		"bad after":   {`{"after":"x"}`, 400},
		"last page":   {`{"limit":200,"after":"9800"}`, 200},
		"over the up": {`{"limit":200,"after":"9801"}`, 400},
		"after cap":   {`{"limit":1,"after":"10000"}`, 400},
		"bad sort":    {`{"sorts":["nonsense"]}`, 400},
	} {
		if a := p.do("POST", v9+"/companies/search", tt.body); a.status != tt.want {
			t.Errorf("%s: got %d %s, want %d", name, a.status, a.body, tt.want)
		}
	}
}

func TestSearchPagesPastTheCap(t *testing.T) {
	p := newPortal(t)
	for i := range 10_005 { // all in one instant
		p.must("companies", "name", fmt.Sprint(i))
	}
	page := func(after int) many {
		return into[many](p, p.do("POST", v9+"/companies/search", fmt.Sprintf(`{"limit":200,"after":"%d","sorts":["hs_lastmodifieddate"]}`, after)), http.StatusOK)
	}
	last := page(9800)
	if last.Total != 10_005 || len(last.Results) != 200 || last.Paging.Next.After != "10000" {
		t.Errorf("got total %d, %d results, next %q", last.Total, len(last.Results), last.Paging.Next.After)
	}
	if a := p.do("POST", v9+"/companies/search", `{"limit":200,"after":"10000"}`); a.status != http.StatusBadRequest {
		t.Errorf("past the cap: %d", a.status)
	}
}

func TestSearchOrder(t *testing.T) {
	p := newPortal(t)
	var ids []string
	for _, name := range []string{"b", "c", "", "a"} {
		ids = append(ids, p.must("companies", "domain", "x.test", "name", name))
	}
	p.ok(p.SetField("companies", ids[0], "city", "Ulm")) // the last write of the same instant
	for sort, want := range map[string]string{
		`"name"`: "a b c ", `"-name"`: "c b a ", `"hs_object_id"`: "b c  a",
		`{"propertyName":"name","direction":"DESCENDING"}`: "c b a ",
		`"hs_lastmodifieddate"`:                            "c  a b",
	} {
		got := strings.Join(p.found("companies", `{"properties":["name"],"sorts":[`+sort+`]}`), " ")
		if got != want {
			t.Errorf("%s: got %q, want %q", sort, got, want)
		}
	}
}

func TestSearchIndexLags(t *testing.T) {
	p := newPortal(t)
	old := p.must("companies", "name", "before")
	gone := p.must("companies", "name", "gone")
	p.SetSearchLag(10 * time.Second)
	all := `{"properties":["name"]}`
	p.must("companies", "name", "new")
	p.ok(p.SetField("companies", old, "name", "middle"))
	p.ok(p.Delete("companies", gone))
	p.clock.add(5 * time.Second)
	p.ok(p.SetField("companies", old, "name", "after"))
	for _, step := range []struct {
		wait time.Duration
		want string
	}{{0, "before gone"}, {5 * time.Second, "middle new"}, {5 * time.Second, "after new"}} {
		p.clock.add(step.wait)
		if got := strings.Join(p.found("companies", all), " "); got != step.want {
			t.Errorf("after %v more: got %q, want %q", step.wait, got, step.want)
		}
	}
	if got := into[record](p, p.do("GET", v9+"/companies/"+old, ""), http.StatusOK).get("name"); got != "after" {
		t.Errorf("reads are never behind: %s", got)
	}
}

func TestSearchRemembersNothingStale(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "a", "city", "Ulm")
	body := `{"properties":["name"],"sorts":["city"]}`
	for _, want := range []string{"a", "a", "b"} {
		if got := strings.Join(p.found("companies", body), " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if want == "a" && p.Record("companies", id)["zip"] != "" {
			p.ok(p.SetField("companies", id, "name", "b"))
		}
		p.ok(p.SetField("companies", id, "zip", "89073"))
	}
	p.found("companies", body)
	p.ok(p.ArchiveProperty("companies", "city", true))
	if a := p.do("POST", v9+"/companies/search", body); a.status != http.StatusBadRequest {
		t.Errorf("by a property that is gone: %d", a.status)
	}
}
