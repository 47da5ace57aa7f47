package engine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/hubspot"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/sync/engine"
)

// The fixtures of format 1 are state files that the build of commit af314f3
// wrote. Each belongs to a scenario (format1_scenarios_test.go), which is played
// in two ways:
//
//   - to make the fixture: with the engine over the simulators. The state file is
//     kept, and so is a tape of every write that a simulator accepted from the
//     engine, with the time at which it did;
//   - to open the fixture: without any engine. The scenario's own steps are done
//     again, what the engine did between them is played from the tape, and the
//     simulators end with the same records under the same ids.
//
// Only a build that writes format 1 can make them: TestMakeFormat1. The
// configuration that they were made under lies beside them.
const format1 = "testdata/format1"

// format1Token is a bearer token that the simulated targets take at any time.
const format1Token = "format-1"

// fixture is one state file of format 1 and what it was made with.
type fixture struct {
	name   string
	edits  [][3]string // of the configuration: file, a text, the text in its place
	guards engine.Guards
	killed bool // the state is as a kill leaves it, not as a stop does
	play   func(*theater)
}

// theater is a world with all four systems, in which a scenario is played.
type theater struct {
	*closeWorld
	hs     *hubspotsim.Sim
	f      fixture
	making bool
	tape   format1Tape
	turn   int // the engine's next turn on the tape
}

// format1Tape is what the engine did to the simulators, and what they hold in the end.
type format1Tape struct {
	Turns   []tapeTurn
	Content map[string][]map[string]string
	Size    int64 // of the state file, whose end holds nothing
}

// tapeTurn is what the engine did between two steps of a scenario.
type tapeTurn struct {
	Writes []tapeWrite
	End    time.Time // the clock after it
}

// tapeWrite is a request that changed something in a simulator.
type tapeWrite struct {
	At                              time.Time
	System, Method, URL, Type, Body string
}

// openFormat1 brings the simulators to the content that the fixture was made
// against, and opens its state over them at the moment at which it was left. No
// write that made the content is in the simulators' audits. The options are
// applied last, before the state is opened.
func openFormat1(t testing.TB, f fixture, opts ...worldOption) *theater {
	t.Helper()
	return newTheater(t, f, false, func(s *theater) {
		s.readTape()
		f.play(s)
		if s.turn != len(s.tape.Turns) {
			t.Fatalf("%s: the scenario has %d turns of the engine, its tape %d", f.name, s.turn, len(s.tape.Turns))
		}
		s.wantContent(s.tape.Content)
		s.sf.ResetAudit()
		s.hs.ResetAudit()
		s.putState()
		for _, o := range opts {
			o(s.world)
		}
	})
}

// newTheater makes a theater. before is called when its simulators stand and its
// state is not open yet.
func newTheater(t testing.TB, f fixture, making bool, before func(*theater)) *theater {
	t.Helper()
	s := &theater{closeWorld: &closeWorld{}, f: f, making: making}
	newWorld(t, func(w *world) {
		s.world = w
		w.files = format1Files(t)
		for _, e := range f.edits {
			w.edit(e[0], e[1], e[2])
		}
		w.guards = f.guards
		if w.guards == (engine.Guards{}) {
			w.guards = defaultGuards()
		}
		s.simulators()
		before(s)
	})
	return s
}

// format1Files is the configuration that the fixtures were made under.
func format1Files(t testing.TB) fstest.MapFS {
	t.Helper()
	root := os.DirFS(filepath.Join(format1, "config"))
	out := fstest.MapFS{}
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, path)
		out[path] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// simulators makes the four, on the world's clock.
func (s *theater) simulators() {
	s.t.Helper()
	var err error
	s.now = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	s.qb = qbenchsim.New(qbenchsim.Options{Clock: s.clock, RateLimit: -1})
	if s.sf, err = salesforcesim.New(salesforcesim.Options{
		Clock: s.clock, Sandbox: true, BaseURL: "https://acme.my.salesforce.com", Token: format1Token,
	}); err != nil {
		s.t.Fatal(err)
	}
	if s.hs, err = hubspotsim.New(hubspotsim.Options{
		Clock: s.clock, RateLimit: hubspotsim.Unlimited, SearchLimit: hubspotsim.Unlimited,
	}); err != nil {
		s.t.Fatal(err)
	}
	for _, object := range []string{"companies", "contacts"} {
		if err := s.hs.AddProperty(object, hubspotsim.Property{Name: "qbench_id", Label: "qbench_id", Type: "string", FieldType: "text", Unique: true}); err != nil {
			s.t.Fatal(err)
		}
	}
	if s.cl, err = closeiosim.New(closeiosim.Options{Clock: s.clock, RateLimit: -1}); err != nil {
		s.t.Fatal(err)
	}
	s.cl.CountIDsFrom(1000)
	s.sfTransport = s.watch("salesforce")
	s.extra = s.beside
}

// beside are the systems beside those that every world has.
func (s *theater) beside() map[string]*engine.System {
	s.t.Helper()
	h, err := hubspot.New(hubspot.Config{
		Auth:      hubspot.Auth{Method: hubspot.FixedToken, Token: func() (string, error) { return format1Token, nil }},
		Transport: s.watch("hubspot"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := closeio.New(closeio.Config{
		Auth:      closeio.Auth{Method: closeio.APIKey, Key: func() (string, error) { return closeiosim.DefaultAPIKey, nil }},
		Transport: s.cl.Transport(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return map[string]*engine.System{"hubspot": engine.NewSystem("hubspot", h), "close": engine.NewSystem("close", c)}
}

func (s *theater) transport(system string) http.RoundTripper {
	if system == "hubspot" {
		return s.hs.Transport()
	}
	return s.sf.Transport()
}

// accepted counts the writes that a target took.
func (s *theater) accepted(system string) int {
	if system == "hubspot" {
		return len(s.hs.Audit())
	}
	return len(s.sf.Audit())
}

// watch is the way to a target. While a fixture is made, it keeps each request
// that changed something.
func (s *theater) watch(system string) http.RoundTripper {
	if !s.making {
		return s.transport(system)
	}
	return &tapeWatcher{s: s, system: system, next: s.transport(system)}
}

type tapeWatcher struct {
	mu     sync.Mutex
	s      *theater
	system string
	next   http.RoundTripper
}

func (r *tapeWatcher) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	before := r.s.accepted(r.system)
	resp, err := r.next.RoundTrip(req)
	if r.s.accepted(r.system) > before && len(r.s.tape.Turns) > 0 {
		last := &r.s.tape.Turns[len(r.s.tape.Turns)-1]
		last.Writes = append(last.Writes, tapeWrite{
			At: r.s.now, System: r.system, Method: req.Method, URL: req.URL.String(), Type: req.Header.Get("Content-Type"), Body: string(body),
		})
	}
	return resp, err
}

// engine is a turn of the engine: while the fixture is made, do happens; later
// what came of it is played from the tape.
func (s *theater) engine(do func()) {
	s.t.Helper()
	if s.making {
		s.tape.Turns = append(s.tape.Turns, tapeTurn{})
		do()
		s.tape.Turns[len(s.tape.Turns)-1].End = s.now
		return
	}
	if s.turn == len(s.tape.Turns) {
		s.t.Fatalf("%s: the tape ends before the scenario does", s.f.name)
	}
	now := s.tape.Turns[s.turn]
	s.turn++
	for _, w := range now.Writes {
		s.now = w.At
		s.again(w)
	}
	s.now = now.End
}

// again sends a request of the tape.
func (s *theater) again(w tapeWrite) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), w.Method, w.URL, strings.NewReader(w.Body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+format1Token)
	if w.Type != "" {
		req.Header.Set("Content-Type", w.Type)
	}
	resp, err := s.transport(w.System).RoundTrip(req)
	if err != nil {
		s.t.Fatalf("%s: %s %s of the tape: %v", s.f.name, w.Method, w.URL, err)
	}
	answer, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("%s: %s %s of the tape was accepted when it was made, now it is %d: %s", s.f.name, w.Method, w.URL, resp.StatusCode, answer)
	}
}

// content is all that the simulators hold, by system and object.
func (s *theater) content() map[string][]map[string]string {
	out := map[string][]map[string]string{}
	for _, object := range []string{"Account", "Contact"} {
		out["salesforce/"+object] = s.sf.Records(object)
	}
	for _, object := range []string{"companies", "contacts"} {
		for _, r := range s.hs.Records(object) {
			r = maps.Clone(r)
			if object == "contacts" {
				r["to companies"] = fmt.Sprint(s.hs.Associations(object, r["hs_object_id"], "companies"))
			}
			out["hubspot/"+object] = append(out["hubspot/"+object], r)
		}
	}
	for _, id := range s.qb.CustomerIDs() {
		f, _ := s.qb.Customer(id)
		out["qbench/customer"] = append(out["qbench/customer"], tapeTexts(fmt.Sprint(id), f))
	}
	for _, id := range s.qb.ContactIDs() {
		f, _ := s.qb.Contact(id)
		out["qbench/contact"] = append(out["qbench/contact"], tapeTexts(fmt.Sprint(id), f))
	}
	for _, object := range []string{"lead", "contact", "opportunity", "task"} {
		for _, id := range s.cl.IDs(object) {
			r := map[string]string{}
			for k, v := range s.cl.Record(id) {
				r[k] = string(v)
			}
			out["close/"+object] = append(out["close/"+object], r)
		}
	}
	for _, u := range s.cl.Users() {
		out["close/user"] = append(out["close/user"], map[string]string{"id": u.ID, "email": u.Email})
	}
	return out
}

func tapeTexts(id string, f map[string]any) map[string]string {
	out := map[string]string{"id": id}
	for k, v := range f {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// wantContent fails unless the simulators hold the records of want with the
// values of want. A simulator may have learned further fields since.
func (s *theater) wantContent(want map[string][]map[string]string) {
	s.t.Helper()
	got := s.content()
	for object, records := range want {
		if len(got[object]) != len(records) {
			s.t.Errorf("%s: %d records of %s, the state knew %d", s.f.name, len(got[object]), object, len(records))
			continue
		}
		for i, r := range records {
			for field, value := range r {
				if now := got[object][i][field]; now != value {
					s.t.Errorf("%s: record %d of %s has %s %q, the state knew %q", s.f.name, i, object, field, now, value)
				}
			}
		}
	}
	if s.t.Failed() {
		s.t.Fatalf("%s: the simulators are not those that the state was made against", s.f.name)
	}
}

func (s *theater) file(suffix string) string { return filepath.Join(format1, s.f.name+suffix) }

func (s *theater) statePath() string { return filepath.Join(s.dir, "private", "state.db") }

// putState lays the state of the fixture where the world opens it.
func (s *theater) putState() {
	s.t.Helper()
	gen, err := os.ReadFile(s.file(".gen"))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.statePath()), 0o700)
	}
	if err == nil {
		err = os.WriteFile(s.statePath(), s.unpack(".db.gz"), 0o600)
	}
	if err == nil {
		err = os.Truncate(s.statePath(), s.tape.Size)
	}
	if err == nil {
		err = os.WriteFile(s.statePath()+".gen", gen, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *theater) readTape() {
	s.t.Helper()
	if err := json.Unmarshal(s.unpack(".tape.gz"), &s.tape); err != nil {
		s.t.Fatal(err)
	}
}

func (s *theater) unpack(suffix string) []byte {
	s.t.Helper()
	f, err := os.Open(s.file(suffix))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}
