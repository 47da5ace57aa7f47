package engine_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// scale is the size of a benchmark: -short cuts it to a twentieth.
func scale(n int) int {
	if rows, err := strconv.Atoi(os.Getenv("BENCH_ROWS")); err == nil {
		return rows
	}
	if testing.Short() {
		return n / 20
	}
	return n
}

// targets are the highest figures that a scene may have. Those of time hang on
// what else the machine does: they are reported and fail nothing.
type targets struct{ exact, timed figures }

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
				s.Pages = []string{writePages(b, filepath.Join(dir, "pages"), rows, edits{{Every: 100, Mark: "x"}}).save(b)}
			}
			got := play(b, s)
			report(b, s.Play+"-", got)
			b.Logf("%d rows, %s: %v", rows, s.Play, got)
			check(b, s.Play, got, map[string]targets{
				"load":    {exact: figures{"MB": 192, "written/packed": 4, "B/link": 250}},
				"compare": {exact: figures{"MB": 64}, timed: figures{"ratio": 3.5}},
				"change":  {exact: figures{"MB": 64}},
			}[s.Play])
		}
	}
}

// check fails the benchmark where a figure is above its target. Targets are for
// the full size.
func check(b *testing.B, what string, got figures, want targets) {
	b.Helper()
	for name, most := range want.exact {
		if v, ok := got[name]; !ok || v > most && !testing.Short() {
			b.Errorf("%s: %s is %.2f, over %.2f", what, name, v, most)
		}
	}
	for name, most := range want.timed {
		if v := got[name]; v > most && !testing.Short() {
			b.Logf("%s: %s is %.2f, OVER THE TARGET of %.2f", what, name, v, most)
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
	st := newStage(t, s.Dir, loadPages(t, s.Pages[0]), "")
	m := measure(st)
	run := st.pull()
	if want := (loadPages(t, s.Pages[0]).Rows + 99) / 100; run.Counts["changed"] != want {
		t.Fatalf("%d records changed, want %d", run.Counts["changed"], want)
	}
	return m.per(run.Counts["changed"])
}

// playCompare compares a listing with a state that holds the same.
func playCompare(t *testing.T, s scene) figures {
	pages := loadPages(t, s.Pages[0])
	st := newStage(t, s.Dir, pages, "")
	st.pull() // the checks of the day
	var bare, noop, bareCPU, noopCPU []float64
	peak := watchPeak()
	for range 5 {
		took, cpu := bareWalk(t, pages)
		bare, bareCPU = append(bare, took), append(bareCPU, cpu)
		began, used := time.Now(), cpuTime()
		run := st.pull()
		noop, noopCPU = append(noop, time.Since(began).Seconds()), append(noopCPU, cpuTime()-used)
		if run.Counts["unchanged"] != pages.Rows || run.Counts["read"] != pages.Rows {
			t.Fatalf("a run with nothing changed: %v", run.Counts)
		}
	}
	for _, list := range [][]float64{bare, noop, bareCPU, noopCPU} {
		slices.Sort(list)
	}
	return figures{
		"MB": peak(), "bare-s": bare[2], "s": noop[2], "ratio": noop[2] / bare[2], "cpu-ratio": noopCPU[2] / bareCPU[2],
	}
}

// bareWalk reads the same bytes token by token and keeps nothing. It returns
// the seconds that took, by the clock and of a processor, without the reading
// of the file.
func bareWalk(t *testing.T, p pageFile) (took, cpu float64) {
	src := servePages(t, p)
	dec := jsontext.NewDecoder(new(bytes.Buffer))
	var page bytes.Buffer
	for i := range len(p.Offsets) - 1 {
		page.Reset()
		if _, err := page.ReadFrom(src.page(i)); err != nil {
			t.Fatal(err)
		}
		began, used := time.Now(), cpuTime()
		dec.Reset(&page)
		for {
			if _, err := dec.ReadToken(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		took, cpu = took+time.Since(began).Seconds(), cpu+cpuTime()-used
	}
	return took, cpu
}
