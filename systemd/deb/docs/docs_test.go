package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `moves what is there.

It has two parts:
  one   .dotted\
  two   a ~ b

'quoted' and filled
paragraph: é

Usage:
  tool move NAME [flags]

Aliases:
  move, mv

Examples:
  # comment
  tool move x

Available Commands:
  completion  Generate
  help        Help
  part        Move a part

Flags:
  -h, --help          help for move
      --all           everything
      --to folder     a folder (default "x")

Global Flags:
  -o, --output table   how to print

Use "tool move [command] --help" for more information about a command.
`

func TestParse(t *testing.T) {
	t.Parallel()
	p, err := parse("tool", []string{"move"}, "Move it", sample)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]entry{"commands": p.commands, "flags": p.flags, "global": p.global}
	want := map[string][]entry{
		"commands": {{"part", "Move a part"}},
		"flags":    {{"-h, --help", "help for move"}, {"--all", "everything"}, {"--to folder", `a folder (default "x")`}},
		"global":   {{"-o, --output table", "how to print"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"# comment", "tool move x"}, p.examples); diff != "" {
		t.Error(diff)
	}
}

// What is not understood is an error and no page that lacks something.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, help := range []string{
		"no usage",
		"x\n\nUsage:\n  tool\n\nFlags:\n  no flag",
		"x\n\nUsage:\n  tool\n\nMore Commands:\n  a  b",
		"x\n\nUsage:\n  tool\n\nExamples:\ntool at the margin",
	} {
		if _, err := parse("tool", nil, "", help); err == nil {
			t.Errorf("%q was taken", help)
		}
	}
}

func TestRoff(t *testing.T) {
	t.Parallel()
	p, err := parse("tool", []string{"move"}, "Move it", sample)
	if err != nil {
		t.Fatal(err)
	}
	page := p.roff("2026-11-30")
	for _, part := range []string{
		".TH \"TOOL\\-MOVE\" 1 \"2026\\-11\\-30\" \"tool\"\n",
		".SH NAME\ntool\\-move \\- Move it\n",
		".PP\nmoves what is there.\n.PP\nIt has two parts:\n.PP\n.nf\n  one   .dotted\\e\n  two   a \\(ti b\n.fi\n.PP\n\\&\\(aqquoted\\(aq and filled\nparagraph: \\[u00E9]\n",
		".TP\n\\fBtool\\-move\\-part\\fR(1)\nMove a part\n",
		".TP\n\\fB\\-h, \\-\\-help\\fR\nhelp for move\n",
		".TP\n\\fB\\-\\-to\\fR \\fIfolder\\fR\na folder (default \"x\")\n",
		".SH SEE ALSO\n\\fBtool\\fR(1),\n",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
}

// The first page's line for whatis comes from the text, for the help of a program
// has no shorter one.
func TestFirstSentence(t *testing.T) {
	t.Parallel()
	p, err := parse("tool", nil, "", "tool moves this\nand that. And more.\n\nUsage:\n  tool\n")
	if err != nil {
		t.Fatal(err)
	}
	if p.short != "moves this and that" {
		t.Errorf("%q", p.short)
	}
}
