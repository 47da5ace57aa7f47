package closeio_test

import (
	"runtime"
	"testing"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
)

// TestMemoryStaysFlat: reading ten times as many leads holds no more memory.
func TestMemoryStaysFlat(t *testing.T) {
	held := func(n int) uint64 {
		l := newLab(t, closeiosim.Options{RateLimit: -1, NoAudit: true}, nil)
		l.bulk(n)
		var most uint64
		base := heap()
		pages := 0
		for p, err := range l.Read(t.Context(), leadQuery("")) {
			if err != nil {
				t.Fatal(err)
			}
			if pages++; pages%20 == 0 || p.Last {
				most = max(most, heap(), base)
			}
		}
		return most - base
	}
	small, large := held(2_000), held(20_000)
	if large > 2*small+8<<20 {
		t.Errorf("%d kB for 2,000 leads, %d kB for 20,000", small>>10, large>>10)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRead reads pages of leads from a server that answers at once.
func BenchmarkRead(b *testing.B) {
	l := newLab(b, closeiosim.Options{RateLimit: -1, NoAudit: true}, nil)
	l.bulk(5_000)
	q := providers.Query{Object: closeio.Lead, Fields: leadFields()}
	b.ReportAllocs()
	records := 0
	began := time.Now()
	for b.Loop() {
		for p, err := range l.Read(b.Context(), q) {
			if err != nil {
				b.Fatal(err)
			}
			records += len(p.Records)
		}
	}
	b.ReportMetric(float64(records)/time.Since(began).Seconds(), "records/s")
}
