package qbench

import (
	"context"
	"encoding/json"
	"fmt"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/rest"
)

// samplePages is how many pages Describe looks at.
const samplePages = 2

// Describe lists the fields that the first pages show. QBench cannot tell its
// schema, so that an absent field is a hint and no proof: Partial is set.
func (c *Client) Describe(ctx context.Context, object string) (providers.Schema, error) {
	op := "look at QBench " + object + "s"
	if err := checkObject(op, object); err != nil {
		return providers.Schema{}, err
	}
	schema := providers.Schema{Object: object, Partial: true, Fields: map[string]providers.SchemaField{}}
	for page := 1; page <= samplePages; page++ {
		resp, err := c.rest.Do(ctx, rest.Request{Kind: "describe", Path: c.listPath(object, page, c.cfg.PageSize)})
		if err := c.failure(op, resp, err); err != nil {
			return providers.Schema{}, err
		}
		pages, err := sample(&schema, resp.Body)
		if err != nil {
			return providers.Schema{}, c.unreadable(op, resp, err)
		}
		resp.Release()
		if page >= pages {
			break
		}
	}
	if f := (record.Field{Name: customerIDs}); c.Costly(object, f) {
		note(&schema, customerIDs, json.RawMessage("[]"))
	}
	return schema, nil
}

func sample(schema *providers.Schema, body []byte) (pages int, err error) {
	// The walk refuses what the standard decoder lets through.
	doc, err := jsonwalk.New(jsonwalk.Shape{Array: "data", Head: listHead()}).Walk(body)
	if err != nil {
		return 0, err // the caller says what it read
	}
	var page struct {
		Data []map[string]json.RawMessage `json:"data"`
	}
	if !doc.Found || json.Unmarshal(body, &page) != nil {
		return 0, fmt.Errorf("the answer has no list named data")
	}
	for _, rec := range page.Data {
		for name, raw := range rec {
			note(schema, name, raw)
			noteInner(schema, name, raw)
		}
	}
	pages, _ = jsonwalk.Int(doc.Head[1])
	return pages, nil
}

// noteInner adds the members of an object, which are read as name.member.
func noteInner(schema *providers.Schema, name string, raw json.RawMessage) {
	var inner map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &inner) != nil {
		return
	}
	for member, value := range inner {
		note(schema, name+"."+member, value)
	}
}

// note adds a field, or learns more of it from a value that is not null.
func note(schema *providers.Schema, name string, raw json.RawMessage) {
	word, types := kindOfLiteral(raw)
	if old, ok := schema.Fields[name]; ok && (old.Type != "null" || word == "null") {
		return
	}
	schema.Fields[name] = providers.SchemaField{Name: name, Type: word, Types: types, Readonly: "QBench is only read"}
}

func kindOfLiteral(raw json.RawMessage) (string, []record.Type) {
	text := []record.Type{
		record.Text, record.ID, record.Picklist, record.Int, record.Decimal, record.Bool,
		record.Date, record.Datetime, record.Reference, record.MultiSet,
	}
	if len(raw) == 0 {
		return "null", text
	}
	switch raw[0] {
	case '"':
		return "string", text
	case '{':
		return "object", nil
	case '[':
		return "array", []record.Type{record.MultiSet, record.Reference}
	case 't', 'f':
		return "boolean", []record.Type{record.Bool, record.Text, record.Picklist}
	case 'n':
		return "null", text
	}
	return "number", []record.Type{
		record.Int, record.Decimal, record.ID, record.Text, record.Picklist, record.Reference, record.Date, record.Datetime,
	}
}
