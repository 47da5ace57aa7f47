package engine

import (
	"errors"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// A record may be away: out of the hub's scope, or kept out by the route's filter.
// Nothing is written to it, and when it is back its link is all that tells. So what a
// reading shows meanwhile of a lost write, or by a line that is new or changed, is
// kept in the link.

// compareAway settles what a reading shows of a record that is away.
func (p *pusher) compareAway(tx *state.Tx, l state.Link, rec *record.Record, fields []record.Field, c comparison) error {
	if c.doubt[l.Hub] == nil && len(p.behind) == 0 {
		return nil
	}
	it, links := p.newItem(l.Hub), p.r.Links(tx)
	known, err := tx.Hub(p.r.Hub.Name).Get(l.Hub, &it.rec)
	if err != nil || !known {
		return err
	}
	linked, err := links.Get(l.Hub, &it.link)
	switch {
	case errors.Is(err, state.ErrDamaged):
		return nil // it is read anew when it is let in
	case err != nil, !linked, it.link.Remote != l.Remote, it.link.State == state.LinkClosed:
		return err
	}
	h := p.convert(rec, fields)
	if err := p.landed(tx, it, c, fields, &h); err != nil {
		return err
	}
	p.meetAway(tx, it, fields, &h, c)
	return links.Put(&it.link)
}

// meetAway decides each field whose line is new or changed, as if the record were
// there. What is to be written is left without told, and what is to be held as one that
// was never met: either is decided once the record is back.
func (p *pusher) meetAway(tx *state.Tx, it *item, fields []record.Field, h *hit, c comparison) {
	how := p.readingOf(&it.link, h, c)
	for i, rule := range p.r.Fields {
		at, lf := fieldIndex(fields, rule.Remote.Name), p.r.Field(&it.link, i)
		if !p.behind[i] || at < 0 || lf == nil || p.resting[i] || h.unreadable(at).fault != "" {
			continue
		}
		v, f := p.meetField(tx, it, i, rule, h.values[at], how)
		if f != nil || v.Kind == plan.Hold {
			it.link.Set(state.LinkField{Field: lf.Field})
			continue
		}
		p.keepMet(it, i, v, h.values[at])
	}
}
