package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Vendors are the four simulated systems. They run on this machine, at ports that
// are the same in the guest, so that nothing written to them is lost in a power cut.
type Vendors struct {
	program  string // crmsim
	dir      string
	outlives bool

	sim *child
	env map[string]string // what a crmsyncd beside them needs
}

func systems() []string { return []string{"qbench", "salesforce", "hubspot", "close"} }

// Start begins with fresh data, which is the same for the same flags of crmsim
// serve. Started again, the systems keep their addresses.
func (v *Vendors) Start(ctx context.Context, flags ...string) error {
	v.Stop()
	log := filepath.Join(v.dir, "crmsim.log")
	_ = os.Remove(log)
	args := []string{"serve", "--write-config", v.dir}
	for _, s := range systems() {
		at := "127.0.0.1:0"
		if v.env != nil {
			at = v.Address(s)
		}
		args = append(args, "--"+s, at)
	}
	var err error
	if v.sim, err = begin(v.outlives, log, v.program, append(args, flags...)...); err != nil {
		return err
	}
	return v.await(ctx)
}

// await returns when the systems answer.
func (v *Vendors) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("crmsim does not begin to serve"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(v.sim.said(), "Stop with Ctrl-C") {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-v.sim.ended:
			return fmt.Errorf("crmsim ended\n%s", v.sim.said())
		case <-tick.C:
		}
	}
	return v.learn()
}

// learn reads the environment that crmsim wrote.
func (v *Vendors) learn() error {
	text, err := os.ReadFile(filepath.Join(v.dir, "env"))
	if err != nil {
		return err
	}
	v.env = map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		v.env[name] = value
	}
	for _, s := range systems() {
		if v.URL(s) == "" {
			return fmt.Errorf("crmsim tells no address of %s", s)
		}
	}
	return nil
}

// Stop ends the systems, and what they hold is gone.
func (v *Vendors) Stop() {
	v.sim.kill()
	v.sim = nil
}

// URL is where a system answers, here and in the guest.
func (v *Vendors) URL(system string) string {
	return v.env["CRMSYNCD_"+strings.ToUpper(system)+"_URL"]
}

// Address is the host and port of a system.
func (v *Vendors) Address(system string) string { return strings.TrimPrefix(v.URL(system), "http://") }

// Environment is what goes into /etc/crmsyncd/environment.
func (v *Vendors) Environment() string {
	var b strings.Builder
	for name, value := range v.env {
		if strings.HasPrefix(name, "CRMSYNCD_") {
			fmt.Fprintf(&b, "%s=%s\n", name, value)
		}
	}
	return b.String()
}

// secret is the file of a credential.
func (v *Vendors) secret(name string) string { return filepath.Join(v.dir, "credentials", name) }

// Call asks a system what only a simulated one answers, below /_sim/.
func (v *Vendors) Call(ctx context.Context, method, system, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, v.URL(system)+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s of %s: %s: %s", method, path, system, resp.Status, text)
	}
	return string(text), err
}
