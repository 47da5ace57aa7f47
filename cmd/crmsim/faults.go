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
		for _, creates := range []string{"qbench:path=/qbench/api/", "salesforce:path=/sobjects", "hubspot:path=/batch/create", "close:path=/api/v1/lead/", "close:path=/api/v1/contact/"} {
			if err := s.armRule(fmt.Sprintf("%s,drop,after,method=POST,rate=%v", creates, f.lostCreates)); err != nil {
				return err
			}
		}
	}
	if f.throttled > 0 {
		s.qbench.Storm(f.throttled, time.Second)
		s.salesforce.Faults().Storm(f.throttled, time.Second)
		s.hubspot.Faults().Storm(f.throttled, time.Second)
		s.closeio.Storm(f.throttled, time.Second)
	}
	if f.broken > 0 {
		s.qbench.Faults().Unavailable(f.broken, true)
		s.salesforce.Faults().Unavailable(f.broken, true)
		s.hubspot.Faults().Unavailable(f.broken, true)
		s.closeio.Faults().Unavailable(f.broken, true)
	}
	if f.tokenCalls > 0 {
		s.salesforce.ExpireTokensAfter(f.tokenCalls)
	}
	if f.latency > 0 {
		return s.armRule("delay=" + f.latency.String())
	}
	return nil
}

// armRule arms a rule for the system before its colon, or for all.
func (s *stage) armRule(rule string) error {
	only, rest, named := strings.Cut(rule, ":")
	arms := []struct {
		system string
		add    func(string) error
	}{{"qbench", s.qbench.AddFault}, {"salesforce", s.salesforce.AddFault}, {"hubspot", s.hubspot.AddFault}, {"close", s.closeio.AddFault}}
	for _, a := range arms {
		if named && a.system == only {
			return a.add(rest)
		}
	}
	for _, a := range arms {
		if err := a.add(rule); err != nil {
			return err
		}
	}
	return nil
}
