package hubspotsim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/hubspot/hubspotsim"
)

// types are the type ids of the tie between a contact and a company, "" if there is none.
func (p *portal) types(contact, company string) string {
	for _, a := range p.Associations("contacts", contact, "companies") {
		if a.ToID != company {
			continue
		}
		var ids []string
		for _, t := range a.Types {
			ids = append(ids, fmt.Sprint(t.TypeID))
		}
		return strings.Join(ids, ",")
	}
	return ""
}

func tie(from, to string, types ...int) string {
	var specs []string
	for _, id := range types {
		category := "HUBSPOT_DEFINED"
		if id >= 100 && id < 200 {
			category = "USER_DEFINED"
		}
		specs = append(specs, fmt.Sprintf(`{"associationCategory":%q,"associationTypeId":%d}`, category, id))
	}
	return `{"from":{"id":"` + from + `"},"to":{"id":"` + to + `"},"types":[` + strings.Join(specs, ",") + `]}`
}

const ties9 = "/crm/associations/2026-09/contacts/companies/batch/"

func TestPrimaryCompanyMoves(t *testing.T) {
	p := newPortal(t)
	contact, a, b := p.must("contacts", "email", "a@a.test"), p.must("companies", "name", "A"), p.must("companies", "name", "B")
	create := func(in string) {
		t.Helper()
		if got := p.do("POST", ties9+"create", inputs(in)); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", in, got.status, got.body)
		}
	}
	create(tie(contact, a, 1))
	create(tie(contact, b, 279))
	if p.types(contact, a) != "1,279" || p.types(contact, b) != "279" || p.Record("contacts", contact)["associatedcompanyid"] != a {
		t.Errorf("a tie without label moves nothing: %q %q", p.types(contact, a), p.types(contact, b))
	}
	create(tie(contact, b, 1))
	if p.types(contact, a) != "279" || p.types(contact, b) != "1,279" || p.Record("contacts", contact)["associatedcompanyid"] != b {
		t.Errorf("a new primary takes the place: %q %q", p.types(contact, a), p.types(contact, b))
	}
	// From the company's side the same holds.
	if got := p.do("POST", "/crm/associations/2026-09/companies/contacts/batch/create", inputs(tie(a, contact, 2))); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if p.types(contact, a) != "1,279" || p.types(contact, b) != "279" {
		t.Errorf("from the company: %q %q", p.types(contact, a), p.types(contact, b))
	}
	p.ok(p.SetField("contacts", contact, "associatedcompanyid", b))
	if p.types(contact, b) != "1,279" || p.types(contact, a) != "279" {
		t.Error("the property moves the primary")
	}
	if p.Record("companies", a)["num_associated_contacts"] != "1" {
		t.Error("count of contacts")
	}
	if r := into[record](p, p.do("PATCH", v9+"/contacts/"+contact, `{"properties":{"associatedcompanyid":""}}`), http.StatusOK); r.get("associatedcompanyid") != "" || p.types(contact, b) != "279" {
		t.Errorf("cleared: %v", r)
	}
	p.do("PUT", "/crm/v3/objects/contacts/"+contact+"/associations/companies/"+a+"/contact_to_company", "")
	if p.types(contact, a) != "1,279" {
		t.Error("the old name of the type means primary")
	}
}

func TestLabelsAreReplaced(t *testing.T) {
	p := newPortal(t)
	contact, company := p.must("contacts", "email", "a@a.test"), p.must("companies", "name", "A")
	id, inverse, err := p.AddLabel("contacts", "companies", "Lab manager", "Managed by")
	p.ok(err)
	p.ok(p.Associate("contacts", contact, "companies", company, 1, id))
	want := fmt.Sprintf("1,%d,279", id)
	if got := p.types(contact, company); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	back := p.Associations("companies", company, "contacts")
	if len(back) != 1 || back[0].Types[1] != (hubspotsim.AssociationType{Category: "USER_DEFINED", TypeID: inverse, Label: "Managed by"}) {
		t.Errorf("the other end: %+v", back)
	}
	p.do("POST", ties9+"associate/default", inputs(tie(contact, company)))
	if got := p.types(contact, company); got != want {
		t.Errorf("a default tie keeps labels: %s", got)
	}
	p.do("POST", ties9+"create", inputs(tie(contact, company, 279)))
	if got := p.types(contact, company); got != "1,279" {
		t.Errorf("types that are written replace labels: %s", got)
	}
	p.SetKeepLabels(true)
	p.do("PUT", v9+"/contacts/"+contact+"/associations/companies/"+company, fmt.Sprintf(`[{"associationCategory":"USER_DEFINED","associationTypeId":%d}]`, id))
	p.do("POST", ties9+"create", inputs(tie(contact, company, 279)))
	if got := p.types(contact, company); got != want {
		t.Errorf("with the switch they are kept: %s", got)
	}
	p.do("POST", ties9+"labels/archive", inputs(tie(contact, company, id)))
	if got := p.types(contact, company); got != "1,279" {
		t.Errorf("one label off: %s", got)
	}
	p.do("POST", ties9+"labels/archive", inputs(tie(contact, company, 279)))
	if got := p.types(contact, company); got != "" {
		t.Errorf("without the unlabeled type nothing remains: %s", got)
	}
}

func TestAssociationAnswersByVersion(t *testing.T) {
	p := newPortal(t)
	contact, company := p.must("contacts", "email", "a@a.test"), p.must("companies", "name", "A")
	lonely := p.must("contacts", "email", "b@a.test")
	for _, tt := range []struct {
		batch, one      string
		create, archive int
		id              string
	}{
		{"/crm/v4/associations/contact/company/batch/", "/crm/v4/objects/contacts/", 201, 204, company},
		{"/crm/associations/2026-03/0-1/0-2/batch/", "/crm/objects/2026-03/contacts/", 201, 200, `"` + company + `"`},
		{"/crm/associations/2026-09/contacts/companies/batch/", "/crm/objects/2026-09/contacts/", 200, 200, `"` + company + `"`},
	} {
		a := p.do("POST", tt.batch+"create", inputs(tie(contact, company, 1)))
		if a.status != tt.create || !strings.Contains(a.body, `"toObjectId":`+tt.id) || !strings.Contains(a.body, `"labels":["Primary"]`) {
			t.Errorf("%screate: %d %s", tt.batch, a.status, a.body)
		}
		page := into[struct {
			Results []struct {
				ToObjectID       json.RawMessage `json:"toObjectId"`
				AssociationTypes []struct {
					TypeID int     `json:"typeId"`
					Label  *string `json:"label"`
				} `json:"associationTypes"`
			}
		}](p, p.do("GET", tt.one+contact+"/associations/companies?limit=500", ""), http.StatusOK)
		if len(page.Results) != 1 || string(page.Results[0].ToObjectID) != tt.id || len(page.Results[0].AssociationTypes) != 2 || page.Results[0].AssociationTypes[1].Label != nil {
			t.Errorf("%s: %+v", tt.one, page)
		}
		read := into[struct {
			Results []struct{ From struct{ ID string } }
			Errors  []problem
		}](p, p.do("POST", tt.batch+"read", inputs(`{"id":"`+contact+`"}`, `{"id":"`+lonely+`"}`)), http.StatusOK)
		if len(read.Results) != 1 || read.Results[0].From.ID != contact {
			t.Errorf("%sread: %+v", tt.batch, read)
		}
		if a := p.do("POST", tt.batch+"archive", inputs(`{"from":{"id":"`+contact+`"},"to":[{"id":"`+company+`"}]}`)); a.status != tt.archive || p.types(contact, company) != "" {
			t.Errorf("%sarchive: %d", tt.batch, a.status)
		}
	}
}

func TestBadAssociations(t *testing.T) {
	p := newPortal(t)
	contact, company := p.must("contacts", "email", "a@a.test"), p.must("companies", "name", "A")
	for name, in := range map[string]string{
		"wrong direction": tie(contact, company, 280), "unknown type": tie(contact, company, 4711), "no type": tie(contact, company),
		"unknown target": tie(contact, "77", 1), "unknown source": tie("77", company, 1),
	} {
		a := p.do("POST", ties9+"create", inputs(tie(contact, company, 279), in))
		e := into[problem](p, a, http.StatusBadRequest)
		if e.Category != "VALIDATION_ERROR" || p.types(contact, company) != "" {
			t.Errorf("%s: %s", name, a.body)
		}
		if name == "wrong direction" && e.Message != "invalid from object type 0-1 for association type 280, expected: 0-2" {
			t.Errorf("%s: %s", name, a.body)
		}
		if name == "unknown target" && !cmp.Equal(e.Context["INVALID_OBJECT_IDS"], []string{"77"}) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	body := func(types string) string {
		return `{"properties":{"email":"b@a.test"},"associations":[{"to":{"id":"` + company + `"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":` + types + `}]}]}`
	}
	for _, bad := range []string{body("280"), body("0"), strings.Replace(body("1"), company, "77", 1)} {
		if a := p.do("POST", v9+"/contacts", bad); a.status != http.StatusBadRequest || p.Count("contacts") != 1 {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	p.ok(p.LimitAssociations("companies", "contacts", 1))
	into[record](p, p.do("POST", v9+"/contacts", body("1")), http.StatusCreated)
	if a := p.do("PUT", v9+"/contacts/"+contact+"/associations/default/companies/"+company, ""); a.status != http.StatusBadRequest {
		t.Errorf("past an administrator's limit: %d %s", a.status, a.body)
	}
}

func TestListTellsTiesPerType(t *testing.T) {
	p := newPortal(t)
	contact, a, b := p.must("contacts", "email", "a@a.test"), p.must("companies", "name", "A"), p.must("companies", "name", "B")
	p.ok(p.Associate("contacts", contact, "companies", a, 1))
	p.ok(p.Associate("contacts", contact, "companies", b))
	r := into[many](p, p.do("GET", v9+"/contacts?associations=companies,deals", ""), http.StatusOK).Results[0]
	var got []string
	for _, x := range r.Associations["companies"].Results {
		got = append(got, x.ID+" "+x.Type)
	}
	want := []string{a + " contact_to_company", a + " contact_to_company_unlabeled", b + " contact_to_company_unlabeled"}
	if diff := cmp.Diff(want, got); diff != "" || len(r.Associations) != 1 {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.ok(p.Delete("companies", a))
	if got := p.Associations("contacts", contact, "companies"); len(got) != 1 || got[0].ToID != b || got[0].Primary() {
		t.Errorf("an archived company's ties are not told: %+v", got)
	}
	p.ok(p.Disassociate("contacts", contact, "companies", b))
	if p.Disassociate("contacts", contact, "companies", b) == nil {
		t.Error("untied twice")
	}
}

func TestPortalMakesCompanies(t *testing.T) {
	p := newPortal(t)
	p.SetAutoCompanies(true)
	own := p.must("companies", "name", "A", "domain", "a.test")
	p.do("POST", v9+"/contacts", `{"properties":{"email":"x@A.test"}}`)
	p.do("POST", v9+"/contacts", `{"properties":{"email":"x@b.test"}}`)
	if p.Count("companies") != 2 || p.Record("contacts", p.Find("contacts", "email", "x@a.test")[0])["associatedcompanyid"] != own {
		t.Errorf("companies: %v", p.Records("companies"))
	}
	if n := len(p.Audit()); n != 2 {
		t.Errorf("what the portal makes is no write of the client: %d", n)
	}
}

func TestFirstCompanyIsPrimary(t *testing.T) {
	p := newPortal(t)
	p.SetFirstCompanyPrimary(true)
	contact, a, b := p.must("contacts", "email", "a@a.test"), p.must("companies", "name", "A"), p.must("companies", "name", "B")
	p.do("POST", ties9+"create", inputs(tie(contact, a, 279), tie(contact, b, 279)))
	if p.types(contact, a) != "1,279" || p.types(contact, b) != "279" {
		t.Errorf("got %q %q", p.types(contact, a), p.types(contact, b))
	}
}

func TestAssociationBatchSizes(t *testing.T) {
	p := newPortal(t)
	contact, company := p.must("contacts", "email", "a@a.test"), p.must("companies", "name", "A")
	for _, tt := range []struct {
		verb, in string
		n, want  int
	}{
		{"create", tie(contact, company, 1), 2000, 200},
		{"create", tie(contact, company, 1), 2001, 400},
		{"read", `{"id":"` + contact + `"}`, 1000, 200},
		{"read", `{"id":"` + contact + `"}`, 1001, 400},
	} {
		list := strings.TrimSuffix(strings.Repeat(tt.in+",", tt.n), ",")
		if a := p.do("POST", ties9+tt.verb, inputs(list)); a.status != tt.want {
			t.Errorf("%s of %d: got %d, want %d", tt.verb, tt.n, a.status, tt.want)
		}
	}
}
