package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// image is a disk in the cache with what starts it. Nobody writes to it: each
// run works on a layer over it or a copy.
type image struct{ dir string }

func (i image) disk() string   { return filepath.Join(i.dir, "disk.img") }
func (i image) kernel() string { return filepath.Join(i.dir, "vmlinuz") }
func (i image) initrd() string { return filepath.Join(i.dir, "initrd") }
func (i image) key() string    { return filepath.Join(i.dir, "key") }

// obtain returns the disk of the recipe, which it makes where the cache has none.
func obtain(ctx context.Context, cacheDir string) (image, error) {
	r := guestRecipe()
	made := image{filepath.Join(cacheDir, r.hash())}
	if _, err := os.Stat(made.dir); err == nil {
		return made, nil
	}
	if err := ableToBuild(ctx); err != nil {
		return image{}, err
	}
	from, err := mirrors(ctx, r.suite)
	if err != nil {
		return image{}, err
	}
	began := time.Now()
	fmt.Println("making the guest's disk, once …")
	if err := r.build(ctx, made.dir, from); err != nil {
		return image{}, fmt.Errorf("make the guest's disk: %w", err)
	}
	fmt.Printf("made the guest's disk in %.0f s\n", time.Since(began).Seconds())
	return made, nil
}

// build makes the disk beside its place and moves it there when it is whole. Of
// two that build at once the first wins.
func (r recipe) build(ctx context.Context, place string, from []string) (err error) {
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(place), filepath.Base(place)+".unfinished-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeTree(work)) }()
	whole := image{filepath.Join(work, "whole")}
	if err := os.Mkdir(whole.dir, 0o700); err != nil {
		return err
	}
	root := filepath.Join(work, "root")
	if err := r.fill(ctx, root, from); err != nil {
		return err
	}
	if err := r.furnish(ctx, root, whole); err != nil {
		return err
	}
	if err := r.format(ctx, root, whole); err != nil {
		return err
	}
	if err := os.Rename(whole.dir, place); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// fill installs the packages into the root folder.
func (r recipe) fill(ctx context.Context, root string, from []string) error {
	settings, err := reaching(ctx)
	if err != nil {
		return err
	}
	return aside(ctx, "mmdebstrap", r.arguments(root, settings, from)...)
}

// aside runs a program whose mounts and processes end with it, even if it is
// killed: in a folder that is to be removed, nothing of this machine stays mounted.
func aside(ctx context.Context, program string, args ...string) error {
	err := command(ctx, "unshare", append([]string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", program}, args...)...)
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	return nil
}

// furnish makes a guest of the root folder that can be entered with the key.
func (r recipe) furnish(ctx context.Context, root string, into image) error {
	if err := aside(ctx, "chroot", root, "/bin/sh", "-ec", strings.Join(r.late, "\n")); err != nil {
		return err
	}
	if err := command(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "guest", "-f", into.key()); err != nil {
		return err
	}
	public, err := os.ReadFile(into.key() + ".pub")
	if err != nil {
		return err
	}
	for _, f := range append(r.files, file{"/root/.ssh/authorized_keys", 0o600, string(public)}) {
		if err := f.write(root); err != nil {
			return err
		}
	}
	for pattern, to := range map[string]string{"vmlinuz-*": into.kernel(), "initrd.img-*": into.initrd()} {
		found, err := filepath.Glob(filepath.Join(root, "boot", pattern))
		if err != nil || len(found) != 1 {
			return fmt.Errorf("%d files are named boot/%s, want one", len(found), pattern)
		}
		if err := command(ctx, "cp", found[0], to); err != nil {
			return err
		}
	}
	return nil
}

// format writes the root folder as a file system, without mounting one.
func (r recipe) format(ctx context.Context, root string, into image) error {
	// The kernel makes the devices.
	dev := filepath.Join(root, "dev")
	if err := removeTree(dev); err != nil {
		return err
	}
	if err := os.Mkdir(dev, 0o755); err != nil {
		return err
	}
	// Nothing is left for the guest to initialize while it is tried.
	return command(ctx, "mke2fs", "-q", "-t", "ext4", "-N", "200000", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", root, into.disk(), r.size)
}

// removeTree removes a folder, but not where something is mounted in it, which
// could be a part of this machine.
func removeTree(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	if bytes.Contains(mounts, []byte(" "+dir+"/")) {
		return fmt.Errorf("something is mounted below %s, which stays", dir)
	}
	return os.RemoveAll(dir)
}

// command runs a program of this machine; the end of what it said is in the error.
func command(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = 5 * time.Second
	apart(cmd, false)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, lastLines(string(out), 20))
	}
	return nil
}

// lastLines are the last n lines of text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
