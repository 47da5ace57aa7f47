// Package deb_test reads what goes into the packages as the shell, systemd and dpkg
// do. What only a built package shows stands in check: make deb-check.
package deb_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// named returns the variables that the shipped configuration asks for.
func named(t *testing.T) (names []string) {
	t.Helper()
	for line := range strings.Lines(read(t, "../../configs/crmsyncd.yaml")) {
		line, _, _ = strings.Cut(line, "#")
		for _, m := range regexp.MustCompile(`\{env: ([A-Z0-9_]+)`).FindAllStringSubmatch(line, -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestEnvironment holds the sample to the configuration: a line for each variable
// that it names and for no other, each explained, and none in force.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	var names []string
	before := ""
	for line := range strings.Lines(read(t, "environment")) {
		line = strings.TrimSuffix(line, "\n")
		name, value, is := strings.Cut(strings.TrimPrefix(line, "#"), "=")
		switch {
		case line != "" && line[0] != '#':
			t.Errorf("%q is in force", line)
		case is && !strings.Contains(name, " "):
			names = append(names, name)
			if !strings.HasPrefix(before, "# ") {
				t.Errorf("%s is not explained by the line before it", name)
			}
			// Both the shell and systemd take such a value as it stands.
			if !regexp.MustCompile(`^[A-Za-z0-9:/._-]+$`).MatchString(value) {
				t.Errorf("%s: %q would need quotes", name, value)
			}
		}
		before = line
	}
	slices.Sort(names)
	if want := named(t); len(want) == 0 || !slices.Equal(names, want) {
		t.Errorf("environment has %q, crmsyncd.yaml names %q", names, want)
	}
}

// stub makes a program that does what the script says.
func stub(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// shell runs a script of the package; only what it calls by name is ours.
func shell(t *testing.T, stubs, root, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{script}, args...)...)
	cmd.Env = []string{"PATH=" + stubs + ":/usr/bin:/bin", "DPKG_ROOT=" + root}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %q: %v\n%s", script, args, err, out)
	}
	return string(out)
}

// calls are the ways in which dpkg calls the scripts.
func calls() map[string][][]string {
	return map[string][][]string{
		"postinst": {{"configure", ""}, {"configure", "1.0"}, {"abort-upgrade", "1.0"}, {"abort-remove"}, {"abort-deconfigure"}},
		"prerm":    {{"remove"}, {"upgrade", "2.0"}, {"deconfigure"}, {"failed-upgrade", "1.0"}},
		"postrm":   {{"remove"}, {"purge"}, {"upgrade", "2.0"}, {"failed-upgrade", "1.0"}, {"abort-install"}, {"disappear"}},
	}
}

// TestScriptsNeverStopApt lets everything that the scripts call fail, in a root of
// its own.
func TestScriptsNeverStopApt(t *testing.T) {
	t.Parallel()
	stubs := t.TempDir()
	for _, name := range []string{"systemctl", "systemd-sysusers", "systemd-tmpfiles"} {
		stub(t, stubs, name, "exit 1")
	}
	for script, ways := range calls() {
		if text := read(t, script); !strings.HasPrefix(text, "#!/bin/sh\n") || !strings.Contains(text, "\nset -e\n") {
			t.Errorf("%s is no script that stops at a mistake", script)
		}
		for _, args := range ways {
			out := shell(t, stubs, t.TempDir(), script, args...)
			told := strings.Contains(out, "this failed, and is to be run by hand")
			if calls := script == "postinst" || script == "prerm" && args[0] == "remove"; told != calls {
				t.Errorf("%s %q said %q", script, args, out)
			}
		}
	}
}

// TestUpgradeStopsNothing: until the new files are there, what runs goes on.
func TestUpgradeStopsNothing(t *testing.T) {
	t.Parallel()
	stubs := t.TempDir()
	stub(t, stubs, "systemctl", `echo "systemctl $*"`)
	if out := shell(t, stubs, t.TempDir(), "prerm", "upgrade", "2.0"); out != "" {
		t.Errorf("prerm upgrade: %s", out)
	}
	root := t.TempDir()
	want := "systemctl --root=" + root + " --quiet disable crmsyncd.service crmsyncd@.service\n"
	if out := shell(t, stubs, root, "prerm", "remove"); out != want {
		t.Errorf("prerm remove: %s, want %s", out, want)
	}
}

// TestPurgeKeepsWhatPeopleBrought: it takes away its own empty folders, and names
// what it leaves.
func TestPurgeKeepsWhatPeopleBrought(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		files, left []string
		said        string
	}{
		{nil, nil, ""},
		{[]string{"var/lib/crmsyncd/state.db"}, []string{"var/lib/crmsyncd/state.db"}, "rm -r '/var/lib/crmsyncd'\n"},
		{
			[]string{"etc/crmsyncd/secrets/qbench", "var/lib/crmsyncd-acme/state.db"},
			[]string{"etc/crmsyncd/secrets/qbench", "var/lib/crmsyncd-acme/state.db"},
			"rm -r '/etc/crmsyncd'\n",
		},
	} {
		root := t.TempDir()
		for _, dir := range []string{"etc/crmsyncd/secrets", "etc/crmsyncd/routes", "var/lib/crmsyncd"} {
			makeDir(t, root, dir)
		}
		for _, name := range tt.files {
			makeDir(t, root, filepath.Dir(name))
			if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out := shell(t, t.TempDir(), root, "postrm", "purge")
		if !strings.HasSuffix(out, tt.said) || tt.said == "" && out != "" {
			t.Errorf("with %q it said %q", tt.files, out)
		}
		for _, name := range tt.left {
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(filepath.Join(root, "etc/crmsyncd")); (err == nil) != strings.Contains(tt.said, "/etc/crmsyncd") {
			t.Errorf("with %q /etc/crmsyncd: %v", tt.files, err)
		}
	}
}

func makeDir(t *testing.T, root, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestVersion: the package's version is the build's, and one built later is newer
// for dpkg.
func TestVersion(t *testing.T) {
	t.Parallel()
	stubs := t.TempDir()
	stub(t, stubs, "go", `printf '\tpath\tcrmsyncd/cmd/crmsyncd\n\tmod\tcrmsyncd\t%s\t\n\tdep\tx\tv9.9.9\n' "$3"`)
	before := ""
	for _, tt := range [][2]string{
		{"v0.0.0-20261130223904-ff78a3e5d466", "0.0.0~git20261130223904.ff78a3e5d466"},
		{"v0.0.0-20261130223905-0f78a3e5d466", "0.0.0~git20261130223905.0f78a3e5d466"},
		{"v0.0.0-20261130223905-0f78a3e5d466+dirty", "0.0.0~git20261130223905.0f78a3e5d466+dirty"},
		{"v0.1.0-rc.1", "0.1.0~rc.1"},
		{"v0.1.0-rc.1.0.20261201000000-af78a3e5d466", "0.1.0~rc.1.0.20261201000000.af78a3e5d466"},
		{"v0.1.0-rc.2", "0.1.0~rc.2"},
		{"v0.1.0", "0.1.0"},
		{"v0.1.0+dirty", "0.1.0+dirty"},
		{"v0.1.1-0.20261201000000-af78a3e5d466", "0.1.1~0.20261201000000.af78a3e5d466"},
		{"v0.1.1", "0.1.1"},
	} {
		got := strings.TrimSpace(shell(t, stubs, "", "version", tt[0]))
		if got != tt[1] {
			t.Errorf("%s is %q, want %q", tt[0], got, tt[1])
		}
		if _, err := exec.LookPath("dpkg"); err == nil && before != "" {
			if err := exec.CommandContext(t.Context(), "dpkg", "--compare-versions", before, "lt", got).Run(); err != nil {
				t.Errorf("for dpkg %s is not before %s", before, got)
			}
		}
		before = got
	}
	cmd := exec.CommandContext(t.Context(), "sh", "version", "(devel)")
	cmd.Env = []string{"PATH=" + stubs + ":/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "DEB_VERSION") {
		t.Errorf("a build without a version: %v, %s", err, out)
	}
}
