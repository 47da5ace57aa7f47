package hubspot_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

func TestCreateSends(t *testing.T) {
	s := &script{answer: func(_ *http.Request, body string) reply { return reply{status: 201, body: results(t, body)} }}
	res, err := client(t, s).Create(t.Context(), "contacts", []record.Patch{{Fields: []record.FieldValue{
		field("qbench_id", record.ID, record.Of("Q1")), text("firstname", "Ann \"A\""), field("phone", record.Text, record.NullValue()),
		field("count", record.Int, record.Of("7")), field("rate", record.Decimal, record.Of("-1.5")),
		field("vip", record.Bool, record.Of("true")), field("since", record.Date, record.Of("2024-02-29")),
		field("seen", record.Datetime, record.Of("2024-02-29T10:00:00.1239Z")), field("tags", record.MultiSet, record.Multi("a", "b")),
		company("901"),
	}}})
	if err != nil || kinds(res) != "1000" {
		t.Fatal(kinds(res), err)
	}
	want := `{"inputs":[{"properties":{"qbench_id":"Q1","firstname":"Ann \"A\"","count":"7","rate":"-1.5","vip":"true",` +
		`"since":"2024-02-29","seen":"2024-02-29T10:00:00.123Z","tags":"a;b"},` +
		`"associations":[{"to":{"id":"901"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":1}]}],` +
		`"objectWriteTraceId":"r0"}]}`
	if diff := cmp.Diff(want, s.bodies("")[0]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"POST /crm/objects/2026-09/contacts/batch/create"}, s.calls("")); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateSends(t *testing.T) {
	s := &script{answer: func(_ *http.Request, body string) reply { return reply{body: results(t, body)} }}
	res, err := client(t, s).Update(t.Context(), "companies", []record.Patch{
		{ID: "5", Fields: []record.FieldValue{text("name", "Larch"), field("city", record.Text, record.NullValue())}},
		{ID: "6", Fields: []record.FieldValue{text("name", "Moss")}},
		{ID: "x/../y", Fields: []record.FieldValue{text("name", "bad id")}},
	})
	if err != nil || kinds(res) != "5 6 rejected" {
		t.Fatal(kinds(res), err)
	}
	want := `{"inputs":[{"id":"5","properties":{"name":"Larch","city":""},"objectWriteTraceId":"r0"},` +
		`{"id":"6","properties":{"name":"Moss"},"objectWriteTraceId":"r1"}]}`
	if diff := cmp.Diff(want, s.bodies("")[0]); diff != "" {
		t.Error(diff)
	}
}

func TestValuesThatCannotBeWritten(t *testing.T) {
	s := &script{answer: func(_ *http.Request, body string) reply { return reply{body: results(t, body)} }}
	for _, f := range []record.FieldValue{
		field("a", record.Text, record.Value{}), field("a", record.Text, record.UnreadableValue()),
		field("a", record.Int, record.Of("1e5")), field("a", record.Decimal, record.Of("1,5")), field("a", record.Decimal, record.Of(".5")),
		field("a", record.Bool, record.Of("maybe")), field("a", record.MultiSet, record.Multi("a;b", "c")),
		field("a", record.Datetime, record.Of("yesterday")), field("associations.company", record.Reference, record.Of("x9")),
		field("associations.company", record.Reference, record.Multi("1", "2")),
	} {
		for _, id := range []string{"", "7"} {
			p := record.Patch{ID: id, Fields: []record.FieldValue{text("name", "n"), f}}
			write := client(t, s).Create
			if id != "" {
				write = client(t, s).Update
			}
			res, err := write(t.Context(), "contacts", []record.Patch{p})
			if err != nil || len(res) != 1 || res[0].Err == nil || res[0].Err.Kind != providers.Rejected || !slices.Contains(res[0].Err.Fields, f.Name) {
				t.Errorf("%s %v: %+v, %v", f.Name, f.Type, res, err)
			}
			if f.Value.IsSet() && strings.Contains(res[0].Err.Error(), f.Value.Text()) {
				t.Errorf("the error shows the value: %v", res[0].Err)
			}
		}
	}
	if n := len(s.calls("")); n != 0 {
		t.Errorf("%d calls for what cannot be written", n)
	}
}

func TestNamesThatAreNone(t *testing.T) {
	c := client(t, answers(reply{}))
	for _, name := range []string{"", "a b", "a\"b", "a/b", "associations.", "associations.friend", strings.Repeat("a", 300)} {
		_, err := c.Update(t.Context(), "contacts", []record.Patch{{ID: "1", Fields: []record.FieldValue{text(name, "v")}}})
		if err == nil || providers.KindOf(err) != providers.Broken {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, object := range []string{"", "a/b", "../x"} {
		if _, err := c.Create(t.Context(), object, inserts(1)); err == nil || providers.KindOf(err) != providers.Broken {
			t.Errorf("%q: %v", object, err)
		}
	}
	if _, err := c.Create(t.Context(), "contacts", inserts(101)); providers.KindOf(err) != providers.Broken || err == nil {
		t.Error(err)
	}
}

// refuseWith answers a batch as a whole with the fault when one of its inputs
// has a property with this value, and makes all of it otherwise.
func refuseWith(t *testing.T, bad string, fault reply) *script {
	return &script{answer: func(_ *http.Request, body string) reply {
		for _, in := range decode(t, body).Inputs {
			for _, v := range in.Properties {
				if v == bad {
					return fault
				}
			}
		}
		return reply{status: 201, body: results(t, body)}
	}}
}

// hubspot-9.7: one record that is there already turns the whole batch into a
// 409. It is found, and the other 99 are made once each.
func TestConflictOfOneInABatch(t *testing.T) {
	s := refuseWith(t, "Name 77", reply{status: 409, body: `{"status":"error","category":"CONFLICT","correlationId":"c-1",` +
		`"message":"Contact already exists. Existing ID: 777"}`})
	res, err := client(t, s).Create(t.Context(), "contacts", inserts(100))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if i != 77 && (r.Err != nil || r.ID == "") {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if e := res[77].Err; e == nil || e.Kind != providers.Exists || e.Code != "CONFLICT" || res[77].ID != "777" {
		t.Errorf("got %+v %v, want exists, with the record in the way", res[77], e)
	}
	made := map[string]int{}
	for _, body := range s.bodies("") {
		if !strings.Contains(body, `"Name 77"`) {
			for _, in := range decode(t, body).Inputs {
				made[in.Properties["qbench_id"]]++
			}
		}
	}
	for q, n := range made {
		if n != 1 {
			t.Errorf("%s was made %d times", q, n)
		}
	}
	if len(made) != 99 || len(s.calls("")) > 16 {
		t.Errorf("%d made by %d calls", len(made), len(s.calls("")))
	}
}

// hubspot-9.8, F16: one value that is refused rejects the whole batch with 400;
// the record at fault is held with code and field and without its value.
func TestInvalidValueOfOneInABatch(t *testing.T) {
	for _, update := range []bool{false, true} {
		s := refuseWith(t, "Name 3", reply{status: 400, body: `{"status":"error","category":"VALIDATION_ERROR","message":` +
			`"Property values were not valid: [{\"isValid\":false,\"message\":\"Email address Name 3 is invalid\",\"error\":\"INVALID_EMAIL\",\"name\":\"email\"}]"}`})
		c := client(t, s)
		write, patches := c.Create, inserts(10)
		if update {
			write, patches = c.Update, updates(10)
		}
		res, err := write(t.Context(), "contacts", patches)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range res {
			if (r.Err != nil) != (i == 3) {
				t.Errorf("record %d: %+v", i, r)
			}
		}
		e := res[3].Err
		if e.Kind != providers.Rejected || e.Code != "INVALID_EMAIL" || !slices.Equal(e.Fields, []string{"email"}) || strings.Contains(e.Error(), "Name 3") {
			t.Errorf("got %v %v", e, e.Fields)
		}
	}
}

// F16: a 207 names its errors by trace id, or not at all.
func TestErrorsOfSingleRecords(t *testing.T) {
	made := func(n int) string { return fmt.Sprintf(`{"id":"%d","objectWriteTraceId":"r%d"}`, 100+n, n) }
	option := `{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"message\":\"Biotech was not one of the allowed options: [label: A]\",\"error\":\"INVALID_OPTION\",\"name\":\"industry\"}]"%s}`
	tests := map[string]struct {
		body string
		want string
	}{
		"by trace": {`{"results":[` + made(2) + `,` + made(0) + `],"numErrors":1,"errors":[` + fmt.Sprintf(option, `,"context":{"objectWriteTraceId":["r1"]}`) + `]}`, "100 rejected 102"},
		"nameless": {`{"results":[` + made(2) + `,` + made(0) + `],"numErrors":1,"errors":[` + fmt.Sprintf(option, "") + `]}`, "100 rejected 102"},
		"conflict": {`{"results":[` + made(2) + `,` + made(0) + `],"numErrors":1,"errors":[{"category":"VALIDATION_ERROR","message":"m CONFLICTING_UNIQUE_VALUE","context":{"objectWriteTraceId":"r1"}}]}`, "100 exists 102"},
		"dropped":  {`{"results":[` + made(2) + `,` + made(0) + `]}`, "100 unknown 102"},
	}
	for name, test := range tests {
		s := answers(reply{status: 207, body: test.body})
		res, err := client(t, s).Create(t.Context(), "companies", inserts(3))
		if err != nil || kinds(res) != test.want || len(s.calls("")) != 1 {
			t.Errorf("%s: %s after %d calls, %v", name, kinds(res), len(s.calls("")), err)
		}
		if e := res[1].Err; strings.Contains(e.Error(), "Biotech") {
			t.Errorf("%s: the error shows the value: %v", name, e)
		}
	}
}

// Two errors without a name are about the two records that were not made: they
// are sent again, each alone.
func TestSeveralNamelessErrors(t *testing.T) {
	first := true
	s := &script{answer: func(_ *http.Request, body string) reply {
		if first {
			first = false
			return reply{status: 207, body: `{"results":[{"id":"1","objectWriteTraceId":"r0"}],"errors":[{"category":"VALIDATION_ERROR","message":"x"},{"category":"VALIDATION_ERROR","message":"y"}]}`}
		}
		if strings.Contains(body, `"Q1"`) {
			return reply{status: 400, body: `{"category":"VALIDATION_ERROR","message":"bad","errors":[{"code":"INVALID_OPTION","message":"bad","context":{"propertyName":["industry"]}}]}`}
		}
		return reply{body: results(t, body)}
	}}
	res, err := client(t, s).Create(t.Context(), "companies", inserts(3))
	if err != nil || kinds(res) != "1 rejected 1000" || res[1].Err.Code != "INVALID_OPTION" {
		t.Errorf("%s, %v", kinds(res), err)
	}
}

// hubspot-9.9: an answer of 200 without results and errors is no success. A
// create is unknown and not repeated; an update says that nothing was written.
func TestSilentAnswer(t *testing.T) {
	const silent = `{"status":"COMPLETE","results":[],"errors":[]}`
	s := answers(reply{body: silent})
	if _, err := client(t, s).Create(t.Context(), "companies", inserts(3)); providers.KindOf(err) != providers.Unknown || len(s.calls("")) != 1 {
		t.Errorf("got %v after %d calls, want unknown", err, len(s.calls("")))
	}
	s = &script{answer: func(r *http.Request, body string) reply {
		if strings.HasSuffix(r.URL.Path, "/batch/read") {
			return reply{body: results(t, body)}
		}
		return reply{body: silent}
	}}
	if _, err := client(t, s).Update(t.Context(), "companies", updates(3)); providers.KindOf(err) != providers.Broken || err == nil {
		t.Errorf("got %v, want broken", err)
	}
}

// hubspot-9.10: an update by an id that is not there does nothing and says
// nothing. The record is missing, the others are written; updates go by record
// id and by no other key.
func TestUpdateLeftOutInSilence(t *testing.T) {
	s := &script{answer: func(r *http.Request, body string) reply {
		out := results(t, strings.Replace(body, `{"id":"2"`, `{"skip":"2"`, 1))
		return reply{body: strings.Replace(out, `{"id":"1001"`, `{"no":"1001"`, 1)}
	}}
	res, err := client(t, s).Update(t.Context(), "contacts", updates(3))
	if err != nil || kinds(res) != "1 missing 3" {
		t.Errorf("%s, %v", kinds(res), err)
	}
	for _, body := range s.bodies("/batch/update") {
		if strings.Contains(body, "idProperty") {
			t.Errorf("an update names another key: %s", body)
		}
	}
}

// hubspot-9.11: two inputs with one key spoil a batch. The second goes into a
// call of its own, where it is refused like any repeat.
func TestTwinsGoApart(t *testing.T) {
	taken := map[string]bool{}
	s := &script{answer: func(_ *http.Request, body string) reply {
		seen := map[string]bool{}
		for _, in := range decode(t, body).Inputs {
			for _, key := range []string{in.Properties["qbench_id"], strings.ToLower(in.Properties["email"])} {
				if seen[key] && key != "" {
					return reply{status: 400, body: `{"category":"VALIDATION_ERROR","message":"Duplicate IDs found in batch input"}`}
				}
				if taken[key] && key != "" {
					return reply{status: 409, body: `{"category":"CONFLICT","message":"Contact already exists. Existing ID: 9"}`}
				}
				seen[key] = true
			}
		}
		for key := range seen {
			taken[key] = true
		}
		return reply{body: results(t, body)}
	}}
	patches := inserts(4)
	patches[0].Fields = append(patches[0].Fields, text("email", "a@larch.test"))
	patches[1].Fields[0].Value = patches[3].Fields[0].Value
	patches[2].Fields = append(patches[2].Fields, text("email", "A@Larch.test"))
	res, err := client(t, s).Create(t.Context(), "contacts", patches)
	if err != nil || kinds(res) != "1000 1001 exists exists" {
		t.Errorf("%s, %v", kinds(res), err)
	}
	two := []record.Patch{updates(1)[0], updates(1)[0]}
	s = &script{answer: func(_ *http.Request, body string) reply { return reply{body: results(t, body)} }}
	if res, err := client(t, s).Update(t.Context(), "companies", two); err != nil || kinds(res) != "1 1" || len(s.calls("")) != 2 {
		t.Errorf("%s, %v, %d calls", kinds(res), err, len(s.calls("")))
	}
}

// hubspot-9.16: contacts are written by record id and never by e-mail, so that
// a key that is a further address never takes the place of the first.
func TestNoWriteByEmail(t *testing.T) {
	s := &script{answer: func(_ *http.Request, body string) reply { return reply{body: results(t, body)} }}
	c := client(t, s)
	if _, err := c.Update(t.Context(), "contacts", updates(5)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), "contacts", inserts(5)); err != nil {
		t.Fatal(err)
	}
	for _, call := range s.calls("") {
		if strings.Contains(call, "upsert") || strings.Contains(call, "idProperty") {
			t.Error(call)
		}
	}
	for _, body := range s.bodies("") {
		if b := decode(t, body); b.IDProperty != "" || b.Inputs[0].IDProperty != "" || b.Inputs[0].Properties["email"] != "" {
			t.Errorf("a write names a key: %s", body)
		}
	}
}

// F8: a create that may have taken effect is sent once, whatever hid the answer.
func TestLostAnswerToACreate(t *testing.T) {
	for name, a := range map[string]reply{
		"connection": {err: errors.New("connection reset")}, "503": {status: 503}, "524": {status: 524}, "half": {status: 201, body: `{"results":[{"id":"1`},
		"nothing": {status: 200, body: ``}, "another document": {status: 200, body: `{"hello":1}`},
	} {
		s := answers(a)
		_, err := client(t, s).Create(t.Context(), "companies", inserts(2))
		if providers.KindOf(err) != providers.Unknown || err == nil || len(s.calls("")) != 1 {
			t.Errorf("%s: %v after %d calls", name, err, len(s.calls("")))
		}
	}
}

// A lost answer in the midst of a cut batch leaves what came before, says that
// it does not know of its own, and sends nothing more.
func TestLostAnswerInACutBatch(t *testing.T) {
	n := 0
	s := &script{answer: func(_ *http.Request, body string) reply {
		n++
		switch n {
		case 1:
			return reply{status: 409, body: `{"category":"CONFLICT","message":"x"}`}
		case 2:
			return reply{status: 201, body: results(t, body)}
		}
		return reply{status: 502}
	}}
	res, err := client(t, s).Create(t.Context(), "companies", inserts(8))
	if err != nil || kinds(res) != "1000 1001 1002 1003 unknown unknown unknown unknown" || n != 3 {
		t.Errorf("%s after %d calls, %v", kinds(res), n, err)
	}
}

// A fault of the configuration, the credential or the quota is not bisected.
func TestFaultsOfTheWhole(t *testing.T) {
	for want, a := range map[providers.Kind]reply{
		providers.Broken: {status: 400, body: `{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"message\":\"Property \\\"indstry\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"indstry\"}]"}`},
		providers.Denied: {status: 403, body: `{"category":"MISSING_SCOPES","message":"no","errors":[{"message":"x","context":{"requiredGranularScopes":["crm.objects.companies.write"]}}]}`},
		providers.Budget: {status: 429, body: `{"errorType":"RATE_LIMIT","policyName":"DAILY","message":"You have reached your daily limit."}`},
	} {
		s := answers(a)
		_, err := client(t, s).Update(t.Context(), "companies", updates(9))
		if providers.KindOf(err) != want || len(s.calls("")) != 1 {
			t.Errorf("want %v: %v after %d calls", want, err, len(s.calls("")))
		}
		t.Log(err)
	}
}

// Without trace ids an answer is told apart by the identifiers in it.
func TestAnswerWithoutTraceIDs(t *testing.T) {
	s := answers(reply{body: `{"results":[{"id":"71","properties":{"qbench_id":"Q1"}},{"id":"70","properties":{"qbench_id":"Q0"}}]}`})
	res, err := client(t, s).Create(t.Context(), "companies", inserts(2))
	if err != nil || kinds(res) != "70 71" {
		t.Errorf("%s, %v", kinds(res), err)
	}
}

// A create that was refused for its rate was not carried out and is repeated.
func TestThrottledCreateIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := &script{answer: func(_ *http.Request, body string) reply {
			if n++; n < 3 {
				return []reply{{status: 423}, {status: 429, body: `{"policyName":"SECONDLY"}`}}[n-1]
			}
			return reply{body: results(t, body)}
		}}
		if res, err := client(t, s).Create(t.Context(), "companies", inserts(1)); err != nil || kinds(res) != "1000" || n != 3 {
			t.Errorf("%s, %v after %d calls", kinds(res), err, n)
		}
	})
}

// C5.1: a property that only some patches carry stops these and no others, and a
// record that is refused for one is refused by itself where others went through.
func TestC5_1_FaultOfSomeStopsNotAll(t *testing.T) {
	patches := []record.Patch{{ID: "1", Fields: []record.FieldValue{text("city", "x")}}, {ID: "2", Fields: []record.FieldValue{text("name", "y")}}}
	fault := `"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"message\":\"m\",\"error\":\"READ_ONLY_VALUE\",\"name\":\"city\"}]"`
	two := `{"id":"2","objectWriteTraceId":"r1","properties":{}}`
	for name, list := range map[string][]reply{
		"whole": {{status: 400, body: `{"status":"error",` + fault + `}`}, {body: `{"results":[` + two + `]}`}},
		"207":   {{status: 207, body: `{"results":[` + two + `],"errors":[{` + fault + `,"context":{"objectWriteTraceId":["r0"]}}]}`}},
	} {
		s := answers(list...)
		res, err := client(t, s).Update(t.Context(), "companies", patches)
		if err != nil || kinds(res) != "rejected 2" || len(s.calls("")) != len(list) || !slices.Equal(res[0].Err.Fields, []string{"city"}) {
			t.Errorf("%s: %s, %v after %d calls", name, kinds(res), err, len(s.calls("")))
		}
	}
}

// C4.3: of a contact whose company is gone, the association is what is refused.
func TestC4_3_CompanyOfANewContactIsGone(t *testing.T) {
	s := answers(reply{status: 207, body: `{"results":[],"errors":[{"status":"error","category":"OBJECT_NOT_FOUND","message":"gone","context":{"objectWriteTraceId":["r0"]}}]}`})
	res, err := client(t, s).Create(t.Context(), "contacts", []record.Patch{{Fields: []record.FieldValue{text("firstname", "Ann"), company("5")}}})
	if err != nil || kinds(res) != "rejected" || !slices.Equal(res[0].Err.Fields, []string{"associations.company"}) {
		t.Errorf("%+v, %v", res, err)
	}
}
