package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree makes files and returns their folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCollect(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"a/LICENSE": "MIT\r\n", "a/NOTICE.txt": "notice", "a/license.go": "package a",
		"a/linked/COPYING": "of a part", "a/other/COPYING": "not linked",
		"b/UNLICENSE.md": "MIT \n", "b/NOTICES/x": "in a folder",
	})
	a := module{path: "a", version: "v1.0.0", dir: root + "/a", packages: map[string]bool{root + "/a/linked/deep": true}}
	b := module{path: "b", version: "v2.0.0", dir: root + "/b", packages: map[string]bool{root + "/b": true}}
	if err := os.Mkdir(root+"/a/linked/deep", 0o755); err != nil {
		t.Fatal(err)
	}
	texts, err := collect([]module{a, b})
	if err != nil {
		t.Fatal(err)
	}
	want := []text{
		{[]string{"a v1.0.0, LICENSE", "b v2.0.0, UNLICENSE.md"}, "MIT\n"},
		{[]string{"a v1.0.0, NOTICE.txt"}, "notice\n"},
		{[]string{"a v1.0.0, linked/COPYING"}, "of a part\n"},
	}
	if diff := cmp.Diff(want, texts, cmp.AllowUnexported(text{})); diff != "" {
		t.Error(diff)
	}
	file := copyright("tool", "own license\n", []module{a, b}, texts)
	for _, part := range []string{"  a v1.0.0\n  b v2.0.0\n", "\nown license\n", "\na v1.0.0, LICENSE\nb v2.0.0, UNLICENSE.md\n"} {
		if !strings.Contains(file, part) {
			t.Errorf("the file lacks %q:\n%s", part, file)
		}
	}
}

// A module that says nothing, or has a license for a part of it only, stops the
// build.
func TestNoLicense(t *testing.T) {
	t.Parallel()
	for _, files := range []map[string]string{
		{"a.go": "package a"},
		{"NOTICE": "no license"},
		{"part/LICENSE": "MIT"},
		{"license.go": "package a"},
	} {
		root := tree(t, files)
		_, err := collect([]module{{path: "a", dir: root, packages: map[string]bool{root: true}}})
		if !errors.Is(err, errNoLicense) {
			t.Errorf("%v: %v", files, err)
		}
	}
}

func TestByPath(t *testing.T) {
	t.Parallel()
	std := module{path: standard, version: "1.26", dir: "/go"}
	got := byPath("/go/src/fmt\t\n/m/x\tx\tv1.0.0\t/m\tfalse\n/m/y\tx\tv1.0.0\t/m\tfalse\n/own\town\t\t/own\ttrue\n\t\n", std)
	want := map[string]*module{
		standard: {standard, "1.26", "/go", map[string]bool{"/go/src/fmt": true}},
		"x":      {"x", "v1.0.0", "/m", map[string]bool{"/m/x": true, "/m/y": true}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(module{})); diff != "" {
		t.Error(diff)
	}
}
