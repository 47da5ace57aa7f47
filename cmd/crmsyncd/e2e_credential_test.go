package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startFile writes a file that systemd reads at the start of the service alone.
func (b *bed) startFile(name, text string) (path string) {
	b.t.Helper()
	path = filepath.Join(b.config, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// C17.7: systemd hands a credential and the environment over at the start alone, so a
// changed one makes status yellow with the file's name, and reload says that a
// restart is due; so does one that is new or gone. One that is as it was says nothing.
func TestC17_7_RotatedCredential(t *testing.T) {
	for name, change := range map[string]func(b *bed, path string) error{
		"written anew": func(b *bed, path string) error { return os.WriteFile(path, []byte("ANOTHER=1"), 0o600) },
		"moved over it": func(b *bed, path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte("SAME_LEN=1"), 0o600), os.Chtimes(path+".new", time.Time{}, time.Unix(1, 0)), os.Rename(path+".new", path))
		},
		"taken away": func(b *bed, path string) error { return os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.seed(1)
			key, env := b.startFile("secrets/salesforce", "A_SECRET=1"), b.startFile("environment", "A_PLACE=12")
			b.start()
			b.until("the first runs have ended", func() bool { return b.sf.Count("Account") == 1 && len(b.runsAnyCode()) >= 2 })
			if out := b.want(0, "status"); strings.Contains(out, "restart") {
				t.Errorf("nothing changed:\n%s", out)
			}
			if out := b.want(0, "reload"); strings.Contains(out, "restart") {
				t.Errorf("nothing changed:\n%s", out)
			}
			for _, path := range []string{key, env} {
				if err := change(b, path); err != nil {
					t.Fatal(err)
				}
				const after = "n force after a restart only"
				if out := b.want(0, "status"); !strings.HasPrefix(out, "yellow") || !strings.Contains(out, path+") was written since the start, and that is i"+after) {
					t.Errorf("status after a change of %s:\n%s", path, out)
				}
				if out := b.want(0, "check", "--live"); !strings.Contains(out, path+") was written since the running daemon started") {
					t.Errorf("check --live after a change of %s:\n%s", path, out)
				}
				if out := b.want(0, "reload"); !strings.Contains(out, path) || !strings.Contains(out, after) {
					t.Errorf("reload after a change of %s:\n%s", path, out)
				}
			}
		})
	}
}

// C17.4: where a credential is not set, its system is red and says which file is
// missing; the others work, and a reload takes what else was mended. A unit stands an
// empty line for a file that is not there.
func TestC17_4_CredentialNotSet(t *testing.T) {
	for name, text := range map[string]string{"an empty line": "\n", "no file": ""} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.unaudited = "a system cannot be asked"
			b.seed(1)
			dir := filepath.Dir(b.config)
			b.secret(dir, "salesforce", text)
			if text == "" {
				if err := os.Remove(filepath.Join(dir, "cred", "salesforce")); err != nil {
					t.Fatal(err)
				}
			}
			want := "there is no " + filepath.Join(dir, "cred", "salesforce")
			if text != "" {
				want = filepath.Join(dir, "cred", "salesforce") + " is empty"
			}
			if out := b.want(78, "check"); !strings.Contains(out, "crmsyncd.yaml:") || !strings.Contains(out, "credential salesforce is not set: "+want) {
				t.Errorf("check says:\n%s", out)
			}
			d := b.start()
			b.until("QBench is read and Salesforce red", func() bool {
				out, _, code := b.run("status")
				return code == 1 && strings.Contains(out, "1 account") && strings.Contains(out, "credential salesforce is not set: "+want)
			})
			b.edit("crmsyncd.yaml", "percent: 50", "percent: 60")
			b.want(0, "reload")
			// Mended, and with a restart: at once, whatever the schedules say.
			d.signal(syscall.SIGTERM)
			d.wait(10 * time.Second)
			b.secret(dir, "salesforce", canarySecret+"-sf")
			b.start()
			b.until("all is well at once", func() bool { out, _, code := b.run("status"); return code == 0 && strings.HasPrefix(out, "green") })
			// Gone again, while nothing is due: it is red before any run meets it.
			b.secret(dir, "salesforce", "\n")
			if out := b.want(1, "status"); !strings.HasPrefix(out, "red") || !strings.Contains(out, "crmsyncd.yaml:") || !strings.Contains(out, "credential salesforce is not set") {
				t.Errorf("status before any run:\n%s", out)
			}
		})
	}
}
