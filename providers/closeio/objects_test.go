package closeio_test

import (
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

// TestLeadFields: parts of addresses by label, and the first whatever its label.
func TestLeadFields(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		id := l.sim.AddLead(closeiosim.Fields{"name": "Lab", "addresses": []map[string]any{
			{"label": "mailing", "address_1": "1 Post Rd", "city": "Bonn", "country": "DE"},
			{"label": "business", "address_1": "2 Main St", "city": "Kiel", "country": "DE"},
			{"label": "business", "address_1": "3 Late St", "city": "Jena", "country": "DE"},
		}})
		bare := l.sim.AddLead(closeiosim.Fields{"name": "Bare"})
		time.Sleep(time.Minute)
		q := providers.Query{Object: closeio.Lead, Fields: fields(
			"addresses.business.city", record.Text, "name", record.Text, "addresses.*.address_1", record.Text,
			"addresses.mailing.state", record.Text, "addresses.office.city", record.Text, "status_label", record.Text,
		)}
		r := l.read(t, l.Client, q, nil)
		r.whole(t, []string{id, bare})
		want := map[string][]string{
			id:   {"Kiel", "Lab", "1 Post Rd", "-", "-", "Potential"},
			bare: {"-", "Bare", "-", "-", "-", "Potential"},
		}
		if diff := cmp.Diff(want, r.rows); diff != "" {
			t.Error(diff)
		}
	})
}

// TestContactFields: R63 is that the id of a person may be any field, an e-mail
// for the most part.
func TestContactFields(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		ada := l.sim.AddContact(lead, closeiosim.Fields{
			"name": "  Ada  King Lovelace ", "title": "Countess", "custom.ContactExternalID": "ada@lab.example",
			"emails": []map[string]any{{"type": "office", "email": "ada@lab.example"}, {"type": "home", "email": "ada@home.example"}},
			"phones": []map[string]any{{"type": "mobile", "phone": "+4940123456"}},
		})
		prince := l.sim.AddContact(lead, closeiosim.Fields{"name": "Prince"})
		time.Sleep(time.Minute)
		q := providers.Query{Object: closeio.Contact, Fields: fields(
			"first_name", record.Text, "last_name", record.Text, "email", record.Text, "emails.home", record.Text,
			"phones.mobile", record.Text, "phone", record.Text, "title", record.Text, "lead_id", record.Reference,
			"custom.ContactExternalID", record.ID,
		)}
		r := l.read(t, l.Client, q, nil)
		r.whole(t, nil)
		want := map[string][]string{
			ada:    {"Ada  King", "Lovelace", "ada@lab.example", "ada@home.example", "+4940123456", "+4940123456", "Countess", lead, "ada@lab.example"},
			prince: {"-", "Prince", "-", "-", "-", "-", "-", lead, "-"},
		}
		if diff := cmp.Diff(want, r.rows); diff != "" {
			t.Error(diff)
		}
	})
}

// TestF21_OpportunityValue: amounts by their currency's smallest unit, without a
// float.
func TestF21_OpportunityValue(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		want := map[string][]string{}
		for _, tc := range []struct {
			value    any
			currency string
			text     string
		}{
			{50000, "USD", "500"},
			{50050, "EUR", "500.5"},
			{5, "USD", "0.05"},
			{50000, "JPY", "50000"},
			{1234567, "KWD", "1234.567"},
			{9007199254740991, "USD", "90071992547409.91"},
			{nil, "USD", "-"},
		} {
			id := l.sim.AddOpportunity(lead, closeiosim.Fields{"value": tc.value, "value_currency": tc.currency, "value_period": "annual"})
			want[id] = []string{tc.text, tc.currency}
		}
		r := l.read(t, l.Client, providers.Query{
			Object: closeio.Opportunity, Fields: fields("value", record.Decimal, "value_currency", record.Text),
		}, nil)
		r.whole(t, nil)
		if diff := cmp.Diff(want, r.rows); diff != "" {
			t.Error(diff)
		}
	})
}

// TestR104_OnlyWhatPeopleNote: reminders of calls and messages are counted and
// not taken. R100: tasks come open and closed.
func TestR104_OnlyWhatPeopleNote(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		open := l.sim.AddTask(lead, closeiosim.Fields{"_type": "lead", "text": "Call", "date": "2026-03-01"})
		done := l.sim.AddTask(lead, closeiosim.Fields{"_type": "lead", "text": "Write", "is_complete": true})
		for _, kind := range []string{"outgoing_call", "missed_call", "incoming_email", "email_followup", "opportunity_due"} {
			l.sim.AddTask(lead, closeiosim.Fields{"_type": kind})
		}
		r := l.read(t, l.Client, providers.Query{
			Object: closeio.Task, Fields: fields("text", record.Text, "is_complete", record.Bool, "date", record.Date),
		}, nil)
		r.whole(t, nil)
		want := map[string][]string{open: {"Call", "false", "2026-03-01"}, done: {"Write", "true", "-"}}
		if diff := cmp.Diff(want, r.rows); diff != "" {
			t.Error(diff)
		}
		if r.ignored != 5 {
			t.Errorf("%d were ignored, want 5", r.ignored)
		}
	})
}

// TestR100_OldTaskIsCompleted: a task that is done months after it was noted.
func TestR100_OldTaskIsCompleted(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		var ids []string
		for i := range 320 {
			ids = append(ids, l.sim.AddTask(lead, closeiosim.Fields{
				"_type": "lead", "text": fmt.Sprint("Task ", i), "date_created": serverNow().AddDate(0, -9, 0).Add(time.Duration(i) * time.Hour),
			}))
		}
		q := providers.Query{Object: closeio.Task, Fields: fields("text", record.Text, "is_complete", record.Bool)}
		first := l.read(t, l.Client, q, nil)
		first.whole(t, ids)
		first.once(t)
		time.Sleep(30 * 24 * time.Hour)
		if err := l.sim.CompleteTask(ids[7]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		l.sim.ResetCalls()
		q.Since = first.next
		second := l.read(t, connect(t, l.wire, nil), q, nil)
		second.whole(t, ids[7:8])
		if second.rows[ids[7]][1] != "true" {
			t.Errorf("got %v", second.rows[ids[7]])
		}
		if l.calls() != 1 {
			t.Errorf("a routine run took %v", l.sim.Calls())
		}
	})
}

// TestTasksWhileTheyChange: tasks that change while a first load runs, killed at
// every page, all come as they are in the end.
func TestTasksWhileTheyChange(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		var ids []string
		for i := range 650 {
			at := serverNow().AddDate(0, -9, 0).Add(time.Duration(i/250) * time.Hour) // runs of one creation
			ids = append(ids, l.sim.AddTask(lead, closeiosim.Fields{"_type": "lead", "text": "old", "date_created": at}))
		}
		time.Sleep(time.Hour)
		n := 0
		l.sim.OnCall(func(call string) {
			if call == "list.task" && n < 600 {
				_ = l.sim.Edit(ids[n], closeiosim.Fields{"text": "new"})
				_ = l.sim.Edit(ids[649-n], closeiosim.Fields{"text": "new"})
				n += 40
			}
		})
		got := map[string]string{}
		q := providers.Query{Object: closeio.Task, Fields: fields("text", record.Text)}
		for run := 0; run < 40; run++ {
			pages := 0
			r := l.read(t, connect(t, l.wire, nil), q, func(record.Page) bool { pages++; return pages == 4 })
			if r.err != nil {
				t.Fatal(r.err)
			}
			for id, row := range r.rows {
				got[id] = row[0]
			}
			q.Since = r.next
			time.Sleep(time.Minute)
		}
		l.sim.OnCall(nil)
		if len(got) != len(ids) {
			t.Fatalf("%d of %d came", len(got), len(ids))
		}
		for i, id := range ids {
			var want string
			if raw := string(l.sim.Record(id)["text"]); raw != "" {
				want = strings.Trim(raw, `"`)
			}
			if got[id] != want {
				t.Errorf("task %d came as %q and is %q", i, got[id], want)
			}
		}
	})
}

// TestOpportunities: changed ones by their listing, more than a page of one
// stamp too, and never by a far _skip.
func TestOpportunities(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1, MaxSkip: 400}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		var ids []string
		for i := range 900 {
			at := serverNow().AddDate(0, -1, 0).Add(time.Duration(i) * time.Minute)
			if i >= 200 && i < 530 {
				at = serverNow().AddDate(0, -1, 0).Add(200 * time.Minute)
			}
			ids = append(ids, l.sim.AddOpportunity(lead, closeiosim.Fields{"note": "old", "date_created": at}))
		}
		time.Sleep(time.Hour)
		q := providers.Query{Object: closeio.Opportunity, Fields: fields("note", record.Text, "custom.End Date", record.Date), Full: true}
		full := l.read(t, l.Client, q, nil)
		full.whole(t, ids)
		full.once(t)
		q.Full = false
		n := 0
		l.sim.OnCall(func(call string) {
			if call == "list.opportunity" && n < 9 {
				_ = l.sim.Edit(ids[n*90], closeiosim.Fields{"note": "new"})
				n++
			}
		})
		first := l.read(t, l.Client, q, nil)
		first.whole(t, ids)
		l.sim.OnCall(nil)
		for i := range n {
			if first.rows[ids[i*90]][0] != "new" {
				t.Errorf("the change of opportunity %d was not seen", i*90)
			}
		}
		time.Sleep(time.Hour)
		if err := l.sim.Edit(ids[4], closeiosim.Fields{"note": "late"}); err != nil {
			t.Fatal(err)
		}
		q.Since = first.next
		second := l.read(t, l.Client, q, nil)
		second.whole(t, ids[4:5])
		if len(second.rows) > 5 {
			t.Errorf("%d came although one changed", len(second.rows))
		}
	})
}

// TestOpportunitiesLeaveARun: records of a run of one stamp change while it is
// read, and the rest of it moves up behind the reader.
func TestOpportunitiesLeaveARun(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		at := serverNow().AddDate(0, -1, 0)
		var ids []string
		for range 450 {
			ids = append(ids, l.sim.AddOpportunity(lead, closeiosim.Fields{"note": "old", "date_created": at}))
		}
		n := 0
		l.sim.OnCall(func(call string) {
			if n++; call == "list.opportunity" && n == 3 {
				for _, id := range ids[10:90] {
					_ = l.sim.Edit(id, closeiosim.Fields{"note": "new"})
				}
			}
		})
		r := l.read(t, l.Client, providers.Query{Object: closeio.Opportunity, Fields: fields("note", record.Text)}, nil)
		r.whole(t, ids)
		if n < 3 || r.rows[ids[50]][0] != "new" {
			t.Errorf("%d calls, %v", n, r.rows[ids[50]])
		}
	})
}

// TestR111_AllUsers: members and those that departed, whom records still name
// (R110).
func TestR111_AllUsers(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		var last string
		for i := range 130 {
			last = l.sim.AddUser("Ann", fmt.Sprint("No ", i), fmt.Sprintf("ann%d@crm.example", i))
		}
		gone := l.sim.AddUser("Eve", "Van Gone", "eve@crm.example")
		if err := l.sim.DepartUser(gone); err != nil {
			t.Fatal(err)
		}
		q := providers.Query{Object: closeio.User, Fields: fields("name", record.Text, "last_name", record.Text, "is_active", record.Bool, "email", record.Text)}
		if l.Incremental(closeio.User) || !l.Incremental(closeio.Task) {
			t.Error("users alone are read whole each time")
		}
		r := l.read(t, l.Client, q, nil)
		r.whole(t, []string{last, gone})
		r.once(t)
		if len(r.rows) != len(l.sim.Users()) {
			t.Errorf("%d users of %d", len(r.rows), len(l.sim.Users()))
		}
		if diff := cmp.Diff([]string{"Ann No 129", "No 129", "true", "ann129@crm.example"}, r.rows[last]); diff != "" {
			t.Error(diff)
		}
		if row := r.rows[gone]; row[0] != "Eve Van Gone" || row[2] != "false" || row[3] == "-" {
			t.Errorf("the departed user came as %q", row)
		}
		found, _, err := l.Get(t.Context(), closeio.User, q.Fields, []string{gone, "user_none"})
		if err != nil || len(found) != 1 || found[0].ID != gone {
			t.Errorf("by id: %d records, %v", len(found), err)
		}
	})
}

// TestUsersFail: a listing that breaks off is not complete.
func TestUsersFail(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		l.sim.Faults().Add(faults.Rule{Path: "/organization/", From: 1, To: -1, Status: http.StatusForbidden, Body: "Forbidden"})
		r := l.read(t, l.Client, providers.Query{Object: closeio.User, Fields: fields("email", record.Text)}, nil)
		if r.last || providers.KindOf(r.err) != providers.Denied || r.err == nil {
			t.Errorf("complete %v, error %v", r.last, r.err)
		}
	})
}

// TestChildren: R121's reading of what belongs to a lead that enters the scope.
func TestChildren(t *testing.T) {
	bubble(t, closeiosim.Options{Seed: 5, Accounts: 30, ContactsPerAccount: 4}, func(t *testing.T, l lab) {
		leads := l.sim.IDs(closeio.Lead)[:6]
		big := leads[0]
		for i := range 230 {
			l.sim.AddContact(big, closeiosim.Fields{"name": fmt.Sprint("P ", i)})
		}
		for _, object := range []string{closeio.Contact, closeio.Opportunity, closeio.Task} {
			var want []string
			for _, id := range leads {
				want = append(want, l.sim.Children(id, object)...)
			}
			r := reading{rows: map[string][]string{}, seen: map[string]int{}}
			q := providers.Query{Object: object, Fields: someFields(object)}
			for p, err := range l.ReadChildren(t.Context(), q, "lead_id", leads) {
				if err != nil {
					t.Fatal(err)
				}
				r.page(t, l.Client, q, p)
			}
			if !r.last || len(r.seen)+r.ignored != len(want) {
				t.Errorf("%s: %d and %d ignored of %d, complete %v", object, len(r.seen), r.ignored, len(want), r.last)
			}
			r.once(t)
		}
		for _, err := range l.ReadChildren(t.Context(), providers.Query{Object: closeio.Contact}, "custom.Boss", leads) {
			if providers.KindOf(err) != providers.Broken || err == nil {
				t.Errorf("children by another field: %v", err)
			}
		}
	})
}

// TestGet: by id, of every object; a task that is none of people's is left out.
func TestGet(t *testing.T) {
	bubble(t, closeiosim.Options{Seed: 5, Accounts: 30, ContactsPerAccount: 2}, func(t *testing.T, l lab) {
		time.Sleep(time.Hour)
		for _, object := range []string{closeio.Lead, closeio.Contact, closeio.Opportunity, closeio.Task} {
			q := providers.Query{Object: object, Fields: someFields(object)}
			all := l.read(t, l.Client, q, nil)
			all.whole(t, nil)
			ids := append([]string{"lead_gone"}, keys(all.rows)...)[:min(8, len(all.rows))]
			found, errs, err := l.Get(t.Context(), object, q.Fields, ids)
			if err != nil || len(errs) != 1 || len(found) != len(ids)-1 {
				t.Fatalf("%s: %d of %d, %v, %v", object, len(found), len(ids)-1, errs, err)
			}
			if e := errs[0]; e.Kind != providers.Missing || e.Ref.ID != "lead_gone" || e.Gone != providers.Answered {
				t.Errorf("%s: got %+v", object, e)
			}
			for i := range found {
				if diff := cmp.Diff(all.rows[found[i].ID], texts(t, l.Client, q, &found[i])); diff != "" {
					t.Errorf("%s: %s", object, diff)
				}
				if found[i].Version.IsZero() {
					t.Errorf("%s has no version", found[i].ID)
				}
			}
		}
		call := l.sim.AddTask("", closeiosim.Fields{"_type": "missed_call"})
		found, errs, err := l.Get(t.Context(), closeio.Task, nil, []string{call})
		if err != nil || len(found) != 0 || len(errs) != 0 {
			t.Errorf("%d tasks of a system's kind, %v, %v", len(found), errs, err)
		}
	})
}

// TestF19_GetAfterDelete: the schema that an earlier call saw is not believed
// when a field is absent.
func TestF19_GetAfterDelete(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(2)
		q := providers.Query{Object: closeio.Lead, Fields: leadFields()}
		l.read(t, l.Client, q, nil)
		if err := l.sim.DeleteCustomField("lead", "AccountExternalID"); err != nil {
			t.Fatal(err)
		}
		found, _, err := l.Get(t.Context(), closeio.Lead, q.Fields, ids[:1])
		if err != nil || len(found) != 1 {
			t.Fatalf("%d records, %v", len(found), err)
		}
		if row := texts(t, l.Client, q, &found[0]); row[1] != "" || row[2] != "-" {
			t.Errorf("got %q", row)
		}
	})
}

// TestF11_GetMerged: a lead that was merged says into which.
func TestF11_GetMerged(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(3)
		if err := l.sim.MergeLeads(ids[0], ids[1]); err != nil {
			t.Fatal(err)
		}
		l.sim.DeleteLead(ids[2])
		found, errs, err := l.Get(t.Context(), closeio.Lead, leadFields(), ids)
		if err != nil || len(found) != 1 || len(errs) != 2 {
			t.Fatalf("%d records, %v, %v", len(found), errs, err)
		}
		if e := errs[0]; e.Kind != providers.Missing || e.Ref.ID != ids[0] || e.Successor != ids[1] || e.Gone != providers.Told {
			t.Errorf("got %+v", e)
		}
		if e := errs[1]; e.Kind != providers.Missing || e.Ref.ID != ids[2] || e.Successor != "" || e.Gone != providers.Told {
			t.Errorf("got %+v", e)
		}
	})
}

// TestF20_Dates: a day is a day, west of Greenwich too; an instant has its day in
// the configured zone; an instant is never made of a day.
func TestF20_Dates(t *testing.T) {
	west, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Skip("no zones here")
	}
	l := newLab(t, closeiosim.Options{}, func(c *closeio.Config) { c.Zone = west })
	for _, tc := range []struct {
		typ       record.Type
		raw, want string
	}{
		{record.Date, `"2026-03-01"`, "2026-03-01"},
		{record.Date, `"2026-03-01T06:30:00.000000+00:00"`, "2026-02-28"},
		{record.Date, `"2026-03-01T06:30:00"`, "2026-02-28"},
		{record.Date, `"2026-03-01T09:00:00+00:00"`, "2026-03-01"},
		{record.Datetime, `"2013-02-06T20:53:01.977000+00:00"`, "2013-02-06T20:53:01.977Z"},
		{record.Datetime, `"2015-01-09T19:50:49+00:00"`, "2015-01-09T19:50:49Z"},
		{record.Datetime, `"2016-10-19T12:22:10.434000"`, "2016-10-19T12:22:10.434Z"},
		{record.Datetime, `"2016-10-19T12:22:10+02:00"`, "2016-10-19T10:22:10Z"},
		{record.Datetime, `"2026-03-01"`, "!"},
		{record.Date, `"soon"`, "!"},
		{record.Date, `null`, "-"},
		{record.MultiSet, `["b","a","b"]`, "a|b"},
		{record.MultiSet, `"a;b"`, "a;b"},
		{record.ID, `"0012"`, "0012"},
		{record.ID, `12345.0`, "!"},
		{record.ID, `{"x":1}`, "!"},
		{record.Bool, `true`, "true"},
	} {
		q := providers.Query{Object: closeio.Task, Fields: fields("f", tc.typ)}
		got := texts(t, l.Client, q, &record.Record{Raw: [][]byte{[]byte(tc.raw)}})[0]
		if got != tc.want && (tc.want != "!" || !strings.HasPrefix(got, "!")) {
			t.Errorf("%s as %s: got %q, want %q", tc.raw, tc.typ, got, tc.want)
		}
		if strings.HasPrefix(got, "!") && strings.Contains(got, strings.Trim(tc.raw, `"`)) {
			t.Errorf("the error shows the value: %s", got)
		}
	}
}
