package engine

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// standing is where a pull route stands: how far it was read, and for which
// rules.
//
// A position is valid for the rules that it names. A rule that is new or
// changed is behind: routine runs read it with the others, and a back-fill pass
// of its own reads everything once for it, in the background (R122, R123). A
// suspended rule is named by no position, so that it is behind once it is back.
type standing struct {
	pos     state.Position
	cursor  record.Cursor // where this listing goes on
	changed map[int]bool  // rules whose fingerprint is not the one last settled
	behind  map[string]uint64
	// Of a full run: the position's cursor when it began, and the one that its own
	// listing came to.
	startedAt, end record.Cursor
	dropped        bool // something that was read is lost, and the position put back
}

// filterRead is what a position keeps the filter's fingerprint under that the
// object was last read in full for. The one under filterName is that of the
// last run that could remove (F7).
const filterRead = "filter read"

// readFingerprint stands for what the filter takes. One that asks for the day
// takes something else on each.
func (p *puller) readFingerprint() uint64 {
	fp := filterFingerprint(p.r)
	if p.r.Filter == nil || !p.r.Filter.UsesToday() {
		return fp
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, fp, p.today)
	return h.Sum64()
}

// ruleFingerprints are what the position of a route that is read now will be
// valid for.
func (p *puller) ruleFingerprints() map[string]uint64 {
	out := fingerprints(p.r)
	out[filterRead] = p.readFingerprint()
	for i := range p.suspended {
		delete(out, ledger.RuleName(p.r.Fields[i]))
	}
	return out
}

// fingerprints are those of a route's rules and of its filter, by name.
func fingerprints(r *ledger.Route) map[string]uint64 {
	out := map[string]uint64{filterName: filterFingerprint(r)}
	for _, rule := range r.Fields {
		out[ledger.RuleName(rule)] = rule.Fingerprint
	}
	return out
}

// incremental reports whether a listing can leave out what did not change.
func (p *puller) incremental() bool { return p.sys.Reader.Incremental(p.r.Object) }

// everything reports whether the listing under way is of everything.
func (p *puller) everything() bool { return p.req.Full || p.req.Backfill || !p.incremental() }

// loadStanding reads where the route stands and which rules are behind.
func (p *puller) loadStanding() error {
	err := p.opt.Store.View(func(tx *state.Tx) (err error) {
		p.suspended = suspended(tx, p.r)
		p.pos, _, err = p.r.Position(tx)
		if err != nil {
			p.log.Error("the position is damaged; everything is read again", "system", p.req.System, "object", p.r.Object, "err", err)
			p.pos = state.Position{}
		}
		p.children = p.r.ChildRoutes(tx)
		return nil
	})
	if err != nil {
		return err
	}
	now := p.ruleFingerprints()
	if was, known := p.pos.Fields[filterName]; neverRead(&p.pos) { // the first load: it is for all rules
		p.pos.Fields = now
		if known {
			p.pos.Fields[filterName] = was // nothing was removed under another (F7)
		}
	}
	p.changed, p.behind = map[int]bool{}, map[string]uint64{}
	for name, fp := range now {
		if old, known := p.pos.Fields[name]; (!known || old != fp) && name != filterName {
			p.behind[name] = fp
		}
	}
	for i, rule := range p.r.Fields {
		_, p.changed[i] = p.behind[ledger.RuleName(rule)]
	}
	p.startedAt, p.dropped = p.pos.Cursor, false
	p.cursor = p.begin()
	return nil
}

// neverRead reports whether a position is that of a first load. The filter of the
// last run that could remove outlives a position that is put back.
func neverRead(pos *state.Position) bool {
	_, filter := pos.Fields[filterName]
	return len(pos.Fields) == 0 || filter && len(pos.Fields) == 1
}

// begin returns where the listing goes on, and notes a back-fill pass that
// begins.
func (p *puller) begin() record.Cursor {
	switch {
	case p.req.Backfill:
		if p.pos.Pass == nil || !sameRules(p.pos.Pass.Rules, p.behind) {
			p.pos.Pass = &state.PullPass{Began: p.began, Rules: p.behind}
		}
		p.listed = p.pos.Pass.Done
		return p.pos.Pass.Cursor
	case p.everything():
		return ""
	}
	return p.pos.Cursor
}

func sameRules(a, b map[string]uint64) bool {
	if len(a) != len(b) {
		return false
	}
	for name, fp := range b {
		if old, ok := a[name]; !ok || old != fp {
			return false
		}
	}
	return true
}

// moves reports whether the position goes to this cursor. A full run keeps no
// cursor: its proof needs one listing from end to end.
func (p *puller) moves(next record.Cursor) bool {
	return next != "" && next != p.cursor && p.incremental() && !p.req.Full && len(p.again) == 0
}

// moveTo moves the position, within the transaction that keeps what stands
// before it.
func (p *puller) moveTo(tx *state.Tx, next record.Cursor, total int) error {
	p.cursor = next
	return p.reposition(tx, func(pos *state.Position) {
		if !p.req.Backfill {
			pos.Cursor = next
			return
		}
		pos.Pass = p.pos.Pass
		pos.Pass.Cursor, pos.Pass.Done, pos.Pass.Total = next, p.listed, total
	})
}

// reposition changes the position as it is now: a routine run that went first
// may have moved it since this run began.
func (p *puller) reposition(tx *state.Tx, change func(*state.Position)) error {
	pos, ok, err := p.r.Position(tx)
	if err != nil || !ok || neverRead(&pos) {
		pos = p.pos
	}
	change(&pos)
	if err := p.r.SetPosition(tx, pos); err != nil {
		return err
	}
	p.pos = pos
	return nil
}

// save remembers the listing, after everything in it is settled or held.
func (p *puller) save() error {
	if p.dropped {
		return nil // the position was put back
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		return p.reposition(tx, p.settled)
	})
}

// settled is the position after a listing that reached its end.
func (p *puller) settled(pos *state.Position) {
	now := p.ruleFingerprints()
	for name := range pos.Fields {
		if _, ok := now[name]; !ok {
			delete(pos.Fields, name) // gone or suspended; once it is back it is behind
		}
	}
	switch {
	case p.req.Backfill:
		for name, fp := range p.pos.Pass.Rules {
			if now[name] == fp {
				pos.Fields[name] = fp
			}
		}
		pos.Pass = nil
		return
	case p.everything():
		was, known := pos.Fields[filterName]
		pos.Fields = now
		if known && !p.req.Full {
			// Only a run that could remove has reckoned with the filter (F7).
			pos.Fields[filterName] = was
		}
		pos.Pass = nil
	}
	if p.req.Full && p.end != "" && pos.Cursor == p.startedAt {
		pos.Cursor = p.end
	}
	pos.Listed, pos.Took, pos.Complete, pos.Behind = p.began, p.now().Sub(p.began), true, nil
}

// BehindPass is an object with fields that are behind, and how far the pass is
// that fills them.
type BehindPass struct {
	Object      string
	Fields      []string // of the hub; "filter" for the filter
	Began       time.Time
	Read, Total int
}

// Behind returns the objects of the system with rules that everything must be
// read for once, in the background (R124).
func (e *Engine) Behind(system string) ([]string, error) {
	passes, err := e.BehindPasses(system)
	var out []string
	for _, p := range passes {
		out = append(out, p.Object)
	}
	return out, err
}

// BehindPasses tells what is behind, and how far it is.
func (e *Engine) BehindPasses(system string) ([]BehindPass, error) {
	sys := e.opt.Systems[system]
	if sys == nil || sys.Reader == nil {
		return nil, nil
	}
	var out []BehindPass
	for _, route := range e.book.RoutesOf(system) {
		if route.Direction != fieldmap.Pull || !sys.Reader.Incremental(route.Object) {
			continue
		}
		p := newPuller(&run{Engine: e, sys: sys, req: Request{System: system}, flow: "pull"}, route)
		if err := p.loadStanding(); err != nil {
			return nil, err
		}
		if p.pos.Complete && len(p.behind) > 0 {
			out = append(out, p.behindPass())
		}
	}
	return out, nil
}

func (p *puller) behindPass() BehindPass {
	b := BehindPass{Object: p.r.Object}
	for _, rule := range p.r.Fields {
		if _, ok := p.behind[ledger.RuleName(rule)]; ok {
			b.Fields = append(b.Fields, rule.Hub.Name)
		}
	}
	if _, ok := p.behind[filterRead]; ok {
		b.Fields = append(b.Fields, filterName)
	}
	if pass := p.pos.Pass; pass != nil && sameRules(pass.Rules, p.behind) {
		b.Began, b.Read, b.Total = pass.Began.UTC(), pass.Done, pass.Total
	}
	return b
}

// gone suspends fields that the system no longer has, before anything is taken
// from a page without them (F19).
func (p *puller) gone(ctx context.Context, names []string) error {
	isNew := false
	for i, rule := range p.r.Fields {
		isNew = isNew || slices.Contains(names, rule.Remote.Name) && !p.suspended[i]
	}
	if !isNew {
		return nil
	}
	if err := p.forgetChecks(); err != nil {
		return err
	}
	if err := p.preflight(ctx); err != nil {
		return err
	}
	if err := p.opt.Store.View(func(tx *state.Tx) error { p.suspended = suspended(tx, p.r); return nil }); err != nil {
		return fmt.Errorf("look which fields rest: %w", err)
	}
	for i, rule := range p.r.Fields {
		if slices.Contains(names, rule.Remote.Name) && !p.suspended[i] {
			return providers.Errorf(providers.Broken, "read "+p.r.Object, "%s has no field %q any more", p.req.System, rule.Remote.Name)
		}
	}
	return nil
}
