package main_test

import (
	"strings"
	"testing"
)

// C17.9: a mistake in the files, or addresses that are not in the environment, never make
// a command ask another daemon than the one whose socket the files name; a reload says
// the line.
func TestC17_9_MistakesAskTheSameDaemon(t *testing.T) {
	b := newBed(t)
	b.seed(1)
	b.edit("crmsyncd.yaml", "# socket: /run/crmsyncd/control.sock", "socket: "+b.socket)
	b.start()
	alone := func(words ...string) (out, errs string, code int) {
		b.t.Helper()
		socket := b.socket
		b.socket = "" // no --socket
		defer func() { b.socket = socket }()
		return b.run(words...)
	}
	if out, errs, code := alone("status"); code != 0 || !strings.HasPrefix(out, "green") {
		t.Fatalf("code %d, %q %q", code, out, errs)
	}
	b.edit("crmsyncd.yaml", "percent: 50", "percent: 50, zzz: 1")
	if _, errs, code := alone("reload"); code != 78 || !strings.Contains(errs, "crmsyncd.yaml:") || !strings.Contains(errs, "the old configuration goes on") {
		t.Errorf("reload with an unknown key: code %d, %q", code, errs)
	}
	if out, errs, code := alone("status"); code != 1 || !strings.Contains(out, "the last reload was refused") {
		t.Errorf("status with an unknown key: code %d, %q %q", code, out, errs)
	}
	b.edit("crmsyncd.yaml", "percent: 50, zzz: 1", "percent: 50")
	b.edit("crmsyncd.yaml", "timezone: UTC", "timezone: [")
	for _, words := range [][]string{{"reload"}, {"status"}, {"held"}, {"state", "backup", b.config + "/copy"}} {
		if _, errs, code := alone(words...); code != 78 || !strings.Contains(errs, "crmsyncd.yaml:") {
			t.Errorf("%v of files that are no YAML: code %d, %q", words, code, errs)
		}
	}
	b.edit("crmsyncd.yaml", "timezone: [", "timezone: UTC")
}
