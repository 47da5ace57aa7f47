// Command licenses prints the copyright file of a program's package: the
// project's own license, and that of every module linked into the binary.
//
//	licenses LICENSE BINARY
//
// It asks `go list` where the modules lie, so it runs in the project's folder. A
// module without a license file is an error.
package main

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: licenses LICENSE BINARY")
		os.Exit(64)
	}
	if err := run(os.Stdout, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, license, binary string) error {
	own, err := os.ReadFile(license)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	modules, err := linked(info)
	if err != nil {
		return err
	}
	texts, err := collect(modules)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, copyright(path.Base(info.Path), clean(own), modules, texts))
	return err
}

// copyright puts the file together.
func copyright(program, own string, modules []module, texts []text) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s is under the license that stands first. It is one static binary, so it also holds\n", program)
	fmt.Fprintf(b, "parts of the modules below, whose licenses and notices follow. The source of each is the\n")
	fmt.Fprintf(b, "module of that name and version, unchanged: go mod download MODULE@VERSION.\n\n")
	for _, m := range modules {
		fmt.Fprintf(b, "  %s\n", m.title())
	}
	heading(b, program)
	b.WriteString(own)
	for _, t := range texts {
		heading(b, strings.Join(t.of, "\n"))
		b.WriteString(t.text)
	}
	return b.String()
}

func heading(b *strings.Builder, title string) {
	rule := strings.Repeat("=", 78)
	fmt.Fprintf(b, "\n%s\n%s\n%s\n\n", rule, title, rule)
}

// clean is a text with the same ends of lines everywhere, so that equal licenses
// are printed once.
func clean(content []byte) string {
	lines := strings.Split(strings.TrimPrefix(string(content), "\ufeff"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r\f")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}
