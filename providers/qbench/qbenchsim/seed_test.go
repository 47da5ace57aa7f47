package qbenchsim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/qbench/qbenchsim"
)

func TestSeedIsDeterministic(t *testing.T) {
	one, two, other := newSim(qbenchsim.Options{}), newSim(qbenchsim.Options{}), newSim(qbenchsim.Options{})
	one.Seed(7, 30, 2)
	two.Seed(7, 30, 2)
	other.Seed(8, 30, 2)
	if d := cmp.Diff(stored(one), stored(two)); d != "" {
		t.Fatalf("the same seed gave another tenant:\n%s", d)
	}
	if cmp.Equal(stored(one), stored(other)) {
		t.Fatal("another seed gave the same tenant")
	}
	if a, b := len(one.CustomerIDs()), len(one.ContactIDs()); a != 30 || b != 60 {
		t.Fatalf("%d customers, %d contacts", a, b)
	}
}

// Every habit of the data that a reader must bear is there, even in a small tenant.
func TestSeedShowsEveryShape(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	sim.Seed(1, 150, 2)
	seen := map[string]int{}
	for _, id := range sim.CustomerIDs() {
		f, _ := sim.Customer(id)
		seen[fmt.Sprintf("address %T", f["address"])]++
		seen[fmt.Sprintf("employees %T", f["number_of_employees"])]++
		seen[fmt.Sprintf("city %T", f["city"])]++
		seen[fmt.Sprintf("address_type %v", f["address_type"])]++
		if f["customer_name"] == "" {
			seen["no name"]++
		}
	}
	for _, id := range sim.ContactIDs() {
		f, _ := sim.Contact(id)
		seen[fmt.Sprintf("customers %d", len(f["customer_ids"].([]int64)))]++
		for _, k := range []string{"email_address", "phone", "last_name", "first_name"} {
			if f[k] == nil {
				seen["no "+k]++
			}
		}
	}
	for _, shape := range []string{
		"address string", "address map[string]interface {}", "address <nil>", "city string", "city <nil>",
		"employees json.Number", "employees string", "employees <nil>", "no name",
		"address_type BILLING", "address_type SHIPPING", "address_type <nil>",
		"customers 0", "customers 1", "customers 2", "no email_address", "no phone", "no last_name", "no first_name",
	} {
		if seen[shape] == 0 {
			t.Errorf("no record shows %q; seen %v", shape, seen)
		}
	}
}

func BenchmarkSeed(b *testing.B) {
	for b.Loop() {
		newSim(qbenchsim.Options{}).Seed(1, 1000, 2)
	}
	b.ReportMetric(float64(b.N)*3000/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkPage(b *testing.B) {
	for _, size := range []int{50, 200} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			sim := newSim(qbenchsim.Options{MaxPageSize: size, RateLimit: -1, LastUpdated: true})
			sim.Seed(1, 10*size, 1)
			n := 0
			for b.Loop() {
				r := httptest.NewRequest("GET", fmt.Sprint("/qbench/api/v2/customers?page_size=", size, "&page_num=", 1+n%10), nil)
				r.Header.Set("Authorization", "Bearer "+fixedToken)
				w := httptest.NewRecorder()
				sim.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
				n++
			}
			b.ReportMetric(float64(n*size)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
