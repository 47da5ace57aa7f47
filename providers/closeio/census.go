package closeio

import (
	"context"
	"hash/fnv"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// census proves a complete listing by counting: no fewer different records came
// than Close says there are (F6). Of a first reading that nothing depends on it
// tells how much there is, and no more.
type census struct {
	total int // -1 where it is not told
	ids   map[uint64]struct{}
}

// newCensus returns what a reading needs of one; nil where it needs none.
func newCensus(since position, full bool) *census {
	switch {
	case full:
		return &census{total: -1, ids: map[uint64]struct{}{}}
	case since.set():
		return nil
	}
	return &census{total: -1}
}

// count notes one record.
func (n *census) count(id []byte) {
	if n == nil || n.ids == nil {
		return
	}
	h := fnv.New64a()
	_, _ = h.Write(id)
	n.ids[h.Sum64()] = struct{}{}
}

func (n *census) whole() bool { return n == nil || n.ids == nil || len(n.ids) >= n.total }

// expected is how many records there are, 0 where that is unknown.
func (n *census) expected() int {
	if n == nil {
		return 0
	}
	return max(n.total, 0)
}

func (n *census) short(op string) error {
	e := providers.Errorf(providers.Transient, op, "%d records came of %d", len(n.ids), n.total)
	e.Hint = "records come and go while they are listed; the next run tries again"
	return e
}

// ask reads how many records an object has. Contacts and tasks do not tell.
//
// https://developer.close.com/api/overview/pagination, last checked 2026-11-22.
func (n *census) ask(ctx context.Context, c *Client, k call, object string) error {
	resp, err := c.get(ctx, k, "/"+object+"/?_limit=1&_fields=id")
	if err != nil {
		return err
	}
	defer resp.Release()
	p, werr := jsonwalk.New(jsonwalk.Shape{Array: "data", Head: []string{"total_results"}, Fields: []string{"id"}}).Walk(resp.Body)
	if werr != nil || !p.Found {
		return providers.Errorf(providers.Broken, k.op, "the answer holds no records, not even none")
	}
	n.learn(p.Head[0])
	return nil
}

func (n *census) learn(raw []byte) {
	if total, ok := jsonwalk.Int(raw); ok && n != nil {
		n.total = total
	}
}
