package daemon

import (
	"context"
	"encoding/json"
	"errors"

	"crmsyncd/sync/engine"
)

// AuditArgs asks how the hub and the systems agree. Nothing set is everything.
type AuditArgs struct {
	System string `json:"system,omitempty"`
	Object string `json:"object,omitempty"`
	Sample int    `json:"sample,omitempty"` // so many linked records of each object only
}

// opAudit sends each finding, and answers the counts. It reads only, so it may
// stand beside a run: what a run moves meanwhile is read again.
func opAudit(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in AuditArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if err := a.knows(in.System); err != nil {
		return nil, err
	}
	if in.Sample < 0 {
		return nil, usage("a sample has one record or more")
	}
	res, err := a.engine().Audit(ctx, engine.AuditRequest{
		System: in.System, Object: in.Object, Sample: in.Sample,
		OnProgress: func(p engine.Progress) {
			s.progress(Progress{What: "audit " + p.System + " " + p.Object, Done: p.Done, Total: p.Total})
		},
	}, func(f engine.AuditFinding) error { return s.item(f) })
	if errors.Is(err, engine.ErrNoRoute) {
		err = usage("%v", err)
	}
	return res, err
}
