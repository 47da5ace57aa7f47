package configs_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"crmsyncd/configs"
)

// hostile are files that are meant to hurt whoever reads them.
func hostile() map[string]string {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i <= 20; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	var objects strings.Builder
	objects.WriteString("system: qbench\nobjects:\n  - &o\n    object: customer\n    hub: account\n    direction: pull\n    fields: &f\n")
	for range 1000 {
		objects.WriteString("      - {remote: a, hub: name}\n")
	}
	for range 1000 {
		objects.WriteString("  - *o\n")
	}
	return map[string]string{
		"alias bomb":         bomb.String(),
		"alias of itself":    "systems: &a\n  qbench: *a\n",
		"deep brackets":      strings.Repeat("[", 20_000),
		"deep keys":          strings.Repeat("a: {", 20_000),
		"deep indentation":   nested(2000),
		"two megabytes":      "state: " + strings.Repeat("x", 2<<20),
		"a thousand objects": objects.String(),
		"many keys":          manyKeys(20_000),
		"not text":           "\xff\xfe\x00\x01",
		"NUL":                "state: \"a\x00b\"",
		"question marks":     strings.Repeat("? ", 20_000),
		"anchor only":        "&a",
		"a tag":              "!!binary aGVsbG8=",
		"own tag":            "state: !evil x",
		"a key that paints":  "\"\\e[31mred\": x",
		"a very long key":    strings.Repeat("k", 500_000) + ": x",
	}
}

func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: x\n", i)
	}
	return b.String()
}

// TestHostileFilesAreRefusedSoon wants a problem, not a crash, a stall or a
// configuration.
func TestHostileFilesAreRefusedSoon(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		for _, file := range []string{"crmsyncd.yaml", "hub.yaml", "routes/qbench.yaml", "routes/close.yaml"} {
			t.Run(name+" as "+file, func(t *testing.T) {
				files := shipped(t)
				files[file] = &fstest.MapFile{Data: []byte(text)}
				begin := time.Now()
				cfg, problems := configs.LoadFS(files, options())
				if took := time.Since(begin); took > 30*time.Second { // an expanded bomb takes for ever; a busy machine does not
					t.Errorf("took %v", took)
				}
				if cfg != nil || len(problems) == 0 || len(problems) > 201 {
					t.Errorf("was taken, or %d problems", len(problems))
				}
				for _, p := range problems {
					if len(show(p)) > 4000 || strings.ContainsAny(show(p), "\x00\x1b\n") {
						t.Error("a problem is too long or holds control characters")
					}
				}
			})
		}
	}
}

// TestAliasesAreTaken proves that a list of fields may be shared.
func TestAliasesAreTaken(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	files["routes/qbench.yaml"].Data = []byte(`
system: qbench
objects:
  - {object: customer, hub: account, direction: pull, fields: &f [{remote: id, hub: account_id}, {remote: name, hub: name}]}
  - {object: client, hub: account, direction: pull, fields: *f}
`)
	cfg := load(t, files)
	_, a := fieldsOf(t, cfg, "qbench", "customer")
	_, b := fieldsOf(t, cfg, "qbench", "client")
	if len(a) != 2 || len(b) != 2 {
		t.Errorf("%v and %v", a, b)
	}
}

func TestMissingFolderAndFiles(t *testing.T) {
	t.Parallel()
	cfg, problems := configs.Load(t.TempDir()+"/none", options())
	if cfg != nil || len(problems) != 1 || problems[0].File != configs.MainFile {
		t.Errorf("%v", problems)
	}
}

// FuzzLoad reads anything in place of one of the files. Nothing is refused
// without a reason, and what is taken can be given to the compiler.
func FuzzLoad(f *testing.F) {
	names := []string{"crmsyncd.yaml", "hub.yaml", "routes/qbench.yaml"}
	for i, name := range names {
		for _, text := range hostile() {
			if len(text) < 2000 {
				f.Add(uint8(i), text)
			}
		}
		text, err := configs.Shipped.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), string(text))
	}
	f.Add(uint8(0), minimal)
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		files := shipped(t)
		files[names[int(which)%len(names)]].Data = []byte(text)
		cfg, problems := configs.LoadFS(files, options())
		if cfg == nil && len(problems) == 0 {
			t.Fatal("refused without a reason")
		}
		for _, p := range problems {
			if strings.Contains(p.Message, "cannot be read as configuration") {
				t.Fatal("the check before the decoder missed something")
			}
		}
		if cfg != nil {
			cfg.Compile()
		}
	})
}
