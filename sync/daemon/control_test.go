package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// tempSocket is a path short enough for a Unix socket.
func tempSocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cs") //nolint:usetesting // a Unix socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "control.sock")
}

// api answers over an empty state and an empty mapping.
func api(t *testing.T) *daemon.API {
	t.Helper()
	st, err := state.Open(filepath.Join(t.TempDir(), "s", "state.db"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	e, err := engine.New(engine.Options{Store: st, Mapping: &fieldmap.Mapping{Hub: map[string]*fieldmap.HubObject{}}})
	if err != nil {
		t.Fatal(err)
	}
	return &daemon.API{
		Version: "test", Store: st,
		Setup: func() daemon.Setup { return daemon.Setup{Runner: e, Admin: e, Zone: "UTC"} },
	}
}

// apiOf is one with a system named crm, which something is pushed to.
func apiOf(t *testing.T, crm providers.Provider) *daemon.API {
	t.Helper()
	a := api(t)
	e, err := engine.New(engine.Options{
		Store: a.Store, Mapping: a.Setup().Admin.Mapping(), Systems: map[string]*engine.System{"crm": engine.NewSystem("crm", crm)},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Setup = func() daemon.Setup {
		return daemon.Setup{Runner: e, Admin: e, Systems: []daemon.System{{Name: "crm", Push: true}}}
	}
	return a
}

func serve(t *testing.T, socket string, h http.Handler) {
	t.Helper()
	l, err := daemon.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(daemon.Serve(l, h, slog.New(slog.DiscardHandler)))
}

// Every question has the same answer over the socket and in the same process.
func TestSocketAndLocalAgree(t *testing.T) {
	socket, a := tempSocket(t), api(t)
	serve(t, socket, a.Handler())
	remote, err := daemon.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if remote.Daemon.Version != "test" || remote.Daemon.PID != os.Getpid() {
		t.Errorf("who answers: %+v", remote.Daemon)
	}
	local := daemon.Local(a.Handler())
	if err := a.Store.Update(func(tx *state.Tx) error {
		return tx.PutHold(state.Hold{System: "salesforce", Object: "Account", Hub: 3, Reason: "ambiguous_match", Candidates: []string{"a", "b"}})
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"status", "runs", "held", "verify", "lookup", "nonsense", "accept", "request"} {
		got, want := answer(t, remote, name), answer(t, local, name)
		if got != want {
			t.Errorf("%s: over the socket %s, in the process %s", name, got, want)
		}
	}
	if !strings.Contains(answer(t, local, "held"), "ambiguous_match") {
		t.Error("the hold is not listed")
	}
}

// C10.6: whoever asks, nothing is dropped that was not named; and a damaged state
// is not checked in this process (C13.1).
func TestC10_6_DropWantsAName(t *testing.T) {
	a := api(t)
	for hub := range state.HubID(2) {
		if err := a.Store.Update(func(tx *state.Tx) error {
			return tx.PutHold(state.Hold{System: "salesforce", Object: "Account", Hub: hub + 1, Reason: "ambiguous_match"})
		}); err != nil {
			t.Fatal(err)
		}
	}
	c := daemon.Local(a.Handler())
	drop := func(args daemon.HeldArgs) (int, error) {
		n, err := daemon.Ask[daemon.Count](t.Context(), c, "drop", args, daemon.Sink{})
		return n.Count, err
	}
	var f *daemon.Fault
	if n, err := drop(daemon.HeldArgs{}); !errors.As(err, &f) || f.Kind != daemon.FaultUsage || n != 0 {
		t.Errorf("without a name: %d, %v", n, err)
	}
	if n, err := drop(daemon.HeldArgs{HoldFilter: engine.HoldFilter{Hub: "1"}}); n != 1 || err != nil {
		t.Errorf("one: %d, %v", n, err)
	}
	if n, err := drop(daemon.HeldArgs{All: true}); n != 1 || err != nil {
		t.Errorf("all that is left: %d, %v", n, err)
	}
	if got := answer(t, c, "verify"); !strings.Contains(got, "error: ") {
		t.Errorf("verify in this process: %s", got)
	}
}

// answer is an answer as text: items, result and error.
func answer(t *testing.T, c *daemon.Client, name string) string {
	t.Helper()
	var out strings.Builder
	res, err := daemon.Ask[json.RawMessage](t.Context(), c, name, nil, daemon.Sink{Item: func(raw json.RawMessage) error {
		out.Write(raw)
		return nil
	}})
	out.Write(res)
	if err != nil {
		out.WriteString("error: " + err.Error())
	}
	return out.String()
}

func TestSocketModeAndStaleSocket(t *testing.T) {
	socket := tempSocket(t)
	if _, err := daemon.Dial(t.Context(), socket); !errors.Is(err, daemon.ErrNoDaemon) {
		t.Errorf("without a socket: %v, want ErrNoDaemon", err)
	}
	l, err := daemon.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v (%v), want 0660", info.Mode().Perm(), err)
	}
	if _, err := daemon.Listen(socket); !errors.Is(err, daemon.ErrRunning) {
		t.Errorf("a second one: %v, want ErrRunning", err)
	}
	// Left behind by a daemon that was killed.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.Dial(t.Context(), socket); !errors.Is(err, daemon.ErrNoDaemon) {
		t.Errorf("a stale socket: %v, want ErrNoDaemon", err)
	}
	l, err = daemon.Listen(socket)
	if err != nil {
		t.Fatalf("a stale socket is not taken over: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(socket, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.Listen(socket); err == nil {
		t.Error("a file in the socket's place was taken over")
	}
	if b, err := os.ReadFile(socket); err != nil || string(b) != "precious" {
		t.Error("a file in the socket's place was removed")
	}
}

// A question that panics is answered with an error that shows no value, and the
// next one is answered as before.
func TestQuestionPanics(t *testing.T) {
	a := api(t)
	setup := a.Setup
	a.Setup = func() daemon.Setup { panic("jane@example.com") }
	c := daemon.Local(a.Handler())
	if got := answer(t, c, "status"); !strings.Contains(got, "internal error") || strings.Contains(got, "jane") {
		t.Errorf("got %s", got)
	}
	a.Setup = setup
	if got := answer(t, c, "status"); !strings.Contains(got, `"health":"yellow"`) {
		t.Errorf("got %s", got)
	}
}

// An answer that is cut is an error, never a shorter list.
func TestCutAnswer(t *testing.T) {
	c := daemon.Local(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"item":1}` + "\n"))
	}))
	if got := answer(t, c, "held"); !strings.Contains(got, "cut") {
		t.Errorf("got %s", got)
	}
}

// A daemon that is killed while it is asked is told as that, and not as an end of a
// file.
func TestKilledDaemonIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ping") {
			_, _ = w.Write([]byte(`{"result":{"pid":1}}` + "\n"))
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	c, err := daemon.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(t, c, "status"); !strings.Contains(got, "the daemon ended") || strings.Contains(got, "EOF") {
		t.Errorf("got %s", got)
	}
}

// What is no socket is never taken for a daemon that is not there, and a daemon that
// hangs is told as one.
func TestDialTellsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file: "is no control socket", dir: "is no control socket", filepath.Join(dir, "none"): daemon.ErrNoDaemon.Error(),
	} {
		if _, err := daemon.Dial(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	l, err := net.Listen("unix", filepath.Join(dir, "hangs"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it takes calls and answers none
	if _, err := daemon.Dial(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "does not answer within 2s") {
		t.Errorf("one that hangs: %v", err)
	}
}

// One who goes away ends the question, and hangs nothing.
func TestAskerGoesAway(t *testing.T) {
	ended := make(chan struct{})
	c := daemon.Local(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(ended)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := daemon.Ask[struct{}](ctx, c, "plan", nil, daemon.Sink{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-ended
}

func TestStateSlots(t *testing.T) {
	s := daemon.StateSlots{Store: api(t).Store}
	if at, err := s.LastSlot("slot:a"); err != nil || !at.IsZero() {
		t.Errorf("a slot that never was: %v %v", at, err)
	}
	want := time.Date(2026, 11, 22, 3, 0, 0, 5, time.UTC)
	if err := s.SetSlot("slot:a", want); err != nil {
		t.Fatal(err)
	}
	if at, err := s.LastSlot("slot:a"); err != nil || !at.Equal(want) {
		t.Errorf("got %v %v", at, err)
	}
}

// FuzzQuestion: whatever is asked, the answer is lines of JSON that end in a
// result or an error.
func FuzzQuestion(f *testing.F) {
	f.Add("held", `{"system":"x"}`)
	f.Add("link", `{"hub_id":"-1"}`)
	f.Add("request", `{"system":`)
	f.Add("../x", "")
	st, err := state.Open(filepath.Join(f.TempDir(), "s", "state.db"), state.Options{})
	if err != nil {
		f.Fatal(err)
	}
	e, err := engine.New(engine.Options{Store: st, Mapping: &fieldmap.Mapping{Hub: map[string]*fieldmap.HubObject{}}})
	if err != nil {
		f.Fatal(err)
	}
	h := (&daemon.API{Store: st, Setup: func() daemon.Setup { return daemon.Setup{Admin: e} }}).Handler()
	f.Fuzz(func(t *testing.T, name, args string) {
		c := daemon.Local(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, readCloser{strings.NewReader(args)}, 1<<20)
			r.URL.Path = "/v1/" + name
			h.ServeHTTP(w, r)
		}))
		_, err := daemon.Ask[json.RawMessage](t.Context(), c, "x", nil, daemon.Sink{})
		var fault *daemon.Fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("%s %q: %v", name, args, err)
		}
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// Systems follow the mapping: what is pulled has pull slots, what is pushed push
// slots, an object with lines of its own leaves the rest, and a target is pushed
// after each pull that brought something for it. B8, R16, R137.
func TestSystems(t *testing.T) {
	account := &fieldmap.HubObject{Name: "account", SystemOfRecord: "qbench"}
	contact := &fieldmap.HubObject{Name: "contact", SystemOfRecord: "qbench"}
	m := &fieldmap.Mapping{Routes: []*fieldmap.Route{
		{System: "qbench", Object: "customer", Hub: account, Direction: fieldmap.Pull},
		{System: "qbench", Object: "contact", Hub: contact, Direction: fieldmap.Pull},
		{System: "salesforce", Object: "Account", Hub: account, Direction: fieldmap.Push},
	}}
	lines := map[string]daemon.Lines{
		"qbench": {Routine: "@hourly", Full: "0 3 * * SAT"}, "qbench/contact": {Routine: "*/15 * * * *"},
		"salesforce": {Routine: "@hourly"},
	}
	got, err := daemon.Systems(m, lines, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, s := range got {
		for _, slot := range s.Slots {
			text = append(text, slot.Key+" "+slot.Schedule.String()+" "+strings.Join(slot.Objects, ","))
		}
		text = append(text, s.Name+" then "+strings.Join(s.PushAfter, ","))
	}
	want := []string{
		"slot:qbench/contact:pull */15 * * * * contact",
		"slot:qbench:pull @hourly customer", "slot:qbench:pull:full 0 3 * * SAT customer",
		"qbench then salesforce",
		"slot:salesforce:push @hourly ", "salesforce then ",
	}
	if strings.Join(text, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
	lines["salesforce"] = daemon.Lines{Routine: "@hourly", Push: "scheduled"}
	if got, _ = daemon.Systems(m, lines, time.UTC); len(got[0].PushAfter) != 0 {
		t.Error("push: scheduled is pushed after a pull")
	}
	lines["salesforce"] = daemon.Lines{Routine: "0 0 31 2 *"}
	if _, err = daemon.Systems(m, lines, time.UTC); err == nil || !strings.Contains(err.Error(), "salesforce") {
		t.Errorf("a schedule that never comes due: %v", err)
	}
}
