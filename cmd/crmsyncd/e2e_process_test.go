package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"crmsyncd/providers/qbench/qbenchsim"
)

// C13.2, C17.1: a crash ends with Go's own code, which the unit starts again after,
// and a wrong configuration with one that no crash has.
func TestC13_2_CrashIsNoConfiguration(t *testing.T) {
	b := newBed(t)
	d := b.start()
	d.signal(syscall.SIGABRT)
	if code := d.wait(10 * time.Second); code != 2 {
		t.Errorf("an aborted daemon ends with %d", code)
	}
	b.edit("routes/salesforce.yaml", "hub: description}", "hub: descriptin}")
	for _, words := range [][]string{{"run"}, {"run", "--once"}, {"check"}, {"plan"}, {"status"}, {"state", "verify"}} {
		b.want(78, words...)
	}
	b.want(64, "state", "verify", "extra")
	b.edit("routes/salesforce.yaml", "hub: descriptin}", "hub: description}")
}

// toFull runs a command whose output goes to a full disk.
func (b *bed) toFull(words ...string) (errs string, code int) {
	b.t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		b.t.Skip("no /dev/full")
	}
	defer func() { _ = full.Close() }()
	cmd := exec.CommandContext(b.t.Context(), b.bin, b.args(words...)...)
	var e bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = b.env, full, &e
	_ = cmd.Run() // its exit code is asked for below
	return e.String(), cmd.ProcessState.ExitCode()
}

// C12.6: no command takes output that was lost for done. C13.5: those that only
// read leave the state as it is.
func TestC12_6_FullOutput(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	if err := b.qb.UpdateCustomer(b.qb.CustomerIDs()[0], qbenchsim.Fields{"number_of_employees": "many"}); err != nil {
		t.Fatal(err)
	}
	b.want(3, "run", "--once")
	before := b.stateFiles()
	reading := [][]string{
		{"status"},
		{"held"},
		{"held", "--long"},
		{"held", "--create-only"},
		{"runs"},
		{"runs", "1"},
		{"audit"},
		{"get", "account", canaryName + " 1"},
		{"export", "account"},
		{"export", "account", "--format", "jsonl"},
		{"state", "verify"},
	}
	for _, words := range reading {
		b.want(0, words...)
		for _, format := range []string{"table", "json"} {
			if errs, code := b.toFull(append(slices.Clone(words), "-o", format)...); code != 1 || strings.Count(errs, "no space left on device") != 1 {
				t.Errorf("%v -o %s: code %d, %q", words, format, code, errs)
			}
		}
	}
	if after := b.stateFiles(); after != before {
		t.Errorf("reading changed the state:\n%s\n%s", before, after)
	}
	for _, words := range [][]string{{"check"}, {"check", "--live"}, {"plan"}, {"version"}, {"--help"}, {"held", "retry"}, {"run", "--once"}} {
		if errs, code := b.toFull(words...); code != 1 || !strings.Contains(errs, "no space left on device") {
			t.Errorf("%v: code %d, %q", words, code, errs)
		}
	}
}

// stateFiles are the files beside the state with their times and sizes.
func (b *bed) stateFiles() string {
	b.t.Helper()
	entries, err := os.ReadDir(filepath.Dir(b.state))
	if err != nil {
		b.t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			b.t.Fatal(err)
		}
		fmt.Fprintln(&out, e.Name(), info.Size(), info.ModTime())
	}
	return out.String()
}

// C12.6: a state that is gone is not one that was never there, and a daemon on a
// new one says in its log that it is in doubt (C17.2).
func TestC12_6_LostState(t *testing.T) {
	b := newBed(t)
	b.seed(1)
	b.want(0, "run", "--once")
	if err := os.Remove(b.state); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"status"}, {"held"}, {"plan"}, {"state", "verify"}, {"state", "trust"}, {"get", "account", "1"}} {
		if _, errs, code := b.run(words...); code != 1 || !strings.Contains(errs, "the state is lost") || !strings.Contains(errs, "state trust") {
			t.Errorf("%v: code %d, %q", words, code, errs)
		}
	}
	b.want(0, "check", "--live")
	d := b.start()
	b.until("the log tells the doubt", func() bool {
		return strings.Contains(d.text(), `"level":"WARN","msg":"state in doubt`) && strings.Contains(d.text(), "there was one before")
	})
}

// C12.3, C12.6: values of strangers reach a spreadsheet as texts, and a terminal
// escaped.
func TestC12_3_ExportsAreHarmless(t *testing.T) {
	b := newBed(t)
	const formula, steering = `=HYPERLINK("http://evil.example","click")`, "Evil\u202eInc"
	acme := b.qb.AddCustomer(qbenchsim.Fields{"customer_name": steering, "website": "https://evil.example"})
	b.qb.AddContact(qbenchsim.Fields{"first_name": formula, "last_name": "Smith", "email_address": "s@evil.example", "phone": "+12025550102"}, acme)
	b.run("run", "--once")
	rows, err := csv.NewReader(strings.NewReader(b.want(0, "export", "contact"))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v %v", rows, err)
	}
	if at := slices.Index(rows[0], "first_name"); at < 0 || rows[1][at] != "'"+formula {
		t.Errorf("first name in %v", rows)
	}
	for _, words := range [][]string{
		{"export", "account"},
		{"export", "account", "--format", "jsonl"},
		{"get", "contact", "s@evil.example"},
		{"get", "contact", "s@evil.example", "-o", "json"},
		{"held"},
		{"held", "-o", "json"},
		{"plan"},
		{"plan", "-o", "json"},
		{"runs", "1", "--changes"},
		{"runs", "1", "--changes", "-o", "json"},
		{"runs", "1", "--changes", "-o", "csv"},
	} {
		if out := b.want(0, words...); strings.ContainsAny(out, "\u202e\u009b") {
			t.Errorf("%v: %q", words, out)
		}
	}
	var rec struct{ Label string }
	if err := json.Unmarshal([]byte(b.want(0, "export", "account", "--format", "jsonl")), &rec); err != nil || !strings.Contains(rec.Label, steering) {
		t.Errorf("lines of JSON hold %q, %v", rec.Label, err)
	}
}

// pagesWith returns where pages of the state begin that hold a text.
func (b *bed) pagesWith(text string) (at []int64) {
	b.t.Helper()
	file, err := os.ReadFile(b.state)
	if err != nil {
		b.t.Fatal(err)
	}
	size := os.Getpagesize()
	for i := 2 * size; i+size <= len(file); i += size {
		if bytes.Contains(file[i:i+size], []byte(text)) {
			at = append(at, int64(i))
		}
	}
	if len(at) == 0 {
		b.t.Fatalf("no page holds %q", text)
	}
	return at
}

// flip turns bits of the state file.
func (b *bed) flip(at int64, bits byte) {
	b.t.Helper()
	f, err := os.OpenFile(b.state, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	one := make([]byte, 1)
	_, err = f.ReadAt(one, at)
	one[0] ^= bits
	_, werr := f.WriteAt(one, at)
	if err := errors.Join(err, werr, f.Close()); err != nil {
		b.t.Fatal(err)
	}
}

// C13.1: one flipped bit makes the check of the pages take all memory there is.
// That ends the check and never the daemon, and is told as damage.
func TestC13_1_VerifyBesideTheDaemon(t *testing.T) {
	b := newBed(t)
	b.seed(2)
	b.want(0, "run", "--once")
	d := b.start()
	if out := b.want(0, "state", "verify"); !strings.Contains(out, "The state is sound.") {
		t.Errorf("verify says %s", out)
	}
	const overflow = 12 // of a page's header: how many pages follow that belong to it
	for _, page := range b.pagesWith("# ---- crmsyncd.yaml ----") {
		b.flip(page+overflow+3, 0x40)
	}
	for range 2 {
		if out := b.want(1, "state", "verify"); !strings.Contains(out, "the check broke off") {
			t.Errorf("verify says %s", out)
		}
	}
	var v struct{ Damaged int }
	if err := json.Unmarshal([]byte(b.want(1, "state", "verify", "-o", "json")), &v); err != nil || v.Damaged == 0 {
		t.Errorf("as JSON: %+v %v", v, err)
	}
	b.want(0, "status")
	if files := b.stateFiles(); strings.Contains(files, "verify") {
		t.Errorf("left beside the state: %s", files)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(10 * time.Second); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
	if out := b.want(1, "state", "verify"); !strings.Contains(out, "the check broke off") {
		t.Errorf("verify without a daemon says %s", out)
	}
}

// C13.3: damage in a kept configuration is named, and everything works on.
func TestC13_3_DamagedConfigurationStopsNobody(t *testing.T) {
	b := newBed(t)
	b.seed(2)
	b.want(0, "run", "--once")
	file, err := os.ReadFile(b.state)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("what the fields mean stands in hub.yaml")
	text[0] = 'W'
	for at := bytes.Index(file, text); at >= 0; {
		b.flip(int64(at), 1)
		next := bytes.Index(file[at+1:], text)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	b.want(0, "status")
	if out := b.want(1, "state", "verify"); !strings.Contains(out, "config") {
		t.Errorf("verify says %s", out)
	}
	d := b.start()
	b.until("the damage is named", func() bool {
		return strings.Contains(d.text(), "damaged history set aside") && strings.Contains(d.text(), "config ")
	})
	b.want(0, "status")
	b.want(0, "state", "verify")
	d.signal(syscall.SIGTERM)
	d.wait(10 * time.Second)
	b.want(0, "run", "--once", "--full")
}

// C17.2, C12.5: a command of root in the service's folder leaves no file of root.
func TestC17_2_CommandsOfRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes files of others")
	}
	b := newBed(t)
	b.seed(1)
	const user, group = 65534, 65533
	dir := filepath.Dir(b.state)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, user, group)); err != nil {
		t.Fatal(err)
	}
	b.want(0, "run", "--once")
	b.want(0, "held")
	b.want(0, "plan")
	b.want(0, "held", "retry")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v %v", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != user || st.Gid != group {
			t.Errorf("%s belongs to %+v", e.Name(), info.Sys())
		}
	}
}

// C12.2: the pages answer this machine's names alone, and with a token who has it.
func TestC12_2_Pages(t *testing.T) {
	b := newBed(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close() // its number is what is wanted
	token := filepath.Join(filepath.Dir(b.config), "token")
	if err := os.WriteFile(token, []byte(canarySecret+"-pages\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(host, bearer string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	b.edit("crmsyncd.yaml", "listen: 127.0.0.1:0", "listen: "+addr)
	d := b.start()
	if code := get(addr, ""); code != 200 {
		t.Errorf("this machine gets %d", code)
	}
	if code := get("evil.example", ""); code != 403 {
		t.Errorf("a strange name gets %d", code)
	}
	d.signal(syscall.SIGTERM)
	d.wait(10 * time.Second)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	b.edit("crmsyncd.yaml", "listen: "+addr, "listen: 0.0.0.0:"+port)
	if out := b.want(78, "check"); !strings.Contains(out, "admin.listen") {
		t.Errorf("check says %s", out)
	}
	b.edit("crmsyncd.yaml", "# token: {credential: admin-token}", "token: {file: "+token+"}")
	b.want(0, "check")
	d = b.start()
	for bearer, want := range map[string]int{"": 401, "wrong": 401, canarySecret + "-pages": 200} {
		if code := get("crm.example", bearer); code != want {
			t.Errorf("%q gets %d, want %d", bearer, code, want)
		}
	}
	d.signal(syscall.SIGTERM)
	d.wait(10 * time.Second)
	b.noCanary()
}

// C10.4, C13.9: what would be missed or fail while running is an error of check.
func TestC10_4_CheckMissesNothing(t *testing.T) {
	b := newBed(t)
	b.unaudited = "it leaves a configuration without a route of Salesforce, and nothing has run"
	b.edit("routes/qbench.yaml", `# filter: 'status == "Active"'`, `filter: 'len(1..9000000000) > 1'`)
	if out := b.want(78, "check"); !strings.Contains(out, "error: routes/qbench.yaml:12: ") || !strings.Contains(out, "9000000000 numbers is too much") {
		t.Errorf("a filter that costs too much: %s", out)
	}
	b.edit("routes/qbench.yaml", `filter: 'len(1..9000000000) > 1'`, `# filter: 'status == "Active"'`)
	from := filepath.Join(b.config, "routes/salesforce.yaml")
	if err := os.Rename(from, strings.TrimSuffix(from, "aml")+"ml"); err != nil {
		t.Fatal(err)
	}
	if out := b.want(78, "check"); !strings.Contains(out, "routes/salesforce.yml is not read") {
		t.Errorf("another ending: %s", out)
	}
	if err := os.Remove(strings.TrimSuffix(from, "aml") + "ml"); err != nil {
		t.Fatal(err)
	}
	if out := b.want(78, "check"); !strings.Contains(out, "schedules.salesforce: has a schedule, and no route") {
		t.Errorf("no file: %s", out)
	}
}

// C10.6: nothing is dropped that was not named, and the count comes first; a name
// that nobody knows is told with the nearest.
func TestC10_6_DropIsTold(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	for _, id := range b.qb.CustomerIDs()[:2] {
		if err := b.qb.UpdateCustomer(id, qbenchsim.Fields{"number_of_employees": "many"}); err != nil {
			t.Fatal(err)
		}
	}
	b.want(3, "run", "--once")
	if _, errs, code := b.run("held", "drop"); code != 64 || !strings.Contains(errs, "all 2 held (bad_value 2)") || !strings.Contains(errs, "--all") {
		t.Errorf("drop of everything: code %d, %q", code, errs)
	}
	for words, want := range map[string]string{
		"--reason bad_valu":                     `no reason "bad_valu"; did you mean bad_value?`,
		"--system qbensh":                       `did you mean qbench?`,
		"--object custmer":                      `no object "custmer"; did you mean customer?`,
		"--system qbench --object Account":      `no object "Account"; there are contact, customer`,
		"--reason nonsense --system salesforce": `no reason "nonsense"; there are `,
	} {
		for _, verb := range []string{"list", "retry", "drop"} {
			_, errs, code := b.run(append([]string{"held", verb}, strings.Fields(words)...)...)
			if code != 64 || !strings.Contains(errs, want) {
				t.Errorf("held %s %s: code %d, %q", verb, words, code, errs)
			}
		}
	}
	for words, want := range map[string]string{
		"--tolerated --reason drif":      `no reason "drif"; did you mean drift?`,
		"--tolerated --reason bad_value": `no reason "bad_value"; there are `,
		"--tolerated --create-only":      "say one of the two",
		"--tolerated --object custmer":   `did you mean customer?`,
	} {
		if _, errs, code := b.run(append([]string{"held"}, strings.Fields(words)...)...); code != 64 || !strings.Contains(errs, want) {
			t.Errorf("held %s: code %d, %q", words, code, errs)
		}
	}
	if out := b.want(0, "held"); !strings.Contains(out, "2 held.") {
		t.Errorf("after all that: %s", out)
	}
	b.want(0, "held", "drop", "--reason", "conflict")
	out := b.want(0, "held", "drop", "--all")
	if out := b.want(0, "held", "--dropped"); !strings.Contains(out, "bad_value (2)") || !strings.Contains(out, "2 dropped. crmsyncd held retry") {
		t.Errorf("what was dropped is not listed: %s", out)
	}
	for _, words := range []string{"--hub-id x", "--hub-id acount/1", "--dropped --tolerated", "--tolerated --hub-id x"} {
		if _, errs, code := b.run(append([]string{"held"}, strings.Fields(words)...)...); code != 64 {
			t.Errorf("held %s: code %d, %q", words, code, errs)
		}
	}
	if status := b.want(0, "status", "-o", "json"); !strings.Contains(status, `"dropped": 2`) {
		t.Errorf("status does not tell of what was dropped: %s", status)
	}
	if first, rest, _ := strings.Cut(out, "\n"); first != "Dropping 2 held: bad_value 2." || !strings.HasPrefix(rest, "2 are ignored") {
		t.Errorf("drop --all says %s", out)
	}
}
