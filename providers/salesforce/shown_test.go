package salesforce_test

import (
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/salesforce/salesforcesim"
)

// Who changed a record last is our own user or another, in a listing, by id and
// in a look-up; the answer of a token tells who we are, and no call is made for
// it.
func TestAuthorOfARecord(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		theirs := o.insert(t, "Account", "Name", "Theirs", "Ext__c", "E1")
		made, err := o.Create(t.Context(), "Account", []record.Patch{{Fields: []record.FieldValue{text("Name", "Ours"), field("Ext__c", record.ID, record.Of("E2"))}}})
		if err != nil || made[0].Err != nil {
			t.Fatal(made, err)
		}
		want := map[string]record.Author{theirs: record.ByOther, made[0].ID: record.ByOurs}
		check := func(how string, recs []record.Record) {
			t.Helper()
			if len(recs) != 2 {
				t.Fatalf("%s: %d records", how, len(recs))
			}
			for _, r := range recs {
				if r.By != want[r.ID] || r.Version.IsZero() {
					t.Errorf("%s: %s by %v at %v, want by %v", how, r.ID, r.By, r.Version, want[r.ID])
				}
			}
		}
		calls := o.wire.Count("")
		var listed []record.Record
		for p, err := range o.Read(t.Context(), providers.Query{Object: "Account", Full: true}) {
			if err != nil {
				t.Fatal(err)
			}
			listed = append(listed, p.Records...)
		}
		check("listing", listed)
		byID, _, err := o.Get(t.Context(), "Account", nil, []string{theirs, made[0].ID})
		if err != nil {
			t.Fatal(err)
		}
		check("by id", byID)
		hits, err := o.Find(t.Context(), "Account", nil, record.Field{Name: "Ext__c", Type: record.ID}, values("E1", "E2"))
		if err != nil {
			t.Fatal(err)
		}
		check("look-up", hits)
		if n := o.wire.Count("") - calls; n != 3 {
			t.Errorf("%d calls, want 3", n)
		}
		// The answer of a write shows nothing here.
		if made[0].Shown != nil || !made[0].Version.IsZero() {
			t.Errorf("got %+v", made[0])
		}
	})
}

// A credential that is a token as it is does not tell who it is.
func TestAuthorWithAFixedToken(t *testing.T) {
	listing := reply{body: `{"totalSize":1,"done":true,"records":[{"Id":"` + id(1) + `","SystemModstamp":"2026-05-01T11:30:00.000+0000","LastModifiedById":"005xx0000000001","Name":"A"}]}`}
	hits, err := client(t, answers(listing)).Find(t.Context(), "Account", fields("Name", record.Text), record.Field{Name: "Name", Type: record.Text}, values("A"))
	if err != nil || len(hits) != 1 || hits[0].By != record.ByUnknown {
		t.Errorf("%+v, %v", hits, err)
	}
}

// C4.1: an account that the user may not see is not gone: reads by id answer
// null for it and queries leave it out, the bin too. An object whose records
// have no bin is no fault.
func TestC4_1_NotVisibleIsNotGone(t *testing.T) {
	for name, bin := range map[string]reply{
		"left out":     page(0, ""),
		"not deleted":  {body: `{"totalSize":1,"done":true,"records":[{"Id":"` + id(2) + `","SystemModstamp":null,"IsDeleted":false,"MasterRecordId":null}]}`},
		"without bins": {status: 400, body: `[{"errorCode":"INVALID_FIELD","message":"No such column 'IsDeleted' on entity 'User'."}]`},
	} {
		s := answers(getReply(row{1, "09:00:00", "a"}.json(), "null"), bin)
		found, errs, err := client(t, s).Get(t.Context(), "Account", fields("Name", record.Text), []string{id(1), id(2)})
		if err != nil || len(found) != 1 || len(errs) != 1 {
			t.Errorf("%s: %v %v %v", name, found, errs, err)
			continue
		}
		if e := errs[0]; e.Kind != providers.Missing || e.Ref.ID != id(2) || e.Gone != providers.NotVisible || e.Successor != "" {
			t.Errorf("%s: got %+v", name, e)
		}
	}
	// A bin that cannot be asked is no proof of anything.
	s := answers(getReply("null"), reply{status: 403, body: `[{"errorCode":"API_DISABLED_FOR_ORG","message":"no"}]`})
	if _, errs, err := client(t, s).Get(t.Context(), "Account", nil, []string{id(1)}); providers.KindOf(err) != providers.Denied {
		t.Errorf("%v, %v", errs, err)
	}
}
