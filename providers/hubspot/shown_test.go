package hubspot_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/hubspot/hubspotsim"
)

// shown writes down what an answer showed of each field.
func shown(vals []record.Value) []string {
	var out []string
	for _, v := range vals {
		out = append(out, v.String()+" "+v.Text())
	}
	return out
}

// The answer of a batch shows the properties of each patch, in its order and in
// their own form, whatever the order of the results; what it leaves out, cannot
// be read, or is an association is missing.
func TestAnswerShowsWhatStands(t *testing.T) {
	s := answers(reply{body: `{"results":[
		{"id":"2","objectWriteTraceId":"r1","updatedAt":"2026-03-01T10:00:00.500Z","properties":{"phone":"+49 30","founded":"2026-01-02","qbench_id":"Q1"}},
		{"id":"1","objectWriteTraceId":"r0","updatedAt":"2026-03-01T09:00:00Z","properties":{"size":"many","qbench_id":"Q0","name":"larch","phone":null}}]}`})
	res, err := client(t, s).Update(t.Context(), "companies", []record.Patch{
		{ID: "1", Fields: []record.FieldValue{
			text("name", "Larch"), field("phone", record.Text, record.NullValue()), field("size", record.Int, record.Of("5")), text("city", "Berlin"),
		}},
		{ID: "2", Fields: []record.FieldValue{text("phone", "4930"), field("founded", record.Date, record.Of("2026-01-02"))}},
	})
	if err != nil || kinds(res) != "1 2" {
		t.Fatalf("%s, %v", kinds(res), err)
	}
	if diff := cmp.Diff([]string{"[redacted] larch", "null ", "missing ", "missing "}, shown(res[0].Shown)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"[redacted] +49 30", "[redacted] 2026-01-02"}, shown(res[1].Shown)); diff != "" {
		t.Error(diff)
	}
	if !res[0].Version.Equal(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)) || !res[1].Version.Equal(time.Date(2026, 3, 1, 10, 0, 0, 5e8, time.UTC)) {
		t.Errorf("versions %v, %v", res[0].Version, res[1].Version)
	}
	// An answer without properties shows nothing.
	res, err = client(t, answers(reply{body: `{"results":[{"id":"7","objectWriteTraceId":"r0"}]}`})).Create(t.Context(), "companies", inserts(1))
	if err != nil || kinds(res) != "7" || res[0].Shown != nil || !res[0].Version.IsZero() {
		t.Errorf("%+v, %v", res, err)
	}
}

// A write that goes on to associations keeps what the answer showed, and the
// stamp is the one that a reading shows.
func TestPortalShowsWhatStands(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		firms := l.fill(t, 2)
		made, err := l.Create(t.Context(), "contacts", contacts(2, firms[0]))
		if err != nil || made[0].Err != nil {
			t.Fatal(made, err)
		}
		want := []string{"[redacted] C0", "[redacted] c0@larch.test", "[redacted] Ann", "[redacted] Ash 0", "missing "}
		if diff := cmp.Diff(want, shown(made[0].Shown)); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Minute)
		res, err := l.Update(t.Context(), "contacts", []record.Patch{{
			ID: made[0].ID, Fields: []record.FieldValue{company(firms[1]), text("lastname", "Birch")},
		}})
		if err != nil || kinds(res) != made[0].ID {
			t.Fatal(kinds(res), err)
		}
		if diff := cmp.Diff([]string{"missing ", "[redacted] Birch"}, shown(res[0].Shown)); diff != "" {
			t.Error(diff)
		}
		got, _, err := l.Get(t.Context(), "contacts", nil, []string{made[0].ID})
		if err != nil || len(got) != 1 || res[0].Version.IsZero() || got[0].Version.Before(res[0].Version) || got[0].By != record.ByUnknown {
			t.Errorf("%+v after %v, %v", got, res[0].Version, err)
		}
	})
}
