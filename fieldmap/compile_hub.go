package fieldmap

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"crmsyncd/fieldmap/record"
)

// Names of custom fields and of sub-object types.
const (
	fieldPattern = `^[a-z][a-z0-9_]*$`
	typePattern  = `^[A-Z][A-Z0-9_]*$`
)

const maxScale = 18

// compileHub makes all objects of the hub, also those that hub.yaml does not
// mention: references to them must find them.
func (c *compilation) compileHub() {
	for _, system := range []struct{ key, name string }{
		{"crm", c.hub.CRM}, {"billing", c.hub.Billing}, {"support", c.hub.Support},
	} {
		if system.name != "" {
			c.checkSystem(c.hubAt.at("%s", system.key), system.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.hub.Objects)) {
		if !slices.Contains(ObjectNames(), name) {
			c.failName(c.hubAt.at("objects.%s", name), "hub object", name, ObjectNames())
		}
	}
	for _, name := range ObjectNames() {
		c.m.Hub[name] = c.hubObject(name, c.hub.Objects[name])
	}
	c.computeds()
}

func (c *compilation) hubObject(name string, spec HubObjectSpec) *HubObject {
	at := c.hubAt.at("objects.%s", name)
	h := &HubObject{Name: name, SystemOfRecord: spec.SystemOfRecord, ByName: map[string]*HubField{}}
	c.subs[name] = c.sub(at, name, spec)
	for _, f := range slices.Concat(coreSchema(name), c.subs[name].fields()) {
		h.add(f)
	}
	declared := map[string]bool{}
	for i, field := range spec.Fields {
		at := at.at("fields[%d]", i)
		if declared[field.Name] {
			c.fail(at, fmt.Sprintf("field %q is declared twice", field.Name), "")
			continue
		}
		declared[field.Name] = true
		c.hubField(at, h, field)
	}
	c.identity(at, h, spec)
	if spec.SystemOfRecord != "" {
		c.checkSystem(at.at("system_of_record"), spec.SystemOfRecord)
	}
	for i, system := range spec.PushOnly {
		at := at.at("push_only[%d]", i)
		if c.checkSystem(at, system) && system == spec.SystemOfRecord {
			c.fail(at, fmt.Sprintf("%s is the system of record of %s and cannot be push_only", system, name),
				"a system of record is read") // D16
		}
	}
	return h
}

func (h *HubObject) add(f *HubField) {
	f.Object, f.Index = h.Name, len(h.Fields)
	h.Fields = append(h.Fields, f)
	h.ByName[f.Name] = f
}

func (c *compilation) identity(at place, h *HubObject, spec HubObjectSpec) {
	name := spec.ID
	if name == "" && h.Name == Account {
		name = AccountID
	}
	if name != "" {
		if h.ID = h.Field(name); h.ID == nil {
			c.failName(at.at("id"), "field", name, h.names())
		} else if h.ID.Sub || h.ID.Type == record.Decimal || h.ID.Type == record.MultiSet {
			c.fail(at.at("id"), fmt.Sprintf("%s cannot be an identity", name), "use a field of type id")
		} else {
			h.ID.Identity = true
		}
	}
	if h.Name == Account {
		h.Field(AccountID).Required, h.Field(Name).Required = true, true // D17
	}
	if spec.IDPattern == "" {
		return
	}
	pattern, err := regexp.Compile(spec.IDPattern)
	if err != nil {
		c.fail(at.at("id_pattern"), "not a regular expression: "+err.Error(), "for digits only, write '^[0-9]+$'")
		return
	}
	h.IDPattern = pattern
}

func (h *HubObject) names() []string { return slices.Sorted(maps.Keys(h.ByName)) }

// sub adds the declared types of addresses and phones to the core ones.
func (c *compilation) sub(at place, object string, spec HubObjectSpec) subSchema {
	s := coreSub(object)
	for _, t := range spec.AddressTypes {
		switch {
		case slices.Contains(s.addressTypes, t):
		case s.closed || len(s.addressFields) == 0:
			f := typeFault("address", t, object, s.addressTypes, true)
			c.fail(at.at("address_types"), f.Message, f.Hint)
		case c.typeName(at.at("address_types"), t):
			s.addressTypes = append(s.addressTypes, t)
		}
	}
	for _, t := range spec.PhoneTypes {
		switch {
		case slices.Contains(s.phoneTypes, t):
		case len(s.phoneTypes) == 0:
			c.fail(at.at("phone_types"), object+" has no phone", "")
		case c.typeName(at.at("phone_types"), t):
			s.phoneTypes = append(s.phoneTypes, t)
		}
	}
	return s
}

func (c *compilation) typeName(at place, t string) bool {
	ok := regexp.MustCompile(typePattern).MatchString(t)
	if !ok {
		c.fail(at, fmt.Sprintf("%q cannot be a type", t), "write it in capitals, as in MAILING")
	}
	return ok
}

func (c *compilation) hubField(at place, h *HubObject, spec HubFieldSpec) {
	f := h.Field(spec.Name)
	if f == nil {
		if f = c.customField(at, h, spec); f == nil {
			return
		}
		h.add(f)
	} else {
		c.coreSettings(at, f, spec)
	}
	f.Required = f.Required || spec.Required
	f.Core = f.Core || spec.Core
	c.fieldClass(at, f, spec)
	c.fieldValues(at, f, spec)
	c.hubAts[f] = at
	if spec.Wins != "" {
		c.wins[f] = spec.Wins
	}
	if spec.Computed != nil {
		c.worked[f] = *spec.Computed
	}
}

func (c *compilation) customField(at place, h *HubObject, spec HubFieldSpec) *HubField {
	at = at.at("name")
	if fault := c.subs[h.Name].fault(h.Name, spec.Name); fault != nil {
		c.fail(at, fault.Message, fault.Hint)
		return nil
	}
	if !regexp.MustCompile(fieldPattern).MatchString(spec.Name) {
		c.fail(at, fmt.Sprintf("%q cannot be the name of a field", spec.Name), "small letters, digits and _")
		return nil
	}
	if spec.Type == "" {
		hint := didYouMean(spec.Name, h.names())
		c.fail(at, fmt.Sprintf("%s is no core field of %s, so it needs a type", spec.Name, h.Name), hint)
		return nil
	}
	t, ok := record.ParseType(spec.Type)
	if !ok {
		c.failName(at, "type", spec.Type, customTypes())
		return nil
	}
	if t == record.Reference {
		c.fail(at, "a custom field cannot be a reference", "only core fields refer to other records")
		return nil
	}
	return &HubField{Name: spec.Name, Type: t, Scale: -1}
}

func customTypes() []string {
	var out []string
	for t := record.Text; t < record.Reference; t++ {
		out = append(out, t.String())
	}
	return out
}

// coreSettings allows what leaves a core field what it is. A text may become a
// picklist.
func (c *compilation) coreSettings(at place, f *HubField, spec HubFieldSpec) {
	if spec.Type == "" || spec.Type == f.Type.String() {
		return
	}
	if f.Type == record.Text && spec.Type == record.Picklist.String() && !f.Sub {
		f.Type = record.Picklist
		return
	}
	hint := "leave the type out"
	if f.Type == record.ID {
		hint = "ids are text from end to end; numbers lose zeros and gain fractions" // R9, R11
	}
	c.fail(at.at("type"), fmt.Sprintf("%s.%s is of type %s", f.Object, f.Name, f.Type), hint)
}

func (c *compilation) fieldClass(at place, f *HubField, spec HubFieldSpec) {
	switch spec.Class {
	case "":
	case "usage":
		f.Usage = true
	default:
		c.failName(at.at("class"), "class", spec.Class, []string{"usage"})
	}
	if spec.Scale == nil {
		return
	}
	if f.Type != record.Decimal || *spec.Scale < 0 || *spec.Scale > maxScale {
		c.fail(at.at("scale"), fmt.Sprintf("a scale is for decimals and goes from 0 to %d", maxScale), "")
		return
	}
	f.Scale = *spec.Scale
}

func (c *compilation) fieldValues(at place, f *HubField, spec HubFieldSpec) {
	list := f.Type == record.Picklist || f.Type == record.MultiSet
	if len(spec.Values) == 0 {
		if f.Type == record.Picklist && len(f.Values) == 0 {
			c.fail(at, fmt.Sprintf("picklist %s has no values", f.Name), "list them under values")
		}
		return
	}
	if !list {
		c.fail(at.at("values"), fmt.Sprintf("values are for picklists, and %s is of type %s", f.Name, f.Type), "")
		return
	}
	if f.Object == Task && f.Core {
		c.fail(at.at("values"), "the values of task.status are open and closed", "map each system's own with values: in its route") // D10
		return
	}
	f.Values = nil
	for _, text := range spec.Values {
		v, err := record.Canonical(record.Text, text)
		if err != nil || !v.IsSet() || slices.Contains(f.Values, v.Text()) {
			c.fail(at.at("values"), "a value is blank or stands twice", "")
			continue
		}
		f.Values = append(f.Values, v.Text())
	}
}
