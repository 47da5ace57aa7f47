package daemon_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// C17.6: a clock that is set back by a day, an hour or ten years, also within a
// run, makes no run later than by one interval; set forward, what was missed is
// made up for once. The log and the status tell both.
func TestClockIsSet(t *testing.T) {
	for _, tc := range []struct {
		by     time.Duration
		within bool // a run
		want   string
	}{
		{-24 * time.Hour, false, "set back by 24h0m0s"},
		{-24 * time.Hour, true, "set back by 24h0m0s"},
		{-time.Hour, false, "set back by 1h0m0s"},
		{-10 * 365 * 24 * time.Hour, false, "set back by"},
		{5 * time.Hour, false, "went forward by 5h0m0s"},
		{-time.Second, false, ""},
	} {
		t.Run(tc.by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2026-11-16T00:00:00Z")
				var by atomic.Int64
				wall := func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
				f := &fake{take: func(string, engine.Request) time.Duration {
					if tc.within {
						return 20 * time.Minute
					}
					return time.Minute
				}}
				log := &bytes.Buffer{}
				_, stop := start(t, daemon.Options{
					Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC), target(t, time.UTC)}}, Slots: &slots{},
					Wall: wall, Logger: slog.New(slog.NewTextHandler(log, nil)),
				})
				time.Sleep(3*time.Hour + 10*time.Minute)
				by.Store(int64(tc.by))
				time.Sleep(3 * time.Hour)
				_ = stop()            // a long run is still in flight
				time.Sleep(time.Hour) // and ends
				for _, flow := range []string{"pull", "push"} {
					runs := f.seen(flow, false)
					for i := 1; i < len(runs); i++ {
						if gap := runs[i].at.Sub(runs[i-1].at); gap > 2*time.Hour+time.Minute {
							t.Errorf("the %s after that of %s is %s later", flow, runs[i-1].at, gap)
						}
					}
					if n := len(runs); n < 5 || n > 10 {
						t.Errorf("%d runs of %s in six hours", n, flow)
					}
				}
				if got := log.String(); strings.Count(got, "the clock was set\"") != min(1, len(tc.want)) || !strings.Contains(got, tc.want) {
					t.Errorf("the log tells %q, want %q once", got, tc.want)
				}
			})
		})
	}
}
