package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"crmsyncd/sync/engine"
)

// Frame is one line of an answer. An answer is lines of JSON: items and
// progress as they come, then one result or one error. A long list costs no
// memory on either side, and an answer that was cut has no last line.
type Frame struct {
	Item     json.RawMessage `json:"item,omitempty"`
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Fault          `json:"error,omitempty"`
}

// Progress says how far a long question is.
type Progress struct {
	What  string `json:"what,omitempty"`
	Done  int    `json:"done"`
	Total int    `json:"total,omitempty"`
}

// FaultKind says what an error means for the one who asked.
type FaultKind string

// The kinds of fault.
const (
	FaultFailed FaultKind = "failed"
	FaultUsage  FaultKind = "usage" // the question itself is wrong
	FaultGuard  FaultKind = "guard"
)

// Fault is an error as it crosses the socket.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Message string    `json:"message"`
}

// Error returns the message.
func (f *Fault) Error() string { return f.Message }

// Is reports whether the fault is that a guard stopped a run.
func (f *Fault) Is(target error) bool { return target == engine.ErrGuard && f.Kind == FaultGuard }

func faultOf(err error) *Fault {
	var f *Fault
	switch {
	case errors.As(err, &f):
		return &Fault{Kind: f.Kind, Message: err.Error()}
	case errors.Is(err, engine.ErrGuard):
		return &Fault{FaultGuard, err.Error()}
	case errors.Is(err, engine.ErrNoObject), errors.Is(err, engine.ErrNoRoute), errors.Is(err, engine.ErrNoRecord),
		errors.Is(err, engine.ErrLinked), errors.Is(err, engine.ErrVisible), errors.Is(err, engine.ErrNoPlan), errors.Is(err, ErrUnknownSystem):
		return &Fault{FaultUsage, err.Error()}
	}
	return &Fault{FaultFailed, err.Error()}
}

func usage(format string, args ...any) error {
	return &Fault{FaultUsage, fmt.Sprintf(format, args...)}
}

// sender writes frames.
type sender struct {
	w     http.ResponseWriter
	enc   *json.Encoder
	begun bool
}

func newSender(w http.ResponseWriter) *sender {
	return &sender{w: w, enc: json.NewEncoder(w)}
}

func (s *sender) frame(f Frame) error {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "application/x-ndjson")
		if f.Error != nil {
			status := http.StatusInternalServerError
			if f.Error.Kind == FaultUsage {
				status = http.StatusBadRequest
			}
			s.w.WriteHeader(status)
		}
	}
	if err := s.enc.Encode(f); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// item sends one of many.
func (s *sender) item(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return s.frame(Frame{Item: raw})
}

// progress tells how far it is, at once.
func (s *sender) progress(p Progress) {
	if s.frame(Frame{Progress: &p}) == nil {
		if f, ok := s.w.(http.Flusher); ok {
			f.Flush()
		}
	}
}

// end sends the last line.
func (s *sender) end(result any, err error) {
	f := Frame{}
	if err == nil {
		f.Result, err = json.Marshal(result)
	}
	if err != nil {
		f = Frame{Error: faultOf(err)}
	}
	_ = s.frame(f) // the one who asked is gone; nobody is left to tell
}
