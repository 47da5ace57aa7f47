package salesforcesim

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed standard.yaml
var standardYAML []byte

// maxSchema bounds a schema file; a real one has a few kilobytes.
const maxSchema = 1 << 20

// Schema adds objects and fields to the org, in YAML:
//
//	objects:
//	  Account:                     # an object that exists: its fields are added or changed
//	    fields:
//	      - name: Tier__c
//	        type: picklist         # string textarea picklist multipicklist combobox boolean int double
//	        values: [Gold, Silver] # currency percent date datetime time email phone url reference
//	        restricted: true       # refuse other values
//	      - {name: Site_Id__c, type: string, length: 40, external_id: true, unique: true, case_sensitive: true}
//	      - {name: Industry, updateable: false}   # a field that exists: only what is named changes
//	  Lab__c:                      # a new object
//	    label: Lab
//	    plural: Labs
//	    key_prefix: a01            # chosen if absent
//	    owned: true                # has OwnerId
//	    mergeable: true            # has MasterRecordId
//	    person_name: true          # has FirstName, LastName and Name instead of a text Name
//	    addresses: [Billing]       # has BillingStreet, …, BillingAddress
//	    fields:
//	      - {name: Account__c, type: reference, reference_to: [Account], relationship: Account__r, cascade: true}
//
// Further keys of a field: label, length (characters), digits (int), precision
// and scale (double, currency, percent), required, nillable, default,
// createable, updateable, id_lookup, calculated, filterable, sortable, hidden
// (absent for the API user), name_field. An Id, the stamps and, unless declared, a
// text Name come by themselves. The words text, number, checkbox and lookup
// are accepted for string, double, boolean and reference.
type Schema struct {
	Objects map[string]schemaObject `yaml:"objects"`
}

type schemaObject struct {
	Label      string        `yaml:"label"`
	Plural     string        `yaml:"plural"`
	KeyPrefix  string        `yaml:"key_prefix"`
	ReadOnly   bool          `yaml:"read_only"`
	Owned      bool          `yaml:"owned"`
	Mergeable  bool          `yaml:"mergeable"`
	PersonName bool          `yaml:"person_name"`
	Addresses  []string      `yaml:"addresses"`
	Fields     []schemaField `yaml:"fields"`
}

type schemaField struct {
	Name          string   `yaml:"name"`
	Label         string   `yaml:"label"`
	Type          string   `yaml:"type"`
	Length        *int     `yaml:"length"`
	Digits        *int     `yaml:"digits"`
	Precision     *int     `yaml:"precision"`
	Scale         *int     `yaml:"scale"`
	Required      *bool    `yaml:"required"`
	Nillable      *bool    `yaml:"nillable"`
	Default       *string  `yaml:"default"`
	Createable    *bool    `yaml:"createable"`
	Updateable    *bool    `yaml:"updateable"`
	ExternalID    *bool    `yaml:"external_id"`
	IDLookup      *bool    `yaml:"id_lookup"`
	Unique        *bool    `yaml:"unique"`
	CaseSensitive *bool    `yaml:"case_sensitive"`
	Restricted    *bool    `yaml:"restricted"`
	Calculated    *bool    `yaml:"calculated"`
	Filterable    *bool    `yaml:"filterable"`
	Sortable      *bool    `yaml:"sortable"`
	Hidden        *bool    `yaml:"hidden"`
	NameField     *bool    `yaml:"name_field"`
	Cascade       *bool    `yaml:"cascade"`
	Values        []string `yaml:"values"`
	ReferenceTo   []string `yaml:"reference_to"`
	Relationship  string   `yaml:"relationship"`
}

// ReadSchema reads a schema in YAML. An unknown key or a wrong type is an
// error that names the line; what contradicts the org is found by New.
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
	s := &Schema{}
	if err := dec.Decode(s); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("read schema: the file is empty")
		}
		return nil, fmt.Errorf("read schema: %s", plainYAML(err))
	}
	if err := dec.Decode(&Schema{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("read schema: the file holds more than one document")
	}
	return s, nil
}

// plainYAML takes the Go names out of the parser's message.
func plainYAML(err error) string {
	text := regexp.MustCompile(` in type salesforcesim\.\w+| into salesforcesim\.\w+`).ReplaceAllString(err.Error(), "")
	return strings.ReplaceAll(text, "\n  ", " ")
}

// extend adds the objects of x to s and reports all that is wrong at once.
func (s *schema) extend(x *Schema) error {
	var errs []error
	names := make([]string, 0, len(x.Objects))
	for name := range x.Objects {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := s.extendObject(name, x.Objects[name]); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range s.names {
		for _, f := range s.object(name).fields {
			for i, to := range f.refersTo {
				o := s.object(to)
				if o == nil {
					errs = append(errs, fmt.Errorf("%s.%s: reference_to: no object %q", name, f.name, to))
					continue
				}
				f.refersTo[i] = o.name
			}
		}
	}
	return errors.Join(errs...)
}

func (s *schema) extendObject(name string, x schemaObject) error {
	o := s.object(name)
	if o == nil {
		var err error
		if o, err = s.newObject(name, x); err != nil {
			return err
		}
	} else if x.KeyPrefix != "" && x.KeyPrefix != o.prefix {
		return fmt.Errorf("%s: key_prefix is %s and cannot change", name, o.prefix)
	}
	var errs []error
	seen := map[string]bool{}
	for _, xf := range x.Fields {
		low := strings.ToLower(xf.Name)
		if seen[low] {
			errs = append(errs, fmt.Errorf("%s.%s: the field is named twice", name, xf.Name))
			continue
		}
		seen[low] = true
		if err := o.extendField(&xf); err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", name, xf.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *schema) newObject(name string, x schemaObject) (*object, error) {
	if !isName(name) {
		return nil, fmt.Errorf("%q: not a name for an object (letters, digits and single underscores, for instance Lab__c)", name)
	}
	o := &object{
		name: name, label: x.Label, plural: x.Plural, prefix: x.KeyPrefix, readOnly: x.ReadOnly,
		custom: strings.HasSuffix(name, "__c"), byName: map[string]*field{}, byRelation: map[string]*field{},
	}
	if o.label == "" {
		o.label = strings.ReplaceAll(strings.TrimSuffix(name, "__c"), "_", " ")
	}
	if o.plural == "" {
		o.plural = o.label + "s"
	}
	if o.prefix == "" {
		o.prefix = s.freePrefix()
	}
	if c, ok := CanonicalID(o.prefix + "000000000000"); !ok || len(o.prefix) != 3 || c[:3] != o.prefix {
		return nil, fmt.Errorf("%s: key_prefix %q: must be three letters or digits", name, o.prefix)
	}
	if other := s.byPrefix[o.prefix]; other != nil {
		return nil, fmt.Errorf("%s: key_prefix %s belongs to %s", name, o.prefix, other.name)
	}
	o.addSystemFields(x)
	for _, a := range x.Addresses {
		if !isName(a) {
			return nil, fmt.Errorf("%s: addresses: %q is not a name", name, a)
		}
		o.addAddress(a)
	}
	s.add(o)
	return o, nil
}

func (s *schema) freePrefix() string {
	for i := range 62 * 62 {
		p := "a" + string(idAlphabet[i/62]) + string(idAlphabet[i%62])
		if s.byPrefix[p] == nil {
			return p
		}
	}
	return ""
}

// namePattern is the vendor's: a letter first, no underscore at the end, none doubled.
func isName(s string) bool {
	base := strings.TrimSuffix(strings.TrimSuffix(s, "__c"), "__r")
	if base == "" || len(base) > 40 || !isLetter(base[0]) || strings.Contains(base, "__") || strings.HasSuffix(base, "_") {
		return false
	}
	return !slices.ContainsFunc([]byte(base), func(c byte) bool { return !isAlnum(c) && c != '_' })
}

// standardSchema reads the objects of a plain org.
func standardSchema() (*Schema, error) { return ReadSchema(bytes.NewReader(standardYAML)) }
