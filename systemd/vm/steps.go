package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// steps is the whole play, in its order.
func steps() []step {
	return []step{
		{"boot", nil, boots},
		{"units", []string{"boot"}, units},
		{"install", []string{"boot"}, install},
		{"vendors", []string{"install"}, vendors},
		{"check", []string{"vendors"}, check},
		{"first sync", []string{"check"}, firstSync},
		{"rehearsal", []string{"install"}, rehearsal},
		{"reload", []string{"first sync"}, reload},
		{"full run", []string{"first sync"}, fullRun},
		{"crashes and hangs", []string{"first sync"}, crashes},
		{"wrong file", []string{"first sync"}, wrongFile},
		{"credentials", []string{"first sync"}, credentials},
		{"ordinary stop", []string{"first sync"}, ordinaryStop},
		{"clock", []string{"first sync"}, clock},
		{"full disk", []string{"first sync"}, fullDisk},
		{"little memory", []string{"first sync"}, littleMemory},
		{"root's commands", []string{"first sync"}, asRoot},
		{"members", []string{"first sync"}, members},
		{"organizations", []string{"first sync"}, organizations},
		{"upgrade", []string{"first sync"}, upgrade},
		{"reboot", []string{"first sync"}, reboots},
		{"power cut", []string{"first sync"}, powerCut},
		{"removal", []string{"first sync"}, removal},
	}
}

func boots(ctx context.Context, t *T) {
	t.NoError(t.Guest.Boot(ctx))
	began := time.Now()
	for range 5 {
		t.MustRun(ctx, "true")
	}
	t.Note("%s; a command takes %.2f s", t.Guest.accel, time.Since(began).Seconds()/5)
}

// units waits until systemd has started everything.
func units(ctx context.Context, t *T) {
	r := t.Guest.RunFor(ctx, 3*time.Minute, "systemctl is-system-running --wait")
	state := strings.TrimSpace(r.Out)
	t.Must(state == "running" || state == "degraded", "systemd is %s", r)
	for unit := range strings.Lines(t.MustRun(ctx, "systemctl list-units --failed --plain --no-legend")) {
		t.Want(false, "failed: %s", strings.TrimSpace(unit))
	}
	t.Note("%s", strings.TrimSpace(t.MustRun(ctx, "systemd-analyze time | head -n 1")))
}

// install puts the program into the guest: by its packages or, without them, as
// the README says under Install.
func install(ctx context.Context, t *T) {
	if t.stage.deb != "" {
		installPackages(ctx, t)
	} else {
		installByHand(ctx, t)
	}
	t.MustRun(ctx, "sync")
	t.Note("%s", strings.TrimSpace(t.MustRun(ctx, "crmsyncd version")))
}

func installPackages(ctx context.Context, t *T) {
	for _, deb := range []string{t.stage.deb, t.stage.sim} {
		if deb == "" {
			continue
		}
		f, err := like(deb, "/root/"+filepath.Base(deb), 0o644)
		t.NoError(err)
		t.NoError(t.Guest.Copy(ctx, f))
		t.MustRunFor(ctx, 3*time.Minute, "DEBIAN_FRONTEND=noninteractive apt-get install --yes "+quote(f.path))
		t.Note("%s", filepath.Base(deb))
	}
}

func installByHand(ctx context.Context, t *T) {
	files, err := below("configs", "/etc/crmsyncd", "crmsyncd.yaml", "hub.yaml", "routes", "schema")
	t.NoError(err)
	for _, from := range []struct {
		local, path string
		mode        fs.FileMode
	}{
		{filepath.Join(t.stage.dir, "crmsyncd"), "/usr/bin/crmsyncd", 0o755},
		{filepath.Join(t.stage.dir, "crmsim"), "/usr/bin/crmsim", 0o755},
		{"systemd/crmsyncd.service", "/etc/systemd/system/crmsyncd.service", 0o644},
		{"systemd/crmsyncd@.service", "/etc/systemd/system/crmsyncd@.service", 0o644},
		{"systemd/crmsyncd.sysusers", "/etc/sysusers.d/crmsyncd.conf", 0o644},
		{"systemd/crmsyncd.tmpfiles", "/etc/tmpfiles.d/crmsyncd.conf", 0o644},
	} {
		f, err := like(from.local, from.path, from.mode)
		t.NoError(err)
		files = append(files, f)
	}
	t.MustRun(ctx, "install -d -m 755 /etc/crmsyncd; install -d -m 700 /etc/crmsyncd/secrets; touch /etc/crmsyncd/environment")
	t.NoError(t.Guest.Copy(ctx, files...))
	t.MustRun(ctx, "systemctl daemon-reload; systemd-sysusers; systemd-tmpfiles --create crmsyncd.conf")
}

// portUnits hand a port of the guest to the same port of what is beside it.
func portUnits() []file {
	const folder = "/etc/systemd/system/"
	return []file{
		{folder + "vendor@.socket", 0o644, "[Socket]\nListenStream=127.0.0.1:%i\n\n[Install]\nWantedBy=sockets.target\n"},
		{folder + "vendor@.service", 0o644, "[Unit]\nRequires=%p@%i.socket\nAfter=%p@%i.socket\n\n[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd " + outside + ":%i\n"},
	}
}

// vendors lets the guest reach the simulated systems from its boot on, and gives
// it their addresses and secrets.
func vendors(ctx context.Context, t *T) {
	files := append(portUnits(), file{"/etc/crmsyncd/environment", 0o644, t.Vendors.Environment()})
	var sockets, pages string
	for _, s := range systems() {
		secret, err := like(t.Vendors.secret(s), "/etc/crmsyncd/secrets/"+s, 0o600)
		t.NoError(err)
		files = append(files, secret)
		_, port, _ := strings.Cut(t.Vendors.Address(s), ":")
		sockets += " vendor@" + port + ".socket"
		pages += " " + t.Vendors.URL(s) + "/_sim/audit"
	}
	t.NoError(t.Guest.Copy(ctx, files...))
	t.MustRun(ctx, "systemctl enable --now"+sockets)
	t.MustRun(ctx, "sync; curl -fsS"+pages) // synced, or a power cut soon after leaves empty files
}

func check(ctx context.Context, t *T) {
	t.MustRun(ctx, "crmsyncd check")
	t.MustRun(ctx, "crmsyncd check --live --fix")
}

func firstSync(ctx context.Context, t *T) {
	began := time.Now()
	t.MustRunFor(ctx, 3*time.Minute, "systemctl enable --now crmsyncd")
	ready := time.Since(began)
	synced := t.Eventually(ctx, 3*time.Minute, func() error { return inStep(ctx, t) })
	audited(ctx, t)
	writes, err := t.Vendors.Call(ctx, "GET", "salesforce", "/_sim/audit", "")
	t.NoError(err)
	t.Want(strings.Contains(writes, "Account"), "nothing was written to Salesforce: %.200s", writes)
	t.Note("ready after %.1f s, in step %.1f s later", ready.Seconds(), synced.Seconds())
	t.Note("%s", memory(ctx, t))
}

func memory(ctx context.Context, t *T) string {
	return strings.Join(strings.Fields(t.MustRun(ctx, "systemctl show crmsyncd -p MemoryCurrent -p CPUUsageNSec -p NRestarts")), " ")
}

// condition is what the steps read of crmsyncd status -o json.
type condition struct {
	Daemon   bool
	PID      int
	Health   string
	Problems []string
	Systems  []struct {
		Name    string
		Running *struct{}
		Last    []struct {
			Status, Error string
			Ended         time.Time
		}
		Standing struct{ Due int }
	}
}

func conditionOf(ctx context.Context, t *T) (condition, error) {
	var c condition
	r := t.Guest.Run(ctx, "crmsyncd status -o json")
	if r.Lost != nil || r.Code > 1 {
		return c, errors.New(r.String())
	}
	if err := json.Unmarshal([]byte(r.Out), &c); err != nil {
		return c, fmt.Errorf("%w: %s", err, r)
	}
	return c, nil
}

// inStep says what is missing until the daemon is green, every system had its
// runs, and nothing is due.
func inStep(ctx context.Context, t *T) error {
	c, err := conditionOf(ctx, t)
	if err != nil {
		return err
	}
	if !c.Daemon || c.Health != "green" || len(c.Systems) != len(systems()) {
		return fmt.Errorf("daemon %v, %s, %d systems, %q", c.Daemon, c.Health, len(c.Systems), c.Problems)
	}
	for _, s := range c.Systems {
		if s.Running != nil || s.Standing.Due > 0 || len(s.Last) == 0 {
			return fmt.Errorf("%s: running %v, %d records due, %d runs", s.Name, s.Running != nil, s.Standing.Due, len(s.Last))
		}
		for _, run := range s.Last {
			if !strings.HasPrefix(run.Status, "done") {
				return fmt.Errorf("%s: the last run ended %s %s", s.Name, run.Status, run.Error)
			}
		}
	}
	return nil
}

// audited compares the hub with what the systems hold.
func audited(ctx context.Context, t *T) {
	out := strings.TrimSpace(t.MustRunFor(ctx, 3*time.Minute, "crmsyncd audit"))
	t.Note("audit: %s", out[strings.LastIndex(out, "\n")+1:])
}

// rehearsal is what the README shows under First run, by somebody who is not
// root: vendors and one pass in the guest itself.
func rehearsal(ctx context.Context, t *T) {
	t.MustRun(ctx, "useradd --create-home --shell /bin/bash visitor; cp -r /etc/crmsyncd/*.yaml /etc/crmsyncd/routes /home/visitor/; chown -R visitor: /home/visitor")
	t.MustRun(ctx, "systemd-run --quiet --unit=rehearsal --uid=visitor --working-directory=/home/visitor crmsim serve --accounts 10 --write-config /home/visitor/rehearsal")
	t.Eventually(ctx, time.Minute, func() error {
		if r := t.Guest.Run(ctx, "curl -fsS -o /dev/null http://127.0.0.1:8091/_sim/"); !r.OK() {
			return errors.New(r.String())
		}
		return nil
	})
	const at = "--config . --state rehearsal/state/state.db --socket rehearsal/sock"
	r := t.Guest.RunFor(ctx, 3*time.Minute, "su - visitor -c '. rehearsal/env && crmsyncd check --live --fix "+at+" >/dev/null && crmsyncd run --once "+at+"'")
	t.Want(r.Lost == nil && (r.Code == 0 || r.Code == 3), "%s", r)
	t.MustRun(ctx, "systemctl stop rehearsal")
	t.Want(t.Guest.Run(ctx, "find /home/visitor/rehearsal -perm /077 | grep .").Code == 1, "others can read a part of the rehearsal")
}

func reboots(ctx context.Context, t *T) {
	t.NoError(t.Guest.Reboot(ctx))
	comesBack(ctx, t)
}

// powerCut takes the power away in the middle of full runs that have something
// to carry.
func powerCut(ctx context.Context, t *T) {
	const words = "told before the power went"
	t.NoError(edit(ctx, t, words))
	t.MustRun(ctx, "systemctl kill -s USR1 crmsyncd")
	t.Eventually(ctx, time.Minute, func() error {
		text, err := t.Vendors.Call(ctx, "GET", "salesforce", "/_sim/audit", "")
		if err == nil && !strings.Contains(text, words) {
			err = errors.New("no change has reached Salesforce")
		}
		return err
	})
	t.Guest.PowerCut()
	t.NoError(t.Guest.Boot(ctx))
	comesBack(ctx, t)
	t.MustRunFor(ctx, 3*time.Minute, "crmsyncd state verify")
}

// comesBack waits for the service after a boot and looks whether all is well.
func comesBack(ctx context.Context, t *T) {
	up := t.Eventually(ctx, 3*time.Minute, func() error {
		if r := t.Guest.Run(ctx, "systemctl is-active crmsyncd"); !r.OK() {
			return errors.New(r.String())
		}
		return nil
	})
	settled := t.Eventually(ctx, 3*time.Minute, func() error { return inStep(ctx, t) })
	audited(ctx, t)
	t.Note("active %.1f s after ssh, in step %.1f s later; %s", up.Seconds(), settled.Seconds(), memory(ctx, t))
}
