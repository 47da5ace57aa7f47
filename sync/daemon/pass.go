package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"crmsyncd/state"
)

// A pass is what a one-shot command does alone, carried out by the daemon while
// somebody waits: the pulls, then the pushes.

// errNotWanted is how a wish ends whose system, or flow, a reload took away.
var errNotWanted = errors.New("the system is no longer configured so")

// errStopped is how a pass ends that the daemon stopped before.
var errStopped = errors.New("the daemon stopped before it was done; what was asked for in full is made up for at the next start")

// ear hears how runs end. What a pull sets off by itself belongs to the pass as well.
type ear struct{ heard []result }

// listen hears every run from now on. It returns what tells them, and what ends it.
func (d *Daemon) listen() (heard func() []result, stop func()) {
	e := &ear{}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ears[e] = true
	heard = func() []result {
		d.mu.Lock()
		defer d.mu.Unlock()
		return slices.Clone(e.heard)
	}
	return heard, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.ears, e)
	}
}

// hear lets every ear hear how a run ended. Who calls holds the lock.
func (d *Daemon) hear(res result) {
	for e := range d.ears {
		e.heard = append(e.heard, res)
	}
}

// Pass carries the wishes out, the pulls before the pushes, and waits until all of
// those runs have ended. Then it tells each run of their systems and flows that ended
// meanwhile, with its error.
func (d *Daemon) Pass(ctx context.Context, wishes []Wish, tell func(state.Run, error) error) error {
	p := pass{d: d, since: d.clock.now()}
	var stop func()
	p.heard, stop = d.listen()
	defer stop()
	for _, flow := range []string{FlowPull, FlowPush} {
		if err := p.carry(ctx, wishes, flow); err != nil {
			return err
		}
	}
	for _, r := range p.heard() {
		if !slices.ContainsFunc(wishes, func(w Wish) bool { return w.System == r.lane.sys.Name && w.Flow == r.job.flow }) {
			continue
		}
		if err := tell(r.run, r.err); err != nil {
			return err
		}
	}
	return nil
}

// pass is one that is carried out.
type pass struct {
	d     *Daemon
	heard func() []result
	since time.Time // when the last of its pulls ended, or it began
}

// carry wishes the runs of one flow, and waits until they have ended. A push that the
// pulls before set off is the one that is wished for.
func (p *pass) carry(ctx context.Context, wishes []Wish, flow string) error {
	ends := make(chan ended, len(wishes))
	runs := 0
	for _, w := range wishes {
		switch {
		case w.Flow != flow, p.isDone(w):
			continue
		case p.attach(w, ends):
			runs++
			continue
		}
		n, err := p.d.request(w, ends)
		if err != nil {
			return err
		}
		runs += n
	}
	for range runs {
		select {
		case e := <-ends:
			if errors.Is(e.err, errNotWanted) {
				return e.err
			}
			if e.at.After(p.since) {
				p.since = e.at
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-p.d.over:
			return errStopped
		}
	}
	return nil
}

// setOff reports whether a job is the push that is wished for, set off by the pulls.
func (p *pass) setOff(w Wish, j *job) bool {
	return w.Flow == FlowPush && j.trigger == afterPull && j.key() == jobKey(w.Flow, w.Full, w.Objects) && !j.started.Before(p.since)
}

// isDone reports whether that push has ended well already.
func (p *pass) isDone(w Wish) bool {
	return slices.ContainsFunc(p.heard(), func(r result) bool { return r.err == nil && r.lane.sys.Name == w.System && p.setOff(w, r.job) })
}

// attach waits for that push where it is under way, and reports whether it is.
func (p *pass) attach(w Wish, ends chan ended) bool {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	l := p.d.lanes[w.System]
	if l == nil || l.running == nil || !p.setOff(w, l.running) {
		return false
	}
	l.running.waiting = append(l.running.waiting, ends)
	return true
}

// PassArgs ask for a pass: each names a system and a flow.
type PassArgs struct {
	Wishes []Wish `json:"wishes"`
}

// opPass carries a pass out, and tells its runs once all of them have ended.
func opPass(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in PassArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if a.Daemon == nil {
		return nil, usage("no daemon is running")
	}
	for i, w := range in.Wishes {
		if w.System == "" || w.Flow != FlowPull && w.Flow != FlowPush {
			return nil, usage("a pass needs the system and the flow of each run")
		}
		if w.Trigger == "" {
			in.Wishes[i].Trigger = "command"
		}
	}
	return Count{len(in.Wishes)}, a.Daemon.Pass(ctx, in.Wishes, func(run state.Run, err error) error {
		v := WaitedRun{RunView: ViewRun(run)}
		if err != nil {
			v.Fault = faultOf(err)
		}
		return s.item(v)
	})
}

// WaitedRun is a run of a pass.
type WaitedRun struct {
	RunView
	Fault *Fault `json:"fault,omitempty"` // why it did not end well
}
