// Command vm plays the packaged service in a Debian guest under qemu: what an
// admin does by hand, on a systemd, a file system and a power switch of its own.
//
//	go run ./systemd/vm                          every step
//	go run ./systemd/vm -list
//	go run ./systemd/vm -run 'power cut' -keep   some steps with what they need; the guest goes on
//
// It needs Linux on amd64, qemu-system-x86 and openssh-client and, once, root with
// mmdebstrap and e2fsprogs, to make the guest's disk from the Debian mirrors that
// apt knows here. The disk is kept below the user's cache folder, one for each
// recipe, at about 1 GB. Where something is missing the program says so and ends
// well; with -must that is a failure.
//
// The vendors are simulated beside the guest and not in it, so that a power cut
// does not take away what was written to them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type options struct {
	pick      string
	list      bool
	keep      bool
	must      bool
	onlyImage bool
	verbose   bool
	limit     time.Duration
	accel     string
	deb, sim  string
	connect   string
	cacheDir  string
}

func (o *options) bind(f *flag.FlagSet) {
	f.StringVar(&o.pick, "run", "", "play only the steps that the `regexp` finds, and what they need")
	f.BoolVar(&o.list, "list", false, "list the steps")
	f.BoolVar(&o.keep, "keep", false, "let the guest go on at the end, and tell how to enter and how to end it")
	f.BoolVar(&o.must, "must", false, "fail where the guest cannot be played")
	f.BoolVar(&o.onlyImage, "image", false, "make the disk, if it is not in the cache, and play nothing")
	f.BoolVar(&o.verbose, "v", false, "print each command and what it answered")
	f.DurationVar(&o.limit, "limit", 30*time.Minute, "give up after this `time`")
	f.StringVar(&o.accel, "accel", "auto", "`how` qemu runs the guest: kvm, tcg, or auto, which tries kvm once and remembers")
	f.StringVar(&o.deb, "deb", "", "install this `package` of crmsyncd, of a pattern's the newest; without it a binary is built and installed by hand")
	f.StringVar(&o.sim, "sim", "", "install this `package` of crmsim; it goes with -deb")
	f.StringVar(&o.connect, "connect", "", "for qemu alone: connect standard input and output to the `address`")
}

func main() { os.Exit(run()) }

func run() int {
	var o options
	o.bind(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		return exitCode(fmt.Errorf("%q is no flag; quote a pattern", flag.Args()), true)
	}
	if o.connect != "" {
		return exitCode(connect(o.connect), false)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once, and qemu with it.
	context.AfterFunc(ctx, stop)
	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("not done after %v", o.limit))
	defer cancel()
	return exitCode(o.play(ctx), o.must)
}

// missing is why the guest cannot be played on this machine.
type missing struct{ why string }

func (m missing) Error() string { return m.why }

func exitCode(err error, must bool) int {
	var lacks missing
	switch {
	case err == nil:
		return 0
	case errors.As(err, &lacks) && !must:
		fmt.Printf("NOTICE: %s, so the guest is not played\n", lacks.why)
		return 0
	}
	fmt.Fprintln(os.Stderr, "vm:", err)
	return 1
}

func (o *options) play(ctx context.Context) error {
	chosen, err := choose(steps(), o.pick)
	if err != nil {
		return err
	}
	if o.list {
		for _, s := range chosen {
			fmt.Println(s.name)
		}
		return nil
	}
	if err := o.find(); err != nil {
		return err
	}
	disk, err := obtain(ctx, o.cacheDir)
	if err != nil || o.onlyImage {
		return err
	}
	return o.perform(ctx, disk, chosen)
}

// find looks for what every run needs, and for the folders that it uses.
func (o *options) find() error {
	if err := able(); err != nil {
		return err
	}
	if _, err := os.Stat("cmd/crmsyncd"); err != nil {
		return errors.New("run it from the project's root")
	}
	for _, deb := range []*string{&o.deb, &o.sim} {
		var err error
		if *deb, err = newest(*deb); err != nil {
			return err
		}
	}
	caches, err := os.UserCacheDir()
	o.cacheDir = filepath.Join(caches, "crmsyncd-vm")
	return err
}

// newest is the last made of the files that a pattern finds. No pattern finds none.
func newest(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || pattern == "" {
		return "", err
	}
	var last string
	var made time.Time
	for _, path := range found {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		if info.ModTime().After(made) {
			last, made = path, info.ModTime()
		}
	}
	if last == "" {
		return "", fmt.Errorf("there is no %s", pattern)
	}
	return last, nil
}

// perform plays the steps in a folder that is gone afterwards, unless the guest
// is kept.
func (o *options) perform(ctx context.Context, disk image, chosen []step) (err error) {
	dir, err := os.MkdirTemp("", "crmsyncd-vm-")
	if err != nil {
		return fmt.Errorf("make a folder for the run: %w", err)
	}
	st := &stage{options: o, dir: dir}
	defer func() { err = errors.Join(err, st.close(err != nil && ctx.Err() != nil)) }()
	if err := st.open(ctx, disk); err != nil {
		return err
	}
	return st.play(ctx, chosen)
}
