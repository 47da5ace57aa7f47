package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// bar is one line on a terminal that says how far long work is, how fast, and
// how long it will take. Without a terminal it says nothing.
type bar struct {
	w   io.Writer // nil for silence
	now func() time.Time

	mu    sync.Mutex
	what  string
	began time.Time
	first int // what was done when it began
	drawn time.Time
	shown bool
}

func (a *app) bar() *bar {
	b := &bar{now: time.Now}
	if a.errTerm && !a.json() {
		b.w = a.errs
	}
	return b
}

// redraw is how often the line is drawn at most.
const redraw = 200 * time.Millisecond

// set says how far it is; total 0 is unknown.
func (b *bar) set(what string, done, total int) {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if what != b.what || b.began.IsZero() {
		b.what, b.began, b.first = what, now, done
	} else if now.Sub(b.drawn) < redraw {
		return
	}
	b.drawn, b.shown = now, true
	fmt.Fprintf(b.w, "\r\x1b[K%s", b.line(now, done, total))
}

// line is the text of the bar.
func (b *bar) line(now time.Time, done, total int) string {
	s := clean(b.what)
	rate := 0.0
	if d := now.Sub(b.began).Seconds(); d > 0 {
		rate = float64(done-b.first) / d
	}
	if total <= 0 {
		return fmt.Sprintf("%s  %d%s", s, done, rateText(rate))
	}
	const width = 24
	full := min(width, width*done/total)
	s += fmt.Sprintf("  [%s%s] %3d%%  %d/%d%s", strings.Repeat("#", full), strings.Repeat(".", width-full), 100*done/total, done, total, rateText(rate))
	if rate > 0 && done < total {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		s += "  " + left.Round(time.Second).String() + " left"
	}
	return s
}

func rateText(rate float64) string {
	if rate < 0.05 {
		return ""
	}
	if rate < 10 {
		return fmt.Sprintf("  %.1f/s", rate)
	}
	return fmt.Sprintf("  %.0f/s", rate)
}

// end clears the line.
func (b *bar) end() {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.shown = false
	}
}
