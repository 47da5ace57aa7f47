package qbench

import (
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// Convert turns a literal into its canonical value. A key that QBench did not
// send is a field that its administrator did not add, and so missing.
func (c *Client) Convert(object string, f record.Field, raw []byte) (record.Value, error) {
	if raw == nil {
		return record.Value{}, nil
	}
	v, err := c.value(f.Type, raw)
	if err != nil {
		return record.Value{}, &providers.Error{
			Op: "read " + object + "." + f.Name, Kind: providers.Rejected, Fields: []string{f.Name}, Err: err,
		}
	}
	return v, nil
}

func (c *Client) value(t record.Type, raw []byte) (record.Value, error) {
	switch t {
	case record.Date, record.Datetime:
		return c.date(t, raw)
	case record.ID, record.Reference:
		if text, ok := jsonwalk.Text(raw); ok && floatID(strings.TrimSpace(text)) {
			return record.Value{}, record.ErrDecimalID
		}
	}
	return record.CanonicalJSON(t, raw) // Convert says which field
}

// floatID reports whether a text is a whole number that went through a float on
// its way: 12345.0.
func floatID(text string) bool {
	whole, frac, found := strings.Cut(text, ".")
	return found && frac != "" && strings.Trim(frac, "0") == "" && whole != "" && strings.Trim(whole, "0123456789") == ""
}

// date reads the forms that QBench tenants are known to send.
func (c *Client) date(t record.Type, raw []byte) (record.Value, error) {
	fault := record.ErrDatetime
	if t == record.Date {
		fault = record.ErrDate
	}
	if jsonwalk.IsNull(raw) {
		return record.NullValue(), nil
	}
	text, ok := dateText(raw)
	if !ok {
		return record.Value{}, fault
	}
	if text == "" {
		return record.NullValue(), nil
	}
	w, err := parseWhen(text, c.cfg.Zone)
	if err != nil {
		return record.Value{}, fault
	}
	if t == record.Date {
		return record.Canonical(t, w.date(c.cfg.Zone)) // Convert says which field
	}
	return record.Canonical(t, w.instant(c.cfg.Zone).UTC().Format(time.RFC3339Nano)) // Convert says which field
}

// dateText is the text of a string, or of a whole number: Unix seconds come as
// either.
func dateText(raw []byte) (string, bool) {
	if text, ok := jsonwalk.Text(raw); ok {
		return strings.TrimSpace(text), true
	}
	_, whole := jsonwalk.Int(raw)
	return string(raw), whole
}

// when is a day as it was written, an instant, or both where a local time was
// written.
type when struct {
	day string // 2006-01-02; empty where an instant was written
	at  time.Time
}

// date is the day. An instant at midnight of its own offset is a day that was
// written as an instant, and stays that day; any other is the day that it is in
// the tenant's zone.
func (w when) date(zone *time.Location) string {
	if w.day != "" {
		return w.day
	}
	if h, m, s := w.at.Clock(); h == 0 && m == 0 && s == 0 {
		return w.at.Format(time.DateOnly)
	}
	return w.at.In(zone).Format(time.DateOnly)
}

// instant is the time; of a day, its beginning in the tenant's zone.
func (w when) instant(zone *time.Location) time.Time {
	if !w.at.IsZero() {
		return w.at
	}
	at, err := time.ParseInLocation(time.DateOnly, w.day, zone)
	if err != nil {
		return time.Time{}
	}
	// Where summer time begins at midnight, that hour does not exist, and the
	// time package may answer with the evening before.
	if at.Format(time.DateOnly) < w.day {
		at = at.Add(time.Hour)
	}
	return at
}

// parseWhen reads MM/DD/YYYY, with or without a time of day in the tenant's
// zone, ISO dates and times, and Unix seconds. These are the forms that a
// third-party client's tests hold; the zone of the slash forms is nowhere
// documented, hence the setting.
func parseWhen(text string, zone *time.Location) (when, error) {
	for _, form := range []string{time.DateOnly, "1/2/2006"} {
		if at, err := time.Parse(form, text); err == nil {
			return when{day: at.Format(time.DateOnly)}, nil
		}
	}
	upper := strings.ToUpper(text)
	for _, form := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700"} {
		if at, err := time.Parse(form, upper); err == nil {
			return when{at: at}, nil
		}
	}
	for _, form := range []string{
		"1/2/2006 3:04 PM", "1/2/2006 3:04PM", "1/2/2006 3:04:05 PM", "1/2/2006 15:04", "1/2/2006 15:04:05",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05",
	} {
		if local, err := time.Parse(form, upper); err == nil {
			at, err := time.ParseInLocation(form, upper, zone)
			return when{day: local.Format(time.DateOnly), at: at}, err // cannot fail where Parse did not
		}
	}
	// Fewer digits could be a day such as 20201016.
	secs, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) < 9 || len(text) > 11 || secs < 0 {
		return when{}, record.ErrDatetime
	}
	return when{at: time.Unix(secs, 0).UTC()}, nil
}
