package fieldmap

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a configuration. A warning does not keep the daemon
// from starting.
type Problem struct {
	File    string
	Line    int    // 0 where it is not known
	Path    string // the YAML path inside the file
	Message string
	Hint    string // the mend, where one is known
	Warning bool
}

// Error returns the problem on one line.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
		if p.Line > 0 {
			fmt.Fprintf(&b, "%d:", p.Line)
		}
		b.WriteString(" ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// place is where in the configuration something stands.
type place struct {
	file string
	line int
	path string
}

// at returns the place of a key below p.
func (p place) at(format string, args ...any) place {
	key := fmt.Sprintf(format, args...)
	if p.path != "" {
		key = p.path + "." + key
	}
	p.path = key
	return p
}

// onLine moves p to a line, if that is known.
func (p place) onLine(line int) place {
	if line > 0 {
		p.line = line
	}
	return p
}

func (c *compilation) fail(at place, message, hint string) {
	c.problems = append(c.problems, Problem{
		File: at.file, Line: at.line, Path: at.path, Message: message, Hint: hint,
	})
}

func (c *compilation) warn(at place, message, hint string) {
	c.fail(at, message, hint)
	c.problems[len(c.problems)-1].Warning = true
}

// failName reports a name that is not among the allowed ones.
func (c *compilation) failName(at place, what, name string, allowed []string) {
	allowed = slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
	hint := didYouMean(name, allowed)
	if hint == "" && len(allowed) > 0 {
		hint = "allowed: " + strings.Join(allowed, ", ")
	}
	c.fail(at, fmt.Sprintf("%s %q is not known", what, name), hint)
}

// word returns the value that a name stands for; an empty name is the default.
func word[T ~uint8](c *compilation, at place, name string, names []string) T {
	if name == "" {
		return 0
	}
	i := slices.Index(names, name)
	if i < 0 {
		allowed := slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
		hint := "allowed: " + strings.Join(allowed, ", ")
		if near := didYouMean(name, allowed); near != "" {
			hint = near + " " + hint
		}
		c.fail(at, fmt.Sprintf("%q is not known here", name), hint)
		return 0
	}
	return T(i)
}
