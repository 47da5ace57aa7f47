package hubspot

import (
	"context"
	"encoding/json"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
)

// link is one association of a record: where it leads, and all types that it
// has, people's labels among them.
type link struct {
	to    string
	types []linkType
}

func (l *link) has(t linkType) bool { return slices.Contains(l.types, t) }

// fillLinks sets the association fields of records, which no answer of records
// holds. It asks for all records anew, whatever changed: a new association does
// not change its record.
func (c *Client) fillLinks(ctx context.Context, k call, ask question, recs []record.Record) error {
	if len(recs) == 0 {
		return nil
	}
	for _, f := range ask.links {
		ids := make([]string, len(recs))
		for i := range recs {
			ids[i] = recs[i].ID
		}
		all, err := c.readLinks(ctx, k, ask.typ, f.to, ids)
		if err != nil {
			return err
		}
		for i := range recs {
			recs[i].Raw[f.at] = f.literal(all[recs[i].ID])
		}
	}
	return nil
}

// literal is an association field as JSON: null, the id of the one record that
// this one belongs to, or a list where the vendor knows no primary.
func (a association) literal(links []link) []byte {
	var ids []string
	for i := range links {
		l := &links[i]
		if l.has(linkType{hubspotDefined, a.typeID}) {
			ids = append(ids, l.to)
		}
	}
	switch len(ids) {
	case 0:
		return []byte("null")
	case 1:
		return []byte(`"` + ids[0] + `"`)
	}
	b := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), id...), '"')
	}
	return append(b, ']')
}

// readLinks reads the associations of records, a thousand in a call. Records
// without any are left out of the result.
func (c *Client) readLinks(ctx context.Context, k call, from, to string, ids []string) (map[string][]link, error) {
	k.kind = kindAssociate
	out := make(map[string][]link, len(ids))
	for batch := range slices.Chunk(ids, linksPerRead) {
		ask := make([]linkInput, len(batch))
		for i, id := range batch {
			ask[i].ID = id
		}
		for len(ask) > 0 {
			var err error
			if ask, err = c.readLinksOnce(ctx, k, c.paths.associations(from, to, "/batch/read"), ask, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// linkInput asks for the associations of one record, from a place on.
type linkInput struct {
	ID    string `json:"id"`
	After string `json:"after,omitempty"`
}

// readLinksOnce adds one answer to out and returns what is left to ask: a
// record with very many associations has several pages of them.
func (c *Client) readLinksOnce(ctx context.Context, k call, path string, ask []linkInput, out map[string][]link) ([]linkInput, error) {
	body, err := json.Marshal(struct {
		Inputs []linkInput `json:"inputs"`
	}{ask})
	if err != nil {
		return nil, providers.Errorf(providers.Broken, k.op, "write the request: %w", err)
	}
	resp, err := c.ask(ctx, k, path, body)
	if err != nil {
		return nil, err
	}
	defer resp.Release()
	more, err := parseLinks(k.op, resp.Body, ask, out)
	if err != nil {
		return nil, c.said(outcome.AsError(err))
	}
	return more, nil
}

func parseLinks(op string, body []byte, asked []linkInput, out map[string][]link) ([]linkInput, error) {
	p, err := jsonwalk.New(jsonwalk.Shape{
		Array: "results", Head: []string{"errors"}, Fields: []string{"from.id", "to", "paging.next.after"},
	}).Walk(body)
	if err != nil {
		return nil, providers.Errorf(providers.Broken, op, "read the associations: %w", err)
	}
	if !p.Found {
		return nil, providers.Errorf(providers.Broken, op, "the answer holds no associations, not even none")
	}
	for _, f := range parseFaults(p.Head[0]) {
		// That a record has none is told as an error.
		if f.Code != "OBJECT_NOT_FOUND" {
			return nil, errorOf(op, reading, f)
		}
	}
	targets := jsonwalk.New(jsonwalk.Shape{Fields: []string{"toObjectId", "associationTypes"}})
	kinds := jsonwalk.New(jsonwalk.Shape{Fields: []string{"category", "typeId"}})
	var more []linkInput
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			return nil, providers.Errorf(providers.Broken, op, "an association of the answer is null")
		}
		id, ok := idOf(row[0])
		if !ok || !slices.ContainsFunc(asked, func(in linkInput) bool { return in.ID == id }) {
			return nil, providers.Errorf(providers.Broken, op, "the answer is about another record")
		}
		if out[id], err = appendLinks(op, targets, kinds, row[1], out[id]); err != nil {
			return nil, err
		}
		after, err := nextOf(op, row[2])
		if err != nil {
			return nil, err
		}
		if after != "" && slices.Contains(asked, linkInput{id, after}) {
			return nil, providers.Errorf(providers.Broken, op, "the associations of record %s do not end", id)
		}
		if after != "" {
			more = append(more, linkInput{id, after})
		}
	}
	return more, nil
}

func appendLinks(op string, targets, kinds *jsonwalk.Walker, raw []byte, links []link) ([]link, error) {
	to, err := targets.Walk(raw)
	if err != nil {
		return nil, providers.Errorf(providers.Broken, op, "read the associations: %w", err)
	}
	for i := range to.Len() {
		row := to.Row(i)
		if row == nil {
			return nil, providers.Errorf(providers.Broken, op, "an association of the answer is null")
		}
		id, ok := idOf(row[0])
		if !ok {
			return nil, providers.Errorf(providers.Broken, op, "an association of the answer leads nowhere")
		}
		types, err := linkTypes(op, kinds, row[1])
		if err != nil {
			return nil, err
		}
		// One that has several types may come as several, and is one.
		if at := slices.IndexFunc(links, func(l link) bool { return l.to == id }); at >= 0 {
			links[at].types = append(links[at].types, types...)
			continue
		}
		links = append(links, link{id, types})
	}
	return links, nil
}

func linkTypes(op string, kinds *jsonwalk.Walker, raw []byte) ([]linkType, error) {
	p, err := kinds.Walk(raw)
	if err != nil {
		return nil, providers.Errorf(providers.Broken, op, "read the types of an association: %w", err)
	}
	out := make([]linkType, 0, p.Len())
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		category, _ := jsonwalk.Text(row[0])
		id, ok := jsonwalk.Int(row[1])
		if !ok || !validName(category) {
			return nil, providers.Errorf(providers.Broken, op, "an association of the answer has no readable type")
		}
		if t := (linkType{category, id}); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out, nil
}
