package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// settleIntents looks up what earlier runs may have made without hearing so.
func (p *pusher) settleIntents(ctx context.Context) error {
	batches, err := p.openBatches(func(in *state.Intent) bool { return in.Remote == "" })
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := p.lookUpIntents(ctx, b, true); err != nil {
			return err
		}
	}
	return nil
}

// openBatches are the batches of intents that are open, of which the first is of
// this kind: all of a batch are.
func (p *pusher) openBatches(kind func(*state.Intent) bool) (batches []uint64, err error) {
	err = p.opt.Store.View(func(tx *state.Tx) error {
		return tx.Intents(p.req.System, p.r.Object, func(batch uint64, _ state.IntentBatch, in []state.Intent) error {
			if len(in) == 0 || kind(&in[0]) {
				batches = append(batches, batch)
			}
			return nil
		})
	})
	return batches, err
}

// lookUpIntents asks for the records of one batch of intents by our id. What is
// there is linked as made by us, with the digests that were sent, so that
// create-only fields are never written twice (D20). With closing set, what is
// not there is free to be made; otherwise the call may still be under way, and
// it waits for the next run.
func (p *pusher) lookUpIntents(ctx context.Context, batch uint64, closing bool) error {
	intents, err := p.intents(batch)
	if err != nil {
		return err
	}
	key := record.Field{Name: p.r.ExternalID, Type: record.ID}
	values := make([]record.Value, len(intents))
	for i, in := range intents {
		values[i] = record.Of(in.External)
	}
	var recs []record.Record
	if len(values) > 0 {
		if recs, err = p.sys.Finder.Find(ctx, p.r.Object, []record.Field{key}, key, values); err != nil {
			return fmt.Errorf("look up %s after a lost answer: %w", p.r.Object, err)
		}
	}
	there := map[string]string{}
	for i := range recs {
		v, err := p.sys.Provider.Convert(p.r.Object, key, recs[i].Raw[0])
		if err == nil {
			there[v.Text()] = recs[i].ID
		}
	}
	return p.opt.Store.Update(func(tx *state.Tx) error { return p.settleBatch(tx, batch, intents, there, closing) })
}

func (p *pusher) intents(batch uint64) ([]state.Intent, error) {
	var out []state.Intent
	err := p.opt.Store.View(func(tx *state.Tx) error {
		return tx.Intents(p.req.System, p.r.Object, func(b uint64, _ state.IntentBatch, in []state.Intent) error {
			if b == batch {
				out = in
			}
			return nil
		})
	})
	return out, err
}

// settleBatch closes a batch of intents by what the look-up brought.
func (p *pusher) settleBatch(tx *state.Tx, batch uint64, intents []state.Intent, there map[string]string, closing bool) error {
	var open []state.Intent
	for _, in := range intents {
		remote, ok := there[in.External]
		if !ok {
			open = append(open, in)
			continue
		}
		if p.answeredBefore(tx, in, remote) {
			continue
		}
		a := answer{hub: in.Hub, remote: remote, created: true, at: in.At, fields: in.Sent}
		if err := p.applyAnswer(tx, &a); err != nil {
			return err
		}
		p.count("created", 1)
		// The hub may have moved on since it was sent.
		if err := tx.Hub(p.r.Hub.Name).Touch(in.Hub); err != nil {
			return err
		}
	}
	if err := tx.CloseIntents(p.req.System, p.r.Object, batch); err != nil || len(open) == 0 {
		return err
	}
	if closing {
		return p.tryAgain(tx, open)
	}
	if _, err := tx.PutIntents(p.req.System, p.r.Object, state.IntentBatch{Flow: state.FlowPush}, open); err != nil {
		return err
	}
	for _, in := range open {
		h := p.newHold(p.r, in.Hub, ledger.HoldUnknownOutcome, "the answer to the create was lost; the next run looks it up")
		h.Event = string(ledger.NextRun(p.req.System))
		if err := tx.PutHold(h); err != nil {
			return err
		}
		p.count("held", 1)
	}
	return nil
}

// answeredBefore reports whether the link knows of the create already: of a
// batch that was opened again, some answers were not lost.
func (p *pusher) answeredBefore(tx *state.Tx, in state.Intent, remote string) bool {
	ok, err := p.r.Links(tx).Get(in.Hub, &p.link)
	return ok && err == nil && p.link.Remote == remote && p.link.Wrote >= in.At
}

// tryAgain lets records be made that a look-up proved absent. The unique
// external id refuses a double even if the lost call arrives now.
func (p *pusher) tryAgain(tx *state.Tx, open []state.Intent) error {
	for _, in := range open {
		if err := p.endRefusal(tx, in.Hub); err != nil {
			return err
		}
		if err := tx.Hub(p.r.Hub.Name).Touch(in.Hub); err != nil {
			return err
		}
	}
	return nil
}
