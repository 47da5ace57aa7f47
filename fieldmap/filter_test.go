package fieldmap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

func filterTypes() map[string]record.Type {
	return map[string]record.Type{
		"name": record.Text, "count": record.Int, "amount": record.Decimal, "active": record.Bool,
		"start": record.Date, "end": record.Date, "at": record.Datetime, "tags": record.MultiSet,
		"custom.Sync": record.Text, "addresses.BILLING.city": record.Text, "Any Name": record.Text,
	}
}

const today = "2026-11-22"

// TestFilter proves R26 and R27: the customers to take are told by a field's
// value; and the rules for blanks and for today.
func TestFilter(t *testing.T) {
	t.Parallel()
	row := map[string]string{
		"name": "Acme", "count": "5", "amount": "10.50", "active": "true", "start": "2026-01-31",
		"end": "2026-11-22", "at": "2026-11-22T10:00:00Z", "tags": "a\x1fb", "custom.Sync": "Yes",
		"addresses.BILLING.city": "Bonn", "Any Name": "x",
	}
	for source, want := range map[string]struct{ set, blank bool }{
		`custom["Sync"] == "Yes"`:                       {true, false},
		`custom.Sync == "yes"`:                          {false, false},
		`lower(custom.Sync) == "yes"`:                   {true, false},
		`lower(custom.Sync) != "no"`:                    {true, true},
		`field("Any Name") in ["x", "y"]`:               {true, false},
		`addresses.BILLING.city startsWith "B"`:         {true, false},
		`active`:                                        {true, false},
		`!active`:                                       {false, true},
		`not active or count > 100`:                     {false, true},
		`active == true`:                                {true, false},
		`active && name != nil`:                         {true, false},
		`active ? count == 5 : name == nil`:             {true, true},
		`start < today && end >= today`:                 {true, false},
		`start < today`:                                 {true, false},
		`start > "2020-01-01"`:                          {true, false},
		`!(start < today)`:                              {false, true},
		`at > "2026-11-22"`:                             {true, false},
		`count > 4 and count <= 5`:                      {true, false},
		`count + 1 == 6`:                                {true, false},
		`amount == 10.5`:                                {true, false},
		`amount > 10`:                                   {true, false},
		`amount * 2 != 21`:                              {false, true},
		`"a" in tags`:                                   {true, false},
		`len(tags) == 0`:                                {false, true},
		`any(tags, # == "b")`:                           {true, false},
		`name == nil`:                                   {false, true},
		`name != nil`:                                   {true, false},
		`name != "x"`:                                   {true, true},
		`name matches "^Ac"`:                            {true, false},
		`(name ?? "none") == "none"`:                    {false, true},
		`len(name) > 3`:                                 {true, false},
		`name contains "cm" || true`:                    {true, true},
		`int(field("count")) == 5`:                      {true, false},
		`true`:                                          {true, true},
		`name == "Acme" and (end < start or count > 1)`: {true, false},
		`(count > 3) == false`:                          {false, true},
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes()})
			if len(faults) > 0 {
				t.Fatal(faults[0])
			}
			got, err := f.Match(func(name string) record.Value { return record.Of(row[name]) }, fieldmap.Scope{Today: today})
			if err != nil || got != want.set {
				t.Errorf("set: got %v, %v; want %v", got, err, want.set)
			}
			got, err = f.Match(func(string) record.Value { return record.NullValue() }, fieldmap.Scope{Today: today})
			if err != nil || got != want.blank {
				t.Errorf("blank: got %v, %v; want %v", got, err, want.blank)
			}
		})
	}
}

func TestFilterFaults(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`nam == "x"`:                           `there is no field "nam" (did you mean name?)`,
		`custom.Synk == "x"`:                   `there is no field "custom.Synk" (did you mean custom.Sync?)`,
		`name`:                                 "bool",
		`name == 5`:                            "mismatched types string and int",
		`count < "5"`:                          "mismatched types int and string",
		`now() > 5`:                            "no function now (the current date is given as today)",
		`date(start) > 5`:                      "no function date (the current date is given as today)",
		`lowr(name) == "x"`:                    "no function lowr (did you mean lower?)",
		`name ==`:                              "unexpected token",
		`field(name) == "x"`:                   "field takes one name in quotes",
		`let x = name; x == "a"`:               "without let",
		`name?.x == "a"`:                       "parts of a value",
		`tags[0] == "a"`:                       "parts of a value",
		`repeat("x", 100000) == name`:          "no function repeat",
		`name matches "("`:                     "error parsing regexp",
		strings.Repeat("!", 5000):              "too long",
		strings.Repeat("true&&", 600) + "true": "exceeds maximum",
	} {
		f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes()})
		if f != nil || len(faults) == 0 {
			t.Errorf("%.40s: no fault", source)
			continue
		}
		var all []string
		for _, fault := range faults {
			all = append(all, fault.Error())
		}
		text := strings.Join(all, "; ")
		if !strings.Contains(text, want) || strings.Contains(text, "\n") {
			t.Errorf("%.40s: %s; want %s on one line", source, text, want)
		}
	}
}

// C13.9: what would fail or take too long while running is refused beforehand,
// with the place and the mend.
func TestC13_9_FilterCost(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`len(1..9000000000) > 1`:                    "filter: a range of 9000000000 numbers is too much for each record, at character 6 (compare with the bounds themselves",
		`count in 1..200000`:                        "a range of 200000 numbers",
		`any(-5..9000000000, # == count)`:           "too much for each record",
		`count in 1..count`:                         "the bounds of a range must be whole numbers",
		`any(1..1000, any(1..1000, # == count))`:    "it would take too long for each record",
		`any(tags, any(tags, any(tags, # == "x")))`: "it would take too long",
		`len(replace(name, "a", name)) > 1`:         "it would take too long",
		`len(replace(replace(replace(name, "a", "0123456789"), "0", "0123456789"), "0", "0123456789")) > 1`: "it would take too long",
		`name == "x" && len({"a": 1..9000000}) == 1`:                                                        "a range of 9000000 numbers",
		`count % 0 == 1`:     "% wants a whole number other than 0",
		`count % count == 1`: "% wants a whole number other than 0",
		`name matches name`:  "matches wants a pattern in quotes",
		`int("many") > 5`:    "it fails whatever a record holds",
	} {
		_, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes()})
		if len(faults) == 0 || !strings.Contains(faults[0].Error(), want) {
			t.Errorf("%s: %v; want %s", source, faults, want)
		}
	}
	long := strings.Repeat("Acme, Inc. ", 3000)
	for _, source := range []string{
		`count in 1..90000`, `any(1..100, # == count)`, `count in [1, 2, 3]`, `any(tags, lower(#) == "x")`, `any(split(name, ","), trim(#) == "x")`,
		`any(tags, any(split(name, ","), # == "x"))`, `replace(name, "a", "bb") == "x"`, `count % 2 == 1`, `name matches "^A.*x$"`, `int(name) > 5 || true`,
	} {
		f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes()})
		if len(faults) > 0 {
			t.Errorf("%s: %v", source, faults)
			continue
		}
		_, err := f.Match(func(name string) record.Value {
			switch filterTypes()[name] {
			case record.Int:
				return record.Of("3")
			case record.MultiSet:
				return record.NullValue()
			}
			return record.Of(long)
		}, fieldmap.Scope{Today: "2026-01-01"})
		if err != nil && !strings.HasPrefix(source, "int(") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestFilterAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, faults := fieldmap.CompileFilter(`nam == "x" or cuont == 1`, fieldmap.FilterFields{Types: filterTypes()})
	if len(faults) != 2 {
		t.Errorf("%d faults, want 2: %v", len(faults), faults)
	}
}

// TestF19_FilterUnread: what was not read is an error and excludes nothing;
// neither does an expression that cannot be worked out, and its error shows no
// value.
func TestF19_FilterUnread(t *testing.T) {
	t.Parallel()
	f, faults := fieldmap.CompileFilter(`int(Score) > 5`, fieldmap.FilterFields{Open: true})
	if len(faults) > 0 {
		t.Fatal(faults[0])
	}
	for _, v := range []record.Value{{}, record.UnreadableValue(), record.Of("secret")} {
		in, err := f.Match(func(string) record.Value { return v }, fieldmap.Scope{Today: today})
		if err == nil || in {
			t.Errorf("%v: %v, no error", v, in)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the value: %v", err)
		}
	}
	if in, err := f.Match(func(string) record.Value { return record.Of("6") }, fieldmap.Scope{Today: today}); !in || err != nil {
		t.Errorf("6: %v, %v", in, err)
	}
}

func TestNilFilter(t *testing.T) {
	t.Parallel()
	var f *fieldmap.Filter
	in, err := f.Match(nil, fieldmap.Scope{Today: today})
	if !in || err != nil || f.Source() != "" || f.Fields() != nil {
		t.Errorf("a nil filter takes everything: %v, %v", in, err)
	}
}

func TestFilterFieldNames(t *testing.T) {
	t.Parallel()
	const source = `Owner.Name == "x" && custom["Sync It"] == "y" && field("a b") != nil && today > Start`
	f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Open: true})
	if len(faults) > 0 {
		t.Fatal(faults[0])
	}
	want := []string{"Owner.Name", "Start", "a b", "custom.Sync It"}
	if diff := cmp.Diff(want, f.Fields()); diff != "" {
		t.Error(diff)
	}
	if f.Source() != source {
		t.Error("the source is another")
	}
}

// TestFilterIsTotal: no value of a field's type makes a simple filter fail, and
// asking twice gives one answer.
func TestFilterIsTotal(t *testing.T) {
	t.Parallel()
	atoms := []string{
		"active", `name == "x"`, "count > 2", "amount <= 2.5", "start < today", `"a" in tags`,
		`len(name) != 3`, `lower(name) contains "b"`, "start < end", "at != nil", "count + 1 < count * 2",
	}
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom(atoms).Draw(t, "first")
		for _, atom := range rapid.SliceOfN(rapid.SampledFrom(atoms), 0, 4).Draw(t, "rest") {
			source = rapid.SampledFrom([]string{"%s && %s", "%s || %s", "!(%s) && %s", "(%s) ? (%s) : false"}).Draw(t, "join")
			source = strings.Replace(strings.Replace(source, "%s", atom, 1), "%s", "("+atoms[0]+")", 1)
		}
		f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes()})
		if len(faults) > 0 {
			t.Fatalf("%s: %v", source, faults[0])
		}
		values := map[string]record.Value{}
		for _, name := range f.Fields() {
			typ := filterTypes()[name]
			text := rapid.SampledFrom([]string{"", "x", "3", "2.5", "true", "2026-01-01", "2026-01-01T00:00:00Z", "a;b"}).Draw(t, name)
			v, err := record.Canonical(typ, text)
			if err != nil {
				v = record.NullValue()
			}
			values[name] = v
		}
		get := func(name string) record.Value { return values[name] }
		first, err := f.Match(get, fieldmap.Scope{Today: today})
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if again, _ := f.Match(get, fieldmap.Scope{Today: today}); again != first {
			t.Fatalf("%s: two answers", source)
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, source := range []string{
		`name == "x"`, `custom["a b"] < today`, `any(tags, # == "b")`, `field("x") in ["a"]`, `!active ? 1 < 2 : false`,
		`1..100000000 == tags`, `count(tags, # != name) > 1`, `name?.x`, `let x = 1; x`, `-count ** 99 > amount`,
		`exists_in("x") && !exists_in('')`, `exists_in(name)`, `today > start && any(tags, today < "2026-11-22")`,
	} {
		f.Add(source, "x")
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		filter, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes(), Open: true})
		if (filter == nil) == (len(faults) == 0) {
			t.Fatalf("%q: neither filter nor fault, or both", source)
		}
		if filter == nil {
			return
		}
		if !slices.IsSorted(filter.Fields()) {
			t.Fatalf("%q: fields out of order", source)
		}
		for _, v := range []record.Value{record.NullValue(), record.Of(text)} {
			in, err := filter.Match(func(string) record.Value { return v }, fieldmap.Scope{
				Today: today, ExistsIn: func(system string) bool {
					if !slices.Contains(filter.Systems(), system) {
						t.Fatalf("%q: asks for a system that it does not name", source)
					}
					return len(system)%2 == 0
				},
			})
			if err != nil && in {
				t.Fatalf("%q: in scope beside an error", source)
			}
		}
	})
}
