package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// ChangesFilter chooses changes of a run; an empty name takes all.
type ChangesFilter struct {
	Run    uint64 `json:"run"`
	Object string `json:"object,omitempty"` // of the hub
	Field  string `json:"field,omitempty"`  // of the hub
}

// ChangeGroup is how often a run changed one field of one object, and why.
type ChangeGroup struct {
	Object  string         `json:"object"`
	Field   string         `json:"field,omitempty"` // empty for records as a whole
	Changes int            `json:"changes"`
	Reasons map[string]int `json:"reasons"`
}

// ChangeView is one change of a run.
type ChangeView struct {
	Run    uint64    `json:"run"`
	At     time.Time `json:"at"`
	Object string    `json:"object"`
	Hub    string    `json:"hub_id,omitempty"`
	Label  string    `json:"label,omitempty"` // what people know the record by
	System string    `json:"system,omitempty"`
	Remote string    `json:"remote_id,omitempty"`
	Flow   string    `json:"flow,omitempty"`
	Field  string    `json:"field,omitempty"` // of the hub; empty for the record as a whole
	// RemoteField is the system's name of the field.
	RemoteField string `json:"remote_field,omitempty"`
	// Old and New are nil for a blank; what they are in the system of a push is as
	// that system spells it. OldLost is set where the old value is not known.
	Old       *string `json:"old"`
	OldKnown  string  `json:"old_known,omitempty"` // read, own_last or unknown
	OldLost   bool    `json:"old_lost,omitempty"`
	OldRefers string  `json:"old_refers_to,omitempty"` // what people know a record by that a reference names
	New       *string `json:"new"`
	NewRefers string  `json:"new_refers_to,omitempty"`
	Reason    string  `json:"reason"`
	Evidence  string  `json:"evidence,omitempty"`
}

// changesChunk is how many entries of the journal one read transaction shows.
const changesChunk = 2000

// groupKey is what a change is counted under.
type groupKey struct{ object, field string }

// ChangeGroups counts what a run changed, by object and field in the order of
// their names, the records as a whole before their fields.
func (e *Engine) ChangeGroups(ctx context.Context, filter ChangesFilter) ([]ChangeGroup, error) {
	groups := map[groupKey]*ChangeGroup{}
	err := e.eachChange(ctx, filter, func(_ *state.Tx, j *state.JournalEntry) error {
		key := groupKey{j.Object, e.fieldName(j.Field)}
		g := groups[key]
		if g == nil {
			g = &ChangeGroup{Object: key.object, Field: key.field, Reasons: map[string]int{}}
			groups[key] = g
		}
		g.Changes++
		g.Reasons[j.Reason]++
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		if err := e.knowsChanges(filter); err != nil {
			return nil, err
		}
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(a.object, b.object), cmp.Compare(a.field, b.field))
	})
	out := make([]ChangeGroup, len(keys))
	for i, key := range keys {
		out[i] = *groups[key]
	}
	return out, nil
}

// knowsChanges refuses a filter that names what the hub does not have. It is for
// filters that took nothing: the journal may know fields that are no longer
// mapped.
func (e *Engine) knowsChanges(filter ChangesFilter) error {
	objects := slices.Sorted(maps.Keys(e.opt.Mapping.Hub))
	if filter.Object != "" {
		if e.opt.Mapping.Object(filter.Object) == nil {
			return fmt.Errorf("%w: %q; it has %s", ErrNoObject, filter.Object, strings.Join(objects, ", "))
		}
		objects = []string{filter.Object}
	}
	if filter.Field == "" {
		return nil
	}
	var fields []string
	for _, name := range objects {
		for _, f := range e.opt.Mapping.Hub[name].Fields {
			if f.Name == filter.Field {
				return nil
			}
			fields = append(fields, f.Name)
		}
	}
	slices.Sort(fields)
	return &noFieldError{text: fmt.Sprintf("the hub has no field %q in %s: --field takes the hub's name of a field, not a system's; there are %s",
		filter.Field, strings.Join(objects, ", "), strings.Join(slices.Compact(fields), ", "))}
}

// noFieldError names a field that the hub does not have. It is an ErrNoObject:
// what was asked for is misnamed.
type noFieldError struct{ text string }

// Error returns the text.
func (e *noFieldError) Error() string { return e.text }

// Unwrap returns ErrNoObject.
func (e *noFieldError) Unwrap() error { return ErrNoObject }

// Changes calls fn for each change of a run, one group of ChangeGroups after the
// other. It keeps few of them in memory, and no transaction open meanwhile.
func (e *Engine) Changes(ctx context.Context, filter ChangesFilter, fn func(ChangeView) error) error {
	groups, err := e.ChangeGroups(ctx, filter)
	if err != nil {
		return err
	}
	for _, g := range groups {
		this := ChangesFilter{Run: filter.Run, Object: g.Object, Field: g.Field}
		var views []ChangeView
		err := e.eachChange(ctx, this, func(tx *state.Tx, j *state.JournalEntry) error {
			if e.fieldName(j.Field) == g.Field {
				views = append(views, e.changeView(tx, j))
			}
			return nil
		}, func() error {
			for _, v := range views {
				if err := fn(v); err != nil {
					return err
				}
			}
			views = views[:0]
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachChange calls fn for each change of a run, in short transactions, and end
// behind each of them. What a record was made with comes as changes of its
// fields.
func (e *Engine) eachChange(ctx context.Context, filter ChangesFilter, fn func(*state.Tx, *state.JournalEntry) error, end func() error) error {
	want := func(j *state.JournalEntry) bool {
		return (filter.Object == "" || j.Object == filter.Object) &&
			(filter.Field == "" || len(j.Sent) > 0 || e.fieldName(j.Field) == filter.Field)
	}
	after := uint64(0)
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err // who asked is gone
		}
		more = false
		n := 0
		err := e.opt.Store.View(func(tx *state.Tx) error {
			return tx.JournalOfRun(filter.Run, after, want, func(j state.JournalEntry) error {
				if n++; n > changesChunk {
					more = true
					return state.ErrStop
				}
				after = j.Seq
				return eachField(j, func(c *state.JournalEntry) error {
					if filter.Field != "" && e.fieldName(c.Field) != filter.Field {
						return nil
					}
					return fn(tx, c)
				})
			})
		})
		if err != nil {
			return fmt.Errorf("read the journal of run %d: %w", filter.Run, err)
		}
		if end == nil {
			continue
		}
		if err := end(); err != nil {
			return err
		}
	}
	return nil
}

// eachField calls fn for an entry, and for each field that it says a record was
// made with.
func eachField(j state.JournalEntry, fn func(*state.JournalEntry) error) error {
	sent := j.Sent
	j.Sent = nil
	if err := fn(&j); err != nil {
		return err
	}
	for _, v := range sent {
		c := j
		c.Field, c.Rule, c.New = v.Field, v.Rule, v.Value
		if err := fn(&c); err != nil {
			return err
		}
	}
	return nil
}

// fieldName is the hub's name of a field, empty for none.
func (e *Engine) fieldName(field state.Num) string {
	return strings.TrimPrefix(e.opt.Store.Name(field), "f:")
}

// changeView shows one change.
func (e *Engine) changeView(tx *state.Tx, j *state.JournalEntry) ChangeView {
	_, remoteField, _ := strings.Cut(e.opt.Store.Name(j.Rule), ">")
	v := ChangeView{
		Run: j.Run, At: time.Unix(j.At, 0).UTC(), Object: j.Object,
		System: strings.TrimPrefix(e.opt.Store.Name(j.System), "s:"), Remote: j.Remote, Flow: j.Flow.String(),
		Field: e.fieldName(j.Field), RemoteField: remoteField, Reason: j.Reason, Evidence: j.Evidence,
	}
	o := e.opt.Mapping.Object(j.Object)
	var f *fieldmap.HubField
	if o != nil {
		f = o.ByName[v.Field]
	}
	if j.Hub != 0 {
		v.Hub = j.Hub.String()
		var rec state.HubRecord
		if o != nil {
			if ok, err := tx.Hub(j.Object).Get(j.Hub, &rec); err == nil && ok {
				v.Label = e.label(o, &rec)
			}
		}
	}
	if j.Field == 0 {
		return v
	}
	v.OldKnown = j.OldKnown.String()
	v.OldLost = j.OldKnown == state.OldUnknown || j.Old.State() == record.Missing
	v.Old, v.OldRefers = e.changedValue(tx, j, f, j.Old)
	v.New, v.NewRefers = e.changedValue(tx, j, f, j.New)
	return v
}

// changedValue is one side of a change as people write it, nil for a blank. What
// was pushed stands in the system's own form, where a reference is its id there.
func (e *Engine) changedValue(tx *state.Tx, j *state.JournalEntry, f *fieldmap.HubField, val record.Value) (text *string, refers string) {
	if !val.IsSet() {
		return nil, ""
	}
	s := val.Text()
	if f != nil {
		s = plainText(f.Type, val)
		if f.Type == record.Reference && j.Flow != state.FlowPush {
			refers = e.refLabel(tx, f, val)
		}
	}
	return &s, refers
}

// journalFlow is the way that values go in this run.
func (r *run) journalFlow() state.Flow {
	if r.flow == "pull" {
		return state.FlowPull
	}
	return state.FlowPush
}

// pruneJournal keeps the journal within its limits, after a run.
func (e *Engine) pruneJournal(ctx context.Context) {
	if e.opt.dry || e.opt.Journal == (state.JournalLimits{}) || ctx.Err() != nil {
		return
	}
	if err := e.opt.Store.PruneJournal(ctx, e.opt.Journal, e.now()); err != nil && ctx.Err() == nil {
		e.log.Error("the journal is not kept within its limits", "err", err)
	}
}
