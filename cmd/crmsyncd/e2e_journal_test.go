package main_test

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// C17.8: in systemd's journal each line has its priority and no time of its own. A
// start says no warning, an ordinary stop within a run no error, and what makes a
// command or a reload fail is one.
func TestC17_8_Priorities(t *testing.T) {
	b := newBed(t)
	b.journal = true
	b.seed(900)
	b.delay.Store(int64(300 * time.Millisecond))
	d := b.launch("run")
	b.until("the first batch is on its way", func() bool { return b.writes.Load() >= 2 })
	b.edit("routes/salesforce.yaml", "hub: description}", "hub: descriptin}")
	d.signal(syscall.SIGHUP)
	b.until("the reload is refused", func() bool { return strings.Contains(d.text(), "reload refused") })
	d.signal(syscall.SIGTERM)
	if code := d.wait(30 * time.Second); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
	if !strings.Contains(d.text(), "status=interrupted") {
		t.Errorf("no run was interrupted:\n%s", d.text())
	}
	errors := 0
	for line := range strings.Lines(d.text()) {
		switch {
		case strings.HasPrefix(line, "<3>") && strings.Contains(line, "reload refused"):
			errors++
		case !strings.HasPrefix(line, "<6>"), strings.Contains(line, "time="), strings.Contains(line, "level="):
			t.Errorf("in the journal: %s", line)
		}
	}
	if errors != 1 {
		t.Errorf("%d lines are errors, want the reload alone:\n%s", errors, d.text())
	}
	refused := b.launch("run")
	if code := refused.wait(10 * time.Second); code != 78 || !strings.HasPrefix(refused.text(), "<3>crmsyncd: ") {
		t.Errorf("code %d, %q", code, refused.text())
	}
	b.edit("routes/salesforce.yaml", "hub: descriptin}", "hub: description}")
	b.delay.Store(0)
}
