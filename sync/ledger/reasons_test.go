package ledger_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crmsyncd/sync/ledger"
)

// C10.6: every constant that names a reason is in the list by which a misspelled one
// is found out.
func TestC10_6_HoldReasonsAreAll(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "Hold") || len(spec.Values) != 1 {
				return true
			}
			text, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			found++
			if name, _ := strconv.Unquote(text.Value); !slices.Contains(ledger.HoldReasons(), name) {
				t.Errorf("%s, %s, is missing in the list", spec.Names[0].Name, text.Value)
			}
			return true
		})
	}
	if found != len(ledger.HoldReasons()) {
		t.Errorf("%d constants and %d reasons", found, len(ledger.HoldReasons()))
	}
}
