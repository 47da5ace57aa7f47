package closeiosim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSchema bounds a schema file; a real one has a few kilobytes.
const maxSchema = 1 << 20

// Schema adds custom fields to the organization, in YAML:
//
//	custom_fields:
//	  - name: Region
//	    type: choices            # text textarea number date datetime user contact choices hidden url
//	    choices: [EMEA, AMER]
//	    objects: [lead, contact] # lead, contact, opportunity; more than one makes a shared field
//	    multiple: true           # holds a list
//	    editable_by: [admin]     # only these roles may write it
//	    description: Where they are
//	  - {name: Plan, type: choices, choices: [Free, Pro], objects: [lead]} # a usual field is replaced
type Schema struct {
	CustomFields []SchemaField `yaml:"custom_fields"`
}

// SchemaField is a custom field of a Schema.
type SchemaField struct {
	Name        string   `yaml:"name"`
	Type        string   `yaml:"type"`
	Description string   `yaml:"description"`
	Choices     []string `yaml:"choices"`
	Multiple    bool     `yaml:"multiple"`
	Objects     []string `yaml:"objects"`
	Shared      bool     `yaml:"shared"`
	EditableBy  []string `yaml:"editable_by"`
}

// ReadSchema reads a schema in YAML. An unknown key or a wrong type is an error
// that names the line; what contradicts the organization is found by New.
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
	text := regexp.MustCompile(` in type closeiosim\.\w+| into closeiosim\.\w+`).ReplaceAllString(err.Error(), "")
	return strings.ReplaceAll(text, "\n  ", " ")
}

// extend adds a field, in the place of a usual one of the same name.
func (s *store) extend(f SchemaField) error {
	for _, object := range f.Objects {
		k, known := kindNamed(object)
		if !known {
			continue
		}
		if old := s.field(k, f.Name); old != nil && slices.ContainsFunc(standardFields(), func(c CustomField) bool { return c.Name == f.Name }) {
			s.fields = slices.DeleteFunc(s.fields, func(x *customField) bool { return x == old })
			delete(s.fieldByN, old.n)
		}
	}
	_, err := s.addField(CustomField(f))
	return err
}
