package audit

import (
	"strings"
	"unicode"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// SameSpelling reports whether two values of a type differ in spelling only:
// in case, in blanks, in how many digits stand behind the point, or, for what
// holds no letters, in everything but its digits.
func SameSpelling(t record.Type, a, b record.Value) bool {
	if !a.IsSet() || !b.IsSet() {
		return false
	}
	if t == record.Decimal || t == record.Int {
		scale := min(scaleOf(a.Text()), scaleOf(b.Text()))
		return record.Round(a, scale) == record.Round(b, scale)
	}
	if letters(a.Text()) == letters(b.Text()) {
		return true
	}
	return t == record.Text && noLetters(a.Text()) && noLetters(b.Text()) && fieldmap.Digits.Equal(a, b)
}

// letters is a text without regard to case and blanks.
func letters(text string) string {
	return strings.ReplaceAll(fieldmap.Fold.Key(record.Of(text)), " ", "")
}

func noLetters(text string) bool { return !strings.ContainsFunc(text, unicode.IsLetter) }

func scaleOf(text string) int {
	_, decimals, _ := strings.Cut(text, ".")
	return len(decimals)
}
