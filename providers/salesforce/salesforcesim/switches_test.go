package salesforcesim_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crmsyncd/providers/salesforce/salesforcesim"
)

func TestLockedRows(t *testing.T) {
	o := newOrg(t)
	acct := o.must("Account", map[string]string{"Name": "A", "QBench_Id__c": "k"})
	child := o.must("Contact", map[string]string{"LastName": "R", "AccountId": acct})
	patch := func(object, id string) string {
		return o.code(o.do("PATCH", v62+"/sobjects/"+object+"/"+id, `{"Phone":"1"}`))
	}
	o.LockRows(2, "k")
	if got := patch("Account", acct) + patch("Contact", child) + patch("Account", acct) + patch("Account", acct); got != "UNABLE_TO_LOCK_ROWUNABLE_TO_LOCK_ROW" {
		t.Errorf("by key, twice: %q", got)
	}
	o.LockRows(-1, acct[:15])
	if got := patch("Contact", child); got != "UNABLE_TO_LOCK_ROW" {
		t.Errorf("by parent: %q", got)
	}
	if got := o.codes(o.do("POST", many, list(account(`"Name":"x","QBench_Id__c":"other"`), `{"attributes":{"type":"Contact"},"LastName":"x","AccountId":"`+acct+`"}`))); got[0] != "ok" || got[1] != "UNABLE_TO_LOCK_ROW" {
		t.Errorf("create: %v", got)
	}
	if got := o.codes(o.do("DELETE", many+"?ids="+acct, "")); got[0] != "UNABLE_TO_LOCK_ROW" {
		t.Errorf("delete: %v", got)
	}
	o.UnlockRows()
	if got := patch("Account", acct); got != "" {
		t.Errorf("unlocked: %q", got)
	}
}

func TestDuplicateRules(t *testing.T) {
	o := newOrg(t)
	first := o.must("Account", map[string]string{"Name": "Acme"})
	o.SetDuplicateRules(salesforcesim.DuplicateRule{Object: "account", Field: "name"})
	a := o.do("POST", v62+"/sobjects/Account", `{"Name":"ACME"}`)
	if a.status != 400 || o.code(a) != "DUPLICATES_DETECTED" || !strings.Contains(a.body, `"duplicateResult":{"allowSave":true`) || !strings.Contains(a.body, first) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := o.do("POST", "/services/data/v55.0/sobjects/Account", `{"Name":"ACME"}`); !strings.Contains(a.body, `"duplicateResut":{`) {
		t.Errorf("v55: %s", a.body)
	}
	if a := o.do("POST", many, list(account(`"Name":"acme"`))); o.codes(a)[0] != "DUPLICATES_DETECTED" || strings.Contains(a.body, "duplicateResult") {
		t.Errorf("got %s", a.body)
	}
	if a := o.do("PATCH", v62+"/sobjects/Account/"+first, `{"Name":"Acme","Phone":"1"}`); a.status != 204 {
		t.Errorf("the record itself: %s", a.body)
	}
	o.header.Set("sforce-duplicate-rule-header", "allowSave = true; includeRecordDetails=true")
	if a := o.do("POST", many, list(account(`"Name":"acme"`))); o.codes(a)[0] != "ok" {
		t.Errorf("allowSave: %s", a.body)
	}
	o.SetDuplicateRules(salesforcesim.DuplicateRule{Object: "Account", Field: "Name", Block: true})
	if a := o.do("POST", many, list(account(`"Name":"acme"`))); o.codes(a)[0] != "DUPLICATES_DETECTED" {
		t.Errorf("allowSave against a blocking rule: %s", a.body)
	}
}

func TestStateNeedsCountry(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A", "ShippingCountry": "Germany"})
	patch := func(body string) string { return o.code(o.do("PATCH", v62+"/sobjects/Account/"+id, body)) }
	if got := patch(`{"BillingState":"Bavaria"}`); got != "" {
		t.Errorf("switched off: %s", got)
	}
	o.RequireCountryWithState(true)
	for body, want := range map[string]string{
		`{"BillingState":"Hesse"}`:                            "FIELD_INTEGRITY_EXCEPTION",
		`{"ShippingState":"Hesse","ShippingCountry":null}`:    "FIELD_INTEGRITY_EXCEPTION",
		`{"ShippingState":"Hesse"}`:                           "",
		`{"BillingCountry":"Germany","BillingState":"Hesse"}`: "",
		`{"BillingState":null,"BillingCountry":null}`:         "",
	} {
		o2 := newOrg(t)
		id = o2.must("Account", map[string]string{"Name": "A", "ShippingCountry": "Germany"})
		o2.RequireCountryWithState(true)
		if got := o2.code(o2.do("PATCH", v62+"/sobjects/Account/"+id, body)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestValidationRule(t *testing.T) {
	o := newOrg(t)
	o.SetRule(func(w salesforcesim.Write) *salesforcesim.Error {
		if w.Object == "Account" && w.Fields["Phone"] == "666" {
			return &salesforcesim.Error{Status: 400, Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "no such number", Fields: []string{"Phone"}}
		}
		return nil
	})
	got := o.codes(o.do("POST", many, list(account(`"Name":"A","Phone":"666"`), account(`"Name":"B","Phone":"1"`))))
	if got[0] != "FIELD_CUSTOM_VALIDATION_EXCEPTION" || got[1] != "ok" {
		t.Errorf("got %v", got)
	}
}

// A transaction sets its stamp before it commits: a reader whose cursor has
// passed that stamp sees the row come up behind it.
func TestCommitLate(t *testing.T) {
	o := newOrg(t)
	id := o.must("Account", map[string]string{"Name": "A", "QBench_Id__c": "a"})
	o.clock.add(time.Minute)
	o.CommitLate(5 * time.Minute)
	if err := o.SetField("Account", id, "QBench_Id__c", "b"); err != nil {
		t.Fatal(err)
	}
	o.must("Account", map[string]string{"Name": "New"})
	o.clock.add(4 * time.Minute)
	soql := "SELECT Name, QBench_Id__c, SystemModstamp FROM Account WHERE QBench_Id__c IN ('a','b') OR Name = 'New'"
	if got := fmt.Sprint(o.query("SELECT QBench_Id__c FROM Account WHERE QBench_Id__c = 'a'")); !strings.Contains(got, "QBench_Id__c:a") {
		t.Errorf("before the commit, by the old key: %s", got)
	}
	if got := o.query(soql); len(got) != 1 || got[0]["QBench_Id__c"] != "a" || got[0]["SystemModstamp"] != "2026-05-01T07:25:37.000+0000" {
		t.Errorf("before the commit: %v", got)
	}
	if a := o.do("GET", v62+"/sobjects/Account/"+id, ""); !strings.Contains(a.body, `"QBench_Id__c":"a"`) {
		t.Errorf("before the commit: %s", a.body)
	}
	span := v62 + "/sobjects/Account/updated?start=2026-05-01T07:00:00Z&end=2026-05-01T09:00:00Z"
	if a := o.do("GET", span, ""); !strings.Contains(a.body, `"latestDateCovered":"2026-05-01T07:26:36.000+0000"`) {
		t.Errorf("latestDateCovered passes an open transaction: %s", a.body)
	}
	o.clock.add(2 * time.Minute)
	if got := o.query(soql); len(got) != 2 || got[0]["QBench_Id__c"] != "b" || got[0]["SystemModstamp"] != "2026-05-01T07:26:37.000+0000" {
		t.Errorf("after the commit: %v", got)
	}
	if a := o.do("GET", span, ""); !strings.Contains(a.body, `"latestDateCovered":"2026-05-01T07:32:37.000+0000"`) {
		t.Errorf("got %s", a.body)
	}
}

func TestFaultsBeforeAndAfter(t *testing.T) {
	o := newOrg(t)
	for _, rule := range []string{"503,path=/composite,nth=1", "502,after,path=/composite,nth=1", "drop,after,path=/composite,nth=1"} {
		if err := o.AddFault(rule); err != nil {
			t.Fatal(err)
		}
	}
	send := func() (int, error) {
		req, err := http.NewRequest("POST", host+many, strings.NewReader(list(account(`"Name":"x"`))))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = o.header.Clone()
		resp, err := o.Transport().RoundTrip(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	// Each rule counts the requests that reach it: the next one fires once the one before is spent.
	for i, want := range []struct{ status, stored int }{{503, 0}, {502, 1}, {0, 2}, {200, 3}} {
		status, err := send()
		if status != want.status || o.Count("Account") != want.stored {
			t.Errorf("request %d: got %d (%v) and %d stored, want %+v", i+1, status, err, o.Count("Account"), want)
		}
	}
	if o.AddFault("nonsense") == nil {
		t.Error("nonsense was accepted")
	}
}

func TestConcurrentUse(t *testing.T) {
	o := newOrg(t)
	var ids []string
	for i := range 50 {
		ids = append(ids, o.must("Account", map[string]string{"Name": fmt.Sprint(i)}))
	}
	client := &http.Client{Transport: o.Transport()}
	var wg sync.WaitGroup
	work := func(method, path string, body func(int) string) {
		wg.Go(func() {
			for i := range 30 {
				req, err := http.NewRequest(method, host+path, strings.NewReader(body(i)))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header = o.header.Clone()
				resp, err := client.Do(req)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%s %s: %v %v", method, path, resp, err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	none := func(int) string { return "" }
	for range 2 {
		work("PATCH", many, func(i int) string { return list(account(fmt.Sprintf(`"Id":%q,"Phone":"%d"`, ids[i], i))) })
		work("PATCH", many+"/Account/QBench_Id__c", func(i int) string { return list(account(fmt.Sprintf(`"Name":"n","QBench_Id__c":"k%d"`, i))) })
		work("GET", v62+"/query?q=SELECT+Id,Name,Owner.Name+FROM+Account+WHERE+Name+LIKE+'n%25'+ORDER+BY+SystemModstamp", none)
		work("GET", v62+"/sobjects/Account/describe", none)
	}
	wg.Go(func() {
		for i := range 30 {
			_ = o.SetField("Account", ids[i], "Fax", "1")
			_ = o.HideField("Account", "Site", i%2 == 0)
			o.LockRows(0, "x")
			_, _, _ = o.Audit(), o.Records("Account"), o.Calls()
		}
	})
	wg.Wait()
	if got := o.Count("Account"); got != 80 {
		t.Errorf("%d accounts, want 80", got)
	}
}
