package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// stage is what the steps are played on, in a folder of the run.
type stage struct {
	*options
	dir     string
	guest   *Guest
	vendors *Vendors
}

// open prepares everything but the guest's first boot, which is a step.
func (s *stage) open(ctx context.Context, disk image) error {
	began := time.Now()
	if err := s.compile(ctx); err != nil {
		return err
	}
	s.vendors = &Vendors{program: filepath.Join(s.dir, "crmsim"), dir: filepath.Join(s.dir, "vendors"), outlives: s.keep}
	if err := os.Mkdir(s.vendors.dir, 0o700); err != nil {
		return err
	}
	if err := s.vendors.Start(ctx, "--accounts", "40"); err != nil {
		return err
	}
	forward, err := s.forwards(ctx)
	if err != nil {
		return err
	}
	s.guest = &Guest{image: disk, dir: s.dir, accel: s.accel, outlives: s.keep, forward: forward}
	if err := s.guest.layer(ctx); err != nil {
		return err
	}
	fmt.Printf("prepared in %.1f s\n", time.Since(began).Seconds())
	return nil
}

// compile builds the two programs as make build does.
func (s *stage) compile(ctx context.Context) error {
	return command(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", s.dir, "./cmd/crmsyncd", "./cmd/crmsim")
}

// forwards are the ports by which the guest reaches the vendors. What connects
// them is this program; of go run nothing is left at its end, so it is a copy.
func (s *stage) forwards(ctx context.Context) (map[int]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	joint := filepath.Join(s.dir, "connect")
	if err := command(ctx, "cp", self, joint); err != nil {
		return nil, err
	}
	forward := map[int]string{}
	for _, system := range systems() {
		_, port, err := net.SplitHostPort(s.vendors.Address(system))
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, err
		}
		forward[n] = joint + " -connect " + s.vendors.Address(system)
	}
	return forward, nil
}

// close ends everything and removes the folder, or tells how to go on with it.
func (s *stage) close(interrupted bool) error {
	if s.keep && !interrupted && s.guest != nil && s.guest.machine != nil && !s.guest.machine.gone() {
		s.guest.tellHowToEnter(s.vendors.sim.pid())
		return nil
	}
	if s.guest != nil && s.guest.machine != nil {
		s.guest.Close()
	}
	if s.vendors != nil {
		s.vendors.Stop()
	}
	return os.RemoveAll(s.dir)
}

// tellHowToEnter names the processes that go on, so that they can be ended.
func (g *Guest) tellHowToEnter(others int) {
	g.disconnect()
	fmt.Printf("\nThe guest goes on. Enter it:\n  ssh -F none -i %s -p %d -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1\n",
		quote(g.image.key()), g.port)
	fmt.Printf("End it:\n  kill %d %d; rm -r %s\n", g.machine.pid(), others, quote(g.dir))
}

// play goes through the steps and prints how each ended.
func (s *stage) play(ctx context.Context, chosen []step) error {
	began, failed := time.Now(), map[string]bool{}
	for _, st := range chosen {
		if lost := st.lost(failed); lost != "" {
			failed[st.name] = true
			fmt.Printf("%-4s %7s  %s: it needs %q\n", "--", "", st.name, lost)
			continue
		}
		if !s.one(ctx, st) {
			failed[st.name] = true
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	fmt.Printf("%d of %d steps in %.0f s\n", len(chosen)-len(failed), len(chosen), time.Since(began).Seconds())
	if len(failed) > 0 {
		return errors.New("not every step is ok")
	}
	return nil
}

// one plays a step and reports whether it is ok.
func (s *stage) one(ctx context.Context, st step) bool {
	t := &T{Guest: s.guest, Vendors: s.vendors, stage: s}
	s.guest.heard = t.hear
	began := time.Now()
	t.play(ctx, st.do)
	verdict := "ok"
	if t.failed {
		verdict = "FAIL"
	}
	fmt.Printf("%-4s %6.1fs  %s\n", verdict, time.Since(began).Seconds(), st.name)
	t.report(ctx)
	return !t.failed
}
