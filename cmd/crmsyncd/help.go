package main

import (
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// terminal is how wide the help may be: the narrowest terminal that is common.
const terminal = 80

// fill breaks what a command and those below it say of themselves into lines that
// fit a terminal.
func fill(cmd *cobra.Command) {
	cmd.Long = filled(cmd.Long)
	for _, c := range cmd.Commands() {
		fill(c)
	}
}

// filled breaks lines anew, within what begins at a line's start and ends with a
// sentence at a line's end. A line of a list, which is indented, goes on below its
// last column.
func filled(text string) string {
	var out []string
	open := false
	for line := range strings.SplitSeq(text, "\n") {
		column := hanging(line)
		if column > 0 || line == "" || !open {
			out = append(out, line[:column])
		}
		for word := range strings.FieldsSeq(line[column:]) {
			last := &out[len(out)-1]
			switch {
			case len(*last) == column:
				*last += word
			case utf8.RuneCountInString(*last+" "+word) <= terminal:
				*last += " " + word
			default:
				out = append(out, strings.Repeat(" ", column)+word)
			}
		}
		open = line != "" && column == 0 && !strings.HasSuffix(line, ".")
	}
	return strings.Join(out, "\n")
}

// hanging is where the last column of a line of a list begins, 0 for other lines.
func hanging(line string) int {
	if !strings.HasPrefix(line, " ") {
		return 0
	}
	return strings.LastIndex(line, "  ") + len("  ")
}
