package main

import (
	"errors"
	"strings"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// Exit codes. A one-shot command that did its work may still say 3, 4 or 5.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // the command line or the configuration is wrong
	exitHeld   = 3 // done, and records are held
	exitGuard  = 4 // stopped by a guard
	exitAudit  = 5 // hub and systems differ, and nobody has said why
)

// coded is an error with an exit code. Its error may be nil where the code says
// it all.
type coded struct {
	code int
	err  error
}

// Error returns the error's text.
func (c *coded) Error() string {
	if c.err == nil {
		return ""
	}
	return c.err.Error()
}

// Unwrap returns the error.
func (c *coded) Unwrap() error { return c.err }

func usageError(err error) error { return &coded{exitUsage, err} }

// exitCode is the code that an error stands for.
func exitCode(err error) int {
	var c *coded
	var f *daemon.Fault
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, engine.ErrGuard):
		return exitGuard
	case errors.As(err, &f) && f.Kind == daemon.FaultUsage:
		return exitUsage
	case errors.As(err, &f) && f.Kind == daemon.FaultGuard:
		return exitGuard
	}
	return exitFailed
}

// oneLine makes an error fit for one line on a terminal.
func oneLine(err error) string {
	return clean(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}
