package daemon_test

import (
	"strings"
	"testing"
	"time"

	"crmsyncd/sync/daemon"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func mustSchedule(t *testing.T, text string, loc *time.Location) daemon.Schedule {
	t.Helper()
	s, err := daemon.ParseSchedule(text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The cron library drops a run in a skipped hour, skips a day that has no
// midnight, and runs twice in a repeated hour. B8.
func TestNextOverClockChanges(t *testing.T) {
	for _, tc := range []struct {
		name, spec, zone, after string
		want                    []string
	}{
		{
			"a weekly run in the hour that New York skips", "0 2 * * 0", "America/New_York", "2026-03-02T00:00:00-05:00",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-15T02:00:00-04:00"},
		},
		{
			"half past in the skipped hour", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00-05:00",
			[]string{"2026-03-08T03:30:00-04:00", "2026-03-09T02:30:00-04:00"},
		},
		{
			"a day without midnight in Santiago", "0 0 * * *", "America/Santiago", "2026-09-05T12:00:00-04:00",
			[]string{"2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},
		},
		{
			"once in the hour that New York repeats", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"},
		},
		{
			"caught up within the repeated hour, not again in it", "30 1 * * *", "America/New_York", "2026-11-01T01:10:00-05:00",
			[]string{"2026-11-02T01:30:00-05:00"},
		},
		{
			"once in the hour that Berlin repeats", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+02:00",
			[]string{"2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00"},
		},
		{
			"hourly stays hourly while the clocks go back", "@hourly", "America/New_York", "2026-11-01T00:30:00-04:00",
			[]string{"2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00"},
		},
		{
			"hourly stays hourly while they go forward", "@hourly", "America/New_York", "2026-03-08T00:30:00-05:00",
			[]string{"2026-03-08T01:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		},
		{
			"every quarter of an hour", "*/15 * * * *", "UTC", "2026-01-01T00:01:00Z",
			[]string{"2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"},
		},
		{
			"every counts from the last run", "@every 90m", "UTC", "2026-01-01T00:01:00Z",
			[]string{"2026-01-01T01:31:00Z", "2026-01-01T03:01:00Z"},
		},
		{
			"a zone of its own", "CRON_TZ=Asia/Tokyo 0 3 * * SAT", "UTC", "2026-01-01T00:00:00Z",
			[]string{"2026-01-02T18:00:00Z"},
		},
		{
			"a leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z",
			[]string{"2028-02-29T00:00:00Z"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := mustSchedule(t, tc.spec, zone(t, tc.zone))
			at := parseTime(t, tc.after)
			for i, want := range tc.want {
				at = s.Next(at)
				if !at.Equal(parseTime(t, want)) {
					t.Fatalf("run %d: due %s, want %s", i+1, at, want)
				}
			}
		})
	}
}

func parseTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestParseScheduleRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"TZ=0":                    "must follow TZ=",
		"TZ=":                     "must follow TZ=",
		"CRON_TZ=UTC":             "must follow TZ=",
		"TZ=Nowhere/Land @hourly": "no such time zone",
		"@every -1s":              "1m0s or more",
		"@every 10s":              "1m0s or more",
		"@every soon":             "a duration",
		"*/99 * * * *":            "wider than its field",
		"0 0 31 2 *":              "no such day",
		"@reboot":                 "unrecognized",
		"":                        "",
		"* * * *":                 "",
		"61 * * * *":              "",
	} {
		_, err := daemon.ParseSchedule(spec, time.UTC)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", spec, err, want)
		}
	}
}

// Any text is either refused or comes due after the time it was asked for.
func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"@hourly", "*/15 * * * *", "TZ=", "CRON_TZ=UTC", "0 2 * * 0", "@every 1h", "0 0 31 2 *", "TZ=0 0"} {
		f.Add(s, int64(1772928000))
	}
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := daemon.ParseSchedule(text, ny)
		if err != nil {
			return
		}
		after := time.Unix(unix%4102444800, 0)
		if next := s.Next(after); !next.IsZero() && !next.After(after) {
			t.Errorf("%q after %s: due %s", text, after, next)
		}
	})
}
