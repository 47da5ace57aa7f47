package configs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"crmsyncd/configs"
)

const hidden = "correct horse battery staple"

// withSecret loads a configuration whose only secret is the one described.
func withSecret(t *testing.T, where string, env map[string]string) configs.Secret {
	t.Helper()
	files := shipped(t)
	files["crmsyncd.yaml"] = &fstest.MapFile{Data: []byte(`
systems:
  qbench: {provider: qbench, base_url: https://lab.example, auth: {client_id: a, secret: ` + where + `}}
  salesforce: {provider: salesforce, base_url: https://org.example, auth: {token: {env: TOKEN}}}
`)}
	cfg, problems := configs.LoadFS(files, configs.Options{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if cfg == nil {
		t.Fatal(problems)
	}
	return cfg.Systems["qbench"].Auth.Secret
}

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsAreReadFromTheirPlaces(t *testing.T) {
	t.Parallel()
	private := write(t, "private", hidden+"\n", 0o600)
	open := write(t, "open", hidden, 0o644)
	group := write(t, "group", hidden, 0o640)
	empty := write(t, "empty", "\n", 0o600)
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	large := write(t, "large", strings.Repeat("x", 100_000), 0o600)
	credentials := map[string]string{"CREDENTIALS_DIRECTORY": filepath.Dir(open)}
	for _, tt := range []struct {
		name, where string
		env         map[string]string
		err         string // part of the error; "" wants the secret
	}{
		{"file", "{file: " + private + "}", nil, ""},
		{"file that all may read", "{file: " + open + "}", nil, "chmod 600"},
		{"file that the group may read", "{file: " + group + "}", nil, "chmod 600"},
		{"file that systemd guards", "{file: " + open + "}", credentials, ""},
		{"empty file", "{file: " + empty + "}", nil, "empty"},
		{"large file", "{file: " + large + "}", nil, "larger than"},
		{"no file", "{file: /no/such/file}", nil, "no such file"},
		{"a pipe", "{file: " + pipe + "}", nil, "no ordinary file"},
		{"a folder", "{file: " + filepath.Dir(private) + "}", nil, "no ordinary file"},
		{"credential", "{credential: open}", credentials, ""},
		{"credential without systemd", "{credential: open}", nil, "LoadCredential=open:"},
		{"credential that is not there", "{credential: other}", credentials, "other is not set: there is no "},
		{"credential with an empty line", "{credential: empty}", map[string]string{"CREDENTIALS_DIRECTORY": filepath.Dir(empty)}, "empty is not set: "},
		{"credential that is a folder", "{credential: folder}", map[string]string{"CREDENTIALS_DIRECTORY": filepath.Dir(folder)}, "no ordinary file"},
		{"environment", "{env: QB}", map[string]string{"QB": hidden}, ""},
		{"not in the environment", "{env: QB}", nil, "QB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := withSecret(t, tt.where, tt.env).Read()
			switch {
			case tt.err == "" && (err != nil || got != hidden):
				t.Errorf("got %q, %v", got, err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want one with %q", err, tt.err)
			case err != nil && strings.Contains(err.Error(), hidden):
				t.Error("the error tells the secret")
			}
		})
	}
}

// TestSecretOfAForm: what an editor or a copied page adds to a secret is told here,
// not by a vendor that calls the whole secret wrong (C17.6).
func TestSecretOfAForm(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, err string }{
		"a newline":                {hidden + "\r\n", ""},
		"other alphabets":          {hidden + "é", ""},
		"a byte order mark":        {"\ufeff" + hidden, "byte order mark"},
		"blanks":                   {"  \t ", "empty"},
		"blanks and lines":         {" \n \n", "empty"},
		"two lines":                {hidden + "\n" + hidden, "more than one line"},
		"a line before":            {"\n" + hidden, "more than one line"},
		"a blank at its end":       {hidden + " \n", "begins or ends with a blank"},
		"a hard blank before":      {"\u00a0" + hidden, "begins or ends with a blank"},
		"a zero byte":              {hidden + "\x00", "control character"},
		"a color of a terminal":    {"\x1b[1m" + hidden, "control character"},
		"a tab within":             {hidden + "\t" + hidden, "control character"},
		"a file in sixteen bits":   {"\xff\xfea\x00b\x00", "control character"},
		"the end of a longer file": {hidden + "\n\n\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := write(t, "secret", tt.text, 0o600)
			got, err := withSecret(t, "{file: "+file+"}", nil).Read()
			switch {
			case tt.err == "" && (err != nil || got != strings.TrimRight(tt.text, "\r\n")):
				t.Errorf("got %q, %v", got, err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), file)):
				t.Errorf("error %v, want one with %q and the file", err, tt.err)
			case err != nil && strings.Contains(err.Error(), hidden):
				t.Error("the error tells the secret")
			}
		})
	}
}

// TestPrivateKeyHasLines: a key in PEM is the one secret of many lines.
func TestPrivateKeyHasLines(t *testing.T) {
	t.Parallel()
	const pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
	file := write(t, "key", pem+"\n", 0o600)
	files := shipped(t)
	files["crmsyncd.yaml"] = &fstest.MapFile{Data: []byte(`
systems:
  qbench: {provider: qbench, base_url: https://lab.example, auth: {client_id: a, secret: {env: TOKEN}}}
  salesforce: {provider: salesforce, base_url: https://org.example, auth: {client_id: a, username: b, private_key: {file: ` + file + `}}}
`)}
	cfg, problems := configs.LoadFS(files, configs.Options{LookupEnv: func(string) (string, bool) { return "x", true }})
	if cfg == nil {
		t.Fatal(problems)
	}
	if got, err := cfg.Systems["salesforce"].Auth.PrivateKey.Read(); got != pem || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSecretFileIsReadAgain(t *testing.T) {
	t.Parallel()
	path := write(t, "s", "one", 0o600)
	s := withSecret(t, "{file: "+path+"}", nil)
	if err := os.WriteFile(path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Read(); got != "two" || err != nil || !s.Rereads() {
		t.Errorf("got %q, %v", got, err)
	}
	if withSecret(t, "{env: QB}", nil).Rereads() {
		t.Error("the environment cannot be read again")
	}
}

// TestSecretsNeverShow prints a Secret, and a Config that holds it, in every way.
func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	s := withSecret(t, "{env: QB}", map[string]string{"QB": hidden})
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("system", "secret", s, "auth", configs.Auth{Secret: s})
	asJSON, err := json.Marshal(configs.Auth{Secret: s})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(configs.Auth{Secret: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		s.String(), s.GoString(), fmt.Sprintf("%s %v %+v %#v %q %x %d", s, s, s, s, s, s, s),
		fmt.Sprintf("%+v %#v", configs.Auth{Secret: s}, configs.Auth{Secret: s}), log.String(), string(asJSON), string(asYAML),
	} {
		if strings.Contains(text, hidden) || strings.Contains(text, "QB") || !strings.Contains(text, "[redacted]") {
			t.Errorf("shows %s", text)
		}
	}
	if s.Source() != "env QB" {
		t.Errorf("source %q", s.Source())
	}
}

func TestCheckSecretsNamesTheLine(t *testing.T) {
	t.Parallel()
	cfg := load(t, shipped(t))
	problems := cfg.CheckSecrets()
	if len(problems) != 4 {
		t.Fatalf("%d problems, want one for each credential: %v", len(problems), problems)
	}
	lines := strings.Split(string(shipped(t)["crmsyncd.yaml"].Data), "\n")
	for _, p := range problems {
		if !strings.Contains(lines[p.Line-1], ": {credential:") {
			t.Errorf("%s at line %d: %s", p.Path, p.Line, lines[p.Line-1])
		}
	}
}
