package jsonwalk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"crmsyncd/providers/internal/jsonwalk"
)

// benchBody is a page of n records of 16 members, about 560 bytes each.
func benchBody(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"total_count":1000000,"total_pages":5000,"data":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"customer_name":"Example Laboratories %d GmbH","description":"Contract testing for food and water","industry":"Food & Beverage","website":"https://www.example-%d.test","number_of_employees":%d,"phone":"+49 40 555 %06d","fax":null,"comments":"Called twice, prefers e-mail","tags":["north","gold"],"street":"Hafenstrasse %d","city":"Hamburg","state":"HH","postal_code":"20457","country":"Germany","last_updated":"1602800331"}`,
			100000+i, i, i, i%900, i, i%200)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func benchShape() jsonwalk.Shape {
	return jsonwalk.Shape{Array: "data", Head: []string{"total_count", "total_pages"}, Fields: []string{
		"id", "customer_name", "description", "industry", "website", "number_of_employees",
		"phone", "street", "city", "state", "postal_code", "country",
	}}
}

const benchRecords = 200

// BenchmarkWalk reads 12 of 16 fields of each record.
func BenchmarkWalk(b *testing.B) {
	body, w := benchBody(benchRecords), jsonwalk.New(benchShape())
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Walk(body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/record")
}

// BenchmarkBareTokens reads the same bytes token by token and keeps nothing.
func BenchmarkBareTokens(b *testing.B) {
	body := benchBody(benchRecords)
	dec := jsontext.NewDecoder(new(bytes.Buffer))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		dec.Reset(bytes.NewBuffer(body))
		for {
			if _, err := dec.ReadToken(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/record")
}
