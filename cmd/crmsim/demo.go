package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crmsyncd/providers/qbench/qbenchsim"
)

const demoLong = `demo starts the simulators, lets the real crmsyncd work against them with the
shipped configuration, and shows each step: the checks, the plan, the first
push, a second run that has nothing to do, and a third that sends just what
changed. It ends by itself; nothing is kept.`

// demoOptions say which program is shown, and with which configuration.
type demoOptions struct {
	binary, config string
}

func newDemo() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Show the whole main job, from the checks to the third run",
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
	stage   *stage
	out     io.Writer
	binary  string
	args    []string // that every call of the program gets
	env     []string
	writes  int // that Salesforce had taken when the last step ended
	started time.Time
}

// runDemo prepares the stage and plays it.
func runDemo(ctx context.Context, out io.Writer, o demoOptions) error {
	started := time.Now()
	opts := options{
		qbenchAddr: "127.0.0.1:0", salesforceAddr: "127.0.0.1:0", seed: 1, accounts: 60, contactsEach: 2,
		api: apiOptions{dates: "mixed", rateLimit: 300},
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
	if err := env.write(); err != nil {
		return errors.Join(err, running.stop())
	}
	d := &demo{stage: s, out: out, binary: o.binary, env: os.Environ(), started: started}
	for _, v := range env.vars {
		d.env = append(d.env, v.name+"="+v.value)
	}
	state := filepath.Join(dir.path, "state")
	d.args = []string{"--config", o.config, "--state", filepath.Join(state, "state.db"), "--socket", filepath.Join(state, "control.sock")}
	return errors.Join(d.play(ctx), running.stop())
}

// play goes through the steps. The counts that a stranger is told are checked:
// a demo that shows something else fails.
func (d *demo) play(ctx context.Context) error {
	d.say("A laboratory system with %d customers and %d contacts, and a Salesforce organization that knows %d of the companies already.",
		d.stage.world.Accounts(), d.stage.world.People(), d.stage.known.accounts)
	steps := []func(context.Context) error{d.check, d.plan, d.first, d.second, d.third, d.questions}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.say("That was the main job, in %s. Try it by hand: `bin/crmsim serve` in one terminal, crmsyncd in another.",
		time.Since(d.started).Round(time.Second))
	return nil
}

func (d *demo) check(ctx context.Context) error {
	d.title("1. Is everything ready? Fields, rights, keys, how well fields are filled")
	return d.call(ctx, 0, "check", "--live")
}

func (d *demo) plan(ctx context.Context) error {
	d.title("2. What would the first run write? (the first lines)")
	err := d.call(ctx, 32, "plan")
	if err == nil && d.wrote() != 0 {
		err = errors.New("the plan wrote to Salesforce")
	}
	return err
}

func (d *demo) first(ctx context.Context) error {
	d.title("3. The first run: what Salesforce knows is linked, the rest is made")
	if err := d.call(ctx, 0, "run", "--once"); err != nil {
		return err
	}
	if d.wrote() == 0 {
		return errors.New("the first run wrote nothing")
	}
	d.title("   What waits, and for what")
	return d.call(ctx, 40, "held", "list")
}

func (d *demo) second(ctx context.Context) error {
	d.title("4. A second run: nothing changed, so nothing is sent and Salesforce is not even asked")
	d.stage.salesforce.ResetCalls()
	if err := d.call(ctx, 0, "run", "--once"); err != nil {
		return err
	}
	if n := d.stage.salesforce.Calls().Total(); n != 0 || d.wrote() != 0 {
		return fmt.Errorf("the second run made %d calls to Salesforce", n)
	}
	return nil
}

// third changes two customers and one contact that Salesforce holds.
func (d *demo) third(ctx context.Context) error {
	d.title("5. At the laboratory somebody edits two customers and a contact. The third run sends just that")
	edits, err := d.edit()
	if err != nil {
		return err
	}
	if err := d.call(ctx, 0, "run", "--once"); err != nil {
		return err
	}
	audit := d.stage.salesforce.Audit()[d.writes:]
	d.say("Salesforce was sent:")
	for _, w := range audit {
		for field, value := range w.Fields {
			fmt.Fprintf(d.out, "   %s %s  %s = %q\n", w.Object, w.ID, field, value)
		}
	}
	if n := d.wrote(); n != edits {
		return fmt.Errorf("%d records were edited, but %d were written", edits, n)
	}
	return nil
}

// edit changes records that have reached Salesforce.
func (d *demo) edit() (n int, err error) {
	for _, id := range d.stage.qbench.CustomerIDs() {
		if n < 2 && d.reached("Account", id) {
			n++
			if err := d.stage.qbench.UpdateCustomer(id, qbenchsim.Fields{"description": fmt.Sprintf("Renewed, tier %d", n)}); err != nil {
				return n, err
			}
		}
	}
	for _, id := range d.stage.qbench.ContactIDs() {
		if d.reached("Contact", id) {
			return n + 1, d.stage.qbench.UpdateContact(id, qbenchsim.Fields{"first_name": "Alexandra"})
		}
	}
	return n, errors.New("no contact has reached Salesforce")
}

func (d *demo) reached(object string, id int64) bool {
	return len(d.stage.salesforce.Find(object, "QBench_Id__c", fmt.Sprint(id))) == 1
}

// questions asks the program about one customer.
func (d *demo) questions(ctx context.Context) error {
	id := d.stage.qbench.CustomerIDs()[0]
	d.title(fmt.Sprintf("6. Where does customer %d stand, and where does each value come from?", id))
	return d.call(ctx, 0, "get", "account", fmt.Sprint(id))
}

// wrote returns how many records Salesforce has taken since it was last asked.
func (d *demo) wrote() int {
	all := len(d.stage.salesforce.Audit())
	n := all - d.writes
	d.writes = all
	return n
}

func (d *demo) title(text string) { fmt.Fprintf(d.out, "\n== %s\n", text) }

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, "\n"+format+"\n", args...) }

// heldCode is the program's exit code for "done, with held records".
const heldCode = 3

// call runs the program and prints what it says, at most so many lines.
func (d *demo) call(ctx context.Context, most int, args ...string) error {
	fmt.Fprintf(d.out, "$ crmsyncd %s\n", strings.Join(args, " "))
	var text, log bytes.Buffer
	cmd := exec.CommandContext(ctx, d.binary, append(args, d.args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = d.env, &text, &log
	err := cmd.Run()
	fmt.Fprint(d.out, shorten(text.String(), most))
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == heldCode {
		return nil
	}
	if err != nil {
		return fmt.Errorf("crmsyncd %s: %w\n%s", strings.Join(args, " "), err, log.String())
	}
	return nil
}

// shorten cuts text after so many lines and says so.
func shorten(text string, most int) string {
	lines := strings.SplitAfter(text, "\n")
	if most == 0 || len(lines) <= most {
		return text
	}
	return strings.Join(lines[:most], "") + fmt.Sprintf("   … and %d lines more\n", len(lines)-most)
}
