package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// Exit codes, the same as crmsyncd's.
const (
	exitFailed = 1
	exitUsage  = 64
)

// usageError marks what the caller has to mend in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var u usageError
	if errors.As(err, &u) {
		return exitUsage
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "crmsim",
		Short:         "Simulated CRMs on loopback for rehearsals without credentials",
		Long:          "crmsim runs simulated vendors on loopback, filled with invented and untidy data.\nNothing leaves this machine, and nothing is kept when it ends.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newServe(), newDemo())
	return root
}
