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
	good := strings.Replace(strings.Replace(goodEnvironment, " # no comment", "", 1), "  CRMSYNCD_SALESFORCE_CLIENT_ID = x", "  CRMSYNCD_SALESFORCE_CLIENT_ID=x", 1)
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
		`A=b\`:       "environment:2: the value of A does not end on its line",
	} {
		if cfg, text := loadedFrom(t, "# first\n"+line+"\n", nil); cfg != nil || !strings.Contains(text, want) || strings.Contains(text, "open\n") {
			t.Errorf("%q: %s, want %s", line, text, want)
		}
	}
}
