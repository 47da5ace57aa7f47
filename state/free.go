package state

import (
	"fmt"
	"path/filepath"
	"syscall"
)

// Free returns how many bytes the disk of the state has left for it. Where none
// are, a run can record neither what it did nor that it failed.
func (s *Store) Free() (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(s.path), &fs); err != nil {
		return 0, fmt.Errorf("look how full the disk of the state is: %w", err)
	}
	return fs.Bavail * uint64(fs.Bsize), nil // its type differs between architectures
}
