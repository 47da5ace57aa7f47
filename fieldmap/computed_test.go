package fieldmap_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// withOpportunities adds what Close fills: its leads, opportunities and users.
func withOpportunities() *config {
	c := base()
	c.hub.Objects["opportunity"] = fieldmap.HubObjectSpec{
		SystemOfRecord: "close",
		Fields: []fieldmap.HubFieldSpec{
			{Name: "seats", Type: "int"},
			{Name: "plan", Type: "picklist", Values: []string{"basic", "pro"}},
			{Name: "signed", Type: "datetime"},
			{Name: "labels", Type: "multi"},
			{Name: "visits", Type: "int", Class: "usage"},
		},
	}
	opportunity := fieldmap.ObjectSpec{Object: "opportunity", Hub: "opportunity", Direction: "pull", File: "routes/close.yaml", Line: 20}
	for _, hub := range []string{
		"name", "amount", "currency", "status", "stage", "close_date", "start_date", "end_date",
		"seats", "plan", "signed", "labels", "visits",
	} {
		opportunity.Fields = append(opportunity.Fields, fieldmap.FieldSpec{Remote: hub, Hub: hub})
	}
	opportunity.Fields = append(opportunity.Fields, fieldmap.FieldSpec{Remote: "lead_id", Hub: "account"})
	c.routes = append(c.routes, fieldmap.RouteSpec{System: "close", Objects: []fieldmap.ObjectSpec{
		lead(fieldmap.FieldSpec{Remote: "custom.Id", Hub: "account_id"}), opportunity,
	}})
	return c
}

// renewal is the example of R72.
func renewal(whenNone string) fieldmap.HubFieldSpec {
	return fieldmap.HubFieldSpec{Name: "next_renewal_date", Computed: &fieldmap.ComputedSpec{
		From: "opportunity", Where: "start_date < today && end_date >= today", Pick: "max(end_date)", WhenNone: whenNone,
	}}
}

func compileComputed(t testing.TB, f fieldmap.HubFieldSpec) (*fieldmap.Mapping, *fieldmap.HubField) {
	t.Helper()
	c := withOpportunities()
	c.field(f)
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	field := m.Object("account").Field(f.Name)
	if field.Computed == nil {
		t.Fatalf("%s is not computed", f.Name)
	}
	return m, field
}

func child(row map[string]string) fieldmap.Child {
	return func(name string) record.Value { return record.Of(row[name]) }
}

func children(rows ...map[string]string) []fieldmap.Child {
	var out []fieldmap.Child
	for _, row := range rows {
		out = append(out, child(row))
	}
	return out
}

func term(start, end string) map[string]string {
	return map[string]string{"start_date": start, "end_date": end}
}

// TestR72_FurthestEnd proves R71 and R72: a core account field is worked out
// from the account's opportunities; of those that have begun and end today or
// later, the furthest end is taken.
func TestR72_FurthestEnd(t *testing.T) {
	t.Parallel()
	_, f := compileComputed(t, renewal("clear"))
	for name, tt := range map[string]struct {
		rows []map[string]string
		want string
	}{
		"furthest":               {[]map[string]string{term("2026-01-01", "2026-12-31"), term("2025-01-01", "2027-06-30")}, "2027-06-30"},
		"order is nothing":       {[]map[string]string{term("2025-01-01", "2027-06-30"), term("2026-01-01", "2026-12-31")}, "2027-06-30"},
		"begins today":           {[]map[string]string{term(today, "2027-06-30")}, ""},
		"began yesterday":        {[]map[string]string{term("2026-11-21", "2027-06-30")}, "2027-06-30"},
		"ends today":             {[]map[string]string{term("2026-01-01", today)}, today},
		"ended yesterday":        {[]map[string]string{term("2026-01-01", "2026-11-21")}, ""},
		"the later is to come":   {[]map[string]string{term("2026-01-01", "2026-12-31"), term("2027-01-01", "2027-12-31")}, "2026-12-31"},
		"blanks qualify nothing": {[]map[string]string{term("", "2027-01-01"), term("2026-01-01", "")}, ""},
		"none":                   {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, keep, err := f.Computed.Eval(children(tt.rows...), today)
			if err != nil || keep || got != record.Of(tt.want) {
				t.Errorf("got %q, keep %v, %v; want %q", got.Text(), keep, err, tt.want)
			}
		})
	}
}

// TestR75_WhenNone: the three choices, and that the choice must be made.
func TestR75_WhenNone(t *testing.T) {
	t.Parallel()
	for choice, want := range map[string]struct {
		value record.Value
		keep  bool
	}{
		"clear": {record.NullValue(), false}, "keep": {record.Value{}, true}, "2030-01-01": {record.Of("2030-01-01"), false},
	} {
		_, f := compileComputed(t, renewal(choice))
		for _, rows := range [][]fieldmap.Child{nil, children(term("2020-01-01", "2020-12-31"))} {
			v, keep, err := f.Computed.Eval(rows, today)
			if v != want.value || keep != want.keep || err != nil {
				t.Errorf("%s: %q %v, %v", choice, v.Text(), keep, err)
			}
		}
		if v, keep, err := f.Computed.Eval(children(term("2026-01-01", "2027-01-01")), today); v.Text() != "2027-01-01" || keep || err != nil {
			t.Errorf("%s with one that qualifies: %q %v, %v", choice, v.Text(), keep, err)
		}
	}
}

// TestComputedPicks: each pick over each fitting type. Blanks are passed over,
// decimals stay exact, and records of one place in the order are told apart by
// the value.
func TestComputedPicks(t *testing.T) {
	t.Parallel()
	rows := children(
		map[string]string{"amount": "0.1", "seats": "9", "plan": "pro", "end_date": "2026-03-01", "signed": "2026-03-01T10:00:00.5Z", "name": "c"},
		map[string]string{"amount": "0.2", "seats": "10", "plan": "basic", "end_date": "2026-03-01", "signed": "2026-03-01T10:00:00Z", "name": "a"},
		map[string]string{"amount": "-12345678901234567890.005", "end_date": "2026-01-01", "name": "b"},
		map[string]string{},
	)
	for _, tt := range []struct{ typ, pick, sort, where, want string }{
		{"decimal", "sum(amount)", "", "", "-12345678901234567889.705"},
		{"decimal", "max(amount)", "", "", "0.2"},
		{"decimal", "min(amount)", "", "", "-12345678901234567890.005"},
		{"decimal", "sum(amount)", "", "amount > 0", "0.3"},
		{"decimal", "sum(seats)", "", "", "19"},
		{"int", "sum(seats)", "", "", "19"},
		{"int", "max(seats)", "", "", "10"},
		{"int", "min(seats)", "", "", "9"},
		{"int", "count()", "", "", "4"},
		{"decimal", "count()", "", "seats > 9", "1"},
		{"date", "min(end_date)", "", "", "2026-01-01"},
		{"datetime", "max(signed)", "", "", "2026-03-01T10:00:00.5Z"},
		{"datetime", "min(signed)", "", "", "2026-03-01T10:00:00Z"},
		{"text", "first(name)", "end_date", "", "b"},
		{"text", "last(name)", "-end_date", "", "b"},
		{"text", "first(name)", "-end_date", "", "a"}, // a before c on one day
		{"text", "last(name)", "end_date", "", "a"},
		{"text", "first(name)", "-signed", "", "c"},
		{"text", "first(plan)", "-seats", "", "basic"},
		{"picklist", " last( plan ) ", "name", "", "pro"},
		{"int", "first(seats)", "end_date", "", "9"}, // the earliest has no seats
	} {
		t.Run(tt.typ+" "+tt.pick+" "+tt.sort, func(t *testing.T) {
			t.Parallel()
			spec := fieldmap.HubFieldSpec{Name: "result", Type: tt.typ, Computed: &fieldmap.ComputedSpec{
				From: "opportunity", Where: tt.where, Pick: tt.pick, Sort: tt.sort, WhenNone: "clear",
			}}
			if tt.typ == "picklist" {
				spec.Values = []string{"basic", "pro", "gold"}
			}
			_, f := compileComputed(t, spec)
			for i := range rows { // the order they come in decides nothing
				turned := append(append([]fieldmap.Child{}, rows[i:]...), rows[:i]...)
				got, keep, err := f.Computed.Eval(turned, today)
				if err != nil || keep || got.Text() != tt.want {
					t.Errorf("turned by %d: got %q, keep %v, %v; want %q", i, got.Text(), keep, err, tt.want)
				}
			}
		})
	}
}

func TestComputedScale(t *testing.T) {
	t.Parallel()
	two := 2
	_, f := compileComputed(t, fieldmap.HubFieldSpec{Name: "result", Type: "decimal", Scale: &two, Computed: &fieldmap.ComputedSpec{
		From: "opportunity", Pick: "sum(amount)", WhenNone: "0",
	}})
	v, _, err := f.Computed.Eval(children(map[string]string{"amount": "0.004"}, map[string]string{"amount": "0.004"}), today)
	if err != nil || v.Text() != "0.01" {
		t.Errorf("the sum is rounded, not its parts: got %q, %v", v.Text(), err)
	}
}

// TestF19_ComputedUnread: what was not read changes nothing, and an error names
// no value.
func TestF19_ComputedUnread(t *testing.T) {
	t.Parallel()
	count := fieldmap.HubFieldSpec{Name: "result", Type: "int", Computed: &fieldmap.ComputedSpec{
		From: "opportunity", Pick: "sum(seats)", WhenNone: "0",
	}}
	for _, spec := range []fieldmap.HubFieldSpec{renewal("clear"), count} {
		_, f := compileComputed(t, spec)
		for _, v := range []record.Value{{}, record.UnreadableValue()} {
			if _, _, err := f.Computed.Eval([]fieldmap.Child{func(string) record.Value { return v }}, today); err == nil {
				t.Errorf("%s: %v counts as known", spec.Name, v)
			}
		}
	}
	_, f := compileComputed(t, count)
	huge := map[string]string{"seats": "9223372036854775807"}
	if _, _, err := f.Computed.Eval(children(huge, huge), today); err == nil || strings.Contains(err.Error(), "92233") {
		t.Errorf("a sum that does not fit: %v", err)
	}
}

// TestComputedOf: what the engine asks: which fields are worked out, from what,
// through which reference, looking at which fields.
func TestComputedOf(t *testing.T) {
	t.Parallel()
	m, f := compileComputed(t, renewal("keep"))
	for what, got := range map[string][]*fieldmap.HubField{
		"next_renewal_date":   m.Computed("account"),
		"":                    m.Computed("opportunity"),
		"next_renewal_date ":  m.ComputedFrom("opportunity"),
		" ":                   m.ComputedFrom("account"),
		"start_date end_date": f.Computed.Fields(),
	} {
		if diff := cmp.Diff(strings.TrimSpace(what), strings.Join(names(got), " ")); diff != "" {
			t.Error(diff)
		}
	}
	if f.Computed.From != m.Object("opportunity") || f.Computed.Via != m.Object("opportunity").Field("account") {
		t.Error("it is worked out from elsewhere")
	}
	if f.Owner != "" || f.Policy != "" {
		t.Errorf("a computed field is owned by %q, policy %q", f.Owner, f.Policy)
	}
}

// TestComputedIsPushed: a computed field goes out like any other that is filled.
func TestComputedIsPushed(t *testing.T) {
	t.Parallel()
	c := withOpportunities()
	c.field(renewal("keep"))
	c.pushField(fieldmap.FieldSpec{Remote: "Next_Renewal__c", Hub: "next_renewal_date"})
	_, problems := c.compile()
	for _, p := range problems {
		if !p.Warning || strings.Contains(p.Error(), "next_renewal_date") {
			t.Error(p)
		}
	}
}

// TestComputedFingerprint: it moves with all that decides the result.
func TestComputedFingerprint(t *testing.T) {
	t.Parallel()
	printOf := func(change func(c *config, f *fieldmap.ComputedSpec)) uint64 {
		c := withOpportunities()
		spec := renewal("keep")
		change(c, spec.Computed)
		c.field(spec)
		m, problems := c.compile()
		if fieldmap.Failed(problems) {
			t.Fatal(problems)
		}
		return m.Object("account").Field(spec.Name).Computed.Fingerprint
	}
	first := printOf(func(*config, *fieldmap.ComputedSpec) {})
	if first != printOf(func(*config, *fieldmap.ComputedSpec) {}) {
		t.Error("it is not stable")
	}
	seen := map[uint64]string{first: "unchanged"}
	for name, change := range map[string]func(*config, *fieldmap.ComputedSpec){
		"where":     func(_ *config, f *fieldmap.ComputedSpec) { f.Where = "end_date >= today" },
		"pick":      func(_ *config, f *fieldmap.ComputedSpec) { f.Pick = "min(end_date)" },
		"when_none": func(_ *config, f *fieldmap.ComputedSpec) { f.WhenNone = "clear" },
		"sort":      func(_ *config, f *fieldmap.ComputedSpec) { f.Pick, f.Sort = "first(end_date)", "name" },
		"zone":      func(c *config, _ *fieldmap.ComputedSpec) { c.opt.Zone = time.FixedZone("Elsewhere", 3600) },
	} {
		at := printOf(change)
		if other, taken := seen[at]; taken {
			t.Errorf("%s: the fingerprint is that of %s", name, other)
		}
		seen[at] = name
	}
}

// TestR73_NextFlip: the day on which the result may change though no record did.
func TestR73_NextFlip(t *testing.T) {
	t.Parallel()
	_, f := compileComputed(t, renewal("clear"))
	for name, tt := range map[string]struct {
		rows []map[string]string
		want string
	}{
		"none":                  {nil, ""},
		"the day after it ends": {[]map[string]string{term("2026-01-01", today)}, "2026-11-23"},
		"the day it begins":     {[]map[string]string{term("2026-12-01", "2026-12-31")}, "2026-12-01"},
		"nearest of several":    {[]map[string]string{term("2026-01-01", "2027-01-01"), term("2026-01-01", "2026-12-24")}, "2026-12-24"},
		"all is past":           {[]map[string]string{term("2020-01-01", "2020-12-31")}, ""},
		"blank":                 {[]map[string]string{term("", "")}, ""},
		"the end of days":       {[]map[string]string{term("2020-01-01", "9999-12-31")}, "9999-12-31"},
	} {
		if got := f.Computed.NextFlip(children(tt.rows...), today); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := f.Computed.NextFlip(children(term("2020-01-01", "9999-12-31")), "9999-12-31"); got != "" {
		t.Errorf("after the end of days: %q", got)
	}
	_, timeless := compileComputed(t, fieldmap.HubFieldSpec{Name: "result", Type: "date", Computed: &fieldmap.ComputedSpec{
		From: "opportunity", Where: `end_date > "2026-12-01"`, Pick: "max(end_date)", WhenNone: "clear",
	}})
	if got := timeless.Computed.NextFlip(children(term("2026-12-01", "2026-12-31")), today); got != "" {
		t.Errorf("a rule without today flips on %s", got)
	}
}
