package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Fix is something that a system lacks and that may be made there when a person
// says so: the unique field that carries our id, and nothing else.
type Fix struct {
	System, Object, Field string
	Why                   string
}

// String says what would be done.
func (f Fix) String() string {
	return fmt.Sprintf("make the unique text field %s on %s/%s: %s", f.Field, f.System, f.Object, f.Why)
}

// Fixes lists what could be made in a system. It makes nothing.
func (e *Engine) Fixes(ctx context.Context, system string) ([]Fix, error) {
	sys := e.opt.Systems[system]
	if sys == nil || sys.Describer == nil {
		return nil, nil
	}
	if _, ok := sys.Provider.(providers.Fixer); !ok {
		return nil, nil
	}
	sys, _ = e.gated(sys, proving{learns: true})
	var out []Fix
	for _, r := range e.book.RoutesOf(system) {
		if r.Direction != fieldmap.Push || r.ExternalID == "" {
			continue
		}
		schema, err := sys.Describer.Describe(ctx, r.Object)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", r.Key(), err)
		}
		if _, ok := lookup(schema, r.ExternalID); !ok {
			out = append(out, Fix{System: system, Object: r.Object, Field: r.ExternalID, Why: "carries the id of the " + r.Hub.Name + " at its source"})
		}
	}
	return out, nil
}

// Fix makes one of them.
func (e *Engine) Fix(ctx context.Context, f Fix) error {
	sys := e.opt.Systems[f.System]
	if sys == nil {
		return fmt.Errorf("no system is named %q", f.System)
	}
	fixer, ok := sys.Provider.(providers.Fixer)
	if !ok {
		return fmt.Errorf("%s makes no fields", f.System)
	}
	if _, err := e.prove(ctx, sys, proving{learns: true}); err != nil {
		return err
	}
	if err := fixer.Fix(ctx, f.Object, record.Field{Name: f.Field, Type: record.ID}, f.Why); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	return nil
}
