package main

import (
	"fmt"
	"strings"
)

// roff is the page for man.
func (p page) roff(date string) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, ".TH %s 1 %s %s\n", quote(strings.ToUpper(p.name())), quote(date), quote(p.program))
	// No hyphens in the words of commands, and no gaps in lines.
	b.WriteString(".nh\n.ad l\n")
	fmt.Fprintf(b, ".SH NAME\n%s \\- %s\n", escape(p.name()), escape(p.short))
	b.WriteString(".SH SYNOPSIS\n")
	verbatim(b, p.usage)
	b.WriteString(".SH DESCRIPTION\n")
	prose(b, p.text)
	p.list(b, "COMMANDS", p.commands, p.see)
	p.list(b, "OPTIONS", p.flags, flagName)
	p.list(b, "GLOBAL OPTIONS", p.global, flagName)
	if len(p.examples) > 0 {
		b.WriteString(".SH EXAMPLES\n")
		verbatim(b, p.examples)
	}
	p.seeAlso(b)
	return b.String()
}

func (p page) list(b *strings.Builder, title string, entries []entry, name func(string) string) {
	if len(entries) == 0 {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, e := range entries {
		fmt.Fprintf(b, ".TP\n%s\n%s\n", name(e.name), escape(e.text))
	}
}

// see names the page of a command below this one.
func (p page) see(command string) string {
	return fmt.Sprintf("\\fB%s\\fR(1)", escape(p.name()+"-"+command))
}

func flagName(flag string) string {
	names, value, has := flag, "", false
	if at := strings.LastIndex(flag, " "); at >= 0 && !strings.HasPrefix(flag[at+1:], "-") {
		names, value, has = flag[:at], flag[at+1:], true
	}
	out := `\fB` + escape(names) + `\fR`
	if has {
		out += ` \fI` + escape(value) + `\fR`
	}
	return out
}

func (p page) seeAlso(b *strings.Builder) {
	const readme = "/usr/share/doc/crmsyncd/README.md"
	b.WriteString(".SH SEE ALSO\n")
	if len(p.path) > 0 {
		parent := p
		parent.path = p.path[:len(p.path)-1]
		fmt.Fprintf(b, "\\fB%s\\fR(1),\n", escape(parent.name()))
	}
	fmt.Fprintf(b, "\\fI%s\\fR\n", escape(readme))
}

// prose fills paragraphs; what is indented stays as it is.
func prose(b *strings.Builder, lines []string) {
	for len(lines) > 0 {
		n, indented := run(lines)
		part := lines[:n]
		lines = lines[n:]
		switch {
		case indented:
			verbatim(b, trim(part))
		case len(trim(part)) > 0:
			b.WriteString(".PP\n")
			for _, line := range trim(part) {
				b.WriteString(escape(line) + "\n")
			}
		}
	}
}

// run counts the lines of the first paragraph or indented block, with the empty
// ones behind a paragraph and within a block.
func run(lines []string) (n int, indented bool) {
	indented = strings.HasPrefix(lines[0], " ")
	for n = 1; n < len(lines); n++ {
		line := lines[n]
		if line == "" && !indented {
			return n + 1, indented
		}
		if line != "" && strings.HasPrefix(line, " ") != indented {
			return n, indented
		}
	}
	return n, indented
}

func verbatim(b *strings.Builder, lines []string) {
	b.WriteString(".PP\n.nf\n")
	for _, line := range lines {
		b.WriteString(escape(line) + "\n")
	}
	b.WriteString(".fi\n")
}

// escape makes text mean itself: characters that roff would typeset otherwise
// are named, and so are all outside of ASCII.
func escape(text string) string {
	b := &strings.Builder{}
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		b.WriteString(`\&`)
	}
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r > '~':
			fmt.Fprintf(b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// quote is an argument of a request.
func quote(text string) string { return `"` + strings.ReplaceAll(escape(text), `"`, `\(dq`) + `"` }
