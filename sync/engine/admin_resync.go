package engine

import (
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
)

// Resync notes that one record, by its id in the system, is to be read or
// looked at anew by the next run of its route.
func (e *Engine) Resync(system, object, id string) error {
	r, err := e.routeNamed(system, object)
	if err != nil {
		return err
	}
	return e.opt.Store.Update(func(tx *state.Tx) error {
		links := tx.Links(system, object)
		hub, linked := links.ByRemote(id)
		if r.Direction == fieldmap.Push && !linked {
			return fmt.Errorf("%w: %s %s is linked with no record", ErrNoRecord, r.Key(), id)
		}
		if linked {
			var l state.Link
			if ok, err := links.Get(hub, &l); err == nil && ok && l.Raw != 0 {
				l.Raw = 0
				if err := links.Put(&l); err != nil {
					return err
				}
			}
		}
		if r.Direction == fieldmap.Pull {
			return e.wakeHeld(tx, r, id)
		}
		if s := e.opt.Systems[system]; s != nil && s.Getter != nil {
			if err := tx.Wake(system, object, state.WakeWritten, id); err != nil {
				return err
			}
		}
		return tx.Hub(r.Hub.Name).Touch(hub)
	})
}
