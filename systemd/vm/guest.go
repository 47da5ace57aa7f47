package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// outside is the address under which the guest finds what listens beside it.
	outside = "10.0.2.100"

	silenceLimit = 15 * time.Second // a guest whose kernel says nothing until then never will
	kvmLimit     = time.Minute
	bootLimit    = 4 * time.Minute
	stopLimit    = 2 * time.Minute // of its services, before it boots again
)

// errNoLife says that a guest ended, hung or did not let anybody in.
var errNoLife = errors.New("the guest does not come up")

// Guest is a Debian machine under qemu. Its disk lasts over boots and power cuts
// and goes with the run. It reaches nothing but the ports that are forwarded.
type Guest struct {
	image    image
	dir      string // of the run
	accel    string // kvm, tcg or auto
	outlives bool
	forward  map[int]string // a port of outside, and the program that serves a connection

	disk    string // as qemu's -drive wants it
	port    int    // of this machine, leading to the guest's ssh
	boots   int
	machine *child
	master  *child // the ssh connection that all commands share
	heard   func(Result)
}

// layer gives the guest a disk like the image's that holds nothing of earlier runs.
func (g *Guest) layer(ctx context.Context) error {
	path := filepath.Join(g.dir, "disk")
	_ = os.Remove(path)
	g.disk = path + ",format=raw"
	if _, err := exec.LookPath("qemu-img"); err == nil {
		g.disk = path + ",format=qcow2"
		return command(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", g.image.disk(), path)
	}
	return command(ctx, "cp", "--sparse=always", "--reflink=auto", g.image.disk(), path)
}

// Boot turns the guest on, with the disk as it is, and returns when commands can
// be run in it. Its services may still be starting.
func (g *Guest) Boot(ctx context.Context) error {
	if g.accel != "auto" {
		return g.boot(ctx, bootLimit)
	}
	g.accel = g.image.remembered()
	if g.accel == "auto" {
		return g.try(ctx)
	}
	return g.boot(ctx, bootLimit)
}

// try boots with kvm if this machine seems to have it, and emulated if that leads
// nowhere. The answer is remembered beside the image.
func (g *Guest) try(ctx context.Context) error {
	g.accel = "tcg"
	if !opens("/dev/kvm") {
		return g.boot(ctx, bootLimit)
	}
	g.accel = "kvm"
	err := g.boot(ctx, kvmLimit)
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, g.image.remember("kvm"))
	}
	g.PowerCut()
	first, _, _ := strings.Cut(err.Error(), "\n")
	fmt.Printf("kvm does not run a guest here (%s), so it is emulated, from now on\n", first)
	g.accel = "tcg"
	if err := errors.Join(g.image.remember("tcg"), g.layer(ctx)); err != nil {
		return err
	}
	return g.boot(ctx, bootLimit)
}

func opens(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

func (i image) accelFile() string { return filepath.Join(i.dir, "accel") }

// remembered is how guests run on this machine, or auto if that was never tried.
func (i image) remembered() string {
	text, err := os.ReadFile(i.accelFile())
	if accel := strings.TrimSpace(string(text)); err == nil && (accel == "kvm" || accel == "tcg") {
		return accel
	}
	return "auto"
}

func (i image) remember(accel string) error {
	return os.WriteFile(i.accelFile(), []byte(accel+"\n"), 0o600)
}

func (g *Guest) boot(ctx context.Context, limit time.Duration) error {
	if g.machine != nil && !g.machine.gone() {
		return errors.New("the guest is on already")
	}
	var err error
	if g.port, err = freePort(ctx); err != nil {
		return err
	}
	g.boots++
	if g.machine, err = begin(g.outlives, filepath.Join(g.dir, "qemu.log"), qemu, g.arguments()...); err != nil {
		return err
	}
	return g.enter(ctx, limit, "")
}

// freePort is a port that nobody listened on a moment ago.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (g *Guest) serial() string {
	return filepath.Join(g.dir, fmt.Sprintf("serial-%d.log", g.boots))
}

// arguments are those of qemu. Without a screen the BIOS is silent too, so that
// the first words on the serial line are the kernel's. An emulated processor that
// can do less boots in three quarters of the time.
func (g *Guest) arguments() []string {
	accel, cpu := "tcg,thread=multi", "qemu64"
	if g.accel == "kvm" {
		accel, cpu = "kvm", "host"
	}
	nic := fmt.Sprintf("user,model=virtio,restrict=on,hostfwd=tcp:127.0.0.1:%d-:22", g.port)
	for port, program := range g.forward {
		nic += fmt.Sprintf(",guestfwd=tcp:%s:%d-cmd:%s", outside, port, strings.ReplaceAll(program, ",", ",,"))
	}
	return []string{
		"-accel", accel, "-cpu", cpu, "-smp", "2", "-m", "3072", "-nodefaults", "-display", "none", "-vga", "none",
		"-kernel", g.image.kernel(), "-initrd", g.image.initrd(), "-append", "root=/dev/vda rw console=ttyS0 TERM=dumb",
		"-drive", "if=virtio,file=" + g.disk, "-nic", nic, "-serial", "file:" + g.serial(),
	}
}

// enter waits until the guest lets commands in, and has booted another time than
// the one named, if one is.
func (g *Guest) enter(ctx context.Context, limit time.Duration, notBoot string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w in %v", errNoLife, limit))
	defer cancel()
	began, tick := time.Now(), time.NewTicker(200*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-g.machine.ended:
			return g.lifeless(fmt.Errorf("%w: qemu ended", errNoLife))
		case <-tick.C:
		}
		if ctx.Err() != nil {
			return g.lifeless(context.Cause(ctx))
		}
		if time.Since(began) > silenceLimit && !g.spoke() {
			return g.lifeless(fmt.Errorf("%w: its kernel said nothing in %v", errNoLife, silenceLimit))
		}
		if !greets(g.port) || !g.connect(ctx) {
			continue
		}
		if now := g.bootID(ctx); now != "" && now != notBoot {
			return nil
		}
	}
}

func (g *Guest) bootID(ctx context.Context) string {
	return strings.TrimSpace(g.Run(ctx, "cat /proc/sys/kernel/random/boot_id").Out)
}

// spoke reports whether the kernel wrote its first line.
func (g *Guest) spoke() bool {
	text, err := os.ReadFile(g.serial())
	return err == nil && bytes.Contains(text, []byte("Linux version"))
}

// lifeless adds to an error what the guest and qemu said last.
func (g *Guest) lifeless(why error) error {
	return fmt.Errorf("%w\n--- qemu\n%s\n--- serial line\n%s", why, g.machine.said(), g.lastWords())
}

func (g *Guest) lastWords() string { return endOf(g.serial(), 20) }

// greets reports whether an ssh server answers behind the port. qemu takes the
// connection long before the guest does.
func greets(port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	word := make([]byte, 4)
	n, _ := conn.Read(word)
	return string(word[:n]) == "SSH-"
}

// PowerCut ends the guest in the middle of what it does. What it had not synced
// is lost, and that includes files that were copied in a moment ago.
func (g *Guest) PowerCut() {
	g.machine.kill()
	g.disconnect()
}

// Reboot has the guest stop its services and start again, and returns when
// commands can be run in it.
func (g *Guest) Reboot(ctx context.Context) error {
	before := g.bootID(ctx)
	if r := g.Run(ctx, "systemctl reboot"); before == "" || r.Code != 0 && r.Lost == nil {
		return fmt.Errorf("the guest does not reboot: %s", r)
	}
	return g.enter(ctx, stopLimit+bootLimit, before)
}

// Close ends the guest. Its disk goes with the folder of the run.
func (g *Guest) Close() { g.PowerCut() }
