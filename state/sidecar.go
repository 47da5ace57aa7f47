package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// sidecarSuffix names the small file beside the state that remembers how old
// the state must be at least.
const sidecarSuffix = ".gen"

// ageEvery is how often a busy store moves its generation on, so that a copy
// put back is older than its sidecar even after a kill.
const ageEvery = 10 * time.Minute

// sidecar is the content of that file.
type sidecar struct {
	Install    string `json:"install_id"`
	Generation uint64 `json:"generation"`

	problem string // why its content cannot be understood
}

// Lost reports whether there was a state at path that is gone: the file is
// missing and its generation file is there.
func Lost(path string) bool {
	_, err := os.Lstat(path)
	_, beside := os.Lstat(path + sidecarSuffix)
	return errors.Is(err, fs.ErrNotExist) && beside == nil
}

// readSidecar returns nil where there is no generation file. One that cannot be
// read at all is an error: it says nothing about the state.
func readSidecar(path string) (*sidecar, error) {
	name := path + sidecarSuffix
	b, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // there is none, and that is no failure
	case err != nil:
		return nil, fmt.Errorf("the generation file beside it cannot be read: %w", Forbidden(name, err))
	}
	c := &sidecar{}
	switch err := json.Unmarshal(b, c); {
	case err != nil:
		c.problem = "unreadable: " + err.Error()
	case c.Install == "" || c.Generation == 0:
		c.problem = "unreadable: no install id or generation"
	}
	return c, nil
}

// judge compares the state with its sidecar and returns why the state cannot
// be trusted, or nothing. An admin who restored an older copy, lost the file or
// put another one there would otherwise see every record made a second time.
func judge(side *sidecar, h header) string {
	switch {
	case side == nil:
		return ""
	case side.problem != "":
		return fmt.Sprintf("the generation file beside the state is %s, so the state may be an older one", side.problem)
	case side.Install != h.Install && h.fresh:
		return "the state file is new and empty, but the generation file beside it says that there was one before"
	case side.Install != h.Install:
		return "the state file belongs to another installation than the generation file beside it"
	case side.Generation > h.Generation:
		return fmt.Sprintf("the state file is older (generation %d) than the generation file beside it says (%d)",
			h.Generation, side.Generation)
	}
	return ""
}

// writeSidecar records the present generation. While the state is suspect the
// sidecar is the evidence and stays as it is.
func (s *Store) writeSidecar() error {
	h := s.header()
	if h.Suspect != "" {
		return nil
	}
	b, err := json.Marshal(sidecar{Install: h.Install, Generation: h.Generation})
	if err != nil {
		return err
	}
	name := s.path + sidecarSuffix
	if err := WriteFile(name, append(b, '\n')); err != nil {
		return fmt.Errorf("write the generation file: %w", Forbidden(name, err))
	}
	return nil
}

// age moves the generation on when the last time is long ago. The sidecar
// follows after the commit.
func (s *Store) age(tx *Tx) error {
	s.mu.RLock()
	d := s.now().Sub(s.aged)
	s.mu.RUnlock()
	if tx.head == nil && d >= 0 && d < ageEvery {
		return nil
	}
	h := s.header()
	if tx.head != nil {
		h = *tx.head
	}
	h.Generation++
	tx.head = &h
	return tx.putHeader(h)
}

// publish makes the header of a committed transaction the present one.
func (s *Store) publish(h *header) error {
	if h == nil {
		return nil
	}
	s.mu.Lock()
	s.head, s.aged = *h, s.now()
	s.mu.Unlock()
	return s.writeSidecar()
}

func (s *Store) header() header {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head
}

// Suspect says why this state must not be trusted to know what was linked and
// created, or nothing. While it says something, create nothing and treat
// digests as lost.
func (s *Store) Suspect() string { return s.header().Suspect }

// Trust takes the state as it is from now on: a person has looked.
func (s *Store) Trust() error {
	side, err := readSidecar(s.path)
	if err != nil {
		return fmt.Errorf("trust the state: %w", err)
	}
	if side == nil {
		side = &sidecar{}
	}
	err = s.Update(func(tx *Tx) error {
		h := s.header()
		h.Suspect = ""
		h.Generation = max(h.Generation, side.Generation)
		tx.head = &h
		return nil
	})
	if err != nil {
		return fmt.Errorf("trust the state: %w", err)
	}
	return nil
}
