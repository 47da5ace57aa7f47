package hubspot

import (
	"context"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
)

// History reads the values that one property of these records had, newest
// first. Records that are gone are left out. The service keeps a limited number
// of values, and tells of none when a value was written a second time.
//
// https://developers.hubspot.com/docs/api/crm/properties, last checked 2026-11-22.
func (c *Client) History(ctx context.Context, object string, field record.Field, ids []string) (map[string][]providers.FieldVersion, error) {
	k := call{op: "read the history of " + short(object+"."+field.Name), kind: kindGet}
	if err := checkNames(k.op, object, []record.Field{field}); err != nil {
		return nil, err
	}
	if isAssociation(field.Name) {
		return nil, providers.Errorf(providers.Broken, k.op, "an association has no history")
	}
	ids, _ = goodIDs(k.op, object, ids)
	out := make(map[string][]providers.FieldVersion, len(ids))
	for batch := range slices.Chunk(ids, historiesPerCall) {
		body, err := readBody([]string{idProperty}, []string{field.Name}, "", batch)
		if err != nil {
			return nil, providers.Errorf(providers.Broken, k.op, "write the request: %w", err)
		}
		resp, err := c.ask(ctx, k, c.paths.objects(objectType(object), "/batch/read"), body)
		if err != nil {
			return nil, err
		}
		err = parseHistories(k.op, c.app(), resp.Body, field, out)
		resp.Release()
		if err != nil {
			return nil, c.said(outcome.AsError(err))
		}
	}
	return out, nil
}

func parseHistories(op, app string, body []byte, field record.Field, out map[string][]providers.FieldVersion) error {
	p, err := jsonwalk.New(jsonwalk.Shape{
		Array: "results", Head: []string{"errors"}, Fields: []string{"id", "propertiesWithHistory." + field.Name},
	}).Walk(body)
	if err != nil {
		return providers.Errorf(providers.Broken, op, "read the answer: %w", err)
	}
	if !p.Found {
		return providers.Errorf(providers.Broken, op, "the answer holds no records, not even none")
	}
	for _, f := range parseFaults(p.Head[0]) {
		if f.Code != "OBJECT_NOT_FOUND" {
			return errorOf(op, reading, f)
		}
	}
	versions := jsonwalk.New(jsonwalk.Shape{Fields: []string{"value", "timestamp", "sourceType", "sourceId"}})
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		id, ok := idOf(row[0])
		if !ok {
			return providers.Errorf(providers.Broken, op, "a record of the answer has no id")
		}
		if row[1] == nil || jsonwalk.IsNull(row[1]) {
			continue
		}
		if out[id], err = parseHistory(op, app, versions, field, row[1]); err != nil {
			return err
		}
	}
	return nil
}

func parseHistory(op, app string, w *jsonwalk.Walker, field record.Field, raw []byte) ([]providers.FieldVersion, error) {
	p, err := w.Walk(raw)
	if err != nil {
		return nil, providers.Errorf(providers.Broken, op, "read the history: %w", err)
	}
	out := make([]providers.FieldVersion, 0, p.Len())
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		v, err := convert(field.Type, row[0])
		if err != nil {
			// A value of old may be one that the property no longer takes.
			v = record.UnreadableValue()
		}
		at := stamp(row[1])
		if at.IsZero() {
			return nil, providers.Errorf(providers.Broken, op, "a value of the history has no time")
		}
		one := providers.FieldVersion{Value: v, At: at}
		one.Source, _ = jsonwalk.Text(row[2])
		one.SourceID, _ = jsonwalk.Text(row[3])
		one.By = authorOf(one.Source, one.SourceID, app)
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b providers.FieldVersion) int { return b.At.Compare(a.At) })
	return out, nil
}

// authorOf reads who gave a property its value. Apps are told by their id;
// everybody else, such as a person, an import or a workflow, is not us.
//
// https://developers.hubspot.com/docs/api/crm/properties, last checked 2026-11-30.
func authorOf(source, id, app string) record.Author {
	switch source {
	case "", "CALCULATED": // what the portal makes of a write may follow from our own
		return record.ByUnknown
	case "INTEGRATION", "API":
		switch {
		case app == "" || id == "":
			return record.ByUnknown
		case id == app:
			return record.ByOurs
		}
	}
	return record.ByOther
}

// app returns the id of the app that our credential is, empty where nothing told
// it yet.
func (c *Client) app() string {
	id, _ := c.appID.Load().(string)
	return id
}

// learnApp takes from the answer of a create who made the record: that was us.
func (c *Client) learnApp(source, id []byte) {
	kind, _ := jsonwalk.Text(source)
	if app, ok := jsonwalk.Text(id); ok && app != "" && (kind == "INTEGRATION" || kind == "API") && app != c.app() {
		c.appID.Store(app)
	}
}
