package main

import (
	"regexp"
	"strings"
)

var (
	statusOf   = regexp.MustCompile(`\bstatus (\d{3})\b`)
	noAnswerOf = regexp.MustCompile(`connection refused|connection reset|i/o timeout|Client\.Timeout|deadline exceeded|no route to host|network is unreachable|\bEOF$`)
)

// downText says that a system does not answer where that is all that its error
// tells, and is empty where it tells anything else.
func downText(system, failure string) string {
	sentence := ""
	for line := range strings.Lines(failure) {
		line = strings.TrimSpace(line)
		reason := noAnswerOf.FindString(line)
		end := "if its base_url is right, nothing is wrong with your files; try again later"
		if m := statusOf.FindStringSubmatch(line); m != nil {
			if !strings.HasPrefix(m[1], "5") {
				return ""
			}
			reason, end = m[1], "nothing is wrong with your files; try again later"
		}
		if reason == "" {
			return ""
		}
		if sentence == "" {
			sentence = system + " does not answer (" + reason + "): " + end
		}
	}
	return sentence
}
