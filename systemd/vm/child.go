package main

import (
	"fmt"
	"os"
	"os/exec"
)

// child is a program beside the guest that runs until it is killed.
type child struct {
	cmd   *exec.Cmd
	log   string // what it said
	ended chan struct{}
}

// begin starts a program whose output goes to the end of a log.
func begin(outlives bool, log, program string, args ...string) (*child, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	c := &child{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = out, out
	apart(c.cmd, outlives)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// kill ends it as kill -9 does and returns when it is gone.
func (c *child) kill() {
	if c == nil {
		return
	}
	_ = c.cmd.Process.Kill()
	<-c.ended
}

func (c *child) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// said is the end of its log.
func (c *child) said() string { return endOf(c.log, 20) }

func endOf(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), lines)
}
