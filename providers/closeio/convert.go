package closeio

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// Convert turns a field as Close sent it into its canonical value. A day stays
// the day that it is (F20); the day of an instant is the one in the configured
// zone; an instant is never made of a day.
func (c *Client) Convert(object string, f record.Field, raw []byte) (record.Value, error) {
	v, err := convert(f.Type, raw, c.cfg.Zone)
	if err != nil {
		return record.Value{}, &providers.Error{
			Op: "convert " + object + "." + short(f.Name), Kind: providers.Rejected, Fields: []string{f.Name}, Err: err,
		}
	}
	if v.Text() == untitled && (f.Name == "display_name" && object == Lead || f.Name == "lead_name") {
		return record.NullValue(), nil
	}
	return v, nil
}

func convert(t record.Type, raw []byte, zone *time.Location) (record.Value, error) {
	text, isText := jsonwalk.Text(raw)
	switch {
	case !isText:
	case t == record.MultiSet:
		// One choice is a set of one, whatever signs it holds.
		return record.CanonicalJSON(t, append(append([]byte{'['}, raw...), ']'))
	case t == record.Date, t == record.Datetime:
		if at, ok := parseInstant(strings.TrimSpace(text)); ok {
			return dated(t, at, zone)
		}
	}
	return record.CanonicalJSON(t, raw)
}

func dated(t record.Type, at time.Time, zone *time.Location) (record.Value, error) {
	if t == record.Date {
		return record.Canonical(t, at.In(zone).Format(time.DateOnly))
	}
	return record.Canonical(t, at.UTC().Format(time.RFC3339Nano))
}

// parseInstant reads the forms of an instant that Close uses: with an offset in
// records, without one in events and pipelines, where UTC is meant, and with or
// without a fraction of a second.
//
// https://developer.close.com/resources/events, last checked 2026-11-22.
func parseInstant(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02T15:04:05") {
		return time.Time{}, false
	}
	for _, form := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(form, text); err == nil && at.Year() >= 1 && at.Year() <= 9999 {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// parseStamp reads the moment in a literal; the zero time when it is none.
func parseStamp(raw []byte) time.Time {
	if len(raw) < 3 || raw[0] != '"' {
		return time.Time{}
	}
	at, _ := parseInstant(string(raw[1 : len(raw)-1]))
	return at
}

// quote writes a text as a JSON literal.
func quote(buf []byte, text string) []byte {
	out, err := jsontext.AppendQuote(buf, text)
	if err != nil {
		// Only invalid UTF-8 is refused, and then replaced.
		out, _ = jsontext.AppendQuote(buf, strings.ToValidUTF8(text, "\uFFFD"))
	}
	return out
}
