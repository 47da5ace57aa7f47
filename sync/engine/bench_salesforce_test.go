package engine_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"crmsyncd/providers/salesforce/salesforcesim"
)

// callsPath is where the simulator's process tells what it was asked for. A
// POST sets the counts to zero.
const callsPath = "/bench/calls"

// startSalesforce starts a simulated Salesforce in a process of its own, on
// loopback, and returns its address.
func startSalesforce(b *testing.B) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestBenchSalesforce$", "-test.timeout=60m")
	cmd.Env = append(os.Environ(), sceneEnv+"=salesforce")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("start the simulator: %v", err)
	}
	return strings.TrimSpace(line)
}

// TestBenchSalesforce is the simulator's process. It ends with its input.
func TestBenchSalesforce(t *testing.T) {
	if os.Getenv(sceneEnv) != "salesforce" {
		t.Skip("the benchmarks call it")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := salesforcesim.New(salesforcesim.Options{NoAudit: true, Quota: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", sim)
	mux.HandleFunc(callsPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sim.ResetCalls()
		}
		_ = json.NewEncoder(w).Encode(peer{countCalls(sim), cpuTime()})
	})
	srv := &http.Server{Handler: mux} // loopback, for a benchmark
	go func() { _ = srv.Serve(listener) }()
	_, _ = os.Stdout.WriteString("http://" + listener.Addr().String() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = srv.Close()
}

// callCounts is what a simulator was asked for, of one object.
type callCounts struct {
	Create, Update, Find, All int
}

// peer is what the simulator's process did: its calls by object, and the seconds
// of processors that it used.
type peer struct {
	Calls map[string]callCounts
	CPU   float64
}

func countCalls(sim *salesforcesim.Sim) map[string]callCounts {
	c := sim.Calls()
	out := map[string]callCounts{"": {All: c.Total()}}
	for _, object := range []string{"Account", "Contact"} {
		out[object] = callCounts{
			Create: c.Of(salesforcesim.CallCreateMany, object), Update: c.Of(salesforcesim.CallUpdateMany, object),
			Find: c.Of(salesforcesim.CallQuery, object) + c.Of(salesforcesim.CallQueryMore, object),
		}
	}
	return out
}

// askPeer returns what the simulator did and sets its counts of calls to zero.
func askPeer(t *testing.T, url string) (out peer) {
	t.Helper()
	get, err := http.Get(url + callsPath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = get.Body.Close() }()
	if err := json.NewDecoder(get.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	post, err := http.Post(url+callsPath, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = post.Body.Close()
	return out
}
