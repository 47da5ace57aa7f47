package fieldmap_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// config is a small whole configuration: customers and contacts of qbench go
// to salesforce; close fills a field.
type config struct {
	hub    fieldmap.HubSpec
	routes []fieldmap.RouteSpec
	opt    fieldmap.Options
}

func base() *config {
	pull := []fieldmap.ObjectSpec{
		{
			Object: "customer", Hub: "account", Direction: "pull", File: "routes/qbench.yaml", Line: 3,
			Match: []fieldmap.MatchSpec{{Remote: "id", Hub: "account_id"}},
			Fields: []fieldmap.FieldSpec{
				{Remote: "id", Hub: "account_id", Line: 5},
				{Remote: "name", Hub: "name"},
				{Remote: "created", Hub: "join_date"},
				{Remote: "city", Hub: "addresses.city"},
				{Remote: "phone", Hub: "phone_numbers"},
				{Remote: "kind", Hub: "industry", Values: map[string][]string{"L": {"Lab"}, "H": {"Hospital"}}},
			},
		},
		{
			Object: "contact", Hub: "contact", Direction: "pull", File: "routes/qbench.yaml", Line: 20,
			Match: []fieldmap.MatchSpec{{Remote: "id", Hub: "user_id"}},
			Fields: []fieldmap.FieldSpec{
				{Remote: "id", Hub: "user_id"},
				{Remote: "email", Hub: "email"},
				{Remote: "first", Hub: "first_name"},
				{Remote: "last", Hub: "last_name"},
				{Remote: "phone", Hub: "phone_numbers"},
				{Remote: "customer_ids", Hub: "account"},
				{Remote: "city", Hub: "addresses.city"},
			},
		},
	}
	push := []fieldmap.ObjectSpec{
		{
			Object: "Contact", Hub: "contact", Direction: "push", File: "routes/salesforce.yaml", Line: 30, ExternalID: "Person_Id__c",
			Match: []fieldmap.MatchSpec{{Remote: "Person_Id__c", Hub: "user_id"}},
			Fields: []fieldmap.FieldSpec{
				{Remote: "Email", Hub: "email"},
				{Remote: "FirstName", Hub: "first_name"},
				{Remote: "LastName", Hub: "last_name"},
				{Remote: "Phone", Hub: "phone_numbers.WORK", Write: "on_change"},
				{Remote: "AccountId", Hub: "account"},
				{Remote: "MailingCity", Hub: "addresses.MAILING.city"},
			},
		},
		{
			Object: "Account", Hub: "account", Direction: "push", File: "routes/salesforce.yaml", Line: 3, ExternalID: "Customer_Id__c",
			Match: []fieldmap.MatchSpec{{Remote: "Customer_Id__c", Hub: "account_id"}},
			Fields: []fieldmap.FieldSpec{
				{Remote: "Name", Hub: "name", Compare: "fold"},
				{Remote: "BillingCity", Hub: "addresses.BILLING.city"},
				{Remote: "Phone", Hub: "phone_numbers.WORK", Compare: "phone"},
				{Remote: "Industry", Hub: "industry"},
			},
		},
	}
	return &config{
		hub: fieldmap.HubSpec{CRM: "salesforce", Objects: map[string]fieldmap.HubObjectSpec{
			"account": {
				SystemOfRecord: "qbench", ID: "account_id", PushOnly: []string{"salesforce"}, IDPattern: "^[0-9]+$",
				Fields: []fieldmap.HubFieldSpec{
					{Name: "health", Type: "picklist", Values: []string{"green", "red"}},
					{Name: "logins", Type: "int", Class: "usage"},
					{Name: "score", Type: "decimal"},
				},
			},
			"contact": {SystemOfRecord: "qbench", ID: "user_id", PushOnly: []string{"salesforce"}},
		}},
		routes: []fieldmap.RouteSpec{{System: "salesforce", Objects: push}, {System: "qbench", Objects: pull}},
		opt: fieldmap.Options{Systems: map[string]fieldmap.SystemInfo{
			"qbench": {Provider: "qbench"}, "salesforce": {Provider: "salesforce"}, "close": {Provider: "closeio"},
		}},
	}
}

func (c *config) compile() (*fieldmap.Mapping, []fieldmap.Problem) {
	return fieldmap.Compile(c.hub, c.routes, c.opt)
}

func (c *config) customer() *fieldmap.ObjectSpec  { return &c.routes[1].Objects[0] }
func (c *config) qbContact() *fieldmap.ObjectSpec { return &c.routes[1].Objects[1] }
func (c *config) sfAccount() *fieldmap.ObjectSpec { return &c.routes[0].Objects[1] }
func (c *config) sfContact() *fieldmap.ObjectSpec { return &c.routes[0].Objects[0] }
func (c *config) account() fieldmap.HubObjectSpec { return c.hub.Objects["account"] }
func (c *config) set(spec fieldmap.HubObjectSpec) { c.hub.Objects["account"] = spec }
func (c *config) field(f fieldmap.HubFieldSpec) {
	s := c.account()
	s.Fields = append(s.Fields, f)
	c.set(s)
}

func (c *config) pullField(f fieldmap.FieldSpec) {
	c.customer().Fields = append(c.customer().Fields, f)
}

func (c *config) pushField(f fieldmap.FieldSpec) {
	c.sfAccount().Fields = append(c.sfAccount().Fields, f)
}

func (c *config) closeRoute(o fieldmap.ObjectSpec) {
	c.routes = append(c.routes, fieldmap.RouteSpec{System: "close", Objects: []fieldmap.ObjectSpec{o}})
}

func (c *config) drop(o *fieldmap.ObjectSpec, h string) {
	o.Fields = slices.DeleteFunc(o.Fields, func(f fieldmap.FieldSpec) bool { return f.Hub == h })
}

func lead(fields ...fieldmap.FieldSpec) fieldmap.ObjectSpec {
	return fieldmap.ObjectSpec{
		Object: "lead", Hub: "account", Direction: "pull", File: "routes/close.yaml", Line: 3,
		Match: []fieldmap.MatchSpec{{Remote: "custom.Id", Hub: "account_id"}}, Fields: fields,
	}
}

// TestCompileBase: a sound configuration has no problem at all (R175).
func TestCompileBase(t *testing.T) {
	t.Parallel()
	m, problems := base().compile()
	for _, p := range problems {
		t.Errorf("%v", p)
	}
	var keys []string
	for _, r := range m.Routes {
		keys = append(keys, r.Key())
	}
	// R18: parents before children.
	want := []string{"qbench/customer", "qbench/contact", "salesforce/Account", "salesforce/Contact"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
	if got := len(m.RoutesOf("salesforce")); got != 2 {
		t.Errorf("%d routes of salesforce", got)
	}
}

// TestCompileResolves proves what Compile settles: owners, D2 and R164–R169
// (write modes), D3, R172 and R174 (default types), D14 (who creates), R149
// (what a create needs).
func TestCompileResolves(t *testing.T) {
	t.Parallel()
	m, _ := base().compile()
	account, contact := m.Route("salesforce", "Account"), m.Route("salesforce", "Contact")
	customer := m.Route("qbench", "customer")
	rule := func(r *fieldmap.Route, hub string) *fieldmap.Rule {
		t.Helper()
		for _, rule := range r.Fields {
			if rule.Hub.Name == hub {
				return rule
			}
		}
		t.Fatalf("%s has no rule for %s", r.Key(), hub)
		return nil
	}
	for _, tt := range []struct {
		what      string
		got, want any
	}{
		{"R163: name is editable after creation", rule(account, "name").Write, fieldmap.OnChange},
		{"R164: customer address", rule(account, "addresses.BILLING.city").Write, fieldmap.CreateOnly},
		{"R165, D2: customer phone", rule(account, "phone_numbers.WORK").Write, fieldmap.CreateOnly},
		{"R168, D2: freed contact phone", rule(contact, "phone_numbers.WORK").Write, fieldmap.OnChange},
		{"R169: contact address", rule(contact, "addresses.MAILING.city").Write, fieldmap.CreateOnly},
		{"R172: default address type", rule(customer, "addresses.BILLING.city").Remote.Name, "city"},
		{"R174: default phone type", rule(customer, "phone_numbers.WORK").Remote.Name, "phone"},
		{"R174: default contact address", rule(m.Route("qbench", "contact"), "addresses.MAILING.city").Remote.Name, "city"},
		{"B5: a pulled field is never written", rule(customer, "name").Write, fieldmap.Never},
		{"only puller owns", m.Object("account").Field("name").Owner, "qbench"},
		{"nobody owns what nobody pulls", m.Object("account").Field("health").Owner, ""},
		{"owned", rule(customer, "name").Owned, true},
		{"not owned", rule(account, "name").Owned, false},
		{"compare", rule(account, "phone_numbers.WORK").Compare, fieldmap.Phone},
		{"value map: text on their side", rule(customer, "industry").Remote.Type, record.Text},
		{"type", rule(customer, "join_date").Remote.Type, record.Date},
		{"D17: account_id is required", m.Object("account").Field("account_id").Required, true},
		{"D17: name is required", m.Object("account").Field("name").Required, true},
		{"key", m.Object("account").Field("account_id").Key, true},
		{"no key", m.Object("account").Field("name").Key, false},
		{"identity", m.Object("contact").ID.Name, "user_id"},
		{"reference", m.Object("contact").Field("account").RefTo, "account"},
		{"crm", m.CRM, "salesforce"},
		{"unknown object", m.Object("lead") == nil, true},
		{"line of the field", rule(customer, "account_id").Line, 5},
		{"line of the route", rule(customer, "name").Line, 3},
		{"rule index", rule(account, "industry").Index, 3},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s: %s", tt.what, diff)
		}
	}
	if diff := cmp.Diff([]string{"qbench"}, account.CreateFrom); diff != "" { // D14
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"email", "first_name", "last_name", "phone_numbers.WORK"}, names(contact.CreateNeeds)); diff != "" {
		t.Errorf("R149, D4: %s", diff)
	}
	if diff := cmp.Diff([]string{"name"}, names(account.CreateNeeds)); diff != "" {
		t.Errorf("R140: %s", diff)
	}
	for i, f := range m.Object("account").Fields {
		if f.Index != i || f.Object != "account" || m.Object("account").Field(f.Name) != f {
			t.Errorf("field %s is out of place", f.Name)
		}
	}
}

func names(fields []*fieldmap.HubField) []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return out
}

// TestCoreSchema proves R42, R43, R163–R165, R167–R169, R173 and D17: the core
// fields of accounts and contacts.
func TestCoreSchema(t *testing.T) {
	t.Parallel()
	m, _ := base().compile()
	want := map[string]string{
		"account": "account_id crm_account_id billing_account_id support_account_id name description industry website " +
			"number_of_employees owner parent join_date next_renewal_date " +
			"addresses.BILLING.street_1 addresses.BILLING.street_2 addresses.BILLING.city addresses.BILLING.state " +
			"addresses.BILLING.postal_code addresses.BILLING.country " +
			"addresses.SHIPPING.street_1 addresses.SHIPPING.street_2 addresses.SHIPPING.city addresses.SHIPPING.state " +
			"addresses.SHIPPING.postal_code addresses.SHIPPING.country phone_numbers.WORK health logins score",
		"contact": "user_id crm_account_user_id first_name last_name email title account " +
			"addresses.MAILING.street addresses.MAILING.city addresses.MAILING.state addresses.MAILING.postal_code " +
			"addresses.MAILING.country phone_numbers.WORK",
		"opportunity": "name amount currency status stage close_date start_date end_date account owner",
		"task":        "subject status due_date completed_date account contact owner",
		"user":        "name email is_active",
	}
	for object, fields := range want {
		if diff := cmp.Diff(fields, strings.Join(names(m.Object(object).Fields), " ")); diff != "" {
			t.Errorf("%s: %s", object, diff)
		}
	}
	for name, typ := range map[string]record.Type{ // R9: ids are text from end to end
		"account_id": record.ID, "crm_account_id": record.ID, "billing_account_id": record.ID, "support_account_id": record.ID,
	} {
		if got := m.Object("account").Field(name).Type; got != typ {
			t.Errorf("%s is of type %v", name, got)
		}
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	c := base()
	c.closeRoute(lead(
		fieldmap.FieldSpec{Remote: "display_name", Hub: "name"},
		fieldmap.FieldSpec{Remote: "renewal", Hub: "next_renewal_date"},
		fieldmap.FieldSpec{Remote: "h", Hub: "health"}, fieldmap.FieldSpec{Remote: "site", Hub: "website"},
		fieldmap.FieldSpec{Remote: "text", Hub: "description"},
	))
	c.pullField(fieldmap.FieldSpec{Remote: "site", Hub: "website"})
	c.pullField(fieldmap.FieldSpec{Remote: "text", Hub: "description"})
	c.pullField(fieldmap.FieldSpec{Remote: "h", Hub: "health"})
	s := c.account()
	s.Fields[0].Wins = "newer"
	s.Fields = append(s.Fields, fieldmap.HubFieldSpec{Name: "website", Wins: "close"}, fieldmap.HubFieldSpec{Name: "description", Wins: "hold"})
	c.set(s)
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	for name, want := range map[string][2]string{
		"name":              {"qbench", ""}, // the system of record, which pulls it
		"next_renewal_date": {"close", ""},  // its only puller
		"website":           {"close", ""},  // wins: close
		"health":            {"qbench", "newer"},
		"description":       {"qbench", "hold"},
	} {
		f := m.Object("account").Field(name)
		if got := [2]string{f.Owner, f.Policy}; got != want {
			t.Errorf("%s: owner and policy %q, want %q", name, got, want)
		}
	}
}

func TestReadFields(t *testing.T) {
	t.Parallel()
	c := base()
	c.customer().Match = append(c.customer().Match, fieldmap.MatchSpec{Remote: "alt_id", Hub: "support_account_id"})
	c.customer().Filter = `status == "active" && name != nil`
	c.sfAccount().Filter = `health == "green"`
	m, problems := c.compile()
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	pull, push := m.Route("qbench", "customer"), m.Route("salesforce", "Account")
	want := []record.Field{
		{Name: "id", Type: record.ID},
		{Name: "name", Type: record.Text},
		{Name: "created", Type: record.Date},
		{Name: "city", Type: record.Text},
		{Name: "phone", Type: record.Text},
		{Name: "kind", Type: record.Text},
		{Name: "alt_id", Type: record.ID},
		{Name: "status", Type: record.Text},
	}
	if diff := cmp.Diff(want, pull.ReadFields()); diff != "" {
		t.Error(diff)
	}
	if pull.ReadIndex("alt_id") != 6 || pull.ReadIndex("nothing") != -1 {
		t.Error("ReadIndex points elsewhere")
	}
	// A push filter looks at the hub, so nothing of it is read from the target.
	last := push.ReadFields()[len(push.ReadFields())-1]
	if last != (record.Field{Name: "Customer_Id__c", Type: record.ID}) || push.ReadIndex("health") != -1 {
		t.Errorf("a push reads %v", push.ReadFields())
	}
	// A route made by hand reads the same.
	byHand := fieldmap.Route{Direction: pull.Direction, Match: pull.Match, Filter: pull.Filter, Fields: pull.Fields}
	if diff := cmp.Diff(want, byHand.ReadFields()); diff != "" {
		t.Error(diff)
	}
}

// TestFingerprint: it is stable, and moves with everything that decides how a
// route reads or writes, and with nothing else.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	prints := func(c *config) (route, rule uint64) {
		m, problems := c.compile()
		if fieldmap.Failed(problems) {
			t.Fatal(problems)
		}
		r := m.Route("qbench", "customer")
		return r.Fingerprint, r.Fields[2].Fingerprint
	}
	route, rule := prints(base())
	for name, tt := range map[string]struct {
		change      func(c *config)
		route, rule bool // whether it moves
	}{
		"nothing":        {func(*config) {}, false, false},
		"line and file":  {func(c *config) { c.customer().Line, c.customer().File = 99, "x.yaml" }, false, false},
		"another route":  {func(c *config) { c.sfAccount().OnLink = "keep" }, false, false},
		"order of files": {func(c *config) { slices.Reverse(c.routes) }, false, false},
		"a new field":    {func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "web", Hub: "website"}) }, true, false},
		"remote path":    {func(c *config) { c.customer().Fields[2].Remote = "made" }, true, true},
		"compare form":   {func(c *config) { c.customer().Fields[2].Compare = "fold" }, true, true},
		"value map":      {func(c *config) { c.customer().Fields[2].Values = map[string][]string{"x": {"2020-01-01"}} }, true, true},
		"zone":           {func(c *config) { c.opt.Zone = time.FixedZone("Elsewhere", 3600) }, true, true},
		"other values":   {func(c *config) { c.customer().Fields[5].Values["L"] = []string{"Labs"} }, true, false},
		"on_unmapped":    {func(c *config) { c.customer().Fields[5].OnUnmapped = "skip_field" }, true, false},
		"filter":         {func(c *config) { c.customer().Filter = `name != nil` }, true, false},
		"match key":      {func(c *config) { c.customer().Match[0].Remote = "id2" }, true, false},
		"direction of who wins": {func(c *config) {
			c.field(fieldmap.HubFieldSpec{Name: "website", Wins: "hold"})
			c.pullField(fieldmap.FieldSpec{Remote: "web", Hub: "website"})
		}, true, false},
		"on_empty": {func(c *config) { c.customer().Fields[2].OnEmpty = "ignore" }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := base()
			tt.change(c)
			gotRoute, gotRule := prints(c)
			if (gotRoute != route) != tt.route {
				t.Errorf("route fingerprint moved: %v", gotRoute != route)
			}
			if (gotRule != rule) != tt.rule {
				t.Errorf("rule fingerprint moved: %v", gotRule != rule)
			}
		})
	}
}

// TestFingerprintIsStored: fingerprints are kept in the state, so they are the
// same in every build. A change here makes every daemon read everything again.
func TestFingerprintIsStored(t *testing.T) {
	t.Parallel()
	m, _ := base().compile()
	const want = 0xc9f5aca348825164
	if got := m.Route("qbench", "customer").Fields[0].Fingerprint; got != want {
		t.Errorf("fingerprint %#x, want %#x", got, uint64(want))
	}
}
