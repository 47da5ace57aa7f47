package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "crmsyncd"

// arrows says which packages of ours each package may import. A package that
// is missing fails the test, so that a new folder is a decision.
//
//	cmd ─► configs ─► fieldmap ─► fieldmap/record
//	 └───► sync/daemon ─► sync/engine ─► sync/ledger ─► state, sync/plan
//	                           ├───────► sync/plan ─► fieldmap
//	                           ├───────► sync/audit ─► fieldmap, providers
//	                           ├───────► providers ─► fieldmap/record
//	                           └───────► state ─────► fieldmap/record
func arrows() map[string][]string {
	const record, rest, walk, faults = "fieldmap/record", "providers/internal/rest", "providers/internal/jsonwalk", "providers/internal/faults"
	const outcome, oauth, scrub, simrules = "providers/internal/outcome", "providers/internal/oauth", "providers/internal/scrub", "providers/internal/simrules"
	return map[string][]string{
		"cmd/crmsyncd": {
			"configs", "fieldmap", record, "providers", rest, "providers/closeio", "providers/hubspot", "providers/qbench", "providers/salesforce",
			"state", "sync/plan", "sync/ledger", "sync/engine", "sync/daemon",
		},
		"cmd/crmsim": {
			"configs", "providers/fakedata", faults, "providers/closeio/closeiosim", "providers/hubspot/hubspotsim",
			"providers/qbench/qbenchsim", "providers/salesforce/salesforcesim",
		},
		"configs":                            {"fieldmap"},
		"fieldmap":                           {record},
		"fieldmap/record":                    {},
		"providers":                          {record},
		"providers/fakedata":                 {},
		"providers/providertest":             {record, "providers", faults, rest},
		"providers/closeio":                  {record, "providers", rest, walk, outcome, oauth, scrub},
		"providers/hubspot":                  {record, "providers", rest, walk, outcome, oauth, scrub},
		"providers/qbench":                   {record, "providers", rest, walk},
		"providers/salesforce":               {record, "providers", rest, walk, outcome, oauth, scrub},
		rest:                                 {scrub},
		outcome:                              {record, "providers", rest},
		oauth:                                {"providers", rest, outcome, scrub},
		scrub:                                {record, "providers"},
		walk:                                 {},
		faults:                               {},
		simrules:                             {},
		"providers/closeio/closeiosim":       {faults, simrules, "providers/fakedata"},
		"providers/hubspot/hubspotsim":       {faults, simrules, "providers/fakedata"},
		"providers/qbench/qbenchsim":         {faults, simrules, "providers/fakedata"},
		"providers/salesforce/salesforcesim": {faults, simrules, "providers/fakedata"},
		"state":                              {record},
		"sync/plan":                          {"fieldmap", record},
		"sync/audit":                         {"fieldmap", record, "providers"},
		"sync/ledger":                        {"sync/plan", "fieldmap", record, "state"},
		"sync/compute":                       {"sync/ledger", "fieldmap", record, "state"},
		"sync/engine":                        {"sync/audit", "sync/compute", "sync/ledger", "sync/plan", "fieldmap", record, "providers", "state"},
		"sync/daemon":                        {"sync/engine", "sync/ledger", "sync/plan", "fieldmap", record, "providers", "state"},
		"sync/worldtest": {
			"configs", "fieldmap", record, "providers/closeio", "providers/closeio/closeiosim", "providers/hubspot", "providers/hubspot/hubspotsim",
			"providers/qbench", "providers/qbench/qbenchsim", "providers/salesforce", "providers/salesforce/salesforcesim", "state", "sync/plan", "sync/engine",
		},
		"systemd":              {},
		"systemd/deb":          {},
		"systemd/deb/docs":     {},
		"systemd/deb/licenses": {},
		"systemd/vm":           {},
	}
}

// inTests says what tests may import besides: simulators and test helpers
// judge a package from outside. Tests of cmd may import everything.
func inTests(pkg string) []string {
	helpers := []string{"providers/providertest", "providers/internal/faults", "providers/internal/rest", "providers/fakedata"}
	sims := []string{"providers/closeio/closeiosim", "providers/hubspot/hubspotsim", "providers/qbench/qbenchsim", "providers/salesforce/salesforcesim"}
	switch pkg {
	case "configs", "providers/internal/jsonwalk":
		return []string{"fieldmap/record"}
	case "systemd", "systemd/deb":
		return []string{"configs"}
	case "providers/closeio", "providers/hubspot", "providers/qbench", "providers/salesforce":
		return append(helpers, pkg+"/"+path.Base(pkg)+"sim")
	case "sync/engine", "sync/daemon":
		return slices.Concat(helpers, sims, []string{"configs", "providers/closeio", "providers/hubspot", "providers/qbench", "providers/salesforce", "sync/worldtest"})
	case "providers/closeio/closeiosim":
		return []string{"providers/fakedata", "providers/qbench/qbenchsim"} // both show the same companies
	case "providers/hubspot/hubspotsim", "providers/salesforce/salesforcesim", "providers/qbench/qbenchsim":
		return []string{"providers/fakedata"}
	}
	return nil
}

// homes names the one package in which each fixed dependency lives.
func homes() map[string]string {
	return map[string]string{
		"github.com/robfig/cron":                "sync/daemon",
		"github.com/knadh/koanf":                "configs",
		"go.etcd.io/bbolt":                      "state",
		"github.com/hashicorp/go-retryablehttp": "providers/internal/rest",
		"github.com/go-viper/mapstructure":      "configs",
		"github.com/expr-lang/expr":             "fieldmap",
		"github.com/nyaruka/phonenumbers":       "fieldmap",
		"github.com/dchest/siphash":             "fieldmap/record",
		"github.com/brianvoe/gofakeit":          "providers/fakedata",
	}
}

// impure lists what pure packages may not import, by prefix. fieldmap takes
// addresses apart, so it may have net/url and its like; a record may have
// log/slog, to tell a log that it shows nothing.
func impure() map[string][]string {
	return map[string][]string{
		"fieldmap/record": {"net", "os", "context", "io/fs", "math/rand"},
		"fieldmap":        {"net/http", "os", "context", "log", "io/fs", "math/rand"},
		"sync/plan":       {"net", "os", "context", "log", "io/fs", "math/rand", "sync"},
	}
}

// comparing are the files of sync/audit that compare: they know the mapping and
// nothing else, and never what links remember.
func comparing() []string {
	return []string{"sync/audit/audit.go", "sync/audit/compare.go", "sync/audit/judge.go", "sync/audit/spelling.go"}
}

// file is one Go file: its package's folder, and whether it is a test.
type file struct {
	name, pkg string
	test      bool
	ast       *ast.File
}

func goFiles(t *testing.T) (out []file) {
	t.Helper()
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") || strings.HasPrefix(name, ".") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), root+"/"+name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), f})
	})
	return out
}

func (f file) imports() (out []string) {
	for _, spec := range f.ast.Imports {
		out = append(out, strings.Trim(spec.Path.Value, "`\""))
	}
	return out
}

func under(imported, prefix string) bool {
	return imported == prefix || strings.HasPrefix(imported, prefix+"/")
}

// TestArrows holds the imports to the table; so the engine knows no vendor,
// and whatever has the capabilities can be a target (R130).
func TestArrows(t *testing.T) {
	t.Parallel()
	table := arrows()
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		allowed, known := table[f.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table of arrows", f.name, f.pkg)
			continue
		}
		seen[f.pkg] = true
		for _, imported := range f.imports() {
			for _, broken := range judge(f, imported, allowed) {
				t.Errorf("%s: %s", f.name, broken)
			}
		}
	}
	for pkg := range table {
		if !seen[pkg] {
			t.Errorf("the table of arrows names %s, which does not exist", pkg)
		}
	}
}

// judge says what is wrong with one import of f.
func judge(f file, imported string, allowed []string) (broken []string) {
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		free := f.test && (strings.HasPrefix(f.pkg, "cmd/") || own == f.pkg || slices.Contains(inTests(f.pkg), own))
		if !free && !slices.Contains(allowed, own) {
			broken = append(broken, f.pkg+" must not import "+own)
		}
		if slices.Contains(comparing(), f.name) && !under(own, "fieldmap") {
			broken = append(broken, f.name+" compares and must not import "+own)
		}
	}
	for dependency, home := range homes() {
		if under(imported, dependency) && f.pkg != home {
			broken = append(broken, dependency+" lives in "+home+" only")
		}
	}
	for _, prefix := range impure()[f.pkg] {
		if under(imported, prefix) && !f.test {
			broken = append(broken, f.pkg+" is pure and must not import "+imported)
		}
	}
	return broken
}

// TestJudgeBreaks proves that the judge is no rubber stamp.
func TestJudgeBreaks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pkg, imported string
		test          bool
	}{
		{"sync/plan", "crmsyncd/state", false},
		{"sync/plan", "context", false},
		{"sync/audit", "crmsyncd/state", false},
		{"sync/audit", "crmsyncd/sync/plan", true},
		{"providers/qbench", "crmsyncd/fieldmap", false},
		{"providers/qbench", "crmsyncd/providers/salesforce", true},
		{"providers/qbench", "crmsyncd/providers/qbench/qbenchsim", false},
		{"providers/qbench/qbenchsim", "crmsyncd/providers/qbench", true},
		{"sync/engine", "crmsyncd/configs", false},
		{"state", "crmsyncd/configs", true},
		{"sync/daemon", "github.com/knadh/koanf/v2", false},
		{"cmd/crmsyncd", "go.etcd.io/bbolt", true},
		{"cmd/crmsyncd", "crmsyncd/providers/qbench/qbenchsim", false},
		{"cmd/crmsyncd", "crmsyncd/sync/worldtest", false},
		{"sync/worldtest", "crmsyncd/sync/daemon", false},
	} {
		if len(judge(file{pkg: tt.pkg, test: tt.test}, tt.imported, arrows()[tt.pkg])) == 0 {
			t.Errorf("%s may import %s", tt.pkg, tt.imported)
		}
	}
	for _, name := range comparing() {
		if len(judge(file{name: name, pkg: "sync/audit"}, "crmsyncd/providers", arrows()["sync/audit"])) == 0 {
			t.Errorf("%s may import providers", name)
		}
		if _, err := os.Stat(root + "/" + name); err != nil {
			t.Errorf("a file that compares: %v", err)
		}
	}
}

// TestPlanningReadsNoClock looks for calls that ask for the time, wait, or
// start something.
func TestPlanningReadsNoClock(t *testing.T) {
	t.Parallel()
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, f := range goFiles(t) {
		if f.test || impure()[f.pkg] == nil {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
					t.Errorf("%s: time.%s in a pure package", f.name, n.Sel.Name)
				}
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine in a pure package", f.name)
			}
			return true
		})
	}
}

// B9: TestB9_TopLevel holds the top of the tree to what was agreed; sync is a
// place and not a package.
func TestB9_TopLevel(t *testing.T) {
	t.Parallel()
	allowed := map[string]bool{ // true is a folder
		"cmd": true, "sync": true, "providers": true, "fieldmap": true, "state": true, "configs": true, "systemd": true,
		"Makefile": false, "go.mod": false, "go.sum": false, "README.md": false, "LICENSE": false,
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		dir, ok := allowed[e.Name()]
		switch {
		case strings.HasPrefix(e.Name(), "."), e.Name() == "bin", e.Name() == "dist": // what is built
		case !ok || dir != e.IsDir():
			t.Errorf("%s does not belong at the top; allowed: %v", e.Name(), slices.Sorted(maps.Keys(allowed)))
		}
	}
	inSync, err := os.ReadDir(root + "/sync")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range inSync {
		if !e.IsDir() {
			t.Errorf("sync/%s: sync is a folder of packages and holds no file", e.Name())
		}
	}
}
