package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// A computed field is worked out from the records that belong to a hub record
// (R71). Whatever changes one of those notes its parent, in the same
// transaction; the notes are worked off at the end of the object's stage, and
// what a stop left at the beginning of the next run. A field whose rule looks
// at the day is noted for the next day on which it may change (D7).

// computedReason is what the journal says of a value that was worked out.
const computedReason = "computed"

// reckonChunk is how many records one transaction works out.
const reckonChunk = 500

// evaluate works off what is due.
func (r *run) evaluate(ctx context.Context) error {
	_, err := r.Engine.evaluate(ctx, r.rec.ID)
	return err
}

// reckonDue works off what is due at the beginning of a run, after a look at
// whether the rules are still the same.
func (r *run) reckonDue(ctx context.Context) error {
	if err := r.sameComputed(ctx); err != nil {
		return err
	}
	if err := r.buildFamilies(ctx); err != nil {
		return err
	}
	if err := r.followMoves(ctx); err != nil {
		return err
	}
	return r.evaluate(ctx)
}

// Turn works out the computed fields that the calendar changes today, and
// reports whether it changed any. It makes no call.
func (e *Engine) Turn(ctx context.Context) (bool, error) {
	if err := e.sameComputed(ctx); err != nil {
		return false, err
	}
	n, err := e.evaluate(ctx, 0)
	return n > 0, err
}

func (e *Engine) evaluate(ctx context.Context, run uint64) (changed int, err error) {
	today := e.today()
	for name, object := range e.opt.Mapping.Hub {
		if len(e.book.ComputedOf(name)) == 0 {
			continue
		}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return changed, err
			}
			n := 0
			n, more, err = e.evaluateChunk(object, run, today)
			if err != nil {
				return changed, fmt.Errorf("work out the computed fields of %s: %w", name, err)
			}
			changed += n
		}
	}
	return changed, nil
}

type flip struct {
	day string
	id  state.HubID
}

// evaluateChunk works off some of what is due, and reports whether more may be.
func (e *Engine) evaluateChunk(object *fieldmap.HubObject, run uint64, today string) (changed int, more bool, err error) {
	var due []flip
	collect := func(tx *state.Tx) error {
		return tx.Flips(object.Name, today, func(day string, id state.HubID) error {
			if len(due) == reckonChunk {
				more = true
				return state.ErrStop
			}
			due = append(due, flip{day, id})
			return nil
		})
	}
	if err := e.opt.Store.View(collect); err != nil || len(due) == 0 {
		return 0, false, err
	}
	err = e.opt.Store.Update(func(tx *state.Tx) error {
		tx.OneOfMany()
		done := map[state.HubID]bool{}
		for _, f := range due {
			if err := tx.Unflip(object.Name, f.day, f.id); err != nil {
				return err
			}
			if done[f.id] {
				continue
			}
			done[f.id] = true
			ok, err := e.evaluateRecord(tx, object, run, f.id, today)
			if err != nil {
				return err
			}
			if ok {
				changed++
			}
		}
		return nil
	})
	return changed, more, err
}

// evaluateRecord works out the computed fields of one record.
func (e *Engine) evaluateRecord(tx *state.Tx, object *fieldmap.HubObject, run uint64, id state.HubID, today string) (bool, error) {
	hub := tx.Hub(object.Name)
	var rec state.HubRecord
	ok, err := hub.Get(id, &rec)
	if err != nil || !ok || rec.State == state.HubAlias || rec.State == state.HubForgotten {
		return false, err
	}
	var entries []state.JournalEntry
	for _, f := range e.book.ComputedOf(object.Name) {
		children, err := e.childrenOf(tx, f.Computed, id)
		if err != nil {
			return false, err
		}
		if day := f.Computed.NextFlip(children, today); day != "" {
			if err := tx.Flip(object.Name, day, id); err != nil {
				return false, err
			}
		}
		if entry, ok := e.workOut(&rec, f, children, today); ok {
			entry.Run = run
			entries = append(entries, entry)
		}
	}
	if len(entries) == 0 {
		return false, nil
	}
	if err := hub.Put(&rec, e.book.IndexKeys(object, &rec)); err != nil {
		return false, err
	}
	return true, tx.Journal(entries)
}

// workOut sets one computed field and reports whether that changed it.
func (e *Engine) workOut(rec *state.HubRecord, f *fieldmap.HubField, children []fieldmap.Child, today string) (state.JournalEntry, bool) {
	v, keep, err := f.Computed.Eval(children, today)
	if err != nil {
		// Nothing is known, so nothing changes; the next change of a child asks again.
		e.log.Error("a computed field keeps its value", "object", f.Object, "field", f.Name, "hub_id", rec.ID.String(), "err", err)
		return state.JournalEntry{}, false
	}
	num := e.book.Nums(e.opt.Mapping.Object(f.Object))[f.Index]
	old := rec.Get(num)
	if keep || !rec.Set(num, v, e.book.Computed, e.now().Unix(), 0) {
		return state.JournalEntry{}, false
	}
	return state.JournalEntry{
		At: e.now().Unix(), Object: f.Object, Hub: rec.ID, System: e.book.Computed,
		Field: num, Old: old, New: v, OldKnown: state.OldRead, Reason: computedReason, Config: e.opt.Config,
	}, true
}

// childrenOf returns what a computed field looks at: the records in scope that
// belong to a record.
func (e *Engine) childrenOf(tx *state.Tx, c *fieldmap.Computed, parent state.HubID) ([]fieldmap.Child, error) {
	hub := tx.Hub(c.From.Name)
	var out []fieldmap.Child
	err := tx.Children(c.From.Name, parent, func(id state.HubID) error {
		var rec state.HubRecord
		ok, err := hub.Get(id, &rec)
		if err != nil || !ok {
			return err
		}
		via := rec.Get(e.book.Nums(c.From)[c.Via.Index])
		if via != record.Of(parent.String()) || !e.book.HeldBy(tx, "", c.From, id) {
			return nil
		}
		out = append(out, func(field string) record.Value {
			f := c.From.Field(field)
			if f == nil {
				return record.Value{}
			}
			return rec.Get(e.book.Nums(c.From)[f.Index])
		})
		return nil
	})
	return out, err
}

// sameComputed looks whether the rules of the computed fields, and the zone of
// the calendar, are those that the values were worked out by. If not, the index
// of parents is built anew and every record is noted.
func (e *Engine) sameComputed(ctx context.Context) error {
	for name, object := range e.opt.Mapping.Hub {
		key := "computed:" + name
		now := e.computedFingerprint(name)
		before, err := e.noted(key)
		if err != nil {
			return err
		}
		if before == now {
			continue
		}
		if err := e.recompute(ctx, object); err != nil {
			return fmt.Errorf("prepare the computed fields of %s: %w", name, err)
		}
		if err := e.opt.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(key, []byte(now)) }); err != nil {
			return err
		}
	}
	return nil
}

// computedFingerprint stands for the rules of an object's computed fields; it
// is empty where there are none.
func (e *Engine) computedFingerprint(object string) string {
	fields := e.book.ComputedOf(object)
	if len(fields) == 0 {
		return ""
	}
	h := fnv.New64a()
	for _, f := range fields {
		_, _ = fmt.Fprintln(h, f.Name, f.Computed.Fingerprint)
	}
	return strconv.FormatUint(h.Sum64(), 16)
}

// recompute builds the index of parents for an object's computed fields and
// notes every record of it.
func (e *Engine) recompute(ctx context.Context, object *fieldmap.HubObject) error {
	var from []*fieldmap.HubObject
	for _, f := range e.book.ComputedOf(object.Name) {
		if !slices.Contains(from, f.Computed.From) {
			from = append(from, f.Computed.From)
		}
	}
	for _, child := range from {
		if err := e.opt.Store.Update(func(tx *state.Tx) error { return tx.DropChildren(child.Name) }); err != nil {
			return err
		}
		if err := e.eachOfHub(ctx, child, func(tx *state.Tx, rec *state.HubRecord) error {
			return e.book.KeepComputing(tx, child, rec, nil)
		}); err != nil {
			return err
		}
	}
	if len(from) == 0 {
		return nil
	}
	return e.eachOfHub(ctx, object, func(tx *state.Tx, rec *state.HubRecord) error {
		return tx.Flip(object.Name, "", rec.ID)
	})
}

// eachOfHub calls fn for each record of a hub object, some thousands in one
// transaction.
func (e *Engine) eachOfHub(ctx context.Context, object *fieldmap.HubObject, fn func(*state.Tx, *state.HubRecord) error) error {
	for from, more := state.HubID(0), true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		more = false
		err := e.opt.Store.Update(func(tx *state.Tx) error {
			tx.OneOfMany()
			n := 0
			return tx.Hub(object.Name).Each(from, func(rec *state.HubRecord) error {
				if n == lookChunk {
					from, more = rec.ID, true
					return state.ErrStop
				}
				n++
				return fn(tx, rec)
			})
		})
		if errors.Is(err, state.ErrDamaged) {
			e.log.Error("damaged records are left out", "object", object.Name, "err", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}
