package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// maxAttempts is how many runs a record may fail in passing before it is held
// for good, so that nothing blocks a position for ever.
const maxAttempts = 3

// applyChunk is the second walk: it decides again, on the rows as they are now,
// and gathers full batches.
func (p *pusher) applyChunk(ctx context.Context, ids []state.HubID) error {
	p.decided += len(ids)
	p.progress(p.r.Object, "write", p.decided, p.scanned)
	var quiet, dirty []*item
	err := p.opt.Store.View(func(tx *state.Tx) error {
		for _, id := range ids {
			it, err := p.load(tx, id)
			if err != nil {
				return err
			}
			if it == nil {
				continue
			}
			idle, changed := p.sort(tx, it)
			if idle {
				quiet = append(quiet, it)
			}
			if changed {
				dirty = append(dirty, it)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(dirty) > 0 {
		if err := p.opt.Store.Update(func(tx *state.Tx) error { return p.settleQuiet(tx, dirty) }); err != nil {
			return err
		}
	}
	p.free = append(p.free, quiet...)
	return p.flush(ctx, false)
}

// sort decides one item and puts it where it belongs. quiet means that there is
// nothing to do; dirty that holds or digests move without a call.
func (p *pusher) sort(tx *state.Tx, it *item) (quiet, dirty bool) {
	holds := tx.HoldsOf(p.req.System, p.r.Object, it.id, "")
	leaving := it.linked && it.link.State != state.LinkOpen
	if leaving || p.dropped(it, holds) || !it.linked && p.undecided(holds) {
		return true, false
	}
	moves := p.decideItem(tx, it)
	if moves && !it.wait {
		quiet = p.gather(it, holds)
	}
	settled := moves && it.linked && !it.wait && !p.writes(it)
	return quiet, len(it.holds) > 0 || len(holds) > 0 || settled
}

// decideItem takes the verdicts on a linked record, or on one to be made.
func (p *pusher) decideItem(tx *state.Tx, it *item) (moves bool) {
	switch {
	case it.linked:
		return p.decide(tx, it)
	case !p.mayCreate(tx, it.id):
		p.count("not_created", 1)
		return false
	case p.waits(tx, it):
		return false
	}
	p.decideCreate(tx, it)
	return true
}

// gather puts an item that has something to send into its batch, unless the
// vendor refused just that before.
func (p *pusher) gather(it *item, holds []state.Hold) (refused bool) {
	switch {
	case p.refusedBefore(it, holds):
		p.count("held", 1)
		return true
	case !it.linked:
		p.creates = append(p.creates, it)
	case p.writes(it):
		p.updates = append(p.updates, it)
	}
	return false
}

// writes reports whether a linked item needs a call.
func (p *pusher) writes(it *item) bool {
	if !it.linked || it.setExt {
		return it.linked
	}
	for i := range it.verdicts {
		if it.verdicts[i].Kind == plan.Push {
			return true
		}
	}
	return false
}

// undecided reports whether the first walk of this run found several records,
// or one of somebody else's: then nothing is made.
func (p *pusher) undecided(holds []state.Hold) bool {
	for _, h := range holds {
		if h.Field == "" && h.Run == p.rec.ID && (h.Reason == HoldAmbiguous || h.Reason == HoldDuplicate) {
			return true
		}
	}
	return false
}

// dropped reports whether a person said to ignore the record until its value
// changes.
func (p *pusher) dropped(it *item, holds []state.Hold) bool {
	for _, h := range holds {
		if h.Field == "" && h.Dropped && h.Digest == p.hubDigest(it) {
			return true
		}
	}
	return false
}

// hubDigest stands for the hub's values of all fields of the route.
func (p *pusher) hubDigest(it *item) record.Digest {
	var b []byte
	for _, rule := range p.r.Fields {
		b = state.AppendValue(b, it.rec.Get(p.names.fields[p.r.Hub][rule.Hub.Index]))
	}
	return p.key.Bytes(b)
}

// refusedBefore reports whether the vendor refused exactly this already: it is
// not sent again unchanged.
func (p *pusher) refusedBefore(it *item, holds []state.Hold) bool {
	for _, h := range holds {
		if h.Field == "" && h.Reason == HoldRejected && h.Event == "" && h.Digest != 0 && h.Digest == p.hubDigest(it) {
			return true
		}
	}
	return false
}

// settleQuiet commits what needs no call: holds that came or went, and digests
// that move because a difference is tolerated or the sides agree.
func (p *pusher) settleQuiet(tx *state.Tx, items []*item) error {
	for _, it := range items {
		if err := p.putHolds(tx, it); err != nil {
			return err
		}
		if !it.linked || it.wait || p.writes(it) {
			continue
		}
		var l state.Link
		ls := tx.Links(p.req.System, p.r.Object)
		if ok, err := ls.Get(it.id, &l); err != nil || !ok {
			return err
		}
		p.setFields(&l, it)
		if err := ls.Put(&l); err != nil {
			return err
		}
	}
	return nil
}

// putHolds writes an item's holds and ends those of its that no longer stand.
// A refusal stands until the record is written.
func (p *pusher) putHolds(tx *state.Tx, it *item) error {
	standing := map[string]bool{}
	for _, h := range it.holds {
		standing[h.Key()] = true
		if err := tx.PutHold(h); err != nil {
			return err
		}
	}
	p.count("held", len(it.holds))
	for _, h := range tx.HoldsOf(p.req.System, p.r.Object, it.id, "") {
		refused := h.Field == "" && (h.Reason == HoldRejected || h.Reason == HoldUnknownOutcome || h.Dropped)
		if standing[h.Key()] || refused {
			continue
		}
		if err := tx.DeleteHold(h.Key()); err != nil {
			return err
		}
	}
	return nil
}

// setFields moves a link's digests to what the verdicts say.
func (p *pusher) setFields(l *state.Link, it *item) {
	for _, lf := range p.fieldStates(it) {
		l.Set(lf)
	}
}

// fieldStates are the link's field states once the verdicts are carried out.
func (p *pusher) fieldStates(it *item) []state.LinkField {
	out := make([]state.LinkField, 0, len(it.verdicts)+1)
	for i := range it.verdicts {
		v := &it.verdicts[i]
		if v.Kind == plan.Nothing || v.Kind == plan.Hold && it.linked {
			continue
		}
		lf := state.LinkField{Field: p.names.rules[p.r][i], Seen: v.Seen, Told: v.Told, Assumed: v.Assumed}
		if v.Kind == plan.Tolerate {
			lf.Note = uint8(v.Reason)
		}
		out = append(out, lf)
	}
	if it.setExt {
		d := p.key.Value(record.ID, it.external)
		out = append(out, state.LinkField{Field: p.external, Seen: d, Told: d})
	}
	slices.SortFunc(out, func(a, b state.LinkField) int { return int(a.Field) - int(b.Field) })
	return out
}

// flush sends full batches, and at the end the rest.
func (p *pusher) flush(ctx context.Context, all bool) error {
	for len(p.creates) >= p.batch || all && len(p.creates) > 0 {
		n := min(p.batch, len(p.creates))
		if err := p.sendCreates(ctx, p.creates[:n]); err != nil {
			return err
		}
		p.creates = append(p.creates[:0], p.creates[n:]...)
	}
	for len(p.updates) >= p.batch || all && len(p.updates) > 0 {
		n := min(p.batch, len(p.updates))
		if err := p.sendUpdates(ctx, p.updates[:n]); err != nil {
			return err
		}
		p.free = append(p.free, p.updates[:n]...)
		p.updates = append(p.updates[:0], p.updates[n:]...)
	}
	return nil
}

// patch is what goes out for an item.
func (p *pusher) patch(it *item) record.Patch {
	pa := record.Patch{ID: it.link.Remote}
	if it.setExt {
		pa.Fields = append(pa.Fields, record.FieldValue{Field: record.Field{Name: p.r.ExternalID, Type: record.ID}, Value: it.external})
	}
	for i := range it.verdicts {
		if it.verdicts[i].Kind == plan.Push {
			pa.Fields = append(pa.Fields, record.FieldValue{Field: p.r.Fields[i].Remote, Value: it.verdicts[i].Value})
		}
	}
	return pa
}

// announce tells whoever shows a plan what is about to be written.
func (p *pusher) announce(op plan.Op, items []*item) {
	for _, it := range items {
		c := plan.Change{
			System: p.req.System, Object: p.r.Object, Op: op, Remote: it.link.Remote, HubObject: p.r.Hub.Name,
			Hub: uint64(it.id), Key: it.key,
		}
		for i := range it.verdicts {
			v := &it.verdicts[i]
			if v.Kind != plan.Push {
				continue
			}
			fc := plan.FieldChange{Field: p.r.Fields[i].Hub.Name, Remote: p.r.Fields[i].Remote.Name, New: v.Value, Reason: v.Reason}
			if i < len(it.old) {
				fc.Old = it.old[i]
			}
			c.Fields = append(c.Fields, fc)
		}
		if it.setExt {
			c.Fields = append(c.Fields, plan.FieldChange{Field: "external id", Remote: p.r.ExternalID, New: it.external, Reason: plan.ExternalID})
		}
		p.opt.OnChange(c)
	}
}

// sendCreates makes one batch of records. The intents are durable before the
// call, and closed in the transaction that keeps the answers.
func (p *pusher) sendCreates(ctx context.Context, items []*item) error {
	if why := p.opt.Store.Suspect(); why != "" {
		e := providers.Errorf(providers.Broken, "create "+p.r.Object, "nothing is created: %s", why)
		e.Hint = "restore the state file, or say `crmsyncd state trust` when it is right"
		return e
	}
	p.announce(plan.OpCreate, items)
	batch, err := p.putIntents(items)
	if err != nil {
		return err
	}
	patches := make([]record.Patch, len(items))
	for i, it := range items {
		patches[i] = p.patch(it)
	}
	// What was begun is finished: a stop waits for the batch in flight.
	results, err := p.sys.Writer.Create(context.WithoutCancel(ctx), p.r.Object, patches)
	if err == nil && len(results) != len(items) {
		err = providers.Errorf(providers.Unknown, "create "+p.r.Object, "%d answers to %d records", len(results), len(items))
	}
	p.sent = true
	if err != nil {
		return p.createFailed(ctx, batch, err)
	}
	return p.commitCreates(ctx, batch, items, results)
}

// putIntents makes durable what is about to be made.
func (p *pusher) putIntents(items []*item) (batch uint64, err error) {
	in := p.intentsOf(items)
	err = p.opt.Store.Update(func(tx *state.Tx) error {
		batch, err = tx.PutIntents(p.req.System, p.r.Object, in)
		return err
	})
	return batch, err
}

func (p *pusher) intentsOf(items []*item) []state.Intent {
	in := make([]state.Intent, len(items))
	for i, it := range items {
		in[i] = state.Intent{Hub: it.id, External: it.external.Text(), At: unixMilli(p.now()), Sent: p.fieldStates(it)}
	}
	return in
}

// createFailed deals with a call that failed as a whole. If it may have taken
// effect, the records are looked up by our id; what is not found waits for the
// next run, which looks again before it makes anything (F8).
func (p *pusher) createFailed(ctx context.Context, batch uint64, err error) error {
	if providers.KindOf(err) != providers.Unknown {
		cerr := p.opt.Store.Update(func(tx *state.Tx) error { return tx.CloseIntents(p.req.System, p.r.Object, batch) })
		if cerr != nil {
			return cerr
		}
		return err
	}
	p.log.Warn("the answer to a create was lost; looking the records up", "system", p.req.System, "object", p.r.Object, "err", err)
	return p.lookUpIntents(ctx, batch, false)
}

// outcome sorts the answers to one batch.
type outcome struct {
	answers  []answer
	there    []*item      // a record with our id is there already
	doubtful []*item      // made or not: nobody knows
	gone     []state.Link // an update found no record
	stop     error        // reaches further than a record: the route, or the system
}

// outcome takes each result by its place. What stops the system or the route
// holds nothing: its records stay as they are, and the position stays before
// them.
func (p *pusher) outcome(items []*item, results []providers.Result, creating bool) outcome {
	var o outcome
	for i, it := range items {
		res := &results[i]
		if res.Err == nil {
			id := it.link.Remote
			if creating {
				id = res.ID
			}
			o.answers = append(o.answers, p.answer(it, id, creating))
			continue
		}
		switch kind := res.Err.Kind; {
		case kind == providers.Broken, kind == providers.Budget, kind == providers.Denied:
			o.stop = res.Err
		case kind == providers.Exists && creating:
			o.there = append(o.there, it)
		case kind == providers.Unknown && creating:
			o.doubtful = append(o.doubtful, it)
		case kind == providers.Missing && !creating:
			o.gone = append(o.gone, state.Link{Hub: it.id, Remote: it.link.Remote})
		default:
			p.refused(it, res.Err)
		}
	}
	return o
}

// commitCreates keeps the answers to a batch of creates.
func (p *pusher) commitCreates(ctx context.Context, batch uint64, items []*item, results []providers.Result) error {
	o := p.outcome(items, results, true)
	var doubt uint64
	err := p.opt.Store.Update(func(tx *state.Tx) (err error) {
		if err := tx.CloseIntents(p.req.System, p.r.Object, batch); err != nil {
			return err
		}
		if len(o.doubtful) > 0 {
			if doubt, err = tx.PutIntents(p.req.System, p.r.Object, p.intentsOf(o.doubtful)); err != nil {
				return err
			}
		}
		if err := p.keep(tx, o.answers); err != nil {
			return err
		}
		return p.putRefused(tx, items)
	})
	if err != nil {
		return err
	}
	p.count("created", len(o.answers))
	if doubt != 0 {
		if err := p.lookUpIntents(ctx, doubt, false); err != nil {
			return err
		}
	}
	if o.stop != nil {
		return o.stop
	}
	return p.adopt(ctx, o.there)
}

// adopt links records that were there already when we made them: somebody else
// was quicker, or an answer was lost long ago.
func (p *pusher) adopt(ctx context.Context, items []*item) error {
	if len(items) == 0 {
		return nil
	}
	fields := p.findFields()
	key := p.matchKeys()[0]
	hits, err := p.find(ctx, key, fields, items)
	if err != nil {
		return err
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		for _, it := range items {
			it.holds, it.wait = nil, false
			done, _, err := p.matched(tx, key, it, fields, hits)
			if err != nil {
				return err
			}
			if done {
				if err := tx.Hub(p.r.Hub.Name).Touch(it.id); err != nil {
					return err
				}
				continue
			}
			p.refused(it, &providers.Error{Kind: providers.Rejected, Code: "DUPLICATE_VALUE", Message: "another unique field clashes"})
			if err := p.putRefused(tx, []*item{it}); err != nil {
				return err
			}
		}
		return nil
	})
}

// sendUpdates writes one batch of changes by record id.
func (p *pusher) sendUpdates(ctx context.Context, items []*item) error {
	items, err := p.recheckBlanks(ctx, items)
	if err != nil || len(items) == 0 {
		return err
	}
	if err := p.readOld(ctx, items); err != nil {
		return err
	}
	p.announce(plan.OpUpdate, items)
	patches := make([]record.Patch, len(items))
	for i, it := range items {
		patches[i] = p.patch(it)
	}
	results, err := p.sys.Writer.Update(context.WithoutCancel(ctx), p.r.Object, patches)
	if err == nil && len(results) != len(items) {
		err = providers.Errorf(providers.Broken, "update "+p.r.Object, "%d answers to %d records", len(results), len(items))
	}
	p.sent = true
	if err != nil {
		return err
	}
	return p.commitUpdates(ctx, items, results)
}

// commitUpdates keeps the answers to a batch of updates.
func (p *pusher) commitUpdates(ctx context.Context, items []*item, results []providers.Result) error {
	o := p.outcome(items, results, false)
	err := p.opt.Store.Update(func(tx *state.Tx) error {
		if err := p.keep(tx, o.answers); err != nil {
			return err
		}
		return p.putRefused(tx, items)
	})
	if err != nil {
		return err
	}
	p.count("updated", len(o.answers))
	if o.stop != nil {
		return o.stop
	}
	if err := p.confirm(ctx, items, results); err != nil {
		return err
	}
	return p.missing(ctx, o.gone)
}

// refused notes what the vendor said of a record. What fails in passing is
// tried again by the next runs, three times in all.
func (p *pusher) refused(it *item, e *providers.Error) {
	detail := strings.TrimSpace(e.Code + " " + e.Message)
	if len(e.Fields) > 0 {
		detail += " [" + strings.Join(e.Fields, ", ") + "]"
	}
	h := state.Hold{
		System: p.req.System, Object: p.r.Object, Hub: it.id, Reason: HoldRejected, Detail: detail,
		Digest: p.hubDigest(it), Run: p.rec.ID, Since: p.now(), Last: p.now(),
	}
	if e.Kind == providers.Transient || e.Kind == providers.Unknown {
		h.Event = nextRun(p.req.System)
	}
	it.holds = append(it.holds, h)
}

// putRefused writes the refusals of a batch, counting attempts.
func (p *pusher) putRefused(tx *state.Tx, items []*item) error {
	for _, it := range items {
		for _, h := range it.holds {
			if h.Field != "" || h.Reason != HoldRejected {
				continue
			}
			if old, ok := tx.Hold(h.Key()); ok {
				h.Attempts = old.Attempts
			}
			h.Attempts++
			if h.Event != "" && h.Attempts >= maxAttempts {
				h.Event = ""
				h.Detail = fmt.Sprintf("failed %d times: %s", h.Attempts, h.Detail)
			}
			if err := tx.PutHold(h); err != nil {
				return err
			}
			p.count("held", 1)
		}
	}
	return nil
}
