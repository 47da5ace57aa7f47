package state

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Errors of this package, to be asked for with errors.Is.
var (
	// ErrLocked says that another process has the state file open.
	ErrLocked = errors.New("another crmsyncd has it open")
	// ErrNewerFormat says that a newer version of crmsyncd wrote the file.
	ErrNewerFormat = errors.New("it was written by a newer crmsyncd")
	// ErrOlderFormat says that an older version of crmsyncd wrote the file, and
	// that a reader cannot bring it up to date.
	ErrOlderFormat = errors.New("it was written by an older crmsyncd")
	// ErrUnsafePath says that others could read or swap the file.
	ErrUnsafePath = errors.New("unsafe path")
	// ErrDamaged says that something that was stored cannot be trusted any
	// more. It never means that nothing was stored.
	ErrDamaged = errors.New("damaged")
	// ErrClaimed says that the other side of a link is taken already.
	ErrClaimed = errors.New("claimed by another open link")
	// ErrStop, returned by a callback, ends a walk early and without error.
	ErrStop = errors.New("stop")
)

// DamageError names the row that is damaged. It is an ErrDamaged.
type DamageError struct{ Bucket, Key, Problem string }

// Error names the place and never the content.
func (e *DamageError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("damaged %s: %s", e.Bucket, e.Problem)
	}
	return fmt.Sprintf("damaged row %s %s: %s", e.Bucket, e.Key, e.Problem)
}

// Is reports whether target is ErrDamaged.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// guard runs fn and turns a panic or a memory fault that comes from reading a
// damaged file into an ErrDamaged. A panic of the caller's own code passes
// through untouched.
func guard(file string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if !fromStorage(r) {
			panic(r)
		}
		problem := fmt.Sprint(r)
		if _, fault := r.(runtime.Error); fault {
			problem = "a page of it is missing or holds something else"
		}
		err = &DamageError{Bucket: "file " + file, Problem: problem}
	}()
	return fn()
}

// fromStorage reports whether the panic being recovered was raised by bbolt,
// or by a memory fault in this package: a mapped page that is not there.
func fromStorage(r any) bool {
	_, fault := r.(interface{ Addr() uintptr })
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "go.etcd.io/bbolt"):
			return true
		case strings.HasPrefix(frame.Function, "crmsyncd/state."):
			if !strings.Contains(frame.Function, "guard") {
				return fault
			}
		case strings.HasPrefix(frame.Function, "crmsyncd/"), strings.HasPrefix(frame.Function, "main."):
			return false
		}
		if !more {
			return false
		}
	}
}
