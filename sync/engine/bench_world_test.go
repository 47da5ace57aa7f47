package engine_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/salesforce"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// benchMapping is the shipped configuration with 12 mapped fields for a
// customer.
func benchMapping(tb testing.TB) *fieldmap.Mapping {
	tb.Helper()
	files := fstest.MapFS{}
	for name, f := range shippedFiles(tb) {
		var kept []string
		for line := range strings.Lines(string(f.Data)) {
			if !strings.Contains(line, "remote: date_created") && !strings.Contains(line, "hub: addresses.BILLING.street_2") {
				kept = append(kept, line)
			}
		}
		files[name] = &fstest.MapFile{Data: []byte(strings.Join(kept, ""))}
	}
	env := map[string]string{
		"CRMSYNCD_QBENCH_URL": "https://lab.qbench.net", "CRMSYNCD_QBENCH_CLIENT_ID": "id",
		"CRMSYNCD_SALESFORCE_URL": "https://acme.my.salesforce.com", "CRMSYNCD_SALESFORCE_CLIENT_ID": "id",
		"CRMSYNCD_HUBSPOT_URL": "https://api.hubapi.com",
	}
	cfg, problems := configs.LoadFS(files, configs.Options{LookupEnv: func(n string) (string, bool) { v, ok := env[n]; return v, ok }})
	if fieldmap.Failed(problems) {
		tb.Fatal(problems)
	}
	systems := map[string]fieldmap.SystemInfo{}
	for name, s := range cfg.Systems {
		systems[name] = fieldmap.SystemInfo{Provider: s.Provider}
	}
	m, bad := fieldmap.Compile(cfg.Hub, cfg.Routes, fieldmap.Options{Systems: systems, Zone: time.UTC})
	if fieldmap.Failed(bad) {
		tb.Fatal(bad)
	}
	if n := len(m.Route("qbench", "customer").Fields); n != 12 {
		tb.Fatalf("a customer has %d mapped fields, want 12", n)
	}
	return m
}

// stage is an engine on a state file, with customers that come from local pages
// and, where a URL is given, a Salesforce over the network.
type stage struct {
	tb    testing.TB
	store *state.Store
	eng   *engine.Engine
	qb    *swapper
	wire  atomic.Int64 // bytes sent over the network
}

// swapper lets the listing be exchanged.
type swapper struct{ http.RoundTripper }

func newStage(tb testing.TB, dir string, pages pageFile, salesforceURL string) *stage {
	tb.Helper()
	store, err := state.Open(filepath.Join(dir, "private", "state.db"), state.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	s := &stage{tb: tb, store: store, qb: &swapper{servePages(tb, pages)}}
	secret := func() (string, error) { return "secret", nil }
	q, err := qbench.New(qbench.Config{
		BaseURL: "https://lab.qbench.net", ClientID: "id", Secret: secret,
		PageSize: pageRows, MaxPageSize: pageRows, PerMinute: -1, Transport: s.qb,
	})
	if err != nil {
		tb.Fatal(err)
	}
	systems := map[string]*engine.System{"qbench": engine.NewSystem("qbench", q)}
	if salesforceURL != "" {
		sf, err := salesforce.New(salesforce.Config{
			BaseURL: salesforceURL, ReservePercent: -1, Transport: s.transport(),
			Auth: salesforce.Auth{Method: salesforce.ClientCredentials, ClientID: "id", Secret: secret},
		})
		if err != nil {
			tb.Fatal(err)
		}
		systems["salesforce"] = engine.NewSystem("salesforce", sf)
	}
	s.eng, err = engine.New(engine.Options{
		Store: store, Mapping: benchMapping(tb), Systems: systems,
		Guards: engine.Guards{Overwrites: engine.Guard{Percent: 100, Floor: 1 << 30}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// transport is that of the daemon, with its bytes counted.
func (s *stage) transport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return countedConn{c, &s.wire}, err
	}
	return t
}

type countedConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// packed is what the rows take whose names begin with one of these.
func (s *stage) packed(names ...string) (n int64) {
	s.tb.Helper()
	sizes, err := s.store.Sizes()
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, b := range sizes {
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(b.Name, name) }) {
			n += b.Packed
		}
	}
	return n
}

// linkBytes is what a link takes on disk, pages and all.
func (s *stage) linkBytes(name string) float64 {
	s.tb.Helper()
	sizes, err := s.store.Sizes()
	if err != nil {
		s.tb.Fatal(err)
	}
	for _, b := range sizes {
		if b.Name == name {
			return float64(b.Pages) / float64(b.Rows)
		}
	}
	s.tb.Fatalf("there is no bucket %s", name)
	return 0
}

func (s *stage) pull() state.Run {
	s.tb.Helper()
	run, err := s.eng.Pull(context.Background(), engine.Request{System: "qbench", Objects: []string{"customer"}})
	if err != nil {
		s.tb.Fatal(err)
	}
	return run
}

func (s *stage) push() state.Run {
	s.tb.Helper()
	run, err := s.eng.Push(context.Background(), engine.Request{System: "salesforce", Objects: []string{"Account"}})
	if err != nil {
		s.tb.Fatal(err)
	}
	return run
}
