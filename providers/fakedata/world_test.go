package fakedata_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/providers/fakedata"
)

// A record depends on the seed and its place, never on what was asked before.
func TestRecordsFollowFromTheSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		accounts := rapid.IntRange(1, 200).Draw(t, "accounts")
		each := rapid.IntRange(1, 4).Draw(t, "contacts per account")
		i := rapid.IntRange(0, accounts-1).Draw(t, "company")
		j := rapid.IntRange(0, accounts*each-1).Draw(t, "person")
		one, two := fakedata.New(seed, accounts, each), fakedata.New(seed, accounts, each)
		p, c := one.Person(j), one.Company(i)
		if d := cmp.Diff(c, two.Company(i)) + cmp.Diff(p, two.Person(j)); d != "" {
			t.Fatalf("the same world twice:\n%s", d)
		}
		for _, k := range p.Companies {
			if k < 0 || k >= accounts {
				t.Fatalf("person %d works at company %d of %d", j, k, accounts)
			}
		}
	})
}

func TestTheWorldIsUntidy(t *testing.T) {
	w := fakedata.New(1, 400, 2)
	seen := map[string]int{}
	mark := func(what string, is bool) {
		if is {
			seen[what]++
		}
	}
	numbers, websites := map[string]int{}, map[string]int{}
	for i := range w.Accounts() {
		c := w.Company(i)
		mark("padded name", c.Name != strings.TrimSpace(c.Name))
		mark("no name", c.Name == "")
		mark("foreign name", foreign(c.Name))
		mark("website without scheme", c.Website != "" && !strings.Contains(c.Website, "//"))
		mark("website with scheme", strings.Contains(c.Website, "//"))
		mark("no website", c.Website == "")
		mark("range of employees", strings.Contains(c.Employees, "-"))
		mark("employees as text", c.EmployeesText && !strings.ContainsAny(c.Employees, "-+"))
		mark("in a CRM", c.CRM.Accounts == 1 && c.Domain != "")
		mark("in a CRM under another name", c.CRM.Accounts > 0 && c.CRM.Name != c.Name)
		mark("twice in a CRM", c.CRM.Accounts == 2)
		numbers[c.AccountNo]++
		websites[c.Domain]++
		if c.Domain != "" && !strings.HasSuffix(c.Domain, ".example") {
			t.Errorf("domain %q may belong to somebody", c.Domain)
		}
	}
	mark("shared number", len(numbers) < w.Accounts())
	mark("shared website", len(websites) < w.Accounts()-websites[""])
	emails, phones := map[string]int{}, map[string]bool{}
	for j := range w.People() {
		p := w.Person(j)
		mark("no e-mail", p.Email == "")
		mark("e-mail in mixed case", p.Email != strings.ToLower(p.Email))
		mark("no e-mail sign", p.Email != "" && !strings.Contains(p.Email, "@"))
		mark("no phone", p.Phone == "")
		mark("no last name", p.Last == "")
		mark("foreign person", foreign(p.First+p.Last))
		mark("two customers", len(p.Companies) == 2)
		mark("no customer", len(p.Companies) == 0)
		mark("person in a CRM", p.InCRM)
		emails[p.Email]++
		phones[shape(p.Phone)] = true
	}
	mark("shared e-mail", len(emails) < w.People()-emails[""])
	mark("many phone formats", len(phones) > 8)
	for _, what := range []string{
		"padded name", "no name", "foreign name", "website without scheme", "website with scheme", "no website",
		"range of employees", "employees as text", "in a CRM", "in a CRM under another name", "twice in a CRM",
		"shared number", "shared website", "no e-mail", "e-mail in mixed case", "no e-mail sign", "no phone",
		"no last name", "foreign person", "two customers", "no customer", "person in a CRM", "shared e-mail", "many phone formats",
	} {
		if seen[what] == 0 {
			t.Errorf("the world has no record with: %s", what)
		}
	}
	if n := seen["in a CRM"]; n < 40 || n > 80 {
		t.Errorf("%d of 400 companies are in a CRM already, want about one in seven", n)
	}
}

func TestAnEmptyWorld(t *testing.T) {
	for _, w := range []*fakedata.World{fakedata.New(1, 0, 2), fakedata.New(1, -3, -1)} {
		if w.Accounts() != 0 || w.People() != 0 {
			t.Errorf("%d accounts, %d people", w.Accounts(), w.People())
		}
	}
}

func TestAddressLine(t *testing.T) {
	a := fakedata.Address{Street: "1 Main St", City: "Leeds", PostalCode: "LS1", Country: "United Kingdom"}
	if got, want := a.Line(), "1 Main St, Leeds LS1, United Kingdom"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func BenchmarkCompany(b *testing.B) {
	w := fakedata.New(1, 1_000_000, 2)
	for i := 0; b.Loop(); i++ {
		w.Company(i % w.Accounts())
	}
}

func BenchmarkPerson(b *testing.B) {
	w := fakedata.New(1, 1_000_000, 2)
	for i := 0; b.Loop(); i++ {
		w.Person(i % w.People())
	}
}

func foreign(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// shape is a phone number with its digits made alike.
func shape(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return '9'
		}
		return r
	}, s)
}
