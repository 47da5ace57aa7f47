package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
)

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write a copy of the state, also while the daemon runs", Args: cobra.ExactArgs(1),
		Long: "backup writes the state as it is at one moment to a new file of mode 0600. It never overwrites one.\n" +
			"The copy is made beside the state first, so that disk needs room for it for a moment.\n" +
			"The copy holds what your CRMs hold; keep it as you keep theirs. Refresh tokens that a system changed\n" +
			"lie beside the state and are not in it.",
		Example: "  crmsyncd state backup /var/backups/crmsyncd-$(date +%F).db",
		RunE:    func(cmd *cobra.Command, w []string) error { return a.backup(cmd.Context(), w[0]) },
	}
}

func (a *app) backup(ctx context.Context, path string) error {
	if path == "" || path == "-" {
		return usageError(fmt.Errorf("%q is no name of a file: a copy is for its owner alone, so it goes to a file and not to the output", path))
	}
	s, err := a.look(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	ctx, stop := stoppable(ctx) // a part of a copy is removed
	defer stop()
	var n int64
	err = state.Copy(path, func(out io.Writer) error {
		v, err := daemon.Ask[daemon.CopyView](ctx, s.Client, "copy", nil, daemon.Sink{Item: func(raw json.RawMessage) error {
			var p daemon.Piece
			if err := json.Unmarshal(raw, &p); err != nil {
				return fmt.Errorf("read the copy: %w", err)
			}
			n += int64(len(p.Data))
			_, err := out.Write(p.Data)
			return err
		}})
		if err == nil && v.Bytes != n {
			err = fmt.Errorf("%d of %d bytes came", n, v.Bytes)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case a.json():
		return a.printJSON(struct {
			File  string `json:"file"`
			Bytes int64  `json:"bytes"`
		}{path, n})
	}
	a.say("%s holds the state, %s.", path, size(n))
	return nil
}

const restoreLong = `restore puts a copy of the state in the place of the state, whose file is kept
beside it. The daemon must be stopped. The copy is checked first, and gets the
owner and mode that the daemon needs.

A copy may be older than what the systems hold, so nothing is created until a
person has looked: start the daemon, let it run in full (crmsyncd resync), which
matches and links what is there, and then see crmsyncd state trust.`

func (a *app) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Put a copy of the state in its place", Args: cobra.ExactArgs(1), Long: restoreLong,
		Example: "  systemctl stop crmsyncd\n  crmsyncd state restore /var/backups/crmsyncd-2026-11-30.db\n  systemctl start crmsyncd",
		RunE:    func(cmd *cobra.Command, w []string) error { return a.restore(cmd.Context(), w[0]) },
	}
}

func (a *app) restore(ctx context.Context, from string) error {
	l, problems, c, err := a.dial(ctx)
	switch {
	case err != nil:
		return err
	case c != nil:
		return fmt.Errorf("the daemon (process %d) works with the state: stop it first", c.Daemon.PID)
	case l == nil:
		return a.badConfig(problems)
	}
	b := a.bar()
	kept, err := state.Restore(l.cfg.State, from, func(copied string) error {
		damage, err := newChecker().file(ctx, copied, func(p daemon.Progress) { b.set(p.What, p.Done, p.Total) })
		switch {
		case err != nil && strings.Contains(err.Error(), state.ErrOlderFormat.Error()):
			return nil // the daemon brings it up to date
		case err != nil:
			return err
		case len(damage) > 0:
			return fmt.Errorf("it is no sound state of crmsyncd (%s); the state in its place is untouched", plural(len(damage), "damage"))
		}
		return nil
	})
	b.end()
	switch {
	case errors.Is(err, state.ErrLocked):
		return fmt.Errorf("%w: stop the daemon first", err)
	case err != nil:
		return err
	case a.json():
		return a.printJSON(struct {
			State string `json:"state"`
			Kept  string `json:"kept,omitempty"`
		}{l.cfg.State, kept})
	}
	a.say("%s is now a copy of %s.", l.cfg.State, from)
	if kept != "" {
		a.say("The former state is kept as %s.", kept)
	}
	a.say("It is in doubt until a person has looked: start the daemon, then see crmsyncd state trust.")
	return nil
}
