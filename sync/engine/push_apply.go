package engine

import (
	"context"
	"errors"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
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
	if err := p.gatherChunk(ids); err != nil {
		return err
	}
	return p.flush(ctx, false)
}

// gatherChunk decides records on the rows as they are now, settles what needs no
// call, and puts the rest into the batches.
func (p *pusher) gatherChunk(ids []state.HubID) error {
	var quiet, dirty []*item
	var ended []string
	err := p.opt.Store.View(func(tx *state.Tx) error {
		for _, id := range ids {
			it, err := p.load(tx, id)
			if err != nil {
				return err
			}
			if it == nil {
				ended = append(ended, p.answered(tx, id)...)
				continue
			}
			if !it.linked && it.rec.Number > p.bound {
				continue // it changed after the first walk and was not looked up as it is now
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
	if len(dirty)+len(ended) > 0 {
		if err := p.opt.Store.Update(func(tx *state.Tx) error {
			tx.OneOfMany()
			for _, key := range ended {
				if err := tx.DeleteHold(key); err != nil {
					return err
				}
			}
			return p.settleQuiet(tx, dirty)
		}); err != nil {
			return err
		}
	}
	p.free = append(p.free, quiet...)
	return nil
}

// answered returns the hold of a record on which the filter could not answer
// before, and says no now.
func (p *pusher) answered(tx *state.Tx, id state.HubID) (keys []string) {
	if p.r.Filter == nil {
		return nil
	}
	for _, h := range p.r.Holds(tx, id, "") {
		if h.Field == "" && h.Reason == ledger.HoldBadValue {
			keys = append(keys, h.Key())
		}
	}
	return keys
}

// sort decides one item and puts it where it belongs. quiet means that there is
// nothing to do; dirty that holds or digests move without a call.
func (p *pusher) sort(tx *state.Tx, it *item) (quiet, dirty bool) {
	holds := p.r.Holds(tx, it.id, "")
	it.standing = holds
	if p.outOfReach(it) || p.dropped(it, holds) || !it.linked && p.undecided(holds) {
		return true, false
	}
	moves := p.decideItem(tx, it)
	if len(it.left) > 0 && !it.wait {
		p.leave(it)
	}
	if moves && !it.wait {
		quiet = p.gather(it, holds)
	}
	settled := moves && it.linked && !it.wait && !p.writes(it)
	return quiet, len(it.holds) > 0 || len(holds) > 0 || settled
}

// outOfReach reports whether nothing may be written to the item's record: it is
// leaving, or is not visible.
func (p *pusher) outOfReach(it *item) bool {
	return it.linked && (it.link.State != state.LinkOpen || p.hiddenBy(p.r, it.id, it.standing))
}

// decideItem takes the verdicts on a linked record, or on one to be made.
func (p *pusher) decideItem(tx *state.Tx, it *item) (moves bool) {
	switch {
	case it.wait:
		return false
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
		if h.Field == "" && h.Run == p.rec.ID && (h.Reason == ledger.HoldAmbiguous || h.Reason == ledger.HoldDuplicate) {
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
		b = state.AppendValue(b, p.r.Value(&it.rec, rule.Hub))
	}
	return p.book.Key.Bytes(b)
}

// refusedBefore reports whether the vendor refused exactly this already: it is
// not sent again unchanged.
func (p *pusher) refusedBefore(it *item, holds []state.Hold) bool {
	for _, h := range holds {
		if h.Field == "" && h.Reason == ledger.HoldRejected && h.Event == "" && h.Digest != 0 && h.Digest == p.hubDigest(it) {
			return true
		}
	}
	return false
}

// settleQuiet commits what needs no call: holds that came or went, and digests
// that move because a difference is tolerated or the sides agree.
func (p *pusher) settleQuiet(tx *state.Tx, items []*item) error {
	for _, it := range items {
		var l state.Link
		ls := p.r.Links(tx)
		ok, damaged := ls.Get(it.id, &l)
		switch {
		case damaged != nil && !errors.Is(damaged, state.ErrDamaged):
			return damaged
		case it.linked && damaged == nil && (!ok || l.Remote != it.link.Remote || l.State != it.link.State):
			continue // a person unlinked it meanwhile: it is decided anew
		}
		if err := p.putHolds(tx, it); err != nil {
			return err
		}
		if !it.linked || it.wait || p.writes(it) {
			continue
		}
		if damaged != nil {
			return damaged
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
		if h.Field != "" {
			p.nameSides(tx, it, &h)
		}
		if err := tx.PutHold(h); err != nil {
			return err
		}
	}
	p.count("held", len(it.holds)+len(it.kept))
	for _, h := range p.r.Holds(tx, it.id, "") {
		refused := h.Field == "" && (h.Reason == ledger.HoldRejected || h.Reason == ledger.HoldUnknownOutcome || h.Dropped)
		if standing[h.Key()] || refused || slices.Contains(it.kept, h.Field) {
			continue
		}
		if err := tx.DeleteHold(h.Key()); err != nil {
			return err
		}
	}
	return nil
}

// nameSides gives a field's hold the two values that it is held for.
func (p *pusher) nameSides(tx *state.Tx, it *item, h *state.Hold) {
	for i, rule := range p.r.Fields {
		if rule.Hub.Name == h.Field {
			stands := p.r.Stands(&it.link, i)
			h.Ours, h.Theirs = p.heldOf(tx, rule, p.ours(it, rule)), stands.Last()
			return
		}
	}
}

// setFields moves a link's digests to what the verdicts say.
func (p *pusher) setFields(l *state.Link, it *item) {
	for _, lf := range p.fieldStates(it) {
		p.setField(l, lf)
	}
}

// setField moves a link to one field state of a verdict that is carried out. A
// value that went out stands there as sent, or as read where the answer showed
// it; one that is held at creation was left blank, and its rule met nothing.
func (p *pusher) setField(l *state.Link, lf state.LinkField) {
	num := p.book.RemoteOf(lf.Field)
	if lf.Sent {
		stands := l.Stands(num)
		if stands.Send(lf.Seen); lf.Shown {
			stands = record.ReadThere(lf.Seen)
		}
		l.SetStands(num, stands)
	}
	if lf.Sent && lf.Told == 0 {
		lf.Seen = 0
	}
	lf.Sent, lf.Shown = false, false
	l.Set(lf)
}

// fieldStates are the link's field states once the verdicts are carried out.
func (p *pusher) fieldStates(it *item) []state.LinkField {
	return p.appendFieldStates(make([]state.LinkField, 0, len(it.verdicts)+1), it)
}

// appendFieldStates appends them to out, which is empty.
func (p *pusher) appendFieldStates(out []state.LinkField, it *item) []state.LinkField {
	for i := range it.verdicts {
		v := &it.verdicts[i]
		if v.Kind == plan.Nothing || v.Kind == plan.Hold && it.linked {
			continue
		}
		lf := state.LinkField{Field: p.r.Rules[i], Seen: v.Seen, Told: v.Told, Sent: v.Sent}
		if v.Kind == plan.Tolerate {
			lf.Note = uint8(v.Reason)
			if i < len(it.shown) && v.Reason != plan.CreateOnly {
				lf.Text = it.shown[i]
			}
		}
		out = append(out, lf)
	}
	if it.setExt {
		d := p.book.Key.Value(record.ID, it.external)
		out = append(out, state.LinkField{Field: p.book.External, Seen: d, Told: d})
	}
	slices.SortFunc(out, func(a, b state.LinkField) int { return int(a.Field) - int(b.Field) })
	return out
}
