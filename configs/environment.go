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
	"unicode/utf8"

	"crmsyncd/fieldmap"
)

// The shipped units set the daemon's environment from a file beside the
// configuration, and its credentials from a folder there. A command that somebody
// calls by hand takes both from there where its own environment lacks them, so that it
// sees what the daemon sees. The daemon's user can read neither, and need not.

var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// surrounded returns a lookup that asks the environment first and then what lies in the
// folder of the configuration. Mistakes in the file are told by their lines; shut says
// that it may not be read.
func surrounded(dir string, lookup func(string) (string, bool)) (_ func(string) (string, bool), shut bool, _ []fieldmap.Problem) {
	text, err := readEnvironment(filepath.Join(dir, environmentFile))
	if shut = errors.Is(err, fs.ErrPermission); err != nil && !shut {
		return lookup, false, []fieldmap.Problem{{File: environmentFile, Message: err.Error()}}
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
	}, shut, problems
}

// unreadValue stands for what an environment file sets that may not be read. It fits
// an address as well as a name, and leads nowhere.
const unreadValue = "https://unread.invalid"

// blind answers every name, and says so where lookup does not know one.
func blind(lookup func(string) (string, bool), unknown func()) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := lookup(name); ok || name == credentialsDir {
			return v, ok
		}
		unknown()
		return unreadValue, true
	}
}

// readEnvironment returns nothing where there is no file.
func readEnvironment(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for a writer
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("it cannot be opened: %w", withoutPath(err))
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
	if !utf8.ValidString(text) {
		problems = append(problems, fieldmap.Problem{File: environmentFile, Message: "it is not UTF-8, and systemd leaves out all of it", Hint: "save it as UTF-8"})
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			if strings.HasSuffix(line, `\`) {
				problems = append(problems, fieldmap.Problem{File: environmentFile, Line: n, Message: "a comment that ends with a backslash swallows the next line", Hint: "take the backslash away"})
			}
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimRight(name, " \t")
		value, fault := unquoted(strings.TrimSpace(value))
		switch {
		case strings.HasPrefix(name, "export "):
			problems = append(problems, fieldmap.Problem{File: environmentFile, Line: n, Message: "systemd leaves out a line with export", Hint: "write NAME=VALUE alone"})
		case !ok || !environmentName.MatchString(name):
			problems = append(problems, fieldmap.Problem{File: environmentFile, Line: n, Message: "this is no NAME=VALUE", Hint: "as in CRMSYNCD_QBENCH_URL=https://YOURLAB.qbench.net"})
		case fault != "":
			problems = append(problems, fieldmap.Problem{File: environmentFile, Line: n, Message: "the value of " + name + " " + fault, Hint: "write it on one line, in one pair of single quotes where it needs any"})
		default:
			vars[name] = value
		}
	}
	return vars, problems
}

// unquoted takes the quotes off a value. fault says what systemd would read another
// way than people do: a backslash outside of quotes is taken away or joins the next
// line, and what stands behind quotes is joined to what is in them.
func unquoted(v string) (_, fault string) {
	if v == "" || v[0] != '"' && v[0] != '\'' {
		if strings.Contains(v, `\`) {
			return v, "has a backslash outside of quotes, which systemd takes away"
		}
		return v, ""
	}
	end := quoteEnd(v)
	switch {
	case end < 0:
		return v, "does not end on its line"
	case end < len(v)-1:
		return v, "goes on behind its quotes"
	case v[0] == '\'':
		return v[1:end], ""
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(v[1:end]), ""
}

// quoteEnd is where the quote that v begins with is closed, -1 where it is not.
func quoteEnd(v string) int {
	for i := 1; i < len(v); i++ {
		switch {
		case v[i] == v[0]:
			return i
		case v[i] == '\\' && v[0] == '"':
			i++
		}
	}
	return -1
}
