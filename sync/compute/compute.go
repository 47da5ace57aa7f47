// Package compute works the computed fields of the hub out: a renewal date from the
// opportunities of an account, say.
//
// A computed field is worked out from the records that belong to a hub record (R71).
// Whatever changes one of those notes its parent, in the same transaction; the notes
// are worked off at the end of the object's stage, and what a stop left at the
// beginning of the next run. A field whose rule looks at the day is noted for the next
// day on which it may change (D7).
package compute

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// Reason is what the journal says of a value that was worked out.
const Reason = "computed"

// chunk is how many records one transaction works out.
const chunk = 500

// Computer works out the computed fields of a mapping. All of its fields are needed.
type Computer struct {
	Store   *state.Store
	Book    *ledger.Book
	Objects map[string]*fieldmap.HubObject
	Now     func() time.Time
	Zone    *time.Location // says what day it is
	Config  uint64         // the configuration that the journal names
	Log     *slog.Logger
}

// Due works off what is due today, in the name of a run (0 for none), and returns how
// many records it changed.
func (c *Computer) Due(ctx context.Context, run uint64) (changed int, err error) {
	today := c.Now().In(c.Zone).Format(time.DateOnly)
	for name, object := range c.Objects {
		if len(c.Book.ComputedOf(name)) == 0 {
			continue
		}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return changed, err
			}
			n := 0
			n, more, err = c.evaluateChunk(object, run, today)
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
func (c *Computer) evaluateChunk(object *fieldmap.HubObject, run uint64, today string) (changed int, more bool, err error) {
	var due []flip
	collect := func(tx *state.Tx) error {
		return tx.Flips(object.Name, today, func(day string, id state.HubID) error {
			if len(due) == chunk {
				more = true
				return state.ErrStop
			}
			due = append(due, flip{day, id})
			return nil
		})
	}
	if err := c.Store.View(collect); err != nil || len(due) == 0 {
		return 0, false, err
	}
	err = c.Store.Update(func(tx *state.Tx) error {
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
			ok, err := c.evaluateRecord(tx, object, run, f.id, today)
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
func (c *Computer) evaluateRecord(tx *state.Tx, object *fieldmap.HubObject, run uint64, id state.HubID, today string) (bool, error) {
	hub := tx.Hub(object.Name)
	var rec state.HubRecord
	ok, err := hub.Get(id, &rec)
	if err != nil || !ok || rec.State == state.HubAlias || rec.State == state.HubForgotten {
		return false, err
	}
	var entries []state.JournalEntry
	for _, f := range c.Book.ComputedOf(object.Name) {
		children, err := c.childrenOf(tx, f.Computed, id)
		if err != nil {
			return false, err
		}
		if day := f.Computed.NextFlip(children, today); day != "" {
			if err := tx.Flip(object.Name, day, id); err != nil {
				return false, err
			}
		}
		if entry, ok := c.workOut(&rec, f, children, today); ok {
			entry.Run = run
			entries = append(entries, entry)
		}
	}
	if len(entries) == 0 {
		return false, nil
	}
	if err := hub.Put(&rec, c.Book.IndexKeys(object, &rec)); err != nil {
		return false, err
	}
	return true, tx.Journal(entries)
}

// workOut sets one computed field and reports whether that changed it.
func (c *Computer) workOut(rec *state.HubRecord, f *fieldmap.HubField, children []fieldmap.Child, today string) (state.JournalEntry, bool) {
	v, keep, err := f.Computed.Eval(children, today)
	if err != nil {
		// Nothing is known, so nothing changes; the next change of a child asks again.
		c.Log.Error("a computed field keeps its value", "object", f.Object, "field", f.Name, "hub_id", rec.ID.String(), "err", err)
		return state.JournalEntry{}, false
	}
	num := c.Book.Nums(c.Objects[f.Object])[f.Index]
	old := rec.Get(num)
	if keep || !rec.Set(num, v, c.Book.Computed, c.Now().Unix(), 0) {
		return state.JournalEntry{}, false
	}
	return state.JournalEntry{
		At: c.Now().Unix(), Object: f.Object, Hub: rec.ID, System: c.Book.Computed,
		Field: num, Old: old, New: v, OldKnown: state.OldRead, Reason: Reason, Config: c.Config,
	}, true
}

// childrenOf returns what a computed field looks at: the records in scope that
// belong to a record.
func (c *Computer) childrenOf(tx *state.Tx, f *fieldmap.Computed, parent state.HubID) ([]fieldmap.Child, error) {
	hub := tx.Hub(f.From.Name)
	var out []fieldmap.Child
	err := tx.Children(f.From.Name, parent, func(id state.HubID) error {
		var rec state.HubRecord
		ok, err := hub.Get(id, &rec)
		if err != nil || !ok {
			return err
		}
		via := rec.Get(c.Book.Nums(f.From)[f.Via.Index])
		if via != record.Of(parent.String()) || !c.Book.HeldBy(tx, "", f.From, id) {
			return nil
		}
		out = append(out, func(field string) record.Value {
			of := f.From.Field(field)
			if of == nil {
				return record.Value{}
			}
			return rec.Get(c.Book.Nums(f.From)[of.Index])
		})
		return nil
	})
	return out, err
}

// Prepare looks whether the rules of the computed fields, and the zone of
// the calendar, are those that the values were worked out by. If not, the index
// of parents is built anew and every record is noted.
func (c *Computer) Prepare(ctx context.Context) error {
	for name, object := range c.Objects {
		key := "computed:" + name
		now := c.fingerprint(name)
		before, err := ledger.Note(c.Store, key, c.Log)
		if err != nil {
			return err
		}
		if before == now {
			continue
		}
		if err := c.recompute(ctx, object); err != nil {
			return fmt.Errorf("prepare the computed fields of %s: %w", name, err)
		}
		if err := c.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(key, []byte(now)) }); err != nil {
			return err
		}
	}
	return nil
}

// fingerprint stands for the rules of an object's computed fields; it
// is empty where there are none.
func (c *Computer) fingerprint(object string) string {
	fields := c.Book.ComputedOf(object)
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
func (c *Computer) recompute(ctx context.Context, object *fieldmap.HubObject) error {
	var from []*fieldmap.HubObject
	for _, f := range c.Book.ComputedOf(object.Name) {
		if !slices.Contains(from, f.Computed.From) {
			from = append(from, f.Computed.From)
		}
	}
	for _, child := range from {
		if err := c.Store.Update(func(tx *state.Tx) error { return tx.DropChildren(child.Name) }); err != nil {
			return err
		}
		if err := ledger.Sweep(ctx, c.Store, child, c.Log, func(tx *state.Tx, rec *state.HubRecord) error {
			return c.Book.KeepComputing(tx, child, rec, nil)
		}); err != nil {
			return err
		}
	}
	if len(from) == 0 {
		return nil
	}
	return ledger.Sweep(ctx, c.Store, object, c.Log, func(tx *state.Tx, rec *state.HubRecord) error {
		return tx.Flip(object.Name, "", rec.ID)
	})
}
