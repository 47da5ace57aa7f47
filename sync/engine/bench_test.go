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

// BenchmarkLoadAndCompare loads 1,000,000 customers through the engine and then
// compares them again and again with nothing changed.
func BenchmarkLoadAndCompare(b *testing.B) {
	rows := scale(1_000_000)
	for b.Loop() {
		dir := b.TempDir()
		pages := writePages(b, filepath.Join(dir, "pages"), rows, nil)
		saved := []string{pages.save(b)}
		load := play(b, scene{Play: "load", Dir: dir, Pages: saved})
		report(b, "load-", load)
		compare := play(b, scene{Play: "compare", Dir: dir, Pages: saved})
		report(b, "compare-", compare)
		b.Logf("%d rows: load %v, compare %v", rows, load, compare)
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
