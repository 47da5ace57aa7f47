package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// grid is a table of aligned columns. It has borders nowhere, so that a pipe
// gets nothing but the words.
type grid struct {
	head  []string
	right map[int]bool // columns of numbers
	tint  map[int]func(string) string
	keep  map[int]bool // columns that are never folded
	rows  [][]string
	left  int // spaces before each line
}

func newGrid(head ...string) *grid {
	return &grid{head: head, right: map[int]bool{}, keep: map[int]bool{}, tint: map[int]func(string) string{}}
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// numbers aligns columns to the right.
func (g *grid) numbers(columns ...int) *grid {
	for _, c := range columns {
		g.right[c] = true
	}
	return g
}

// whole keeps columns from being folded.
func (g *grid) whole(columns ...int) *grid {
	for _, c := range columns {
		g.keep[c] = true
	}
	return g
}

// indent moves the table to the right.
func (g *grid) indent(n int) *grid {
	g.left = n
	return g
}

// color paints a column.
func (g *grid) color(column int, fn func(string) string) *grid {
	g.tint[column] = fn
	return g
}

// table prints a table, folded to the width of the terminal.
func (a *app) table(g *grid) { g.print(a.out, a.color(), a.width()) }

// The space behind each column, and the least that a text is folded to.
const (
	columnGap = 2
	leastRoom = 20
)

// print writes the table, or nothing if it has no rows. Its widest columns are
// folded where it is wider than width; 0 stands for no limit. Where that does not
// help, each row takes several lines.
func (g *grid) print(w io.Writer, color bool, width int) {
	if len(g.rows) == 0 {
		return
	}
	fold, fits := g.fold(width)
	if !fits {
		g.stack(w, width)
		return
	}
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	if color {
		text.EnableColors()
		style.Color.Header = text.Colors{text.Bold}
	} else {
		text.DisableColors()
	}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	head := make(table.Row, len(g.head))
	for i, h := range g.head {
		head[i] = h
	}
	var cfg []table.ColumnConfig
	for i, w := range fold {
		c := table.ColumnConfig{Number: i + 1, WidthMax: w, WidthMaxEnforcer: text.WrapSoft}
		if g.right[i] {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		if fn := g.tint[i]; fn != nil && color {
			c.Transformer = func(v any) string { return fn(fmt.Sprint(v)) }
		}
		cfg = append(cfg, c)
	}
	t.SetColumnConfigs(cfg)
	if len(g.head) > 0 {
		t.AppendHeader(head)
	}
	for _, r := range g.rows {
		row := make(table.Row, len(r))
		for i, c := range r {
			row[i] = clean(c)
		}
		t.AppendRow(row)
	}
	space := strings.Repeat(" ", g.left)
	for line := range strings.Lines(t.Render()) {
		_, _ = io.WriteString(w, space+line)
	}
	_, _ = io.WriteString(w, "\n")
}

// widths are, of each column, the width of the widest cell and of the longest word.
func (g *grid) widths() (cells, words []int) {
	for _, r := range append([][]string{g.head}, g.rows...) {
		for i, c := range r {
			if i == len(cells) {
				cells, words = append(cells, 0), append(words, 0)
			}
			cells[i] = max(cells[i], text.StringWidthWithoutEscSequences(clean(c)))
			for _, word := range strings.Fields(clean(c)) {
				words[i] = max(words[i], text.StringWidthWithoutEscSequences(word))
			}
		}
	}
	return cells, words
}

// fold returns how wide each column is to be so that the table fits into width: the
// widest columns give way first, at last those that are kept whole, and long words
// are broken. Where width is 0 they are as wide as their cells.
func (g *grid) fold(width int) (columns []int, fits bool) {
	cells, words := g.widths()
	n := g.left - columnGap
	for _, w := range cells {
		n += w + columnGap
	}
	least := func(i, pass int) int {
		switch {
		case g.right[i], pass == 0 && g.keep[i]:
			return cells[i]
		case pass == 2:
			return min(words[i], leastRoom)
		}
		return words[i]
	}
	columns = slices.Clone(cells)
	for pass := range 3 {
		for most := slices.Max(append(columns, 0)); width > 0 && n > width && most > 0; most-- {
			for i, w := range columns {
				if w == most && w > least(i, pass) && n > width {
					columns[i]--
					n--
				}
			}
		}
	}
	return columns, width <= 0 || n <= width
}

// stack writes each row in lines of its own: with the names of the columns, or
// where they have none, the last cell under the others.
func (g *grid) stack(w io.Writer, width int) {
	names := 0
	for _, h := range g.head {
		names = max(names, len(h))
	}
	space := strings.Repeat(" ", g.left)
	line := func(indent int, name, s string) {
		room := max(width-g.left-indent, leastRoom)
		for i, part := range strings.Split(text.WrapSoft(s, room), "\n") {
			if i > 0 {
				name = ""
			}
			_, _ = fmt.Fprintln(w, space+strings.TrimRight(text.Pad(name, indent, ' ')+part, " "))
		}
	}
	for i, row := range g.rows {
		if len(g.head) == 0 {
			last := len(row) - 1
			line(0, "", clean(strings.Join(strings.Fields(strings.Join(row[:last], " ")), " ")))
			line(4, "", clean(row[last]))
			continue
		}
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		for j, cell := range row {
			if cell != "" && j < len(g.head) {
				line(names+columnGap, strings.ToUpper(g.head[j]), clean(cell))
			}
		}
	}
}
