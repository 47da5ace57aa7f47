package configs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
)

// service is the name of the service that a folder is the configuration of:
// crmsyncd-acme is that of crmsyncd@acme.service, any other that of
// crmsyncd.service. The units name their folders alike.
func service(dir string) string {
	const plain = "crmsyncd"
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if !strings.HasPrefix(filepath.Base(dir), plain) {
		if target, err := filepath.EvalSymlinks(dir); err == nil {
			dir = target
		}
	}
	name := filepath.Base(dir)
	if org, ok := strings.CutPrefix(name, plain+"-"); ok && org != "" {
		return name
	}
	return plain
}

// StatePath is where a configuration that does not say so has its state.
func StatePath(dir string) string { return filepath.Join("/var/lib", service(dir), "state.db") }

// Socket is the control socket that a folder's crmsyncd.yaml names, however wrong the
// rest of it is, so that nobody who made a mistake talks to another daemon. ok is false
// where the file is there and cannot be read as YAML.
func Socket(dir string) (socket string, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, MainFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return SocketPath(dir), true
	case err != nil:
		return "", false
	}
	var file struct {
		Admin struct {
			Socket string `yaml:"socket"`
		} `yaml:"admin"`
	}
	if err := yamlnode.Unmarshal(text, &file); err != nil {
		return "", false
	}
	return cmp.Or(file.Admin.Socket, SocketPath(dir)), true
}

// SocketPath is where a configuration that does not say so has its control socket.
func SocketPath(dir string) string { return filepath.Join("/run", service(dir), "control.sock") }
