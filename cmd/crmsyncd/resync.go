package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
)

func (a *app) resyncCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resync [SYSTEM[/OBJECT[/ID]]]",
		Short: "Ask the running daemon to go over all, or a part, again",
		Long: "Without an argument everything is read and compared in full, as at the weekend; with a\n" +
			"system or one of its objects only that. With an ID just that record is looked at again.\n" +
			"Guards and holds are those of every run. It asks the running daemon and does not wait;\n" +
			"without one: crmsyncd run --once --full.",
		Example: "  crmsyncd resync\n  crmsyncd resync close\n  crmsyncd resync close/lead\n  crmsyncd resync close/lead/lead_abc123",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, w []string) error {
			what := ""
			if len(w) > 0 {
				what = w[0]
			}
			return a.resync(cmd.Context(), what)
		},
	}
}

func (a *app) resync(ctx context.Context, what string) error {
	l, problems, c, err := a.dial(ctx)
	switch {
	case err != nil:
		return err
	case l == nil:
		return a.badConfig(problems)
	case c == nil:
		return fmt.Errorf("%w on %s; without one: crmsyncd run --once --full", daemon.ErrNoDaemon, l.cfg.Admin.Socket)
	}
	args, err := l.resyncArgs(what)
	if err != nil {
		return usageError(err)
	}
	if _, err := daemon.Ask[daemon.ResyncArgs](ctx, c, "resync", args, daemon.Sink{}); err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(args)
	}
	if what == "" {
		what = "everything"
	}
	a.say("The running daemon (process %d) was asked to go over %s again; crmsyncd status shows how it goes.", c.Daemon.PID, clean(what))
	return nil
}

// resyncArgs takes SYSTEM/OBJECT/ID apart. An id may hold slashes.
func (l *loaded) resyncArgs(what string) (daemon.ResyncArgs, error) {
	var in daemon.ResyncArgs
	if what == "" {
		return in, nil
	}
	parts := strings.SplitN(what, "/", 3)
	in.System = parts[0]
	routes := l.mapping.RoutesOf(in.System)
	if len(routes) == 0 {
		return in, fmt.Errorf("no system %q has routes; there are %s", in.System, strings.Join(l.routeNames(), ", "))
	}
	if len(parts) == 1 {
		return in, nil
	}
	for _, r := range routes {
		if strings.EqualFold(r.Object, parts[1]) || r.Hub.Name == parts[1] {
			in.Object = r.Object
		}
	}
	if in.Object == "" {
		return in, fmt.Errorf("%s has no route for %q; there are %s", in.System, parts[1], strings.Join(l.routeNames(), ", "))
	}
	if len(parts) == 3 {
		in.ID = parts[2]
	}
	return in, nil
}
