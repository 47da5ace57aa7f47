package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"crmsyncd/configs"
	"crmsyncd/providers"
	"crmsyncd/sync/engine"
)

// R2: the README's table of systems says what the providers can do.
func TestReadmeTableOfSystems(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"qbench", "salesforce", "hubspot"} {
		want := readmeRow(t, name)
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("README.md lacks the line\n%s", want)
		}
	}
	if n := strings.Count(string(text), "\n| qbench ") + strings.Count(string(text), "\n| salesforce ") + strings.Count(string(text), "\n| hubspot "); n != 3 {
		t.Errorf("%d systems in the table, want 3", n)
	}
}

func readmeRow(t *testing.T, name string) string {
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
	sys := engine.NewSystem(name, p)
	objects := map[string]string{"qbench": "customer", "salesforce": "Account", "hubspot": "companies"}
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
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |", name, yes(sys.Reader != nil),
		yes(sys.Reader != nil && incremental(sys.Reader, objects[name])), yes(sys.Getter != nil), yes(sys.Finder != nil),
		yes(sys.Writer != nil), describe)
}

func incremental(r providers.Reader, object string) bool { return r.Incremental(object) }
