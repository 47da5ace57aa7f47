package fieldmap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// mapped compiles the base with one more pulled field and returns its rule.
func mapped(t *testing.T, spec fieldmap.FieldSpec) *fieldmap.Rule {
	t.Helper()
	c := base()
	two := 2
	c.field(fieldmap.HubFieldSpec{Name: "price", Type: "decimal", Scale: &two})
	c.field(fieldmap.HubFieldSpec{Name: "labels", Type: "multi", Values: []string{"x", "y"}})
	c.field(fieldmap.HubFieldSpec{Name: "old_id", Type: "id"})
	c.pullField(spec)
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	rules := m.Route("qbench", "customer").Fields
	return rules[len(rules)-1]
}

// TestF18_Values: a value that the map or the picklist does not hold is never
// passed on in silence.
func TestF18_Values(t *testing.T) {
	t.Parallel()
	traffic := map[string][]string{"Good": {"green"}, "Bad": {"red"}}
	for name, tt := range map[string]struct {
		spec fieldmap.FieldSpec
		raw  string
		want record.Value
		ok   bool
	}{
		"mapped":             {fieldmap.FieldSpec{Hub: "health", Values: traffic}, `"Good"`, record.Of("green"), true},
		"by another case":    {fieldmap.FieldSpec{Hub: "health", Values: traffic}, `"GOOD"`, record.Of("green"), true},
		"blank stays blank":  {fieldmap.FieldSpec{Hub: "health", Values: traffic}, `null`, record.NullValue(), true},
		"missing stays so":   {fieldmap.FieldSpec{Hub: "health", Values: traffic}, ``, record.Value{}, true},
		"unmapped":           {fieldmap.FieldSpec{Hub: "health", Values: traffic}, `"Fair"`, record.NullValue(), false},
		"unmapped, skipped":  {fieldmap.FieldSpec{Hub: "health", Values: traffic, OnUnmapped: "skip_field"}, `"Fair"`, record.NullValue(), false},
		"default":            {fieldmap.FieldSpec{Hub: "health", Values: traffic, OnUnmapped: "default", Default: "red"}, `"Fair"`, record.Of("red"), true},
		"in the picklist":    {fieldmap.FieldSpec{Hub: "health"}, `"green"`, record.Of("green"), true},
		"not in it":          {fieldmap.FieldSpec{Hub: "health"}, `"blue"`, record.Of("blue"), false},
		"not in it, default": {fieldmap.FieldSpec{Hub: "health", OnUnmapped: "default", Default: "red"}, `"blue"`, record.Of("red"), true},
		"bool to text":       {fieldmap.FieldSpec{Hub: "health", Values: map[string][]string{"true": {"green"}}}, `true`, record.Of("green"), true},
		"text to number":     {fieldmap.FieldSpec{Hub: "number_of_employees", Values: map[string][]string{"many": {"1000"}}}, `"many"`, record.Of("1000"), true},
		"set":                {fieldmap.FieldSpec{Hub: "labels", Values: map[string][]string{"a": {"y"}, "b": {"x"}}}, `["a","b"]`, record.Multi("x", "y"), true},
		"set, one unmapped":  {fieldmap.FieldSpec{Hub: "labels", Values: map[string][]string{"a": {"y"}}}, `["a","b"]`, record.NullValue(), false},
		"set in the list":    {fieldmap.FieldSpec{Hub: "labels"}, `["y","x"]`, record.Multi("x", "y"), true},
		"set not in it":      {fieldmap.FieldSpec{Hub: "labels"}, `["y","z"]`, record.Multi("y", "z"), false},
		"R11: repaired id":   {fieldmap.FieldSpec{Hub: "old_id", Normalize: "whole_number"}, `7.0`, record.Of("7"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.spec.Remote = "x"
			rule := mapped(t, tt.spec)
			theirs, err := rule.Read([]byte(tt.raw))
			if err != nil {
				t.Fatal(err)
			}
			got, ok := rule.ToHub(theirs)
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v; want %q, %v", got.Text(), ok, tt.want.Text(), tt.ok)
			}
		})
	}
}

// TestR11_Read: without the repair an id in decimal form is an error.
func TestR11_Read(t *testing.T) {
	t.Parallel()
	rule := mapped(t, fieldmap.FieldSpec{Remote: "x", Hub: "old_id"})
	if v, err := rule.Read([]byte("12345.0")); !errors.Is(err, record.ErrDecimalID) {
		t.Errorf("%q, %v", v.Text(), err)
	}
}

func TestToRemote(t *testing.T) {
	t.Parallel()
	c := base()
	c.sfAccount().Fields[3].Values = map[string][]string{"Laboratory": {"Lab"}, "Clinic": {"Hospital"}}
	c.sfAccount().Fields[3].OnUnmapped, c.sfAccount().Fields[3].Default = "default", "Other"
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	fields := m.Route("salesforce", "Account").Fields
	for _, tt := range []struct {
		rule     int
		in, want record.Value
	}{
		{3, record.Of("Lab"), record.Of("Laboratory")},
		{3, record.Of("Zoo"), record.Of("Other")},
		{3, record.NullValue(), record.NullValue()},
		{0, record.Of("Acme"), record.Of("Acme")},
	} {
		if got, ok := fields[tt.rule].ToRemote(tt.in); !ok || got != tt.want {
			t.Errorf("%q: got %q, %v; want %q", tt.in.Text(), got.Text(), ok, tt.want.Text())
		}
	}
}

// TestF21_EqualAtScale: decimals are compared at the declared scale.
func TestF21_EqualAtScale(t *testing.T) {
	t.Parallel()
	rule := mapped(t, fieldmap.FieldSpec{Remote: "x", Hub: "price"})
	if !rule.Equal(record.Of("1.005"), record.Of("1.01")) || rule.Equal(record.Of("1.004"), record.Of("1.01")) {
		t.Error("prices are not compared at two digits")
	}
	plain := mapped(t, fieldmap.FieldSpec{Remote: "x", Hub: "score"})
	if plain.Equal(record.Of("1.005"), record.Of("1.01")) {
		t.Error("a decimal without scale is compared exactly")
	}
}

// TestValueMapLaws: what a map can write comes back as it was, and entries
// that differ in case only are told apart.
func TestValueMapLaws(t *testing.T) {
	t.Parallel()
	hub := []string{"green", "red"}
	rapid.Check(t, func(rt *rapid.T) {
		entries := rapid.MapOfN(rapid.StringMatching(`[a-cA-C]{1,2}`), rapid.SampledFrom(hub), 1, 6).Draw(rt, "entries")
		m := mapped(t, fieldmap.FieldSpec{Remote: "x", Hub: "health", Values: lists(entries)}).Values
		for theirs, ours := range entries {
			if got, ok := m.ToHub(record.Of(theirs)); !ok || got != record.Of(ours) {
				rt.Fatalf("%s is %s, not %s", theirs, got.Text(), ours)
			}
		}
		for _, ours := range hub {
			theirs, ok := m.ToRemote(record.Of(ours))
			if !ok {
				continue
			}
			if back, ok := m.ToHub(theirs); !ok || back != record.Of(ours) {
				rt.Fatalf("%s went out as %s and came back as %s", ours, theirs.Text(), back.Text())
			}
		}
		if len(m.Entries()) != len(entries) || m.OneToOne() && len(entries) > len(hub) {
			rt.Fatalf("entries are lost")
		}
		for v := range strings.SplitSeq("aA Aa zz", " ") {
			got, ok := m.ToHub(record.Of(v))
			if exact, mapped := entries[v]; mapped && (!ok || got.Text() != exact) {
				rt.Fatalf("%s is not taken exactly", v)
			}
		}
	})
}

// Ids that people typed are told from others.
func TestIDLint(t *testing.T) {
	t.Parallel()
	m, _ := base().compile()
	digits := m.Object("account").IDPattern
	got := map[string]string{}
	for _, id := range []string{"12345", "A-17", "", "1 2", "1\u00a02", "12\u200b", "12345.0", "1E5", "AcmeInc", "0015g00000ABCdeAAH", "ACME"} {
		got[id] = fieldmap.IDLint(nil, id)
	}
	want := map[string]string{
		"12345": "", "A-17": "", "": "is blank", "1 2": "holds a space", "1\u00a02": "holds a space",
		"12\u200b": "holds a character that cannot be seen", "12345.0": "has the form of a decimal number",
		"1E5": "has the form of a decimal number", "AcmeInc": "mixes capitals and small letters",
		"0015g00000ABCdeAAH": "", "ACME": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if fieldmap.IDLint(digits, "A17") != "does not fit id_pattern" || fieldmap.IDLint(digits, "17") != "" {
		t.Error("id_pattern is not used")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	got := []string{
		fieldmap.Pull.String(), fieldmap.Push.String(), fieldmap.CreateOnly.String(), fieldmap.OnLinkFillBlank.String(),
		fieldmap.UnmappedSkip.String(), fieldmap.EmptyByOwner.String(), fieldmap.EmptyClear.String(), fieldmap.MoveHold.String(),
		fieldmap.WriteMode(99).String(),
	}
	want := []string{"pull", "push", "create_only", "fill_blank", "skip_field", "owner", "clear", "hold", "unknown"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzCompile: whatever an admin writes ends in a mapping or in problems, never
// in a panic; without an error every route can be read.
func FuzzCompile(f *testing.F) {
	f.Add("x", "name", "on_change", "fold", "a", "Lab", "hold", "", "name != nil", "pull")
	f.Add("Name", "addresses.BILLING", "never", "phone", "", "\xff", "default", "x", "(", "push")
	f.Add("id", "addresses.x.y", "enforce", "", "A", "a\x00", "skip_field", "1", "now()", "both")
	f.Add("id", "phone_numbers.", "", "", "A", "1e9", "default", "1e99", "today", "")
	f.Fuzz(func(t *testing.T, remote, hub, write, compare, from, to, unmapped, fallback, filter, direction string) {
		c := base()
		c.customer().Filter = filter
		c.sfAccount().Direction = direction
		field := fieldmap.FieldSpec{
			Remote: remote, Hub: hub, Write: write, Compare: compare, Values: map[string][]string{from: {to}},
			OnUnmapped: unmapped, Default: fallback, Editable: len(remote)%2 == 0, Normalize: write,
		}
		c.pullField(field)
		c.pushField(field)
		c.field(fieldmap.HubFieldSpec{Name: hub, Type: compare, Values: []string{to}, Wins: unmapped, Class: write})
		s := c.account()
		s.IDPattern, s.ID = filter, hub
		s.AddressTypes, s.PhoneTypes = []string{from}, []string{to}
		c.set(s)
		m, problems := c.compile()
		if fieldmap.Failed(problems) {
			for _, p := range problems {
				_ = p.Error()
			}
			return
		}
		for _, r := range m.Routes {
			for i, rule := range r.Fields {
				if r.ReadFields()[i] != rule.Remote || rule.Index != i {
					t.Fatalf("%s: rule %d reads elsewhere", r.Key(), i)
				}
			}
		}
	})
}

// lists makes each hub value a list of one.
func lists(entries map[string]string) map[string][]string {
	out := map[string][]string{}
	for remote, hub := range entries {
		out[remote] = []string{hub}
	}
	return out
}

// Several texts of the hub may stand for one value of theirs, in any case; the
// first is the one that is taken back.
func TestValueMapOfSeveralTexts(t *testing.T) {
	t.Parallel()
	c := base()
	c.sfAccount().Fields[3].Values = map[string][]string{"FOOD": {"Food", "Food & Beverage"}, "CHEM": {"Chemicals"}}
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	values := m.Route("salesforce", "Account").Fields[3].Values
	for text, want := range map[string]string{"Food": "FOOD", "food & beverage": "FOOD", "CHEMICALS": "CHEM"} {
		if got, ok := values.ToRemote(record.Of(text)); !ok || got.Text() != want {
			t.Errorf("%s goes out as %s", text, got.Text())
		}
	}
	if got, _ := values.ToHub(record.Of("FOOD")); got.Text() != "Food" {
		t.Errorf("FOOD comes back as %s", got.Text())
	}
	if _, ok := values.ToRemote(record.Of("Steel")); ok {
		t.Error("a value that the map does not hold went out")
	}
}
