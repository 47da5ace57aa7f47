package configs

import (
	"path/filepath"
	"strings"
)

// service is the name of the service that a folder is the configuration of:
// crmsyncd-acme is that of crmsyncd@acme.service, any other that of
// crmsyncd.service. The units name their folders alike.
func service(dir string) string {
	const plain = "crmsyncd"
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	name := filepath.Base(dir)
	if org, ok := strings.CutPrefix(name, plain+"-"); ok && org != "" {
		return name
	}
	return plain
}

// StatePath is where a configuration that does not say so has its state.
func StatePath(dir string) string { return filepath.Join("/var/lib", service(dir), "state.db") }

// SocketPath is where a configuration that does not say so has its control socket.
func SocketPath(dir string) string { return filepath.Join("/run", service(dir), "control.sock") }
