package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// What refers to a record that moved is turned to where it went, so that nothing waits
// for a record that never comes. Many may move in one stage, so those that refer are
// walked once, at its end; a note in the state survives a stop.

// followMoves turns every reference to a record that moved to where it went.
func (r *run) followMoves(ctx context.Context) error {
	for name, object := range r.opt.Mapping.Hub {
		moved, err := r.meta(ledger.Moved(name))
		if err != nil {
			return err
		}
		if moved == "" {
			continue
		}
		for _, child := range r.opt.Mapping.Hub {
			if err := r.turnReferences(ctx, child, object); err != nil {
				return fmt.Errorf("turn what refers to a %s that moved: %w", name, err)
			}
		}
		if err := r.opt.Store.Update(func(tx *state.Tx) error {
			if string(tx.Meta(ledger.Moved(name))) != moved {
				return nil // another one moved meanwhile
			}
			return tx.SetMeta(ledger.Moved(name), nil)
		}); err != nil {
			return err
		}
	}
	return r.followRenames(ctx)
}

func (r *run) turnReferences(ctx context.Context, child, to *fieldmap.HubObject) error {
	var fields []*fieldmap.HubField
	for _, f := range child.Fields {
		if f.Type == record.Reference && f.RefTo == to.Name {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return ledger.Sweep(ctx, r.opt.Store, child, r.log, func(tx *state.Tx, rec *state.HubRecord) error {
		var turned []state.JournalEntry
		before := r.book.Computing(child, rec)
		for _, f := range fields {
			e, ok, err := r.turn(tx, child, to, rec, f)
			if err != nil {
				return err
			}
			if ok {
				turned = append(turned, e)
			}
		}
		if len(turned) == 0 {
			return nil
		}
		if err := tx.Hub(child.Name).Put(rec, r.book.IndexKeys(child, rec)); err != nil {
			return err
		}
		if err := r.book.KeepFamily(tx, child, rec); err != nil {
			return err
		}
		if err := r.book.KeepComputing(tx, child, rec, before); err != nil {
			return err
		}
		if err := r.book.Recompute(tx, child, append(before, r.book.Computing(child, rec)...)); err != nil {
			return err
		}
		return tx.Journal(turned)
	})
}

// turn sets one reference, and what the links that read it were told.
func (r *run) turn(tx *state.Tx, child, to *fieldmap.HubObject, rec *state.HubRecord, f *fieldmap.HubField) (e state.JournalEntry, ok bool, err error) {
	num := r.book.Nums(child)[f.Index]
	old := rec.Get(num)
	id, perr := state.ParseHubID(old.Text())
	if perr != nil || !old.IsSet() {
		return e, false, nil //nolint:nilerr // it refers to nothing
	}
	goal, ok := ledger.Redirect(tx, to, id)
	if !ok {
		return e, false, nil
	}
	v := record.Of(goal.String())
	rec.Replace(num, v)
	for _, route := range r.book.Routes {
		if route.Direction != fieldmap.Pull || route.Hub != child {
			continue
		}
		if err := r.retell(tx, route, rec.ID, f, r.book.Key.Value(f.Type, old), r.book.Key.Value(f.Type, v)); err != nil {
			return e, false, err
		}
	}
	return state.JournalEntry{
		Run: r.rec.ID, At: r.now().Unix(), Object: child.Name, Hub: rec.ID, Field: num, Old: old, New: v, OldKnown: state.OldRead, Reason: "moved", Config: r.opt.Config,
	}, true, nil
}

// retell moves what a link was told of a field from one digest to another that
// means the same.
func (e *Engine) retell(tx *state.Tx, route *ledger.Route, hub state.HubID, f *fieldmap.HubField, from, to record.Digest) error {
	links := route.Links(tx)
	var l state.Link
	if ok, err := links.Get(hub, &l); !ok || err != nil {
		return nil //nolint:nilerr // a damaged link is settled when its record is read
	}
	for i, rule := range route.Fields {
		if lf := route.Field(&l, i); rule.Hub == f && lf != nil && lf.Told == from {
			lf.Told = to
			return links.Put(&l)
		}
	}
	return nil
}
