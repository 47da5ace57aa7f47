package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"crmsyncd/fieldmap"
)

// The shipped units set the daemon's environment from a file beside the
// configuration, and its credentials from a folder there. A command that somebody
// calls by hand takes both from there where its own environment lacks them, so that it
// sees what the daemon sees. The daemon's user can read neither, and need not.

var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// surrounded returns a lookup that asks the environment first and then what lies in the
// folder of the configuration. Mistakes in the file are told by their lines.
func surrounded(dir string, lookup func(string) (string, bool)) (func(string) (string, bool), []fieldmap.Problem) {
	text, err := readEnvironment(filepath.Join(dir, environmentFile))
	if err != nil {
		return lookup, []fieldmap.Problem{{File: environmentFile, Message: err.Error()}}
	}
	vars, problems := parseEnvironment(text)
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if v, ok := lookup(name); ok && v != vars[name] {
			problems = append(problems, fieldmap.Problem{
				File: environmentFile, Message: "this shell's environment has another " + name + ", which goes before the file", Hint: "unset it, if it is that of another organization", Warning: true,
			})
		}
	}
	return func(name string) (string, bool) {
		if v, ok := lookup(name); ok {
			return v, true
		}
		if v, ok := vars[name]; ok || name != credentialsDir {
			return v, ok
		}
		secrets := filepath.Join(dir, secretsDir)
		info, err := os.Stat(secrets)
		return secrets, err == nil && info.IsDir()
	}, problems
}

// readEnvironment returns nothing where there is no file, or where the user may not
// read it.
func readEnvironment(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for a writer
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, errors.New("it must be an ordinary file"))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize))
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	return string(text), nil
}

// parseEnvironment reads lines of NAME=VALUE as systemd does: # and ; begin a comment
// at the start of a line, and a value may stand in quotes. What systemd would leave out
// with a word in its log is a mistake here; so is a line that goes on in the next.
// systemd.exec(5), EnvironmentFile=, last checked 2026-11-30.
func parseEnvironment(text string) (map[string]string, []fieldmap.Problem) {
	vars := map[string]string{}
	var problems []fieldmap.Problem
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		value, whole := unquoted(strings.TrimSpace(value))
		switch {
		case strings.HasPrefix(name, "export "):
			problems = append(problems, fieldmap.Problem{File: environmentFile, Line: n, Message: "systemd leaves out a line with export", Hint: "write NAME=VALUE alone"})
		case !ok || !environmentName.MatchString(name):
			problems = append(problems, fieldmap.Problem{File: environmentFile, Line: n, Message: "this is no NAME=VALUE", Hint: "as in CRMSYNCD_QBENCH_URL=https://YOURLAB.qbench.net"})
		case !whole:
			problems = append(problems, fieldmap.Problem{File: environmentFile, Line: n, Message: "the value of " + name + " does not end on its line", Hint: "write it on one line, and close its quotes"})
		default:
			vars[name] = value
		}
	}
	return vars, problems
}

// unquoted takes the quotes off a value. whole is false where they do not close, or
// where a backslash at the end would join the next line.
func unquoted(v string) (_ string, whole bool) {
	if v == "" || v[0] != '"' && v[0] != '\'' {
		return v, !strings.HasSuffix(v, `\`)
	}
	quote := v[:1]
	if len(v) < 2 || !strings.HasSuffix(v, quote) {
		return v, false
	}
	v = v[1 : len(v)-1]
	if quote == `"` {
		v = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(v)
	}
	return v, true
}
