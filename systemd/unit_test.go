// Package systemd_test reads the shipped units as systemd does.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crmsyncd/configs"
)

// unit is a shipped unit, with what its folders are called.
type unit struct{ file, name string }

func units() []unit {
	return []unit{{"crmsyncd.service", "crmsyncd"}, {"crmsyncd@.service", "crmsyncd-%i"}}
}

// each runs a test on both units.
func each(t *testing.T, run func(t *testing.T, u unit, d map[string][]string)) {
	t.Helper()
	for _, u := range units() {
		t.Run(u.file, func(t *testing.T) {
			t.Parallel()
			run(t, u, directives(t, u.file))
		})
	}
}

// lines are those of a file that say something.
func lines(t *testing.T, file string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// directives returns the values of each directive of a unit.
func directives(t *testing.T, file string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, line := range lines(t, file) {
		if line[0] == '[' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("%q is no directive", line)
		}
		out[key] = append(out[key], value)
	}
	return out
}

func want(t *testing.T, d map[string][]string, key string, values ...string) {
	t.Helper()
	if !slices.Equal(d[key], values) {
		t.Errorf("%s is %q, want %q", key, d[key], values)
	}
}

// B1: the units are what the daemon relies on: it says when it is ready, is watched,
// keeps its files to itself, and is reloaded by the program, which can fail (C17.9).
func TestB1_Service(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, u unit, d map[string][]string) {
		want(t, d, "Type", "notify")
		want(t, d, "WatchdogSec", "60")
		want(t, d, "ExecStart", "/usr/bin/crmsyncd run --config /etc/"+u.name)
		want(t, d, "ExecReload", "/usr/bin/crmsyncd reload --config /etc/"+u.name)
		want(t, d, "EnvironmentFile", "-/etc/"+u.name+"/environment")
		want(t, d, "StateDirectory", u.name)
		want(t, d, "StateDirectoryMode", "0700")
		want(t, d, "RuntimeDirectory", u.name)
		// systemd would make a missing folder, and give it to the daemon's user.
		want(t, d, "ConfigurationDirectory")
		want(t, d, "UMask", "0077")
	})
}

// C17.4: each credential that the shipped configuration names is handed over, and one
// without a file is an empty line, so that the others work. (An empty value is no
// valid line for systemd 252.)
func TestC17_4_OptionalCredentials(t *testing.T) {
	t.Parallel()
	named := []string{"qbench", "salesforce", "hubspot", "close", "admin-token"}
	text, err := configs.Shipped.ReadFile(configs.MainFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range named {
		if !strings.Contains(string(text), "{credential: "+n+"}") {
			t.Errorf("the configuration names no credential %s", n)
		}
	}
	each(t, func(t *testing.T, u unit, d map[string][]string) {
		var load, set []string
		for _, n := range named {
			load, set = append(load, n+":/etc/"+u.name+"/secrets/"+n), append(set, n+`:\n`)
		}
		want(t, d, "LoadCredential", load...)
		want(t, d, "SetCredential", set...)
	})
}

// C17.5: the daemon has a user and a group that are always there, and whose members
// enter the folder of the socket; nobody but root reads a secret.
func TestC17_5_UserAndGroup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ unit, d map[string][]string) {
		want(t, d, "User", "crmsyncd")
		want(t, d, "Group", "crmsyncd")
		want(t, d, "DynamicUser")
		want(t, d, "RuntimeDirectoryMode", "0750")
	})
	if got := lines(t, "crmsyncd.sysusers"); len(got) != 1 || !strings.HasPrefix(got[0], "u crmsyncd - ") {
		t.Errorf("sysusers: %q", got)
	}
	folders := map[string]string{}
	for _, line := range lines(t, "crmsyncd.tmpfiles") {
		f := strings.Fields(line)
		folders[f[1]] = f[0] + " " + strings.Join(f[2:], " ")
	}
	for path, want := range map[string]string{
		"/var/lib/crmsyncd": "d 0700 crmsyncd crmsyncd -", "/etc/crmsyncd": "d 0755 root root -", "/etc/crmsyncd/secrets": "d 0750 root crmsyncd -",
	} {
		if folders[path] != want {
			t.Errorf("tmpfiles makes %s %q, want %q", path, folders[path], want)
		}
	}
}

// F26, C17.1, C17.10: a daemon that keeps failing stays down after twenty starts, one
// whose configuration is wrong is not started again at all, and six starts by hand in
// five minutes are no loop. What Go ends a crash with, 2, is not among the codes that
// mean that (C13.2).
func TestF26_NoCrashLoop(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ unit, d map[string][]string) {
		want(t, d, "Restart", "on-failure")
		want(t, d, "RestartPreventExitStatus", "64 78")
		want(t, d, "StartLimitBurst", "20")
		want(t, d, "StartLimitIntervalSec", "300")
		// Twenty starts, ten seconds apart, fit into the interval, or the limit would never bite.
		want(t, d, "RestartSec", "10")
	})
}

// Both units confine the daemon alike; an instance does not even see the states of the
// others.
func TestInstancesAreConfinedAlike(t *testing.T) {
	t.Parallel()
	plain, instance := directives(t, "crmsyncd.service"), directives(t, "crmsyncd@.service")
	want(t, instance, "TemporaryFileSystem", "/var/lib:ro")
	delete(instance, "TemporaryFileSystem")
	instance["Description"] = plain["Description"]
	for key, values := range instance {
		var same []string
		for _, v := range values {
			same = append(same, strings.ReplaceAll(v, "crmsyncd-%i", "crmsyncd"))
		}
		want(t, plain, key, same...)
	}
	if len(plain) != len(instance) {
		t.Errorf("%d and %d directives", len(plain), len(instance))
	}
}

// systemd itself finds no fault with either unit, and each stays within the exposure
// that the project promises.
func TestUnitsAreSound(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "crmsyncd")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, u := range units() {
		text, err := os.ReadFile(u.file)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, strings.Replace(u.file, "@", "@acme", 1))
		here := strings.ReplaceAll(strings.ReplaceAll(string(text), "/usr/bin/crmsyncd", program), "Documentation=", "# ")
		if err := os.WriteFile(file, []byte(here), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", u.file, err, out)
		}
		if out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=12", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", u.file, err, out[max(0, len(out)-400):])
		}
	}
}
