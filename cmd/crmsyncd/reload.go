package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
)

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Let the running daemon read its configuration again", Args: cobra.NoArgs,
		Long:    "reload does what SIGHUP does, and tells what is wrong: a bad file keeps the old configuration running.",
		Example: "  crmsyncd reload",
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, _, c, err := a.dial(cmd.Context())
			if err != nil {
				return err
			}
			if c == nil {
				return notThere(l)
			}
			done, err := daemon.Ask[daemon.ReloadView](cmd.Context(), c, "reload", nil, daemon.Sink{})
			if err != nil {
				var fault *daemon.Fault
				if !errors.As(err, &fault) {
					return err // nobody has said what goes on
				}
				return configError(fmt.Errorf("the old configuration goes on: %w", err))
			}
			if a.json() {
				return a.printJSON(struct {
					Reloaded bool `json:"reloaded"`
					daemon.ReloadView
				}{true, done})
			}
			a.say("The daemon (process %d) has the new configuration.", c.Daemon.PID)
			if len(done.AtRestart) > 0 {
				a.say("In force after a restart only: %s.", strings.Join(done.AtRestart, ", "))
			}
			return nil
		},
	}
}

// notThere says that no daemon answers, and tells one apart that listens elsewhere: it
// began with another admin.socket.
func notThere(l *loaded) error {
	if l == nil {
		return daemon.ErrNoDaemon
	}
	st, err := state.Open(l.cfg.State, state.Options{ReadOnly: true})
	if err == nil {
		_ = st.Close()
	}
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("a process works with the state %s, but none answers on %s: another admin.socket is in force after a restart only", l.cfg.State, l.cfg.Admin.Socket)
	}
	return daemon.ErrNoDaemon
}
