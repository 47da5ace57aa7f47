package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
)

// verifyResult is what a check of the state found.
type verifyResult struct {
	Damaged int                 `json:"damaged"`
	Rows    []daemon.DamageView `json:"rows"`
	Note    string              `json:"note,omitempty"` // what was not checked, and why
}

func (a *app) stateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "state", Short: "Look after the state file", Args: cobra.NoArgs, Example: "  crmsyncd state verify\n  crmsyncd state backup /var/backups/crmsyncd.db",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "verify", Short: "Check every row of the state file", Args: cobra.NoArgs,
		Long: "verify reads every row, its checksum and its place in the indexes. It changes nothing.\n" +
			"Beside a running daemon it checks a copy that it makes beside the state and removes again.\n" +
			"It exits with 1 if anything is damaged.",
		Example: "  crmsyncd state verify\n  crmsyncd state verify -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context()) },
	})
	c.AddCommand(a.backupCommand(), a.restoreCommand(), a.trustCommand(), a.checkFileCommand())
	return c
}

const trustLong = `A state file that is older than what the systems hold, or new where there was
one before, does not know which records were made. So nothing is created while
it is in doubt: records are matched and linked, and status says why.

trust says what is in doubt. With --yes it takes the state as it is from now on.
Then whatever cannot be found by its keys is created: a record that this state
has forgotten, and whose keys changed since, is made a second time.

Before that: put the newest copy back if there is one, and let a full run link
what it finds (crmsyncd run --once --full).`

func (a *app) trustCommand() *cobra.Command {
	var args daemon.TrustArgs
	c := &cobra.Command{
		Use: "trust", Short: "Take a state in doubt as it is from now on", Args: cobra.NoArgs, Long: trustLong,
		Example: "  crmsyncd state trust\n  crmsyncd state trust --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			v, err := daemon.Ask[daemon.TrustView](cmd.Context(), s.Client, "trust", args, daemon.Sink{})
			if err != nil {
				return err
			}
			return a.printTrust(v)
		},
	}
	c.Flags().BoolVar(&args.Yes, "yes", false, "trust it; creating goes on with the next run")
	return c
}

func (a *app) printTrust(v daemon.TrustView) error {
	switch {
	case a.json():
		if err := a.printJSON(v); err != nil {
			return err
		}
	case v.Suspect == "":
		a.say("The state is not in doubt.")
	case v.Trusted:
		a.say("The state is trusted from now on. The doubt was: %s.", v.Suspect)
	default:
		a.say("In doubt: %s.", v.Suspect)
		a.gap()
		fmt.Fprintln(a.out, trustLong)
	}
	if !v.Trusted {
		return &coded{exitFailed, nil}
	}
	return nil
}

// verify checks the state beside a running daemon, or the file itself where
// there is none; either way in another process.
func (a *app) verify(ctx context.Context) error {
	l, problems, c, err := a.dial(ctx)
	if err != nil {
		return err
	}
	b := a.bar()
	progress := func(p daemon.Progress) { b.set(p.What, p.Done, p.Total) }
	var v daemon.VerifyView
	switch {
	case c != nil:
		v, err = daemon.Ask[daemon.VerifyView](ctx, c, "verify", nil, daemon.Sink{Progress: progress})
	case l == nil:
		return a.badConfig(problems)
	default:
		if err := stateMissing(l.cfg.State); err != nil {
			return err
		}
		v.Damage, err = newChecker().file(ctx, l.cfg.State, progress)
	}
	b.end()
	if err != nil {
		return err
	}
	return a.printVerify(v)
}

func (a *app) printVerify(v daemon.VerifyView) error {
	rows := v.Damage
	if a.json() {
		if rows == nil {
			rows = []daemon.DamageView{}
		}
		if err := a.printJSON(verifyResult{len(rows), rows, v.Note}); err != nil {
			return err
		}
	} else {
		g := newGrid("bucket", "key", "problem")
		for _, r := range rows {
			g.add(r.Bucket, r.Key, r.Problem)
		}
		a.table(g)
		if len(rows) == 0 {
			a.say("The state is sound.")
		} else {
			a.gap()
			a.say("%d rows are damaged. Links among them lost their digests and are compared anew; nothing is made a second time.", len(rows))
		}
		if v.Note != "" {
			a.say("%s", v.Note)
		}
	}
	if len(rows) > 0 {
		return &coded{exitFailed, nil}
	}
	return nil
}
