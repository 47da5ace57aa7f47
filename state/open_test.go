package state_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

func TestOpenMakesAPrivateFile(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	if s.Suspect() != "" {
		t.Errorf("a first run is suspect: %s", s.Suspect())
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, path + ".gen": 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, want %04o", name, info.Mode().Perm(), want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("left beside the state: %v %v", entries, err)
	}
}

func TestOpenRefusesUnsafePaths(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		mend  string
	}{
		"folder for others": {func(p string) error { return os.Chmod(filepath.Dir(p), 0o750) }, "chmod 0700 "},
		"file for others":   {func(p string) error { return os.Chmod(p, 0o640) }, "chmod 0600 "},
		"symlink": {func(p string) error {
			return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p))
		}, "remove the link"},
		"folder in its place": {func(p string) error {
			return errors.Join(os.Remove(p), os.Mkdir(p, 0o700))
		}, "another path"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, newPath(t))
			shut(t, s)
			if err := c.spoil(s.Path()); err != nil {
				t.Fatal(err)
			}
			for _, readOnly := range []bool{false, true} {
				_, err := state.Open(s.Path(), state.Options{ReadOnly: readOnly})
				if !errors.Is(err, state.ErrUnsafePath) || !strings.Contains(err.Error(), c.mend) {
					t.Errorf("read only %t: %v does not say %q", readOnly, err, c.mend)
				}
			}
		})
	}
}

func TestSecondOpenIsRefusedAtOnce(t *testing.T) {
	s := open(t, newPath(t))
	for _, readOnly := range []bool{false, true} {
		began := time.Now()
		_, err := state.Open(s.Path(), state.Options{ReadOnly: readOnly, Timeout: 60 * time.Millisecond})
		if !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "another crmsyncd has it open") {
			t.Errorf("second open: %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
	}
	update(t, s, func(tx *state.Tx) error { return tx.SetMeta("still", []byte("works")) })
}

func TestReadersShareTheFile(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	update(t, s, func(tx *state.Tx) error { return tx.SetMeta("org", []byte("00D")) })
	nums(t, s, "account.name")
	shut(t, s)
	for range 2 {
		r, err := state.Open(path, state.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		if r.Name(1) != "account.name" || r.Suspect() != "" {
			t.Errorf("reader: %q %q", r.Name(1), r.Suspect())
		}
		view(t, r, func(tx *state.Tx) error {
			if string(tx.Meta("org")) != "00D" {
				t.Error("the fact is gone")
			}
			return nil
		})
		if err := r.Update(func(*state.Tx) error { return nil }); err == nil {
			t.Error("a reader can write")
		}
		sound(t, r)
	}
}

func TestReadOnlyNeedsAFile(t *testing.T) {
	path := newPath(t)
	_, err := state.Open(path, state.Options{ReadOnly: true})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it made the folder")
	}
}

// TestCutFileIsDamaged: whatever is left of a state file, it opens, or says that it
// is damaged and what to do.
func TestCutFileIsDamaged(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	fill(t, s, 200)
	shut(t, s)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 100, 4096, 5000, 8192, 12288, 20000} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := state.Open(path, state.Options{})
		if err == nil {
			_ = s.Close()
			continue
		}
		text := err.Error()
		if !errors.Is(err, state.ErrDamaged) || strings.Contains(text, "runtime error") || !strings.Contains(text, "put a copy back") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestF24_StateBesideItsSidecar puts each kind of lost state beside the
// generation file: every one opens, says so until a person trusts it, and keeps
// saying so over restarts.
func TestF24_StateBesideItsSidecar(t *testing.T) {
	old := ""
	for name, c := range map[string]struct {
		lose func(path string) error
		says string
	}{
		"gone":  {os.Remove, "new and empty"},
		"empty": {func(p string) error { return os.Truncate(p, 0) }, "0 bytes"},
		"older": {func(p string) error { return os.Rename(old, p) }, "older"},
		"sidecar of another": {func(p string) error {
			return os.WriteFile(p+".gen", []byte(`{"install_id":"x","generation":7}`), 0o600)
		}, "another installation"},
		"sidecar unreadable": {func(p string) error { return os.WriteFile(p+".gen", nil, 0o600) }, "unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			old = path + ".old"
			s := open(t, path)
			shut(t, s)
			copyFile(t, path, old)
			s = open(t, path)
			update(t, s, func(tx *state.Tx) error {
				return tx.Links("salesforce", "Account").Put(&state.Link{Hub: 1, Remote: "001"})
			})
			shut(t, s)
			if err := c.lose(path); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				s = open(t, path)
				if !strings.Contains(s.Suspect(), c.says) {
					t.Fatalf("it says %q, want %q", s.Suspect(), c.says)
				}
				shut(t, s)
			}
			s = open(t, path)
			if err := s.Trust(); err != nil {
				t.Fatal(err)
			}
			if s.Suspect() != "" {
				t.Error("still suspect")
			}
			if s = reopen(t, s); s.Suspect() != "" {
				t.Errorf("suspect again: %s", s.Suspect())
			}
		})
	}
}

// TestF24_CopyTakenWhileRunning: a copy made in the middle of a long run and put
// back after a kill is older than its sidecar, because the generation moves on
// while the store works.
func TestF24_CopyTakenWhileRunning(t *testing.T) {
	path := newPath(t)
	now := time.Unix(1_760_000_000, 0)
	s, err := state.Open(path, state.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, path+".old")
	now = now.Add(11 * time.Minute)
	update(t, s, func(*state.Tx) error { return nil })
	copyFile(t, path+".gen", path+".gen.killed")
	shut(t, s)
	for from, to := range map[string]string{path + ".old": path, path + ".gen.killed": path + ".gen"} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if s = open(t, path); !strings.Contains(s.Suspect(), "older") {
		t.Errorf("it says %q", s.Suspect())
	}
}

// TestF24_RestoredSnapshot: a copy that is put back is suspect even where the
// sidecar is gone with the rest of the machine.
func TestF24_RestoredSnapshot(t *testing.T) {
	s := open(t, newPath(t))
	n := nums(t, s, "account.name")[0]
	update(t, s, func(tx *state.Tx) error {
		rec := state.HubRecord{ID: 1}
		rec.Set(n, record.Of("Acme"), n, 1, n)
		return tx.Hub("account").Put(&rec, nil)
	})
	to := newPath(t)
	if err := os.Mkdir(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Snapshot(to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy: %v %v", info, err)
	}
	c := open(t, to)
	if !strings.Contains(c.Suspect(), "copy") || state.InstallID(c) != state.InstallID(s) || c.Key() != s.Key() {
		t.Errorf("the copy says %q", c.Suspect())
	}
	sound(t, c)
	view(t, c, func(tx *state.Tx) error {
		var rec state.HubRecord
		if ok, err := tx.Hub("account").Get(1, &rec); !ok || err != nil || rec.Get(n).Text() != "Acme" {
			t.Errorf("the record in the copy: %v %v", ok, err)
		}
		return nil
	})
	if err := c.Trust(); err != nil {
		t.Fatal(err)
	}
	if c = reopen(t, c); c.Suspect() != "" {
		t.Errorf("suspect after trust: %s", c.Suspect())
	}
}

func TestTouchedEmptyFileIsSuspect(t *testing.T) {
	path := newPath(t)
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(path, state.Options{ReadOnly: true}); !errors.Is(err, state.ErrDamaged) {
		t.Errorf("read only: %v", err)
	}
	if s := open(t, path); s.Suspect() == "" {
		t.Error("an empty file became a new store in silence")
	}
}

func TestDamagedFilesDoNotOpen(t *testing.T) {
	s := open(t, newPath(t))
	fill(t, s, 3000)
	_, used := s.Size()
	shut(t, s)
	whole, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"a byte":       whole[:1],
		"metas only":   whole[:8192],
		"cut in two":   whole[:used/2],
		"another kind": []byte(strings.Repeat("this is no state file\n", 4096)),
		"zeros":        make([]byte, 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(s.Path(), content, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, readOnly := range []bool{false, true, false} {
				got, err := state.Open(s.Path(), state.Options{ReadOnly: readOnly, Timeout: 60 * time.Millisecond})
				if err == nil {
					_ = got.Close()
				}
				if !errors.Is(err, state.ErrDamaged) || !strings.Contains(err.Error(), "state trust") {
					t.Errorf("read only %t: %v", readOnly, err)
				}
			}
		})
	}
}

func TestLeftoversAreRemoved(t *testing.T) {
	s := open(t, newPath(t))
	shut(t, s)
	left, theirs := state.Aside(s.Path()), s.Path()+".2026-12-01.tmp"
	for _, name := range []string{left, theirs} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, s.Path())
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("a file of a person's beside the state: %v", err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what a killed process wrote aside is still there")
	}
}

func TestFullDiskLosesNothing(t *testing.T) {
	path := newPath(t)
	s, err := state.Open(path, state.Options{MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for {
		err := s.Update(func(tx *state.Tx) error {
			return tx.Links("close", "lead").Put(&state.Link{Hub: state.HubID(done + 1), Remote: strings.Repeat("x", 1000) + state.HubID(done).String()})
		})
		if err != nil {
			break
		}
		if done++; done > 5000 {
			t.Fatal("the limit did not bite")
		}
	}
	check := func(s *state.Store) {
		view(t, s, func(tx *state.Tx) error {
			if n := tx.Links("close", "lead").Count(); n != done {
				t.Errorf("%d links of %d", n, done)
			}
			return nil
		})
		sound(t, s)
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Logf("close on a full disk: %v", err)
	}
	s = open(t, path)
	check(s)
	update(t, s, func(tx *state.Tx) error { return tx.Links("close", "lead").Delete(1) })
}

func TestNewerFormatIsRefused(t *testing.T) {
	s := open(t, newPath(t))
	if err := state.SetFormat(s, 99); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	_, err := state.Open(s.Path(), state.Options{})
	if !errors.Is(err, state.ErrNewerFormat) || !strings.Contains(err.Error(), "99") {
		t.Errorf("open: %v", err)
	}
}

func TestNamesAreNumberedOnce(t *testing.T) {
	s := open(t, newPath(t))
	a := nums(t, s, "a", "b", "a")
	if a[0] == 0 || a[0] != a[2] || a[0] == a[1] {
		t.Fatalf("numbers %v", a)
	}
	s = reopen(t, s)
	b := nums(t, s, "c", "b")
	if b[1] != a[1] || b[0] == a[0] || b[0] == a[1] || s.Name(b[0]) != "c" || s.Name(0) != "" || s.Name(999) != "" {
		t.Errorf("numbers %v then %v", a, b)
	}
	if _, err := s.Nums("ok", ""); err == nil {
		t.Error("an empty name got a number")
	}
	if c := nums(t, s, "d"); s.Name(c[0]) != "d" {
		t.Error("a refused call left the dictionary wrong")
	}
}
