package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
)

// A damaged file can end the process that checks it, in a way that nothing in
// that process can catch. So the check runs in a child, and its death is a
// result like any other.

// checkLine is one line of what the child says.
type checkLine struct {
	Progress *daemon.Progress   `json:"progress,omitempty"`
	Damage   *daemon.DamageView `json:"damage,omitempty"`
	Error    string             `json:"error,omitempty"`
	Done     bool               `json:"done,omitempty"`
}

const checkFileCommand = "check-file"

// checkFileCommand is the child's side. People use state verify.
func (a *app) checkFileCommand() *cobra.Command {
	return &cobra.Command{
		Use: checkFileCommand + " FILE", Short: "Check a file that nobody writes; state verify uses it", Args: cobra.ExactArgs(1), Hidden: true,
		Example: "  crmsyncd state check-file /var/lib/crmsyncd/copy.db",
		RunE: func(cmd *cobra.Command, w []string) error {
			enc := json.NewEncoder(a.out)
			defer a.boundMemory(w[0])()
			damage, err := checkFile(cmd.Context(), w[0], func(done, total int) {
				_ = enc.Encode(checkLine{Progress: &daemon.Progress{What: "rows", Done: done, Total: total}}) // nobody may listen any more
			})
			for _, d := range damage {
				v := daemon.DamageView(d)
				if err := enc.Encode(checkLine{Damage: &v}); err != nil {
					return fmt.Errorf("answer: %w", err)
				}
			}
			if err != nil {
				return enc.Encode(checkLine{Error: err.Error()}) // nobody is left to read it
			}
			return enc.Encode(checkLine{Done: true}) // see above
		},
	}
}

// The check of a sound file takes less than this, and for each of its pages so
// much. A damaged one can make it take all there is, and under systemd that would
// end the daemon as well.
const (
	checkMemory   = 96 << 20
	memoryPerPage = 256
)

// boundMemory ends this process once it takes more than the check of a sound file
// of this size, until the returned function is called.
func (a *app) boundMemory(path string) (stop func()) {
	limit := uint64(checkMemory)
	if info, err := os.Stat(path); err == nil {
		limit += uint64(info.Size()) / uint64(os.Getpagesize()) * memoryPerPage
	}
	done := make(chan struct{})
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if metrics.Read(sample); sample[0].Value.Uint64()-sample[1].Value.Uint64() > limit {
				fmt.Fprintln(a.errs, "fatal error: it takes more memory than a sound file would")
				os.Exit(exitFailed)
			}
		}
	}()
	return func() { close(done) }
}

// checkFile opens a file that may be damaged and checks all of it.
func checkFile(ctx context.Context, path string, progress func(done, total int)) ([]state.Damage, error) {
	st, err := state.Open(path, state.Options{ReadOnly: true})
	if errors.Is(err, state.ErrDamaged) {
		return []state.Damage{{Bucket: "file", Problem: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	damage, err := st.Verify(ctx, progress)
	return damage, errors.Join(err, st.Close())
}

// checker checks state files in child processes.
type checker struct {
	program string // this one
	env     []string
}

// newChecker needs no file of this program: a newer one may have its place.
func newChecker() checker {
	program := "/proc/self/exe"
	if _, err := os.Stat(program); err != nil {
		if program, err = os.Executable(); err != nil {
			program = os.Args[0]
		}
	}
	// A trace would show what stands in memory; one line of a death is enough.
	return checker{program: program, env: []string{"GOTRACEBACK=none"}}
}

// file checks a file that nobody writes. The child's death is a damage of it.
func (c checker) file(ctx context.Context, path string, progress func(daemon.Progress)) ([]daemon.DamageView, error) {
	cmd := exec.CommandContext(ctx, c.program, "state", checkFileCommand, path)
	cmd.Env = c.env
	var last bytes.Buffer
	cmd.Stderr = &last
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("check the state: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("check the state: %w", err)
	}
	damage, done, said := readCheck(out, progress)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return damage, ctx.Err()
	case said != nil:
		return damage, said
	case done && err == nil:
		return damage, nil
	}
	return append(damage, daemon.DamageView{Bucket: "file", Problem: "the check broke off, so the file is damaged: " + deathText(last.String(), err)}), nil
}

// readCheck reads what the child says, to its end.
func readCheck(r io.Reader, progress func(daemon.Progress)) (damage []daemon.DamageView, done bool, said error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var line checkLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // the half line of one that died
		}
		switch {
		case line.Progress != nil:
			progress(*line.Progress)
		case line.Damage != nil:
			damage = append(damage, *line.Damage)
		case line.Error != "":
			said = errors.New(line.Error)
		case line.Done:
			done = true
		}
	}
	return damage, done, said
}

// deathText is what a process that died said first.
func deathText(said string, err error) string {
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "unexpected fault") {
			return cut(clean(line), 120)
		}
	}
	return fmt.Sprint(err)
}

// store checks a state that this process works with: an image of it, beside it.
// Where there is no room for one, the rows alone are checked, here.
func (c checker) store(ctx context.Context, st *state.Store, progress func(daemon.Progress)) (daemon.VerifyView, error) {
	image := state.Aside(st.Path())
	defer func() { _ = os.Remove(image) }()
	if err := st.Image(image); err != nil {
		damage, rerr := st.VerifyRows(ctx, func(done, total int) { progress(daemon.Progress{What: "rows", Done: done, Total: total}) })
		v := daemon.VerifyView{Note: "only the rows were checked, and not the pages they stand on, for want of a copy: " + err.Error()}
		for _, d := range damage {
			v.Damage = append(v.Damage, daemon.DamageView(d))
		}
		return v, rerr
	}
	damage, err := c.file(ctx, image, progress)
	return daemon.VerifyView{Damage: damage}, err
}
