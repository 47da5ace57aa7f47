package salesforce_test

import (
	"context"
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

func kinds(results []providers.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = "ok"
		if r.Err != nil {
			out[i] = r.Err.Kind.String()
		}
	}
	return out
}

func TestCreateBody(t *testing.T) {
	s := &script{answer: func(_ *http.Request, body string) reply { return reply{body: made(body)} }}
	got, err := client(t, s).Create(t.Context(), "Account", []record.Patch{{Fields: []record.FieldValue{
		field("Ext__c", record.ID, record.Of("00123")),
		text("Name", "Acme \"Labs\" & Söhne\n<b>"),
		field("NumberOfEmployees", record.Int, record.Of("12")),
		field("Amount__c", record.Decimal, record.Of("-0.50")),
		field("Active__c", record.Bool, record.Of("true")),
		field("Since__c", record.Date, record.Of("2026-03-29")),
		field("Seen__c", record.Datetime, record.Of("2026-03-29T01:02:03.123456Z")),
		field("Phone", record.Text, record.NullValue()),
		field("Tags__c", record.MultiSet, record.Multi("a", "b c")),
		field("ParentId", record.Reference, record.Of(id(7))),
	}}})
	if err != nil || got[0].Err != nil || got[0].ID != id(0) {
		t.Fatal(got, err)
	}
	// The type first; F12: null clears, and what is not in the patch is not sent;
	// R9: an id is text, whatever it looks like.
	want := `{"allOrNone":false,"records":[{"attributes":{"type":"Account"},"Ext__c":"00123",` +
		`"Name":"Acme \"Labs\" & Söhne\n<b>","NumberOfEmployees":12,"Amount__c":-0.50,"Active__c":true,` +
		`"Since__c":"2026-03-29","Seen__c":"2026-03-29T01:02:03.123Z","Phone":null,"Tags__c":"a;b c",` +
		`"ParentId":"` + id(7) + `"}]}`
	if diff := cmp.Diff(want, s.bodies()[0]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"POST acme.my.salesforce.com/services/data/v64.0/composite/sobjects"}, s.calls()); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateGoesByID(t *testing.T) {
	s := answers(reply{body: `[{"id":"` + id(1) + `","success":true,"errors":[]},{"id":"` + id(2) + `","success":true,"errors":[]}]`})
	got, err := client(t, s).Update(t.Context(), "Account", []record.Patch{
		{ID: id(1)[:15], Fields: []record.FieldValue{text("Phone", "555")}},
		{ID: id(2), Fields: []record.FieldValue{field("Phone", record.Text, record.NullValue())}},
	})
	if err != nil || got[0].Err != nil || got[1].Err != nil {
		t.Fatal(got, err)
	}
	want := `{"allOrNone":false,"records":[{"attributes":{"type":"Account"},"id":"` + id(1) + `","Phone":"555"},` +
		`{"attributes":{"type":"Account"},"id":"` + id(2) + `","Phone":null}]}`
	if diff := cmp.Diff([]string{want}, s.bodies()); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(s.calls()[0], "PATCH ") {
		t.Error(s.calls())
	}
}

// What cannot be written is refused by itself and does not touch the others.
func TestF17_UnwritableValues(t *testing.T) {
	bad := []record.FieldValue{
		{Field: record.Field{Name: "Name", Type: record.Text}},               // F12: missing is no blank
		field("Name", record.Text, record.UnreadableValue()),                 // F19
		field("NumberOfEmployees", record.Int, record.Of(`1,"OwnerId":"x"`)), // no way out of the literal
		field("Active__c", record.Bool, record.Of("maybe")),                  //
		field("Tags__c", record.MultiSet, record.Multi("a;b")),               //
		field("Name", record.Text, record.Of("secret \xff")),                 //
		field("NumberOfEmployees", record.Int, record.Of("01")),              //
		field("NumberOfEmployees", record.Decimal, record.Of("1e5")),         //
		field("Amount__c", record.Decimal, record.Of("NaN")),                 //
		field("Amount__c", record.Decimal, record.Of(".5")),                  //
		field("Amount__c", record.Decimal, record.Of("5.")),                  //
	}
	s := &script{answer: func(_ *http.Request, body string) reply {
		if !json.Valid([]byte(body)) {
			t.Errorf("not JSON: %s", body)
		}
		return reply{body: made(body)}
	}}
	patches := inserts(1)
	for _, f := range bad {
		patches = append(patches, record.Patch{Fields: []record.FieldValue{f}})
	}
	patches = append(patches, inserts(2)[1:]...)
	got, err := client(t, s).Create(t.Context(), "Account", patches)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if i == 0 || i == len(got)-1 {
			if r.Err != nil {
				t.Errorf("a good record failed: %v", r.Err)
			}
			continue
		}
		if r.Err == nil || r.Err.Kind != providers.Rejected || len(r.Err.Fields) != 1 || strings.Contains(r.Err.Error(), "secret") {
			t.Errorf("record %d: %v", i, r.Err)
		}
	}
}

func TestNamesCannotLeaveTheirPlace(t *testing.T) {
	s := answers(reply{body: `[]`})
	c := client(t, s)
	for _, name := range []string{"", "a b", `x":1,"y`, "Name'", "1a", "a..b", ".a", "a-b", strings.Repeat("a", 300)} {
		if _, err := c.Create(t.Context(), "Account", []record.Patch{{Fields: []record.FieldValue{text(name, "v")}}}); providers.KindOf(err) != providers.Broken {
			t.Errorf("field %q: %v", name, err)
		}
		if _, err := c.Find(t.Context(), "Account", nil, record.Field{Name: name, Type: record.Text}, []record.Value{record.Of("v")}); err == nil {
			t.Errorf("key %q was taken", name)
		}
		if _, err := c.Describe(t.Context(), name); err == nil {
			t.Errorf("object %q was taken", name)
		}
	}
	if len(s.calls()) != 0 {
		t.Error(s.calls())
	}
}

// F16: results are told apart by their place alone, for failed rows have no id.
func TestF16_ResultsByPlace(t *testing.T) {
	s := answers(reply{body: `[
		{"success":false,"created":true,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [Name]","fields":["Name"]}]},
		{"id":"` + id(5) + `","success":true,"errors":[],"created":true},
		{"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"duplicate value found: Ext__c duplicates value on record with id: ` + id(9) + `","fields":["Ext__c"]}]},
		{"success":true,"errors":[]},
		null,
		{"success":false,"errors":[]},
		{"errorCode":"STRING_TOO_LONG","message":"Account Name: data value too large: Very Secret Name (max length=255)"}]`})
	got, err := client(t, s).Create(t.Context(), "Account", inserts(7))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"rejected", "ok", "exists", "unknown", "unknown", "unknown", "rejected"}
	if diff := cmp.Diff(want, kinds(got)); diff != "" {
		t.Error(diff)
	}
	if got[1].ID != id(5) || got[0].Err.Fields[0] != "Name" || got[0].Err.Code != "REQUIRED_FIELD_MISSING" {
		t.Error(got[0].Err, got[1].ID)
	}
	if msg := got[6].Err.Error(); strings.Contains(msg, "Secret") || !strings.Contains(msg, "max length=255") {
		t.Error(msg)
	}
	if !strings.Contains(got[2].Err.Message, id(9)) {
		t.Error(got[2].Err)
	}
}

// The table of codes, on a create and on an update of one record.
func TestRecordFaults(t *testing.T) {
	tests := []struct {
		code, fields, create, update string
	}{
		{"REQUIRED_FIELD_MISSING", `["Name"]`, "rejected", "rejected"},
		{"STRING_TOO_LONG", `["Name"]`, "rejected", "rejected"},
		{"INVALID_EMAIL_ADDRESS", `["Email"]`, "rejected", "rejected"},
		{"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", `["Industry"]`, "rejected", "rejected"}, // F18
		{"FIELD_CUSTOM_VALIDATION_EXCEPTION", `[]`, "rejected", "rejected"},
		{"FIELD_INTEGRITY_EXCEPTION", `["BillingState"]`, "rejected", "rejected"},
		{"DUPLICATES_DETECTED", `[]`, "rejected", "rejected"},
		{"SOMETHING_NEW", `[]`, "rejected", "rejected"},
		{"DUPLICATE_VALUE", `["Ext__c"]`, "exists", "rejected"},
		{"ENTITY_IS_DELETED", `[]`, "rejected", "missing"},
		{"INVALID_CROSS_REFERENCE_KEY", `[]`, "rejected", "missing"},
		{"INVALID_CROSS_REFERENCE_KEY", `["Id"]`, "rejected", "missing"},
		{"INVALID_CROSS_REFERENCE_KEY", `["AccountId"]`, "rejected", "rejected"},
		{"MALFORMED_ID", `["OwnerId"]`, "rejected", "rejected"},
		{"NOT_FOUND", `[]`, "rejected", "missing"},
		{"INSUFFICIENT_ACCESS_OR_READONLY", `[]`, "rejected", "rejected"},
		{"CANNOT_EXECUTE_FLOW_TRIGGER", `[]`, "transient", "transient"},
		{"ALL_OR_NONE_OPERATION_ROLLED_BACK", `[]`, "transient", "transient"},
		{"UNABLE_TO_LOCK_ROW", `[]`, "transient", "transient"},
		{"INVALID_FIELD_FOR_INSERT_UPDATE", `["Phone"]`, "broken", "broken"},
		{"INVALID_FIELD", `[]`, "broken", "broken"},
		{"INVALID_TYPE", `[]`, "broken", "broken"},
		{"STORAGE_LIMIT_EXCEEDED", `[]`, "budget", "budget"},
	}
	for _, tt := range tests {
		t.Run(tt.code+tt.fields, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := answers(reply{body: `[{"success":false,"errors":[{"statusCode":"` + tt.code + `","message":"m","fields":` + tt.fields + `}]}]`})
				c := client(t, s)
				created, err := c.Create(t.Context(), "Account", inserts(1))
				if err != nil || kinds(created)[0] != tt.create {
					t.Errorf("create: %v, %v", kinds(created), err)
				}
				updated, err := c.Update(t.Context(), "Account", []record.Patch{{ID: id(1), Fields: []record.FieldValue{text("Name", "x")}}})
				if err != nil || kinds(updated)[0] != tt.update {
					t.Errorf("update: %v, %v", kinds(updated), err)
				}
				if e := updated[0].Err; e.Code != tt.code || e.Ref.ID != id(1) {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

// F19: the message alone names the field that is gone.
func TestF19_VanishedFieldIsNamed(t *testing.T) {
	s := answers(reply{status: 400, body: `[{"message":"No such column 'Health__c' on sobject of type Account","errorCode":"INVALID_FIELD"}]`})
	c := client(t, s)
	_, err := c.Create(t.Context(), "Account", inserts(3))
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Broken || len(e.Fields) != 1 || e.Fields[0] != "Health__c" || len(s.calls()) != 1 {
		t.Errorf("%+v after %d calls", err, len(s.calls()))
	}
	for _, err := range c.Read(t.Context(), providers.Query{Object: "Account", Fields: fields("Health__c", record.Text), Full: true}) {
		if !errors.As(err, &e) || e.Kind != providers.Broken || len(e.Fields) != 1 || e.Fields[0] != "Health__c" {
			t.Errorf("%+v", err)
		}
	}
}

func TestWholeCallFaults(t *testing.T) {
	tests := []struct {
		name   string
		reply  reply
		create string
		update string
	}{
		{"daily quota", reply{status: 403, body: `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`}, "budget", "budget"}, // F22
		{"too many at once", reply{status: 403, body: `[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`}, "transient", "transient"},
		{"API disabled", reply{status: 403, body: `[{"message":"m","errorCode":"API_DISABLED_FOR_ORG"}]`}, "denied", "denied"},
		{"no rights", reply{status: 400, body: `[{"message":"m","errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]`}, "denied", "denied"},
		{"bad gateway", reply{status: 502, body: `<html><title>502</title>`}, "unknown", "transient"},                           // F8
		{"server error", reply{status: 500, body: `[{"message":"m","errorCode":"UNKNOWN_EXCEPTION"}]`}, "unknown", "transient"}, // F8
		{"unavailable", reply{status: 503, body: `[{"message":"m","errorCode":"SERVER_UNAVAILABLE"}]`}, "unknown", "transient"}, // F8
		{"connection lost", reply{err: errors.New("connection reset by peer")}, "unknown", "transient"},                         // F8
		{"page of HTML", reply{body: `<!doctype html><title>Maintenance</title>`}, "unknown", "broken"},                         // F8
		{"answer breaks off", reply{body: `[{"id":"` + id(0)}, "unknown", "broken"},                                             // F8
		{"too few results", reply{body: `[]`}, "unknown", "broken"},                                                             // F16
		{"not a list", reply{body: `{"id":1}`}, "unknown", "broken"},
		{"deep", reply{body: strings.Repeat("[", 100_000)}, "unknown", "broken"},
		{"version retired", reply{status: 410, body: `[{"message":"m","errorCode":"UNSUPPORTED_API_VERSION"}]`}, "broken", "broken"},
		{"wrong path", reply{status: 404, body: `[{"message":"m","errorCode":"NOT_FOUND"}]`}, "broken", "broken"},
		{"too many requests", reply{status: 429}, "transient", "transient"},
		{"edge cannot route", reply{status: 420}, "transient", "transient"},
		{"redirect", reply{status: 302, header: map[string]string{"Location": "https://evil.example/"}}, "broken", "broken"},
		{"400 in HTML", reply{status: 400, body: "<html>"}, "broken", "broken"},
		{"locked as a whole", reply{status: 400, body: `[{"message":"m","errorCode":"UNABLE_TO_LOCK_ROW"}]`}, "transient", "transient"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := answers(tt.reply)
				c := client(t, s)
				_, err := c.Create(t.Context(), "Account", inserts(2))
				if err == nil || providers.KindOf(err).String() != tt.create {
					t.Errorf("create: %v: %v", providers.KindOf(err), err)
				}
				if n := len(s.calls()); tt.create == "unknown" && n != 1 {
					t.Errorf("F8: %d calls for a create whose outcome is unknown", n)
				}
				_, err = c.Update(t.Context(), "Account", []record.Patch{{ID: id(1)}, {ID: id(2)}})
				if err == nil || providers.KindOf(err).String() != tt.update {
					t.Errorf("update: %v: %v", providers.KindOf(err), err)
				}
			})
		})
	}
}

// F8: the context ending while a create is under way leaves it unknown.
func TestF8_CanceledCreateIsUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &script{answer: func(*http.Request, string) reply { cancel(); return reply{err: context.Canceled} }}
	_, err := client(t, s).Create(ctx, "Account", inserts(1))
	if providers.KindOf(err) != providers.Unknown || len(s.calls()) != 1 {
		t.Errorf("%v after %d calls", err, len(s.calls()))
	}
}

// An update may be sent again: twice is the same as once.
func TestUpdateIsRepeatedAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(reply{status: 503}, reply{err: errors.New("reset")}, reply{body: `[{"id":"` + id(1) + `","success":true}]`})
		got, err := client(t, s).Update(t.Context(), "Account", []record.Patch{{ID: id(1)}})
		if err != nil || got[0].Err != nil || len(s.calls()) != 3 {
			t.Error(got, err, s.calls())
		}
	})
}

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
