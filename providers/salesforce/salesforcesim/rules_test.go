package salesforcesim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/salesforce/salesforcesim"
)

// arm arms a rule by its door.
func (o *org) arm(rule string) (number string) {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.RulesDoor().ServeHTTP(w, httptest.NewRequest("POST", "/_sim/rules", strings.NewReader(rule)))
	var made struct{ ID json.Number }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
		o.t.Fatalf("%s: %d %s", rule, w.Code, w.Body)
	}
	return made.ID.String()
}

func (o *org) disarm(number string) {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.RulesDoor().ServeHTTP(w, httptest.NewRequest("DELETE", "/_sim/rules/"+number, nil))
	if w.Code != http.StatusNoContent {
		o.t.Fatalf("disarm %s: %d %s", number, w.Code, w.Body)
	}
}

// raw makes a request whose answer need not be JSON.
func (o *org) raw(path string) string {
	o.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header = o.header.Clone()
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w.Body.String()
}

func updates(records ...string) string {
	return `{"records":[` + strings.Join(records, ",") + `]}`
}

func change(id, fields string) string {
	return `{"attributes":{"type":"Account"},"id":"` + id + `",` + fields + `}`
}

// C16.1: refusals by rule, in the shapes of collections and single calls.
func TestC16_1_RefusedByRule(t *testing.T) {
	o := newOrg(t)
	one, two := o.must("Account", map[string]string{"Name": "One"}), o.must("Account", map[string]string{"Name": "Two"})
	o.arm(`{"object":"account","match":{"name":"One"},"code":"STRING_TOO_LONG","text":"Phone: too long ({Phone}) for {credential}, ask ann@acme.test","fields":["phone"],"times":2}`)
	many := o.do("PATCH", v62+"/composite/sobjects", updates(change(one, `"Phone":"12"`), change(two, `"Phone":"12"`)))
	got := o.results(many)
	if many.status != http.StatusOK || len(got) != 2 || got[0].Success || !got[1].Success {
		t.Fatalf("got %d %s", many.status, many.body)
	}
	const told = "Phone: too long (12) for fixed!token, ask ann@acme.test"
	if e := got[0].Errors[0]; e.StatusCode != "STRING_TOO_LONG" || e.Message != told || !cmp.Equal(e.Fields, []string{"Phone"}) {
		t.Errorf("got %+v", e)
	}
	path := v62 + "/sobjects/Account/" + one
	if a := o.do("PATCH", path, `{"Website":"http://one.test"}`); a.status != http.StatusNoContent {
		t.Errorf("a write without the field: %d %s", a.status, a.body)
	}
	if a := o.do("PATCH", path, `{"Phone":"12"}`); a.status != http.StatusBadRequest || a.body != `[{"message":"`+told+`","errorCode":"STRING_TOO_LONG","fields":["Phone"]}]` {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := o.do("PATCH", path, `{"Phone":"12"}`); a.status != http.StatusNoContent {
		t.Errorf("after two times: %d %s", a.status, a.body)
	}
	o.arm(`{"object":"Account","on":"create","fields":["Name"],"unnamed":true,"text":"no"}`)
	if a := o.do("POST", v62+"/sobjects/Account", `{"Name":"Three"}`); a.status != http.StatusBadRequest || a.body != `[{"message":"no","errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION"}]` {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if n := len(o.Audit()); n != 3 {
		t.Errorf("%d writes in the audit, want the 3 that were taken", n)
	}
}

// C16.1: a write that is taken and ignored, and one that is stored in another form.
func TestC16_1_TakenAndIgnored(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "One", "Phone": "1"})
	o.arm(`{"object":"Account","match":{"Id":"` + id[:15] + `"},"effect":"ignore","fields":["Phone"]}`)
	o.arm(`{"object":"Account","effect":"rewrite","fields":["Site"],"form":"upper"}`)
	o.arm(`{"object":"Account","effect":"rewrite","fields":["Website"],"text":"https://rewritten.test"}`)
	a := o.do("PATCH", v62+"/composite/sobjects", updates(change(id, `"Phone":"2","Site":"north","Website":"x.test"`)))
	if got := o.codes(a); !cmp.Equal(got, []string{"ok"}) {
		t.Fatalf("got %v", got)
	}
	r := o.query("SELECT Phone, Site, Website FROM Account")[0]
	if r["Phone"] != "1" || r["Site"] != "NORTH" || r["Website"] != "https://rewritten.test" {
		t.Errorf("got %v", r)
	}
	if w := o.Audit(); len(w) != 1 || w[0].Fields["Phone"] != "2" {
		t.Errorf("the audit keeps what was accepted: %+v", w)
	}
	if err := o.SetField("Account", id, "Phone", "3"); err != nil || o.Record("Account", id)["Phone"] != "3" {
		t.Errorf("rules are not about people: %v", err)
	}
}

// C16.1: a record that the user does not see is not one that was deleted.
func TestC16_1_Hidden(t *testing.T) {
	o := newOrg(t)
	id, gone := o.must("Account", map[string]string{"Name": "One"}), o.must("Account", map[string]string{"Name": "Two"})
	contact := o.must("Contact", map[string]string{"LastName": "Roe", "AccountId": id})
	if err := o.Delete("Account", gone); err != nil {
		t.Fatal(err)
	}
	rule := o.arm(`{"object":"Account","match":{"id":"` + id + `"},"effect":"hide"}`)
	if n := len(o.query("SELECT Id FROM Account")); n != 0 {
		t.Errorf("%d accounts listed", n)
	}
	all := o.do("GET", v62+"/queryAll?q="+url.QueryEscape("SELECT Id, IsDeleted FROM Account"), "")
	if !strings.Contains(all.body, gone) || strings.Contains(all.body, id) {
		t.Errorf("queryAll: %s", all.body)
	}
	if a := o.do("POST", v62+"/composite/sobjects/Account", `{"ids":["`+id+`","`+gone+`"],"fields":["Id"]}`); a.body != `[null,null]` {
		t.Errorf("got %s", a.body)
	}
	if got := o.code(o.do("GET", v62+"/sobjects/Account/"+id, "")); got != "NOT_FOUND" {
		t.Errorf("got %s", got)
	}
	if got := o.code(o.do("GET", v62+"/sobjects/Account/"+gone, "")); got != "ENTITY_IS_DELETED" {
		t.Errorf("got %s", got)
	}
	if got := o.codes(o.do("PATCH", v62+"/composite/sobjects", updates(change(id, `"Phone":"2"`)))); got[0] != "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" {
		t.Errorf("got %v", got)
	}
	span := "?start=2026-05-01T00:00:00Z&end=2026-05-02T00:00:00Z"
	if a := o.do("GET", v62+"/sobjects/Account/updated/"+span, ""); strings.Contains(a.body, id) {
		t.Errorf("updated: %s", a.body)
	}
	if r := o.query("SELECT AccountId, Account.Name FROM Contact WHERE Id = '" + contact + "'"); r[0]["AccountId"] != id || r[0]["Account"] != nil {
		t.Errorf("got %v", r)
	}
	if got := o.codes(o.do("POST", v62+"/composite/sobjects", updates(`{"attributes":{"type":"Contact"},"LastName":"Doe","AccountId":"`+id+`"}`))); got[0] != "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" {
		t.Errorf("a hidden parent: %v", got)
	}
	if o.Record("Account", id) == nil {
		t.Error("people see the record")
	}
	o.disarm(rule)
	if got := o.do("GET", v62+"/sobjects/Account/"+id, ""); got.status != http.StatusOK {
		t.Errorf("after the rule: %d %s", got.status, got.body)
	}
}

func TestC16_1_HiddenBehindItsKey(t *testing.T) {
	o := newOrg(t)
	id := o.must("Contact", map[string]string{"LastName": "Roe", "Email": "roe@acme.test"})
	o.arm(`{"object":"Contact","match":{"Email":"roe@acme.test"},"effect":"hide"}`)
	if a := o.do("GET", v62+"/sobjects/Contact/Email/roe@acme.test", ""); o.code(a) != "NOT_FOUND" {
		t.Errorf("read by key: %d %s", a.status, a.body)
	}
	a := o.do("PATCH", v62+"/composite/sobjects/Contact/Email", updates(`{"attributes":{"type":"Contact"},"LastName":"Doe","Email":"roe@acme.test"}`))
	if got := o.codes(a); got[0] != "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" || o.Record("Contact", id)["LastName"] != "Roe" || o.Count("Contact") != 1 {
		t.Errorf("upsert: %v, %d contacts", got, o.Count("Contact"))
	}
}

// C16.1: broken JSON in one record.
func TestC16_1_Malformed(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "One", "Phone": "1"})
	o.must("Account", map[string]string{"Name": "Two", "Phone": "2"})
	for form, want := range map[string]string{"surrogate": `"Phone":"1\ud83d"`, "nan": `"Phone":NaN`, "newline": "\"Phone\":\"1\n\""} {
		rule := o.arm(`{"object":"Account","match":{"Id":"` + id + `"},"effect":"malform","fields":["Phone"],"form":"` + form + `"}`)
		for _, path := range []string{
			"/query?q=" + url.QueryEscape("SELECT Name, Phone FROM Account"), "/sobjects/Account/" + id + "?fields=Phone",
			"/composite/sobjects/Account?fields=Phone&ids=" + id,
		} {
			if got := o.raw(v62 + path); !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %s", path, got, want)
			}
		}
		o.disarm(rule)
	}
	const list = "/query?q=SELECT+Phone+FROM+Account"
	o.arm(`{"object":"Account","match":{"Name":"Two"},"effect":"malform","fields":["Phone"],"form":"nan"}`)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", v62+"/composite", strings.NewReader(`{"compositeRequest":[{"method":"GET","url":"`+v62+list+`","referenceId":"a"}]}`))
	r.Header = o.header.Clone()
	if o.ServeHTTP(w, r); !strings.Contains(w.Body.String(), `"Phone":NaN`) || !strings.HasSuffix(w.Body.String(), `"referenceId":"a"}]}`) {
		t.Errorf("composite: %s", w.Body)
	}
}

// C16.1: another organization behind the same address.
func TestC16_1_AnotherOrganization(t *testing.T) {
	o := newOrg(t)
	ask := func() (token, id string) {
		r := httptest.NewRequest("POST", host+"/services/oauth2/token", strings.NewReader("grant_type=client_credentials&client_id=a&client_secret=b"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		var in struct {
			AccessToken string `json:"access_token"`
			ID          string `json:"id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &in); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		return in.AccessToken, in.ID
	}
	old, _ := ask()
	if err := o.SetOrgID("00D8d0000000009"); err != nil {
		t.Fatal(err)
	}
	want, _ := salesforcesim.CanonicalID("00D8d0000000009")
	token, id := ask()
	if !strings.HasPrefix(token, "00D8d0000000009!") || !strings.Contains(id, "/id/"+want+"/") || o.OrgID() != want {
		t.Errorf("got %s, %s", token, id)
	}
	if r := o.query("SELECT Id FROM Organization"); r[0]["Id"] != want {
		t.Errorf("got %v", r)
	}
	if a := o.do("GET", "/services/oauth2/userinfo", ""); !strings.Contains(a.body, `"organization_id":"`+want+`"`) {
		t.Errorf("got %s", a.body)
	}
	o.header.Set("Authorization", "Bearer "+old)
	if got := o.code(o.do("GET", v62+"/limits", "")); got != "INVALID_SESSION_ID" {
		t.Errorf("a session of the former organization: %q", got)
	}
	if err := o.SetOrgID("001000000000000"); err == nil {
		t.Error("took the id of an account")
	}
}

// C16.1: LastModifiedById tells the API user from a person, and an edit behind
// everybody's back moves neither stamp nor modifier.
func TestC16_1_Modifier(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "One"})
	me := o.query("SELECT Id FROM User WHERE LastName = 'Integration'")[0]["Id"]
	path := v62 + "/sobjects/Account/" + id
	read := func() (by, at any) {
		r := o.query("SELECT LastModifiedById, LastModifiedDate, SystemModstamp FROM Account")[0]
		if r["LastModifiedDate"] != r["SystemModstamp"] {
			t.Errorf("got %v", r)
		}
		return r["LastModifiedById"], r["SystemModstamp"]
	}
	person, _ := read()
	o.clock.add(time.Minute)
	if a := o.do("PATCH", path, `{"Phone":"1"}`); a.status != http.StatusNoContent {
		t.Fatal(a.body)
	}
	by, written := read()
	if by != me || person == me {
		t.Errorf("modified by %v, made by %v, the API user is %v", by, person, me)
	}
	o.clock.add(time.Minute)
	if err := o.EditQuietly("Account", id, map[string]string{"Phone": "2"}); err != nil {
		t.Fatal(err)
	}
	if by, at := read(); by != me || at != written || o.Record("Account", id)["Phone"] != "2" {
		t.Errorf("a quiet edit: by %v at %v", by, at)
	}
	if err := o.Edit("Account", id, map[string]string{"Phone": "3"}); err != nil {
		t.Fatal(err)
	}
	if by, at := read(); by != person || at == written {
		t.Errorf("a person's edit: by %v at %v", by, at)
	}
	if n := len(o.Audit()); n != 1 {
		t.Errorf("%d writes in the audit", n)
	}
}
