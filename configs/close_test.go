package configs_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// compiled wants files without an error.
func compiled(t *testing.T, files fstest.MapFS) *fieldmap.Mapping {
	t.Helper()
	m, problems := load(t, files).Compile()
	for _, p := range problems {
		if !p.Warning {
			t.Error(show(p))
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return m
}

// change replaces text that must stand in the file once.
func change(t *testing.T, files fstest.MapFS, name, old, fresh string) {
	t.Helper()
	text := string(files[name].Data)
	if strings.Count(text, old) != 1 {
		t.Fatalf("%s holds %q %d times", name, old, strings.Count(text, old))
	}
	files[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, fresh, 1))}
}

// takeIntoUse removes the "# " of the comment line that holds text, and of the
// comment lines after it as far as they are written like it.
func takeIntoUse(t *testing.T, files fstest.MapFS, name, text string) {
	t.Helper()
	lines := strings.SplitAfter(string(files[name].Data), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "# "+text) })
	if at < 0 {
		t.Fatalf("%s shows no comment %q", name, text)
	}
	head, _, _ := strings.Cut(lines[at], "# ")
	for i := at; i < len(lines); i++ {
		rest, ok := strings.CutPrefix(lines[i], head+"# ")
		if !ok || i > at && !strings.HasPrefix(rest, "  ") {
			break
		}
		lines[i] = head + rest
	}
	files[name] = &fstest.MapFile{Data: []byte(strings.Join(lines, ""))}
}

// TestShippedCloseRoutes proves what an admin gets: each of Close's objects has
// a route of its own (R68); leads are accounts (R69) whose Renewal Date becomes
// the next renewal date (R70), contacts are contacts (R88) with their core
// fields (R91); the parent is told by an external id (R83).
func TestShippedCloseRoutes(t *testing.T) {
	t.Parallel()
	m := compiled(t, shipped(t))
	for object, want := range map[string]struct {
		hub, match string
		fields     map[string]string
	}{
		"user": {"user", "", map[string]string{"email": "email", "name": "name", "is_active": "is_active"}}, // R111: without a filter
		"lead": {"account", "custom.AccountExternalID=account_id", map[string]string{
			"account_id": "custom.AccountExternalID", "name": "display_name", "next_renewal_date": "custom.Renewal Date",
			"parent": "custom.ParentExternalID",
		}},
		"contact": {"contact", "custom.ContactExternalID=email email=email", map[string]string{
			"first_name": "first_name", "last_name": "last_name", "email": "email",
			"title": "title", "account": "lead_id", "phone_numbers.WORK": "phone",
		}},
		"opportunity": {"opportunity", "", map[string]string{
			"name": "lead_name", "amount": "value", "currency": "value_currency", "status": "status_type", "stage": "status_label",
			"close_date": "date_won", "start_date": "custom.Start Date", "end_date": "custom.End Date", "account": "lead_id", "owner": "user_id",
		}},
		"task": {"task", "", map[string]string{
			"subject": "text", "status": "is_complete", "due_date": "date", "account": "lead_id", "contact": "contact_id", "owner": "assigned_to",
		}},
	} {
		r := m.Route("close", object)
		if r == nil || r.Hub.Name != want.hub || r.Direction != fieldmap.Pull {
			t.Fatalf("%s is no pull onto %s", object, want.hub)
		}
		got, keys := map[string]string{}, []string{}
		for _, rule := range r.Fields {
			got[rule.Hub.Name] = rule.Remote.Name
			if rule.Editable || rule.Write != fieldmap.Never {
				t.Errorf("%s: %s may be written back", object, rule.Remote.Name)
			}
			if byKey := rule.RefKey != nil; byKey != (rule.Hub.Name == "parent") {
				t.Errorf("%s: %s refers by a key: %v", object, rule.Remote.Name, byKey)
			}
		}
		for _, key := range r.Match {
			keys = append(keys, key.Remote+"="+key.Hub.Name)
		}
		if diff := cmp.Diff(want.fields, got); diff != "" {
			t.Errorf("%s: %s", object, diff)
		}
		if strings.Join(keys, " ") != want.match {
			t.Errorf("%s is matched by %q", object, keys)
		}
		if (r.Filter != nil) != (object == "lead") {
			t.Errorf("%s: filter %q", object, r.Filter.Source())
		}
	}
	for field, want := range map[string]string{"name": "qbench", "account_id": "qbench", "next_renewal_date": "close", "parent": "close"} {
		if got := m.Object("account").Field(field).Owner; got != want {
			t.Errorf("%s is owned by %q, want %q", field, got, want)
		}
	}
}

// TestR62_ExternalIDForms: an AccountExternalID may be a number or a text, and
// stays the text it is; a lead without one stays out.
func TestR62_ExternalIDForms(t *testing.T) {
	t.Parallel()
	r := compiled(t, shipped(t)).Route("close", "lead")
	rule := r.Fields[r.ReadIndex("custom.AccountExternalID")]
	for raw, want := range map[string]string{`1007`: "1007", `"1007"`: "1007", `"0042"`: "0042", `"ACME-7b"`: "ACME-7b", `null`: "", `" "`: ""} {
		v, err := rule.Read([]byte(raw))
		if err != nil || v != record.Of(want) {
			t.Errorf("%s is read as %q, %v", raw, v.Text(), err)
		}
		in, err := r.Filter.Match(func(string) record.Value { return v }, fieldmap.Scope{})
		if err != nil || in != (want != "") {
			t.Errorf("%s: in scope %v, %v", raw, in, err)
		}
	}
	if _, err := rule.Read([]byte(`1007.0`)); err == nil {
		t.Error("R11: an id in decimal form was repaired in silence")
	}
}

// TestShippedStatusWords: what Close calls the states of opportunities and tasks
// (D10), and what happens to a word that it does not have today.
func TestShippedStatusWords(t *testing.T) {
	t.Parallel()
	m := compiled(t, shipped(t))
	for _, tt := range []struct{ object, remote, raw, want string }{
		{"opportunity", "status_type", `"active"`, "open"},
		{"opportunity", "status_type", `"won"`, "won"},
		{"opportunity", "status_type", `"lost"`, "lost"},
		{"task", "is_complete", "true", "closed"},
		{"task", "is_complete", "false", "open"},
		{"user", "is_active", "false", "false"},
	} {
		r := m.Route("close", tt.object)
		rule := r.Fields[r.ReadIndex(tt.remote)]
		theirs, err := rule.Read([]byte(tt.raw))
		got, ok := rule.ToHub(theirs)
		if err != nil || !ok || got.Text() != tt.want {
			t.Errorf("%s %s: %q, %v, %v; want %q", tt.remote, tt.raw, got.Text(), ok, err, tt.want)
		}
	}
	r := m.Route("close", "opportunity")
	if _, ok := r.Fields[r.ReadIndex("status_type")].ToHub(record.Of("archived")); ok {
		t.Error("a state that nobody mapped was taken")
	}
}

// TestCloseIsEasyToLeaveOut does what the comments say: without Close's file,
// its block, its schedule and what hub.yaml says of it, all the rest works.
func TestCloseIsEasyToLeaveOut(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	delete(files, "routes/close.yaml")
	main := string(files["crmsyncd.yaml"].Data)
	from, to := strings.Index(main, "  close:\n"), strings.Index(main, "# When. A cron line")
	main = main[:from] + main[to:]
	files["crmsyncd.yaml"] = &fstest.MapFile{Data: []byte(main)}
	change(t, files, "crmsyncd.yaml", "  close:      {routine: \"*/15 * * * *\", full: \"0 3 * * SAT\"}\n", "")
	hub, _, found := strings.Cut(string(files["hub.yaml"].Data), "# What only Close has.")
	if !found {
		t.Fatal("hub.yaml does not keep Close's objects together")
	}
	files["hub.yaml"] = &fstest.MapFile{Data: []byte(hub)}
	change(t, files, "hub.yaml", "    - {name: next_renewal_date, wins: close}\n", "")
	m := compiled(t, files)
	if len(m.Routes) != 6 {
		t.Errorf("%d routes, want 6", len(m.Routes))
	}
	for name, f := range files {
		for line := range strings.Lines(string(f.Data)) {
			if strings.Contains(line, "close") && !strings.Contains(line, "#") && strings.HasSuffix(name, ".yaml") {
				t.Errorf("%s still speaks of Close: %s", name, line)
			}
		}
	}
}

// C10.4: a route file that is gone, or that does not fit the pattern, is told and
// does not silence its system.
func TestC10_4_LostRoutes(t *testing.T) {
	t.Parallel()
	move := func(to string) func(fstest.MapFS) {
		return func(files fstest.MapFS) {
			if to != "" {
				files[to] = files["routes/salesforce.yaml"]
			}
			delete(files, "routes/salesforce.yaml")
		}
	}
	const scheduled = "schedules.salesforce: has a schedule, and no route says what to do"
	for name, c := range map[string]struct {
		spoil func(fstest.MapFS)
		want  []string
	}{
		"removed": {move(""), []string{scheduled}},
		"other ending": {move("routes/salesforce.yml"), []string{
			"routes: routes/salesforce.yml is not read, for it does not fit routes/*.yaml",
		}},
		"capitals": {move("routes/salesforce.YAML"), []string{
			"routes: routes/salesforce.YAML is not read, for it does not fit routes/*.yaml",
		}},
		"no yaml at all": {move("routes/salesforce.yaml.bak"), []string{scheduled}},
		"a copy beside":  {func(files fstest.MapFS) { files["routes/salesforce.yaml.bak"] = files["routes/salesforce.yaml"] }, nil},
		"neither route nor schedule": {func(files fstest.MapFS) {
			move("")(files)
			change(t, files, "crmsyncd.yaml", "  salesforce: {routine: \"@hourly\", full: \"0 5 * * SAT\"}\n", "")
		}, []string{"systems.salesforce: no route names it, so nothing is done with it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := shipped(t)
			c.spoil(files)
			cfg, problems := configs.LoadFS(files, options())
			var got []string
			warnings := true
			for _, p := range problems {
				got = append(got, p.Path+": "+p.Message)
				warnings = warnings && p.Warning
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if (cfg != nil) != warnings {
				t.Errorf("taken: %t, only warnings: %t", cfg != nil, warnings)
			}
		})
	}
}

// TestReadyRoutes takes the commented lines of the targets into use: the renewal
// date, and opportunities, which only Close's may be created from (D14).
func TestReadyRoutes(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	takeIntoUse(t, files, "routes/salesforce.yaml", "- {remote: Next_Renewal_Date__c, hub: next_renewal_date}")
	takeIntoUse(t, files, "routes/salesforce.yaml", "- object: Opportunity")
	takeIntoUse(t, files, "routes/hubspot.yaml", "- {remote: next_renewal_date, hub: next_renewal_date}")
	takeIntoUse(t, files, "routes/hubspot.yaml", "- object: deals")
	m := compiled(t, files)
	if len(m.Routes) != 13 {
		t.Errorf("%d routes, want 13", len(m.Routes))
	}
	for _, tt := range []struct{ system, account, renewal, object, external, stage, won string }{
		{"salesforce", "Account", "Next_Renewal_Date__c", "Opportunity", "Close_Id__c", "StageName", "Closed Won"},
		{"hubspot", "companies", "next_renewal_date", "deals", "close_id", "dealstage", "closedwon"},
	} {
		if m.Route(tt.system, tt.account).ReadIndex(tt.renewal) < 0 {
			t.Errorf("%s carries no %s", tt.system, tt.renewal)
		}
		r := m.Route(tt.system, tt.object)
		if r == nil || r.Hub.Name != "opportunity" || r.ExternalID != tt.external || !slices.Equal(r.CreateFrom, []string{"close"}) {
			t.Fatalf("%s: %+v", tt.system, r)
		}
		if got, ok := r.Fields[r.ReadIndex(tt.stage)].ToRemote(record.Of("won")); !ok || got.Text() != tt.won {
			t.Errorf("%s: won is %q", tt.system, got.Text())
		}
	}
}

// TestComputedExample takes the commented rule of hub.yaml into use and works it
// out (R72).
func TestComputedExample(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	change(t, files, "hub.yaml", "    - {name: next_renewal_date, wins: close}\n", "")
	change(t, files, "routes/close.yaml", "      - {remote: custom.Renewal Date, hub: next_renewal_date}\n", "")
	takeIntoUse(t, files, "hub.yaml", "- {name: next_renewal_date, computed:")
	f := compiled(t, files).Object("account").Field("next_renewal_date")
	if f.Computed == nil {
		t.Fatal("it is not computed")
	}
	term := func(start, end string) fieldmap.Child {
		return func(name string) record.Value {
			return record.Of(map[string]string{"start_date": start, "end_date": end}[name])
		}
	}
	got, keep, err := f.Computed.Eval([]fieldmap.Child{
		term("2026-01-01", "2026-12-31"), term("2026-06-01", "2027-05-31"), term("2027-01-01", "2028-01-01"),
	}, "2026-11-22")
	if err != nil || keep || got.Text() != "2027-05-31" {
		t.Errorf("%q, %v, %v", got.Text(), keep, err)
	}
}

// TestOtherComments: the further lines that the Close file shows are sound too.
func TestOtherComments(t *testing.T) {
	t.Parallel()
	const name = "routes/close.yaml"
	files := shipped(t)
	change(t, files, name, "    filter: custom.AccountExternalID != nil\n", "")
	for _, line := range []string{
		"filter: is_active", `filter: custom.AccountExternalID != nil and (`, "- {remote: description, hub: description}",
		"- {remote: url, hub: website}", "- {remote: custom.Account Owner, hub: owner}", "- {remote: custom.Health, hub: health",
	} {
		takeIntoUse(t, files, name, line)
	}
	change(t, files, "hub.yaml", "    - {name: name, required: true}\n",
		"    - {name: name, required: true}\n    - {name: health, type: picklist, values: [green, amber, red]}\n")
	m := compiled(t, files)
	if m.Route("close", "user").Filter == nil || len(m.Route("close", "lead").Fields) != 8 {
		t.Error("not all lines were taken into use")
	}
}

// TestCloseSystem: how Close is opened, and what holds where nothing is said (B8).
func TestCloseSystem(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	want := configs.Schedule{Routine: "*/15 * * * *", Full: "0 3 * * SAT", Push: configs.PushAfterPull}
	check := func(files fstest.MapFS, url, flow string) {
		t.Helper()
		cfg := load(t, files)
		s := cfg.Systems["close"]
		if s.Provider != "closeio" || s.BaseURL != url || s.Auth.Flow != flow || !s.Writes || s.Timezone.String() != "UTC" {
			t.Errorf("%+v", s)
		}
		if s.Auth.APIKey.IsSet() != (flow == "api_key") || s.Auth.RefreshToken.IsSet() != (flow == "refresh_token") {
			t.Errorf("%s: %+v", flow, s.Auth)
		}
		if diff := cmp.Diff(want, cfg.Schedules["close"]); diff != "" {
			t.Error(diff)
		}
	}
	const url = "https://api.close.com"
	check(files, url, "api_key")
	change(t, files, "crmsyncd.yaml", "    base_url: {env: CRMSYNCD_CLOSE_URL, default: \"https://api.close.com\"}\n", "")
	change(t, files, "crmsyncd.yaml", "  close:      {routine: \"*/15 * * * *\", full: \"0 3 * * SAT\"}\n", "")
	check(files, url, "api_key")
	files = shipped(t)
	change(t, files, "crmsyncd.yaml", "api_key: {credential: close}",
		"{client_id: c, secret: {credential: close-secret}, refresh_token: {credential: close-refresh-token}}")
	check(files, url, "refresh_token")
	opt := options()
	lookup := opt.LookupEnv
	opt.LookupEnv = func(name string) (string, bool) {
		if name == "CRMSYNCD_CLOSE_URL" {
			return "http://127.0.0.1:9999/", true
		}
		return lookup(name)
	}
	cfg, problems := configs.LoadFS(shipped(t), opt)
	if cfg == nil || cfg.Systems["close"].BaseURL != "http://127.0.0.1:9999" {
		t.Errorf("the environment is not asked: %v", problems)
	}
}

// R114: who reports to whom is no field of the hub's users, so nothing can be
// mapped onto it; it is set by hand.
func TestR114_NoReportingLines(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	change(t, files, "routes/close.yaml", "      - {remote: is_active, hub: is_active}\n",
		"      - {remote: is_active, hub: is_active}\n      - {remote: manager_id, hub: manager}\n")
	_, problems := load(t, files).Compile()
	if !slices.ContainsFunc(problems, func(p fieldmap.Problem) bool {
		return !p.Warning && p.File == "routes/close.yaml" && strings.Contains(p.Message, "manager")
	}) {
		t.Errorf("reporting lines are taken: %v", problems)
	}
}
