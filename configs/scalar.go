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
	case reflect.TypeFor[onOff]():
		if v, ok := parseOnOff(text); ok {
			return v, nil
		}
	}
	return data, nil
}
