package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The env file gives a shell back exactly what was written, whatever the folder
// is called.
func TestEnvFileSurvivesAShell(t *testing.T) {
	for _, name := range []string{"plain", "with space", "it's $HOME", "a`b\"c\\d;e&f", "Prüflabor"} {
		dir := filepath.Join(t.TempDir(), name)
		env := newEnvironment(configPlace{path: dir}, []variable{{"EMPTY", ""}, {"ODD", name}}, nil)
		if err := env.write(); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `. "$1" && printf '%s|%s|%s' "$EMPTY" "$ODD" "$CREDENTIALS_DIRECTORY"`, "sh", env.file())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(out), "|"+name+"|"+filepath.Join(dir, "credentials"); got != want {
			t.Errorf("a shell reads %q, want %q", got, want)
		}
	}
}

func TestAnOlderSecretsModeDoesNotLast(t *testing.T) {
	dir := t.TempDir()
	env := newEnvironment(configPlace{path: dir}, nil, []variable{{"qbench", "new"}})
	if err := os.MkdirAll(env.credentials(), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(env.credentials(), "qbench")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := env.write(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || string(raw) != "new" || info.Mode() != 0o600 {
		t.Errorf("%s %v %v, want the new secret with mode 0600", raw, info.Mode(), err)
	}
}
