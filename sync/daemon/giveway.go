package daemon

import (
	"context"
	"time"
)

// grace is how much longer than it has worked itself a run may stand aside. It
// bounds what a routine run that takes longer than its interval can do: a full
// run then takes about twice as long, but it ends.
const grace = 10 * time.Minute

// giveWay returns what a long run calls between its pages: there, a routine run
// of the same system that is due goes first, in the long run's own goroutine,
// with the engine of the long run. It is counted and reported like any other,
// and whatever becomes of it, the long run goes on.
func (d *Daemon) giveWay(r Runner, l *lane, system string, outer *job) func(context.Context) {
	began, away := time.Now(), time.Duration(0)
	return func(ctx context.Context) {
		for ctx.Err() == nil && away <= time.Since(began)-away+grace {
			d.readClock()
			now, stood := d.clock.now(), time.Now()
			d.fire(now)
			j := d.goesFirst(l, outer, now)
			if j == nil {
				return
			}
			d.finish(ctx, d.carryOut(ctx, r, l, system, j, nil))
			d.wake() // what follows it may be another system's turn
			away += time.Since(stood)
		}
	}
}

// goesFirst takes the most urgent wish that a run gives way to.
func (d *Daemon) goesFirst(l *lane, outer *job, now time.Time) *job {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.gone || d.stopping {
		return nil
	}
	j := l.next(now, outer.givesWayTo)
	if j == nil {
		return nil
	}
	delete(l.want, j.key())
	j.started = now
	l.first = j
	return j
}

// givesWayTo reports whether a wish goes before this run: any routine run goes
// before a full one and before a back-fill pass. A routine push stands aside only in its own back-fill, and
// only for a pull, for a push would begin with the same pass.
func (j *job) givesWayTo(o *job) bool {
	if o.long() {
		return false
	}
	return j.long() || (j.flow == FlowPush && o.flow == FlowPull)
}
