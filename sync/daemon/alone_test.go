package daemon_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// C13.4: a system that asks to be left alone for ten minutes, in any of the
// errors of a run, is asked nothing before: its slots and every other wish wait,
// status says until when, and other systems go on.
func TestC13_4_LeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:00:00Z")
		busy := &providers.Error{Op: "read lead", Kind: providers.Transient, Message: "status 429", RetryAfter: 10 * time.Minute}
		var asks atomic.Bool // the first pull of the system, whichever system runs first
		f := &fake{end: func(flow string, req engine.Request, _ int) error {
			if req.System == "close" && flow == "pull" && asks.CompareAndSwap(false, true) {
				return errors.Join(errors.New("another trouble"), fmt.Errorf("pull close/lead: %w", busy))
			}
			return nil
		}}
		sys := daemon.System{Name: "close", Pull: true, Push: true, Slots: []daemon.Slot{
			slot(t, "slot:close:pull", "pull", false, "@every 1m", time.UTC), slot(t, "slot:close:push", "push", false, "@every 1m", time.UTC),
		}}
		other := daemon.System{Name: "qbench", Pull: true, Slots: []daemon.Slot{slot(t, "slot:qbench:pull", "pull", false, "@every 1m", time.UTC)}}
		d, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{sys, other}}, Slots: &slots{}})
		a := api(t)
		setup := a.Setup()
		setup.Systems = []daemon.System{sys, other}
		a.Setup, a.Daemon = func() daemon.Setup { return setup }, d
		time.Sleep(time.Minute)
		if err := d.Request(daemon.Wish{System: "close", Flow: "pull", Trigger: "command"}); err != nil {
			t.Fatal(err)
		}
		st, err := daemon.Ask[daemon.Status](t.Context(), daemon.Local(a.Handler()), "status", nil, daemon.Sink{})
		if err != nil {
			t.Fatal(err)
		}
		if s := st.Systems[0]; !s.Alone.Equal(parseTime(t, "2026-11-16T00:10:00Z")) || len(s.Next) == 0 || s.Next[0].At.Before(s.Alone) {
			t.Errorf("left alone until %v, next %+v", s.Alone, s.Next)
		}
		if text := strings.Join(st.Warnings, "\n"); !strings.Contains(text, "close asks to be left alone until 2026-11-16T00:10:00Z") {
			t.Errorf("warnings %q", text)
		}
		until(t, "2026-11-16T00:10:30Z")
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		var asked []string
		qbench := 0
		for _, c := range f.calls {
			if c.req.System == "close" {
				asked = append(asked, c.flow+" "+c.at.Format("15:04"))
			} else {
				qbench++
			}
		}
		if got, want := fmt.Sprint(asked), "[pull 00:00 pull 00:10 push 00:10]"; got != want {
			t.Errorf("asked at %s, want %s", got, want)
		}
		if qbench < 10 {
			t.Errorf("another system was asked %d times in ten minutes", qbench)
		}
	})
}
