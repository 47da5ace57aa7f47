package main_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crmsyncd/configs"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
)

// targetHubSpot gives the bed the routes of HubSpot.
func (b *bed) targetHubSpot() {
	b.t.Helper()
	text, err := fs.ReadFile(configs.Shipped, hubspotRoutes)
	if err := errors.Join(err, os.WriteFile(filepath.Join(b.config, hubspotRoutes), text, 0o600)); err != nil {
		b.t.Fatal(err)
	}
}

// portal serves a further portal that takes the same token.
func (b *bed) portal(id string) (*hubspotsim.Sim, string) {
	b.t.Helper()
	sim, err := hubspotsim.New(hubspotsim.Options{Token: canarySecret + "-hs"})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := sim.SetPortalID(id); err != nil {
		b.t.Fatal(err)
	}
	srv := httptest.NewServer(sim)
	b.t.Cleanup(srv.Close)
	return sim, srv.URL
}

func (b *bed) health() (health string, problems []string) {
	b.t.Helper()
	text, errs, _ := b.run("status", "-o", "json")
	var st struct {
		Health   string   `json:"health"`
		Problems []string `json:"problems"`
	}
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		b.t.Fatalf("%v\n%s%s", err, text, errs)
	}
	return st.Health, st.Problems
}

// C3.1: base_url of HubSpot leads to another portal within the day. The next run
// ends with 1 before anything is read or written there, status is red, and both
// portals are named; a daemon does no better. Back at the first, the edit goes
// out.
func TestC3_1_E2EAnotherPortal(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	b.targetHubSpot()
	b.want(0, "check", "--live", "--fix")
	b.want(0, "run", "--once")
	other, url := b.portal("48000099")
	first := b.hs.PortalID()
	env := slices.Clone(b.env)
	b.env = append(b.env, "CRMSYNCD_HUBSPOT_URL="+url)
	if err := b.qb.UpdateCustomer(b.qb.CustomerIDs()[0], qbenchsim.Fields{"description": "Edited"}); err != nil {
		t.Fatal(err)
	}
	b.qb.AddCustomer(qbenchsim.Fields{"customer_name": canaryName + " new", "website": "https://new.example"})
	named := func(what, text string) {
		t.Helper()
		if !strings.Contains(text, first) || !strings.Contains(text, "48000099") {
			t.Errorf("%s does not name both portals:\n%s", what, text)
		}
	}
	for range 2 {
		out, errs, code := b.run("run", "--once")
		if code != 1 {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
		named("the run", errs)
	}
	health, problems := b.health()
	if health != "red" {
		t.Errorf("status is %s", health)
	}
	named("status", strings.Join(problems, "\n"))
	named("check --live", b.want(78, "check", "--live"))
	out, errs, _ := b.run("plan")
	named("plan", out+errs)
	_, errs, code := b.run("audit", "hubspot")
	if code != 1 {
		t.Errorf("audit ends with %d", code)
	}
	named("audit", errs)
	s := b.start()
	b.until("the daemon is stopped too", func() bool {
		_, problems := b.health()
		return slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "48000099") })
	})
	s.signal(os.Interrupt)
	s.wait(30e9)
	if c := other.Calls(); c.Total() != c.Of(hubspotsim.CallAccount) || other.Count("companies") != 0 {
		t.Errorf("%s reached the other portal, %d companies", c, other.Count("companies"))
	}
	b.env = env
	b.want(0, "run", "--once")
	ids := b.hs.Find("companies", "description", "Edited")
	if len(ids) != 1 || b.hs.Count("companies") != 4 {
		t.Errorf("back at the first: %v of %d companies", ids, b.hs.Count("companies"))
	}
	b.noCanary()
}

// C3.2: QBench under another host is stopped, and a person says beside the daemon
// that it was renamed: first the command tells both, then they are named.
func TestC3_2_E2ERenamedHost(t *testing.T) {
	b := newBed(t)
	b.seed(2)
	b.want(0, "run", "--once")
	i := slices.IndexFunc(b.env, func(v string) bool { return strings.HasPrefix(v, "CRMSYNCD_QBENCH_URL=") })
	_, url, _ := strings.Cut(b.env[i], "=")
	if out, errs, code := b.run("system", "moved", "qbench"); code != 1 || !strings.Contains(errs, "nothing has moved") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	s := b.start()
	b.edit("crmsyncd.yaml", "{env: CRMSYNCD_QBENCH_URL}", strings.Replace(url, "127.0.0.1", "localhost", 1))
	if out, errs, code := b.run("system", "moved", "qbench"); code != 1 || !strings.Contains(errs, "reload first") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	b.want(0, "reload")
	b.want(0, "resync", "qbench")
	b.until("the daemon is stopped by the host", func() bool {
		_, problems := b.health()
		return slices.ContainsFunc(problems, func(p string) bool {
			return strings.Contains(p, "system moved qbench --from 127.0.0.1 --to localhost")
		})
	})
	for _, args := range [][]string{{"qbench"}, {"qbench", "--from", "127.0.0.1", "--to", "elsewhere"}, {"salesforce", "--yes"}, {"qbenhc"}} {
		out, errs, code := b.run(append([]string{"system", "moved"}, args...)...)
		if len(args) == 1 && args[0] == "qbench" {
			if code != 0 || !strings.Contains(out, "Nothing is changed yet") {
				t.Errorf("%v: exit code %d: %s%s", args, code, out, errs)
			}
		} else if code == 0 {
			t.Errorf("%v was taken: %s", args, out)
		}
	}
	b.want(64, "system", "moved", "qbench", "--from", "127.0.0.1")
	out := b.want(0, "system", "moved", "qbench", "--from", "127.0.0.1", "--to", "localhost", "-o", "json")
	if !strings.Contains(out, `"done": true`) {
		t.Errorf("%s", out)
	}
	b.until("the daemon goes on", func() bool { health, _ := b.health(); return health == "green" })
	s.signal(os.Interrupt)
	s.wait(30e9)
	b.want(0, "run", "--once")
}

// C3.3: two systems of one configuration that open one portal are an error of
// check --live, which makes nothing there, and of the runs of both.
func TestC3_3_E2EOnePortalTwice(t *testing.T) {
	b := newBed(t)
	b.seed(1)
	b.targetHubSpot()
	text, err := os.ReadFile(filepath.Join(b.config, hubspotRoutes))
	if err != nil {
		t.Fatal(err)
	}
	second := strings.Replace(string(text), "system: hubspot\n", "system: second\n", 1)
	route := filepath.Join(b.config, "routes/second.yaml")
	if err := os.WriteFile(route, []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	const push, both = "push_only: [salesforce, hubspot]", "push_only: [salesforce, hubspot, second]"
	const head, system = "\nsystems:\n", "  second:\n    provider: hubspot\n    base_url: {env: CRMSYNCD_HUBSPOT_URL}\n    auth: {token: {credential: hubspot}}\n"
	b.edit("hub.yaml", push, both)
	b.edit("crmsyncd.yaml", head, head+system)
	out := b.want(78, "check", "--live", "--fix")
	if strings.Count(out, "open the same organization") != 2 {
		t.Errorf("check --live says:\n%s", out)
	}
	_, errs, code := b.run("run", "--once")
	if code != 1 || !strings.Contains(errs, "second and hubspot open") || !strings.Contains(errs, "hubspot and second open") || b.hs.Calls().Writes() != 0 {
		t.Errorf("exit code %d, %s\n%s", code, b.hs.Calls(), errs)
	}
	if err := os.Remove(route); err != nil {
		t.Fatal(err)
	}
	b.edit("hub.yaml", both, push)
	b.edit("crmsyncd.yaml", system, "")
	b.want(0, "check", "--live", "--fix")
}
