package engine

import (
	"context"
	"fmt"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// buildFamilies builds the index once for a state that was made without it.
func (e *Engine) buildFamilies(ctx context.Context) error {
	if built, err := e.meta(ledger.FamiliesBuilt); err != nil || built != "" {
		return err
	}
	for name, object := range e.opt.Mapping.Hub {
		if err := ledger.Sweep(ctx, e.opt.Store, object, e.log, func(tx *state.Tx, rec *state.HubRecord) error { return e.book.KeepFamily(tx, object, rec) }); err != nil {
			return fmt.Errorf("note what each %s refers to: %w", name, err)
		}
	}
	return e.opt.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(ledger.FamiliesBuilt, []byte("1")) })
}

// renamedOf is the name under which the records of an object are noted that have
// another key than the one by which others may name them.
func renamedOf(object string) string { return "renamed " + object }

// noteRenamed remembers that a record has another key than the one by which
// others may name it.
func noteRenamed(tx *state.Tx, object string, id state.HubID) error {
	return tx.Flip(renamedOf(object), "", id)
}

// renamedKey is where an earlier state kept all of them in one text.
func renamedKey(object string) string { return "renamed:" + object }

// splitRenamed turns the note of an earlier state into one for each record.
func splitRenamed(tx *state.Tx, object string) error {
	for id := range strings.FieldsSeq(string(tx.Meta(renamedKey(object)))) {
		hub, err := state.ParseHubID(id)
		if err != nil {
			continue
		}
		if err := noteRenamed(tx, object, hub); err != nil {
			return err
		}
	}
	return tx.SetMeta(renamedKey(object), nil)
}

// followRenames has those read again that named a record by a key which it has
// no longer (R83), some hundreds of records in one transaction.
func (r *run) followRenames(ctx context.Context) error {
	for object := range r.book.NamedObjects() {
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			left, old := false, false
			err := r.opt.Store.View(func(tx *state.Tx) error {
				old = tx.Meta(renamedKey(object.Name)) != nil
				return tx.Flips(renamedOf(object.Name), "", func(string, state.HubID) error { left = true; return state.ErrStop })
			})
			if err != nil {
				return err
			}
			if !left && !old {
				break
			}
			err = r.opt.Store.Update(func(tx *state.Tx) (err error) {
				tx.OneOfMany()
				if old {
					if err := splitRenamed(tx, object.Name); err != nil {
						return err
					}
				}
				more, err = r.followSome(tx, object)
				return err
			})
			if err != nil {
				return fmt.Errorf("look who named a %s by its former key: %w", object.Name, err)
			}
		}
	}
	return nil
}

// followChunk is how many notes one transaction works off.
const followChunk = 500

// followSome works off some of the notes, and reports whether there are more.
func (r *run) followSome(tx *state.Tx, object *fieldmap.HubObject) (more bool, err error) {
	var ids []state.HubID
	if err := tx.Flips(renamedOf(object.Name), "", func(_ string, id state.HubID) error {
		if more = len(ids) == followChunk; more {
			return state.ErrStop
		}
		ids = append(ids, id)
		return nil
	}); err != nil {
		return false, err
	}
	for _, id := range ids {
		if err := r.wakeNaming(tx, object, id); err != nil {
			return false, err
		}
		if err := tx.Unflip(renamedOf(object.Name), "", id); err != nil {
			return false, err
		}
	}
	return more, nil
}

// wakeNaming notes the records that name a record by a key.
func (r *run) wakeNaming(tx *state.Tx, object *fieldmap.HubObject, id state.HubID) error {
	var l state.Link
	for _, route := range r.book.Routes {
		for _, rule := range route.Fields {
			if rule.RefKey == nil || rule.Hub.RefTo != object.Name {
				continue
			}
			children, err := r.book.Family(tx, route.Hub, rule.Hub, id)
			if err != nil {
				return err
			}
			for _, child := range children {
				if ok, err := route.Links(tx).Get(child, &l); !ok || err != nil || l.State == state.LinkClosed {
					continue // a damaged link is settled when its record is read
				}
				if err := tx.Wake(route.System, route.Object, state.WakeRecord, l.Remote); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
