package engine

import (
	"context"
	"errors"
	"iter"
	"sync"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// gate stands before everything that reads or writes data of a system. The first
// call of a run proves the organization, and is not made where that fails; the
// others pass, or fail as the first did. So a run that makes no call proves
// nothing, and no call is made that nothing proved.
type gate struct {
	e   *Engine
	sys *System // with the capabilities behind the gate
	how proving

	mu   sync.Mutex
	done bool
	err  error
}

var (
	_ providers.Reader      = (*gate)(nil)
	_ providers.Getter      = (*gate)(nil)
	_ providers.Finder      = (*gate)(nil)
	_ providers.Writer      = (*gate)(nil)
	_ providers.Describer   = (*gate)(nil)
	_ providers.Completer   = (*gate)(nil)
	_ providers.KeyChooser  = (*gate)(nil)
	_ providers.ChildReader = (*gate)(nil)
	_ providers.Eventer     = (*gate)(nil)
)

// gated returns a system whose calls go through a gate of their own. Who only
// looks, before the first contact, has nothing to prove.
func (e *Engine) gated(sys *System, how proving) (*System, *gate) {
	g, s := &gate{e: e, sys: sys, how: how}, *sys
	if s.Reader != nil {
		s.Reader = g
	}
	if s.Getter != nil {
		s.Getter = g
	}
	if s.Finder != nil {
		s.Finder = g
	}
	if s.Writer != nil {
		s.Writer = g
	}
	if s.Describer != nil {
		s.Describer = g
	}
	if s.Completer != nil {
		s.Completer = g
	}
	if s.Chooser != nil {
		s.Chooser = g
	}
	if s.Children != nil {
		s.Children = g
	}
	if s.Events != nil {
		s.Events = g
	}
	return &s, g
}

// pass proves the organization, the first time.
func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.done {
		g.err = g.prove(ctx)
		g.done = true
	}
	return g.err
}

func (g *gate) prove(ctx context.Context) error {
	if !g.how.learns {
		known, err := g.e.bondOf(g.sys.Name)
		if err != nil || known.org == "" {
			return err
		}
	}
	_, err := g.e.prove(ctx, g.sys, g.how)
	return err
}

// said is the error of a call: where the provider found by itself that another
// organization answers, both are named.
func (g *gate) said(err error) error {
	if elsewhere(err) == nil {
		return err
	}
	known, kerr := g.e.bondOf(g.sys.Name)
	if kerr != nil {
		return errors.Join(err, kerr)
	}
	return ourWords(g.sys, known, err)
}

// Read lists records.
func (g *gate) Read(ctx context.Context, q providers.Query) iter.Seq2[record.Page, error] {
	return listed(ctx, g, func() iter.Seq2[record.Page, error] { return g.sys.Reader.Read(ctx, q) })
}

// Incremental makes no call.
func (g *gate) Incremental(object string) bool { return g.sys.Reader.Incremental(object) }

// ReadChildren lists the children of records.
func (g *gate) ReadChildren(ctx context.Context, q providers.Query, parent string, ids []string) iter.Seq2[record.Page, error] {
	return listed(ctx, g, func() iter.Seq2[record.Page, error] { return g.sys.Children.ReadChildren(ctx, q, parent, ids) })
}

// Events lists what happened.
func (g *gate) Events(ctx context.Context, since record.Cursor) iter.Seq2[providers.EventPage, error] {
	return listed(ctx, g, func() iter.Seq2[providers.EventPage, error] { return g.sys.Events.Events(ctx, since) })
}

// listed begins a listing once the gate is passed.
func listed[T any](ctx context.Context, g *gate, list func() iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := g.pass(ctx); err != nil {
			yield(none, err)
			return
		}
		for page, err := range list() {
			if !yield(page, g.said(err)) {
				return
			}
		}
	}
}

// Get reads records by id.
func (g *gate) Get(ctx context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	if err := g.pass(ctx); err != nil {
		return nil, nil, err
	}
	recs, errs, err := g.sys.Getter.Get(ctx, object, fields, ids)
	return recs, errs, g.said(err)
}

// Find looks records up.
func (g *gate) Find(ctx context.Context, object string, fields []record.Field, key record.Field, values []record.Value) ([]record.Record, error) {
	if err := g.pass(ctx); err != nil {
		return nil, err
	}
	recs, err := g.sys.Finder.Find(ctx, object, fields, key, values)
	return recs, g.said(err)
}

// FindsBy may ask for the schema.
func (g *gate) FindsBy(ctx context.Context, object string, key record.Field) (bool, error) {
	if err := g.pass(ctx); err != nil {
		return false, err
	}
	can, err := g.sys.Chooser.FindsBy(ctx, object, key)
	return can, g.said(err)
}

// BatchSize makes no call.
func (g *gate) BatchSize(object string) int { return g.sys.Writer.BatchSize(object) }

// Create inserts records.
func (g *gate) Create(ctx context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	if err := g.pass(ctx); err != nil {
		return nil, err
	}
	res, err := g.sys.Writer.Create(ctx, object, patches)
	return res, g.said(err)
}

// Update writes records.
func (g *gate) Update(ctx context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	if err := g.pass(ctx); err != nil {
		return nil, err
	}
	res, err := g.sys.Writer.Update(ctx, object, patches)
	return res, g.said(err)
}

// Describe tells what an object looks like.
func (g *gate) Describe(ctx context.Context, object string) (providers.Schema, error) {
	if err := g.pass(ctx); err != nil {
		return providers.Schema{}, err
	}
	schema, err := g.sys.Describer.Describe(ctx, object)
	return schema, g.said(err)
}

// Costly makes no call.
func (g *gate) Costly(object string, f record.Field) bool { return g.sys.Completer.Costly(object, f) }

// Complete fills in what only a call per record tells.
func (g *gate) Complete(ctx context.Context, object string, fields []record.Field, recs []record.Record) error {
	if err := g.pass(ctx); err != nil {
		return err
	}
	return g.said(g.sys.Completer.Complete(ctx, object, fields, recs))
}
