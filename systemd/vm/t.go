package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// T is what a step works with: the guest, the vendors, and a place for what is
// not as it should be.
type T struct {
	Guest   *Guest
	Vendors *Vendors

	stage  *stage
	failed bool
	notes  []string
	wrong  []string
	last   *Result // of the commands in the guest
}

// stopped is what a step panics with to end itself.
type stopped struct{}

// Want notes what is wrong unless ok, and returns ok. The step goes on.
func (t *T) Want(ok bool, format string, args ...any) bool {
	if !ok {
		t.failed = true
		t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	}
	return ok
}

// Must is Want, but where something is wrong the step ends.
func (t *T) Must(ok bool, format string, args ...any) {
	if !t.Want(ok, format, args...) {
		panic(stopped{})
	}
}

// NoError ends the step where there is one.
func (t *T) NoError(err error) {
	if err != nil {
		t.Must(false, "%v", err)
	}
}

// Note prints a line below the step's own, however it ends.
func (t *T) Note(format string, args ...any) { t.notes = append(t.notes, fmt.Sprintf(format, args...)) }

// MustRun runs a script in the guest, as [Guest.Run] does, and returns what it
// printed. Where it fails, the step ends.
func (t *T) MustRun(ctx context.Context, script string) string {
	return t.MustRunFor(ctx, commandLimit, script)
}

// MustRunFor is MustRun with a time limit.
func (t *T) MustRunFor(ctx context.Context, limit time.Duration, script string) string {
	r := t.Guest.RunFor(ctx, limit, script)
	t.Must(r.OK(), "%s", r)
	return r.Out
}

// Eventually tries again until there is no error, and returns how long that
// took. At the limit the step ends with the last error.
func (t *T) Eventually(ctx context.Context, limit time.Duration, try func() error) time.Duration {
	began, tick := time.Now(), time.NewTicker(500*time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return time.Since(began)
		}
		t.Must(time.Since(began) < limit, "not within %v: %v", limit, err)
		select {
		case <-ctx.Done():
			t.NoError(errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

func (t *T) hear(r Result) {
	t.last = &r
	if t.stage.verbose {
		fmt.Println(indent(r.String()))
	}
}

// play runs a step to its end. A step that breaks is one that failed.
func (t *T) play(ctx context.Context, do func(context.Context, *T)) {
	defer func() {
		switch r := recover().(type) {
		case nil, stopped:
		default:
			t.Want(false, "the step itself broke: %v\n%s", r, debug.Stack())
		}
	}()
	do(ctx, t)
}

// report prints what was noted and, where the step failed, what went before and
// the service's journal.
func (t *T) report(ctx context.Context) {
	for _, n := range t.notes {
		fmt.Println(indent(n))
	}
	if !t.failed {
		return
	}
	told := strings.Join(t.wrong, "\n")
	fmt.Println(indent(told))
	if t.last != nil && !strings.Contains(told, t.last.String()) {
		fmt.Println(indent("--- the last command\n" + t.last.String()))
	}
	if ctx.Err() == nil {
		fmt.Println(indent(t.Guest.testimony(ctx)))
	}
}

// testimony is the journal of the service or, from a guest that does not answer,
// its last words.
func (g *Guest) testimony(ctx context.Context) string {
	g.heard = nil
	if g.machine == nil || g.machine.gone() {
		return "--- the guest is off; its serial line\n" + g.lastWords()
	}
	r := g.RunFor(ctx, 20*time.Second, "systemctl --no-pager --lines=0 status crmsyncd || true; journalctl --no-pager -o short-precise -n 40 -u crmsyncd")
	if r.Lost != nil {
		return "--- the guest does not answer; its serial line\n" + g.lastWords()
	}
	return "--- the service\n" + lastLines(r.Out+r.Err, 70)
}

func indent(text string) string {
	return "       " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n       ")
}
