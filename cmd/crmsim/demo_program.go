package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The program's exit codes that are no surprise in a demo.
const (
	unfitCode = 78 // of a check that found errors
	heldCode  = 3  // done, with held records
)

// goodbye is how long the program may take to end when the demo is stopped.
const goodbye = 2 * time.Second

// program is the crmsyncd that is shown.
type program struct {
	binary string
	args   []string // that every call gets
	env    []string
}

func newProgram(binary, config string, e environment) program {
	state := filepath.Join(e.dir, "state")
	p := program{binary: binary, env: os.Environ(), args: []string{
		"--config", config, "--state", filepath.Join(state, "state.db"), "--socket", filepath.Join(state, "control.sock"),
	}}
	for _, v := range e.vars {
		p.env = append(p.env, v.name+"="+v.value)
	}
	return p
}

// exitError is an end that the demo did not expect.
type exitError struct {
	command string
	code    int
	log     string
	cause   error
}

func (e *exitError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("crmsyncd %s: %v\n%s", e.command, e.cause, e.log))
}

func (e *exitError) Unwrap() error { return e.cause }

// call runs the program and returns what it says. Records that are held are no
// failure.
func (p *program) call(ctx context.Context, args ...string) (string, error) {
	var text, log bytes.Buffer
	cmd := exec.CommandContext(ctx, p.binary, slices.Concat(args, p.args)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &text, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = goodbye
	err := cmd.Run()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	if err == nil || code == heldCode {
		return text.String(), nil
	}
	return text.String(), &exitError{command: strings.Join(args, " "), code: code, log: log.String(), cause: err}
}

// ask runs the program for its answer in JSON.
func (p *program) ask(ctx context.Context, answer any, args ...string) error {
	text, err := p.call(ctx, append(args, "-o", "json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), answer); err != nil {
		return fmt.Errorf("read the answer of crmsyncd %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// hold is a held record as the program tells it.
type hold struct {
	System string `json:"system"`
	Object string `json:"object"`
	Hub    string `json:"hub_id"`
	Remote string `json:"remote_id"`
	Label  string `json:"label"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Mend   string `json:"mend"`
}

// source is the id at the source of the record that is held.
func (h hold) source() string {
	if h.System == "qbench" {
		return h.Remote
	}
	id, _, _ := strings.Cut(h.Label, " ")
	return id
}

// hubRecord is a record of the hub with its place in each system.
type hubRecord struct {
	Hub    string     `json:"hub_id"`
	Fields []hubField `json:"fields"`
	Links  []struct {
		System string `json:"system"`
		Object string `json:"object"`
		Remote string `json:"remote_id"`
		State  string `json:"state"`
	} `json:"links"`
}

type hubField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Refers string `json:"refers_to"` // what people call the record that the value names
	Source string `json:"source"`
}

// field is one of the record's fields, empty if it has no value.
func (r hubRecord) field(name string) hubField {
	for _, f := range r.Fields {
		if f.Name == name {
			return f
		}
	}
	return hubField{}
}

// remote is the record's id in a system, or empty.
func (r hubRecord) remote(system string) string {
	for _, l := range r.Links {
		if l.System == system && l.State != "closed" {
			return l.Remote
		}
	}
	return ""
}
