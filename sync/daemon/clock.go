package daemon

import (
	"fmt"
	"time"
)

// Schedules speak of the clock on the wall, and that clock may be set. Forward, a
// slot is missed and made up for, as after a sleep of the machine. Backward, a slot
// would wait until the old time comes again, a day later, with all green; so each is
// due anew from the new time on, late by at most one interval.

// clock tells the time, and when that was set.
type clock struct {
	wall func() time.Time
	seen time.Time // of the wall, when it was last looked at
	real time.Time // of the same moment, by a clock that nobody sets
	at   time.Time // of the last jump, by the clock as it is since
	by   time.Duration
}

// jumpTold is how long the status tells that the clock was set.
const jumpTold = 24 * time.Hour

func newClock(wall func() time.Time) clock {
	if wall == nil {
		wall = time.Now
	}
	return clock{wall: wall, seen: wall().Round(0), real: time.Now()}
}

// now is the time on the wall, without the reading of another clock.
func (c *clock) now() time.Time { return c.wall().Round(0) }

// jumped returns by how much the clock was set since the last call, 0 where that
// is less than a late slot would notice. A machine that slept counts as set forward.
func (c *clock) jumped() time.Duration {
	now, elapsed := c.now(), time.Since(c.real)
	by := now.Sub(c.seen) - elapsed
	c.seen, c.real = now, c.real.Add(elapsed)
	if by.Abs() < late {
		return 0
	}
	c.at, c.by = now, by
	return by
}

// text says that the clock was set lately, or nothing.
func (c *clock) text() string {
	if c.by == 0 || c.now().Sub(c.at) > jumpTold {
		return ""
	}
	if c.by < 0 {
		return fmt.Sprintf("the clock was set back by %s at %s: the schedules go on from the new time", (-c.by).Round(time.Second), c.at.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the clock went forward by %s at %s, or the machine slept: what was missed is made up for", c.by.Round(time.Second), c.at.UTC().Format(time.RFC3339))
}

// readClock looks whether the clock was set, and moves what waits for a time on it.
func (d *Daemon) readClock() {
	d.mu.Lock()
	defer d.mu.Unlock()
	by := d.clock.jumped()
	if by == 0 {
		return
	}
	d.log.Warn("the clock was set", "what", d.clock.text())
	if by > 0 {
		return
	}
	now := d.clock.now()
	for _, l := range d.lanes {
		l.setBack(now, by)
	}
}

// setBack moves the times of a lane after the clock was set back.
func (l *lane) setBack(now time.Time, by time.Duration) {
	for i := range l.slots {
		s := &l.slots[i]
		if s.last.After(now) {
			s.last = now
		}
		if next := s.Schedule.Next(now); s.next.After(next) {
			s.next = next
		}
	}
	if !l.alone.IsZero() {
		l.alone = l.alone.Add(by)
	}
	for _, j := range l.want {
		j.wished = j.wished.Add(by)
		if !j.notBefore.IsZero() {
			j.notBefore = j.notBefore.Add(by)
		}
	}
}
