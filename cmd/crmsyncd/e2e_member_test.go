package main_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// C17.10: a member of the daemon's group asks the daemon for everything that it answers,
// although the environment file is root's; where none answers, that is what is said, and
// not a mistake in files that are right.
func TestC17_10_MemberAsksTheDaemon(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	b := newBed(t)
	b.seed(2)
	b.want(0, "run", "--once")
	var environment strings.Builder
	for _, v := range b.env {
		if strings.HasPrefix(v, "CRMSYNCD_") {
			environment.WriteString(v + "\n")
		}
	}
	file := filepath.Join(b.config, "environment")
	if err := os.WriteFile(file, []byte(environment.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{b.config, filepath.Dir(b.bin), filepath.Dir(b.socket)} {
		for ; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	const user, group = 65534, 65533
	member := func(words ...string) (string, int) {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.Command(b.bin, b.args(words...)...)
		cmd.Env, cmd.Stdout, cmd.Stderr = []string{"PATH=" + os.Getenv("PATH")}, &out, &out
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: group}}
		_ = cmd.Run()
		return out.String(), cmd.ProcessState.ExitCode()
	}
	d := b.start()
	for _, err := range []error{os.Chown(filepath.Dir(b.socket), 0, group), os.Chmod(filepath.Dir(b.socket), 0o750), os.Chown(b.socket, 0, group)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range []string{
		"status", "runs", "held", "plan", "resync", "resync qbench", "run --once", "run --once --no-wait", "run --once --system salesforce", "check", "check --live", "audit",
	} {
		out, code := member(strings.Fields(words)...)
		if code != 0 || strings.Contains(out, "the environment has no") {
			t.Errorf("%s: %d, %s", words, code, out)
		}
	}
	if out, code := member("check"); code != 0 || !strings.Contains(out, "environment: you may not read it, so what it sets is not looked at (run this as root)") {
		t.Errorf("check: %d, %s", code, out)
	}
	d.signal(syscall.SIGTERM)
	d.wait(10 * time.Second)
	for _, words := range []string{"status", "held", "run --once", "plan", "check --live"} {
		if out, code := member(strings.Fields(words)...); code != 1 || !strings.Contains(out, "no daemon is running") || strings.Contains(out, "the environment has no") {
			t.Errorf("%s without a daemon: %d, %s", words, code, out)
		}
	}
	if out, code := member("run"); code != 78 || !strings.Contains(out, "the environment has no") {
		t.Errorf("run, with addresses that nobody knows: %d, %s", code, out)
	}
}

// C17.1: a log that nobody reads any more costs its lines and not the process, whose
// end by that signal systemd takes for an ordinary one.
func TestC17_1_LogIsReadByNobody(t *testing.T) {
	b := newBed(t)
	b.seed(2)
	b.want(0, "run", "--once")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(b.bin, b.args("run", "--log-level", "debug")...)
	cmd.Env, cmd.Stderr = b.env, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_ = write.Close()
	if _, err := read.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	b.until("the daemon answers", func() bool { _, _, code := b.run("status"); return code == 0 })
	b.seed(1)
	b.want(0, "run", "--once")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if n := b.sf.Count("Account"); n != 3 {
		t.Errorf("%d accounts, want 3", n)
	}
}

// C17.10: status pages that another process has the port of are a warning, for whoever
// asks that port reads of another organization.
func TestC17_10_TakenPortIsTold(t *testing.T) {
	b := newBed(t)
	b.seed(1)
	b.want(0, "run", "--once")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b.edit("crmsyncd.yaml", "listen: 127.0.0.1:0", "listen: "+l.Addr().String())
	b.start()
	if out := b.want(0, "status"); !strings.Contains(out, "yellow") || !strings.Contains(out, "no status pages") || !strings.Contains(out, l.Addr().String()) {
		t.Errorf("status:\n%s", out)
	}
}

// F24: a state file that was moved, removed or replaced while the daemon works with it
// makes the daemon red at once, and a backup still holds everything.
func TestF24_StateFileTakenAway(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"moved":    func(path string) error { return os.Rename(path, path+".moved") },
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.WriteFile(path+".other", []byte("x"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.seed(2)
			b.want(0, "run", "--once")
			d := b.start()
			b.want(0, "status")
			if err := take(b.state); err != nil {
				t.Fatal(err)
			}
			if name == "replaced" {
				if err := os.Rename(b.state+".other", b.state); err != nil {
					t.Fatal(err)
				}
			}
			if out := b.want(1, "status"); !strings.Contains(out, "red") || !strings.Contains(out, "the state") || !strings.Contains(out, "crmsyncd state backup FILE") {
				t.Errorf("status:\n%s", out)
			}
			saved := filepath.Join(t.TempDir(), "saved.db")
			b.want(0, "state", "backup", saved)
			d.signal(syscall.SIGTERM)
			d.wait(10 * time.Second)
			_ = os.Remove(b.state)
			b.want(0, "state", "restore", saved)
			b.want(0, "state", "trust", "--yes")
			b.want(0, "run", "--once", "--full")
			if n := b.sf.Count("Account"); n != 2 {
				t.Errorf("%d accounts, want 2", n)
			}
		})
	}
}
