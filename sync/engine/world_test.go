package engine_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/plan"
)

// world is a whole small world: a QBench tenant, a Salesforce organization, the
// shipped configuration between them and a real state file.
type world struct {
	t           testing.TB
	qb          *qbenchsim.Sim
	sf          *salesforcesim.Sim
	dir         string
	files       fstest.MapFS
	mapping     *fieldmap.Mapping
	store       *state.Store
	eng         *engine.Engine
	now         time.Time
	off         time.Duration // how far the clock of the daemon is off
	guards      engine.Guards
	limits      state.JournalLimits
	changes     []plan.Change
	spool       int
	commits     int // since they were counted
	cutAt       int // the commit from which on every one fails; 0 for none
	beforeView  func() error
	qbOpt       func(*qbench.Config)
	sfTransport http.RoundTripper
	more        []fieldmap.RouteSpec             // routes beside those of the files
	extra       func() map[string]*engine.System // the systems that they name
	wrap        func(*engine.System)             // a last look at a system before it is used
	log         *slog.Logger                     // of the engine
	unaudited   string                           // why the audit is not its last step
}

type worldOption func(*world)

func newWorld(t testing.TB, opts ...worldOption) *world {
	t.Helper()
	w := &world{t: t, dir: fastDir(t), now: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), guards: defaultGuards()}
	w.files = shippedFiles(t)
	clock := func() time.Time { return w.now }
	var err error
	w.sf, err = salesforcesim.New(salesforcesim.Options{Clock: clock, Sandbox: true, BaseURL: "https://acme.my.salesforce.com"})
	if err != nil {
		t.Fatal(err)
	}
	w.qb = qbenchsim.New(qbenchsim.Options{Clock: clock, RateLimit: -1})
	for _, o := range opts {
		o(w)
	}
	w.load()
	w.open()
	w.auditAtEnd()
	return w
}

// fastDir is a folder in memory where there is one: these tests open many
// stores and commit often, and a disk's syncs are not what they are about.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "crmsyncd-test-*") //nolint:usetesting // t.TempDir lies on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// shippedFiles is a copy of the shipped configuration that a test may edit.
func shippedFiles(t testing.TB) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(configs.Shipped, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(configs.Shipped, path)
		out[path] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(out, hubspotRoutes) // a world has one target unless it asks for both
	delete(out, closeRoutes)   // and one source
	out["crmsyncd.yaml"].Data = unscheduled(out["crmsyncd.yaml"].Data)
	return out
}

// unscheduled takes the schedules out of crmsyncd.yaml: only the daemon keeps
// them, and a system without a route must have none.
func unscheduled(text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("schedules:")) && !bytes.Contains(line, []byte("{routine:")) {
			out = append(out, line...)
		}
	}
	return out
}

// edit replaces text in one file of the configuration.
func (w *world) edit(file, from, to string) {
	w.t.Helper()
	text := string(w.files[file].Data)
	if !strings.Contains(text, from) {
		w.t.Fatalf("%s does not hold %q", file, from)
	}
	w.files[file] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(text, from, to))}
}

func edited(file, from, to string) worldOption {
	return func(w *world) { w.edit(file, from, to) }
}

// load compiles the configuration.
func (w *world) load() {
	w.t.Helper()
	env := map[string]string{
		"CRMSYNCD_QBENCH_URL": "https://lab.qbench.net", "CRMSYNCD_QBENCH_CLIENT_ID": "id",
		"CRMSYNCD_SALESFORCE_URL": "https://acme.my.salesforce.com", "CRMSYNCD_SALESFORCE_CLIENT_ID": "id",
		"CRMSYNCD_HUBSPOT_URL": "https://api.hubapi.com",
	}
	cfg, problems := configs.LoadFS(w.files, configs.Options{LookupEnv: func(n string) (string, bool) { v, ok := env[n]; return v, ok }})
	if fieldmap.Failed(problems) {
		w.t.Fatal(problems)
	}
	systems := map[string]fieldmap.SystemInfo{}
	for name, s := range cfg.Systems {
		systems[name] = fieldmap.SystemInfo{Provider: s.Provider}
	}
	var bad []fieldmap.Problem
	for _, r := range w.more {
		systems[r.System] = fieldmap.SystemInfo{}
	}
	w.mapping, bad = fieldmap.Compile(cfg.Hub, append(cfg.Routes, w.more...), fieldmap.Options{Systems: systems, Zone: time.UTC})
	if fieldmap.Failed(bad) {
		w.t.Fatal(bad)
	}
}

// open opens the state and builds the engine, as a start of the daemon does.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.store, err = state.Open(filepath.Join(w.dir, "private", "state.db"), state.Options{Now: w.ownClock, BeforeCommit: w.beforeCommit, BeforeView: w.viewing})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.store.Close() })
	w.build()
}

func (w *world) beforeCommit() error {
	if w.commits++; w.cutAt > 0 && w.commits >= w.cutAt {
		return errCut
	}
	return nil
}

func (w *world) viewing() error {
	if w.beforeView == nil {
		return nil
	}
	return w.beforeView()
}

func (w *world) clock() time.Time { return w.now }

// ownClock is that of the daemon's machine.
func (w *world) ownClock() time.Time { return w.now.Add(w.off) }

func (w *world) build() {
	w.t.Helper()
	secret := func() (string, error) { return qbenchsim.DefaultClientSecret, nil }
	qcfg := qbench.Config{
		BaseURL: "https://lab.qbench.net", ClientID: qbenchsim.DefaultClientID, Secret: secret, PerMinute: -1, Transport: w.qb.Transport(),
	}
	if w.qbOpt != nil {
		w.qbOpt(&qcfg)
	}
	q, err := qbench.New(qcfg)
	if err != nil {
		w.t.Fatal(err)
	}
	transport := w.sfTransport
	if transport == nil {
		transport = w.sf.Transport()
	}
	s, err := salesforce.New(salesforce.Config{
		BaseURL: "https://acme.my.salesforce.com", Transport: transport,
		Auth: salesforce.Auth{Method: salesforce.ClientCredentials, ClientID: "id", Secret: secret},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	systems := map[string]*engine.System{"qbench": engine.NewSystem("qbench", q), "salesforce": engine.NewSystem("salesforce", s)}
	if w.extra != nil {
		maps.Copy(systems, w.extra())
	}
	if w.wrap != nil {
		for _, sys := range systems {
			w.wrap(sys)
		}
	}
	w.eng, err = engine.New(engine.Options{
		Store: w.store, Mapping: w.mapping, Systems: systems, Guards: w.guards, Now: w.ownClock, Spool: w.spool,
		Journal: w.limits, Logger: w.log,
		OnChange: func(c plan.Change) { w.changes = append(w.changes, c) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// restart closes everything and starts anew on the same state file.
func (w *world) restart() {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// tick lets an hour pass.
func (w *world) tick() { w.now = w.now.Add(time.Hour) }

// pull and push run once and fail the test on an error.
func (w *world) pull(full ...bool) state.Run {
	w.t.Helper()
	run, err := w.eng.Pull(context.Background(), engine.Request{System: "qbench", Full: len(full) > 0 && full[0], Trigger: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) push(full ...bool) state.Run {
	w.t.Helper()
	run, err := w.tryPush(full...)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) tryPush(full ...bool) (state.Run, error) {
	w.changes = nil
	return w.eng.Push(context.Background(), engine.Request{System: "salesforce", Full: len(full) > 0 && full[0], Trigger: "test"})
}

// sync is a pull and a push, a virtual hour after the one before.
func (w *world) sync() state.Run {
	w.t.Helper()
	w.tick()
	w.pull()
	return w.push()
}

// held lists the holds as reason names, by hub object key or remote id.
func (w *world) held(system string) []state.Hold {
	w.t.Helper()
	var out []state.Hold
	if err := w.store.View(func(tx *state.Tx) error {
		return tx.EachHold(system, func(h state.Hold) error { out = append(out, h); return nil })
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func reasons(holds []state.Hold) []string {
	var out []string
	for _, h := range holds {
		out = append(out, h.Object+" "+h.Reason)
	}
	return out
}

// account and contact return the one Salesforce record with this name or
// e-mail.
func (w *world) account(name string) map[string]string { return w.only("Account", "Name", name) }

func (w *world) contact(email string) map[string]string { return w.only("Contact", "Email", email) }

func (w *world) only(object, field, value string) map[string]string {
	w.t.Helper()
	ids := w.sf.Find(object, field, value)
	if len(ids) != 1 {
		w.t.Fatalf("%d records of %s have %s %q, want 1", len(ids), object, field, value)
	}
	return w.sf.Record(object, ids[0])
}

// customer makes a QBench customer, with what a test says over what every one
// has.
func customer(name string, more ...qbenchsim.Fields) qbenchsim.Fields {
	f := qbenchsim.Fields{
		"customer_name": name, "description": "A lab", "industry": "Food", "website": "https://" + slug(name) + ".example",
		"number_of_employees": 12, "phone": "+1 202 555 0101", "street": "1 Main St", "street_2": "Floor 2", "city": "Springfield",
		"state": "IL", "postal_code": "62701", "country": "United States",
	}
	for _, m := range more {
		for k, v := range m {
			f[k] = v
		}
	}
	return f
}

func person(first, last, email string, more ...qbenchsim.Fields) qbenchsim.Fields {
	f := qbenchsim.Fields{
		"first_name": first, "last_name": last, "email_address": email, "phone": "+1 202 555 0102", "street": "2 Side St",
		"city": "Springfield", "state": "IL", "postal_code": "62702", "country": "United States",
	}
	for _, m := range more {
		for k, v := range m {
			f[k] = v
		}
	}
	return f
}

func slug(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") }

// defaultGuards are those of a configuration that names none.
func defaultGuards() engine.Guards {
	return engine.Guards{Removals: engine.Guard{Percent: 10, Floor: 25}, Overwrites: engine.Guard{Percent: 50, Floor: 25}}
}
