package engine

import (
	"context"
	"fmt"
	"strings"

	"crmsyncd/providers"
	"crmsyncd/state"
)

// A due field is written, held, tolerated or rests with its remote field, or it
// waits for a reading that is under way. What a walk reached and left without one
// of these would be silent for ever: the position moves past it.

// maxNamed is how many of the records an error names.
const maxNamed = 5

// leave notes a record on a field of which nothing was decided.
func (p *pusher) leave(it *item) {
	p.silent = append(p.silent, fmt.Sprintf("%s %s (%s)", p.r.Hub.Name, it.key, strings.Join(it.left, ", ")))
}

// spoken fails where the pass left something without a word.
func (p *pusher) spoken(context.Context) error {
	n := len(p.silent)
	if n == 0 {
		return nil
	}
	names := strings.Join(p.silent[:min(n, maxNamed)], "; ")
	p.silent = nil
	e := providers.Errorf(providers.Broken, "write "+p.r.Object, "%d records are due and nothing was decided on them: %s", n, names)
	e.Hint = "nothing is lost: the position stays before them; please report this"
	return e
}

// readLeft reads what an earlier run wrote and did not come to read.
func (p *pusher) readLeft(ctx context.Context) error { return p.readWritten(ctx, false) }

// readOwn reads what this pass wrote.
func (p *pusher) readOwn(ctx context.Context) error { return p.readWritten(ctx, true) }

// readWritten reads by id what was written and showed something else in its
// answer, before anything is said of it. own says that the writes are of this
// pass.
func (p *pusher) readWritten(ctx context.Context, own bool) error {
	for {
		var ids []string
		var chunk []state.Link
		err := p.opt.Store.View(func(tx *state.Tx) (err error) {
			ids, err = tx.Wakes(p.req.System, p.r.Object, state.WakeWritten, scanChunk)
			for _, id := range ids {
				if hub, _, st, ok := p.r.Links(tx).Peek(id); ok && st == state.LinkOpen {
					chunk = append(chunk, state.Link{Hub: hub, Remote: id})
				}
			}
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		if len(chunk) > 0 {
			if _, err := p.reconcileChunk(ctx, chunk, comparison{own: own, late: own}); err != nil {
				return err
			}
		}
		err = p.opt.Store.Update(func(tx *state.Tx) error {
			for _, id := range ids {
				if err := tx.Unwake(p.req.System, p.r.Object, state.WakeWritten, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
