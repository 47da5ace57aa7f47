package salesforcesim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/salesforce/salesforcesim"
)

const many = v62 + "/composite/sobjects"

// list builds a collection's body.
func list(records ...string) string {
	return `{"allOrNone":false,"records":[` + strings.Join(records, ",") + `]}`
}

func account(fields string) string { return `{"attributes":{"type":"Account"},` + fields + `}` }

func TestCollectionCreate(t *testing.T) {
	o := newOrg(t)
	parent := o.must("Account", map[string]string{"Name": "P", "QBench_Id__c": "p"})
	a := o.do("POST", many, list(
		account(`"Name":"A"`),
		`{"Name":"B","attributes":{"type":"account"}}`,
		`{"LastName":"Roe","attributes":{"type":"Contact"},"Account":{"QBench_Id__c":"p"}}`,
		account(`"Phone":"1"`),
		`{"Name":"untyped"}`,
		`{"attributes":{"type":"Nope"},"Name":"x"}`,
		account(`"Name":"C","QBench_Id__c":"p"`),
		`{"LastName":"Roe","attributes":{"type":"Contact"},"Account":{"QBench_Id__c":"none"}}`,
		`{"LastName":"Roe","attributes":{"type":"Contact"},"Account":{}}`,
		account(`"id":"`+parent+`","Name":"C"`),
	))
	want := []string{"ok", "ok", "ok", "REQUIRED_FIELD_MISSING", "INVALID_TYPE", "INVALID_TYPE", "DUPLICATE_VALUE", "INVALID_FIELD", "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"}
	if diff := cmp.Diff(want, o.codes(a)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r := o.results(a)
	if r[0].Created != nil || r[3].Errors[0].Fields[0] != "Name" || r[3].ID != "" {
		t.Errorf("got %s", a.body)
	}
	if got := o.Record("Contact", r[2].ID)["AccountId"]; got != parent {
		t.Errorf("AccountId %q", got)
	}
	if !strings.Contains(r[7].Errors[0].Message, "Foreign key external ID: none not found for field QBench_Id__c in entity Account") {
		t.Errorf("got %+v", r[7])
	}
	if n := len(o.Audit()); n != 3 {
		t.Errorf("%d writes in the audit", n)
	}
}

func TestCollectionUpdate(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A"})
	gone := o.must("Account", map[string]string{"Name": "G"})
	if err := o.Delete("Account", gone); err != nil {
		t.Fatal(err)
	}
	a := o.do("PATCH", many, list(
		account(`"id":"`+id[:15]+`","Phone":"1"`),
		`{"Phone":"2","ID":"`+id+`","attributes":{"type":"Account"}}`,
		account(`"Phone":"1"`),
		account(`"Id":"`+gone+`"`),
		account(`"Id":"0018d00000zzzzz"`),
		account(`"Id":"nope"`),
		account(`"Id":"`+id+`","Name":null`),
		`{"attributes":{"type":"Contact"},"Id":"`+id+`"}`,
	))
	want := []string{"ok", "ok", "MISSING_ARGUMENT", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "REQUIRED_FIELD_MISSING", "MALFORMED_ID"}
	if diff := cmp.Diff(want, o.codes(a)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r := o.results(a); r[0].ID != id || r[2].Errors[0].Message != "Id not specified in an update call" {
		t.Errorf("got %s", a.body)
	}
	if o.Record("Account", id)["Phone"] != "2" {
		t.Error("the second update of one record did not win")
	}
}

func TestCollectionUpsert(t *testing.T) {
	o := newOrg(t, withSchema(extraSchema))
	old := o.must("Account", map[string]string{"Name": "Old", "QBench_Id__c": "k1"})
	a := o.do("PATCH", many+"/Account/qbench_id__c", list(
		`{"QBench_Id__c":"k1","attributes":{"type":"Account"},"Name":"New"}`,
		`{"QBench_Id__c":"K1","Name":"Other","attributes":{"type":"Account"}}`,
		account(`"QBench_Id__c":"k2"`),
		account(`"QBench_Id__c":"","Name":"x"`),
		account(`"Name":"x"`),
		account(`"QBench_Id__c":"k1","Name":"again"`),
		account(`"QBench_Id__c":"k3","Name":"x","Id":"`+old+`"`),
		`{"attributes":{"type":"Contact"},"QBench_Id__c":"k4"}`,
	))
	want := []string{"ok", "ok", "REQUIRED_FIELD_MISSING", "MISSING_ARGUMENT", "MISSING_ARGUMENT", "DUPLICATE_VALUE", "INVALID_FIELD", "INVALID_TYPE"}
	if diff := cmp.Diff(want, o.codes(a)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r := o.results(a)
	if r[0].ID != old || *r[0].Created || !*r[1].Created || !*r[2].Created {
		t.Errorf("got %s", a.body)
	}
	if a := o.do("PATCH", many+"/Account/Name", list(account(`"Name":"x"`))); a.status != 404 || o.code(a) != "NOT_FOUND" {
		t.Errorf("a key that is none: %d %s", a.status, a.body)
	}
	o.must("Account", map[string]string{"Name": "L1", "Loose_Key__c": "same"})
	o.must("Account", map[string]string{"Name": "L2", "Loose_Key__c": "same"})
	if got := o.codes(o.do("PATCH", many+"/Account/Loose_Key__c", list(account(`"Loose_Key__c":"same","Name":"x"`)))); got[0] != "DUPLICATE_EXTERNAL_ID" {
		t.Errorf("ambiguous key: %v", got)
	}
}

func TestAllOrNone(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A", "Phone": "1", "QBench_Id__c": "k"})
	before := o.Record("Account", id)
	o.clock.add(60e9)
	body := func(records ...string) string {
		return `{"records":[` + strings.Join(records, ",") + `],"allOrNone":true}`
	}
	a := o.do("PATCH", many, body(account(`"Id":"`+id+`","Phone":"2","QBench_Id__c":"k2"`), account(`"Id":"`+id+`","Name":""`)))
	if diff := cmp.Diff([]string{"ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"}, o.codes(a)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, o.Record("Account", id)); diff != "" {
		t.Errorf("after the roll-back:\n%s", diff)
	}
	a = o.do("POST", many, body(account(`"Name":"N","QBench_Id__c":"n"`), account(`"Phone":"1"`)))
	if diff := cmp.Diff([]string{"ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"}, o.codes(a)); diff != "" {
		t.Error(diff)
	}
	a = o.do("DELETE", many+"?allOrNone=true&ids="+id+",0018d00000zzzzz", "")
	if diff := cmp.Diff([]string{"ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_CROSS_REFERENCE_KEY"}, o.codes(a)); diff != "" {
		t.Error(diff)
	}
	if o.Count("Account") != 1 || len(o.Find("Account", "QBench_Id__c", "k")) != 1 || len(o.query("SELECT Id FROM Account WHERE QBench_Id__c IN ('k','k2','n')")) != 1 || len(o.Audit()) != 0 {
		t.Errorf("left over: %v %v", o.Records("Account"), o.Audit())
	}
	a = o.do("POST", many, body(account(`"Name":"N","QBench_Id__c":"n"`), account(`"Name":"O"`)))
	if diff := cmp.Diff([]string{"ok", "ok"}, o.codes(a)); diff != "" {
		t.Error(diff)
	}
}

func TestCollectionsAsAWhole(t *testing.T) {
	o := newOrg(t)
	records := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, account(fmt.Sprintf(`"Name":"n%d"`, i)))
		}
		return list(all...)
	}
	var mixed []string
	for range 6 {
		mixed = append(mixed, account(`"Name":"x"`), `{"attributes":{"type":"Contact"},"LastName":"x"}`)
	}
	for _, tt := range []struct{ name, method, path, body, code string }{
		{"200", "POST", many, records(200), ""},
		{"201", "POST", many, records(201), "EXCEEDED_ID_LIMIT"},
		{"201 updates", "PATCH", many, records(201), "EXCEEDED_ID_LIMIT"},
		{"empty", "POST", many, list(), "REQUIRED_FIELD_MISSING"},
		{"no list", "POST", many, `{}`, "REQUIRED_FIELD_MISSING"},
		{"list of numbers", "POST", many, list("1"), "JSON_PARSER_ERROR"},
		{"no array", "POST", many, `{"records":{}}`, "JSON_PARSER_ERROR"},
		{"unknown key", "POST", many, `{"record":[]}`, "JSON_PARSER_ERROR"},
		{"cut off", "POST", many, records(2)[:50], "JSON_PARSER_ERROR"},
		{"too many chunks", "POST", many, list(mixed...), "LIMIT_EXCEEDED"},
		{"put", "PUT", many, records(1), "METHOD_NOT_ALLOWED"},
		{"old version", "POST", "/services/data/v41.0/composite/sobjects", records(1), "NOT_FOUND"},
		{"upsert before v46", "PATCH", "/services/data/v45.0/composite/sobjects/Account/QBench_Id__c", records(1), "NOT_FOUND"},
		{"unknown object", "PATCH", many + "/Nope/X__c", records(1), "NOT_FOUND"},
		{"delete nothing", "DELETE", many, "", "REQUIRED_FIELD_MISSING"},
		{"delete 201", "DELETE", many + "?ids=" + strings.Repeat("0018d0000000001AAA,", 201), "", "EXCEEDED_ID_LIMIT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := o.do(tt.method, tt.path, tt.body)
			if got := o.code(a); got != tt.code || (tt.code == "") != (a.status == 200) {
				t.Errorf("got %d %.200s", a.status, a.body)
			}
		})
	}
	if o.Count("Account") != 200 {
		t.Errorf("%d accounts", o.Count("Account"))
	}
}

func TestCollectionRetrieveAndDelete(t *testing.T) {
	o := newOrg(t)
	one := o.must("Account", map[string]string{"Name": "1"})
	two := o.must("Account", map[string]string{"Name": "2"})
	want := `[{"attributes":{"type":"Account","url":"/services/data/v62.0/sobjects/Account/` + two + `"},"Name":"2","Phone":null},null,` +
		`{"attributes":{"type":"Account","url":"/services/data/v62.0/sobjects/Account/` + one + `"},"Name":"1","Phone":null}]`
	for _, a := range []answer{
		o.do("POST", many+"/Account", `{"ids":["`+two+`","0018d00000zzzzz","`+one[:15]+`"],"fields":["name","Phone"]}`),
		o.do("GET", many+"/Account?ids="+two+",0018d00000zzzzz,"+one+"&fields=Name,phone", ""),
	} {
		if a.status != 200 || a.body != want {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	for body, code := range map[string]string{
		`{"ids":["x"],"fields":["Name"]}`:           "MALFORMED_ID",
		`{"ids":["` + one + `"],"fields":["Nope"]}`: "INVALID_FIELD",
		`{"ids":["` + one + `"]}`:                   "REQUIRED_FIELD_MISSING",
		`{"fields":["Name"]}`:                       "REQUIRED_FIELD_MISSING",
		`{"ids":"` + one + `","fields":["Name"]}`:   "JSON_PARSER_ERROR",
		`{"ids":[1],"fields":["Name"]}`:             "JSON_PARSER_ERROR",
	} {
		if a := o.do("POST", many+"/Account", body); o.code(a) != code {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	a := o.do("DELETE", many+"?ids="+one+","+two[:15]+","+one+",bad", "")
	if diff := cmp.Diff([]string{"ok", "ok", "ENTITY_IS_DELETED", "MALFORMED_ID"}, o.codes(a)); diff != "" {
		t.Error(diff)
	}
	if got := o.Audit(); len(got) != 2 || got[1].Op != salesforcesim.OpDelete || got[1].ID != two {
		t.Errorf("audit %+v", got)
	}
}

func TestPolymorphicParent(t *testing.T) {
	o := newOrg(t)
	who := o.must("Contact", map[string]string{"LastName": "Roe", "QBench_Id__c": "c"})
	task := func(parent string) string {
		return `{"attributes":{"type":"Task"},"Subject":"Call","Who":` + parent + `}`
	}
	a := o.do("POST", many, list(
		task(`{"attributes":{"type":"Contact"},"QBench_Id__c":"c"}`),
		task(`{"QBench_Id__c":"c","attributes":{"type":"Contact"}}`),
		task(`{"QBench_Id__c":"c"}`),
		task(`{"attributes":{"type":"Account"},"QBench_Id__c":"c"}`),
	))
	if diff := cmp.Diff([]string{"ok", "JSON_PARSER_ERROR", "JSON_PARSER_ERROR", "INVALID_FIELD"}, o.codes(a)); diff != "" {
		t.Error(diff)
	}
	if got := o.query("SELECT Who.Name, What.Name FROM Task")[0]; fmt.Sprint(got["What"]) != "<nil>" || !strings.Contains(fmt.Sprint(got["Who"]), "Name:Roe") {
		t.Errorf("got %v (contact %s)", got, who)
	}
}

func TestCallCounts(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A"})
	o.do("POST", many, list(account(`"Name":"x"`)))
	o.do("PATCH", many, list(account(`"Id":"`+id+`"`)))
	o.do("PATCH", v62+"/sobjects/account/"+id, `{"Phone":"1"}`)
	o.query("SELECT Id FROM account")
	o.do("GET", v62+"/sobjects/Account/describe", "")
	c := o.Calls()
	for _, tt := range []struct {
		got, want int
	}{
		{c.Of(salesforcesim.CallCreateMany, "Account"), 1},
		{c.Of(salesforcesim.CallUpdateMany), 1},
		{c.Of(salesforcesim.CallUpdate, "Account"), 1},
		{c.Of(salesforcesim.CallUpdate, "Contact"), 0},
		{c.Of(salesforcesim.CallQuery, "Account"), 1},
		{c.Of(salesforcesim.CallDescribe), 1},
		{c.Writes(), 3},
		{c.Reads(), 1},
		{c.Total(), 5},
	} {
		if tt.got != tt.want {
			t.Errorf("got %d, want %d in %v", tt.got, tt.want, c)
		}
	}
	o.ResetCalls()
	if o.Calls().Total() != 0 {
		t.Error("not reset")
	}
}
