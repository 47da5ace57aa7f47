package configs_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
)

// load wants a configuration without a problem.
func load(t *testing.T, files fstest.MapFS) *configs.Config {
	t.Helper()
	cfg, problems := configs.LoadFS(files, options())
	for _, p := range problems {
		t.Error(show(p))
	}
	if cfg == nil {
		t.FailNow()
	}
	return cfg
}

// TestShippedFilesCompile proves that what is shipped is a working configuration (B2, R175).
func TestShippedFilesCompile(t *testing.T) {
	t.Parallel()
	cfg := load(t, shipped(t))
	m, problems := cfg.Compile()
	for _, p := range problems {
		if !p.Warning {
			t.Error(p.Error())
		}
	}
	if len(m.Routes) != 11 {
		t.Errorf("%d routes, want 11", len(m.Routes))
	}
}

// fieldsOf returns hub field by remote field of one route.
func fieldsOf(t *testing.T, cfg *configs.Config, system, object string) (fieldmap.ObjectSpec, map[string]string) {
	t.Helper()
	for _, r := range cfg.Routes {
		for _, o := range r.Objects {
			if r.System == system && o.Object == object {
				out := map[string]string{}
				for _, f := range o.Fields {
					out[f.Hub] = f.Remote
				}
				return o, out
			}
		}
	}
	t.Fatalf("no route %s/%s", system, object)
	return fieldmap.ObjectSpec{}, nil
}

// TestShippedFilesCarryEveryField walks the table of fields: R163 and R164 and
// R165 for accounts, R167 to R169 for contacts, R134 and R135 for the objects,
// R41 for their being two, R174 and R172 for the default types.
func TestShippedFilesCarryEveryField(t *testing.T) {
	t.Parallel()
	account := []string{
		"name", "description", "industry", "website", "number_of_employees", // R163
		"addresses.BILLING.street_1", "addresses.BILLING.street_2", "addresses.BILLING.city", // R164, R172
		"addresses.BILLING.state", "addresses.BILLING.postal_code", "addresses.BILLING.country",
		"phone_numbers.WORK", // R165
	}
	contact := []string{
		"email", "first_name", "last_name", "account", // R167
		"phone_numbers.WORK",                                                            // R168, R174
		"addresses.MAILING.street", "addresses.MAILING.city", "addresses.MAILING.state", // R169, R174
		"addresses.MAILING.postal_code", "addresses.MAILING.country",
	}
	cfg := load(t, shipped(t))
	for _, want := range []struct {
		system, object, hub, direction string
		fields                         []string
	}{
		{"qbench", "customer", "account", "pull", append([]string{"account_id", "join_date"}, account...)}, // R134
		{"qbench", "contact", "contact", "pull", contact},                                                  // R135
		{"salesforce", "Account", "account", "push", account},
		{"salesforce", "Contact", "contact", "push", contact},
	} {
		o, got := fieldsOf(t, cfg, want.system, want.object)
		if o.Hub != want.hub || o.Direction != want.direction {
			t.Errorf("%s/%s is a %s of %s", want.system, want.object, o.Direction, o.Hub)
		}
		for _, f := range want.fields {
			if got[f] == "" {
				t.Errorf("%s/%s carries no %s", want.system, want.object, f)
			}
		}
	}
}

// TestShippedRoutesGoOneWay proves that what is shipped reads QBench and Close,
// writes Salesforce and HubSpot and nothing else (R136, R144), and that a pull
// from a push-only system is refused (D16).
func TestShippedRoutesGoOneWay(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	cfg := load(t, files)
	for _, r := range cfg.Routes {
		for _, o := range r.Objects {
			if (r.System == "qbench" || r.System == "close") != (o.Direction == "pull") {
				t.Errorf("%s/%s: %s", r.System, o.Object, o.Direction)
			}
			for _, f := range o.Fields {
				if f.Editable {
					t.Errorf("%s/%s: %s is editable", r.System, o.Object, f.Remote)
				}
			}
		}
	}
	text := string(files["routes/salesforce.yaml"].Data)
	files["routes/salesforce.yaml"].Data = []byte(strings.ReplaceAll(text, "direction: push", "direction: pull"))
	_, problems := load(t, files).Compile()
	for _, object := range []string{"objects[0]", "objects[1]"} {
		if !slices.ContainsFunc(problems, func(p fieldmap.Problem) bool {
			return !p.Warning && strings.HasPrefix(p.Path, object) && strings.Contains(p.Message, "push_only")
		}) {
			t.Errorf("%s: a pull from a push-only system was taken: %v", object, problems)
		}
	}
}

// TestD2_PhoneIsFreedByOneLine takes the commented line of the shipped contact
// mapping into use (D2, R168).
func TestD2_PhoneIsFreedByOneLine(t *testing.T) {
	t.Parallel()
	modes := func(files fstest.MapFS) (phone, city fieldmap.WriteMode) {
		m, problems := load(t, files).Compile()
		if fieldmap.Failed(problems) {
			t.Fatal(problems)
		}
		for _, r := range m.RoutesOf("salesforce") {
			for _, f := range r.Fields {
				switch {
				case r.Object == "Contact" && f.Remote.Name == "Phone":
					phone = f.Write
				case r.Object == "Contact" && f.Remote.Name == "MailingCity":
					city = f.Write
				}
			}
		}
		return phone, city
	}
	files := shipped(t)
	if phone, city := modes(files); phone != fieldmap.CreateOnly || city != fieldmap.CreateOnly {
		t.Errorf("shipped: phone %v, city %v, want both create-only", phone, city)
	}
	const plain, freed = "      - {remote: Phone, hub: phone_numbers.WORK}\n", "      # - {remote: Phone, hub: phone_numbers.WORK, write: on_change}\n"
	text := string(files["routes/salesforce.yaml"].Data)
	at := strings.LastIndex(text, plain)
	if at < 0 || !strings.Contains(text, freed) {
		t.Fatal("the shipped file does not show the line")
	}
	text = text[:at] + strings.Replace(text[at+len(plain):], freed, strings.Replace(freed, "# ", "", 1), 1)
	files["routes/salesforce.yaml"].Data = []byte(text)
	if phone, city := modes(files); phone != fieldmap.OnChange || city != fieldmap.CreateOnly {
		t.Errorf("freed: phone %v, city %v, want on_change and create-only", phone, city)
	}
}

// minimal is the least that can be configured: no schedule, no guard.
const minimal = `
systems:
  qbench:
    provider: qbench
    base_url: http://127.0.0.1:8080/
    auth: {client_id: a, secret: {env: SECRET}}
  crm: &crm
    provider: salesforce
    base_url: https://org.example
    auth: {client_id: b, refresh_token: {file: /run/token}}
  salesforce: *crm
`

const crmRoutes = `
system: crm
objects:
  - {object: User, hub: user, direction: pull, fields: [{remote: Email, hub: email}]}
`

// TestB8_DefaultSchedules proves the hours of B8 and R137 for systems without an entry.
func TestB8_DefaultSchedules(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	files["crmsyncd.yaml"].Data = []byte(minimal)
	files["routes/crm.yaml"] = &fstest.MapFile{Data: []byte(crmRoutes)}
	want := map[string]configs.Schedule{
		"qbench":     {Routine: "@hourly", Full: "0 3 * * SAT", Push: configs.PushAfterPull},      // pulled, a complete listing each time
		"salesforce": {Routine: "@hourly", Full: "0 3 * * SAT", Push: configs.PushAfterPull},      // pushed
		"crm":        {Routine: "*/15 * * * *", Full: "0 3 * * SAT", Push: configs.PushAfterPull}, // pulled
	}
	if diff := cmp.Diff(want, load(t, files).Schedules); diff != "" {
		t.Errorf("schedules (-want +got):\n%s", diff)
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	files["crmsyncd.yaml"].Data = []byte(minimal)
	files["routes/crm.yaml"] = &fstest.MapFile{Data: []byte(crmRoutes)}
	cfg := load(t, files)
	want := configs.Guards{MaxRemovals: configs.Limit{Percent: 10, Floor: 25}, MaxOverwrites: configs.Limit{Percent: 50, Floor: 25}}
	if cfg.Guards != want {
		t.Errorf("guards %+v, want %+v", cfg.Guards, want)
	}
	if want := (configs.Journal{Keep: 400 * 24 * time.Hour, Max: 2 << 30}); cfg.Journal != want {
		t.Errorf("journal %+v, want %+v", cfg.Journal, want)
	}
	if cfg.State == "" || cfg.Timezone.String() != "UTC" || cfg.Admin.Listen != "127.0.0.1:9464" || cfg.Admin.Socket == "" {
		t.Errorf("state %q, zone %v, admin %+v", cfg.State, cfg.Timezone, cfg.Admin)
	}
	q := cfg.Systems["qbench"]
	if q.BaseURL != "http://127.0.0.1:8080" || q.API != "v1" || q.PageSize != 50 || q.PerMinute != 240 || q.UpdatedField != "last_updated" || !q.Writes || q.Auth.Flow != "jwt" {
		t.Errorf("qbench %+v", q)
	}
	if s := cfg.Systems["salesforce"]; s.Auth.Flow != "refresh_token" {
		t.Errorf("salesforce flow %q", s.Auth.Flow)
	}
}

// TestSettings proves what an admin can say beyond the defaults: a share of the
// quota for other tools, a zone per system, a dry system, per-object
// schedules and `off`.
func TestSettings(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	files["crmsyncd.yaml"].Data = []byte(`
timezone: Europe/Berlin
systems:
  qbench:
    provider: qbench
    base_url: https://lab.example
    updated_field: ""
    timezone: America/Chicago
    auth: {client_id: {env: CRMSYNCD_QBENCH_CLIENT_ID}, secret: {credential: qbench}}
  salesforce:
    provider: salesforce
    base_url: https://org.example
    writes: off
    user: ours
    budget: {reserve: 20%}
    auth: {flow: jwt, client_id: b, username: u@org.example, private_key: {file: /key.pem}, audience: https://test.salesforce.com}
schedules:
  qbench: {full: off}
  salesforce: {push: scheduled}
  qbench/contact: {routine: "@daily"}
guards: {max_removals: {percent: 5}}
journal: {keep: 2y, max: 500MB}
`)
	cfg := load(t, files)
	q, s := cfg.Systems["qbench"], cfg.Systems["salesforce"]
	got := []any{
		q.Timezone.String(), s.Timezone.String(), q.UpdatedField, q.Auth.ClientID, q.Auth.Flow, s.Writes, s.Reserve, q.UserOurs, s.UserOurs,
		s.Auth.Username, s.Auth.Audience, cfg.Schedules["qbench"], cfg.Schedules["qbench/contact"],
		cfg.Schedules["salesforce"].Push, cfg.Guards.MaxRemovals, cfg.Journal,
	}
	want := []any{
		"America/Chicago", "Europe/Berlin", "",
		"q", "jwt", false, 20, false, true,
		"u@org.example", "https://test.salesforce.com",
		configs.Schedule{Routine: "@hourly", Push: configs.PushAfterPull},
		configs.Schedule{Routine: "@daily"},
		configs.PushScheduled,
		configs.Limit{Percent: 5, Floor: 25},
		configs.Journal{Keep: 730 * 24 * time.Hour, Max: 500e6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestEveryFileIsReadDespiteAMistake proves that problems of all files come at once.
// TestFileForAFolder: a file where the folder of the files is wanted is told as that.
func TestFileForAFolder(t *testing.T) {
	t.Parallel()
	cfg, problems := configs.Load("load.go", configs.Options{})
	if cfg != nil || len(problems) != 1 || problems[0].Error() != "load.go: it is no folder (name the one that holds crmsyncd.yaml)" {
		t.Errorf("got %v", problems)
	}
}

func TestEveryFileIsReadDespiteAMistake(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	for name, bad := range map[string]string{
		"crmsyncd.yaml": "stat: x\n", "hub.yaml": "\nacount: {}\n", "routes/qbench.yaml": "system: qbench\nobject: []\n",
	} {
		files[name].Data = []byte(bad)
	}
	_, problems := configs.LoadFS(files, options())
	var got []string
	for _, p := range problems {
		got = append(got, p.File)
	}
	if want := []string{"crmsyncd.yaml", "hub.yaml", "routes/qbench.yaml"}; !slices.Equal(got, want) {
		t.Errorf("problems in %v, want %v", got, want)
	}
}

func TestFingerprintFollowsTheText(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	a, b := load(t, files), load(t, files)
	if a.Fingerprint != b.Fingerprint || !strings.Contains(string(a.Text), "# ---- routes/qbench.yaml ----") {
		t.Error("the same files gave another fingerprint, or the text lacks a heading")
	}
	files["routes/qbench.yaml"].Data = append(files["routes/qbench.yaml"].Data, "# a note\n"...)
	if load(t, files).Fingerprint == a.Fingerprint {
		t.Error("an edit left the fingerprint as it was")
	}
}

func TestLinesOfObjectsAndFields(t *testing.T) {
	t.Parallel()
	cfg := load(t, shipped(t))
	o, _ := fieldsOf(t, cfg, "salesforce", "Contact")
	lines := strings.Split(string(shipped(t)["routes/salesforce.yaml"].Data), "\n")
	if o.File != "routes/salesforce.yaml" || !strings.Contains(lines[o.Line-1], "object: Contact") {
		t.Errorf("object at %s:%d", o.File, o.Line)
	}
	for _, f := range o.Fields {
		if !strings.Contains(lines[f.Line-1], "remote: "+f.Remote+",") {
			t.Errorf("field %s at line %d: %s", f.Remote, f.Line, lines[f.Line-1])
		}
	}
	if line := cfg.Line("routes/salesforce.yaml", "objects[1].fields[0].nosuch"); line != o.Fields[0].Line {
		t.Errorf("a path without a line of its own is at %d, want %d", line, o.Fields[0].Line)
	}
}
