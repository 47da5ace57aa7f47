package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// An option that a line of a value map names and the system does not offer is
// told by the check and stops nothing: no record may need it. A value that does
// is held and never sent.

// notOffered is in the text of every hold that waits for an option.
const notOffered = "does not offer"

// unofferedOf gathers the options that are not offered, by the line that names
// them.
func unofferedOf(findings []Finding) map[string][]string {
	var out map[string][]string
	for _, f := range findings {
		if f.option == "" || slices.Contains(out[f.rule], f.option) {
			continue
		}
		if out == nil {
			out = map[string][]string{}
		}
		out[f.rule] = append(out[f.rule], f.option)
	}
	return out
}

// unoffered returns the options that the system did not offer when it was last
// checked, by the place of the rule whose value map names them.
func unoffered(tx *state.Tx, r *ledger.Route) map[int][]string {
	var c checked
	if err := json.Unmarshal(tx.Meta(checkedKey(r.System)), &c); err != nil || len(c.Unoffered) == 0 || r.Direction != fieldmap.Push {
		return nil
	}
	out := map[int][]string{}
	for i, rule := range r.Fields {
		if options := c.Unoffered[suspendedName(r.Object, rule)]; len(options) > 0 {
			out[i] = options
		}
	}
	return out
}

// offered returns the verdict on a field, which is to hold it where the value
// that would go out is no option of the system.
func (p *pusher) offered(it *item, i int, v plan.Verdict) plan.Verdict {
	if v.Kind != plan.Push || len(p.unoffered[i]) == 0 {
		return v
	}
	for _, option := range v.Value.Elems() {
		if !slices.Contains(p.unoffered[i], option) {
			continue
		}
		rule := p.r.Fields[i]
		p.hold(it, rule.Hub.Name, ledger.HoldUnmapped, fmt.Sprintf("the value map makes %q of it, which %s.%s %s", option, p.r.Object, rule.Remote.Name, notOffered), "")
		held := plan.Verdict{Kind: plan.Hold}
		switch lf := p.r.Field(&it.link, i); {
		case !it.linked: // theirs will be blank
			held.Seen, held.Sent = p.book.Key.Value(rule.Remote.Type, record.NullValue()), true
		case lf != nil:
			held.Seen, held.Told = lf.Seen, lf.Told
		}
		return held
	}
	return v
}

// needsOption reports whether something of the system is held for want of an
// option that its check missed.
func needsOption(tx *state.Tx, r *ledger.Route) bool {
	if len(unoffered(tx, r)) == 0 {
		return false
	}
	found := false
	_ = tx.EachHold(r.System, func(h state.Hold) error {
		if found = h.Reason == ledger.HoldUnmapped && h.Object == r.Object && strings.Contains(h.Detail, notOffered); found {
			return state.ErrStop
		}
		return nil
	})
	return found
}
