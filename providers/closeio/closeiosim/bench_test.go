package closeiosim_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
)

func bulked(b *testing.B) *closeiosim.Sim {
	b.Helper()
	sim, err := closeiosim.New(closeiosim.Options{RateLimit: -1})
	if err != nil {
		b.Fatal(err)
	}
	sim.Bulk(closeiosim.BulkOptions{Leads: 100_000, ContactsPerLead: 2})
	return sim
}

func BenchmarkBulk(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		sim := bulked(b)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/300_000, "heap-B/record")
		runtime.KeepAlive(sim)
	}
}

func request(b *testing.B, sim http.Handler, method, path, body string) {
	b.Helper()
	r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	r.SetBasicAuth(closeiosim.DefaultAPIKey, "")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("%d %s", w.Code, w.Body)
	}
}

func BenchmarkSearchPage(b *testing.B) {
	sim := bulked(b)
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	key := "custom." + sim.CustomFieldID("lead", "AccountExternalID")
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		at := from.Add(time.Duration(i%1000*100) * time.Second).Format(time.RFC3339)
		request(b, sim, "POST", "/data/search/", asJSON(since("lead", at, "id", "date_updated", "name", "url", key)))
	}
}

func BenchmarkEdit(b *testing.B) {
	sim := bulked(b)
	all := sim.IDs("lead")
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if err := sim.EditLead(all[i*7919%len(all)], closeiosim.Fields{"description": time.Duration(i).String()}); err != nil {
			b.Fatal(err)
		}
	}
}
