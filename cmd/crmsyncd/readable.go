package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
)

// fileUser is a user as the kernel knows one when it asks who may read.
type fileUser struct {
	name string
	uid  uint32
	gids []uint32
}

// daemonUser is the user that the daemon runs as: the owner of the state's folder,
// or the one of the shipped units where there is no folder yet. ok is false where
// nobody else than root is known.
func daemonUser(state string) (u fileUser, ok bool) {
	var known *user.User
	if info, err := os.Stat(filepath.Dir(state)); err == nil {
		if owner, is := info.Sys().(*syscall.Stat_t); is {
			u = fileUser{name: "user " + strconv.Itoa(int(owner.Uid)), uid: owner.Uid, gids: []uint32{owner.Gid}}
			known, _ = user.LookupId(strconv.Itoa(int(owner.Uid)))
		}
	} else if known, _ = user.Lookup("crmsyncd"); known == nil {
		return u, false
	}
	if known != nil {
		u.name, u.uid = known.Username, idOf(known.Uid)
		groups, _ := known.GroupIds()
		for _, g := range append(groups, known.Gid) {
			u.gids = append(u.gids, idOf(g))
		}
	}
	return u, u.uid != 0
}

// idOf is the number of a user or group; the system tells no other kind.
func idOf(text string) uint32 {
	n, _ := strconv.ParseUint(text, 10, 32)
	return uint32(n)
}

// unreadable tells root which files of the configuration, and which files of secrets,
// the daemon's user cannot read: what root reads says nothing of that.
func unreadable(dir string, l *loaded) []fieldmap.Problem {
	u, ok := daemonUser(l.cfg.State)
	if os.Geteuid() != 0 || !ok {
		return nil
	}
	var out []fieldmap.Problem
	for _, f := range l.cfg.Files() {
		if parent := filepath.Dir(filepath.Join(dir, f)); !u.may(parent, 4) {
			out = append(out, fieldmap.Problem{File: f, Message: fmt.Sprintf("the daemon's user %s cannot list %s: chmod a+rx %s", u.name, parent, parent)})
			continue
		}
		if why := u.cannotRead(filepath.Join(dir, f)); why != "" {
			out = append(out, fieldmap.Problem{File: f, Message: why})
		}
	}
	secrets := l.cfg.SecretFiles()
	for _, at := range slices.Sorted(maps.Keys(secrets)) {
		if why := u.cannotRead(secrets[at]); why != "" {
			out = append(out, fieldmap.Problem{File: configs.MainFile, Line: l.cfg.Line(configs.MainFile, at), Path: at, Message: why})
		}
	}
	return out
}

// cannotRead says why the user cannot read a file, and how to mend it; "" where it
// can. A link is looked at as well as what it leads to; access lists are not.
func (u fileUser) cannotRead(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if why := u.cannotReach(path); why != "" {
		return why
	}
	if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
		return u.cannotReach(target)
	}
	return ""
}

func (u fileUser) cannotReach(path string) string {
	var above []string
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		above = append(above, dir)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, dir := range slices.Backward(above) {
		if !u.may(dir, 1) {
			return fmt.Sprintf("the daemon's user %s cannot enter %s: chmod a+x %s, or give it to its group", u.name, dir, dir)
		}
	}
	if !u.may(path, 4) {
		return fmt.Sprintf("the daemon's user %s cannot read %s: chown %s %s for a secret, else chmod a+r %s", u.name, path, u.name, path, path)
	}
	return ""
}

// may asks for one bit of a mode: 4 to read, 1 to enter. What is not there forbids
// nothing.
func (u fileUser) may(path string, bit fs.FileMode) bool {
	info, err := os.Stat(path)
	if err != nil {
		return !errors.Is(err, fs.ErrPermission)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch mode := info.Mode().Perm(); {
	case !ok:
		return true
	case owner.Uid == u.uid:
		return mode>>6&bit != 0
	case slices.Contains(u.gids, owner.Gid):
		return mode>>3&bit != 0
	default:
		return mode&bit != 0
	}
}
