package fieldmap

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// minPhoneDigits keeps stray digits from being taken for a number.
const minPhoneDigits = 3

// noRegion is the library's word for a number that says its own country.
const noRegion = "ZZ"

// phoneKey returns the international form of a number that names its country
// and the digits of one that does not: two national numbers are compared as
// they are, since nothing says whose they are.
func phoneKey(text string) string {
	text = strings.TrimSpace(norm.NFKC.String(text))
	text = strings.TrimPrefix(strings.ToLower(text), "tel:")
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
			rest := strings.Trim(text[i+len(mark):], " .:")
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

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 0x80 }
