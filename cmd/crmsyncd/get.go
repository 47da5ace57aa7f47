package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

func (a *app) getCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get OBJECT KEY",
		Short: "Show a hub record: fields, where each came from, links and holds",
		Long: "OBJECT is account, contact, opportunity, task, activity (a closed task) or user.\n" +
			"KEY is the record's id, e-mail or name, its id in one of the systems, or hub:NUMBER,\n" +
			"which may also be written OBJECT/NUMBER.\n" +
			"A name may fit several records; all of them are shown.",
		Example: "  crmsyncd get account 1042\n  crmsyncd get account \"Acme Inc.\"\n" +
			"  crmsyncd get opportunity oppo_abc123\n  crmsyncd get contact jane@example.com -o json",
		Args: wants("OBJECT", "KEY"),
		RunE: func(cmd *cobra.Command, w []string) error {
			s, err := a.look(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			hits, err := collect[engine.RecordView](cmd.Context(), s, "lookup", daemon.RecordArgs{Object: w[0], Key: w[1]}, nil)
			if err != nil {
				return err
			}
			if a.json() {
				if hits == nil {
					hits = []engine.RecordView{}
				}
				if err := a.printJSON(hits); err != nil {
					return err
				}
			}
			if len(hits) == 0 {
				return fmt.Errorf("no %s goes by %q", w[0], w[1])
			}
			if !a.json() {
				for i, h := range hits {
					if i > 0 {
						a.gap()
					}
					a.printRecord(h)
				}
			}
			return nil
		},
	}
}

func (a *app) printRecord(v engine.RecordView) {
	fmt.Fprintln(a.out, a.paint(text.Bold, clean(v.Object+" "+v.Label))+clean("  hub:"+v.ID+"  "+v.State))
	ids := newGrid("id", "value")
	for _, name := range slices.Sorted(maps.Keys(v.IDs)) {
		ids.add(name, v.IDs[name])
	}
	a.section(ids)
	f := newGrid("field", "value", "from", "since")
	for _, x := range v.Fields {
		value := x.Value
		if x.Refers != "" {
			value = x.Refers + " (hub:" + x.Value + ")"
		}
		f.add(x.Name, value, x.Source, when(x.Since))
	}
	a.section(f)
	l := newGrid("linked in", "object", "remote id", "state", "how", "last written", "differs")
	for _, x := range v.Links {
		state, differs := x.State, ""
		if x.Closed != "" {
			state += ": " + x.Closed
		}
		if x.Damaged {
			state += ", damaged"
		}
		if x.Unread {
			state += ", never read"
		}
		for i, d := range x.Differs {
			if i > 0 {
				differs += ", "
			}
			differs += d.Field + " (" + d.Reason + ")"
		}
		l.add(x.System, x.Object, x.Remote, state, x.Origin, when(x.Wrote), differs)
	}
	a.section(l)
	a.sayStandIn(v)
	if len(v.Holds) > 0 {
		a.gap()
	}
	for _, h := range v.Holds {
		fmt.Fprintln(a.out, a.paint(text.FgYellow, "held")+clean(" in "+h.System+"/"+h.Object+": "+h.Reason+" "+detailText(h)))
	}
}

// sayStandIn says where a record only stands in for one that others name.
func (a *app) sayStandIn(v engine.RecordView) {
	for _, x := range v.Links {
		if x.Unread && x.State != "closed" {
			a.gap()
			a.say("This %s is a placeholder: records of %s name %s, which %s never listed.", v.Object, x.System, x.Remote, x.System)
		}
	}
}

// section prints a table after an empty line, or nothing.
func (a *app) section(g *grid) {
	if len(g.rows) > 0 {
		a.gap()
		a.table(g)
	}
}
