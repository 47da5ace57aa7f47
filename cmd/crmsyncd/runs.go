package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

func (a *app) runsCommand() *cobra.Command {
	var args daemon.RunsArgs
	var changes bool
	var filter engine.ChangesFilter
	c := &cobra.Command{
		Use: "runs [RUN]", Short: "List the latest runs, or show one and what it changed", Args: cobra.MaximumNArgs(1),
		Long: "runs lists the latest runs; runs RUN shows one.\n\n" +
			"runs RUN --changes shows every value that the run took into the hub or wrote to the\n" +
			"system, field by field: record, key, old and new value, reason, with counts first. A record\n" +
			"that is new in the hub is one line, without its values: crmsyncd get shows them. Texts are\n" +
			"cut to fit the line; -o csv and -o json give all of them, with the ids, and how each old\n" +
			"value is known. In CSV some values have an apostrophe in front, as export --help says.\n" +
			"--object and --field take the hub's names, such as account and name, not those of a\n" +
			"system. What is older than journal: of crmsyncd.yaml allows is gone.\n\n" +
			"Guard the output: it is as confidential as the systems it came from.",
		Example: "  crmsyncd runs\n  crmsyncd runs --system salesforce --limit 5\n  crmsyncd runs 42 -o json\n" +
			"  crmsyncd runs 42 --changes\n  crmsyncd runs 42 --changes --object account --field name -o csv > names.csv",
		Annotations: map[string]string{withCSV: ""},
		RunE: func(cmd *cobra.Command, words []string) error {
			if err := runsUsage(args, filter, changes, words, a.format); err != nil {
				return err
			}
			s, err := a.look(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			if len(words) == 1 {
				id, err := strconv.ParseUint(words[0], 10, 64)
				if err != nil {
					return usageError(fmt.Errorf("%q is no run number", words[0]))
				}
				r, err := daemon.Ask[daemon.RunView](cmd.Context(), s.Client, "run", daemon.RunsArgs{Run: id}, daemon.Sink{})
				if err != nil {
					return err
				}
				if changes {
					filter.Run = id
					return a.changes(cmd.Context(), s, r, filter)
				}
				return a.printRun(r)
			}
			runs, err := collect[daemon.RunView](cmd.Context(), s, "runs", args, nil)
			if err != nil {
				return err
			}
			return a.printRuns(runs)
		},
	}
	c.Flags().IntVar(&args.Limit, "limit", 20, "how `many`")
	c.Flags().StringVar(&args.System, "system", "", "of this `system` only")
	c.Flags().BoolVar(&changes, "changes", false, "what the run changed, with old and new values")
	c.Flags().StringVar(&filter.Object, "object", "", "changes of this hub `object` only, such as account")
	c.Flags().StringVar(&filter.Field, "field", "", "changes of this hub `field` only, such as name")
	return c
}

// runsUsage says what does not go together.
func runsUsage(args daemon.RunsArgs, filter engine.ChangesFilter, changes bool, words []string, format string) error {
	switch {
	case args.Limit < 1:
		return usageError(errors.New("--limit must be 1 or more"))
	case changes && len(words) == 0:
		return usageError(errors.New("--changes wants the number of a run: crmsyncd runs lists them"))
	case !changes && filter != (engine.ChangesFilter{}):
		return usageError(errors.New("--object and --field choose changes: add --changes"))
	case !changes && format == formatCSV:
		return usageError(errors.New("-o csv is for --changes; a run itself is shown as table or json"))
	}
	return nil
}

func (a *app) printRuns(runs []daemon.RunView) error {
	if a.json() {
		if runs == nil {
			runs = []daemon.RunView{}
		}
		return a.printJSON(runs)
	}
	if len(runs) == 0 {
		a.say("Nothing has run yet.")
		return nil
	}
	g := newGrid("run", "started", "system", "flow", "trigger", "status", "time", "what").numbers(0, 6).whole(1).color(5, a.status)
	for _, r := range runs {
		flow := r.Flow
		if r.Full {
			flow += " (full)"
		}
		g.add(strconv.FormatUint(r.ID, 10), when(r.Started), r.System, flow, r.Trigger, r.Status, seconds(r.Seconds), countsText(r.Counts))
	}
	a.table(g)
	return nil
}

func countsText(counts map[string]int) string {
	var out []string
	for _, name := range daemon.CountNames(counts) {
		if counts[name] != 0 {
			out = append(out, fmt.Sprintf("%s %d", strings.ReplaceAll(name, "_", " "), counts[name]))
		}
	}
	return strings.Join(out, ", ")
}

func (a *app) printRun(r daemon.RunView) error {
	if a.json() {
		return a.printJSON(r)
	}
	a.say("run %d: %s %s, asked for by %s, began %s", r.ID, r.Flow, r.System, r.Trigger, when(r.Started))
	if r.Error != "" {
		a.say("error: %s", r.Error)
	}
	if r.Plan != "" {
		a.say("plan:  %s waits: crmsyncd accept %s", r.Plan, r.Plan)
	}
	a.gap()
	a.printRunTables([]daemon.RunView{r})
	for _, o := range r.Objects {
		if o.Note != "" {
			a.say("%s: %s", o.Object, o.Note)
		}
	}
	a.printRunAudit(r)
	if len(r.Calls) > 0 {
		a.gap()
		a.say("calls: %s", countsText(r.Calls))
	}
	return nil
}
