package main

import (
	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
)

func (a *app) acceptCommand() *cobra.Command {
	return &cobra.Command{
		Use: "accept PLAN", Short: "Let through what a guard stopped", Args: wants("PLAN"),
		Long: "A guard stops a run that would overwrite or remove more than its limits, and keeps what it would have\n" +
			"done as a plan. accept lets those records through as far as neither side has moved since;\n" +
			"the others are counted anew.",
		Example: "  crmsyncd status          # names the plan that waits\n  crmsyncd accept 17-Account",
		RunE: func(cmd *cobra.Command, w []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			p, err := daemon.Ask[daemon.PlanWaiting](cmd.Context(), s.Client, "accept", daemon.AcceptArgs{Plan: w[0]}, daemon.Sink{})
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(p)
			}
			a.say("Plan %s is accepted: the next run of %s lets its %d records through.", p.ID, p.System, p.Rows)
			return nil
		},
	}
}
