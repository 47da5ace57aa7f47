package engine

import (
	"context"
	"errors"
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// ErrVisible is returned where a person says of a record that it is gone, and
// nothing says that it is not visible.
var ErrVisible = errors.New("the record is visible")

// UnlinkGone closes the link of a record that is not visible because a person
// says that it is gone. The system is asked once more before. On a push the hub
// record is held from then on as one whose record was deleted; on a pull it
// leaves scope. The link is not opened again by itself.
func (e *Engine) UnlinkGone(ctx context.Context, system, object string, hub state.HubID) error {
	r, err := e.routeNamed(system, object)
	if err != nil {
		return err
	}
	var l state.Link
	if err := e.opt.Store.View(func(tx *state.Tx) error { l, err = e.goneLink(tx, r, hub); return err }); err != nil {
		return err
	}
	if err := e.stillHidden(ctx, r, l); err != nil {
		return err
	}
	return e.opt.Store.Update(func(tx *state.Tx) error {
		now, err := e.goneLink(tx, r, hub)
		if err != nil {
			return err
		}
		if now.Remote != l.Remote {
			return fmt.Errorf("%w: its link moved to %s meanwhile", ErrVisible, now.Remote)
		}
		entry := e.entryOf(r, hub, now.Remote, "gone_by_person")
		if r.Direction == fieldmap.Pull {
			return e.closeLink(tx, r, &now, state.ClosedByPerson, entry)
		}
		return e.goneFromTarget(tx, r, &now, entry)
	})
}

// goneLink returns the open link of a record that is not visible.
func (e *Engine) goneLink(tx *state.Tx, r *ledger.Route, hub state.HubID) (state.Link, error) {
	var l state.Link
	ok, err := r.Links(tx).Get(hub, &l)
	if err != nil && !errors.Is(err, state.ErrDamaged) {
		return l, err
	}
	if !ok && err == nil || l.State == state.LinkClosed {
		return l, fmt.Errorf("%w: hub %s/%s has no open link with %s", ErrNoRecord, r.Hub.Name, hub, r.Key())
	}
	if _, hidden := notVisible(r.Holds(tx, hub, l.Remote)); !hidden {
		return l, fmt.Errorf("%w: %s %s is not held %s; `crmsyncd unlink` without --gone says that the two are not the same",
			ErrVisible, r.Key(), l.Remote, ledger.HoldNotVisible)
	}
	return l, nil
}

// stillHidden asks the system whether it shows the record now.
func (e *Engine) stillHidden(ctx context.Context, r *ledger.Route, l state.Link) error {
	sys := e.opt.Systems[r.System]
	if sys == nil || sys.Getter == nil {
		return nil
	}
	sys, _ = e.gated(sys, proving{})
	recs, _, err := sys.Getter.Get(ctx, r.Object, r.ReadFields(), []string{l.Remote})
	if err != nil {
		return fmt.Errorf("look whether %s shows %s %s: %w", r.System, r.Object, l.Remote, err)
	}
	if len(recs) > 0 {
		return fmt.Errorf("%w: %s shows %s %s again, and the next run goes on with it", ErrVisible, r.System, r.Object, l.Remote)
	}
	return nil
}

// goneFromTarget closes the link of a target's record of which a person says that it
// is gone, and holds the hub record: nothing is made in its place.
func (e *Engine) goneFromTarget(tx *state.Tx, r *ledger.Route, l *state.Link, entry state.JournalEntry) error {
	l.State, l.Close, l.ClosedAt = state.LinkClosed, state.ClosedByPerson, e.now().Unix()
	if err := r.Links(tx).Put(l); err != nil {
		return fmt.Errorf("unlink: %w", err)
	}
	h := r.Hold(l.Hub, e.now(), ledger.HoldDeleted, fmt.Sprintf("%s %s is gone from %s, a person says", r.Object, l.Remote, r.System))
	if err := tx.DeleteHold(h.Key()); err != nil { // it holds since now
		return fmt.Errorf("end hold %s: %w", h.Key(), err)
	}
	if err := tx.PutHold(h); err != nil {
		return fmt.Errorf("hold %s: %w", h.Key(), err)
	}
	if err := tx.Journal([]state.JournalEntry{entry}); err != nil {
		return err
	}
	return e.book.Notify(tx, r.Linked(l.Hub))
}
