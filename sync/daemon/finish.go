package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// finish notes how a run ended, serves its slots and wishes what follows.
func (d *Daemon) finish(ctx context.Context, res result) {
	now := d.clock.now()
	d.mu.Lock()
	l, j := res.lane, res.job
	d.hear(res)
	if l.first == j {
		l.first = nil
	} else {
		l.running = nil
	}
	out := outcome{run: res.run, at: now}
	if res.err != nil {
		out.err = res.err.Error()
	}
	l.last[j.flow] = out
	if until := now.Add(retryAfter(res.err)); until.After(now) && until.After(l.alone) {
		l.alone = until
		d.log.Warn("the system asks to be left alone; its next run begins after that", "system", l.sys.Name, "until", until)
	}
	interrupted := res.err != nil && ctx.Err() != nil
	served := map[string]time.Time{}
	if !interrupted && !j.backfill {
		served = l.serve(j, now)
		d.retryFull(l, j, res.err, now)
	}
	if l.gone && l.running == nil {
		delete(d.lanes, l.sys.Name)
	}
	defer j.tell(now, res.err) // once what follows from it is wished
	runner, after := d.setup.Runner, l.sys.PushAfter
	d.mu.Unlock()

	d.keepServed(served)
	if !interrupted {
		d.endWanted(l.sys.Name, j)
	}
	if j.flow == FlowPull && ctx.Err() == nil {
		d.pushDue(runner, after, afterPull)
		d.fillBehind(runner, l, j)
	}
}

// keepServed keeps when slots were served.
func (d *Daemon) keepServed(served map[string]time.Time) {
	for key, at := range served {
		if err := d.opt.Slots.SetSlot(key, at); err != nil {
			d.log.Error("slot not kept", "slot", key, "err", err)
		}
	}
}

// retryAfter is the longest time for which a system asked, in any of the errors
// of a run, to be left alone.
func retryAfter(err error) (longest time.Duration) {
	if e, ok := err.(*providers.Error); ok { //nolint:errorlint // each error of the tree is looked at
		longest = e.RetryAfter
	}
	switch e := err.(type) { //nolint:errorlint // see above
	case interface{ Unwrap() error }:
		longest = max(longest, retryAfter(e.Unwrap()))
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			longest = max(longest, retryAfter(one))
		}
	}
	return longest
}

// fillBehind wishes a back-fill pass after a routine pull of a system that is
// behind for some rule (R122, R124). One that failed is wished again after the
// next.
func (d *Daemon) fillBehind(runner Runner, l *lane, j *job) {
	if j.long() {
		return
	}
	behind, err := runner.Behind(l.sys.Name)
	if err != nil {
		d.log.Error("behind not told", "system", l.sys.Name, "err", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fill := &job{flow: FlowPull, backfill: true, trigger: "back_fill"}
	if len(behind) > 0 && !l.gone && !l.underWay(fill.key()) {
		l.wish(fill, d.clock.now())
	}
}

// serve moves the slots that this job served. A slot counts from the run's
// start; one that came due while it ran is skipped.
func (l *lane) serve(j *job, now time.Time) map[string]time.Time {
	served := map[string]time.Time{}
	for i := range l.slots {
		s := &l.slots[i]
		if s.Flow != j.flow || s.Full != j.full || !slices.Equal(s.Objects, j.objects) {
			continue
		}
		s.last = j.started
		if s.last.After(now) {
			s.last = now // the clock was set back meanwhile
		}
		if s.next = s.Schedule.Next(s.last); !s.next.IsZero() && !s.next.After(now) {
			s.last = now
			s.next = s.Schedule.Next(now)
		}
		served[s.Key] = s.last
	}
	return served
}

// retryFull wishes a failed full run again, for its next slot may be a week
// away. What a guard stopped waits for a person.
func (d *Daemon) retryFull(l *lane, j *job, err error, now time.Time) {
	if err == nil || !j.full || j.tries >= fullTries || errors.Is(err, engine.ErrGuard) || providers.KindOf(err) == providers.Denied {
		return
	}
	again := *j
	again.waiting = nil
	again.tries++
	again.wished = now
	again.trigger = "retry"
	again.notBefore = now.Add(retryFull)
	if l.want[again.key()] == nil {
		l.want[again.key()] = &again
	}
}

// pushUnfinished wishes at the start what a daemon that was killed did not get
// round to: the pushes that follow a pull.
func (d *Daemon) pushUnfinished() {
	d.mu.Lock()
	runner := d.setup.Runner
	var systems []string
	for _, name := range d.order {
		systems = append(systems, d.lanes[name].sys.PushAfter...)
	}
	d.mu.Unlock()
	d.pushDue(runner, systems, "catch_up")
}

// afterPull is the trigger of the pushes that a pull sets off.
const afterPull = "after_pull"

// pushDue wishes a push of each system that has something to be pushed (R16).
// Whether it has is told by its position in the state, so nothing is lost if
// this is missed. Where the state cannot tell, the push fails for all to see.
func (d *Daemon) pushDue(runner Runner, systems []string, trigger string) {
	for _, name := range systems {
		due, err := runner.Due(name)
		if err != nil {
			d.log.Error("due not told; a push looks itself", "system", name, "err", err)
			due = true
		}
		d.mu.Lock()
		if l := d.lanes[name]; due && l != nil && l.sys.Push && !l.gone {
			l.wish(&job{flow: FlowPush, trigger: trigger}, d.clock.now())
		}
		d.mu.Unlock()
	}
}

// logPanic logs where a run panicked and returns a text for the run. What was
// panicked with is shown only where it comes from the Go runtime, for our own
// could hold a customer's value.
func (d *Daemon) logPanic(system, flow string, p any) string {
	text := fmt.Sprintf("panic of type %T", p)
	var re runtime.Error
	if err, ok := p.(error); ok && errors.As(err, &re) {
		text = "panic: " + re.Error()
	}
	d.log.Error("run panicked", "system", system, "flow", flow, "err", text, "stack", string(debug.Stack()))
	return text
}

// Wish asks for runs. Nothing set means a routine run of everything.
type Wish struct {
	System  string   `json:"system,omitempty"` // none means all
	Objects []string `json:"objects,omitempty"`
	Full    bool     `json:"full,omitempty"`
	Flow    string   `json:"flow,omitempty"` // none means both
	Trigger string   `json:"trigger,omitempty"`
}

// ErrUnknownSystem is returned for a wish about a system that has no routes.
var ErrUnknownSystem = errors.New("no such system")

// Request asks for runs at the next free moment and returns at once. Asked
// several times before they start, they run once.
func (d *Daemon) Request(w Wish) error {
	_, err := d.request(w, nil)
	return err
}

// request asks for runs and returns how many. Who waits for them gives a channel
// with room for all.
func (d *Daemon) request(w Wish, ends chan ended) (n int, err error) {
	var wished []flowName
	d.mu.Lock()
	if w.System != "" && d.lanes[w.System] == nil {
		err = fmt.Errorf("%w: %q", ErrUnknownSystem, w.System)
	}
	for name, l := range d.lanes {
		if l.gone || (w.System != "" && w.System != name) {
			continue
		}
		for _, flow := range l.sys.flows() {
			if w.Flow != "" && w.Flow != flow {
				continue
			}
			j := &job{flow: flow, full: w.Full, objects: w.Objects, trigger: w.Trigger}
			if ends != nil {
				j.waiting = append(j.waiting, ends)
			}
			l.wish(j, d.clock.now())
			wished = append(wished, flowName{name, flow})
		}
	}
	now := d.clock.now()
	d.mu.Unlock()
	if w.Full && len(w.Objects) == 0 {
		d.keepWanted(now, wished...) // without the lock, for the state may be busy
	}
	d.wake()
	return len(wished), err
}

// ErrNoReload is returned by a daemon that cannot reload.
var ErrNoReload = errors.New("this daemon cannot reload")

// Reload builds a new setup and puts it in place: runs in flight end with the
// old one, the next ones use the new. If anything fails the old one goes on.
func (d *Daemon) Reload(ctx context.Context) error {
	if d.opt.Load == nil {
		return ErrNoReload
	}
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.opt.Notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonicUsec()))
	defer d.opt.Notify("READY=1")
	setup, err := d.opt.Load(ctx)
	if err == nil {
		err = d.install(setup, d.clock.now())
	}
	d.mu.Lock()
	d.reloadErr, d.reloadedAt = "", d.clock.now()
	if err != nil {
		d.reloadErr = err.Error()
	}
	d.mu.Unlock()
	if err != nil {
		d.log.Error("reload refused, the old configuration goes on", "err", err)
		return err
	}
	d.log.Info("reloaded", "systems", len(setup.Systems))
	d.tryAgain()
	for _, what := range told(setup.AtRestart) {
		d.log.Warn("in force after a restart only", "what", what)
	}
	d.wake()
	return nil
}

// StateSlots keeps slots in the state.
type StateSlots struct{ Store *state.Store }

// LastSlot returns when a slot was last served, zero if never.
func (s StateSlots) LastSlot(key string) (time.Time, error) {
	var at time.Time
	err := s.Store.View(func(tx *state.Tx) error {
		raw := tx.Meta(key)
		if len(raw) == 0 {
			return nil
		}
		return at.UnmarshalText(raw)
	})
	return at, err
}

// SetSlot keeps when a slot was last served.
func (s StateSlots) SetSlot(key string, at time.Time) error {
	return s.Store.Update(func(tx *state.Tx) error {
		text, err := at.UTC().MarshalText()
		if err != nil {
			return err
		}
		return tx.SetMeta(key, text)
	})
}
