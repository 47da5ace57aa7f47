package fieldmap

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"

	"crmsyncd/fieldmap/record"
)

// Bounds on what an admin may write; both are far beyond any real filter.
const (
	maxFilterText  = 4096
	maxFilterNodes = 500
)

// filterFunctions are the library's functions that a filter may use. Those
// that read the clock (now, date) are not among them: the answer must depend
// on the record and on today alone.
func filterFunctions() []string {
	return []string{
		"all", "none", "any", "one", "count", "len", "abs", "ceil", "floor", "round", "int", "float",
		"string", "trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "replace",
		"indexOf", "lastIndexOf", "max", "min", "first", "last",
	}
}

// CompileFilter compiles the text of a filter. Its faults name wrong fields,
// functions and types, and what could cost too much; without any the filter can
// be used by many goroutines at once.
func CompileFilter(source string, fields FilterFields) (*Filter, []*Fault) {
	if len(source) > maxFilterText {
		return nil, []*Fault{{Message: "the filter is too long"}}
	}
	tree, err := parser.ParseWithConfig(source, filterConfig(nil))
	if err != nil {
		return nil, []*Fault{filterFault(err)}
	}
	presences := map[*ast.IdentifierNode]string{}
	ast.Walk(&tree.Node, pathVisitor{presences})
	names := nameVisitor{fields: fields, types: map[string]record.Type{}, presences: presences}
	ast.Walk(&tree.Node, &names)
	if len(names.faults) > 0 {
		return nil, names.faults
	}
	if faults := filterCost(tree.Node, names.types); len(faults) > 0 {
		return nil, faults
	}
	days := todayVisitor{types: names.types, compared: map[*ast.IdentifierNode]bool{}}
	ast.Walk(&tree.Node, &days)
	f := &Filter{
		source: source, types: names.types, fields: names.sorted(),
		systems: slices.Compact(slices.Sorted(maps.Values(presences))), today: days.calendar(),
	}
	if err := f.build(tree, presences); err != nil {
		return nil, []*Fault{filterFault(err)}
	}
	if f.neverWorks() {
		return nil, []*Fault{{Message: "filter: it fails whatever a record holds", Hint: "look at the constants in it"}}
	}
	return f, nil
}

func (f *Filter) build(tree *parser.Tree, presences map[*ast.IdentifierNode]string) error {
	env := map[string]any{todayName: ""}
	types := map[string]record.Type{}
	for name, t := range f.types {
		env[variable(name)] = sample(t)
		types[variable(name)] = t
	}
	for _, system := range f.systems {
		env[presence(system)] = false
	}
	ast.Walk(&tree.Node, variableVisitor{f.types, presences})
	// The types are checked against a record without blanks; what is compiled
	// knows no types, or the machine would fail at the first blank.
	ast.Walk(&tree.Node, truthVisitor{types})
	truthVisitor{types}.truth(&tree.Node)
	if _, err := checker.Check(tree, filterConfig(env)); err != nil {
		return err
	}
	config := filterConfig(nil)
	ast.Walk(&tree.Node, blankVisitor{types})
	if _, err := checker.Check(tree, config); err != nil {
		return err
	}
	if err := optimizer.Optimize(&tree.Node, config); err != nil {
		return err
	}
	program, err := compiler.Compile(tree, config)
	f.program = program
	return err
}

func filterConfig(env map[string]any) *conf.Config {
	config := conf.CreateNew()
	for name := range config.Builtins {
		if !slices.Contains(filterFunctions(), name) {
			delete(config.Builtins, name)
			config.Disabled[name] = true
		}
	}
	config.MaxNodes = maxFilterNodes
	if env != nil {
		config.WithEnv(env)
		config.Strict = true
		config.Expect = reflect.Bool
	}
	return config
}

// filterFault keeps the first line of the library's errors: the others draw
// the place with spaces, which a log line cannot show.
func filterFault(err error) *Fault {
	var at *file.Error
	if errors.As(err, &at) {
		return &Fault{Message: fmt.Sprintf("filter: %s, at character %d", at.Message, at.Column+1)}
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return &Fault{Message: "filter: " + message}
}

// pathVisitor turns each way to name a field into one name, and each question
// for another system into a variable, which it notes.
type pathVisitor struct {
	presences map[*ast.IdentifierNode]string
}

// Visit works from the leaves up, so a path grows member by member.
func (v pathVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		base, isName := n.Node.(*ast.IdentifierNode)
		part, isText := n.Property.(*ast.StringNode)
		if isName && isText && !n.Optional {
			ast.Patch(node, &ast.IdentifierNode{Value: base.Value + "." + part.Value})
		}
	case *ast.CallNode:
		callee, isName := n.Callee.(*ast.IdentifierNode)
		if !isName || len(n.Arguments) != 1 {
			return
		}
		name, isText := n.Arguments[0].(*ast.StringNode)
		switch {
		case !isText:
		case callee.Value == "field":
			ast.Patch(node, &ast.IdentifierNode{Value: name.Value})
		case callee.Value == existsIn:
			asked := &ast.IdentifierNode{Value: presence(name.Value)}
			v.presences[asked] = name.Value
			ast.Patch(node, asked)
		}
	}
}

// existsIn is the name of the one function that asks about another system.
const existsIn = "exists_in"

// presence returns the name under which the machine knows whether a system has
// the record. Like that of a field it holds a space, and never the same one.
func presence(system string) string { return "system " + system }

// variable returns the name under which the machine knows a field: one that
// no function of the library has, as count and first do.
func variable(field string) string { return "field " + field }

// variableVisitor gives fields the names that the machine knows.
type variableVisitor struct {
	types     map[string]record.Type
	presences map[*ast.IdentifierNode]string
}

// Visit renames one field.
func (v variableVisitor) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.IdentifierNode)
	if !ok {
		return
	}
	_, asked := v.presences[n]
	if _, field := v.types[n.Value]; field && !asked {
		n.Value = variable(n.Value)
	}
}

// nameVisitor collects the fields that a filter names.
type nameVisitor struct {
	fields    FilterFields
	types     map[string]record.Type
	presences map[*ast.IdentifierNode]string
	faults    []*Fault
}

// Visit notes a field or a fault.
func (v *nameVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if _, asked := v.presences[n]; !asked {
			v.name(n.Value)
		}
	case *ast.CallNode:
		v.call(n)
	case *ast.ChainNode, *ast.MemberNode, *ast.SliceNode:
		v.faults = append(v.faults, &Fault{Message: "filter: parts of a value cannot be taken"})
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		v.faults = append(v.faults, &Fault{Message: "filter: one expression is enough, without let"})
	}
}

func (v *nameVisitor) call(n *ast.CallNode) {
	name := "this"
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
		name = callee.Value
	}
	fault := &Fault{Message: fmt.Sprintf("filter: there is no function %s", name)}
	switch name {
	case "now", "date", "timezone":
		fault.Hint = "the current date is given as today"
	case "field":
		fault = &Fault{Message: `filter: field takes one name in quotes, as in field("Any Name")`}
	case existsIn:
		fault = &Fault{Message: `filter: exists_in takes the name of one system in quotes, as in exists_in("salesforce")`}
	default:
		fault.Hint = didYouMean(name, append(filterFunctions(), existsIn))
	}
	// The callee was taken for a field on the way up.
	delete(v.types, name)
	v.faults = slices.DeleteFunc(v.faults, func(f *Fault) bool { return f.Message == unknownField(name) })
	v.faults = append(v.faults, fault)
}

func unknownField(name string) string { return fmt.Sprintf("filter: there is no field %q", name) }

func (v *nameVisitor) name(name string) {
	if name == todayName {
		return
	}
	if t, ok := v.fields.Types[name]; ok {
		v.types[name] = t
		return
	}
	if v.fields.Open {
		v.types[name] = record.Text
		return
	}
	v.faults = append(v.faults, &Fault{Message: unknownField(name), Hint: didYouMean(name, v.fields.known())})
}

func (v *nameVisitor) sorted() []string {
	names := make([]string, 0, len(v.types))
	for name := range v.types {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func didYouMean(name string, allowed []string) string {
	if near := Nearest(name, allowed); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return ""
}
