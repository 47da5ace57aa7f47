package main_test

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// C17.3, F24: a copy that was written beside the running daemon, or without one, is put
// back by one command, with the owner and the mode of the state's folder; the former
// state is kept. It is in doubt until a person has looked, so nothing is doubled.
func TestC17_3_BackUpAndPutBack(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	b.want(0, "run", "--once")
	dir, lib := t.TempDir(), filepath.Dir(b.state)
	cold, warm := filepath.Join(dir, "cold.db"), filepath.Join(dir, "warm.db")
	b.want(0, "state", "backup", cold)
	d := b.start()
	b.want(0, "state", "backup", warm)
	for _, name := range []string{cold, warm} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if _, errs, code := b.run("state", "backup", name); code != 1 || !strings.Contains(errs, "is there already, and is not overwritten") {
			t.Errorf("a second time: code %d, %q", code, errs)
		}
	}
	for _, name := range []string{"", "-"} {
		if _, errs, code := b.run("state", "backup", name); code != 64 || !strings.Contains(errs, "is no name of a file") {
			t.Errorf("backup %q: code %d, %q", name, code, errs)
		}
	}
	if _, errs, code := b.run("state", "restore", cold); code != 1 || !strings.Contains(errs, "stop it first") {
		t.Errorf("beside the daemon: code %d, %q", code, errs)
	}
	b.seed(2)
	b.want(0, "run", "--once", "--system", "qbench")
	b.until("two more are made", func() bool { return b.sf.Count("Account") == 5 })
	d.signal(syscall.SIGTERM)
	d.wait(10 * time.Second)
	const user, group = 65534, 65533
	if os.Geteuid() == 0 {
		for _, name := range []string{lib, b.state, b.state + ".gen"} {
			if err := os.Chown(name, user, group); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := b.want(0, "state", "restore", warm)
	kept := strings.TrimSuffix(strings.Fields(out[strings.Index(out, "is kept as ")+len("is kept as "):])[0], ".")
	for _, name := range []string{b.state, kept} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v %v", name, info, err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 && (!ok || st.Uid != user || st.Gid != group) {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
	b.want(1, "status")
	b.run("run", "--once", "--full")
	if n := b.sf.Count("Account"); n != 5 {
		t.Errorf("%d accounts after a copy was put back, want 5", n)
	}
	b.want(1, "state", "trust")
	b.want(0, "state", "trust", "--yes")
	b.want(0, "run", "--once", "--full")
	if n := b.sf.Count("Account"); n != 5 {
		t.Errorf("%d accounts in the end, want 5", n)
	}
}

// C17.3: what is no sound state is refused by name, and nothing is touched.
func TestC17_3_RestoreRefuses(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	b.want(0, "run", "--once")
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	b.want(0, "state", "backup", good)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	broken := append([]byte(nil), text...)
	for i := len(broken) / 2; i < len(broken)/2+4096; i++ {
		broken[i] ^= 0x55
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "no state at all": []byte("customers: yes\n"), "cut": text[:len(text)/2], "damaged": broken, "zeroes": make([]byte, len(text)),
	} {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		before := b.stateFiles()
		if _, errs, code := b.run("state", "restore", file); code != 1 || !strings.Contains(errs, file) {
			t.Errorf("%s: code %d, %q", name, code, errs)
		}
		if after := b.stateFiles(); after != before {
			t.Errorf("%s: the state's folder was\n%s\nand is\n%s", name, before, after)
		}
	}
	pipe, hard := filepath.Join(dir, "pipe"), filepath.Join(dir, "hard")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Link(b.state, hard)); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"state", "restore", pipe}, {"state", "restore", hard}, {"state", "restore", b.state}, {"state", "restore", filepath.Join(dir, "none")}, {"state", "restore", dir}, {"state", "backup", dir}, {"state", "backup", filepath.Join(dir, "no", "folder")}} {
		if _, errs, code := b.run(words...); code != 1 || !strings.Contains(errs, words[2]) {
			t.Errorf("%v: code %d, %q", words, code, errs)
		}
	}
	b.want(64, "state", "restore")
	b.want(64, "state", "backup")
	b.want(0, "status")
}

// C17.3: a copy of an older format is put back as well, and brought up to date by the
// next run, in doubt.
func TestC17_3_RestoreOfAnOlderFormat(t *testing.T) {
	b := newBed(t)
	b.unaudited = "the state is of other systems"
	packed, err := os.Open("../../sync/engine/testdata/format1/in_order.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, make([]byte, -len(text)&4095)...) // the empty end of its last page is left out there
	old := filepath.Join(t.TempDir(), "old.db")
	if err := errors.Join(os.MkdirAll(filepath.Dir(b.state), 0o700), os.WriteFile(old, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	b.want(0, "state", "restore", old)
	b.run("run", "--once")
	if out := b.want(1, "status"); !strings.Contains(out, "the state file is a copy that was put back") {
		t.Errorf("no doubt:\n%s", out)
	}
}
