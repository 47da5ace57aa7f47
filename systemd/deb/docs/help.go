package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// page is one command, as its help tells it.
type page struct {
	program  string
	path     []string // below the program: state, verify
	short    string
	text     []string
	usage    []string
	examples []string
	commands []entry
	flags    []entry
	global   []entry
}

// entry is a line of a list: a command or a flag, and what it is for.
type entry struct{ name, text string }

func (p page) name() string { return strings.Join(append([]string{p.program}, p.path...), "-") }

// parse takes a command's help apart. Whatever it does not understand is an error:
// a page that lacks something would not be noticed.
func parse(program string, path []string, short, help string) (page, error) {
	p := page{program: program, path: path, short: short}
	sections, err := split(help)
	if err != nil {
		return p, fmt.Errorf("%s: %w", p.name(), err)
	}
	p.text, p.usage, p.examples = sections[""], outdent(sections["Usage:"]), outdent(sections["Examples:"])
	if len(p.usage) == 0 {
		return p, fmt.Errorf("%s: the help has no usage", p.name())
	}
	if p.short == "" {
		p.short = firstSentence(program, p.text)
	}
	if p.commands, err = list(sections["Available Commands:"], `^  (\S+) +(.+)$`); err != nil {
		return p, fmt.Errorf("%s: %w", p.name(), err)
	}
	const flag = `^ +((?:-\w, )?--[\w-]+(?: \S+)?)  +(.+)$`
	if p.flags, err = list(sections["Flags:"], flag); err != nil {
		return p, fmt.Errorf("%s: %w", p.name(), err)
	}
	if p.global, err = list(sections["Global Flags:"], flag); err != nil {
		return p, fmt.Errorf("%s: %w", p.name(), err)
	}
	return p, nil
}

// split returns the lines of each section; those before "Usage:" are under "".
func split(help string) (map[string][]string, error) {
	out := map[string][]string{}
	section := ""
	known := []string{"Usage:", "Aliases:", "Examples:", "Available Commands:", "Flags:", "Global Flags:"}
	for _, line := range strings.Split(help, "\n") {
		switch {
		case strings.HasPrefix(line, `Use "`):
			// The last line points to --help.
		case slices.Contains(known, line):
			section = line
		case section != "" && line != "" && line[0] != ' ':
			return nil, fmt.Errorf("the line %q of its help is not understood", line)
		default:
			out[section] = append(out[section], line)
		}
	}
	for name, lines := range out {
		out[name] = trim(lines)
	}
	return out, nil
}

// trim takes empty lines at both ends away.
func trim(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func outdent(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.TrimPrefix(line, "  ")
	}
	return out
}

// list reads a list. What every program has is left out: help, and completion,
// whose files are installed.
func list(lines []string, pattern string) (out []entry, err error) {
	line := regexp.MustCompile(pattern)
	for _, l := range lines {
		m := line.FindStringSubmatch(l)
		if m == nil {
			return nil, fmt.Errorf("the line %q of its help is not understood", l)
		}
		if m[1] != "help" && m[1] != "completion" {
			out = append(out, entry{m[1], m[2]})
		}
	}
	return out, nil
}

// firstSentence is what `whatis` shows of the program.
func firstSentence(program string, text []string) string {
	sentence, _, _ := strings.Cut(strings.Join(text, " "), ". ")
	return strings.TrimPrefix(strings.TrimSuffix(sentence, "."), program+" ")
}
