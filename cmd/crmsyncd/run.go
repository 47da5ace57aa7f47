package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// runFlags are what `run` is asked for.
type runFlags struct {
	once, full     bool
	noWait         bool
	system, object string
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon, or one pass with --once",
		Long: "run serves the schedules until it is told to stop. With --once it pulls from the sources and pushes\n" +
			"to the targets one time and prints what happened; beside a running daemon that does it, and it waits.\n\n" +
			"SIGTERM or SIGINT finishes what is in flight and stops, a second one stops at once;\n" +
			"SIGHUP reads the configuration again, SIGUSR1 asks for a full resync.",
		Example: "  crmsyncd run\n  crmsyncd run --once\n  crmsyncd run --once --full --system salesforce\n  crmsyncd run --once --object account -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Where nobody reads the log any more, a line of it is lost. Without this
			// the process would be, and systemd takes that signal for an ordinary end.
			signal.Ignore(syscall.SIGPIPE)
			if f.once {
				return a.runOnce(cmd.Context(), f)
			}
			return a.runDaemon(cmd.Context(), f)
		},
	}
	c.Flags().BoolVar(&f.once, "once", false, "one pass, then end")
	c.Flags().BoolVar(&f.full, "full", false, "everything, not only what changed")
	c.Flags().BoolVar(&f.full, "full-resync", false, "the same as --full")
	c.Flags().BoolVar(&f.noWait, "no-wait", false, "beside a daemon: ask it, and do not wait")
	c.Flags().StringVar(&f.system, "system", "", "this system only")
	c.Flags().StringVar(&f.object, "object", "", "this `object` only, by its name in the system or hub")
	return c
}

// runDaemon is the daemon's whole life. main knows signals, nothing else does.
func (a *app) runDaemon(ctx context.Context, f runFlags) error {
	if f.system != "" || f.object != "" || f.noWait {
		return usageError(errors.New("--system, --object and --no-wait need --once"))
	}
	l, err := a.mustLoad()
	if err != nil {
		return err
	}
	if c, err := daemon.Dial(ctx, l.cfg.Admin.Socket); err == nil {
		return fmt.Errorf("%w (process %d, state %s): ask it with `crmsyncd status`, or stop it first", daemon.ErrRunning, c.Daemon.PID, c.Daemon.State)
	}
	log := a.logger(slog.LevelInfo)
	for {
		if err := a.serveState(ctx, l, log, f.full); !diskIsFull(err) {
			return err
		} else if err := waitForRoom(ctx, log, err); err != nil {
			return err
		}
	}
}

// serveState opens the state and serves it.
func (a *app) serveState(ctx context.Context, l *loaded, log *slog.Logger, full bool) error {
	st, err := state.Open(l.cfg.State, state.Options{})
	if err != nil {
		return openError(l, err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			log.Error("state not closed", "err", err)
		}
	}()
	return a.serve(ctx, l, st, log, full)
}

// diskIsFull reports whether a start failed for want of room. bbolt does not wrap
// what the kernel said of a file that cannot grow.
func diskIsFull(err error) bool {
	return err != nil && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		strings.Contains(err.Error(), syscall.ENOSPC.Error()) || strings.Contains(err.Error(), syscall.EDQUOT.Error()))
}

// roomEvery is how often a start looks whether there is room again.
const roomEvery = 10 * time.Second

// waitForRoom waits a while, and tells the service manager that the start goes on.
// A full disk ends by itself, so the start does not fail for it.
func waitForRoom(ctx context.Context, log *slog.Logger, why error) error {
	log.Error("the start waits for room on the disk of the state", "err", why)
	notify(log)(fmt.Sprintf("STATUS=waits for room on the disk of the state\nEXTEND_TIMEOUT_USEC=%d", 6*roomEvery.Microseconds()))
	select {
	case <-ctx.Done():
		return fmt.Errorf("start: %w", ctx.Err())
	case <-time.After(roomEvery):
		return nil
	}
}

// serve opens the socket, wires the signals and runs the loop.
func (a *app) serve(ctx context.Context, l *loaded, st *state.Store, log *slog.Logger, full bool) error {
	p := &process{app: a, store: st, log: log, began: l, files: startFiles(l)}
	setup, err := p.setup(l)
	if err != nil {
		return err
	}
	watchdog, _ := sdnotify.SdWatchdogEnabled(false) // without a service manager there is none
	d, err := daemon.New(daemon.Options{
		Setup: setup, Slots: daemon.StateSlots{Store: st}, Logger: log, Load: p.reload, Failed: p.failed, Again: p.again,
		Notify: notify(log), Watchdog: watchdog, Alive: p.alive,
	})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	listener, err := daemon.Listen(l.cfg.Admin.Socket)
	if err != nil {
		return err
	}
	api := &daemon.API{Version: buildVersion().Version, Store: st, Daemon: d, Setup: d.Setup, Logger: log, Verify: newChecker().store}
	defer servePages(api, l.cfg.Admin, log)() // before the socket: it may add a warning
	defer daemon.Serve(listener, api.Handler(), log)()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer p.signals(ctx, d, cancel)()
	if full {
		if err := d.Request(daemon.Wish{Full: true, Trigger: "command"}); err != nil {
			return err
		}
	}
	if n := len(l.warnings); n > 0 {
		log.Info("the configuration has warnings: crmsyncd check lists them", "warnings", n)
	}
	for _, text := range setup.Lacks() {
		log.Error("a system cannot work", "why", text)
	}
	tellState(log, st)
	log.Info("started", "version", buildVersion().Version, "state", st.Path(), "socket", l.cfg.Admin.Socket, "systems", len(setup.Systems))
	err = d.Run(ctx)
	log.Info("stopped")
	return err
}

// tellState warns of what the opening of the state found.
func tellState(log *slog.Logger, st *state.Store) {
	if why := st.Suspect(); why != "" {
		log.Warn("state in doubt, so nothing is created", "why", why, "mend", "put the newest copy back, or look at `crmsyncd state trust`")
	}
	for _, d := range st.SetAside() {
		log.Warn("damaged history set aside", "what", damageText(d))
	}
}

// process is what a running daemon needs beside the daemon itself.
type process struct {
	app   *app
	store *state.Store
	log   *slog.Logger
	began *loaded // the configuration that the process began with
	files []startFile
}

// setup builds what a configuration asks for. It touches nothing that runs.
func (l *loaded) setup(st *state.Store, log *slog.Logger, progress func(engine.Progress)) (daemon.Setup, error) {
	e, err := l.engine(st, log, progress)
	if err != nil {
		return daemon.Setup{}, err
	}
	systems, err := l.schedules()
	if err != nil {
		return daemon.Setup{}, err
	}
	return daemon.Setup{Runner: e, Admin: e, Systems: systems, Config: l.cfg.Fingerprint, Zone: l.cfg.Timezone.String()}, nil
}

// reload reads the files again. The state and the socket stay where they are.
func (p *process) reload(context.Context) (daemon.Setup, error) {
	l, problems := p.app.load()
	if l == nil {
		return daemon.Setup{}, fmt.Errorf("the configuration has %s: %s", plural(countErrors(problems), "error"), problemText(problems))
	}
	if bad := p.newlyUnread(l.cfg.CheckSecrets()); hasErrors(bad) {
		return daemon.Setup{}, errors.New(problemText(bad))
	}
	return p.setup(l)
}

// setup is that of a configuration which this process serves.
func (p *process) setup(l *loaded) (daemon.Setup, error) {
	setup, err := l.setup(p.store, p.log, nil)
	setup.AtRestart = func() []string { return append(p.atRestart(l), p.changedFiles()...) }
	setup.Lacks = l.lacks
	return setup, err
}

// newlyUnread are those of the secrets that cannot be read which are not so since
// the start: a system whose credential is not set is red, and keeps no other from
// being mended.
func (p *process) newlyUnread(bad []fieldmap.Problem) []fieldmap.Problem {
	was := p.began.cfg.CheckSecrets()
	return slices.DeleteFunc(bad, func(b fieldmap.Problem) bool {
		return slices.ContainsFunc(was, func(w fieldmap.Problem) bool { return w.Path == b.Path && w.Message == b.Message })
	})
}

// atRestart says what a new configuration changes that only a restart changes.
func (p *process) atRestart(l *loaded) (names []string) {
	now, was := &l.cfg.Admin, &p.began.cfg.Admin
	for name, same := range map[string]bool{
		"admin.listen": now.Listen == was.Listen, "admin.socket": now.Socket == was.Socket,
		"admin.token": now.Token.Source() == was.Token.Source(), "state": l.cfg.State == p.began.cfg.State,
	} {
		if !same {
			names = append(names, name+" of "+configs.MainFile+" changed")
		}
	}
	slices.Sort(names)
	return names
}

// lacks names the secrets that cannot be read, with the line that asks for each.
func (l *loaded) lacks() (out []string) {
	for _, b := range l.cfg.CheckSecrets() {
		out = append(out, b.Error())
	}
	return out
}

// again are the runs that failed last.
func (p *process) again() (out []daemon.Wish) {
	seen := map[[2]string]bool{}
	err := p.store.View(func(tx *state.Tx) error {
		runs, err := tx.Runs(200)
		for _, r := range runs {
			key := [2]string{r.System, r.Flow}
			if !seen[key] && r.Status == engine.StatusFailed {
				out = append(out, daemon.Wish{System: r.System, Flow: r.Flow, Trigger: "catch_up"})
			}
			seen[key] = true
		}
		return err
	})
	if err != nil {
		p.log.Error("failed runs are not tried again", "err", err)
	}
	return out
}

// failed marks the run that a panic left open.
func (p *process) failed(system, flow, text string) {
	err := p.store.Update(func(tx *state.Tx) error {
		runs, err := tx.Runs(20)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if r.System == system && r.Flow == flow && r.Ended.IsZero() {
				r.Ended, r.Status, r.Error = time.Now(), engine.StatusFailed, text
				return tx.PutRun(r)
			}
		}
		return nil
	})
	if err != nil {
		p.log.Error("run not marked as failed", "system", system, "err", err)
	}
}

// errProbe takes back the transaction that proves the writer to be alive.
var errProbe = errors.New("probe")

// alive proves that a write transaction can be had.
func (p *process) alive() error {
	err := p.store.Update(func(*state.Tx) error { return errProbe })
	if errors.Is(err, errProbe) {
		return nil
	}
	return err
}

// signals turns signals into wishes until the returned function is called.
func (p *process) signals(ctx context.Context, d *daemon.Daemon, cancel func()) (stop func()) {
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1)
	go func() {
		stopping := false
		for s := range sigs {
			switch s {
			case syscall.SIGHUP:
				_ = d.Reload(ctx) // it logs what is wrong, and status tells it
			case syscall.SIGUSR1:
				p.log.Info("full resync asked for", "by", "signal")
				if err := d.Request(daemon.Wish{Full: true, Trigger: "signal"}); err != nil {
					p.log.Error("full resync not noted", "err", err)
				}
			default:
				if stopping {
					p.log.Warn("stopped at once", "signal", s.String())
					os.Exit(exitFailed)
				}
				stopping = true
				cancel()
			}
		}
	}()
	return func() { signal.Stop(sigs); close(sigs) }
}

// notify tells systemd; without one it does nothing.
func notify(log *slog.Logger) func(string) {
	return func(text string) {
		if _, err := sdnotify.SdNotify(false, text); err != nil {
			log.Warn("service manager not told", "err", err)
		}
	}
}
