package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"crmsyncd/configs"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
)

// What must never be seen in a log: secrets, and what customers are called.
const (
	canarySecret = "canary-secret-5e1f"
	canaryName   = "Canaryname"
	canaryMail   = "canarymail"
)

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "crmsyncd-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "crmsyncd")
	out, err := exec.Command("go", "build", "-o", path, "crmsyncd/cmd/crmsyncd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// bed is the real binary between two simulated systems on loopback.
type bed struct {
	t      *testing.T
	qb     *qbenchsim.Sim
	sf     *salesforcesim.Sim
	hs     *hubspotsim.Sim // has no route unless a test gives it one
	cl     *closeiosim.Sim // neither has this
	delay  atomic.Int64    // nanoseconds before each write to Salesforce
	writes atomic.Int64    // write calls that reached Salesforce
	// slowClose is how long each search of Close takes, in nanoseconds.
	slowClose atomic.Int64
	config    string
	state     string
	socket    string
	env       []string
	bin       string
	everyLog  bytes.Buffer // what any command wrote to stderr
	unaudited string       // why the audit is not its last step
	journal   bool         // the output of what is launched looks like systemd's journal
}

func newBed(t *testing.T) *bed {
	t.Helper()
	if testing.Short() {
		t.Skip("end to end")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, bin: bin, qb: qbenchsim.New(qbenchsim.Options{ClientSecret: canarySecret + "-qb", RateLimit: -1})}
	renewal, err := salesforcesim.ReadSchema(strings.NewReader("objects: {Account: {fields: [{name: Next_Renewal_Date__c, type: date}]}}"))
	if err != nil {
		t.Fatal(err)
	}
	b.sf, err = salesforcesim.New(salesforcesim.Options{ClientID: "app", ClientSecret: canarySecret + "-sf", Schema: renewal})
	if err != nil {
		t.Fatal(err)
	}
	qb := httptest.NewServer(b.qb)
	t.Cleanup(qb.Close)
	sf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/composite/sobjects") && r.Method != http.MethodGet {
			b.writes.Add(1)
			time.Sleep(time.Duration(b.delay.Load()))
		}
		b.sf.ServeHTTP(w, r)
	}))
	t.Cleanup(sf.Close)
	b.hs, err = hubspotsim.New(hubspotsim.Options{Token: canarySecret + "-hs"})
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(b.hs)
	t.Cleanup(hs.Close)
	b.cl, err = closeiosim.New(closeiosim.Options{APIKey: canarySecret + "-cl", RateLimit: -1, IndexLag: -1})
	if err != nil {
		t.Fatal(err)
	}
	cl := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/data/search/" {
			time.Sleep(time.Duration(b.slowClose.Load()))
		}
		b.cl.ServeHTTP(w, r)
	}))
	t.Cleanup(cl.Close)
	dir, err := os.MkdirTemp("", "e2e") //nolint:usetesting // a Unix socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b.config, b.state, b.socket = filepath.Join(dir, "etc"), filepath.Join(dir, "lib", "state.db"), filepath.Join(dir, "c.sock")
	b.writeConfig()
	b.secret(dir, "qbench", canarySecret+"-qb")
	b.secret(dir, "salesforce", canarySecret+"-sf")
	b.secret(dir, "hubspot", canarySecret+"-hs")
	b.secret(dir, "close", canarySecret+"-cl")
	b.env = append(os.Environ(),
		"CRMSYNCD_QBENCH_URL="+qb.URL, "CRMSYNCD_QBENCH_CLIENT_ID="+qbenchsim.DefaultClientID,
		"CRMSYNCD_SALESFORCE_URL="+sf.URL, "CRMSYNCD_SALESFORCE_CLIENT_ID=app",
		"CRMSYNCD_HUBSPOT_URL="+hs.URL, "CRMSYNCD_CLOSE_URL="+cl.URL, "CREDENTIALS_DIRECTORY="+filepath.Join(dir, "cred"))
	b.auditAtEnd()
	return b
}

func (b *bed) secret(dir, name, text string) {
	b.t.Helper()
	path := filepath.Join(dir, "cred")
	if err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(filepath.Join(path, name), []byte(text), 0o600)); err != nil {
		b.t.Fatal(err)
	}
}

// The routes that make HubSpot a target, and Close a source.
const (
	hubspotRoutes = "routes/hubspot.yaml"
	closeRoutes   = "routes/close.yaml"
)

// writeConfig copies the shipped files but the routes of HubSpot and Close, and
// lifts the rate limit.
func (b *bed) writeConfig() {
	b.t.Helper()
	err := fs.WalkDir(configs.Shipped, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == hubspotRoutes || path == closeRoutes {
			return err
		}
		text, err := fs.ReadFile(configs.Shipped, path)
		to := filepath.Join(b.config, path)
		return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644))
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.edit("crmsyncd.yaml", "  hubspot:    {routine: \"@hourly\", full: \"0 7 * * SAT\"}\n", "")
	b.edit("crmsyncd.yaml", "  close:      {routine: \"*/15 * * * *\", full: \"0 3 * * SAT\"}\n", "")
	b.edit("crmsyncd.yaml", "per_minute: 240", "per_minute: 60000")
	b.edit("crmsyncd.yaml", "listen: 127.0.0.1:9464", "listen: 127.0.0.1:0")
}

func (b *bed) edit(file, old, fresh string) {
	b.t.Helper()
	path := filepath.Join(b.config, file)
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		b.t.Fatalf("%s does not hold %q (%v)", file, old, err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, fresh)), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// seed fills the source with n customers and a contact each.
func (b *bed) seed(n int) {
	for i := range n {
		id := b.qb.AddCustomer(qbenchsim.Fields{
			"customer_name": fmt.Sprintf("%s %d", canaryName, i), "website": fmt.Sprintf("https://c%d.example", i), "city": "Springfield",
		})
		b.qb.AddContact(qbenchsim.Fields{
			"first_name": "Ann", "last_name": fmt.Sprintf("%s %d", canaryName, i),
			"email_address": fmt.Sprintf("%s%d@c%d.example", canaryMail, i, i), "phone": "+1 202 555 0102",
		}, id)
	}
}

func (b *bed) args(words ...string) []string {
	words = append(words, "--config", b.config, "--state", b.state)
	if b.socket == "" {
		return words // the one that the files name
	}
	return append(words, "--socket", b.socket)
}

// run runs one command to its end.
func (b *bed) run(words ...string) (out, errs string, code int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.t.Context()), time.Minute) // a cleanup runs commands too
	defer cancel()
	cmd := exec.CommandContext(ctx, b.bin, b.args(words...)...)
	cmd.Env = b.env
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("%v: %v", words, err)
	}
	b.everyLog.Write(e.Bytes())
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// want runs a command and insists on its exit code.
func (b *bed) want(code int, words ...string) string {
	b.t.Helper()
	out, errs, got := b.run(words...)
	if got != code {
		b.t.Fatalf("crmsyncd %s: exit code %d, want %d\n%s%s", strings.Join(words, " "), got, code, out, errs)
	}
	return out
}

// service is a running daemon.
type service struct {
	b   *bed
	cmd *exec.Cmd
	log string // path of its log
}

func (b *bed) start() *service {
	b.t.Helper()
	s := b.launch("run", "--log-level", "debug")
	b.until("the daemon started", func() bool { return strings.Contains(s.text(), `"started"`) })
	return s
}

// launch runs a command with its output in a log.
func (b *bed) launch(words ...string) *service {
	b.t.Helper()
	s := &service{b: b, log: filepath.Join(b.t.TempDir(), "log")}
	f, err := os.Create(s.log)
	if err != nil {
		b.t.Fatal(err)
	}
	s.cmd = exec.Command(b.bin, b.args(words...)...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = b.env, f, f
	if b.journal {
		var info syscall.Stat_t
		if err := syscall.Fstat(int(f.Fd()), &info); err != nil {
			b.t.Fatal(err)
		}
		s.cmd.Env = append(slices.Clone(b.env), fmt.Sprintf("JOURNAL_STREAM=%d:%d", info.Dev, info.Ino))
	}
	if err := errors.Join(s.cmd.Start(), f.Close()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.cmd.Process.Kill(); _, _ = s.cmd.Process.Wait() })
	return s
}

func (s *service) text() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

func (s *service) signal(sig os.Signal) {
	s.b.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.b.t.Fatal(err)
	}
}

// wait returns the exit code, within a limit.
func (s *service) wait(limit time.Duration) int {
	s.b.t.Helper()
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
		s.b.everyLog.WriteString(s.text())
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		s.b.t.Fatalf("the daemon did not end within %s:\n%s", limit, s.text())
	}
	return -1
}

// until waits for something to become true.
func (b *bed) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	b.t.Fatalf("waited in vain: %s", what)
}

type runJSON struct {
	ID      uint64         `json:"id"`
	System  string         `json:"system"`
	Flow    string         `json:"flow"`
	Trigger string         `json:"trigger"`
	Full    bool           `json:"full"`
	Status  string         `json:"status"`
	Counts  map[string]int `json:"counts"`
	Calls   map[string]int `json:"calls"`
}

func (b *bed) runs() []runJSON {
	b.t.Helper()
	var out []runJSON
	text := b.want(0, "runs", "-o", "json", "--limit", "100")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		b.t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// noCanary insists that nothing was logged that must not be.
func (b *bed) noCanary() {
	b.t.Helper()
	for _, canary := range []string{canarySecret, canaryName, canaryMail} {
		if i := strings.Index(b.everyLog.String(), canary); i >= 0 {
			text := b.everyLog.String()
			b.t.Errorf("%s is in the log: %s", canary, text[max(0, i-200):min(len(text), i+100)])
		}
	}
}

// One pass by command carries customers and contacts over; another at once does
// nothing. Every command prints JSON, and no log shows a secret or a customer.
// B4, R16, R43.
func TestE2EOncePass(t *testing.T) {
	b := newBed(t)
	b.seed(30)
	out := b.want(0, "check", "--live")
	if !strings.Contains(out, "The configuration and the systems fit.") {
		t.Errorf("check --live says:\n%s", out)
	}
	if _, err := os.Stat(b.state); err == nil {
		t.Error("a check left a state behind")
	}
	out = b.want(0, "plan")
	if !strings.Contains(out, canaryName+" 7") || b.writes.Load() != 0 {
		t.Errorf("the plan wrote %d times and says:\n%s", b.writes.Load(), out)
	}
	out = b.want(0, "run", "--once")
	if b.sf.Count("Account") != 30 || b.sf.Count("Contact") != 30 {
		t.Fatalf("%d accounts and %d contacts in the target, want 30 each\n%s", b.sf.Count("Account"), b.sf.Count("Contact"), out)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("a pipe got colors")
	}
	b.sf.ResetCalls()
	b.writes.Store(0)
	b.want(0, "run", "--once", "-o", "json")
	if b.writes.Load() != 0 {
		t.Errorf("a second pass wrote %d times", b.writes.Load())
	}
	for _, words := range [][]string{
		{"version"},
		{"check"},
		{"check", "--live"},
		{"plan"},
		{"run", "--once"},
		{"status"},
		{"runs"},
		{"runs", "1"},
		{"held"},
		{"held", "--create-only"},
		{"held", "--tolerated"},
		{"held", "retry"},
		{"get", "account", canaryName + " 7"},
		{"state", "verify"},
	} {
		var v any
		text := b.want(0, append(words, "-o", "json")...)
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Errorf("%v does not print JSON: %v\n%s", words, err, text)
		}
	}
	if text := b.want(0, "get", "contact", canaryMail+"7@c7.example"); !strings.Contains(text, "crm_account_user_id") {
		t.Errorf("get says:\n%s", text)
	}
	if lines := strings.Count(b.want(0, "export", "account", "--format", "csv"), "\n"); lines != 31 {
		t.Errorf("the export has %d lines, want a heading and 30", lines)
	}
	if info, err := os.Stat(b.state); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state has mode %v (%v)", info.Mode(), err)
	}
	b.noCanary()
}

// check --live asks the systems: a thin required field is a warning, a field that
// is not there and a credential that opens nothing are errors with file, line and
// mend. D11, R132.
func TestE2ECheckLive(t *testing.T) {
	b := newBed(t)
	b.seed(5)
	for range 10 {
		b.qb.AddContact(qbenchsim.Fields{"first_name": "No", "last_name": "Mail"}, 1000)
	}
	out := b.want(0, "check", "--live")
	if !strings.Contains(out, "warning: routes/qbench.yaml:") || !strings.Contains(out, "contact.email_address is filled in 33 %") {
		t.Errorf("a thin e-mail: \n%s", out)
	}
	b.edit("routes/salesforce.yaml", "remote: Description,", "remote: Descriptio__c,")
	out = b.want(78, "check", "--live")
	if !strings.Contains(out, "error: routes/salesforce.yaml:") || !strings.Contains(out, `no field "Descriptio__c"`) || !strings.Contains(out, "(") {
		t.Errorf("a field that is not there: \n%s", out)
	}
	b.edit("routes/salesforce.yaml", "remote: Descriptio__c,", "remote: Description,")
	b.secret(filepath.Dir(b.config), "salesforce", canarySecret+"-wrong")
	if out = b.want(78, "check", "--live"); !strings.Contains(out, "error: identify salesforce") {
		t.Errorf("a wrong secret: \n%s", out)
	}
	if strings.Contains(out, canarySecret) {
		t.Error("a secret was shown")
	}
	b.secret(filepath.Dir(b.config), "salesforce", canarySecret+"-sf")
	b.noCanary()
}

// Each kind of end has its exit code, and each error one clear line.
func TestE2EExitCodes(t *testing.T) {
	b := newBed(t)
	b.seed(2)
	for _, tc := range []struct {
		words []string
		want  string
	}{
		{[]string{"nonsense"}, "unknown command"},
		{[]string{"run", "--nonsense"}, "unknown flag"},
		{[]string{"get", "account"}, "get wants OBJECT KEY: KEY is missing"},
		{[]string{"accept"}, "accept wants PLAN: PLAN is missing"},
		{[]string{"export", "account", "user"}, `export wants OBJECT and no more: not ["user"]`},
		{[]string{"check", "--system", "foo"}, `no system is named "foo"; there are close, hubspot, qbench, salesforce`},
		{[]string{"status", "-o", "xml"}, "table or json"},
		{[]string{"run", "--system", "salesforce"}, "need --once"},
		{[]string{"run", "--once", "--system", "hubspot"}, "no route fits"},
		{[]string{"run", "--log-level", "loud"}, "debug, info, warn or error"},
	} {
		out, errs, code := b.run(tc.words...)
		if code != 64 || !strings.Contains(errs, tc.want) || out != "" {
			t.Errorf("%v: code %d, %q", tc.words, code, errs)
		}
	}
	if _, errs, code := b.run("status"); code != 1 || !strings.Contains(errs, "no state") {
		t.Errorf("status before the first run: code %d, %q", code, errs)
	}
	acme := b.qb.AddCustomer(qbenchsim.Fields{"customer_name": canaryName + " H"})
	b.qb.AddContact(qbenchsim.Fields{"first_name": "No", "last_name": "Mail"}, acme)
	b.want(3, "run", "--once")
	b.sf.RefuseSessions(1000)
	if _, errs, code := b.run("run", "--once", "--full"); code != 1 || strings.Count(errs, "\n") > 2 {
		t.Errorf("a target that refuses: code %d, %q", code, errs)
	}
	b.sf.RefuseSessions(0)
	b.edit("routes/salesforce.yaml", "hub: description}", "hub: descriptin}")
	out, errs, code := b.run("run", "--once")
	if code != 78 || !strings.Contains(errs, "routes/salesforce.yaml:") || !strings.Contains(errs, "description") {
		t.Errorf("a bad file: code %d, %q %q", code, out, errs)
	}
	b.edit("routes/salesforce.yaml", "hub: descriptin}", "hub: description}")
	b.noCanary()
}

// A guard stops a flood with exit code 4, status is red and names the plan, and
// accepting it lets the records through. D22.
func TestE2EGuardAndAccept(t *testing.T) {
	b := newBed(t)
	for i := range 40 {
		id := b.qb.AddCustomer(qbenchsim.Fields{"customer_name": fmt.Sprintf("%s %d", canaryName, i)})
		if _, err := b.sf.Insert("Account", map[string]string{"Name": fmt.Sprintf("Other %d", i), "QBench_Id__c": fmt.Sprint(id)}); err != nil {
			t.Fatal(err)
		}
	}
	b.wantGuardedPlan("the next run of salesforce stops there")
	_, errs, code := b.run("run", "--once")
	if code != 4 || !strings.Contains(errs, "crmsyncd accept ") {
		t.Fatalf("code %d, %q", code, errs)
	}
	if n := len(b.sf.Find("Account", "Name", "Other 7")); n != 1 {
		t.Error("a name was overwritten past the guard")
	}
	var st struct {
		Health string `json:"health"`
		Plans  []struct {
			ID string `json:"id"`
		} `json:"plans"`
	}
	if err := json.Unmarshal([]byte(b.want(1, "status", "-o", "json")), &st); err != nil || st.Health != "red" || len(st.Plans) != 1 {
		t.Fatalf("status %+v (%v)", st, err)
	}
	b.wantGuardedPlan("crmsyncd accept " + st.Plans[0].ID)
	b.want(64, "accept", "nonsense")
	b.want(0, "accept", st.Plans[0].ID)
	b.want(0, "run", "--once")
	if n := len(b.sf.Find("Account", "Name", "Other 7")); n != 0 {
		t.Error("the accepted plan was not carried out")
	}
	b.want(0, "status")
	b.noCanary()
}

// wantGuardedPlan looks at what a guard would stop: all of it is told, and then
// that the run would not come through.
func (b *bed) wantGuardedPlan(words string) {
	b.t.Helper()
	out, errs, code := b.run("plan")
	if n := strings.Count(out, "Name: \"Other "); n != 40 || code != 4 || !strings.Contains(errs, words) {
		b.t.Errorf("plan ends with %d, tells %d of 40 names and %q, want %q", code, n, errs, words)
	}
	var res struct {
		Changes []struct{ Op string }
		Fault   struct{ Kind string }
	}
	out, _, code = b.run("plan", "-o", "json")
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != 4 || len(res.Changes) < 40 || res.Fault.Kind != "guard" {
		b.t.Errorf("as JSON it ends with %d, %d changes and the fault %q (%v)", code, len(res.Changes), res.Fault.Kind, err)
	}
}

// The daemon pulls and pushes by itself at its first start, refuses a second one
// within two seconds, takes wishes by signal and by command, keeps the old
// configuration when a file is bad, and ends cleanly. B1, B7, R16, R20.
func TestE2EDaemon(t *testing.T) {
	b := newBed(t)
	b.seed(10)
	d := b.start()
	b.until("the first push is done", func() bool { return b.sf.Count("Contact") == 10 })

	begin := time.Now()
	_, errs, code := b.run("run")
	if took := time.Since(begin); code != 1 || took > 2*time.Second || !strings.Contains(errs, "another crmsyncd is running") {
		t.Errorf("a second daemon: code %d after %s, %q", code, took, errs)
	}
	other := filepath.Join(t.TempDir(), "x.sock")
	begin = time.Now()
	cmd := exec.Command(b.bin, "run", "--config", b.config, "--state", b.state, "--socket", other)
	cmd.Env = b.env
	text, _ := cmd.CombinedOutput()
	if took := time.Since(begin); cmd.ProcessState.ExitCode() != 1 || took > 2*time.Second || !strings.Contains(string(text), "another crmsyncd has it open") {
		t.Errorf("a second daemon on the same state: code %d after %s, %q", cmd.ProcessState.ExitCode(), took, text)
	}

	fulls := func(trigger string) int {
		n := 0
		for _, r := range b.runs() {
			if r.Full && r.Trigger == trigger && r.Status != "running" {
				n++
			}
		}
		return n
	}
	d.signal(syscall.SIGUSR1)
	b.until("a full run of each system after SIGUSR1", func() bool { return fulls("signal") == 2 })
	if out := b.want(0, "run", "--once", "--full", "--no-wait"); !strings.Contains(out, "was asked for a full run") {
		t.Errorf("run --once --full beside the daemon says %q", out)
	}
	b.until("a full run of each system by command", func() bool { return fulls("command") == 2 })
	if n := b.sf.Count("Account"); n != 10 {
		t.Errorf("%d accounts after full runs, want 10", n)
	}

	b.edit("hub.yaml", "system_of_record: qbench", "system_of_recrd: qbench")
	d.signal(syscall.SIGHUP)
	b.until("the bad file is refused", func() bool { return strings.Contains(d.text(), "the old configuration goes on") })
	if out := b.want(1, "status"); !strings.Contains(out, "hub.yaml:") || !strings.Contains(out, "red") {
		t.Errorf("status after a bad reload:\n%s", out)
	}
	if _, errs, code := b.run("reload"); code != 78 || !strings.Contains(errs, "system_of_record") {
		t.Errorf("reload of a bad file: code %d, %q", code, errs)
	}
	b.edit("hub.yaml", "system_of_recrd: qbench", "system_of_record: qbench")
	b.want(0, "reload")
	b.want(0, "status")

	// What only a restart changes is said, until it is changed back.
	pages := filepath.Join(t.TempDir(), "pages")
	if err := os.WriteFile(pages, []byte("a-token-of-the-pages-0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	token := "\n  token: {file: " + pages + "}"
	b.edit("crmsyncd.yaml", "listen: 127.0.0.1:0", "listen: 127.0.0.1:0"+token)
	if out := b.want(0, "reload"); !strings.Contains(out, "In force after a restart only: admin.token of crmsyncd.yaml changed") {
		t.Errorf("reload says:\n%s", out)
	}
	if out := b.want(0, "status"); !strings.Contains(out, "yellow") || !strings.Contains(out, "admin.token of crmsyncd.yaml changed") {
		t.Errorf("status says:\n%s", out)
	}
	b.edit("crmsyncd.yaml", token, "")
	if out := b.want(0, "reload"); strings.Contains(out, "restart") {
		t.Errorf("reload says:\n%s", out)
	}

	const another = "the running daemon has another configuration than these files"
	b.edit("crmsyncd.yaml", "percent: 50", "percent: 60")
	if out := b.want(0, "check", "--live"); !strings.Contains(out, another) || strings.Contains(out, "The configuration and the systems fit") {
		t.Errorf("check --live before a reload:\n%s", out)
	}
	if _, errs, code := b.run("plan"); code != 0 || !strings.Contains(errs, another) {
		t.Errorf("plan before a reload: code %d, %q", code, errs)
	}
	b.want(0, "reload")
	if out := b.want(0, "check", "--live"); strings.Contains(out, another) {
		t.Errorf("check --live after a reload:\n%s", out)
	}

	b.seed(1)
	b.want(0, "run", "--once", "--system", "qbench")
	b.until("a new customer goes out without waiting for the hour", func() bool { return b.sf.Count("Account") == 11 })

	d.signal(syscall.SIGTERM)
	if code := d.wait(10 * time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM:\n%s", code, d.text())
	}
	if _, err := os.Stat(b.socket); err == nil {
		t.Error("the socket was left behind")
	}
	for line := range strings.Lines(d.text()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Errorf("a log line in a pipe is no JSON: %q", line)
		}
	}
	b.noCanary()
}

// SIGTERM in the middle of a push lets the batch in flight be written and
// committed, and the next start goes on where it stopped, with nothing doubled.
func TestE2ETerminateMidRun(t *testing.T) {
	b := newBed(t)
	b.seed(900)
	b.delay.Store(int64(300 * time.Millisecond))
	d := b.start()
	b.until("the first batch is on its way", func() bool { return b.writes.Load() >= 2 })
	d.signal(syscall.SIGTERM)
	if code := d.wait(20 * time.Second); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, d.text())
	}
	sent := b.sf.Count("Account")
	if sent == 0 || sent+b.sf.Count("Contact") == 1800 {
		t.Fatalf("%d accounts were sent: the stop did not come in the middle", sent)
	}
	b.delay.Store(0)
	b.want(0, "run", "--once")
	if a, c := b.sf.Count("Account"), b.sf.Count("Contact"); a != 900 || c != 900 {
		t.Errorf("%d accounts and %d contacts, want 900 each", a, c)
	}
	b.want(0, "state", "verify")
	b.noCanary()
}

// A kill in the middle of a push loses and doubles nothing (F8), and a second
// SIGTERM stops at once.
func TestE2EKillMidRun(t *testing.T) {
	b := newBed(t)
	b.seed(500)
	b.delay.Store(int64(time.Second))
	d := b.start()
	b.until("a batch is on its way", func() bool { return b.writes.Load() >= 2 })
	d.signal(syscall.SIGKILL)
	d.wait(5 * time.Second)

	b.delay.Store(int64(3 * time.Second))
	had := b.writes.Load()
	d = b.start() // the socket that the killed one left is no hindrance
	b.until("a batch is on its way again", func() bool { return b.writes.Load() > had })
	d.signal(syscall.SIGTERM)
	b.until("the stop was seen", func() bool { return strings.Contains(d.text(), `"stopping"`) })
	begin := time.Now()
	d.signal(syscall.SIGTERM)
	if code := d.wait(2 * time.Second); code != 1 {
		t.Errorf("exit code %d after a second SIGTERM, and %s", code, time.Since(begin))
	}
	b.delay.Store(0)
	time.Sleep(100 * time.Millisecond)
	b.want(0, "run", "--once")
	b.want(0, "run", "--once")
	if a, c := b.sf.Count("Account"), b.sf.Count("Contact"); a != 500 || c != 500 {
		t.Errorf("%d accounts and %d contacts, want 500 each", a, c)
	}
	b.noCanary()
}

// A system that is down is red in status and keeps nobody else from working; the
// process stays up. F26.
func TestE2EF26FailingSystemDegrades(t *testing.T) {
	b := newBed(t)
	b.seed(3)
	b.sf.RefuseSessions(1 << 20)
	s := b.start()
	b.until("the push has failed and the pull is done", func() bool {
		failed, done := false, false
		for _, r := range b.runsAnyCode() {
			failed = failed || r.Flow == "push" && r.Status == "failed"
			done = done || r.Flow == "pull" && r.Status == "done"
		}
		return failed && done
	})
	if out := b.want(1, "status"); !strings.Contains(out, "salesforce push: failed") {
		t.Errorf("status says:\n%s", out)
	}
	b.sf.RefuseSessions(0)
	b.want(0, "run", "--once")
	b.until("the push catches up", func() bool { return b.sf.Count("Contact") == 3 })
	s.signal(syscall.SIGINT)
	if code := s.wait(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	b.noCanary()
}

func (b *bed) runsAnyCode() []runJSON {
	out, _, _ := b.run("runs", "-o", "json")
	var runs []runJSON
	_ = json.Unmarshal([]byte(out), &runs) // the daemon may be between two answers
	return runs
}

// Both targets with the real binary: the check says what HubSpot lacks, --fix
// makes it, and a pass reaches both (R133).
func TestE2EBothTargets(t *testing.T) {
	b := newBed(t)
	text, err := fs.ReadFile(configs.Shipped, hubspotRoutes)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.config, hubspotRoutes), text, 0o600); err != nil {
		t.Fatal(err)
	}
	id := b.qb.AddCustomer(qbenchsim.Fields{"customer_name": "Acme", "industry": "Food", "website": "acme.example"})
	b.qb.AddContact(qbenchsim.Fields{"first_name": "Ann", "last_name": "Lee", "email_address": "ann@acme.example", "phone": "1 202 555 0100"}, id)
	if out := b.want(78, "check", "--live"); !strings.Contains(out, "qbench_id") || !strings.Contains(out, "--fix") {
		t.Errorf("check says\n%s", out)
	}
	if out := b.want(0, "check", "--live", "--fix"); !strings.Contains(out, "qbench_id") {
		t.Errorf("check --fix says\n%s", out)
	}
	b.want(0, "run", "--once")
	if b.hs.Count("companies") != 1 || b.hs.Count("contacts") != 1 || b.sf.Count("Account") != 1 || b.sf.Count("Contact") != 1 {
		t.Errorf("companies %d, contacts %d, Accounts %d, Contacts %d, want one each",
			b.hs.Count("companies"), b.hs.Count("contacts"), b.sf.Count("Account"), b.sf.Count("Contact"))
	}
}
