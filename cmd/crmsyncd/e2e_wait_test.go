package main_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
)

// C17.1: beside a daemon a one-shot run waits for what the daemon does, prints the same
// and ends with the same code as alone; --no-wait only asks.
func TestC17_1_OneShotRunsWaitBesideTheDaemon(t *testing.T) {
	b := newBed(t)
	b.unaudited = "a guard and a broken system stand at the end"
	b.seed(3)
	d := b.start()
	b.until("the first runs have ended", func() bool { return b.sf.Count("Contact") == 3 })
	b.seed(2)
	out := b.want(0, "run", "--once")
	if n := b.sf.Count("Account"); n != 5 || strings.Count(out, "salesforce  push  Account") != 1 || !strings.Contains(out, "CREATED") {
		t.Errorf("%d accounts when it ended, and it says\n%s", n, out)
	}
	if err := b.qb.UpdateCustomer(b.qb.CustomerIDs()[0], qbenchsim.Fields{"number_of_employees": "many"}); err != nil {
		t.Fatal(err)
	}
	var res struct {
		Runs []runJSON
		Held int
		PID  int
	}
	if err := json.Unmarshal([]byte(b.want(3, "run", "--once", "--full", "-o", "json")), &res); err != nil || res.Held != 1 || len(res.Runs) < 2 || res.PID == 0 {
		t.Errorf("%v, %+v", err, res)
	}
	began := time.Now()
	b.delay.Store(int64(2 * time.Second))
	b.seed(1)
	if out := b.want(0, "run", "--once", "--no-wait"); !strings.Contains(out, "was asked for a run") || time.Since(began) > 2*time.Second {
		t.Errorf("--no-wait took %s and says\n%s", time.Since(began), out)
	}
	b.until("the asked run is through", func() bool { return b.sf.Count("Account") == 6 })
	b.delay.Store(0)
	if err := b.qb.AddFault("503"); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := b.run("run", "--once", "--system", "qbench"); code != 1 || !strings.Contains(errs, "503") {
		t.Errorf("of a broken system: code %d, %q", code, errs)
	}
	b.qb.Faults().Clear()
	waits := b.launch("run", "--once", "--full")
	b.delay.Store(int64(3 * time.Second))
	time.Sleep(300 * time.Millisecond)
	waits.signal(syscall.SIGINT)
	if code := waits.wait(5 * time.Second); code != 1 && code != 3 {
		t.Errorf("who stops to wait: code %d, %s", code, waits.text())
	}
	b.delay.Store(0)
	d.signal(syscall.SIGTERM)
	if code := d.wait(15 * time.Second); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
}
