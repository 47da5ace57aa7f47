package daemon

import (
	"errors"
	"strings"
	"testing"
)

// A disk without room for the state turns the status red: a run on it can
// record neither what it did nor that it failed.
func TestFullDiskIsRed(t *testing.T) {
	for free, full := range map[uint64]bool{0: true, 40 << 10: true, diskRoom - 1: true, diskRoom: false, 1 << 40: false} {
		st := Status{Health: HealthGreen, Daemon: true, State: StateStatus{Full: diskFull(free, nil)}}
		st.judge()
		if red := st.Health == HealthRed; red != full || red != (len(st.Problems) == 1 && strings.Contains(st.Problems[0], "KiB left")) {
			t.Errorf("%d bytes left: %s %q", free, st.Health, st.Problems)
		}
	}
	if text := diskFull(0, errors.New("not to be told")); text != "" {
		t.Errorf("of a disk that cannot be told: %q", text)
	}
}

// Without a daemon nothing goes on by itself: that is never green.
func TestNoDaemonIsYellow(t *testing.T) {
	for running, want := range map[bool]string{true: HealthGreen, false: HealthYellow} {
		st := Status{Health: HealthGreen, Daemon: running}
		if st.judge(); st.Health != want {
			t.Errorf("a daemon runs %t: %s", running, st.Health)
		}
	}
}
