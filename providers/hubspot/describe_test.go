package hubspot_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/hubspot"
)

func clientOf(t testing.TB, cfg hubspot.Config) *hubspot.Client {
	t.Helper()
	c, err := hubspot.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const contactProperties = `{"results":[
{"name":"email","type":"string","fieldType":"text","hasUniqueValue":true,"modificationMetadata":{"readOnlyValue":false}},
{"name":"qbench_id","type":"string","fieldType":"text","hasUniqueValue":true,"modificationMetadata":{"readOnlyValue":false}},
{"name":"lead_number","type":"number","fieldType":"number","hasUniqueValue":true,"modificationMetadata":{"readOnlyValue":false}},
{"name":"numemployees","type":"enumeration","fieldType":"select","options":[{"value":"1-5"},{"value":"5-25","hidden":true}],"modificationMetadata":{"readOnlyValue":false}},
{"name":"tags","type":"enumeration","fieldType":"checkbox","options":[{"value":"a"}]},
{"name":"hubspot_owner_id","type":"enumeration","fieldType":"select","externalOptions":true,"referencedObjectType":"OWNER"},
{"name":"birthday","type":"date"},{"name":"seen","type":"datetime"},{"name":"vip","type":"bool","fieldType":"booleancheckbox"},
{"name":"score","type":"number","calculated":true,"modificationMetadata":{"readOnlyValue":true}},
{"name":"hs_object_id","type":"number","modificationMetadata":{"readOnlyValue":true}},
{"name":"old","type":"string","archived":true},
{"name":"firstname","type":"string","fieldType":"text"}]}`

func TestDescribe(t *testing.T) {
	s, err := client(t, answers(reply{body: contactProperties})).Describe(t.Context(), "contacts")
	if err != nil {
		t.Fatal(err)
	}
	free := func(f providers.SchemaField) providers.SchemaField { f.Createable, f.Updateable = true, true; return f }
	textual := []record.Type{record.Text, record.ID, record.Picklist}
	want := map[string]providers.SchemaField{
		"email":            free(providers.SchemaField{Type: "string", Types: textual, Length: 65536, Unique: true, FindBy: true}),
		"qbench_id":        free(providers.SchemaField{Type: "string", Types: textual, Length: 65536, Unique: true, FindBy: true, ExternalID: true, CaseExact: true}),
		"lead_number":      free(providers.SchemaField{Type: "number", Types: []record.Type{record.Decimal, record.Int}, Unique: true, FindBy: true, CaseExact: true}),
		"numemployees":     free(providers.SchemaField{Type: "enumeration", Types: []record.Type{record.Picklist, record.Text, record.Bool}, Restricted: true, Picklist: []string{"1-5", "5-25"}}),
		"tags":             free(providers.SchemaField{Type: "enumeration", Types: []record.Type{record.MultiSet}, Restricted: true, Picklist: []string{"a"}}),
		"hubspot_owner_id": free(providers.SchemaField{Type: "enumeration", Types: []record.Type{record.Reference, record.ID, record.Picklist, record.Text}}),
		"birthday":         free(providers.SchemaField{Type: "date", Types: []record.Type{record.Date}}),
		"seen":             free(providers.SchemaField{Type: "datetime", Types: []record.Type{record.Datetime}}),
		"vip":              free(providers.SchemaField{Type: "bool", Types: []record.Type{record.Bool}}),
		"score":            {Type: "number", Types: []record.Type{record.Decimal, record.Int}, Readonly: "calculated by a formula"},
		"hs_object_id":     {Type: "number", Types: []record.Type{record.Reference, record.ID, record.Text}, Readonly: "kept by HubSpot itself", FindBy: true},
		"firstname":        free(providers.SchemaField{Type: "string", Types: textual, Length: 65536}),

		"associations.company": free(providers.SchemaField{Type: "association", Types: []record.Type{record.Reference}}),
	}
	for name, f := range want {
		f.Name = name
		want[name] = f
	}
	if diff := cmp.Diff(want, s.Fields); diff != "" {
		t.Error(diff)
	}
}

func TestDescribeRefuses(t *testing.T) {
	for name, a := range map[string]reply{
		"empty": {body: `{"results":[]}`}, "no list": {body: `[1]`},
		"unknown object": {status: 400, body: `{"category":"VALIDATION_ERROR","message":"Unable to infer object type from: labs"}`},
	} {
		if _, err := client(t, answers(a)).Describe(t.Context(), "labs"); err == nil || providers.KindOf(err) != providers.Broken {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// vault is a portal's properties, for Fix.
type vault struct {
	t     *testing.T
	props map[string]string
	posts []string
	makes string // what a create makes of the property; empty: what was asked for
}

func (v *vault) script() *script {
	return &script{answer: func(r *http.Request, body string) reply {
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		switch {
		case r.Method == http.MethodGet && v.props[name] != "":
			return reply{body: v.props[name]}
		case r.Method == http.MethodGet:
			return reply{status: 404, body: `{"category":"OBJECT_NOT_FOUND","message":"Property does not exist"}`}
		case r.Method != http.MethodPost:
			v.t.Error(r.Method)
		}
		v.posts = append(v.posts, r.URL.Path+" "+body)
		v.props["qbench_id"] = body
		if v.makes != "" {
			v.props["qbench_id"] = v.makes
		}
		return reply{status: 201, body: body}
	}}
}

func TestFixMakesTheUniqueProperty(t *testing.T) {
	v := &vault{t: t, props: map[string]string{}}
	c := client(t, v.script())
	id := record.Field{Name: "qbench_id", Type: record.ID}
	for range 2 { // the second time it is there
		if err := c.Fix(t.Context(), "companies", id, "carries the QBench customer id"); err != nil {
			t.Fatal(err)
		}
	}
	want := `/crm/properties/2026-09/companies {"groupName":"companyinformation","name":"qbench_id","label":"qbench_id",` +
		`"description":"carries the QBench customer id","type":"string","fieldType":"text","hasUniqueValue":true}`
	if diff := cmp.Diff([]string{want}, v.posts); diff != "" {
		t.Error(diff)
	}
}

// What is there and cannot serve is left as it is; a create that was quicker is
// looked at; and nothing but a unique text property is ever made.
func TestFixRefuses(t *testing.T) {
	id := record.Field{Name: "qbench_id", Type: record.ID}
	for name, prop := range map[string]string{
		"not unique": `{"name":"qbench_id","type":"string","hasUniqueValue":false}`,
		"a number":   `{"name":"qbench_id","type":"number","hasUniqueValue":true}`,
		"archived":   `{"name":"qbench_id","type":"string","hasUniqueValue":true,"archived":true}`,
		"read only":  `{"name":"qbench_id","type":"string","hasUniqueValue":true,"modificationMetadata":{"readOnlyValue":true}}`,
	} {
		v := &vault{t: t, props: map[string]string{"qbench_id": prop}}
		if err := client(t, v.script()).Fix(t.Context(), "contacts", id, ""); providers.KindOf(err) != providers.Rejected || len(v.posts) != 0 {
			t.Errorf("%s: %v, %v", name, err, v.posts)
		}
		v = &vault{t: t, props: map[string]string{}, makes: prop} // the portal restored an old one
		if err := client(t, v.script()).Fix(t.Context(), "contacts", id, ""); providers.KindOf(err) != providers.Rejected {
			t.Errorf("restored %s: %v", name, err)
		}
	}
	v := &vault{t: t, props: map[string]string{}}
	for _, f := range []record.Field{
		{Name: "qbench_id", Type: record.Int}, {Name: "associations.company", Type: record.ID}, {Name: "Upper", Type: record.ID}, {Name: "../x", Type: record.ID},
	} {
		if err := client(t, v.script()).Fix(t.Context(), "contacts", f, ""); providers.KindOf(err) != providers.Rejected {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if err := client(t, v.script()).Fix(t.Context(), "p_labs", id, ""); providers.KindOf(err) != providers.Rejected || len(v.posts) != 0 {
		t.Errorf("%v, %v", err, v.posts)
	}
	n := 0
	s := &script{answer: func(r *http.Request, _ string) reply {
		switch n++; {
		case r.Method == http.MethodPost:
			return reply{status: 409, body: `{"category":"OBJECT_ALREADY_EXISTS","subCategory":"Properties.PROPERTY_WITH_NAME_EXISTS"}`}
		case n == 1:
			return reply{status: 404}
		}
		return reply{body: `{"name":"qbench_id","type":"string","hasUniqueValue":true}`}
	}}
	if err := client(t, s).Fix(t.Context(), "contacts", id, ""); err != nil || n != 3 {
		t.Errorf("%v after %d calls", err, n)
	}
}

func TestConvert(t *testing.T) {
	c := client(t, answers(reply{}))
	for _, test := range []struct {
		typ       record.Type
		raw, want string
	}{
		{record.Text, `" Larch "`, "Larch"},
		{record.ID, `"007"`, "007"},
		{record.Int, `"42"`, "42"},
		{record.Int, `"42.0"`, "42"},
		{record.Decimal, `"1.50"`, "1.5"},
		{record.Decimal, `"4.2E7"`, "42000000"},
		{record.Bool, `"true"`, "true"},
		{record.Bool, `"false"`, "false"},
		{record.Date, `"2024-02-29"`, "2024-02-29"},
		{record.Date, `"2024-02-29T00:00:00.000Z"`, "2024-02-29"},
		{record.Date, `"1709164800000"`, "2024-02-29"},
		{record.Datetime, `"2024-02-29T10:00:00.000Z"`, "2024-02-29T10:00:00Z"},
		{record.Datetime, `"1709200800123"`, "2024-02-29T10:00:00.123Z"},
		{record.Datetime, `1709200800000`, "2024-02-29T10:00:00Z"},
		{record.MultiSet, `"b;a"`, "a\x1fb"},
		{record.Reference, `"901"`, "901"},
		{record.Reference, `["2","1"]`, "1\x1f2"},
	} {
		v, err := c.Convert("contacts", record.Field{Name: "f", Type: test.typ}, []byte(test.raw))
		if err != nil || v.Text() != test.want {
			t.Errorf("%v of %s: %q, %v", test.typ, test.raw, v.Text(), err)
		}
	}
	for typ := record.Text; typ <= record.Reference; typ++ {
		for raw, want := range map[string]record.Value{`""`: record.NullValue(), `null`: record.NullValue(), ``: {}} {
			if v, err := c.Convert("contacts", record.Field{Name: "f", Type: typ}, []byte(raw)); err != nil || v != want {
				t.Errorf("%v of %q: %v, %v", typ, raw, v, err)
			}
		}
	}
	for _, bad := range []struct {
		typ record.Type
		raw string
	}{{record.Date, `"2024-02-29T10:00:00Z"`}, {record.Date, `"29.2.2024"`}, {record.Int, `"secret"`}, {record.Date, `"2024"`}, {record.ID, `12345.0`}} {
		_, err := c.Convert("contacts", record.Field{Name: "f", Type: bad.typ}, []byte(bad.raw))
		if providers.KindOf(err) != providers.Rejected || strings.Contains(err.Error(), "secret") || !slices.Equal(asError(err).Fields, []string{"f"}) {
			t.Errorf("%s: %v", bad.raw, err)
		}
	}
}
