package engine

import (
	"errors"
	"fmt"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// HoldFilter chooses holds; an empty field takes all.
type HoldFilter struct {
	System string `json:"system,omitempty"`
	Object string `json:"object,omitempty"`
	Reason string `json:"reason,omitempty"`
	Hub    string `json:"hub_id,omitempty"`
	Remote string `json:"remote_id,omitempty"`
	Key    string `json:"key,omitempty"`
}

// takes reports whether the filter takes a hold.
func (e *Engine) takes(tx *state.Tx, f HoldFilter, h state.Hold) bool {
	return (f.System == "" || f.System == h.System) && (f.Object == "" || f.Object == h.Object) &&
		(f.Reason == "" || f.Reason == h.Reason) && (f.Remote == "" || f.Remote == h.Remote) &&
		(f.Key == "" || f.Key == h.Key()) && (f.Hub == "" || e.isOf(tx, h, f.Hub))
}

// isOf reports whether a hold is of the hub record that goes by a number, or by
// the hub object and a number: contact/61.
func (e *Engine) isOf(tx *state.Tx, h state.Hold, name string) bool {
	own := h.Hub
	if own == 0 && h.Remote != "" { // what was read from a source is held by its id there
		own, _ = tx.Links(h.System, h.Object).ByRemote(h.Remote)
	}
	r, err := e.routeNamed(h.System, h.Object)
	if err != nil {
		return name == own.String()
	}
	return namesHub(name, r.Hub.Name, own)
}

// namesHub reports whether a name is that of a hub record: its number, or its
// object and its number, such as contact/61.
func namesHub(name, object string, id state.HubID) bool {
	name = strings.TrimPrefix(name, "hub:")
	if of, number, ok := strings.Cut(name, "/"); ok {
		return of == object && number == id.String()
	}
	return name == id.String()
}

// Holds calls fn for each hold that the filter takes.
func (e *Engine) Holds(filter HoldFilter, fn func(HoldView) error) error {
	return e.opt.Store.View(func(tx *state.Tx) error {
		return tx.EachHold(filter.System, func(h state.Hold) error {
			if !e.takes(tx, filter, h) {
				return nil
			}
			return fn(e.holdView(tx, h))
		})
	})
}

// ViewHold shows a hold by what it says itself.
func ViewHold(h state.Hold) HoldView {
	v := HoldView{
		Key: h.Key(), System: h.System, Object: h.Object, Remote: h.Remote, Field: h.Field, Reason: h.Reason,
		Detail: h.Detail, Candidates: h.Candidates, Since: h.Since, Last: h.Last, Attempts: h.Attempts,
		Dropped: h.Dropped, Mend: mendOf(h, "HUBOBJECT"),
	}
	if h.Hub != 0 {
		v.Hub = h.Hub.String()
	}
	if v.Since.IsZero() {
		v.Since = h.Last
	}
	return v
}

func (e *Engine) holdView(tx *state.Tx, h state.Hold) HoldView {
	v := ViewHold(h)
	r, err := e.routeNamed(h.System, h.Object)
	if err != nil {
		v.Mend = "this route is no longer configured"
		return v
	}
	v.HubObject, v.Mend = r.Hub.Name, mendOn(h, r)
	hub := h.Hub
	if hub == 0 && h.Remote != "" {
		hub, _ = tx.Links(h.System, h.Object).ByRemote(h.Remote)
	}
	if hub == 0 {
		return v
	}
	v.Hub = hub.String()
	var rec state.HubRecord
	if ok, err := tx.Hub(r.Hub.Name).Get(hub, &rec); err == nil && ok {
		v.Label = e.label(r.Hub, &rec)
	}
	return v
}

// mendOn says what ends a hold of a route: what its words tell more of than its
// reason alone does.
func mendOn(h state.Hold, r *ledger.Route) string {
	switch {
	case h.Reason == ledger.HoldParentWaits && (strings.Contains(h.Detail, wasDeleted) || strings.Contains(h.Detail, wasUnlinked)):
		return "ends when that record has one there again: its own hold says how"
	case holdsOurID(h, r):
		return "another record of " + h.System + " has our id: clear " + r.ExternalID + " there, then crmsyncd held retry"
	}
	return mendOf(h, r.Hub.Name)
}

// holdsOurID reports whether a write was refused because another record of theirs
// carries our id, such as one that a person linked elsewhere.
func holdsOurID(h state.Hold, r *ledger.Route) bool {
	detail := strings.ToLower(h.Detail)
	return h.Reason == ledger.HoldRejected && r.ExternalID != "" && strings.Contains(detail, strings.ToLower(r.ExternalID)) &&
		(strings.Contains(detail, "duplicate") || strings.Contains(detail, "already"))
}

// mendOf says what ends a hold of a record of this hub object.
func mendOf(h state.Hold, hubObject string) string {
	place := h.System + "/" + h.Object + " " + hubObject
	if h.Reason == ledger.HoldNotVisible {
		return mendNotVisible(h, place)
	}
	mends := map[string]string{
		ledger.HoldNoEmail:        "give the contact an e-mail at its source",
		ledger.HoldManyCustomers:  "leave the contact with one customer at its source",
		ledger.HoldRequired:       "fill it at the source",
		ledger.HoldParentWaits:    "ends by itself when the customer is linked in " + h.System,
		ledger.HoldParentUnknown:  "give the record a customer that the source knows",
		ledger.HoldAmbiguous:      "choose one: crmsyncd link " + place + " KEY REMOTE_ID",
		ledger.HoldDuplicate:      "merge the two, or unlink one: crmsyncd unlink " + place + " KEY",
		ledger.HoldIdentity:       "put the old value back, or, if it is another one now: crmsyncd unlink " + place + " KEY",
		ledger.HoldMerged:         "crmsyncd link " + place + " KEY REMOTE_ID gives it another record; crmsyncd held drop leaves it",
		ledger.HoldDeleted:        "crmsyncd held retry --recreate makes it again; crmsyncd held drop leaves it",
		ledger.HoldUnlinked:       "crmsyncd link " + place + " KEY REMOTE_ID gives it another record; crmsyncd held retry matches it again",
		ledger.HoldRejected:       "mend the value, then crmsyncd held retry",
		ledger.HoldUnknownOutcome: "ends by itself once the system's index tells; else crmsyncd held retry",
		ledger.HoldUnmapped:       "add the value to the route's value map",
		ledger.HoldBadValue:       "mend the value at its source",
		ledger.HoldConflict:       "make both sides equal",
		ledger.HoldWriteIgnored:   "look in " + h.System + " for what keeps the field as it is (a rule, a workflow, a right), then crmsyncd held retry",
		ledger.HoldOscillating:    "look in " + h.System + " for what changes the field back, then crmsyncd held retry",
	}
	if h.Reason == ledger.HoldUnmapped && strings.Contains(h.Detail, notOffered) {
		return "offer it in " + h.System + ", and it goes out by itself; or mend the value map"
	}
	return mends[h.Reason]
}

// mendNotVisible says what ends the hold of a record that its system does not
// show. Only after some full runs is it worth asking whether it is gone.
func mendNotVisible(h state.Hold, place string) string {
	s := "ends by itself when " + h.System + " shows it again: look at the rights of the user there"
	if h.Attempts < absentAfter {
		return s
	}
	return s + "; if it is gone: crmsyncd unlink --gone " + place + " KEY"
}

// RetryHolds ends the holds that the filter takes, so that their records are
// decided anew at the next run, and returns how many it were. A record that was
// deleted in its system stays held unless recreate says that it is to be made
// again; one that a person unlinked is matched as if it had never been linked.
func (e *Engine) RetryHolds(filter HoldFilter, recreate bool) (int, error) {
	n := 0
	err := e.changeHolds(filter, func(tx *state.Tx, h state.Hold) error {
		gone := h.Reason == ledger.HoldDeleted || h.Reason == ledger.HoldMerged
		if gone && !recreate {
			return nil
		}
		gone = gone || h.Reason == ledger.HoldUnlinked // it is matched as if it had never been linked
		if h.Reason == ledger.HoldNotVisible {
			n++
			return e.askHidden(tx, h)
		}
		if err := tx.DeleteHold(h.Key()); err != nil {
			return err
		}
		n++
		r, err := e.routeNamed(h.System, h.Object)
		if err != nil {
			return nil //nolint:nilerr // the route is gone; its hold goes too
		}
		if gone && h.Hub != 0 {
			if err := e.forgetClosed(tx, r, h.Hub); err != nil {
				return err
			}
			// What is made again has another id there.
			if err := e.tellChildren(tx, r, h.Hub); err != nil {
				return err
			}
		}
		return e.freshLook(tx, r, h)
	})
	return n, err
}

// askHidden has the next run ask once more for a record that is not visible. Only
// its sight, or a proof that it is gone, ends the hold.
func (e *Engine) askHidden(tx *state.Tx, h state.Hold) error {
	r, err := e.routeNamed(h.System, h.Object)
	if err != nil {
		return tx.DeleteHold(h.Key()) // the route is gone; its hold goes too
	}
	return e.freshLook(tx, r, h)
}

// freshLook makes the next run decide the record again: a push by a new number,
// a pull by forgetting what its raw bytes were.
func (e *Engine) freshLook(tx *state.Tx, r *ledger.Route, h state.Hold) error {
	if err := e.wakeHeld(tx, r, h.Remote); err != nil {
		return err
	}
	links := r.Links(tx)
	hub := h.Hub
	if hub == 0 && h.Remote != "" {
		hub, _ = links.ByRemote(h.Remote)
	}
	if hub == 0 {
		return nil // unlinked: it is decided whenever it is read
	}
	var l state.Link
	if ok, err := links.Get(hub, &l); err == nil && ok {
		if l.Raw != 0 {
			l.Raw = 0
			if err := links.Put(&l); err != nil {
				return err
			}
		}
		if err := e.fieldAnew(tx, r, h, &l); err != nil {
			return err
		}
	}
	return tx.Hub(r.Hub.Name).Touch(hub)
}

// fieldAnew makes the next push decide a field anew that was held alone: what
// their system did not keep of ours is due again, and what could not be read of
// theirs is read by id.
func (e *Engine) fieldAnew(tx *state.Tx, r *ledger.Route, h state.Hold, l *state.Link) error {
	if !readAnew(h) || l.State != state.LinkOpen {
		return nil
	}
	if h.Reason == ledger.HoldBadValue {
		return tx.Wake(r.System, r.Object, state.WakeWritten, l.Remote)
	}
	for i, rule := range r.Fields {
		if lf := r.Field(l, i); rule.Hub.Name == h.Field && lf != nil {
			lf.Told, lf.Note, lf.Text = 0, uint8(plan.SourceChanged), record.Value{}
			return r.Links(tx).Put(l)
		}
	}
	return nil
}

// wakeRelinked has a record of a pull route read again that is another one in the
// hub now, and its children, whose reference means another record with it.
func (e *Engine) wakeRelinked(tx *state.Tx, r *ledger.Route, remote string) error {
	if r.Direction != fieldmap.Pull {
		return nil
	}
	for _, child := range r.ChildRoutes(tx) {
		if err := tx.Wake(child.System, child.Object, state.WakeParent, remote); err != nil {
			return err
		}
	}
	return e.wakeHeld(tx, r, remote)
}

// wakeHeld has a record of a pull route read again, for a listing of what
// changed would leave it out.
func (e *Engine) wakeHeld(tx *state.Tx, r *ledger.Route, remote string) error {
	if r.Direction != fieldmap.Pull || remote == "" {
		return nil
	}
	return tx.Wake(r.System, r.Object, state.WakeRecord, remote)
}

// forgetClosed removes a closed link, so that its record counts as new there.
func (e *Engine) forgetClosed(tx *state.Tx, r *ledger.Route, hub state.HubID) error {
	links := r.Links(tx)
	var l state.Link
	ok, err := links.Get(hub, &l)
	if err != nil && !errors.Is(err, state.ErrDamaged) {
		return err
	}
	if !ok || l.State != state.LinkClosed {
		return nil
	}
	if err := tx.Journal([]state.JournalEntry{e.entryOf(r, hub, l.Remote, "recreate_by_person")}); err != nil {
		return err
	}
	return links.Delete(hub)
}

// DropHolds ignores the holds that the filter takes until their source value
// changes, and returns how many it were.
func (e *Engine) DropHolds(filter HoldFilter) (int, error) {
	n := 0
	err := e.changeHolds(filter, func(tx *state.Tx, h state.Hold) error {
		if h.Dropped {
			return nil
		}
		h.Dropped = true
		n++
		return tx.PutHold(h)
	})
	return n, err
}

// holdChunk is how many holds one transaction changes.
const holdChunk = 1000

func (e *Engine) changeHolds(filter HoldFilter, fn func(*state.Tx, state.Hold) error) error {
	var keys []string
	err := e.opt.Store.View(func(tx *state.Tx) error {
		return tx.EachHold(filter.System, func(h state.Hold) error {
			if e.takes(tx, filter, h) {
				keys = append(keys, h.Key())
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("list the holds: %w", err)
	}
	for len(keys) > 0 {
		part := keys[:min(holdChunk, len(keys))]
		keys = keys[len(part):]
		err := e.opt.Store.Update(func(tx *state.Tx) error {
			for _, key := range part {
				h, ok := tx.Hold(key)
				if !ok {
					continue
				}
				if err := fn(tx, h); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("change the holds: %w", err)
		}
	}
	return nil
}

// WritesOff reports whether a system is only decided and reported about.
func (e *Engine) WritesOff(system string) bool {
	s := e.opt.Systems[system]
	return s != nil && s.WritesOff
}
