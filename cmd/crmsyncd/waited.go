package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/sync/daemon"
)

// waitFor has the running daemon carry a pass out, as this process would alone: the
// pulls, then the pushes. It ends as they did.
func (a *app) waitFor(ctx context.Context, c *daemon.Client, f runFlags, steps []step) error {
	ctx, stop := stoppable(ctx)
	defer stop()
	res, err := carried(ctx, c, f, steps)
	if ctx.Err() != nil {
		return fmt.Errorf("the daemon (process %d) goes on with it: crmsyncd status shows how it goes", c.Daemon.PID)
	}
	var fault *daemon.Fault
	if err != nil && !errors.As(err, &fault) {
		return err // nobody has said how the runs ended
	}
	res.Held, _ = heldBeside(ctx, c, steps) // a count that cannot be told is no reason to fail
	if perr := a.printOnce(res); perr != nil {
		return perr
	}
	return onceError(res, err)
}

// carried has a pass carried out and returns how its runs ended.
func carried(ctx context.Context, c *daemon.Client, f runFlags, steps []step) (onceResult, error) {
	var args daemon.PassArgs
	for _, s := range steps {
		args.Wishes = append(args.Wishes, daemon.Wish{System: s.system, Flow: s.flow, Objects: s.objects, Full: f.full})
	}
	res := onceResult{PID: c.Daemon.PID}
	var failed []error
	_, err := daemon.Ask[daemon.Count](ctx, c, "pass", args, daemon.Sink{Item: func(raw json.RawMessage) error {
		var r daemon.WaitedRun
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read how a run ended: %w", err)
		}
		if r.ID != 0 {
			res.Runs = append(res.Runs, r.RunView)
		}
		if r.Fault != nil {
			failed = append(failed, faultLine(r))
		}
		return nil
	}})
	return res, errors.Join(append(failed, err)...)
}

// faultLine is why a run did not end well, in one line.
func faultLine(r daemon.WaitedRun) *daemon.Fault {
	first, _, more := strings.Cut(r.Fault.Message, "\n")
	if more {
		first += fmt.Sprintf(" … crmsyncd runs %d shows all", r.ID)
	}
	return &daemon.Fault{Kind: r.Fault.Kind, Message: first}
}

// heldBeside counts what is held now in the systems that were asked for.
func heldBeside(ctx context.Context, c *daemon.Client, steps []step) (n int, err error) {
	st, err := daemon.Ask[daemon.Status](ctx, c, "status", nil, daemon.Sink{})
	for _, s := range st.Systems {
		if slices.ContainsFunc(steps, func(asked step) bool { return asked.system == s.Name }) {
			n += s.Held
		}
	}
	return n, err
}
