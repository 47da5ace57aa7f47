package record_test

import (
	"testing"

	"crmsyncd/fieldmap/record"
)

// BenchmarkCanonicalJSON reads one record of the usual fields.
func BenchmarkCanonicalJSON(b *testing.B) {
	fields := []struct {
		t   record.Type
		raw string
	}{
		{record.ID, `12345`},
		{record.Text, `"Acme Laboratories"`},
		{record.Text, `"caf\u00e9"`},
		{record.Int, `120`},
		{record.Decimal, `"1250.00"`},
		{record.Date, `"2026-11-22"`},
		{record.Datetime, `"2026-11-22T10:00:00+00:00"`},
		{record.Bool, `true`},
		{record.Text, `null`},
		{record.Text, `"ann@example.com"`},
	}
	raw := make([][]byte, len(fields))
	for i, f := range fields {
		raw[i] = []byte(f.raw)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, f := range fields {
			if _, err := record.CanonicalJSON(f.t, raw[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
