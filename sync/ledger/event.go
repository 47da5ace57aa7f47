package ledger

import (
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// Event is what ends a hold: whoever makes it true notifies those that wait for it.
// It is kept with the hold as text, and files of former builds hold these very texts.
// The empty Event is none: the held record's own change ends the hold, or a person.
type Event string

// NextRun is waited for by what failed and may succeed when it is tried again.
func NextRun(system string) Event { return Event("run:" + system) }

// Known is waited for by a record that names another one of its system, which the
// hub does not have.
func Known(system, object, remote string) Event {
	return Event("known " + system + "/" + object + "/" + remote)
}

// HasKey is waited for by a record that names another one by a key, which no record
// of the hub has.
func (b *Book) HasKey(f *fieldmap.HubField, v record.Value) Event {
	return Event(fmt.Sprintf("key %s/%s/%x", f.Object, f.Name, uint64(b.Key.Value(f.Type, v))))
}

// Fewer is waited for by a record that several records of the hub match by a key:
// that one of them has it no longer.
func Fewer(hub *fieldmap.HubObject, k state.IndexKey) Event {
	return Event(fmt.Sprintf("less %s/%d/%x", hub.Name, k.Field, uint64(k.Digest)))
}

// LetGo is waited for by the second claimant of a record of the hub.
func (r *Route) LetGo(hub state.HubID) Event { return Event("free " + r.Key() + "/" + hub.String()) }

// Linked is waited for by a record whose parent, a record of the route's hub object,
// is not linked with the system yet.
func (r *Route) Linked(hub state.HubID) Event {
	return Event(fmt.Sprintf("link:%s/%s/%s", r.System, r.Hub.Name, hub))
}

// OtherParent is waited for by a record whose parent would make it its own ancestor:
// that any record of the object has another parent.
func OtherParent(hub *fieldmap.HubObject) Event { return Event("turn " + hub.Name) }

// Notify has those that wait for an event decided anew, in the transaction that made
// it true: a source's record is read again by the next pull, and a record of the hub
// goes through the next push. It costs one look-up and a row for each that waits.
func (b *Book) Notify(tx *state.Tx, ev Event) error {
	for _, h := range tx.HoldsFor(string(ev)) {
		if err := b.requeue(tx, h); err != nil {
			return err
		}
	}
	return nil
}

// requeue has a held record decided anew. One of a route that is no longer there
// waits for it to come back.
func (b *Book) requeue(tx *state.Tx, h state.Hold) error {
	r := b.Route(h.System, h.Object)
	switch {
	case h.Flow == state.FlowPull && h.Remote != "":
		return tx.Wake(h.System, h.Object, state.WakeRecord, h.Remote)
	case h.Flow == state.FlowPush && r != nil && h.Hub != 0:
		return tx.Hub(r.Hub.Name).Touch(h.Hub)
	}
	return nil
}
