package fieldmap_test

import (
	"testing"

	"crmsyncd/fieldmap"
)

// TestComputedProblems: what check says about computed fields.
func TestComputedProblems(t *testing.T) {
	t.Parallel()
	spec := func(mutate func(f *fieldmap.HubFieldSpec)) func(c *config) {
		return func(c *config) {
			*c = *withOpportunities()
			f := renewal("keep")
			mutate(&f)
			c.field(f)
		}
	}
	rule := func(mutate func(f *fieldmap.ComputedSpec)) func(c *config) {
		return spec(func(f *fieldmap.HubFieldSpec) { mutate(f.Computed) })
	}
	pull := func(f fieldmap.FieldSpec) func(c *config) {
		return func(c *config) {
			*c = *withOpportunities()
			c.field(renewal("keep"))
			c.pullField(f)
		}
	}
	runProblems(t, map[string]problemTest{
		"R75: none is not said": {
			rule(func(f *fieldmap.ComputedSpec) { f.WhenNone = "" }),
			"hub.yaml: objects.account.fields[3].computed.when_none: it is not said what next_renewal_date becomes when no opportunity qualifies " +
				"(add when_none: clear, when_none: keep, or when_none: with the value to take)", false,
		},
		"R75: no such value": {
			rule(func(f *fieldmap.ComputedSpec) { f.WhenNone = "kepe" }), `"kepe" is neither clear nor keep nor a value of next_renewal_date`, false,
		},
		"R75: no value of the picklist": {
			spec(func(f *fieldmap.HubFieldSpec) {
				*f = fieldmap.HubFieldSpec{Name: "mood", Type: "picklist", Values: []string{"good"}, Computed: &fieldmap.ComputedSpec{
					From: "opportunity", Pick: "first(plan)", Sort: "name", WhenNone: "bad",
				}}
			}), `value "bad" is not known (allowed: clear, keep, good)`, false,
		},
		"R76: computed and editable": {
			pull(fieldmap.FieldSpec{Remote: "renewal", Hub: "next_renewal_date", Editable: true}),
			"objects[0].fields[6].editable: next_renewal_date is computed from opportunity records and can never be editable", false,
		},
		"R76: computed and pulled": {
			pull(fieldmap.FieldSpec{Remote: "renewal", Hub: "next_renewal_date"}), "next_renewal_date is computed and cannot be pulled as well", false,
		},
		"computed and somebody wins": {
			spec(func(f *fieldmap.HubFieldSpec) { f.Wins = "close" }), "wins: next_renewal_date is computed, so nobody else can win", false,
		},
		"no such object": {
			rule(func(f *fieldmap.ComputedSpec) { f.From = "opportunty" }), `computed.from: hub object "opportunty" is not known (did you mean opportunity?)`, false,
		},
		"no reference": {
			rule(func(f *fieldmap.ComputedSpec) { f.From, f.Where, f.Pick = "user", "", "count()" }), "computed.from: user has no reference to account", false,
		},
		"no such field in where": {
			rule(func(f *fieldmap.ComputedSpec) { f.Where = "end_dat >= today" }), `computed.where: filter: there is no field "end_dat" (did you mean end_date?)`, false,
		},
		"today worked with": {
			rule(func(f *fieldmap.ComputedSpec) { f.Where = `end_date startsWith trimSuffix(today, "-22")` }),
			"computed.where: today is used otherwise than to be compared with a date", false,
		},
		"today and a text": {
			rule(func(f *fieldmap.ComputedSpec) { f.Where = `name < today` }), "today is used otherwise", false,
		},
		"today and no day": {
			rule(func(f *fieldmap.ComputedSpec) { f.Where = `today > "2026-13-01"` }), "today is used otherwise", false,
		},
		"another system": {
			rule(func(f *fieldmap.ComputedSpec) { f.Where = `exists_in("qbench")` }), "exists_in is for the filters of routes", false,
		},
		"pick is not understood": {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "end_date" }), `pick "end_date" is not understood (one of max(field)`, false},
		"no such pick":           {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "maxx(end_date)" }), `pick "maxx" is not known (did you mean max?)`, false},
		"pick without a field":   {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "max()" }), "max takes a field", false},
		"count with a field":     {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "count(name)" }), "count counts records and takes no field", false},
		"no such picked field":   {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "max(end)" }), `opportunity has no field "end"`, false},
		"the greatest text":      {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "max(name)" }), "name is of type text, of which there is no max", false},
		"a sum of days":          {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "sum(end_date)" }), "end_date is of type date, of which there is no sum", false},
		"another type":           {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "max(amount)" }), "the result is of type decimal, and next_renewal_date is of type date", false},
		"a number of days":       {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "count()" }), "the result is of type int, and next_renewal_date is of type date", false},
		"first without an order": {rule(func(f *fieldmap.ComputedSpec) { f.Pick = "first(end_date)" }), "computed.sort: first needs an order", false},
		"max with an order":      {rule(func(f *fieldmap.ComputedSpec) { f.Sort = "end_date" }), "max has no use for one", false},
		"an order of sets":       {rule(func(f *fieldmap.ComputedSpec) { f.Pick, f.Sort = "first(end_date)", "-labels" }), "labels is of type multi, which has no order", false},
		"other values of a list": {
			spec(func(f *fieldmap.HubFieldSpec) {
				*f = fieldmap.HubFieldSpec{Name: "mood", Type: "picklist", Values: []string{"basic"}, Computed: &fieldmap.ComputedSpec{
					From: "opportunity", Pick: "first(plan)", Sort: "name", WhenNone: "clear",
				}}
			}), "the two must be the same, for picklists also their values", false,
		},
		"an id": {
			spec(func(f *fieldmap.HubFieldSpec) { f.Name = "account_id" }), "account_id tells records apart and cannot be computed", false,
		},
		"a reference": {
			spec(func(f *fieldmap.HubFieldSpec) { f.Name = "owner" }), "owner is of type ref and cannot be computed", false,
		},
		"computed of computed": {
			func(c *config) {
				*c = *withOpportunities()
				c.field(renewal("keep"))
				c.field(fieldmap.HubFieldSpec{Name: "children_renew", Type: "date", Computed: &fieldmap.ComputedSpec{
					From: "account", Pick: "max(next_renewal_date)", WhenNone: "clear",
				}})
			}, "children_renew looks at account.next_renewal_date, which is computed itself", false,
		},
		"a match key": {
			func(c *config) {
				*c = *withOpportunities()
				c.field(renewal("keep"))
				c.sfAccount().Match = append(c.sfAccount().Match, fieldmap.MatchSpec{Remote: "X", Hub: "next_renewal_date"})
			}, "next_renewal_date is computed, and what is worked out tells no record apart", false,
		},
		"R86: worked out of usage data and pushed": {
			func(c *config) {
				*c = *withOpportunities()
				c.field(fieldmap.HubFieldSpec{Name: "total_visits", Type: "int", Computed: &fieldmap.ComputedSpec{
					From: "opportunity", Pick: "sum(visits)", WhenNone: "0",
				}})
				c.pushField(fieldmap.FieldSpec{Remote: "Visits__c", Hub: "total_visits"})
			}, "total_visits is usage data, which no route may push", false,
		},
		"nothing fills what it looks at": {
			rule(func(f *fieldmap.ComputedSpec) { f.From, f.Where, f.Pick = "task", "", "max(due_date)" }),
			"next_renewal_date looks at task.due_date, which no route fills", true,
		},
	})
}
