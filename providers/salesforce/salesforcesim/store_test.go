package salesforcesim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/salesforce/salesforcesim"
)

const extraSchema = `
objects:
  Account:
    fields:
      - {name: Tier__c, type: picklist, values: [Gold, Silver], restricted: true}
      - {name: Tags__c, type: multipicklist, values: [a, b, c], restricted: true}
      - {name: Folded_Key__c, type: string, length: 20, external_id: true, unique: true}
      - {name: Loose_Key__c, type: string, length: 20, external_id: true}
      - {name: Score__c, type: double, precision: 5, scale: 2}
      - {name: Founded__c, type: date}
      - {name: Seen__c, type: datetime}
      - {name: Vip__c, type: boolean}
      - {name: Formula__c, type: string, calculated: true}
  Lab__c:
    fields:
      - {name: Account__c, type: reference, reference_to: [Account], relationship: Account__r}
`

func withSchema(text string) func(*salesforcesim.Options) {
	return func(o *salesforcesim.Options) {
		s, err := salesforcesim.ReadSchema(strings.NewReader(text))
		if err != nil {
			panic(err)
		}
		o.Schema = s
	}
}

func TestCreateStores(t *testing.T) {
	o := newOrg(t, withSchema(extraSchema))
	tests := []struct {
		field, json, want string // want "" is null
	}{
		{"Phone", `" 555 \t\n"`, "555"},
		{"Phone", `""`, ""},
		{"Phone", `"   "`, ""},
		{"Phone", `null`, ""},
		{"BillingStreet", `"1 Way\r\nRear"`, "1 Way\r\nRear"},
		{"Industry", `"Of Our Own Making"`, "Of Our Own Making"},
		{"NumberOfEmployees", `12`, "12"},
		{"NumberOfEmployees", `1.2e1`, "12"},
		{"NumberOfEmployees", `"12"`, "12"},
		{"NumberOfEmployees", `""`, ""},
		{"NumberOfEmployees", `99999999`, "99999999"},
		{"AnnualRevenue", `350000000`, "350000000"},
		{"AnnualRevenue", `12.6`, "13"},
		{"Score__c", `1.999`, "2"},
		{"Score__c", `-0.001`, "0"},
		{"Score__c", `3.10`, "3.1"},
		{"Founded__c", `"2026-02-28"`, "2026-02-28"},
		{"Seen__c", `"2026-05-01T09:25:37+02:00"`, "2026-05-01T07:25:37.000+0000"},
		{"Seen__c", `"2026-05-01T07:25:37.999Z"`, "2026-05-01T07:25:37.000+0000"},
		{"Vip__c", `true`, "true"},
		{"Vip__c", `false`, "false"},
		{"Tier__c", `"gold"`, "Gold"},
		{"Tags__c", `"B; a;b"`, "b;a"},
		{"Website", `"not a url"`, "not a url"},
		{"name", `"case of the name does not matter"`, "case of the name does not matter"},
		{"Description", `"\u0041\ud83d\ude00\"\\"`, "A😀\"\\"},
	}
	for _, tt := range tests {
		t.Run(tt.field+" "+tt.json, func(t *testing.T) {
			body := `{"Name":"x",` + fmt.Sprintf("%q:%s", tt.field, tt.json) + `}`
			a := o.do("POST", v62+"/sobjects/Account", body)
			if a.status != http.StatusCreated {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			all := o.Records("Account")
			field := tt.field
			if field == "name" {
				field = "Name"
			}
			if got := all[len(all)-1][field]; got != tt.want {
				t.Errorf("stored %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	o := newOrg(t, withSchema(extraSchema))
	contact := o.must("Contact", map[string]string{"LastName": "Roe"})
	gone := o.must("Account", map[string]string{"Name": "Gone"})
	if err := o.Delete("Account", gone); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, object, body, code, message string
		status                            int
	}{
		{"no name", "Account", `{"Phone":"1"}`, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", 400},
		{"blank name", "Account", `{"Name":"  "}`, "REQUIRED_FIELD_MISSING", "[Name]", 400},
		{"null name", "Account", `{"Name":null}`, "REQUIRED_FIELD_MISSING", "[Name]", 400},
		{"no last name", "Contact", `{"FirstName":"A"}`, "REQUIRED_FIELD_MISSING", "[LastName]", 400},
		{"too long", "Account", `{"Name":"` + strings.Repeat("é", 256) + `"}`, "STRING_TOO_LONG", "(max length=255)", 400},
		{"unknown field", "Account", `{"Name":"x","Nope__c":1}`, "INVALID_FIELD", "No such column 'Nope__c' on sobject of type Account", 400},
		{"stamp", "Account", `{"Name":"x","CreatedDate":"2026-01-01T00:00:00Z"}`, "INVALID_FIELD_FOR_INSERT_UPDATE", "CreatedDate", 400},
		{"formula", "Account", `{"Name":"x","Formula__c":"y"}`, "INVALID_FIELD_FOR_INSERT_UPDATE", "Formula__c", 400},
		{"compound name", "Contact", `{"LastName":"x","Name":"y"}`, "INVALID_FIELD_FOR_INSERT_UPDATE", "Name", 400},
		{"id", "Account", `{"Name":"x","id":"0018d0000000001AAA"}`, "INVALID_FIELD_FOR_INSERT_UPDATE", "Id", 400},
		{"text for a number", "Account", `{"Name":"x","NumberOfEmployees":"12 or so"}`, "JSON_PARSER_ERROR", "int", 400},
		{"text for a checkbox", "Account", `{"Name":"x","Vip__c":"true"}`, "JSON_PARSER_ERROR", "boolean", 400},
		{"text as number", "Account", `{"Name":12}`, "JSON_PARSER_ERROR", "string", 400},
		{"fraction", "Account", `{"Name":"x","NumberOfEmployees":1.5}`, "JSON_PARSER_ERROR", "int", 400},
		{"too many digits", "Account", `{"Name":"x","NumberOfEmployees":100000000}`, "NUMBER_OUTSIDE_VALID_RANGE", "", 400},
		{"beyond precision", "Account", `{"Name":"x","Score__c":1000}`, "NUMBER_OUTSIDE_VALID_RANGE", "", 400},
		{"object", "Account", `{"Name":{"a":1}}`, "JSON_PARSER_ERROR", "START_OBJECT", 400},
		{"compound address", "Account", `{"Name":"x","BillingAddress":{"city":"X"}}`, "JSON_PARSER_ERROR", "", 400},
		{"null checkbox", "Account", `{"Name":"x","Vip__c":null}`, "INVALID_TYPE_ON_FIELD_IN_RECORD", "", 400},
		{"e-mail", "Contact", `{"LastName":"x","Email":"not mail"}`, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: not mail", 400},
		{"e-mail without dot", "Contact", `{"LastName":"x","Email":"a@b"}`, "INVALID_EMAIL_ADDRESS", "", 400},
		{"restricted picklist", "Account", `{"Name":"x","Tier__c":"Tin"}`, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Tin", 400},
		{"restricted picks", "Account", `{"Name":"x","Tags__c":"a;z"}`, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "z", 400},
		{"date with time", "Account", `{"Name":"x","Founded__c":"2026-02-30"}`, "JSON_PARSER_ERROR", "date", 400},
		{"malformed id", "Contact", `{"LastName":"x","AccountId":"nope"}`, "MALFORMED_ID", "", 400},
		{"id of another object", "Contact", `{"LastName":"x","AccountId":"` + contact + `"}`, "FIELD_INTEGRITY_EXCEPTION", "", 400},
		{"unknown id", "Contact", `{"LastName":"x","AccountId":"0018d00000zzzzz"}`, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", 400},
		{"deleted parent", "Contact", `{"LastName":"x","AccountId":"` + gone + `"}`, "ENTITY_IS_DELETED", "", 400},
		{"read-only object", "Organization", `{"Name":"x"}`, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "", 405},
		{"unknown object", "Nope", `{"Name":"x"}`, "NOT_FOUND", "", 404},
		{"broken JSON", "Account", `{"Name":"x"`, "JSON_PARSER_ERROR", "", 400},
		{"two values", "Account", `{"Name":"x"} {}`, "JSON_PARSER_ERROR", "", 400},
		{"an array", "Account", `[{"Name":"x"}]`, "JSON_PARSER_ERROR", "", 400},
		{"nothing", "Account", ``, "JSON_PARSER_ERROR", "", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := o.Count(tt.object)
			a := o.do("POST", v62+"/sobjects/"+tt.object, tt.body)
			if a.status != tt.status || o.code(a) != tt.code || !strings.Contains(a.body, tt.message) {
				t.Errorf("got %d %s", a.status, a.body)
			}
			if o.Count(tt.object) != before {
				t.Error("something was stored")
			}
		})
	}
	if got := o.Audit(); len(got) != 0 {
		t.Errorf("refused writes in the audit: %v", got)
	}
}

func TestUniqueKeys(t *testing.T) {
	o := newOrg(t, withSchema(extraSchema))
	first := o.must("Account", map[string]string{"Name": "A", "QBench_Id__c": "k1", "Folded_Key__c": "f1"})
	create := func(fields string) (string, string) {
		a := o.do("POST", v62+"/sobjects/Account", `{"Name":"B",`+fields+`}`)
		return o.code(a), a.body
	}
	if code, body := create(`"QBench_Id__c":"k1"`); code != "DUPLICATE_VALUE" ||
		!strings.Contains(body, "duplicate value found: QBench_Id__c duplicates value on record with id: "+first) {
		t.Errorf("same key: %s", body)
	}
	if code, body := create(`"QBench_Id__c":"K1"`); code != "" {
		t.Errorf("a case-sensitive key in other case: %s", body)
	}
	if code, _ := create(`"Folded_Key__c":"F1"`); code != "DUPLICATE_VALUE" {
		t.Errorf("a folded key in other case: %s", code)
	}
	if code, _ := create(`"QBench_Id__c":""`); code != "" {
		t.Errorf("null is unique: %s", code)
	}
	if a := o.do("PATCH", v62+"/sobjects/Account/"+first, `{"QBench_Id__c":"k1","Phone":"1"}`); a.status != 204 {
		t.Errorf("own key again: %s", a.body)
	}
	if err := o.Delete("Account", first); err != nil {
		t.Fatal(err)
	}
	if code, body := create(`"QBench_Id__c":"k1"`); code != "" {
		t.Errorf("key of a deleted record: %s", body)
	}
}

func TestUpdate(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A", "Phone": "1", "Fax": "2"})
	o.clock.add(90 * time.Second)
	if a := o.do("PATCH", v62+"/sobjects/Account/"+id[:15], `{"attributes":{"type":"Account"},"Phone":null,"Site":" HQ "}`); a.status != 204 || a.body != "" || a.header.Get("Sforce-Limit-Info") != "" {
		t.Fatalf("got %+v", a)
	}
	got := o.Record("Account", id)
	for k, want := range map[string]string{
		"Phone": "", "Fax": "2", "Site": "HQ", "Id": id,
		"CreatedDate": "2026-05-01T07:25:37.000+0000", "SystemModstamp": "2026-05-01T07:27:07.000+0000",
		"LastModifiedDate": "2026-05-01T07:27:07.000+0000",
	} {
		if got[k] != want {
			t.Errorf("%s: got %q, want %q", k, got[k], want)
		}
	}
	if got["CreatedById"] == got["LastModifiedById"] {
		t.Error("a person's insert and the API's update have the same user")
	}
	for body, code := range map[string]string{
		`{"Name":""}`:              "REQUIRED_FIELD_MISSING",
		`{"OwnerId":null}`:         "REQUIRED_FIELD_MISSING",
		`{"Id":"` + id[:15] + `"}`: "INVALID_FIELD",
		`{"IsDeleted":true}`:       "INVALID_FIELD_FOR_INSERT_UPDATE",
	} {
		if a := o.do("PATCH", v62+"/sobjects/Account/"+id, body); o.code(a) != code {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
	}
	want := []salesforcesim.Write{{
		Time: o.clock.now().Truncate(time.Second), Op: salesforcesim.OpUpdate, Object: "Account", ID: id,
		Fields: map[string]string{"Phone": "", "Site": "HQ"},
	}}
	if diff := cmp.Diff(want, o.Audit()); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestTouchMovesSystemModstampOnly(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A"})
	o.clock.add(time.Minute)
	if err := o.Touch("Account", id); err != nil {
		t.Fatal(err)
	}
	r := o.Record("Account", id)
	if r["SystemModstamp"] != "2026-05-01T07:26:37.000+0000" || r["LastModifiedDate"] != "2026-05-01T07:25:37.000+0000" {
		t.Errorf("got %v", r)
	}
}

func TestDeleteAndBin(t *testing.T) {
	o := newOrg(t)
	acct := o.must("Account", map[string]string{"Name": "A"})
	child := o.must("Contact", map[string]string{"LastName": "Roe", "AccountId": acct})
	if a := o.do("DELETE", v62+"/sobjects/Account/"+acct, ""); a.status != 204 {
		t.Fatalf("got %+v", a)
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		if a := o.do(method, v62+"/sobjects/Account/"+acct, `{"Phone":"1"}`); a.status != 404 || o.code(a) != "ENTITY_IS_DELETED" {
			t.Errorf("%s of a deleted record: %d %s", method, a.status, a.body)
		}
	}
	if o.Record("Contact", child)["IsDeleted"] != "true" {
		t.Error("the account's contact is still there")
	}
	if got := o.query("SELECT Id FROM Account"); len(got) != 0 {
		t.Errorf("query shows it: %v", got)
	}
	queryAll := func() string {
		return o.do("GET", v62+"/queryAll?q=SELECT+Id,IsDeleted+FROM+Account+WHERE+IsDeleted=true", "").body
	}
	if got := queryAll(); !strings.Contains(got, acct) || !strings.Contains(got, `"IsDeleted":true`) {
		t.Errorf("queryAll hides it: %v", got)
	}
	o.EmptyBin()
	if got := queryAll(); strings.Contains(got, acct) {
		t.Errorf("queryAll after the bin was emptied: %v", got)
	}
	if a := o.do("GET", v62+"/sobjects/Account/"+acct, ""); a.status != 404 || o.code(a) != "NOT_FOUND" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestMerge(t *testing.T) {
	o := newOrg(t)
	win := o.must("Account", map[string]string{"Name": "Win"})
	lose := o.must("Account", map[string]string{"Name": "Lose", "QBench_Id__c": "k"})
	child := o.must("Contact", map[string]string{"LastName": "Roe", "AccountId": lose})
	o.clock.add(time.Minute)
	if err := o.Merge(win, lose); err != nil {
		t.Fatal(err)
	}
	l, c := o.Record("Account", lose), o.Record("Contact", child)
	if l["IsDeleted"] != "true" || l["MasterRecordId"] != win {
		t.Errorf("loser: %v", l)
	}
	if c["AccountId"] != win || c["IsDeleted"] != "false" || c["SystemModstamp"] != "2026-05-01T07:26:37.000+0000" {
		t.Errorf("child: %v", c)
	}
	a := o.do("GET", v62+"/queryAll?q=SELECT+MasterRecordId+FROM+Account+WHERE+Id='"+lose+"'", "")
	if !strings.Contains(a.body, win) {
		t.Errorf("queryAll: %s", a.body)
	}
	if err := o.Merge(win, lose); err == nil {
		t.Error("a deleted record merged again")
	}
	if err := o.Merge(win, win); err == nil {
		t.Error("a record merged into itself")
	}
}

func TestIDs(t *testing.T) {
	for in, want := range map[string]string{
		"001000000000001":    "001000000000001AAA",
		"001000000000001AAA": "001000000000001AAA",
		"001000000000001aaa": "001000000000001AAA",
		"0018d00000aBcDe":    "0018d00000aBcDeAAK",
		"0018D00000ABCDEAAK": "0018d00000aBcDeAAK",
		"0018d00000abcde":    "0018d00000abcdeAAA",
		"":                   "", "001": "", "001000000000001AA": "", "00100000000000!": "",
		"001000000000001BAA": "", "001000000000001A9A": "",
	} {
		got, ok := salesforcesim.CanonicalID(in)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, ok, want)
		}
	}
}

// Ids of neighbors may differ in case only; the last three characters do not.
func TestIDsDifferInCaseOnly(t *testing.T) {
	o := newOrg(t)
	seen, folded := map[string]bool{}, map[string]bool{}
	clash := false
	for i := range 100 {
		id := o.must("Account", map[string]string{"Name": fmt.Sprint(i)})
		if seen[id] {
			t.Fatalf("id %s twice", id)
		}
		seen[id] = true
		clash = clash || folded[strings.ToLower(id[:15])]
		folded[strings.ToLower(id[:15])] = true
	}
	if !clash {
		t.Error("no two ids of a hundred differ in case only")
	}
}
