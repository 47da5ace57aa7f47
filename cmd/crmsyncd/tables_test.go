package main

import (
	"bytes"
	"strings"
	"testing"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// Each reason has one heading that says what ends it, the rare ones come first,
// and no line is so long that a terminal breaks it in two.
func TestHeldGroups(t *testing.T) {
	var out bytes.Buffer
	a := newApp(&out, &out)
	many := func(n int, h engine.HoldView) []engine.HoldView {
		var all []engine.HoldView
		for range n {
			all = append(all, h)
		}
		return all
	}
	holds := many(3, engine.HoldView{
		System: "salesforce", Object: "Contact", Label: strings.Repeat("very long ", 20), Hub: "7", Reason: "waiting_for_parent",
		Detail: "account/9 is not linked with salesforce yet", Mend: "ends by itself",
	})
	holds = append(holds, engine.HoldView{System: "qbench", Object: "customer", Remote: "1005", Field: "name", Reason: "bad_value", Detail: "too \x1b[31mred", Mend: "mend it"})
	holds = append(holds, engine.HoldView{System: "qbench", Object: "customer", Remote: "1006", Reason: "bad_value", Mend: "mend it", Dropped: true})
	if err := a.printHolds(holds, heldFlags{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if lines[0] != "bad_value (1): mend it" || lines[3] != "waiting_for_parent (3): ends by itself" {
		t.Errorf("headings:\n%s", out.String())
	}
	if lines[len(lines)-1] != "4 held, 1 dropped (--dropped)." {
		t.Errorf("the last line is %q", lines[len(lines)-1])
	}
	for _, l := range lines {
		if len([]rune(l)) > 140 || strings.ContainsAny(l, "\x1b") {
			t.Errorf("a line of %d: %q", len([]rune(l)), l)
		}
	}
	if !strings.Contains(lines[1], "name: too") {
		t.Errorf("the field is not named: %q", lines[1])
	}
	out.Reset()
	if err := a.printHolds(nil, heldFlags{}); err != nil || out.String() != "Nothing is held.\n" {
		t.Errorf("nothing held: %q %v", out.String(), err)
	}
}

// A plan ends with what it comes to, after what would be held.
func TestPlanEndsWithCounts(t *testing.T) {
	var out bytes.Buffer
	a := newApp(&out, &out)
	a.printPlan(daemon.PlanView{
		Counts: map[string]map[string]int{"salesforce/Account": {"create": 2, "link": 1}},
		Calls:  map[string]map[string]int{"salesforce": {"create Account": 1}},
		Held:   []engine.HoldView{{System: "salesforce", Object: "Account", Reason: "ambiguous_match", Mend: "choose one"}},
	})
	held, counts := strings.Index(out.String(), "ambiguous_match (1): choose one"), strings.Index(out.String(), "WOULD BE WRITTEN")
	if held < 0 || counts < held || !strings.Contains(out.String(), "write calls that salesforce needs: create Account 1") {
		t.Errorf("got\n%s", out.String())
	}
}

// What a system does now is told per flow, also while a full run gives way.
func TestNowText(t *testing.T) {
	pull, push := &daemon.RunningView{Flow: "pull"}, &daemon.RunningView{Flow: "push"}
	full := &daemon.RunningView{Flow: "pull", Full: true}
	fill := &daemon.RunningView{Flow: "pull", Fills: true}
	for _, tc := range []struct {
		s    daemon.SystemStatus
		flow string
		want string
	}{
		{daemon.SystemStatus{}, "pull", "idle"},
		{daemon.SystemStatus{PushDue: true}, "push", "something to push"},
		{daemon.SystemStatus{Running: pull}, "pull", "running"},
		{daemon.SystemStatus{Running: pull, PushDue: true}, "push", "something to push"},
		{daemon.SystemStatus{Running: full}, "pull", "full run"},
		{daemon.SystemStatus{Running: fill}, "pull", "fills new fields"},
		{daemon.SystemStatus{Running: pull, Waiting: fill}, "pull", "running (fills new fields, gives way)"},
		{daemon.SystemStatus{Running: push, Waiting: full}, "pull", "full run, gives way"},
		{daemon.SystemStatus{Running: push, Waiting: full}, "push", "running"},
		{daemon.SystemStatus{Running: pull, Waiting: full}, "pull", "running (full run, gives way)"},
	} {
		if got := nowText(tc.s, tc.flow); got != tc.want {
			t.Errorf("%+v %s: %q, want %q", tc.s, tc.flow, got, tc.want)
		}
	}
}

// A good fill rate is a row of a table, a bad one a warning besides.
func TestFillRates(t *testing.T) {
	var out bytes.Buffer
	newApp(&out, &out).printLive(daemon.CheckView{System: "qbench", Organization: "lab", Name: "lab", Findings: []daemon.FindingView{
		{Object: "customer", Field: "id", Message: "x", Warning: true, Filled: 60, Of: 60},
		{Object: "customer", Field: "name", Message: "name is filled in 5 %", Mend: "fill it", Warning: true, Filled: 3, Of: 60},
	}})
	for _, want := range []string{"qbench: lab\n", "customer  id      100 %  60  ##########", "customer  name      5 %  60  #", "warning: name is filled in 5 % (fill it)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
