package fieldmap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// TestR28_ExistsIn proves the filter that looks at another system (R28, R29):
// it asks for that system alone, in any place of an expression, and nobody has
// a record where nothing can tell.
func TestR28_ExistsIn(t *testing.T) {
	t.Parallel()
	get := func(string) record.Value { return record.Of("Yes") }
	for source, want := range map[string]struct {
		in, out bool // where zuora has the record, and where it has not
		systems []string
	}{
		`exists_in("zuora")`:                                           {true, false, []string{"zuora"}},
		`not exists_in("zuora")`:                                       {false, true, []string{"zuora"}},
		`exists_in("zuora") and custom.Sync == "Yes"`:                  {true, false, []string{"zuora"}},
		`exists_in("zuora") and custom.Sync == "No"`:                   {false, false, []string{"zuora"}},
		`custom.Sync == "No" || exists_in("zuora")`:                    {true, false, []string{"zuora"}},
		`exists_in("other") or exists_in("zuora")`:                     {true, false, []string{"other", "zuora"}},
		`exists_in("zuora") == false`:                                  {false, true, []string{"zuora"}},
		`exists_in("zuora") ? custom.Sync == "Yes" : name == "Nobody"`: {true, false, []string{"zuora"}},
		`exists_in('zuora') and exists_in("zuora")`:                    {true, false, []string{"zuora"}},
		`field("system zuora") == "Yes" and exists_in("zuora")`:        {true, false, []string{"zuora"}},
		`custom.Sync == "Yes"`:                                         {true, true, nil},
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Open: true})
			if len(faults) > 0 {
				t.Fatal(faults[0])
			}
			if diff := cmp.Diff(want.systems, f.Systems()); diff != "" {
				t.Errorf("systems: %s", diff)
			}
			has := func(system string) bool { return system == "zuora" }
			for _, tt := range []struct {
				exists func(string) bool
				want   bool
			}{{has, want.in}, {func(string) bool { return false }, want.out}, {nil, want.out}} {
				got, err := f.Match(get, fieldmap.Scope{Today: today, ExistsIn: tt.exists})
				if err != nil || got != tt.want {
					t.Errorf("got %v, %v; want %v", got, err, tt.want)
				}
			}
		})
	}
	var none *fieldmap.Filter
	if none.Systems() != nil || none.UsesToday() {
		t.Error("no filter asks something")
	}
}

func TestExistsInFaults(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`exists_in(zuora)`:        `exists_in takes the name of one system in quotes, as in exists_in("salesforce")`,
		`exists_in("a", "b")`:     "exists_in takes the name of one system",
		`exists_in()`:             "exists_in takes the name of one system",
		`exists_in`:               `there is no field "exists_in"`,
		`exist_in("zuora")`:       "no function exist_in (did you mean exists_in?)",
		`exists_in("zuora") == 1`: "mismatched types bool and int",
	} {
		f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes()})
		says := func(f *fieldmap.Fault) bool { return strings.Contains(f.Error(), want) }
		if f != nil || !slices.ContainsFunc(faults, says) {
			t.Errorf("%s: %v; want %s", source, faults, want)
		}
	}
}

func TestUsesToday(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"end >= today": true, `lower(today) == "x"`: true, `end >= "2026-01-01"`: false, `name == "today"`: false,
	} {
		f, faults := fieldmap.CompileFilter(source, fieldmap.FilterFields{Types: filterTypes()})
		if len(faults) > 0 || f.UsesToday() != want {
			t.Errorf("%s: %v, %v", source, f.UsesToday(), faults)
		}
	}
}

// zuora is read onto accounts too, which close fills with those that zuora has.
func zuora(mutate func(asks, asked *fieldmap.ObjectSpec)) func(c *config) {
	return func(c *config) {
		c.opt.Systems["zuora"] = fieldmap.SystemInfo{Provider: "qbench"}
		asks := lead(fieldmap.FieldSpec{Remote: "custom.Id", Hub: "account_id"})
		asks.Filter = `exists_in("zuora") and custom.Sync == "Yes"`
		asked := fieldmap.ObjectSpec{
			Object: "Account", Hub: "account", Direction: "pull", File: "routes/zuora.yaml", Line: 3,
			Match:  []fieldmap.MatchSpec{{Remote: "AccountNumber", Hub: "account_id"}},
			Fields: []fieldmap.FieldSpec{{Remote: "AccountNumber", Hub: "account_id"}},
		}
		mutate(&asks, &asked)
		c.routes = append(c.routes,
			fieldmap.RouteSpec{System: "zuora", Objects: []fieldmap.ObjectSpec{asked}},
			fieldmap.RouteSpec{System: "close", Objects: []fieldmap.ObjectSpec{asks}})
	}
}

// TestR29_OtherSystemIsRead: the example of R29 compiles.
func TestR29_OtherSystemIsRead(t *testing.T) {
	t.Parallel()
	c := base()
	zuora(func(_, _ *fieldmap.ObjectSpec) {})(c)
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	if got := m.Route("close", "lead").Filter.Systems(); !slices.Equal(got, []string{"zuora"}) {
		t.Errorf("the filter asks %q", got)
	}
}

// TestExistsInProblems: what check refuses, for the answer would be ours or
// nobody's (R28, R29).
func TestExistsInProblems(t *testing.T) {
	t.Parallel()
	push := func(mode string) func(c *config) {
		return zuora(func(_, asked *fieldmap.ObjectSpec) {
			*asked = fieldmap.ObjectSpec{
				Object: "Account", Hub: "account", Direction: "push", Mode: mode, ExternalID: "Number__c",
				Match: []fieldmap.MatchSpec{{Remote: "Number__c", Hub: "account_id"}}, Fields: []fieldmap.FieldSpec{{Remote: "Name", Hub: "name"}},
			}
		})
	}
	runProblems(t, map[string]problemTest{
		"R29: a system that we create in": {
			push(""), `objects[0].filter: exists_in("zuora") would be true of every account that we make there ourselves ` +
				`(pull accounts from zuora, or add mode: match_only to zuora/Account)`, false,
		},
		"R28: a system that is never read": {
			push("match_only"), `exists_in("zuora") can never be true: no route reads accounts from zuora (add a pull route of zuora onto account)`, false,
		},
		"R28: another object is read": {
			zuora(func(_, asked *fieldmap.ObjectSpec) {
				asked.Hub, asked.Match, asked.Fields = "user", nil, []fieldmap.FieldSpec{{Remote: "Email", Hub: "email"}}
			}),
			"no route reads accounts from zuora", false,
		},
		"a system that nobody knows": {
			zuora(func(asks, _ *fieldmap.ObjectSpec) { asks.Filter = `exists_in("zuorra")` }), `system "zuorra" is not known (did you mean zuora?)`, false,
		},
		"its own system": {
			zuora(func(asks, _ *fieldmap.ObjectSpec) { asks.Filter = `exists_in("close")` }), `exists_in("close") asks the system that the record comes from`, false,
		},
		"each waits for the other": {
			zuora(func(_, asked *fieldmap.ObjectSpec) { asked.Filter = `exists_in("close")` }),
			"close/lead and zuora/Account wait for each other, so no account ever enters", false,
		},
	})
}

// TestR83_ParentByExternalID: the child's field that holds the parent's account
// id becomes a reference by that key, not by record id.
func TestR83_ParentByExternalID(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]struct {
		hub string
		typ record.Type
	}{"": {"account_id", record.ID}, "support_account_id": {"support_account_id", record.ID}, "description": {"description", record.Text}} {
		c := base()
		o := lead(fieldmap.FieldSpec{Remote: "custom.Id", Hub: "account_id"})
		o.Parent = &fieldmap.ParentSpec{From: "custom.ParentExternalID", Key: key}
		c.closeRoute(o)
		m, problems := c.compile()
		if fieldmap.Failed(problems) {
			t.Fatal(problems)
		}
		r := m.Route("close", "lead")
		rule := r.Fields[len(r.Fields)-1]
		if rule.Hub != m.Object("account").Field("parent") || rule.RefKey != m.Object("account").Field(want.hub) || !rule.RefKey.Key {
			t.Errorf("%q: %s refers by %v", key, rule.Hub.Name, rule.RefKey)
		}
		if rule.Remote != (record.Field{Name: "custom.ParentExternalID", Type: want.typ}) || rule.Write != fieldmap.Never || rule.Editable {
			t.Errorf("%q: reads %v, writes %v", key, rule.Remote, rule.Write)
		}
		if r.ReadIndex("custom.ParentExternalID") != rule.Index || m.Object("account").Field("parent").Owner != "close" {
			t.Errorf("%q: it is not read as rule %d, or close does not own it", key, rule.Index)
		}
		for _, other := range r.Fields[:rule.Index] {
			if other.RefKey != nil {
				t.Errorf("%s refers by a key", other.Remote.Name)
			}
		}
	}
}

// TestParentProblems: where parent: has no place (R83).
func TestParentProblems(t *testing.T) {
	t.Parallel()
	with := func(mutate func(o *fieldmap.ObjectSpec)) func(c *config) {
		return func(c *config) {
			o := lead(fieldmap.FieldSpec{Remote: "custom.Id", Hub: "account_id"})
			o.Parent = &fieldmap.ParentSpec{From: "custom.Parent"}
			mutate(&o)
			c.closeRoute(o)
		}
	}
	runProblems(t, map[string]problemTest{
		"on a push":       {func(c *config) { c.sfAccount().Parent = &fieldmap.ParentSpec{From: "x"} }, "objects[1].parent: parent is a word for pull routes", false},
		"of a contact":    {func(c *config) { c.qbContact().Parent = &fieldmap.ParentSpec{From: "x"} }, "contact has no parent", false},
		"from nowhere":    {with(func(o *fieldmap.ObjectSpec) { o.Parent.From = "" }), "parent.from: parent names no remote field", false},
		"key not known":   {with(func(o *fieldmap.ObjectSpec) { o.Parent.Key = "acount_id" }), `parent.key: account has no field "acount_id" (did you mean account_id?)`, false},
		"key is a number": {with(func(o *fieldmap.ObjectSpec) { o.Parent.Key = "number_of_employees" }), "number_of_employees cannot name a record", false},
		"beside another rule": {
			with(func(o *fieldmap.ObjectSpec) {
				o.Fields = append(o.Fields, fieldmap.FieldSpec{Remote: "parent_id", Hub: "parent"})
			}), "parent is filled twice, here and by a field mapping", false,
		},
	})
}

// TestCloseProblems: what check says about Close's objects.
func TestCloseProblems(t *testing.T) {
	t.Parallel()
	route := func(hub, filter string, fields ...fieldmap.FieldSpec) func(c *config) {
		return func(c *config) {
			c.hub.Objects["user"] = fieldmap.HubObjectSpec{SystemOfRecord: "close"}
			c.hub.Objects["opportunity"] = fieldmap.HubObjectSpec{SystemOfRecord: "close"}
			c.closeRoute(fieldmap.ObjectSpec{
				Object: hub, Hub: hub, Direction: "pull", Filter: filter, File: "routes/close.yaml", Line: 3, Fields: fields,
			})
		}
	}
	email := fieldmap.FieldSpec{Remote: "email", Hub: "email"}
	runProblems(t, map[string]problemTest{
		"R109: an opportunity is pull-only": {
			route("opportunity", "", fieldmap.FieldSpec{Remote: "note", Hub: "name", Editable: true}), "fields[0].editable: opportunity is never written back", false,
		},
		"R115: a user is pull-only": {
			route("user", "", fieldmap.FieldSpec{Remote: "email", Hub: "email", Editable: true}), "fields[0].editable: user is never written back", false,
		},
		"R90: a filter on contacts": {
			route("contact", `custom["Sync"] == "Yes"`, email), "objects[0].filter: a filter on contacts is advised against", true,
		},
		"R113: a filter on users": {
			route("user", `is_active == "true"`, email),
			"objects[0].filter: a filter on users is advised against (records that refer to those left out lose their reference)", true,
		},
		"R62: a name as key": {
			func(c *config) {
				o := lead()
				o.Match = []fieldmap.MatchSpec{{Remote: "display_name", Hub: "name"}}
				c.closeRoute(o)
			}, "objects[0].match[0]: names are not unique (two hits hold the record; an id is a better key)", true,
		},
		"a filter with the calendar, pulled": {
			route("opportunity", `date_won > today`, fieldmap.FieldSpec{Remote: "date_won", Hub: "close_date"}),
			"the filter looks at today, so records enter and leave with the calendar (close/opportunity is read in full every day)", true,
		},
		"a filter with the calendar, pushed": {
			func(c *config) { c.sfAccount().Filter = "join_date < today" }, "one that nothing else changes is met by the next full run", true,
		},
		"the values of a task's status": {
			func(c *config) {
				c.hub.Objects["task"] = fieldmap.HubObjectSpec{Fields: []fieldmap.HubFieldSpec{{Name: "status", Values: []string{"open", "waiting"}}}}
			}, "the values of task.status are open and closed", false,
		},
	})
}

// TestR113_FilterOnUsersWorks: the warning is all: a filter on users compiles
// and decides (R90 for contacts).
func TestR113_FilterOnUsersWorks(t *testing.T) {
	t.Parallel()
	for _, hub := range []string{"user", "contact"} { // R90
		c := base()
		c.hub.Objects["user"] = fieldmap.HubObjectSpec{SystemOfRecord: "close"}
		c.closeRoute(fieldmap.ObjectSpec{
			Object: hub, Hub: hub, Direction: "pull", Filter: `custom["Sync to hub"] == "Yes"`, File: "routes/close.yaml", Line: 3,
			Fields: []fieldmap.FieldSpec{{Remote: "email", Hub: "email"}},
		})
		m, problems := c.compile()
		if fieldmap.Failed(problems) {
			t.Fatal(problems)
		}
		for _, value := range []string{"Yes", "No", ""} {
			in, err := m.Route("close", hub).Filter.Match(func(string) record.Value { return record.Of(value) }, fieldmap.Scope{})
			if err != nil || in != (value == "Yes") {
				t.Errorf("%s, %q: %v, %v", hub, value, in, err)
			}
		}
	}
}

// TestR117_AccessByUserField, R117: a field of the user, yes or no in its own words,
// becomes a truth of the hub; so does a plain true or false.
func TestR117_AccessByUserField(t *testing.T) {
	t.Parallel()
	c := base()
	c.hub.Objects["user"] = fieldmap.HubObjectSpec{
		SystemOfRecord: "close", Fields: []fieldmap.HubFieldSpec{{Name: "may_log_in", Type: "bool"}},
	}
	c.closeRoute(fieldmap.ObjectSpec{
		Object: "user", Hub: "user", Direction: "pull", File: "routes/close.yaml", Line: 3,
		Fields: []fieldmap.FieldSpec{
			{Remote: "is_active", Hub: "is_active"},
			{Remote: "custom.Access", Hub: "may_log_in", Values: map[string][]string{"YES": {"true"}, "NO": {"false"}}},
		},
	})
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	for _, tt := range []struct {
		rule      int
		raw, want string
	}{{0, "true", "true"}, {0, "false", "false"}, {1, `"YES"`, "true"}, {1, `"Yes"`, "true"}, {1, `"NO"`, "false"}, {1, "null", ""}} {
		rule := m.Route("close", "user").Fields[tt.rule]
		theirs, err := rule.Read([]byte(tt.raw))
		got, ok := rule.ToHub(theirs)
		if err != nil || !ok || got != record.Of(tt.want) || rule.Hub.Type != record.Bool {
			t.Errorf("%s: %q, %v, %v; want %q", tt.raw, got.Text(), ok, err, tt.want)
		}
	}
}

// TestR108_AnyOpportunityField, R108: every field of an opportunity can be pulled,
// custom ones by name and of every type; R88 and R70: so can core fields of
// contacts and accounts.
func TestR108_AnyOpportunityField(t *testing.T) {
	t.Parallel()
	c := withOpportunities()
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	r := m.Route("close", "opportunity")
	for raw, want := range map[string][2]string{
		`"Big deal"`: {"name", "Big deal"}, `500.10`: {"amount", "500.1"}, `"2026-11-22"`: {"start_date", "2026-11-22"},
		`12`: {"seats", "12"}, `"basic"`: {"plan", "basic"}, `["b","a"]`: {"labels", "a\x1fb"},
		`"2026-11-22T10:00:00+01:00"`: {"signed", "2026-11-22T09:00:00Z"},
	} {
		rule := r.Fields[slices.IndexFunc(r.Fields, func(rule *fieldmap.Rule) bool { return rule.Hub.Name == want[0] })]
		theirs, err := rule.Read([]byte(raw))
		got, ok := rule.ToHub(theirs)
		if err != nil || !ok || got.Text() != want[1] {
			t.Errorf("%s: %q, %v, %v; want %q", want[0], got.Text(), ok, err, want[1])
		}
		if rule.Write != fieldmap.Never {
			t.Errorf("R109: %s may be written back", want[0])
		}
	}
}

// TestPullOrder: the system of record of an object stands before others that hold
// it too, and two that are each other's stand in one order.
func TestPullOrder(t *testing.T) {
	t.Parallel()
	account, task := &fieldmap.HubObject{Name: "account", SystemOfRecord: "zeta"}, &fieldmap.HubObject{Name: "task", SystemOfRecord: "alpha"}
	route := func(system string, hub *fieldmap.HubObject, d fieldmap.Direction) *fieldmap.Route {
		return &fieldmap.Route{System: system, Hub: hub, Direction: d}
	}
	for name, c := range map[string]struct {
		routes []*fieldmap.Route
		want   []string
	}{
		"one of record":    {[]*fieldmap.Route{route("alpha", account, fieldmap.Pull), route("alpha", task, fieldmap.Pull), route("zeta", account, fieldmap.Pull)}, []string{"zeta", "alpha"}},
		"of each other":    {[]*fieldmap.Route{route("alpha", account, fieldmap.Pull), route("alpha", task, fieldmap.Pull), route("zeta", account, fieldmap.Pull), route("zeta", task, fieldmap.Pull)}, []string{"alpha", "zeta"}},
		"pushes stand out": {[]*fieldmap.Route{route("alpha", account, fieldmap.Push), route("zeta", account, fieldmap.Pull)}, []string{"zeta"}},
	} {
		m := &fieldmap.Mapping{Routes: c.routes}
		if got := m.PullOrder(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
