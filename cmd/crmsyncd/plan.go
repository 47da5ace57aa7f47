package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/plan"
)

// planResult is a plan as JSON.
type planResult struct {
	Changes []daemon.ChangeView `json:"changes"`
	// OlderConfig says that the daemon answered by another configuration than
	// the files hold.
	OlderConfig bool `json:"older_config,omitempty"`
	daemon.PlanView
}

func (a *app) planCommand() *cobra.Command {
	var args daemon.PlanArgs
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would write, field by field, and why",
		Long: "plan carries the same runs out on a copy of the state: the systems are read, and nothing is written\n" +
			"anywhere. It also counts the calls that the run would need. It ends with 4 where a guard would stop a run,\n" +
			"with 1 where one would fail, else with 0.",
		Example: "  crmsyncd plan\n  crmsyncd plan --system salesforce --full\n  crmsyncd plan -o json | jq '.changes[] | select(.op == \"update\")'",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.plan(cmd.Context(), args) },
	}
	c.Flags().BoolVar(&args.Full, "full", false, "plan a full run")
	c.Flags().StringSliceVar(&args.Systems, "system", nil, "plan pushes to this system only")
	return c
}

func (a *app) plan(ctx context.Context, args daemon.PlanArgs) error {
	ctx, stop := stoppable(ctx)
	defer stop()
	b := a.bar()
	s, err := a.openFor(ctx, purpose{scratch: true, progress: func(p engine.Progress) { b.set(p.System+" "+p.Object+" "+p.Step, p.Done, p.Total) }})
	if err != nil {
		return err
	}
	defer s.close()
	res := planResult{Changes: []daemon.ChangeView{}, OlderConfig: s.older}
	for _, caveat := range s.caveats() {
		a.note("%s", caveat)
	}
	res.PlanView, err = daemon.Ask[daemon.PlanView](ctx, s.Client, "plan", args, daemon.Sink{Item: items(func(c daemon.ChangeView) error {
		if a.json() {
			res.Changes = append(res.Changes, c)
			return nil
		}
		b.end()
		a.printChange(c)
		return nil
	})})
	b.end()
	if err != nil {
		return err
	}
	if a.json() {
		err = a.printJSON(res)
	} else {
		a.printPlan(res.PlanView)
	}
	if err == nil && res.Fault != nil {
		return res.Fault
	}
	return err
}

// printChange prints one record with its fields, as it comes, for a plan may be
// long.
func (a *app) printChange(c daemon.ChangeView) {
	colors := map[string]text.Color{"create": text.FgGreen, "update": text.FgYellow, "link": text.FgCyan, "hold": text.FgRed}
	color, ok := colors[c.Op]
	if !ok {
		color = text.Reset
	}
	where := c.System + "/" + c.Object
	if c.Remote != "" {
		where += " " + c.Remote
	}
	line := " " + where + "  " + c.Record
	if c.Note != "" {
		line += "  (" + c.Note + ")"
	}
	fmt.Fprintln(a.out, a.paint(color, fmt.Sprintf("%-6s", c.Op))+clean(line))
	for _, f := range c.Fields {
		value := shown(f.New)
		if c.Op != string(plan.OpCreate) {
			value = oldText(f) + " → " + value
		}
		line := f.Remote + ": " + value
		if f.Reason != plan.NewRecord.String() {
			line += "  (" + strings.ReplaceAll(f.Reason, "_", " ") + ")"
		}
		fmt.Fprintln(a.out, "         "+clean(line))
	}
}

func oldText(f daemon.FieldChangeView) string {
	if !f.OldKnown {
		return "(not read)"
	}
	return shown(f.Old)
}

func shown(v *string) string {
	if v == nil {
		return "(blank)"
	}
	return fmt.Sprintf("%q", *v)
}

// printPlan prints what a plan comes to: what would be held, the counts, the
// calls. Which runs would not end well is the command's error.
func (a *app) printPlan(p daemon.PlanView) {
	if len(p.Counts) > 0 {
		a.gap()
	}
	if len(p.Held) > 0 {
		a.say("Would be held:")
		a.gap()
		a.printHoldGroups(p.Held)
		a.gap()
	}
	if len(p.Counts) == 0 && p.Fault == nil {
		a.say("Nothing would be written.")
	}
	names := daemon.CountNames(slices.Collect(maps.Values(p.Counts))...)
	g := newGrid(append([]string{"would be written"}, names...)...)
	for i := range names {
		g.numbers(1 + i)
	}
	for _, key := range slices.Sorted(maps.Keys(p.Counts)) {
		row := []string{key}
		for _, n := range names {
			row = append(row, number(p.Counts[key][n]))
		}
		g.add(row...)
	}
	a.table(g)
	for _, system := range slices.Sorted(maps.Keys(p.Calls)) {
		a.say("write calls that %s needs: %s", system, countsText(p.Calls[system]))
	}
	if len(p.Held) > 0 {
		a.say("%d would be held.", len(p.Held))
	}
	a.printResting(p.Resting)
}
