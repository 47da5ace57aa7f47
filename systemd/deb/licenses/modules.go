package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// module is a part of the binary that others wrote.
type module struct {
	path, version string
	dir           string
	packages      map[string]bool // folders of those that are linked
}

func (m module) title() string { return strings.TrimSpace(m.path + " " + m.version) }

// standard is the path by which Go's own library goes here.
const standard = "Go"

// linked returns the modules whose packages are in a binary, ordered by path.
func linked(info *debug.BuildInfo) ([]module, error) {
	const line = `{{.Dir}}{{"\t"}}{{with .Module}}{{.Path}}{{"\t"}}{{.Version}}{{"\t"}}{{.Dir}}{{"\t"}}{{.Main}}{{end}}`
	cmd := exec.Command("go", "list", "-deps", "-f", line, info.Path)
	cmd.Env = append(os.Environ(), settings(info)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	own := module{path: standard, version: strings.TrimPrefix(info.GoVersion, "go"), dir: strings.TrimSpace(string(root))}
	found := byPath(string(out), own)
	for _, d := range info.Deps {
		if found[d.Path] == nil {
			return nil, fmt.Errorf("%s is linked, but go list does not name it", d.Path)
		}
	}
	modules := make([]module, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		modules = append(modules, *found[name])
	}
	return modules, nil
}

// settings are what the binary was built with, as far as they decide which
// packages are in it.
func settings(info *debug.BuildInfo) (env []string) {
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || s.Key == "CGO_ENABLED" {
			env = append(env, s.Key+"="+s.Value)
		}
	}
	return env
}

// byPath reads what go list prints. The project itself is left out; what has no
// module belongs to Go.
func byPath(list string, std module) map[string]*module {
	out := map[string]*module{}
	for line := range strings.Lines(list) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		m := std
		if len(f) == 5 {
			m = module{path: f[1], version: f[2], dir: f[3]}
		}
		if len(f) == 5 && f[4] == "true" || f[0] == "" {
			continue
		}
		if out[m.path] == nil {
			m.packages = map[string]bool{}
			out[m.path] = &m
		}
		out[m.path].packages[f[0]] = true
	}
	return out
}

// text is a license or a notice, and whose it is.
type text struct {
	of   []string
	text string
}

// collect returns each text once.
func collect(modules []module) (texts []text, err error) {
	at := map[string]int{}
	for _, m := range modules {
		files, err := m.files()
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			content, err := os.ReadFile(filepath.Join(m.dir, name))
			if err != nil {
				return nil, err
			}
			t := clean(content)
			i, known := at[t]
			if !known {
				i = len(texts)
				at[t], texts = i, append(texts, text{text: t})
			}
			texts[i].of = append(texts[i].of, m.title()+", "+filepath.ToSlash(name))
		}
	}
	return texts, nil
}

// files are the module's licenses and notices: those at its top, and those of
// parts of it that are linked and came from somebody else. One at the top must be
// a license.
func (m module) files() ([]string, error) {
	folders := map[string]bool{m.dir: true}
	for dir := range m.packages {
		for strings.HasPrefix(dir, m.dir) && !folders[dir] {
			folders[dir] = true
			dir = filepath.Dir(dir)
		}
	}
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !legal(e.Name()) {
				continue
			}
			name, err := filepath.Rel(m.dir, filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			out = append(out, name)
		}
	}
	if !slices.ContainsFunc(out, isLicense) {
		return nil, fmt.Errorf("%s: %w", m.title(), errNoLicense)
	}
	return out, nil
}

var errNoLicense = errors.New("a linked module has no license file")

// legal reports whether a file of this name is a license or a notice.
func legal(name string) bool {
	return regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents)`).MatchString(name) && filepath.Ext(name) != ".go"
}

// isLicense reports whether a file, at the top of its module, is a license.
func isLicense(name string) bool {
	return !strings.Contains(filepath.ToSlash(name), "/") && regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)`).MatchString(name)
}
