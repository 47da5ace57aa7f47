package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

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
	answers  []answer      // valid until the next batch
	there    []*item       // a record with our id is there already
	doubtful []*item       // made or written, or not: nobody knows
	gone     []refusal     // an update found no record, or so it says
	doubts   []string      // records whose answer showed something else than what was sent
	unfit    []refusedItem // names fields, or says that the object is not what it was
	again    []state.HubID
	stop     error // reaches further than a record: the route, or the system
}

// whole reports whether every record of the batch was written.
func (o *outcome) whole(f *flight) bool { return len(o.answers) == len(f.items) }

// outcome takes each result by its place. What stops the system or the route
// holds nothing: its records stay as they are, and the position stays before
// them.
func (p *pusher) outcome(items []*item, results []providers.Result, creating bool) outcome {
	o := outcome{answers: p.answers[:0]}
	defer func() { p.answers = o.answers }()
	for i, it := range items {
		res := &results[i]
		if res.Err == nil {
			id := it.link.Remote
			if creating {
				id = res.ID
			}
			n := len(o.answers)
			o.answers = slices.Grow(o.answers, 1)[:n+1]
			a := &o.answers[n]
			if p.answer(a, it, id, creating); p.showed(a, it, res) {
				o.doubts = append(o.doubts, id)
			}
			continue
		}
		switch kind := res.Err.Kind; {
		case kind == providers.Budget, kind == providers.Denied:
			o.stop = res.Err
		case kind == providers.Broken, kind == providers.Rejected && p.namesField(res.Err):
			o.unfit = append(o.unfit, refusedItem{it, res.Err})
		case creating:
			p.notMade(&o, it, res.Err)
		default:
			p.notWritten(&o, it, res.Err)
		}
	}
	return o
}

// notMade sorts the refusal of one create.
func (p *pusher) notMade(o *outcome, it *item, e *providers.Error) {
	switch e.Kind { // what else there is was refused
	case providers.Exists:
		it.taken = e
		o.there = append(o.there, it)
	case providers.Unknown:
		o.doubtful = append(o.doubtful, it)
	default:
		p.refused(it, e)
	}
}

// notWritten sorts the refusal of one update. One that failed in passing may have
// taken effect all the same.
func (p *pusher) notWritten(o *outcome, it *item, e *providers.Error) {
	switch e.Kind { // what else there is was refused
	case providers.Missing:
		o.gone = append(o.gone, p.refusalOf(it, e))
		return
	case providers.Transient, providers.Unknown:
		o.doubtful = append(o.doubtful, it)
	}
	p.refused(it, e)
}

// showed takes what the answer of a write showed: a field that it shows as it was
// sent is read. It reports whether another value was shown; then the record is
// read by id before anything is said of it.
func (p *pusher) showed(a *answer, it *item, res *providers.Result) (other bool) {
	if !res.Version.IsZero() {
		a.version = res.Version.UnixMilli()
	}
	eachShown(it, res, func(i int, shown record.Value) {
		switch {
		case !shown.Known():
		case shown != it.verdicts[i].Value:
			other = true
		default:
			a.show(p.r.Rules[i])
		}
	})
	return other
}

// eachShown calls fn for each field that went out with what the answer showed of
// it; missing where it showed nothing.
func eachShown(it *item, res *providers.Result, fn func(i int, shown record.Value)) {
	at := 0
	if it.setExt {
		at++ // our id comes first
	}
	for i := range it.verdicts {
		if it.verdicts[i].Kind != plan.Push {
			continue
		}
		var shown record.Value
		if at < len(res.Shown) {
			shown = res.Shown[at]
		}
		fn(i, shown)
		at++
	}
}

func (p *pusher) noteDoubts(tx *state.Tx, ids []string) error {
	for _, id := range ids {
		if err := tx.Wake(p.req.System, p.r.Object, state.WakeWritten, id); err != nil {
			return err
		}
	}
	return nil
}

// closeIntents closes a batch of intents. In a large stage the answers refer to
// it, so that what was sent is not stored twice.
func (p *pusher) closeIntents(tx *state.Tx, batch uint64, answers []answer) error {
	if p.spooling && len(answers) > 0 {
		return tx.AnswerIntents(p.req.System, p.r.Object, batch)
	}
	return tx.CloseIntents(p.req.System, p.r.Object, batch)
}

// commitCreates keeps the answers to a batch of creates.
func (p *pusher) commitCreates(ctx context.Context, f *flight) error {
	o := p.outcome(f.items, f.results, true)
	if err := p.settleUnfit(ctx, &o); err != nil {
		return err
	}
	var doubt uint64
	waits, err := p.keepLater(f, &o, func(tx *state.Tx) (err error) {
		if err := p.closeIntents(tx, f.intents, o.answers); err != nil {
			return err
		}
		if len(o.doubtful) > 0 {
			if doubt, err = tx.PutIntents(p.req.System, p.r.Object, state.IntentBatch{Flow: state.FlowPush}, p.intentsOf(o.doubtful)); err != nil {
				return err
			}
		}
		if err := p.keep(tx, o.answers); err != nil {
			return err
		}
		if err := p.noteDoubts(tx, o.doubts); err != nil {
			return err
		}
		if o.whole(f) {
			return nil // its items may be those of another batch by now
		}
		return errors.Join(p.sendAgain(tx, o.again), p.putRefused(tx, f.items))
	})
	if err != nil || waits {
		return err
	}
	if doubt != 0 {
		if err := p.lookUpIntents(ctx, doubt, false); err != nil {
			return err
		}
	}
	if o.stop != nil {
		return o.stop
	}
	if err := p.confirm(ctx, f.items, f.results); err != nil {
		return err
	}
	if err := p.askNamed(ctx, f.items); err != nil {
		return err
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
	key := p.externalKey()
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
			p.refused(it, takenBy(it.taken))
			if err := p.putRefused(tx, []*item{it}); err != nil {
				return err
			}
		}
		return nil
	})
}

// takenBy is the refusal of a record that clashes with another in a unique field
// that is not our id.
func takenBy(e *providers.Error) *providers.Error {
	out := *e
	out.Kind, out.Message = providers.Rejected, "another record there has the same value of a unique field: "+e.Message
	return &out
}

// commitUpdates keeps the answers to a batch of updates.
func (p *pusher) commitUpdates(ctx context.Context, f *flight) error {
	o := p.outcome(f.items, f.results, false)
	if err := p.settleUnfit(ctx, &o); err != nil {
		return err
	}
	waits, err := p.keepLater(f, &o, func(tx *state.Tx) error {
		if err := tx.CloseIntents(p.req.System, p.r.Object, f.intents); err != nil {
			return err
		}
		if len(o.doubtful) > 0 && p.asksBack() {
			if _, err := p.putUpdates(tx, o.doubtful); err != nil {
				return err
			}
		}
		if err := p.keep(tx, o.answers); err != nil {
			return err
		}
		if err := p.noteDoubts(tx, o.doubts); err != nil {
			return err
		}
		if o.whole(f) {
			return nil // its items may be those of another batch by now
		}
		return errors.Join(p.sendAgain(tx, o.again), p.putRefused(tx, f.items))
	})
	if err != nil || waits {
		return err
	}
	if o.stop != nil {
		return o.stop
	}
	if err := p.confirm(ctx, f.items, f.results); err != nil {
		return err
	}
	if err := p.askNamed(ctx, f.items); err != nil {
		return err
	}
	return p.missing(ctx, o.gone)
}

// refused notes what the vendor said of a record. What fails in passing is
// tried again by the next runs, three times in all.
func (p *pusher) refused(it *item, e *providers.Error) {
	h := p.holdOf(it, "", ledger.HoldRejected, vendorWords(e), "")
	h.Digest = p.hubDigest(it)
	if e.Kind == providers.Transient || e.Kind == providers.Unknown {
		h.Event = string(ledger.NextRun(p.req.System))
	}
	it.holds = append(it.holds, h)
}

// vendorWords is a refusal as the vendor put it.
func vendorWords(e *providers.Error) string {
	detail := strings.TrimSpace(e.Code + " " + e.Message)
	if len(e.Fields) > 0 {
		detail += " [" + strings.Join(e.Fields, ", ") + "]"
	}
	return detail
}

// putRefused writes the refusals of a batch, counting attempts.
func (p *pusher) putRefused(tx *state.Tx, items []*item) error {
	for _, it := range items {
		for _, h := range it.holds {
			if h.Field != "" || h.Reason != ledger.HoldRejected {
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
