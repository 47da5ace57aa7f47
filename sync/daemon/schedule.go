package daemon

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when a run is due. The zero Schedule is never due.
type Schedule struct {
	text string
	zone *time.Location
	spec *cron.SpecSchedule
	// every is set for "@every", which counts from the last run.
	every time.Duration
}

// shortest is the shortest "@every" that is taken. Shorter ones are always a
// slip, and they would eat a vendor's quota.
const shortest = time.Minute

// Parsing and Next are wrapped because cron v3.0.1 panics on some "TZ="
// prefixes, takes "@every -1s" and "*/99" without a word, and returns the zero
// time for a day that never comes (github.com/robfig/cron issues 470, 554;
// last checked 2026-11-22).

// ParseSchedule returns the schedule of a five-field cron line, a descriptor
// such as "@hourly", or "@every 90m". Without a CRON_TZ= prefix it means this
// zone. As in cron, a day of the month and a day of the week together mean
// either of them.
func ParseSchedule(text string, zone *time.Location) (s Schedule, err error) {
	defer func() {
		if recover() != nil {
			s, err = Schedule{}, fmt.Errorf("schedule %q cannot be read", text)
		}
	}()
	if zone == nil {
		zone = time.UTC
	}
	line := strings.TrimSpace(text)
	if line, zone, err = splitZone(line, zone); err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w", text, err)
	}
	if rest, ok := strings.CutPrefix(line, "@every"); ok {
		return parseEvery(text, strings.TrimSpace(rest), zone)
	}
	if err := checkSteps(line); err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w", text, err)
	}
	parsed, err := cron.ParseStandard(line)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w", text, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, fmt.Errorf("schedule %q cannot be read", text)
	}
	spec.Location = time.UTC
	s = Schedule{text: text, zone: zone, spec: spec}
	if spec.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("schedule %q never comes due: there is no such day", text)
	}
	return s, nil
}

// splitZone takes a TZ= or CRON_TZ= prefix off the line.
func splitZone(line string, zone *time.Location) (string, *time.Location, error) {
	rest, ok := strings.CutPrefix(line, "CRON_TZ=")
	if !ok {
		rest, ok = strings.CutPrefix(line, "TZ=")
	}
	if !ok {
		return line, zone, nil
	}
	name, rest, _ := strings.Cut(rest, " ")
	rest = strings.TrimSpace(rest)
	if name == "" || rest == "" {
		return "", nil, errors.New("a zone and a schedule must follow TZ=")
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return "", nil, fmt.Errorf("no such time zone %q", name)
	}
	return rest, loc, nil
}

func parseEvery(text, rest string, zone *time.Location) (Schedule, error) {
	d, err := time.ParseDuration(rest)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: a duration such as 90m must follow @every", text)
	}
	if d < shortest {
		return Schedule{}, fmt.Errorf("schedule %q: must be %s or more", text, shortest)
	}
	return Schedule{text: text, zone: zone, every: d.Round(time.Second)}, nil
}

// checkSteps refuses a step that is wider than its field, such as "*/99": cron
// reads it as "once", which nobody who wrote it meant.
func checkSteps(line string) error {
	if strings.HasPrefix(line, "@") {
		return nil
	}
	width := []int{60, 24, 31, 12, 7}
	for i, field := range strings.Fields(line) {
		if i >= len(width) {
			return nil
		}
		for part := range strings.SplitSeq(field, ",") {
			_, step, ok := strings.Cut(part, "/")
			if !ok {
				continue
			}
			if n, err := strconv.Atoi(step); err == nil && n >= width[i] {
				return fmt.Errorf("step %q is wider than its field", part)
			}
		}
	}
	return nil
}

// String returns what the admin wrote.
func (s Schedule) String() string { return s.text }

// IsZero reports whether there is no schedule.
func (s Schedule) IsZero() bool { return s.spec == nil && s.every == 0 }

// hourStar is the bit that cron sets where the hour is "*".
const hourStar = uint64(1) << 63

// Next returns the first time the schedule is due after this one, zero if
// never.
//
// Where the hour is "*" real hours count, so that an hourly run stays hourly
// through a change of clocks. Where hours are named the wall clock counts: a
// time that the clocks skip is due at the moment they jump over it, and one
// that they repeat is due once.
func (s Schedule) Next(after time.Time) time.Time {
	if s.every > 0 {
		return after.Add(s.every)
	}
	if s.spec == nil {
		return time.Time{}
	}
	if s.spec.Hour&hourStar != 0 {
		local := *s.spec
		local.Location = s.zone
		return local.Next(after.In(s.zone))
	}
	wall := wallClock(after.In(s.zone))
	for range 1000 {
		if wall = s.spec.Next(wall); wall.IsZero() {
			return time.Time{}
		}
		if at := s.instant(wall); at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// wallClock returns the time that stands on the clock, as if it were UTC.
func wallClock(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant returns the moment at which the zone's clocks show this wall time,
// one of two where they show it twice. Where they jump over it, it is as far
// behind the jump as the wall time is.
func (s Schedule) instant(wall time.Time) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, s.zone)
	if gap := wall.Sub(wallClock(at)); gap > 0 {
		at = at.Add(gap)
	}
	return at
}
