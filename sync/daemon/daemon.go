package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Slots keeps when each slot was last served.
type Slots interface {
	LastSlot(key string) (time.Time, error)
	SetSlot(key string, at time.Time) error
}

// Options is what a Daemon works with. Setup and Slots are needed.
type Options struct {
	Setup  Setup
	Slots  Slots
	Logger *slog.Logger
	// Load builds a new Setup for a reload. Everything that can fail happens in
	// it, before anything that runs is touched. Nil refuses reloads.
	Load func(ctx context.Context) (Setup, error)
	// Again returns the runs that are due a new try once the daemon starts or has a
	// new configuration: those that failed last. It may be nil.
	Again func() []Wish
	// Failed hears of a run that panicked, so that it does not stand as running
	// for ever. It may be nil.
	Failed func(system, flow, text string)
	// Notify tells the service manager; it may be nil.
	Notify func(state string)
	// Watchdog is how often the service manager wants to hear that all is well;
	// 0 is never. Alive proves that the state can be written; it may be nil.
	Watchdog time.Duration
	Alive    func() error
	// Wall is the clock that the schedules speak of; nil means the machine's.
	Wall func() time.Time
	// Drain is how long a stop waits for what is in flight; 0 means 75 seconds.
	Drain time.Duration
}

// defaultDrain is longer than the engine gives a write in flight and shorter
// than the service manager waits before it kills.
const defaultDrain = 75 * time.Second

// retryFull is when a full run that failed is tried again, so that one outage
// on a Saturday does not cost a week; fullTries is how often.
const (
	retryFull = time.Hour
	fullTries = 3
)

// longestSleep bounds the loop's sleep, because a clock that is set or a
// machine that was suspended moves the time without waking a timer.
const longestSleep = time.Minute

// late is from when on a slot counts as missed and caught up.
const late = 2 * time.Minute

// Daemon runs the systems' slots and what it is asked for.
type Daemon struct {
	opt  Options
	log  *slog.Logger
	done chan result
	kick chan struct{}
	ping chan chan struct{}
	over chan struct{} // closed when the loop has ended

	reloading sync.Mutex // one reload at a time

	turns sync.WaitGroup // a turn of the calendar under way

	mu         sync.Mutex
	clock      clock
	ears       map[*ear]bool // who listens to how runs end
	turned     time.Time     // when the calendar was last looked at
	setup      Setup
	lanes      map[string]*lane
	order      []string
	stopping   bool
	started    time.Time
	reloadedAt time.Time
	reloadErr  string
}

// New returns a daemon that is not yet running.
func New(opt Options) (*Daemon, error) {
	if opt.Setup.Runner == nil || opt.Slots == nil {
		return nil, errors.New("daemon: a runner and a place for the slots are needed")
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Notify == nil {
		opt.Notify = func(string) {}
	}
	if opt.Drain == 0 {
		opt.Drain = defaultDrain
	}
	d := &Daemon{
		opt: opt, log: opt.Logger, lanes: map[string]*lane{},
		done: make(chan result), kick: make(chan struct{}, 1), ping: make(chan chan struct{}),
		over: make(chan struct{}), ears: map[*ear]bool{}, clock: newClock(opt.Wall),
	}
	if err := d.install(opt.Setup, d.clock.now()); err != nil {
		return nil, err
	}
	return d, nil
}

// ErrDrain is returned when what was in flight did not end in time.
var ErrDrain = errors.New("runs were still in flight when the time to stop was over")

// Run serves the slots until ctx is done, then starts nothing more, waits for
// what is in flight and returns nil.
func (d *Daemon) Run(ctx context.Context) error {
	d.mu.Lock()
	d.started = d.clock.now()
	d.mu.Unlock()
	d.opt.Notify("READY=1")
	d.pushUnfinished()
	d.wishWanted()
	d.tryAgain()
	stopWatch := d.watch(ctx)
	defer stopWatch()
	defer close(d.over)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-d.kick:
		case res := <-d.done:
			d.finish(ctx, res)
		case pong := <-d.ping:
			close(pong)
		}
		if ctx.Err() == nil {
			d.readClock()
			now := d.clock.now()
			d.fire(now)
			d.dispatch(ctx, now)
			d.turn(ctx, now)
			timer.Reset(d.sleep(now))
		}
	}
	return d.drain(ctx)
}

// drain waits for the runs in flight.
func (d *Daemon) drain(ctx context.Context) error {
	d.opt.Notify("STOPPING=1")
	d.mu.Lock()
	d.stopping = true
	n := d.runningLocked()
	d.mu.Unlock()
	if n > 0 {
		d.log.Info("stopping", "runs_in_flight", n)
	}
	limit := time.NewTimer(d.opt.Drain)
	defer limit.Stop()
	for d.running() > 0 {
		select {
		case res := <-d.done:
			d.finish(ctx, res)
		case pong := <-d.ping:
			close(pong)
		case <-limit.C:
			return ErrDrain
		}
	}
	d.turns.Wait()
	return nil
}

// turn looks every minute for what the calendar changes, whatever the schedules
// are (R73). It only touches the hub, so it keeps no run waiting.
func (d *Daemon) turn(ctx context.Context, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.turned) < longestSleep && !now.Before(d.turned) {
		return
	}
	d.turned = now
	runner := d.setup.Runner
	var targets []string
	for _, name := range d.order {
		if l := d.lanes[name]; l != nil && l.sys.Push {
			targets = append(targets, name)
		}
	}
	d.turns.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				d.logPanic("hub", "turn", p)
			}
		}()
		changed, err := runner.Turn(ctx)
		if err != nil && ctx.Err() == nil {
			d.log.Error("computed fields not worked out", "err", err)
		}
		if changed {
			d.pushDue(runner, targets, "calendar")
			d.wake()
		}
	})
}

// Setup returns what is in place now.
func (d *Daemon) Setup() Setup {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.setup
}

func (d *Daemon) running() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.runningLocked()
}

func (d *Daemon) runningLocked() int {
	n := 0
	for _, l := range d.lanes {
		if l.running != nil {
			n++
		}
	}
	return n
}

// wake lets the loop look again. It never blocks: what there is to do stands in
// the lanes, the channel is only a hint.
func (d *Daemon) wake() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// sleep returns how long nothing can come due.
func (d *Daemon) sleep(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait := longestSleep
	for _, l := range d.lanes {
		for _, s := range l.slots {
			if !s.next.IsZero() {
				wait = min(wait, s.next.Sub(now))
			}
		}
		if len(l.want) > 0 && l.alone.After(now) {
			wait = min(wait, l.alone.Sub(now))
		}
		for _, j := range l.want {
			if j.notBefore.After(now) {
				wait = min(wait, j.notBefore.Sub(now))
			}
		}
	}
	return max(wait, 10*time.Millisecond)
}
