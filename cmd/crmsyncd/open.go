package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// session is somebody who answers questions: the running daemon, or this
// process with the state open.
type session struct {
	*daemon.Client
	close func()
	// older is set where the daemon that answers has another configuration than
	// the files.
	older bool
}

// olderText is what a look at the systems says then, for it would otherwise be
// taken for an answer about the files.
const olderText = "the running daemon has another configuration than these files and answers by its own: crmsyncd reload first"

// caveats are what a look at the systems says where a running daemon carries it out
// by something else than lies in the files.
func (s *session) caveats() (out []string) {
	if s.older {
		out = append(out, olderText)
	}
	if s.Daemon != nil {
		for _, what := range s.Daemon.AtRestart {
			out = append(out, what+" since the running daemon started, which answers by what it was then: restart it first")
		}
	}
	return out
}

// purpose is what a command wants of the state where no daemon runs.
type purpose struct {
	// reading leaves the state as it is, and lets others read beside.
	reading bool
	// scratch allows a state of its own for the time of the command where there
	// is none yet, so that a look before the first run leaves nothing behind.
	scratch bool
	// lost allows that also where there was a state.
	lost     bool
	progress func(engine.Progress)
}

// open dials the daemon; without one it opens the state itself, to write in it.
func (a *app) open(ctx context.Context) (*session, error) { return a.openFor(ctx, purpose{}) }

// look is open for commands that only read: they work on a full disk too.
func (a *app) look(ctx context.Context) (*session, error) {
	return a.openFor(ctx, purpose{reading: true})
}

func (a *app) openFor(ctx context.Context, p purpose) (*session, error) {
	l, problems, c, err := a.dial(ctx)
	switch {
	case err != nil:
		return nil, err
	case c != nil:
		return &session{Client: c, close: func() {}, older: l != nil && c.Daemon.Config != l.cfg.Fingerprint}, nil
	case l == nil:
		return nil, a.badConfig(problems)
	case l.blind():
		return nil, noDaemon(l)
	}
	return a.openState(l, p)
}

// noDaemon is said to a member of the daemon's group whom nobody answers.
func noDaemon(l *loaded) error {
	return fmt.Errorf("%w on %s, and without one this needs %s, which you may not read: run it as root", daemon.ErrNoDaemon, l.cfg.Admin.Socket, l.cfg.Unread)
}

// dial returns the configuration, as far as it is good, and the running daemon,
// as far as there is one.
func (a *app) dial(ctx context.Context) (*loaded, []fieldmap.Problem, *daemon.Client, error) {
	socket := a.socket
	l, problems := a.loadBlind()
	switch {
	case l != nil:
		socket = l.cfg.Admin.Socket
	case socket == "":
		var ok bool
		if socket, ok = configs.Socket(a.config); !ok {
			return nil, problems, nil, a.badConfig(problems)
		}
	}
	c, err := daemon.Dial(ctx, socket)
	if errors.Is(err, daemon.ErrNoDaemon) {
		err = nil
	}
	return l, problems, c, err
}

// stateMissing says what to do where there is no state file, and nothing where
// there is one.
func stateMissing(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if state.Lost(path) {
		return fmt.Errorf("the state is lost: there is no %s, and the file %s.gen beside it says that there was one: put the newest copy back in its place; "+
			"without one, crmsyncd run --once makes a new state, links what it finds and creates nothing until told (crmsyncd state trust)", path, path)
	}
	return fmt.Errorf("there is no state in %s yet: crmsyncd run --once makes it", path)
}

func (a *app) openState(l *loaded, p purpose) (*session, error) {
	path, cleanup := l.cfg.State, func() {}
	if missing := stateMissing(path); missing != nil {
		if !p.scratch || state.Lost(path) && !p.lost {
			return nil, missing
		}
		dir, err := os.MkdirTemp("", "crmsyncd-")
		if err != nil {
			return nil, fmt.Errorf("make a place for a look: %w", err)
		}
		path, cleanup = filepath.Join(dir, "state.db"), func() { _ = os.RemoveAll(dir) }
		p.reading = false
	}
	st, err := a.openStore(l, path, p.reading)
	if err != nil {
		cleanup()
		return nil, err
	}
	done := func() {
		if err := st.Close(); err != nil {
			a.note("close the state: %v", err)
		}
		cleanup()
	}
	setup, err := l.setup(st, a.logger(levelSilent), p.progress)
	if err != nil {
		done()
		return nil, err
	}
	api := &daemon.API{
		Version: buildVersion().Version, Store: st, Logger: a.logger(levelSilent),
		Setup: func() daemon.Setup { return setup },
	}
	return &session{Client: daemon.Local(api.Handler()), close: done}, nil
}

// openStore opens the state file and says what to do if it cannot.
func (a *app) openStore(l *loaded, path string, reading bool) (*state.Store, error) {
	st, err := state.Open(path, state.Options{ReadOnly: reading})
	if err != nil {
		return nil, openError(l, err)
	}
	for _, d := range st.SetAside() {
		a.note("history in the state was damaged and is set aside: %s", damageText(d))
	}
	return st, nil
}

func openError(l *loaded, err error) error {
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%w, and it does not answer on %s: name its socket with --socket, or wait until it is done", err, l.cfg.Admin.Socket)
	}
	return fmt.Errorf("open the state: %w", err)
}

func damageText(d state.Damage) string {
	return strings.TrimSpace(d.Bucket+" "+d.Key) + ": " + d.Problem
}
