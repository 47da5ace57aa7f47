package salesforce_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/salesforce"
)

// poisoned refuses every call that carries one of the marks, as a whole.
func poisoned(code string, marks ...string) *script {
	return &script{answer: func(_ *http.Request, body string) reply {
		for _, m := range marks {
			if strings.Contains(body, m) {
				return reply{status: 400, body: `[{"message":"Cannot deserialize ` + strings.Trim(m, `"`) + `","errorCode":"` + code + `"}]`}
			}
		}
		return reply{body: made(body)}
	}}
}

// F16 and F17: a batch that is refused as a whole is cut down to the record at
// fault; all others are written.
func TestF17_BatchIsCutDownToTheBadRecord(t *testing.T) {
	for _, code := range []string{"JSON_PARSER_ERROR", "SOMETHING_NEW"} {
		s := poisoned(code, "Name 77\"", "Name 150\"")
		got, err := client(t, s).Create(t.Context(), "Account", inserts(200))
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range got {
			bad := i == 77 || i == 150
			if bad != (r.Err != nil) || bad && r.Err.Kind != providers.Rejected {
				t.Errorf("%s: record %d: %v", code, i, r.Err)
			}
			if bad && strings.Contains(r.Err.Error(), "Name ") {
				t.Errorf("the error shows a value: %v", r.Err)
			}
		}
		if n := len(s.calls()); n > 35 {
			t.Errorf("%d calls", n)
		}
	}
}

// A batch without a good record costs a bounded number of calls.
func TestF22_HopelessBatchIsGivenUp(t *testing.T) {
	s := poisoned("SOMETHING_NEW", "Name")
	got, err := client(t, s).Create(t.Context(), "Account", inserts(200))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, k := range kinds(got) {
		count[k]++
	}
	if len(s.calls()) > 40 || count["rejected"] == 0 || count["rejected"]+count["transient"] != 200 {
		t.Error(len(s.calls()), count)
	}
}

// F8: a part of a cut batch may be lost while another was written.
func TestF8_LostPartOfACutBatch(t *testing.T) {
	s := &script{}
	s.answer = func(_ *http.Request, body string) reply {
		switch n := strings.Count(body, `"attributes"`); {
		case n == 4:
			return reply{status: 400, body: `[{"message":"m","errorCode":"JSON_PARSER_ERROR"}]`}
		case strings.Contains(body, "Name 0"):
			return reply{body: made(body)}
		}
		return reply{err: errors.New("reset")}
	}
	got, err := client(t, s).Create(t.Context(), "Account", inserts(4))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ok", "ok", "unknown", "unknown"}, kinds(got)); diff != "" {
		t.Error(diff)
	}
}

// Locked records are sent again by themselves, and only they.
func TestLockedRecordsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const locked = `{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"unable to obtain exclusive access","fields":[]}]}`
		s := answers(
			reply{body: `[{"id":"` + id(1) + `","success":true},` + locked + `,` + locked + `]`},
			reply{body: `[` + locked + `,{"id":"` + id(3) + `","success":true}]`},
			reply{body: `[` + locked + `]`},
		)
		got, err := client(t, s).Create(t.Context(), "Account", inserts(3))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"ok", "transient", "ok"}, kinds(got)); diff != "" {
			t.Error(diff)
		}
		if b := s.bodies(); len(b) != 3 || strings.Contains(b[1], "Name 0") || !strings.Contains(b[2], "Name 1") || strings.Contains(b[2], "Name 2") {
			t.Error(b)
		}
	})
}

const accountDescribe = `{"name":"Account","fields":[
	{"name":"Id","type":"id","length":18,"idLookup":true,"filterable":true},
	{"name":"Name","type":"string","length":255,"createable":true,"updateable":true,"filterable":true},
	{"name":"Group__c","type":"string","length":50,"createable":true,"updateable":true,"nillable":true,"filterable":true},
	{"name":"Ext__c","type":"string","length":50,"createable":true,"updateable":true,"nillable":true,"unique":true,"externalId":true,"idLookup":true,"caseSensitive":true,"filterable":true}]}`

// Two records with one external id in one call: neither is sent.
func TestTwinsAreRefused(t *testing.T) {
	s := &script{answer: func(r *http.Request, body string) reply {
		if strings.HasSuffix(r.URL.Path, "/describe") {
			return reply{body: accountDescribe}
		}
		return reply{body: made(body)}
	}}
	p := inserts(4)
	p[2].Fields[0].Value = record.Of("E0")
	for i := range p {
		p[i].Fields = append(p[i].Fields, field("Group__c", record.ID, record.Of("same")))
	}
	got, err := client(t, s).Create(t.Context(), "Account", p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"rejected", "ok", "rejected", "ok"}, kinds(got)); diff != "" {
		t.Error(diff)
	}
	if e := got[2].Err; !strings.Contains(e.Error(), "Ext__c") || strings.Contains(e.Error(), "E0") {
		t.Error(e)
	}
	s = answers(reply{body: made(`"attributes"`)})
	got, err = client(t, s).Update(t.Context(), "Account", []record.Patch{{ID: id(1)}, {ID: id(0)}, {ID: id(1)[:15]}})
	if err != nil || kinds(got)[0] != "rejected" || kinds(got)[1] != "ok" || kinds(got)[2] != "rejected" {
		t.Error(kinds(got), err)
	}
}

func TestUpdateOfNoID(t *testing.T) {
	s := answers(reply{body: made(`"attributes"`)})
	got, err := client(t, s).Update(t.Context(), "Account", []record.Patch{{ID: `x","Name":"y`}, {ID: id(0)}, {ID: ""}})
	if diff := cmp.Diff([]string{"rejected", "ok", "rejected"}, kinds(got)); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestUpdateAnsweredForAnother(t *testing.T) {
	s := answers(reply{body: `[{"id":"` + id(2) + `","success":true}]`})
	got, err := client(t, s).Update(t.Context(), "Account", []record.Patch{{ID: id(1)}})
	if err != nil || kinds(got)[0] != "broken" {
		t.Error(kinds(got), err)
	}
}

func TestNothingToWriteMakesNoCall(t *testing.T) {
	s := answers(reply{})
	c := client(t, s)
	if got, err := c.Create(t.Context(), "Account", nil); err != nil || len(got) != 0 || len(s.calls()) != 0 {
		t.Error(got, err, s.calls())
	}
	if _, err := c.Create(t.Context(), "Account", inserts(201)); providers.KindOf(err) != providers.Broken || len(s.calls()) != 0 {
		t.Error(err)
	}
}

func TestDuplicateRuleHeader(t *testing.T) {
	var got []string
	s := &script{answer: func(r *http.Request, body string) reply {
		got = append(got, r.Header.Get("Sforce-Duplicate-Rule-Header"))
		return reply{body: made(body)}
	}}
	cfg := config(s)
	for _, allow := range []bool{false, true} {
		cfg.AllowAlerts = allow
		c, err := salesforce.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Create(t.Context(), "Account", inserts(1)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"", "allowSave=true"}, got); diff != "" {
		t.Error(diff)
	}
}

// The vendor repeats values in its messages; ours never do.
func TestMessagesHoldNoValues(t *testing.T) {
	for _, msg := range []string{
		"Account Name: data value too large: Jane Roe (max length=255)",
		"Industry: bad value for restricted picklist field: Jane Roe",
		"Email: invalid email address: jane@roe.test",
		"Cannot deserialize instance of int from VALUE_STRING value Jane Roe or request may be missing a required field",
		"rule for jane@roe.test says no to Sent Value", "line\none\x00\u202e",
	} {
		quoted, _ := json.Marshal(msg)
		s := answers(reply{body: `[{"success":false,"errors":[{"statusCode":"X","message":` + string(quoted) + `}]}]`})
		got, err := client(t, s).Update(t.Context(), "Account", []record.Patch{{ID: id(1), Fields: []record.FieldValue{text("Name", "Sent Value")}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"Roe", "jane", "Sent Value", "\n", "\x00", "\u202e"} {
			if strings.Contains(got[0].Err.Error(), bad) {
				t.Errorf("%q shows %q", got[0].Err, bad)
			}
		}
	}
}

func FuzzCollectionsAnswer(f *testing.F) {
	f.Add([]byte(made(`"attributes""attributes"`)), 200)
	f.Add([]byte(`[{"success":false,"errors":[{"statusCode":"X","message":"m","fields":["a"]}]},null]`), 200)
	f.Add([]byte(`[{"message":"m","errorCode":"JSON_PARSER_ERROR","fields":[]}]`), 400)
	f.Add([]byte(`[{"errors":{"a":[[[[]]]]}},{"success":"true","id":5}]`), 200)
	f.Add([]byte(`<html>`), 403)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if status < 200 || status > 450 || status == 429 || status == 420 || status == 401 || status == 408 || status == 425 || status == 406 || strings.Contains(string(body), "LOCK_ROW") {
			return // waits between repeats are not what is tested here
		}
		if strings.Contains(string(body), "UNKNOWN_EXCEPTION") || strings.Contains(string(body), "ROLLED_BACK") {
			return
		}
		got, err := client(t, answers(reply{status: status, body: string(body)})).Create(t.Context(), "Account", inserts(2))
		if err != nil {
			return
		}
		for i, r := range got {
			if _, ok := salesforce.ID18(r.ID); ok == (r.Err != nil) {
				t.Fatalf("record %d: %q and %v", i, r.ID, r.Err)
			}
		}
	})
}

// BenchmarkBatch sends one batch of 200 updates of 12 fields, with the HTTP
// client but without a network.
func BenchmarkBatch(b *testing.B) {
	patches := make([]record.Patch, 200)
	for i := range patches {
		patches[i].ID = id(i)
		for j := range 12 {
			patches[i].Fields = append(patches[i].Fields, text(fmt.Sprintf("Field_%d__c", j), fmt.Sprintf("value %d of record %d", j, i)))
		}
	}
	answer := made(strings.Repeat(`"attributes"`, 200))
	s := &script{answer: func(*http.Request, string) reply { return reply{body: answer} }}
	c := client(b, s)
	b.ReportAllocs()
	for b.Loop() {
		got, err := c.Update(b.Context(), "Account", patches)
		if err != nil || got[199].Err != nil {
			b.Fatal(got, err)
		}
		s.log, s.sent = s.log[:0], s.sent[:0]
	}
}
