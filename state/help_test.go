package state_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"crmsyncd/state"
)

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "private", "state.db") }

func open(t testing.TB, path string) *state.Store {
	t.Helper()
	s, err := state.Open(path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func reopen(t testing.TB, s *state.Store) *state.Store {
	t.Helper()
	shut(t, s)
	return open(t, s.Path())
}

func shut(t testing.TB, s *state.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func update(t testing.TB, s *state.Store, fn func(tx *state.Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *state.Store, fn func(tx *state.Tx) error) {
	t.Helper()
	if err := s.View(fn); err != nil {
		t.Fatal(err)
	}
}

// sound fails the test unless Verify finds nothing.
func sound(t testing.TB, s *state.Store) {
	t.Helper()
	found, err := s.Verify(t.Context(), nil)
	if err != nil || len(found) > 0 {
		t.Fatalf("verify: %v %v", found, err)
	}
}

func nums(t testing.TB, s *state.Store, names ...string) []state.Num {
	t.Helper()
	n, err := s.Nums(names...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// memoryDir returns a folder that costs no disk syncs where the machine has
// one: for tests of what is stored, not of how durable it is.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "crmsyncd-test-") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// backgroundContext is for the child process, which has no test to end it.
func backgroundContext() context.Context { return context.Background() }
