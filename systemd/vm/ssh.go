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
	"strconv"
	"strings"
	"time"
)

// commandLimit is how long a command in the guest may take where nobody says.
const commandLimit = time.Minute

// Result is what a command in the guest answered.
type Result struct {
	Script   string
	Out, Err string
	Code     int   // 124 if it took too long
	Lost     error // the connection to the guest, or this machine's patience, ended before the command
	Took     time.Duration
}

// OK reports whether it ran to its end and returned 0.
func (r Result) OK() bool { return r.Lost == nil && r.Code == 0 }

// String is the command and the end of its answer, for a reader.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ %s\n", r.Script)
	for _, part := range []string{r.Out, r.Err} {
		if strings.TrimSpace(part) != "" {
			fmt.Fprintln(&b, lastLines(part, 60))
		}
	}
	end := fmt.Sprintf("exit code %d", r.Code)
	if r.Lost != nil {
		end = "lost: " + r.Lost.Error()
	}
	fmt.Fprintf(&b, "(%s, %.1f s)", end, r.Took.Seconds())
	return b.String()
}

// Run runs a script of bash as root, for at most a minute. It ends at the first
// command that fails.
func (g *Guest) Run(ctx context.Context, script string) Result {
	return g.RunFor(ctx, commandLimit, script)
}

// RunFor is Run with a time limit.
func (g *Guest) RunFor(ctx context.Context, limit time.Duration, script string) Result {
	return g.feed(ctx, limit, nil, script)
}

// feed runs a script with an input. The guest ends what takes too long; if the
// guest itself is gone, this side does a little later.
func (g *Guest) feed(ctx context.Context, limit time.Duration, input io.Reader, script string) Result {
	whole, cancel := context.WithTimeoutCause(ctx, limit+15*time.Second, fmt.Errorf("no answer in %v", limit))
	defer cancel()
	remote := fmt.Sprintf("timeout -k 5 %d bash -ec %s", int(limit.Seconds()), quote(script))
	cmd := exec.CommandContext(whole, "ssh", append(g.sshOptions(), "root@127.0.0.1", remote)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = input, &out, &errs, 5*time.Second
	began := time.Now()
	err := cmd.Run()
	r := Result{Script: script, Out: out.String(), Err: errs.String(), Code: cmd.ProcessState.ExitCode(), Took: time.Since(began)}
	var exit *exec.ExitError
	switch {
	case whole.Err() != nil:
		r.Lost = context.Cause(whole)
	case r.Code == 255: // of ssh
		r.Lost = errors.New("no connection")
	case err != nil && !errors.As(err, &exit):
		r.Lost = err
	}
	if g.heard != nil {
		g.heard(r)
	}
	return r
}

func (g *Guest) sshOptions() []string {
	options := []string{"-F", "none", "-p", strconv.Itoa(g.port), "-i", g.image.key(), "-S", filepath.Join(g.dir, "ssh")}
	for _, o := range []string{
		"StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "BatchMode=yes", "LogLevel=ERROR",
		"ConnectTimeout=20", "ServerAliveInterval=10", "ServerAliveCountMax=6",
	} {
		options = append(options, "-o", o)
	}
	return options
}

// connect opens the connection that all commands share: another one costs an
// emulated machine a second. It reports whether it stands.
func (g *Guest) connect(ctx context.Context) bool {
	g.disconnect()
	var err error
	g.master, err = begin(g.outlives, filepath.Join(g.dir, "ssh.log"), "ssh", append(g.sshOptions(), "-N", "-M", "root@127.0.0.1")...)
	if err != nil {
		return false
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-g.master.ended:
			return false
		case <-tick.C:
		}
		if _, err := os.Stat(filepath.Join(g.dir, "ssh")); err == nil {
			return true
		}
	}
}

func (g *Guest) disconnect() {
	g.master.kill()
	g.master = nil
	_ = os.Remove(filepath.Join(g.dir, "ssh"))
}

// quote makes one word of a shell of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
