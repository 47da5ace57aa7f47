package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// What became of a run or of one object in it.
const (
	StatusDone        = "done"
	StatusHeld        = "done_with_held"
	StatusGuard       = "stopped_by_guard"
	StatusFailed      = "failed"
	StatusInterrupted = "interrupted"
	StatusRunning     = "running"
	StatusBudget      = "out_of_quota"
)

// run is one pass of one system in one flow.
type run struct {
	*Engine
	sys  *System // its calls go through the gate
	gate *gate
	req  Request
	flow string
	rec  state.Run
	obj  *state.RunObject // of the object under way

	wouldStop error // why a guard would stop the object under way, of which this only is a plan

	absent map[*ledger.Route]map[state.HubID]absence // linked records that a read by id did not bring, and that are undecided
	met    map[*ledger.Route]int                     // records that were seen

	aud     *auditing            // of the object under way, in a full run
	audited map[string]AuditMark // what it found, by object
}

// entryOf is what the journal says of a record of a route: by a person, where no
// run did it.
func (e *Engine) entryOf(route *ledger.Route, hub state.HubID, remote, reason string) state.JournalEntry {
	return state.JournalEntry{
		At: e.now().Unix(), Object: route.Hub.Name, Hub: hub, System: e.book.System(route.System), Remote: remote,
		Reason: reason, Config: e.opt.Config,
	}
}

// entryOf is what the journal says of a record of a route that the run did
// something with.
func (r *run) entryOf(route *ledger.Route, hub state.HubID, remote, reason string) state.JournalEntry {
	e := r.Engine.entryOf(route, hub, remote, reason)
	e.Run, e.Flow = r.rec.ID, r.journalFlow()
	return e
}

// newHold is a hold that this run makes.
func (r *run) newHold(route *ledger.Route, hub state.HubID, reason, detail string) state.Hold {
	h := route.Hold(hub, r.now(), reason, detail)
	h.Run = r.rec.ID
	return h
}

// count adds to the object's counter.
func (r *run) count(what string, n int) {
	if n != 0 {
		r.obj.Counts[what] += n
	}
}

// pass goes over the routes of one flow and records it.
func (e *Engine) pass(ctx context.Context, flow string, req Request,
	one func(context.Context, *run, *ledger.Route) error,
) (state.Run, error) {
	sys := e.opt.Systems[req.System]
	if sys == nil {
		return state.Run{}, fmt.Errorf("no system is named %q", req.System)
	}
	r := &run{Engine: e, req: req, flow: flow}
	r.sys, r.gate = e.gated(sys, proving{learns: true, belongs: !e.opt.dry || e.opt.bonds != nil})
	r.rec = state.Run{
		System: req.System, Flow: flow, Trigger: req.Trigger, Full: req.Full,
		Started: e.now(), Status: StatusRunning, Counts: map[string]int{},
	}
	if err := e.opt.Store.Update(func(tx *state.Tx) error { return tx.NewRun(&r.rec) }); err != nil {
		return r.rec, fmt.Errorf("record the run: %w", err)
	}
	mine := e.calls.begin(sys)
	err := r.lookAgain(ctx)
	if err == nil {
		err = r.computeDue(ctx)
	}
	if err == nil {
		err = r.events(ctx)
	}
	if err == nil {
		err = r.objects(ctx, one)
	}
	r.finish(mine(), err)
	if perr := e.opt.Store.Update(func(tx *state.Tx) error { return errors.Join(tx.PutRun(r.rec), r.keepAudit(tx)) }); perr != nil {
		err = errors.Join(err, fmt.Errorf("record the run: %w", perr))
	}
	e.logRun(&r.rec, err)
	e.pruneJournal(ctx)
	return r.rec, err
}

// objects goes through the routes, parents first. What stops one route leaves
// the others going; what stops the system ends the run.
func (r *run) objects(ctx context.Context, one func(context.Context, *run, *ledger.Route) error) error {
	var errs []error
	for _, route := range r.book.RoutesOf(r.req.System) {
		if (route.Direction == fieldmap.Pull) != (r.flow == "pull") || !r.wanted(route.Object) {
			continue
		}
		r.rec.Objects = append(r.rec.Objects, state.RunObject{Object: route.Object, Counts: map[string]int{}, Status: StatusDone})
		r.obj = &r.rec.Objects[len(r.rec.Objects)-1]
		err := ctx.Err()
		if err == nil {
			err = r.auditEnd(ctx, route, one(ctx, r, route))
			err, r.wouldStop = errors.Join(err, r.wouldStop), nil
		}
		if err == nil {
			continue
		}
		r.obj.Status, r.obj.Note = statusOf(err), err.Error()
		errs = append(errs, fmt.Errorf("%s %s: %w", r.flow, route.Key(), err))
		if reachesSystem(err) {
			break
		}
	}
	return errors.Join(errs...)
}

func (r *run) wanted(object string) bool {
	return len(r.req.Objects) == 0 || slices.Contains(r.req.Objects, object)
}

// reachesSystem reports whether going on with another object is pointless.
func reachesSystem(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	switch providers.KindOf(err) {
	case providers.Denied, providers.Budget, providers.Transient, providers.Unknown:
		return true
	}
	return false
}

func statusOf(err error) string {
	switch {
	case errors.Is(err, ErrGuard):
		return StatusGuard
	case errors.Is(err, context.Canceled):
		return StatusInterrupted
	case providers.KindOf(err) == providers.Budget:
		return StatusBudget
	}
	return StatusFailed
}

// callCount tells the calls of a run from those of the runs that it gave way to.
type callCount struct {
	mu    sync.Mutex
	ended map[string]map[string]int // of runs that ended, by system and kind
}

// begin returns what tells, once and at the end, the calls made since then for
// this run alone.
func (c *callCount) begin(sys *System) (mine func() map[string]int) {
	usage := sys.Provider.Usage().Calls
	c.mu.Lock()
	defer c.mu.Unlock()
	ended := maps.Clone(c.ended[sys.Name])
	return func() map[string]int {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ended == nil {
			c.ended = map[string]map[string]int{}
		}
		if c.ended[sys.Name] == nil {
			c.ended[sys.Name] = map[string]int{}
		}
		out := map[string]int{}
		for kind, n := range sys.Provider.Usage().Calls {
			within := c.ended[sys.Name][kind] - ended[kind]
			if d := n - usage[kind] - within; d > 0 {
				out[kind] = d
				c.ended[sys.Name][kind] += d
			}
		}
		return out
	}
}

// finish fills in the run's end.
func (r *run) finish(calls map[string]int, err error) {
	r.rec.Ended = r.now()
	r.rec.Calls = calls
	for _, o := range r.rec.Objects {
		for what, n := range o.Counts {
			r.rec.Counts[what] += n
		}
	}
	r.rec.Status = StatusDone
	if r.rec.Counts["held"] > 0 {
		r.rec.Status = StatusHeld
	}
	if err != nil {
		r.rec.Status, r.rec.Error = statusOf(err), err.Error()
	}
}

// logRun writes the one line per run that an operator reads. A run that ended with
// the daemon goes on in the next one, so that is no error.
func (e *Engine) logRun(rec *state.Run, err error) {
	args := []any{
		"run", rec.ID, "system", rec.System, "flow", rec.Flow, "full", rec.Full, "trigger", rec.Trigger,
		"status", rec.Status, "took", rec.Ended.Sub(rec.Started).Round(time.Millisecond),
	}
	for _, what := range slices.Sorted(maps.Keys(rec.Counts)) {
		args = append(args, what, rec.Counts[what])
	}
	if err != nil && rec.Status != StatusInterrupted {
		e.log.Error("run ended", append(args, "err", err)...)
		return
	}
	e.log.Info("run ended", args...)
}

// giveWay lets a routine run go first, between two pages of a long one.
func (r *run) giveWay(ctx context.Context) {
	if r.req.GiveWay != nil && ctx.Err() == nil {
		r.req.GiveWay(ctx)
	}
}

// progress tells how far the object under way is.
func (r *run) progress(object, step string, done, total int) {
	r.opt.OnProgress(Progress{System: r.req.System, Object: object, Step: step, Done: done, Total: total})
}
