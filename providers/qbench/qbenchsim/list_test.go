package qbenchsim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/qbench/qbenchsim"
)

func withCustomers(o qbenchsim.Options, n int) *qbenchsim.Sim {
	sim := newSim(o)
	for i := range n {
		sim.AddCustomer(qbenchsim.Fields{"customer_name": fmt.Sprint("Customer ", i)})
	}
	return sim
}

func TestPaging(t *testing.T) {
	tests := []struct {
		query             string
		want, first, last string
		pages             int
	}{
		{"", "50", "1000", "1049", 3},
		{"?page_num=1&page_size=50", "50", "1000", "1049", 3},
		{"?page_num=3&page_size=50", "20", "1100", "1119", 3},
		{"?page_num=4&page_size=50", "0", "", "", 3},
		{"?page_num=2&page_size=7", "7", "1007", "1013", 18},
		{"?page_size=200", "50", "1000", "1049", 3},
		{"?page_num=9223372036854775807&page_size=50", "0", "", "", 3},
	}
	sim := withCustomers(qbenchsim.Options{}, 120)
	for _, path := range []string{"/qbench/api/v1/customer", "/qbench/api/v2/customers"} {
		for _, tt := range tests {
			got := getList(t, sim, path+tt.query)
			all := strings.Fields(ids(got))
			first, last := "", ""
			if len(all) > 0 {
				first, last = all[0], all[len(all)-1]
			}
			if fmt.Sprint(len(all)) != tt.want || first != tt.first || last != tt.last || *got.TotalPages != tt.pages || *got.TotalCount != 120 {
				t.Errorf("%s%s: %d records %s to %s, %d pages", path, tt.query, len(all), first, last, *got.TotalPages)
			}
		}
		for _, bad := range []string{"page_num=0", "page_num=x", "page_size=-1"} {
			if w := call(sim, "GET", path+"?"+bad, fixedToken, ""); w.Code != 400 || !strings.Contains(w.Body.String(), "qb_error_code") {
				t.Errorf("%s: %d %s", bad, w.Code, w.Body)
			}
		}
	}
}

func TestPageSizeMayBeLifted(t *testing.T) {
	sim := withCustomers(qbenchsim.Options{MaxPageSize: 200}, 120)
	if got := len(getList(t, sim, "/qbench/api/v1/customer?page_size=200").Data); got != 120 {
		t.Fatalf("%d records on the page, want 120", got)
	}
}

func TestTotalCountMayBeMissingInV2(t *testing.T) {
	sim := withCustomers(qbenchsim.Options{OmitTotalCount: true}, 3)
	if got := getList(t, sim, "/qbench/api/v2/customers"); got.TotalCount != nil || *got.TotalPages != 1 {
		t.Fatalf("v2 totals %v %v", got.TotalCount, got.TotalPages)
	}
	if got := getList(t, sim, "/qbench/api/v1/customer"); got.TotalCount == nil {
		t.Fatal("v1 documents total_count")
	}
}

func TestEmptyTenant(t *testing.T) {
	got := getList(t, newSim(qbenchsim.Options{}), "/qbench/api/v2/contacts")
	if got.Data == nil || len(got.Data) != 0 || *got.TotalCount != 0 || *got.TotalPages != 0 {
		t.Fatalf("empty list %+v", got)
	}
}

func TestPagesDriftWhenARecordGoes(t *testing.T) {
	sim := withCustomers(qbenchsim.Options{}, 6)
	first := ids(getList(t, sim, "/qbench/api/v1/customer?page_num=1&page_size=2"))
	if !sim.DeleteCustomer(1000) {
		t.Fatal("nothing to delete")
	}
	second := ids(getList(t, sim, "/qbench/api/v1/customer?page_num=2&page_size=2"))
	if first != "1000 1001" || second != "1003 1004" {
		t.Fatalf("pages %q and %q: 1002 must have slipped between them", first, second)
	}
}

func TestPagesDriftWhenARecordComes(t *testing.T) {
	sim := withCustomers(qbenchsim.Options{NewestFirst: true}, 4)
	first := ids(getList(t, sim, "/qbench/api/v1/customer?page_num=1&page_size=2"))
	sim.AddCustomer(qbenchsim.Fields{"customer_name": "New"})
	second := ids(getList(t, sim, "/qbench/api/v1/customer?page_num=2&page_size=2"))
	if first != "1003 1002" || second != "1002 1001" {
		t.Fatalf("pages %q and %q: 1002 must be on both", first, second)
	}
}

func TestNoChangeFilter(t *testing.T) {
	c := newClock()
	sim := withCustomers(qbenchsim.Options{Clock: c.now}, 3)
	since := fmt.Sprint(c.at.Add(time.Hour).Unix())
	for _, key := range []string{"updated_since", "last_updated", "updated_after"} {
		if got := len(getList(t, sim, "/qbench/api/v2/customers?"+key+"="+since).Data); got != 3 {
			t.Errorf("%s filtered: %d records", key, got)
		}
	}
	if _, shown := getRecord(t, sim, "/qbench/api/v1/customer/1000")["last_updated"]; shown {
		t.Error("last_updated is shown although it is off")
	}
}

func TestLastUpdated(t *testing.T) {
	c := newClock()
	sim := withCustomers(qbenchsim.Options{Clock: c.now, LastUpdated: true}, 2)
	c.advance(time.Minute)
	if err := sim.UpdateCustomer(1001, qbenchsim.Fields{"phone": "1"}); err != nil {
		t.Fatal(err)
	}
	got := getList(t, sim, "/qbench/api/v1/customer")
	if a, b := string(got.Data[0]["last_updated"]), string(got.Data[1]["last_updated"]); a != `"1795338300"` || b != `"1795338360"` {
		t.Fatalf("last_updated %s and %s, want Unix seconds as text, a minute apart", a, b)
	}
}

func TestDateForms(t *testing.T) {
	created := time.Date(2020, 10, 16, 21, 5, 7, 0, time.UTC)
	tests := []struct {
		form qbenchsim.DateForm
		want string
	}{
		{qbenchsim.NoDates, ""},
		{qbenchsim.DateSlash, `"10/16/2020"`},
		{qbenchsim.DateTimeSlash, `"10/16/2020 09:05 PM"`},
		{qbenchsim.DateISO, `"2020-10-16T21:05:07+0000"`},
		{qbenchsim.DateUnix, `"1602882307"`},
	}
	sim := newSim(qbenchsim.Options{})
	id := sim.AddCustomer(qbenchsim.Fields{"date_created": created})
	for _, tt := range tests {
		sim.Configure(func(o *qbenchsim.Options) { o.Dates = tt.form })
		if got := string(getRecord(t, sim, fmt.Sprint("/qbench/api/v2/customers/", id))["date_created"]); got != tt.want {
			t.Errorf("form %d: %s, want %s", tt.form, got, tt.want)
		}
	}
	sim.Configure(func(o *qbenchsim.Options) { o.Dates = qbenchsim.DateSlash; o.Zone = time.FixedZone("late", 3*3600) })
	if got := string(getRecord(t, sim, fmt.Sprint("/qbench/api/v2/customers/", id))["date_created"]); got != `"10/17/2020"` {
		t.Errorf("in another zone: %s", got)
	}
	own := sim.AddCustomer(qbenchsim.Fields{"date_created": "yesterday"})
	if got := string(getRecord(t, sim, fmt.Sprint("/qbench/api/v2/customers/", own))["date_created"]); got != `"yesterday"` {
		t.Errorf("a record's own text: %s", got)
	}
}

func TestMixedDatesShowEveryForm(t *testing.T) {
	sim := newSim(qbenchsim.Options{Dates: qbenchsim.DatesMixed})
	for range 4 {
		sim.AddCustomer(qbenchsim.Fields{"date_created": time.Date(2020, 10, 16, 21, 5, 7, 0, time.UTC)})
	}
	seen := map[string]bool{}
	for _, r := range getList(t, sim, "/qbench/api/v1/customer").Data {
		seen[string(r["date_created"])] = true
	}
	if len(seen) != 4 {
		t.Fatalf("forms %v", seen)
	}
}

func TestRecordShapes(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	sim.AddCustomer(qbenchsim.Fields{"customer_name": " Acme ", "address": "1 Main St", "number_of_employees": 12, "website": "acme.example"})
	sim.AddCustomer(qbenchsim.Fields{"address": qbenchsim.Address{Street: "1 Main St", City: "Zürich"}, "number_of_employees": "50-100", "phone": qbenchsim.Absent{}, "tags": []string{"VIP"}})
	sim.AddContact(qbenchsim.Fields{"first_name": "Zoë"}, 1001, 1000)
	tests := []struct{ path, want string }{
		{"/v1/customer/1000", `{"id":1000,"customer_name":" Acme ","address":"1 Main St","phone":null,"fax":null,"comments":null,"tags":[],"number_of_employees":12,"website":"acme.example"}`},
		{"/v2/customers/1001", `{"id":1001,"customer_name":null,"address":{"street":"1 Main St","street_2":"","city":"Zürich","state":"","postal_code":"","country":""},"fax":null,"comments":null,"tags":["VIP"],"number_of_employees":"50-100"}`},
		{"/v1/contact/5000", `{"id":5000,"first_name":"Zoë","last_name":null,"email_address":null,"phone":null,"mobile":null,"fax":null,"address":null,"tags":[],"customer_ids":[1001,1000]}`},
	}
	for _, tt := range tests {
		if got := ok(t, call(sim, "GET", "/qbench/api"+tt.path, fixedToken, "")).Body.String(); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.path, got, tt.want)
		}
	}
	for _, path := range []string{"/v1/customer/1", "/v1/customer/1000.0", "/v2/contacts/9", "/v2/contacts/9/customers", "/v2/customers/9/contacts"} {
		if w := call(sim, "GET", "/qbench/api"+path, fixedToken, ""); w.Code != 404 || !strings.Contains(w.Body.String(), "qb_error_code") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestWhoseContact(t *testing.T) {
	sim := withCustomers(qbenchsim.Options{HideCustomerIDs: true}, 3)
	sim.AddContact(qbenchsim.Fields{"first_name": "One"}, 1000)
	sim.AddContact(qbenchsim.Fields{"first_name": "Both"}, 1000, 1002)
	sim.AddContact(qbenchsim.Fields{"first_name": "None"})
	if r := getRecord(t, sim, "/qbench/api/v2/contacts/5001"); r["customer_ids"] != nil {
		t.Fatalf("customer_ids are hidden, but %s", r["customer_ids"])
	}
	tests := []struct{ path, want string }{
		{"/v2/contacts/5000/customers", "1000"},
		{"/v2/contacts/5001/customers", "1000 1002"},
		{"/v2/contacts/5002/customers", ""},
		{"/v2/customers/1000/contacts", "5000 5001"},
		{"/v2/customers/1000/contacts?page_num=2&page_size=1", "5001"},
		{"/v2/customers/1001/contacts", ""},
		{"/v1/contact?customer_id=1002", "5001"},
		{"/v2/contacts?customer_id=1002&customer_id=1000", "5000 5001"},
	}
	for _, tt := range tests {
		if got := ids(getList(t, sim, "/qbench/api"+tt.path)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
		}
	}
	sim.DeleteCustomer(1000)
	if err := sim.UpdateContact(5002, qbenchsim.Fields{"customer_ids": []int64{1001}}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/v2/contacts/5001/customers": "1002", "/v2/customers/1001/contacts": "5002"} {
		if got := ids(getList(t, sim, "/qbench/api"+path)); got != want {
			t.Errorf("%s after the changes: %q, want %q", path, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	sim.AddCustomer(qbenchsim.Fields{"customer_name": "Blue Farms", "status": "Active"})
	sim.AddCustomer(qbenchsim.Fields{"customer_name": "Red Farms", "status": "Old"})
	sim.AddContact(qbenchsim.Fields{"first_name": "Ann", "email_address": "A@x.example"})
	sim.AddContact(qbenchsim.Fields{"first_name": "Bob", "email_address": "b@x.example"})
	tests := []struct{ path, want string }{
		{"/v2/customers?name_keyword=blue", "1000"},
		{"/v2/customers?name_keyword=farms&statuses=Old", "1001"},
		{"/v2/customers?statuses=Old&statuses=Active", "1000 1001"},
		{"/v2/contacts?email_addresses=a@x.example", "5000"},
		{"/v1/contact?first_name=Bob", "5001"},
		{"/v1/contact?first_name=Bob&customer_id=1000", ""},
		{"/v1/customer?name_keyword=blue", "1000 1001"},
	}
	for _, tt := range tests {
		if got := ids(getList(t, sim, "/qbench/api"+tt.path)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestHiddenField(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	sim.AddCustomer(qbenchsim.Fields{"customer_name": "Acme", "industry": "Food", "website": "w"})
	sim.Configure(func(o *qbenchsim.Options) { o.Hidden = []string{"industry", "phone"} })
	got := slices.Sorted(maps.Keys(getRecord(t, sim, "/qbench/api/v1/customer/1000")))
	want := []string{"address", "comments", "customer_name", "fax", "id", "tags", "website"}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if f, _ := sim.Customer(1000); f["industry"] != "Food" {
		t.Fatalf("the stored record lost its value: %v", f)
	}
}

func TestUpdateKeepsWhatItDoesNotName(t *testing.T) {
	sim := newSim(qbenchsim.Options{})
	id := sim.AddContact(qbenchsim.Fields{"first_name": "Ann", "fax": qbenchsim.Absent{}, "n": json.Number("12345678901234567890"), "x": "<&>"}, 7)
	if err := sim.UpdateContact(id, qbenchsim.Fields{"last_name": "Lee"}); err != nil {
		t.Fatal(err)
	}
	got, _ := sim.Contact(id)
	want := qbenchsim.Fields{
		"first_name": "Ann", "last_name": "Lee", "email_address": nil, "phone": nil, "mobile": nil, "address": nil,
		"tags": []any{}, "n": json.Number("12345678901234567890"), "x": "<&>", "customer_ids": []int64{7},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if err := sim.UpdateContact(1, nil); err == nil {
		t.Fatal("an update of nothing succeeded")
	}
}
