package main

import (
	"fmt"
	"strings"
	"time"
)

// arm switches the faults on. Of several that fit a call the first decides, so
// those that were named come first and the delay of every call comes last.
func (s *stage) arm(f faultOptions) error {
	for _, rule := range f.rules {
		if err := s.armRule(rule); err != nil {
			return usageError{fmt.Errorf("--fault: %w", err)}
		}
	}
	if f.lostCreates > 0 {
		rule := fmt.Sprintf("drop,after,method=POST,rate=%v", f.lostCreates)
		if err := s.armRule("qbench:" + rule + ",path=/qbench/api/"); err != nil {
			return err
		}
		if err := s.armRule("salesforce:" + rule + ",path=/sobjects"); err != nil {
			return err
		}
	}
	if f.throttled > 0 {
		s.qbench.Storm(f.throttled, time.Second)
		s.salesforce.Faults().Storm(f.throttled, time.Second)
	}
	if f.broken > 0 {
		s.qbench.Faults().Unavailable(f.broken, true)
		s.salesforce.Faults().Unavailable(f.broken, true)
	}
	if f.tokenCalls > 0 {
		s.salesforce.ExpireTokensAfter(f.tokenCalls)
	}
	if f.latency > 0 {
		return s.armRule("delay=" + f.latency.String())
	}
	return nil
}

// armRule arms a rule for the system before its colon, or for both.
func (s *stage) armRule(rule string) error {
	arms := map[string]func(string) error{"qbench": s.qbench.AddFault, "salesforce": s.salesforce.AddFault}
	if system, rest, found := strings.Cut(rule, ":"); found && arms[system] != nil {
		return arms[system](rest)
	}
	if err := s.qbench.AddFault(rule); err != nil {
		return err
	}
	return s.salesforce.AddFault(rule)
}
