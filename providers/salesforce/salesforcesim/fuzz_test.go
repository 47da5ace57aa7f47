package salesforcesim_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crmsyncd/providers/salesforce/salesforcesim"
)

// Whatever the query, the org answers it or refuses it with an error of its own.
func FuzzSOQL(f *testing.F) {
	o := soqlOrg(f)
	for _, s := range []string{
		"SELECT Id FROM Account", "select count() from contact where account.name like 'a%\\_'", "SELECT FIELDS(ALL) FROM Account LIMIT 5",
		"SELECT Id, Account.Owner.Name FROM Contact WHERE (Email = 'x' OR NOT Name IN ('a', null)) AND CreatedDate >= LAST_N_DAYS:3 ORDER BY Name DESC NULLS LAST LIMIT 1 OFFSET 2",
		"SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND Tags__c INCLUDES ('a;b')",
		"SELECT Id FROM Account WHERE SystemModstamp > 2026-05-01T00:00:00+02:00", "SELECT Id FROM Account WHERE Founded__c = N_WEEKS_AGO:99999",
		"SELECT COUNT(Id) FROM Account a WHERE a.NumberOfEmployees < -1.5e3", "SELECT Id FROM Task WHERE Who.Name = null",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, soql string) {
		if len(soql) > 4000 {
			return
		}
		o.t = t
		o.SetQuota(0, 10)
		a := o.do("GET", v62+"/query?q="+url.QueryEscape(soql), "")
		if a.status != http.StatusOK && (a.status != 400 || o.code(a) == "") {
			t.Errorf("%q: %d %s", soql, a.status, a.body)
		}
	})
}

// Whatever the body, a collection is answered with one result a record or
// refused as a whole.
func FuzzCollection(f *testing.F) {
	for _, s := range []string{
		list(account(`"Name":"A","Phone":null`)), list(account(`"Id":"0018d0000000001AAA","Name":"\ud800"`)),
		`{"allOrNone":true,"records":[{"attributes":{"type":"Contact"},"LastName":"x","Account":{"QBench_Id__c":1}}]}`,
		`{"records":[{"attributes":{"type":"Task"},"Who":{"attributes":{"type":"Contact"},"Email":"x"}}]}`,
		`{"records":[null,1,"x",[],{}]}`, `{"records":[{"attributes":null}]}`, `[[[[`, "{\"records\":\x00}",
		list(account(`"QBench_Id__c":"k","NumberOfEmployees":1e400`)),
	} {
		f.Add(s, uint8(0))
	}
	f.Fuzz(func(t *testing.T, body string, which uint8) {
		o := newOrg(t)
		o.must("Account", map[string]string{"Name": "A"})
		method, path := "POST", many
		switch which % 3 {
		case 1:
			method = "PATCH"
		case 2:
			method, path = "PATCH", many+"/Account/QBench_Id__c"
		}
		a := o.do(method, path, body)
		switch {
		case a.status == http.StatusOK:
			for _, r := range o.results(a) {
				if r.Success != (len(r.Errors) == 0) || (r.Success && r.ID == "") {
					t.Errorf("%s: %s", body, a.body)
				}
			}
		case a.status != 400 || o.code(a) == "":
			t.Errorf("%q: %d %s", body, a.status, a.body)
		}
	})
}

// Whatever the path, the org answers in a shape it knows.
func FuzzPath(f *testing.F) {
	o := soqlOrg(f)
	o.header.Del("Content-Type")
	for _, s := range []string{"sobjects/Account/QBench_Id__c/k1", "query/0r8-1", "sobjects/Account/updated?start=x", "composite/sobjects/Account?ids=x&fields=Name", "sobjects/Account/%2F%00"} {
		f.Add("GET", s)
		f.Add("DELETE", s)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		if _, err := http.NewRequest(method, host+v62+"/"+path, nil); err != nil {
			return
		}
		o.t = t
		o.SetQuota(0, 10)
		if a := o.do(method, v62+"/"+path, ""); a.status >= 500 {
			t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
		}
	})
}

func FuzzCanonicalID(f *testing.F) {
	for _, s := range []string{"0018d0000000001", "0018d0000000001AAA", "0018D0000000001aaa", "", "00000000000000000é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := salesforcesim.CanonicalID(s)
		if !ok {
			return
		}
		for _, form := range []string{id, id[:15], strings.ToUpper(id), strings.ToLower(id)} {
			if again, ok := salesforcesim.CanonicalID(form); !ok || again != id {
				t.Errorf("%q: %q then %q from %q", s, id, again, form)
			}
		}
	})
}

func FuzzSchema(f *testing.F) {
	f.Add(extraSchema)
	f.Add("objects: {A: {fields: [&a {name: x, type: string}, *a]}}")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := salesforcesim.ReadSchema(strings.NewReader(text))
		if err != nil {
			return
		}
		sim, err := salesforcesim.New(salesforcesim.Options{Schema: s, Token: token})
		if err != nil {
			return
		}
		o := &org{Sim: sim, t: t, header: http.Header{"Authorization": {"Bearer " + token}}}
		for _, name := range sim.Objects() {
			if a := o.do("GET", v62+"/sobjects/"+name+"/describe", ""); a.status != 200 {
				t.Errorf("describe %s: %d %s", name, a.status, a.body)
			}
		}
	})
}
