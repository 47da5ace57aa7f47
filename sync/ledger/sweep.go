package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
)

// sweepChunk is how many records one transaction of a Sweep looks at.
const sweepChunk = 2000

// Sweep calls fn for each record of a hub object, some thousands in one transaction.
// It walks all of them, so it is for what happens seldom. Damaged records are left out
// and logged.
func Sweep(ctx context.Context, st *state.Store, object *fieldmap.HubObject, log *slog.Logger, fn func(*state.Tx, *state.HubRecord) error) error {
	for from, more := state.HubID(0), true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		more = false
		err := st.Update(func(tx *state.Tx) error {
			tx.OneOfMany()
			n := 0
			return tx.Hub(object.Name).Each(from, func(rec *state.HubRecord) error {
				if n == sweepChunk {
					from, more = rec.ID, true
					return state.ErrStop
				}
				n++
				return fn(tx, rec)
			})
		})
		if errors.Is(err, state.ErrDamaged) {
			log.Error("damaged records are left out", "object", object.Name, "err", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Note reads a note of the state that can be made anew: a damaged one counts as none
// and is logged.
func Note(st *state.Store, key string, log *slog.Logger) (text string, err error) {
	err = st.View(func(tx *state.Tx) error { text = string(tx.Meta(key)); return nil })
	switch {
	case errors.Is(err, state.ErrDamaged):
		log.Warn("a note of the state is damaged and made anew", "note", key, "err", err)
		return "", nil
	case err != nil:
		return "", fmt.Errorf("read %s of the state: %w", key, err)
	}
	return text, nil
}
