package main

import (
	"os/exec"
	"syscall"
)

// apart keeps Ctrl-C of the terminal from a child, which is ended in order
// instead. Unless it may outlive this program, it dies with it, however that ends.
func apart(cmd *exec.Cmd, outlives bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !outlives {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}
