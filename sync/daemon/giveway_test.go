package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// pages is an engine whose full runs have many pages, a minute each, and stand
// aside after each of them; all else is the fake's.
type pages struct {
	fake
	n     int // pages of a full run
	ended []time.Time
}

func (p *pages) Pull(ctx context.Context, req engine.Request) (state.Run, error) {
	return p.long(ctx, "pull", req)
}

func (p *pages) Push(ctx context.Context, req engine.Request) (state.Run, error) {
	return p.long(ctx, "push", req)
}

func (p *pages) long(ctx context.Context, flow string, req engine.Request) (state.Run, error) {
	if !req.Full {
		return p.run(ctx, flow, req)
	}
	run := state.Run{ID: 1, System: req.System, Flow: flow, Full: true, Started: time.Now()}
	for range p.n {
		if err := ctx.Err(); err != nil {
			return run, err
		}
		time.Sleep(time.Minute)
		req.GiveWay(ctx)
	}
	p.mu.Lock()
	p.ended = append(p.ended, time.Now())
	p.mu.Unlock()
	return run, nil
}

// both is a system that is pulled from and pushed to every hour, and pulled in
// full only when asked.
func both(t *testing.T) daemon.System {
	t.Helper()
	return daemon.System{Name: "close", Pull: true, Push: true, Slots: []daemon.Slot{
		slot(t, "slot:close:pull", "pull", false, "@hourly", time.UTC),
		slot(t, "slot:close:push", "push", false, "30 * * * *", time.UTC),
	}}
}

func fullPull(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	if err := d.Request(daemon.Wish{System: "close", Flow: "pull", Full: true, Trigger: "command"}); err != nil {
		t.Fatal(err)
	}
}

func times(calls []call) []string {
	var out []string
	for _, c := range calls {
		out = append(out, c.at.Format("15:04"))
	}
	return out
}

// A full run of three hours keeps nobody waiting: the hourly pulls and pushes of
// the same system happen at its page boundaries, and their slots count as
// served. B8, R118.
func TestFullRunGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:05:30Z")
		kept := &slots{}
		p := &pages{n: 180}
		p.take = func(string, engine.Request) time.Duration { return 2 * time.Minute }
		d, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: p, Systems: []daemon.System{both(t)}}, Slots: kept})
		time.Sleep(5 * time.Minute) // the first routine runs are done
		fullPull(t, d)
		until(t, "2026-11-16T03:59:45Z")
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(times(p.seen("pull", false))), "[00:05 01:00 02:00 03:00]"; got != want {
			t.Errorf("routine pulls at %s, want %s", got, want)
		}
		if got, want := fmt.Sprint(times(p.seen("push", false))), "[00:07 00:30 01:30 02:30 03:30]"; got != want {
			t.Errorf("routine pushes at %s, want %s", got, want)
		}
		// 180 pages of a minute, and 6 runs of two minutes that went first.
		if want := parseTime(t, "2026-11-16T03:22:30Z"); len(p.ended) != 1 || !p.ended[0].Equal(want) {
			t.Errorf("the full run ended at %v, want once at %s", p.ended, want)
		}
		if at, _ := kept.LastSlot("slot:close:pull"); at.Format("15:04") != "03:00" {
			t.Errorf("the pull's slot was served at %s, want 03:00", at)
		}
	})
}

// What goes first may panic or fail: the long run goes on, and so do the next
// ones. F26.
func TestF26_WhatGoesFirstMayFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:05:30Z")
		var failed []string
		p := &pages{n: 150}
		p.end = func(_ string, _ engine.Request, n int) error {
			if n%2 == 0 {
				panic("jane@example.com")
			}
			return errors.New("the system is down")
		}
		d, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: p, Systems: []daemon.System{both(t)}}, Slots: &slots{},
			Logger: slog.New(slog.DiscardHandler),
			Failed: func(_, flow, _ string) { failed = append(failed, flow) },
		})
		fullPull(t, d)
		time.Sleep(4 * time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(p.ended) != 1 {
			t.Errorf("the full run ended %d times, want once", len(p.ended))
		}
		if n := len(p.seen("pull", false)); n != 5 {
			t.Errorf("%d routine pulls, want 5", n)
		}
		if len(failed) < 3 {
			t.Errorf("marked as failed: %v", failed)
		}
	})
}

// A stop ends both, the run that goes first and the one that stands aside, and
// leaves both unserved. B1.
func TestDrainWhileGivingWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:05:30Z")
		kept := &slots{}
		p := &pages{n: 180}
		p.take = func(string, engine.Request) time.Duration { return 30 * time.Second }
		d, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: p, Systems: []daemon.System{both(t)}}, Slots: kept})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		fullPull(t, d)
		synctest.Wait()
		until(t, "2026-11-16T00:30:40Z")
		// The push that was due at half past is under way inside the full run.
		if n := len(p.seen("push", false)); n != 2 {
			t.Fatalf("%d pushes, want the second under way", n)
		}
		before, _ := kept.LastSlot("slot:close:push")
		begin := time.Now()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("the stop took %s, want no longer than the run in flight", took)
		}
		if len(p.ended) != 0 {
			t.Error("the full run went on to its end")
		}
		if after, _ := kept.LastSlot("slot:close:push"); !after.Equal(before) {
			t.Error("the slot of an interrupted run counts as served")
		}
	})
}

// A routine run that takes longer than its interval cannot keep a full run from
// its end.
func TestFullRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:05:30Z")
		p := &pages{n: 180}
		p.take = func(string, engine.Request) time.Duration { return 100 * time.Minute }
		d, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: p, Systems: []daemon.System{both(t)}}, Slots: &slots{}, Drain: 2 * time.Hour,
		})
		fullPull(t, d)
		begin := time.Now()
		time.Sleep(24 * time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(p.ended) != 1 {
			t.Fatalf("the full run ended %d times in a day, want once", len(p.ended))
		}
		// Two first runs, then three hours of its own, as much again and one run more.
		if took := p.ended[0].Sub(begin); took > 12*time.Hour {
			t.Errorf("the full run took %s", took)
		}
	})
}

// A system that is behind for a new field is filled in the background: the
// pass begins after the next routine pull, is not begun twice, and serves no
// slot. R122, R124.
func TestBehindIsFilledInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{behind: []string{"lead"}}
		f.end = func(_ string, req engine.Request, _ int) error {
			if req.Backfill {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.behind = nil
			}
			return nil
		}
		f.take = func(_ string, req engine.Request) time.Duration {
			if req.Backfill {
				return 90 * time.Minute
			}
			return time.Second
		}
		_, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{both(t)}}, Slots: &slots{}})
		time.Sleep(3*time.Hour + time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		var fills, routine int
		for _, c := range f.seen("pull", false) {
			if !c.req.Backfill {
				routine++
				continue
			}
			if fills++; routine == 0 || c.req.GiveWay == nil {
				t.Errorf("the pass began at %s after %d pulls; gives way: %t", c.at.Format("15:04"), routine, c.req.GiveWay != nil)
			}
		}
		if fills != 1 || routine < 3 {
			t.Errorf("%d passes and %d routine pulls, want 1 and at least 3", fills, routine)
		}
	})
}

// What the calendar changes is worked out within a minute of midnight, whatever
// the schedules are, and pushed. R73, D7.
func TestD7_TheCalendarTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		sys := both(t)
		sys.Slots = nil
		_, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{sys}}, Slots: &slots{}})
		time.Sleep(10*time.Minute + time.Second)
		if n := len(f.seen("push", false)); n != 0 {
			t.Errorf("%d pushes though nothing changed", n)
		}
		f.mu.Lock()
		looks := len(f.turns)
		f.turnChanges, f.due = true, true
		f.mu.Unlock()
		if looks < 10 {
			t.Errorf("looked %d times in ten minutes", looks)
		}
		time.Sleep(time.Minute + time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := f.seen("push", false); len(got) != 1 || got[0].req.Trigger != "calendar" {
			t.Errorf("pushes: %v", got)
		}
	})
}

// R18: at the first start, the system of record is pulled before the systems
// that hold some of the same; when its pull is over, well or not, they follow.
// Later none waits.
func TestR18_SystemOfRecordGoesFirst(t *testing.T) {
	for name, end := range map[string]error{"well": nil, "failed": errors.New("down")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				f.take = func(string, engine.Request) time.Duration { return 20 * time.Minute }
				f.end = func(_ string, req engine.Request, _ int) error {
					if req.System == "qbench" {
						return end
					}
					return nil
				}
				second := both(t)
				second.PullAfter = []string{"qbench"}
				first := source(t, time.UTC)
				_, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{second, first}}, Slots: &slots{}})
				time.Sleep(2*time.Hour + 55*time.Minute)
				if err := stop(); err != nil {
					t.Error(err)
				}
				var order []string
				for _, c := range f.seen("pull", false) {
					order = append(order, c.req.System)
				}
				if len(order) < 4 || order[0] != "qbench" || order[1] != "close" {
					t.Errorf("pulls: %v", order)
				}
				at := times(f.seen("pull", false))
				if len(at) > 3 && at[2] != at[3] {
					t.Errorf("the second time one waited: %v of %v", at, order)
				}
			})
		})
	}
}
