package main_test

import (
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// keptForSoon names what only tests call today, each with what calls it or is to.
func keptForSoon() map[string]string {
	return map[string]string{
		"fieldmap.IDLint":      "pulls are to report ids that people typed, and hold those that do not fit id_pattern",
		"state.Tx.EachJournal": "tests of the engine read the journal of an object or of everything",
		"state.Store.Sizes":    "the benchmarks of the engine measure what a row takes",
	}
}

// byOthers are the methods that libraries call through interfaces of their own.
func byOthers() []string {
	return []string{
		"Error", "Is", "Unwrap", "String", "GoString", "Format", "LogValue", "MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "MarshalYAML",
		"Visit", "Write", "Read", "Close", "RoundTrip", "Header", "WriteHeader", "Flush", "ServeHTTP", "KeyToString", "ValueToString",
	}
}

// exportedFunc is an exported function or method of a package.
type exportedFunc struct{ pkg, receiver, name string }

func (e exportedFunc) String() string {
	if e.receiver == "" {
		return e.pkg + "." + e.name
	}
	return e.pkg + "." + e.receiver + "." + e.name
}

// keeps reports whether a package is held to export only what is used.
func keeps(pkg string) bool {
	return pkg == "state" || under(pkg, "fieldmap") || strings.HasPrefix(pkg, "sync/") && pkg != "sync/worldtest"
}

// forTests reports whether a file serves tests alone.
func forTests(f file) bool {
	return f.test || f.pkg == "sync/worldtest" || f.pkg == "providers/providertest"
}

// exportedFuncs are the functions and methods that a file exports.
func exportedFuncs(f file) (out []exportedFunc) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !fn.Name.IsExported() {
			continue
		}
		e := exportedFunc{pkg: f.pkg, name: fn.Name.Name}
		if fn.Recv != nil {
			e.receiver = receiverName(fn.Recv.List[0].Type)
			if slices.Contains(byOthers(), e.name) {
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

func receiverName(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiverName(t.X)
	case *ast.IndexExpr:
		return receiverName(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// uses are the names that code which is no test calls: functions as pkg.Name,
// methods by their bare name, for whose they are only a type checker knows.
type uses struct{ funcs, methods map[string]bool }

func (u uses) add(f file) {
	imports := map[string]string{}
	for _, spec := range f.ast.Imports {
		own, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
		if !ok {
			continue
		}
		name := path.Base(own)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = own
	}
	for _, d := range f.ast.Decls {
		own := ""
		if fn, ok := d.(*ast.FuncDecl); ok {
			own = fn.Name.Name // a function that calls itself is not used by that
		}
		var visit func(n ast.Node) bool
		visit = func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && imports[x.Name] != "" {
					u.funcs[imports[x.Name]+"."+n.Sel.Name] = true
				}
				if n.Sel.Name != own {
					u.methods[n.Sel.Name] = true
				}
				ast.Inspect(n.X, visit) // the selected name is no name of this package
				return false
			case *ast.Ident:
				if n.Name != own {
					u.funcs[f.pkg+"."+n.Name] = true
				}
			}
			return true
		}
		ast.Inspect(d, visit)
	}
}

func (u uses) has(e exportedFunc) bool {
	if e.receiver == "" {
		return u.funcs[e.pkg+"."+e.name]
	}
	return u.methods[e.name]
}

// TestNothingIsKeptByTestsAlone: what is exported and called by tests alone is a
// promise that the program does not keep.
func TestNothingIsKeptByTestsAlone(t *testing.T) {
	t.Parallel()
	var declared []exportedFunc
	used := uses{map[string]bool{}, map[string]bool{}}
	for _, f := range goFiles(t) {
		if forTests(f) {
			continue
		}
		used.add(f)
		if keeps(f.pkg) {
			declared = append(declared, exportedFuncs(f)...)
		}
	}
	if len(declared) < 100 {
		t.Fatalf("%d exported functions were found", len(declared))
	}
	soon := keptForSoon()
	for _, e := range declared {
		switch _, excused := soon[e.String()]; {
		case !used.has(e) && !excused:
			t.Errorf("%s is called by tests alone: use it, or take it out", e)
		case used.has(e) && excused:
			t.Errorf("%s is used by now: take it off the list", e)
		}
		delete(soon, e.String())
	}
	for _, name := range slices.Sorted(maps.Keys(soon)) {
		t.Errorf("%s is on the list and does not exist", name)
	}
}

// TestUsesTellsCallsApart: a call of itself, or of another package's function of
// the same name, is no use.
func TestUsesTellsCallsApart(t *testing.T) {
	t.Parallel()
	used := uses{map[string]bool{}, map[string]bool{}}
	for _, f := range goFiles(t) {
		if f.name == "state/store.go" {
			used.add(f)
		}
	}
	for e, want := range map[exportedFunc]bool{
		{"state", "", "Open"}:                 false, // declared there, and not called
		{"cmd", "", "Open"}:                   false,
		{"state", "Store", "Update"}:          true,
		{"state", "Store", "Snapshot"}:        false,
		{"fieldmap/record", "", "NewKey"}:     false,
		{"state", "", "writeAside"}:           true,
		{"fieldmap/record", "", "writeAside"}: false,
	} {
		if used.has(e) != want {
			t.Errorf("%s: used %t", e, !want)
		}
	}
}
