package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	fileMode   = 0o600
	folderMode = 0o700
	othersMode = 0o077
)

// safeFolder makes the state's folder where it is missing, and refuses one
// that others can look into: the file is as confidential as the CRMs.
func safeFolder(dir string, create bool) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err = os.MkdirAll(dir, folderMode); err == nil {
			info, err = os.Stat(dir)
		}
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
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

// safeFile refuses a state file that is a symlink or that others can read. It
// returns nil and an fs.ErrNotExist where there is none.
func safeFile(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
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
// cut. With replace unset, a file that is there already is left alone and the
// error is fs.ErrExist.
func writeAside(path string, replace bool, fill func(tmp *os.File) error) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	err = fill(tmp)
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
		err = os.Link(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncFolder(dir)
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
// called with the lock held.
func removeLeftovers(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".") && strings.HasSuffix(e.Name(), ".tmp") {
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
