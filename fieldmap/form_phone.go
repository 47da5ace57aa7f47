package fieldmap

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// minPhoneDigits keeps stray digits from being taken for a number.
const minPhoneDigits = 3

// maxPhoneText keeps essays out of the parser.
const maxPhoneText = 100

// noRegion is the library's word for a number that says its own country.
const noRegion = "ZZ"

// phoneKey returns the international form of a number that names its country
// and the digits of one that does not: two national numbers are compared as
// they are, since nothing says whose they are.
func phoneKey(text string) string {
	if len(text) > maxPhoneText {
		return ""
	}
	text = strings.ToLower(strings.TrimSpace(norm.NFKC.String(text)))
	text = phoneMarks(strings.TrimPrefix(text, "tel:"))
	if rest, ok := strings.CutPrefix(text, "00"); ok {
		text = "+" + rest
	}
	if strings.HasPrefix(text, "+") {
		if key, ok := internationalKey(text); ok {
			return key
		}
	}
	return nationalKey(text)
}

// phoneMarks leaves what tells numbers apart: digits, the plus in front, and
// the letters and signs before an extension.
func phoneMarks(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r >= '0' && r <= '9' || r == '#' || isLetter(r) || r == '+' && b.Len() == 0 {
			b.WriteRune(r)
		}
	}
	return strings.TrimLeft(b.String(), "#")
}

func internationalKey(text string) (string, bool) {
	number, err := phonenumbers.Parse(text, noRegion)
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", false
	}
	return withExtension(phonenumbers.Format(number, phonenumbers.E164), number.GetExtension()), true
}

// nationalKey refuses words and names that stand in a phone field; their few
// digits would match strangers.
func nationalKey(text string) string {
	number, extension := cutExtension(text)
	if strings.ContainsFunc(number, isLetter) {
		return ""
	}
	key := digitsOf(number)
	if len(key) < minPhoneDigits {
		return ""
	}
	if strings.HasPrefix(text, "+") {
		key = "+" + key
	}
	return withExtension(key, extension)
}

func cutExtension(text string) (number, extension string) {
	for _, mark := range []string{"extension", "ext", "x", "#"} {
		if i := strings.LastIndex(text, mark); i > 0 {
			rest := text[i+len(mark):]
			if rest != "" && digitsOf(rest) == rest {
				return text[:i], rest
			}
		}
	}
	return text, ""
}

func withExtension(key, extension string) string {
	if extension == "" {
		return key
	}
	return key + "x" + extension
}

func isLetter(r rune) bool { return unicode.IsLetter(r) }
