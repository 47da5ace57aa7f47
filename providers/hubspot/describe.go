package hubspot

import (
	"context"
	"encoding/json"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// property is what is read of one property's definition. A property that the
// credential may not see, and a sensitive one, is simply not listed.
//
// https://developers.hubspot.com/docs/api/crm/properties, last checked 2026-11-22.
type property struct {
	Name            string `json:"name"`
	Type            string `json:"type"`
	FieldType       string `json:"fieldType"`
	GroupName       string `json:"groupName"`
	HasUniqueValue  bool   `json:"hasUniqueValue"`
	Calculated      bool   `json:"calculated"`
	ExternalOptions bool   `json:"externalOptions"`
	ReferencedType  string `json:"referencedObjectType"`
	Archived        bool   `json:"archived"`
	Options         []struct {
		Value string `json:"value"`
	} `json:"options"`
	Modification struct {
		ReadOnlyValue bool `json:"readOnlyValue"`
	} `json:"modificationMetadata"`
}

// Describe tells what an object's properties are, and which associations of it
// can be used as fields.
func (c *Client) Describe(ctx context.Context, object string) (providers.Schema, error) {
	op := "describe " + object
	if err := checkObject(op, object); err != nil {
		return providers.Schema{}, err
	}
	resp, err := c.get(ctx, call{op: op, kind: kindDescribe}, c.paths.properties(objectType(object), "?archived=false"))
	if err != nil {
		return providers.Schema{}, err
	}
	defer resp.Release()
	return parseSchema(op, object, resp.Body)
}

func parseSchema(op, object string, body []byte) (providers.Schema, error) {
	var list struct {
		Results []property `json:"results"`
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Results) == 0 {
		return providers.Schema{}, providers.Errorf(providers.Broken, op, "the answer is no list of properties")
	}
	s := providers.Schema{Object: object, Fields: make(map[string]providers.SchemaField, len(list.Results)+1)}
	for i := range list.Results {
		if p := &list.Results[i]; !p.Archived && validName(p.Name) {
			s.Fields[p.Name] = p.schema(object)
		}
	}
	for name := range associations(object) {
		s.Fields[name] = providers.SchemaField{
			Name: name, Type: "association", Types: []record.Type{record.Reference}, Createable: true, Updateable: true,
		}
	}
	return s, nil
}

// schema tells what the property means to a route. A look-up by a property that
// is not unique is refused by the service, so those take a listing instead.
func (p *property) schema(object string) providers.SchemaField {
	email := objectType(object) == "contacts" && p.Name == "email"
	free := !p.Modification.ReadOnlyValue
	out := providers.SchemaField{
		Name: p.Name, Type: p.Type, Types: p.fitting(), Length: p.length(),
		Createable: free, Updateable: free, RequiredNew: requiredNew(object, p.Name),
		Unique:     p.HasUniqueValue || email,
		ExternalID: p.HasUniqueValue && free && !email && p.Type == "string",
		// Hits are compared again and a folded repeat is refused, so a property
		// that keeps its text as it is tells ABC from abc well enough. E-mail
		// addresses are lowered when they are stored.
		CaseExact:  p.HasUniqueValue && !email,
		Restricted: p.Type == "enumeration" && !p.ExternalOptions,
		Readonly:   p.readonly(),
		FindBy:     p.HasUniqueValue || email || p.Name == idProperty,
	}
	for _, o := range p.Options {
		out.Picklist = append(out.Picklist, o.Value)
	}
	return out
}

// idProperty is the property that holds a record's own id.
const idProperty = "hs_object_id"

// requiredNew lists what a create cannot do without.
// https://developers.hubspot.com/docs/api/crm/understanding-the-crm, last
// checked 2026-11-22.
func requiredNew(object, name string) bool {
	switch objectType(object) {
	case "deals":
		return name == "dealname" || name == "dealstage"
	case "tasks":
		return name == "hs_timestamp"
	}
	return false
}

func (p *property) length() int {
	if p.Type == "string" {
		return textLimit
	}
	return 0
}

func (p *property) readonly() string {
	switch {
	case !p.Modification.ReadOnlyValue:
		return ""
	case p.Calculated:
		return "calculated by a formula"
	}
	return "kept by HubSpot itself"
}

// fitting lists the hub types whose values a property of this type takes and
// gives back unharmed.
func (p *property) fitting() []record.Type {
	if p.Name == idProperty {
		return []record.Type{record.Reference, record.ID, record.Text}
	}
	switch p.Type {
	case "string", "phone_number":
		return []record.Type{record.Text, record.ID, record.Picklist}
	case "number":
		return []record.Type{record.Decimal, record.Int}
	case "bool":
		return []record.Type{record.Bool}
	case "date":
		return []record.Type{record.Date}
	case "datetime":
		return []record.Type{record.Datetime}
	case "enumeration":
		return p.fittingOptions()
	}
	return []record.Type{record.Text}
}

func (p *property) fittingOptions() []record.Type {
	switch {
	case p.ExternalOptions, p.ReferencedType != "":
		return []record.Type{record.Reference, record.ID, record.Picklist, record.Text}
	case p.FieldType == "checkbox":
		return []record.Type{record.MultiSet}
	case p.FieldType == "booleancheckbox":
		return []record.Type{record.Bool, record.Picklist}
	}
	return []record.Type{record.Picklist, record.Text, record.Bool}
}
