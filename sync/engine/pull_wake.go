package engine

import (
	"context"
	"fmt"
	"iter"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// A listing of what changed leaves out records whose verdict changes though
// they do not: a child whose parent entered the scope, a record held until
// another one appears, a filter that asks about another system. Whatever makes
// such a change notes the record, in the same transaction, and the object's next
// pull reads it by id (D5, R121).

// manyParents is how many parents may enter before reading all children is
// cheaper than asking for each parent's.
const manyParents = 500

// wakeChildren notes that the children of a parent are to be read: it entered
// the scope, or is another record of the hub now.
func (p *puller) wakeChildren(tx *state.Tx, remote string) error {
	for _, child := range p.children {
		if err := tx.Wake(child.System, child.Object, state.WakeParent, remote); err != nil {
			return err
		}
	}
	return nil
}

// readWoken reads what was noted since the last pull.
func (p *puller) readWoken(ctx context.Context) error {
	if !p.incremental() {
		return p.forgetWoken() // the listing brought it
	}
	if p.req.Full {
		if err := p.opt.Store.Update(func(tx *state.Tx) error {
			return tx.UnwakeBefore(p.req.System, p.r.Object, state.WakeParent, p.mark)
		}); err != nil {
			return err
		}
	}
	if err := p.readChildren(ctx); err != nil {
		return err
	}
	if p.sys.Getter == nil {
		return nil
	}
	if err := p.readManyWoken(ctx); err != nil {
		return err
	}
	for {
		ids, err := p.woken(state.WakeRecord, removeBatch)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := p.readByID(ctx, ids, p.unwake(state.WakeRecord, ids)); err != nil {
			return err
		}
	}
}

// forgetWoken drops all notes.
func (p *puller) forgetWoken() error {
	for _, kind := range []state.WakeKind{state.WakeRecord, state.WakeParent} {
		ids, err := p.woken(kind, 1)
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			return p.opt.Store.Update(func(tx *state.Tx) error { return tx.UnwakeAll(p.req.System, p.r.Object) })
		}
	}
	return nil
}

// readManyWoken reads everything where so many records are noted that this
// makes fewer calls than to ask for each.
func (p *puller) readManyWoken(ctx context.Context) error {
	ids, err := p.woken(state.WakeRecord, manyParents+1)
	if err != nil || len(ids) <= manyParents {
		return err
	}
	mark := p.opt.Store.WakeMark()
	p.relook = true
	defer func() { p.relook = false }()
	if err := p.readEverything(ctx); err != nil {
		return err
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		return tx.UnwakeBefore(p.req.System, p.r.Object, state.WakeRecord, mark)
	})
}

// readEverything lists everything beside the position.
func (p *puller) readEverything(ctx context.Context) error {
	return p.readPages(ctx, p.sys.Reader.Read(ctx, providers.Query{Object: p.r.Object, Fields: p.fields}))
}

func (p *puller) readPages(ctx context.Context, pages iter.Seq2[record.Page, error]) error {
	last, err := p.walk(ctx, pages, false)
	if err != nil {
		return fmt.Errorf("read %s beside the position: %w", p.r.Object, err)
	}
	if !last {
		return providers.Errorf(providers.Transient, "read "+p.r.Object, "the listing ended before its last page")
	}
	return p.mergeSpool(ctx)
}

func (p *puller) woken(kind state.WakeKind, limit int) (ids []string, err error) {
	err = p.opt.Store.View(func(tx *state.Tx) error {
		ids, err = tx.Wakes(p.req.System, p.r.Object, kind, limit)
		return err
	})
	return ids, err
}

func (p *puller) unwake(kind state.WakeKind, ids []string) func(*state.Tx) error {
	return func(tx *state.Tx) error {
		for _, id := range ids {
			if err := tx.Unwake(p.req.System, p.r.Object, kind, id); err != nil {
				return err
			}
		}
		return nil
	}
}

// readChildren reads the records of parents that entered the scope: by parent,
// or all of them where the parents are many.
func (p *puller) readChildren(ctx context.Context) error {
	parents, err := p.woken(state.WakeParent, manyParents+1)
	if err != nil || len(parents) == 0 {
		return err
	}
	p.relook = true // what did not change may mean something else
	defer func() { p.relook = false }()
	if rule := p.r.Parent(); len(parents) <= manyParents && p.sys.Children != nil && rule != nil {
		q := providers.Query{Object: p.r.Object, Fields: p.fields}
		err = p.readPages(ctx, p.sys.Children.ReadChildren(ctx, q, rule.Remote.Name, parents))
	} else if parents, err = p.woken(state.WakeParent, 0); err == nil {
		err = p.readEverything(ctx)
	}
	if err != nil {
		return err
	}
	p.count("entered", len(parents))
	return p.opt.Store.Update(p.unwake(state.WakeParent, parents))
}

// settleLate settles once more the records that named a parent by a key before
// it was there. Those whose parent did not come wait for it.
func (p *puller) settleLate(ctx context.Context) error {
	p.final = true
	defer func() { p.final = false }()
	var o observation
	err := p.late.Merge(ctx, 0, func(tx *state.Tx, en state.Entry) error {
		if err := readObservation(en.Key, en.Data, &o); err != nil {
			return err
		}
		if o.fingerprint != p.r.Fingerprint {
			return tx.Wake(p.req.System, p.r.Object, state.WakeRecord, o.remote)
		}
		return p.settle(tx, &o)
	})
	if lostEntries(err) {
		p.log.Error("records that wait for their parent are damaged in the state; they are read again", "system", p.req.System, "object", p.r.Object, "err", err)
		return p.opt.Store.Update(func(tx *state.Tx) error {
			if err := p.wakeUnasked(tx); err != nil {
				return err
			}
			return p.late.Drop(tx)
		})
	}
	if err != nil {
		return fmt.Errorf("settle what came before its parent of %s: %w", p.r.Object, err)
	}
	return nil
}

// wakeUnasked has the records read again that wait for a parent and for no
// event yet, for settleLate was to look for it.
func (p *puller) wakeUnasked(tx *state.Tx) error {
	return tx.EachHold(p.req.System, func(h state.Hold) error {
		if h.Object != p.r.Object || h.Reason != ledger.HoldParentUnknown || h.Event != "" || h.Remote == "" {
			return nil
		}
		return tx.Wake(h.System, h.Object, state.WakeRecord, h.Remote)
	})
}

// postpone keeps a record for settleLate.
func (p *puller) postpone(tx *state.Tx, o *observation) error {
	return p.late.Append(tx, []state.Entry{{Key: []byte(o.remote), Data: o.append(nil)}})
}
