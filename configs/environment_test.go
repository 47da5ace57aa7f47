package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crmsyncd/configs"
)

// loadedFrom loads the shipped files from a folder with this environment file and
// nothing in the process's own environment but env.
func loadedFrom(t *testing.T, environment string, env map[string]string) (*configs.Config, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, shipped(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"environment": environment, "secrets/qbench": "from the folder\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, problems := configs.Load(dir, configs.Options{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	var text []string
	for _, p := range problems {
		text = append(text, p.Error())
	}
	return cfg, strings.Join(text, "\n")
}

const goodEnvironment = `# the addresses
; of everybody
CRMSYNCD_QBENCH_URL=https://lab.example
CRMSYNCD_QBENCH_CLIENT_ID="in \"quotes\""
CRMSYNCD_SALESFORCE_URL='https://org.example'
  CRMSYNCD_SALESFORCE_CLIENT_ID = x
CRMSYNCD_HUBSPOT_URL=https://api.example # no comment
`

// C17.4: by hand, a command takes addresses and secrets from where the unit takes them,
// unless its environment says otherwise.
func TestC17_4_SurroundingsOfTheUnit(t *testing.T) {
	t.Parallel()
	good := strings.Replace(goodEnvironment, " # no comment", "", 1)
	cfg, text := loadedFrom(t, good, map[string]string{"CRMSYNCD_QBENCH_URL": "https://mine.example"})
	if cfg == nil {
		t.Fatal(text)
	}
	if !strings.Contains(text, "this shell's environment has another CRMSYNCD_QBENCH_URL") || strings.Contains(text, "mine.example") {
		t.Errorf("of the other address it says %q", text)
	}
	qb, sf := cfg.Systems["qbench"], cfg.Systems["salesforce"]
	if qb.BaseURL != "https://mine.example" || qb.Auth.ClientID != `in "quotes"` || sf.BaseURL != "https://org.example" || sf.Auth.ClientID != "x" {
		t.Errorf("qbench %+v, salesforce %+v", qb, sf)
	}
	if secret, err := qb.Auth.Secret.Read(); secret != "from the folder" || err != nil {
		t.Errorf("the secret is %q, %v", secret, err)
	}
	own := t.TempDir()
	if err := os.WriteFile(filepath.Join(own, "qbench"), []byte("handed over"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, text = loadedFrom(t, good, map[string]string{"CREDENTIALS_DIRECTORY": own})
	if cfg == nil {
		t.Fatal(text)
	}
	if secret, err := cfg.Systems["qbench"].Auth.Secret.Read(); secret != "handed over" || err != nil {
		t.Errorf("beside what systemd hands over the secret is %q, %v", secret, err)
	}
}

// A line that systemd would leave out, or join with the next, is told by its number.
func TestC17_4_BadEnvironment(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"export A=b": "environment:2: systemd leaves out a line with export",
		"just words": "environment:2: this is no NAME=VALUE",
		"A B=c":      "environment:2: this is no NAME=VALUE",
		"1A=c":       "environment:2: this is no NAME=VALUE",
		`A="open`:    "environment:2: the value of A does not end on its line",
		`A='x"`:      "environment:2: the value of A does not end on its line",
		`A=b\`:       "environment:2: the value of A has a backslash outside of quotes",
		`A=q\b`:      "environment:2: the value of A has a backslash outside of quotes",
		`A='a' 'b'`:  "environment:2: the value of A goes on behind its quotes",
		`A="a"b`:     "environment:2: the value of A goes on behind its quotes",
		`A="a\"`:     "environment:2: the value of A does not end on its line",
		`# C:\`:      "environment:2: a comment that ends with a backslash swallows the next line",
		"A=\xfc":     "environment: it is not UTF-8, and systemd leaves out all of it",
		"A B = c":    "environment:2: this is no NAME=VALUE",
	} {
		if cfg, text := loadedFrom(t, "# first\n"+line+"\n", nil); cfg != nil || !strings.Contains(text, want) || strings.Contains(text, "open\n") {
			t.Errorf("%q: %s, want %s", line, text, want)
		}
	}
}

// TestStandInIsGuardedByNobody: the folder that systemd takes credentials from shows
// them to all of the daemon's group, so a file in it is for root alone.
func TestStandInIsGuardedByNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, configs.Shipped); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "secrets", "qbench")
	for _, err := range []error{os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(hidden), 0o600), os.WriteFile(filepath.Join(dir, "environment"), []byte(strings.Replace(goodEnvironment, " # no comment", "", 1)), 0o640)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: "chmod 600 " + file, 0o644: "chmod 600 " + file, 0o604: "chmod 600 " + file} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		cfg, problems := configs.Load(dir, configs.Options{LookupEnv: func(string) (string, bool) { return "", false }})
		if cfg == nil {
			t.Fatal(problems)
		}
		if _, err := cfg.Systems["qbench"].Auth.Secret.Read(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("mode %o: %v, want %q", mode, err, want)
		}
	}
}

// TestBlind: for whoever asks the daemon, an environment file that may not be read is
// no mistake; such a configuration says so, and a file that can be read is read.
func TestBlind(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything; the end-to-end test calls the program as another user")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, configs.Shipped); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "environment"), []byte(strings.Replace(goodEnvironment, " # no comment", "", 1)), 0); err != nil {
		t.Fatal(err)
	}
	none := func(string) (string, bool) { return "", false }
	if cfg, _ := configs.Load(dir, configs.Options{LookupEnv: none}); cfg != nil {
		t.Error("what may not be read is taken for set")
	}
	cfg, problems := configs.Load(dir, configs.Options{LookupEnv: none, Blind: true})
	if cfg == nil || cfg.Unread == "" || len(cfg.Routes) == 0 {
		t.Errorf("blind: %v", problems)
	}
	all := func(string) (string, bool) { return "https://x.example", true }
	if cfg, problems = configs.Load(dir, configs.Options{LookupEnv: all, Blind: true}); cfg == nil || cfg.Unread != "" {
		t.Errorf("with all of it set: %v", problems)
	}
}
