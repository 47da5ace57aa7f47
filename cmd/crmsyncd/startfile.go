package main

import (
	"io/fs"
	"os"

	"crmsyncd/configs"
)

// startFile is a file that systemd handed over at the start, with how it was then.
// The daemon may look whether it changed, and not read it.
type startFile struct {
	configs.StartFile
	was fs.FileInfo // nil where it was not there
}

// startFiles are those that may be looked at.
func startFiles(l *loaded) (out []startFile) {
	for _, f := range l.cfg.StartFiles() {
		was, err := os.Stat(f.Path)
		if err == nil || os.IsNotExist(err) {
			out = append(out, startFile{f, was})
		}
	}
	return out
}

// changedFiles says which were written since, with the same words or others.
func (p *process) changedFiles() (names []string) {
	for _, f := range p.files {
		is, err := os.Stat(f.Path)
		if err != nil && !os.IsNotExist(err) {
			continue // nobody can tell
		}
		if f.changed(is) {
			names = append(names, f.What+" ("+f.Path+") was written")
		}
	}
	return names
}

func (f startFile) changed(is fs.FileInfo) bool {
	if f.was == nil || is == nil {
		return f.was != is
	}
	return !os.SameFile(f.was, is) || !f.was.ModTime().Equal(is.ModTime()) || f.was.Size() != is.Size()
}
