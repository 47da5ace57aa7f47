package engine

import (
	"context"
	"errors"
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// enforced reports whether the item wrote an enforced field that the answer did
// not show as it was sent.
func (p *pusher) enforced(it *item, res *providers.Result) (yes bool) {
	eachShown(it, res, func(i int, shown record.Value) {
		yes = yes || p.r.Fields[i].Write == fieldmap.Enforce && shown != it.verdicts[i].Value
	})
	return yes
}

// reconcile reads every linked record by id and decides its fields against what
// they are now: all fields in a full run, else those that are new or changed on
// the route. What must be written is left without told, with a new number, and
// the passes write it.
func (p *pusher) reconcile(ctx context.Context) error {
	var from state.HubID
	only := p.behind
	if p.req.Full {
		only = nil
	}
	done := 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk, err := p.openLinks(from)
		if err != nil {
			return err
		}
		if len(chunk) == 0 {
			return p.rebound(ctx)
		}
		if _, err := p.reconcileChunk(ctx, chunk, comparison{only: only}); err != nil {
			return err
		}
		done += len(chunk)
		p.giveWay(ctx)
		p.progress(p.r.Object, "compare", done, 0)
		from = chunk[len(chunk)-1].Hub + 1
	}
}

// rebound takes in the numbers that a comparison gave.
func (p *pusher) rebound(context.Context) error {
	return p.opt.Store.View(func(tx *state.Tx) error {
		p.bound = tx.Counter()
		return nil
	})
}

// openLinks returns the next chunk of links to compare: in a full run also of
// those whose record was gone and may be back.
func (p *pusher) openLinks(from state.HubID) ([]state.Link, error) {
	var out []state.Link
	err := p.opt.Store.View(func(tx *state.Tx) error {
		return p.r.Links(tx).Each(from, func(l *state.Link) error {
			if l.State == state.LinkOpen || p.req.Full && l.State == state.LinkClosed && p.mayReturn(l) {
				out = append(out, state.Link{Hub: l.Hub, Remote: l.Remote, State: l.State})
			}
			if len(out) == scanChunk {
				return state.ErrStop
			}
			return nil
		})
	})
	return out, err
}

// comparison says how records are read by id and compared.
type comparison struct {
	only map[int]bool // some rules alone; nil means all
	own  bool         // right after our own write, so that it shows what became of that
	late bool         // the walk that writes is past the records
	// doubt has what was sent to records in writes whose answer was lost; landed gets
	// those that a reading shows to have taken effect.
	doubt  map[state.HubID]*state.Intent
	landed map[state.HubID]bool
}

// covers reports whether a rule is compared.
func (c comparison) covers(i int) bool { return c.only == nil || c.only[i] }

// reconcileChunk reads records by id and settles what they say.
func (p *pusher) reconcileChunk(ctx context.Context, chunk []state.Link, c comparison) (overwrites int, err error) {
	if p.sys.Getter == nil {
		return 0, providers.Errorf(providers.Broken, "compare "+p.r.Object, "%s cannot be read by id", p.req.System)
	}
	fields := p.findFields()
	ids := make([]string, len(chunk))
	for i, l := range chunk {
		ids[i] = l.Remote
	}
	readAt := unixMilli(p.now())
	recs, errs, err := p.sys.Getter.Get(ctx, p.r.Object, fields, ids)
	if err != nil {
		return 0, fmt.Errorf("read %s by id: %w", p.r.Object, err)
	}
	byID := map[string]*record.Record{}
	for i := range recs {
		byID[recs[i].ID] = &recs[i]
	}
	p.noteMet(p.r, len(recs))
	var gone []state.Link
	err = p.opt.Store.Update(func(tx *state.Tx) error {
		gone, overwrites = gone[:0], 0
		var back []state.HubID
		for _, l := range chunk {
			rec := byID[l.Remote]
			if rec == nil {
				gone = append(gone, l)
				continue
			}
			reopened, err := p.meetAgain(tx, l.Hub, l.Remote)
			if err != nil {
				return err
			}
			if reopened {
				back = append(back, l.Hub)
			}
			over, err := p.compare(tx, l, rec, fields, readAt, c)
			if err != nil {
				return err
			}
			if over {
				overwrites++
			}
		}
		return p.r.RequeueChildren(tx, back...)
	})
	if err != nil {
		return 0, err
	}
	return overwrites, p.notBrought(gone, errs)
}

// compare decides one record that was read by id.
func (p *pusher) compare(tx *state.Tx, l state.Link, rec *record.Record, fields []record.Field, readAt int64, c comparison) (over bool, err error) {
	it, err := p.load(tx, l.Hub)
	switch {
	case err != nil:
		return false, err
	case it == nil || it.wait:
		return false, p.compareAway(tx, l, rec, fields, c)
	case !it.linked || it.link.Remote != l.Remote:
		return false, nil
	}
	if p.past(it.link.Wrote) > readAt {
		return false, nil // read before our own write: it says nothing (F4)
	}
	p.distrust(it)
	it.back = p.back[it.id]
	delete(p.back, it.id)
	h := p.convert(rec, fields)
	if err := p.landed(tx, it, c, fields, &h); err != nil {
		return false, err
	}
	if _, err := p.meet(tx, it, fields, &h, c); err != nil {
		return false, err
	}
	if err := p.r.Links(tx).Put(&it.link); err != nil {
		return false, err
	}
	if !p.pending(it) {
		p.auditMet(tx, it, rec, &h, false)
		return false, nil
	}
	p.sent = true // another pass writes it, in this run
	if c.late || it.rec.Number <= p.pos.Number {
		if err := tx.Hub(p.r.Hub.Name).Touch(it.id); err != nil {
			return false, err
		}
	}
	p.auditMet(tx, it, rec, &h, true)
	return p.overwrites(tx, it), nil
}

// distrust forgets what a link knows that is damaged, and of a state that was
// lost or put back what it has seen: what was told stays, so that nobody's edit
// is taken for a first meeting.
func (p *pusher) distrust(it *item) {
	switch {
	case it.lost:
		it.link.Fields, it.link.There, it.link.Origin = nil, nil, state.OriginFound
	case p.opt.Store.Suspect() != "":
		it.link.There = nil
		for i := range it.link.Fields {
			it.link.Fields[i].Seen = 0
		}
	}
}

// pending reports whether some field was met and must be written.
func (p *pusher) pending(it *item) bool {
	for _, lf := range it.link.Fields {
		if lf.Seen != 0 && lf.Told == 0 {
			return true
		}
	}
	return false
}

// closeOne closes the link of a record that is gone, or follows it to its
// successor. One that nobody else holds takes the link over; where it is linked
// elsewhere, or there is none, the hub record waits for a person: it is never
// made again unasked (F11).
func (p *pusher) closeOne(tx *state.Tx, gone state.Link, successor string) error {
	ls := p.r.Links(tx)
	var l state.Link
	ok, err := ls.Get(gone.Hub, &l)
	if err != nil && !errors.Is(err, state.ErrDamaged) || !ok || l.Remote != gone.Remote || l.State == state.LinkClosed {
		return err
	}
	other, _, st, taken := state.HubID(0), record.Digest(0), state.LinkClosed, false
	if successor != "" {
		other, _, st, taken = ls.Peek(successor)
	}
	taken = taken && st != state.LinkClosed && other != gone.Hub
	if successor != "" && !taken {
		return p.moveLink(tx, l, successor)
	}
	l.State, l.ClosedAt, l.Successor = state.LinkClosed, p.now().Unix(), successor
	reason, detail := ledger.HoldDeleted, fmt.Sprintf("%s %s was deleted in %s", p.r.Object, gone.Remote, p.req.System)
	l.Close = state.ClosedDeleted
	var candidates []string
	if taken {
		l.Close, reason = state.ClosedMerged, ledger.HoldMerged
		detail = fmt.Sprintf("%s %s was merged into %s, which is linked with %s/%s", p.r.Object, gone.Remote, successor, p.r.Hub.Name, other)
		candidates = []string{successor}
	}
	if err := ls.Put(&l); err != nil {
		return err
	}
	p.count("held", 1)
	h := p.newHold(p.r, gone.Hub, reason, detail)
	h.Candidates = candidates
	if err := tx.PutHold(h); err != nil {
		return err
	}
	return tx.Journal([]state.JournalEntry{p.entryOf(p.r, gone.Hub, gone.Remote, reason)})
}

// moveLink takes a link to the record that the old one was merged into. Its
// digests count as lost, and so does what its children were told of it.
func (p *pusher) moveLink(tx *state.Tx, l state.Link, successor string) error {
	ls := p.r.Links(tx)
	if err := ls.Delete(l.Hub); err != nil {
		return err
	}
	l.Remote, l.Fields, l.There, l.Raw, l.Version, l.Fresh, l.Origin = successor, nil, nil, 0, 0, false, state.OriginFound
	if err := ls.Put(&l); err != nil {
		return err
	}
	p.count("moved", 1)
	if err := tx.Hub(p.r.Hub.Name).Touch(l.Hub); err != nil {
		return err
	}
	return p.r.RequeueChildren(tx, l.Hub)
}

// recheckBlanks reads again, just before the write, the fields that may only go
// into a blank: what a person typed there meanwhile stays (F15). It returns the
// items that still have something to write.
func (p *pusher) recheckBlanks(ctx context.Context, items []*item) ([]*item, error) {
	var ids []string
	for _, it := range items {
		if p.fillsBlank(it) {
			ids = append(ids, it.link.Remote)
		}
	}
	if len(ids) == 0 || p.sys.Getter == nil {
		return items, nil
	}
	fields := p.findFields()
	recs, _, err := p.sys.Getter.Get(ctx, p.r.Object, fields, ids)
	if err != nil {
		return nil, fmt.Errorf("read %s again before writing: %w", p.r.Object, err)
	}
	now := map[string]hit{}
	for i := range recs {
		now[recs[i].ID] = p.convert(&recs[i], fields)
	}
	var left, done []*item
	for _, it := range items {
		if h, ok := now[it.link.Remote]; ok {
			p.keepFilled(it, &h, fields)
		}
		if p.writes(it) {
			left = append(left, it)
		} else {
			done = append(done, it)
		}
	}
	return left, p.opt.Store.Update(func(tx *state.Tx) error { return p.settleQuiet(tx, done) })
}

// fillsBlank reports whether the item writes a field that may only fill a
// blank.
func (p *pusher) fillsBlank(it *item) bool {
	for i := range it.verdicts {
		if it.verdicts[i].Kind == plan.Push && p.r.Fields[i].Write == fieldmap.FillBlank {
			return true
		}
	}
	return false
}

// keepFilled turns the push into a field that is no longer blank into a
// tolerated difference.
func (p *pusher) keepFilled(it *item, h *hit, fields []record.Field) {
	it.shown = it.shown[:0]
	for _, rule := range p.r.Fields {
		it.shown = append(it.shown, h.value(fields, rule.Remote.Name))
	}
	for i, rule := range p.r.Fields {
		v := &it.verdicts[i]
		at := fieldIndex(fields, rule.Remote.Name)
		if v.Kind != plan.Push || rule.Write != fieldmap.FillBlank || at < 0 || !h.values[at].IsSet() {
			continue
		}
		*v = plan.Verdict{
			Kind: plan.Tolerate, Reason: plan.NotEmpty, Seen: p.book.Key.Value(rule.Remote.Type, h.values[at]), Told: v.Told,
		}
	}
}

// readOld fetches what a plan shows as the old values, and the journal where the
// route asks for it. Another run does not pay for it.
func (p *pusher) readOld(ctx context.Context, items []*item) error {
	if !p.opt.dry && !p.r.ReadBefore || p.sys.Getter == nil {
		return nil
	}
	ids := make([]string, 0, len(items))
	for _, it := range items {
		ids = append(ids, it.link.Remote)
	}
	fields := p.findFields()
	recs, _, err := p.sys.Getter.Get(ctx, p.r.Object, fields, ids)
	if err != nil {
		return fmt.Errorf("read %s by id: %w", p.r.Object, err)
	}
	byID := map[string]hit{}
	for i := range recs {
		byID[recs[i].ID] = p.convert(&recs[i], fields)
	}
	for _, it := range items {
		h, ok := byID[it.link.Remote]
		if !ok {
			continue
		}
		it.old = it.old[:0]
		for _, rule := range p.r.Fields {
			it.old = append(it.old, h.value(fields, rule.Remote.Name))
		}
	}
	return nil
}
