package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// waits reports whether an unlinked record must wait before it may be matched
// or made, and notes why.
func (p *pusher) waits(tx *state.Tx, it *item) bool {
	for _, rule := range p.r.Fields {
		v := p.r.Value(&it.rec, rule.Hub)
		switch {
		case isContactEmail(rule.Hub):
			p.emailWaits(it, v, true)
		case ledger.IsParent(rule):
			p.parentWaits(tx, it, rule, v)
		}
	}
	return it.wait
}

// emailWaits holds a contact without an e-mail, on create and on update (R154,
// R155). An ill-formed one holds a create whole and an update's field alone.
func (p *pusher) emailWaits(it *item, v record.Value, creating bool) {
	switch {
	case !v.IsSet():
		p.hold(it, "", ledger.HoldNoEmail, "the contact has no e-mail", "")
	case !fieldmap.ValidEmail(v.Text()) && creating:
		p.hold(it, "", ledger.HoldBadValue, "email: this is no e-mail address", "")
	}
}

// parentWaits holds a record whose account is not there yet: in the hub, or in
// this target (R146, D21).
func (p *pusher) parentWaits(tx *state.Tx, it *item, rule *fieldmap.Rule, v record.Value) {
	if !v.IsSet() {
		p.hold(it, "", ledger.HoldParentUnknown, "the record belongs to no account that is known", "")
		return
	}
	if _, f := p.reference(tx, rule, v); f != nil {
		p.hold(it, "", f.reason, f.detail, f.event)
	}
}

// decide takes the verdict on every field of a linked record, from what the
// hub holds and what the link was told. It reports whether anything moves.
func (p *pusher) decide(tx *state.Tx, it *item) (moves bool) {
	it.verdicts, it.kept, it.left = it.verdicts[:0], it.kept[:0], it.left[:0]
	for i, rule := range p.r.Fields {
		v := plan.Verdict{Kind: plan.Nothing}
		if !p.resting[i] {
			v = p.decideRule(tx, it, i, rule)
		}
		v = p.offered(it, i, v)
		moves = moves || v.Kind != plan.Nothing && v.Kind != plan.Hold
		it.verdicts = append(it.verdicts, v)
	}
	p.updateWaits(it)
	p.group(it)
	if lf := it.link.Field(p.book.External); p.r.ExternalID != "" && it.external.IsSet() && (lf == nil || lf.Told != p.book.Key.Value(record.ID, it.external)) {
		it.setExt, moves = true, true
	}
	return moves
}

// decideRule takes the verdict on one rule that does not rest.
func (p *pusher) decideRule(tx *state.Tx, it *item, i int, rule *fieldmap.Rule) plan.Verdict {
	ours := p.ours(it, rule)
	lf := p.r.Field(&it.link, i)
	switch {
	case len(it.standing) > 0 && p.keepsHold(tx, it, rule, lf, ours):
		return p.leftOut(rule, lf, ours)
	case lf == nil || lf.Seen == 0 && lf.Told == 0:
		return p.decideUnmet(tx, it, i, rule)
	case lf.Told == p.book.Key.Value(rule.Hub.Type, ours):
		return plan.Verdict{Kind: plan.Nothing}
	}
	return p.decideField(tx, it, i, rule, lf, ours)
}

// leftOut is the verdict on a field whose hold is kept: nothing moves.
func (p *pusher) leftOut(rule *fieldmap.Rule, lf *state.LinkField, ours record.Value) plan.Verdict {
	switch {
	case lf == nil:
		return plan.Verdict{Kind: plan.Hold}
	case lf.Told != p.book.Key.Value(rule.Hub.Type, ours):
		return plan.Verdict{Kind: plan.Hold, Seen: lf.Seen, Told: lf.Told}
	}
	return plan.Verdict{Kind: plan.Nothing}
}

// decideUnmet decides a field that its rule has not met, by what is known to
// stand there. One that must be read first is left over.
func (p *pusher) decideUnmet(tx *state.Tx, it *item, i int, rule *fieldmap.Rule) plan.Verdict {
	v, f := p.unmet(tx, it, i, rule)
	switch {
	case f != nil && f.reason != "":
		p.hold(it, rule.Hub.Name, f.reason, f.detail, f.event)
		return plan.Verdict{Kind: plan.Hold}
	case f != nil:
		stands := p.r.Stands(&it.link, i)
		return plan.Verdict{Kind: plan.Tolerate, Reason: plan.Skipped, Seen: stands.Last(), Told: p.book.Key.Value(rule.Hub.Type, p.ours(it, rule))}
	case v.Kind == plan.Nothing:
		it.left = append(it.left, rule.Hub.Name)
	}
	return v
}

// heldOf stands for what of ours a field is held for: the hub's value, and of a
// reference the record that it leads to there, which may become another one.
func (p *pusher) heldOf(tx *state.Tx, rule *fieldmap.Rule, ours record.Value) record.Digest {
	if rule.Hub.Type == record.Reference {
		if remote, f := p.translate(tx, rule, ours); f == nil {
			return p.book.Key.Value(rule.Remote.Type, remote)
		}
	}
	return p.book.Key.Value(rule.Hub.Type, ours)
}

// keepsHold reports whether a field is held for the value that the hub has, and a
// walk cannot change that: a reading held it, or the system refused it. It stays
// held, and what was refused is left out of every call.
func (p *pusher) keepsHold(tx *state.Tx, it *item, rule *fieldmap.Rule, lf *state.LinkField, ours record.Value) bool {
	told := lf != nil && lf.Told == p.book.Key.Value(rule.Hub.Type, ours)
	for _, h := range it.standing {
		if h.Field != rule.Hub.Name || h.Ours == 0 || h.Ours != p.heldOf(tx, rule, ours) {
			continue
		}
		switch h.Reason {
		case ledger.HoldBadValue, ledger.HoldRejected, ledger.HoldWriteIgnored, ledger.HoldOscillating:
		default:
			if !told {
				continue
			}
		}
		it.kept = append(it.kept, h.Field)
		return true
	}
	return false
}

// updateWaits applies the rules that hold a linked record whole: a contact
// needs its e-mail and its account on an update too.
func (p *pusher) updateWaits(it *item) {
	for _, rule := range p.r.Fields {
		v := p.r.Value(&it.rec, rule.Hub)
		switch {
		case isContactEmail(rule.Hub):
			p.emailWaits(it, v, false)
		case ledger.IsParent(rule) && !v.IsSet():
			p.hold(it, "", ledger.HoldParentUnknown, "the record belongs to no account any more", "")
		}
	}
}

// decideField takes the verdict on one field of a linked record.
func (p *pusher) decideField(tx *state.Tx, it *item, i int, rule *fieldmap.Rule, lf *state.LinkField, ours record.Value) plan.Verdict {
	held := plan.Verdict{Kind: plan.Hold, Seen: lf.Seen, Told: lf.Told}
	if isContactEmail(rule.Hub) && ours.IsSet() && !fieldmap.ValidEmail(ours.Text()) {
		p.hold(it, rule.Hub.Name, ledger.HoldBadValue, "email: this is no e-mail address", "")
		return held
	}
	if ledger.IsParent(rule) && p.r.OnMove == fieldmap.MoveHold {
		p.hold(it, rule.Hub.Name, ledger.HoldConflict, "the account changed, and on_move says hold", "")
		return held
	}
	remote, f := p.translate(tx, rule, ours)
	if f != nil {
		if f.reason != "" {
			p.hold(it, rule.Hub.Name, f.reason, f.detail, f.event)
			return held
		}
		return plan.Verdict{Kind: plan.Tolerate, Reason: plan.Skipped, Seen: lf.Seen, Told: p.book.Key.Value(rule.Hub.Type, ours)}
	}
	v := plan.Decide(p.book.Key, plan.Field{
		Rule: rule, Direction: fieldmap.Push, OnLink: p.r.OnLink, Ours: ours, OursRemote: remote,
		Seen: lf.Seen, Told: lf.Told, There: p.r.Stands(&it.link, i), Found: it.link.Origin == state.OriginFound,
		Pending: pendingOf(lf),
	})
	// A first meeting whose hub value was cleared meanwhile has nothing to say: a
	// blank never beats a value.
	if met := pendingOf(lf); !ours.IsSet() && v.Kind == plan.Push && (met == plan.FirstMeeting || met == plan.BlankFilled) {
		return plan.Verdict{Kind: plan.Tolerate, Reason: plan.BlankIgnored, Seen: lf.Seen, Told: v.Told}
	}
	return v
}

// pendingOf is why a field is to go out that was read and not written since.
func pendingOf(lf *state.LinkField) plan.Reason {
	if lf.Told != 0 || lf.Seen == 0 {
		return plan.NoReason
	}
	return plan.Reason(lf.Note)
}

// group sends the fields whole that must travel together, such as state with
// country.
func (p *pusher) group(it *item) {
	for _, g := range p.groups {
		if !slices.ContainsFunc(g, func(i int) bool { return it.verdicts[i].Kind == plan.Push }) {
			continue
		}
		for _, i := range g {
			rule := p.r.Fields[i]
			fixed := rule.Write == fieldmap.CreateOnly || rule.Write == fieldmap.Never || slices.Contains(it.kept, rule.Hub.Name)
			if it.verdicts[i].Kind != plan.Nothing || fixed {
				continue
			}
			ours := p.r.Value(&it.rec, rule.Hub)
			if ours.IsSet() && rule.Values == nil {
				it.verdicts[i] = plan.Verdict{
					Kind: plan.Push, Reason: plan.Same, Value: ours, Seen: p.book.Key.Value(rule.Remote.Type, ours),
					Told: p.book.Key.Value(rule.Hub.Type, ours), Sent: true,
				}
			}
		}
	}
}

// groupsOf are the groups of which the route writes two fields or more, as the
// places of their rules.
func groupsOf(sys *System, r *ledger.Route) [][]int {
	if sys.Grouper == nil {
		return nil
	}
	var out [][]int
	for _, names := range sys.Grouper.Groups(r.Object) {
		var g []int
		for i, rule := range r.Fields {
			if slices.Contains(names, rule.Remote.Name) {
				g = append(g, i)
			}
		}
		if len(g) > 1 {
			out = append(out, g)
		}
	}
	return out
}

// decideCreate fills a new record, or notes what it waits for (R149, D4).
func (p *pusher) decideCreate(tx *state.Tx, it *item) {
	var missing []string
	for _, f := range p.r.CreateNeeds {
		if !p.r.Value(&it.rec, f).IsSet() {
			missing = append(missing, shortName(f))
		}
	}
	for i, f := range p.r.Hub.Fields {
		if f.Required && !it.rec.Get(p.r.Nums[i]).IsSet() && !slices.Contains(missing, f.Name) {
			missing = append(missing, f.Name)
		}
	}
	missing = append(missing, p.foreign(tx, it)...)
	if len(missing) > 0 {
		p.hold(it, "", ledger.HoldRequired, strings.Join(missing, ", "), "")
		return
	}
	if p.r.ExternalID != "" && !it.external.IsSet() {
		p.hold(it, "", ledger.HoldRequired, "no id to carry over", "")
		return
	}
	it.verdicts = it.verdicts[:0]
	for i, rule := range p.r.Fields {
		if p.resting[i] {
			it.verdicts = append(it.verdicts, plan.Verdict{Kind: plan.Nothing, Reason: plan.Suspended})
			continue
		}
		ours := p.r.Value(&it.rec, rule.Hub)
		remote, f := p.translate(tx, rule, ours)
		switch {
		case f != nil && f.reason != "":
			// Theirs will be blank: the field goes out when its hold ends.
			p.hold(it, rule.Hub.Name, f.reason, f.detail, f.event)
			it.verdicts = append(it.verdicts, plan.Verdict{Kind: plan.Hold, Seen: p.book.Key.Value(rule.Remote.Type, record.NullValue()), Sent: true})
			continue
		case f != nil:
			it.verdicts = append(it.verdicts, plan.Verdict{
				Kind: plan.Tolerate, Reason: plan.Skipped, Seen: p.book.Key.Value(rule.Remote.Type, record.NullValue()), Told: p.book.Key.Value(rule.Hub.Type, ours), Sent: true,
			})
			continue
		}
		it.verdicts = append(it.verdicts, p.offered(it, i, plan.Decide(p.book.Key, plan.Field{
			Rule: rule, Direction: fieldmap.Push, OnLink: p.r.OnLink, Ours: ours, OursRemote: remote, Creating: true,
		})))
	}
	it.setExt = p.r.ExternalID != ""
}

// foreign returns the required fields of a record that the object's system of
// record holds and that another system filled: who is to be made there is for
// the system of record to say (R140). A field whose word another system has, and
// a value that a person gave, are as good.
func (p *pusher) foreign(tx *state.Tx, it *item) (names []string) {
	h := p.r.Hub
	for i, f := range h.Fields {
		if !f.Required || f.Owner == "" || f.Owner != h.SystemOfRecord || !it.rec.Get(p.book.Nums(h)[i]).IsSet() {
			continue
		}
		source := p.sourceOf(&it.rec, p.book.Nums(h)[i])
		if source == f.Owner || p.book.System(source) == 0 || !p.book.HeldBy(tx, h.SystemOfRecord, h, it.id) {
			continue
		}
		names = append(names, fmt.Sprintf("%s (%s has none, and it is not made by the one of %s)", f.Name, h.SystemOfRecord, source))
	}
	return names
}

// shortName is what an admin calls a field that a create waits for.
func shortName(f *fieldmap.HubField) string {
	if rest, ok := strings.CutPrefix(f.Name, "phone_numbers."); ok && rest != "" {
		return "phone"
	}
	return f.Name
}

// pushFault is why a hub value cannot be carried over, and the event that ends
// it.
type pushFault struct {
	reason, detail string
	event          ledger.Event
}

// translate brings our value into the target's form.
func (p *pusher) translate(tx *state.Tx, rule *fieldmap.Rule, v record.Value) (record.Value, *pushFault) {
	switch {
	case !v.IsSet():
		return v, nil
	case rule.Hub.Type == record.Reference:
		return p.reference(tx, rule, v)
	}
	remote, ok := rule.ToRemote(v)
	switch {
	case ok:
		return remote, nil
	case rule.OnUnmapped == fieldmap.UnmappedSkip:
		return v, &pushFault{}
	}
	return v, &pushFault{reason: ledger.HoldUnmapped, detail: fmt.Sprintf("%q is in no line of the value map", v.Text())}
}

// reference turns a hub id into the id of the record it is linked with in this
// target.
func (p *pusher) reference(tx *state.Tx, rule *fieldmap.Rule, v record.Value) (record.Value, *pushFault) {
	id, err := state.ParseHubID(v.Text())
	route := p.routeOf(rule.Hub.RefTo)
	if err != nil || route == nil {
		return v, &pushFault{reason: ledger.HoldParentUnknown, detail: rule.Hub.Name + " points to nothing that this target has"}
	}
	if remote, ok := route.OpenLink(tx, id); ok {
		return p.visibleReference(tx, route, id, remote)
	}
	// A hub record that turned out to be another one leaves an alias behind.
	var rec state.HubRecord
	if ok, err := tx.Hub(rule.Hub.RefTo).Get(id, &rec); err == nil && ok && rec.State == state.HubAlias {
		id = rec.AliasOf
		if remote, ok := route.OpenLink(tx, id); ok {
			return p.visibleReference(tx, route, id, remote)
		}
	} else if errors.Is(err, state.ErrDamaged) || !ok {
		return v, &pushFault{reason: ledger.HoldParentUnknown, detail: rule.Hub.RefTo + "/" + id.String() + " is not in the hub"}
	}
	return v, p.waitsFor(route, id, p.whyUnlinked(tx, route, id))
}

// visibleReference is a reference to a linked record, which waits while that one
// is not visible.
func (p *pusher) visibleReference(tx *state.Tx, route *ledger.Route, id state.HubID, remote string) (record.Value, *pushFault) {
	if !p.hidden(tx, route, id) {
		return record.Of(remote), nil
	}
	f := p.waitsFor(route, id, "is linked with "+route.Object+" "+remote+", which "+p.req.System+" does not show")
	if _, held := notVisible(route.Holds(tx, id, "")); !held {
		f.event = ledger.NextRun(p.req.System) // a guard stopped: this run alone knows
	}
	return record.Of(remote), f
}

// wasDeleted begins what is said of a parent that somebody deleted there.
const wasDeleted = "was deleted in "

// wasUnlinked begins what is said of a parent that a person unlinked there.
const wasUnlinked = "was unlinked by a person from "

// whyUnlinked says why a record that is named has no link.
func (p *pusher) whyUnlinked(tx *state.Tx, route *ledger.Route, id state.HubID) string {
	var l state.Link
	if ok, err := route.Links(tx).Get(id, &l); ok && err == nil {
		switch l.Close {
		case state.ClosedDeleted:
			return wasDeleted + p.req.System
		case state.ClosedByPerson:
			return wasUnlinked + p.req.System
		case state.NotClosed, state.ClosedMerged, state.ClosedRemoved:
		}
	}
	return "is not linked with " + p.req.System + " yet"
}

// waitsFor is the fault of a reference whose record is not there, with why.
func (p *pusher) waitsFor(route *ledger.Route, id state.HubID, why string) *pushFault {
	return &pushFault{
		reason: ledger.HoldParentWaits, detail: route.Hub.Name + "/" + id.String() + " " + why,
		event: route.Linked(id),
	}
}
