package fieldmap

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"crmsyncd/fieldmap/record"
)

// What one evaluation may cost, in steps over letters and elements, and how long
// the values of a record are taken to be. A range takes room for each of its
// numbers, so that what is allowed here fits into filterMemory.
const (
	maxFilterCost = 10 * filterMemory
	rangeCost     = 10
	textLength    = 1000
	listLength    = 100
	elementLength = 10
)

// costs estimates what a filter costs before it meets a record: what passes must
// not fail by its size alone, nor hold a run up.
type costs struct {
	types  map[string]record.Type
	faults []*Fault
}

// filterCost returns what is too much in a filter, or can never be worked out.
func filterCost(root ast.Node, types map[string]record.Type) []*Fault {
	c := &costs{types: types}
	if _, cost := c.of(root); len(c.faults) == 0 && cost > maxFilterCost {
		c.fault(root, "it would take too long for each record", "ask less at once: each list within a list multiplies, and so does replace")
	}
	return c.faults
}

func (c *costs) fault(n ast.Node, message, hint string) {
	c.faults = append(c.faults, &Fault{Message: fmt.Sprintf("filter: %s, at character %d", message, n.Location().From+1), Hint: hint})
}

// of returns how long the value of a node is, in letters or elements, and what
// it costs to work it out.
func (c *costs) of(node ast.Node) (size, cost float64) {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return c.field(n.Value), 1
	case *ast.StringNode:
		return float64(len(n.Value)), 1
	case *ast.PointerNode:
		return elementLength, 1
	case *ast.UnaryNode:
		return c.of(n.Node)
	case *ast.PredicateNode:
		return c.of(n.Node)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.BuiltinNode:
		return c.builtin(n)
	case *ast.ConditionalNode:
		_, cond := c.of(n.Cond)
		size1, cost1 := c.of(n.Exp1)
		size2, cost2 := c.of(n.Exp2)
		return max(size1, size2), cond + cost1 + cost2
	case *ast.ArrayNode:
		cost = rangeCost * float64(len(n.Nodes))
		for _, e := range n.Nodes {
			_, one := c.of(e)
			cost += one
		}
		return float64(len(n.Nodes)), cost
	case *ast.MapNode:
		for _, pair := range n.Pairs {
			_, one := c.of(pair)
			cost += one
		}
		return float64(len(n.Pairs)), 1 + cost
	case *ast.PairNode:
		_, key := c.of(n.Key)
		_, value := c.of(n.Value)
		return 1, key + value
	}
	return 1, 1
}

func (c *costs) field(name string) float64 {
	switch c.types[name] {
	case record.MultiSet:
		return listLength
	case record.Int, record.Decimal, record.Bool, record.Date, record.Datetime:
		return 1
	}
	return textLength
}

func (c *costs) binary(n *ast.BinaryNode) (size, cost float64) {
	switch n.Operator {
	case "..":
		return c.numbers(n)
	case "%":
		if by, ok := wholeNumber(n.Right); !ok || by == 0 {
			c.fault(n, "% wants a whole number other than 0 behind it", "such as count % 2 == 1")
		}
	case "matches":
		if _, ok := n.Right.(*ast.StringNode); !ok {
			c.fault(n, "matches wants a pattern in quotes", `such as name matches "^Lab"`)
		}
	}
	size1, cost1 := c.of(n.Left)
	size2, cost2 := c.of(n.Right)
	cost = cost1 + cost2 + size1 + size2
	if n.Operator == "+" {
		return size1 + size2, cost
	}
	return max(1, size1, size2), cost
}

// numbers wants the bounds of a range as they stand: those of a field may be any.
func (c *costs) numbers(n *ast.BinaryNode) (size, cost float64) {
	const mend = "compare with the bounds themselves, as in count >= 1 && count <= 9000"
	from, ok1 := wholeNumber(n.Left)
	to, ok2 := wholeNumber(n.Right)
	size = max(0, float64(to)-float64(from)+1)
	switch {
	case !ok1 || !ok2:
		c.fault(n, "the bounds of a range must be whole numbers", mend)
	case rangeCost*size > maxFilterCost:
		c.fault(n, fmt.Sprintf("a range of %.0f numbers is too much for each record", size), mend)
	}
	return size, rangeCost * size
}

// wholeNumber returns the number that stands there, with or without a sign.
func wholeNumber(node ast.Node) (int, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.UnaryNode:
		v, ok := wholeNumber(n.Node)
		switch n.Operator {
		case "-":
			return -v, ok
		case "+":
			return v, ok
		}
	}
	return 0, false
}

func (c *costs) builtin(n *ast.BuiltinNode) (size, cost float64) {
	var sizes []float64
	for i, arg := range n.Arguments {
		size, one := c.of(arg)
		if _, each := arg.(*ast.PredicateNode); each && i > 0 {
			one *= max(1, sizes[0])
		}
		cost += one + size
		sizes = append(sizes, size)
	}
	switch n.Name {
	case "split":
		return listLength, cost
	case "replace":
		if len(sizes) > 2 {
			size = sizes[0] * (1 + sizes[2])
			return size, cost + size
		}
	case "upper", "lower", "trim", "trimPrefix", "trimSuffix", "string":
		if len(sizes) > 0 {
			return max(1, sizes[0]), cost
		}
	}
	return 1, cost
}

// neverWorks reports whether a filter fails for a record that is blank and for
// one that is not: then it fails whatever the record holds.
func (f *Filter) neverWorks() bool {
	blank, filled := map[string]any{todayName: "2026-01-01"}, map[string]any{todayName: "2026-01-01"}
	for _, system := range f.systems {
		blank[presence(system)], filled[presence(system)] = false, true
	}
	for name, t := range f.types {
		blank[variable(name)], filled[variable(name)] = native(t, record.NullValue()), sample(t)
	}
	for _, env := range []map[string]any{blank, filled} {
		machine := vm.VM{MemoryBudget: filterMemory}
		if _, err := machine.Run(f.program, env); err == nil {
			return false
		}
	}
	return true
}
