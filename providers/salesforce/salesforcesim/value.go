package salesforcesim

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A value is kept as text in one canonical form per type, and null as "":
// the vendor itself stores an empty string as null.
//
//	text             trimmed of spaces and control characters at both ends
//	number           plain decimal, no exponent, no trailing zeros
//	boolean          "true", "false"
//	date, time       2006-01-02, 15:04:05.000Z
//	datetime         timeLayout, always UTC, whole seconds
//	reference        18 characters

// timeLayout is how the vendor writes an instant: without a colon in the offset.
const timeLayout = "2006-01-02T15:04:05.000-0700"

const dateLayout = "2006-01-02"

func trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

func formatTime(sec int64) string { return time.Unix(sec, 0).UTC().Format(timeLayout) }

// parseTime reads the forms of an instant that the vendor accepts.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, timeLayout, "2006-01-02T15:04:05-0700"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1700 && t.Year() <= 4000 {
			return t.UTC().Truncate(time.Second), true
		}
	}
	return time.Time{}, false
}

// parseJSON brings a JSON value into the field's canonical form.
func (f *field) parseJSON(raw []byte) (string, *Error) {
	switch kind := jsontext.Value(raw).Kind(); kind {
	case 'n':
		if f.kind == "boolean" {
			return "", bad("INVALID_TYPE_ON_FIELD_IN_RECORD", f.label+": value not of required type: null", f.name)
		}
		return "", nil
	case '"':
		// A number in quotes is taken: the vendor's own command line sends them so.
		if f.kind == "boolean" {
			return "", parserError(f.kind, "VALUE_STRING value "+unquote(raw))
		}
		return f.parseText(unquote(raw))
	case '0':
		if !f.isNumber() {
			return "", parserError(f.jsonType(), "VALUE_NUMBER value "+string(raw))
		}
		return f.parseNumber(string(raw))
	case 't', 'f':
		if f.kind != "boolean" {
			return "", parserError(f.jsonType(), "VALUE_"+strings.ToUpper(string(raw))+" value "+string(raw))
		}
		return string(raw), nil
	case '{':
		return "", parserError(f.jsonType(), "START_OBJECT value {")
	default:
		return "", parserError(f.jsonType(), "START_ARRAY value [")
	}
}

func (f *field) jsonType() string {
	if f.isText() {
		return "string"
	}
	return f.kind
}

func unquote(raw []byte) string {
	if len(raw) >= 2 && simpleString(raw) {
		return string(raw[1 : len(raw)-1])
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return ""
	}
	return string(b)
}

// simpleString tells whether a JSON string holds no escape and no byte that
// would need a check.
func simpleString(raw []byte) bool {
	for _, c := range raw[1 : len(raw)-1] {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// parseText brings text into the field's canonical form.
func (f *field) parseText(s string) (string, *Error) {
	s = trim(s)
	if s == "" {
		return "", nil
	}
	if f.isText() {
		return f.checkText(s)
	}
	switch f.kind {
	case "int", "double", "currency", "percent":
		return f.parseNumber(s)
	case "boolean":
		if s == "true" || s == "false" {
			return s, nil
		}
	case "date", "datetime", "time":
		if v, ok := f.parseWhen(s); ok {
			return v, nil
		}
	case "reference", "id":
		id, ok := CanonicalID(s)
		if !ok {
			return "", malformedID(f.label, s)
		}
		return id, nil
	}
	return "", parserError(f.kind, "VALUE_STRING value "+s)
}

func (f *field) parseWhen(s string) (string, bool) {
	switch f.kind {
	case "date":
		t, err := time.Parse(dateLayout, s)
		return t.Format(dateLayout), err == nil
	case "datetime":
		t, ok := parseTime(s)
		return t.Format(timeLayout), ok
	}
	for _, layout := range []string{"15:04:05.999Z07:00", "15:04:05.999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Format("15:04:05.000Z"), true
		}
	}
	return "", false
}

func (f *field) checkText(s string) (string, *Error) {
	if f.kind == "multipicklist" {
		s = joinPicks(s)
	}
	if f.length > 0 && len(s) > f.length && utf8.RuneCountInString(s) > f.length {
		return "", bad("STRING_TOO_LONG", f.label+": data value too large: "+s+" (max length="+strconv.Itoa(f.length)+")", f.name)
	}
	if f.kind == "email" && !isEmail(s) {
		return "", bad("INVALID_EMAIL_ADDRESS", f.label+": invalid email address: "+s, f.name)
	}
	if f.restricted {
		return f.checkPicks(s)
	}
	return s, nil
}

// checkPicks takes a pick in any case and stores it as declared.
func (f *field) checkPicks(s string) (string, *Error) {
	picks := []string{s}
	if f.kind == "multipicklist" {
		picks = strings.Split(s, ";")
	}
	for i, p := range picks {
		known := false
		for _, v := range f.values {
			if strings.EqualFold(v, p) {
				picks[i], known = v, true
				break
			}
		}
		if !known {
			return "", bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f.label+": bad value for restricted picklist field: "+p, f.name)
		}
	}
	return joinPicks(strings.Join(picks, ";")), nil
}

// joinPicks trims the picks of a multi-select and drops empty and repeated ones.
func joinPicks(s string) string {
	var kept []string
	seen := map[string]bool{}
	for p := range strings.SplitSeq(s, ";") {
		if p = trim(p); p != "" && !seen[p] {
			seen[p] = true
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ";")
}

func (f *field) parseNumber(s string) (string, *Error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return "", parserError(f.kind, "VALUE_STRING value "+s)
	}
	scale, whole := f.scale, f.precision-f.scale
	if f.kind == "int" {
		if v != math.Trunc(v) {
			return "", parserError("int", "VALUE_NUMBER_FLOAT value "+s)
		}
		scale, whole = 0, f.digits
	}
	text := strconv.FormatFloat(v, 'f', scale, 64)
	if scale > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	if n, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), "."); n != "0" && len(n) > whole {
		return "", bad("NUMBER_OUTSIDE_VALID_RANGE", f.label+": value outside of valid range on numeric field: "+javaDouble(text), f.name)
	}
	return text, nil
}

// javaDouble writes a canonical number as the vendor's double, currency and
// percent fields are answered: 5.0, 0.25, 3.5E8.
func javaDouble(text string) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	if abs := math.Abs(v); v == 0 || (abs >= 1e-3 && abs < 1e7) {
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exp)
	return mantissa + "E" + strconv.Itoa(n)
}

// isEmail is the vendor's check in short: one @, a plain local part, and a
// domain with a dot.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || strings.ContainsAny(s, " \t\r\n,;:<>()[]\\\"") || strings.Contains(domain, "@") {
		return false
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	return isDomain(domain)
}

func isDomain(domain string) bool {
	if !strings.Contains(domain, ".") {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if c != '-' && c < utf8.RuneSelf && !isAlnum(byte(c)) {
				return false
			}
		}
	}
	return true
}

// appendJSON appends a canonical value as the vendor answers it.
func (f *field) appendJSON(b []byte, v string) []byte {
	if v == "" {
		return append(b, "null"...)
	}
	switch f.kind {
	case "boolean", "int":
		return append(b, v...)
	case "double", "currency", "percent":
		return append(b, javaDouble(v)...)
	default:
		return quote(b, v)
	}
}
