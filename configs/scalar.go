package configs

import (
	"reflect"
	"strconv"
	"strings"
)

// parsePercent reads 20 or 20%.
func parsePercent(s string) (percent, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%")))
	return percent(n), err == nil && n >= 0 && n <= 100
}

// maxDays and maxBytes bound what a journal may keep: more is a slip of a hand.
const (
	maxDays  = 36_500
	maxBytes = 1 << 50
)

// parseDays reads a number of days such as 400d, of weeks such as 57w or of
// years such as 2y. It is 1 at least.
func parseDays(s string) (days, bool) {
	n, unit, ok := quantity(s)
	each, known := map[string]int64{"d": 1, "w": 7, "y": 365}[unit]
	if !ok || !known || n > maxDays/each {
		return 0, false
	}
	return days(n * each), true
}

// parseBytes reads a size such as 512MiB or 2GB. It is 1 at least.
func parseBytes(s string) (byteSize, bool) {
	n, unit, ok := quantity(s)
	each, known := map[string]int64{
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[strings.ToLower(unit)]
	if !ok || !known || n > maxBytes/each {
		return 0, false
	}
	return byteSize(n * each), true
}

// quantity reads a whole number above 0 with its unit.
func quantity(s string) (n int64, unit string, ok bool) {
	s = strings.TrimSpace(s)
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	return n, strings.TrimSpace(s[digits:]), err == nil && n > 0
}

func parseOnOff(s string) (onOff, bool) {
	switch strings.ToLower(s) {
	case "on", "true":
		return true, true
	case "off", "false":
		return false, true
	}
	return false, false
}

// decodeHook turns what stands in a file into the types of this package. The
// walker has seen the file before, so a value that does not fit passes here and
// fails in the decoder.
func decodeHook(_, to reflect.Type, data any) (any, error) {
	text, isText := data.(string)
	switch to {
	case reflect.TypeFor[setting]():
		if isText {
			return setting{Text: text}, nil
		}
	case reflect.TypeFor[[]string]():
		if isText {
			return []string{text}, nil
		}
	case reflect.TypeFor[percent]():
		if p, ok := parsePercent(text); ok {
			return p, nil
		}
	case reflect.TypeFor[days]():
		if n, ok := parseDays(text); ok {
			return n, nil
		}
	case reflect.TypeFor[byteSize]():
		if n, ok := parseBytes(text); ok {
			return n, nil
		}
	case reflect.TypeFor[onOff]():
		if v, ok := parseOnOff(text); ok {
			return v, nil
		}
	}
	return data, nil
}
