package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

// How a command prints.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatCSV   = "csv"
)

func (a *app) json() bool { return a.format == formatJSON }

// printJSON prints one document.
func (a *app) printJSON(v any) error {
	doc, err := jsonText(v, "")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.out, doc); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// jsonText is a value as printJSON prints it, without the end of the line.
func jsonText(v any, prefix string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent(prefix, "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("print: %w", err)
	}
	return string(cleanJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n")))), nil
}

// cut shortens a text that would make a line too long.
func cut(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// gap prints an empty line.
func (a *app) gap() { fmt.Fprintln(a.out) }

// say prints one line.
func (a *app) say(format string, args ...any) {
	fmt.Fprintln(a.out, clean(fmt.Sprintf(format, args...)))
}

// note prints one line beside the output, so that a pipe stays clean.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.errs, clean("crmsyncd: "+fmt.Sprintf(format, args...)))
}

func (a *app) paint(c text.Color, s string) string {
	if !a.color() {
		return s
	}
	text.EnableColors()
	return c.Sprint(s)
}

// plural is a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(10 * time.Millisecond).String()
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
