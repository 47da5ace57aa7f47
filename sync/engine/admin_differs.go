package engine

import (
	"context"
	"fmt"
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// DifferFilter chooses among the differences that may stay. What is empty takes
// all. Hub is a number, or a hub object and a number.
type DifferFilter struct{ System, Object, Reason, Hub, Remote string }

func (f DifferFilter) covers(r *ledger.Route) bool {
	return (f.System == "" || f.System == r.System) && (f.Object == "" || f.Object == r.Object)
}

func (f DifferFilter) takes(r *ledger.Route, l *state.Link) bool {
	return (f.Remote == "" || f.Remote == l.Remote) && (f.Hub == "" || namesHub(f.Hub, r.Hub.Name, l.Hub))
}

// DifferView is a field in which the two sides differ, and may: such as one that
// was written at creation and never after (D12).
type DifferView struct {
	System string `json:"system"`
	Object string `json:"object"`
	Remote string `json:"remote_id"`
	Hub    string `json:"hub_id"`
	Label  string `json:"label,omitempty"`
	Field  string `json:"field"`
	Path   string `json:"remote_field"`
	Reason string `json:"reason"`
	Ours   string `json:"hub_value"`
	Theirs string `json:"their_value"`
	// Known is false where their system could not be asked for its value.
	Known bool   `json:"known"`
	Note  string `json:"note,omitempty"`
}

// differBatch is how many records are read by id in one call.
const differBatch = 200

// differing is a link with fields that differ, and may.
type differing struct {
	remote, label string
	hub           state.HubID
	rules         []int
	reasons       []plan.Reason
	ours          []record.Value
}

// Differences calls fn for each difference that may stay. Links keep few of their
// values, so these are read by id where the system can.
func (e *Engine) Differences(ctx context.Context, f DifferFilter, fn func(DifferView) error) error {
	for _, r := range e.book.Routes {
		if !f.covers(r) {
			continue
		}
		from, more := state.HubID(0), true
		for more {
			batch, next, err := e.differingOf(r, f, from)
			if err != nil {
				return fmt.Errorf("walk the links of %s: %w", r.Key(), err)
			}
			if err := e.showDiffering(ctx, r, batch, fn); err != nil {
				return err
			}
			from, more = next, next != 0
		}
	}
	return nil
}

// differingOf collects a batch of links with differences that the filter takes, from a
// hub id on. The id where the next batch begins is 0 at the end.
func (e *Engine) differingOf(r *ledger.Route, f DifferFilter, from state.HubID) (batch []differing, next state.HubID, err error) {
	err = e.opt.Store.View(func(tx *state.Tx) error {
		seen := 0
		return r.Links(tx).Each(from, func(l *state.Link) error {
			if seen++; seen > lookupChunk || len(batch) >= differBatch {
				next = l.Hub
				return state.ErrStop
			}
			if l.State == state.LinkClosed || !f.takes(r, l) {
				return nil
			}
			d := e.differs(r, l, f.Reason)
			if len(d.rules) == 0 {
				return nil
			}
			var rec state.HubRecord
			if ok, err := tx.Hub(r.Hub.Name).Get(l.Hub, &rec); err != nil || !ok {
				return err
			}
			d.label = e.label(r.Hub, &rec)
			for _, i := range d.rules {
				d.ours = append(d.ours, rec.Get(r.Nums[r.Fields[i].Hub.Index]))
			}
			batch = append(batch, d)
			return nil
		})
	})
	return batch, next, err
}

// differs are the differences of a link that may stay for a reason, or for any. A
// field that is no longer create-only goes out with the next run.
func (e *Engine) differs(r *ledger.Route, l *state.Link, reason string) differing {
	d := differing{remote: l.Remote, hub: l.Hub}
	for i, rule := range r.Fields {
		lf := r.Field(l, i)
		if lf == nil || lf.Note == 0 || lf.Told == 0 {
			continue
		}
		why := plan.Reason(lf.Note)
		freed := why == plan.CreateOnly && rule.Write != fieldmap.CreateOnly
		if !freed && (reason == "" || reason == why.String()) {
			d.rules, d.reasons = append(d.rules, i), append(d.reasons, why)
		}
	}
	return d
}

// showDiffering reads the batch's values in their system and shows what differs.
func (e *Engine) showDiffering(ctx context.Context, r *ledger.Route, batch []differing, fn func(DifferView) error) error {
	if len(batch) == 0 {
		return nil
	}
	theirs, note := e.readDiffering(ctx, r, batch)
	for _, d := range batch {
		for j, i := range d.rules {
			rule := r.Fields[i]
			v := DifferView{
				System: r.System, Object: r.Object, Remote: d.remote, Hub: d.hub.String(), Label: d.label,
				Field: rule.Hub.Name, Path: rule.Remote.Name, Reason: d.reasons[j].String(), Ours: oursText(rule, d.ours[j]), Note: note,
			}
			if values, ok := theirs[d.remote]; ok {
				v.Known, v.Theirs = values[i].Known(), plainText(rule.Remote.Type, values[i])
			} else if note == "" {
				v.Note = "no longer there"
			}
			if err := fn(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// oursText is a value of the hub; a reference names the record.
func oursText(rule *fieldmap.Rule, v record.Value) string {
	if rule.Hub.Type == record.Reference && v.IsSet() {
		return rule.Hub.RefTo + "/" + v.Text()
	}
	return plainText(rule.Hub.Type, v)
}

// readDiffering reads the fields of a batch that differ by id.
func (e *Engine) readDiffering(ctx context.Context, r *ledger.Route, batch []differing) (map[string]map[int]record.Value, string) {
	sys := e.opt.Systems[r.System]
	if sys == nil || sys.Getter == nil {
		return nil, "their value cannot be read by id"
	}
	sys, _ = e.gated(sys, proving{})
	var fields []record.Field
	var index []int
	for i, rule := range r.Fields {
		if slices.ContainsFunc(batch, func(d differing) bool { return slices.Contains(d.rules, i) }) {
			fields, index = append(fields, rule.Remote), append(index, i)
		}
	}
	ids := make([]string, len(batch))
	for i, d := range batch {
		ids[i] = d.remote
	}
	recs, _, err := sys.Getter.Get(ctx, r.Object, fields, ids)
	if err != nil {
		return nil, "their value could not be read: " + err.Error()
	}
	out := make(map[string]map[int]record.Value, len(recs))
	for _, rec := range recs {
		values := map[int]record.Value{}
		for j, f := range fields {
			if v, err := sys.Provider.Convert(r.Object, f, rec.Raw[j]); err == nil {
				values[index[j]] = v
			}
		}
		out[rec.ID] = values
	}
	return out, ""
}
