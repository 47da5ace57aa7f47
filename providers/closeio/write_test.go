package closeio_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/internal/faults"
)

func set(name string, t record.Type, v record.Value) record.FieldValue {
	return record.FieldValue{Field: record.Field{Name: name, Type: t}, Value: v}
}

// TestPullNeverWrites: R77, R80, R92, R95 for their part here: whatever is read,
// nothing is written.
func TestPullNeverWrites(t *testing.T) {
	bubble(t, closeiosim.Options{Seed: 9, Accounts: 60, ContactsPerAccount: 2}, func(t *testing.T, l lab) {
		if _, err := l.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, next := l.events(t, l.Client, "")
		for _, object := range []string{closeio.User, closeio.Lead, closeio.Contact, closeio.Opportunity, closeio.Task} {
			for _, full := range []bool{false, true} {
				q := providers.Query{Object: object, Fields: someFields(object), Full: full}
				r := l.read(t, l.Client, q, nil)
				r.whole(t, nil)
				if _, _, err := l.Get(t.Context(), object, q.Fields, keys(r.rows)[:2]); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.Describe(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range l.ReadChildren(t.Context(), providers.Query{Object: closeio.Contact}, "lead_id", l.sim.IDs(closeio.Lead)) {
			if err != nil {
				t.Fatal(err)
			}
		}
		l.events(t, l.Client, next)
		if w := l.sim.Writes(); len(w) != 0 {
			t.Errorf("%d writes: %v", len(w), w)
		}
		for name := range l.sim.Calls() {
			if strings.HasPrefix(name, "create") || strings.HasPrefix(name, "update") || strings.HasPrefix(name, "delete") || name == "merge" {
				t.Errorf("a call of kind %s", name)
			}
		}
	})
}

// TestUpdate: the fields that were given and no others, each in its own form.
func TestUpdate(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		for _, f := range []closeiosim.CustomField{
			{Name: "Seats", Type: "number", Objects: []string{"lead"}},
			{Name: "Tags", Type: "choices", Choices: []string{"a", "b", "c"}, Multiple: true, Objects: []string{"lead"}},
		} {
			if _, err := l.sim.AddCustomField(f); err != nil {
				t.Fatal(err)
			}
		}
		id := l.sim.AddLead(closeiosim.Fields{"name": "Lab", "description": "kept", "custom.Plan": "gone soon"})
		res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: id, Fields: []record.FieldValue{
			set("name", record.Text, record.Of("Größe \"9\"")), set("custom.Plan", record.Text, record.NullValue()),
			set("custom.Seats", record.Int, record.Of("12")), set("custom.Tags", record.MultiSet, record.Multi("a", "c")),
			set("custom.Renewal Date", record.Date, record.Of("2027-02-28")), set("custom.Health", record.Picklist, record.Of("Good")),
		}}})
		if err != nil || len(res) != 1 || res[0].Err != nil || res[0].ID != id {
			t.Fatalf("got %+v, %v", res, err)
		}
		w := l.sim.Writes()
		if len(w) != 1 || w[0].Method != http.MethodPut || len(w[0].Fields) != 6 {
			t.Fatalf("writes: %+v", w)
		}
		time.Sleep(time.Minute)
		r := l.read(t, l.Client, providers.Query{Object: closeio.Lead, Fields: fields(
			"name", record.Text, "custom.Plan", record.Text, "custom.Seats", record.Int, "custom.Tags", record.MultiSet,
			"custom.Renewal Date", record.Date, "custom.Health", record.Picklist, "description", record.Text,
		)}, nil)
		want := []string{"Größe \"9\"", "-", "12", "a|c", "2027-02-28", "Good", "kept"}
		if diff := cmp.Diff(want, r.rows[id]); diff != "" {
			t.Error(diff)
		}
	})
}

// TestUpdateRefuses: what can never be written is refused before anything is
// sent, and each record has its own verdict.
func TestUpdateRefuses(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		for _, f := range []closeiosim.CustomField{
			{Name: "Odd", Type: "textarea", Objects: []string{"lead"}},
			{Name: "Guarded", Type: "text", EditableBy: []string{"admin"}, Objects: []string{"lead"}},
			{Name: "Many", Type: "choices", Choices: []string{"a"}, Multiple: true, Objects: []string{"lead"}},
		} {
			if _, err := l.sim.AddCustomField(f); err != nil {
				t.Fatal(err)
			}
		}
		id := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		for name, object := range map[string]string{
			"date_updated": closeio.Lead, "display_name": closeio.Lead, "addresses.business.city": closeio.Lead, "contacts": closeio.Lead,
			"custom.Odd": closeio.Lead, "custom.Guarded": closeio.Lead, "custom.Many": closeio.Lead, "nonsense": closeio.Lead,
			"email": closeio.Contact, "emails.office": closeio.Contact, "phones.mobile": closeio.Contact, "first_name": closeio.Contact,
			"value": closeio.Opportunity, "due_date": closeio.Task, "name": closeio.User,
		} {
			res, err := l.Update(t.Context(), object, []record.Patch{{ID: id, Fields: []record.FieldValue{set(name, record.Text, record.Of("x"))}}})
			if err != nil || len(res) != 1 || res[0].Err == nil || res[0].Err.Kind != providers.Rejected || res[0].Err.Hint == "" {
				t.Errorf("%s.%s: got %+v, %v", object, name, res, err)
			}
		}
		_, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: id, Fields: []record.FieldValue{set("custom.Gone", record.Text, record.Of("x"))}}})
		if providers.KindOf(err) != providers.Broken || err == nil {
			t.Errorf("a field that is gone: %v", err)
		}
		if n := len(l.sim.Writes()); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
}

// TestUpdateResults: a record that is gone, one that Close refuses, and a good
// one, in one batch.
func TestUpdateResults(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(2)
		health := func(v string) []record.FieldValue {
			return []record.FieldValue{set("custom.Health", record.Picklist, record.Of(v))}
		}
		res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{
			{ID: "lead_gone", Fields: health("Good")},
			{ID: ids[0], Fields: health("Splendid-9")},
			{ID: "../x", Fields: health("Good")},
			{ID: ids[1], Fields: health("Bad")},
			{ID: ids[0]},
		})
		if err != nil || len(res) != 5 {
			t.Fatal(res, err)
		}
		if res[0].Err == nil || res[0].Err.Kind != providers.Missing {
			t.Errorf("gone: %+v", res[0].Err)
		}
		if e := res[1].Err; e == nil || e.Kind != providers.Rejected || strings.Contains(e.Error(), "Splendid-9") || e.Ref.ID != ids[0] {
			t.Errorf("refused: %+v", e)
		}
		if res[2].Err == nil || res[2].Err.Kind != providers.Rejected || res[3].Err != nil || res[4].Err != nil {
			t.Errorf("got %+v", res)
		}
	})
}

// TestUpdateStops: what fails for all of them stops the batch; what was not sent
// says so.
func TestUpdateStops(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(3)
		var patches []record.Patch
		for _, id := range ids {
			patches = append(patches, record.Patch{ID: id, Fields: []record.FieldValue{set("name", record.Text, record.Of("New"))}})
		}
		l.sim.Faults().Add(faults.Rule{Method: http.MethodPut, From: 2, To: -1, Status: http.StatusUnauthorized})
		res, err := l.Update(t.Context(), closeio.Lead, patches)
		if err != nil || res[0].Err != nil || res[1].Err == nil || res[2].Err == nil || res[2].Err.Kind != providers.Denied {
			t.Errorf("got %+v, %v", res, err)
		}
		if _, err := l.Update(t.Context(), closeio.Lead, patches[1:]); providers.KindOf(err) != providers.Denied {
			t.Errorf("a batch of which nothing was written: %v", err)
		}
	})
}

// TestUpdateForbidden: a role that may not write one record does not stop the
// others, though the refusal is plain text that calls itself JSON.
func TestUpdateForbidden(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(2)
		l.sim.Forbid("/lead/" + ids[0])
		patch := func(id string) record.Patch {
			return record.Patch{ID: id, Fields: []record.FieldValue{set("name", record.Text, record.Of("New"))}}
		}
		res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{patch(ids[0]), patch(ids[1])})
		if err != nil || res[0].Err == nil || res[0].Err.Kind != providers.Rejected || res[0].Err.Hint == "" || res[1].Err != nil {
			t.Errorf("got %+v, %v", res, err)
		}
		_, errs, err := l.Get(t.Context(), closeio.Lead, leadFields(), ids)
		if err != nil || len(errs) != 1 || errs[0].Kind != providers.Rejected {
			t.Errorf("by id: %v, %v", errs, err)
		}
	})
}

// TestUpdateRepeats: an update whose answer was lost is sent again, to the same
// end.
func TestUpdateRepeats(t *testing.T) {
	for name, r := range map[string]faults.Rule{
		"dropped": {Drop: true, After: true}, "503": {Status: 503, After: true}, "cut": {Truncate: true}, "429": {Status: 429},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
				ids := l.leads(1)
				r.Method, r.From = http.MethodPut, 1
				l.sim.Faults().Add(r)
				res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: ids[0], Fields: []record.FieldValue{set("name", record.Text, record.Of("New"))}}})
				if err != nil || res[0].Err != nil || string(l.sim.Record(ids[0])["name"]) != `"New"` {
					t.Errorf("got %+v, %v", res, err)
				}
			})
		})
	}
}

// TestCreateRefuses: nothing is made in Close.
func TestCreateRefuses(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		res, err := l.Create(t.Context(), closeio.Lead, make([]record.Patch, 3))
		if err != nil || len(res) != 3 {
			t.Fatal(res, err)
		}
		for _, r := range res {
			if r.Err == nil || r.Err.Kind != providers.Rejected || r.ID != "" {
				t.Errorf("got %+v", r)
			}
		}
		if l.calls() != 0 {
			t.Errorf("calls: %v", l.sim.Calls())
		}
	})
}

// TestOffset: the day on which something is won is not left to the service's
// guess of where we are.
func TestOffset(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		id := l.sim.AddOpportunity(lead, closeiosim.Fields{"note": "x"})
		res, err := l.Update(t.Context(), closeio.Opportunity, []record.Patch{{ID: id, Fields: []record.FieldValue{
			set("status_id", record.Reference, record.Of(l.sim.StatusID("opportunity", "Won"))),
		}}})
		if err != nil || res[0].Err != nil {
			t.Fatal(res, err)
		}
		if got, want := string(l.sim.Record(id)["date_won"]), fmt.Sprintf("%q", serverNow().UTC().Format(time.DateOnly)); got != want {
			t.Errorf("won on %s, want %s", got, want)
		}
	})
}

// A refusal names custom fields as the patch does, and not by their ids.
func TestRefusalNamesFieldsAsTheyWereGiven(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		id := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		l.wire.Twist = func(req *http.Request, status int, body []byte) (int, []byte) {
			if req.Method != http.MethodPut {
				return status, body
			}
			var sent map[string]any
			for name := range l.sim.Writes()[0].Fields {
				sent = map[string]any{name: "Not a valid choice."}
			}
			out, _ := json.Marshal(map[string]any{"errors": []string{}, "field-errors": sent})
			return http.StatusBadRequest, out
		}
		res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: id, Fields: []record.FieldValue{set("custom.Plan", record.Text, record.Of("x"))}}})
		if err != nil || res[0].Err == nil || res[0].Err.Kind != providers.Rejected || len(res[0].Err.Fields) != 1 || res[0].Err.Fields[0] != "custom.Plan" {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

// C12.1: what the schema says of a field that is not written shows neither an
// e-mail address nor the key, in the schema and in the refusal.
func TestC12_1_WordsOfTheSchema(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		id := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		l.wire.Twist = func(req *http.Request, status int, body []byte) (int, []byte) {
			if strings.Contains(req.URL.Path, "/custom_field_schema/") {
				said := `"editable_with_roles":["sales ann.echo@larch.test ` + closeiosim.DefaultAPIKey + `"]`
				body = []byte(strings.ReplaceAll(string(body), `"editable_with_roles":[]`, said))
			}
			return status, body
		}
		schema, err := l.Describe(t.Context(), closeio.Lead)
		if err != nil {
			t.Fatal(err)
		}
		res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: id, Fields: []record.FieldValue{set("custom.Plan", record.Text, record.Of("x"))}}})
		if err != nil || res[0].Err == nil {
			t.Fatal(res, err)
		}
		for _, text := range []string{schema.Fields["custom.Plan"].Readonly, res[0].Err.Error()} {
			if !strings.Contains(text, "only the roles sales") || strings.Contains(text, "ann.echo") || strings.Contains(text, closeiosim.DefaultAPIKey[:8]) {
				t.Errorf("got %q", text)
			}
		}
	})
}
