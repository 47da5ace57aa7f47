package salesforce_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/salesforce"
	"crmsyncd/providers/salesforce/salesforcesim"
)

func bubble(t *testing.T, opt salesforcesim.Options, change func(*salesforce.Config), test func(t *testing.T, o org)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newOrg(t, opt, change)) })
}

// What is written is what is read back, blanks and awkward texts included.
func TestRoundTrip(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		parent := o.insert(t, "Account", "Name", "Parent")
		want := []record.FieldValue{
			text("Name", `O'Brien & "Söhne" \ <b>`), field("Ext__c", record.ID, record.Of("00012345")),
			field("NumberOfEmployees", record.Int, record.Of("42")), field("Staff__c", record.Decimal, record.Of("12.5")),
			field("Since__c", record.Date, record.Of("2026-03-29")), field("Tags__c", record.MultiSet, record.Multi("a", "c")),
			field("Tier__c", record.Picklist, record.Of("Gold")), field("ParentId", record.Reference, record.Of(parent)),
			field("Phone", record.Text, record.NullValue()), text("Description", "one\ntwo"),
		}
		made, err := o.Create(t.Context(), "Account", []record.Patch{{Fields: want}})
		if err != nil || made[0].Err != nil {
			t.Fatal(made, err)
		}
		var ask []record.Field
		for _, f := range want {
			ask = append(ask, f.Field)
		}
		found, errs, err := o.Get(t.Context(), "Account", ask, []string{made[0].ID})
		if err != nil || len(errs) != 0 || len(found) != 1 {
			t.Fatal(found, errs, err)
		}
		for i, f := range want {
			got, err := o.Convert("Account", f.Field, found[0].Raw[i])
			if err != nil || got != f.Value {
				t.Errorf("%s: %q, %v; want %q", f.Name, got.Text(), err, f.Value.Text())
			}
		}
		for _, key := range want {
			if key.Type == record.MultiSet || key.Name == "Description" || !key.Value.IsSet() {
				continue
			}
			hits, err := o.Find(t.Context(), "Account", ask, key.Field, []record.Value{key.Value})
			if err != nil || len(hits) != 1 || hits[0].ID != made[0].ID {
				t.Errorf("look up by %s: %d hits, %v", key.Name, len(hits), err)
			}
		}
	})
}

func TestIdentify(t *testing.T) {
	bubble(t, salesforcesim.Options{OrgName: "Acme Dev", OrgID: "00D8d0000000042", Sandbox: true}, nil, func(t *testing.T, o org) {
		got, err := o.Identify(t.Context())
		long, _ := salesforce.ID18("00D8d0000000042")
		if want := (providers.Identity{Org: long, Name: "Acme Dev", Sandbox: true}); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	})
}

func TestVersionMustBeServed(t *testing.T) {
	bubble(t, salesforcesim.Options{MaxVersion: 62}, nil, func(t *testing.T, o org) {
		_, err := o.Identify(t.Context())
		if providers.KindOf(err) != providers.Broken || err == nil || !strings.Contains(err.Error(), "at most 62.0") {
			t.Error(err)
		}
	})
}

// F3: a record whose transaction commits late appears behind the cursor, with
// an older stamp, and is read all the same.
func TestF3_LateCommitIsNotLost(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		o.fill(t, 3)
		time.Sleep(time.Hour)
		o.sim.CommitLate(9 * time.Minute)
		late := o.insert(t, "Account", "Name", "Late")
		o.sim.CommitLate(0)
		time.Sleep(time.Minute)
		early := o.insert(t, "Account", "Name", "Early")
		time.Sleep(time.Minute)

		first := readAll(t, o.Client, providers.Query{})
		if slices.Contains(first.ids, late) || !slices.Contains(first.ids, early) {
			t.Fatalf("the late record is not late: %v", first.ids)
		}
		time.Sleep(15 * time.Minute)
		second := readAll(t, o.Client, providers.Query{Since: first.next})
		if !slices.Contains(second.ids, late) {
			t.Errorf("the late record was lost: %+v", second)
		}
		time.Sleep(2 * time.Hour)
		third := readAll(t, o.Client, providers.Query{Since: second.next})
		fourth := readAll(t, o.Client, providers.Query{Since: third.next})
		if third.err != nil || fourth.err != nil || !fourth.last {
			t.Error(third, fourth)
		}
	})
}

// F3: hundreds of one second, in small pages, broken off and gone on with.
func TestF3_ManyOfOneSecond(t *testing.T) {
	bubble(t, salesforcesim.Options{PageSize: 7}, nil, func(t *testing.T, o org) {
		o.fill(t, 40)
		time.Sleep(time.Hour)
		seen := map[string]int{}
		var since record.Cursor
		for run := 0; ; run++ {
			pages, last := 0, false
			for p, err := range o.Read(t.Context(), providers.Query{Object: "Account", Fields: fields("Name", record.Text), Since: since}) {
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Records {
					seen[r.ID]++
				}
				since, last = p.Next, p.Last
				if pages++; pages == 2 {
					break
				}
			}
			if last {
				break
			}
			if run > 10 {
				t.Fatal("the listing does not end")
			}
		}
		if len(seen) != 40 {
			t.Errorf("%d records", len(seen))
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s came %d times", id, n)
			}
		}
	})
}

func TestGetMergedAndDeleted(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		ids := o.fill(t, 4)
		if err := o.sim.Merge(ids[1], ids[2]); err != nil {
			t.Fatal(err)
		}
		if err := o.sim.Delete("Account", ids[3]); err != nil {
			t.Fatal(err)
		}
		found, errs, err := o.Get(t.Context(), "Account", fields("Name", record.Text), ids)
		if err != nil || len(found) != 2 || len(errs) != 2 || errs[0].Ref.ID != ids[2] || errs[0].Successor != ids[1] || errs[0].Gone != providers.Told {
			t.Error(found, errs, err)
		}
		if e := errs[1]; e.Ref.ID != ids[3] || e.Gone != providers.Told || e.Successor != "" {
			t.Errorf("got %+v", e)
		}
		// F10: an update never makes what is gone.
		before := o.sim.Count("Account")
		got, err := o.Update(t.Context(), "Account", []record.Patch{{ID: ids[3], Fields: []record.FieldValue{text("Phone", "1")}}, {ID: ids[2]}, {ID: ids[0]}})
		if diff := cmp.Diff([]string{"missing", "missing", "ok"}, kinds(got)); err != nil || diff != "" || o.sim.Count("Account") != before {
			t.Error(err, diff, got)
		}
	})
}

// R6: the look-up folds case; the hit shows its own, so that the caller can
// tell them apart.
func TestR6_HitsShowTheirOwnCase(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		o.insert(t, "Account", "Name", "A", "Ext__c", "abc")
		hits, err := o.Find(t.Context(), "Account", fields("Ext__c", record.ID), record.Field{Name: "Ext__c", Type: record.ID}, values("ABC", "abc"))
		if err != nil || len(hits) != 1 || string(hits[0].Raw[0]) != `"abc"` {
			t.Error(hits, err)
		}
	})
}

// One call finds a batch of 200, whatever the keys are like.
func TestFindBatchBesideTheSimulator(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		var names []record.Value
		for i := range 200 {
			name := fmt.Sprintf("%s & Söhne's %d", strings.Repeat("Prüf", 20), i)
			names = append(names, record.Of(name))
			if i%2 == 0 {
				o.insert(t, "Account", "Name", name)
			}
		}
		if _, err := o.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := o.wire.Count("")
		hits, err := o.Find(t.Context(), "Account", fields("Name", record.Text), record.Field{Name: "Name", Type: record.Text}, names)
		if err != nil || len(hits) != 100 || o.wire.Count("") != before+1 {
			t.Error(len(hits), err, o.wire.Count("")-before)
		}
	})
}

// F22: what is left to others is not touched, nothing is lost, and the next
// day goes on by itself. Both forms of the header tell the usage.
func TestF22_BudgetKeepsItsReserve(t *testing.T) {
	for _, perApp := range []bool{false, true} {
		bubble(t, salesforcesim.Options{Quota: 1000}, nil, func(t *testing.T, o org) {
			o.sim.SetPerAppQuota(perApp)
			o.sim.SetQuota(790, 1000)
			refused := 0
			for i := range 30 {
				_, err := o.Create(t.Context(), "Account", inserts(i + 1)[i:])
				if err == nil {
					continue
				}
				if providers.KindOf(err) != providers.Budget {
					t.Fatal(err)
				}
				refused++
			}
			made := o.sim.Count("Account")
			if u := o.Usage(); made < 5 || made > 10 || refused+made != 30 || u.QuotaLimit != 1000 || u.QuotaUsed > 800 {
				t.Errorf("%d made, %d refused, %+v", made, refused, u)
			}
			o.sim.SetQuota(0, 1000)
			time.Sleep(time.Hour)
			if _, err := o.Create(t.Context(), "Account", inserts(50)[49:]); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestF22_QuotaExhausted(t *testing.T) {
	bubble(t, salesforcesim.Options{}, func(c *salesforce.Config) { c.ReservePercent = -1 }, func(t *testing.T, o org) {
		o.sim.SetQuota(15000, 15000)
		if _, err := o.Create(t.Context(), "Account", inserts(2)); providers.KindOf(err) != providers.Budget {
			t.Error(err)
		}
		if got := readAll(t, o.Client, providers.Query{}); providers.KindOf(got.err) != providers.Budget {
			t.Error(got.err)
		}
	})
}

// F19: a field that is taken away is named, on reading and on writing.
func TestF19_HiddenFieldBesideTheSimulator(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		if err := o.sim.HideField("Account", "Tier__c", true); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, o.Client, providers.Query{Object: "Account", Fields: fields("Name", record.Text, "Tier__c", record.Picklist)})
		if e := asError(got.err); e == nil || e.Kind != providers.Broken || !slices.Equal(e.Fields, []string{"Tier__c"}) {
			t.Errorf("%+v", got.err)
		}
		patch := record.Patch{Fields: []record.FieldValue{text("Name", "x"), field("Tier__c", record.Picklist, record.Of("Gold"))}}
		res, err := o.Create(t.Context(), "Account", []record.Patch{patch})
		e := asError(err)
		if err == nil {
			e = res[0].Err
		}
		if e == nil || e.Kind != providers.Broken || !slices.Equal(e.Fields, []string{"Tier__c"}) {
			t.Errorf("%+v %+v", res, err)
		}
		s, err := o.Describe(t.Context(), "Account")
		if _, there := s.Fields["Tier__c"]; err != nil || there {
			t.Error(there, err)
		}
	})
}

// F18: a restricted picklist refuses, and describe tells its values beforehand.
func TestF18_RestrictedPicklist(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		res, err := o.Create(t.Context(), "Account", []record.Patch{{Fields: []record.FieldValue{text("Name", "x"), field("Tier__c", record.Picklist, record.Of("Bronze"))}}})
		if err != nil || kinds(res)[0] != "rejected" || !slices.Equal(res[0].Err.Fields, []string{"Tier__c"}) || strings.Contains(res[0].Err.Error(), "Bronze") {
			t.Error(res[0].Err, err)
		}
		s, err := o.Describe(t.Context(), "Account")
		if f := s.Fields["Tier__c"]; err != nil || !f.Restricted || !slices.Equal(f.Picklist, []string{"Gold", "Silver"}) {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

func TestLocksAndDuplicateRules(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		ids := o.fill(t, 3)
		o.sim.LockRows(1, ids[1])
		got, err := o.Update(t.Context(), "Account", []record.Patch{{ID: ids[0]}, {ID: ids[1]}, {ID: ids[2]}})
		if diff := cmp.Diff([]string{"ok", "ok", "ok"}, kinds(got)); err != nil || diff != "" {
			t.Error(err, diff)
		}
		o.sim.SetDuplicateRules(salesforcesim.DuplicateRule{Object: "Account", Field: "Name"})
		got, err = o.Create(t.Context(), "Account", []record.Patch{{Fields: []record.FieldValue{text("Name", "Lab 1")}}})
		if err != nil || kinds(got)[0] != "rejected" || got[0].Err.Code != "DUPLICATES_DETECTED" || got[0].Err.Hint == "" {
			t.Error(got[0].Err, err)
		}
	})
}

// A state without its country is refused: the two are one group.
func TestGroups(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		for object, want := range map[string]string{"Account": "BillingState", "Contact": "MailingState", "Lead": "State"} {
			together := false
			for _, g := range o.Groups(object) {
				together = together || slices.Contains(g, want) && slices.Contains(g, strings.Replace(want, "State", "Country", 1))
			}
			if !together {
				t.Errorf("%s: %v", object, o.Groups(object))
			}
		}
		o.sim.RequireCountryWithState(true)
		got, err := o.Create(t.Context(), "Account", []record.Patch{{Fields: []record.FieldValue{text("Name", "x"), text("BillingState", "Hamburg")}}})
		if err != nil || kinds(got)[0] != "rejected" || got[0].Err.Hint == "" {
			t.Error(got[0].Err, err)
		}
	})
}

func TestDescribe(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		s, err := o.Describe(t.Context(), "account")
		if err != nil || s.Object != "Account" || s.Partial {
			t.Fatal(s.Object, err)
		}
		ext := s.Fields["Ext__c"]
		if !ext.Unique || !ext.ExternalID || !ext.CaseExact || !ext.FindBy || ext.Length != 40 || !slices.Contains(ext.Types, record.ID) {
			t.Errorf("%+v", ext)
		}
		if f := s.Fields["Name"]; !f.RequiredNew || !f.Createable || f.Readonly != "" || f.Length != 255 {
			t.Errorf("%+v", f)
		}
		if f := s.Fields["OwnerId"]; f.RequiredNew || !slices.Contains(f.Types, record.Reference) {
			t.Errorf("%+v", f)
		}
		for _, name := range []string{"Id", "BillingAddress", "SystemModstamp", "CreatedDate"} {
			if f := s.Fields[name]; f.Readonly == "" || f.Name == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if f := s.Fields["Description"]; f.FindBy || slices.Contains(f.Types, record.Int) {
			t.Errorf("%+v", f)
		}
		if f := s.Fields["NumberOfEmployees"]; !slices.Contains(f.Types, record.Int) || f.Length != 0 {
			t.Errorf("%+v", f)
		}
		if c, err := o.Describe(t.Context(), "Contact"); err != nil || c.Fields["Name"].Readonly == "" || c.Fields["LastName"].Readonly != "" || !c.Fields["LastName"].RequiredNew {
			t.Errorf("%+v %v", c.Fields["Name"], err)
		}
		if _, err := o.Describe(t.Context(), "Nonsense__c"); providers.KindOf(err) != providers.Broken || err == nil {
			t.Error(err)
		}
	})
}

// C3.1: a token whose answer names no organization is proved by one call, and
// used for nothing where it opens another one than that which is pinned.
func TestC3_1_TokenThatNamesNoOrganization(t *testing.T) {
	bubble(t, salesforcesim.Options{}, nil, func(t *testing.T, o org) {
		o.wire.Twist = func(req *http.Request, status int, body []byte) (int, []byte) {
			if strings.Contains(req.URL.Path, "/oauth2/token") {
				body = bytes.ReplaceAll(body, []byte(`"id":`), []byte(`"else":`))
			}
			return status, body
		}
		o.Pin("another organization")
		_, _, err := o.Get(t.Context(), "Account", nil, []string{id(1)})
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != providers.Denied || e.Elsewhere == nil || e.Elsewhere.Org != o.sim.OrgID() {
			t.Errorf("got %v", err)
		}
		if n := o.wire.Count("/services/data/"); n != 0 {
			t.Errorf("%d calls to another organization", n)
		}
		o.Pin(o.sim.OrgID())
		before := o.wire.Count("userinfo")
		if _, _, err := o.Get(t.Context(), "Account", nil, []string{id(1)}); err != nil {
			t.Error(err)
		}
		if n := o.wire.Count("userinfo") - before; n != 1 {
			t.Errorf("%d calls for the proof, want 1", n)
		}
	})
}
