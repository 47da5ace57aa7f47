package closeio

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
	"crmsyncd/providers/internal/scrub"
)

// writesPerBatch is how many records one Update takes; each is a call of its own.
const writesPerBatch = 20

// BatchSize is how many records one Update takes.
func (c *Client) BatchSize(string) int { return writesPerBatch }

// Create refuses every record: nothing is made in Close.
func (c *Client) Create(_ context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	op := "create " + short(object)
	if err := checkObject(op, object); err != nil {
		return nil, err
	}
	out := make([]providers.Result, len(patches))
	for i := range out {
		e := providers.Errorf(providers.Rejected, op, "nothing is made in Close")
		e.Ref = ref(object, "")
		out[i].Err = e
	}
	return out, nil
}

// Update writes the fields of each patch and no others, one call a record. What
// Close keeps itself, and parts of lists that it replaces whole, are refused
// before anything is sent. A repeat of a call does no harm.
//
// https://developer.close.com/api/overview/fields, last checked 2026-11-22.
func (c *Client) Update(ctx context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	op := "update " + short(object)
	if err := checkObject(op, object); err != nil {
		return nil, err
	}
	schema, err := c.writeSchema(ctx, op, object, patches)
	if err != nil {
		return nil, err
	}
	results := make([]providers.Result, len(patches))
	refs := func(i int) record.Ref { return ref(object, patches[i].ID) }
	answered := false
	for i := range patches {
		res, err := c.updateOne(ctx, op, object, schema, &patches[i])
		if err != nil {
			if !answered {
				return nil, err
			}
			results[i].Err = outcome.About(refs(i), err)
			outcome.Stopped(results, refs, err)
			return results, nil
		}
		if res.Err != nil {
			res.Err = outcome.About(refs(i), scrub.Values(res.Err, &patches[i]))
		}
		results[i], answered = res, true
	}
	return results, nil
}

func (c *Client) writeSchema(ctx context.Context, op, object string, patches []record.Patch) (*customSchema, error) {
	for i := range patches {
		for j := range patches[i].Fields {
			if isCustom(object, patches[i].Fields[j].Name) {
				return c.recentSchema(ctx, op, object)
			}
		}
	}
	return nil, nil //nolint:nilnil // no custom field is written
}

// updateOne writes one record. The error is about the whole batch.
func (c *Client) updateOne(ctx context.Context, op, object string, schema *customSchema, p *record.Patch) (providers.Result, *providers.Error) {
	if !validID(p.ID) {
		return providers.Result{Err: providers.Errorf(providers.Rejected, op, "the record's id is no id of Close's")}, nil
	}
	body, names, e := encode(op, object, schema, p)
	switch {
	case e != nil && e.Kind != providers.Rejected:
		return providers.Result{}, e
	case e != nil:
		return providers.Result{Err: e}, nil
	case body == nil:
		return providers.Result{ID: p.ID}, nil
	}
	resp, err := c.send(ctx, call{op: op, kind: kindUpdate, verb: updating}, rest.Request{
		Method: http.MethodPut, Path: "/" + object + "/" + p.ID + "/", Body: body, Idempotent: true,
		// A status that is won sets its day by this, which must not be a guess.
		Header: http.Header{"X-Tz-Offset": {"0"}},
	})
	if err != nil {
		if e = outcome.AsError(err); e.Kind != providers.Rejected && e.Kind != providers.Missing {
			return providers.Result{}, e
		}
		ownNames(e, p, names)
		return providers.Result{Err: e}, nil
	}
	defer resp.Release()
	res, ok := c.readAnswer(object, p, names, resp.Body)
	if !ok {
		return providers.Result{}, providers.Errorf(providers.Broken, op, "the answer is not about the record that was written")
	}
	return res, nil
}

// ownNames gives the fields that a refusal names the names of the patch: Close
// knows custom fields by their ids.
func ownNames(e *providers.Error, p *record.Patch, names []string) {
	for i, name := range e.Fields {
		if j := slices.Index(names, name); j >= 0 {
			e.Fields[i] = p.Fields[j].Name
		}
	}
}

// readAnswer reads the answer of a write, which is the whole record as it is now,
// and reports whether it is the one of the patch. An unset custom field is left
// out of a record, so that a blank that was sent is shown by its absence.
//
// https://developer.close.com/api/overview/fields, last checked 2026-11-22.
func (c *Client) readAnswer(object string, p *record.Patch, names []string, body []byte) (providers.Result, bool) {
	doc, err := jsonwalk.New(jsonwalk.Shape{Array: never, Head: append([]string{"id", byUpdate}, names...)}).Walk(body)
	if err != nil {
		return providers.Result{}, false
	}
	if got, _ := jsonwalk.Text(doc.Head[0]); got != p.ID {
		return providers.Result{}, false
	}
	res := providers.Result{ID: p.ID, Version: parseStamp(doc.Head[1]), Shown: make([]record.Value, len(p.Fields))}
	for i := range p.Fields {
		f, raw := &p.Fields[i], doc.Head[2+i]
		if raw == nil && isCustom(object, f.Name) && !f.Value.IsSet() {
			raw = null()
		}
		if v, err := convert(f.Type, raw, c.cfg.Zone); err == nil {
			res.Shown[i] = v
		}
	}
	return res, true
}

// encode writes the fields of a patch as a JSON object, nil for none, and
// returns the names under which they are written.
func encode(op, object string, schema *customSchema, p *record.Patch) (body []byte, names []string, e *providers.Error) {
	if len(p.Fields) == 0 {
		return nil, nil, nil
	}
	body = []byte{'{'}
	for i := range p.Fields {
		f := &p.Fields[i]
		name, number, e := target(op, object, schema, f)
		if e != nil {
			return nil, nil, e
		}
		names = append(names, name)
		if i > 0 {
			body = append(body, ',')
		}
		body = append(quote(body, name), ':')
		body = appendValue(body, f, number)
	}
	return append(body, '}'), names, nil
}

// target returns the name under which a field is written, and whether it takes
// numbers.
func target(op, object string, schema *customSchema, f *record.FieldValue) (name string, number bool, e *providers.Error) {
	if isCustom(object, f.Name) {
		return customTarget(op, object, schema, f)
	}
	if _, _, _, part := parsePart(object, f.Name); part {
		return "", false, refuse(op, f.Name, ofList, "write it in Close by hand")
	}
	for _, known := range apiFields(object) {
		if known.name != f.Name {
			continue
		}
		if known.readonly != "" {
			return "", false, refuse(op, f.Name, known.readonly, "take it out of what is editable")
		}
		return f.Name, known.kind == typeNumber, nil
	}
	return "", false, refuse(op, f.Name, "it is no field that can be written", "look at its name")
}

func customTarget(op, object string, schema *customSchema, f *record.FieldValue) (string, bool, *providers.Error) {
	field, err := schema.find(op, object, strings.TrimPrefix(f.Name, customPrefix))
	switch {
	case err != nil:
		return "", false, outcome.AsError(err)
	case field == nil:
		e := providers.Errorf(providers.Broken, op, "the %s has no custom field of this name", object)
		e.Fields, e.Hint = []string{f.Name}, "it was deleted or renamed in Close"
		return "", false, e
	}
	if why := field.readonly(object); why != "" {
		return "", false, refuse(op, f.Name, why, "take it out of what is editable")
	}
	if field.Multiple != (f.Type == record.MultiSet) {
		return "", false, refuse(op, f.Name, "one side holds several values and the other one", "map it to a field of type multi")
	}
	return customPrefix + field.ID, field.Type == typeNumber, nil
}

func refuse(op, field, why, hint string) *providers.Error {
	e := providers.Errorf(providers.Rejected, op, "%s is not written: %s", short(field), why)
	e.Fields, e.Hint = []string{field}, hint
	return e
}

func appendValue(b []byte, f *record.FieldValue, number bool) []byte {
	switch v := f.Value; {
	case f.Type == record.MultiSet:
		b = append(b, '[')
		for i, elem := range v.Elems() {
			if i > 0 {
				b = append(b, ',')
			}
			b = quote(b, elem)
		}
		return append(b, ']')
	case !v.IsSet():
		return append(b, "null"...)
	case f.Type == record.Bool, number && (f.Type == record.Int || f.Type == record.Decimal):
		return append(b, v.Text()...)
	default:
		return quote(b, v.Text())
	}
}
