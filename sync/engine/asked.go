package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// lookChunk is how many records one transaction looks at again.
const lookChunk = 2000

// lookAgain notes the records whose filter asks about another system that took
// a record in or let one go since the last pull.
func (p *puller) lookAgain(context.Context) error {
	if len(p.r.Filter.Systems()) == 0 || p.everything() {
		return nil
	}
	var upTo uint64
	var wake []string
	err := p.opt.Store.View(func(tx *state.Tx) error {
		if upTo = tx.Counter(); upTo <= p.pos.Looked {
			return nil
		}
		links := p.r.Links(tx)
		var l state.Link
		err := tx.Hub(p.r.Hub.Name).Changes(p.pos.Looked, upTo, func(_ uint64, id state.HubID) error {
			ok, err := links.Get(id, &l)
			if !ok || err != nil || l.State == state.LinkClosed {
				return nil //nolint:nilerr // a damaged link is settled when it is read
			}
			if lf := l.Field(p.book.Askers); lf == nil || lf.Seen != heldDigest(p.holders(tx, id)) {
				wake = append(wake, l.Remote)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return tx.EachExcluded(p.req.System, p.r.Object, func(remote string, row state.Excluded) error {
			if p.holdersOf(tx, row) != row.Held {
				wake = append(wake, remote)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("look at the filter of %s again: %w", p.r.Key(), err)
	}
	if upTo <= p.pos.Looked {
		return nil
	}
	return p.noteWoken(wake, upTo)
}

// noteWoken notes what is to be read again, and last that it was looked for.
func (p *puller) noteWoken(wake []string, upTo uint64) error {
	for {
		n := min(lookChunk, len(wake))
		err := p.opt.Store.Update(func(tx *state.Tx) error {
			for _, remote := range wake[:n] {
				if err := tx.Wake(p.req.System, p.r.Object, state.WakeRecord, remote); err != nil {
					return err
				}
			}
			if n < len(wake) {
				return nil
			}
			return p.reposition(tx, func(pos *state.Position) { pos.Looked = upTo })
		})
		if wake = wake[n:]; err != nil || len(wake) == 0 {
			return err
		}
	}
}

// holders tells which of the systems that the filter asks about hold the hub
// record: one bit for each, the last for all beyond the eighth.
func (p *puller) holders(tx *state.Tx, id state.HubID) (mask byte) {
	for i, system := range p.r.Filter.Systems() {
		if id != 0 && p.book.HeldBy(tx, system, p.r.Hub, id) {
			mask |= 1 << min(i, 7)
		}
	}
	return mask
}

// heldDigest is how a link keeps which systems held its record.
func heldDigest(mask byte) record.Digest { return record.Digest(mask) + ledger.Lost + 1 }

// noteHolders keeps with the link which systems held the record when the filter
// was asked, and reports whether that is something else than before.
func (s *settling) noteHolders() bool {
	if len(s.p.r.Filter.Systems()) == 0 {
		return false
	}
	now := state.LinkField{Field: s.p.book.Askers, Seen: heldDigest(s.p.holders(s.tx, s.link.Hub))}
	if lf := s.link.Field(now.Field); lf != nil && lf.Seen == now.Seen {
		return false
	}
	s.link.Set(now)
	return true
}

// holdersOf is holders for the hub records that an excluded one matches.
func (p *puller) holdersOf(tx *state.Tx, row state.Excluded) (mask byte) {
	for i, key := range p.r.Match {
		if i >= len(row.Keys) || row.Keys[i] == 0 {
			continue
		}
		ids, err := tx.Hub(p.r.Hub.Name).Find(state.IndexKey{Field: p.book.IndexNum(ledger.Index{Field: key.Hub, Form: key.Compare}), Digest: row.Keys[i]})
		if err != nil {
			continue
		}
		for _, id := range ids {
			mask |= p.holders(tx, id)
		}
	}
	return mask
}
