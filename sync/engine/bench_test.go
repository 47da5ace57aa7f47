package engine_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// scale is the size of a benchmark: -short cuts it to a twentieth.
func scale(n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

// BenchmarkLoadAndCompare loads 1,000,000 customers through the engine, compares
// them again and again with nothing changed, and then with each hundredth
// edited.
func BenchmarkLoadAndCompare(b *testing.B) {
	rows := scale(1_000_000)
	for b.Loop() {
		dir := b.TempDir()
		s := scene{Dir: dir, Pages: []string{writePages(b, filepath.Join(dir, "pages"), rows, nil).save(b)}}
		for _, s.Play = range []string{"load", "compare", "change"} {
			if s.Play == "change" {
				writePages(b, filepath.Join(dir, "pages"), rows, edits{{Every: 100, Mark: "x"}}).save(b)
			}
			got := play(b, s)
			report(b, s.Play+"-", got)
			b.Logf("%d rows, %s: %v", rows, s.Play, got)
			atMost(b, s.Play, got, map[string]map[string]float64{
				"load":    {"MB": 192, "written/packed": 4, "B/link": 250},
				"compare": {"MB": 64, "ratio": 3.5},
				"change":  {"MB": 64},
			}[s.Play])
		}
	}
}

// atMost fails the benchmark where a figure is above its target. Targets are
// for the full size.
func atMost(b *testing.B, what string, got figures, targets map[string]float64) {
	b.Helper()
	for name, target := range targets {
		if got[name] > target && !testing.Short() {
			b.Errorf("%s: %s is %.2f, over %.2f", what, name, got[name], target)
		}
	}
}

func report(b *testing.B, prefix string, f figures) {
	for name, v := range f {
		b.ReportMetric(v, prefix+name)
	}
}

// playLoad is a first load.
func playLoad(t *testing.T, s scene) figures {
	st := newStage(t, s.Dir, loadPages(t, s.Pages[0]), "")
	m := measure(st)
	run := st.pull()
	got := m.per(run.Counts["new"])
	got["written/packed"] = got["written/record"] * got["n"] / float64(st.packed("hub/", "link/", "change/", "key/", "remote/"))
	got["B/link"] = st.linkBytes("link/qbench/customer")
	return got
}

// playChange is a routine run that finds some records edited.
func playChange(t *testing.T, s scene) figures {
	pages := loadPages(t, s.Pages[0])
	st := newStage(t, s.Dir, pages, "")
	m := measure(st)
	run := st.pull()
	if want := pages.Rows / 100; run.Counts["changed"] != want || run.Counts["unchanged"] != pages.Rows-want {
		t.Fatalf("%v, want %d changed", run.Counts, want)
	}
	return m.per(run.Counts["changed"])
}

// playCompare compares a listing with a state that holds the same: at first
// record by record, then page by page.
func playCompare(t *testing.T, s scene) figures {
	pages := loadPages(t, s.Pages[0])
	st := newStage(t, s.Dir, pages, "")
	peak := watchPeak()
	var bare, compare timed
	first := timed{}
	first.add(func() { st.pull() })
	for range 5 {
		bare.add(func() { bareWalk(t, pages) })
		compare.add(func() {
			if run := st.pull(); run.Counts["unchanged"] != pages.Rows || run.Counts["read"] != pages.Rows {
				t.Fatalf("a run with nothing changed: %v", run.Counts)
			}
		})
	}
	return figures{
		"MB": peak(), "bare-s": bare.median(), "s": compare.median(), "first-s": first.median(),
		"ratio": compare.median() / bare.median(), "cpu-ratio": compare.medianCPU() / bare.medianCPU(),
		"first-ratio": first.median() / bare.median(), "first-cpu-ratio": first.medianCPU() / bare.medianCPU(),
	}
}

// timed is what something took each time, by the clock and of the processors.
type timed struct{ clock, cpu []float64 }

func (d *timed) add(fn func()) {
	began, used := time.Now(), cpuTime()
	fn()
	d.clock, d.cpu = append(d.clock, time.Since(began).Seconds()), append(d.cpu, cpuTime()-used)
}

func (d *timed) median() float64    { return median(d.clock) }
func (d *timed) medianCPU() float64 { return median(d.cpu) }

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// bareWalk reads the same bytes token by token and keeps nothing.
func bareWalk(t *testing.T, p pageFile) {
	src := servePages(t, p)
	dec := jsontext.NewDecoder(new(bytes.Buffer))
	var page bytes.Buffer
	for i := range len(p.Offsets) - 1 {
		page.Reset()
		if _, err := page.ReadFrom(src.page(i)); err != nil {
			t.Fatal(err)
		}
		dec.Reset(&page)
		for {
			if _, err := dec.ReadToken(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}
