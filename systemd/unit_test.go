// Package systemd_test reads the shipped unit as systemd does.
package systemd_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// directives returns the values of each directive of the unit.
func directives(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("crmsyncd.service")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
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

// TestB1_Service holds the unit to what the daemon relies on (B1): it says when
// it is ready, is watched, keeps its files to itself and gets its secrets from
// systemd.
func TestB1_Service(t *testing.T) {
	t.Parallel()
	d := directives(t)
	want(t, d, "Type", "notify")
	want(t, d, "WatchdogSec", "60")
	want(t, d, "ExecStart", "/usr/bin/crmsyncd run --config /etc/crmsyncd")
	want(t, d, "ExecReload", "/bin/kill -HUP $MAINPID")
	want(t, d, "StateDirectory", "crmsyncd")
	want(t, d, "StateDirectoryMode", "0700")
	want(t, d, "RuntimeDirectory", "crmsyncd")
	want(t, d, "UMask", "0077")
	want(t, d, "LoadCredential", "qbench:/etc/crmsyncd/secrets/qbench", "salesforce:/etc/crmsyncd/secrets/salesforce", "hubspot:/etc/crmsyncd/secrets/hubspot", "close:/etc/crmsyncd/secrets/close")
}

// TestF26_NoCrashLoop: a daemon that keeps failing stays down, and one whose
// configuration is wrong is not started again at all. What Go ends a crash with,
// 2, is not among the codes that mean that (C13.2, C17.1).
func TestF26_NoCrashLoop(t *testing.T) {
	t.Parallel()
	d := directives(t)
	want(t, d, "Restart", "on-failure")
	want(t, d, "RestartPreventExitStatus", "64 78")
	want(t, d, "StartLimitBurst", "5")
	want(t, d, "StartLimitIntervalSec", "300")
	// Five starts, ten seconds apart, fit into the interval, or the limit would never bite.
	want(t, d, "RestartSec", "10")
}
