package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// heldFlags choose holds.
type heldFlags struct {
	args       daemon.HeldArgs
	createOnly bool
}

func (a *app) heldCommand() *cobra.Command {
	var f heldFlags
	c := &cobra.Command{
		Use:   "held [list|retry|drop]",
		Short: "Show what is held and why; retry or drop it",
		Long: "Held records wait for an event or a person, and everything else goes on without them.\n" +
			"retry decides them anew at the next run; drop ignores them until their source value changes.\n" +
			"--create-only lists fields that are written at creation only and differ now, with both values.",
		Example: "  crmsyncd held\n  crmsyncd held --system salesforce --reason waiting_for_parent\n  crmsyncd held --create-only\n" +
			"  crmsyncd held retry --reason rejected_by_vendor\n  crmsyncd held retry --recreate --hub-id 42 --system salesforce",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.heldList(cmd.Context(), f) },
	}
	list := &cobra.Command{
		Use: "list", Short: "List what is held", Args: cobra.NoArgs, Example: "  crmsyncd held list",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.heldList(cmd.Context(), f) },
	}
	retry := &cobra.Command{
		Use: "retry", Short: "Decide held records anew at the next run", Args: cobra.NoArgs,
		Example: "  crmsyncd held retry --system salesforce\n  crmsyncd held retry --recreate --hub-id 42 --system salesforce",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.heldDo(cmd.Context(), "retry", f, "%d are decided anew at the next run.")
		},
	}
	retry.Flags().BoolVar(&f.args.Recreate, "recreate", false, "make records again that were deleted or merged there")
	drop := &cobra.Command{
		Use: "drop", Short: "Ignore held records until their source value changes", Args: cobra.NoArgs,
		Example: "  crmsyncd held drop --reason ambiguous_match",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.heldDo(cmd.Context(), "drop", f, "%d are ignored until their source value changes.")
		},
	}
	p := c.PersistentFlags()
	p.StringVar(&f.args.System, "system", "", "of this system only")
	p.StringVar(&f.args.Object, "object", "", "of this object only, by its name in the system")
	p.StringVar(&f.args.Reason, "reason", "", "for this reason only")
	p.StringVar(&f.args.Hub, "hub-id", "", "of this hub record only")
	p.StringVar(&f.args.Remote, "remote-id", "", "of this remote record only")
	p.BoolVar(&f.createOnly, "create-only", false, "list create-only fields that differ, with both values")
	c.AddCommand(list, retry, drop)
	return c
}

func (a *app) heldList(ctx context.Context, f heldFlags) error {
	s, err := a.open(ctx, false, nil)
	if err != nil {
		return err
	}
	defer s.close()
	if f.createOnly {
		rows, err := collect[engine.CreateOnlyView](ctx, s, "drift", f.args, nil)
		if err != nil {
			return err
		}
		return a.printDrift(rows)
	}
	holds, err := collect[engine.HoldView](ctx, s, "held", f.args, nil)
	if err != nil {
		return err
	}
	return a.printHolds(holds)
}

func (a *app) heldDo(ctx context.Context, what string, f heldFlags, told string) error {
	s, err := a.open(ctx, false, nil)
	if err != nil {
		return err
	}
	defer s.close()
	n, err := daemon.Ask[daemon.Count](ctx, s.Client, what, f.args, daemon.Sink{})
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(n)
	}
	a.say(told, n.Count)
	return nil
}

func (a *app) printHolds(holds []engine.HoldView) error {
	if a.json() {
		if holds == nil {
			holds = []engine.HoldView{}
		}
		return a.printJSON(holds)
	}
	if len(holds) == 0 {
		a.say("Nothing is held.")
		return nil
	}
	g := newGrid("system", "object", "record", "reason", "detail", "since", "ends when").color(3, func(s string) string {
		return a.paint(text.FgYellow, s)
	})
	dropped := 0
	for _, h := range holds {
		if h.Dropped {
			dropped++
			continue
		}
		g.add(h.System, h.Object, recordText(h), h.Reason, detailText(h), when(h.Since), h.Mend)
	}
	g.print(a.out, a.color())
	a.gap()
	a.say("%d held, %d dropped.", len(holds)-dropped, dropped)
	return nil
}

func recordText(h engine.HoldView) string {
	var parts []string
	if h.Label != "" {
		parts = append(parts, h.Label)
	}
	if h.Hub != "" {
		parts = append(parts, "hub:"+h.Hub)
	}
	if h.Remote != "" {
		parts = append(parts, h.Remote)
	}
	return strings.Join(parts, " ")
}

func detailText(h engine.HoldView) string {
	s := h.Detail
	if h.Field != "" {
		s = h.Field + ": " + s
	}
	if len(h.Candidates) > 0 {
		s += " [" + strings.Join(h.Candidates, ", ") + "]"
	}
	return s
}

func (a *app) printDrift(rows []engine.CreateOnlyView) error {
	if a.json() {
		if rows == nil {
			rows = []engine.CreateOnlyView{}
		}
		return a.printJSON(rows)
	}
	if len(rows) == 0 {
		a.say("No create-only field differs.")
		return nil
	}
	g := newGrid("system", "object", "record", "remote id", "field", "hub value", "their value")
	for _, r := range rows {
		theirs := r.Theirs
		if !r.Known {
			theirs = "(" + r.Note + ")"
		}
		g.add(r.System, r.Object, r.Label+" hub:"+r.Hub, r.Remote, r.Field, r.Ours, theirs)
	}
	g.print(a.out, a.color())
	a.gap()
	a.say("%s fields differ. They are written at creation only; `write: on_change` in the route frees a field.", strconv.Itoa(len(rows)))
	return nil
}
