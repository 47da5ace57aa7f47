package main

import (
	"errors"
	"fmt"
	"strings"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// Exit codes; of several that apply, the highest. None is 2: so ends every Go
// program that crashes, and a crash is to be restarted.
const (
	exitDone        = 0
	exitFailed      = 1
	exitHeld        = 3
	exitGuard       = 4
	exitUnexplained = 5
	exitUsage       = 64 // EX_USAGE of sysexits
	exitConfig      = 78 // EX_CONFIG of sysexits
)

// exitWord is an exit code with its meaning.
type exitWord struct {
	code    int
	meaning string
}

// exitWords are the codes as the help and the README tell them.
func exitWords() []exitWord {
	return []exitWord{
		{exitDone, "done"},
		{exitFailed, "failed"},
		{exitHeld, "done, and records are held (one-shot runs)"},
		{exitGuard, "stopped by a guard, so a plan waits for `crmsyncd accept`; of `plan`: a run would be stopped"},
		{exitUnexplained, "something differs between hub and system that nothing explains"},
		{exitUsage, "the command line is wrong"},
		{exitConfig, "the configuration is wrong"},
	}
}

// exitHelp is the end of the program's help.
func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes, of several the highest:\n")
	for _, w := range exitWords() {
		fmt.Fprintf(&b, "  %2d  %s\n", w.code, strings.ReplaceAll(w.meaning, "`", ""))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

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

func configError(err error) error { return &coded{exitConfig, err} }

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
