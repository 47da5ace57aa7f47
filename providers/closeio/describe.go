package closeio

import (
	"context"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Describe tells what an object's fields are: those of the API, parts of its
// lists, and the custom fields by their names, each with its id, by which a
// renamed one is known again.
func (c *Client) Describe(ctx context.Context, object string) (providers.Schema, error) {
	op := "describe " + short(object)
	if err := checkObject(op, object); err != nil {
		return providers.Schema{}, err
	}
	s := providers.Schema{Object: object, Fields: map[string]providers.SchemaField{}}
	for _, f := range apiFields(object) {
		s.Fields[f.name] = providers.SchemaField{
			Name: f.name, Type: f.kind, Types: f.types, Updateable: f.readonly == "", Readonly: f.readonly, CaseExact: true,
		}
	}
	describeLists(object, s.Fields)
	if !hasCustom(object) {
		return s, nil
	}
	schema, err := c.schema(ctx, op, object)
	if err != nil {
		return providers.Schema{}, err
	}
	for i := range schema.fields {
		f := &schema.fields[i]
		if schema.byName[f.Name] != i {
			continue // two of one name: neither can be meant
		}
		out := f.describe(object)
		s.Fields[out.Name] = out
	}
	return s, nil
}

func describeLists(object string, fields map[string]providers.SchemaField) {
	for _, l := range partLists(object) {
		for _, label := range labels(l.member) {
			for _, part := range l.parts {
				name := l.member + "." + label
				if l.alone == "" {
					name += "." + part
				}
				fields[name] = providers.SchemaField{Name: name, Type: part, Types: textual(), Readonly: ofList}
			}
		}
	}
}

// describe tells what a custom field means to a route.
func (f *customField) describe(object string) providers.SchemaField {
	out := providers.SchemaField{
		Name: customPrefix + f.Name, ID: f.ID, Type: f.Type, Types: f.fitting(),
		Restricted: f.Type == typeChoices, Picklist: f.Choices, Readonly: f.readonly(object), CaseExact: true,
	}
	out.Updateable = out.Readonly == ""
	return out
}

// The types of custom fields whose values are known for sure.
const (
	typeText    = "text"
	typeNumber  = "number"
	typeDate    = "date"
	typeUser    = "user"
	typeChoices = "choices"
)

// fitting lists the hub types whose values a custom field holds unharmed. The
// values of a type that is not known here can be read as they come.
func (f *customField) fitting() []record.Type {
	if f.Multiple {
		return []record.Type{record.MultiSet}
	}
	switch f.Type {
	case typeNumber:
		return []record.Type{record.Decimal, record.Int}
	case typeDate:
		return []record.Type{record.Date}
	case typeUser, "contact":
		return references()
	case typeChoices:
		return []record.Type{record.Picklist, record.Text, record.ID, record.Bool}
	case typeText:
		return textual()
	case "datetime":
		return []record.Type{record.Datetime, record.Date}
	}
	return []record.Type{record.Text}
}

// readonly says why a custom field cannot be written. Whether the key's own role
// is among those that may is not told, so a field that is kept to some roles is
// left to people.
func (f *customField) readonly(object string) string {
	switch {
	case f.Converting != "":
		return "its values are being converted to " + short(f.Converting)
	case len(f.roles(object)) > 0:
		return "only the roles " + short(strings.Join(f.roles(object), ", ")) + " may write it"
	}
	switch f.Type {
	case typeText, typeNumber, typeDate, typeUser, typeChoices:
		return ""
	}
	return "it is of the type " + short(f.Type) + ", whose values are not known here"
}

// roles are those that the field is kept to. A shared field has them with each
// object.
func (f *customField) roles(object string) []string {
	for _, a := range f.Associations {
		if a.ObjectType == object && len(a.Roles) > 0 {
			return a.Roles
		}
	}
	return f.Roles
}
