package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/sync/daemon"
)

// loaded is a configuration without errors.
type loaded struct {
	cfg      *configs.Config
	mapping  *fieldmap.Mapping
	warnings []fieldmap.Problem
}

// load reads and compiles the configuration. It returns every problem, and a
// configuration unless one of them is an error. Secrets are not read.
func (a *app) load() (*loaded, []fieldmap.Problem) { return a.loadWith(configs.Options{}) }

// loadBlind is load for what asks the daemon: a member of its group may not read the
// environment file, and need not.
func (a *app) loadBlind() (*loaded, []fieldmap.Problem) {
	return a.loadWith(configs.Options{Blind: true})
}

func (a *app) loadWith(opt configs.Options) (*loaded, []fieldmap.Problem) {
	opt.CheckSchedule = func(line string) error {
		_, err := daemon.ParseSchedule(line, time.UTC)
		return err
	}
	cfg, problems := configs.Load(a.config, opt)
	if cfg == nil {
		return nil, problems
	}
	m, more := cfg.Compile()
	problems = append(problems, more...)
	if m == nil || hasErrors(problems) {
		return nil, problems
	}
	if a.state != "" {
		cfg.State = a.state
	}
	if a.socket != "" {
		cfg.Admin.Socket = a.socket
	}
	return &loaded{cfg: cfg, mapping: m, warnings: problems}, problems
}

func hasErrors(problems []fieldmap.Problem) bool { return countErrors(problems) > 0 }

func countErrors(problems []fieldmap.Problem) int {
	n := 0
	for _, p := range problems {
		if !p.Warning {
			n++
		}
	}
	return n
}

// blind reports whether the configuration is one that opens no system.
func (l *loaded) blind() bool { return l.cfg.Unread != "" }

// mustLoad is load for commands that cannot go on without a configuration.
func (a *app) mustLoad() (*loaded, error) {
	l, problems := a.load()
	if l != nil {
		return l, nil
	}
	return nil, a.badConfig(problems)
}

// badConfig prints every error and returns one that counts them.
func (a *app) badConfig(problems []fieldmap.Problem) error {
	if _, err := os.Stat(filepath.Join(a.config, configs.MainFile)); errors.Is(err, os.ErrNotExist) {
		return configError(fmt.Errorf("there is no %s in %s: name its folder with --config", configs.MainFile, a.config))
	}
	n := countErrors(problems)
	if n == 1 {
		for _, p := range problems {
			if !p.Warning {
				return configError(fmt.Errorf("configuration: %w", p))
			}
		}
	}
	for _, p := range problems {
		if !p.Warning {
			a.note("%s", p.Error())
		}
	}
	return configError(fmt.Errorf("the configuration has %s; crmsyncd check lists them with warnings", plural(n, "error")))
}

// problemText is every error of a list on one line.
func problemText(problems []fieldmap.Problem) string {
	var out []string
	for _, p := range problems {
		if !p.Warning {
			out = append(out, p.Error())
		}
	}
	return strings.Join(out, "; ")
}

// schedules hands the admin's schedules to the daemon.
func (l *loaded) schedules() ([]daemon.System, error) {
	lines := map[string]daemon.Lines{}
	for key, s := range l.cfg.Schedules {
		lines[key] = daemon.Lines{Routine: s.Routine, Full: s.Full, Push: s.Push}
	}
	systems, err := daemon.Systems(l.mapping, lines, l.cfg.Timezone)
	if err != nil {
		return nil, configError(err)
	}
	return systems, nil
}
