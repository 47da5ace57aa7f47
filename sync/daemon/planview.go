package daemon

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/plan"
)

// PlanArgs asks what runs would do.
type PlanArgs struct {
	Systems []string `json:"systems,omitempty"`
	Full    bool     `json:"full,omitempty"`
}

// ChangeView is one record of a plan, with every field.
type ChangeView struct {
	System string            `json:"system"`
	Object string            `json:"object"`
	Op     string            `json:"op"`
	Remote string            `json:"remote_id,omitempty"`
	Hub    string            `json:"hub_id,omitempty"`
	Record string            `json:"record,omitempty"` // what people know it by
	Fields []FieldChangeView `json:"fields,omitempty"`
	Note   string            `json:"note,omitempty"`
}

// FieldChangeView is one field of a change. A nil value is a blank one; where
// theirs is not known it is left out.
type FieldChangeView struct {
	Field    string  `json:"field"`
	Remote   string  `json:"remote_field"`
	Old      *string `json:"old"`
	OldKnown bool    `json:"old_known"`
	New      *string `json:"new"`
	Reason   string  `json:"reason"`
}

// PlanView sums a plan up.
type PlanView struct {
	Counts map[string]map[string]int `json:"counts"` // by system/object and op
	Calls  map[string]map[string]int `json:"calls"`  // writes that would be needed, by system
	Runs   []RunView                 `json:"runs"`
	Held   []engine.HoldView         `json:"held"`
	// Resting names the fields, as system/object.field, that are gone, hidden or
	// not writable there: the plan leaves them out.
	Resting []string `json:"resting,omitempty"`
	// Fault is why some run would not come to its end, or its plan did not. The
	// rest of the plan stands.
	Fault *Fault `json:"fault,omitempty"`
}

func opPlan(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in PlanArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	for _, name := range in.Systems {
		if err := a.knows(name); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	view := PlanView{Counts: map[string]map[string]int{}, Runs: []RunView{}, Held: []engine.HoldView{}}
	res, err := a.engine().Plan(ctx, engine.PlanRequest{Systems: in.Systems, Full: in.Full, OnChange: func(c plan.Change) {
		key := c.System + "/" + c.Object
		if view.Counts[key] == nil {
			view.Counts[key] = map[string]int{}
		}
		view.Counts[key][string(c.Op)]++
		if s.item(viewChange(c)) != nil {
			cancel() // nobody listens any more
		}
	}})
	view.Calls = res.Calls
	for _, r := range res.Runs {
		view.Runs = append(view.Runs, ViewRun(r))
	}
	view.Held, view.Resting = append(view.Held, res.Held...), res.Resting
	if err == nil || len(res.Runs) == 0 || ctx.Err() != nil {
		return view, err
	}
	view.Fault = faultOf(err)
	return view, nil
}

func hasSystem(systems []System, name string) bool {
	for _, s := range systems {
		if s.Name == name {
			return true
		}
	}
	return false
}

func viewChange(c plan.Change) ChangeView {
	v := ChangeView{System: c.System, Object: c.Object, Op: string(c.Op), Remote: c.Remote, Record: c.Key, Note: c.Note}
	if c.Hub != 0 {
		v.Hub = strconv.FormatUint(c.Hub, 10)
	}
	for _, f := range c.Fields {
		v.Fields = append(v.Fields, FieldChangeView{
			Field: f.Field, Remote: f.Remote, Old: valueText(f.Old), OldKnown: f.Old.Known(), New: valueText(f.New), Reason: f.Reason.String(),
		})
	}
	return v
}

func valueText(v record.Value) *string {
	if !v.IsSet() {
		return nil
	}
	text := strings.Join(v.Elems(), "; ")
	return &text
}
