package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A benchmark plays its scenes in processes of their own, so that memory is
// that of the daemon's own code and not of simulators, earlier scenes or the
// data that the benchmark made.

// sceneEnv carries a scene to a child process.
const sceneEnv = "CRMSYNCD_BENCH_SCENE"

// scene is what a child process is to do.
type scene struct {
	Play  string
	Dir   string   // of the state
	Pages []string // saved pageFiles
	URL   string   // of the simulated Salesforce
	Rows  int
	Out   string
}

// figures are what a scene measured, by name.
type figures map[string]float64

// plays are the scenes by name.
func plays() map[string]func(*testing.T, scene) figures {
	return map[string]func(*testing.T, scene) figures{
		"load": playLoad, "compare": playCompare, "change": playChange, "pull": playPull, "push": playPush,
		"close-load": playClose(false), "close-routine": playClose(false), "close-full": playClose(true),
	}
}

// TestBenchScene plays one scene of a benchmark. It is called by the benchmarks
// alone, as a process of its own.
func TestBenchScene(t *testing.T) {
	text := os.Getenv(sceneEnv)
	if text == "" {
		t.Skip("the benchmarks call it")
	}
	var s scene
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("CRMSYNCD_BENCH_CPUPROFILE"); path != "" {
		f, err := os.Create(fmt.Sprintf("%s.%s.%d", path, s.Play, os.Getpid()))
		if err != nil {
			t.Fatal(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			t.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	if path := os.Getenv("CRMSYNCD_BENCH_HEAPPROFILE"); path != "" {
		runtime.MemProfileRate = 4096
		defer func() {
			f, err := os.Create(fmt.Sprintf("%s.%s.%d", path, s.Play, os.Getpid()))
			if err != nil {
				t.Fatal(err)
			}
			_ = pprof.Lookup("heap").WriteTo(f, 0)
			_ = f.Close()
		}()
	}
	got := plays()[s.Play](t, s)
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Out, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// play runs a scene in a child process and returns its figures.
func play(b *testing.B, s scene) figures {
	b.Helper()
	s.Out = filepath.Join(b.TempDir(), "figures.json")
	spec, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestBenchScene$", "-test.timeout=30m")
	cmd.Env = append(os.Environ(), sceneEnv+"="+string(spec))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		b.Fatalf("scene %s: %v\n%s", s.Play, err, out.String())
	}
	var got figures
	text, err := os.ReadFile(s.Out)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		b.Fatal(err)
	}
	return got
}

// procLine reads one number of a file below /proc/self, 0 where there is none.
func procLine(file, name string) int64 {
	b, _ := os.ReadFile("/proc/self/" + file)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n
		}
	}
	return 0
}

// cpuTime is what this process has used of all processors so far, in seconds.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// watchPeak samples private memory until stop is called, which returns the
// peak in megabytes.
func watchPeak() (stop func() float64) {
	var peak atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), procLine("status", "RssAnon")))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() float64 {
		close(done)
		<-ended
		return float64(peak.Load()<<10) / 1e6
	}
}
