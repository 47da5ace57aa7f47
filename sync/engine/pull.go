package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
)

// puller reads one object of one system and settles it in the hub.
type puller struct {
	*run
	r        *fieldmap.Route
	fields   []record.Field
	costly   []int        // elements of fields that need a call per record
	changed  map[int]bool // rules whose fingerprint is not the one last settled
	pos      state.Position
	readAt   time.Time // when the page under way was asked for
	began    time.Time // when the pass began
	seen     bitset    // hub ids whose record the listing brought
	straight int       // observations settled without the spool so far
	spool    *state.Spool
	again    []string // records that must be read again by id
	listed   int
	rawBuf   []byte
	today    string
}

// pullObject is one pull of one object.
func pullObject(ctx context.Context, r *run, route *fieldmap.Route) error {
	p := &puller{
		run: r, r: route, fields: route.ReadFields(), began: r.now(), changed: map[int]bool{},
		spool: r.opt.Store.Spool("pull/" + route.Key()), today: r.today(),
	}
	for i, f := range p.fields {
		if r.sys.Completer != nil && r.sys.Completer.Costly(route.Object, f) {
			p.costly = append(p.costly, i)
		}
	}
	if r.sys.Reader == nil {
		return providers.Errorf(providers.Broken, "read "+route.Object, "%s cannot be read from", r.req.System)
	}
	if err := r.preflight(ctx); err != nil {
		return err
	}
	if err := p.mergeSpool(ctx); err != nil {
		return err
	}
	if err := p.loadPosition(); err != nil {
		return err
	}
	if err := p.list(ctx); err != nil {
		return err
	}
	if err := p.mergeSpool(ctx); err != nil {
		return err
	}
	if err := p.readAgain(ctx); err != nil {
		return err
	}
	if p.complete() && r.req.Full {
		if err := p.remove(ctx); err != nil {
			return err
		}
	}
	return p.savePosition()
}

// complete reports whether the listing was of everything.
func (p *puller) complete() bool {
	return p.req.Full || len(p.changed) > 0 || !p.sys.Reader.Incremental(p.r.Object)
}

// loadPosition reads where the route stands and which rules are not the ones
// it was settled under.
func (p *puller) loadPosition() error {
	return p.opt.Store.View(func(tx *state.Tx) error {
		pos, ok, err := tx.Position(p.req.System, p.r.Object)
		if err != nil || !ok {
			return err
		}
		p.pos = pos
		for i, rule := range p.r.Fields {
			if fp, known := pos.Fields[ruleName(rule)]; known && fp != rule.Fingerprint {
				p.changed[i] = true
			} else if !known {
				p.changed[i] = true
			}
		}
		return nil
	})
}

// savePosition remembers the listing, after everything in it is settled or
// held.
func (p *puller) savePosition() error {
	p.pos.Listed, p.pos.Took, p.pos.Complete = p.began, p.now().Sub(p.began), true
	fields := fingerprints(p.r)
	if old, known := p.pos.Fields[filterName]; known && !p.req.Full {
		// Only a run that could remove has reckoned with the filter (F7).
		fields[filterName] = old
	}
	p.pos.Fields = fields
	p.pos.Behind = nil
	return p.opt.Store.Update(func(tx *state.Tx) error { return tx.SetPosition(p.req.System, p.r.Object, p.pos) })
}

func fingerprints(r *fieldmap.Route) map[string]uint64 {
	out := map[string]uint64{filterName: filterFingerprint(r)}
	for _, rule := range r.Fields {
		out[ruleName(rule)] = rule.Fingerprint
	}
	return out
}

// list walks the listing page by page. Each page is durable before the next is
// asked for.
func (p *puller) list(ctx context.Context) error {
	q := providers.Query{Object: p.r.Object, Fields: p.fields, Since: p.pos.Cursor, Full: p.req.Full}
	if p.complete() {
		q.Since = ""
	}
	last := false
	p.readAt = p.now()
	for page, err := range p.sys.Reader.Read(ctx, q) {
		if err != nil {
			return fmt.Errorf("read %s: %w", p.r.Object, err)
		}
		if err := p.page(ctx, &page); err != nil {
			return err
		}
		last = page.Last
		p.listed += len(page.Records)
		p.progress(p.r.Object, "read", p.listed, page.Total)
		if err := ctx.Err(); err != nil && !last {
			return err
		}
		p.giveWay(ctx)
		p.readAt = p.now()
	}
	if !last {
		return providers.Errorf(providers.Transient, "read "+p.r.Object, "the listing ended before its last page")
	}
	return p.refuseEmpty()
}

// refuseEmpty stops a route whose system suddenly has nothing: far more often a
// fault than the truth (F6).
func (p *puller) refuseEmpty() error {
	if p.listed > 0 || !p.complete() {
		return nil
	}
	open := 0
	_ = p.opt.Store.View(func(tx *state.Tx) error {
		open = tx.Links(p.req.System, p.r.Object).Open()
		return nil
	})
	if open == 0 {
		return nil
	}
	e := providers.Errorf(providers.Broken, "read "+p.r.Object, "the listing is empty, but %d records of it are linked", open)
	e.Hint = "nothing was removed; look at the system and at the credential's rights"
	return e
}

// page settles one page: what did not change is left alone, the rest becomes
// observations.
func (p *puller) page(ctx context.Context, page *record.Page) error {
	fresh, err := p.unsettled(page.Records)
	if err != nil {
		return err
	}
	if err := p.completeRecords(ctx, page.Records, fresh); err != nil {
		return err
	}
	obs := make([]observation, 0, len(fresh))
	for _, f := range fresh {
		obs = append(obs, p.observe(&page.Records[f.index], f.raw))
	}
	p.count("read", len(page.Records))
	p.count("unchanged", len(page.Records)-len(fresh))
	return p.take(obs, page.Next)
}

// freshRecord is a record of a page that has to be looked at.
type freshRecord struct {
	index int
	raw   record.Digest
}

// unsettled returns the records whose raw digest is not the settled one.
func (p *puller) unsettled(recs []record.Record) ([]freshRecord, error) {
	askAll := p.req.Full && len(p.costly) > 0
	var fresh []freshRecord
	err := p.opt.Store.View(func(tx *state.Tx) error {
		links := tx.Links(p.req.System, p.r.Object)
		for i := range recs {
			var raw record.Digest
			raw, p.rawBuf = p.key.Raw(p.r.Fingerprint, &recs[i], p.rawBuf)
			hub, settled, st, ok := links.Peek(recs[i].ID)
			if ok {
				p.seen.set(uint64(hub))
			}
			if ok && settled == raw && st == state.LinkOpen && !askAll && (!p.req.Full || links.Sound(hub)) {
				continue
			}
			fresh = append(fresh, freshRecord{i, raw})
		}
		return nil
	})
	return fresh, err
}

// completeRecords asks for the fields that need a call per record: of new and
// changed records only, and of all in a full run.
func (p *puller) completeRecords(ctx context.Context, recs []record.Record, fresh []freshRecord) error {
	if len(p.costly) == 0 {
		return nil
	}
	want := make([]record.Record, 0, len(fresh))
	for _, f := range fresh {
		want = append(want, recs[f.index])
	}
	if len(want) == 0 {
		return nil
	}
	if err := p.sys.Completer.Complete(ctx, p.r.Object, p.fields, want); err != nil {
		return fmt.Errorf("complete %s: %w", p.r.Object, err)
	}
	for i, f := range fresh {
		recs[f.index] = want[i]
	}
	return nil
}

// take makes observations durable: straight into the rows while they are few,
// through the spool when they are many. The cursor moves with them.
func (p *puller) take(obs []observation, next record.Cursor) error {
	p.straight += len(obs)
	if len(obs) == 0 && next == p.pos.Cursor {
		return nil
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		tx.OneOfMany()
		if next != "" && next != p.pos.Cursor {
			p.pos.Cursor = next
			if err := tx.SetPosition(p.req.System, p.r.Object, p.pos); err != nil {
				return err
			}
		}
		if p.straight > p.opt.Spool {
			return p.spool.Append(tx, spoolEntries(obs))
		}
		for i := range obs {
			if err := p.settle(tx, &obs[i]); err != nil {
				return fmt.Errorf("settle %s/%s: %w", p.r.Key(), obs[i].remote, err)
			}
		}
		return nil
	})
}

func spoolEntries(obs []observation) []state.Entry {
	out := make([]state.Entry, len(obs))
	for i := range obs {
		out[i] = state.Entry{Key: []byte(obs[i].remote), Data: obs[i].append(nil)}
	}
	return out
}

// mergeSpool settles what the spool holds, sorted by record.
func (p *puller) mergeSpool(ctx context.Context) error {
	var o observation
	dropped := 0
	err := p.spool.Merge(ctx, 0, func(tx *state.Tx, en state.Entry) error {
		if err := readObservation(en.Key, en.Data, &o); err != nil {
			return err
		}
		if o.fingerprint != p.r.Fingerprint {
			dropped++
			return nil
		}
		return p.settle(tx, &o)
	})
	lost := lostEntries(err)
	if err != nil && !lost {
		return fmt.Errorf("merge what was read of %s: %w", p.r.Object, err)
	}
	if dropped == 0 && !lost {
		return nil
	}
	if lost {
		p.log.Error("what was read is damaged in the state and is read again", "system", p.req.System, "object", p.r.Object, "err", err)
	}
	// The rows were read under other rules, or are damaged: everything is read
	// again from the start.
	return p.opt.Store.Update(func(tx *state.Tx) error {
		if err := p.spool.Drop(tx); err != nil {
			return err
		}
		p.pos = state.Position{}
		return tx.SetPosition(p.req.System, p.r.Object, p.pos)
	})
}

// lostEntries reports whether a merge found damaged entries. The others were
// merged.
func lostEntries(err error) bool {
	var lost *state.SpoolError
	return errors.As(err, &lost)
}

// readAgain reads by id what was read too early to be believed (F4).
func (p *puller) readAgain(ctx context.Context) error {
	ids := p.again
	p.again = nil
	if len(ids) == 0 || p.sys.Getter == nil {
		return nil
	}
	p.readAt = p.now()
	recs, _, err := p.sys.Getter.Get(ctx, p.r.Object, p.fields, ids)
	if err != nil {
		return fmt.Errorf("read %s again: %w", p.r.Object, err)
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		for i := range recs {
			var raw record.Digest
			raw, p.rawBuf = p.key.Raw(p.r.Fingerprint, &recs[i], p.rawBuf)
			o := p.observe(&recs[i], raw)
			if err := p.settle(tx, &o); err != nil {
				return err
			}
		}
		return nil
	})
}

// faultOf is the reason of a conversion error, without any value.
func faultOf(err error) string {
	var e *providers.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// today is the date in the configured zone.
func (e *Engine) today() string { return e.now().In(e.opt.Zone).Format(time.DateOnly) }
