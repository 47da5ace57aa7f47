package hubspotsim_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"crmsyncd/providers/hubspot/hubspotsim"
)

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func benchPortal(b *testing.B, records int) *hubspotsim.Sim {
	b.Helper()
	none := hubspotsim.Unlimited
	sim, err := hubspotsim.New(hubspotsim.Options{Token: token, NoAudit: true, RateLimit: none, SearchLimit: none, DailyLimit: none})
	if err != nil {
		b.Fatal(err)
	}
	if err := sim.AddProperty("companies", propertyUnique("qbench_customer_id")); err != nil {
		b.Fatal(err)
	}
	for i := range records {
		if _, err := sim.Insert("companies", map[string]string{"name": fmt.Sprint("Company ", i), "qbench_customer_id": fmt.Sprint(i), "city": "Ulm", "domain": fmt.Sprint("d", i, ".test")}); err != nil {
			b.Fatal(err)
		}
	}
	return sim
}

func serve(sim *hubspotsim.Sim, method, path, body string) {
	req, _ := http.NewRequest(method, host+path, io.NopCloser(strings.NewReader(body)))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	sim.ServeHTTP(discard{http.Header{}}, req)
}

// BenchmarkBatchUpsert reports records per second on one core; the simulator
// must not be what a benchmark of the daemon measures.
func BenchmarkBatchUpsert(b *testing.B) {
	const records = 20_000
	sim := benchPortal(b, records)
	bodies := make([]string, records/100)
	for i := range bodies {
		var list []string
		for k := i * 100; k < (i+1)*100; k++ {
			list = append(list, upsert(fmt.Sprint(k), fmt.Sprintf(`"name":"Company %d","phone":"555 0%d","industry":"RESEARCH","numberofemployees":"%d","description":"some text of a usual length"`, i, i, i)))
		}
		bodies[i] = inputs(list...)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		serve(sim, "POST", v9+"/companies/batch/upsert", bodies[n%len(bodies)])
		n++
	}
	b.ReportMetric(float64(n*100)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkBatchRead(b *testing.B) {
	sim := benchPortal(b, 20_000)
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf(`{"id":"%d"}`, i*97))
	}
	body := `{"properties":["name","city","domain"],"idProperty":"qbench_customer_id","inputs":[` + strings.Join(list, ",") + `]}`
	b.ReportAllocs()
	for b.Loop() {
		serve(sim, "POST", v9+"/companies/batch/read", body)
	}
}

func BenchmarkList(b *testing.B) {
	sim := benchPortal(b, 20_000)
	b.ReportAllocs()
	for b.Loop() {
		serve(sim, "GET", v9+"/companies?limit=100&after=9000010000&properties=name,city,domain,phone", "")
	}
}

func BenchmarkSearchChanged(b *testing.B) {
	sim := benchPortal(b, 100_000)
	body := `{"limit":200,"after":"200","sorts":["hs_lastmodifieddate"],"properties":["name"],"filterGroups":[{"filters":[{"propertyName":"hs_lastmodifieddate","operator":"GTE","value":"1700000000000"}]}]}`
	b.ReportAllocs()
	for b.Loop() {
		serve(sim, "POST", v9+"/companies/search", body)
	}
}

// BenchmarkMemory reports the memory of a record with five values.
func BenchmarkMemory(b *testing.B) {
	const records = 100_000
	for b.Loop() {
		before := heap()
		sim := benchPortal(b, records)
		b.ReportMetric(float64(heap()-before)/records, "B/record")
		runtime.KeepAlive(sim)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
