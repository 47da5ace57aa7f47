package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// file is one that the guest has, of root.
type file struct {
	path string
	mode fs.FileMode
	text string
}

// like is a file of the guest with the text of one of this machine.
func like(local, path string, mode fs.FileMode) (file, error) {
	text, err := os.ReadFile(local)
	return file{path, mode, string(text)}, err
}

// below are the files of a folder of this machine, or of some of its parts, for a
// folder of the guest.
func below(local, path string, names ...string) ([]file, error) {
	var files []file
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(local, name), func(at string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := like(at, path+strings.TrimPrefix(at, filepath.Clean(local)), 0o644)
			files = append(files, f)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// write makes the file below the root folder.
func (f file) write(root string) error {
	path := filepath.Join(root, f.path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// A link would lead out of the root folder.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
		return err
	}
	return os.Chmod(path, f.mode)
}

// Copy makes files in the guest and the folders above them. What was there is
// replaced, and folders that are there stay as they are.
func (g *Guest) Copy(ctx context.Context, files ...file) error {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, f := range files {
		header := &tar.Header{Name: strings.TrimPrefix(f.path, "/"), Mode: int64(f.mode.Perm()), Size: int64(len(f.text)), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write([]byte(f.text)); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if r := g.feed(ctx, 2*commandLimit, &packed, "tar -C / --no-same-owner --touch -xpf -"); !r.OK() {
		return fmt.Errorf("copy to the guest: %s", r)
	}
	return nil
}
