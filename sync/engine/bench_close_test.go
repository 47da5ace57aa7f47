package engine_test

import (
	"io/fs"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// BenchmarkClose loads 100,000 leads with 200,000 contacts from Close over
// loopback, reads them again with nothing changed, and then in full. Close is
// simulated in the benchmark's process, the engine runs in one of its own.
func BenchmarkClose(b *testing.B) {
	leads := scale(100_000)
	for b.Loop() {
		cl, err := closeiosim.New(closeiosim.Options{RateLimit: -1, NoAudit: true})
		if err != nil {
			b.Fatal(err)
		}
		cl.Bulk(closeiosim.BulkOptions{Leads: leads, ContactsPerLead: 2})
		srv := httptest.NewServer(cl)
		s := scene{Dir: b.TempDir(), URL: srv.URL, Rows: leads}
		least := float64(3 * leads / 100) // pages of 100
		for _, s.Play = range []string{"close-load", "close-routine", "close-full"} {
			got := play(b, s)
			report(b, s.Play+"-", got)
			b.Logf("%d leads, %s: %v", leads, s.Play, got)
			check(b, s.Play, got, map[string]targets{
				"close-load":    {exact: figures{"MB": 192, "calls": least * 1.05}},
				"close-routine": {exact: figures{"MB": 64, "calls": 12}},
				"close-full":    {exact: figures{"MB": 64, "calls": least * 1.05}},
			}[s.Play])
		}
		srv.Close()
	}
}

// playClose is one run over everything that the shipped routes read.
func playClose(full bool) func(*testing.T, scene) figures {
	return func(t *testing.T, s scene) figures {
		store, err := state.Open(filepath.Join(s.Dir, "private", "state.db"), state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		p, err := closeio.New(closeio.Config{
			BaseURL: s.URL, Auth: closeio.Auth{Method: closeio.APIKey, Key: func() (string, error) { return closeiosim.DefaultAPIKey, nil }},
		})
		if err != nil {
			t.Fatal(err)
		}
		eng, err := engine.New(engine.Options{
			Store: store, Mapping: closeMapping(t), Systems: map[string]*engine.System{"close": engine.NewSystem("close", p)},
		})
		if err != nil {
			t.Fatal(err)
		}
		m := meter{&stage{}, procLine("io", "wchar"), watchPeak(), time.Now(), cpuTime()}
		run, err := eng.Pull(t.Context(), engine.Request{System: "close", Full: full})
		if err != nil {
			t.Fatal(err)
		}
		if want := 3 * s.Rows; full && run.Counts["unchanged"] < want || !full && run.Counts["new"] != 0 && run.Counts["new"] < want {
			t.Fatalf("%d leads: %v", s.Rows, run.Counts)
		}
		got := m.per(max(1, run.Counts["read"]))
		for _, n := range run.Calls {
			got["calls"] += float64(n)
		}
		return got
	}
}

// closeMapping is the shipped configuration with Close alone.
func closeMapping(tb testing.TB) *fieldmap.Mapping {
	tb.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"crmsyncd.yaml", "hub.yaml", closeRoutes, "routes/qbench.yaml"} {
		text, err := fs.ReadFile(configs.Shipped, name)
		if err != nil {
			tb.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: unscheduled(text)}
	}
	w := &world{t: tb, files: files}
	w.load()
	return w.mapping
}
