package qbench_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench"
)

const benchPage, benchPages = 200, 50

// pages answers lists from memory, as a page that was read from a disk would.
type pages [][]byte

func (p pages) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte(`{"access_token":"t","expires_in":3600}`)
	if strings.Contains(r.URL.Path, "/api/") {
		var n int
		if _, err := fmt.Sscanf(r.URL.Query().Get("page_num"), "%d", &n); err != nil {
			return nil, err
		}
		body = p[n-1]
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// BenchmarkRead reads 10,000 records of 16 members, 12 of them mapped, from
// local pages, with everything that lies between the engine and the wire.
func BenchmarkRead(b *testing.B) {
	var local pages
	for page := range benchPages {
		var rows []string
		for i := range benchPage {
			n := page*benchPage + i
			rows = append(rows, fmt.Sprintf(`{"id":%d,"customer_name":"Example Laboratories %d GmbH","description":"Contract testing for food and water","industry":"Food & Beverage","website":"https://www.example-%d.test","number_of_employees":%d,"phone":"+49 40 555 %06d","fax":null,"comments":"Called twice, prefers e-mail","tags":["north","gold"],"street":"Hafenstrasse %d","city":"Hamburg","state":"HH","postal_code":"20457","country":"Germany","last_updated":"1602800331"}`, 100000+n, n, n, n%900, n, n%200))
		}
		local = append(local, fmt.Appendf(nil, `{"total_count":%d,"total_pages":%d,"data":[%s]}`, benchPage*benchPages, benchPages, strings.Join(rows, ",")))
	}
	c, err := qbench.New(qbench.Config{
		BaseURL: "https://x.qbench.net", ClientID: "a", Secret: func() (string, error) { return "b", nil },
		PageSize: benchPage, MaxPageSize: benchPage, PerMinute: -1, Transport: local,
	})
	if err != nil {
		b.Fatal(err)
	}
	var fields []record.Field
	for _, name := range []string{
		"id", "customer_name", "description", "industry", "website", "number_of_employees",
		"phone", "street", "city", "state", "postal_code", "country",
	} {
		fields = append(fields, record.Field{Name: name, Type: record.Text})
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for page, err := range c.Read(b.Context(), providers.Query{Object: qbench.Customer, Fields: fields}) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(page.Records)
		}
		if n != benchPage*benchPages {
			b.Fatalf("%d records", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchPage*benchPages), "ns/record")
}
