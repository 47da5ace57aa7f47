package hubspot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// portal is a tiny portal that knows associations alone: contact → company →
// the types of the pair.
type portal struct {
	t        *testing.T
	links    map[string]map[string][]int
	labels   map[int]bool // which types people made
	refuse   map[string]bool
	drop     bool // associations are taken and not made
	errorful bool // that a contact has none is told as an error, and each type as an association of its own
}

type linkIn struct {
	Inputs []struct {
		ID   string `json:"id"`
		From struct {
			ID string `json:"id"`
		} `json:"from"`
		To struct {
			ID string `json:"id"`
		} `json:"to"`
		Types []struct {
			Category string `json:"associationCategory"`
			ID       int    `json:"associationTypeId"`
		} `json:"types"`
	} `json:"inputs"`
}

func (p *portal) script() *script {
	return &script{answer: func(r *http.Request, body string) reply {
		var in linkIn
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			p.t.Error(err)
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/contacts/companies/batch/read"):
			return p.read(in)
		case strings.HasSuffix(r.URL.Path, "/contacts/companies/batch/create"):
			return p.write(in)
		case strings.Contains(r.URL.Path, "/batch/"):
			return reply{body: results(p.t, body)}
		}
		return reply{status: 404}
	}}
}

func (p *portal) read(in linkIn) reply {
	var rows, none []string
	for _, one := range in.Inputs {
		var to []string
		for id, types := range p.links[one.ID] {
			var kinds []string
			for _, n := range types {
				category := "HUBSPOT_DEFINED"
				if p.labels[n] {
					category = "USER_DEFINED"
				}
				kinds = append(kinds, fmt.Sprintf(`{"category":%q,"typeId":%d,"label":null}`, category, n))
			}
			each := []string{strings.Join(kinds, ",")}
			if p.errorful {
				each = kinds
			}
			for _, list := range each {
				to = append(to, fmt.Sprintf(`{"toObjectId":%s,"associationTypes":[%s]}`, id, list))
			}
		}
		if len(to) == 0 {
			none = append(none, fmt.Sprintf(`{"status":"error","category":"OBJECT_NOT_FOUND","subCategory":{"x":1},"message":"none","context":{"fromObjectId":["%s"]}}`, one.ID))
			continue
		}
		slices.Sort(to)
		rows = append(rows, fmt.Sprintf(`{"from":{"id":%q},"to":[%s]}`, one.ID, strings.Join(to, ",")))
	}
	out := `{"status":"COMPLETE","results":[` + strings.Join(rows, ",") + `]`
	if p.errorful {
		out += `,"numErrors":1,"errors":[` + strings.Join(none, ",") + `]`
	}
	return reply{status: 207, body: out + `}`}
}

func (p *portal) write(in linkIn) reply {
	var rows []string
	for _, one := range in.Inputs {
		if p.refuse[one.To.ID] {
			return reply{status: 400, body: `{"status":"error","category":"VALIDATION_ERROR","message":"One or more associations are invalid","context":{"INVALID_OBJECT_IDS":["` + one.To.ID + `"]}}`}
		}
	}
	for _, one := range in.Inputs {
		if p.drop {
			continue
		}
		if p.links[one.From.ID] == nil {
			p.links[one.From.ID] = map[string][]int{}
		}
		var types []int
		for _, t := range one.Types {
			if p.labels[t.ID] != (t.Category == "USER_DEFINED") {
				p.t.Errorf("type %d is sent as %s", t.ID, t.Category)
			}
			if t.ID == 1 { // there is one primary
				for id, have := range p.links[one.From.ID] {
					p.links[one.From.ID][id] = slices.DeleteFunc(have, func(n int) bool { return n == 1 })
				}
			}
			types = append(types, t.ID)
		}
		if !slices.Contains(types, 279) {
			types = append(types, 279)
		}
		slices.Sort(types)
		p.links[one.From.ID][one.To.ID] = types // replaces
		rows = append(rows, fmt.Sprintf(`{"fromObjectTypeId":"0-1","fromObjectId":%s,"toObjectTypeId":"0-2","toObjectId":%q,"labels":[]}`, one.From.ID, one.To.ID))
	}
	return reply{status: 201, body: `{"results":[` + strings.Join(rows, ",") + `]}`}
}

func relinks(to ...string) []record.Patch {
	var out []record.Patch
	for i, id := range to {
		out = append(out, record.Patch{ID: fmt.Sprint(i + 1), Fields: []record.FieldValue{company(id)}})
	}
	return out
}

// hubspot-9.12: the primary company moves only when an update says so, by one
// call for all; labels that people set on the pair stay, and what is so already
// is not written.
func TestMoveOfThePrimaryCompany(t *testing.T) {
	p := &portal{t: t, labels: map[int]bool{36: true}, links: map[string]map[string][]int{
		"1": {"10": {1, 279}, "20": {36, 279}}, // moves from 10 to 20, which has a label
		"2": {"10": {1, 36, 279}},              // is there already
	}}
	s := p.script()
	patches := relinks("20", "10", "30")
	patches[2].Fields = append(patches[2].Fields, text("firstname", "Ann"))
	patches = append(patches, record.Patch{ID: "4", Fields: []record.FieldValue{text("firstname", "Bo")}})
	res, err := client(t, s).Update(t.Context(), "contacts", patches)
	if err != nil || kinds(res) != "1 2 3 4" {
		t.Fatal(kinds(res), err)
	}
	want := map[string]map[string][]int{
		"1": {"10": {279}, "20": {1, 36, 279}}, "2": {"10": {1, 36, 279}}, "3": {"30": {1, 279}},
	}
	if diff := cmp.Diff(want, p.links); diff != "" {
		t.Error(diff)
	}
	if u, w := s.calls("/batch/update"), s.calls("/contacts/companies/batch/create"); len(u) != 1 || len(w) != 1 {
		t.Errorf("%d updates and %d calls for associations, want one each", len(u), len(w))
	}
	if b := s.bodies("/batch/update")[0]; strings.Contains(b, "associations") || strings.Contains(b, `"1"`) {
		t.Errorf("the update holds an association: %s", b)
	}
	// Whoever does not mention the company leaves it where it is.
	if _, err := client(t, s).Update(t.Context(), "contacts", updates(3)); err != nil || len(s.calls("/companies/")) != 2 {
		t.Errorf("%v, calls %v", err, s.calls("/companies/"))
	}
}

// hubspot-9.22: an association that was taken and not made is told: it counts
// only by its own confirmed call.
func TestAssociationDroppedInSilence(t *testing.T) {
	p := &portal{t: t, drop: true, links: map[string]map[string][]int{"2": {"10": {1, 279}}}}
	res, err := client(t, p.script()).Update(t.Context(), "contacts", relinks("10", "10"))
	if err != nil || kinds(res) != "transient 2" || !slices.Contains(res[0].Err.Fields, "associations.company") {
		t.Errorf("%s %v", kinds(res), err)
	}
}

// F16 for associations: the one that is refused is found, the others are made.
func TestAssociationRefused(t *testing.T) {
	p := &portal{t: t, links: map[string]map[string][]int{}, refuse: map[string]bool{"66": true}}
	res, err := client(t, p.script()).Update(t.Context(), "contacts", relinks("10", "66", "10", "20"))
	if err != nil || kinds(res) != "1 rejected 3 4" || len(p.links) != 3 {
		t.Errorf("%s %v %v", kinds(res), err, p.links)
	}
	if e := res[1].Err; !slices.Equal(e.Fields, []string{"associations.company"}) || e.Ref.ID != "2" {
		t.Errorf("got %+v", e)
	}
}

// A record whose properties were written and whose association was not reached
// is not done.
func TestAssociationsNotReached(t *testing.T) {
	s := &script{answer: func(r *http.Request, body string) reply {
		if strings.Contains(r.URL.Path, "/associations/") {
			return reply{status: 403, body: `{"category":"MISSING_SCOPES"}`}
		}
		return reply{body: results(t, body)}
	}}
	patches := updates(2)
	patches[1].Fields = append(patches[1].Fields, company("10"))
	res, err := client(t, s).Update(t.Context(), "contacts", patches)
	if err != nil || kinds(res) != "1 denied" {
		t.Errorf("%s, %v", kinds(res), err)
	}
}

func TestAssociationIsNeverRemoved(t *testing.T) {
	p := &portal{t: t, links: map[string]map[string][]int{"1": {"10": {1, 279}}}}
	s := p.script()
	res, err := client(t, s).Update(t.Context(), "contacts", []record.Patch{{ID: "1", Fields: []record.FieldValue{
		text("firstname", "A"), field("associations.company", record.Reference, record.NullValue()),
	}}})
	if err != nil || kinds(res) != "rejected" || len(s.calls("")) != 0 {
		t.Errorf("%s, %v, %v", kinds(res), err, s.calls(""))
	}
}

// hubspot-9.13, hubspot-9.14: a company stands once in the field, whatever types
// lead to it, and it is read anew with every record, whatever changed on that.
func TestReadsThePrimaryCompany(t *testing.T) {
	for _, errorful := range []bool{false, true} {
		p := &portal{t: t, errorful: errorful, links: map[string]map[string][]int{
			"1": {"10": {279, 1, 1}, "20": {279}}, "2": {"20": {279}}, "3": {"30": {1, 279}},
		}}
		s := p.script()
		c := client(t, s)
		ask := fields("associations.company", record.Reference, "firstname", record.Text)
		for range 2 {
			got, errs, err := c.Get(t.Context(), "contacts", ask, []string{"1", "2", "3", "4"})
			if err != nil || len(errs) != 0 || len(got) != 4 {
				t.Fatal(len(got), errs, err)
			}
			raw := map[string]string{}
			for _, r := range got {
				raw[r.ID] = string(r.Raw[0])
				if _, err := c.Convert("contacts", ask[0], r.Raw[0]); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(map[string]string{"1": `"10"`, "2": "null", "3": `"30"`, "4": "null"}, raw); diff != "" {
				t.Error(diff)
			}
			p.links["4"] = nil
		}
		if n := len(s.calls("/contacts/companies/batch/read")); n != 2 {
			t.Errorf("associations were read %d times", n)
		}
		p.links["4"] = map[string][]int{"10": {1}}
		got, _, err := c.Get(t.Context(), "contacts", ask, []string{"4"})
		if err != nil || string(got[0].Raw[0]) != `"10"` {
			t.Errorf("got %s, %v", got[0].Raw[0], err)
		}
	}
}

// A record with very many associations has pages of them.
func TestPagesOfAssociations(t *testing.T) {
	s := &script{answer: func(r *http.Request, body string) reply {
		switch {
		case !strings.Contains(r.URL.Path, "/associations/"):
			return reply{body: `{"results":[{"id":"1"},{"id":"2"}]}`}
		case strings.Contains(body, `"after":"500"`):
			return reply{body: `{"results":[{"from":{"id":"1"},"to":[{"toObjectId":"77","associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":1}]}]}]}`}
		}
		return reply{body: `{"results":[{"from":{"id":"1"},"to":[{"toObjectId":"5","associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":279}]}],"paging":{"next":{"after":"500"}}}]}`}
	}}
	got, _, err := client(t, s).Get(t.Context(), "contact", fields("associations.company", record.Reference), []string{"1", "2"})
	if err != nil || string(got[0].Raw[0]) != `"77"` || len(s.calls("/associations/")) != 2 {
		t.Error(got, err)
	}
	s = &script{answer: func(r *http.Request, _ string) reply {
		if !strings.Contains(r.URL.Path, "/associations/") {
			return reply{body: `{"results":[{"id":"1"}]}`}
		}
		return reply{body: `{"results":[{"from":{"id":"1"},"to":[],"paging":{"next":{"after":"9"}}}]}`}
	}}
	_, _, err = client(t, s).Get(t.Context(), "contact", fields("associations.company", record.Reference), []string{"1"})
	if err == nil || providers.KindOf(err) != providers.Broken {
		t.Errorf("associations without an end: %v", err)
	}
}

// C12.1: the errors within an answer that is none itself show no secret, no
// e-mail address and no phone number either, and are short.
func TestC12_1_ErrorsWithinAnAnswer(t *testing.T) {
	s := &script{answer: func(r *http.Request, body string) reply {
		if strings.Contains(r.URL.Path, "/associations/") || strings.Contains(body, "propertiesWithHistory") {
			said := r.Header.Get("Authorization") + " of ann.echo@larch.test, +49 (40) 5550-1234, " + strings.Repeat("long ", 200)
			return reply{status: 207, body: `{"results":[],"errors":[{"status":"error","category":"INTERNAL","message":"bad ` + said + `"}]}`}
		}
		return reply{body: `{"results":[{"id":"1"}]}`}
	}}
	c := client(t, s)
	_, _, linked := c.Get(t.Context(), "contacts", fields("associations.company", record.Reference), []string{"1"})
	_, history := c.History(t.Context(), "companies", record.Field{Name: "name", Type: record.Text}, []string{"1"})
	for what, err := range map[string]error{"associations": linked, "history": history} {
		if err == nil || !strings.Contains(err.Error(), "bad Bearer [value] of [value], [value]") || len(err.Error()) > 400 {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
