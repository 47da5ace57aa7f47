package salesforce_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
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
		{"INVALID_FIELD_FOR_INSERT_UPDATE", `["Phone"]`, "rejected", "rejected"},
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

// TestErrorsShowNoValues: nothing that was sent reaches an error, in whatever
// case the service keeps it, and no element of a set either.
func TestErrorsShowNoValues(t *testing.T) {
	p := record.Patch{Fields: []record.FieldValue{
		text("Name", "Secret Larch"), field("Tags__c", record.MultiSet, record.Multi("secret-a", "secret-b")),
	}}
	for _, msg := range []string{
		"SECRET LARCH is on a list", "the tags secret-b;secret-a do not go together", "a flow failed for secret larch",
	} {
		s := answers(reply{body: `[{"success":false,"errors":[{"statusCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","message":"` + msg + `"}]}]`})
		got, err := client(t, s).Create(t.Context(), "Account", []record.Patch{p})
		if err != nil || got[0].Err == nil || strings.Contains(strings.ToLower(got[0].Err.Error()), "secret") {
			t.Errorf("%s: %v, %v", msg, got, err)
		}
	}
}

// C5.1: a person account refuses its name; that is a refusal of this record,
// with the field, and the others of the call are written.
func TestC5_1_RefusedFieldOfOneRecord(t *testing.T) {
	for _, said := range []string{
		`"message":"Account: bad field names on insert/update call: Name","fields":[]`,
		`"message":"Unable to create/update fields: Name. Please check the security settings of this field.","fields":["NAME"]`,
	} {
		s := answers(reply{body: `[{"id":"` + id(1) + `","success":true,"errors":[]},{"success":false,"errors":[{"statusCode":"INVALID_FIELD_FOR_INSERT_UPDATE",` + said + `}]}]`})
		res, err := client(t, s).Update(t.Context(), "Account", []record.Patch{
			{ID: id(1), Fields: []record.FieldValue{text("Name", "x")}}, {ID: id(2), Fields: []record.FieldValue{text("Name", "y"), text("Phone", "1")}},
		})
		if err != nil || strings.Join(kinds(res), " ") != "ok rejected" {
			t.Fatalf("%v, %v", kinds(res), err)
		}
		if e := res[1].Err; strings.Join(e.Fields, " ") != "Name" || e.Ref.ID != id(2) || e.Hint == "" {
			t.Errorf("%+v", e)
		}
	}
}

// A fault that would stop the route stops a record where others of the same
// call went through, and the patches that carry the field where a call fails as
// a whole.
func TestC5_1_FaultOfSomeStopsNotAll(t *testing.T) {
	bad := `{"success":false,"errors":[{"statusCode":"INVALID_FIELD","message":"m","fields":["Fax"]}]}`
	s := answers(reply{body: `[` + bad + `,{"id":"` + id(2) + `","success":true,"errors":[]}]`})
	patches := []record.Patch{{ID: id(1), Fields: []record.FieldValue{text("Fax", "1")}}, {ID: id(2), Fields: []record.FieldValue{text("Name", "y")}}}
	res, err := client(t, s).Update(t.Context(), "Account", patches)
	if err != nil || strings.Join(kinds(res), " ") != "rejected ok" {
		t.Errorf("%v, %v", kinds(res), err)
	}
	whole := reply{status: 400, body: `[{"message":"No such column 'Fax' on sobject of type Account","errorCode":"INVALID_FIELD"}]`}
	s = answers(whole, reply{body: `[{"id":"` + id(2) + `","success":true,"errors":[]}]`})
	res, err = client(t, s).Update(t.Context(), "Account", patches)
	if err != nil || strings.Join(kinds(res), " ") != "rejected ok" || len(s.calls()) != 2 || strings.Join(res[0].Err.Fields, " ") != "Fax" {
		t.Errorf("%v, %v after %d calls", kinds(res), err, len(s.calls()))
	}
	// The field has the patch's name, whatever the spelling of the system.
	s = answers(reply{status: 400, body: `[{"message":"No such column 'FAX' on sobject of type Account","errorCode":"INVALID_FIELD"}]`}, reply{body: `[{"id":"` + id(2) + `","success":true,"errors":[]}]`})
	res, err = client(t, s).Update(t.Context(), "Account", patches)
	if err != nil || strings.Join(kinds(res), " ") != "rejected ok" || strings.Join(res[0].Err.Fields, " ") != "Fax" {
		t.Errorf("%v, %v, %+v", kinds(res), err, res[0].Err)
	}
	// Where all carry it, the schema has changed.
	s = answers(whole)
	if _, err = client(t, s).Update(t.Context(), "Account", patches[:1]); providers.KindOf(err) != providers.Broken || len(s.calls()) != 1 {
		t.Errorf("%v after %d calls", err, len(s.calls()))
	}
}
