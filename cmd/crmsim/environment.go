package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// environment is what a crmsyncd beside the simulators needs: variables, and a
// folder of secret files as systemd's credentials would be.
type environment struct {
	dir     string
	kept    bool // the folder outlives the process
	vars    []variable
	secrets []variable
}

type variable struct{ name, value string }

// configDir makes the folder, or a temporary one when none is asked for.
func configDir(asked string) (dir configPlace, cleanup func(), err error) {
	if asked != "" {
		abs, err := filepath.Abs(asked)
		if err != nil {
			return configPlace{}, nil, fmt.Errorf("find the folder for --write-config: %w", err)
		}
		return configPlace{path: abs, kept: true}, func() {}, nil
	}
	tmp, err := os.MkdirTemp("", "crmsim-")
	if err != nil {
		return configPlace{}, nil, fmt.Errorf("make a folder for the secrets: %w", err)
	}
	return configPlace{path: tmp}, func() { _ = os.RemoveAll(tmp) }, nil
}

type configPlace struct {
	path string
	kept bool
}

func newEnvironment(at configPlace, vars, secrets []variable) environment {
	e := environment{dir: at.path, kept: at.kept, secrets: secrets}
	e.vars = append(vars, variable{"CREDENTIALS_DIRECTORY", e.credentials()})
	return e
}

func (e environment) credentials() string { return filepath.Join(e.dir, "credentials") }

func (e environment) file() string { return filepath.Join(e.dir, "env") }

// exports is the environment as shell lines.
func (e environment) exports() string {
	var b strings.Builder
	for _, v := range e.vars {
		fmt.Fprintf(&b, "export %s=%s\n", v.name, quote(v.value))
	}
	return b.String()
}

// write puts the shell lines and the secrets into the folder, readable by the
// caller alone.
func (e environment) write() error {
	if err := os.MkdirAll(e.credentials(), 0o700); err != nil {
		return fmt.Errorf("make the folder for the secrets: %w", err)
	}
	if err := writePrivate(e.file(), e.exports()); err != nil {
		return err
	}
	for _, s := range e.secrets {
		if err := writePrivate(filepath.Join(e.credentials(), s.name), s.value); err != nil {
			return err
		}
	}
	return nil
}

// writePrivate replaces a file, so that an older one's mode does not last.
func writePrivate(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = tmp.WriteString(text)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// quote makes s one word of a POSIX shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
