package engine

import (
	"context"

	"crmsyncd/sync/compute"
)

func (e *Engine) computer() *compute.Computer {
	return &compute.Computer{
		Store: e.opt.Store, Book: e.book, Objects: e.opt.Mapping.Hub, Now: e.now, Zone: e.opt.Zone, Config: e.opt.Config, Log: e.log,
	}
}

// compute works off what is due.
func (r *run) compute(ctx context.Context) error {
	_, err := r.computer().Due(ctx, r.rec.ID)
	return err
}

// computeDue works off what is due at the beginning of a run, after a look at whether
// the rules are still the same.
func (r *run) computeDue(ctx context.Context) error {
	if err := r.computer().Prepare(ctx); err != nil {
		return err
	}
	if err := r.buildFamilies(ctx); err != nil {
		return err
	}
	if err := r.followMoves(ctx); err != nil {
		return err
	}
	return r.compute(ctx)
}

// Turn works out the computed fields that the calendar changes today, and reports
// whether it changed any. It makes no call.
func (e *Engine) Turn(ctx context.Context) (bool, error) {
	c := e.computer()
	if err := c.Prepare(ctx); err != nil {
		return false, err
	}
	n, err := c.Due(ctx, 0)
	return n > 0, err
}
