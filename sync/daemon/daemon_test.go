package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one run that the fake engine was asked for.
type call struct {
	at      time.Time
	flow    string
	req     engine.Request
	overlap bool // another run of the same system was under way
}

// fake is an engine that takes its time and notes what it was asked.
type fake struct {
	mu     sync.Mutex
	calls  []call
	active map[string]int
	peak   int // systems at work at one time

	take func(flow string, req engine.Request) time.Duration
	end  func(flow string, req engine.Request, n int) error // may panic
	due  bool
	lost error // why what is due cannot be told

	behind      []string
	turns       []time.Time
	turnChanges bool
}

func (f *fake) run(ctx context.Context, flow string, req engine.Request) (state.Run, error) {
	f.mu.Lock()
	if f.active == nil {
		f.active = map[string]int{}
	}
	f.active[req.System]++
	f.calls = append(f.calls, call{time.Now(), flow, req, f.active[req.System] > 1})
	n := len(f.calls)
	f.peak = max(f.peak, len(f.active))
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.active[req.System]--; f.active[req.System] == 0 {
			delete(f.active, req.System)
		}
	}()
	run := state.Run{ID: uint64(n), System: req.System, Flow: flow, Started: time.Now()}
	if f.take != nil {
		// Like the engine: the stop is seen at the next boundary, not at once.
		time.Sleep(f.take(flow, req))
	}
	if err := ctx.Err(); err != nil {
		return run, err
	}
	if f.end != nil {
		return run, f.end(flow, req, n)
	}
	return run, nil
}

func (f *fake) Pull(ctx context.Context, req engine.Request) (state.Run, error) {
	return f.run(ctx, "pull", req)
}

func (f *fake) Push(ctx context.Context, req engine.Request) (state.Run, error) {
	return f.run(ctx, "push", req)
}

func (f *fake) Behind(string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.behind, nil
}

func (f *fake) Turn(context.Context) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turns = append(f.turns, time.Now())
	changed := f.turnChanges
	f.turnChanges = false
	return changed, nil
}

func (f *fake) Due(string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.due, f.lost
}

// seen returns the calls of a kind.
func (f *fake) seen(flow string, full bool) []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []call
	for _, c := range f.calls {
		if c.flow == flow && c.req.Full == full {
			out = append(out, c)
		}
	}
	return out
}

// slots keeps slots in memory, as the state does on disk.
type slots struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (s *slots) LastSlot(key string) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[key], nil
}

func (s *slots) SetSlot(key string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	s.at[key] = at
	return nil
}

func slot(t *testing.T, key, flow string, full bool, spec string, loc *time.Location) daemon.Slot {
	t.Helper()
	return daemon.Slot{Key: key, Flow: flow, Full: full, Schedule: mustSchedule(t, spec, loc)}
}

// source is a system that is pulled hourly and in full at the weekend.
func source(t *testing.T, loc *time.Location) daemon.System {
	t.Helper()
	return daemon.System{Name: "qbench", Pull: true, Slots: []daemon.Slot{
		slot(t, "slot:qbench:pull", "pull", false, "@hourly", loc),
		slot(t, "slot:qbench:pull:full", "pull", true, "0 3 * * SAT", loc),
	}, PushAfter: []string{"salesforce"}}
}

func target(t *testing.T, loc *time.Location) daemon.System {
	t.Helper()
	return daemon.System{Name: "salesforce", Push: true, Slots: []daemon.Slot{
		slot(t, "slot:salesforce:push", "push", false, "30 * * * *", loc),
	}}
}

// start runs a daemon in the bubble until the returned function is called.
func start(t *testing.T, opt daemon.Options) (*daemon.Daemon, func() error) {
	t.Helper()
	d, err := daemon.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	synctest.Wait()
	return d, func() error { cancel(); return <-ended }
}

// until sleeps to a point in virtual time.
func until(t *testing.T, text string) {
	t.Helper()
	time.Sleep(time.Until(parseTime(t, text)))
	synctest.Wait()
}

// A week of hourly pulls with a full run at the weekend, and no run on top of
// another of its system. B1, B7, B8, R20, R118, R125, R137.
func TestWeekOfHourlyPulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:00:00Z") // a Monday
		f := &fake{take: func(_ string, r engine.Request) time.Duration {
			if r.Full {
				return 100 * time.Minute
			}
			return 3 * time.Minute
		}}
		_, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC), target(t, time.UTC)}}, Slots: &slots{},
		})
		time.Sleep(7*24*time.Hour - time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		full := f.seen("pull", true)
		if len(full) != 1 || full[0].at.Weekday() != time.Saturday {
			t.Fatalf("full runs: %v, want one on Saturday", full)
		}
		// 168 hours, less the one slot that came due while the full run was on.
		if n := len(f.seen("pull", false)); n < 166 || n > 168 {
			t.Errorf("%d routine pulls in a week, want one an hour", n)
		}
		if n := len(f.seen("push", false)); n < 167 || n > 170 {
			t.Errorf("%d pushes in a week, want one an hour", n)
		}
		for _, c := range f.calls {
			if c.overlap {
				t.Fatalf("a run of %s began at %s on top of another", c.req.System, c.at)
			}
		}
		if f.peak < 2 {
			t.Error("different systems never worked at the same time")
		}
	})
}

// The weekly run at 02:00 in New York is not lost on the day that has no 02:00,
// nor the midnight run in Santiago. B8.
func TestRunsOverClockChange(t *testing.T) {
	for _, tc := range []struct{ zone, spec, begin, want string }{
		{"America/New_York", "0 2 * * 0", "2026-03-02T12:00:00Z", "2026-03-08"},
		{"America/Santiago", "0 0 * * *", "2026-09-05T12:00:00Z", "2026-09-06"},
	} {
		t.Run(tc.zone, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, tc.begin)
				loc := zone(t, tc.zone)
				f := &fake{}
				sys := daemon.System{Name: "a", Pull: true, Slots: []daemon.Slot{slot(t, "k", "pull", true, tc.spec, loc)}}
				_, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{sys}}, Slots: &slots{}})
				day := parseTime(t, tc.want+"T00:00:00Z")
				time.Sleep(time.Until(day.AddDate(0, 0, 1)))
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, c := range f.seen("pull", true) {
					if c.at.In(loc).Format(time.DateOnly) == tc.want {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%d runs on %s, want 1", n, tc.want)
				}
			})
		})
	}
}

// After a stop of three weeks every missed slot is caught up once, not once per
// slot.
func TestCatchUpAfterLongStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T10:20:00Z")
		kept := &slots{}
		sys := []daemon.System{source(t, time.UTC)}
		_, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: &fake{}, Systems: sys}, Slots: kept})
		time.Sleep(time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(21 * 24 * time.Hour)
		f := &fake{}
		_, stop = start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: sys}, Slots: kept})
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		routine, full := f.seen("pull", false), f.seen("pull", true)
		if len(routine) != 1 || len(full) != 1 {
			t.Fatalf("%d routine and %d full runs after the stop, want one of each", len(routine), len(full))
		}
		if routine[0].req.Trigger != "catch_up" || full[0].req.Trigger != "catch_up" {
			t.Errorf("triggers %q and %q, want catch_up", routine[0].req.Trigger, full[0].req.Trigger)
		}
	})
}

// A daemon that is started anew every 50 minutes still serves "@every 1h" and
// "@hourly": both count from the state, not from the start.
func TestRestartEveryFiftyMinutes(t *testing.T) {
	for _, spec := range []string{"@hourly", "@every 1h"} {
		t.Run(spec, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2026-11-16T00:10:03Z")
				f, kept := &fake{}, &slots{}
				sys := daemon.System{Name: "a", Pull: true, Slots: []daemon.Slot{slot(t, "k", "pull", false, spec, time.UTC)}}
				begin := time.Now()
				for time.Since(begin) < 20*time.Hour {
					_, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{sys}}, Slots: kept})
					time.Sleep(50*time.Minute + 7*time.Second) // never on the beat of the hour
					if err := stop(); err != nil {
						t.Fatal(err)
					}
				}
				if n := len(f.calls); n < 20 || n > 22 {
					t.Errorf("%d runs in 20 hours, want one an hour and the first", n)
				}
			})
		})
	}
}

// A panic ends its run, is marked, shows no value, and the next run happens; the
// other system does not notice. F26.
func TestF26_PanicEndsOneRunOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:00:00Z")
		var log bytes.Buffer
		var failed []string
		f := &fake{end: func(_ string, r engine.Request, n int) error {
			if r.System == "qbench" && n < 4 {
				panic("jane@example.com")
			}
			if r.System == "salesforce" {
				return errors.New("the system is down")
			}
			return nil
		}}
		_, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC), target(t, time.UTC)}}, Slots: &slots{},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Failed: func(system, flow, text string) { failed = append(failed, system+" "+flow+" "+text) },
		})
		time.Sleep(5*time.Hour + time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := len(f.seen("pull", false)); n != 6 {
			t.Errorf("%d pulls, want 6: a panic must not end the schedule", n)
		}
		if n := len(f.seen("push", false)); n != 6 {
			t.Errorf("%d pushes, want 6: a failing system goes on being tried", n)
		}
		if len(failed) == 0 || !strings.HasPrefix(failed[0], "qbench pull internal error") {
			t.Errorf("marked as failed: %q", failed)
		}
		if strings.Contains(log.String(), "jane@") || strings.Contains(strings.Join(failed, ""), "jane@") {
			t.Error("the panic's value was shown")
		}
		if !strings.Contains(log.String(), "run panicked") {
			t.Error("the panic was not logged")
		}
	})
}

// Asked ten times, before and during a run, it runs in full once for each. B7.
func TestRequestsCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:05:00Z")
		f := &fake{take: func(string, engine.Request) time.Duration { return time.Minute }}
		d, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC)}}, Slots: &slots{},
		})
		ask := func() {
			for range 10 {
				if err := d.Request(daemon.Wish{Full: true, Trigger: "signal"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		ask() // the first routine run is under way
		time.Sleep(90 * time.Second)
		if n := len(f.seen("pull", true)); n != 1 {
			t.Fatalf("%d full runs, want one under way", n)
		}
		ask() // and now while the full run is under way
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := len(f.seen("pull", true)); n != 2 {
			t.Errorf("%d full runs, want 2", n)
		}
		if err := d.Request(daemon.Wish{System: "nobody"}); !errors.Is(err, daemon.ErrUnknownSystem) {
			t.Errorf("a wish about an unknown system: %v", err)
		}
	})
}

// A pull is followed by a push at once when there is something to push, and by
// none when there is not. R16.
func TestR16_PushFollowsPull(t *testing.T) {
	for _, due := range []bool{true, false} {
		t.Run(fmt.Sprint(due), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2026-11-16T00:05:00Z")
				f := &fake{due: due}
				_, stop := start(t, daemon.Options{
					Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC), target(t, time.UTC)}}, Slots: &slots{},
				})
				until(t, "2026-11-16T01:00:01Z")
				var after []time.Time
				for _, c := range f.seen("push", false) {
					if c.req.Trigger == "after_pull" {
						after = append(after, c.at)
					}
				}
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if due && (len(after) == 0 || !after[len(after)-1].Equal(parseTime(t, "2026-11-16T01:00:00Z"))) {
					t.Errorf("pushes after the pull at 01:00: %v", after)
				}
				if !due && len(after) > 0 {
					t.Errorf("pushed without need: %v", after)
				}
			})
		})
	}
}

// A stop starts nothing new, waits for what is in flight, and leaves its slot
// unserved so that the next start does it again. B1.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:00:30Z")
		kept := &slots{}
		f := &fake{take: func(string, engine.Request) time.Duration { return 20 * time.Second }}
		sys := []daemon.System{source(t, time.UTC)}
		var told []string
		d, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: f, Systems: sys}, Slots: kept, Notify: func(s string) { told = append(told, s) },
		})
		time.Sleep(5 * time.Second) // the first pull is in flight
		if err := d.Request(daemon.Wish{Full: true}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 15*time.Second {
			t.Errorf("the stop took %s, want the 15 s that the run still needed", took)
		}
		if n := len(f.calls); n != 1 {
			t.Errorf("%d runs, want none started after the stop", n)
		}
		if !kept.at["slot:qbench:pull"].IsZero() {
			t.Error("the slot of an interrupted run counts as served")
		}
		if strings.Join(told, " ") != "READY=1 STOPPING=1" {
			t.Errorf("told the service manager %q", told)
		}
	})
}

// A run that does not end in time is left behind, and the stop says so.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{take: func(string, engine.Request) time.Duration { return 10 * time.Minute }}
		_, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC)}}, Slots: &slots{}, Drain: time.Minute,
		})
		time.Sleep(time.Second)
		if err := stop(); !errors.Is(err, daemon.ErrDrain) {
			t.Errorf("got %v, want ErrDrain", err)
		}
		time.Sleep(time.Hour)
	})
}

// A full run that failed is tried again soon, not in a week; what a guard
// stopped waits for a person.
func TestFailedFullRunIsRetried(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want int
	}{"an outage": {errors.New("down"), 4}, "a guard": {engine.ErrGuard, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2026-11-20T12:00:00Z")
				f := &fake{end: func(_ string, r engine.Request, _ int) error {
					if r.Full {
						return tc.err
					}
					return nil
				}}
				_, stop := start(t, daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC)}}, Slots: &slots{}})
				time.Sleep(3 * 24 * time.Hour)
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if n := len(f.seen("pull", true)); n != tc.want {
					t.Errorf("%d full runs, want %d", n, tc.want)
				}
			})
		})
	}
}

// A reload that fails changes nothing; one that works takes effect with the next
// run, and the one in flight ends with the old engine.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T00:00:30Z")
		old := &fake{take: func(string, engine.Request) time.Duration { return time.Minute }}
		fresh := &fake{}
		var setup daemon.Setup
		fail := errors.New("crmsyncd.yaml:3: no")
		d, stop := start(t, daemon.Options{
			Setup: daemon.Setup{Runner: old, Systems: []daemon.System{source(t, time.UTC)}}, Slots: &slots{},
			Load: func(context.Context) (daemon.Setup, error) { return setup, fail },
		})
		if err := d.Reload(t.Context()); !errors.Is(err, fail) {
			t.Fatalf("got %v, want the loader's error", err)
		}
		if d.Setup().Runner != daemon.Runner(old) {
			t.Fatal("a bad reload changed the engine")
		}
		setup, fail = daemon.Setup{Runner: fresh, Systems: []daemon.System{source(t, time.UTC), target(t, time.UTC)}}, nil
		if err := d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(fresh.seen("push", false)) != 1 {
			t.Error("the new system's first push did not run")
		}
		if len(fresh.seen("pull", false)) != 0 {
			t.Error("a second run of a system began while one was in flight")
		}
		time.Sleep(61 * time.Minute)
		if len(old.calls) != 1 || len(fresh.seen("pull", false)) == 0 {
			t.Errorf("%d runs by the old engine, %d pulls by the new", len(old.calls), len(fresh.seen("pull", false)))
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// The service manager hears of the daemon while loop and state answer, and no
// more once the state hangs.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		pings, hang := 0, make(chan struct{})
		var alive error
		opt := daemon.Options{
			Setup: daemon.Setup{Runner: &fake{}, Systems: []daemon.System{source(t, time.UTC)}}, Slots: &slots{},
			Watchdog: time.Minute,
			Notify: func(s string) {
				mu.Lock()
				defer mu.Unlock()
				if s == "WATCHDOG=1" {
					pings++
				}
			},
			Alive: func() error {
				mu.Lock()
				err := alive
				mu.Unlock()
				if err != nil {
					<-hang
				}
				return err
			},
		}
		_, stop := start(t, opt)
		time.Sleep(10*time.Minute + 5*time.Second) // off the beat of the pings
		mu.Lock()
		if pings < 25 {
			t.Errorf("%d pings in ten minutes, want one each 20 s", pings)
		}
		pings, alive = 0, errors.New("stuck")
		mu.Unlock()
		time.Sleep(10 * time.Minute)
		mu.Lock()
		if pings != 0 {
			t.Errorf("%d pings while the state hangs", pings)
		}
		mu.Unlock()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		close(hang)
	})
}

// A daemon that was killed in the push after a pull goes on with it when it
// starts, whatever its slots say (R16); one with nothing to push does not. Where
// the state cannot tell, a push begins, which fails for all to see (C1.9).
func TestStartGoesOnWithAPush(t *testing.T) {
	for _, c := range []struct {
		due  bool
		lost error
		want int
	}{{false, nil, 0}, {true, nil, 1}, {false, errors.New("cannot be read"), 1}} {
		synctest.Test(t, func(t *testing.T) {
			until(t, "2026-11-16T00:40:00Z")
			served := &slots{}
			for _, key := range []string{"slot:qbench:pull", "slot:qbench:pull:full", "slot:salesforce:push"} {
				_ = served.SetSlot(key, time.Now())
			}
			f := &fake{due: c.due, lost: c.lost}
			_, stop := start(t, daemon.Options{
				Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC), target(t, time.UTC)}},
				Slots: served, Logger: slog.New(slog.DiscardHandler),
			})
			until(t, "2026-11-16T00:41:00Z")
			if n := len(f.seen("push", false)); n != c.want {
				t.Errorf("due %v, %v: %d pushes at the start", c.due, c.lost, n)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// B7: a full run that somebody asked for is not lost where the daemon stops before it
// has ended; the next daemon makes up for it, once.
func TestB7_WantedFullRunOutlivesAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2026-11-16T10:05:00Z")
		kept := &slots{}
		f := &fake{take: func(string, engine.Request) time.Duration { return time.Minute }}
		opt := daemon.Options{Setup: daemon.Setup{Runner: f, Systems: []daemon.System{source(t, time.UTC)}}, Slots: kept}
		d, stop := start(t, opt)
		time.Sleep(5 * time.Minute)
		if err := d.Request(daemon.Wish{Full: true, Trigger: "signal"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // it runs
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, stop = start(t, opt)
			time.Sleep(10 * time.Minute)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(f.seen("pull", true)); n != 2 {
			t.Errorf("%d full runs, want the one that the stop cut and one after it", n)
		}
	})
}
