package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// refusal is an update that was refused as if its record were not there.
type refusal struct {
	link   state.Link
	err    *providers.Error
	digest record.Digest // of the hub's values
	refs   []heldRef     // the references that were sent
}

// heldRef is a reference that was sent, with what it is held for.
type heldRef struct {
	field        string
	ours, theirs record.Digest
}

// refusalOf keeps of an item what its refusal is about.
func (p *pusher) refusalOf(it *item, e *providers.Error) refusal {
	r := refusal{link: state.Link{Hub: it.id, Remote: it.link.Remote}, err: e, digest: p.hubDigest(it)}
	for i, rule := range p.r.Fields {
		v := &it.verdicts[i]
		if v.Kind != plan.Push || rule.Hub.Type != record.Reference || !v.Value.IsSet() {
			continue
		}
		stands := p.r.Stands(&it.link, i)
		r.refs = append(r.refs, heldRef{rule.Hub.Name, p.book.Key.Value(rule.Remote.Type, v.Value), stands.Last()})
	}
	return r
}

// missing deals with updates that found no record, or so the vendor says. A
// reading by id confirms it. What that finds was refused for another reason: for
// a record that it refers to, if it refers to any. Then the rest goes out
// without these references, in the same run.
func (p *pusher) missing(ctx context.Context, gone []refusal) error {
	if len(gone) == 0 {
		return nil
	}
	links := make([]state.Link, len(gone))
	for i := range gone {
		links[i] = gone[i].link
	}
	if p.sys.Getter == nil {
		return p.notBrought(links, nil)
	}
	if _, err := p.reconcileChunk(ctx, links, comparison{only: map[int]bool{}, late: true}); err != nil {
		return err
	}
	var again []state.HubID
	err := p.opt.Store.Update(func(tx *state.Tx) error {
		again = again[:0]
		for i := range gone {
			there, err := p.holdFound(tx, &gone[i])
			if err != nil {
				return err
			}
			if there && len(gone[i].refs) > 0 {
				again = append(again, gone[i].link.Hub)
			}
		}
		return nil
	})
	if err != nil || len(again) == 0 {
		return err
	}
	return p.gatherChunk(again)
}

// holdFound holds what was refused of a record that is there after all: its
// references, or where none was sent, the whole record.
func (p *pusher) holdFound(tx *state.Tx, r *refusal) (there bool, err error) {
	var l state.Link
	ok, err := p.r.Links(tx).Get(r.link.Hub, &l)
	if err != nil || !ok || l.State != state.LinkOpen || l.Remote != r.link.Remote || p.hidden(tx, p.r, r.link.Hub) {
		return false, err // it is gone, not visible, was moved or was unlinked
	}
	it := &item{id: r.link.Hub}
	for _, ref := range r.refs {
		h := p.holdOf(it, ref.field, ledger.HoldRejected, vendorWords(r.err), "")
		h.Ours, h.Theirs = ref.ours, ref.theirs
		if err := tx.PutHold(h); err != nil {
			return false, fmt.Errorf("hold %s: %w", ref.field, err)
		}
	}
	if len(r.refs) > 0 {
		return true, nil
	}
	h := p.holdOf(it, "", ledger.HoldRejected, vendorWords(r.err), "")
	h.Digest = r.digest
	it.holds = []state.Hold{h}
	return true, p.putRefused(tx, []*item{it})
}
