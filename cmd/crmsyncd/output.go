package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// output is where a command prints. It remembers the first failure, so that a
// table that ends on a full disk is not taken for the whole table.
type output struct {
	w   io.Writer
	err error
}

// Write writes as long as nothing has failed.
func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	if err != nil {
		o.err = fmt.Errorf("write the output: %w", err)
		return n, o.err
	}
	return n, nil
}

// lost adds to what a command ended with that its output was cut. A command
// that was done but for that has failed.
func (a *app) lost(err error) error {
	cut := a.written.err
	var c *coded
	switch {
	case cut == nil || errors.Is(err, cut):
		return err
	case err == nil, errors.As(err, &c) && c.code == exitHeld:
		return cut
	case errors.As(err, &c) && c.err == nil:
		return &coded{c.code, cut}
	}
	return err
}

// steers reports whether a character could steer a terminal or turn the order of
// what follows. Values come from other people's systems.
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

func escaped(r rune) string { return fmt.Sprintf(`\u%04x`, r) }

// clean makes a text fit for one line of a terminal: what could steer it is
// written as \u and four digits.
func clean(s string) string {
	if strings.IndexFunc(s, steers) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case steers(r):
			b.WriteString(escaped(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cleanJSON escapes what clean does, in JSON: there it can stand in texts only,
// and means the same. The blanks between the texts stay.
func cleanJSON(text []byte) []byte {
	hidden := func(r rune) bool { return r >= utf8.RuneSelf-1 && steers(r) }
	if bytes.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		if hidden(r) {
			b.WriteString(escaped(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}

// jsonWriter takes whole documents of JSON.
type jsonWriter struct{ w io.Writer }

// Write writes one document.
func (j jsonWriter) Write(p []byte) (int, error) {
	if _, err := j.w.Write(cleanJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// csvCell makes a value fit for a cell. A spreadsheet takes a cell for a formula
// by its first character; an apostrophe before it makes it a text. A value that
// begins with an apostrophe gets one more, so that one can always be taken off.
// A negative number stays a number.
func csvCell(s string) string {
	if strings.IndexFunc(s, csvSteers) >= 0 {
		var b strings.Builder
		for _, r := range s {
			if csvSteers(r) {
				b.WriteString(escaped(r))
			} else {
				b.WriteRune(r)
			}
		}
		s = b.String()
	}
	first, _ := utf8.DecodeRuneInString(s)
	if strings.ContainsRune("=+-@\t\r\n'＝＋－＠", first) && s != "" && !negative(s) {
		return "'" + s
	}
	return s
}

// cells makes a row fit.
func cells(row []string) []string {
	for i, c := range row {
		row[i] = csvCell(c)
	}
	return row
}

// csvSteers is steers but for what makes the lines of a long text.
func csvSteers(r rune) bool { return steers(r) && r != '\t' && r != '\r' && r != '\n' }

// negative reports whether s is a number below zero and nothing else.
func negative(s string) bool {
	digits, ok := strings.CutPrefix(s, "-")
	whole, part, point := strings.Cut(digits, ".")
	number := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return ok && number(whole) && (!point || number(part))
}
