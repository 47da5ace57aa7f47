package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Copy writes what fill writes to a new file at path, durably and whole or not at
// all. It never replaces a file. The copy is for the owner of its folder alone.
func Copy(path string, fill func(io.Writer) error) error {
	err := writeAside(path, false, func(tmp *os.File) error { return fill(tmp) })
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and is not overwritten", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, Forbidden(path, err))
	}
	return nil
}

// Restore puts a copy of a state in the place of path, and returns where the former
// state is kept, "" where there was none. The copy belongs to the owner of the
// folder. It is checked before anything is touched, and in doubt from then on, for it
// may be older than what the systems hold. A state that another process works with is
// an ErrLocked.
func Restore(path, from string, check func(copied string) error) (kept string, err error) {
	path = filepath.Clean(path)
	if err := safeFolder(filepath.Dir(path), true); err != nil {
		return "", err
	}
	if is, err := os.Stat(path); err == nil {
		if given, err := os.Stat(from); err == nil && os.SameFile(is, given) {
			return "", fmt.Errorf("put %s back: that is the state itself", from)
		}
	}
	release, err := holdFolder(filepath.Dir(path), time.Second)
	if err != nil {
		return "", err
	}
	defer release()
	unlock, err := lockState(path)
	if err != nil {
		return "", err
	}
	defer unlock()
	s := &Store{path: path, opt: Options{Timeout: time.Second, Now: time.Now}}
	err = writeAside(path, true, func(tmp *os.File) error {
		if err := fillFrom(tmp, from); err != nil {
			return err
		}
		if err := check(tmp.Name()); err != nil {
			return err
		}
		if err := s.markCopy(tmp.Name()); err != nil {
			return err
		}
		kept, err = keepFormer(path)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("put %s back: %w", from, err)
	}
	return kept, nil
}

func fillFrom(tmp *os.File, from string) error {
	src, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for a writer
	if err != nil {
		return err
	}
	defer src.Close()
	if info, err := src.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return errors.Join(err, errors.New("it is no file with something in it"))
	}
	_, err = io.Copy(tmp, src)
	return err
}

// keepFormer gives the state a second name, where there is one, before the first is
// another file's.
func keepFormer(path string) (kept string, err error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	kept = path + ".before-" + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Link(path, kept); err != nil {
		return "", fmt.Errorf("keep the former state: %w", err)
	}
	return kept, nil
}

// lockState takes the lock of a state that is there, so that nobody opens it until
// the returned function is called.
func lockState(path string) (unlock func(), err error) {
	if _, err := safeFile(path); errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	} else if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("state file: %w", Forbidden(path, err))
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, lockedError(path)
	}
	return func() { _ = f.Close() }, nil
}
