package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// walk calls fn for each file of the repository that a person wrote.
func walk(t *testing.T, fn func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == ".git" || rel == "bin" || strings.HasSuffix(rel, "testdata/fuzz")):
			return filepath.SkipDir
		case !d.IsDir() && d.Name() != ".git": // a file in a worktree
			fn(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// promised reads the ids of the list, each with its sentence.
func promised(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(root + "/.github/PROMISES.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	said := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([RBDF]\d+|C\d+\.\d+) \| (.*) \|$`).FindAllStringSubmatch(string(text), -1) {
		id, sentence := m[1], m[2]
		if out[id] != "" {
			t.Errorf("%s stands twice in the list", id)
		}
		if other := said[sentence]; other != "" {
			t.Errorf("%s and %s promise the same words", other, id)
		}
		out[id], said[sentence] = sentence, id
	}
	return out
}

// named collects the ids that tests name, each with one file that does: in the
// names, comments and texts of Go tests, and in scenarios under testdata.
func named(t *testing.T) map[string]string {
	t.Helper()
	out, ids := map[string]string{}, idFinder()
	walk(t, func(name string) {
		if strings.HasSuffix(name, "/promises_test.go") {
			return
		}
		for _, text := range texts(t, name) {
			for _, id := range ids(text) {
				out[id] = name
			}
		}
	})
	return out
}

func texts(t *testing.T, name string) []string {
	t.Helper()
	path := filepath.Join(root, name)
	switch {
	case strings.HasSuffix(name, "_test.go"):
		return goTexts(t, path)
	case strings.Contains(name, "testdata/") && slices.Contains([]string{".txtar", ".txt", ".yaml"}, filepath.Ext(name)):
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return []string{string(text)}
	}
	return nil
}

// goTexts returns what a Go file says to people: comments, names of functions
// and quoted texts.
func goTexts(t *testing.T, path string) (out []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Comments {
		out = append(out, c.Text())
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			out = append(out, n.Name.Name)
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				out = append(out, n.Value)
			}
		}
		return true
	})
	return out
}

// idFinder returns what finds ids in a text: whole words such as a letter and a
// number, also at the beginning of a test's name; those of cases have two
// numbers, with a mark between them.
func idFinder() func(text string) []string {
	word, id := regexp.MustCompile(`[0-9A-Za-z]+`), regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)?(R\d{1,3}|[BDF]\d{1,2})$`)
	cases := regexp.MustCompile(`(?:\b|Test|_)C(\d{1,2})[._](\d{1,2})(?:\b|_)`)
	return func(text string) (out []string) {
		for _, m := range cases.FindAllStringSubmatch(text, -1) {
			out = append(out, "C"+m[1]+"."+m[2])
		}
		for _, w := range word.FindAllString(text, -1) {
			if m := id.FindStringSubmatch(w); m != nil {
				out = append(out, m[1])
			}
		}
		return out
	}
}

// TestEveryPromiseIsProved compares the list of promises with the tests, both ways.
func TestEveryPromiseIsProved(t *testing.T) {
	t.Parallel()
	list, proofs := promised(t), named(t)
	if len(list) == 0 {
		t.Fatal("the list is empty, or its form has changed")
	}
	for id := range list {
		if proofs[id] == "" {
			t.Errorf("%s is promised and no test names it: %s", id, list[id])
		}
	}
	for id, file := range proofs {
		if list[id] == "" {
			t.Errorf("%s is named in %s and stands in no line of .github/PROMISES.md", id, file)
		}
	}
}

// TestStandsAlone refuses names of places that exist only where this was made.
func TestStandsAlone(t *testing.T) {
	t.Parallel()
	places := []string{"../" + "shared", "/work" + "/", "proxy.golang" + ".org"}
	walk(t, func(name string) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range places {
			if strings.Contains(string(text), place) {
				t.Errorf("%s names %s", name, place)
			}
		}
	})
}
