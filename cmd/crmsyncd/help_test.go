package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelpFitsATerminal: no line of any command's help is wider than a terminal is.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	var seen int
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		if c.Name() == "completion" { // cobra's own, with examples for its shells
			return
		}
		seen++
		var b bytes.Buffer
		c.InitDefaultHelpFlag()
		c.SetOut(&b)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > terminal && !strings.HasPrefix(line, "  crmsyncd ") {
				t.Errorf("%s: %d columns: %s", c.CommandPath(), n, line)
			}
		}
		for _, below := range c.Commands() {
			look(below)
		}
	}
	look(newApp(&bytes.Buffer{}, &bytes.Buffer{}).root())
	if seen < 20 {
		t.Errorf("looked at %d commands", seen)
	}
}

func TestFilled(t *testing.T) {
	t.Parallel()
	word := strings.Repeat("x", 39)
	for text, want := range map[string]string{
		"":                                     "",
		"a\nb.\nc\n\nd":                        "a b.\nc\n\nd",
		word + " " + word:                      word + " " + word,
		word + " x " + word:                    word + " x\n" + word,
		"é" + word + " " + word:                "é" + word + " " + word,
		"  1  " + word + " " + word + "\nnext": "  1  " + word + "\n     " + word + "\nnext",
	} {
		if got := filled(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
