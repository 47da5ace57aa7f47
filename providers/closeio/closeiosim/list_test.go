package closeiosim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

func TestPathsWithoutSlashRedirect(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	w := b.send("GET", "/lead?_limit=1", "")
	if w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "/api/v1/lead/?_limit=1" {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestPagesAreCapped(t *testing.T) {
	b := newBed(t, closeiosim.Options{MaxSkip: 500})
	b.sim.Bulk(closeiosim.BulkOptions{Leads: 600, ContactsPerLead: 1})
	for path, most := range map[string]int{"/lead/": 200, "/contact/": 100, "/opportunity/": 250, "/task/": 1000, "/user/": 1000, "/custom_field/lead/": 1000} {
		b.get(fmt.Sprintf("%s?_limit=%d", path, most))
		b.refused(400, "GET", fmt.Sprintf("%s?_limit=%d", path, most+1), "")
	}
	page := b.get("/lead/?_skip=500")
	if n := len(rows(page)); n != 100 || page["has_more"] != false || page["total_results"] != 600.0 {
		t.Errorf("%d rows, has_more %v, total %v", n, page["has_more"], page["total_results"])
	}
	if text := b.refused(400, "GET", "/lead/?_skip=501", ""); !strings.Contains(text, "max_skip = 500") {
		t.Errorf("the refusal says %s", text)
	}
	b.refused(400, "GET", "/lead/?_limit=x", "")
	b.refused(400, "GET", "/contact/?_skip=-1", "")
	if page := b.get("/lead/?_limit=0"); page["total_results"] != 600.0 || len(rows(page)) != 0 {
		t.Errorf("_limit=0: %v", page)
	}
	if err := b.sim.Configure(func(o *closeiosim.Options) { o.PageMax = 10 }); err != nil {
		t.Fatal(err)
	}
	b.refused(400, "GET", "/lead/?_limit=11", "")
	if n := len(rows(b.get("/lead/"))); n != 10 {
		t.Errorf("PageMax 10 gives %d", n)
	}
}

// GET /lead/ and /contact/ know no filter by change and give everything.
func TestLeadsCannotBeAskedForByChange(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	b.sim.AddContact(b.sim.AddLead(closeiosim.Fields{"name": "A"}), closeiosim.Fields{"name": "B"})
	for _, kind := range []string{"lead", "contact"} {
		if n := len(rows(b.get("/" + kind + "/?date_updated__gt=2099-01-01"))); n != 1 {
			t.Errorf("%s: %d", kind, n)
		}
	}
}

func TestOpportunitiesByChange(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "A"})
	other := b.sim.AddLead(closeiosim.Fields{"name": "B"})
	var made []string
	for i := range 4 {
		b.clock.advance(time.Hour)
		owner := id
		if i == 3 {
			owner = other
		}
		made = append(made, b.sim.AddOpportunity(owner, closeiosim.Fields{"value": 1000 - i}))
	}
	b.clock.advance(time.Hour)
	if err := b.sim.Edit(made[0], closeiosim.Fields{"note": "x"}); err != nil {
		t.Fatal(err)
	}
	at := func(h int) string {
		return url.QueryEscape(start().Add(time.Duration(h) * time.Hour).Format(time.RFC3339Nano))
	}
	both := "date_updated__gte=" + at(2) + "&date_updated__lte=" + at(3) + "&_order_by=date_updated"
	label := "status_label=Proposal+Sent&_order_by=-date_created"
	for query, want := range map[string][]string{
		"":                           made,
		"_order_by=date_updated":     {made[1], made[2], made[3], made[0]},
		"_order_by=-date_updated":    {made[0], made[3], made[2], made[1]},
		"_order_by=value":            {made[3], made[2], made[1], made[0]},
		"date_updated__gte=" + at(4): {made[0], made[3]},
		"date_updated__gt=" + at(4):  {made[0]},
		"date_updated__lt=" + at(3):  {made[1]},
		both:                         {made[1], made[2]},
		"date_created__gte=" + at(3): {made[2], made[3]},
		"lead_id=" + other:           {made[3]},
		"status_type=won":            {},
		label:                        {made[3], made[2], made[1], made[0]},
	} {
		page := b.get("/opportunity/?" + query)
		if d := cmp.Diff(want, ids(rows(page))); d != "" {
			t.Errorf("%s: %s", query, d)
		}
		if page["total_results"] != float64(len(want)) {
			t.Errorf("%s: total_results %v", query, page["total_results"])
		}
	}
	b.refused(400, "GET", "/opportunity/?_order_by=text", "")
	b.refused(400, "GET", "/opportunity/?date_updated__gte=soon", "")
	b.refused(400, "GET", "/opportunity/?date_updated__near=2026-01-01", "")
}

func TestTaskWindowsAndFilters(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	id := b.sim.AddLead(closeiosim.Fields{"name": "A"})
	add := func(f closeiosim.Fields) string { b.clock.advance(time.Hour); return b.sim.AddTask(id, f) }
	call := add(closeiosim.Fields{"text": "Call", "date": "2026-11-20"})
	later := add(closeiosim.Fields{"text": "Later", "date": "2026-12-24T08:00:00Z"})
	mail := add(closeiosim.Fields{"_type": "incoming_email"})
	done := add(closeiosim.Fields{"text": "Done"})
	b.clock.advance(time.Hour)
	if err := b.sim.CompleteTask(done); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(mail, "noti_") || !strings.HasPrefix(call, "task_") {
		t.Errorf("ids %s and %s", mail, call)
	}
	for query, want := range map[string][]string{
		"":                                      {call, later, mail, done},
		"_type=lead":                            {call, later, done},
		"_type__in=incoming_email,missed_call":  {mail},
		"is_complete=true":                      {done},
		"is_complete=False":                     {call, later, mail},
		"view=archive":                          {done},
		"view=future":                           {later},
		"view=inbox":                            {call, mail},
		"id__in=" + call + "," + done:           {call, done},
		"lead_id=" + id + "&_order_by=-date":    {done, mail, later, call},
		"date__lt=2026-12-01":                   {call},
		"date_created__gte=2026-11-22T12:05:00": {mail, done},
		"date_updated__gte=2026-11-22T13:30:00&date_updated__lt=2026-11-22T15:00:00": {done},
	} {
		if d := cmp.Diff(want, ids(rows(b.get("/task/?"+query)))); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
	b.refused(400, "GET", "/task/?_order_by=date_updated", "")
	forms := b.get("/task/?id__in=" + call + "," + later + "," + mail + "&_fields=date,due_date,is_dateless,object_type")
	want := []object{
		{"date": "2026-11-20", "due_date": "2026-11-20", "is_dateless": false, "object_type": nil},
		{"date": "2026-12-24T08:00:00+00:00", "due_date": "2026-12-24T08:00:00+00:00", "is_dateless": false, "object_type": nil},
		{"date": nil, "due_date": nil, "is_dateless": true, "object_type": "emailthread"},
	}
	if d := cmp.Diff(want, rows(forms)); d != "" {
		t.Error(d)
	}
	inner := names2(b.get("/lead/" + id + "/")["tasks"])
	if d := cmp.Diff([]string{call, later, mail}, inner); d != "" {
		t.Errorf("tasks within the lead: %s", d)
	}
}

func names2(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		o, _ := x.(object)
		out = append(out, fmt.Sprint(o["id"]))
	}
	return out
}

func TestFieldsAndDeprecatedDictionary(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme", "custom.Plan": "Pro"})
	full := b.get("/lead/" + id + "/")
	plan := "custom." + b.sim.CustomFieldID("lead", "Plan")
	if full[plan] != "Pro" || full["custom"].(object)["Plan"] != "Pro" {
		t.Errorf("full: %v and %v", full[plan], full["custom"])
	}
	for name, v := range full {
		if strings.HasPrefix(name, "custom.") && v == nil {
			t.Errorf("%s is null: an unset field has no key", name)
		}
	}
	for fields, want := range map[string]object{
		"id,name,nothing":       {"id": id, "name": "Acme"},
		"custom":                {plan: "Pro"},
		"name," + plan:          {"name": "Acme", plan: "Pro"},
		"contact_ids,contacts":  {"contact_ids": []any{}, "contacts": []any{}},
		"custom.cf_never,tasks": {"tasks": []any{}},
	} {
		if d := cmp.Diff(want, b.get("/lead/"+id+"/?_fields="+fields)); d != "" {
			t.Errorf("%s: %s", fields, d)
		}
	}
}

func TestLongFiltersByPost(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	b.sim.AddLead(closeiosim.Fields{"name": "Beta"})
	w := b.send("POST", "/lead/", `{"_params":{"_fields":"id","_limit":1}}`, func(r *http.Request) { r.Header.Set("x-http-method-override", "GET") })
	if want := `{"data":[{"id":"` + id + `"}],"has_more":true,"total_results":2}`; w.Body.String() != want {
		t.Errorf("%s, want %s", w.Body, want)
	}
	if n := len(b.sim.Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestUsersAndOrganization(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	gone := b.sim.AddUser("Una", "Gone", "una@close-sim.example")
	me := b.get("/me/")
	if err := b.sim.DepartUser(gone); err != nil {
		t.Fatal(err)
	}
	list := b.get("/user/?_limit=1")
	if list["has_more"] != true {
		t.Error("two members and a page of one: no more")
	}
	list = b.get("/user/?_order_by=last_name,first_name")
	if got := ids(rows(list)); slices.Contains(got, gone) || len(got) != 2 {
		t.Errorf("members: %v", got)
	}
	b.refused(404, "GET", "/user/"+gone+"/", "")
	org := me["organizations"].([]any)[0].(object)
	if org["id"] != b.sim.OrganizationID() || len(org["pipelines"].([]any)) != 2 || len(org["lead_statuses"].([]any)) != 5 {
		t.Errorf("organization of /me/: %v", org)
	}
	got := b.get("/organization/" + b.sim.OrganizationID() + "/?_fields=memberships,inactive_memberships")
	left := got["inactive_memberships"].([]any)
	if len(left) != 1 || left[0].(object)["user_id"] != gone || left[0].(object)["user_full_name"] != "Una Gone" || len(got["memberships"].([]any)) != 2 || len(got) != 2 {
		t.Errorf("organization: %v", got)
	}
	// A record names the departed user still.
	chore := b.sim.AddTask(b.sim.AddLead(closeiosim.Fields{}), closeiosim.Fields{"assigned_to": gone})
	if got := b.get("/task/" + chore + "/")["assigned_to_name"]; got != "Una Gone" {
		t.Errorf("assigned_to_name %v", got)
	}
	if err := b.sim.ReturnUser(gone); err != nil {
		t.Fatal(err)
	}
	if got := b.get("/user/" + gone + "/")["email"]; got != "una@close-sim.example" {
		t.Errorf("a user who came back: %v", got)
	}
}

func TestStatusesAndPipelines(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	if n := len(rows(b.get("/status/lead/"))); n != 5 {
		t.Errorf("%d statuses of leads", n)
	}
	deals := rows(b.get("/status/opportunity/"))
	if len(deals) != 8 || deals[2]["type"] != "won" || deals[0]["pipeline_id"] == nil {
		t.Errorf("statuses of opportunities: %v", deals)
	}
	pipes := b.get("/pipeline/")
	if _, has := pipes["has_more"]; has || len(rows(pipes)) != 2 {
		t.Errorf("pipelines: %v", pipes)
	}
	if at := rows(pipes)[0]["date_created"].(string); at != "2026-11-22T09:05:00.013049" {
		t.Errorf("date_created %s", at)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	for _, path := range []string{"/", "/nothing/", "/lead/lead_x/", "/lead/a/b/", "/status/task/", "/custom_field_schema/task/", "/custom_field/activity/", "/organization/x/", "/event/ev_x/", "/data/search/"} {
		if text := b.refused(404, "GET", path, ""); !strings.Contains(text, `"error"`) {
			t.Errorf("%s says %s", path, text)
		}
	}
	b.refused(405, "DELETE", "/lead/", "")
	b.refused(405, "POST", "/user/", "{}")
	b.refused(415, "POST", "/lead/", "name=x", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") })
	b.refused(400, "POST", "/lead/", "{")
	if n := len(b.sim.Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestStampForms(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	whole := b.sim.AddLead(closeiosim.Fields{"date_created": time.Date(2015, 1, 9, 19, 50, 49, 0, time.UTC)})
	parts := b.sim.AddLead(closeiosim.Fields{})
	if got := b.get("/lead/" + whole + "/")["date_created"]; got != "2015-01-09T19:50:49+00:00" {
		t.Errorf("a whole second: %v", got)
	}
	if got := b.get("/lead/" + parts + "/")["date_created"]; got != "2026-11-22T09:05:00.123000+00:00" {
		t.Errorf("a millisecond: %v", got)
	}
}

func TestCallsAndHook(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Before"})
	b.sim.OnCall(func(call string) {
		if call == "search.lead" {
			if err := b.sim.EditLead(id, closeiosim.Fields{"name": "Meanwhile"}); err != nil {
				t.Error(err)
			}
		}
	})
	if got := rows(b.search(since("lead", "", "name")))[0]["name"]; got != "Meanwhile" {
		t.Errorf("the hook came late: %v", got)
	}
	b.sim.OnCall(nil)
	b.get("/lead/")
	b.get("/me/")
	want := map[string]int{"search.lead": 1, "list.lead": 1, "me": 1}
	if d := cmp.Diff(want, b.sim.Calls()); d != "" {
		t.Error(d)
	}
	b.sim.ResetCalls()
	if n := len(b.sim.Calls()); n != 0 {
		t.Errorf("%d kinds of calls after a reset", n)
	}
}
