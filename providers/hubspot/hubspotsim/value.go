package hubspotsim

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxText is the longest value of a text property, in characters.
const maxText = 65536

// fault is why a value was refused.
type fault struct{ code, message string }

// parse brings what a client sent into the form that is stored. It reports
// whether a lenient version had to mend the text; strict ones are those from
// 2026-09, which mend dates and say so instead of refusing them.
func (s *store) parse(p *property, text, current string, mends bool) (val string, mended bool, bad *fault) {
	if p.referred == "OWNER" {
		val, bad = s.parseOwner(text)
		return val, false, bad
	}
	switch p.kind {
	case "number":
		if !isNumber(text) {
			return "", false, &fault{"INVALID_LONG", text + " was not a valid long."}
		}
	case "enumeration", "bool":
		val, bad = p.parseOptions(text, current)
		return val, false, bad
	case "date":
		return parseDate(text, mends)
	case "datetime":
		return parseInstant(text, mends)
	}
	if p.name == "email" {
		return parseEmail(text)
	}
	if len(text) > maxText {
		return "", false, &fault{"MAX_LENGTH_EXCEEDED", "The value is longer than " + strconv.Itoa(maxText) + " characters."}
	}
	return text, false, nil
}

// isNumber accepts digits with at most one decimal point, and a sign.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, dotted := strings.Cut(s, ".")
	return (whole != "" || frac != "") && isDigits(whole) && isDigits(frac) && (!dotted || frac != "")
}

func isDigits(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' })
}

func (p *property) parseOptions(text, current string) (string, *fault) {
	parts := []string{text}
	if p.multiple() {
		if rest, more := strings.CutPrefix(text, ";"); more {
			text = rest
			if current != "" {
				text = current + ";" + rest
			}
		}
		parts = strings.Split(text, ";")
	}
	kept := make([]string, 0, len(parts))
	for _, v := range parts {
		own, ok := p.option(v)
		if !ok {
			return "", &fault{"INVALID_OPTION", v + " was not one of the allowed options: " + p.listOptions()}
		}
		if !slices.Contains(kept, own) {
			kept = append(kept, own)
		}
	}
	if len(kept) == 1 {
		return kept[0], nil
	}
	return strings.Join(kept, ";"), nil
}

func (p *property) listOptions() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, o := range p.options {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`label: "` + o.Label + `" value: "` + o.Value + `"`)
	}
	b.WriteByte(']')
	return b.String()
}

// parseOwner takes the id of an owner who is still there; a user id is none.
func (s *store) parseOwner(text string) (string, *fault) {
	for i := range s.owners {
		if s.owners[i].ID == text && !s.owners[i].Archived {
			return s.owners[i].ID, nil
		}
	}
	return "", &fault{"INVALID_OPTION", text + " was not one of the allowed options: the id of an active owner is needed."}
}

func parseDate(text string, mends bool) (string, bool, *fault) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.Format(time.DateOnly), false, nil
	}
	t, exact, ok := parseAny(text)
	if ok && exact && t.Equal(t.Truncate(24*time.Hour)) {
		return t.Format(time.DateOnly), false, nil
	}
	if ok && mends {
		return t.Format(time.DateOnly), true, nil
	}
	return "", false, &fault{"INVALID_DATE", text + " was not a valid date."}
}

func parseInstant(text string, mends bool) (string, bool, *fault) {
	t, exact, ok := parseAny(text)
	if !ok || (!exact && !mends) {
		return "", false, &fault{"INVALID_DATE", text + " was not a valid date."}
	}
	return formatTime(t.UnixMilli()), !exact, nil
}

// parseAny reads a date as the API takes it, or, with exact false, as people write it.
func parseAny(text string) (t time.Time, exact, ok bool) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms > -1<<50 && ms < 1<<50 {
		return time.UnixMilli(ms).UTC(), true, true
	}
	for _, form := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), true, true
		}
	}
	for _, form := range []string{"2006/01/02", "01/02/2006", "2006-1-2", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "Jan 2, 2006"} {
		if t, err := time.Parse(form, strings.TrimSpace(text)); err == nil {
			return t.UTC(), false, true
		}
	}
	return time.Time{}, false, false
}

// parseEmail lowers the case, as the portal does with all addresses.
func parseEmail(text string) (string, bool, *fault) {
	v := strings.ToLower(strings.TrimSpace(text))
	a, err := mail.ParseAddress(v)
	_, host, _ := strings.Cut(v, "@")
	if err != nil || a.Address != v || !strings.Contains(host, ".") {
		return "", false, &fault{"INVALID_EMAIL", "Email address " + text + " is invalid"}
	}
	return v, false, nil
}

// nationalDigits is a phone number as the search compares it: digits alone,
// and without the country code where there is one.
func nationalDigits(text string) string {
	international := strings.HasPrefix(strings.TrimSpace(text), "+")
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	switch {
	case !international:
	case strings.HasPrefix(digits, "1"):
		digits = digits[1:]
	case len(digits) > 2:
		digits = digits[2:]
	}
	return digits
}

// stageRank is how far a lifecycle stage is; stages go forward only.
func stageRank(p *property, v string) int {
	return slices.IndexFunc(p.options, func(o Option) bool { return o.Value == v })
}
