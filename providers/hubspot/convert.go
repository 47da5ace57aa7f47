package hubspot

import (
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Convert turns a property as HubSpot sent it into its canonical value. A
// property that was asked for and is blank is null or an empty text; one that
// is absent does not exist, which is missing and never blank.
func (c *Client) Convert(object string, f record.Field, raw []byte) (record.Value, error) {
	v, err := convert(f.Type, raw)
	if err != nil {
		return record.Value{}, &providers.Error{
			Op: "convert " + object + "." + f.Name, Kind: providers.Rejected, Fields: []string{f.Name}, Err: err,
		}
	}
	return v, nil
}

func convert(t record.Type, raw []byte) (record.Value, error) {
	if t == record.Date || t == record.Datetime {
		if text, ok := instant(t, raw); ok {
			return record.Of(text), nil
		}
	}
	return record.CanonicalJSON(t, raw)
}

// instant reads the forms of a moment that HubSpot uses beside the usual one:
// milliseconds since 1970, as a text or a number, and for a calendar day also
// its midnight in UTC.
//
// https://developers.hubspot.com/docs/api/crm/properties, last checked 2026-11-22.
func instant(t record.Type, raw []byte) (string, bool) {
	text := strings.TrimSpace(strings.Trim(string(raw), `"`))
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil || len(strings.TrimPrefix(text, "-")) < 5 {
			return "", false
		}
		at = time.UnixMilli(ms)
	}
	at = at.UTC()
	switch {
	case at.Year() < 1 || at.Year() > 9999:
		return "", false
	case t == record.Datetime:
		return at.Format(time.RFC3339Nano), true
	case at.Equal(at.Truncate(24 * time.Hour)):
		return at.Format(time.DateOnly), true
	}
	return "", false
}
