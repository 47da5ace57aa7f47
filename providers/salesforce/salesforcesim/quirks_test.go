package salesforcesim_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/salesforce/salesforcesim"
)

func TestPathsThatClientsSend(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "Acme", "QBench_Id__c": "a/b c?d#e+f%"})
	span := "start=" + url.QueryEscape("2026-05-01T07:00:00+00:00") + "&end=" + url.QueryEscape("2026-05-01T08:00:00Z")
	for path, want := range map[string]int{
		"/services/data":  200,
		"//services/data": 200,
		"/services/data/": 200,
		"//services/data/v50.0/query?q=SELECT%20Id%20FROM%20Account":                  200,
		"/services/data/v50.0/query/?q=SELECT+Id+FROM+Account":                        200,
		"/services/data/v50.0/":                                                       200,
		"/services/data/v50.0/limits/":                                                200,
		"/services/data/v50.0/sobjects/":                                              200,
		"/services/data/v50.0/sobjects/account/":                                      200,
		"/services/data/v50.0/sobjects/Account/describe/":                             200,
		"/services/data/v50.0/sobjects/Account/updated?" + span:                       200,
		"/services/data/v50.0/sobjects/Account/updated/?" + span:                      200,
		"/services/data/v50.0/sobjects/Account/deleted/?" + span:                      200,
		"/services/data/v50.0/sobjects/Account/" + id:                                 200,
		"/services/data/v50.0/sobjects/Account/" + id[:15] + "/":                      200,
		"/services/data/v50.0/sobjects/Account/QBench_Id__c/a%2Fb%20c%3Fd%23e%2Bf%25": 200,
		"/services/data/v50.0/sobjects/Account/QBench_Id__c/a/b%20c?d":                404,
		"/services/data/v50.0/sobjects/Account/Nope__c/x":                             404,
		"/services/data/v50.0/sobjects/Account/Name/Acme":                             404,
		"/services/data/v50.0/nothing":                                                404,
		"/services/data/v50/limits":                                                   404,
		"/services/data/v99.0/limits":                                                 404,
		"/services/data/v30.0/limits":                                                 410,
		"/services/data/v63.0/services/data/v66.0/query/0r8xx-2000":                   404,
		"/nothing": 404,
		"/services/data/v50.0/query?q=" + strings.Repeat("x", 17000): 414,
	} {
		if a := o.do("GET", path, ""); a.status != want {
			t.Errorf("%.100s: got %d %.200s, want %d", path, a.status, a.body, want)
		}
	}
}

func TestUpsertByVersion(t *testing.T) {
	o := newOrg(t)
	path := "/sobjects/Account/QBench_Id__c/k%2F1"
	up := func(version, query, body string) answer {
		return o.do("PATCH", "/services/data/"+version+path+query, body)
	}
	if a := up("v62.0", "?updateOnly=true", `{"Name":"A"}`); a.status != 404 {
		t.Errorf("updateOnly of nothing: %d %s", a.status, a.body)
	}
	a := up("v62.0", "", `{"Name":"A"}`)
	ids := o.Find("Account", "QBench_Id__c", "k/1")
	if len(ids) != 1 || a.status != 201 || a.body != `{"id":"`+ids[0]+`","success":true,"errors":[],"created":true}` {
		t.Fatalf("created: %d %s", a.status, a.body)
	}
	if a := up("v46.0", "", `{"Name":"B"}`); a.status != 200 || a.body != `{"id":"`+ids[0]+`","success":true,"errors":[],"created":false}` {
		t.Errorf("updated from v46: %d %s", a.status, a.body)
	}
	if a := up("v45.0", "", `{"Name":"C"}`); a.status != 204 || a.body != "" {
		t.Errorf("updated before v46: %d %s", a.status, a.body)
	}
	if a := up("v62.0", "?updateOnly=true", `{"Name":"D"}`); a.status != 200 {
		t.Errorf("updateOnly: %d %s", a.status, a.body)
	}
	for _, body := range []string{`{"Name":"x","QBench_Id__c":"k/1"}`, `{"Name":"x","Id":"` + ids[0] + `"}`} {
		if a := up("v62.0", "", body); o.code(a) != "INVALID_FIELD" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if o.Record("Account", ids[0])["Name"] != "D" {
		t.Errorf("got %v", o.Record("Account", ids[0]))
	}
	if a := o.do("DELETE", v62+path, ""); a.status != 204 || o.Count("Account") != 0 {
		t.Errorf("delete by key: %d", a.status)
	}
	if a := o.do("PATCH", v62+"/sobjects/Account/Id/"+ids[0], `{"Name":"x"}`); a.status != 404 {
		t.Errorf("upsert by the id of a deleted record: %d %s", a.status, a.body)
	}
}

func TestMultipleChoices(t *testing.T) {
	o := newOrg(t)
	a1 := o.must("Contact", map[string]string{"LastName": "A", "Email": "x@x.test"})
	a2 := o.must("Contact", map[string]string{"LastName": "B", "Email": "X@x.test"})
	want := []string{v62 + "/sobjects/Contact/" + a1, v62 + "/sobjects/Contact/" + a2}
	for _, method := range []string{"PATCH", "GET", "DELETE"} {
		a := o.do(method, v62+"/sobjects/Contact/Email/x@x.test", `{"LastName":"C"}`)
		var got []string
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 300 {
			t.Fatalf("%s: %d %s", method, a.status, a.body)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", method, diff)
		}
	}
	if len(o.Audit()) != 0 {
		t.Error("something was written")
	}
}

func TestLimitInfoHeader(t *testing.T) {
	o := newOrg(t)
	if a := o.do("GET", "/services/data", ""); a.header.Get("Sforce-Limit-Info") != "" {
		t.Error("the version list has a quota header")
	}
	o.SetQuota(17, 100)
	if a := o.do("GET", v62+"/limits", ""); a.header.Get("Sforce-Limit-Info") != "api-usage=18/100" || !strings.Contains(a.body, `"DailyApiRequests":{"Max":100,"Remaining":82}`) {
		t.Errorf("got %v %s", a.header, a.body)
	}
	o.SetPerAppQuota(true)
	if got := o.do("GET", v62+"/nothing", "").header.Get("Sforce-Limit-Info"); got != "api-usage=19/100; per-app-api-usage=17/250(appName=sample-connected-app)" {
		t.Errorf("got %q", got)
	}
	o.SetQuota(100, 100)
	a := o.do("POST", v62+"/sobjects/Account", `{"Name":"x"}`)
	if a.status != 403 || a.body != `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]` || o.Count("Account") != 0 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if got := o.Calls().Of(salesforcesim.CallOverQuota); got != 1 {
		t.Errorf("counted %d", got)
	}
	if a := o.do("GET", "/services/data", ""); a.status != 200 {
		t.Errorf("the version list needs no quota: %d", a.status)
	}
}

func TestDateHeaderIsTheOrgsClock(t *testing.T) {
	o := newOrg(t)
	if got := o.do("GET", "/services/data", "").header.Get("Date"); got != "Fri, 01 May 2026 07:25:37 GMT" {
		t.Errorf("got %q", got)
	}
}

func TestConditionalRequests(t *testing.T) {
	o := newOrg(t)
	acct := o.must("Account", map[string]string{"Name": "A"})
	contact := o.must("Contact", map[string]string{"LastName": "R"})
	a := o.do("GET", v62+"/sobjects/Account/"+acct, "")
	tag, at := a.header.Get("ETag"), a.header.Get("Last-Modified")
	if tag == "" || at != "Fri, 01 May 2026 07:25:37 GMT" {
		t.Fatalf("got %v", a.header)
	}
	if o.do("GET", v62+"/sobjects/Contact/"+contact, "").header.Get("ETag") != "" {
		t.Error("a contact has an entity tag")
	}
	with := func(name, value, method, path string) int {
		o.header.Set(name, value)
		defer o.header.Del(name)
		return o.do(method, v62+path, `{"Phone":"1"}`).status
	}
	check := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d, want %d", what, got, want)
		}
	}
	check("If-None-Match, same", with("If-None-Match", tag, "GET", "/sobjects/Account/"+acct), 304)
	check("If-Modified-Since, same", with("If-Modified-Since", at, "GET", "/sobjects/Account/"+acct), 304)
	check("If-Match, same", with("If-Match", tag, "PATCH", "/sobjects/Account/"+acct), 204)
	check("If-Match, other", with("If-Match", `"other"`, "PATCH", "/sobjects/Account/"+acct), 412)
	check("a contact ignores tags", with("If-Match", `"other"`, "PATCH", "/sobjects/Contact/"+contact), 204)
	check("If-Unmodified-Since, same", with("If-Unmodified-Since", at, "PATCH", "/sobjects/Contact/"+contact), 204)
	check("If-Unmodified-Since, nonsense", with("If-Unmodified-Since", "x", "PATCH", "/sobjects/Contact/"+contact), 400)
	o.clock.add(time.Second)
	if err := o.SetField("Contact", contact, "Phone", "2"); err != nil {
		t.Fatal(err)
	}
	check("If-Unmodified-Since, changed", with("If-Unmodified-Since", at, "PATCH", "/sobjects/Contact/"+contact), 412)
	check("If-Modified-Since, changed", with("If-Modified-Since", at, "GET", "/sobjects/Contact/"+contact), 200)
	if o.Record("Contact", contact)["Phone"] != "2" {
		t.Error("a refused write took effect")
	}
}

func TestDescribe(t *testing.T) {
	o := newOrg(t, withSchema(extraSchema))
	a := o.do("GET", v62+"/sobjects/account/describe", "")
	var d struct {
		Name, KeyPrefix    string
		Fields             []map[string]any
		ChildRelationships []map[string]any
		RecordTypeInfos    []map[string]any
	}
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatal(err)
	}
	fields := map[string]map[string]any{}
	var required []any
	for _, f := range d.Fields {
		fields[f["name"].(string)] = f
		if f["createable"] == true && f["nillable"] == false && f["defaultedOnCreate"] == false {
			required = append(required, f["name"])
		}
	}
	if d.Name != "Account" || d.KeyPrefix != "001" || len(d.RecordTypeInfos) != 1 {
		t.Errorf("got %s %s", d.Name, d.KeyPrefix)
	}
	if diff := cmp.Diff([]any{"Name"}, required); diff != "" {
		t.Errorf("required: %s", diff)
	}
	for _, tt := range []struct {
		field, key string
		want       any
	}{
		{"Name", "length", 255.0},
		{"Name", "type", "string"},
		{"Name", "nameField", true},
		{"Industry", "restrictedPicklist", false},
		{"Tier__c", "restrictedPicklist", true},
		{"QBench_Id__c", "externalId", true},
		{"QBench_Id__c", "unique", true},
		{"QBench_Id__c", "caseSensitive", true},
		{"QBench_Id__c", "idLookup", true},
		{"Folded_Key__c", "caseSensitive", false},
		{"Loose_Key__c", "unique", false},
		{"BillingCity", "compoundFieldName", "BillingAddress"},
		{"BillingAddress", "createable", false},
		{"BillingAddress", "type", "address"},
		{"ParentId", "relationshipName", "Parent"},
		{"ParentId", "referenceTo", []any{"Account"}},
		{"Id", "updateable", false},
		{"Description", "filterable", false},
		{"NumberOfEmployees", "digits", 8.0},
		{"Score__c", "precision", 5.0},
		{"Score__c", "scale", 2.0},
		{"Formula__c", "calculated", true},
		{"SystemModstamp", "createable", false},
		{"Score__c", "custom", true},
		{"Name", "custom", false},
	} {
		if diff := cmp.Diff(tt.want, fields[tt.field][tt.key]); diff != "" {
			t.Errorf("%s.%s: %s", tt.field, tt.key, diff)
		}
	}
	o.header.Set("If-Modified-Since", a.header.Get("Last-Modified"))
	if again := o.do("GET", v62+"/sobjects/Account/describe", ""); again.status != 304 || again.body != "" {
		t.Errorf("got %d", again.status)
	}
	if err := o.HideField("Account", "Fax", true); err != nil {
		t.Fatal(err)
	}
	if again := o.do("GET", v62+"/sobjects/Account/describe", ""); again.status != 200 || strings.Contains(again.body, `"name":"Fax"`) {
		t.Errorf("after a field was hidden: %d", again.status)
	}
}

func TestHiddenAndProtectedFields(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A", "Fax": "1", "Phone": "2"})
	for _, err := range []error{o.HideField("Account", "fax", true), o.ProtectField("Account", "Phone", true), o.ResizeField("Account", "Name", 5)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for body, code := range map[string]string{`{"Fax":"2"}`: "INVALID_FIELD", `{"Phone":"3"}`: "INVALID_FIELD_FOR_INSERT_UPDATE", `{"Name":"abcdef"}`: "STRING_TOO_LONG"} {
		if a := o.do("PATCH", v62+"/sobjects/Account/"+id, body); o.code(a) != code {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := o.do("GET", v62+"/query?q=SELECT+Fax+FROM+Account", ""); o.code(a) != "INVALID_FIELD" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if err := o.HideField("Account", "Fax", false); err != nil {
		t.Fatal(err)
	}
	if got := o.query("SELECT Fax FROM Account")[0]["Fax"]; got != "1" {
		t.Errorf("the value is %v", got)
	}
	if o.HideField("Nope", "Fax", true) == nil || o.HideField("Account", "Nope", true) == nil {
		t.Error("no error for what does not exist")
	}
}

func TestReplication(t *testing.T) {
	o := newOrg(t)
	span := func(kind, from, to string) answer {
		return o.do("GET", v62+"/sobjects/Account/"+kind+"?start="+url.QueryEscape(from)+"&end="+url.QueryEscape(to), "")
	}
	old := o.must("Account", map[string]string{"Name": "old"})
	o.clock.add(10 * time.Minute) // 07:35:37
	changed := o.must("Account", map[string]string{"Name": "new"})
	gone := o.must("Account", map[string]string{"Name": "gone"})
	o.clock.add(time.Minute)
	if err := o.Delete("Account", gone); err != nil {
		t.Fatal(err)
	}
	o.clock.add(time.Minute) // 07:37:37
	a := span("updated", "2026-05-01T07:30:00+00:00", "2026-05-01T09:00:00Z")
	if want := `{"ids":["` + changed + `"],"latestDateCovered":"2026-05-01T07:37:37.000+0000"}`; a.body != want {
		t.Errorf("got %s\nwant %s", a.body, want)
	}
	a = span("updated", "2026-05-01T07:20:00Z", "2026-05-01T07:26:00Z")
	if want := `{"ids":["` + old + `"],"latestDateCovered":"2026-05-01T07:26:00.000+0000"}`; a.body != want {
		t.Errorf("got %s\nwant %s", a.body, want)
	}
	a = span("deleted", "2026-05-01T07:30:00Z", "2026-05-01T09:00:00Z")
	if want := `{"deletedRecords":[{"id":"` + gone + `","deletedDate":"2026-05-01T07:36:37.000+0000"}],"earliestDateAvailable":"2026-04-16T07:37:37.000+0000","latestDateCovered":"2026-05-01T07:37:37.000+0000"}`; a.body != want {
		t.Errorf("got %s\nwant %s", a.body, want)
	}
	o.EmptyBin()
	a = span("deleted", "2026-05-01T07:30:00Z", "2026-05-01T09:00:00Z")
	if !strings.HasPrefix(a.body, `{"deletedRecords":[],"earliestDateAvailable":"2026-05-01T07:37:37`) {
		t.Errorf("got %s", a.body)
	}
	for _, s := range [][3]string{
		{"updated", "2026-05-01T07:30:00Z", "2026-05-01T07:31:00Z"},
		{"updated", "2026-05-01T07:31:00Z", "2026-05-01T07:30:00Z"},
		{"updated", "2026-03-31T00:00:00Z", "2026-05-01T07:30:00Z"},
		{"deleted", "2026-04-15T00:00:00Z", "2026-05-01T07:30:00Z"},
		{"updated", "x", "2026-05-01T07:30:00Z"},
	} {
		if a := span(s[0], s[1], s[2]); a.status != 400 || o.code(a) != "INVALID_REPLICATION_DATE" {
			t.Errorf("%v: %d %s", s, a.status, a.body)
		}
	}
}

func TestComposite(t *testing.T) {
	o := newOrg(t)
	a := o.do("POST", v62+"/composite", `{"compositeRequest":[
		{"method":"POST","url":"`+v62+`/sobjects/Account","referenceId":"a1","body":{"Name":"A"}},
		{"method":"POST","url":"`+v62+`/sobjects/Contact","referenceId":"c1","body":{"LastName":"R","AccountId":"@{a1.id}"}},
		{"method":"POST","url":"`+v62+`/sobjects/Contact","referenceId":"c2","body":{}},
		{"method":"GET","url":"`+v62+`/sobjects/Contact/@{c2.id}","referenceId":"g"},
		{"method":"PATCH","url":"`+v62+`/sobjects/Account/@{a1.id}","referenceId":"p","body":{"Phone":"1"},"httpHeaders":{"If-Unmodified-Since":"Fri, 01 May 2026 07:25:36 GMT"}},
		{"method":"GET","url":"https://evil.test/","referenceId":"x"}]}`)
	var got struct {
		CompositeResponse []struct {
			HTTPStatusCode int
			ReferenceID    string
			Body           json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	var status []int
	for _, r := range got.CompositeResponse {
		status = append(status, r.HTTPStatusCode)
	}
	if diff := cmp.Diff([]int{201, 201, 400, 400, 412, 400}, status); diff != "" {
		t.Errorf("%s\n%s", diff, a.body)
	}
	if o.Records("Contact")[0]["AccountId"] != o.Find("Account", "Name", "A")[0] {
		t.Error("the reference was not filled in")
	}
	if !strings.Contains(string(got.CompositeResponse[3].Body), "PROCESSING_HALTED") {
		t.Errorf("got %s", got.CompositeResponse[3].Body)
	}
}
