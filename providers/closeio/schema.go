package closeio

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/scrub"
)

const customPrefix = "custom."

// customField is what is read of one custom field's definition. A shared field
// has its restrictions per object.
//
// https://developer.close.com/resources/custom-fields, last checked 2026-11-22.
type customField struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Multiple     bool     `json:"accepts_multiple_values"`
	Choices      []string `json:"choices"`
	Roles        []string `json:"editable_with_roles"`
	Converting   string   `json:"converting_to_type"`
	Associations []struct {
		ObjectType string   `json:"object_type"`
		Roles      []string `json:"editable_with_roles"`
	} `json:"associations"`
}

// clean takes out of what is shown of a field, but for its name, what nobody else
// is to read.
func (f *customField) clean(words *scrub.Words) {
	f.Type, f.Converting = words.Line(f.Type, wordRoom), words.Line(f.Converting, wordRoom)
	for i := range f.Roles {
		f.Roles[i] = words.Line(f.Roles[i], wordRoom)
	}
	for _, a := range f.Associations {
		for i := range a.Roles {
			a.Roles[i] = words.Line(a.Roles[i], wordRoom)
		}
	}
}

const wordRoom = 80

// customSchema is the custom fields of one object at one moment.
type customSchema struct {
	asked  time.Time // by the local clock, before the question
	fields []customField
	byName map[string]int // -1 where two fields share the name
}

// find returns the field of this name, or an error of kind Broken when two
// share it: which of them is meant cannot be guessed.
func (s *customSchema) find(op, object, name string) (*customField, error) {
	i, ok := s.byName[name]
	switch {
	case !ok:
		return nil, nil //nolint:nilnil // there is none, and that is no failure
	case i < 0:
		e := providers.Errorf(providers.Broken, op, "two custom fields of the %s have the name %q", object, short(name))
		e.Fields = []string{customPrefix + name}
		e.Hint = "give one of them another name in Close"
		return nil, e
	}
	return &s.fields[i], nil
}

// hasCustom reports whether an object can have custom fields here.
func hasCustom(object string) bool {
	return object == Lead || object == Contact || object == Opportunity
}

// schemaCache keeps the last schema of each object.
type schemaCache struct {
	mu   sync.Mutex
	last map[string]*customSchema
}

// schema asks for the custom fields of an object.
func (c *Client) schema(ctx context.Context, op, object string) (*customSchema, error) {
	asked := time.Now()
	resp, err := c.get(ctx, call{op: op, kind: kindDescribe}, "/custom_field_schema/"+object+"/")
	if err != nil {
		return nil, err
	}
	defer resp.Release()
	s, err := parseCustom(op, resp.Body)
	if err != nil {
		return nil, err
	}
	for i := range s.fields {
		s.fields[i].clean(c.rest.Words())
	}
	s.asked = asked
	c.schemas.mu.Lock()
	defer c.schemas.mu.Unlock()
	if c.schemas.last == nil {
		c.schemas.last = map[string]*customSchema{}
	}
	c.schemas.last[object] = s
	return s, nil
}

// recentSchema is schema, or what it answered not long ago.
func (c *Client) recentSchema(ctx context.Context, op, object string) (*customSchema, error) {
	c.schemas.mu.Lock()
	s := c.schemas.last[object]
	c.schemas.mu.Unlock()
	if s != nil && time.Since(s.asked) < schemaLasts {
		return s, nil
	}
	return c.schema(ctx, op, object)
}

func parseCustom(op string, body []byte) (*customSchema, error) {
	var list struct {
		Fields *[]customField `json:"fields"`
	}
	if err := json.Unmarshal(body, &list); err != nil || list.Fields == nil {
		return nil, providers.Errorf(providers.Broken, op, "the answer is no list of custom fields")
	}
	s := &customSchema{fields: *list.Fields, byName: make(map[string]int, len(*list.Fields))}
	for i := range s.fields {
		f := &s.fields[i]
		if !validID(f.ID) {
			return nil, providers.Errorf(providers.Broken, op, "a custom field of the answer has no id")
		}
		f.Name = strings.TrimSpace(f.Name)
		if _, twin := s.byName[f.Name]; twin {
			i = -1
		}
		s.byName[f.Name] = i
	}
	return s, nil
}
