package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// C17.10: a disk that is full while the daemon starts is waited for, and no failure
// that uses up the unit's limit of starts.
func TestC17_10_StartWaitsForRoom(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	dir := filepath.Dir(b.state)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Skipf("no disk of its own can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	d := b.launch("run")
	b.until("the start waits", func() bool { return strings.Contains(d.text(), "the start waits for room") })
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=64m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	b.until("it goes on", func() bool { return strings.Contains(d.text(), `"started"`) && b.sf.Count("Account") == 3 })
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
