package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/jedib0t/go-pretty/v6/text"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// onceResult is what one pass did.
type onceResult struct {
	Runs    []daemon.RunView `json:"runs"`
	Held    int              `json:"held"`    // records held now in the systems asked for
	Started bool             `json:"started"` // the running daemon was asked; it does the work
	PID     int              `json:"pid,omitempty"`
}

// runOnce pulls from the sources and pushes to the targets one time.
func (a *app) runOnce(ctx context.Context, f runFlags) error {
	l, problems, c, err := a.dial(ctx)
	switch {
	case err != nil:
		return err
	case l == nil:
		return a.badConfig(problems)
	}
	steps, err := l.steps(f)
	switch {
	case err != nil:
		return usageError(err)
	case c != nil && f.noWait:
		return a.handOver(ctx, c, f, steps)
	case c != nil:
		return a.waitFor(ctx, c, f, steps)
	case l.blind():
		return noDaemon(l)
	}
	st, err := a.openStore(l, l.cfg.State, false)
	if err != nil {
		return err
	}
	defer func() {
		if err := st.Close(); err != nil {
			a.note("close the state: %v", err)
		}
	}()
	b := a.bar()
	e, err := l.engine(st, a.logger(levelSilent), func(p engine.Progress) {
		b.set(p.System+" "+p.Object+" "+p.Step, p.Done, p.Total)
	})
	if err != nil {
		return err
	}
	ctx, stop := stoppable(ctx)
	defer stop()
	res, err := pass(ctx, e, steps, f.full)
	b.end()
	res.Held, _ = heldIn(st, steps) // a count that cannot be told is no reason to fail
	if perr := a.printOnce(res); perr != nil {
		return perr
	}
	return onceError(res, err)
}

// onceError turns what happened into an exit code.
func onceError(res onceResult, err error) error {
	switch {
	case slices.ContainsFunc(res.Runs, func(r daemon.RunView) bool { return r.Counts["audit_unexplained"] > 0 }):
		return &coded{exitUnexplained, err}
	case errors.Is(err, engine.ErrGuard):
		return &coded{exitGuard, err}
	case err != nil:
		return &coded{exitFailed, err}
	case res.Held > 0:
		return &coded{exitHeld, nil}
	}
	return nil
}

// stoppable returns a context that ends with SIGTERM or SIGINT; a second one
// ends the process.
func stoppable(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	sigs := make(chan os.Signal, 2)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		if _, ok := <-sigs; !ok {
			return
		}
		cancel()
		if _, ok := <-sigs; ok {
			os.Exit(exitFailed)
		}
	}()
	return ctx, func() { signal.Stop(sigs); close(sigs); cancel() }
}

// step is one run of a pass.
type step struct {
	system, flow string
	objects      []string
}

// steps returns the runs of a pass: pulls in their order first, then pushes.
func (l *loaded) steps(f runFlags) ([]step, error) {
	var steps []step
	for _, flow := range []string{daemon.FlowPull, daemon.FlowPush} {
		for _, r := range l.mapping.Routes {
			if flowOf(r) != flow || !f.wants(r) {
				continue
			}
			i := slices.IndexFunc(steps, func(s step) bool { return s.system == r.System && s.flow == flow })
			if i < 0 {
				steps, i = append(steps, step{system: r.System, flow: flow}), len(steps)
			}
			if f.object != "" {
				steps[i].objects = append(steps[i].objects, r.Object)
			}
		}
	}
	order := l.mapping.PullOrder()
	slices.SortStableFunc(steps, func(a, b step) int {
		if a.flow != daemon.FlowPull || b.flow != daemon.FlowPull {
			return 0 // the pulls stand before the pushes already
		}
		return cmp.Compare(slices.Index(order, a.system), slices.Index(order, b.system))
	})
	if len(steps) == 0 {
		return nil, fmt.Errorf("no route fits%s; there are %s", f, strings.Join(l.routeNames(), ", "))
	}
	return steps, nil
}

func flowOf(r *fieldmap.Route) string {
	if r.Direction == fieldmap.Pull {
		return daemon.FlowPull
	}
	return daemon.FlowPush
}

// wants reports whether the flags ask for a route.
func (f runFlags) wants(r *fieldmap.Route) bool {
	return (f.system == "" || f.system == r.System) && (f.object == "" || f.object == r.Object || f.object == r.Hub.Name)
}

// String returns the flags that narrow a pass, as they were given.
func (f runFlags) String() string {
	s := ""
	if f.system != "" {
		s += " --system " + f.system
	}
	if f.object != "" {
		s += " --object " + f.object
	}
	return s
}

// routeNames lists the places that a route names, such as salesforce/Account.
func (l *loaded) routeNames() []string {
	var out []string
	for _, r := range l.mapping.Routes {
		out = append(out, r.Key())
	}
	return out
}

// pass carries the steps out: the pulls one after the other, then the pushes at
// once, for no target waits for another. A system that fails does not keep the
// others from their turn.
func pass(ctx context.Context, e *engine.Engine, steps []step, full bool) (onceResult, error) {
	runs, fills, errs := make([]state.Run, len(steps)), make([]state.Run, len(steps)), make([]error, len(steps))
	var pushes sync.WaitGroup
	for i, s := range steps {
		if ctx.Err() != nil {
			break
		}
		req := engine.Request{System: s.system, Full: full, Objects: s.objects, Trigger: "command"}
		if s.flow == daemon.FlowPull {
			runs[i], errs[i] = e.Pull(ctx, req)
			if errs[i] == nil {
				fills[i], errs[i] = backfill(ctx, e, s)
			}
			continue
		}
		pushes.Go(func() { runs[i], errs[i] = e.Push(ctx, req) })
	}
	pushes.Wait()
	var res onceResult
	var failed []error
	for i, s := range steps {
		last := runs[i]
		for _, run := range []state.Run{runs[i], fills[i]} {
			if run.System != "" {
				res.Runs, last = append(res.Runs, daemon.ViewRun(run)), run
			}
		}
		if errs[i] != nil {
			failed = append(failed, &runError{s, last.ID, errs[i]})
		}
	}
	return res, errors.Join(failed...)
}

// triggerFill is the trigger of the pass that fills new and changed fields.
const triggerFill = "back_fill"

// backfill fills what is behind for new or changed fields, after a pull that
// ended well; the daemon does the same in the background.
func backfill(ctx context.Context, e *engine.Engine, s step) (state.Run, error) {
	return e.Pull(ctx, engine.Request{System: s.system, Backfill: true, Trigger: triggerFill})
}

// runError is why a run did not end well. Its text is the first reason alone;
// the run keeps them all.
type runError struct {
	step step
	id   uint64
	err  error
}

// Error returns one line.
func (r *runError) Error() string {
	first, _, more := strings.Cut(r.err.Error(), "\n")
	if more {
		first += fmt.Sprintf(" … crmsyncd runs %d shows all", r.id)
	}
	return first
}

// Unwrap returns the whole error.
func (r *runError) Unwrap() error { return r.err }

func heldIn(st *state.Store, steps []step) (int, error) {
	n := 0
	seen := map[string]bool{}
	err := st.View(func(tx *state.Tx) error {
		for _, s := range steps {
			if !seen[s.system] {
				seen[s.system] = true
				n += tx.CountHolds(s.system)
			}
		}
		return nil
	})
	return n, err
}

// handOver gives the wish to the running daemon.
func (a *app) handOver(ctx context.Context, c *daemon.Client, f runFlags, steps []step) error {
	for _, s := range steps {
		w := daemon.Wish{System: s.system, Flow: s.flow, Objects: s.objects, Full: f.full}
		if _, err := daemon.Ask[daemon.Wish](ctx, c, "request", w, daemon.Sink{}); err != nil {
			return err
		}
	}
	if a.json() {
		return a.printJSON(onceResult{Started: true, PID: c.Daemon.PID})
	}
	what := "a run"
	if f.full {
		what = "a full run"
	}
	a.say("The running daemon (process %d) was asked for %s; crmsyncd status shows how it goes.", c.Daemon.PID, what)
	return nil
}

func (a *app) printOnce(res onceResult) error {
	if a.json() {
		if res.Runs == nil {
			res.Runs = []daemon.RunView{}
		}
		return a.printJSON(res)
	}
	a.printRunTables(res.Runs)
	for _, r := range res.Runs {
		a.printRunAudit(r)
	}
	if res.Held > 0 {
		a.gap()
		a.say("%d held: crmsyncd held shows which, why and what ends it.", res.Held)
	}
	return nil
}

// printRunTables prints what happened per object, and each run with its calls.
func (a *app) printRunTables(runs []daemon.RunView) {
	a.printObjects(runs)
	a.gap()
	t := newGrid("run", "system", "flow", "full", "status", "calls", "time").numbers(0, 5, 6).color(4, a.status)
	for _, r := range runs {
		calls := 0
		for _, n := range r.Calls {
			calls += n
		}
		full := ""
		if r.Full {
			full = "full"
		}
		t.add(fmt.Sprint(r.ID), r.System, flowText(r), full, r.Status, fmt.Sprint(calls), seconds(r.Seconds))
	}
	a.table(t)
}

// printObjects prints the counts of each object: the usual ones in columns, and
// the rare ones as words, so that a line fits on a screen.
func (a *app) printObjects(runs []daemon.RunView) {
	var all []map[string]int
	for _, r := range runs {
		for _, o := range r.Objects {
			all = append(all, o.Counts)
		}
	}
	usual := daemon.UsualCounts()
	names := slices.DeleteFunc(daemon.CountNames(all...), func(n string) bool { return !slices.Contains(usual, n) })
	rare := slices.ContainsFunc(all, func(c map[string]int) bool { return rareCounts(c) != "" })
	head := append([]string{"system", "flow", "object"}, names...)
	if rare {
		head = append(head, "also")
	}
	g := newGrid(append(head, "status")...)
	for i := range names {
		g.numbers(3 + i)
	}
	g.color(len(head), a.status)
	for _, r := range runs {
		for _, o := range r.Objects {
			row := []string{r.System, flowText(r), o.Object}
			for _, n := range names {
				row = append(row, number(o.Counts[n]))
			}
			if rare {
				row = append(row, rareCounts(o.Counts))
			}
			g.add(append(row, o.Status)...)
		}
	}
	a.table(g)
}

// flowText tells a pull that fills new fields from the one before it.
func flowText(r daemon.RunView) string {
	if r.Trigger == triggerFill {
		return r.Flow + ", new fields"
	}
	return r.Flow
}

// rareCounts are the counts without a column of their own.
func rareCounts(counts map[string]int) string {
	rare := maps.Clone(counts)
	for _, name := range daemon.UsualCounts() {
		delete(rare, name)
	}
	return countsText(rare)
}

func (a *app) status(s string) string {
	switch s {
	case engine.StatusDone:
		return a.paint(text.FgGreen, s)
	case engine.StatusHeld, engine.StatusInterrupted:
		return a.paint(text.FgYellow, s)
	case engine.StatusRunning:
		return s
	}
	return a.paint(text.FgRed, s)
}
