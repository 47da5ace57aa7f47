package fieldmap

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"crmsyncd/fieldmap/record"
)

// truthVisitor lets a bool field stand alone where a truth is asked for, a
// blank one counting as false.
type truthVisitor struct{ types map[string]record.Type }

// Visit looks at the places that ask for a truth.
func (v truthVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			v.truth(&n.Node)
		}
	case *ast.BinaryNode:
		if isLogical(n.Operator) {
			v.truth(&n.Left)
			v.truth(&n.Right)
		}
	case *ast.ConditionalNode:
		v.truth(&n.Cond)
	case *ast.PredicateNode:
		v.truth(&n.Node)
	}
}

func (v truthVisitor) truth(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if v.types[n.Value] == record.Bool {
			ast.Patch(node, &ast.BinaryNode{Operator: "==", Left: n, Right: &ast.BoolNode{Value: true}})
		}
	case *ast.ConditionalNode:
		v.truth(&n.Exp1)
		v.truth(&n.Exp2)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			v.truth(&n.Right)
		}
	}
}

// blankVisitor makes a comparison with a blank false, where the library would
// fail, and a != of something worked out from a blank true.
type blankVisitor struct{ types map[string]record.Type }

// Visit guards one comparison.
func (v blankVisitor) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok || !isComparison(n.Operator) {
		return
	}
	var names []string
	for _, side := range []ast.Node{n.Left, n.Right} {
		if _, bare := side.(*ast.IdentifierNode); bare && takesBlank(n.Operator) {
			continue
		}
		names = v.blanks(side, names)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		guard, join := "!=", "&&"
		if n.Operator == "!=" {
			guard, join = "==", "||"
		}
		ast.Patch(node, &ast.BinaryNode{Operator: join, Right: *node, Left: &ast.BinaryNode{
			Operator: guard, Left: &ast.IdentifierNode{Value: name}, Right: &ast.NilNode{},
		}})
	}
}

// blanks adds the fields below node whose blank would make it fail. What is
// true or false in itself was guarded already.
func (v blankVisitor) blanks(node ast.Node, names []string) []string {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		if t, ok := v.types[n.Value]; ok && t != record.MultiSet {
			return append(names, n.Value)
		}
	case *ast.UnaryNode:
		return v.blanks(n.Node, names)
	case *ast.BinaryNode:
		switch {
		case isComparison(n.Operator), isLogical(n.Operator):
			return names
		case n.Operator == "??":
			return v.blanks(n.Right, names)
		}
		return v.blanks(n.Right, v.blanks(n.Left, names))
	case *ast.BuiltinNode:
		for _, arg := range n.Arguments {
			names = v.blanks(arg, names)
		}
	case *ast.PredicateNode:
		return v.blanks(n.Node, names)
	case *ast.ArrayNode:
		for _, elem := range n.Nodes {
			if _, bare := elem.(*ast.IdentifierNode); !bare {
				names = v.blanks(elem, names)
			}
		}
	}
	return names
}

func isLogical(op string) bool { return slices.Contains([]string{"and", "or", "&&", "||"}, op) }

// takesBlank says which comparisons the library can do with a blank itself.
func takesBlank(op string) bool { return slices.Contains([]string{"==", "!=", "in"}, op) }

func isComparison(op string) bool {
	return takesBlank(op) || slices.Contains([]string{
		"<", "<=", ">", ">=", "contains", "startsWith", "endsWith", "matches",
	}, op)
}
