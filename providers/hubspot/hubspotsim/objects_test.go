package hubspotsim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/hubspot/hubspotsim"
)

func TestSingleRecordInAllVersions(t *testing.T) {
	for _, base := range []string{"/crm/v3/objects", "/crm/objects/2026-03", "/crm/objects/2026-09"} {
		t.Run(base, func(t *testing.T) {
			p := newPortal(t)
			a := p.do("POST", base+"/companies", `{"properties":{"name":"Larch","numberofemployees":42,"is_public":true,"phone":null},"associations":[]}`)
			made := into[record](p, a, http.StatusCreated)
			if !strings.HasSuffix(a.header.Get("Location"), "/companies/"+made.ID) || made.get("hs_object_source") != "INTEGRATION" || made.get("lifecyclestage") != "lead" {
				t.Errorf("created: %v %s", a.header, a.body)
			}
			if made.get("numberofemployees") != "42" || made.get("is_public") != "true" || made.get("phone") != "-" {
				t.Errorf("bare values: %s", a.body)
			}
			p.clock.add(time.Second)
			changed := into[record](p, p.do("PATCH", base+"/0-2/"+made.ID, `{"properties":{"name":"Moss"}}`), http.StatusOK)
			if changed.get("name") != "Moss" || changed.get("numberofemployees") != "-" || changed.get("hs_lastmodifieddate") != "2026-05-01T07:25:38.400Z" {
				t.Errorf("an update echoes what it changed: %v", changed)
			}
			read := into[record](p, p.do("GET", base+"/company/"+made.ID+"?properties=name,city&properties=nonsense", ""), http.StatusOK)
			if read.get("name") != "Moss" || read.get("city") != "" || read.get("nonsense") != "-" || read.get("createdate") != "2026-05-01T07:25:37.400Z" {
				t.Errorf("read: %v", read)
			}
			if a := p.do("DELETE", base+"/companies/"+made.ID, ""); a.status != http.StatusNoContent || a.body != "" {
				t.Errorf("archive: %d %s", a.status, a.body)
			}
			for method, body := range map[string]string{"GET": "", "PATCH": `{"properties":{"name":"x"}}`} {
				if got := p.code(p.do(method, base+"/companies/"+made.ID, body), http.StatusNotFound); got != "OBJECT_NOT_FOUND" {
					t.Errorf("%s of an archived record: %s", method, got)
				}
			}
			if r := into[record](p, p.do("GET", base+"/companies/"+made.ID+"?archived=true", ""), http.StatusOK); !r.Archived {
				t.Errorf("archived: %v", r)
			}
		})
	}
}

func TestValuesAreChecked(t *testing.T) {
	p := newPortal(t)
	company, contact := p.must("companies", "name", "A"), p.must("contacts", "email", "a@a.test")
	p.ok(p.ProtectProperty("companies", "city", true))
	p.ok(p.ArchiveProperty("companies", "state", true))
	tests := []struct{ object, name, value, want string }{ // want is a stored value, or !CODE
		{"companies", "indstry", "x", "!PROPERTY_DOESNT_EXIST"},
		{"companies", "state", "x", "!PROPERTY_DOESNT_EXIST"},
		{"companies", "city", "x", "!READ_ONLY_VALUE"},
		{"companies", "createdate", "1763770000000", "!READ_ONLY_VALUE"},
		{"companies", "num_associated_contacts", "1", "!READ_ONLY_VALUE"},
		{"companies", "industry", "Biotechnology", "!INVALID_OPTION"},
		{"companies", "industry", "BIOTECHNOLOGY", "BIOTECHNOLOGY"},
		{"companies", "industry", "MOBILE_GAMES", "MOBILE_GAMES"},
		{"companies", "industry", "HOSPITAL_HEALTH_CARE", "HOSPITAL_HEALTH_CARE"},
		{"companies", "industry", "", ""},
		{"companies", "numberofemployees", "10-50", "!INVALID_LONG"},
		{"companies", "numberofemployees", "1.2.3", "!INVALID_LONG"},
		{"companies", "numberofemployees", "1e3", "!INVALID_LONG"},
		{"companies", "numberofemployees", "12.50", "12.50"},
		{"companies", "is_public", "yes", "!INVALID_OPTION"},
		{"companies", "closedate", "1763770000123", "2025-11-22T00:06:40.123Z"},
		{"companies", "closedate", "2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00.000Z"},
		{"companies", "closedate", "soon", "!INVALID_DATE"},
		{"companies", "hubspot_owner_id", "12", "!INVALID_OPTION"}, // a user id is no owner id
		{"companies", "hubspot_owner_id", "70001", "70001"},
		{"companies", "name", "  padded ", "  padded "},
		{"companies", "phone", "(303) 555-0100", "(303) 555-0100"},
		{"companies", "description", strings.Repeat("x", 65537), "!MAX_LENGTH_EXCEEDED"},
		{"contacts", "email", "Ann.Lee@Larch.Test", "ann.lee@larch.test"},
		{"contacts", "email", "ann at larch.test", "!INVALID_EMAIL"},
		{"contacts", "numemployees", "50-100", "50-100"},
		{"contacts", "numemployees", "42", "!INVALID_OPTION"},
		{"contacts", "address2", "x", "!PROPERTY_DOESNT_EXIST"},
		{"contacts", "hs_buying_role", "END_USER;CHAMPION", "END_USER;CHAMPION"},
		{"contacts", "hs_buying_role", ";OTHER", "END_USER;CHAMPION;OTHER"},
		{"contacts", "hs_buying_role", "OTHER", "OTHER"},
		{"contacts", "associatedcompanyid", "77", "!INVALID_OPTION"},
		{"contacts", "associatedcompanyid", company, company},
	}
	for _, tt := range tests {
		id := company
		if tt.object == "contacts" {
			id = contact
		}
		a := p.do("PATCH", v3+"/"+tt.object+"/"+id, fmt.Sprintf(`{"properties":{%q:%q}}`, tt.name, tt.value))
		if code, bad := strings.CutPrefix(tt.want, "!"); bad {
			e := into[problem](p, a, http.StatusBadRequest)
			if e.Category != "VALIDATION_ERROR" || len(e.Errors) != 1 || e.Errors[0].Code != code ||
				e.Errors[0].Context["propertyName"][0] != tt.name || !strings.HasPrefix(e.Message, `Property values were not valid: [{"isValid":false,`) {
				t.Errorf("%s=%.40q: got %s, want %s", tt.name, tt.value, a.body, code)
			}
			continue
		}
		if got := into[record](p, a, http.StatusOK).get(tt.name); got != tt.want {
			t.Errorf("%s=%q: got %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestMandatoryProperties(t *testing.T) {
	p := newPortal(t)
	for body, want := range map[string]int{
		"companies {}":                                      400,
		`companies {"domain":"a.test"}`:                     201,
		"contacts {}":                                       400,
		`contacts {"lastname":"Lee"}`:                       201,
		`deals {"dealname":"D"}`:                            400,
		`tasks {"hs_task_subject":"x"}`:                     400,
		`tasks {"hs_timestamp":"2026-1-1"}`:                 400,
		`tasks {"hs_timestamp":"1763770000000"}`:            201,
		`deals {"dealname":"D","dealstage":"contractsent"}`: 201,
	} {
		object, fields, _ := strings.Cut(body, " ")
		if a := p.do("POST", v3+"/"+object, `{"properties":`+fields+`}`); a.status != want {
			t.Errorf("%s: got %d %s, want %d", body, a.status, a.body, want)
		}
	}
}

func TestDomainFillsWebsite(t *testing.T) {
	p := newPortal(t)
	made := into[record](p, p.do("POST", v9+"/companies", `{"properties":{"domain":"larch.test"}}`), http.StatusCreated)
	if made.get("website") != "larch.test" {
		t.Errorf("got %v", made.Properties)
	}
	both := into[record](p, p.do("POST", v9+"/companies", `{"properties":{"domain":"larch.test","website":"https://www.larch.test/"}}`), http.StatusCreated)
	if both.get("website") != "https://www.larch.test/" || both.ID == made.ID {
		t.Errorf("two companies may share a domain, and a website that was sent stays: %v", both)
	}
	r := into[record](p, p.do("GET", v9+"/companies/"+made.ID+"?propertiesWithHistory=website,domain", ""), http.StatusOK)
	if r.History["website"][0].SourceType != "CALCULATED" || r.History["domain"][0].SourceType != "INTEGRATION" {
		t.Errorf("history: %v", r.History)
	}
	if got := p.Audit()[0].Fields; len(got) != 1 {
		t.Errorf("the audit has what was sent: %v", got)
	}
}

func TestStageMovesForwardOnly(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "A")
	for _, step := range [][2]string{{"customer", "customer"}, {"lead", "customer"}, {"", ""}, {"lead", "lead"}} {
		a := p.do("PATCH", v3+"/companies/"+id, `{"properties":{"lifecyclestage":"`+step[0]+`"}}`)
		if a.status != http.StatusOK || p.Record("companies", id)["lifecyclestage"] != step[1] {
			t.Errorf("to %q: %d, is %q, want %q", step[0], a.status, p.Record("companies", id)["lifecyclestage"], step[1])
		}
	}
}

func TestUniqueValues(t *testing.T) {
	p := newPortal(t)
	first := p.must("contacts", "email", "a@a.test", "hs_additional_emails", "old@a.test;older@a.test", "qbench_contact_id", "Q1")
	other := p.must("contacts", "email", "b@a.test")
	for _, email := range []string{"A@A.test", "OLD@a.test"} {
		e := into[problem](p, p.do("POST", v9+"/contacts", `{"properties":{"email":"`+email+`"}}`), http.StatusConflict)
		if e.Category != "CONFLICT" || e.Message != "Contact already exists. Existing ID: "+first {
			t.Errorf("%s: %+v", email, e)
		}
	}
	for _, field := range []string{`"email":"older@a.test"`, `"qbench_contact_id":"Q1"`} {
		if got := p.code(p.do("PATCH", v9+"/contacts/"+other, `{"properties":{`+field+`}}`), http.StatusBadRequest); got != "CONFLICTING_UNIQUE_VALUE" {
			t.Errorf("%s: %s", field, got)
		}
	}
	if got := p.code(p.do("POST", v9+"/contacts", `{"properties":{"email":"c@a.test","qbench_contact_id":"Q1"}}`), http.StatusBadRequest); got != "CONFLICTING_UNIQUE_VALUE" {
		t.Errorf("custom property: %s", got)
	}
	// A second address that is written as the first takes its place.
	p.do("PATCH", v9+"/contacts/old@a.test?idProperty=email", `{"properties":{"email":"old@a.test"}}`)
	if r := p.Record("contacts", first); r["email"] != "old@a.test" || r["hs_additional_emails"] != "a@a.test;older@a.test" {
		t.Errorf("got %v", r)
	}
	// Archived records give their values free.
	p.ok(p.Delete("contacts", first))
	if a := p.do("POST", v9+"/contacts", `{"properties":{"email":"a@a.test","qbench_contact_id":"Q1"}}`); a.status != http.StatusCreated {
		t.Errorf("after the archive: %d %s", a.status, a.body)
	}
}

func TestUniqueValuesWithoutCase(t *testing.T) {
	for _, fold := range []bool{false, true} {
		p := newPortal(t, func(o *hubspotsim.Options) { o.FoldUnique = fold })
		p.must("companies", "name", "A", "qbench_customer_id", "ab")
		_, err := p.Insert("companies", map[string]string{"name": "B", "qbench_customer_id": "AB"})
		if (err != nil) != fold {
			t.Errorf("fold %v: %v", fold, err)
		}
	}
}

func TestFindByProperty(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "A", "domain", "a.test", "qbench_customer_id", "QB/7 ü")
	key := url.PathEscape("QB/7 ü")
	if r := into[record](p, p.do("GET", v9+"/companies/"+key+"?idProperty=qbench_customer_id", ""), http.StatusOK); r.ID != id {
		t.Errorf("got %v", r)
	}
	e := into[problem](p, p.do("GET", v9+"/companies/a.test?idProperty=domain", ""), http.StatusBadRequest)
	if e.Message != "Unable to perform update/upsert by non-unique 0-2 property domain in portal ID "+p.PortalID() {
		t.Errorf("got %+v", e)
	}
	for _, bad := range []string{"1", "x", "-5", "+" + id, "99999999999999999999"} {
		if got := p.code(p.do("GET", v9+"/companies/"+bad, ""), http.StatusNotFound); got != "OBJECT_NOT_FOUND" {
			t.Errorf("%s: %s", bad, got)
		}
	}
}

func TestListPages(t *testing.T) {
	p := newPortal(t)
	var want []string
	for i := range 250 {
		id := p.must("companies", "name", fmt.Sprint(i))
		if i%10 == 3 {
			p.ok(p.Delete("companies", id))
			continue
		}
		want = append(want, fmt.Sprint(i))
	}
	var got []string
	after, pages := "", 0
	for {
		page := into[many](p, p.do("GET", v3+"/companies?limit=100&properties=name&after="+after, ""), http.StatusOK)
		for _, r := range page.Results {
			got = append(got, r.get("name"))
		}
		pages++
		if after = page.Paging.Next.After; after == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
	if n := len(into[many](p, p.do("GET", v3+"/companies?archived=true&limit=100", ""), http.StatusOK).Results); n != 25 {
		t.Errorf("archived: %d", n)
	}
	if n := len(into[many](p, p.do("GET", v3+"/companies", ""), http.StatusOK).Results); n != 10 {
		t.Errorf("page without limit: %d", n)
	}
	for _, q := range []string{"limit=101", "limit=0", "limit=51&propertiesWithHistory=name", "after=x", "associations=things"} {
		if a := p.do("GET", v3+"/companies?"+q, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", q, a.status)
		}
	}
	if a := p.do("GET", v3+"/companies?properties="+strings.Repeat("a_long_property_name,", 900), ""); a.status != http.StatusRequestURITooLong {
		t.Errorf("a long address: %d", a.status)
	}
}

func TestHistory(t *testing.T) {
	p := newPortal(t, func(o *hubspotsim.Options) { o.History = 3 })
	id := p.must("companies", "name", "A0")
	for i := range 6 {
		p.clock.add(time.Minute)
		if i%2 == 0 {
			p.do("PATCH", v9+"/companies/"+id, fmt.Sprintf(`{"properties":{"name":"A%d"}}`, i+1))
			continue
		}
		p.ok(p.SetField("companies", id, "name", fmt.Sprintf("A%d", i+1)))
	}
	p.do("PATCH", v9+"/companies/"+id, `{"properties":{"name":"A6"}}`)
	r := into[record](p, p.do("GET", v9+"/companies/"+id+"?propertiesWithHistory=name", ""), http.StatusOK)
	var got []string
	for _, v := range r.History["name"] {
		got = append(got, v.Value+" "+v.SourceType+" "+v.SourceID+" "+v.Timestamp[11:16])
	}
	want := []string{"A6 CRM_UI userId:12 07:31", "A5 INTEGRATION 7700001 07:30", "A4 CRM_UI userId:12 07:29", "A3 INTEGRATION 7700001 07:28"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergedRecords(t *testing.T) {
	p := newPortal(t)
	win := p.must("contacts", "email", "win@a.test", "firstname", "Ann")
	lose := p.must("contacts", "email", "lose@a.test", "firstname", "Anna", "lastname", "Lee", "qbench_contact_id", "Q9")
	company := p.must("companies", "name", "A")
	p.ok(p.Associate("contacts", lose, "companies", company, 1))
	a := p.do("POST", v9+"/contacts/merge", `{"primaryObjectId":"`+win+`","objectIdToMerge":"`+lose+`"}`)
	if r := into[record](p, a, http.StatusOK); r.ID != win || r.get("hs_merged_object_ids") != lose {
		t.Errorf("merge: %s", a.body)
	}
	got := p.Record("contacts", win)
	if got["firstname"] != "Ann" || got["lastname"] != "Lee" || got["qbench_contact_id"] != "Q9" ||
		got["hs_additional_emails"] != "lose@a.test" || got["associatedcompanyid"] != company {
		t.Errorf("winner: %v", got)
	}
	if r := into[record](p, p.do("PATCH", v9+"/contacts/"+lose, `{"properties":{"city":"Ulm"}}`), http.StatusOK); r.ID != win {
		t.Errorf("a single update follows the old id: %v", r)
	}
	b := into[many](p, p.do("POST", v9+"/contacts/batch/update", inputs(`{"id":"`+lose+`","properties":{"city":"Bonn"}}`)), http.StatusOK)
	if len(b.Results) != 0 || p.Record("contacts", win)["city"] != "Ulm" {
		t.Errorf("a batch does not: %+v", b)
	}
	if list := into[many](p, p.do("GET", v9+"/contacts?archived=true", ""), http.StatusOK); len(list.Results) != 0 || p.Count("contacts") != 1 {
		t.Errorf("a merged record is not archived: %+v", list)
	}
}

func TestStrictVersion(t *testing.T) {
	p := newPortal(t)
	p.ok(p.AddProperty("companies", hubspotsim.Property{Name: "signed_on", Type: "date"}))
	p.ok(p.Require("companies", "city"))
	p.ok(p.Require("companies", "phone", "type", "VENDOR"))
	body := func(fields string) string { return `{"properties":{"name":"A"` + fields + `}}` }
	for _, tt := range []struct{ base, fields, want string }{
		{v3, "", ""},
		{"/crm/objects/2026-03", "", ""},
		{v9, "", "MISSING_REQUIRED_PROPERTY"},
		{v9, `,"city":"Ulm"`, ""},
		{v9, `,"city":"Ulm","type":"VENDOR"`, "MISSING_CONDITIONAL_REQUIRED_PROPERTY"},
		{v9, `,"city":"Ulm","type":"PARTNER"`, ""},
		{v9, `,"city":"Ulm","signed_on":"2026-11-22"`, ""},
		{v3, `,"signed_on":"1763769600000"`, ""}, // midnight
		{v3, `,"signed_on":"11/22/2026"`, "INVALID_DATE"},
	} {
		a := p.do("POST", tt.base+"/companies", body(tt.fields))
		if tt.want == "" {
			into[record](p, a, http.StatusCreated)
			continue
		}
		if got := p.code(a, http.StatusBadRequest); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.base, tt.fields, got, tt.want)
		}
	}
	r := into[record](p, p.do("POST", v9+"/companies", body(`,"city":"Ulm","signed_on":"11/22/2026"`)), http.StatusCreated)
	if len(r.Warnings) != 1 || r.Warnings[0].Category != "PROPERTY_VALUE_NORMALIZED" || r.get("signed_on") != "2026-11-22" ||
		r.Warnings[0].Context["rawValue"] != "11/22/2026" {
		t.Errorf("a mended date: %+v", r)
	}
}
