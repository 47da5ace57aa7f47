package main

import (
	"bytes"
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
		return slog.New(newJournalHandler(a.journal, opt))
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

// journal is systemd's. A line written straight to it, such as the last word of a
// command, is an error.
type journal struct{ w io.Writer }

// Write writes one line as an error.
func (j journal) Write(p []byte) (int, error) { return j.line(priorityError, p) }

func (j journal) line(priority string, p []byte) (int, error) {
	if _, err := j.w.Write(append([]byte(priority), p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// journalHandler writes each record as a line of text with its priority.
type journalHandler struct {
	text slog.Handler // writes to line
	mu   *sync.Mutex
	line *bytes.Buffer
	out  *journal
}

func newJournalHandler(out *journal, opt *slog.HandlerOptions) slog.Handler {
	line := &bytes.Buffer{}
	return journalHandler{slog.NewTextHandler(line, opt), &sync.Mutex{}, line, out}
}

// Enabled reports whether records of the level are written.
func (h journalHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.text.Enabled(ctx, l)
}

// Handle writes the record.
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.line.Reset()
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.line(priorityOf(r.Level), h.line.Bytes())
	return err
}

// WithAttrs returns a handler that adds these to each record.
func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.text = h.text.WithAttrs(attrs)
	return h
}

// WithGroup returns a handler that puts what follows into a group.
func (h journalHandler) WithGroup(name string) slog.Handler {
	h.text = h.text.WithGroup(name)
	return h
}
