package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	sdjournal "github.com/coreos/go-systemd/v22/journal"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"crmsyncd/configs"
)

const defaultConfig = "/etc/crmsyncd"

// app is one call of the program: where it prints, and the flags that every
// command has.
type app struct {
	out, errs io.Writer
	written   *output // is out; knows whether anything got lost
	outTerm   bool    // the output is a terminal that may be colored
	errTerm   bool
	journal   *journal // is errs, where that is systemd's journal

	config, state, socket, format, level string
	started                              bool // the command line was understood
}

func newApp(out, errs io.Writer) *app {
	w := &output{w: out}
	a := &app{out: w, written: w, errs: errs, outTerm: isTerminal(out), errTerm: isTerminal(errs)}
	if is, err := sdjournal.StderrIsJournalStream(); is && err == nil {
		a.journal = &journal{errs}
		a.errs = a.journal
	}
	return a
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// color reports whether a terminal may be colored (no-color.org).
func (a *app) color() bool { return a.outTerm && os.Getenv("NO_COLOR") == "" }

// width is that of the terminal, 0 where the output is none.
func (a *app) width() int {
	f, ok := a.written.w.(*os.File)
	if !ok || !a.outTerm {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return n
}

// execute runs one command line and returns the exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	cmd, err := root.ExecuteContextC(ctx)
	if err = a.lost(err); err == nil {
		return exitDone
	}
	code := exitCode(err)
	if !a.started && a.written.err == nil {
		code = exitUsage
	}
	if text := oneLine(err); text != "" {
		fmt.Fprintln(a.errs, "crmsyncd: "+text)
	}
	if code == exitUsage && !a.started {
		fmt.Fprintf(a.errs, "crmsyncd: see %s --help\n", cmd.CommandPath())
	}
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "crmsyncd",
		Short: "Keeps CRM systems in step, field by field",
		Long: "crmsyncd reads customers and contacts from the systems that own them, keeps an agreed copy,\n" +
			"and pushes what changed to the others. Nothing is ever deleted in another system.\n\n" +
			exitHelp(),
		Example:       "  crmsyncd check --live\n  crmsyncd plan\n  crmsyncd run --once\n  crmsyncd run",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.knowsFormat(cmd); err != nil {
				return err
			}
			if _, err := a.logLevel(slog.LevelInfo); err != nil {
				return err
			}
			if a.config == "" {
				return errors.New("--config is empty: name the folder of " + configs.MainFile)
			}
			a.started = true
			return nil
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.config, "config", defaultConfig, "`folder` of crmsyncd.yaml")
	f.StringVar(&a.state, "state", "", "state `file` (default: what crmsyncd.yaml says)")
	f.StringVar(&a.socket, "socket", "", "control `socket` (default: what crmsyncd.yaml says)")
	f.StringVarP(&a.format, "output", "o", formatTable, "how to print: `table` or json")
	f.StringVar(&a.level, "log-level", "", "`level`: debug, info, warn or error (daemon: info)")
	root.AddCommand(
		a.runCommand(), a.checkCommand(), a.planCommand(), a.acceptCommand(), a.auditCommand(), a.statusCommand(), a.runsCommand(),
		a.heldCommand(), a.linkCommand(), a.unlinkCommand(), a.systemCommand(), a.getCommand(), a.exportCommand(), a.stateCommand(),
		a.reloadCommand(), a.resyncCommand(), a.versionCommand(),
	)
	fill(root)
	return root
}

// withCSV marks a command that also prints CSV.
const withCSV = "csv"

func (a *app) knowsFormat(cmd *cobra.Command) error {
	_, csv := cmd.Annotations[withCSV]
	switch {
	case a.format == formatTable, a.format == formatJSON, csv && a.format == formatCSV:
		return nil
	case csv:
		return fmt.Errorf("-o %s is not known: table, json or csv", a.format)
	}
	return fmt.Errorf("-o %s is not known: table or json", a.format)
}
