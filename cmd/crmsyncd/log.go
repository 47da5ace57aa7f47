package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// levelSilent is above every level: a one-shot command says what went wrong by
// itself.
const levelSilent = slog.LevelError + 4

func (a *app) logLevel(usual slog.Level) (slog.Level, error) {
	if a.level == "" {
		return usual, nil
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(a.level)); err != nil {
		return l, fmt.Errorf("--log-level %s is not known: debug, info, warn or error", a.level)
	}
	return l, nil
}

// logger writes text to a terminal, text with priorities and without times to the
// journal, which has its own, and JSON to everything else.
func (a *app) logger(usual slog.Level) *slog.Logger {
	level, err := a.logLevel(usual)
	if err != nil {
		level = usual
	}
	opt := &slog.HandlerOptions{Level: level, ReplaceAttr: readable}
	switch {
	case a.journal != nil:
		opt.ReplaceAttr = readableUntimed
		return slog.New(journalHandler{slog.NewTextHandler(a.journal, opt), a.journal})
	case a.errTerm:
		return slog.New(slog.NewTextHandler(a.errs, opt))
	}
	return slog.New(slog.NewJSONHandler(jsonWriter{a.errs}, opt))
}

// readable writes a duration as 1.5s and not in nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func readableUntimed(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return readable(groups, a)
}

// Priorities, as the journal reads them at the beginning of a line: `journalctl -p
// err` shows those of errors and worse. sd-daemon(3), last checked 2026-11-30.
const (
	priorityCrash = "<2>"
	priorityError = "<3>"
	priorityWarn  = "<4>"
	priorityInfo  = "<6>"
	priorityDebug = "<7>"
)

func priorityOf(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return priorityError
	case l >= slog.LevelWarn:
		return priorityWarn
	case l >= slog.LevelInfo:
		return priorityInfo
	}
	return priorityDebug
}

// journal writes lines to systemd's journal. One written straight to it, such as
// the last word of a command, is an error.
type journal struct {
	w    io.Writer
	mu   sync.Mutex
	next string // the priority of the next line
}

// Write writes one line with its priority.
func (j *journal) Write(p []byte) (int, error) {
	priority := j.next
	if priority == "" {
		priority = priorityError
	}
	if _, err := j.w.Write(append([]byte(priority), p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// journalHandler writes each record with its priority.
type journalHandler struct {
	slog.Handler
	out *journal
}

// Handle writes the record.
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.next = priorityOf(r.Level)
	defer func() { h.out.next = "" }()
	return h.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that adds these to each record.
func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journalHandler{h.Handler.WithAttrs(attrs), h.out}
}

// WithGroup returns a handler that puts what follows into a group.
func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.Handler.WithGroup(name), h.out}
}
