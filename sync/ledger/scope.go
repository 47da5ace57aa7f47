package ledger

import (
	"fmt"
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
)

// HeldBy reports whether a system that is read has this record in scope; any system
// where none is named.
func (b *Book) HeldBy(tx *state.Tx, system string, hub *fieldmap.HubObject, id state.HubID) bool {
	for _, r := range b.Routes {
		if r.Direction == fieldmap.Pull && r.Hub == hub && (system == "" || system == r.System) && r.Links(tx).OpenRemote(id) != "" {
			return true
		}
	}
	return false
}

// AskedAbout reports whether some filter asks whether a system has records of a hub
// object.
func (b *Book) AskedAbout(system string, hub *fieldmap.HubObject) bool {
	return slices.ContainsFunc(b.Routes, func(r *Route) bool {
		return r.Direction == fieldmap.Pull && r.Hub == hub && slices.Contains(r.Filter.Systems(), system)
	})
}

// LeftBy has everything decided anew that depends on whether the route's system holds
// a record of the hub, which it does no longer.
func (r *Route) LeftBy(tx *state.Tx, hub state.HubID) error {
	var rec state.HubRecord
	if ok, err := tx.Hub(r.Hub.Name).Get(hub, &rec); err != nil || !ok {
		return err
	}
	if err := r.book.Recompute(tx, r.Hub, r.book.Computing(r.Hub, &rec)); err != nil {
		return err
	}
	if !r.book.AskedAbout(r.System, r.Hub) {
		return nil
	}
	return tx.Hub(r.Hub.Name).Touch(hub)
}

// LeaveScope lets a record of the hub leave scope with its last pulling link. One
// whose other link is damaged stays.
func (r *Route) LeaveScope(tx *state.Tx, hub state.HubID) error {
	if r.pulledElsewhere(tx, hub) {
		return nil
	}
	h := tx.Hub(r.Hub.Name)
	var rec state.HubRecord
	if ok, err := h.Get(hub, &rec); err != nil || !ok {
		return err
	}
	rec.State = state.HubOut
	return h.Put(&rec, nil)
}

// pulledElsewhere reports whether another pull route still holds the record.
func (r *Route) pulledElsewhere(tx *state.Tx, hub state.HubID) bool {
	var l state.Link
	return slices.ContainsFunc(r.book.Routes, func(other *Route) bool {
		if other.Direction != fieldmap.Pull || other.Hub != r.Hub || other == r {
			return false
		}
		ok, err := other.Links(tx).Get(hub, &l)
		return err != nil || ok && l.State != state.LinkClosed
	})
}

// EndHolds ends the holds of a record for these reasons, all of them where none is
// named.
func (r *Route) EndHolds(tx *state.Tx, hub state.HubID, remote string, reasons ...string) error {
	for _, h := range r.Holds(tx, hub, remote) {
		if len(reasons) > 0 && !slices.Contains(reasons, h.Reason) {
			continue
		}
		if err := tx.DeleteHold(h.Key()); err != nil {
			return fmt.Errorf("end hold %s: %w", h.Key(), err)
		}
	}
	return nil
}
