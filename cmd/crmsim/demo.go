package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const demoLong = `demo starts the simulators, lets the real crmsyncd work against them with the
shipped configuration, and shows each step: the checks, the plan, the first push
to Salesforce and HubSpot, a second run that has nothing to do, and a third that
sends just what changed. Then Close comes in as a second source: its leads become the
accounts that are there, or wait. At last a bad day: a wrong line is pushed, seen,
corrected and put right, and the audit looks at everything. It ends by itself;
nothing is kept.`

// demoOptions say which program is shown, and with which configuration.
type demoOptions struct {
	binary, config string
}

func newDemo() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Show the whole job, from the checks to a second source",
		Long:    demoLong,
		Example: "  crmsim demo --crmsyncd bin/crmsyncd --config configs",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	cmd.Flags().StringVar(&o.binary, "crmsyncd", "bin/crmsyncd", "the `program` to show")
	cmd.Flags().StringVar(&o.config, "config", "configs", "the `folder` of its configuration")
	return cmd
}

// demo is one showing.
type demo struct {
	program

	stage   *stage
	out     io.Writer
	targets []target
	started time.Time

	shipped, config        string // folders: the configuration, and the copy that is played
	twinLead, twinCustomer string // one company, in Close and at the laboratory
}

// runDemo prepares the stage and plays it.
func runDemo(ctx context.Context, out io.Writer, o demoOptions) error {
	started := time.Now()
	opts := options{
		qbenchAddr: "127.0.0.1:0", salesforceAddr: "127.0.0.1:0", hubspotAddr: "127.0.0.1:0", closeAddr: "127.0.0.1:0",
		seed: 1, accounts: 60, contactsEach: 2, api: apiOptions{dates: "mixed", rateLimit: 300},
	}
	s, err := newStage(opts)
	if err != nil {
		return err
	}
	running, err := s.listen(ctx, opts)
	if err != nil {
		return err
	}
	dir, cleanup, err := configDir("")
	if err != nil {
		return errors.Join(err, running.stop())
	}
	defer cleanup()
	env := s.environment(running, dir)
	at := filepath.Join(dir.path, "configs")
	if err := errors.Join(env.write(), withoutClose(o.config, at)); err != nil {
		return errors.Join(err, running.stop())
	}
	d := &demo{stage: s, out: out, targets: s.targets(), started: started, program: newProgram(o.binary, at, env), shipped: o.config, config: at}
	err = errors.Join(d.play(ctx), running.stop())
	if ctx.Err() != nil {
		return errors.New("stopped before the end")
	}
	return err
}

// play goes through the steps. The counts that a stranger is told are checked:
// a demo that shows something else fails.
func (d *demo) play(ctx context.Context) error {
	known := d.stage.known
	d.say("A laboratory system with %d customers and %d contacts is where the truth is. A Salesforce\n"+
		"organization and a HubSpot portal shall follow it; they know %d and %d of the companies already.",
		d.stage.world.Accounts(), d.stage.world.People(), known.salesforce.accounts, known.hubspot.accounts)
	steps := []func(context.Context) error{d.check, d.fix, d.plan, d.first, d.held, d.second, d.third, d.questions, d.closeIn, d.sameAccount, d.enters, d.ticks, d.onlyRead, d.badDay}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.say("That was all of it, in %s. Try it by hand: `bin/crmsim serve` in one terminal, bin/crmsyncd in another, as README says.",
		time.Since(d.started).Round(time.Second))
	return nil
}

func (d *demo) title(text string) { fmt.Fprintf(d.out, "\n== %s\n", text) }

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, "\n"+format+"\n", args...) }

// show runs the program and prints the call and what it says.
func (d *demo) show(ctx context.Context, args ...string) (string, error) {
	return d.showEnds(ctx, 0, 0, args...)
}

// showEnds is show with so many lines from the start and from the end; none at
// the start is no limit.
func (d *demo) showEnds(ctx context.Context, first, last int, args ...string) (string, error) {
	fmt.Fprintf(d.out, "$ crmsyncd %s\n", strings.Join(args, " "))
	text, err := d.call(ctx, args...)
	fmt.Fprint(d.out, shorten(text, first, last))
	return text, err
}

// shorten leaves lines out of the middle of a text and says how many.
func shorten(text string, first, last int) string {
	lines := slices.Collect(strings.Lines(text))
	out := len(lines) - first - last
	if first == 0 || out <= 0 {
		return text
	}
	return strings.Join(lines[:first], "") + fmt.Sprintf("   … %d lines more\n", out) + strings.Join(lines[len(lines)-last:], "")
}
