package fieldmap_test

import (
	"slices"
	"strings"
	"testing"

	"crmsyncd/fieldmap"
)

type problemTest struct {
	change  func(c *config)
	want    string // part of the one line
	warning bool
}

func runProblems(t *testing.T, tests map[string]problemTest) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := base()
			tt.change(c)
			_, problems := c.compile()
			if !tt.warning && !fieldmap.Failed(problems) {
				t.Fatalf("no error; want %q", tt.want)
			}
			for _, p := range problems {
				if p.Warning == tt.warning && strings.Contains(p.Error(), tt.want) {
					return
				}
			}
			t.Errorf("got %v; want %q, warning %v", problems, tt.want, tt.warning)
		})
	}
}

// TestIdentityProblems: what check says about ids and keys.
func TestIdentityProblems(t *testing.T) {
	t.Parallel()
	runProblems(t, map[string]problemTest{
		"R6, D9: account_id by another form": {
			func(c *config) { c.sfAccount().Match[0].Compare = "fold" },
			"objects[1].match[0].compare: account_id is always compared exactly", false,
		},
		"R6: account_id rule by another form": {
			func(c *config) { c.customer().Fields[0].Compare = "digits" }, "account_id is always compared exactly", false,
		},
		"R9, R11: account_id as number": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "account_id", Type: "int"}) },
			"account.account_id is of type id (ids are text", false,
		},
		"R11: account_id as decimal": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "account_id", Type: "decimal"}) }, "is of type id", false,
		},
		"account_id with values": {
			func(c *config) { c.customer().Fields[0].Values = map[string][]string{"1": {"2"}} }, "account_id takes no value map", false,
		},
		"bad id_pattern": {
			func(c *config) { s := c.account(); s.IDPattern = "["; c.set(s) },
			"hub.yaml: objects.account.id_pattern: not a regular expression", false,
		},
		"R23: no account_id from the system of record": {
			func(c *config) { c.drop(c.customer(), "account_id") }, "no field is mapped to account_id", false,
		},
		"R25, D17: no join_date": {
			func(c *config) { c.drop(c.customer(), "join_date") }, "no field is mapped to join_date", true,
		},
		"R24, R138: no name in the source": {
			func(c *config) { c.drop(c.customer(), "name") }, "routes/qbench.yaml:3: objects[0].fields: no field is mapped to name", false,
		},
		"R138: no name in the target": {
			func(c *config) { c.drop(c.sfAccount(), "name") }, "no field is mapped to name", false,
		},
		"R145: no e-mail in the target": {
			func(c *config) { c.drop(c.sfContact(), "email") }, "no field is mapped to email", false,
		},
		"R145: no e-mail in the source": {
			func(c *config) { c.drop(c.qbContact(), "email") }, "no field is mapped to email", false,
		},
		"R146: contact without account": {
			func(c *config) { c.drop(c.sfContact(), "account") }, "no field is mapped to account", false,
		},
		"R47, D1: name as key": {
			func(c *config) {
				c.sfAccount().Match = append(c.sfAccount().Match, fieldmap.MatchSpec{Remote: "Name", Hub: "name"})
			}, "names are not unique", true,
		},
		"R32: e-mail as key": {
			func(c *config) {
				c.sfContact().Match = append(c.sfContact().Match, fieldmap.MatchSpec{Remote: "Email", Hub: "email", Compare: "email"})
			}, "email is a weak key: it is typed by hand", true,
		},
		"R34: website as key": {
			func(c *config) {
				c.sfAccount().Match = append(c.sfAccount().Match, fieldmap.MatchSpec{Remote: "Website", Hub: "website", Compare: "domain"})
			}, "website is a weak key", true,
		},
		"R49: neither key nor external id": {
			func(c *config) { c.sfAccount().Match, c.sfAccount().ExternalID = nil, "" }, "a push needs a match key or an external_id", false,
		},
		"R50, F8: no external id": {
			func(c *config) { c.sfAccount().ExternalID = "" }, "no external_id", true,
		},
		"R49: pull without key": {
			func(c *config) {
				o := lead(fieldmap.FieldSpec{Remote: "h", Hub: "health"})
				o.Match = nil
				c.closeRoute(o)
			},
			"without a match key", true,
		},
		"external id filled twice": {
			func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "Customer_Id__c", Hub: "website"}) },
			"Customer_Id__c carries our id and is also filled from website", false,
		},
		"key without a side": {
			func(c *config) { c.sfAccount().Match[0].Remote = "" }, "a match key names the field of either side", false,
		},
		"unknown id": {
			func(c *config) { s := c.account(); s.ID = "acount_id"; c.set(s) }, "did you mean account_id?", false,
		},
		"address as id": {
			func(c *config) { s := c.account(); s.ID = "addresses.BILLING.city"; c.set(s) }, "cannot be an identity", false,
		},
	})
}

// TestRouteProblems: systems, directions and words.
func TestRouteProblems(t *testing.T) {
	t.Parallel()
	runProblems(t, map[string]problemTest{
		"system not declared": {
			func(c *config) { c.routes[0].System = "salseforce" }, `system "salseforce" is not known (did you mean salesforce?)`, false,
		},
		"system of record not declared": {
			func(c *config) { s := c.account(); s.SystemOfRecord = "qbensh"; c.set(s) }, "did you mean qbench?", false,
		},
		"R19: no system of record": {
			func(c *config) { s := c.account(); s.SystemOfRecord = ""; c.set(s) }, "account has no system of record", false,
		},
		"system of record not pulled": {
			func(c *config) { s := c.account(); s.SystemOfRecord = "close"; c.set(s) }, "no route pulls it from there", true,
		},
		"crm not declared": {func(c *config) { c.hub.CRM = "sugar" }, `hub.yaml: crm: system "sugar"`, false},
		"hub object": {
			func(c *config) { c.sfAccount().Hub = "acount" }, `hub object "acount" is not known (did you mean account?)`, false,
		},
		"hub object in hub.yaml": {
			func(c *config) { c.hub.Objects["deal"] = fieldmap.HubObjectSpec{} }, `hub object "deal" is not known (allowed: user, account`, false,
		},
		"no direction":  {func(c *config) { c.customer().Direction = "" }, "has no direction (allowed: pull, push)", false},
		"D16: both":     {func(c *config) { c.customer().Direction = "both" }, "mark single fields editable", false},
		"bad direction": {func(c *config) { c.customer().Direction = "pul" }, "did you mean pull?", false},
		"D16: pull from push_only": {
			func(c *config) {
				s := c.account()
				s.PushOnly = append(s.PushOnly, "close")
				c.set(s)
				c.closeRoute(lead(fieldmap.FieldSpec{Remote: "h", Hub: "health"}))
			}, "close is push_only for account", false,
		},
		"D16: both by two routes": {
			func(c *config) {
				o := lead(fieldmap.FieldSpec{Remote: "Health", Hub: "health"})
				o.Object = "Account2"
				c.routes[0].Objects = append(c.routes[0].Objects, o)
			}, "account is pulled from salesforce and pushed to it", false,
		},
		"D16: push_only system of record": {
			func(c *config) { s := c.account(); s.PushOnly = []string{"qbench"}; c.set(s) }, "cannot be push_only", false,
		},
		"read_before": {func(c *config) { c.routes[1].Objects[0].ReadBefore = true }, "read_before is for routes that push", false},
		"mode":        {func(c *config) { c.sfAccount().Mode = "matchonly" }, "did you mean match_only?", false},
		"on_link":     {func(c *config) { c.sfAccount().OnLink = "mine" }, "allowed: source, fill_blank, keep", false},
		"on_move":     {func(c *config) { c.sfAccount().OnMove = "drop" }, "allowed: move, hold", false},
		"compare":     {func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "W", Hub: "website", Compare: "urls"}) }, "did you mean url? allowed: exact", false},
		"create_from": {func(c *config) { c.sfAccount().CreateFrom = []string{"qbenchh"} }, "did you mean qbench?", false},
		"R149: create needs what nobody fills": {
			func(c *config) { c.drop(c.qbContact(), "phone_numbers") },
			"a create needs phone_numbers.WORK, which no route fills, so nothing can ever be created", false,
		},
		"R149: create needs what is not sent": {
			func(c *config) { c.drop(c.sfContact(), "phone_numbers.WORK") }, "which this route does not write", false,
		},
		"create_needs of an unknown field": {
			func(c *config) { c.sfContact().CreateNeeds = []string{"emial"} }, "did you mean email?", false,
		},
		"push words on a pull": {func(c *config) { c.customer().ExternalID = "x" }, "external_id is a word for push routes", false},
		"two routes": {
			func(c *config) { c.routes[1].Objects = append(c.routes[1].Objects, *c.customer()) }, "two routes for qbench/customer", false,
		},
		"no object":      {func(c *config) { c.customer().Object = " " }, "names no object", false},
		"filter":         {func(c *config) { c.sfAccount().Filter = `healht == "green"` }, `no field "healht" (did you mean health?)`, false},
		"filter type":    {func(c *config) { c.sfAccount().Filter = `health == 5` }, "mismatched types string and int", false},
		"filter, remote": {func(c *config) { c.customer().Filter = `nane == "x"` }, "did you mean name?", true},
		"R90: filter on contacts": {
			func(c *config) { c.qbContact().Filter = `email != nil` }, "a filter on contacts is advised against", true,
		},
		"reference without a route": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "rep", Hub: "owner"}) },
			"owner refers to user, and qbench has no route for users", false,
		},
	})
}

// TestAllowed: what must stay possible, without any error.
func TestAllowed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *config){
		"D15: editable task field": func(c *config) {
			c.closeRoute(fieldmap.ObjectSpec{
				Object: "task", Hub: "task", Direction: "pull",
				Fields: []fieldmap.FieldSpec{{Remote: "done", Hub: "status", Editable: true, Values: map[string][]string{"true": {"closed"}, "false": {"open"}}}},
			})
			c.hub.Objects["task"] = fieldmap.HubObjectSpec{SystemOfRecord: "close"}
		},
		"editable custom field": func(c *config) {
			c.closeRoute(lead(fieldmap.FieldSpec{Remote: "h", Hub: "health", Editable: true, Values: map[string][]string{"Good": {"green"}, "Bad": {"red"}}}))
		},
		"D17: push of the crm id": func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "Own_Id__c", Hub: "crm_account_id"}) },
		"R35: key by support id": func(c *config) {
			c.sfAccount().Match = append(c.sfAccount().Match, fieldmap.MatchSpec{Remote: "Desk__c", Hub: "support_account_id"})
		},
		"core text as picklist": func(c *config) {
			c.field(fieldmap.HubFieldSpec{Name: "industry", Type: "picklist", Values: []string{"Lab", "Hospital"}})
		},
		"D3: declared types": func(c *config) {
			s := c.hub.Objects["contact"]
			s.AddressTypes, s.PhoneTypes = []string{"MAILING", "HOME"}, []string{"MOBILE"}
			c.hub.Objects["contact"] = s
			c.qbContact().Fields = append(c.qbContact().Fields,
				fieldmap.FieldSpec{Remote: "c2", Hub: "addresses.HOME.city"}, fieldmap.FieldSpec{Remote: "m", Hub: "phone_numbers.MOBILE"})
		},
		"one hub value of two remote ones, pulled": func(c *config) { c.customer().Fields[5].Values["X"] = []string{"Lab"} },
		"D4: fewer needs": func(c *config) {
			c.drop(c.sfContact(), "phone_numbers.WORK")
			c.sfContact().CreateNeeds = []string{"email"}
		},
		"no needs at all": func(c *config) { c.sfContact().CreateNeeds = []string{} },
		"R11: repair":     func(c *config) { c.customer().Fields[0].Normalize = "whole_number" },
		"external id also mapped": func(c *config) {
			c.pushField(fieldmap.FieldSpec{Remote: "Customer_Id__c", Hub: "account_id"})
		},
		"D14: create from any": func(c *config) { c.sfAccount().CreateFrom = []string{"any"} },
		"match only":           func(c *config) { c.sfAccount().Mode = "match_only" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := base()
			change(c)
			if _, problems := c.compile(); fieldmap.Failed(problems) {
				t.Error(problems)
			}
		})
	}
}

// TestAllProblemsAtOnce: one run of check shows everything, in the same order
// every time.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	broken := func() *config {
		c := base()
		c.hub.CRM = "nobody"
		c.customer().Direction = "sideways"
		c.sfAccount().OnLink = "mine"
		c.sfContact().Fields[0].Hub = "emial"
		c.hub.Objects["deal"], c.hub.Objects["thing"] = fieldmap.HubObjectSpec{}, fieldmap.HubObjectSpec{}
		return c
	}
	_, first := broken().compile()
	for _, want := range []string{"nobody", "sideways", "mine", "emial", "deal", "thing"} {
		if !slices.ContainsFunc(first, func(p fieldmap.Problem) bool { return strings.Contains(p.Error(), want) }) {
			t.Errorf("%s is not reported", want)
		}
	}
	for range 5 {
		if _, again := broken().compile(); !slices.Equal(first, again) {
			t.Fatal("another order")
		}
	}
}

func TestProblemLine(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]fieldmap.Problem{
		"a.yaml:3: x.y: wrong (mend it)": {File: "a.yaml", Line: 3, Path: "x.y", Message: "wrong", Hint: "mend it"},
		"a.yaml: wrong":                  {File: "a.yaml", Message: "wrong"},
		"wrong":                          {Message: "wrong"},
	} {
		if got := p.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
