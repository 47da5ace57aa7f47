package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

func (a *app) systemCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "system", Short: "Say what became of a system", Args: cobra.NoArgs,
		Example: "  crmsyncd system moved qbench",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.systemMovedCommand())
	return c
}

func (a *app) systemMovedCommand() *cobra.Command {
	var in daemon.MovedArgs
	c := &cobra.Command{
		Use:   "moved SYSTEM",
		Short: "Say that a system's host was renamed, so that its links go on",
		Long: "Links belong to the organization that a system opened when they were made. QBench has no id of its own\n" +
			"and is known by its host: under another host it is stopped, for that may be another laboratory.\n" +
			"moved prints the former host and the one that base_url names now. With both named, or with --yes, the\n" +
			"links belong to the new host. Salesforce, HubSpot and Close have an id of their own: a renamed address\n" +
			"needs no word there, and another id is another organization, such as a sandbox that was refreshed.",
		Example: "  crmsyncd system moved qbench\n  crmsyncd system moved qbench --from old.qbench.net --to new.qbench.net",
		Args:    wants("SYSTEM"),
		RunE: func(cmd *cobra.Command, w []string) error {
			in.System = w[0]
			if (in.From == "") != (in.To == "") {
				return usageError(errors.New("--from and --to go together"))
			}
			return a.systemMoved(cmd.Context(), in)
		},
	}
	c.Flags().StringVar(&in.From, "from", "", "the former `host`")
	c.Flags().StringVar(&in.To, "to", "", "the `host` that base_url names now")
	c.Flags().BoolVar(&in.Yes, "yes", false, "the two that the command prints are the same system")
	return c
}

func (a *app) systemMoved(ctx context.Context, in daemon.MovedArgs) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if s.older {
		return errors.New("the running daemon has another configuration than these files: crmsyncd reload first")
	}
	m, err := daemon.Ask[engine.Move](ctx, s.Client, "moved", in, daemon.Sink{})
	if err != nil {
		return err
	}
	switch {
	case a.json():
		return a.printJSON(m)
	case m.Done:
		a.say("The links of %s belong to %s now; they belonged to %s.", m.System, m.To, m.From)
	default:
		a.say("%s was %s, and base_url names %s now. Nothing is changed yet.", m.System, m.From, m.To)
		a.say("If both are the same system: crmsyncd system moved %s --from %s --to %s", m.System, m.From, m.To)
	}
	return nil
}
