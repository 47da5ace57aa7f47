package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// C17.11: the check that root runs speaks for the daemon's user, who is the owner of
// the state's folder: a file of the configuration or of a secret that it cannot read is
// a mistake, with who must be able to read what. What it can read is none.
func TestC17_11_RootChecksForTheDaemon(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root reads what others cannot")
	}
	b := newBed(t)
	b.unaudited = "nothing is synchronized"
	const user, group = 65534, 65533
	top, lib := filepath.Dir(b.config), filepath.Dir(b.state)
	key := filepath.Join(top, "key")
	for _, err := range []error{
		os.Chmod(top, 0o755), os.MkdirAll(lib, 0o700), os.Chown(lib, user, group), os.WriteFile(key, []byte("x"), 0o600), os.Chown(key, user, group),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.edit("crmsyncd.yaml", "secret: {credential: salesforce}", "secret: {file: "+key+"}")
	b.want(0, "check")
	route := filepath.Join(b.config, "routes", "salesforce.yaml")
	for name, tc := range map[string]struct {
		path string
		mode os.FileMode
		want string
	}{
		"a route":                {route, 0o600, "routes/salesforce.yaml: the daemon's user nobody cannot read " + route},
		"the folder of routes":   {filepath.Dir(route), 0o700, "cannot list " + filepath.Dir(route)},
		"the configuration":      {b.config, 0o711, "crmsyncd.yaml: the daemon's user nobody cannot list " + b.config},
		"the folder of a secret": {top, 0o700, "cannot enter " + top},
	} {
		t.Run(name, func(t *testing.T) {
			info, err := os.Stat(tc.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(tc.path, tc.mode); err != nil {
				t.Fatal(err)
			}
			if out := b.want(78, "check"); !strings.Contains(out, tc.want) {
				t.Errorf("want %q in\n%s", tc.want, out)
			}
			if err := os.Chmod(tc.path, info.Mode()); err != nil {
				t.Fatal(err)
			}
		})
	}
	// A link is no way around: what it leads to must be open as well.
	shut := filepath.Join(t.TempDir(), "shut")
	for _, err := range []error{os.Mkdir(shut, 0o700), os.Rename(route, filepath.Join(shut, "r.yaml")), os.Symlink(filepath.Join(shut, "r.yaml"), route)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if out := b.want(78, "check"); !strings.Contains(out, "routes/salesforce.yaml: the daemon's user nobody cannot enter ") {
		t.Errorf("a route behind a link:\n%s", out)
	}
	for _, err := range []error{os.Remove(route), os.Rename(filepath.Join(shut, "r.yaml"), route)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(key, 0, 0); err != nil {
		t.Fatal(err)
	}
	if out := b.want(78, "check"); !strings.Contains(out, "crmsyncd.yaml:") || !strings.Contains(out, "cannot read "+key+": chown nobody "+key) {
		t.Errorf("a secret of root:\n%s", out)
	}
	b.edit("crmsyncd.yaml", "secret: {file: "+key+"}", "secret: {credential: salesforce}")
	b.want(0, "check")
	var st syscall.Stat_t
	if err := syscall.Stat(key, &st); err != nil || st.Uid != 0 {
		t.Errorf("the check changed an owner: %v %v", st.Uid, err)
	}
}
