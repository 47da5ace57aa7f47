package jsonwalk_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/internal/jsonwalk"
)

func rows(p *jsonwalk.Page) [][]string {
	var out [][]string
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			out = append(out, nil)
			continue
		}
		texts := []string{}
		for _, raw := range row {
			if raw == nil {
				texts = append(texts, "-")
			} else {
				texts = append(texts, string(raw))
			}
		}
		out = append(out, texts)
	}
	return out
}

func TestWalkKeepsLiterals(t *testing.T) {
	w := jsonwalk.New(jsonwalk.Shape{
		Array: "records", Head: []string{"totalSize", "next"},
		Fields: []string{"Id", "Account.Ext__c", "amount", "Account", "custom.x y", "Id"},
	})
	tests := []struct {
		name, body string
		want       [][]string
		head       []string
	}{
		{"empty", `{"totalSize":0,"records":[]}`, nil, []string{"0", "-"}},
		{
			"numbers keep their form", `{"records":[{"Id":1e5,"amount":12345.0}]}`,
			[][]string{{"1e5", "-", "12345.0", "-", "-", "1e5"}},
			[]string{"-", "-"},
		},
		{
			"nested", ` { "records" : [ { "Account" : { "Ext__c" : "A1" , "n":[1,{"a":2}]} , "Id":"x" } , null ] , "next":"/q" } `,
			[][]string{{`"x"`, `"A1"`, "-", `{ "Ext__c" : "A1" , "n":[1,{"a":2}]}`, "-", `"x"`}, nil},
			[]string{"-", `"/q"`},
		},
		{
			"null parent blanks its members", `{"records":[{"Account":null}]}`,
			[][]string{{"-", "null", "-", "null", "-", "-"}},
			[]string{"-", "-"},
		},
		{
			"a string where an object was expected leaves its members missing", `{"records":[{"Account":"Main St"}]}`,
			[][]string{{"-", "-", "-", `"Main St"`, "-", "-"}},
			[]string{"-", "-"},
		},
		{
			"a flat key with a dot", `{"records":[{"custom.x y":1},{"custom":{"x y":2}}]}`,
			[][]string{{"-", "-", "-", "-", "1", "-"}, {"-", "-", "-", "-", "2", "-"}},
			[]string{"-", "-"},
		},
		{"escaped name", `{"records":[{"\u0049d":7}]}`, [][]string{{"7", "-", "-", "-", "-", "7"}}, []string{"-", "-"}},
		{
			"order changes between records", `{"records":[{"Id":1,"amount":2},{"amount":3,"Id":4},{"z":0,"Id":5}]}`,
			[][]string{{"1", "-", "2", "-", "-", "1"}, {"4", "-", "3", "-", "-", "4"}, {"5", "-", "-", "-", "-", "5"}},
			[]string{"-", "-"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := w.Walk([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, rows(p)); diff != "" {
				t.Error(diff)
			}
			for i, h := range p.Head {
				got := "-"
				if h != nil {
					got = string(h)
				}
				if got != tt.head[i] {
					t.Errorf("head %d: got %s, want %s", i, got, tt.head[i])
				}
			}
		})
	}
}

func TestWalkTopLevelArray(t *testing.T) {
	p, err := jsonwalk.New(jsonwalk.Shape{Fields: []string{"id"}}).Walk([]byte(`[{"id":"a"},null,{}]`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{`"a"`}, nil, {"-"}}, rows(p)); diff != "" {
		t.Error(diff)
	}
}

// What nobody wants may come twice, and the next record may have what this one had.
func TestWalkLetsOthersComeTwice(t *testing.T) {
	p, err := jsonwalk.New(jsonwalk.Shape{Fields: []string{"id", "a.b"}}).Walk([]byte(`[{"x":1,"id":"a","x":2,"a":{"b":1,"c":1,"c":2}},{"id":"b","a":{"b":2}}]`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{`"a"`, "1"}, {`"b"`, "2"}}, rows(p)); diff != "" {
		t.Error(diff)
	}
}

func TestWalkRefuses(t *testing.T) {
	deep := func(n int) string {
		return `{"records":[{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}]}`
	}
	tests := map[string]struct{ body, want string }{
		"empty":           {"", "breaks off"},
		"HTML":            {"<html>", "near byte 0"},
		"truncated":       {`{"records":[{"Id":"12`, "breaks off"},
		"array":           {`[]`, "the document is an array"},
		"null":            {`null`, "the document is null"},
		"number records":  {`{"records":[1]}`, "record 0 is a number"},
		"duplicate":       {`{"records":[{"Id":1,"Id":2}]}`, "two members of one name"},
		"duplicate inner": {`{"records":[{"Account":{"Account":1,"secretname":1,"Account":2}}]}`, "two members of one name"},
		"object twice":    {`{"records":[{"Account":{"Account":1},"Account":{}}]}`, "two members of one name"},
		"spelled another": {`{"records":[{"Id":1,"\u0049d":2}]}`, "two members of one name"},
		"records twice":   {`{"records":[],"records":[]}`, "two members of one name"},
		"open text":       {"{\"records\":[{\"Id\":\"a\nb}]}", "near byte"},
		"bad and open":    {`{"records":[{"Id":NaN}`, "near byte"},
		"trailing":        {`{"records":[]}{}`, "after the document"},
		"deep":            {deep(100_000), "deeper than 64"},
		"deep in object":  {`{"records":[` + strings.Repeat(`{"Account":`, 70) + "1" + strings.Repeat("}", 70) + `]}`, "deeper than 64"},
		"deep in head":    {`{"x":` + strings.Repeat("[", 5000), "deeper than 64"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := jsonwalk.New(jsonwalk.Shape{Array: "records", Fields: []string{"Id", "Account.Account"}})
			_, err := w.Walk([]byte(tt.body))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "secretname") || len(err.Error()) > 300 {
				t.Errorf("the error shows too much: %q", err)
			}
			if _, err := w.Walk([]byte(`{"records":[{"Id":1}]}`)); err != nil {
				t.Errorf("the walker is not usable after an error: %v", err)
			}
		})
	}
}

func TestElements(t *testing.T) {
	got, ok := jsonwalk.Elements([]byte(`[1, "a" ,{"b":[2]}, null]`))
	var texts []string
	for _, e := range got {
		texts = append(texts, string(e))
	}
	if diff := cmp.Diff([]string{"1", `"a"`, `{"b":[2]}`, "null"}, texts); !ok || diff != "" {
		t.Error(ok, diff)
	}
	for _, bad := range []string{``, `{}`, `[1`, `[[`, `1`} {
		if _, ok := jsonwalk.Elements([]byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestWalkAllocatesNothing(t *testing.T) {
	w, body := jsonwalk.New(benchShape()), benchBody(200)
	if _, err := w.Walk(body); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(20, func() {
		if _, err := w.Walk(body); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations for 200 records", n)
	}
}

// FuzzWalk holds the walk to the standard library's reading of the same bytes. What
// is no JSON was taken with a literal in the place of what is none; FuzzMend says
// what may become of it.
func FuzzWalk(f *testing.F) {
	f.Add([]byte(`{"records":[{"Id":"a","Account":{"Ext":1}},null],"n":1}`))
	f.Add([]byte(`{"records":[{"Id":1.50,"Id2":[[]]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := jsonwalk.New(jsonwalk.Shape{Array: "records", Head: []string{"n"}, Fields: []string{"Id", "Account.Ext"}})
		p, err := w.Walk(body)
		if err != nil || !json.Valid(body) {
			return
		}
		var want struct {
			Records []map[string]json.RawMessage `json:"-"`
		}
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatalf("taken, but not JSON: %v", err)
		}
		if !p.Found {
			return
		}
		if err := json.Unmarshal(doc["records"], &want.Records); err != nil {
			t.Fatalf("taken, but no list of objects: %v", err)
		}
		if len(want.Records) != p.Len() {
			t.Fatalf("%d rows, want %d", p.Len(), len(want.Records))
		}
		for i, rec := range want.Records {
			if row := p.Row(i); row != nil && string(row[0]) != string(rec["Id"]) {
				t.Fatalf("row %d: got %q, want %q", i, row[0], rec["Id"])
			}
		}
	})
}

// TestAppendText: what is written is read again, with an escape or without one.
func TestAppendText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": `""`, "Larch & Co": `"Larch & Co"`, `a"b\c`: `"a\"b\\c"`, "a\nb\x7f": `"a\nb` + "\x7f" + `"`, "é\u2028": "\"é\u2028\"",
	} {
		got, ok := jsonwalk.AppendText([]byte("["), text)
		if !ok || string(got) != "["+want {
			t.Errorf("%q: %s, %v", text, got, ok)
		}
		if back, ok := jsonwalk.Text(got[1:]); !ok || back != text {
			t.Errorf("%q came back as %q", text, back)
		}
	}
	if got, ok := jsonwalk.AppendText([]byte("["), "a\xff"); ok || string(got) != "[" {
		t.Errorf("invalid UTF-8: %s, %v", got, ok)
	}
}
