package state_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crmsyncd/state"
)

// The user that the service stands for in these tests: nobody.
const serviceUser, serviceGroup = 65534, 65533

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes files of others")
	}
}

// serviceFolder is a folder of the service, as systemd makes it.
func serviceFolder(t *testing.T) string {
	t.Helper()
	above, err := os.MkdirTemp("", "owner") //nolint:usetesting // the folders above t.TempDir are closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(above) })
	dir := filepath.Join(above, "lib")
	if err := errors.Join(os.Chmod(above, 0o755), os.Mkdir(dir, 0o700), os.Chown(dir, serviceUser, serviceGroup)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func owned(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != serviceUser || st.Gid != serviceGroup {
			t.Errorf("%s belongs to %+v", name, info.Sys())
		}
	}
}

// C12.5, C17.2, C17.3: whatever root makes in the service's folder belongs to the
// service: state, generation file, copies, tokens, folders.
func TestC17_3_FilesKeepTheFoldersOwner(t *testing.T) {
	asRoot(t)
	dir := serviceFolder(t)
	path := filepath.Join(dir, "deep", "er", "state.db")
	s := open(t, path)
	update(t, s, func(tx *state.Tx) error { return tx.SetMeta("a", []byte("b")) })
	copied, image, token := filepath.Join(dir, "copy.db"), filepath.Join(dir, "image.db"), filepath.Join(dir, "token")
	if err := errors.Join(s.Snapshot(copied), s.Image(image), state.WriteFile(token, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	owned(t, path, path+".gen", filepath.Dir(path), filepath.Dir(filepath.Dir(path)), copied, image, token)
}

// asService runs this test again as the service's user, to open path.
func asService(t *testing.T, path string) string {
	t.Helper()
	self, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = self.Close() }()
	name := filepath.Join(filepath.Dir(filepath.Dir(path)), "test")
	out, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, self)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "-test.run", "^TestC17_2_NotReadableIsNoDoubt$")
	cmd.Env = append(os.Environ(), "OPEN_STATE="+path)
	cmd.Dir = filepath.Dir(name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: serviceUser, Gid: serviceGroup}}
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(text)
}

// openedAs is the other half: it says what became of an opening.
func openedAs(path string) string {
	s, err := state.Open(path, state.Options{})
	if err != nil {
		return "error: " + err.Error()
	}
	defer func() { _ = s.Close() }()
	return fmt.Sprintf("opened, doubt: %q", s.Suspect())
}

// C17.2: a generation file or a state that may not be read is an error that names
// the mend. It is no doubt, and after the mend none is left behind.
func TestC17_2_NotReadableIsNoDoubt(t *testing.T) {
	if path := os.Getenv("OPEN_STATE"); path != "" {
		fmt.Println(openedAs(path))
		return
	}
	asRoot(t)
	path := filepath.Join(serviceFolder(t), "state.db")
	shut(t, open(t, path))
	for _, name := range []string{path + ".gen", path} {
		if err := os.Chown(name, 0, 0); err != nil {
			t.Fatal(err)
		}
		out := asService(t, path)
		if want := "chown --reference=" + filepath.Dir(path) + " " + name; !strings.Contains(out, "error: ") || !strings.Contains(out, want) {
			t.Errorf("%s belongs to root: %s\nwant %s", name, out, want)
		}
		if err := os.Chown(name, serviceUser, serviceGroup); err != nil {
			t.Fatal(err)
		}
		if out := asService(t, path); !strings.Contains(out, `opened, doubt: ""`) {
			t.Errorf("after the chown of %s: %s", name, out)
		}
	}
	// A stranger is told who may, not to chown.
	if err := os.Chown(filepath.Dir(path), 1234, 1234); err != nil {
		t.Fatal(err)
	}
	if out := asService(t, path); !strings.Contains(out, "only root and the owner of") {
		t.Errorf("a stranger: %s", out)
	}
}

// C13.5: a reader leaves every byte and every name beside the state as it is, and
// numbers new names for itself.
func TestC13_5_ReadersWriteNothing(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	nums(t, s, "account.name")
	shut(t, s)
	before := everything(t, filepath.Dir(path))
	r, err := state.Open(path, state.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	got := nums(t, r, "account.name", "account.new", "account.newer")
	if got[0] != 1 || got[1] == got[2] || r.Name(got[2]) != "account.newer" {
		t.Errorf("numbers %v", got)
	}
	sound(t, r)
	shut(t, r)
	if after := everything(t, filepath.Dir(path)); after != before {
		t.Errorf("a reader changed something:\n%s\n%s", before, after)
	}
}

// everything is each file of a folder with its time and content.
func everything(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		text, rerr := os.ReadFile(filepath.Join(dir, e.Name()))
		if err := errors.Join(err, rerr); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s %d %x\n", e.Name(), info.ModTime(), len(text), checksum(text))
	}
	return b.String()
}

func checksum(b []byte) (sum uint64) {
	for _, c := range b {
		sum = sum*31 + uint64(c)
	}
	return sum
}
