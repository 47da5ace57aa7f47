package hubspot

import (
	"strings"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
	"crmsyncd/providers/internal/scrub"
)

// FuzzFault holds the reader of errors to its promises: whatever a server
// sends, an error is one printable line, its names are names, and no address of
// an e-mail comes through.
func FuzzFault(f *testing.F) {
	for _, s := range []string{
		`{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"message\":\"a@b.c is bad\",\"error\":\"INVALID_EMAIL\",\"name\":\"email\"}]"}`,
		`{"category":"CONFLICT","message":"Contact already exists. Existing ID: 777"}`,
		`{"errors":[{"code":"X","context":{"propertyName":["a"],"ids":[1,"2",null]}}],"context":{"objectWriteTraceId":"r1"}}`,
		`{"policyName":"DAILY"}`, `<html><title>x</title>`, ``, `[]`, `{"context":7}`, `{"errors":{}}`,
		`{"message":"Property values were not valid: [{\"message\":1}]"}`, `{"message":"xisting ID:"}`,
	} {
		f.Add(s, 400, true)
	}
	f.Fuzz(func(t *testing.T, body string, status int, creates bool) {
		v := updating
		if creates {
			v = creating
		}
		resp := &rest.Response{Status: status, Body: []byte(body)}
		e := new(scrub.Words).Error(callError("write", v, resp))
		if strings.ContainsAny(e.Error(), "\n\r\x00") || len(e.Message) > 260 || strings.Contains(e.Code, " ") {
			t.Errorf("an error of %q", e.Error())
		}
		for _, name := range e.Fields {
			if !validName(name) {
				t.Errorf("a field is named %q", name)
			}
		}
		for _, f := range parseFaults([]byte("[" + body + "]")) {
			if f.Code != "" && !validName(f.Code) {
				t.Errorf("a code is %q", f.Code)
			}
		}
		if classify(nil, resp) == rest.Unapplied && status != 429 && status != 423 {
			t.Errorf("status %d counts as not carried out", status)
		}
	})
}

// FuzzNote holds the reconciling of a batch to its promises: every patch ends
// with an id of its own or an error, unless the call as a whole is an error;
// and a create never counts as made on the word of nothing.
func FuzzNote(f *testing.F) {
	f.Add(`{"results":[{"id":"7","objectWriteTraceId":"r0"},{"id":"8","properties":{"key":"K1"}}]}`, true)
	f.Add(`{"results":[{"id":"1","objectWriteTraceId":"r0"}],"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["2"]}}]}`, false)
	f.Add(`{"results":[],"errors":[{"context":{"objectWriteTraceId":["r0","r1","r9","x"]}}]}`, true)
	f.Add(`{"results":[null,{"id":5},{"id":"5","objectWriteTraceId":"r1"}]}`, false)
	f.Fuzz(func(t *testing.T, body string, creates bool) {
		patches := []record.Patch{{ID: "1"}, {ID: "2"}}
		for i := range patches {
			key := record.FieldValue{Field: record.Field{Name: "key", Type: record.ID}, Value: record.Of("K" + string(rune('0'+i)))}
			patches[i].Fields = []record.FieldValue{key}
		}
		w := (&Client{rest: &rest.Client{}}).newWrite(updating, "update labs", "labs", patches)
		if creates {
			w = (&Client{rest: &rest.Client{}}).newWrite(creating, "create labs", "labs", patches)
		}
		idx := []int{0, 1}
		// Only what makes no call of its own is looked at.
		w.results[0].Err, w.results[1].Err = nil, nil
		said := w.noteAll(idx, []byte(body))
		for i, r := range w.results {
			if r.Err == nil && r.ID != "" && !validID(r.ID) {
				t.Errorf("patch %d got the id %q", i, r.ID)
			}
			if r.Err == nil && r.ID != "" && !creates && r.ID != patches[i].ID {
				t.Errorf("patch %d got the id of another", i)
			}
			if (r.ID != "" || w.written[i]) && !said {
				t.Error("an unreadable answer wrote something")
			}
		}
	})
}

// noteAll is note without the calls that follow a silent answer.
func (w *write) noteAll(idx []int, body []byte) bool {
	names := w.properties(idx)
	p, faults, e := w.readAnswer(idx, names, body)
	if e != nil {
		return false
	}
	w.noteResults(idx, p, w.keyField(idx), names)
	w.noteFaults(idx, faults)
	return true
}

// FuzzPages holds the readers of pages, associations, histories, schemas and
// cursors to their one promise: they end, in records with ids or an error of
// kind broken.
func FuzzPages(f *testing.F) {
	f.Add(`{"total":1,"results":[{"id":"1","updatedAt":"2026-01-01T00:00:00Z","properties":{"name":"x"}}],"paging":{"next":{"after":"2"}}}`)
	f.Add(`{"results":[{"from":{"id":"1"},"to":[{"toObjectId":7,"associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":1}]}],"paging":{"next":{"after":"x"}}}]}`)
	f.Add(`{"results":[{"id":"1","propertiesWithHistory":{"name":[{"value":"a","timestamp":"2026-01-01T00:00:00Z"}]}}]}`)
	f.Add(`{"results":[{"name":"x","type":"enumeration","options":[{"value":"a"}]}]}`)
	f.Add("2026-01-01T00:00:00.000Z 5 7")
	f.Fuzz(func(t *testing.T, body string) {
		name := record.Field{Name: "name", Type: record.Text}
		q, err := newQuestion("read labs", "labs", []record.Field{name})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := walkPage("read labs", q.walker(), []byte(body)); err == nil {
			recs, err := p.records("read labs", nil)
			for _, r := range recs {
				if !validID(r.ID) || len(r.Raw) != 1 {
					t.Errorf("record %q with %d literals", r.ID, len(r.Raw))
				}
				if _, err := convert(record.Date, r.Raw[0]); err == nil {
					_, _ = convert(record.Datetime, r.Raw[0])
				}
			}
			broken(t, err)
		} else {
			broken(t, err)
		}
		links := map[string][]link{}
		_, err = parseLinks("read labs", []byte(body), []linkInput{{ID: "1"}}, links)
		broken(t, err)
		for _, l := range links["1"] {
			if !validID(l.to) {
				t.Errorf("an association leads to %q", l.to)
			}
		}
		broken(t, parseHistories("read labs", "77", []byte(body), name, map[string][]providers.FieldVersion{}))
		_, err = parseSchema("describe labs", "contacts", []byte(body))
		broken(t, err)
		if pos, err := parseCursor("read labs", record.Cursor(body)); err == nil && pos.cursor() != record.Cursor(body) {
			t.Errorf("cursor %q became %q", body, pos.cursor())
		}
	})
}

func broken(t *testing.T, err error) {
	t.Helper()
	if err != nil && providers.KindOf(err) != providers.Broken && outcome.AsError(err).Kind != providers.Denied && outcome.AsError(err).Kind != providers.Transient {
		t.Errorf("kind %v: %v", providers.KindOf(err), err)
	}
}

// FuzzValue holds the writing of values to its promise: a text comes back as it
// was sent, or is refused.
func FuzzValue(f *testing.F) {
	f.Add("plain")
	f.Add("with \"quotes\" and \\ and ü\n")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, s string) {
		fv := record.FieldValue{Field: record.Field{Name: "x", Type: record.Text}, Value: record.Of(s)}
		raw, why := appendValue(nil, &fv)
		if why != "" {
			return
		}
		want, werr := record.Canonical(record.Text, s)
		got, err := convert(record.Text, raw)
		if (err != nil) != (werr != nil) || got != want {
			t.Errorf("%q came back as %q, %v", s, got.Text(), err)
		}
	})
}
