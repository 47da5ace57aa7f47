package hubspot

import (
	"fmt"
	"strings"
	"testing"

	"crmsyncd/fieldmap/record"
)

// BenchmarkEncodeDecode is what this package itself costs a batch of 100
// updates of 12 properties: the request's bytes and the reading of the answer,
// which repeats the properties.
func BenchmarkEncodeDecode(b *testing.B) {
	patches := make([]record.Patch, recordsPerCall)
	answer := make([]string, recordsPerCall)
	for i := range patches {
		patches[i].ID = fmt.Sprint(5000 + i)
		var echo []string
		for j := range 12 {
			f := record.Field{Name: fmt.Sprintf("property_%d", j), Type: record.Text}
			value := fmt.Sprintf("value %d of record %d", j, i)
			patches[i].Fields = append(patches[i].Fields, record.FieldValue{Field: f, Value: record.Of(value)})
			echo = append(echo, fmt.Sprintf("%q:%q", f.Name, value))
		}
		answer[i] = fmt.Sprintf(`{"id":"%d","properties":{%s},"createdAt":"2026-01-01T00:00:00Z","objectWriteTraceId":"r%d"}`,
			5000+i, strings.Join(echo, ","), i)
	}
	body := []byte(`{"status":"COMPLETE","results":[` + strings.Join(answer, ",") + `]}`)
	c := &Client{}
	b.ReportAllocs()
	for b.Loop() {
		w := c.newWrite(updating, "update", "companies", patches)
		if err := w.checkFields(); err != nil {
			b.Fatal(err)
		}
		now, _ := w.apart(w.open())
		_, idx := w.encode(now)
		if err := w.note(b.Context(), idx, body); err != nil || w.results[recordsPerCall-1].ID == "" {
			b.Fatal(err)
		}
	}
}

// BenchmarkPage is what a page of 100 records with 12 properties costs to read.
func BenchmarkPage(b *testing.B) {
	var fields []record.Field
	var props, rows []string
	for j := range 12 {
		fields = append(fields, record.Field{Name: fmt.Sprintf("property_%d", j), Type: record.Text})
		props = append(props, fmt.Sprintf(`"property_%d":"value %d"`, j, j))
	}
	for i := range recordsPerCall {
		rows = append(rows, fmt.Sprintf(`{"id":"%d","updatedAt":"2026-01-01T00:00:00.000Z","properties":{%s}}`, i+1, strings.Join(props, ",")))
	}
	body := []byte(`{"results":[` + strings.Join(rows, ",") + `]}`)
	q, err := newQuestion("read", "companies", fields)
	if err != nil {
		b.Fatal(err)
	}
	w := q.walker()
	var recs []record.Record
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := walkPage("read", w, body)
		if err != nil {
			b.Fatal(err)
		}
		if recs, err = p.records("read", recs[:0]); err != nil || len(recs) != recordsPerCall {
			b.Fatal(err)
		}
	}
}
