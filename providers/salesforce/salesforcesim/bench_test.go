package salesforcesim_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"crmsyncd/providers/salesforce/salesforcesim"
)

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func benchOrg(b *testing.B, records int) (*salesforcesim.Sim, []string) {
	b.Helper()
	sim, err := salesforcesim.New(salesforcesim.Options{Token: token, NoAudit: true, Quota: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	ids := make([]string, records)
	for i := range ids {
		ids[i], err = sim.Insert("Account", map[string]string{"Name": fmt.Sprint("Account ", i), "QBench_Id__c": fmt.Sprint(i), "BillingCity": "Ulm", "Website": "https://x.test"})
		if err != nil {
			b.Fatal(err)
		}
	}
	return sim, ids
}

func serve(sim *salesforcesim.Sim, method, path, body string) {
	req, _ := http.NewRequest(method, host+path, io.NopCloser(strings.NewReader(body)))
	req.Header.Set("Authorization", "Bearer "+token)
	sim.ServeHTTP(discard{http.Header{}}, req)
}

// BenchmarkCollectionUpdate reports records per second on one core; the
// simulator must not be what a benchmark of the daemon measures.
func BenchmarkCollectionUpdate(b *testing.B) {
	const records = 20_000
	sim, ids := benchOrg(b, records)
	bodies := make([]string, records/200)
	for i := range bodies {
		var list []string
		for _, id := range ids[i*200 : (i+1)*200] {
			list = append(list, account(fmt.Sprintf(`"Id":%q,"Name":"Account %d","Phone":"555 0%d","Industry":"Energy","NumberOfEmployees":%d,"Description":"some text of a usual length"`, id, i, i, i)))
		}
		bodies[i] = `{"allOrNone":false,"records":[` + strings.Join(list, ",") + `]}`
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		serve(sim, "PATCH", many, bodies[n%len(bodies)])
		n++
	}
	b.ReportMetric(float64(n*200)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkQueryByKeys(b *testing.B) {
	sim, _ := benchOrg(b, 20_000)
	var keys []string
	for i := range 200 {
		keys = append(keys, fmt.Sprintf("%%27%d%%27", i*97))
	}
	path := v62 + "/query?q=SELECT+Id,Name,QBench_Id__c+FROM+Account+WHERE+QBench_Id__c+IN+(" + strings.Join(keys, ",") + ")"
	b.ReportAllocs()
	for b.Loop() {
		serve(sim, "GET", path, "")
	}
}

func BenchmarkQueryChanged(b *testing.B) {
	sim, _ := benchOrg(b, 20_000)
	path := v62 + "/query?q=SELECT+Id,Name,Phone,QBench_Id__c+FROM+Account+WHERE+SystemModstamp+>=+2020-01-01T00:00:00Z+ORDER+BY+SystemModstamp,Id"
	b.ReportAllocs()
	for b.Loop() {
		serve(sim, "GET", path, "")
	}
}

// BenchmarkMemory reports the memory of a record with four values.
func BenchmarkMemory(b *testing.B) {
	const records = 100_000
	for b.Loop() {
		before := heap()
		sim, _ := benchOrg(b, records)
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
