package main

import (
	"context"
	"fmt"
	"regexp"
)

// step is a part of a scenario. Steps are played in the order of their list, on
// one guest.
type step struct {
	name  string
	needs []string // earlier steps, without which it makes no sense
	do    func(context.Context, *T)
}

// lost names a needed step that failed.
func (s step) lost(failed map[string]bool) string {
	for _, n := range s.needs {
		if failed[n] {
			return n
		}
	}
	return ""
}

// choose keeps the steps that the pattern finds and what they need, in the order
// of the list. Each step may need only what stands before it.
func choose(all []step, pattern string) ([]step, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	wanted := map[string]bool{}
	for i := len(all) - 1; i >= 0; i-- {
		if s := all[i]; wanted[s.name] || re.MatchString(s.name) {
			wanted[s.name] = true
			for _, n := range s.needs {
				wanted[n] = true
			}
		}
	}
	var chosen []step
	for _, s := range all {
		if wanted[s.name] {
			chosen = append(chosen, s)
			delete(wanted, s.name)
		}
	}
	for unknown := range wanted {
		return nil, fmt.Errorf("no step before the one that needs it is named %q", unknown)
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-run %q finds no step; -list shows them", pattern)
	}
	return chosen, nil
}
