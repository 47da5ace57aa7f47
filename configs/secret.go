package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"crmsyncd/fieldmap"
)

// credentialsDir is where systemd puts the credentials of a unit.
// https://systemd.io/CREDENTIALS/, last checked 2026-11-22
const credentialsDir = "CREDENTIALS_DIRECTORY"

// secretsDir is where in the configuration's folder the shipped units take
// credentials from, and environmentFile what they set the environment by.
const (
	secretsDir      = "secrets"
	environmentFile = "environment"
)

// handedOver is where systemd puts credentials.
const handedOver = "/run/credentials/"

const maxSecret = 64 << 10

// Secret knows where a secret lies and reads it when asked. It never holds the
// text, so nothing that prints, logs or stores it can tell.
type Secret struct {
	place, name string // file, credential or env; and which
	home        string // of a credential, as the shipped units have it
	lines       bool   // it has lines, as a key in PEM does
	lookup      func(string) (string, bool)
}

// IsSet reports whether the configuration names a place.
func (s Secret) IsSet() bool { return s.place != "" }

// Source says where the secret lies, for messages: "credential qbench".
func (s Secret) Source() string {
	if !s.IsSet() {
		return "nowhere"
	}
	return s.place + " " + s.name
}

// Rereads reports whether a change takes effect without a restart.
func (s Secret) Rereads() bool { return s.place == "file" }

// Read returns the text, without the newline at its end. Its errors name the
// place and the mend, and never the text.
func (s Secret) Read() (string, error) {
	text, err := s.read()
	if err != nil {
		return "", err
	}
	if fault := s.unfit(text); fault != "" {
		return "", fmt.Errorf("%s: %s: write it again", s.Source(), fault)
	}
	return text, nil
}

// unfit says what no vendor's secret has. An editor or a copied page puts it there,
// and the vendor's refusal would name a wrong secret, not the cause.
func (s Secret) unfit(text string) string {
	switch {
	case strings.HasPrefix(text, "\ufeff"):
		return "it begins with a byte order mark, as an editor writes"
	case s.lines:
		return ""
	case strings.ContainsAny(text, "\r\n"):
		return "it has more than one line"
	case strings.TrimSpace(text) != text:
		return "it begins or ends with a blank"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "it holds a control character"
	}
	return ""
}

func (s Secret) read() (string, error) {
	switch s.place {
	case "file":
		return readSecret(s.name, s.inCredentials(s.name))
	case "credential":
		dir, ok := s.lookup(credentialsDir)
		if !ok || dir == "" {
			return "", fmt.Errorf("credential %s: there is no $%s: add LoadCredential=%s:/path to the unit, or set it to a folder that holds a file %s",
				s.name, credentialsDir, s.name, s.name)
		}
		text, err := readSecret(filepath.Join(dir, s.name), !s.standsIn())
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errEmptySecret) {
			return "", s.notSet(dir)
		}
		return text, err
	case "env":
		text, ok := s.lookup(s.name)
		if !ok || text == "" {
			return "", fmt.Errorf("the environment has no %s", s.name)
		}
		return text, nil
	}
	return "", errors.New("no secret is configured")
}

// notSet says where a credential is to be written that systemd, or a person, did
// not hand over. The unit stands an empty line for a file that is not there.
func (s Secret) notSet(dir string) error {
	file := s.home
	if file == "" || !strings.HasPrefix(dir, handedOver) { // a person said the folder
		file = filepath.Join(dir, s.name)
	}
	why := "there is no " + file
	switch info, err := os.Stat(file); {
	case errors.Is(err, fs.ErrPermission):
		why = file + " was missing or empty at the start"
	case err != nil:
	case info.IsDir():
		why = file + " is a folder, and must be a file"
	case info.Size() == 0:
		why = file + " is empty"
	case !strings.HasPrefix(dir, handedOver):
		why = file + " is empty"
	default:
		why = file + " was missing or empty at the start"
	}
	return fmt.Errorf("credential %s is not set: %s: write the secret into that file (chown root, chmod 600), then restart the daemon", s.name, why)
}

// standsIn reports whether a credential is read from where systemd would take it, for
// a command that somebody calls by hand. Nobody guards it there but its mode.
func (s Secret) standsIn() bool {
	if s.place != "credential" || s.home == "" {
		return false
	}
	dir, ok := s.lookup(credentialsDir)
	return ok && dir == filepath.Dir(s.home)
}

// inCredentials reports whether a file lies where systemd guards it already.
func (s Secret) inCredentials(name string) bool {
	dir, ok := s.lookup(credentialsDir)
	if !ok || dir == "" {
		return false
	}
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

var errEmptySecret = errors.New("it is empty")

// readSecret reads a file that nobody else may read, unless it is guarded.
func readSecret(name string, guarded bool) (string, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for a writer
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read secret %s: it is no ordinary file", name)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !guarded {
		return "", fmt.Errorf("read secret %s: others may read it (mode %#o): chmod 600 %s", name, mode, name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	out := strings.TrimRight(string(text), "\r\n")
	switch {
	case len(text) > maxSecret:
		return "", fmt.Errorf("read secret %s: it is larger than %d KiB", name, maxSecret>>10)
	case strings.TrimSpace(out) == "":
		return "", fmt.Errorf("read secret %s: %w", name, errEmptySecret)
	}
	return out, nil
}

const redacted = "[redacted]"

// String returns "[redacted]", as all the following do in their own form.
func (s Secret) String() string { return redacted }

// GoString is String.
func (s Secret) GoString() string { return redacted }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is String, and serves JSON as well.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML is String.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// Format is String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, redacted) // fmt reports no error of a State
}

// placedSecret is a secret with the path at which it is configured.
type placedSecret struct {
	path   string
	secret Secret
}

// CheckSecrets reads every secret once and reports those that cannot be read.
func (c *Config) CheckSecrets() []fieldmap.Problem {
	var out []fieldmap.Problem
	for _, p := range c.secrets {
		_, err := p.secret.Read()
		switch problem := (fieldmap.Problem{File: MainFile, Line: c.Line(MainFile, p.path), Path: p.path}); {
		case err == nil:
		case errors.Is(err, fs.ErrPermission) && p.secret.standsIn():
			problem.Message, problem.Hint, problem.Warning = "you may not read "+p.secret.home+", so it is not looked at", "run this as root", true
			out = append(out, problem)
		default:
			problem.Message = err.Error()
			out = append(out, problem)
		}
	}
	return out
}

// StartFile is a file that the daemon's surroundings hand over when it starts: what
// it says later is in force after a restart only.
type StartFile struct{ What, Path string }

// StartFiles are those of the shipped units that the configuration depends on.
func (c *Config) StartFiles() []StartFile {
	var out []StartFile
	for _, p := range c.secrets {
		if p.secret.home != "" {
			f := StartFile{p.secret.Source(), p.secret.home}
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	if c.dir != "" {
		out = append(out, StartFile{"the environment", filepath.Join(c.dir, environmentFile)})
	}
	return out
}

// SecretFiles are the files that secrets are read from, by the path at which each is
// configured.
func (c *Config) SecretFiles() map[string]string {
	out := map[string]string{}
	for _, p := range c.secrets {
		if p.secret.place == "file" {
			out[p.path] = p.secret.name
		}
	}
	return out
}

// secret makes a Secret of what the file says.
func (b *builder) secret(path string, s secretSpec) Secret {
	out := Secret{lookup: b.opt.LookupEnv, lines: strings.HasSuffix(path, ".private_key")}
	switch {
	case s.File != "":
		out.place, out.name = "file", s.File
		if !filepath.IsAbs(s.File) {
			b.add(path+".file", "must be a full path", "beginning with /")
		}
	case s.Credential != "":
		out.place, out.name = "credential", s.Credential
		if b.opt.Dir != "" {
			out.home = filepath.Join(b.opt.Dir, secretsDir, s.Credential)
		}
		if !fs.ValidPath(s.Credential) || strings.ContainsAny(s.Credential, `/\`) || s.Credential == "." {
			b.add(path+".credential", "must be a name without slashes", "as in LoadCredential=NAME:/path")
		}
	case s.Env != "":
		out.place, out.name = "env", s.Env
	default:
		return Secret{}
	}
	b.cfg.secrets = append(b.cfg.secrets, placedSecret{path, out})
	return out
}
