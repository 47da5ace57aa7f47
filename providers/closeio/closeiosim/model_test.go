package closeiosim_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/providers/closeio/closeiosim"
)

const lag = 5 * time.Second

// model is what the organization should hold, kept the simple way.
type model struct {
	*bed
	names map[string][]named // of leads, with when they were given; "" for deleted
	owner map[string]string  // of contacts
	moved map[string]time.Time
}

type named struct {
	at   time.Time
	name string
}

func (m *model) leads() []string {
	var list []string
	for id, h := range m.names {
		if h[len(h)-1].name != "" {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

func (m *model) give(id, name string) {
	m.names[id] = append(m.names[id], named{m.clock.at, name})
	m.moved[id] = m.clock.at
}

// actions are what people do, each on a record of the draw's choice.
func (m *model) actions() map[string]func(*rapid.T) {
	pick := func(t *rapid.T, list []string) string {
		if len(list) == 0 {
			t.Skip("nothing there")
		}
		return rapid.SampledFrom(list).Draw(t, "record")
	}
	contacts := func() []string {
		list := make([]string, 0, len(m.owner))
		for id := range m.owner {
			list = append(list, id)
		}
		slices.Sort(list)
		return list
	}
	serial := 0
	fresh := func() string { serial++; return fmt.Sprint("Lead ", serial) }
	fine := func(t *rapid.T, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]func(*rapid.T){
		"wait": func(t *rapid.T) {
			m.clock.advance(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond)
		},
		"add lead": func(*rapid.T) {
			name := fresh()
			m.give(m.sim.AddLead(closeiosim.Fields{"name": name}), name)
		},
		"rename lead": func(t *rapid.T) {
			id, name := pick(t, m.leads()), fresh()
			fine(t, m.sim.EditLead(id, closeiosim.Fields{"name": name}))
			m.give(id, name)
		},
		"add contact": func(t *rapid.T) {
			id := pick(t, m.leads())
			m.owner[m.sim.AddContact(id, closeiosim.Fields{"name": "x"})] = id
			m.moved[id] = m.clock.at
		},
		"move contact": func(t *rapid.T) {
			id, to := pick(t, contacts()), pick(t, m.leads())
			if m.owner[id] == to {
				t.Skip("it is there")
			}
			fine(t, m.sim.Edit(id, closeiosim.Fields{"lead_id": to}))
			m.moved[m.owner[id]], m.moved[to] = m.clock.at, m.clock.at
			m.owner[id] = to
		},
		"delete contact": func(t *rapid.T) {
			id := pick(t, contacts())
			m.sim.Delete(id)
			m.moved[m.owner[id]] = m.clock.at
			delete(m.owner, id)
		},
		"delete lead": func(t *rapid.T) {
			id := pick(t, m.leads())
			m.sim.DeleteLead(id)
			m.give(id, "")
			for c, o := range m.owner {
				if o == id {
					delete(m.owner, c)
				}
			}
		},
		"merge": func(t *rapid.T) {
			from, to := pick(t, m.leads()), pick(t, m.leads())
			if from == to {
				t.Skip("one lead")
			}
			fine(t, m.sim.MergeLeads(from, to))
			m.give(from, "")
			m.moved[to] = m.clock.at
			for c, o := range m.owner {
				if o == from {
					m.owner[c] = to
				}
			}
		},
	}
}

// check compares every way to look at the organization with the model.
func (m *model) check(t *rapid.T) {
	leads := m.leads()
	got := map[string]string{}
	for _, r := range rows(m.get("/lead/?_limit=200&_fields=id,name,date_updated")) {
		got[r["id"].(string)] = fmt.Sprint(r["name"], " ", r["date_updated"])
	}
	want := map[string]string{}
	for _, id := range leads {
		h := m.names[id]
		want[id] = fmt.Sprint(h[len(h)-1].name, " ", stampOf(m.moved[id]))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("list of leads: %s", d)
	}
	owners := map[string]string{}
	for _, r := range rows(m.get("/contact/?_fields=id,lead_id")) {
		owners[r["id"].(string)] = r["lead_id"].(string)
	}
	if d := cmp.Diff(m.owner, owners); d != "" {
		t.Fatalf("list of contacts: %s", d)
	}
	m.checkIndex(t)
}

// checkIndex holds the search against the names as they were a lag ago.
func (m *model) checkIndex(t *rapid.T) {
	then := m.clock.at.Add(-lag)
	want := map[string]string{}
	for id, h := range m.names {
		for _, n := range h {
			if !n.at.After(then) {
				want[id] = n.name
			}
		}
		if want[id] == "" {
			delete(want, id)
		}
	}
	got := map[string]string{}
	last := ""
	for _, r := range rows(m.search(since("lead", "", "name", "date_updated"))) {
		got[r["id"].(string)] = r["name"].(string)
		at := r["date_updated"].(string)
		if parsed(at).Before(parsed(last)) {
			t.Fatalf("%s comes after %s", at, last)
		}
		last = at
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("search: %s", d)
	}
}

func stampOf(at time.Time) string {
	if at.Nanosecond()/1e6 == 0 {
		return at.Format("2006-01-02T15:04:05+00:00")
	}
	return at.Format("2006-01-02T15:04:05.000000+00:00")
}

func parsed(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Whatever people do, lists show it at once and the search a lag later; the
// event log can rebuild it, and no write counts as the API's.
func TestHistoryAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBed(t, closeiosim.Options{IndexLag: lag})
		m := &model{bed: b, names: map[string][]named{}, owner: map[string]string{}, moved: map[string]time.Time{}}
		actions := m.actions()
		actions[""] = m.check
		rt.Repeat(actions)
		m.replay(rt)
		if n := len(b.sim.Writes()); n != 0 {
			rt.Fatalf("%d writes", n)
		}
	})
}

// replay rebuilds the leads from the event log, oldest first.
func (m *model) replay(t *rapid.T) {
	var all []object
	path := "/event/"
	for {
		page := m.get(path)
		all = append(all, rows(page)...)
		next, more := page["cursor_next"].(string)
		if !more {
			break
		}
		path = "/event/?_cursor=" + next
	}
	got := map[string]string{}
	for _, e := range slices.Backward(all) {
		if e["object_type"] != "lead" {
			continue
		}
		id := e["object_id"].(string)
		if e["action"] == "deleted" {
			delete(got, id)
			continue
		}
		got[id], _ = e["data"].(object)["name"].(string)
	}
	want := map[string]string{}
	for _, id := range m.leads() {
		h := m.names[id]
		want[id] = h[len(h)-1].name
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("rebuilt from events: %s", d)
	}
}
