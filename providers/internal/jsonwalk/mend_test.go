package jsonwalk_test

import (
	"bytes"
	"strings"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/internal/jsonwalk"
)

// C5.2: one value that is no JSON is refused when it is converted, whatever its
// type, and all else of the page comes as it is.
func TestC5_2_OneBadValueSpoilsNoPage(t *testing.T) {
	for name, bad := range map[string]string{
		"lone surrogate": `"a\ud83d b"`, "two of them": `"\ude00\ud83d"`, "raw newline": "\"a\nb\"", "raw NUL": "\"\x00\"",
		"unknown escape": `"a\x41"`, "half an escape": `"\u12"`, "bad UTF-8": "\"M\xfcller\"", "NaN": `NaN`, "minus infinity": `-Infinity`,
		"undefined": `undefined`, "number": `01`, "half a number": `1.`, "within a set": "[\"a\", \"b\tc\"]", "an escaped quote": "\"a\\\"\n\"",
	} {
		body := `{"n":2,"records":[{"Id":"1","x":` + bad + `,"y":"ü \ud83d\ude00"},{"Id":"2","x":"ok","y":null}]}`
		w := jsonwalk.New(jsonwalk.Shape{Array: "records", Head: []string{"n"}, Fields: []string{"Id", "x", "y"}})
		p, err := w.Walk([]byte(body))
		if err != nil || p.Len() != 2 || string(p.Head[0]) != "2" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		one, two := p.Row(0), p.Row(1)
		if string(one[0]) != `"1"` || string(one[2]) != `"ü \ud83d\ude00"` || string(two[1]) != `"ok"` || string(two[2]) != "null" {
			t.Errorf("%s: %q %q", name, one, two)
		}
		for _, typ := range []record.Type{
			record.Text, record.ID, record.Int, record.Decimal, record.Bool, record.Date, record.Datetime, record.Picklist, record.MultiSet, record.Reference,
		} {
			if v, err := record.CanonicalJSON(typ, one[1]); err == nil {
				t.Errorf("%s as %s became %v", name, typ, v)
			}
		}
	}
}

// What hangs on such a value is as unreadable, a name that is none is passed
// over, and two of them are told apart.
func TestBadValuesAndTheirPlaces(t *testing.T) {
	w := jsonwalk.New(jsonwalk.Shape{Array: "records", Fields: []string{"Id", "a.b", "a"}})
	p, err := w.Walk([]byte("\xef\xbb\xbf{\"records\":[{\"Id\":1,\"a\":\"x\ny\"},{\"Id\":2,\"a\":\"x\nz\",\"bad\nname\" :7,\"bad\tname\":8},NaN]}"))
	if err != nil || p.Len() != 3 {
		t.Fatal(err)
	}
	for i := range 2 {
		if row := p.Row(i); !jsonwalk.Unreadable(row[1]) || !jsonwalk.Unreadable(row[2]) {
			t.Errorf("%q", row)
		}
	}
	if bytes.Equal(p.Row(0)[2], p.Row(1)[2]) {
		t.Error("two values look the same")
	}
	if !jsonwalk.Unreadable(p.Row(2)[0]) {
		t.Errorf("a record that is none: %q", p.Row(2))
	}
	if jsonwalk.Unreadable([]byte(`{"a":1}`)) || jsonwalk.Unreadable(nil) {
		t.Error("anything is unreadable")
	}
}

// FuzzMend: whatever is mended, what a strict reader takes comes unchanged.
func FuzzMend(f *testing.F) {
	f.Add(`{"records":[{"Id":"1","x":NaN}]}`)
	f.Add("{\"records\":[{\"Id\":\"a\nb\"}]}")
	f.Add(`{"records":[{"Id":"\ud83d"}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := jsonwalk.New(jsonwalk.Shape{Array: "records", Fields: []string{"Id", "x"}})
		p, err := w.Walk([]byte(body))
		if err != nil {
			return
		}
		for i := range p.Len() {
			for _, raw := range p.Row(i) {
				if raw != nil && !jsonwalk.Unreadable(raw) && !strings.Contains(body, string(raw)) {
					t.Errorf("%q is not in %q", raw, body)
				}
			}
		}
	})
}
