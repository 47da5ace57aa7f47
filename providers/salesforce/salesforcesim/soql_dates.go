package salesforcesim

import (
	"strconv"
	"strings"
	"time"
)

// dateRange is a date literal: a span of days relative to now.
type dateRange struct {
	unit     string // DAY, WEEK, MONTH, QUARTER or YEAR
	from, to int    // in units from the current one; to is exclusive
}

func isDate(s string) bool {
	_, err := time.Parse(dateLayout, s)
	return err == nil
}

// parseDateLiteral knows TODAY, LAST_WEEK, LAST_N_DAYS:3, N_MONTHS_AGO:2 and
// their kin; fiscal years are calendar years here. The user's time zone is UTC.
// https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm (last checked 2026-11-22)
func parseDateLiteral(s string) (*dateRange, bool) {
	name, arg, hasArg := strings.Cut(strings.ToUpper(s), ":")
	if !hasArg {
		d, ok := fixedDate(name)
		return d, ok
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 0 || n > 100_000 {
		return nil, false
	}
	if plural, ok := strings.CutPrefix(name, "LAST_N_"); ok {
		unit, ok := unitOf(plural)
		if unit == "DAY" {
			return &dateRange{unit, -n, 1}, ok // today belongs to the last n days
		}
		return &dateRange{unit, -n, 0}, ok
	}
	if plural, ok := strings.CutPrefix(name, "NEXT_N_"); ok {
		unit, ok := unitOf(plural)
		return &dateRange{unit, 1, n + 1}, ok
	}
	if rest, ok := strings.CutPrefix(name, "N_"); ok {
		plural, isAgo := strings.CutSuffix(rest, "_AGO")
		unit, ok := unitOf(plural)
		return &dateRange{unit, -n, -n + 1}, ok && isAgo
	}
	return nil, false
}

func unitOf(plural string) (string, bool) {
	unit := strings.TrimSuffix(strings.TrimPrefix(plural, "FISCAL_"), "S")
	switch unit {
	case "DAY", "WEEK", "MONTH", "QUARTER", "YEAR":
		return unit, strings.HasSuffix(plural, "S")
	}
	return "", false
}

func fixedDate(name string) (*dateRange, bool) {
	switch name {
	case "YESTERDAY":
		return &dateRange{"DAY", -1, 0}, true
	case "TODAY":
		return &dateRange{"DAY", 0, 1}, true
	case "TOMORROW":
		return &dateRange{"DAY", 1, 2}, true
	case "LAST_90_DAYS":
		return &dateRange{"DAY", -90, 1}, true
	case "NEXT_90_DAYS":
		return &dateRange{"DAY", 1, 91}, true
	}
	for prefix, from := range map[string]int{"LAST_": -1, "THIS_": 0, "NEXT_": 1} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			unit, ok := unitOf(rest + "S")
			return &dateRange{unit, from, from + 1}, ok && unit != "DAY"
		}
	}
	return nil, false
}

// span gives the first instant of the range and the first after it.
func (d *dateRange) span(now time.Time) (from, to time.Time) {
	return d.start(now, d.from), d.start(now, d.to)
}

func (d *dateRange) start(now time.Time, n int) time.Time {
	y, m, day := now.UTC().Date()
	at := func(y int, m time.Month, day int) time.Time { return time.Date(y, m, day, 0, 0, 0, 0, time.UTC) }
	switch d.unit {
	case "WEEK":
		return at(y, m, day-int(now.UTC().Weekday())+7*n)
	case "MONTH":
		return at(y, m+time.Month(n), 1)
	case "QUARTER":
		return at(y, (m-1)/3*3+1+time.Month(3*n), 1)
	case "YEAR":
		return at(y+n, 1, 1)
	}
	return at(y, m, day+n)
}
