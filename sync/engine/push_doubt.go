package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// An update leaves an intent as a create does. What it wrote before its answer
// was lost would be known to nobody where the hub's value, or the line, is what it
// was before when the next run comes: nothing would be due.

// foundWritten is the reason of a journal entry for a value that a reading showed
// to have arrived, though no answer said so.
const foundWritten = "found_written"

// asksBack reports whether somebody can ask what became of an update. A plan sends
// none, and a system may have no reading by id.
func (p *pusher) asksBack() bool { return !p.opt.dry && p.sys.Getter != nil }

// noteUpdates makes durable what is about to be sent.
func (p *pusher) noteUpdates(f *flight) error {
	if !p.asksBack() {
		return p.storeLeft()
	}
	return p.store(func(tx *state.Tx) (err error) {
		f.intents, err = p.putUpdates(tx, f.items)
		return err
	})
}

func (p *pusher) putUpdates(tx *state.Tx, items []*item) (batch uint64, err error) {
	return tx.PutIntents(p.req.System, p.r.Object, state.IntentBatch{Flow: state.FlowPush}, p.updatesOf(items))
}

// updatesOf are the intents of updates. They are valid until the next call.
func (p *pusher) updatesOf(items []*item) []state.Intent {
	p.intended, p.intendedFields, p.intendedForms = p.intended[:0], p.intendedFields[:0], p.intendedForms[:0]
	n := len(p.r.Fields)
	p.intendedFields = slices.Grow(p.intendedFields, n*len(items))
	p.intendedForms = slices.Grow(p.intendedForms, n*len(items))
	at := unixMilli(p.now())
	for _, it := range items {
		sent, forms := len(p.intendedFields), len(p.intendedForms)
		for i := range it.verdicts {
			v := &it.verdicts[i]
			if v.Kind != plan.Push {
				continue
			}
			rule := p.r.Rules[i]
			p.intendedFields = append(p.intendedFields, state.LinkField{Field: rule, Seen: v.Seen, Told: v.Told, Sent: true})
			if form := p.formOf(p.r.Fields[i], v.Value); form != 0 {
				stands := p.r.Stands(&it.link, i)
				p.intendedForms = append(p.intendedForms, state.IntentField{Field: rule, Seen: stands.Last(), Form: form})
			}
		}
		in := state.Intent{Hub: it.id, Remote: it.link.Remote, At: at, Version: it.link.Version}
		in.Sent, in.Before = p.intendedFields[sent:], p.intendedForms[forms:]
		slices.SortFunc(in.Sent, func(a, b state.LinkField) int { return int(a.Field) - int(b.Field) })
		p.intended = append(p.intended, in)
	}
	return p.intended
}

// formOf is the digest of a value by the rule's compare form, 0 where that says
// no more than the value itself.
func (p *pusher) formOf(rule *fieldmap.Rule, v record.Value) record.Digest {
	if rule.Compare == fieldmap.Exact {
		return 0
	}
	text := rule.Compare.Key(v)
	if text == "" {
		return 0
	}
	return p.book.Key.Bytes([]byte(text))
}

// updateFailed deals with a call of updates that failed as a whole. Whatever was
// answered, it may have taken effect: something between may have refused what the
// system took. Only what was not sent at all is not looked up.
func (p *pusher) updateFailed(batch uint64, err error) error {
	if providers.KindOf(err) != providers.Budget {
		return err
	}
	return errors.Join(err, p.opt.Store.Update(func(tx *state.Tx) error { return tx.CloseIntents(p.req.System, p.r.Object, batch) }))
}

// settleUpdates reads by id what earlier runs may have written without hearing so.
// What is to be written again has a number that rebound takes in.
func (p *pusher) settleUpdates(ctx context.Context) error {
	batches, err := p.openBatches(func(in *state.Intent) bool { return in.Remote != "" })
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := p.readDoubtful(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// openUpdates are the records of a route to which something was sent that nobody
// answered for, nil where there are none. A damaged intent names none.
func openUpdates(tx *state.Tx, r *ledger.Route) (out map[state.HubID]bool) {
	_ = tx.Intents(r.System, r.Object, func(_ uint64, _ state.IntentBatch, in []state.Intent) error {
		for i := range in {
			if in[i].Remote == "" {
				continue
			}
			if out == nil {
				out = map[state.HubID]bool{}
			}
			out[in[i].Hub] = true
		}
		return nil
	})
	return out
}

// readDoubtful settles one batch of updates by what a reading shows.
func (p *pusher) readDoubtful(ctx context.Context, batch uint64) error {
	intents, err := p.intents(batch)
	if err != nil {
		return err
	}
	doubt, landed := map[state.HubID]*state.Intent{}, map[state.HubID]bool{}
	var chunk []state.Link
	if err := p.opt.Store.View(func(tx *state.Tx) error {
		for i := range intents {
			in := &intents[i]
			if hub, _, st, ok := p.r.Links(tx).Peek(in.Remote); ok && hub == in.Hub && st != state.LinkClosed {
				doubt[in.Hub] = in
				chunk = append(chunk, state.Link{Hub: in.Hub, Remote: in.Remote})
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if len(chunk) > 0 {
		if _, err := p.reconcileChunk(ctx, chunk, comparison{doubt: doubt, landed: landed}); err != nil {
			return err
		}
	}
	young := p.now().Add(-lateWrite).UnixMilli()
	open := slices.DeleteFunc(intents, func(in state.Intent) bool { return landed[in.Hub] || doubt[in.Hub] == nil || p.past(in.At) <= young })
	return p.opt.Store.Update(func(tx *state.Tx) error {
		if err := tx.CloseIntents(p.req.System, p.r.Object, batch); err != nil || len(open) == 0 {
			return err
		}
		_, err := tx.PutIntents(p.req.System, p.r.Object, state.IntentBatch{Flow: state.FlowPush}, open)
		return err
	})
}

// lateWrite is how long a write may be under way whose process died or gave up: a
// reading that does not show it yet says nothing until then, and is repeated by
// each run.
const lateWrite = 15 * time.Minute

// landed settles what a lost write did to a record that was read, where there was
// one.
func (p *pusher) landed(tx *state.Tx, it *item, c comparison, fields []record.Field, h *hit) error {
	in := c.doubt[it.id]
	if in == nil {
		return nil
	}
	landed, err := p.arrived(tx, it, in, fields, h)
	c.landed[it.id] = c.landed[it.id] || landed
	return err
}

// arrived takes what a reading shows of a write whose answer was lost: a field
// that has what was sent was written by us. What another line or value sent is
// not what ours stands for now, and is due. landed says that the write took effect.
func (p *pusher) arrived(tx *state.Tx, it *item, in *state.Intent, fields []record.Field, h *hit) (landed bool, err error) {
	var entries []state.JournalEntry
	for _, sent := range in.Sent {
		i := slices.Index(p.r.Remotes, p.book.RemoteOf(sent.Field))
		if i < 0 {
			continue
		}
		at := fieldIndex(fields, p.r.Fields[i].Remote.Name)
		if at < 0 || !p.hasArrived(in, &sent, p.r.Fields[i], h.values[at]) {
			continue
		}
		landed = true
		if stands := p.r.Stands(&it.link, i); p.book.IsDigestOf(stands.Last(), h.values[at]) {
			continue // that is known: it was sent once more, and answered
		}
		entries = append(entries, p.arrivedEntry(it, in, &sent, i, h.values[at]))
		p.settleArrived(tx, it, &sent, i, h.values[at])
	}
	if len(entries) == 0 {
		return landed, nil
	}
	it.link.Wrote = max(it.link.Wrote, in.At)
	return landed, tx.Journal(entries)
}

// hasArrived reports whether theirs is what was sent, exactly or by form, whatever
// type the line had that sent it.
func (p *pusher) hasArrived(in *state.Intent, sent *state.LinkField, rule *fieldmap.Rule, theirs record.Value) bool {
	if !theirs.Known() {
		return false
	}
	if p.book.IsDigestOf(sent.Seen, theirs) {
		return true
	}
	form := p.formOf(rule, theirs)
	return form != 0 && slices.ContainsFunc(in.Before, func(f state.IntentField) bool { return f.Field == sent.Field && f.Form == form })
}

// settleArrived moves the link to a write that arrived.
func (p *pusher) settleArrived(tx *state.Tx, it *item, sent *state.LinkField, i int, theirs record.Value) {
	rule := p.r.Fields[i]
	d := p.book.Key.Value(rule.Remote.Type, theirs)
	lf := state.LinkField{Field: p.r.Rules[i], Seen: d, Told: sent.Told}
	ours := p.ours(it, rule)
	remote, fault := p.translate(tx, rule, ours)
	another := lf.Field != sent.Field
	bent := sent.Told == p.book.Key.Value(rule.Hub.Type, ours) && (fault != nil || !p.book.IsDigestOf(sent.Seen, remote))
	if another || bent {
		lf.Told, lf.Note, lf.Text = 0, uint8(plan.MappingChanged), theirs
	}
	it.link.SetStands(p.r.Remotes[i], record.ReadThere(d))
	it.link.Set(lf)
}

// arrivedEntry tells the journal of a write that arrived.
func (p *pusher) arrivedEntry(it *item, in *state.Intent, sent *state.LinkField, i int, theirs record.Value) state.JournalEntry {
	e := p.entryOf(p.r, it.id, it.link.Remote, foundWritten)
	e.At = in.At / 1000
	e.Field, e.Rule, e.New = p.r.Nums[p.r.Fields[i].Hub.Index], sent.Field, theirs
	e.Old, e.OldKnown = p.oldOf(it, i)
	return e
}
