package hubspotsim

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed standard.yaml
var standardYAML []byte

//go:embed industries.txt
var industries string

// maxSchema bounds a schema file; a real one has a few kilobytes.
const maxSchema = 1 << 20

// Schema adds objects and properties to the portal, in YAML:
//
//	objects:
//	  companies:                   # an object that exists: properties are added or replaced
//	    properties:
//	      - name: tier
//	        type: enumeration      # string number date datetime enumeration bool phone_number
//	        field: select          # text textarea number select radio checkbox booleancheckbox date phonenumber
//	        options: [gold, silver]
//	      - {name: qbench_customer_id, unique: true}
//	  labs:                        # a new object
//	    singular: lab
//	    type_id: 2-1001
//	    mandatory: [lab_name]
//	    properties:
//	      - {name: lab_name}
//
// Further keys of a property: label, group, description, read_only, calculated,
// hidden, sensitive, refers_to. The type is string if absent. Id and stamps
// come by themselves.
type Schema struct {
	Objects map[string]schemaObject `yaml:"objects"`
}

type schemaObject struct {
	Singular   string           `yaml:"singular"`
	Label      string           `yaml:"label"`
	TypeID     string           `yaml:"type_id"`
	Created    string           `yaml:"created"`
	Modified   string           `yaml:"modified"`
	Mandatory  []string         `yaml:"mandatory"`
	AnyOf      []string         `yaml:"any_of"`
	Defaults   []string         `yaml:"defaults"`
	Properties []schemaProperty `yaml:"properties"`
}

type schemaProperty struct {
	Name        string   `yaml:"name"`
	Label       string   `yaml:"label"`
	Type        string   `yaml:"type"`
	Field       string   `yaml:"field"`
	Group       string   `yaml:"group"`
	Description string   `yaml:"description"`
	Options     []string `yaml:"options"`
	Unique      bool     `yaml:"unique"`
	ReadOnly    bool     `yaml:"read_only"`
	Calculated  bool     `yaml:"calculated"`
	Hidden      bool     `yaml:"hidden"`
	Sensitive   bool     `yaml:"sensitive"`
	RefersTo    string   `yaml:"refers_to"`
}

// ReadSchema reads a schema in YAML. An unknown key or a wrong type is an
// error that names the line; what contradicts the portal is found by New.
func ReadSchema(r io.Reader) (*Schema, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSchema+1))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	if len(text) > maxSchema {
		return nil, fmt.Errorf("read schema: it is larger than %d bytes", maxSchema)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	x := &Schema{}
	if err := dec.Decode(x); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("read schema: the file is empty")
		}
		return nil, fmt.Errorf("read schema: %s", plainYAML(err))
	}
	return x, nil
}

// plainYAML takes the Go names out of the parser's message.
func plainYAML(err error) string {
	text := regexp.MustCompile(` in type hubspotsim\.\w+| into hubspotsim\.\w+`).ReplaceAllString(err.Error(), "")
	return strings.ReplaceAll(text, "\n  ", " ")
}

// standardSchema reads the objects of a plain portal.
func standardSchema() (*Schema, error) { return ReadSchema(bytes.NewReader(standardYAML)) }

// extend adds the objects of x and reports all that is wrong at once.
func (s *store) extend(x *Schema, standard bool) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(x.Objects)) {
		xo := x.Objects[name]
		o := s.object(name)
		if o == nil {
			var err error
			if o, err = s.newObject(name, xo); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		for _, xp := range xo.Properties {
			p, err := xp.property()
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.%s: %w", name, xp.Name, err))
				continue
			}
			p.standard, p.created = standard, s.now()
			p.updated = p.created
			if err := s.put(o, p); err != nil {
				errs = append(errs, fmt.Errorf("%s.%s: %w", name, xp.Name, err))
			}
		}
		for _, usual := range xo.Defaults {
			if p := o.prop(usual); p != nil {
				o.defaults = append(o.defaults, p)
			}
		}
	}
	return errors.Join(errs...)
}

// put adds a property, or replaces one that has no value yet.
func (s *store) put(o *objectType, p *property) error {
	old := o.byName[p.name]
	if old == nil {
		if p.group == "" {
			p.group = o.singular + "information"
		}
		o.add(p)
		return nil
	}
	if old.sys != sysNone {
		return errors.New("the store itself keeps this property")
	}
	if old.unique != p.unique {
		return errors.New("whether a property is unique cannot change")
	}
	slot, standard, group := old.slot, old.standard, old.group
	*old = *p
	old.slot, old.standard = slot, standard
	if old.group == "" {
		old.group = group
	}
	return nil
}

func (s *store) newObject(name string, x schemaObject) (*objectType, error) {
	if !isName(name) || !isName(x.Singular) || x.TypeID == "" {
		return nil, fmt.Errorf("%q: a new object needs a name, a singular and a type_id", name)
	}
	if len(s.objects) >= 255 || s.object(x.Singular) != nil || s.object(x.TypeID) != nil {
		return nil, fmt.Errorf("%s: singular or type_id is taken", name)
	}
	o := &objectType{
		num: uint8(len(s.objects)), name: name, singular: x.Singular, label: x.Label, typeID: x.TypeID,
		byName: map[string]*property{}, mandatory: x.Mandatory, anyOf: x.AnyOf,
	}
	o.table = newTable(o)
	if o.label == "" {
		o.label = strings.ToUpper(x.Singular[:1]) + x.Singular[1:]
	}
	fill(&x.Created, "hs_createdate")
	fill(&x.Modified, "hs_lastmodifieddate")
	for _, p := range systemProperties(x.Created, x.Modified) {
		p.group, p.created = o.singular+"information", s.now()
		p.updated = p.created
		o.add(p)
	}
	s.objects = append(s.objects, o)
	for _, alias := range []string{o.name, o.singular, o.typeID} {
		s.byName[strings.ToLower(alias)] = o
	}
	return o, nil
}

// systemProperties are those that each object has.
func systemProperties(created, modified string) []*property {
	fixed := func(name, label, kind, field string) *property {
		return &property{name: name, label: label, kind: kind, field: field, readOnly: true, standard: true}
	}
	return []*property{
		fixed("hs_object_id", "Record ID", "number", "number"),
		fixed(created, "Create Date", "datetime", "date"),
		fixed(modified, "Last Modified Date", "datetime", "date"),
		fixed("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox"),
		fixed("hs_object_source", "Record source", "string", "text"),
		fixed("hs_object_source_id", "Record source ID", "string", "text"),
		// What they hold after an app's write is not documented; here nothing.
		fixed("hs_created_by_user_id", "Created by user ID", "number", "number"),
		fixed("hs_updated_by_user_id", "Updated by user ID", "number", "number"),
		{name: "hs_unique_creation_key", label: "Unique creation key", kind: "string", field: "text", readOnly: true, unique: true, standard: true, hidden: true},
	}
}

func (x schemaProperty) property() (*property, error) {
	p := &property{
		name: x.Name, label: x.Label, kind: x.Type, field: x.Field, group: x.Group, description: x.Description,
		unique: x.Unique, readOnly: x.ReadOnly || x.Calculated, calculated: x.Calculated, hidden: x.Hidden, sensitive: x.Sensitive,
		referred: x.RefersTo,
	}
	for i, v := range x.Options {
		value, label, _ := strings.Cut(v, "=")
		if label == "" {
			label = value
		}
		p.options = append(p.options, Option{Label: label, Value: value, DisplayOrder: i})
	}
	return p, p.complete()
}

// complete fills what follows from the rest, and refuses what cannot be.
func (p *property) complete() error {
	if !isName(p.name) {
		return errors.New("not a name for a property (lower-case letters, digits and underscores, a letter first)")
	}
	if p.label == "" {
		p.label = p.name
	}
	if p.kind == "" {
		p.kind = "string"
	}
	if p.kind == "bool" && len(p.options) == 0 {
		p.options = []Option{{Label: "Yes", Value: "true"}, {Label: "No", Value: "false", DisplayOrder: 1}}
	}
	fields := map[string]string{
		"string": "text", "number": "number", "date": "date", "datetime": "date",
		"enumeration": "select", "bool": "booleancheckbox", "phone_number": "phonenumber",
	}
	field, known := fields[p.kind]
	if !known {
		return fmt.Errorf("type %q: must be one of string, number, date, datetime, enumeration, bool, phone_number", p.kind)
	}
	if p.field == "" {
		p.field = field
	}
	return nil
}

func isName(s string) bool {
	if s == "" || len(s) > 100 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_'
	})
}

// setIndustries fills the options of a company's industry: the vendor derives
// the values from the labels.
func (s *store) setIndustries() error {
	p := s.object("companies").prop("industry")
	if p == nil {
		return errors.New("companies have no industry")
	}
	separators := regexp.MustCompile(`[^A-Z0-9]+`)
	for i, label := range strings.Split(strings.TrimSpace(industries), "\n") {
		value := strings.Trim(separators.ReplaceAllString(strings.ToUpper(label), "_"), "_")
		p.options = append(p.options, Option{Label: label, Value: value, DisplayOrder: i})
	}
	return nil
}
