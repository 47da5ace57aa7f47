package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fileMode   = 0o600
	folderMode = 0o700
	othersMode = 0o077

	folderStep = 10 * time.Millisecond
)

// safeFolder makes the state's folder where it is missing, and refuses one
// that others can look into: the file is as confidential as the CRMs.
func safeFolder(dir string, create bool) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err = makeFolder(dir); err == nil {
			info, err = os.Stat(dir)
		}
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", Forbidden(dir, err))
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a folder", ErrUnsafePath, dir)
	}
	if mode := info.Mode().Perm(); mode&othersMode != 0 {
		return fmt.Errorf("%w: the state folder %s has mode %04o and others can enter it; run: chmod 0700 %s",
			ErrUnsafePath, dir, mode, dir)
	}
	return nil
}

// makeFolder makes dir and the folders above it that are missing. Each belongs to
// the owner of the one that was there.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeFolder(above); err != nil {
		return err
	}
	err := os.Mkdir(dir, folderMode)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return err
	}
	return inherit(above, dir, os.Lchown)
}

// inherit gives what root has just made in a folder to the folder's owner. What
// a command of root leaves beside the state is then open to the service, which
// runs as that owner.
func inherit(dir, name string, chown func(name string, uid, gid int) error) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return chown(name, int(owner.Uid), int(owner.Gid))
}

// Forbidden adds to an error of access what mends it. A file that may not be
// read says nothing about the state: it is neither lost nor old.
func Forbidden(path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	dir := filepath.Dir(path)
	if uid, ok := ownerOf(dir); ok && uid != os.Geteuid() && os.Geteuid() != 0 {
		return fmt.Errorf("%w: only root and the owner of %s may; run this as one of them (sudo)", err, dir)
	}
	if uid, ok := ownerOf(path); ok && uid == os.Geteuid() {
		return fmt.Errorf("%w: run: chmod u+rwX %s", err, path)
	}
	return fmt.Errorf("%w: it must belong to the owner of its folder; run as root: chown --reference=%s %s", err, dir, path)
}

func ownerOf(path string) (uid int, ok bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// WriteFile makes path hold text, durably and whole or not at all. The file is
// for the owner of its folder alone.
func WriteFile(path string, text []byte) error {
	return writeAside(path, true, func(tmp *os.File) error {
		_, err := tmp.Write(text)
		return err
	})
}

// safeFile refuses a state file that is a symlink or that others can read. It
// returns nil and an fs.ErrNotExist where there is none.
func safeFile(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("state file: %w", Forbidden(path, err))
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%w: the state file %s is a symlink; name the file itself in the configuration, or remove the link",
			ErrUnsafePath, path)
	case !mode.IsRegular():
		return nil, fmt.Errorf("%w: %s is not a regular file; name another path in the configuration", ErrUnsafePath, path)
	case mode.Perm()&othersMode != 0:
		return nil, fmt.Errorf("%w: the state file %s has mode %04o and others can read it; run: chmod 0600 %s",
			ErrUnsafePath, path, mode.Perm(), path)
	}
	return info, nil
}

// writeAside lets fill write a new file beside path and then puts it in place
// by its name, so that path is never seen half written, not even after a power
// cut. It belongs to the owner of the folder. With replace unset, a file that is
// there already is left alone and the error is fs.ErrExist.
func writeAside(path string, replace bool, fill func(tmp *os.File) error) error {
	dir := filepath.Dir(path)
	tmp, err := os.OpenFile(Aside(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	err = inherit(dir, tmp.Name(), func(_ string, uid, gid int) error { return tmp.Chown(uid, gid) })
	if err == nil {
		err = fill(tmp)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if replace {
		err = os.Rename(tmp.Name(), path)
	} else {
		err = renameNew(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncFolder(dir)
}

// renameNew gives a file a name that must be free. A file system that knows no such
// renaming has links (NFS), and one without links knows it (FAT).
// rename(2), RENAME_NOREPLACE, last checked 2026-12-01.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return os.Link(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// asideEnd ends the names of files that are being written. No person names one so.
const asideEnd = ".crmsyncd-tmp"

// Aside is a new name beside path for a file that is not done yet. What a killed
// process leaves under one is removed when the state is opened.
func Aside(path string) string { return path + "." + rand.Text()[:8] + asideEnd }

// holdFolder keeps all others from making the state's file, or putting another in
// its place, until release is called: the lock of a file is none on its name. After
// the time to wait it is an ErrLocked.
func holdFolder(dir string, wait time.Duration) (release func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", Forbidden(dir, err))
	}
	for end := time.Now().Add(wait); ; time.Sleep(folderStep) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			break
		}
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: another process is just opening or restoring the state in %s; try again", ErrLocked, dir)
	}
	return nil, fmt.Errorf("lock the state folder %s: %w", dir, err)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// removeLeftovers removes what a killed process was writing aside. It is
// called with the locks held.
func removeLeftovers(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".") && strings.HasSuffix(e.Name(), asideEnd) {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// removeEmpty removes a file of zero bytes unless another process holds it or
// has put a real one in its place meanwhile.
func removeEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return lockedError(path)
	}
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Lstat(path)
	if err != nil || !os.SameFile(mine, named) || mine.Size() != 0 {
		return nil // no longer the empty file: open what is there
	}
	return os.Remove(path)
}

func lockedError(path string) error {
	return fmt.Errorf("state file %s: %w", path, ErrLocked)
}
