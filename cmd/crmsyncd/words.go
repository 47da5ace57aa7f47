package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// wants insists on these arguments, no fewer and no more, and says which.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, words []string) error {
		all := cmd.CommandPath() + " wants " + strings.Join(names, " ")
		switch {
		case len(words) < len(names):
			return fmt.Errorf("%s: %s is missing", all, strings.Join(names[len(words):], " "))
		case len(words) > len(names):
			return fmt.Errorf("%s and no more: not %q", all, words[len(names):])
		}
		return nil
	}
}
