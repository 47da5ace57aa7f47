package main

import (
	"cmp"
	"context"
	"errors"
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

// heldFlags choose holds.
type heldFlags struct {
	args       daemon.HeldArgs
	createOnly bool
	tolerated  bool
	dropped    bool
	long       bool
}

func (a *app) heldCommand() *cobra.Command {
	var f heldFlags
	c := &cobra.Command{
		Use:   "held [list|retry|drop]",
		Short: "Show what is held and why; retry or drop it",
		Long: "Held records wait for an event or a person, and everything else goes on without them.\n" +
			"retry decides them anew at the next run; drop ignores them until their source value changes,\n" +
			"and wants to be told which: by a filter, or --all. --dropped lists what was dropped; retry undoes it.\n" +
			"--tolerated lists the fields that differ and may, with both values as they are now and why;\n" +
			"--create-only those alone that are written at creation only.",
		Example: "  crmsyncd held\n  crmsyncd held --system salesforce --reason waiting_for_parent\n  crmsyncd held --tolerated --reason drift\n" +
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
			return a.heldDo(cmd.Context(), "retry", f, "%s decided anew at the next run.")
		},
	}
	retry.Flags().BoolVar(&f.args.Recreate, "recreate", false, "make records again that were deleted or merged there")
	drop := &cobra.Command{
		Use: "drop", Short: "Ignore held records until their source value changes", Args: cobra.NoArgs,
		Example: "  crmsyncd held drop --reason ambiguous_match\n  crmsyncd held drop --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.heldDo(cmd.Context(), "drop", f, "%s ignored until the source value changes.")
		},
	}
	drop.Flags().BoolVar(&f.args.All, "all", false, "drop everything that is held")
	p := c.PersistentFlags()
	p.StringVar(&f.args.System, "system", "", "of this `system` only")
	p.StringVar(&f.args.Object, "object", "", "of this `object` only, by its name in the system")
	p.StringVar(&f.args.Reason, "reason", "", "for this `reason` only")
	p.StringVar(&f.args.Hub, "hub-id", "", "of this hub record only: its `number`, or OBJECT/number")
	p.StringVar(&f.args.Remote, "remote-id", "", "of the remote record of this `id` only")
	for _, c := range []*cobra.Command{c, list} {
		c.Flags().BoolVar(&f.tolerated, "tolerated", false, "list fields that differ and may, with both values")
		c.Flags().BoolVar(&f.dropped, "dropped", false, "list what was dropped instead of what is held")
		c.Flags().BoolVar(&f.createOnly, "create-only", false, "list create-only fields that differ, with both values")
		c.Flags().BoolVar(&f.long, "long", false, "one line per record with everything on it")
	}
	c.AddCommand(list, retry, drop)
	return c
}

func (a *app) heldList(ctx context.Context, f heldFlags) error {
	if f.dropped && (f.createOnly || f.tolerated) {
		return usageError(errors.New("--dropped lists holds, and --tolerated fields: say one of the two"))
	}
	if f.createOnly && (f.tolerated || f.args.Reason != "") {
		return usageError(errors.New("--create-only is --tolerated --reason create_only: say one of the two"))
	}
	s, err := a.look(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if f.createOnly {
		f.args.Reason = plan.CreateOnly.String()
	}
	if f.createOnly || f.tolerated {
		rows, err := collect[engine.DifferView](ctx, s, "differences", f.args, nil)
		if err != nil {
			return err
		}
		return a.printDiffers(rows, f)
	}
	holds, sum, err := gather[engine.HoldView, daemon.HeldView](ctx, s, "held", f.args, nil)
	if err != nil {
		return err
	}
	if err := a.printHolds(holds, f); err != nil {
		return err
	}
	if !a.json() {
		a.printResting(sum.Resting)
	}
	return nil
}

// printResting names the fields that rest with their remote field.
func (a *app) printResting(fields []string) {
	if len(fields) > 0 {
		a.say("resting: %s: gone, hidden or not writable there; crmsyncd check --live says how to mend it.", strings.Join(fields, ", "))
	}
}

func (a *app) heldDo(ctx context.Context, what string, f heldFlags, told string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if what == "retry" && f.args.Recreate && f.args.Hub == "" && f.args.Remote == "" && f.args.System == "" {
		return usageError(errors.New("--recreate makes records again that people deleted: say which with --system, --hub-id or --remote-id"))
	}
	if what == "drop" {
		if err := a.beforeDrop(ctx, s, f.args); err != nil {
			return err
		}
	}
	n, err := daemon.Ask[daemon.Count](ctx, s.Client, what, f.args, daemon.Sink{})
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(n)
	}
	if n.Count == 0 {
		return a.sayNone(ctx, s, what, f.args)
	}
	a.say(told, countOf(n.Count, "is", "are"))
	return nil
}

// sayNone says why a retry or a drop met nothing.
func (a *app) sayNone(ctx context.Context, s *session, what string, args daemon.HeldArgs) error {
	holds, err := collect[engine.HoldView](ctx, s, "held", daemon.HeldArgs{HoldFilter: args.HoldFilter}, nil)
	if err != nil {
		return err
	}
	switch {
	case len(holds) == 0 && args.HoldFilter == (engine.HoldFilter{}):
		a.say("Nothing is held.")
	case len(holds) == 0:
		a.say("Nothing that is held fits.")
	case what == "retry":
		a.say("Nothing is decided anew: the %d held that fit were deleted or merged there, and only --recreate makes those again.", len(holds))
	default:
		a.say("Nothing is dropped anew: the %d held that fit are dropped already.", len(holds))
	}
	return nil
}

// beforeDrop says how many a drop will meet, by reason, and refuses one that was
// given no filter and not told that everything is meant.
func (a *app) beforeDrop(ctx context.Context, s *session, args daemon.HeldArgs) error {
	holds, err := collect[engine.HoldView](ctx, s, "held", daemon.HeldArgs{HoldFilter: args.HoldFilter}, nil)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	n := 0
	for _, h := range holds {
		if !h.Dropped {
			counts[h.Reason]++
			n++
		}
	}
	switch {
	case args.HoldFilter == (engine.HoldFilter{}) && !args.All:
		return usageError(fmt.Errorf("that would drop all %d held (%s): say which with --reason, --system, --object, --hub-id or --remote-id, or --all",
			n, reasonsText(counts)))
	case !a.json() && n > 0:
		a.say("Dropping %d held: %s.", n, reasonsText(counts))
	}
	return nil
}

func (a *app) printHolds(holds []engine.HoldView, f heldFlags) error {
	if a.json() {
		if f.dropped {
			holds = slices.DeleteFunc(holds, func(h engine.HoldView) bool { return !h.Dropped })
		}
		if holds == nil {
			holds = []engine.HoldView{}
		}
		return a.printJSON(holds)
	}
	switch {
	case len(holds) == 0 && f.args.HoldFilter != (engine.HoldFilter{}):
		a.say("Nothing that is held fits.")
		return nil
	case len(holds) == 0:
		a.say("Nothing is held.")
		return nil
	}
	var shown []engine.HoldView
	for _, h := range holds {
		if h.Dropped == f.dropped {
			shown = append(shown, h)
		}
	}
	switch {
	case len(shown) == 0:
	case f.long:
		a.printHoldTable(shown)
	default:
		a.printHoldGroups(shown)
	}
	if len(shown) > 0 {
		a.gap()
	}
	if f.dropped {
		a.say("%d dropped. crmsyncd held retry decides them anew.", len(shown))
		return nil
	}
	line := fmt.Sprintf("%d held", len(shown))
	if n := len(holds) - len(shown); n > 0 {
		line += fmt.Sprintf(", %d dropped (--dropped)", n)
	}
	a.say("%s.", line)
	return nil
}

// printHoldTable prints a line per hold with everything on it.
func (a *app) printHoldTable(holds []engine.HoldView) {
	g := newGrid("system", "object", "record", "reason", "detail", "since", "ends when").color(3, func(s string) string {
		return a.paint(text.FgYellow, s)
	})
	for _, h := range holds {
		g.add(h.System, h.Object, recordText(h), h.Reason, detailText(h), when(h.Since), h.Mend)
	}
	a.table(g)
}

// printHoldGroups prints what is held for the same reason under one heading that
// says what ends it, the rare reasons first.
func (a *app) printHoldGroups(holds []engine.HoldView) {
	groups := map[[2]string][]engine.HoldView{}
	for _, h := range holds {
		key := [2]string{h.Reason, h.Mend}
		groups[key] = append(groups[key], h)
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(x, y [2]string) int {
		return cmp.Or(cmp.Compare(len(groups[x]), len(groups[y])), slices.Compare(x[:], y[:]))
	})
	for i, key := range keys {
		if i > 0 {
			a.gap()
		}
		head := fmt.Sprintf("%s %s", a.paint(text.FgYellow, key[0]), clean(fmt.Sprintf("(%d)", len(groups[key]))))
		if key[1] != "" {
			head += clean(": " + key[1])
		}
		fmt.Fprintln(a.out, head)
		g := newGrid().indent(2)
		for _, h := range groups[key] {
			name, hub := h.Label, ""
			if name == "" {
				name = h.Remote
			}
			if h.Hub != "" {
				hub = "hub:" + h.Hub
			}
			g.add(h.System+"/"+h.Object, cut(name, 48), hub, detailText(h))
		}
		a.table(g)
	}
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

func (a *app) printDiffers(rows []engine.DifferView, f heldFlags) error {
	if a.json() {
		if rows == nil {
			rows = []engine.DifferView{}
		}
		return a.printJSON(rows)
	}
	switch {
	case len(rows) > 0:
	case f.createOnly:
		a.say("No create-only field differs.")
		return nil
	default:
		a.say("No field differs that may.")
		return nil
	}
	if f.long {
		a.printDifferTable(rows)
	} else {
		a.printDifferGroups(rows)
	}
	a.gap()
	if f.createOnly {
		a.say("%s. They are written at creation only; `write: on_change` in the route frees a field.", countOf(len(rows), "field differs", "fields differ"))
		return nil
	}
	a.say("%s, and may. The next change of a value is decided anew.", countOf(len(rows), "field differs", "fields differ"))
	return nil
}

// theirText is the value of the other side, or why it is not known.
func theirText(r engine.DifferView) string {
	switch {
	case !r.Known:
		return "(" + r.Note + ")"
	case r.Theirs == "":
		return "(blank)"
	}
	return r.Theirs
}

// printDifferTable prints a line per field with everything on it.
func (a *app) printDifferTable(rows []engine.DifferView) {
	g := newGrid("system", "object", "record", "remote id", "field", "hub value", "their value", "why")
	for _, r := range rows {
		g.add(r.System, r.Object, r.Label+" hub:"+r.Hub, r.Remote, r.Field, r.Ours, theirText(r), r.Reason)
	}
	a.table(g)
}

// printDifferGroups prints what differs in one object for the same reason under one
// heading.
func (a *app) printDifferGroups(rows []engine.DifferView) {
	groups := map[[2]string][]engine.DifferView{}
	for _, r := range rows {
		key := [2]string{r.System + "/" + r.Object, r.Reason}
		groups[key] = append(groups[key], r)
	}
	for i, key := range slices.SortedFunc(maps.Keys(groups), func(x, y [2]string) int { return slices.Compare(x[:], y[:]) }) {
		if i > 0 {
			a.gap()
		}
		a.say("%s %s (%d): hub value | their value", key[0], key[1], len(groups[key]))
		g := newGrid().indent(2)
		for _, r := range groups[key] {
			g.add(cut(r.Label, 24), r.Field, cut(r.Ours, 32)+" | "+cut(theirText(r), 32))
		}
		a.table(g)
	}
}
