package engine

import (
	"context"
	"slices"
	"strings"

	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// refusedItem is a record and what the vendor said of it.
type refusedItem struct {
	it  *item
	err *providers.Error
}

// namesField reports whether a refusal names a field that the route writes.
func (p *pusher) namesField(e *providers.Error) bool {
	return slices.ContainsFunc(e.Fields, func(name string) bool { return p.ruleOf(name) >= 0 })
}

// ruleOf is the place of the rule that writes a remote field, -1 if none does.
func (p *pusher) ruleOf(name string) int {
	for i, rule := range p.r.Fields {
		if strings.EqualFold(rule.Remote.Name, name) {
			return i
		}
	}
	return -1
}

// settleUnfit decides on records that were refused for a field, or as if the
// object were another one. The schema, asked again, says which it is: the object
// stops, the field rests and the records go out again without it, or it is this
// record's own trouble, and it alone is held.
func (p *pusher) settleUnfit(ctx context.Context, o *outcome) error {
	if len(o.unfit) == 0 {
		return nil
	}
	changed, known, err := p.askSchema(ctx)
	if err != nil {
		// The answers that came are kept first.
		o.stop = err
		return nil //nolint:nilerr // they are kept before the run stops
	}
	for _, u := range o.unfit {
		broken := u.err.Kind == providers.Broken
		switch {
		case p.outdated(u.it, u.err.Fields):
			o.again = append(o.again, u.it.id)
		case broken && !known:
			o.stop = u.err
		default:
			p.refused(u.it, u.err)
		}
	}
	if changed {
		for _, list := range []*[]*item{&p.creates, &p.updates} {
			for _, it := range *list {
				o.again = append(o.again, it.id) // it was decided with the field
			}
			*list = (*list)[:0]
		}
	}
	return nil
}

// outdated reports whether a record was sent with one of these fields, or with
// any where none is named, that rests now or whose option is not offered.
func (p *pusher) outdated(it *item, named []string) bool {
	for i := range it.verdicts {
		v := &it.verdicts[i]
		is := func(name string) bool { return strings.EqualFold(name, p.r.Fields[i].Remote.Name) }
		if v.Kind != plan.Push || len(named) > 0 && !slices.ContainsFunc(named, is) {
			continue
		}
		if p.resting[i] || slices.ContainsFunc(v.Value.Elems(), func(option string) bool { return slices.Contains(p.unoffered[i], option) }) {
			return true
		}
	}
	return false
}

// sendAgain has records decided once more in this run.
func (p *pusher) sendAgain(tx *state.Tx, ids []state.HubID) error {
	for _, id := range ids {
		if err := tx.Hub(p.r.Hub.Name).Touch(id); err != nil {
			return err
		}
	}
	return nil
}

// askSchema asks for the schema anew, once for each object in a run. changed says
// that a field rests since, or lacks an option; known, that there is a schema to
// go by. An error stops the object: it cannot be written as it is now.
func (p *pusher) askSchema(ctx context.Context) (changed, known bool, err error) {
	if p.sys.Describer == nil || p.opt.dry {
		return false, false, nil
	}
	if p.asked {
		return false, true, nil
	}
	p.asked = true
	findings, err := p.schemaFindings(ctx, p.sys, p.book.RoutesOf(p.req.System))
	if err != nil {
		return false, false, err
	}
	if f := wrong(findings); f != nil {
		return false, true, p.unfitFor(f)
	}
	c, err := p.lastChecked(p.req.System)
	if err != nil {
		return false, true, err
	}
	if other, err := p.setRests(p.req.System, c, restingNames(findings), unofferedOf(findings)); err != nil || !other {
		return false, true, err
	}
	rested, lacked := len(p.resting), len(p.unoffered)
	if err := p.opt.Store.View(func(tx *state.Tx) error {
		p.rest(suspended(tx, p.r))
		p.unoffered = unoffered(tx, p.r)
		return nil
	}); err != nil {
		return false, true, err
	}
	if p.aud != nil {
		p.aud.src.Rests = p.resting
	}
	p.sayResting(findings)
	return len(p.resting) > rested || len(p.unoffered) > lacked, true, nil
}
