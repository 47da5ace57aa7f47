package salesforcesim_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// soqlOrg has a handful of records, a minute apart.
func soqlOrg(t testing.TB) *org {
	o := newOrg(t, withSchema(extraSchema))
	acme := o.must("Account", map[string]string{
		"Name": "Acme", "Industry": "Energy", "NumberOfEmployees": "12", "AnnualRevenue": "350000000", "QBench_Id__c": "k1",
		"Founded__c": "2026-04-30", "Seen__c": "2026-04-30T23:59:59Z", "Vip__c": "true", "Tags__c": "a;b", "Phone": "50%",
	})
	o.clock.add(time.Minute)
	o.must("Account", map[string]string{"Name": "beta", "ParentId": acme, "NumberOfEmployees": "5", "QBench_Id__c": "K1", "Tags__c": "c", "Site": "50x"})
	o.clock.add(time.Minute)
	gamma := o.must("Account", map[string]string{"Name": "Gamma's", "Industry": "energy", "Founded__c": "2026-05-01", "BillingCity": "Ulm"})
	o.must("Contact", map[string]string{"LastName": "Roe", "FirstName": "Jo", "Email": "Jo@X.test", "AccountId": acme})
	o.must("Contact", map[string]string{"LastName": "Doe", "Email": "d@x.test", "AccountId": gamma})
	o.must("Contact", map[string]string{"LastName": "Alone"})
	o.must("Lab__c", map[string]string{"Name": "L1", "Account__c": acme})
	return o
}

func TestSOQLConditions(t *testing.T) {
	o := soqlOrg(t)
	acme := o.Find("Account", "Name", "Acme")[0]
	tests := map[string]string{
		// text
		"Name = 'acme'":                            "Acme",
		"Name != 'ACME'":                           "beta Gamma's",
		"Industry != 'energy'":                     "beta",
		"Name = 'Gamma\\'s'":                       "Gamma's",
		"Name > 'B'":                               "beta Gamma's",
		"Name <= 'acme'":                           "Acme",
		"Name LIKE '%a%'":                          "Acme beta Gamma's",
		"Name LIKE 'a_me'":                         "Acme",
		"Name LIKE 'a_m'":                          "",
		"Phone LIKE '%\\%'":                        "Acme",
		"Site LIKE '%\\%'":                         "",
		"NOT Site LIKE '%'":                        "Acme Gamma's",
		"Name IN ('ACME','Beta')":                  "Acme beta",
		"Name NOT IN ('ACME','Beta')":              "Gamma's",
		"Industry IN (null)":                       "beta",
		"Industry = null":                          "beta",
		"Industry != null":                         "Acme Gamma's",
		"Industry <> null":                         "Acme Gamma's",
		"QBench_Id__c = 'k1'":                      "Acme",
		"QBench_Id__c IN ('K1')":                   "beta",
		"QBench_Id__c LIKE 'k%'":                   "Acme",
		"account.name = 'acme'":                    "Acme",
		"BillingCity = 'ulm' AND name LIKE 'gam%'": "Gamma's",
		// logic
		"(Name = 'Acme' OR Name = 'beta') AND NumberOfEmployees < 10": "beta",
		"NOT (Name = 'Acme' OR Name = 'beta')":                        "Gamma's",
		"NOT Name = 'Acme' AND NumberOfEmployees = 5":                 "beta",
		// numbers, booleans
		"NumberOfEmployees = 12.0":     "Acme",
		"NumberOfEmployees >= 5":       "Acme beta",
		"NumberOfEmployees != 5":       "Acme Gamma's",
		"NumberOfEmployees IN (5, 12)": "Acme beta",
		"NumberOfEmployees = null":     "Gamma's",
		"AnnualRevenue = 3.5E8":        "Acme",
		"Vip__c = true":                "Acme",
		"Vip__c = FALSE":               "beta Gamma's",
		"Vip__c != true":               "beta Gamma's",
		// ids and references
		"Id = '" + acme + "'":                   "Acme",
		"Id = '" + acme[:15] + "'":              "Acme",
		"Id > '" + acme + "'":                   "beta Gamma's",
		"ParentId = '" + acme[:15] + "'":        "beta",
		"ParentId = null":                       "Acme Gamma's",
		"Parent.Name = 'ACME'":                  "beta",
		"Parent.Name = null":                    "Acme Gamma's",
		"Owner.Username = 'jo.doe@acme.test'":   "Acme beta Gamma's",
		"Owner.Name = 'Jo Doe'":                 "Acme beta Gamma's",
		"Id IN (SELECT AccountId FROM Contact)": "Acme Gamma's",
		"Id NOT IN (SELECT AccountId FROM Contact WHERE LastName = 'roe')":        "beta Gamma's",
		"Id IN (SELECT Account__c FROM Lab__c WHERE Account__r.Name LIKE 'acm%')": "Acme",
		// picks
		"Tags__c INCLUDES ('a')":     "Acme",
		"Tags__c INCLUDES ('A;b')":   "Acme",
		"Tags__c INCLUDES ('a;c')":   "",
		"Tags__c INCLUDES ('a','c')": "Acme beta",
		"Tags__c EXCLUDES ('a')":     "beta Gamma's",
		"Tags__c = 'a;b'":            "Acme",
		// instants and dates; now is 2026-05-01 07:27:37
		"SystemModstamp >= 2026-05-01T07:26:37Z":                         "beta Gamma's",
		"SystemModstamp > 2026-05-01T07:26:37.000Z":                      "Gamma's",
		"SystemModstamp = 2026-05-01T09:26:37+02:00":                     "beta",
		"SystemModstamp < 2026-05-01T07:26:37.000+0000":                  "Acme",
		"SystemModstamp <= 2026-05-01T07:26:37Z AND CreatedDate = TODAY": "Acme beta",
		"CreatedDate = YESTERDAY":                                        "",
		"CreatedDate >= LAST_N_DAYS:1":                                   "Acme beta Gamma's",
		"CreatedDate > TODAY":                                            "",
		"CreatedDate = THIS_MONTH":                                       "Acme beta Gamma's",
		"CreatedDate = N_DAYS_AGO:0":                                     "Acme beta Gamma's",
		"Seen__c = LAST_MONTH":                                           "Acme",
		"Seen__c != null":                                                "Acme",
		"Seen__c < TODAY":                                                "Acme",
		"Seen__c = null":                                                 "beta Gamma's",
		"Founded__c = TODAY":                                             "Gamma's",
		"Founded__c = 2026-04-30":                                        "Acme",
		"Founded__c < TODAY":                                             "Acme",
		"Founded__c >= 2026-04-30":                                       "Acme Gamma's",
		"Founded__c = LAST_WEEK":                                         "",
		"Founded__c = THIS_WEEK":                                         "Acme Gamma's",
		"Founded__c = THIS_QUARTER":                                      "Acme Gamma's",
		"Founded__c = NEXT_YEAR":                                         "",
		"Founded__c != 2026-04-30":                                       "beta Gamma's",
		"Founded__c IN (2026-04-30, 2026-05-01)":                         "Acme Gamma's",
	}
	for where, want := range tests {
		var names []string
		for _, r := range o.query("SELECT Name FROM Account WHERE " + where) {
			names = append(names, fmt.Sprint(r["Name"]))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s:\n got %q\nwant %q", where, got, want)
		}
	}
}

func TestSOQLOrderAndBounds(t *testing.T) {
	o := soqlOrg(t)
	for rest, want := range map[string]string{
		"ORDER BY Name":                              "Acme beta Gamma's",
		"order by name desc":                         "Gamma's beta Acme",
		"ORDER BY NumberOfEmployees":                 "Gamma's beta Acme",
		"ORDER BY NumberOfEmployees DESC":            "Gamma's Acme beta",
		"ORDER BY NumberOfEmployees ASC NULLS LAST":  "beta Acme Gamma's",
		"ORDER BY NumberOfEmployees DESC NULLS LAST": "Acme beta Gamma's",
		"ORDER BY Industry NULLS FIRST, Name DESC":   "beta Gamma's Acme",
		"ORDER BY SystemModstamp DESC, Id":           "Gamma's beta Acme",
		"ORDER BY Parent.Name NULLS LAST, Id DESC":   "beta Gamma's Acme",
		"LIMIT 2":                      "Acme beta",
		"LIMIT 0":                      "",
		"ORDER BY Id LIMIT 1 OFFSET 1": "beta",
		"OFFSET 5":                     "",
		"AS a WHERE a.Name = 'Acme' ORDER BY a.Name":          "Acme",
		"acc WHERE acc.Owner.Name LIKE 'Jo%' ORDER BY Id ASC": "Acme beta Gamma's",
	} {
		var names []string
		for _, r := range o.query("SELECT Name FROM Account " + rest) {
			names = append(names, fmt.Sprint(r["Name"]))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s:\n got %q\nwant %q", rest, got, want)
		}
	}
}

func TestSOQLSelects(t *testing.T) {
	o := soqlOrg(t)
	roe := o.Find("Contact", "LastName", "Roe")[0]
	acme := o.Find("Account", "Name", "Acme")[0]
	a := o.do("GET", v62+"/query?q="+url.QueryEscape("select name, ACCOUNT.NAME, Account.Owner.Name, email, account.AnnualRevenue, MailingAddress from contact where lastname in ('roe','alone') order by lastname"), "")
	want := `{"totalSize":2,"done":true,"records":[` +
		`{"attributes":{"type":"Contact","url":"/services/data/v62.0/sobjects/Contact/` + o.Find("Contact", "LastName", "Alone")[0] + `"},"Name":"Alone","Account":null,"Email":null,"MailingAddress":null},` +
		`{"attributes":{"type":"Contact","url":"/services/data/v62.0/sobjects/Contact/` + roe + `"},"Name":"Jo Roe",` +
		`"Account":{"attributes":{"type":"Account","url":"/services/data/v62.0/sobjects/Account/` + acme + `"},"Name":"Acme",` +
		`"Owner":{"attributes":{"type":"User","url":"/services/data/v62.0/sobjects/User/0058d0000000002AAA"},"Name":"Jo Doe"},"AnnualRevenue":3.5E8},` +
		`"Email":"Jo@X.test","MailingAddress":null}]}`
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Error(diff)
	}
	for soql, want := range map[string]string{
		"SELECT COUNT() FROM Account WHERE Industry = 'energy'": `{"totalSize":2,"done":true,"records":[]}`,
		"SELECT COUNT(Industry) FROM Account":                   `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"AggregateResult"},"expr0":2}]}`,
		"SELECT IsSandbox, OrganizationType FROM Organization":  `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Organization","url":"/services/data/v62.0/sobjects/Organization/` + o.OrgID() + `"},"IsSandbox":false,"OrganizationType":"Enterprise Edition"}]}`,
		"SELECT BillingAddress FROM Account WHERE BillingCity != null": `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Account","url":"/services/data/v62.0/sobjects/Account/` + o.Find("Account", "Name", "Gamma's")[0] +
			`"},"BillingAddress":{"street":null,"city":"Ulm","state":null,"postalCode":null,"country":null,"latitude":null,"longitude":null,"geocodeAccuracy":null}}]}`,
	} {
		if got := o.do("GET", v62+"/query/?q="+url.QueryEscape(soql), "").body; got != want {
			t.Errorf("%s:\n got %s\nwant %s", soql, got, want)
		}
	}
	if r := o.query("SELECT FIELDS(ALL) FROM Account LIMIT 1")[0]; r["Tier__c"] != nil || r["Name"] != "Acme" || len(r) < 40 {
		t.Errorf("FIELDS(ALL): %v", r)
	}
	if r := o.query("SELECT FIELDS(CUSTOM) FROM Account LIMIT 1")[0]; r["QBench_Id__c"] != "k1" || r["Name"] != nil {
		t.Errorf("FIELDS(CUSTOM): %v", r)
	}
	if r := o.query("SELECT FIELDS(STANDARD) FROM Account")[0]; r["QBench_Id__c"] != nil || r["Name"] != "Acme" {
		t.Errorf("FIELDS(STANDARD): %v", r)
	}
}

func TestSOQLErrors(t *testing.T) {
	o := soqlOrg(t)
	for soql, want := range map[string]string{
		"":                                       "MALFORMED_QUERY",
		"SELECT":                                 "MALFORMED_QUERY",
		"SELECT Id":                              "MALFORMED_QUERY",
		"SELECT Id, FROM Account":                "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE":           "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE Name = 'x": "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE Name = '\\q'":                                                        "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE Name = x":                                                            "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE (Name = 'x'":                                                         "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE Name IN ()":                                                          "MALFORMED_QUERY",
		"SELECT Id FROM Account LIMIT -1":                                                                  "MALFORMED_QUERY",
		"SELECT Id FROM Account LIMIT 1 LIMIT 2":                                                           "MALFORMED_QUERY",
		"SELECT Id FROM Account; DROP":                                                                     "MALFORMED_QUERY",
		"SELECT Id FROM Account GROUP BY Name":                                                             "MALFORMED_QUERY",
		"SELECT Id, (SELECT Id FROM C) FROM Account":                                                       "MALFORMED_QUERY",
		"SELECT MAX(Name) FROM Account":                                                                    "MALFORMED_QUERY",
		"SELECT FIELDS(ALL) FROM Account":                                                                  "MALFORMED_QUERY",
		"SELECT FIELDS(ALL) FROM Account LIMIT 201":                                                        "MALFORMED_QUERY",
		"SELECT * FROM Account":                                                                            "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE Name = 'x' AND Name = 'y' OR Name = 'z'":                             "MALFORMED_QUERY",
		"SELECT Id FROM Account ORDER BY Description":                                                      "MALFORMED_QUERY",
		"SELECT Id FROM Account WHERE Name = '" + strings.Repeat("x", 4001) + "'":                          "MALFORMED_QUERY",
		"SELECT Nope FROM Account":                                                                         "INVALID_FIELD",
		"SELECT Id FROM Account WHERE Nope = 'x'":                                                          "INVALID_FIELD",
		"SELECT Nope.Name FROM Account":                                                                    "INVALID_FIELD",
		"SELECT Id, Id FROM Account":                                                                       "INVALID_FIELD",
		"SELECT Id FROM Account WHERE Description = 'x'":                                                   "INVALID_FIELD",
		"SELECT Id FROM Account WHERE Name = 5":                                                            "INVALID_FIELD",
		"SELECT Id FROM Account WHERE NumberOfEmployees = '5'":                                             "INVALID_FIELD",
		"SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'":                                          "INVALID_FIELD",
		"SELECT Id FROM Account WHERE CreatedDate > 2026-01-01":                                            "INVALID_FIELD",
		"SELECT Id FROM Account WHERE Founded__c > 2026-01-01T00:00:00Z":                                   "INVALID_FIELD",
		"SELECT Id FROM Account WHERE Vip__c = 'true'":                                                     "INVALID_FIELD",
		"SELECT Id FROM Nope":                                                                              "INVALID_TYPE",
		"SELECT Id FROM Account WHERE Id = 'x'":                                                            "INVALID_QUERY_FILTER_OPERATOR",
		"SELECT Id FROM Account WHERE Id LIKE '001%'":                                                      "INVALID_QUERY_FILTER_OPERATOR",
		"SELECT Id FROM Account WHERE Name INCLUDES ('x')":                                                 "INVALID_QUERY_FILTER_OPERATOR",
		"SELECT Id FROM Account WHERE Name IN (SELECT Id FROM Contact)":                                    "MALFORMED_QUERY",
		"SELECT Id FROM Account OFFSET 2001":                                                               "NUMBER_OUTSIDE_VALID_RANGE",
		"SELECT Id FROM Account WHERE " + strings.Repeat("(", 60) + "Name = 'x'" + strings.Repeat(")", 60): "QUERY_TOO_COMPLICATED",
	} {
		a := o.do("GET", v62+"/query?q="+url.QueryEscape(soql), "")
		if a.status != 400 || o.code(a) != want {
			t.Errorf("%s:\n got %d %s\nwant %s", soql, a.status, a.body, want)
		}
	}
	a := o.do("GET", v62+"/query?q="+url.QueryEscape("SELECT Id,\nNope FROM Account"), "")
	if !strings.Contains(a.body, `ERROR at Row:2:Column:1\nNo such column 'Nope' on entity 'Account'`) {
		t.Errorf("place of the error: %s", a.body)
	}
}

func TestQueryPaging(t *testing.T) {
	o := newOrg(t)
	for i := range 450 {
		o.must("Account", map[string]string{"Name": fmt.Sprintf("n%03d", i)})
	}
	o.header.Set("sforce-query-options", "batchSize=1") // raised to 200
	path := "/services/data/v58.0/query?q=" + url.QueryEscape("SELECT Name FROM Account ORDER BY Name")
	var sizes []int
	var names []string
	for path != "" {
		m, _ := o.decode(o.do("GET", path, "")).(map[string]any)
		if fmt.Sprint(m["totalSize"]) != "450" {
			t.Fatalf("got %v", m)
		}
		list := records(m["records"])
		sizes = append(sizes, len(list))
		for _, r := range list {
			names = append(names, fmt.Sprint(r["Name"]))
		}
		next, more := m["nextRecordsUrl"].(string)
		if more == (m["done"] == true) {
			t.Errorf("done %v with nextRecordsUrl %q", m["done"], next)
		}
		if more && !strings.HasPrefix(next, "/services/data/v58.0/query/0r8") {
			t.Errorf("nextRecordsUrl %q", next)
		}
		path = next
		// A record that comes or changes in between alters no total and no page.
		o.must("Account", map[string]string{"Name": "a new one"})
	}
	if diff := cmp.Diff([]int{200, 200, 50}, sizes); diff != "" {
		t.Error(diff)
	}
	if len(names) != 450 || names[0] != "n000" || names[449] != "n449" {
		t.Errorf("got %d names from %v to %v", len(names), names[0], names[len(names)-1])
	}
	if got := len(o.query("SELECT Description FROM Account")); got != 200 {
		t.Errorf("a page with a long text has %d records", got)
	}
}

// The index that a query makes for itself finds what a scan finds, also after
// changes.
func TestQueryByIndexAgreesWithScan(t *testing.T) {
	o := newOrg(t)
	ids := make([]string, 1200)
	for i := range ids {
		ids[i] = o.must("Account", map[string]string{"Name": fmt.Sprintf("Name %d", i%400), "Site": fmt.Sprint(i)})
	}
	count := func(where string) int { return len(o.query("SELECT Id FROM Account WHERE " + where)) }
	check := func(want int) {
		t.Helper()
		if byIndex, byScan := count("Name IN ('NAME 7','name 8')"), count("NOT (Name NOT IN ('NAME 7','name 8'))"); byIndex != want || byScan != want {
			t.Errorf("by index %d, by scan %d, want %d", byIndex, byScan, want)
		}
	}
	check(6)
	if err := o.SetField("Account", ids[7], "Name", "other"); err != nil {
		t.Fatal(err)
	}
	check(5)
	if err := o.Delete("Account", ids[407]); err != nil {
		t.Fatal(err)
	}
	check(4)
	o.must("Account", map[string]string{"Name": "Name 8"})
	check(5)
}
