package hubspot

import (
	"context"
	"encoding/json"
	"net/http"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// newProperty is the one thing that Fix makes.
type newProperty struct {
	GroupName      string `json:"groupName"`
	Name           string `json:"name"`
	Label          string `json:"label"`
	Description    string `json:"description,omitempty"`
	Type           string `json:"type"`
	FieldType      string `json:"fieldType"`
	HasUniqueValue bool   `json:"hasUniqueValue"`
}

// Fix makes a text property with unique values where there is none of that
// name. Whether a property is unique can never be changed, so one that is there
// and is not unique is left alone and told; so is an archived one that the
// portal brings back under the name.
//
// https://developers.hubspot.com/docs/api/crm/properties, last checked 2026-11-22.
func (c *Client) Fix(ctx context.Context, object string, field record.Field, why string) error {
	op := "make the property " + short(object+"."+field.Name)
	group, ok := propertyGroup(object)
	switch {
	case !ok:
		return refuseFix(op, "only contacts, companies, deals and tasks get a property from here", "make it in HubSpot's settings")
	case field.Type != record.ID && field.Type != record.Text:
		return refuseFix(op, "only a text property is made from here", "make it in HubSpot's settings")
	case !lowerName(field.Name) || isAssociation(field.Name):
		return refuseFix(op, "the name is not one that HubSpot takes", "use lower-case letters, digits and underscores")
	}
	if p, err := c.property(ctx, op, object, field.Name); err != nil || p != nil {
		return fits(op, p, err)
	}
	body, err := json.Marshal(newProperty{
		GroupName: group, Name: field.Name, Label: field.Name, Description: short(why),
		Type: "string", FieldType: "text", HasUniqueValue: true,
	})
	if err != nil {
		return providers.Errorf(providers.Broken, op, "write the request: %w", err)
	}
	// A repeat is refused by the portal, so sending it again does no harm.
	resp, serr := c.send(ctx, call{op: op, kind: kindFix, verb: creating}, rest.Request{
		Method: http.MethodPost, Path: c.paths.properties(objectType(object), ""), Body: body, Idempotent: true,
	})
	if serr != nil && providers.KindOf(serr) != providers.Exists {
		return serr
	}
	resp.Release()
	p, err := c.property(ctx, op, object, field.Name)
	if err == nil && p == nil {
		return providers.Errorf(providers.Broken, op, "it was made and is not there")
	}
	return fits(op, p, err)
}

func refuseFix(op, why, hint string) error {
	e := providers.Errorf(providers.Rejected, op, "%s", why)
	e.Hint = hint
	return e
}

func fits(op string, p *property, err error) error {
	switch {
	case err != nil:
		return err
	case p.Archived:
		return refuseFix(op, "an archived property has that name", "restore it in HubSpot's settings, or choose another name")
	case p.Type != "string":
		return refuseFix(op, "a property of that name is there and holds no text", "choose another name")
	case !p.HasUniqueValue:
		return refuseFix(op, "a property of that name is there and its values need not be unique, which cannot be changed",
			"choose another name")
	case p.Modification.ReadOnlyValue:
		return refuseFix(op, "a property of that name is there and cannot be written", "choose another name")
	}
	return nil
}

// property returns the definition of one property, nil when there is none.
func (c *Client) property(ctx context.Context, op, object, name string) (*property, error) {
	resp, err := c.send(ctx, call{op: op, kind: kindDescribe, verb: looking}, rest.Request{
		Path: c.paths.properties(objectType(object), "/"+name),
	})
	if err != nil {
		if providers.KindOf(err) == providers.Missing {
			return nil, nil //nolint:nilnil // nothing is there, and that is no failure
		}
		return nil, err
	}
	defer resp.Release()
	var p property
	if err := json.Unmarshal(resp.Body, &p); err != nil || p.Name != name {
		return nil, providers.Errorf(providers.Broken, op, "the answer is no property")
	}
	return &p, nil
}

// propertyGroup is where a new property is shown.
func propertyGroup(object string) (string, bool) {
	switch objectType(object) {
	case "contacts":
		return "contactinformation", true
	case "companies":
		return "companyinformation", true
	case "deals":
		return "dealinformation", true
	case "tasks":
		return "task", true
	}
	return "", false
}
