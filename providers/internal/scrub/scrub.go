// Package scrub takes out of a vendor's words what must not reach a log: the
// values of a record, e-mail addresses, and secrets. A vendor may quote
// whatever it was sent, in its own spelling.
//
// What a vendor's own phrases quote is known to its provider alone; this
// package knows only what was sent.
package scrub

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Hidden stands where something was taken out.
const Hidden = "[value]"

// shortest is the length below which a value is left alone: it tells nothing,
// and a text without each of its letters would tell nothing either. A secret
// has no such length.
const shortest = 3

// Values takes the values that were sent in p out of the message of an error
// about it, whatever the case: vendors rewrite values before they quote them.
// It returns e.
func Values(e *providers.Error, p *record.Patch) *providers.Error {
	for i := range p.Fields {
		f := &p.Fields[i]
		if f.Type == record.Bool || f.Type == record.Reference {
			continue
		}
		for _, v := range f.Value.Elems() {
			e.Message = withoutEnd(withoutFold(e.Message, v), v)
		}
	}
	return e
}

// withoutFold hides every occurrence of old whatever the case of ASCII letters.
func withoutFold(s, old string) string {
	if len(old) < shortest || len(old) > len(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if i+len(old) <= len(s) && strings.EqualFold(s[i:i+len(old)], old) {
			b.WriteString(Hidden)
			i += len(old)
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// ellipsis marks a text that was cut.
const ellipsis = "…"

// withoutEnd hides the beginning of old at the end of a text that was cut there.
func withoutEnd(s, old string) string {
	text, cut := strings.CutSuffix(s, ellipsis)
	if !cut {
		return s
	}
	for n := min(len(old)-1, len(text)); n >= shortest; n-- {
		if strings.EqualFold(text[len(text)-n:], old[:n]) {
			return text[:len(text)-n] + Hidden + ellipsis
		}
	}
	return s
}

// Secret hides every occurrence of a secret, however short. An empty one hides
// nothing.
func Secret(s, secret string) string {
	if secret == "" {
		return s
	}
	return strings.ReplaceAll(s, secret, Hidden)
}

// Mail hides what looks like an e-mail address.
func Mail(s string) string {
	if !strings.Contains(s, "@") && !strings.Contains(s, "%40") {
		return s
	}
	return regexp.MustCompile(`[^\s:;,'"<>()\[\]]+(?:@|%40)[^\s:;,'"<>()\[\]]+`).ReplaceAllString(s, Hidden)
}

// Printable puts a blank in the place of every character that cannot be
// printed.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// Cut shortens a text to at most n bytes and an ellipsis. It must come after
// everything that hides: half a secret is not recognized any more.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ellipsis
}

// Head returns the beginning of a text, at most n bytes that end with a word:
// what a cut leaves of a secret is not recognized any more.
func Head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[:n]
	if i := strings.LastIndexAny(s, " \t\r\n"); i > 0 {
		return s[:i]
	}
	return ""
}
