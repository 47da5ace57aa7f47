package daemon

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// watch tells the service manager at intervals that all is well, but only while
// the loop answers and the state can be written: a daemon that hangs is better
// started again. The returned function ends it.
func (d *Daemon) watch(ctx context.Context) (stop func()) {
	if d.opt.Watchdog <= 0 {
		return func() {}
	}
	// It goes on during the drain, so it ends with Run and not with ctx.
	wctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(d.opt.Watchdog / 3)
		defer tick.Stop()
		for {
			select {
			case <-wctx.Done():
				return
			case <-tick.C:
				if d.loopAnswers(wctx) && d.stateAnswers() {
					d.opt.Notify("WATCHDOG=1")
				}
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func (d *Daemon) loopAnswers(ctx context.Context) bool {
	limit := time.NewTimer(d.opt.Watchdog / 3)
	defer limit.Stop()
	pong := make(chan struct{})
	select {
	case d.ping <- pong:
	case <-ctx.Done():
		return false
	case <-limit.C:
		d.log.Error("the loop does not answer")
		return false
	}
	<-pong
	return true
}

// stateAnswers asks in a goroutine of its own, for a state that hangs would
// otherwise hang the stop as well.
func (d *Daemon) stateAnswers() bool {
	if d.opt.Alive == nil {
		return true
	}
	limit := time.NewTimer(d.opt.Watchdog / 3)
	defer limit.Stop()
	answer := make(chan error, 1)
	go func() { answer <- d.opt.Alive() }()
	select {
	case err := <-answer:
		if err != nil {
			d.log.Error("the state does not answer", "err", err)
		}
		return err == nil
	case <-limit.C:
		d.log.Error("the state does not answer")
		return false
	}
}

// monotonicUsec is what systemd wants with RELOADING=1 (sd_notify(3), last
// checked 2026-11-22).
func monotonicUsec() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano() / 1000
}
