package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
)

// readAgain reads by id what was read too early to be believed (F4).
func (p *puller) readAgain(ctx context.Context) error {
	ids := p.again
	p.again = nil
	if len(ids) == 0 || p.sys.Getter == nil {
		return nil
	}
	return p.readByID(ctx, ids, nil)
}

// readByID reads records by id and settles them; done runs before, in the same
// transaction.
func (p *puller) readByID(ctx context.Context, ids []string, done func(*state.Tx) error) error {
	p.readAt = p.now()
	recs, errs, err := p.sys.Getter.Get(ctx, p.r.Object, p.fields, ids)
	if err != nil {
		return fmt.Errorf("read %s by id: %w", p.r.Object, err)
	}
	return p.settleByID(recs, func(tx *state.Tx) error {
		if done != nil {
			if err := done(tx); err != nil {
				return err
			}
		}
		return p.notFound(tx, ids, recs, errs)
	})
}

// settleByID settles what was read by id; before runs first, in the same
// transaction, so that a note that is made meanwhile stays.
func (p *puller) settleByID(recs []record.Record, before func(*state.Tx) error) error {
	p.byID = true
	defer func() { p.byID = false }()
	return p.opt.Store.Update(func(tx *state.Tx) error {
		if err := before(tx); err != nil {
			return err
		}
		for i := range recs {
			var raw record.Digest
			raw, p.rawBuf = p.book.Key.Raw(p.r.Fingerprint, &recs[i], p.rawBuf)
			o := p.observe(&recs[i], raw)
			if err := p.settle(tx, &o); err != nil {
				return err
			}
		}
		return nil
	})
}

// notFound settles that reads by id did not bring records. One of which that is
// no proof that it is gone may be there: nothing is said of what was linked with
// it or held for it, but that it is not visible.
func (p *puller) notFound(tx *state.Tx, ids []string, found []record.Record, errs []*providers.Error) error {
	rest := map[string]*providers.Error{}
	for _, id := range ids {
		rest[id] = nil
	}
	for i := range found {
		delete(rest, found[i].ID)
	}
	for _, e := range errs {
		if e.Kind != providers.Missing {
			delete(rest, e.Ref.ID)
		} else if _, asked := rest[e.Ref.ID]; asked {
			rest[e.Ref.ID] = e
		}
	}
	p.noteMet(p.r, len(found))
	for _, id := range slices.Sorted(maps.Keys(rest)) {
		ev := providers.Event{Object: p.r.Object, ID: id, Kind: providers.EventDeleted}
		switch e := rest[id]; {
		case e != nil && e.Successor != "":
			ev.Kind, ev.Into = providers.EventMerged, e.Successor
		case e != nil && p.proven(p.r, e.Gone):
		case p.unseen(tx, id), e == nil, e.Gone == providers.NotVisible:
			continue
		}
		if err := p.event(tx, &ev); err != nil {
			return err
		}
	}
	return nil
}
