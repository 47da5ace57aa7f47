package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// played is a demo whose program is a shell script.
func played(t *testing.T, script string) (*demo, *bytes.Buffer) {
	t.Helper()
	s, err := newStage(options{seed: 1, accounts: 40, contactsEach: 2, api: apiOptions{dates: "mixed"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return &demo{stage: s, targets: s.targets(), out: &out, program: program{binary: path, env: os.Environ()}}, &out
}

// byName returns one of the demo's targets.
func (d *demo) byName(t *testing.T, system string) *target {
	t.Helper()
	for i := range d.targets {
		if d.targets[i].system == system {
			return &d.targets[i]
		}
	}
	t.Fatalf("no target %s", system)
	return nil
}

func TestWritesAreToldByName(t *testing.T) {
	d, _ := played(t, "")
	company, err := d.stage.hubspot.Insert("companies", map[string]string{"name": "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	contact, err := d.stage.salesforce.Insert("Contact", map[string]string{"FirstName": "Ann", "LastName": "Lee"})
	if err != nil {
		t.Fatal(err)
	}
	got := d.byName(t, "hubspot").lines([]sent{
		{"contacts", "404", map[string]string{"email": ""}},
		{"companies", company, map[string]string{"phone": "1", "city": "Köln"}},
	})
	want := []string{`companies Acme: city = "Köln"`, `companies Acme: phone = "1"`, `contacts 404: email = ""`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = d.byName(t, "salesforce").lines([]sent{{"Contact", contact, map[string]string{"Title": "CEO"}}})
	if diff := cmp.Diff([]string{`Contact Ann Lee: Title = "CEO"`}, got); diff != "" {
		t.Error(diff)
	}
}

// A demo that shows another count than it tells fails.
func TestJustEdits(t *testing.T) {
	d, _ := played(t, "")
	hs := d.byName(t, "hubspot")
	company := func(fields ...string) sent {
		w := sent{"companies", "1", map[string]string{}}
		for _, f := range fields {
			w.fields[f] = "x"
		}
		return w
	}
	person := sent{"contacts", "2", map[string]string{"firstname": "Alexandra"}}
	tests := map[string]struct {
		writes []sent
		want   string
	}{
		"just the edits":  {[]sent{company("description"), company("description"), person}, ""},
		"nothing":         {nil, "is off by"},
		"one is missing":  {[]sent{company("description"), person}, "companies.description is off by -1"},
		"a field more":    {[]sent{company("description"), company("description", "phone"), person}, "companies.phone is off by 1"},
		"an empty write":  {[]sent{company("description"), company("description"), person, company()}, "was sent 4"},
		"a record twice":  {[]sent{company("description"), company("description"), person, person}, "contacts.firstname is off by 1"},
		"another contact": {[]sent{company("description"), company("description"), {"Contact", "2", person.fields}}, "is off by"},
	}
	for name, tt := range tests {
		err := hs.justEdits(tt.writes)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// The script answers "get" with a record that is linked in both targets.
func answering(t *testing.T, d *demo, links map[string]string) {
	t.Helper()
	type link struct {
		System string `json:"system"`
		Remote string `json:"remote_id"`
	}
	var r struct {
		Fields []map[string]string `json:"fields"`
		Links  []link              `json:"links"`
	}
	r.Fields = []map[string]string{{"name": "industry", "value": "n/a"}}
	for system, id := range links {
		r.Links = append(r.Links, link{system, id})
	}
	raw, err := json.Marshal([]any{r})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "answer.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.binary, []byte("#!/bin/sh\ncat "+path+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestPointsOutAnIndustryWithoutMatch(t *testing.T) {
	d, out := played(t, "")
	id, err := d.stage.hubspot.Insert("companies", map[string]string{"name": "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	answering(t, d, map[string]string{"hubspot": id})
	holds := []hold{
		{System: "salesforce", Reason: "unmapped_value", Field: "industry", Hub: "1", Label: "another system"},
		{System: "hubspot", Reason: "unmapped_value", Field: "state", Hub: "2", Label: "another field"},
		{System: "hubspot", Reason: "unmapped_value", Field: "industry", Hub: "3", Label: "1000 Acme"},
	}
	if err := d.unmapped(t.Context(), holds); err != nil || !strings.Contains(out.String(), `Look at 1000 Acme: its industry is "n/a"`) {
		t.Errorf("%v, %s", err, out)
	}
	if err := d.unmapped(t.Context(), holds[:2]); err == nil {
		t.Error("no customer waits, and the demo goes on")
	}
	if err := d.stage.hubspot.SetField("companies", id, "industry", "RESEARCH"); err != nil {
		t.Fatal(err)
	}
	if err := d.unmapped(t.Context(), holds); err == nil {
		t.Error("the industry went out, and the demo goes on")
	}
}

func TestPointsOutAContactThatOneTargetHolds(t *testing.T) {
	d, out := played(t, "")
	id, err := d.stage.hubspot.Insert("contacts", map[string]string{"email": "ann@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	answering(t, d, map[string]string{"hubspot": id})
	holds := []hold{
		{System: "hubspot", Object: "contacts", Reason: "rejected_by_vendor", Hub: "1", Label: "held there"},
		{System: "salesforce", Object: "Account", Reason: "ambiguous_match", Hub: "2", Label: "a customer"},
		{System: "salesforce", Object: "Contact", Reason: "waiting_for_parent", Hub: "3", Label: "5000 ann@acme.example"},
	}
	if err := d.halfway(t.Context(), holds); err != nil || !strings.Contains(out.String(), "Look at 5000 ann@acme.example: HubSpot has this contact") {
		t.Errorf("%v, %s", err, out)
	}
	answering(t, d, map[string]string{"qbench": "5000"})
	if err := d.halfway(t.Context(), holds); err == nil {
		t.Error("the contact is in no target, and the demo goes on")
	}
}

// Nothing that is in no target may be missing from the list of what is held.
func TestAllAccountedFor(t *testing.T) {
	d, _ := played(t, "")
	var holds []hold
	for _, target := range d.targets {
		for _, id := range d.stage.qbench.CustomerIDs() {
			holds = append(holds, hold{System: target.system, Object: target.account, Label: labeled(id)})
		}
	}
	for _, id := range d.stage.qbench.ContactIDs() {
		holds = append(holds, hold{System: "qbench", Object: "contact", Remote: strings.Fields(labeled(id))[0]})
	}
	if err := d.allAccountedFor(holds); err != nil {
		t.Errorf("all are held: %v", err)
	}
	if err := d.allAccountedFor(holds[1:]); err == nil {
		t.Error("a customer is lost, and the demo goes on")
	}
	holds[0].Field = "industry"
	if err := d.allAccountedFor(holds); err == nil {
		t.Error("only a field is held, and the demo goes on")
	}
}

func labeled(id int64) string {
	raw, _ := json.Marshal(id)
	return string(raw) + " Somebody"
}

func TestAProgramThatFails(t *testing.T) {
	d, out := played(t, "echo said; echo logged >&2; exit 4")
	_, err := d.show(t.Context(), "run", "--once")
	if err == nil || !strings.Contains(err.Error(), "crmsyncd run --once") || !strings.Contains(err.Error(), "logged") {
		t.Errorf("%v", err)
	}
	if got, want := out.String(), "$ crmsyncd run --once\nsaid\n"; got != want {
		t.Errorf("shown: %q, want %q", got, want)
	}
	d, _ = played(t, "exit 3")
	if _, err := d.call(t.Context(), "run"); err != nil {
		t.Errorf("held records are a failure: %v", err)
	}
}

// Ctrl-C ends the demo at once, even if the program takes its time.
func TestDemoStopsQuickly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ntouch \"$0.ready\"\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for range 1000 {
			if _, err := os.Stat(path + ".ready"); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	var out bytes.Buffer
	started := time.Now()
	err := runDemo(ctx, &out, demoOptions{binary: path, config: "../../configs"})
	if err == nil || !strings.Contains(err.Error(), "stopped before the end") {
		t.Errorf("%v\n%s", err, &out)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestWarningsAreShownOnce(t *testing.T) {
	got := withoutWarnings("Will make it.\nwarning: routes/a.yaml:1: x\nwarning: routes/a.yaml:2: y\nqbench: ok\nwarning: another\n")
	if want := "Will make it.\n   … the same 2 warnings\nqbench: ok\nwarning: another\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestShorten(t *testing.T) {
	const text = "1\n2\n3\n4\n"
	for _, tt := range []struct {
		first, last int
		want        string
	}{
		{0, 0, text},
		{0, 1, text},
		{2, 0, "1\n2\n   … 2 lines more\n"},
		{1, 1, "1\n   … 2 lines more\n4\n"},
		{3, 1, text},
		{9, 9, text},
	} {
		if got := shorten(text, tt.first, tt.last); got != tt.want {
			t.Errorf("the first %d and the last %d: %q, want %q", tt.first, tt.last, got, tt.want)
		}
	}
}
