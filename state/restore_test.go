package state_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crmsyncd/state"
)

// F24: whoever opens the state while a copy is put in its place gets the copy, never the
// file that had its name before, and takes nothing of the other's away; with a former
// state or without one.
func TestF24_RestoreWhileItIsOpened(t *testing.T) {
	for name, former := range map[string]bool{"beside a former state": true, "where there is none": false} {
		t.Run(name, func(t *testing.T) {
			s := open(t, newPath(t))
			from := filepath.Join(t.TempDir(), "copy.db")
			if err := s.Snapshot(from); err != nil {
				t.Fatal(err)
			}
			shut(t, s)
			path := s.Path()
			if !former {
				path = newPath(t)
			}
			checking, checked, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			go func() {
				_, err := state.Restore(path, from, func(string) error {
					close(checking)
					<-checked
					return nil
				})
				done <- err
			}()
			<-checking
			if got, err := state.Open(path, state.Options{Timeout: 50 * time.Millisecond}); !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "try again") {
				if err == nil {
					_ = got.Close()
				}
				t.Errorf("opened while the copy is checked: %v", err)
			}
			opened := make(chan *state.Store)
			go func() {
				got, err := state.Open(path, state.Options{Timeout: 10 * time.Second})
				if err != nil {
					t.Error(err)
				}
				opened <- got
			}()
			close(checked)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			got := <-opened
			if got == nil {
				return
			}
			defer got.Close()
			if got.Suspect() == "" || got.Displaced() != nil {
				t.Errorf("suspect %q, displaced %v", got.Suspect(), got.Displaced())
			}
		})
	}
}
