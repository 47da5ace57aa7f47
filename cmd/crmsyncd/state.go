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
}

func (a *app) stateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "state", Short: "Look after the state file", Args: cobra.NoArgs, Example: "  crmsyncd state verify\n  crmsyncd state trust",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "verify", Short: "Check every row of the state file", Args: cobra.NoArgs,
		Long:    "verify reads every row, its checksum and its place in the indexes. It changes nothing.\nIt exits with 1 if anything is damaged.",
		Example: "  crmsyncd state verify\n  crmsyncd state verify -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context()) },
	})
	c.AddCommand(a.trustCommand())
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
			s, err := a.open(cmd.Context(), false, nil)
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

func (a *app) verify(ctx context.Context) error {
	s, err := a.open(ctx, false, nil)
	if err != nil {
		return err
	}
	defer s.close()
	b := a.bar()
	rows, err := collect[daemon.DamageView](ctx, s, "verify", nil, b)
	b.end()
	if err != nil {
		return err
	}
	if a.json() {
		if rows == nil {
			rows = []daemon.DamageView{}
		}
		err = a.printJSON(verifyResult{len(rows), rows})
	} else {
		g := newGrid("bucket", "key", "problem")
		for _, r := range rows {
			g.add(r.Bucket, r.Key, r.Problem)
		}
		g.print(a.out, a.color())
		if len(rows) == 0 {
			a.say("The state is sound.")
		} else {
			a.gap()
			a.say("%d rows are damaged. Links among them lost their digests and are compared anew; nothing is made a second time.", len(rows))
		}
	}
	if err == nil && len(rows) > 0 {
		return &coded{exitFailed, nil}
	}
	return err
}
