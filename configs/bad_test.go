package configs_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/bad-*.yaml")

// shipped is the shipped configuration as a file system that a test may change.
func shipped(t *testing.T) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(configs.Shipped, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := configs.Shipped.ReadFile(name)
		out[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// options stand for a machine on which everything that is shipped works.
func options() configs.Options {
	env := map[string]string{
		"CRMSYNCD_QBENCH_URL": "https://lab.example", "CRMSYNCD_QBENCH_CLIENT_ID": "q",
		"CRMSYNCD_SALESFORCE_URL": "https://org.example/", "CRMSYNCD_SALESFORCE_CLIENT_ID": "s",
		"CRMSYNCD_HUBSPOT_URL": "https://api.hubapi.com",
	}
	return configs.Options{
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		CheckSchedule: func(line string) error {
			if !strings.HasPrefix(line, "@") && len(strings.Fields(line)) != 5 {
				return errors.New("five fields are wanted")
			}
			return nil
		},
	}
}

func show(p fieldmap.Problem) string {
	return fmt.Sprintf("%s:%d: %s: %s (%s)", p.File, p.Line, p.Path, p.Message, p.Hint)
}

// TestB2_EveryMistakeIsNamed loads each testdata/bad-*.yaml in place of the
// shipped file that its first line names, and wants exactly the problems that
// its comments list (B2, R175).
func TestB2_EveryMistakeIsNamed(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d bad files: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			target, want := expectations(text)
			files := shipped(t)
			if files[target] == nil {
				t.Fatalf("the first line names no shipped file: %q", target)
			}
			files[target] = &fstest.MapFile{Data: text}
			cfg, problems := configs.LoadFS(files, options())
			if cfg != nil {
				_, problems = cfg.Compile()
				problems = slices.DeleteFunc(problems, func(p fieldmap.Problem) bool { return p.Warning })
			}
			if len(problems) == 0 {
				t.Fatal("the file was taken")
			}
			var got []string
			for _, p := range problems {
				got = append(got, show(p))
				if strings.Contains(show(p), "hunter2") || strings.Contains(show(p), "me:pass") {
					t.Error("a problem repeats a secret")
				}
			}
			if *update {
				rewrite(t, name, text, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// expectations reads the comments at the top: "# file: NAME", "# want: PROBLEM".
func expectations(text []byte) (file string, want []string) {
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "# file":
			file = value
		case "# want":
			want = append(want, value)
		default:
			return file, want
		}
	}
	return file, want
}

// rewrite puts the problems into the comments. As that may move lines, it is
// run twice.
func rewrite(t *testing.T, name string, text []byte, got []string) {
	t.Helper()
	lines := bytes.SplitAfter(text, []byte("\n"))
	rest := slices.DeleteFunc(lines, func(l []byte) bool { return bytes.HasPrefix(l, []byte("# want: ")) })
	out := slices.Clone(rest[0])
	for _, g := range got {
		out = append(out, "# want: "+g+"\n"...)
	}
	if err := os.WriteFile(name, append(out, bytes.Join(rest[1:], nil)...), 0o600); err != nil {
		t.Fatal(err)
	}
}
