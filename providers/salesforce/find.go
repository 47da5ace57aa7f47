package salesforce

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/rest"
)

// Get reads records by id. An answer without a record says nothing: it is the
// same for one that is gone and for one that the user may not see. So the bin is
// asked about those ids, by one more call per batch; it tells what was deleted,
// for about 15 days, and what was merged into which other record.
//
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_retrieve.htm,
// last checked 2026-11-30.
func (c *Client) Get(ctx context.Context, object string, fields []record.Field, ids []string) (found []record.Record, errs []*providers.Error, err error) {
	op := "get " + object
	if err := checkNames(op, object, fields); err != nil {
		return nil, nil, err
	}
	ids, errs = goodIDs(op, object, ids)
	for batch := range slices.Chunk(ids, recordsPerCall) {
		recs, gone, err := c.getBatch(ctx, op, object, fields, batch)
		if err != nil {
			return nil, nil, err
		}
		absent, err := c.absent(ctx, op, object, gone)
		if err != nil {
			return nil, nil, err
		}
		found, errs = append(found, recs...), append(errs, absent...)
	}
	return found, errs, nil
}

// goodIDs parts what can be an id from what would spoil the call for all.
func goodIDs(op, object string, ids []string) (good []string, errs []*providers.Error) {
	good = make([]string, 0, len(ids))
	for _, id := range ids {
		long, ok := ID18(id)
		if !ok {
			e := providers.Errorf(providers.Rejected, op, "not a Salesforce id")
			e.Ref = ref(object, id)
			errs = append(errs, e)
			continue
		}
		good = append(good, long)
	}
	return good, errs
}

func (c *Client) getBatch(ctx context.Context, op, object string, fields []record.Field, ids []string) (found []record.Record, gone []string, err error) {
	if followsRelationship(fields) {
		return c.getByQuery(ctx, op, object, fields, ids)
	}
	body, err := json.Marshal(struct {
		IDs    []string `json:"ids"`
		Fields []string `json:"fields"`
	}{ids, columns(fields)})
	if err != nil {
		return nil, nil, providers.Errorf(providers.Broken, op, "write the request: %w", err)
	}
	resp, err := c.send(ctx, call{op: op, kind: kindGet}, rest.Request{
		Method: http.MethodPost, Path: c.data("/composite/sobjects/" + object), Body: body, Idempotent: true,
	})
	if err != nil {
		return nil, nil, err
	}
	// The records keep the body, which is therefore never released.
	p, err := jsonwalk.New(jsonwalk.Shape{Fields: cells(fields)}).Walk(resp.Body)
	if err != nil {
		return nil, nil, providers.Errorf(providers.Broken, op, "read the answer: %w", err)
	}
	if p.Len() != len(ids) {
		return nil, nil, providers.Errorf(providers.Broken, op, "%d answers for %d ids", p.Len(), len(ids))
	}
	return pickFound(op, c.user(), ids, p)
}

// pickFound parts the records from the ids that were answered by null.
func pickFound(op, me string, ids []string, p *jsonwalk.Page) (found []record.Record, gone []string, err error) {
	found = make([]record.Record, 0, p.Len())
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			gone = append(gone, ids[i])
			continue
		}
		rec, err := oneRecord(op, me, row)
		if err != nil {
			return nil, nil, err
		}
		if rec.ID != ids[i] {
			return nil, nil, providers.Errorf(providers.Broken, op, "answer %d is about another record", i)
		}
		found = append(found, rec)
	}
	return found, gone, nil
}

// getByQuery reads by id where a field of a related record is asked for, which
// only a query can give.
func (c *Client) getByQuery(ctx context.Context, op, object string, fields []record.Field, ids []string) (found []record.Record, gone []string, err error) {
	found, err = c.find(ctx, call{op: op, kind: kindGet}, object, fields, record.Field{Name: "Id", Type: record.Reference}, idValues(ids))
	if err != nil {
		return nil, nil, err
	}
	have := make(map[string]struct{}, len(found))
	for i := range found {
		have[found[i].ID] = struct{}{}
	}
	for _, id := range ids {
		if _, ok := have[id]; !ok {
			gone = append(gone, id)
		}
	}
	return found, gone, nil
}

func idValues(ids []string) []record.Value {
	out := make([]record.Value, len(ids))
	for i, id := range ids {
		out[i] = record.Of(id)
	}
	return out
}

func followsRelationship(fields []record.Field) bool {
	return slices.ContainsFunc(fields, func(f record.Field) bool { return strings.Contains(f.Name, ".") })
}

// Find looks records up by one field. The service folds case in most fields
// and trims, so each hit is for the caller to compare.
func (c *Client) Find(ctx context.Context, object string, fields []record.Field, key record.Field, values []record.Value) ([]record.Record, error) {
	return c.find(ctx, call{op: "find " + object, kind: kindFind}, object, fields, key, values)
}

func (c *Client) find(ctx context.Context, k call, object string, fields []record.Field, key record.Field, values []record.Value) ([]record.Record, error) {
	if err := checkNames(k.op, object, append(fields[:len(fields):len(fields)], key)); err != nil {
		return nil, err
	}
	soql, err := conditions(k.op, selectFrom(object, fields), key, values)
	if err != nil {
		return nil, err
	}
	var out []record.Record
	for _, q := range soql {
		recs, err := c.all(ctx, k, "query", q, fields)
		if err != nil {
			return nil, err
		}
		out = append(out, recs...)
	}
	if len(soql) > 1 {
		out = once(out)
	}
	return out, nil
}

// once drops repetitions: spellings of one key may stand in several queries.
func once(recs []record.Record) []record.Record {
	seen := make(map[string]struct{}, len(recs))
	return slices.DeleteFunc(recs, func(r record.Record) bool {
		_, again := seen[r.ID]
		seen[r.ID] = struct{}{}
		return again
	})
}

// all returns every record of a query, which stay valid. A query whose locator
// was lost is asked again from its beginning, once.
func (c *Client) all(ctx context.Context, k call, endpoint, soql string, fields []record.Field) ([]record.Record, error) {
	recs, err := c.allPages(ctx, k, endpoint, soql, fields)
	if err != nil && locatorLost(err) {
		return c.allPages(ctx, k, endpoint, soql, fields)
	}
	return recs, err
}

func (c *Client) allPages(ctx context.Context, k call, endpoint, soql string, fields []record.Field) ([]record.Record, error) {
	body, err := c.query(ctx, k, endpoint, soql)
	var out []record.Record
	for {
		if err != nil {
			return nil, err
		}
		p, err := walkQuery(k.op, newQueryWalker(fields), body)
		if err != nil {
			return nil, err
		}
		before := len(out)
		if out, err = p.records(k.op, c.user(), fields, out); err != nil {
			return nil, err
		}
		if p.done {
			return out, nil
		}
		if len(out) == before {
			return nil, providers.Errorf(providers.Broken, k.op, "the listing does not move on after %d records", before)
		}
		body, err = c.followBody(ctx, k, p.next)
		if err != nil {
			return nil, err
		}
	}
}

func (c *Client) followBody(ctx context.Context, k call, next string) ([]byte, error) {
	resp, err := c.follow(ctx, k, next)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// query asks in the address where there is room for it, and otherwise in the
// body of a composite call, which costs one call as well.
//
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm,
// last checked 2026-11-22.
func (c *Client) query(ctx context.Context, k call, endpoint, soql string) ([]byte, error) {
	path := c.queryPath(endpoint, soql)
	if len(path) <= uriRoom {
		resp, err := c.get(ctx, k, path)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}
	body, err := json.Marshal(compositeRequest{Requests: []compositePart{{Method: http.MethodGet, URL: path, ID: "found"}}})
	if err != nil {
		return nil, providers.Errorf(providers.Broken, k.op, "write the request: %w", err)
	}
	resp, err := c.send(ctx, k, rest.Request{Method: http.MethodPost, Path: c.data("/composite"), Body: body, Idempotent: true})
	if err != nil {
		return nil, err
	}
	return c.compositeBody(k, resp.Body)
}

type compositeRequest struct {
	AllOrNone bool            `json:"allOrNone"`
	Requests  []compositePart `json:"compositeRequest"`
}

type compositePart struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	ID     string `json:"referenceId"`
}

// compositeBody returns the answer inside a composite's answer of one part.
func (c *Client) compositeBody(k call, body []byte) ([]byte, error) {
	var answer struct {
		Parts []struct {
			Body   json.RawMessage `json:"body"`
			Status int             `json:"httpStatusCode"`
		} `json:"compositeResponse"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Parts) != 1 {
		return nil, providers.Errorf(providers.Broken, k.op, "the answer is no composite of one part")
	}
	part := answer.Parts[0]
	if part.Status != http.StatusOK {
		return nil, c.said(callError(k.op, k.verb, part.Status, parseFault(&rest.Response{Status: part.Status, Body: part.Body})))
	}
	return part.Body, nil
}
