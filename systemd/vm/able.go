package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

const qemu = "qemu-system-x86_64"

// able says what keeps this machine from playing a guest whose disk is there.
func able() error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return missing{"this is " + runtime.GOOS + "/" + runtime.GOARCH + " and no linux/amd64"}
	}
	return installed(qemu, "ssh", "ssh-keygen", "cp")
}

// ableToBuild says what keeps this machine from making a disk.
func ableToBuild(ctx context.Context) error {
	if err := installed("mmdebstrap", "mke2fs", "chroot", "unshare", "apt-get", "apt-config"); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return missing{"only root can make the guest's disk, and there is none in the cache"}
	}
	if err := aside(ctx, "true"); err != nil && ctx.Err() == nil {
		return missing{"root cannot mount anything here"}
	}
	return nil
}

func installed(programs ...string) error {
	var lacking []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			lacking = append(lacking, p)
		}
	}
	if lacking == nil {
		return nil
	}
	return missing{"there is no " + strings.Join(lacking, ", no ") + " here"}
}
