package salesforcesim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The longest text a field can be declared with.
const (
	maxText     = 255
	maxTextarea = 131072
)

func (o *object) addSystemFields(x schemaObject) {
	ro := func(f *field) {
		f.defaulted = true
		o.add(f)
	}
	ro(&field{name: "Id", label: o.label + " ID", kind: "id", length: 18, idLookup: true, sys: sysID})
	ro(&field{name: "IsDeleted", label: "Deleted", kind: "boolean", sys: sysDeleted})
	if x.Mergeable {
		o.add(&field{
			name: "MasterRecordId", label: "Master Record ID", kind: "reference", length: 18, nillable: true,
			refersTo: []string{o.name}, relation: "MasterRecord", sys: sysMaster,
		})
	}
	if x.PersonName {
		o.add(&field{name: "LastName", label: "Last Name", kind: "string", length: 80, createable: true, updateable: true, compound: "Name"})
		o.add(&field{name: "FirstName", label: "First Name", kind: "string", length: 40, createable: true, updateable: true, nillable: true, compound: "Name"})
		o.add(&field{
			name: "Salutation", label: "Salutation", kind: "picklist", length: 40, createable: true, updateable: true, nillable: true,
			values: []string{"Mr.", "Ms.", "Mrs.", "Dr.", "Prof."}, compound: "Name",
		})
		ro(&field{name: "Name", label: "Full Name", kind: "string", length: 121, nameField: true, sys: sysFullName})
	} else if !slices.ContainsFunc(x.Fields, func(f schemaField) bool { return f.Name == "Name" || f.NameField != nil }) {
		o.add(&field{name: "Name", label: o.label + " Name", kind: "string", length: 80, createable: true, updateable: true, nameField: true})
	}
	if x.Owned {
		o.add(&field{
			name: "OwnerId", label: "Owner ID", kind: "reference", length: 18, createable: true, updateable: true, defaulted: true,
			refersTo: []string{"User"}, relation: "Owner",
		})
	}
	ro(&field{name: "CreatedDate", label: "Created Date", kind: "datetime", sys: sysCreated})
	ro(&field{name: "CreatedById", label: "Created By ID", kind: "reference", length: 18, refersTo: []string{"User"}, relation: "CreatedBy", sys: sysCreatedBy})
	ro(&field{name: "LastModifiedDate", label: "Last Modified Date", kind: "datetime", sys: sysModified})
	ro(&field{name: "LastModifiedById", label: "Last Modified By ID", kind: "reference", length: 18, refersTo: []string{"User"}, relation: "LastModifiedBy", sys: sysModifiedBy})
	ro(&field{name: "SystemModstamp", label: "System Modstamp", kind: "datetime", sys: sysStamp})
}

// addAddress adds the parts of an address, which are written, and the compound
// field, which is only read.
func (o *object) addAddress(name string) {
	compound := &field{name: name + "Address", label: name + " Address", kind: "address", nillable: true, unsortable: true, sys: sysAddress}
	part := func(suffix, label, kind string, length int) *field {
		f := &field{
			name: name + suffix, label: name + " " + label, kind: kind, length: length,
			createable: true, updateable: true, nillable: true, compound: compound.name,
		}
		o.add(f)
		compound.parts = append(compound.parts, f)
		return f
	}
	part("Street", "Street", "textarea", 255)
	part("City", "City", "string", 40)
	part("State", "State/Province", "string", 80)
	part("PostalCode", "Zip/Postal Code", "string", 20)
	part("Country", "Country", "string", 80)
	for _, s := range []string{"Latitude", "Longitude"} {
		f := part(s, s, "double", 0)
		f.precision, f.scale = 18, 15
	}
	g := part("GeocodeAccuracy", "Geocode Accuracy", "picklist", 40)
	g.restricted = true
	g.values = []string{"Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City", "County", "State", "Unknown"}
	o.add(compound)
}

func (o *object) extendField(x *schemaField) error {
	f := o.byName[strings.ToLower(x.Name)]
	isNew := f == nil
	if isNew {
		if !isName(x.Name) {
			return errors.New("not a name for a field (letters, digits and single underscores, for instance Tier__c)")
		}
		f = &field{name: x.Name, label: strings.ReplaceAll(strings.TrimSuffix(x.Name, "__c"), "_", " "), createable: true, updateable: true, nillable: true}
		if x.Type == "" {
			return errors.New("type is missing, and the object has no such field yet")
		}
	} else if f.sys != sysNone && (x.Type != "" || is(x.Createable) || is(x.Updateable)) {
		return errors.New("the org keeps this field itself; only hidden and label can change")
	}
	if err := f.setType(x); err != nil {
		return err
	}
	f.setFlags(x)
	if err := f.check(); err != nil {
		return err
	}
	if isNew {
		o.add(f)
	} else if f.relation != "" {
		o.byRelation[strings.ToLower(f.relation)] = f
	}
	return nil
}

// setType sets the type and what goes with it.
func (f *field) setType(x *schemaField) error {
	kind := x.Type
	switch kind {
	case "":
	case "text":
		kind = "string"
	case "number":
		kind = "double"
	case "checkbox":
		kind = "boolean"
	case "lookup":
		kind = "reference"
	}
	if kind != "" && kind != f.kind {
		length, known := defaultLengths(kind)
		if !known {
			return fmt.Errorf("type %q: unknown", x.Type)
		}
		f.kind, f.length = kind, length
		switch kind {
		case "int":
			f.digits = 8
		case "double", "currency", "percent":
			f.precision, f.scale = 18, 2
		case "boolean":
			f.nillable, f.defaulted, f.fallback = false, true, "false"
		}
	}
	for _, n := range []struct {
		to   *int
		from *int
	}{{&f.length, x.Length}, {&f.digits, x.Digits}, {&f.precision, x.Precision}, {&f.scale, x.Scale}} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
	return nil
}

// defaultLengths gives the length of a type that was declared without one.
func defaultLengths(kind string) (length int, known bool) {
	switch kind {
	case "string", "picklist", "combobox", "url":
		return 255, true
	case "multipicklist":
		return 4099, true
	case "textarea":
		return 32000, true
	case "email":
		return 80, true
	case "phone":
		return 40, true
	case "reference":
		return 18, true
	case "boolean", "int", "double", "currency", "percent", "date", "datetime", "time":
		return 0, true
	}
	return 0, false
}

func is(b *bool) bool { return b != nil && *b }

func (f *field) setFlags(x *schemaField) {
	for _, b := range []struct {
		to   *bool
		from *bool
		not  bool
	}{
		{&f.nillable, x.Required, true},
		{&f.nillable, x.Nillable, false},
		{&f.createable, x.Createable, false},
		{&f.updateable, x.Updateable, false},
		{&f.externalID, x.ExternalID, false},
		{&f.idLookup, x.ExternalID, false},
		{&f.idLookup, x.IDLookup, false},
		{&f.unique, x.Unique, false},
		{&f.caseSens, x.CaseSensitive, false},
		{&f.restricted, x.Restricted, false},
		{&f.calculated, x.Calculated, false},
		{&f.unfilterable, x.Filterable, true},
		{&f.unsortable, x.Sortable, true},
		{&f.hidden, x.Hidden, false},
		{&f.nameField, x.NameField, false},
		{&f.cascade, x.Cascade, false},
	} {
		if b.from != nil {
			*b.to = *b.from != b.not
		}
	}
	if f.calculated {
		f.createable, f.updateable = false, false
	}
	if x.Label != "" {
		f.label = x.Label
	}
	if x.Default != nil {
		f.fallback, f.defaulted = *x.Default, *x.Default != ""
	}
	if x.Values != nil {
		f.values = slices.Clone(x.Values)
	}
	if x.ReferenceTo != nil {
		f.refersTo = slices.Clone(x.ReferenceTo)
	}
	if x.Relationship != "" {
		f.relation = x.Relationship
	} else if f.kind == "reference" && f.relation == "" {
		f.relation = strings.TrimSuffix(strings.TrimSuffix(f.name, "__c"), "Id")
		if f.name != f.relation && strings.HasSuffix(f.name, "__c") {
			f.relation += "__r"
		}
	}
}

// check finds what a real org would not let an admin save.
func (f *field) check() error {
	for _, step := range [...]func() error{f.checkSize, f.checkKind, f.checkReferenceTo, f.checkValues} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) checkSize() error {
	most := maxText
	if f.kind == "textarea" || f.kind == "multipicklist" {
		most = maxTextarea
	}
	switch {
	case f.length < 0, f.length > most, f.isText() && f.length == 0:
		return fmt.Errorf("length %d: must be from 1 to %d", f.length, most)
	case f.kind == "int" && (f.digits < 1 || f.digits > 18):
		return fmt.Errorf("digits %d: must be from 1 to 18", f.digits)
	case f.precision < 0 || f.precision > 18 || f.scale < 0 || f.scale > f.precision:
		return fmt.Errorf("precision %d and scale %d: precision must be at most 18, scale at most precision", f.precision, f.scale)
	}
	return nil
}

func (f *field) checkKind() error {
	switch {
	case f.externalID && f.kind != "string" && f.kind != "email" && f.kind != "double":
		return fmt.Errorf("external_id: a %s cannot be an external id, only string, email and double", f.kind)
	case f.restricted && len(f.values) == 0:
		return errors.New("restricted: it has no values")
	}
	return nil
}

func (f *field) checkReferenceTo() error {
	switch {
	case f.kind == "reference" && len(f.refersTo) == 0:
		return errors.New("reference_to is missing")
	case f.kind != "reference" && len(f.refersTo) > 0:
		return fmt.Errorf("reference_to: a %s refers to nothing", f.kind)
	case f.relation != "" && !isName(f.relation):
		return fmt.Errorf("relationship %q: not a name", f.relation)
	}
	return nil
}

func (f *field) checkValues() error {
	for _, v := range f.values {
		if v == "" || v != trim(v) || strings.Contains(v, ";") && f.kind == "multipicklist" {
			return fmt.Errorf("values: %q cannot be stored", v)
		}
	}
	if f.fallback == "" {
		return nil
	}
	if _, e := f.parseText(f.fallback); e != nil {
		return fmt.Errorf("default %q: %s", f.fallback, e.Message)
	}
	return nil
}

func (f *field) isText() bool {
	switch f.kind {
	case "string", "textarea", "picklist", "multipicklist", "combobox", "email", "phone", "url":
		return true
	}
	return false
}
