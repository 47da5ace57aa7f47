package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
)

// changesJSON is what runs RUN --changes -o json prints.
type changesJSON struct {
	Run    struct{ ID uint64 }
	Groups []struct {
		Object, Field string
		Changes       int
		Reasons       map[string]int
	}
	Changes []struct {
		Object, Field, Label, Reason string
		Hub                          string `json:"hub_id"`
		OldKnown                     string `json:"old_known"`
		Old, New                     *string
	}
}

// A run whose changes are no longer kept says so, and not that it changed nothing.
func TestE2EChangesNoLongerKept(t *testing.T) {
	b := newBed(t)
	b.edit("crmsyncd.yaml", "max: 2GiB", "max: 1kB")
	b.seed(5)
	b.want(0, "run", "--once")
	runs := b.runs()
	at := slices.IndexFunc(runs, func(r runJSON) bool { return r.Flow == "push" })
	if err := b.qb.UpdateCustomer(b.qb.CustomerIDs()[0], qbenchsim.Fields{"description": "New"}); err != nil {
		t.Fatal(err)
	}
	b.want(0, "run", "--once")
	if out := b.want(0, "runs", fmt.Sprint(runs[at].ID), "--changes"); !strings.Contains(out, "0 changes\nWhat it changed is no longer kept") {
		t.Errorf("of a run that is pruned: %s", out)
	}
	b.want(0, "run", "--once")
	idle := b.runs()[0]
	if out := b.want(0, "runs", fmt.Sprint(idle.ID), "--changes"); strings.Contains(out, "no longer kept") {
		t.Errorf("of a run that changed nothing: %s", out)
	}
}

// What a run changed is told field by field, without a daemon and by one, as a
// table of 80 columns, as JSON and as CSV that no spreadsheet takes for formulas
// (C12.3).
func TestE2EChangesOfARun(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	b.want(0, "run", "--once")
	ids := b.qb.CustomerIDs()
	for i, text := range []string{"A lab with a description that is much longer than a column", `=HYPERLINK("https://x.example")`} {
		if err := b.qb.UpdateCustomer(ids[i], qbenchsim.Fields{"description": text}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.qb.UpdateCustomer(ids[0], qbenchsim.Fields{"city": "Shelbyville"}); err != nil {
		t.Fatal(err)
	}
	b.want(0, "run", "--once")
	runs := b.runs()
	at := slices.IndexFunc(runs, func(r runJSON) bool { return r.Flow == "pull" && r.System == "qbench" })
	pull := fmt.Sprint(runs[at].ID)
	b.wantChanges(pull)
	s := b.start()
	b.wantChanges(pull)
	s.signal(syscall.SIGTERM)
	if code := s.wait(30 * time.Second); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
	made := b.want(0, "runs", "2", "--changes")
	if !strings.Contains(made, "account  (record)") || !strings.Contains(made, "created 3") || !strings.Contains(made, "ID IN THE SYSTEM") {
		t.Errorf("what was created:\n%s", made)
	}
	b.noCanary()
}

func (b *bed) wantChanges(run string) {
	b.t.Helper()
	out := b.want(0, "runs", run, "--changes")
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			b.t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	for _, want := range []string{
		"run " + run + ": pull qbench", ": 3 changes\n", "account  description", "\naccount description\n",
		"A lab with a …  first_meeting", "(blank)", "Shelbyville", "hub:1 ",
	} {
		if !strings.Contains(out, want) {
			b.t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		b.t.Error("a pipe got colors")
	}
	var got changesJSON
	if err := json.Unmarshal([]byte(b.want(0, "runs", run, "--changes", "-o", "json")), &got); err != nil {
		b.t.Fatal(err)
	}
	if len(got.Changes) != 3 || len(got.Groups) != 2 || fmt.Sprint(got.Run.ID) != run || got.Groups[1].Reasons["first_meeting"] != 2 {
		b.t.Errorf("as JSON: %+v", got)
	}
	one := got.Changes[0]
	if one.Old == nil || *one.Old != "Springfield" || one.New == nil || *one.New != "Shelbyville" || one.OldKnown != "read" || one.Hub == "" || !strings.Contains(one.Label, canaryName) {
		b.t.Errorf("the first change: %+v", one)
	}
	rows, err := csv.NewReader(strings.NewReader(b.want(0, "runs", run, "--changes", "--object", "account", "--field", "description", "-o", "csv"))).ReadAll()
	if err != nil || len(rows) != 3 {
		b.t.Fatalf("as CSV: %d rows, %v", len(rows), err)
	}
	if fresh := slices.Index(rows[0], "new"); rows[2][fresh] != `'=HYPERLINK("https://x.example")` || len(rows[1][fresh]) < 50 {
		b.t.Errorf("as CSV: %q", rows)
	}
	if out := b.want(0, "runs", run, "--changes", "--field", "name"); !strings.Contains(out, ": 0 changes") {
		b.t.Errorf("of a field that did not change:\n%s", out)
	}
	for _, bad := range [][]string{
		{"runs", "--changes"},
		{"runs", run, "--field", "name"},
		{"runs", run, "-o", "csv"},
		{"runs", run, "--changes", "--object", "acount"},
		{"runs", run, "--changes", "--field", "Title"},
		{"runs", "99999", "--changes"},
		{"runs", run, "--changes", "-o", "xml"},
		{"status", "-o", "csv"},
	} {
		if out, errs, code := b.run(bad...); code != 64 || errs == "" || out != "" {
			b.t.Errorf("%v: exit code %d, %q, %q", bad, code, out, errs)
		}
	}
}
