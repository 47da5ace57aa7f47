package salesforce_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

func getReply(rows ...string) reply { return reply{body: "[" + strings.Join(rows, ",") + "]"} }

func TestGet(t *testing.T) {
	s := answers(
		getReply(row{1, "09:00:00", "a"}.json(), "null", "null"),
		reply{body: `{"totalSize":2,"done":true,"records":[{"Id":"` + id(2) + `","SystemModstamp":null,"IsDeleted":true,"MasterRecordId":"` + id(1) + `"},{"Id":"` + id(3) + `","SystemModstamp":null,"IsDeleted":true,"MasterRecordId":null}]}`})
	found, errs, err := client(t, s).Get(t.Context(), "Account", fields("Name", record.Text), []string{id(1)[:15], id(2), id(3), "nonsense"})
	if err != nil || len(found) != 1 || found[0].ID != id(1) || string(found[0].Raw[0]) != `"a"` || found[0].Version.Hour() != 9 {
		t.Fatal(found, err)
	}
	// A merged record names its successor; a deleted one has none.
	if len(errs) != 3 || errs[0].Kind != providers.Rejected || errs[1].Kind != providers.Missing || errs[1].Ref.ID != id(2) || errs[1].Successor != id(1) {
		t.Error(errs)
	}
	if e := errs[2]; e.Kind != providers.Missing || e.Ref.ID != id(3) || e.Successor != "" || e.Gone != providers.Told {
		t.Errorf("got %+v", e)
	}
	if body := s.bodies()[0]; body != `{"ids":["`+id(1)+`","`+id(2)+`","`+id(3)+`"],"fields":["Id","SystemModstamp","LastModifiedById","Name"]}` {
		t.Error(body)
	}
	if q := s.calls()[1]; !strings.Contains(q, "/queryAll ") || !strings.Contains(q, "MasterRecordId FROM Account WHERE Id IN ('"+id(2)+"','"+id(3)+"')") {
		t.Error(q)
	}
}

func TestGetOfManyAndOfRelatedFields(t *testing.T) {
	s := &script{answer: func(r *http.Request, body string) reply {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/queryAll") {
			return page(0, "")
		}
		if r.Method == http.MethodGet {
			return reply{body: `{"totalSize":1,"done":true,"records":[{"Id":"` + id(1) + `","SystemModstamp":null,"Owner":{"Email":"a@b.test"}},{"Id":"` + id(2) + `","SystemModstamp":null,"Owner":null}]}`}
		}
		return getReply(strings.Split(strings.Repeat("null,", strings.Count(body, "001xx")), ",")[:strings.Count(body, "001xx")]...)
	}}
	ids := make([]string, 450)
	for i := range ids {
		ids[i] = id(i)
	}
	c := client(t, s)
	if found, _, err := c.Get(t.Context(), "Task__c", fields("Name", record.Text), ids); err != nil || len(found) != 0 || len(s.calls()) != 3+3 {
		t.Error(found, err, len(s.calls()))
	}
	found, _, err := c.Get(t.Context(), "Task__c", fields("Owner.Email", record.Text), ids[:3])
	if err != nil || len(found) != 2 || string(found[0].Raw[0]) != `"a@b.test"` || string(found[1].Raw[0]) != "null" {
		t.Error(found, err)
	}
}

func TestGetRefusesWrongAnswers(t *testing.T) {
	for name, r := range map[string]reply{
		"too few": getReply(), "another": getReply(row{2, "09:00:00", "a"}.json()), "an object": {body: `{}`},
	} {
		if _, _, err := client(t, answers(r)).Get(t.Context(), "Account", fields("Name", record.Text), []string{id(1)}); err == nil || providers.KindOf(err) != providers.Broken {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func values(list ...string) []record.Value {
	var out []record.Value
	for _, v := range list {
		out = append(out, record.Of(v))
	}
	return out
}

func TestFindEscapes(t *testing.T) {
	s := answers(page(0, ""))
	c := client(t, s)
	tests := []struct {
		typ    record.Type
		values []record.Value
		want   string
	}{
		{record.Text, values(`O'Brien & Co+`, `a\b`, "x\ny", `q"q`, "50%_"), `IN ('O\'Brien & Co+','a\\b','x\ny','q\"q','50%_')`},
		{record.ID, values("12345", "12345", ""), `IN ('12345')`}, // R9; each once; a blank finds nothing
		{record.Int, values("5"), `IN (5)`},
		{record.Decimal, values("5.25"), `IN (5.25)`},
		{record.Bool, values("true"), `IN (true)`},
		{record.Date, values("2026-03-29"), `IN (2026-03-29)`},
		{record.Datetime, values("2026-03-29T01:02:03Z"), `IN (2026-03-29T01:02:03Z)`},
	}
	for i, tt := range tests {
		if _, err := c.Find(t.Context(), "Account", fields("Name", record.Text), record.Field{Name: "Key__c", Type: tt.typ}, tt.values); err != nil {
			t.Fatal(err)
		}
		if q := s.calls()[i]; !strings.HasSuffix(q, " SELECT Id, SystemModstamp, LastModifiedById, Name FROM Account WHERE Key__c "+tt.want) {
			t.Error(q)
		}
	}
	before := len(s.calls())
	for _, v := range [][]record.Value{nil, {record.NullValue(), {}, record.UnreadableValue()}} {
		if got, err := c.Find(t.Context(), "Account", nil, record.Field{Name: "Key__c", Type: record.Text}, v); err != nil || got != nil || len(s.calls()) != before {
			t.Error(got, err, s.calls()[before:])
		}
	}
	// What cannot be asked for must not pass for what was not found.
	if _, err := c.Find(t.Context(), "Account", nil, record.Field{Name: "Tags__c", Type: record.MultiSet}, []record.Value{record.Multi("a")}); err == nil {
		t.Error("a set was looked up")
	}
}

// One read call serves one batch of 200 keys, however long they are.
func TestFindOfABatchIsOneCall(t *testing.T) {
	var long []record.Value
	for i := range 200 {
		long = append(long, record.Of(fmt.Sprintf("%s & Söhne %d", strings.Repeat("Änderungs", 8), i)))
	}
	s := &script{answer: func(r *http.Request, body string) reply {
		if uri := r.URL.RequestURI(); len(uri) > 16_384 {
			t.Errorf("an address of %d bytes", len(uri))
		}
		rec := row{1, "09:00:00", "a"}.json()
		return reply{body: `{"compositeResponse":[{"body":{"totalSize":1,"done":true,"records":[` + rec + `]},"httpHeaders":{},"httpStatusCode":200,"referenceId":"found"}]}`}
	}}
	got, err := client(t, s).Find(t.Context(), "Account", fields("Name", record.Text), record.Field{Name: "Name", Type: record.Text}, long)
	if err != nil || len(got) != 1 || got[0].ID != id(1) {
		t.Fatal(got, err)
	}
	if calls := s.calls(); len(calls) != 1 || calls[0] != "POST acme.my.salesforce.com/services/data/v64.0/composite" {
		t.Error(calls)
	}
	if !strings.Contains(s.bodies()[0], "/services/data/v64.0/query?q=SELECT%20Id") {
		t.Error(s.bodies()[0][:200])
	}
}

func TestFindInsideACompositeFails(t *testing.T) {
	s := answers(reply{body: `{"compositeResponse":[{"body":[{"message":"No such column 'K__c' on entity","errorCode":"INVALID_FIELD"}],"httpStatusCode":400,"referenceId":"found"}]}`})
	long := values(strings.Repeat("x", 4000), strings.Repeat("y", 4000), strings.Repeat("z", 4000))
	_, err := client(t, s).Find(t.Context(), "Account", nil, record.Field{Name: "K__c", Type: record.Text}, long)
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Broken || len(e.Fields) != 1 || e.Fields[0] != "K__c" {
		t.Errorf("%+v", err)
	}
}

func TestFindPagesAndDropsRepetitions(t *testing.T) {
	s := answers(page(3, "/services/data/v64.0/query/0r8-2", row{1, "09:00:00", "a"}, row{2, "09:00:00", "b"}), page(3, "", row{3, "09:00:00", "c"}))
	got, err := client(t, s).Find(t.Context(), "Account", fields("Name", record.Text), record.Field{Name: "Name", Type: record.Text}, values("a"))
	if err != nil || len(got) != 3 || string(got[0].Raw[0]) != `"a"` || string(got[2].Raw[0]) != `"c"` {
		t.Error(got, err)
	}
	var many []record.Value
	for i := range 40 {
		many = append(many, record.Of(fmt.Sprintf("%d%s", i, strings.Repeat("x", 3900))))
	}
	s = &script{answer: func(*http.Request, string) reply {
		return reply{body: `{"compositeResponse":[{"body":` + page(1, "", row{1, "09:00:00", "a"}).body + `,"httpStatusCode":200}]}`}
	}}
	got, err = client(t, s).Find(t.Context(), "Account", fields("Name", record.Text), record.Field{Name: "Name", Type: record.Text}, many)
	if err != nil || len(got) != 1 || len(s.calls()) != 2 {
		t.Error(got, err, len(s.calls()))
	}
}
