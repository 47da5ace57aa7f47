package configs_test

import (
	"os"
	"path/filepath"
	"testing"

	"crmsyncd/configs"
)

// C17.4: the folder of a configuration says where its service has state and socket,
// as the units name them, also where somebody stands in it; the file goes before that.
func TestPlacesFollowFromTheFolder(t *testing.T) {
	for dir, want := range map[string]string{
		"/etc/crmsyncd": "crmsyncd", "/etc/crmsyncd/": "crmsyncd", "/etc/crmsyncd-acme": "crmsyncd-acme", "/etc/crmsyncd-acme/": "crmsyncd-acme",
		"/etc/crmsyncd-": "crmsyncd", "/home/me/rehearsal": "crmsyncd", "": "crmsyncd",
	} {
		if got := configs.StatePath(dir); got != "/var/lib/"+want+"/state.db" {
			t.Errorf("state of %q: %s", dir, got)
		}
		if got := configs.SocketPath(dir); got != "/run/"+want+"/control.sock" {
			t.Errorf("socket of %q: %s", dir, got)
		}
	}
	dir := filepath.Join(t.TempDir(), "crmsyncd-acme")
	if err := os.CopyFS(dir, shipped(t)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, name := range []string{dir, "."} {
		cfg, problems := configs.Load(name, options())
		if cfg == nil {
			t.Fatal(problems)
		}
		if cfg.State != "/var/lib/crmsyncd-acme/state.db" || cfg.Admin.Socket != "/run/crmsyncd-acme/control.sock" {
			t.Errorf("from %s: state %s, socket %s", name, cfg.State, cfg.Admin.Socket)
		}
	}
}
