package closeio

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/internal/rest"
	"crmsyncd/providers/internal/scrub"
)

// FuzzPosition: what is taken for a position is one that was given out.
func FuzzPosition(f *testing.F) {
	for _, s := range []string{
		"", "2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z AAAAAAAAAAE", "w -", "w 2026-11-22T10:00:00.000Z",
		"w - 2026-11-22T10:00:00.000Z 2026-11-22T10:00:00.000Z -", "2026-11-22", "w", " ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePosition("read", record.Cursor(s))
		if err == nil && string(p.cursor()) != s {
			t.Errorf("%q came back as %q", s, p.cursor())
		}
	})
}

// FuzzRateLimit: whatever the header says, a wait is between a second and a day.
func FuzzRateLimit(f *testing.F) {
	f.Add("limit=100, remaining=50, reset=5")
	f.Add("limit=100, remaining=0, reset=1.5")
	f.Add("reset=NaN,remaining=-1")
	f.Add("reset=1e400, remaining=9e99")
	f.Fuzz(func(t *testing.T, s string) {
		left, reset, ok := parseRateLimit(s)
		if ok && (left < 0 || reset < time.Second || reset > 25*time.Hour) {
			t.Errorf("%q: %d left, %v", s, left, reset)
		}
	})
}

// FuzzFault: an error is one short line, whatever a server sends.
func FuzzFault(f *testing.F) {
	for _, s := range []string{
		`{"errors":["Bad"],"field-errors":{"lead":"This field is required."}}`, `{"error":"Expired cursor"}`, `Forbidden`,
		`{"field-errors":{"a\nb":{"c":[1,null]}},"errors":[{"x":1}]}`, `<html><title>x</title>`, `[]`, `{"error":{"rate_reset":1}}`,
	} {
		f.Add(s, 400, uint8(0))
	}
	f.Fuzz(func(t *testing.T, body string, status int, v uint8) {
		e := new(scrub.Words).Error(callError("read", verb(v%3), &rest.Response{Status: status, Body: []byte(body)}))
		if text := e.Error(); strings.ContainsAny(text, "\n\r\x00") || len(e.Message) > 260 {
			t.Errorf("an error of %q", text)
		}
		_ = resetOfBody([]byte(body))
		_, _ = parseCustom("describe", []byte(body))
	})
}

// FuzzSheet: a page of whatever a server sends becomes records with ids, each as
// wide as what was asked for, every value of which can be converted or refused.
func FuzzSheet(f *testing.F) {
	f.Add(`{"data":[{"id":"cont_1","date_updated":"2026-01-01T00:00:00+00:00","name":"A B","emails":[{"type":"office","email":"a@b.c"}]}]}`)
	f.Add(`{"data":[{"id":"cont_1","date_updated":"2026-01-01T00:00:00","name":7,"emails":"x","value":-5,"custom.cf_1":["a"]}],"cursor":null}`)
	f.Add(`{"data":[{"id":"cont_1","date_updated":"2026-01-01T00:00:00.1Z","emails":[null,{},{"type":1,"email":{}}],"custom":null}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		schema := &customSchema{fields: []customField{{ID: "cf_1", Name: "One"}}, byName: map[string]int{"One": 0}}
		fields := []record.Field{
			{Name: "first_name", Type: record.Text},
			{Name: "last_name", Type: record.Text},
			{Name: "email", Type: record.Text},
			{Name: "emails.home", Type: record.Text},
			{Name: "custom.One", Type: record.MultiSet},
			{Name: "date_created", Type: record.Date},
		}
		q, err := newQuestion("read", Contact, fields, schema)
		if err != nil {
			t.Fatal(err)
		}
		s := newSheet(q)
		if s.read("read", &rest.Response{Body: []byte(body)}, time.Now()) != nil {
			return
		}
		for i := range s.doc.Len() {
			s.take(i)
		}
		for i := range s.records {
			r := &s.records[i]
			if !validID(r.ID) || len(r.Raw) != len(fields) || r.Version.IsZero() {
				t.Fatalf("a record %+v", r)
			}
			for j, f := range fields {
				_, _ = convert(f.Type, r.Raw[j], time.UTC)
			}
		}
	})
}

// FuzzMajorUnits: an amount is what its digits say, and nothing else is one.
func FuzzMajorUnits(f *testing.F) {
	f.Add("50000", "USD")
	f.Add("-5", "KWD")
	f.Add("1e5", "JPY")
	f.Fuzz(func(t *testing.T, value, currency string) {
		out := majorUnits(nil, []byte(value), quote(nil, currency))
		v, err := convert(record.Decimal, out, time.UTC)
		if bytes.Equal(out, []byte("{}")) || value == "null" {
			return
		}
		if err != nil {
			t.Fatalf("%q became %q", value, out)
		}
		digits := strings.TrimLeft(strings.TrimRight(strings.ReplaceAll(strings.TrimPrefix(value, "-"), ".", ""), "0"), "0")
		got := strings.Trim(strings.ReplaceAll(strings.TrimPrefix(v.Text(), "-"), ".", ""), "0")
		if got != digits {
			t.Errorf("%q became %q", value, v.Text())
		}
	})
}
