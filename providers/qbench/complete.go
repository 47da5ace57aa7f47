package qbench

import (
	"bytes"
	"context"
	"fmt"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/rest"
)

// Complete asks for the customers of each contact, one call each, and sets
// their ids as the raw value of customer_ids. A contact that is gone meanwhile
// keeps it missing.
func (c *Client) Complete(ctx context.Context, object string, fields []record.Field, recs []record.Record) error {
	at := c.costlyIndexes(object, fields)
	if len(at) == 0 {
		return nil
	}
	for i := range recs {
		raw, err := c.customersOf(ctx, recs[i].ID)
		if err != nil {
			return err
		}
		for _, f := range at {
			recs[i].Raw[f] = raw
		}
	}
	return nil
}

// customersOf returns the ids as a JSON array, nil when the contact is gone.
func (c *Client) customersOf(ctx context.Context, id string) ([]byte, error) {
	const op = "ask for the customers of a QBench contact"
	if !plainID(id) {
		return nil, nil
	}
	walk := jsonwalk.New(jsonwalk.Shape{Array: "data", Head: listHead(), Fields: []string{"id"}})
	var ids [][]byte
	for page := 1; ; page++ {
		path := c.objectPath(Contact) + "/" + id + "/customers" + pageQuery(page, c.cfg.PageSize)
		resp, err := c.rest.Do(ctx, rest.Request{Kind: "complete", Path: path})
		if err := c.failure(op, resp, err); err != nil {
			if providers.KindOf(err) == providers.Missing {
				return nil, nil
			}
			return nil, err
		}
		more, pages, err := idsOf(walk, resp.Body)
		if err != nil {
			return nil, c.unreadable(op, resp, err)
		}
		ids = append(ids, more...)
		resp.Release()
		if page >= pages || len(more) == 0 {
			return bytes.Join([][]byte{[]byte("["), bytes.Join(ids, []byte(",")), []byte("]")}, nil), nil
		}
	}
}

func idsOf(walk *jsonwalk.Walker, body []byte) (ids [][]byte, pages int, err error) {
	doc, err := walk.Walk(body)
	if err != nil {
		return nil, 0, err // the caller says what it read
	}
	pages, ok := jsonwalk.Int(doc.Head[1])
	if !doc.Found || !ok {
		return nil, 0, fmt.Errorf("the answer has no list named data with total_pages")
	}
	for i := range doc.Len() {
		row := doc.Row(i)
		if row == nil || row[0] == nil {
			return nil, 0, fmt.Errorf("record %d of the page has no id", i)
		}
		ids = append(ids, bytes.Clone(row[0]))
	}
	return ids, pages, nil
}
