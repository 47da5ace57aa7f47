package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// mirrors asks the apt of this machine where the suite comes from.
func mirrors(ctx context.Context, suite string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages").Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt for its mirrors: %w", err)
	}
	lines := sources(string(out), suite)
	if len(lines) == 0 {
		return nil, missing{"apt knows no mirror of " + suite + " here"}
	}
	return lines, nil
}

// sources keeps the suite, its updates and its security fixes, in the form of
// sources.list. Others' repositories have their own names or components.
func sources(targets, suite string) []string {
	var lines []string
	for target := range strings.Lines(targets) {
		part := strings.Fields(target)
		if len(part) != 3 || part[2] != "main" || !slices.Contains([]string{suite, suite + "-updates", suite + "-security"}, part[1]) {
			continue
		}
		if line := "deb " + strings.Join(part, " "); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// reaching asks the apt of this machine how it reaches its mirrors: through
// which proxy, and whether an old index will do.
func reaching(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "--no-empty").Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt for its settings: %w", err)
	}
	var kept []string
	for line := range strings.Lines(string(out)) {
		for _, prefix := range []string{"Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv"} {
			if strings.HasPrefix(line, prefix) {
				kept = append(kept, strings.TrimSpace(line))
			}
		}
	}
	return kept, nil
}
