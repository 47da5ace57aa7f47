package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

func TestGridAlignsAndCleans(t *testing.T) {
	var b bytes.Buffer
	g := newGrid("name", "count").numbers(1)
	g.add("a", "1")
	g.add("bb\x1b\u202e\nx", "1234")
	g.print(&b, false, 0)
	want := "NAME              COUNT\na                     1\nbb\\u001b\\u202e x   1234\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// A table that is wider than the terminal is folded within its widest columns, and
// loses nothing.
func TestGridFoldsToTheTerminal(t *testing.T) {
	g := newGrid("object", "detail", "count").numbers(2).indent(2)
	g.add("salesforce/Account", "Phone: data value too large, said the system", "17")
	g.add("hubspot/companies", "short", "1")
	for _, width := range []int{0, 80, 40, 20} {
		var b bytes.Buffer
		g.print(&b, false, width)
		for line := range strings.Lines(b.String()) {
			if n := len(strings.TrimSuffix(line, "\n")); width >= 40 && n > width {
				t.Errorf("%d characters in a line for %d: %q", n, width, line)
			}
		}
		words := strings.Fields(b.String())
		slices.Sort(words)
		if width >= 40 && len(words) != 16 {
			t.Errorf("at %d: %q", width, words)
		}
		if width == 0 && strings.Count(b.String(), "\n") != 3 {
			t.Errorf("folded without a terminal:\n%s", b.String())
		}
	}
}

func TestColorOnlyOnTerminal(t *testing.T) {
	a := newApp(&bytes.Buffer{}, &bytes.Buffer{})
	if a.color() || a.outTerm || a.errTerm {
		t.Error("a buffer counts as a terminal")
	}
	a.outTerm = true
	t.Setenv("NO_COLOR", "")
	if !a.color() {
		t.Error("a terminal gets no color")
	}
	t.Setenv("NO_COLOR", "1")
	if a.color() {
		t.Error("NO_COLOR is not respected")
	}
}

func TestBar(t *testing.T) {
	now := time.Unix(0, 0)
	var out bytes.Buffer
	b := &bar{w: &out, now: func() time.Time { return now }}
	b.set("salesforce Account create", 0, 1000)
	now = now.Add(10 * time.Second)
	b.set("salesforce Account create", 250, 1000)
	if s := out.String(); !strings.Contains(s, "25%") || !strings.Contains(s, "25/s") || !strings.Contains(s, "30s left") {
		t.Errorf("the bar says %q", s)
	}
	n := out.Len()
	now = now.Add(time.Millisecond)
	b.set("salesforce Account create", 251, 1000)
	if out.Len() != n {
		t.Error("the bar is drawn too often")
	}
	b.end()
	silent := &bar{now: time.Now}
	silent.set("x", 1, 2) // must not panic
	silent.end()
}

func TestExitCode(t *testing.T) {
	for want, err := range map[int]error{
		exitDone: nil, exitFailed: errors.New("x"), exitUsage: usageError(errors.New("x")), exitHeld: &coded{exitHeld, nil},
		exitGuard: fmt.Errorf("push: %w", engine.ErrGuard), exitConfig: configError(errors.New("x")),
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
	if exitCode(&daemon.Fault{Kind: daemon.FaultUsage}) != exitUsage || exitCode(&daemon.Fault{Kind: daemon.FaultGuard}) != exitGuard {
		t.Error("a fault over the socket has another exit code")
	}
}

func TestTokenFile(t *testing.T) {
	configured := "first"
	f := tokenFile{path: filepath.Join(t.TempDir(), "refresh-token-sf"), first: func() (string, error) { return configured, nil }}
	read := func(want string) {
		t.Helper()
		if got, err := f.read(); err != nil || got != want {
			t.Errorf("read %q (%v), want %q", got, err, want)
		}
	}
	read("first")
	if err := f.write("second"); err != nil {
		t.Fatal(err)
	}
	read("second")
	if os.Geteuid() == 0 { // C17.2: what root stores belongs to the folder's owner
		const user = 65534
		if err := errors.Join(os.Chown(filepath.Dir(f.path), user, user), f.write("second")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(f.path); err != nil || info.Sys().(*syscall.Stat_t).Uid != user {
			t.Errorf("the token belongs to %+v (%v)", info.Sys(), err)
		}
	}
	if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	configured = "new from the admin"
	read("new from the admin")
	if err := os.Chmod(f.path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(); err == nil || strings.Contains(err.Error(), "second") {
		t.Errorf("a file that others may read: %v", err)
	}
}

// Every command has an example in its help and takes -o json.
func TestEveryCommandHasAnExample(t *testing.T) {
	root := newApp(&bytes.Buffer{}, &bytes.Buffer{}).root()
	all := root.Commands()
	for i := 0; i < len(all); i++ {
		all = append(all, all[i].Commands()...)
		c := all[i]
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
	}
}
