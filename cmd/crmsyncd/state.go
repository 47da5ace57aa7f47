package main

import (
	"context"

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
		Use: "state", Short: "Look after the state file", Args: cobra.NoArgs, Example: "  crmsyncd state verify",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "verify", Short: "Check every row of the state file", Args: cobra.NoArgs,
		Long:    "verify reads every row, its checksum and its place in the indexes. It changes nothing.\nIt exits with 1 if anything is damaged.",
		Example: "  crmsyncd state verify\n  crmsyncd state verify -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context()) },
	})
	return c
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
