package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// lane is one system: one run at a time, and what is wanted next.
type lane struct {
	sys     System
	slots   []slotState
	want    map[string]*job
	running *job
	first   *job               // the routine run that the running one gives way to
	last    map[string]outcome // by flow
	gone    bool               // no longer configured; dropped once idle
	alone   time.Time          // until then the system asked to be left alone
}

// slotState is a slot with when it was served and when it is due.
type slotState struct {
	Slot
	last, next time.Time
}

// job is a wish for one run. Jobs of the same key are one.
type job struct {
	flow      string
	full      bool
	backfill  bool
	objects   []string
	trigger   string
	wished    time.Time
	started   time.Time
	notBefore time.Time
	tries     int
	waiting   []chan<- ended // who wants to hear how it ends; each has room for that
}

// ended is how a job ended that somebody waited for.
type ended struct {
	at  time.Time
	err error
}

// tell tells all who wait how the job ended.
func (j *job) tell(at time.Time, err error) {
	for _, w := range j.waiting {
		w <- ended{at, err}
	}
	j.waiting = nil
}

func jobKey(flow string, full bool, objects []string) string {
	return slotKind(flow, full) + ":" + strings.Join(objects, ",")
}

func (j *job) key() string {
	if j.backfill {
		return jobKey(j.flow+":back_fill", false, nil)
	}
	return jobKey(j.flow, j.full, j.objects)
}

// long reports whether the run is one that routine runs go before.
func (j *job) long() bool { return j.full || j.backfill }

// outcome is how a run ended.
type outcome struct {
	run state.Run
	err string
	at  time.Time
}

// result is a run that ended.
type result struct {
	lane  *lane
	job   *job
	run   state.Run
	err   error
	panic string
}

// install makes the lanes of a setup, keeping what runs, what is wanted and how
// things went. Nothing is changed if it fails.
func (d *Daemon) install(s Setup, now time.Time) error {
	fresh := map[string]*lane{}
	var order []string
	for _, sys := range s.Systems {
		l := &lane{sys: sys, want: map[string]*job{}, last: map[string]outcome{}}
		for _, slot := range sys.Slots {
			st, err := d.loadSlot(slot, now)
			if err != nil {
				return err
			}
			l.slots = append(l.slots, st)
		}
		fresh[sys.Name] = l
		order = append(order, sys.Name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, old := range d.lanes {
		next := fresh[name]
		if next == nil {
			for _, j := range old.want {
				j.tell(now, errNotWanted)
			}
			if old.gone = true; old.running != nil {
				fresh[name] = old
			}
			continue
		}
		// The lane itself stays, for a run in flight points to it.
		old.sys, old.slots, old.gone = next.sys, next.slots, false
		for key, j := range old.want {
			if (j.flow == FlowPull && !old.sys.Pull) || (j.flow == FlowPush && !old.sys.Push) {
				delete(old.want, key)
				j.tell(now, errNotWanted)
			}
		}
		fresh[name] = old
	}
	d.setup, d.lanes, d.order = s, fresh, order
	return nil
}

// loadSlot reads when a slot was last served. One that never was is due at
// once, except a full run: the first routine run takes everything anyway, so
// its week begins now.
func (d *Daemon) loadSlot(slot Slot, now time.Time) (slotState, error) {
	now = now.Round(0)
	last, err := d.opt.Slots.LastSlot(slot.Key)
	if err != nil {
		return slotState{}, fmt.Errorf("read the last slot of %s: %w", slot.Key, err)
	}
	st := slotState{Slot: slot, last: last}
	switch {
	case last.IsZero() && !slot.Full:
		st.next = now
		return st, nil
	case last.IsZero():
		st.last = now
		if err := d.opt.Slots.SetSlot(slot.Key, now); err != nil {
			return slotState{}, fmt.Errorf("keep the first slot of %s: %w", slot.Key, err)
		}
	case last.After(now.Add(time.Minute)):
		// The clock was set back; waiting for the old time could mean years.
		st.last = now
	}
	st.next = slot.Schedule.Next(st.last)
	return st, nil
}

// fire turns slots that are due into wishes.
func (d *Daemon) fire(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		for i := range l.slots {
			s := &l.slots[i]
			if s.next.IsZero() || s.next.After(now) {
				continue
			}
			key := jobKey(s.Flow, s.Full, s.Objects)
			if l.gone || l.underWay(key) {
				// Its own run is still under way: this slot is skipped.
				s.next = s.Schedule.Next(now)
				continue
			}
			trigger := "schedule"
			if !s.last.IsZero() && now.Sub(s.next) > late {
				trigger = "catch_up"
			}
			// Until it has been served, the state keeps the old slot, so that a
			// stop in between does not lose the run.
			s.next = s.Schedule.Next(now)
			l.wish(&job{flow: s.Flow, full: s.Full, objects: s.Objects, trigger: trigger}, now)
		}
	}
}

// underWay reports whether the job of this key is being carried out.
func (l *lane) underWay(key string) bool {
	return (l.running != nil && l.running.key() == key) || (l.first != nil && l.first.key() == key)
}

// wish adds a job, unless the same is wanted already.
func (l *lane) wish(j *job, now time.Time) {
	if old := l.want[j.key()]; old != nil {
		old.notBefore = time.Time{}
		old.waiting = append(old.waiting, j.waiting...)
		return
	}
	j.wished = now
	l.want[j.key()] = j
}

// patience is how long a full run waits for a lane that is never idle. Then it
// begins, and the routine runs go on at its page boundaries.
const patience = time.Hour

// next returns the most urgent wish that is wanted now: routine before full, so
// that a full run never keeps the day's changes waiting, and pull before push. A
// system that asked to be left alone has none.
func (l *lane) next(now time.Time, fits func(*job) bool) *job {
	if l.alone.After(now) {
		return nil
	}
	var best *job
	for _, key := range sortedKeys(l.want) {
		j := l.want[key]
		if !j.notBefore.After(now) && fits(j) && (best == nil || j.rank(now) < best.rank(now)) {
			best = j
		}
	}
	return best
}

// mayBegin tells which wishes of a lane may begin: a pull not before the first
// pull of the systems of record, where that is under way or wanted, however it
// ends.
func (d *Daemon) mayBegin(l *lane) func(*job) bool {
	waits := slices.ContainsFunc(l.sys.PullAfter, func(name string) bool {
		first := d.lanes[name]
		if first == nil || first.gone || first.pulledOnce() {
			return false
		}
		return first.running != nil && first.running.flow == FlowPull ||
			slices.ContainsFunc(sortedKeys(first.want), func(key string) bool { return first.want[key].flow == FlowPull })
	})
	return func(j *job) bool { return !waits || j.flow != FlowPull }
}

// pulledOnce reports whether a pull of the lane was ever carried out.
func (l *lane) pulledOnce() bool {
	return slices.ContainsFunc(l.slots, func(s slotState) bool { return s.Flow == FlowPull && !s.Full && !s.last.IsZero() })
}

func (j *job) rank(now time.Time) int {
	r := 2
	switch {
	case j.long() && !j.wished.Add(patience).After(now) && !j.notBefore.Add(patience).After(now):
		r = 0
	case j.long():
		r = 4
	}
	if j.flow == FlowPush {
		r++
	}
	return r
}

func sortedKeys(m map[string]*job) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// dispatch starts a run on every idle lane that wants one.
func (d *Daemon) dispatch(ctx context.Context, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range d.order {
		l := d.lanes[name]
		if l == nil || l.gone || l.running != nil {
			continue
		}
		j := l.next(now, d.mayBegin(l))
		if j == nil {
			continue
		}
		delete(l.want, j.key())
		j.started = now
		l.running = j
		go d.run(ctx, d.setup.Runner, l, name, j)
	}
}

// run carries out one job and always reports.
func (d *Daemon) run(ctx context.Context, r Runner, l *lane, system string, j *job) {
	res := d.carryOut(ctx, r, l, system, j, d.giveWay(r, l, system, j))
	select {
	case d.done <- res:
	case <-d.over: // the stop did not wait for this run
	}
}

// carryOut does one job and returns how it ended, also where it panicked.
func (d *Daemon) carryOut(ctx context.Context, r Runner, l *lane, system string, j *job, giveWay func(context.Context)) result {
	res := result{lane: l, job: j}
	func() {
		defer func() {
			if p := recover(); p != nil {
				res.panic = d.logPanic(system, j.flow, p)
			}
		}()
		req := engine.Request{System: system, Full: j.full, Backfill: j.backfill, Objects: j.objects, Trigger: j.trigger, GiveWay: giveWay}
		if j.flow == FlowPull {
			res.run, res.err = r.Pull(ctx, req)
		} else {
			res.run, res.err = r.Push(ctx, req)
		}
	}()
	if res.panic != "" {
		res.err = fmt.Errorf("internal error: %s", res.panic)
		if d.opt.Failed != nil {
			d.opt.Failed(system, j.flow, res.err.Error())
		}
	}
	return res
}
