package closeio_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/internal/faults"
)

// events reads the log to its end.
func (l lab) events(t *testing.T, c *closeio.Client, since record.Cursor) ([]providers.Event, record.Cursor) {
	t.Helper()
	var out []providers.Event
	next := since
	for p, err := range c.Events(t.Context(), since) {
		if err != nil {
			t.Fatal(err)
		}
		out, next = append(out, p.Events...), p.Next
	}
	if !slices.IsSortedFunc(out, func(a, b providers.Event) int { return a.At.Compare(b.At) }) {
		t.Error("the events are not in order")
	}
	return out, next
}

func about(events []providers.Event, id string) []providers.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e providers.Event) bool { return e.ID != id })
}

// TestEventsBegin: without a cursor nothing is read but where to begin.
func TestEventsBegin(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		l.leads(3)
		events, next := l.events(t, l.Client, "")
		if len(events) != 0 || next == "" || l.calls("list.event") != 0 {
			t.Errorf("%d events, next %q, %v", len(events), next, l.sim.Calls())
		}
		// The overlap: what happened just before the beginning is told later.
		events, _ = l.events(t, connect(t, l.wire, nil), next)
		if len(events) == 0 {
			t.Error("nothing of the last minutes was told")
		}
	})
}

// TestF11_Events: changes in the words of the listings, deletes with their
// children, and merges.
func TestF11_Events(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(5)
		person := l.sim.AddContact(ids[2], closeiosim.Fields{"name": "Ada Lovelace"})
		time.Sleep(time.Hour)
		_, next := l.events(t, l.Client, "")
		time.Sleep(10 * time.Minute)
		if err := l.sim.EditLead(ids[0], closeiosim.Fields{"name": "New", "custom.Renewal Date": "2027-01-31"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if err := l.sim.Edit(person, closeiosim.Fields{"name": "Ada King"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		l.sim.DeleteLead(ids[2])
		if err := l.sim.MergeLeads(ids[3], ids[4]); err != nil {
			t.Fatal(err)
		}
		events, after := l.events(t, connect(t, l.wire, nil), next)
		if after <= next {
			t.Errorf("the cursor went from %s to %s", next, after)
		}
		checkUpdate(t, about(events, ids[0]), closeio.Lead, "custom.Renewal Date", "name", "display_name")
		checkUpdate(t, about(events, person), closeio.Contact, "first_name", "last_name", "name")
		if got := about(events, ids[2]); len(got) != 1 || got[0].Kind != providers.EventDeleted {
			t.Errorf("the deleted lead: %+v", got)
		}
		if got := about(events, person); got[len(got)-1].Kind != providers.EventDeleted {
			t.Errorf("the deleted contact: %+v", got)
		}
		got := about(events, ids[3])
		if len(got) == 0 || slices.ContainsFunc(got, func(e providers.Event) bool { return e.Kind != providers.EventMerged || e.Into != ids[4] }) {
			t.Errorf("the merged lead: %+v", got)
		}
	})
}

func checkUpdate(t *testing.T, events []providers.Event, object string, names ...string) {
	t.Helper()
	if len(events) == 0 {
		t.Errorf("no change of the %s", object)
		return
	}
	e := events[0]
	if e.Kind != providers.EventUpdated || e.Object != object || e.Own || e.At.IsZero() {
		t.Errorf("got %+v", e)
	}
	for _, name := range names {
		if !slices.Contains(e.Fields, name) {
			t.Errorf("%s of the %s did not change: %v", name, object, e.Fields)
		}
	}
}

// TestEventConsolidated: an event that is rewritten when the same record changes
// again is told again, with its new time.
func TestEventConsolidated(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(1)
		time.Sleep(time.Hour)
		_, next := l.events(t, l.Client, "")
		time.Sleep(20 * time.Minute)
		_ = l.sim.EditLead(ids[0], closeiosim.Fields{"name": "One"})
		time.Sleep(10 * time.Second)
		first, next := l.events(t, l.Client, next)
		time.Sleep(10 * time.Second)
		_ = l.sim.EditLead(ids[0], closeiosim.Fields{"description": "Two"})
		time.Sleep(10 * time.Second)
		second, _ := l.events(t, l.Client, next)
		a, b := about(first, ids[0]), about(second, ids[0])
		if len(a) == 0 || len(b) == 0 || !b[0].At.After(a[0].At) || !slices.Contains(b[0].Fields, "description") {
			t.Errorf("first %+v, then %+v", a, b)
		}
	})
}

// TestOwnEvents: what our own key did is told apart from people's edits.
func TestOwnEvents(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(2)
		time.Sleep(time.Hour)
		_, next := l.events(t, l.Client, "")
		time.Sleep(10 * time.Minute)
		res, err := l.Update(t.Context(), closeio.Lead, []record.Patch{{ID: ids[0], Fields: []record.FieldValue{
			{Field: record.Field{Name: "name", Type: record.Text}, Value: record.Of("Ours")},
		}}})
		if err != nil || res[0].Err != nil {
			t.Fatal(err, res[0].Err)
		}
		_ = l.sim.EditLead(ids[1], closeiosim.Fields{"name": "Theirs"})
		events, _ := l.events(t, l.Client, next)
		a, b := about(events, ids[0]), about(events, ids[1])
		if len(a) == 0 || !a[0].Own || len(b) == 0 || b[0].Own {
			t.Errorf("ours %+v, theirs %+v", a, b)
		}
	})
}

// TestEventsOfWeeks: more events than a step takes, in order, none left out, and
// resumed after each step; and a cursor from before the log's time.
func TestEventsOfWeeks(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1}, func(t *testing.T, l lab) {
		ids := l.leads(40)
		time.Sleep(time.Hour)
		_, next := l.events(t, l.Client, "")
		old := next
		time.Sleep(31 * 24 * time.Hour)
		for i := range 400 {
			_ = l.sim.EditLead(ids[i%40], closeiosim.Fields{"name": fmt.Sprint("Name ", i)})
			time.Sleep(17 * time.Minute)
		}
		count := map[time.Time]bool{}
		for range 200 {
			c := connect(t, l.wire, nil)
			done := true
			for p, err := range c.Events(t.Context(), next) {
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range p.Events {
					count[e.At] = true
				}
				if done = p.Next == next; !done {
					next = p.Next
				}
				break
			}
			if done {
				break
			}
		}
		all, _ := l.events(t, l.Client, old)
		if len(count) != 400 || len(all) < 400 {
			t.Errorf("%d step by step and %d in one, want 400", len(count), len(all))
		}
	})
}

// TestEventsFail: a log that cannot be read is an error and moves nothing.
func TestEventsFail(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		_, next := l.events(t, l.Client, "")
		for name, r := range map[string]faults.Rule{
			"forbidden": {Status: 403, Body: "Forbidden"}, "html": {Answer: faults.HTML}, "other": {Status: 200, Body: `{"a":1}`},
			"no time": {Status: 200, Body: `{"data":[{"id":"ev_1","object_type":"lead","object_id":"lead_1","action":"updated"}]}`},
		} {
			r.Path, r.From, r.To = "/event/", 1, -1
			end := l.sim.Faults().Add(r)
			pages, failed := 0, false
			for _, err := range l.Events(t.Context(), next) {
				pages++
				failed = failed || err != nil
			}
			end()
			if !failed || pages != 1 {
				t.Errorf("%s: %d pages, failed %v", name, pages, failed)
			}
		}
		for _, err := range l.Events(t.Context(), "w 2026-11-22T10:00:00.000Z") {
			if err == nil {
				t.Error("a position of tasks was taken")
			}
		}
	})
}

// TestEventKinds: kinds that are never taken are left out.
func TestEventKinds(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		time.Sleep(time.Hour)
		_, next := l.events(t, l.Client, "")
		time.Sleep(10 * time.Minute)
		todo := l.sim.AddTask(lead, closeiosim.Fields{"_type": "lead", "text": "Call"})
		l.sim.AddTask(lead, closeiosim.Fields{"_type": "missed_call"})
		l.sim.AddUser("Ann", "New", "ann@crm.example")
		_ = l.sim.RenameCustomField("lead", "Plan", "Tariff")
		time.Sleep(2 * time.Minute)
		if err := l.sim.CompleteTask(todo); err != nil {
			t.Fatal(err)
		}
		events, _ := l.events(t, l.Client, next)
		var got []string
		for _, e := range events {
			got = append(got, e.Object+" "+e.ID)
		}
		want := []string{"task " + todo, "task " + todo}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if last := events[len(events)-1]; !slices.Contains(last.Fields, "is_complete") {
			t.Errorf("the task that is done: %+v", last)
		}
	})
}
