package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// What the service must live through. Each step leaves it as it found it: active,
// green and in step.

// restarts is within what time the unit has a daemon again that went down, with
// RestartSec and a slow guest.
const restarts = 25 * time.Second

// show returns one property of the unit.
func show(ctx context.Context, t *T, property string) string {
	return strings.TrimSpace(t.MustRun(ctx, "systemctl show -P "+property+" crmsyncd"))
}

// active waits until the unit is active with another process than before.
func active(ctx context.Context, t *T, before string) time.Duration {
	return t.Eventually(ctx, restarts+time.Minute, func() error {
		r := t.Guest.Run(ctx, "systemctl show -P MainPID -P ActiveState -P SubState crmsyncd | tr '\\n' ' '")
		if f := strings.Fields(r.Out); len(f) != 3 || f[1] != "active" || f[2] != "running" || f[0] == before {
			return fmt.Errorf("the unit is %s", r)
		}
		return nil
	})
}

// said is what the unit's journal holds since a step began, of a priority and worse.
func said(ctx context.Context, t *T, since, priority string) string {
	return t.MustRun(ctx, "journalctl -q -o cat -u crmsyncd -p "+priority+" --since @"+since)
}

// now is the guest's time in seconds.
func now(ctx context.Context, t *T) string { return strings.TrimSpace(t.MustRun(ctx, "date +%s")) }

// settle waits until all is in step again.
func settle(ctx context.Context, t *T) {
	t.Eventually(ctx, 3*time.Minute, func() error { return inStep(ctx, t) })
}

// reload: C17.9.
func reload(ctx context.Context, t *T) {
	const file = "/etc/crmsyncd/routes/salesforce.yaml"
	pid := show(ctx, t, "MainPID")
	t.MustRun(ctx, "cp "+file+" /root/route; sed -i 's/^# .*/# edited/' "+file+"; systemctl reload crmsyncd")
	t.MustRun(ctx, "sed -i 's/hub: description}/hub: descriptin}/' "+file)
	since := now(ctx, t)
	r := t.Guest.Run(ctx, "systemctl reload crmsyncd")
	t.Want(r.Code == 1, "the reload of a bad file: %s", r)
	if text := said(ctx, t, since, "err"); !strings.Contains(text, "salesforce.yaml:") || !strings.Contains(text, "did you mean description") {
		t.Want(false, "the journal does not tell the line: %s", text)
	}
	status := t.Guest.Run(ctx, "crmsyncd status")
	t.Want(strings.Contains(status.Out, "the last reload was refused"), "%s", status)
	t.MustRun(ctx, "cp /root/route "+file+"; systemctl reload crmsyncd")
	t.Want(show(ctx, t, "MainPID") == pid, "it is another process")
	settle(ctx, t)
}

// fullRun: B7, a full run by signal and by command.
func fullRun(ctx context.Context, t *T) {
	t.MustRun(ctx, "systemctl kill -s USR1 crmsyncd")
	t.Eventually(ctx, 2*time.Minute, func() error {
		r := t.Guest.Run(ctx, `crmsyncd runs -o json | jq -r '.[] | select(.full and .trigger == "signal") | .status' | grep -c done`)
		if strings.TrimSpace(r.Out) < "4" {
			return fmt.Errorf("full runs that ended: %s", r)
		}
		return nil
	})
	settle(ctx, t)
}

// crashes: C17.1, C13.2, F24: whatever ends or hangs the process, it is there again.
func crashes(ctx context.Context, t *T) {
	for _, signal := range []string{"KILL", "ABRT"} { // gone at once, and as after a panic
		pid := show(ctx, t, "MainPID")
		t.MustRun(ctx, "systemctl kill -s "+signal+" --kill-whom=main crmsyncd")
		took := active(ctx, t, pid)
		t.Want(took < restarts, "after %s it was down for %v", signal, took)
	}
	// A log that nobody takes costs its lines and not the daemon.
	const logs = "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket systemd-journald"
	quiet := show(ctx, t, "MainPID")
	t.MustRun(ctx, "systemctl stop "+logs+"; systemctl kill -s USR1 --kill-whom=main crmsyncd; sleep 5; systemctl start "+logs)
	t.Want(show(ctx, t, "MainPID") == quiet && show(ctx, t, "ActiveState") == "active", "without a journal: %s", t.Guest.Run(ctx, "systemctl status crmsyncd"))
	t.MustRun(ctx, "systemctl restart crmsyncd") // its log goes to the new journal
	// A hang is noticed by the watchdog. A minute of the unit is six seconds here.
	const fast = "/run/systemd/system/crmsyncd.service.d/fast.conf"
	t.MustRun(ctx, "mkdir -p $(dirname "+fast+"); printf '[Service]\\nWatchdogSec=6\\n' >"+fast+"; systemctl daemon-reload; systemctl restart crmsyncd")
	pid := show(ctx, t, "MainPID")
	t.MustRun(ctx, "kill -STOP "+pid)
	took := active(ctx, t, pid)
	t.Want(took < restarts+10*time.Second, "after a hang it was down for %v", took)
	t.Note("after a hang of 6 s it is there again %.1f s later", took.Seconds()-6)
	t.MustRun(ctx, "rm "+fast+"; systemctl daemon-reload; systemctl reset-failed crmsyncd || true; systemctl restart crmsyncd")
	settle(ctx, t)
}

// wrongFile: C17.1: what trying again cannot mend is not tried again.
func wrongFile(ctx context.Context, t *T) {
	const file = "/etc/crmsyncd/crmsyncd.yaml"
	t.MustRun(ctx, "cp "+file+" /root/main; echo 'no_such_key: 1' >>"+file)
	since := now(ctx, t)
	r := t.Guest.Run(ctx, "systemctl restart crmsyncd")
	t.Want(!r.OK(), "it starts with a wrong file")
	t.MustRun(ctx, "sleep 13") // longer than RestartSec
	t.Want(show(ctx, t, "ActiveState") == "failed" && show(ctx, t, "ExecMainStatus") == "78", "%s", t.Guest.Run(ctx, "systemctl status crmsyncd"))
	if text := said(ctx, t, since, "err"); !strings.Contains(text, "crmsyncd.yaml:") || !strings.Contains(text, "no_such_key") {
		t.Want(false, "the journal does not tell the line: %s", text)
	}
	t.MustRun(ctx, "cp /root/main "+file+"; chmod 600 "+file)
	out := t.Guest.Run(ctx, "crmsyncd check")
	t.Want(out.Code == 78 && strings.Contains(out.Out, "the daemon's user crmsyncd cannot read "+file), "a file that only root may read: %s", out)
	t.MustRun(ctx, "chmod 644 "+file+"; crmsyncd check; systemctl start crmsyncd")
	settle(ctx, t)
}

// credentials: C17.4, C17.7: one that is missing, empty or a folder keeps no other
// system from working, and one that was changed is told.
func credentials(ctx context.Context, t *T) {
	const key = "/etc/crmsyncd/secrets/hubspot"
	t.MustRun(ctx, "cp -a "+key+" /root/key")
	for what, script := range map[string]string{
		"there is no " + key:                     "rm -rf " + key,
		key + " is empty":                        "rm -rf " + key + "; : >" + key,
		key + " is a folder, and must be a file": "rm -rf " + key + "; mkdir " + key,
	} {
		t.MustRun(ctx, script+"; systemctl restart crmsyncd")
		t.Eventually(ctx, time.Minute, func() error {
			c, err := conditionOf(ctx, t)
			if all := strings.Join(c.Problems, "\n"); err == nil && (c.Health != "red" || !strings.Contains(all, "credential hubspot is not set: "+what)) {
				err = fmt.Errorf("%s %q, want %q", c.Health, c.Problems, what)
			}
			return err
		})
		t.MustRun(ctx, "rm -rf "+key)
	}
	t.MustRun(ctx, "cp -a /root/key "+key+"; systemctl restart crmsyncd")
	settle(ctx, t)
	t.MustRun(ctx, "install -m 600 /root/key "+key)
	const told = "credential hubspot (" + key + ") was written"
	for _, command := range []string{"crmsyncd status", "crmsyncd reload"} {
		out := t.MustRun(ctx, command)
		t.Want(strings.Contains(out, told), "%s after a rotation:\n%s", command, out)
	}
	t.MustRun(ctx, "systemctl restart crmsyncd")
	settle(ctx, t)
	mode := strings.TrimSpace(t.MustRun(ctx, "stat -c '%U:%G %a' /etc/crmsyncd/secrets "+key))
	t.Want(mode == "root:crmsyncd 750\nroot:root 600", "the secrets are %s", mode)
	r := t.Guest.Run(ctx, "setpriv --reuid=crmsyncd --regid=crmsyncd --clear-groups cat "+key)
	t.Want(r.Code != 0, "the daemon's user reads the secret of root")
}

// ordinaryStop: C17.8: a stop within a push finishes the batch and says no error.
func ordinaryStop(ctx context.Context, t *T) {
	t.NoError(edit(ctx, t, "told before the stop"))
	since := now(ctx, t)
	t.MustRun(ctx, "systemctl kill -s USR1 crmsyncd; sleep 1; systemctl stop crmsyncd")
	t.Want(show(ctx, t, "Result") == "success", "the stop ended as %s", show(ctx, t, "Result"))
	if text := said(ctx, t, since, "warning"); text != "" {
		t.Want(false, "an ordinary stop says %s", text)
	}
	t.MustRun(ctx, "for i in 1 2 3 4 5 6; do systemctl restart crmsyncd; done") // C17.10
	settle(ctx, t)
	audited(ctx, t)
}

// edit changes the description of some customers at the source.
func edit(ctx context.Context, t *T, words string) error {
	for id := 1000; id < 1020; id++ {
		if _, err := t.Vendors.Call(ctx, "PATCH", "qbench", fmt.Sprintf("/_sim/customers/%d", id), fmt.Sprintf(`{"description": "%s, %d"}`, words, id)); err != nil {
			return err
		}
	}
	return nil
}

// lastRun is the number of the latest run.
func lastRun(ctx context.Context, t *T) (int, error) {
	r := t.Guest.Run(ctx, "crmsyncd runs -o json")
	var runs []struct{ ID int }
	if err := errors.Join(r.Lost, json.Unmarshal([]byte(r.Out), &runs)); err != nil {
		return 0, fmt.Errorf("%w: %s", err, r)
	}
	if len(runs) == 0 {
		return 0, errors.New("there are no runs")
	}
	return runs[0].ID, nil
}

// clock: C17.6: back by a day, forward by a day, and the hour that a change of
// clocks leaves out.
func clock(ctx context.Context, t *T) {
	const file = "/etc/crmsyncd/crmsyncd.yaml"
	t.MustRun(ctx, "cp "+file+" /root/main; sed -i 's|^  qbench: .*routine: .*|  qbench: {routine: \"* * * * *\", full: off}|' "+file+"; systemctl reload crmsyncd")
	before, err := lastRun(ctx, t)
	t.NoError(err)
	later := func(what string, limit time.Duration) {
		took := t.Eventually(ctx, limit, func() error {
			n, err := lastRun(ctx, t)
			if err == nil && n <= before {
				err = fmt.Errorf("%s: no run since %d", what, before)
			}
			return err
		})
		t.Note("%s: the next run %.0f s later", what, took.Seconds())
		before, err = lastRun(ctx, t)
		t.NoError(err)
	}
	t.MustRun(ctx, "date -s '-1 day' >/dev/null")
	later("the clock went back by a day", 2*time.Minute+30*time.Second)
	out := t.MustRun(ctx, "crmsyncd status")
	t.Want(strings.Contains(out, "the clock was set back by"), "status does not tell it:\n%s", out)
	t.MustRun(ctx, "date -s '+1 day' >/dev/null")
	later("the clock went forward by a day", 2*time.Minute+30*time.Second)
	// In New York no clock shows 02:00 on 14 March 2027: what is due then runs at 03:00.
	t.MustRun(ctx, "sed -i 's|^timezone: .*|timezone: America/New_York|; s|^  qbench: .*routine: .*|  qbench: {routine: \"0 2 * * *\", full: off}|' "+file+
		"; date -s '2027-03-14T06:59:40Z' >/dev/null; systemctl restart crmsyncd; sleep 4")
	before, err = lastRun(ctx, t)
	t.NoError(err)
	later("the hour that there is not", 2*time.Minute)
	t.MustRun(ctx, fmt.Sprintf("date -s @%d >/dev/null; cp /root/main %s; systemctl restart crmsyncd", time.Now().Unix(), file))
	settle(ctx, t)
}

// fullDisk: C17.10, C13.5: on a disk without room the status is red and the commands
// answer; a start waits for room.
func fullDisk(ctx context.Context, t *T) {
	t.MustRun(ctx, `systemctl stop crmsyncd
truncate -s 96M /root/disk; mke2fs -q -t ext4 /root/disk
mkdir -p /mnt/small; mount -o loop /root/disk /mnt/small; cp -a /var/lib/crmsyncd/. /mnt/small/; rmdir /mnt/small/lost+found
chown crmsyncd: /mnt/small; chmod 700 /mnt/small; umount /mnt/small; mount -o loop /root/disk /var/lib/crmsyncd
systemctl start crmsyncd`)
	settle(ctx, t)
	t.MustRun(ctx, "dd if=/dev/zero of=/var/lib/crmsyncd/filler bs=1M 2>/dev/null || true; dd if=/dev/zero of=/var/lib/crmsyncd/filler2 bs=1k 2>/dev/null || true; systemctl kill -s USR1 crmsyncd; sleep 3")
	r := t.Guest.Run(ctx, "crmsyncd status")
	t.Want(r.Code == 1 && strings.Contains(r.Out, "the disk of the state has only"), "%s", r)
	since := now(ctx, t)
	t.MustRun(ctx, "systemctl --no-block restart crmsyncd; sleep 25")
	state := strings.TrimSpace(t.Guest.Run(ctx, "systemctl is-active crmsyncd").Out)
	t.Want(state == "activating" || state == "active", "on a full disk it is %s: %s", state, said(ctx, t, since, "info"))
	t.Note("restarted on a full disk it is %s", state)
	t.MustRun(ctx, "rm /var/lib/crmsyncd/filler /var/lib/crmsyncd/filler2")
	settle(ctx, t)
	t.MustRun(ctx, `systemctl stop crmsyncd; mkdir -p /mnt/small; mount --bind / /mnt/small
cp -a /var/lib/crmsyncd/. /mnt/small/var/lib/crmsyncd/; umount /mnt/small; umount /var/lib/crmsyncd; rm /root/disk; systemctl start crmsyncd`)
	settle(ctx, t)
}

// littleMemory: the unit's limit is far from what the daemon takes.
func littleMemory(ctx context.Context, t *T) {
	const little = "/run/systemd/system/crmsyncd.service.d/little.conf"
	t.MustRun(ctx, "mkdir -p $(dirname "+little+"); printf '[Service]\\nMemoryHigh=48M\\nMemoryMax=64M\\n' >"+little+"; systemctl daemon-reload; systemctl restart crmsyncd; systemctl kill -s USR1 crmsyncd; sleep 3")
	settle(ctx, t)
	t.Want(show(ctx, t, "NRestarts") == "0", "it was restarted: %s", said(ctx, t, "0", "err"))
	t.Note("with 64 MB: %s", memory(ctx, t))
	t.MustRun(ctx, "rm "+little+"; systemctl daemon-reload; systemctl restart crmsyncd")
	settle(ctx, t)
}

// asRoot: C17.2, C17.3, C12.5: what root says before, beside and after the daemon
// takes nothing from it.
func asRoot(ctx context.Context, t *T) {
	commands := []string{"status", "held", "runs", "plan", "audit", "export account >/dev/null", "state verify", "state backup /root/copy-$i.db"}
	all := func(i int) {
		for _, c := range commands {
			r := t.Guest.RunFor(ctx, 2*time.Minute, fmt.Sprintf("i=%d; crmsyncd %s", i, c))
			t.Want(r.OK(), "%s", r)
		}
	}
	all(1)
	t.MustRun(ctx, "systemctl stop crmsyncd")
	all(2)
	r := t.Guest.RunFor(ctx, 2*time.Minute, "crmsyncd run --once --full")
	t.Must(r.Lost == nil && (r.Code == 0 || r.Code == 3), "%s", r)
	strangers := t.MustRun(ctx, "find /var/lib/crmsyncd ! -user crmsyncd -o ! -group crmsyncd -o -perm /077")
	t.Want(strangers == "", "these are not the daemon's own: %s", strangers)
	t.MustRun(ctx, "systemctl start crmsyncd")
	settle(ctx, t)
	// Put back, as root, and over it by hand.
	t.MustRun(ctx, "systemctl stop crmsyncd; crmsyncd state restore /root/copy-2.db; systemctl start crmsyncd")
	t.Eventually(ctx, time.Minute, func() error {
		r := t.Guest.Run(ctx, "crmsyncd status")
		if r.Code != 1 || !strings.Contains(r.Out, "a copy that was put back") {
			return errors.New(r.String())
		}
		return nil
	})
	t.MustRun(ctx, "crmsyncd state trust --yes; crmsyncd resync")
	settle(ctx, t)
	t.MustRun(ctx, "systemctl stop crmsyncd; install -m 600 /root/copy-2.db /var/lib/crmsyncd/state.db")
	since := now(ctx, t)
	_ = t.Guest.Run(ctx, "systemctl start crmsyncd")
	t.Want(strings.Contains(said(ctx, t, since, "err"), "chown --reference=/var/lib/crmsyncd /var/lib/crmsyncd/state.db"), "no word of the owner: %s", said(ctx, t, since, "info"))
	t.MustRun(ctx, "systemctl stop crmsyncd; chown --reference=/var/lib/crmsyncd /var/lib/crmsyncd/state.db; systemctl reset-failed crmsyncd || true; systemctl start crmsyncd; crmsyncd state trust --yes; crmsyncd resync")
	settle(ctx, t)
	audited(ctx, t)
}

// members: C17.5.
func members(ctx context.Context, t *T) {
	t.MustRun(ctx, "useradd -m member; useradd -m stranger; usermod -aG crmsyncd member")
	for _, words := range []string{"status", "held", "runs", "check", "resync qbench", "run --once"} {
		r := t.Guest.Run(ctx, "su - member -c 'crmsyncd "+words+"'")
		t.Want(r.OK() || r.Code == 3, "a member says %s: %s", words, r) // 3: it is done, and records are held
	}
	r := t.Guest.Run(ctx, "su - stranger -c 'crmsyncd status'")
	t.Want(r.Code == 1 && strings.Contains(r.Err, "as a member of the group crmsyncd (adduser NAME crmsyncd"), "a stranger: %s", r)
	folder := strings.TrimSpace(t.MustRun(ctx, "stat -c '%U:%G %a' /run/crmsyncd /run/crmsyncd/control.sock"))
	t.Want(folder == "crmsyncd:crmsyncd 750\ncrmsyncd:crmsyncd 660", "the socket's folder and the socket are %s", folder)
}

// organizations: a second service has everything of its own and sees nothing of the
// first.
func organizations(ctx context.Context, t *T) {
	t.MustRun(ctx, `cp -a /etc/crmsyncd /etc/crmsyncd-acme; rm -f /etc/crmsyncd-acme/secrets/*
sed -i 's/127.0.0.1:9464/127.0.0.1:9465/' /etc/crmsyncd-acme/crmsyncd.yaml
sed -i 's/^CRMSYNCD/#&/' /etc/crmsyncd-acme/environment
cp /etc/crmsyncd/environment /etc/crmsyncd-acme/; cp /etc/crmsyncd/secrets/* /etc/crmsyncd-acme/secrets/
crmsyncd --config /etc/crmsyncd-acme check --live --fix
systemctl enable --now crmsyncd@acme`)
	t.Eventually(ctx, 2*time.Minute, func() error {
		r := t.Guest.Run(ctx, "crmsyncd --config /etc/crmsyncd-acme status")
		if !strings.HasPrefix(r.Out, "green") {
			return errors.New(r.String())
		}
		return nil
	})
	seen := t.MustRun(ctx, "ls /proc/$(systemctl show -P MainPID crmsyncd@acme)/root/var/lib")
	t.Want(strings.TrimSpace(seen) == "crmsyncd-acme", "an instance sees %s", seen)
	t.MustRun(ctx, "curl -fsS http://127.0.0.1:9464/healthz; curl -fsS http://127.0.0.1:9465/healthz")
	t.MustRun(ctx, "systemctl stop crmsyncd; crmsyncd --config /etc/crmsyncd-acme status; systemctl start crmsyncd; systemctl disable --now crmsyncd@acme")
	settle(ctx, t)
}

// upgrade: the package over a running daemon, with an edited file.
func upgrade(ctx context.Context, t *T) {
	if t.stage.deb == "" {
		t.Note("without a package there is nothing to upgrade")
		return
	}
	const file = "/etc/crmsyncd/crmsyncd.yaml"
	pid := show(ctx, t, "MainPID")
	t.MustRun(ctx, "echo '# an admin was here' >>"+file)
	t.MustRunFor(ctx, 3*time.Minute, "DEBIAN_FRONTEND=noninteractive dpkg -i /root/"+filepath.Base(t.stage.deb))
	active(ctx, t, pid)
	t.MustRun(ctx, "grep -q 'an admin was here' "+file)
	settle(ctx, t)
}

// removal: the last step: the state and the secrets outlive the package.
func removal(ctx context.Context, t *T) {
	if t.stage.deb == "" {
		t.Note("without a package there is nothing to remove")
		return
	}
	t.MustRunFor(ctx, 3*time.Minute, "DEBIAN_FRONTEND=noninteractive apt-get -y remove crmsyncd")
	t.Want(t.Guest.Run(ctx, "systemctl is-active crmsyncd").Code != 0, "it still runs")
	out := t.MustRunFor(ctx, 3*time.Minute, "DEBIAN_FRONTEND=noninteractive apt-get -y purge crmsyncd")
	t.Want(strings.Contains(out, "are kept"), "the purge does not tell what it keeps:\n%s", out)
	t.MustRun(ctx, "test -s /var/lib/crmsyncd/state.db; test -s /etc/crmsyncd/secrets/qbench; test ! -e /etc/crmsyncd/crmsyncd.yaml")
}
