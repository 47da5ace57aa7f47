package hubspot

import (
	"context"
	"encoding/json"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// absent says of ids that a batch left out how it is known that there is no
// record. What a batch leaves out in silence is never taken for gone: each id
// is asked for alone, where the id of a record that was merged into another
// leads to that one.
//
// https://developers.hubspot.com/docs/api/crm/understanding-the-crm, last
// checked 2026-11-22.
func (c *Client) absent(ctx context.Context, k call, ask question, ids []string) ([]*providers.Error, error) {
	var errs []*providers.Error
	var left []string
	for _, id := range ids {
		now, err := c.idNow(ctx, k, ask.typ, id)
		switch {
		case err != nil:
			return nil, err
		case now == "":
			left = append(left, id)
		case now == id:
			return nil, providers.Errorf(providers.Transient, k.op, "record %s is there and was left out of the answer", id)
		default:
			e := gone(k.op, ask.object, id, providers.Told, "merged into another record")
			e.Successor = now
			errs = append(errs, e)
		}
	}
	archived, err := c.archived(ctx, k, ask.typ, left)
	if err != nil {
		return nil, err
	}
	for _, id := range left {
		if _, told := archived[id]; told {
			errs = append(errs, gone(k.op, ask.object, id, providers.Told, "deleted"))
			continue
		}
		errs = append(errs, gone(k.op, ask.object, id, providers.Answered, "the portal has no such record"))
	}
	return errs, nil
}

func gone(op, object, id string, how providers.Gone, said string) *providers.Error {
	return &providers.Error{
		Op: op, Ref: ref(object, id), Kind: providers.Missing, Gone: how, Code: "OBJECT_NOT_FOUND", Message: said,
	}
}

// archived returns which of these ids lie in the recycle bin.
func (c *Client) archived(ctx context.Context, k call, typ string, ids []string) (map[string]struct{}, error) {
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // nothing was asked for
	}
	body, err := readBody([]string{idProperty}, nil, "", ids)
	if err != nil {
		return nil, providers.Errorf(providers.Broken, k.op, "write the request: %w", err)
	}
	resp, err := c.ask(ctx, k, c.paths.objects(typ, "/batch/read?archived=true"), body)
	if err != nil {
		return nil, err
	}
	defer resp.Release()
	p, werr := jsonwalk.New(jsonwalk.Shape{Array: "results", Fields: []string{"id", "archived"}}).Walk(resp.Body)
	if werr != nil {
		return nil, providers.Errorf(providers.Broken, k.op, "read the answer: %w", werr)
	}
	out := make(map[string]struct{}, p.Len())
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil || string(row[1]) != "true" {
			continue
		}
		if id, ok := idOf(row[0]); ok {
			out[id] = struct{}{}
		}
	}
	return out, nil
}

// idNow returns the id under which a record is found today, empty for none.
func (c *Client) idNow(ctx context.Context, k call, typ, id string) (string, error) {
	k.verb = looking
	resp, err := c.get(ctx, k, c.paths.objects(typ, "/"+id+"?archived=false&properties="+idProperty))
	if err != nil {
		if providers.KindOf(err) == providers.Missing {
			return "", nil
		}
		return "", err
	}
	defer resp.Release()
	var answer struct {
		ID json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(resp.Body, &answer); err == nil {
		if now, ok := idOf(answer.ID); ok {
			return now, nil
		}
	}
	return "", providers.Errorf(providers.Broken, k.op, "the answer is no record")
}
