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
}

// readSidecar returns an fs.ErrNotExist where there is none.
func readSidecar(path string) (sidecar, error) {
	var c sidecar
	b, err := os.ReadFile(path + sidecarSuffix)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("unreadable: %w", err)
	}
	if c.Install == "" || c.Generation == 0 {
		return c, errors.New("unreadable: no install id or generation")
	}
	return c, nil
}

// judge compares the state with its sidecar and returns why the state cannot
// be trusted, or nothing. An admin who restored an older copy, lost the file or
// put another one there would otherwise see every record made a second time.
func judge(side sidecar, err error, h header) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return fmt.Sprintf("the generation file beside the state is %v, so the state may be an older one", err)
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
	b, err := json.Marshal(sidecar{h.Install, h.Generation})
	if err != nil {
		return err
	}
	err = writeAside(s.path+sidecarSuffix, true, func(tmp *os.File) error {
		_, err := tmp.Write(append(b, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("write the generation file: %w", err)
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
		side = sidecar{}
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
