package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// linkView shows the record's link on one route.
func (e *Engine) linkView(tx *state.Tx, r *ledger.Route, hub state.HubID) (LinkView, bool, error) {
	var l state.Link
	ok, err := r.Links(tx).Get(hub, &l)
	damaged := errors.Is(err, state.ErrDamaged)
	if err != nil && !damaged {
		return LinkView{}, false, err
	}
	if !ok && !damaged {
		return LinkView{}, false, nil
	}
	v := LinkView{
		System: r.System, Object: r.Object, Remote: l.Remote, Damaged: damaged,
		State:     [...]string{"open", "leaving", "closed", ""}[l.State&3],
		Origin:    [...]string{"found", "made", "person", ""}[l.Origin&3],
		Successor: l.Successor,
		Unread:    r.Direction == fieldmap.Pull && r.Hub.Name == fieldmap.User && len(l.Fields) == 0 && !damaged,
	}
	if l.State == state.LinkClosed {
		v.Closed = closeName(l.Close)
	}
	if l.ClosedAt != 0 {
		v.ClosedAt = time.Unix(l.ClosedAt, 0).UTC()
	}
	if l.Wrote != 0 {
		v.Wrote = time.UnixMilli(l.Wrote).UTC()
	}
	for i, rule := range r.Fields {
		if lf := r.Field(&l, i); lf != nil && lf.Note != 0 && lf.Told != 0 {
			v.Differs = append(v.Differs, DifferenceView{
				Field: rule.Hub.Name, Remote: rule.Remote.Name, Reason: plan.Reason(lf.Note).String(),
			})
		}
	}
	return v, true, nil
}

func closeName(c state.CloseReason) string {
	names := [...]string{"", "deleted_remotely", "merged_into", "left_scope", "by_person"}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// routeNamed returns the route of an object of a system.
func (e *Engine) routeNamed(system, object string) (*ledger.Route, error) {
	if r := e.book.Route(system, object); r != nil {
		return r, nil
	}
	var known []string
	for _, r := range e.book.Routes {
		known = append(known, r.Key())
	}
	return nil, fmt.Errorf("%w: %s/%s; there are %s", ErrNoRoute, system, object, strings.Join(known, ", "))
}

// endedByLink returns the reasons of the holds that a person's link answers.
func endedByLink() []string {
	return []string{ledger.HoldIdentity, ledger.HoldAmbiguous, ledger.HoldDuplicate, ledger.HoldDeleted, ledger.HoldMerged, ledger.HoldUnknownOutcome, ledger.HoldUnlinked}
}

// Link joins a hub record and a remote one because a person says so. It
// refuses if either already has another open link, naming both.
func (e *Engine) Link(ctx context.Context, system, object string, hub state.HubID, remote string) error {
	r, err := e.routeNamed(system, object)
	if err != nil {
		return err
	}
	if strings.TrimSpace(remote) == "" {
		return errors.New("the remote id is empty")
	}
	// A link that cannot be made costs no call.
	if err := e.opt.Store.View(func(tx *state.Tx) error { _, err := e.linkable(tx, r, hub, remote); return err }); err != nil {
		return err
	}
	if remote, err = e.isThere(ctx, r, remote); err != nil {
		return err
	}
	return e.opt.Store.Update(func(tx *state.Tx) error {
		links := tx.Links(system, object)
		link, err := e.linkable(tx, r, hub, remote)
		if err != nil {
			return err
		}
		// A closed link of another hub record gives the id back.
		if other, ok := links.ByRemote(remote); ok && other != hub {
			if err := links.Delete(other); err != nil {
				return err
			}
		}
		if err := links.Put(&link); err != nil {
			return fmt.Errorf("link: %w", err)
		}
		if err := r.EndHolds(tx, hub, remote, endedByLink()...); err != nil {
			return err
		}
		if err := tx.Journal([]state.JournalEntry{e.entryOf(r, hub, remote, "linked_by_person")}); err != nil {
			return err
		}
		if err := e.tellChildren(tx, r, hub); err != nil {
			return err
		}
		if err := r.Include(tx, remote, hub); err != nil {
			return err
		}
		if err := e.wakeRelinked(tx, r, remote); err != nil {
			return err
		}
		return tx.Hub(r.Hub.Name).Touch(hub)
	})
}

// unlinkedSource keeps a source's record apart from the hub record that it is
// not, and lets it be matched with another, and another with that.
func (e *Engine) unlinkedSource(tx *state.Tx, r *ledger.Route, hub state.HubID, remote string) error {
	if r.Direction != fieldmap.Pull {
		return nil
	}
	if err := r.Exclude(tx, remote, hub); err != nil {
		return err
	}
	if err := e.book.Notify(tx, r.LetGo(hub)); err != nil {
		return err
	}
	if err := r.LeaveScope(tx, hub); err != nil {
		return err
	}
	return e.wakeRelinked(tx, r, remote)
}

// linkable returns the link to write, or why these two cannot be joined. It
// writes nothing.
func (e *Engine) linkable(tx *state.Tx, r *ledger.Route, hub state.HubID, remote string) (state.Link, error) {
	var rec state.HubRecord
	if ok, err := tx.Hub(r.Hub.Name).Get(hub, &rec); err != nil {
		return state.Link{}, err
	} else if !ok || rec.State == state.HubAlias || rec.State == state.HubForgotten {
		return state.Link{}, fmt.Errorf("%w: hub %s/%s", ErrNoRecord, r.Hub.Name, hub)
	}
	return e.freeToLink(r, r.Links(tx), hub, remote)
}

// askLimit is how long a person who makes a link waits for the system.
const askLimit = 90 * time.Second

// isThere asks the system for a record that a person names, and returns its id
// as the system writes it. A system that cannot be asked for an id is not.
func (e *Engine) isThere(ctx context.Context, r *ledger.Route, remote string) (string, error) {
	sys := e.opt.Systems[r.System]
	if sys == nil || sys.Getter == nil {
		return remote, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	sys, _ = e.gated(sys, proving{})
	recs, errs, err := sys.Getter.Get(ctx, r.Object, r.ReadFields(), []string{remote})
	switch {
	case err != nil:
		return "", fmt.Errorf("nothing is linked, for %s cannot be asked whether it has %s %s; try again when it answers: %w", r.System, r.Object, remote, err)
	case len(recs) > 0:
		return recs[0].ID, nil
	}
	why := fmt.Errorf("%w: %s shows no %s with the id %q, so nothing is linked: look the id up there", ErrNoRecord, r.System, r.Object, remote)
	for _, one := range errs {
		switch {
		case one.Kind != providers.Missing && one.Kind != providers.Rejected:
			return "", fmt.Errorf("nothing is linked, for %s does not say whether it has %s %s; try again later: %w", r.System, r.Object, remote, one)
		case one.Successor != "":
			why = fmt.Errorf("%w; it was merged into %s", why, one.Successor)
		}
	}
	return "", why
}

// freeToLink returns the link to write, or why neither side is free.
func (e *Engine) freeToLink(r *ledger.Route, links *state.Links, hub state.HubID, remote string) (state.Link, error) {
	fresh := state.Link{Hub: hub, Remote: remote, Origin: state.OriginPerson}
	var own state.Link
	ok, err := links.Get(hub, &own)
	if err != nil && !errors.Is(err, state.ErrDamaged) {
		return fresh, err
	}
	if (ok || err != nil) && own.State != state.LinkClosed {
		if own.Remote == remote {
			return fresh, fmt.Errorf("%w: hub %s/%s with %s %s", ErrLinked, r.Hub.Name, hub, r.Key(), remote)
		}
		return fresh, fmt.Errorf("%w: hub %s/%s with %s %s, not %s: `crmsyncd unlink` that first", ErrLinked, r.Hub.Name, hub, r.Key(), own.Remote, remote)
	}
	if other, ok := links.ByRemote(remote); ok && other != hub {
		var theirs state.Link
		if _, err := links.Get(other, &theirs); err != nil || theirs.State != state.LinkClosed {
			return fresh, fmt.Errorf("%w: %s %s with hub %s/%s, not %s: `crmsyncd unlink` that first", ErrLinked, r.Key(), remote, r.Hub.Name, other, hub)
		}
	}
	if ok && own.Remote == remote {
		// A return keeps its old digests.
		own.State, own.Close, own.ClosedAt, own.Origin, own.Raw = state.LinkOpen, state.NotClosed, 0, state.OriginPerson, 0
		return own, nil
	}
	return fresh, nil
}

// tellChildren lets the records go on that waited for this one to be linked on
// a push route, and sends their reference to it again, for it may have another
// id there now.
func (e *Engine) tellChildren(tx *state.Tx, r *ledger.Route, parent state.HubID) error {
	if r.Direction != fieldmap.Push {
		return nil
	}
	if err := e.book.Notify(tx, r.Linked(parent)); err != nil {
		return err
	}
	return r.RequeueChildren(tx, parent)
}

// holdUnlinked holds a hub record that has no record in a target because a person
// said so: nothing is written there, and nothing made.
func (e *Engine) holdUnlinked(tx *state.Tx, r *ledger.Route, hub state.HubID, remote string) error {
	if r.Direction != fieldmap.Push {
		return nil
	}
	return tx.PutHold(r.Hold(hub, e.now(), ledger.HoldUnlinked, "a person unlinked it from "+remote))
}

// Unlink closes the link of a hub record because a person says so. Neither
// record is changed. In a target the hub record is held from then on.
func (e *Engine) Unlink(system, object string, hub state.HubID) error {
	r, err := e.routeNamed(system, object)
	if err != nil {
		return err
	}
	return e.opt.Store.Update(func(tx *state.Tx) error {
		links := tx.Links(system, object)
		var l state.Link
		ok, err := links.Get(hub, &l)
		if err != nil && !errors.Is(err, state.ErrDamaged) {
			return err
		}
		if (!ok && err == nil) || l.State == state.LinkClosed {
			return fmt.Errorf("%w: hub %s/%s has no open link with %s", ErrNoRecord, r.Hub.Name, hub, r.Key())
		}
		l.State, l.Close, l.ClosedAt, l.Raw = state.LinkClosed, state.ClosedByPerson, e.now().Unix(), 0
		if err := links.Put(&l); err != nil {
			return fmt.Errorf("unlink: %w", err)
		}
		if err := r.EndHolds(tx, hub, l.Remote); err != nil {
			return err
		}
		if err := tx.Journal([]state.JournalEntry{e.entryOf(r, hub, l.Remote, "unlinked_by_person")}); err != nil {
			return err
		}
		if err := errors.Join(e.holdUnlinked(tx, r, hub, l.Remote), e.unlinkedSource(tx, r, hub, l.Remote)); err != nil {
			return err
		}
		return tx.Hub(r.Hub.Name).Touch(hub)
	})
}

// Accept lets the rows of a plan through that a guard kept, as far as neither
// side has moved since. It returns the plan.
func (e *Engine) Accept(planID string) (state.Plan, error) {
	var p state.Plan
	err := e.opt.Store.Update(func(tx *state.Tx) error {
		var ok bool
		if p, ok = tx.Plan(planID); !ok {
			var names []string
			for _, w := range tx.Plans() {
				if !w.Accepted {
					names = append(names, w.ID)
				}
			}
			if len(names) == 0 {
				return fmt.Errorf("%w %q; none waits", ErrNoPlan, planID)
			}
			return fmt.Errorf("%w %q; waiting: %s", ErrNoPlan, planID, strings.Join(names, ", "))
		}
		p.Accepted = true
		return errors.Join(tx.PutPlan(p), e.askUnseen(tx, &p))
	})
	return p, err
}

// askUnseen has the next pull ask once more for the records that a plan says were
// not visible: a routine run asks for none by itself.
func (e *Engine) askUnseen(tx *state.Tx, p *state.Plan) error {
	if p.Flow != state.FlowPull {
		return nil
	}
	links := tx.Links(p.System, p.Object)
	return tx.EachPlanRow(p.ID, func(row state.PlanRow) error {
		var l state.Link
		if ok, err := links.Get(row.Hub, &l); err != nil || !ok || !isAbsent(row) {
			return err
		}
		return tx.Wake(p.System, p.Object, state.WakeRecord, l.Remote)
	})
}
