package closeiosim

import "time"

// appendStamp writes the instant as records show it: six digits of fraction of
// which three mean something, none on a whole second, and the offset.
// https://developer.close.com/api/resources/leads (last checked 2026-11-22)
func appendStamp(b []byte, ms int64) []byte {
	b = appendNaive(append(b, '"'), ms)
	return append(b, `+00:00"`...)
}

// appendNaive writes the instant without an offset, as events show it.
func appendNaive(b []byte, ms int64) []byte {
	t := time.UnixMilli(ms).UTC()
	if ms%1000 == 0 {
		return t.AppendFormat(b, "2006-01-02T15:04:05")
	}
	return t.AppendFormat(b, "2006-01-02T15:04:05.000000")
}

// parseMoment reads each form of a date or an instant that Close takes. An
// instant without an offset is UTC, and so is the midnight of a date.
func parseMoment(text string) (ms int64, dateOnly, ok bool) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.UnixMilli(), true, true
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UnixMilli(), false, true
		}
	}
	return 0, false, false
}
