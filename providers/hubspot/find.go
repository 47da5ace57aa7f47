package hubspot

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Get reads records by id. Those that are absent cost a call each, which tells
// whether they were merged into another record, and one more for all together,
// which tells those in the recycle bin; it keeps a record for 90 days. Of the
// others the call for each one has answered that there is no such record.
//
// https://knowledge.hubspot.com/records/restore-deleted-records, last checked
// 2026-11-30.
func (c *Client) Get(ctx context.Context, object string, fields []record.Field, ids []string) (found []record.Record, errs []*providers.Error, err error) {
	k := call{op: "get " + object, kind: kindGet}
	ask, err := newQuestion(k.op, object, fields)
	if err != nil {
		return nil, nil, err
	}
	ids, errs = goodIDs(k.op, object, ids)
	for batch := range slices.Chunk(ids, recordsPerCall) {
		recs, _, err := c.readBatch(ctx, k, ask, "", batch)
		if err != nil {
			return nil, nil, err
		}
		gone, err := c.absent(ctx, k, ask, unread(batch, recs))
		if err != nil {
			return nil, nil, err
		}
		found, errs = append(found, recs...), append(errs, gone...)
	}
	return found, errs, c.fillLinks(ctx, k, ask, found)
}

// goodIDs parts what can be an id from what would spoil the call for all, and
// names each id once.
func goodIDs(op, object string, ids []string) (good []string, errs []*providers.Error) {
	good = make([]string, 0, len(ids))
	seen := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		if !validID(id) {
			e := providers.Errorf(providers.Rejected, op, "not a HubSpot id")
			e.Ref = ref(object, short(id))
			errs = append(errs, e)
			continue
		}
		good = append(good, id)
	}
	return good, errs
}

// unread returns the ids that no record has.
func unread(ids []string, recs []record.Record) []string {
	have := make(map[string]struct{}, len(recs))
	for i := range recs {
		have[recs[i].ID] = struct{}{}
	}
	var out []string
	for _, id := range ids {
		if _, ok := have[id]; !ok {
			out = append(out, id)
		}
	}
	return out
}

// Find looks records up by a property with unique values, by hs_object_id, or
// contacts by e-mail, a hundred in a call. The caller compares each hit: a
// contact is also found by its further addresses.
func (c *Client) Find(ctx context.Context, object string, fields []record.Field, key record.Field, values []record.Value) ([]record.Record, error) {
	k := call{op: "find " + object, kind: kindFind}
	if isAssociation(key.Name) || !validName(key.Name) {
		e := providers.Errorf(providers.Broken, k.op, "%q is no property to look up by", short(key.Name))
		e.Fields = []string{short(key.Name)}
		return nil, e
	}
	ask, err := newQuestion(k.op, object, fields)
	if err != nil {
		return nil, err
	}
	ask.add(key.Name)
	var out []record.Record
	for batch := range slices.Chunk(keysOf(ask.typ, key, values), recordsPerCall) {
		recs, err := c.findBatch(ctx, k, ask, key.Name, batch)
		if err != nil {
			return nil, err
		}
		out = append(out, recs...)
	}
	out = once(out)
	return out, c.fillLinks(ctx, k, ask, out)
}

// keysOf returns the texts to look up, each once: a repetition spoils a batch.
func keysOf(typ string, key record.Field, values []record.Value) []string {
	seen := make(map[string]struct{}, len(values))
	keys := make([]string, 0, len(values))
	for _, v := range values {
		text := v.Text()
		if typ == "contacts" && key.Name == "email" {
			text = strings.ToLower(text)
		}
		if _, again := seen[text]; again || text == "" || key.Name == idProperty && !validID(text) {
			continue
		}
		seen[text] = struct{}{}
		keys = append(keys, text)
	}
	return keys
}

// findBatch makes sure that every key was answered, by a record or by its
// absence: a hit that is lost in silence would be made a second time.
func (c *Client) findBatch(ctx context.Context, k call, ask question, by string, keys []string) ([]record.Record, error) {
	if by == idProperty {
		by = ""
	}
	recs, missing, err := c.readBatch(ctx, k, ask, by, keys)
	if err != nil || len(recs)+len(missing) >= len(keys) {
		return recs, err
	}
	if len(keys) == 1 || len(recs)+len(missing) == 0 {
		return nil, providers.Errorf(providers.Broken, k.op, "%d of %d keys were answered", len(recs)+len(missing), len(keys))
	}
	// Two keys may lead to one record: a contact has several addresses.
	half := len(keys) / 2
	first, err := c.findBatch(ctx, k, ask, by, keys[:half])
	if err != nil {
		return nil, err
	}
	second, err := c.findBatch(ctx, k, ask, by, keys[half:])
	return append(first, second...), err
}

// once drops repetitions.
func once(recs []record.Record) []record.Record {
	seen := make(map[string]struct{}, len(recs))
	return slices.DeleteFunc(recs, func(r record.Record) bool {
		_, again := seen[r.ID]
		seen[r.ID] = struct{}{}
		return again
	})
}

// readBatch reads up to a hundred records by id, or by a property with unique
// values. It returns the keys that the service says it does not have.
func (c *Client) readBatch(ctx context.Context, k call, ask question, by string, keys []string) (recs []record.Record, missing []string, err error) {
	body, err := readBody(ask.names, nil, by, keys)
	if err != nil {
		return nil, nil, providers.Errorf(providers.Broken, k.op, "write the request: %w", err)
	}
	resp, err := c.ask(ctx, k, c.paths.objects(ask.typ, "/batch/read"), body)
	if err != nil {
		return nil, nil, err
	}
	// The records keep the body, which is therefore never released.
	p, err := walkPage(k.op, ask.walker(), resp.Body)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range parseFaults(p.Head[headErrors]) {
		if f.Code != "OBJECT_NOT_FOUND" {
			return nil, nil, c.said(errorOf(k.op, reading, f))
		}
		missing = append(missing, f.IDs...)
	}
	recs, err = p.records(k.op, make([]record.Record, 0, p.Len()))
	if err != nil {
		return nil, nil, err
	}
	if by == "" {
		recs = asked(recs, keys)
	}
	return recs, missing, nil
}

// asked drops records under ids that nobody asked for: what the id of a merged
// record leads to is told in another way.
func asked(recs []record.Record, ids []string) []record.Record {
	return slices.DeleteFunc(recs, func(r record.Record) bool { return !slices.Contains(ids, r.ID) })
}

type inputJSON struct {
	ID string `json:"id"`
}

func readBody(names, histories []string, by string, keys []string) ([]byte, error) {
	inputs := make([]inputJSON, len(keys))
	for i, key := range keys {
		inputs[i].ID = key
	}
	if histories == nil {
		histories = []string{}
	}
	return json.Marshal(struct { // the caller says what it writes
		Properties []string    `json:"properties"`
		Histories  []string    `json:"propertiesWithHistory"`
		IDProperty string      `json:"idProperty,omitempty"`
		Inputs     []inputJSON `json:"inputs"`
	}{names, histories, by, inputs})
}
