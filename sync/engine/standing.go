package engine

import (
	"fmt"
	"slices"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// Why a due change waits. Admins know them by these names.
const (
	WaitNextRun   = "next_run"
	WaitBackFill  = "back_fill" // a line is new or changed, and the next run compares every record
	WaitGuard     = "guard"
	WaitBudget    = "budget"
	WaitWritesOff = "writes_off"
	WaitFailed    = "last_run_failed"
)

// dueLimit is how many changed records of one object are decided to say how many
// are due; what lies behind is counted without a look at it.
const dueLimit = 2000

// rereadLimit bounds the count of records that are to be read again.
const rereadLimit = 10_000

// Standing says where the fields of a system stand: each one agrees, is due, is
// held, is tolerated, rests with its remote field, or is read by a pass that is
// named. Nothing else is possible.
type Standing struct {
	Due       int            // records with a change that is neither written nor held nor tolerated
	AtMost    bool           // Due counts what was not looked at as well
	Oldest    time.Time      // when the oldest of them was made; zero where none is due
	Why       map[string]int // what they wait for
	Held      int
	Dropped   int      // holds that a person dropped: what they held may differ
	Tolerated int      // fields of open links that differ and may
	Suspended []string // object.field of remote fields that are gone, hidden or not writable
	Unread    int      // records that the next run reads by id
}

// Standing tells where a system stands. It makes no call.
func (e *Engine) Standing(system string) (Standing, error) {
	s := Standing{Why: map[string]int{}}
	err := e.opt.Store.View(func(tx *state.Tx) error {
		s.Held, s.Dropped = tx.CountHolds(system), tx.CountDropped(system)
		for _, r := range e.book.RoutesOf(system) {
			s.Tolerated += r.Links(tx).Tolerated()
			s.Suspended = append(s.Suspended, restingFields(tx, r)...)
			n, err := e.unreadOf(tx, r)
			if err != nil {
				return err
			}
			s.Unread += n
			if r.Direction == fieldmap.Push {
				if err := e.dueOf(tx, r, &s); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("look where %s stands: %w", system, err)
	}
	slices.Sort(s.Suspended)
	s.Suspended = slices.Compact(s.Suspended)
	return s, nil
}

// unreadOf counts the records that are noted to be read again.
func (e *Engine) unreadOf(tx *state.Tx, r *ledger.Route) (n int, err error) {
	kinds := []state.WakeKind{state.WakeRecord, state.WakeParent}
	if r.Direction == fieldmap.Push {
		kinds = []state.WakeKind{state.WakeWritten}
	}
	for _, kind := range kinds {
		ids, err := tx.Wakes(r.System, r.Object, kind, rereadLimit)
		if err != nil {
			return 0, err
		}
		n += len(ids)
	}
	if r.Direction == fieldmap.Push {
		n += len(openUpdates(tx, r))
	}
	return n, nil
}

// dueOf counts the records of a push route that have something to send.
func (e *Engine) dueOf(tx *state.Tx, r *ledger.Route, s *Standing) error {
	pos, _, err := r.Position(tx)
	if err != nil {
		pos = state.Position{} // damaged: the route begins anew
	}
	p := e.viewer(tx, r)
	why, looked := e.waitsFor(tx, r), 0
	if behind := behindRules(r, pos, p.resting); len(behind) > 0 && len(pos.Fields) > 0 {
		// A line is new or changed: each linked record is compared for it.
		n := r.Links(tx).Open()
		s.Due, s.AtMost = s.Due+n, s.AtMost || n > 0
		if n > 0 {
			s.Why[WaitBackFill] += n
		}
	}
	return tx.Hub(r.Hub.Name).Changes(pos.Number, tx.Counter(), func(number uint64, id state.HubID) error {
		due := looked >= dueLimit
		if due {
			s.AtMost = true
		} else if due, err = p.isDue(tx, id); err != nil {
			return err
		}
		looked++
		if !due {
			return nil
		}
		s.Due++
		s.Why[why]++
		if at := tx.TimeOf(number); !at.IsZero() && (s.Oldest.IsZero() || at.Before(s.Oldest)) {
			s.Oldest = at
		}
		return nil
	})
}

// viewer is a pusher that decides and sends nothing.
func (e *Engine) viewer(tx *state.Tx, r *ledger.Route) *pusher {
	sys := e.opt.Systems[r.System]
	p := (&run{Engine: e, sys: sys, req: Request{System: r.System}, flow: "push", obj: &state.RunObject{Counts: map[string]int{}}}).pusher(r)
	p.resting, p.unoffered = suspended(tx, r), unoffered(tx, r)
	if sys != nil {
		p.groups = groupsOf(sys, r)
	}
	return p
}

// isDue reports whether a record has something to send, or must be read to know.
func (p *pusher) isDue(tx *state.Tx, id state.HubID) (bool, error) {
	it, err := p.load(tx, id)
	if err != nil || it == nil || it.linked && it.link.State != state.LinkOpen {
		return false, err
	}
	it.standing = p.r.Holds(tx, it.id, "")
	passing := slices.ContainsFunc(it.standing, func(h state.Hold) bool { return h.Event == string(ledger.NextRun(p.req.System)) })
	if p.dropped(it, it.standing) || p.refusedBefore(it, it.standing) || !it.linked && !passing && holdsRecord(it.standing) {
		return false, nil
	}
	moves := p.decideItem(tx, it)
	switch {
	case it.wait:
		return !holdsRecord(it.standing), nil // the next run holds it
	case it.linked:
		return len(it.left) > 0 || p.writes(it), nil
	}
	return moves, nil
}

// holdsRecord reports whether a record is held as a whole.
func holdsRecord(holds []state.Hold) bool {
	return slices.ContainsFunc(holds, func(h state.Hold) bool { return h.Field == "" })
}

// waitsFor says why what is due on a route was not sent yet.
func (e *Engine) waitsFor(tx *state.Tx, r *ledger.Route) string {
	if sys := e.opt.Systems[r.System]; sys != nil && sys.WritesOff {
		return WaitWritesOff
	}
	if planWaits(tx, r) {
		return WaitGuard
	}
	runs, err := tx.Runs(50)
	if err != nil {
		return WaitNextRun
	}
	for _, run := range runs {
		if run.System != r.System || run.Flow != "push" || run.Ended.IsZero() {
			continue
		}
		switch run.Status {
		case StatusBudget:
			return WaitBudget
		case StatusFailed:
			return WaitFailed
		}
		return WaitNextRun
	}
	return WaitNextRun
}
