package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"crmsyncd/configs"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/sync/engine"
)

// R2: the README's table of systems says what the providers can do.
func TestReadmeTableOfSystems(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"qbench", "salesforce", "hubspot", "close"} {
		want := readmeRow(t, name)
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("README.md lacks the line\n%s", want)
		}
	}
	_, table, _ := strings.Cut(string(text), "\n## Systems\n")
	table, _, _ = strings.Cut(table, "\n## ")
	if n := strings.Count(table, "\n| "); n != 6 {
		t.Errorf("%d lines in the table, want a heading, a rule and 4 systems", n)
	}
}

// C13.2: the README, the help and the unit tell the same exit codes, and none of
// ours is what Go ends a crash with.
func TestC13_2_ExitCodesAreTold(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	readme, unit := read("README.md"), read("systemd/crmsyncd.service")
	help := strings.Join(strings.Fields(newApp(io.Discard, io.Discard).root().Long), " ")
	for _, w := range exitWords() {
		if line := fmt.Sprintf("\n| %d | %s |\n", w.code, w.meaning); !strings.Contains(readme, line) {
			t.Errorf("README.md lacks the line%s", line)
		}
		if !strings.Contains(help, fmt.Sprintf(" %d %s", w.code, strings.ReplaceAll(w.meaning, "`", ""))) {
			t.Errorf("the help lacks %d", w.code)
		}
		if w.code == 2 {
			t.Error("2 is what a crash ends with")
		}
	}
	if stay := fmt.Sprintf("\nRestartPreventExitStatus=%d %d\n", exitUsage, exitConfig); !strings.Contains(unit, stay) {
		t.Errorf("the unit lacks the line%s", stay)
	}
}

// shipped makes a provider from the shipped configuration.
func shipped(t *testing.T, name string) providers.Provider {
	t.Helper()
	env := map[string]string{
		"CRMSYNCD_QBENCH_URL": "https://lab.qbench.net", "CRMSYNCD_QBENCH_CLIENT_ID": "id",
		"CRMSYNCD_SALESFORCE_URL": "https://acme.my.salesforce.com", "CRMSYNCD_SALESFORCE_CLIENT_ID": "id",
		"CRMSYNCD_HUBSPOT_URL": "https://api.hubapi.com",
	}
	cfg, problems := configs.LoadFS(configs.Shipped, configs.Options{LookupEnv: func(n string) (string, bool) { v, ok := env[n]; return v, ok }})
	if cfg == nil {
		t.Fatal(problems)
	}
	p, err := newProvider(cfg.Systems[name], t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readmeRow(t *testing.T, name string) string {
	t.Helper()
	sys := engine.NewSystem(name, shipped(t, name))
	objects := map[string]string{"qbench": "customer", "salesforce": "Account", "hubspot": "companies", "close": "lead"}
	yes := func(ok bool) string {
		if ok {
			return "yes"
		}
		return "no"
	}
	describe := yes(sys.Describer != nil)
	if name == "qbench" {
		describe = "in part"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s |", name, yes(sys.Reader != nil),
		yes(sys.Reader != nil && incremental(sys.Reader, objects[name])), yes(sys.Events != nil), yes(sys.Getter != nil),
		yes(sys.Finder != nil), yes(sys.Writer != nil && name != "close"), yes(sys.Writer != nil), describe)
}

// The table says that nothing is made in Close: its provider refuses, without a
// call.
func TestCloseMakesNothing(t *testing.T) {
	p := shipped(t, "close")
	w, ok := p.(providers.Writer)
	if !ok {
		t.Fatal("Close has no writer; then the table must say so")
	}
	for _, object := range []string{"lead", "contact", "opportunity", "task", "user"} {
		results, err := w.Create(t.Context(), object, make([]record.Patch, 1))
		if err == nil && (len(results) != 1 || results[0].Err == nil) {
			t.Errorf("a %s was made", object)
		}
	}
	if n := len(p.Usage().Calls); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func incremental(r providers.Reader, object string) bool { return r.Incremental(object) }
