package fieldmap

import (
	"regexp"
	"strings"
	"unicode"

	"crmsyncd/fieldmap/record"
)

// IDLint returns what is doubtful about an id, or nothing. Ids that people
// typed lead to records that never meet; they are reported and never
// changed. The pattern is the object's id_pattern, nil when it has none.
func IDLint(pattern *regexp.Regexp, value string) string {
	switch {
	case value == "":
		return "is blank"
	case strings.ContainsFunc(value, unicode.IsSpace):
		return "holds a space"
	case strings.ContainsFunc(value, invisible):
		return "holds a character that cannot be seen"
	case decimalForm(value):
		return "has the form of a decimal number"
	case pattern != nil && !pattern.MatchString(value):
		return "does not fit id_pattern"
	case pattern == nil && mixedCase(value):
		return "mixes capitals and small letters"
	}
	return ""
}

func invisible(r rune) bool { return !unicode.IsGraphic(r) }

func decimalForm(value string) bool {
	if !strings.ContainsAny(value, ".eE") || strings.Trim(value, "0123456789.eE+-") != "" {
		return false
	}
	_, err := record.Canonical(record.Decimal, value)
	return err == nil
}

// mixedCase looks for words that somebody typed in two ways. Ids that a
// machine made out of both cases, as Salesforce's 15 or 18 characters, mix
// them with digits.
func mixedCase(value string) bool {
	if (len(value) == 15 || len(value) == 18) && strings.ContainsAny(value, "0123456789") {
		return false
	}
	return strings.ToUpper(value) != value && strings.ToLower(value) != value
}
