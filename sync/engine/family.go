package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// Which records refer to a record of the hub is kept as an index, by the two
// objects, so that what concerns one family never walks all others. An entry
// outlives a reference that turned elsewhere; whoever asks is told of those alone
// that refer now, and drops the others.

// familiesKey says that the index was built for what the state held before it.
const familiesKey = "families"

// referring is the name of the index of a child object's references to an object.
func referring(child, to string) string { return "ref " + child + " " + to }

// keepFamily notes what a record refers to.
func (e *Engine) keepFamily(tx *state.Tx, object *fieldmap.HubObject, rec *state.HubRecord) error {
	for i, f := range object.Fields {
		if f.Type != record.Reference {
			continue
		}
		id, err := state.ParseHubID(rec.Get(e.book.Nums(object)[i]).Text())
		if err != nil {
			continue // it refers to nothing
		}
		if err := tx.PutChild(referring(object.Name, f.RefTo), id, rec.ID); err != nil {
			return err
		}
	}
	return nil
}

// family returns the records of an object of which a field refers to a record.
func (e *Engine) family(tx *state.Tx, child *fieldmap.HubObject, f *fieldmap.HubField, parent state.HubID) (ids []state.HubID, err error) {
	num, want := e.book.Nums(child)[f.Index], record.Of(parent.String())
	if tx.Meta(familiesKey) == nil {
		err = tx.Hub(child.Name).Each(0, func(rec *state.HubRecord) error {
			if rec.Get(num) == want {
				ids = append(ids, rec.ID)
			}
			return nil
		})
		return ids, err
	}
	var rec state.HubRecord
	var gone []state.HubID
	name := referring(child.Name, f.RefTo)
	if err := tx.Children(name, parent, func(id state.HubID) error {
		switch ok, err := tx.Hub(child.Name).Get(id, &rec); {
		case errors.Is(err, state.ErrDamaged): // it is settled when its record is read
		case err != nil:
			return err
		case ok && rec.Get(num) == want:
			ids = append(ids, id)
		case !ok || !e.refersTo(child, &rec, f.RefTo, want):
			gone = append(gone, id)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for _, id := range gone {
		if err := tx.DropChild(name, parent, id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// refersTo reports whether any field of a record refers to a record of an object.
func (e *Engine) refersTo(child *fieldmap.HubObject, rec *state.HubRecord, to string, want record.Value) bool {
	return slices.ContainsFunc(child.Fields, func(f *fieldmap.HubField) bool {
		return f.Type == record.Reference && f.RefTo == to && rec.Get(e.book.Nums(child)[f.Index]) == want
	})
}

// buildFamilies builds the index once for a state that was made without it.
func (e *Engine) buildFamilies(ctx context.Context) error {
	if built, err := e.meta(familiesKey); err != nil || built != "" {
		return err
	}
	for name, object := range e.opt.Mapping.Hub {
		if err := e.eachOfHub(ctx, object, func(tx *state.Tx, rec *state.HubRecord) error { return e.keepFamily(tx, object, rec) }); err != nil {
			return fmt.Errorf("note what each %s refers to: %w", name, err)
		}
	}
	return e.opt.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(familiesKey, []byte("1")) })
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

// followSome works off some of the notes, and reports whether there are more.
func (r *run) followSome(tx *state.Tx, object *fieldmap.HubObject) (more bool, err error) {
	var ids []state.HubID
	if err := tx.Flips(renamedOf(object.Name), "", func(_ string, id state.HubID) error {
		if more = len(ids) == reckonChunk; more {
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
			children, err := r.family(tx, route.Hub, rule.Hub, id)
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
