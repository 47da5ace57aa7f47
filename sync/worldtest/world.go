package worldtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// The names of the systems, as the shipped configuration has them.
const (
	QBench     = "qbench"
	Close      = "close"
	Salesforce = "salesforce"
	HubSpot    = "hubspot"
)

// salesforceURL is where the simulated organization stands.
const salesforceURL = "https://acme.my.salesforce.com"

// World is the four systems, the configuration and the engine between them. Its
// exported fields may be used freely; after a change of Files call Reload.
type World struct {
	QBench     *qbenchsim.Sim
	Close      *closeiosim.Sim
	Salesforce *salesforcesim.Sim
	HubSpot    *hubspotsim.Sim

	Files   fstest.MapFS
	Mapping *fieldmap.Mapping
	Store   *state.Store
	Engine  *engine.Engine
	Guards  engine.Guards
	Spool   int // as engine.Options has it

	t        testing.TB
	dir      string
	compiled *Compiled
	kill     killer
}

// Compiled keeps mappings by the text they come from, for worlds that share a
// configuration: compiling one takes longer than a day of a small world. It is
// safe for concurrent use.
type Compiled struct{ byText sync.Map }

// Sharing lets a world take its mappings from c.
func Sharing(c *Compiled) Option { return func(w *World) { w.compiled = c } }

// Option changes a World before its engine is built.
type Option func(*World)

// New returns a world without a customer. The test fails if it cannot be made.
func New(t testing.TB, opts ...Option) *World {
	t.Helper()
	w := &World{t: t, dir: memoryDir(t), Files: shipped(t), compiled: &Compiled{}, Guards: engine.Guards{
		Removals: engine.Guard{Percent: 10, Floor: 1 << 30}, Overwrites: engine.Guard{Percent: 50, Floor: 1 << 30},
	}}
	w.simulators()
	for _, o := range opts {
		o(w)
	}
	w.Mapping = w.compile()
	w.open()
	t.Cleanup(func() { _ = w.Store.Close() })
	w.fixes()
	return w
}

// memoryDir is a folder in memory where there is one: a world commits often, and
// a disk's syncs are not what it is about.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "crmsyncd-world-*") //nolint:usetesting // t.TempDir lies on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// shipped is a copy of the shipped configuration that may be edited. The lines
// that carry Close's renewal date and its opportunities to the targets are
// switched on.
func shipped(t testing.TB) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(configs.Shipped, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		b, err := fs.ReadFile(configs.Shipped, path)
		for _, line := range []string{"{remote: Next_Renewal_Date__c,", "{remote: next_renewal_date,"} {
			b = bytes.ReplaceAll(b, []byte("# - "+line), []byte("- "+line))
		}
		out[path] = &fstest.MapFile{Data: withDeals(b)}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withDeals takes the comment marks from the last object of a target's file, the
// opportunities.
func withDeals(text []byte) []byte {
	for _, begins := range []string{"  # - object: Opportunity", "  # - object: deals"} {
		if at := bytes.Index(text, []byte(begins)); at >= 0 {
			return slices.Concat(text[:at], bytes.ReplaceAll(bytes.Replace(text[at:], []byte("  # "), []byte("  "), 1), []byte("\n  # "), []byte("\n  ")))
		}
	}
	return text
}

// simulators makes the four systems, with the fields that the routes need.
func (w *World) simulators() {
	w.QBench = qbenchsim.New(qbenchsim.Options{RateLimit: -1})
	var err error
	if w.Close, err = closeiosim.New(closeiosim.Options{RateLimit: -1}); err != nil {
		w.t.Fatal(err)
	}
	schema, err := salesforcesim.ReadSchema(strings.NewReader(`objects:
  Account: {fields: [{name: Next_Renewal_Date__c, type: date}]}
  Opportunity: {fields: [{name: Close_Id__c, type: string, length: 60, external_id: true, unique: true, case_sensitive: true}]}`))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.Salesforce, err = salesforcesim.New(salesforcesim.Options{Sandbox: true, BaseURL: salesforceURL, Schema: schema}); err != nil {
		w.t.Fatal(err)
	}
	none := hubspotsim.Unlimited
	if w.HubSpot, err = hubspotsim.New(hubspotsim.Options{RateLimit: none, SearchLimit: none, DailyLimit: none}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.HubSpot.AddProperty("companies", hubspotsim.Property{Name: "next_renewal_date", Type: "date"}); err != nil {
		w.t.Fatal(err)
	}
}

// fixes makes in the targets what a person makes there before the first run.
func (w *World) fixes() {
	w.t.Helper()
	for _, system := range []string{Salesforce, HubSpot} {
		fixes, err := w.Engine.Fixes(w.t.Context(), system)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range fixes {
			if err := w.Engine.Fix(w.t.Context(), f); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// Edit replaces text in one file of the configuration. The test fails where it
// does not stand there.
func (w *World) Edit(file, from, to string) {
	w.t.Helper()
	text := string(w.Files[file].Data)
	if !strings.Contains(text, from) {
		w.t.Fatalf("%s does not hold %q", file, from)
	}
	w.Files[file] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(text, from, to))}
}

// compile loads the configuration from Files, or takes what was compiled of them
// before.
func (w *World) compile() *fieldmap.Mapping {
	w.t.Helper()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.Files)) {
		fmt.Fprintf(&text, "%s\n%s\n", name, w.Files[name].Data)
	}
	if m, ok := w.compiled.byText.Load(text.String()); ok {
		return m.(*fieldmap.Mapping)
	}
	m := w.load()
	w.compiled.byText.Store(text.String(), m)
	return m
}

func (w *World) load() *fieldmap.Mapping {
	w.t.Helper()
	env := map[string]string{
		"CRMSYNCD_QBENCH_URL": "https://lab.qbench.net", "CRMSYNCD_QBENCH_CLIENT_ID": "id",
		"CRMSYNCD_SALESFORCE_URL": salesforceURL, "CRMSYNCD_SALESFORCE_CLIENT_ID": "id",
		"CRMSYNCD_HUBSPOT_URL": "https://api.hubapi.com",
	}
	cfg, problems := configs.LoadFS(w.Files, configs.Options{LookupEnv: func(n string) (string, bool) { v, ok := env[n]; return v, ok }})
	if fieldmap.Failed(problems) {
		w.t.Fatal(problems)
	}
	m, problems := cfg.Compile()
	if fieldmap.Failed(problems) {
		w.t.Fatal(problems)
	}
	return m
}

// Reload compiles Files again and goes on with the same state.
func (w *World) Reload() {
	w.t.Helper()
	w.Mapping = w.compile()
	w.build()
}

// Restart closes the state and starts anew on it, as after a kill.
func (w *World) Restart() {
	w.t.Helper()
	w.kill.disarm()
	if err := w.Store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *World) open() {
	w.t.Helper()
	var err error
	w.Store, err = state.Open(filepath.Join(w.dir, "private", "state.db"), state.Options{BeforeCommit: w.kill.commit})
	if err != nil {
		w.t.Fatal(err)
	}
	w.build()
}

// build makes the engine as a start of the daemon does, with fresh providers.
func (w *World) build() {
	w.t.Helper()
	systems, err := w.systems()
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine, err = engine.New(engine.Options{Store: w.Store, Mapping: w.Mapping, Systems: systems, Guards: w.Guards, Spool: w.Spool})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Run carries out one run of a system: a pull of a source, a push of a target.
func (w *World) Run(system string, full bool) (state.Run, error) {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.kill.onDeath(cancel)
	req := engine.Request{System: system, Full: full, Trigger: "test"}
	if pull, _ := w.Engine.Flows(system); pull {
		return w.Engine.Pull(ctx, req) // the caller names the run
	}
	return w.Engine.Push(ctx, req) // the caller names the run
}

// Must is Run for a run that may not fail.
func (w *World) Must(system string, full bool) state.Run {
	w.t.Helper()
	run, err := w.Run(system, full)
	if err != nil {
		w.t.Fatal(fmt.Errorf("%s, full %t: %w", system, full, err))
	}
	return run
}

// Systems are the names of all systems, sources first.
func Systems() []string { return []string{QBench, Close, Salesforce, HubSpot} }

// Tick lets an hour of virtual time pass.
func (w *World) Tick() { time.Sleep(time.Hour) }

// Killed reports whether an error is that of a process that was killed.
func Killed(err error) bool { return errors.Is(err, errKilled) }
