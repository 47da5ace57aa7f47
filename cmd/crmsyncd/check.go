package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"crmsyncd/fieldmap"
	"crmsyncd/sync/daemon"
)

// problemView is a problem as JSON.
type problemView struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Mend    string `json:"mend,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// checkResult is everything that check found.
type checkResult struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	// Down is how many of the errors are that a system does not answer.
	Down     int                `json:"down,omitempty"`
	Problems []problemView      `json:"problems"`
	Systems  []daemon.CheckView `json:"systems,omitempty"`
	// OlderConfig says that the daemon asked the systems by another
	// configuration than the files hold.
	OlderConfig bool `json:"older_config,omitempty"`
}

func (a *app) checkCommand() *cobra.Command {
	var live, fix bool
	var system string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration; with --live ask the systems too",
		Long: "check tells everything that is wrong with the files at once, with file and line.\n" +
			"--live also asks each system: which organization the credential opens, whether its links belong to that\n" +
			"one and no other system opens it, whether the fields exist, fit and may be written, whether the external\n" +
			"id is unique, and how well the fields are filled.\n" +
			"A system that does not answer ends it with 1, a mistake with 78.\n" +
			"--fix makes the one thing that may be made there: a missing unique field for our id. It says so first.",
		Example: "  crmsyncd check\n  crmsyncd check --live\n  crmsyncd check --live --system salesforce -o json\n  crmsyncd check --live --fix",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if fix && !live {
				return usageError(errors.New("--fix goes with --live"))
			}
			if system != "" && !live {
				if err := a.knowsSystem(system); err != nil {
					return err
				}
			}
			return a.check(cmd.Context(), live, fix, system)
		},
	}
	c.Flags().BoolVar(&live, "live", false, "also ask the systems")
	c.Flags().BoolVar(&fix, "fix", false, "with --live: make a missing unique field of our id")
	c.Flags().StringVar(&system, "system", "", "with --live: this system only")
	return c
}

func (a *app) check(ctx context.Context, live, fix bool, system string) error {
	l, problems := a.loadBlind()
	if l != nil && !l.blind() {
		problems = append(problems, l.cfg.CheckSecrets()...)
		problems = append(problems, unreadable(a.config, l)...)
		if _, bad := l.systems(); len(bad) > 0 {
			problems = append(problems, bad...)
		}
		if _, err := l.schedules(); err != nil {
			problems = append(problems, fieldmap.Problem{Message: err.Error()})
		}
	}
	var res checkResult
	for _, p := range problems {
		res.Problems = append(res.Problems, problemView{p.File, p.Line, p.Path, p.Message, p.Hint, p.Warning})
	}
	res.Errors = countErrors(problems)
	res.Warnings = len(problems) - res.Errors
	var err error
	if live && res.Errors == 0 {
		var caveats []string
		res.Systems, caveats, err = a.checkLive(ctx, system, fix)
		res.OlderConfig = slices.Contains(caveats, olderText)
		for _, s := range res.Systems {
			res.count(s)
		}
		for _, caveat := range caveats {
			res.Warnings++
			res.Problems = append(res.Problems, problemView{Message: caveat, Warning: true})
			problems = append(problems, fieldmap.Problem{Message: caveat, Warning: true})
		}
	}
	if err != nil {
		return err
	}
	return a.printCheck(res, problems, live)
}

// knowsSystem refuses a system that the files do not name, as far as they can be
// read.
func (a *app) knowsSystem(name string) error {
	l, _ := a.loadBlind()
	if l == nil {
		return nil
	}
	if _, ok := l.cfg.Systems[name]; ok {
		return nil
	}
	names := slices.Sorted(maps.Keys(l.cfg.Systems))
	return usageError(fmt.Errorf("no system is named %q; there are %s", name, strings.Join(names, ", ")))
}

func (r *checkResult) count(s daemon.CheckView) {
	if s.Error != "" {
		r.Errors++
		if s.Down {
			r.Down++
		}
	}
	for _, f := range s.Findings {
		switch {
		case !f.Warning:
			r.Errors++
		case !isNote(f):
			r.Warnings++
		}
	}
}

// isNote reports whether a finding only tells, such as a good fill rate.
func isNote(f daemon.FindingView) bool { return f.Warning && f.Mend == "" }

// checkLive asks the systems, through the daemon where one is running, and says
// whether that has another configuration.
func (a *app) checkLive(ctx context.Context, system string, fix bool) (views []daemon.CheckView, caveats []string, err error) {
	s, err := a.openFor(ctx, purpose{scratch: true, lost: true})
	if err != nil {
		return nil, nil, err
	}
	defer s.close()
	b := a.bar()
	defer b.end()
	views, err = collect[daemon.CheckView](ctx, s, "check", daemon.CheckArgs{System: system}, b)
	if fix && err == nil && a.announceFixes(views) > 0 {
		views, err = collect[daemon.CheckView](ctx, s, "check", daemon.CheckArgs{System: system, Fix: true}, b)
	}
	return views, s.caveats(), err
}

// announceFixes says what is about to be made, before it is.
func (a *app) announceFixes(views []daemon.CheckView) (n int) {
	for _, v := range views {
		for _, f := range v.Fixes {
			n++
			if !a.json() {
				a.say("Will %s.", f.What)
			}
		}
	}
	return n
}

func (a *app) printCheck(res checkResult, problems []fieldmap.Problem, live bool) error {
	if a.json() {
		if res.Problems == nil {
			res.Problems = []problemView{}
		}
		if err := a.printJSON(res); err != nil {
			return err
		}
		return res.verdict()
	}
	for _, p := range problems {
		a.sayProblem(p.Warning, p.Error())
	}
	for _, s := range res.Systems {
		a.printLive(s)
	}
	switch {
	case res.Errors > 0:
		a.say("%s, %s.", plural(res.Errors, "error"), plural(res.Warnings, "warning"))
	case res.OlderConfig:
		a.say("The files are good, and the daemon's own configuration and the systems fit. %s.", plural(res.Warnings, "warning"))
	case live:
		a.say("%s %s.", a.paint(text.FgGreen, "The configuration and the systems fit."), plural(res.Warnings, "warning"))
	default:
		a.say("%s %s. crmsyncd check --live asks the systems too.", a.paint(text.FgGreen, "The configuration is good."), plural(res.Warnings, "warning"))
	}
	return res.verdict()
}

func (r checkResult) verdict() error {
	switch {
	case r.Errors > r.Down:
		return &coded{exitConfig, nil}
	case r.Down > 0:
		return &coded{exitFailed, nil}
	}
	return nil
}

func (a *app) sayProblem(warning bool, line string) {
	if warning {
		fmt.Fprintln(a.out, a.paint(text.FgYellow, "warning:")+" "+clean(line))
		return
	}
	fmt.Fprintln(a.out, a.paint(text.FgRed, "error:")+" "+clean(line))
}

func (a *app) printLive(s daemon.CheckView) {
	head := s.System + ":"
	if s.Organization != "" {
		head += " " + s.Organization
	}
	if s.Name != "" && s.Name != s.Organization {
		head = s.System + ": " + s.Name + " (" + s.Organization + ")"
	}
	if s.Sandbox {
		head += ", a sandbox"
	}
	a.say("%s", head)
	if s.Error != "" {
		if s.Down {
			a.sayProblem(false, s.System+" does not answer: if its base_url is right, nothing is wrong with your files; try again later")
			a.say("  %s", s.Error)
		} else {
			a.sayProblem(false, s.Error)
		}
	}
	for _, f := range s.Fixes {
		if f.Done {
			a.say("  done: %s", strings.Replace(f.What, "make", "made", 1))
		} else {
			a.say("  crmsyncd check --live --fix would %s", f.What)
		}
	}
	rates := newGrid("object", "field", "filled", "of", "").numbers(2, 3)
	for _, f := range s.Findings {
		switch {
		case f.Of > 0 && isNote(f):
			rates.add(f.Object, f.Field, percent(f.Filled, f.Of), fmt.Sprint(f.Of), blocks(f.Filled, f.Of))
			continue
		case isNote(f):
			a.say("  %s", f.Message)
			continue
		case f.Of > 0:
			rates.add(f.Object, f.Field, percent(f.Filled, f.Of), fmt.Sprint(f.Of), blocks(f.Filled, f.Of))
		}
		a.sayProblem(f.Warning, fieldmap.Problem{File: f.File, Line: f.Line, Message: f.Message, Hint: f.Mend}.Error())
	}
	a.table(rates)
}

func percent(n, of int) string { return fmt.Sprintf("%d %%", n*100/of) }

// blocks is a share as a bar of ten.
func blocks(n, of int) string { return strings.Repeat("#", (n*10+of/2)/of) }
