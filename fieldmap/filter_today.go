package fieldmap

import (
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"crmsyncd/fieldmap/record"
)

// calendar is how an expression depends on the current date. Where it only
// compares today with dates, the days on which its answer can change are known
// beforehand.
type calendar struct {
	used   bool
	loose  bool     // today is also used in another way, so nothing is known
	fields []string // date and datetime fields that are compared with today
	days   []string // dates that are written out
}

// todayVisitor finds the places where an expression looks at the current date.
type todayVisitor struct {
	types    map[string]record.Type
	all      []*ast.IdentifierNode
	compared map[*ast.IdentifierNode]bool
	fields   []string
	days     []string
}

// Visit notes today itself, and the comparisons it stands in.
func (v *todayVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == todayName {
			v.all = append(v.all, n)
		}
	case *ast.BinaryNode:
		if slices.Contains([]string{"<", "<=", ">", ">=", "==", "!="}, n.Operator) {
			v.comparison(n.Left, n.Right)
			v.comparison(n.Right, n.Left)
		}
	}
}

func (v *todayVisitor) comparison(side, other ast.Node) {
	today, ok := side.(*ast.IdentifierNode)
	if !ok || today.Value != todayName {
		return
	}
	switch n := other.(type) {
	case *ast.IdentifierNode:
		if t := v.types[n.Value]; t == record.Date || t == record.Datetime {
			v.fields, v.compared[today] = append(v.fields, n.Value), true
		}
	case *ast.StringNode:
		if _, err := time.Parse(time.DateOnly, n.Value); err == nil {
			v.days, v.compared[today] = append(v.days, n.Value), true
		}
	}
}

func (v *todayVisitor) calendar() calendar {
	slices.Sort(v.fields)
	slices.Sort(v.days)
	return calendar{
		used: len(v.all) > 0, loose: len(v.all) > len(v.compared),
		fields: slices.Compact(v.fields), days: slices.Compact(v.days),
	}
}

// flips gives yield the days on which a comparison of today with this date or
// instant can turn: its day and the day after. Days are compared as texts, and
// an instant's text stands between its day and the next.
func flips(text string, yield func(day string)) {
	if len(text) < len(time.DateOnly) {
		return
	}
	day, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)])
	if err != nil {
		return
	}
	yield(day.Format(time.DateOnly))
	if after := day.AddDate(0, 0, 1); after.Year() <= 9999 {
		yield(after.Format(time.DateOnly))
	}
}
