package salesforce

import (
	"context"
	"encoding/json"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// describeAnswer is what is read of an object's description. A field that the
// integration user may not see is simply not in it.
//
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm,
// last checked 2026-11-22.
type describeAnswer struct {
	Name   string          `json:"name"`
	Fields []describeField `json:"fields"`
}

type describeField struct {
	Name               string `json:"name"`
	Type               string `json:"type"`
	Length             int    `json:"length"`
	Createable         bool   `json:"createable"`
	Updateable         bool   `json:"updateable"`
	Nillable           bool   `json:"nillable"`
	DefaultedOnCreate  bool   `json:"defaultedOnCreate"`
	Unique             bool   `json:"unique"`
	ExternalID         bool   `json:"externalId"`
	IDLookup           bool   `json:"idLookup"`
	CaseSensitive      bool   `json:"caseSensitive"`
	Filterable         bool   `json:"filterable"`
	Calculated         bool   `json:"calculated"`
	AutoNumber         bool   `json:"autoNumber"`
	CompoundFieldName  string `json:"compoundFieldName"`
	RestrictedPicklist bool   `json:"restrictedPicklist"`
	PicklistValues     []struct {
		Value  string `json:"value"`
		Active bool   `json:"active"`
	} `json:"picklistValues"`
}

// Describe tells what an object looks like to the integration user.
func (c *Client) Describe(ctx context.Context, object string) (providers.Schema, error) {
	op := "describe " + object
	if err := checkNames(op, object, nil); err != nil {
		return providers.Schema{}, err
	}
	resp, err := c.get(ctx, call{op: op, kind: kindDescribe}, c.data("/sobjects/"+object+"/describe"))
	if err != nil {
		return providers.Schema{}, err
	}
	defer resp.Release()
	return parseDescribe(op, resp.Body)
}

func parseDescribe(op string, body []byte) (providers.Schema, error) {
	var d describeAnswer
	if err := json.Unmarshal(body, &d); err != nil || len(d.Fields) == 0 {
		return providers.Schema{}, providers.Errorf(providers.Broken, op, "the answer is no description of an object")
	}
	whole := make(map[string]bool)
	for i := range d.Fields {
		if f := &d.Fields[i]; f.CompoundFieldName != f.Name {
			whole[f.CompoundFieldName] = true
		}
	}
	s := providers.Schema{Object: d.Name, Fields: make(map[string]providers.SchemaField, len(d.Fields))}
	for i := range d.Fields {
		f := &d.Fields[i]
		s.Fields[f.Name] = f.schema(whole[f.Name])
	}
	return s, nil
}

func (f *describeField) schema(compound bool) providers.SchemaField {
	out := providers.SchemaField{
		Name: f.Name, Type: f.Type, Types: fitting(f.Type), Length: f.textLength(),
		Createable: f.Createable, Updateable: f.Updateable,
		RequiredNew: f.Createable && !f.Nillable && !f.DefaultedOnCreate,
		Unique:      f.Unique, ExternalID: f.ExternalID, CaseExact: f.Unique && f.CaseSensitive,
		Restricted: f.RestrictedPicklist,
		Readonly:   f.readonly(compound),
		FindBy:     f.Filterable || f.IDLookup,
	}
	for _, p := range f.PicklistValues {
		if p.Active {
			out.Picklist = append(out.Picklist, p.Value)
		}
	}
	return out
}

// textLength is the length of a field that holds text; picklists are bounded
// by their values.
func (f *describeField) textLength() int {
	switch f.Type {
	case "boolean", "int", "double", "currency", "percent", "date", "datetime", "time", "address", "location":
		return 0
	}
	return f.Length
}

func (f *describeField) readonly(compound bool) string {
	switch {
	case f.Type == "id":
		return "the record's own id"
	case f.Type == "address", f.Type == "location", compound && !f.Updateable:
		return "compound: write its parts"
	case f.Calculated:
		return "calculated by a formula"
	case f.AutoNumber:
		return "numbered by the system"
	case !f.Createable && !f.Updateable && systemField(f.Name):
		return "kept by Salesforce itself"
	}
	return "" // a right may be missing, and given
}

// systemField reports whether a field is one that Salesforce fills in every
// object and that no right makes writable.
// https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm
func systemField(name string) bool {
	switch name {
	case "CreatedById", "CreatedDate", "IsDeleted", "LastActivityDate", "LastModifiedById", "LastModifiedDate",
		"LastReferencedDate", "LastViewedDate", "MasterRecordId", "SystemModstamp":
		return true
	}
	return false
}

// fitting lists the hub types whose values a field of this type takes and
// gives back unharmed. Numbers do not fit into text: the service refuses a
// bare number there.
func fitting(typ string) []record.Type {
	switch typ {
	case "string", "phone", "url", "email", "combobox", "encryptedstring":
		return []record.Type{record.Text, record.ID, record.Picklist}
	case "textarea", "time":
		return []record.Type{record.Text}
	case "picklist":
		return []record.Type{record.Picklist, record.Text}
	case "multipicklist":
		return []record.Type{record.MultiSet}
	case "boolean":
		return []record.Type{record.Bool}
	case "int":
		return []record.Type{record.Int}
	case "double", "currency", "percent":
		return []record.Type{record.Decimal, record.Int}
	case "date":
		return []record.Type{record.Date}
	case "datetime":
		return []record.Type{record.Datetime}
	case "reference", "id":
		return []record.Type{record.Reference, record.ID, record.Text}
	}
	return nil
}

// Groups names the fields that must travel together: a state is refused
// without a country that has it, and half of a position means nothing.
//
// https://help.salesforce.com/s/articleView?id=sf.admin_state_country_picklist_field_syncing_and_error_handling.htm,
// last checked 2026-11-22.
func (c *Client) Groups(object string) [][]string {
	var prefixes []string
	switch strings.ToLower(object) {
	case "account":
		prefixes = []string{"Billing", "Shipping"}
	case "contact":
		prefixes = []string{"Mailing", "Other"}
	case "lead":
		prefixes = []string{""}
	}
	var out [][]string
	for _, p := range prefixes {
		out = append(out,
			[]string{p + "Country", p + "CountryCode", p + "State", p + "StateCode"},
			[]string{p + "Latitude", p + "Longitude"})
	}
	return out
}
