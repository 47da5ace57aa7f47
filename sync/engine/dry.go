package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// PlanRequest asks what runs would do.
type PlanRequest struct {
	Systems  []string // none means all
	Full     bool
	SkipPull bool              // plan from the hub as it is, without reading the sources first
	OnChange func(plan.Change) // hears of each change instead of the result's Changes
	// contact remembers in the state itself which organizations the systems open:
	// for a run that decides and reports only.
	contact bool
}

// PlanResult is what runs would do. Nothing of it was done.
type PlanResult struct {
	Changes []plan.Change
	Runs    []state.Run
	Calls   map[string]map[string]int // writes that would be needed, by system and kind
	Held    []HoldView
	Resting []string // system/object.field of fields that nothing is taken from or written to
}

// Plan carries the same runs out on a copy of the state, with the systems read
// for real and every write only noted. So a plan cannot say one thing and a run
// do another.
func (e *Engine) Plan(ctx context.Context, req PlanRequest) (PlanResult, error) {
	dir, err := os.MkdirTemp(filepath.Dir(e.opt.Store.Path()), ".plan-*")
	if err != nil {
		return PlanResult{}, fmt.Errorf("make room for a plan: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "state.db")
	if err := e.opt.Store.Snapshot(path); err != nil {
		return PlanResult{}, fmt.Errorf("copy the state: %w", err)
	}
	st, err := state.Open(path, state.Options{Now: e.opt.Now})
	if err != nil {
		return PlanResult{}, fmt.Errorf("open the copy: %w", err)
	}
	defer func() { _ = st.Close() }()
	if e.opt.Store.Suspect() == "" {
		// A copy is suspect by itself; this one plans only.
		if err := st.Trust(); err != nil {
			return PlanResult{}, fmt.Errorf("open the copy: %w", err)
		}
	}
	return e.planOn(ctx, st, req)
}

func (e *Engine) planOn(ctx context.Context, st *state.Store, req PlanRequest) (PlanResult, error) {
	res := PlanResult{Calls: map[string]map[string]int{}}
	opt := e.opt
	opt.Store, opt.dry = st, true
	if req.contact {
		opt.bonds = e.opt.Store
	}
	opt.OnChange = func(c plan.Change) {
		if req.OnChange != nil {
			req.OnChange(c)
			return
		}
		res.Changes = append(res.Changes, c)
	}
	opt.Systems = map[string]*System{}
	for name, sys := range e.opt.Systems {
		opt.Systems[name] = noting(sys)
	}
	dry, err := New(opt)
	if err != nil {
		return res, err
	}
	err = dry.planRuns(ctx, req, &res)
	for name, sys := range opt.Systems {
		if n, ok := sys.Writer.(*notingWriter); ok && len(n.calls) > 0 {
			res.Calls[name] = n.calls
		}
	}
	verr := dry.Holds(HoldFilter{}, func(h HoldView) error {
		if !h.Dropped && (len(req.Systems) == 0 || slices.Contains(req.Systems, h.System)) {
			res.Held = append(res.Held, h)
		}
		return nil
	})
	rests, rerr := dry.Resting("")
	res.Resting = rests
	return res, errors.Join(err, verr, rerr)
}

// planRuns pulls from every source and pushes to the systems asked for.
func (e *Engine) planRuns(ctx context.Context, req PlanRequest, res *PlanResult) error {
	var errs []error
	for _, name := range e.opt.Mapping.PullOrder() {
		if !req.SkipPull {
			run, err := e.Pull(ctx, Request{System: name, Full: req.Full, Trigger: "plan"})
			res.Runs = append(res.Runs, run)
			errs = append(errs, err)
			if fill, err := e.Pull(ctx, Request{System: name, Backfill: true, Trigger: "plan"}); fill.ID != 0 {
				res.Runs, errs = append(res.Runs, fill), append(errs, err)
			}
		}
	}
	for _, name := range e.SystemNames() {
		if _, push := e.Flows(name); push && (len(req.Systems) == 0 || slices.Contains(req.Systems, name)) {
			run, err := e.Push(ctx, Request{System: name, Full: req.Full, Trigger: "plan"})
			res.Runs = append(res.Runs, run)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// SystemNames lists the systems that have routes, in the order of the mapping.
func (e *Engine) SystemNames() []string {
	var out []string
	for _, r := range e.book.Routes {
		if !slices.Contains(out, r.System) {
			out = append(out, r.System)
		}
	}
	return out
}

// noting returns the system with a writer that writes nothing.
func noting(sys *System) *System {
	s := *sys
	if sys.Writer != nil {
		s.Writer = &notingWriter{real: sys.Writer, calls: map[string]int{}}
	}
	return &s
}

// notingWriter counts what it is asked to write and answers as if it had.
type notingWriter struct {
	real  providers.Writer
	calls map[string]int
	made  int
}

var _ providers.Writer = (*notingWriter)(nil)

// BatchSize is the real writer's.
func (w *notingWriter) BatchSize(object string) int { return w.real.BatchSize(object) }

// Create makes up ids, so that children find their parents.
func (w *notingWriter) Create(_ context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	w.calls["create "+object]++
	out := make([]providers.Result, len(patches))
	for i := range patches {
		w.made++
		out[i].ID = fmt.Sprintf("new-%d", w.made)
	}
	return out, nil
}

// Update answers that everything was written.
func (w *notingWriter) Update(_ context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	w.calls["update "+object]++
	out := make([]providers.Result, len(patches))
	for i := range patches {
		out[i].ID = patches[i].ID
	}
	return out, nil
}

// pushOff is a push to a system whose writes are off: it is decided and
// reported on a copy, and neither position nor digests move.
func (e *Engine) pushOff(ctx context.Context, req Request) (state.Run, error) {
	res, err := e.Plan(ctx, PlanRequest{Systems: []string{req.System}, Full: req.Full, SkipPull: true, contact: true})
	run := state.Run{System: req.System, Flow: "push", Trigger: req.Trigger, Started: e.now()}
	if len(res.Runs) > 0 {
		run = res.Runs[0]
	}
	run.ID, run.Trigger, run.Status = 0, req.Trigger, "writes_off"
	run.Counts = maps.Clone(run.Counts)
	perr := e.opt.Store.Update(func(tx *state.Tx) error {
		if err := tx.NewRun(&run); err != nil {
			return err
		}
		return tx.PutRun(run)
	})
	return run, errors.Join(err, perr)
}
