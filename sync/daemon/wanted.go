package daemon

import (
	"errors"
	"time"
)

// A full run that somebody asked for is kept in the state until one has ended, so
// that a stop in between does not lose it (B7).

// wantedKey is what a full run of a whole system is kept under.
func wantedKey(system, flow string) string { return "wanted:" + system + ":" + flow }

// keepWanted notes, or with a zero time forgets, that a full run is wanted.
func (d *Daemon) keepWanted(system, flow string, at time.Time) {
	if err := d.opt.Slots.SetSlot(wantedKey(system, flow), at); err != nil {
		d.log.Error("a wanted full run is not kept for a restart", "system", system, "flow", flow, "err", err)
	}
}

// keepAllWanted notes the full runs that a wish is for.
func (d *Daemon) keepAllWanted(w Wish) {
	d.mu.Lock()
	var runs [][2]string
	for name, l := range d.lanes {
		for flow, has := range map[string]bool{FlowPull: l.sys.Pull, FlowPush: l.sys.Push} {
			if has && !l.gone && (w.System == "" || w.System == name) && (w.Flow == "" || w.Flow == flow) {
				runs = append(runs, [2]string{name, flow})
			}
		}
	}
	now := d.clock.now()
	d.mu.Unlock()
	for _, r := range runs {
		d.keepWanted(r[0], r[1], now)
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
		d.keepWanted(system, j.flow, time.Time{})
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
		for flow, has := range map[string]bool{FlowPull: l.sys.Pull, FlowPush: l.sys.Push} {
			if has && d.wanted(name, flow) {
				l.wish(&job{flow: flow, full: true, trigger: "catch_up"}, d.clock.now())
			}
		}
	}
}
