package engine_test

import (
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkPush makes 100,000 customers in a Salesforce on loopback, then
// writes an edit to each of them.
func BenchmarkPush(b *testing.B) {
	rows := scale(100_000)
	for b.Loop() {
		dir := b.TempDir()
		s := scene{Play: "push", Dir: dir, Rows: rows, URL: startSalesforce(b)}
		rounds := edits{{Every: 1, Mark: "1"}, {Every: 1, Mark: "22", All: true}, {Every: 100, Mark: "3"}}
		for i := range len(rounds) + 1 {
			p := writePages(b, filepath.Join(dir, "pages"+string(rune('0'+i))), rows, rounds[:i])
			s.Pages = append(s.Pages, p.save(b))
		}
		got := play(b, s)
		report(b, "", got)
		b.Logf("%d rows: %v", rows, got)
	}
}

// playPush is a first push and pushes of edits.
func playPush(t *testing.T, s scene) figures {
	got := figures{}
	st := newStage(t, s.Dir, loadPages(t, s.Pages[0]), s.URL)
	for i, name := range []string{"create", "update-1", "update-all", "update-1%"} {
		if i > 0 {
			st.list(loadPages(t, s.Pages[i]))
		}
		st.pull()
		askCalls(t, s.URL)
		wrote, peak, began, used := procLine("io", "wchar"), watchPeak(), time.Now(), cpuTime()
		run := st.push()
		took := time.Since(began).Seconds()
		n := run.Counts["created"] + run.Counts["updated"]
		got[name+"-records/s"] = float64(n) / took
		got[name+"-us/record"] = (cpuTime() - used) / float64(n) * 1e6
		got[name+"-MB"] = peak()
		got[name+"-written/record"] = float64(procLine("io", "wchar")-wrote) / float64(n)
		calls := askCalls(t, s.URL)["Account"]
		got[name+"-writes"], got[name+"-finds"], got[name+"-n"] = float64(calls.Create+calls.Update), float64(calls.Find), float64(n)
	}
	return got
}
