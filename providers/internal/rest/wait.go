package rest

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// longest is what an unreasonable wait is cut to before it is clamped.
const longest = 24 * time.Hour

// tooLong reports whether the answer asks for a wait that no request lasts. The
// group is closed until it is over.
func (k *call) tooLong() bool {
	asked := k.resp.Signal.RetryAfter
	if asked <= k.c.cfg.MaxWait {
		return false
	}
	k.c.groups.pause(k.r.Group, asked)
	return true
}

// backoff is how long to wait before the next attempt: what the server asked
// for, or a random part of a time that doubles.
func (k *call) backoff(_, _ time.Duration, attempt int, _ *http.Response) time.Duration {
	cfg := &k.c.cfg
	jitter := cfg.Rand()
	if k.resp != nil && k.resp.Signal.RetryAfter > 0 {
		asked := k.resp.Signal.RetryAfter
		k.c.groups.pause(k.r.Group, asked)
		return asked + time.Duration(jitter*float64(cfg.MinWait))
	}
	ceiling := min(cfg.MinWait<<min(attempt, 16), cfg.MaxWait, 30*time.Second)
	return time.Duration(jitter * float64(ceiling))
}

// learn takes in what an answer told of limits.
func (c *Client) learn(r *Request, resp *Response) {
	if c.cfg.Learn != nil {
		resp.Signal = c.cfg.Learn(resp)
	}
	if d, ok := RetryAfter(resp.Header, time.Now()); ok {
		resp.Signal.RetryAfter = max(resp.Signal.RetryAfter, d)
	}
	resp.Signal.RetryAfter = min(resp.Signal.RetryAfter, longest)
	if s := resp.Signal; s.Reset > 0 {
		c.groups.learn(r.Group, s)
	}
	if s := resp.Signal; s.QuotaLimit > 0 {
		c.budget.learn(s.QuotaUsed, s.QuotaLimit)
	}
}

// RetryAfter reads the Retry-After header: seconds, whole or not, or a date,
// which is compared with the server's own clock where it sends one. It reports
// false for none and for anything else, and never returns more than a day.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if secs, err := strconv.ParseFloat(text, 64); err == nil || strings.Trim(text, "0123456789") == "" {
		return seconds(secs)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if server, err := http.ParseTime(h.Get("Date")); err == nil {
		now = server
	}
	return min(max(at.Sub(now), 0), longest), true
}

func seconds(s float64) (time.Duration, bool) {
	if math.IsNaN(s) || s < 0 {
		return 0, false
	}
	if s > longest.Seconds() {
		return longest, true
	}
	return time.Duration(s * float64(time.Second)), true
}

// groups holds the rates. A group that is not named shares the one named "".
type groups struct {
	all     map[string]*group
	maxWait time.Duration
}

type group struct {
	lim  *rate.Limiter
	full rate.Limit // as configured

	mu    sync.Mutex
	until time.Time // no request before
}

func newGroups(limits map[string]Limit, maxWait time.Duration) groups {
	g := groups{all: map[string]*group{"": newGroup(Limit{})}, maxWait: maxWait}
	for name, l := range limits {
		g.all[name] = newGroup(l)
	}
	return g
}

func newGroup(l Limit) *group {
	if l.PerSecond <= 0 {
		return &group{lim: rate.NewLimiter(rate.Inf, 1), full: rate.Inf}
	}
	return &group{lim: rate.NewLimiter(rate.Limit(l.PerSecond), max(l.Burst, 1)), full: rate.Limit(l.PerSecond)}
}

func (g groups) of(name string) *group {
	if one, ok := g.all[name]; ok {
		return one
	}
	return g.all[""]
}

func (g groups) wait(ctx context.Context, name string) error {
	one := g.of(name)
	for {
		one.mu.Lock()
		d := time.Until(one.until)
		one.mu.Unlock()
		if d <= 0 {
			return one.lim.Wait(ctx) // the caller says what it waits for
		}
		if d > g.maxWait {
			return &WaitError{Left: d}
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() // the caller says what it waits for
	}
}

// pause stops a whole group, so that requests beside the refused one do not
// run into the same wall. A wait that is longer than a request lasts ends those
// that come meanwhile.
func (g groups) pause(name string, d time.Duration) {
	one := g.of(name)
	one.mu.Lock()
	defer one.mu.Unlock()
	if until := time.Now().Add(d); until.After(one.until) {
		one.until = until
	}
}

// learn spreads what is left over what remains of the window.
func (g groups) learn(name string, s Signal) {
	reset := min(s.Reset, g.maxWait)
	if s.Remaining <= 0 {
		g.pause(name, reset)
		return
	}
	one := g.of(name)
	one.lim.SetLimit(min(one.full, rate.Limit(float64(s.Remaining)/reset.Seconds())))
}
