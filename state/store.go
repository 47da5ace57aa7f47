package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// mapSize is the address space taken at open. Growing a map has to wait for
// every open read transaction; address space costs nothing.
const mapSize = 1 << 30

// Options says how to open a store.
type Options struct {
	ReadOnly bool             // open for reading beside other readers; nothing is created
	Timeout  time.Duration    // how long to wait for the lock; 1 s when zero
	Now      func() time.Time // the clock; time.Now when nil
	MaxSize  int              // bytes that the file may not outgrow; no limit when zero
	// BeforeCommit is asked before each commit; its error undoes the transaction.
	// It is how a test cuts the work at every point.
	BeforeCommit func() error
	// BeforeView is asked before each View; its error is what that returns. It is
	// how a test makes the state unreadable.
	BeforeView func() error
}

// Store is an open state file. Its methods may be called from several
// goroutines.
type Store struct {
	wakeMark atomic.Int64 // the latest mark of a note to read something again
	path     string
	opt      Options
	db       *bbolt.DB
	file     *os.File // the one that bbolt has open

	runSize, foldStep, moveStep int // see keyrun.go and linkrows.go; smaller in tests

	writing sync.Mutex // held by the one transaction that may write
	naming  sync.Mutex // held while names are given numbers
	folding sync.Mutex // held while runs of match keys are folded
	mu      sync.RWMutex
	head    header
	aged    time.Time // when the generation last moved
	aside   []Damage  // what this opening took out of the way
	numbers map[string]Num
	names   []string
	broken  error
	one     FormatOne
	noted   time.Time // when the counter of changes was last noted; of the one writer
}

// Open opens the state file at path and makes it where there is none. A file
// or folder that others can reach is an ErrUnsafePath, a second process gets
// ErrLocked, a file of a newer version ErrNewerFormat, one that cannot be read
// ErrDamaged. A state that is empty or older than the generation file beside
// it opens, and Suspect says so.
func Open(path string, opt Options) (*Store, error) {
	if opt.Timeout == 0 {
		opt.Timeout = time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Store{path: filepath.Clean(path), opt: opt, runSize: runSize, foldStep: foldStep, moveStep: moveStep}
	if err := safeFolder(filepath.Dir(s.path), !opt.ReadOnly); err != nil {
		return nil, err
	}
	if !opt.ReadOnly {
		release, err := holdFolder(filepath.Dir(s.path), opt.Timeout)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	fresh, err := s.ensureFile()
	if err != nil {
		return nil, err
	}
	if err := s.openFile(); err != nil {
		return nil, err
	}
	if err := guard(s.path, func() error { return s.start(fresh) }); err != nil {
		if errors.Is(err, ErrDamaged) {
			s.abandon()
		} else {
			_ = s.db.Close()
		}
		return nil, openError(s.path, err)
	}
	return s, nil
}

// ensureFile makes the file where it is missing or empty, and reports whether
// it did. bbolt would turn a file of zero bytes into a new store in silence;
// here it becomes one that is suspect.
func (s *Store) ensureFile() (fresh bool, err error) {
	info, err := safeFile(s.path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && (!missing || s.opt.ReadOnly):
		return false, err
	case err == nil && info.Size() > 0:
		return false, nil
	case err == nil && s.opt.ReadOnly:
		return false, openError(s.path, &DamageError{Bucket: "file " + s.path, Problem: "it is empty"})
	}
	suspect := ""
	if !missing {
		if err := removeEmpty(s.path); err != nil {
			return false, err
		}
		suspect = "the state file was there but empty (0 bytes)"
	}
	err = s.create(suspect)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return false, nil // another process was faster; its lock decides
	}
	if err != nil {
		return false, fmt.Errorf("make the state file %s: %w", s.path, Forbidden(s.path, err))
	}
	return true, nil
}

// create makes the file aside: a power cut during the first write of a bbolt
// file can leave one that nothing opens.
func (s *Store) create(suspect string) error {
	return writeAside(s.path, false, func(tmp *os.File) error {
		db, err := bbolt.Open(tmp.Name(), fileMode, s.boltOptions(nil))
		if err != nil {
			return err
		}
		err = db.Update(func(b *bbolt.Tx) error { return s.newTx(b, false).putHeader(newHeader(suspect)) })
		if cerr := db.Close(); err == nil {
			err = cerr
		}
		return err
	})
}

func (s *Store) boltOptions(opened func(*os.File)) *bbolt.Options {
	o := *bbolt.DefaultOptions
	o.Timeout = s.opt.Timeout
	o.ReadOnly = s.opt.ReadOnly
	o.FreelistType = bbolt.FreelistMapType
	o.NoFreelistSync = false
	o.PreLoadFreelist = true
	o.InitialMmapSize = mapSize
	o.MaxSize = s.opt.MaxSize
	if opened != nil {
		o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
			// The file exists: it was made aside. A link put in its place since
			// the check is not followed.
			f, err := os.OpenFile(name, flag&^os.O_CREATE|syscall.O_NOFOLLOW, mode)
			if err == nil {
				opened(f)
			}
			return f, err
		}
	}
	return &o
}

func (s *Store) openFile() error {
	err := guard(s.path, func() (err error) {
		s.db, err = bbolt.Open(s.path, fileMode, s.boltOptions(func(f *os.File) { s.file = f }))
		return err
	})
	if err != nil {
		if s.file != nil {
			s.abandon()
		}
		return openError(s.path, err)
	}
	return nil
}

// abandon gives the file up after a panic. bbolt may hold its own locks for
// good then, so that it cannot be closed, and its map would keep the file's.
func (s *Store) abandon() {
	_ = syscall.Flock(int(s.file.Fd()), syscall.LOCK_UN)
	_ = s.file.Close()
}

// openError says what to do about a state file that does not open.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return lockedError(path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum),
		strings.Contains(err.Error(), "file size too small"): // bbolt has no name for this one
		err = &DamageError{Bucket: "file " + path, Problem: err.Error()}
	}
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("state file %s: %w; put a copy back in its place, or move it "+
			"away: crmsyncd then links by match keys and creates nothing until told (crmsyncd state trust)", path, err)
	}
	return fmt.Errorf("state file %s: %w", path, Forbidden(path, err))
}

// start checks the file before anything trusts it.
func (s *Store) start(fresh bool) error {
	if err := s.checkSize(); err != nil {
		return err
	}
	side, err := readSidecar(s.path)
	if err != nil {
		return err
	}
	if s.opt.ReadOnly {
		return s.startReading(side)
	}
	removeLeftovers(s.path)
	err = s.db.Update(func(b *bbolt.Tx) error {
		tx := s.newTx(b, false)
		h, err := tx.header()
		if err != nil {
			return err
		}
		h.fresh = fresh
		if err := migrate(tx, &h, migrations()); err != nil {
			return err
		}
		h = doubt(h, side)
		h.Generation++
		h.Copy = false
		s.head, s.aged = h, s.now()
		if err := tx.putHeader(h); err != nil {
			return err
		}
		return s.loadNames(tx)
	})
	if err != nil {
		return err
	}
	if err := s.setAside(); err != nil {
		return err
	}
	return s.writeSidecar()
}

// startReading is start for a reader, who writes nothing: no new format, no
// generation, no sidecar. So a full disk keeps nobody from looking.
func (s *Store) startReading(side *sidecar) error {
	return s.db.View(func(b *bbolt.Tx) error {
		tx := s.newTx(b, false)
		h, err := tx.header()
		if err != nil {
			return err
		}
		if h.Format < format {
			return fmt.Errorf("%w (format %d, this one writes %d); the daemon or crmsyncd run --once brings it up to date",
				ErrOlderFormat, h.Format, format)
		}
		s.head = doubt(h, side)
		return s.loadNames(tx)
	})
}

// doubt marks h as suspect when it is a copy or its sidecar says so. A doubt
// stays until Trust.
func doubt(h header, side *sidecar) header {
	if h.Suspect == "" && h.Copy {
		h.Suspect = "the state file is a copy that was put back, so it is older than what the systems hold"
	}
	if h.Suspect == "" {
		h.Suspect = judge(side, h)
	}
	return h
}

// checkSize finds a file that was cut short: bbolt itself maps it and faults
// later.
func (s *Store) checkSize() error {
	return s.db.View(func(b *bbolt.Tx) error {
		info, err := os.Stat(s.path)
		if err != nil {
			return err
		}
		if info.Size() < b.Size() {
			return &DamageError{Bucket: "file " + s.path, Problem: fmt.Sprintf("it is cut short: %d bytes of %d", info.Size(), b.Size())}
		}
		return nil
	})
}

// Displaced is an error where the file that this store works with is no longer the
// one at its path: somebody moved or removed it, or put another there. The work goes
// on, and is lost with the file's last name when the store is closed.
func (s *Store) Displaced() error {
	if s.file == nil {
		return nil
	}
	mine, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("state file %s: %w", s.path, err)
	}
	there, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the state file %s was moved or removed while it is worked with", s.path)
	case err != nil:
		return fmt.Errorf("state file: %w", err)
	case !os.SameFile(mine, there):
		return fmt.Errorf("another file was put in the place of the state %s while that is worked with", s.path)
	}
	return nil
}

// Close ends the work with the file. The generation moves on, so that a copy
// of the file put back later is known to be one.
func (s *Store) Close() error {
	var err error
	if !s.opt.ReadOnly && s.refused() == nil {
		s.mu.Lock()
		s.aged = time.Time{}
		s.mu.Unlock()
		err = s.Update(func(*Tx) error { return nil })
	}
	if broken := s.refused(); broken != nil && !s.opt.ReadOnly {
		s.abandon()
		return fmt.Errorf("close the state file %s: %w", s.path, broken)
	}
	if cerr := s.db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("close the state file %s: %w", s.path, err)
	}
	return nil
}

// ReadOnly reports whether the store was opened for reading only.
func (s *Store) ReadOnly() bool { return s.opt.ReadOnly }

// Path returns the path of the state file.
func (s *Store) Path() string { return s.path }

// Size returns the bytes that the file takes on disk and those of them that
// hold something. The rest is free for reuse.
func (s *Store) Size() (file, used int64) {
	_ = s.db.View(func(b *bbolt.Tx) error {
		file = b.Size()
		return nil
	})
	free := int64(s.db.Stats().FreePageN+s.db.Stats().PendingPageN) * int64(s.db.Info().PageSize)
	if info, err := os.Stat(s.path); err == nil {
		used = file - free
		file = info.Size()
	}
	return file, used
}

func (s *Store) now() time.Time { return s.opt.Now() }

// refuse makes every later Update fail with err.
func (s *Store) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
	}
}

func (s *Store) refused() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.opt.ReadOnly {
		return errReadOnly
	}
	return s.broken
}

var errReadOnly = errors.New("the state file is open for reading only")
