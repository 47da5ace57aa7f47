package ledger

import (
	"errors"
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// Which records refer to a record of the hub is kept as an index, by the two objects,
// so that what concerns one family never walks all others. An entry outlives a
// reference that turned elsewhere; whoever asks is told of those alone that refer now,
// and drops the others.

// FamiliesBuilt is the note that says that the index was built for what the state held
// before it. Until it stands, a family is found by a walk over all records.
const FamiliesBuilt = "families"

// referring is the name of the index of a child object's references to an object.
func referring(child, to string) string { return "ref " + child + " " + to }

// KeepFamily notes what a record refers to.
func (b *Book) KeepFamily(tx *state.Tx, object *fieldmap.HubObject, rec *state.HubRecord) error {
	for i, f := range object.Fields {
		if f.Type != record.Reference {
			continue
		}
		id, err := state.ParseHubID(rec.Get(b.fields[object][i]).Text())
		if err != nil {
			continue // it refers to nothing
		}
		if err := tx.PutChild(referring(object.Name, f.RefTo), id, rec.ID); err != nil {
			return err
		}
	}
	return nil
}

// Family returns the records of an object of which a field refers to a record. A
// damaged one is left out: it is settled when its record is read.
func (b *Book) Family(tx *state.Tx, child *fieldmap.HubObject, f *fieldmap.HubField, parent state.HubID) (ids []state.HubID, err error) {
	num, want := b.Nums(child)[f.Index], record.Of(parent.String())
	if tx.Meta(FamiliesBuilt) == nil {
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
	err = tx.Children(name, parent, func(id state.HubID) error {
		switch ok, err := tx.Hub(child.Name).Get(id, &rec); {
		case errors.Is(err, state.ErrDamaged):
		case err != nil:
			return err
		case ok && rec.Get(num) == want:
			ids = append(ids, id)
		case !ok || !b.refers(child, &rec, f.RefTo, want):
			gone = append(gone, id)
		}
		return nil
	})
	for _, id := range gone {
		if err == nil {
			err = tx.DropChild(name, parent, id)
		}
	}
	return ids, err
}

// refers reports whether any field of a record refers to a record of an object.
func (b *Book) refers(child *fieldmap.HubObject, rec *state.HubRecord, to string, want record.Value) bool {
	return slices.ContainsFunc(child.Fields, func(f *fieldmap.HubField) bool {
		return f.Type == record.Reference && f.RefTo == to && rec.Get(b.fields[child][f.Index]) == want
	})
}

// RequeueChildren makes every child of records of the route's hub object send its
// reference to the route's system again, which may have another id for them. It walks
// the families of these records.
func (r *Route) RequeueChildren(tx *state.Tx, parents ...state.HubID) error {
	if len(parents) == 0 {
		return nil
	}
	for _, child := range r.book.RoutesOf(r.System) {
		for i, rule := range child.Fields {
			if child.Direction != fieldmap.Push || rule.Hub.Type != record.Reference || rule.Hub.RefTo != r.Hub.Name {
				continue
			}
			if err := child.resend(tx, i, parents); err != nil {
				return err
			}
		}
	}
	return nil
}

// resend forgets what was told of rule i to the records that refer to these.
func (r *Route) resend(tx *state.Tx, i int, parents []state.HubID) error {
	var ids []state.HubID
	for _, parent := range parents {
		children, err := r.book.Family(tx, r.Hub, r.Fields[i].Hub, parent)
		if err != nil {
			return err
		}
		ids = append(ids, children...)
	}
	ls := r.Links(tx)
	for _, id := range ids {
		var l state.Link
		if ok, err := ls.Get(id, &l); err != nil || !ok {
			continue // a damaged link is read before anything is written by it
		}
		if lf := r.Field(&l, i); lf != nil {
			lf.Told = 0
			if err := ls.Put(&l); err != nil {
				return err
			}
		}
		if err := tx.Hub(r.Hub.Name).Touch(id); err != nil {
			return err
		}
	}
	return nil
}

// Computing are the records of which a computed field looks at this record.
func (b *Book) Computing(object *fieldmap.HubObject, rec *state.HubRecord) []state.HubID {
	var out []state.HubID
	for _, f := range b.ComputedFrom(object.Name) {
		v := rec.Get(b.fields[object][f.Computed.Via.Index])
		if id, err := state.ParseHubID(v.Text()); err == nil && v.IsSet() && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// KeepComputing keeps the index behind Computing after a record changed; before is
// what Computing said of it then.
func (b *Book) KeepComputing(tx *state.Tx, object *fieldmap.HubObject, rec *state.HubRecord, before []state.HubID) error {
	after := b.Computing(object, rec)
	for _, parent := range before {
		if slices.Contains(after, parent) {
			continue
		}
		if err := tx.DropChild(object.Name, parent, rec.ID); err != nil {
			return err
		}
	}
	for _, parent := range after {
		if err := tx.PutChild(object.Name, parent, rec.ID); err != nil {
			return err
		}
	}
	return nil
}

// Recompute has the computed fields of these records worked out again, which look at
// records of an object.
func (b *Book) Recompute(tx *state.Tx, from *fieldmap.HubObject, ids []state.HubID) error {
	for _, id := range ids {
		if err := tx.Flip(b.computing(from), "", id); err != nil {
			return err
		}
	}
	return nil
}

// computing is the hub object whose computed fields look at an object.
func (b *Book) computing(from *fieldmap.HubObject) string {
	for _, f := range b.ComputedFrom(from.Name) {
		return f.Object
	}
	return ""
}

// IsParent reports whether a record cannot be without the one that this rule's field
// refers to: a contact's, an opportunity's or a task's account.
func IsParent(rule *fieldmap.Rule) bool {
	return rule.Hub.Type == record.Reference && rule.Hub.RefTo == "account" && rule.Hub.Name == "account"
}

// Parent returns the rule whose field names a record's parent, nil if the route has
// none.
func (r *Route) Parent() *fieldmap.Rule {
	for _, rule := range r.Fields {
		if IsParent(rule) {
			return rule
		}
	}
	return nil
}

// ChildRoutes returns the routes of the same system whose records belong to those of
// this one and were listed before. The first load of the others brings everything
// anyway.
func (r *Route) ChildRoutes(tx *state.Tx) (out []*Route) {
	for _, child := range r.book.RoutesOf(r.System) {
		if rule := child.Parent(); child.Direction != fieldmap.Pull || rule == nil || rule.Hub.RefTo != r.Hub.Name {
			continue
		}
		if pos, ok, err := child.Position(tx); ok && err == nil && (pos.Complete || pos.Cursor != "") {
			out = append(out, child)
		}
	}
	return out
}
