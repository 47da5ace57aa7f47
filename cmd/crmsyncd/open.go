package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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

// open dials the daemon; without one it opens the state itself. scratch allows
// a state of its own for the time of the command where there is none yet, so
// that a look before the first run leaves nothing behind.
func (a *app) open(ctx context.Context, scratch bool, progress func(engine.Progress)) (*session, error) {
	socket := a.socket
	l, problems := a.load()
	switch {
	case l != nil:
		socket = l.cfg.Admin.Socket
	case socket == "":
		socket = defaultSocket
	}
	c, err := daemon.Dial(ctx, socket)
	if err == nil {
		older := l != nil && c.Daemon.Config != l.cfg.Fingerprint
		return &session{Client: c, close: func() {}, older: older}, nil
	}
	if !errors.Is(err, daemon.ErrNoDaemon) {
		return nil, err
	}
	if l == nil {
		return nil, a.badConfig(problems)
	}
	return a.openState(l, scratch, progress)
}

func (a *app) openState(l *loaded, scratch bool, progress func(engine.Progress)) (*session, error) {
	path, cleanup := l.cfg.State, func() {}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if !scratch {
			return nil, fmt.Errorf("there is no state in %s yet: crmsyncd run --once makes it", path)
		}
		dir, err := os.MkdirTemp("", "crmsyncd-")
		if err != nil {
			return nil, fmt.Errorf("make a place for a look: %w", err)
		}
		path, cleanup = filepath.Join(dir, "state.db"), func() { _ = os.RemoveAll(dir) }
	}
	st, err := a.openStore(l, path)
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
	setup, err := l.setup(st, a.logger(levelSilent), progress)
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
func (a *app) openStore(l *loaded, path string) (*state.Store, error) {
	st, err := state.Open(path, state.Options{})
	if errors.Is(err, state.ErrLocked) {
		return nil, fmt.Errorf("%w, and it does not answer on %s: name its socket with --socket, or wait until it is done", err, l.cfg.Admin.Socket)
	}
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	return st, nil
}
