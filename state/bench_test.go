package state_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// How the benchmarks load: as a large run does it.
const (
	benchPage   = 200
	benchFields = 12
)

func benchRows() int {
	if testing.Short() {
		return 50_000
	}
	return 1_000_000
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

// watchPeak samples private memory until stop is called, which returns the
// peak in bytes.
func watchPeak() (stop func() int64) {
	var peak atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), procLine("status", "RssAnon")<<10))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(done)
		<-ended
		return peak.Load()
	}
}

// loader plays the large run: observations in, hub records and links out.
type loader struct {
	s      *state.Store
	nums   []state.Num
	packed int64 // bytes of hub, link and index rows
	told   bool  // told differs from seen
	rec    state.HubRecord
	link   state.Link
	vals   [benchFields]record.Value
}

func newLoader(tb testing.TB, s *state.Store) *loader {
	names := []string{"qbench", "rule"}
	for i := range benchFields {
		names = append(names, fmt.Sprintf("account.field_%d", i))
	}
	nums, err := s.Nums(names...)
	if err != nil {
		tb.Fatal(err)
	}
	return &loader{s: s, nums: nums}
}

// observation packs what one record of a page holds, as the engine does.
func observation(b []byte, n int) state.Entry {
	start := len(b)
	for f := range benchFields {
		b = state.AppendValue(b, record.Of(benchValue(n, f)))
	}
	return state.Entry{Key: fmt.Appendf(nil, "%018d", n), Data: b[start:]}
}

func benchValue(n, f int) string {
	switch f {
	case 0:
		return strconv.Itoa(1_000_000 + n)
	case 1:
		return fmt.Sprintf("Customer %d of Some Town", n)
	case 2:
		return fmt.Sprintf("someone.%d@example.com", n)
	}
	return fmt.Sprintf("value %d.%d", n%9973, f)
}

func (l *loader) pages(tb testing.TB, rows int) {
	order := rand.New(rand.NewPCG(1, 2)).Perm(rows)
	sp := l.s.Spool("qbench/customer")
	buf := make([]byte, 0, benchPage*400)
	entries := make([]state.Entry, 0, benchPage)
	for from := 0; from < rows; from += benchPage {
		entries, buf = entries[:0], buf[:0]
		for _, n := range order[from:min(from+benchPage, rows)] {
			e := observation(buf, n)
			buf = buf[:len(buf)+len(e.Data)]
			entries = append(entries, e)
		}
		if err := l.s.Update(func(tx *state.Tx) error { return sp.Append(tx, entries) }); err != nil {
			tb.Fatal(err)
		}
	}
}

func (l *loader) merge(tb testing.TB) {
	if err := l.s.Spool("qbench/customer").Merge(tb.Context(), 0, l.row); err != nil {
		tb.Fatal(err)
	}
}

// row decides one new record: hub record, link, reverse index, change number
// and one match key.
func (l *loader) row(tx *state.Tx, e state.Entry) error {
	links, hub := tx.Links("qbench", "customer"), tx.Hub("account")
	remote := string(e.Key)
	if _, ok := links.ByRemote(remote); ok {
		return nil
	}
	id, err := hub.NextID()
	if err != nil {
		return err
	}
	l.rec = state.HubRecord{ID: id, Values: l.rec.Values[:0]}
	l.link = state.Link{Hub: id, Remote: remote, Version: 1_760_000_000_000, Raw: 99, Fields: l.link.Fields[:0]}
	key, data := l.s.Key(), e.Data
	for f := range benchFields {
		var v record.Value
		if v, data, err = state.ReadValue(data); err != nil {
			return err
		}
		d := key.Value(record.Text, v)
		lf := state.LinkField{Field: l.nums[2+f], Seen: d, Told: d}
		if l.told {
			lf.Told ^= 1
		}
		l.link.Set(lf)
		l.rec.Set(l.nums[2+f], v, l.nums[0], 1_760_000_000, l.nums[1])
		l.vals[f] = v
	}
	match := []state.IndexKey{{Field: l.nums[2], Digest: key.Value(record.ID, l.vals[0])}}
	if err := hub.Put(&l.rec, match); err != nil {
		return err
	}
	l.packed += state.PackedSize(&l.rec, &l.link) + 18 + 8 + 4 + int64(len(remote)) + 4
	return links.Put(&l.link)
}

func openBench(b *testing.B) *state.Store {
	s, err := state.Open(filepath.Join(b.TempDir(), "private", "state.db"), state.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkFirstLoad loads a million records in pages of 200, each page durable
// before the next, and merges them. The targets: at most 4 bytes written for
// each byte of packed rows, and at most 150 MB of private memory.
func BenchmarkFirstLoad(b *testing.B) {
	rows := benchRows()
	for b.Loop() {
		s := openBench(b)
		l := newLoader(b, s)
		wrote := procLine("io", "wchar")
		peak := watchPeak()
		began := time.Now()
		l.pages(b, rows)
		spooled := time.Since(began)
		spoolBytes := procLine("io", "wchar") - wrote
		l.merge(b)
		took := time.Since(began)
		written := procLine("io", "wchar") - wrote
		memory := peak()
		b.ReportMetric(float64(written)/float64(l.packed), "written/packed")
		b.ReportMetric(float64(spoolBytes)/float64(l.packed), "spooled/packed")
		b.ReportMetric(float64(l.packed)/float64(rows), "packedB/row")
		b.ReportMetric(float64(memory)/1e6, "MB-private")
		b.ReportMetric(spooled.Seconds(), "s-spool")
		b.ReportMetric((took - spooled).Seconds(), "s-merge")
		b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
		b.Logf("%d rows: packed %d, spooled %d, written %d bytes, private %d MB, spool %s, merge %s",
			rows, l.packed, spoolBytes, written, memory/1e6, spooled, took-spooled)
		if rows >= 1_000_000 && written > 4*l.packed {
			b.Errorf("wrote %d bytes for %d packed, more than 4 times as many", written, l.packed)
		}
		if memory > 150e6 {
			b.Errorf("private memory rose to %d MB, over 150", memory/1e6)
		}
	}
}

// BenchmarkRowSize reports the bytes that a link of 12 fields takes on disk
// after the merge, pages and all, without the reverse index: at most 250 where
// told is seen and 350 otherwise.
func BenchmarkRowSize(b *testing.B) {
	for _, c := range []struct {
		name  string
		told  bool
		limit float64
	}{{"told=seen", false, 250}, {"told-differs", true, 350}} {
		b.Run(c.name, func(b *testing.B) {
			rows := min(benchRows(), 200_000)
			for b.Loop() {
				s := openBench(b)
				l := newLoader(b, s)
				l.told = c.told
				l.pages(b, rows)
				l.merge(b)
				size := float64(state.BucketBytes(s, "link/qbench/customer")) / float64(rows)
				b.ReportMetric(size, "B/link")
				b.ReportMetric(float64(state.BucketBytes(s, "remote/qbench/customer"))/float64(rows), "B/reverse")
				b.ReportMetric(float64(state.BucketBytes(s, "hub/account"))/float64(rows), "B/hub")
				b.ReportMetric(float64(state.BucketBytes(s, "key/account"))/float64(rows), "B/key")
				b.ReportMetric(float64(state.BucketBytes(s, "change/account"))/float64(rows), "B/change")
				if size > c.limit {
					b.Errorf("a link takes %.0f bytes, over %.0f", size, c.limit)
				}
			}
		})
	}
}

// BenchmarkReadLinks reads links by their remote ids in pages of 200, in the
// order a listing has them, as a run that finds nothing changed does.
func BenchmarkReadLinks(b *testing.B) {
	rows := min(benchRows(), 200_000)
	s := openBench(b)
	l := newLoader(b, s)
	l.pages(b, rows)
	l.merge(b)
	remotes := make([]string, rows)
	for n := range rows {
		remotes[n] = fmt.Sprintf("%018d", n)
	}
	var link state.Link
	at := 0
	b.ReportAllocs()
	for b.Loop() {
		err := s.View(func(tx *state.Tx) error {
			links := tx.Links("qbench", "customer")
			for range benchPage {
				id, ok := links.ByRemote(remotes[at])
				at = (at + 1) % rows
				if found, err := links.Get(id, &link); err != nil || !ok || !found {
					return fmt.Errorf("link %s is gone: %w", remotes[at], err)
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPage, "ns/link")
}

// BenchmarkSmallUpdate commits changes to 200 linked records a transaction, as
// a routine run does.
func BenchmarkSmallUpdate(b *testing.B) {
	rows := min(benchRows(), 200_000)
	s := openBench(b)
	l := newLoader(b, s)
	l.pages(b, rows)
	l.merge(b)
	r := rand.New(rand.NewPCG(7, 8))
	var rec state.HubRecord
	var link state.Link
	for n := 0; b.Loop(); n++ {
		err := s.Update(func(tx *state.Tx) error {
			hub, links := tx.Hub("account"), tx.Links("qbench", "customer")
			for range benchPage {
				id := state.HubID(1 + r.IntN(rows))
				if _, err := hub.Get(id, &rec); err != nil {
					return err
				}
				if _, err := links.Get(id, &link); err != nil {
					return err
				}
				rec.Set(l.nums[3], record.Of(strconv.Itoa(n)), l.nums[0], 1_760_000_001, l.nums[1])
				link.Version++
				if err := hub.Put(&rec, nil); err != nil {
					return err
				}
				if err := links.Put(&link); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPage, "ns/record")
}
