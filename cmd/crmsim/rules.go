package main

import (
	"fmt"
	"strings"
)

// armRules arms the rules of the command line.
func (s *stage) armRules(rules []string) error {
	for _, text := range rules {
		if err := s.armRuleOf(text); err != nil {
			return usageError{fmt.Errorf("--rule: %w", err)}
		}
	}
	return nil
}

// armRuleOf arms a rule for the system before its colon.
func (s *stage) armRuleOf(text string) error {
	system, raw, named := strings.Cut(text, ":")
	arm := map[string]func([]byte) (int, error){
		"qbench": s.qbench.ArmRule, "salesforce": s.salesforce.ArmRule, "hubspot": s.hubspot.ArmRule, "close": s.closeio.ArmRule,
	}[strings.TrimSpace(system)]
	if !named || arm == nil {
		return fmt.Errorf("%q: must begin with the system, such as salesforce:{…}; there are qbench, salesforce, hubspot and close", text)
	}
	if _, err := arm([]byte(raw)); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	return nil
}
