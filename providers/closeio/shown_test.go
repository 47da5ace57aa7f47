package closeio_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
)

// shown writes down what an answer showed of each field.
func shown(vals []record.Value) []string {
	var out []string
	for _, v := range vals {
		out = append(out, v.String()+" "+v.Text())
	}
	return out
}

// The answer of a write shows the record as it is now: each field of the patch
// in its own form, a custom field that was cleared by its absence, and when the
// record changed.
func TestAnswerShowsWhatStands(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		id := l.sim.AddLead(closeiosim.Fields{"name": "Lab", "custom.Plan": "gone soon"})
		time.Sleep(time.Hour)
		res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: id, Fields: []record.FieldValue{
			set("custom.Renewal Date", record.Date, record.Of("2027-02-28")), set("name", record.Text, record.Of("Lab 2")),
			set("custom.Plan", record.Text, record.NullValue()),
		}}})
		if err != nil || res[0].Err != nil {
			t.Fatal(res, err)
		}
		if diff := cmp.Diff([]string{"[redacted] 2027-02-28", "[redacted] Lab 2", "null "}, shown(res[0].Shown)); diff != "" {
			t.Error(diff)
		}
		found, _, err := l.Get(t.Context(), closeio.Lead, nil, []string{id})
		if err != nil || len(found) != 1 || !found[0].Version.Equal(res[0].Version) || res[0].Version.IsZero() {
			t.Errorf("%+v, answered %v, %v", found, res[0].Version, err)
		}
	})
}

// Who changed a record last is our own user or another, in every object, in a
// listing and by id, once Identify has told who we are; no call is made for it.
func TestAuthorOfARecord(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ours, theirs := l.sim.AddLead(closeiosim.Fields{"name": "A"}), l.sim.AddLead(closeiosim.Fields{"name": "B"})
		if _, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: ours, Fields: []record.FieldValue{set("name", record.Text, record.Of("A2"))}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		authors := func() map[string]record.Author {
			out := map[string]record.Author{}
			for p, err := range l.Read(t.Context(), providers.Query{Object: closeio.Lead, Full: true}) {
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Records {
					out[r.ID] = r.By
				}
			}
			found, _, err := l.Get(t.Context(), closeio.Lead, nil, []string{ours, theirs})
			if err != nil || len(found) != 2 {
				t.Fatal(found, err)
			}
			for _, r := range found {
				if r.By != out[r.ID] {
					t.Errorf("%s by %v, in the listing by %v", r.ID, r.By, out[r.ID])
				}
			}
			return out
		}
		if diff := cmp.Diff(map[string]record.Author{ours: record.ByUnknown, theirs: record.ByUnknown}, authors()); diff != "" {
			t.Error(diff)
		}
		if _, err := l.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]record.Author{ours: record.ByOurs, theirs: record.ByOther}, authors()); diff != "" {
			t.Error(diff)
		}
		if n := l.wire.Count("/me/"); n != 1 {
			t.Errorf("who we are was asked %d times", n)
		}
	})
}

// A user of whom no membership tells is not visible, and an id that is none is
// refused without a call.
func TestAbsentIDs(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		found, errs, err := l.Get(t.Context(), closeio.User, nil, []string{"user_gone"})
		if err != nil || len(found) != 0 || len(errs) != 1 || errs[0].Kind != providers.Missing || errs[0].Gone != providers.NotVisible {
			t.Errorf("%v, %+v, %v", found, errs, err)
		}
		found, errs, err = l.Get(t.Context(), closeio.Contact, nil, []string{"../x"})
		if err != nil || len(found) != 0 || len(errs) != 1 || errs[0].Kind != providers.Rejected {
			t.Errorf("%v, %+v, %v", found, errs, err)
		}
	})
}
