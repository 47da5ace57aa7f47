package daemon

import (
	"errors"
	"time"
)

// A full run that somebody asked for is kept in the state until one has ended, so
// that a stop in between does not lose it (B7).

// flowName names a flow of a system.
type flowName struct{ system, flow string }

// wantedKey is what a full run of a whole system is kept under.
func wantedKey(system, flow string) string { return "wanted:" + system + ":" + flow }

// keepWanted notes, or with a zero time forgets, that full runs are wanted.
func (d *Daemon) keepWanted(at time.Time, runs ...flowName) {
	for _, r := range runs {
		if err := d.opt.Slots.SetSlot(wantedKey(r.system, r.flow), at); err != nil {
			d.log.Error("a wanted full run is not kept for a restart", "system", r.system, "flow", r.flow, "err", err)
		}
	}
}

// wanted reports whether a full run was asked for and has not ended.
func (d *Daemon) wanted(system, flow string) bool {
	at, err := d.opt.Slots.LastSlot(wantedKey(system, flow))
	return err == nil && !at.IsZero()
}

// endWanted forgets the wish for a full run that has ended.
func (d *Daemon) endWanted(system string, j *job) {
	if j.full && len(j.objects) == 0 && d.wanted(system, j.flow) {
		d.keepWanted(time.Time{}, flowName{system, j.flow})
	}
}

// tryAgain wishes the runs that failed last: what they failed for may be mended.
func (d *Daemon) tryAgain() {
	if d.opt.Again == nil {
		return
	}
	for _, w := range d.opt.Again() {
		if err := d.Request(w); err != nil && !errors.Is(err, ErrUnknownSystem) {
			d.log.Error("a failed run is not tried again", "system", w.System, "flow", w.Flow, "err", err)
		}
	}
}

// wishWanted wishes at the start what was asked for before the stop.
func (d *Daemon) wishWanted() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range d.order {
		l := d.lanes[name]
		for _, flow := range l.sys.flows() {
			if d.wanted(name, flow) {
				l.wish(&job{flow: flow, full: true, trigger: "catch_up"}, d.clock.now())
			}
		}
	}
}
