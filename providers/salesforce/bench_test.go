package salesforce

import (
	"fmt"
	"strings"
	"testing"

	"crmsyncd/fieldmap/record"
)

// BenchmarkEncodeDecode is what this package itself costs a batch of 200
// updates of 12 fields: the request's bytes and the reading of the answer.
func BenchmarkEncodeDecode(b *testing.B) {
	patches := make([]record.Patch, recordsPerCall)
	answer := make([]string, recordsPerCall)
	for i := range patches {
		id, _ := ID18(fmt.Sprintf("001xx%010d", i))
		patches[i].ID = id
		answer[i] = `{"id":"` + id + `","success":true,"errors":[]}`
		for j := range 12 {
			f := record.Field{Name: fmt.Sprintf("Field_%d__c", j), Type: record.Text}
			patches[i].Fields = append(patches[i].Fields, record.FieldValue{Field: f, Value: record.Of(fmt.Sprintf("value %d of record %d", j, i))})
		}
	}
	body := []byte("[" + strings.Join(answer, ",") + "]")
	c := &Client{}
	b.ReportAllocs()
	for b.Loop() {
		w := c.newWrite(updating, "update", "Account", patches)
		if err := w.checkFields(); err != nil {
			b.Fatal(err)
		}
		if err := w.refuseTwins(b.Context()); err != nil {
			b.Fatal(err)
		}
		_, idx := w.encode(w.open())
		if err := w.note(idx, body); err != nil || w.results[recordsPerCall-1].ID == "" {
			b.Fatal(err)
		}
	}
}
