package engine

import (
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// reference turns what names another record of their system into a hub id.
func (s *settling) reference(rule *fieldmap.Rule, v record.Value) (record.Value, *fault) {
	if rule.RefKey != nil {
		return s.referenceByKey(rule, v)
	}
	ids := v.Elems()
	if len(ids) == 0 {
		return v, nil
	}
	if len(ids) > 1 && ledger.IsParent(rule) {
		reason := ledger.HoldAmbiguous
		if rule.Hub.Object == "contact" {
			reason = ledger.HoldManyCustomers
		}
		return v, &fault{reason: reason, detail: "linked to " + strings.Join(ids, ", "), record: true}
	}
	unknown := &fault{reason: ledger.HoldParentUnknown, detail: rule.Remote.Name + " names " + ids[0] + ", which the hub does not hold", record: ledger.IsParent(rule)}
	route := s.p.routeOf(rule.Hub.RefTo)
	if route == nil {
		return v, unknown
	}
	links := route.Links(s.tx)
	id, _, st, ok := links.Peek(ids[0])
	// What left the scope stays what the record names, a user who left most of all
	// (R111); only a parent must be there.
	if ok && (st != state.LinkClosed || !ledger.IsParent(rule)) {
		return record.Of(id.String()), nil
	}
	if route.Hub.Name == fieldmap.User {
		return s.placeholder(route, ids[0])
	}
	unknown.event = ledger.Known(route.System, route.Object, ids[0])
	return v, unknown
}

// placeholder makes a hub user for one that nobody knows, so that the reference
// does not break (R113). If the user is read after all, it gets its values.
func (s *settling) placeholder(route *ledger.Route, remote string) (record.Value, *fault) {
	p := s.p
	broken := func(err error) (record.Value, *fault) {
		return record.Value{}, &fault{reason: ledger.HoldBadValue, detail: "make a placeholder for user " + remote + ": " + err.Error()}
	}
	users := s.tx.Hub(route.Hub.Name)
	id, err := users.NextID()
	if err != nil {
		return broken(err)
	}
	rec := state.HubRecord{ID: id, State: state.HubActive}
	if f := route.Hub.Field(fieldmap.Name); f != nil {
		rec.Set(route.Nums[f.Index], record.Of("unknown user "+remote), p.book.System(p.req.System), p.now().Unix(), 0)
	}
	if err := users.Put(&rec, p.book.IndexKeys(route.Hub, &rec)); err != nil {
		return broken(err)
	}
	if err := route.Links(s.tx).Put(&state.Link{Hub: id, Remote: remote, Origin: state.OriginFound}); err != nil {
		return broken(err)
	}
	p.count("placeholders", 1)
	s.entries = append(s.entries, p.entryOf(route, id, remote, "placeholder"))
	return record.Of(id.String()), nil
}

// referenceByKey finds the record that their value names by a key: the account
// whose account_id stands in a field of the child (R83).
func (s *settling) referenceByKey(rule *fieldmap.Rule, v record.Value) (record.Value, *fault) {
	if !v.IsSet() {
		return v, nil
	}
	hits, err := s.hubHitsOf(s.tx.Hub(rule.Hub.RefTo), s.p.opt.Mapping.Object(rule.Hub.RefTo), fieldmap.MatchKey{Hub: rule.RefKey}, v)
	switch {
	case err != nil:
		return v, &fault{reason: ledger.HoldBadValue, detail: "look the parent up: " + err.Error()}
	case len(hits) > 1:
		return v, &fault{
			reason: ledger.HoldAmbiguous, detail: "several hub records have the " + rule.RefKey.Name + " that " + rule.Remote.Name + " names",
			candidates: hubNames(rule.Hub.RefTo, hits), event: s.lessOf(rule, v),
		}
	case len(hits) == 0:
		f := &fault{reason: ledger.HoldParentUnknown, detail: rule.Remote.Name + " holds the " + rule.RefKey.Name + " of no record in the hub"}
		if s.late = !s.p.final; !s.late { // else settleLate asks again, without a call
			f.event = s.p.book.HasKey(rule.RefKey, v)
		}
		return v, f
	}
	if chain := s.cycle(rule, hits[0]); chain != nil {
		return v, &fault{
			reason: ledger.HoldBadValue, candidates: hubNames(rule.Hub.RefTo, chain),
			detail: fmt.Sprintf("%s would make the record its own ancestor: %s", rule.Remote.Name, strings.Join(hubNames(rule.Hub.RefTo, chain), " → ")),
			event:  ledger.OtherParent(s.p.r.Hub),
		}
	}
	return record.Of(hits[0].String()), nil
}

// lessOf is ledger.Fewer for the key by which a field names its record.
func (s *settling) lessOf(rule *fieldmap.Rule, v record.Value) ledger.Event {
	ik, _ := s.p.book.IndexKey(ledger.Index{Field: rule.RefKey, Form: fieldmap.Exact}, v)
	return ledger.Fewer(s.p.opt.Mapping.Object(rule.Hub.RefTo), ik)
}

// cycle returns the chain from the record over its new parent back to itself,
// nil where there is none. A chain too long to follow counts as one.
func (s *settling) cycle(rule *fieldmap.Rule, parent state.HubID) []state.HubID {
	if s.isNew || rule.Hub.RefTo != s.p.r.Hub.Name {
		return nil
	}
	field := s.p.r.Nums[rule.Hub.Index]
	chain := []state.HubID{s.rec.ID}
	var rec state.HubRecord
	for id := parent; len(chain) <= ledger.MaxChain; {
		chain = append(chain, id)
		if id == s.rec.ID {
			return chain
		}
		if ok, err := s.hub.Get(id, &rec); !ok || err != nil {
			return nil
		}
		next, err := state.ParseHubID(rec.Get(field).Text())
		if err != nil {
			return nil
		}
		id = next
	}
	return slices.Clip(chain)
}
