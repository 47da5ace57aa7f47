package engine

import (
	"context"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// flight is a batch whose call is under way. There is one at a time: its
// answers are durable before the next call is made, so that a crash leaves one
// batch in doubt at most. A large stage, whose answers no decision waits for,
// goes on deciding meanwhile.
type flight struct {
	op      plan.Op
	items   []*item
	patches []record.Patch
	intents uint64 // the batch of its intents
	results []providers.Result
	err     error
	panic   any
	done    chan struct{}
}

// flush sends full batches, and at the end the rest.
func (p *pusher) flush(ctx context.Context, all bool) error {
	for len(p.creates) >= p.batch || all && len(p.creates) > 0 {
		if err := p.send(ctx, plan.OpCreate, p.take(&p.creates)); err != nil {
			return err
		}
	}
	for len(p.updates) >= p.batch || all && len(p.updates) > 0 {
		if err := p.send(ctx, plan.OpUpdate, p.take(&p.updates)); err != nil {
			return err
		}
	}
	return nil
}

// take takes the next batch out of a list.
func (p *pusher) take(list *[]*item) []*item {
	n := min(p.batch, len(*list))
	items := append([]*item(nil), (*list)[:n]...)
	*list = append((*list)[:0], (*list)[n:]...)
	return items
}

// send makes the call for one batch, after the one under way has landed.
func (p *pusher) send(ctx context.Context, op plan.Op, items []*item) error {
	f := &flight{op: op, items: items, done: make(chan struct{})}
	if err := p.land(ctx); err != nil {
		return err
	}
	prepare := p.prepareUpdates
	if op == plan.OpCreate {
		prepare = p.prepareCreates
	}
	if err := p.gate.pass(ctx); err != nil {
		return err
	}
	if err := prepare(ctx, f); err != nil || len(f.items) == 0 {
		return err
	}
	p.announce(op, f.items)
	f.patches = p.patches(f.items)
	p.sent, p.flying = true, f
	// What was begun is finished: a stop waits for the batch in flight.
	ctx = context.WithoutCancel(ctx)
	if p.spooling {
		go p.call(ctx, f)
		return nil
	}
	p.call(ctx, f)
	return p.land(ctx)
}

// call asks the system. It touches nothing but the flight, and leaves a panic
// for who waits.
func (p *pusher) call(ctx context.Context, f *flight) {
	defer func() {
		f.panic = recover()
		close(f.done)
	}()
	write := p.sys.Writer.Update
	if f.op == plan.OpCreate {
		write = p.sys.Writer.Create
	}
	f.results, f.err = write(ctx, p.r.Object, f.patches)
	if f.err == nil && len(f.results) != len(f.items) {
		kind := providers.Broken
		if f.op == plan.OpCreate {
			kind = providers.Unknown
		}
		f.err = providers.Errorf(kind, string(f.op)+" "+p.r.Object, "%d answers to %d records", len(f.results), len(f.items))
	}
}

// land waits for the batch under way and commits its answers.
func (p *pusher) land(ctx context.Context) error {
	f := p.flying
	if f == nil {
		return nil
	}
	<-f.done
	p.flying = nil
	switch {
	case f.panic != nil:
		panic(f.panic)
	case f.err != nil && f.op == plan.OpCreate:
		return p.createFailed(ctx, f.intents, f.err)
	case f.err != nil:
		return p.updateFailed(f.intents, f.err)
	}
	commit := p.commitUpdates
	if f.op == plan.OpCreate {
		commit = p.commitCreates
	}
	if err := commit(ctx, f); err != nil {
		return err
	}
	p.free = append(p.free, f.items...)
	return nil
}

// unstored is a batch whose answers are still to be stored.
type unstored struct {
	op   plan.Op
	n    int
	keep func(*state.Tx) error
}

// keepLater has the answers of a batch stored by keep. In a large stage those of one
// that was written as a whole wait for the transaction that stores what the next
// batch is about to send: until then it is as much in doubt as in flight.
func (p *pusher) keepLater(f *flight, o *outcome, keep func(*state.Tx) error) (waits bool, err error) {
	p.unstored = &unstored{f.op, len(o.answers), keep}
	if p.spooling && o.whole(f) {
		return true, nil
	}
	return false, p.storeLeft()
}

// storeLeft stores the answers that wait, if any.
func (p *pusher) storeLeft() error {
	if p.unstored == nil {
		return nil
	}
	return p.store(func(*state.Tx) error { return nil })
}

// store carries fn out in a transaction, behind the answers that wait.
func (p *pusher) store(fn func(*state.Tx) error) error {
	l := p.unstored
	p.unstored = nil
	err := p.opt.Store.Update(func(tx *state.Tx) error {
		tx.OneOfMany()
		if l != nil {
			if err := l.keep(tx); err != nil {
				return err
			}
		}
		return fn(tx)
	})
	if err == nil && l != nil {
		p.count(map[plan.Op]string{plan.OpCreate: "created", plan.OpUpdate: "updated"}[l.op], l.n)
	}
	return err
}

// prepareCreates makes durable what is about to be made: the intents are closed
// in the transaction that keeps the answers.
func (p *pusher) prepareCreates(_ context.Context, f *flight) error {
	if why := p.opt.Store.Suspect(); why != "" {
		e := providers.Errorf(providers.Broken, "create "+p.r.Object, "nothing is created: %s", why)
		e.Hint = "restore the state file, or say `crmsyncd state trust` when it is right"
		return e
	}
	in := p.intentsOf(f.items)
	return p.store(func(tx *state.Tx) (err error) {
		f.intents, err = tx.PutIntents(p.req.System, p.r.Object, state.IntentBatch{Flow: state.FlowPush}, in)
		for i, it := range f.items {
			it.intent, it.part = f.intents, in[i].Part
		}
		return err
	})
}

func (p *pusher) intentsOf(items []*item) []state.Intent {
	in := make([]state.Intent, len(items))
	for i, it := range items {
		in[i] = state.Intent{Hub: it.id, External: it.external.Text(), At: unixMilli(p.now()), Sent: p.fieldStates(it)}
	}
	return in
}

// prepareUpdates looks again at what a write depends on, and makes durable what is
// about to be sent.
func (p *pusher) prepareUpdates(ctx context.Context, f *flight) (err error) {
	if f.items, err = p.recheckBlanks(ctx, f.items); err != nil || len(f.items) == 0 {
		return err
	}
	if err := p.readOld(ctx, f.items); err != nil {
		return err
	}
	return p.noteUpdates(f)
}

// patches are what goes out for a batch.
func (p *pusher) patches(items []*item) []record.Patch {
	out := make([]record.Patch, len(items))
	for i, it := range items {
		out[i] = p.patch(it)
	}
	return out
}

func (p *pusher) patch(it *item) record.Patch {
	n := 0
	for i := range it.verdicts {
		if it.verdicts[i].Kind == plan.Push {
			n++
		}
	}
	pa := record.Patch{ID: it.link.Remote, Fields: make([]record.FieldValue, 0, n+1)}
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
	if p.opt.OnChange == nil {
		return
	}
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
