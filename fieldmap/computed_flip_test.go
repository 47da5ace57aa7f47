package fieldmap_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// TestR73_NothingFlipsBefore proves that on every day from today to the day
// before NextFlip the result is today's, whatever the rule compares.
func TestR73_NothingFlipsBefore(t *testing.T) {
	t.Parallel()
	var rules []*fieldmap.Computed
	for _, where := range []string{
		"start_date < today && end_date >= today", "start_date <= today || today > end_date", "not (end_date == today)",
		"end_date != today and start_date < end_date", `today >= "2026-11-25" && start_date < today`, "signed < today",
		"signed >= today ? end_date > today : start_date <= today", `today == "2026-11-24"`, "end_date < start_date",
	} {
		for _, pick := range []string{"max(end_date)", "min(start_date)", "first(end_date)"} {
			spec := &fieldmap.ComputedSpec{From: "opportunity", Where: where, Pick: pick, WhenNone: "clear"}
			if strings.HasPrefix(pick, "first") {
				spec.Sort = "-start_date"
			}
			_, f := compileComputed(t, fieldmap.HubFieldSpec{Name: "result", Type: "date", Computed: spec})
			rules = append(rules, f.Computed)
		}
	}
	start := time.Date(2026, 11, 18, 0, 0, 0, 0, time.UTC)
	day := func(n int) string { return start.AddDate(0, 0, n).Format(time.DateOnly) }
	date := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "blank") == 0 {
			return ""
		}
		return day(rapid.IntRange(0, 12).Draw(t, "day"))
	})
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom(rules).Draw(t, "rule")
		var rows []fieldmap.Child
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			row := term(date.Draw(t, "start"), date.Draw(t, "end"))
			if d := date.Draw(t, "signed"); d != "" {
				row["signed"] = fmt.Sprintf("%sT%02d:00:00Z", d, rapid.IntRange(0, 23).Draw(t, "hour"))
			}
			rows = append(rows, child(row))
		}
		n := rapid.IntRange(0, 12).Draw(t, "today")
		want, _, err := rule.Eval(rows, day(n))
		if err != nil {
			t.Fatal(err)
		}
		next := rule.NextFlip(rows, day(n))
		if next != "" && next <= day(n) {
			t.Fatalf("the next flip, %s, is not ahead of %s", next, day(n))
		}
		for n++; n < 16 && (next == "" || day(n) < next); n++ {
			if got, _, err := rule.Eval(rows, day(n)); err != nil || got != want {
				t.Fatalf("on %s the result is %q, %v; it was %q, and the next flip is said to be on %q", day(n), got.Text(), err, want.Text(), next)
			}
		}
	})
}

// FuzzComputed: whatever an admin writes ends in a rule or in problems; a rule
// gives one answer whatever the order, and keeps it until its next flip.
func FuzzComputed(f *testing.F) {
	f.Add("start_date < today && end_date >= today", "", "max(end_date)", "keep", "2026-11-22", "2026-12-01")
	f.Add("", "-end_date", "first(start_date)", "2026-01-01", "9999-12-31", "0001-01-01")
	f.Add(`today == "2026-11-25" ? end_date != nil : true`, "name", "last(end_date)", "clear", "", "2026-11-24")
	f.Add("any([1], today > signed)", "", "min( end_date )", "0", "2026-02-29", "x")
	f.Fuzz(func(t *testing.T, where, sort, pick, whenNone, start, end string) {
		c := withOpportunities()
		c.field(fieldmap.HubFieldSpec{Name: "result", Type: "date", Computed: &fieldmap.ComputedSpec{
			From: "opportunity", Where: where, Sort: sort, Pick: pick, WhenNone: whenNone,
		}})
		m, problems := c.compile()
		if fieldmap.Failed(problems) {
			return
		}
		rule := m.Object("account").Field("result").Computed
		date := func(text string) string {
			v, err := record.Canonical(record.Date, text)
			if err != nil {
				return ""
			}
			return v.Text()
		}
		rows := children(term(date(start), date(end)), term(date(end), date(start)), map[string]string{"name": "x"})
		turned := []fieldmap.Child{rows[2], rows[0], rows[1]}
		want, keep, err := rule.Eval(rows, today)
		next := rule.NextFlip(rows, today)
		if next != "" && next <= today {
			t.Fatalf("the next flip is on %s", next)
		}
		if other, _, _ := rule.Eval(turned, today); err == nil && other != want {
			t.Fatalf("another order, another result: %q and %q", want.Text(), other.Text())
		}
		for n := range 40 {
			day := time.Date(2026, 11, 22+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
			if next != "" && day >= next {
				return
			}
			got, kept, failed := rule.Eval(rows, day)
			if got != want || kept != keep || (failed == nil) != (err == nil) {
				t.Fatalf("on %s: %q, was %q; next flip %q", day, got.Text(), want.Text(), next)
			}
		}
	})
}
