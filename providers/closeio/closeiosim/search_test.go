package closeiosim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
)

func TestSearchGivesOnlyIDsUnlessNamed(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme", "custom.AccountExternalID": "1000", "custom.Plan": "Pro"})
	bare := rows(b.search(since("lead", "")))
	if d := cmp.Diff([]object{{"__object_type": "lead", "id": id}}, bare); d != "" {
		t.Error(d)
	}
	key := "custom." + b.sim.CustomFieldID("lead", "AccountExternalID")
	unset := "custom." + b.sim.CustomFieldID("lead", "Renewal Date")
	got := rows(b.search(since("lead", "", "id", "name", key, unset, "custom.cf_gone")))
	want := []object{{"__object_type": "lead", "id": id, "name": "Acme", key: "1000"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b.refused(400, "POST", "/data/search/", asJSON(since("lead", "", "naam")))
}

// keyset walks as a careful client does: on from the last stamp, over a run of
// one stamp by cursor.
func keyset(b *bed, kind string) (found []string, calls int) {
	b.Helper()
	anchor, at := "", map[string]bool{}
	cursor := ""
	for {
		q := since(kind, anchor, "id", "date_updated")
		if cursor != "" {
			q["cursor"] = cursor
		}
		page := b.search(q)
		calls++
		list := rows(page)
		if len(list) == 0 {
			return found, calls
		}
		for _, r := range list {
			if id := r["id"].(string); !at[id] {
				at[id] = true
				found = append(found, id)
			}
		}
		last := list[len(list)-1]["date_updated"].(string)
		used := cursor != ""
		if last == anchor {
			next, more := page["cursor"].(string)
			if !more {
				return found, calls
			}
			cursor = next
			continue
		}
		if !used && len(list) < 100 {
			return found, calls
		}
		anchor, cursor = last, ""
	}
}

func TestKeysetWalkFindsAll(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	b.sim.Bulk(closeiosim.BulkOptions{Leads: 12_000, ContactsPerLead: 1, SameStamp: 30})
	for _, kind := range []string{"lead", "contact"} {
		found, calls := keyset(b, kind)
		slices.Sort(found)
		if n := len(slices.Compact(found)); n != 12_000 {
			t.Errorf("%s: %d different records of 12000 in %d calls", kind, n, calls)
		}
	}
}

// The cap is silent: the cursor is null although there is more.
func TestCursorWalkEndsAt10000(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	b.sim.Bulk(closeiosim.BulkOptions{Leads: 10_150})
	q, n := since("lead", ""), 0
	for {
		page := b.search(q)
		n += len(rows(page))
		next, more := page["cursor"].(string)
		if !more {
			break
		}
		q["cursor"] = next
	}
	if n != 10_000 {
		t.Errorf("the walk gave %d of 10150 records", n)
	}
}

func TestCursorExpires(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	b.sim.Bulk(closeiosim.BulkOptions{Leads: 300})
	q := since("lead", "")
	q["cursor"] = b.search(q)["cursor"]
	b.clock.advance(30 * time.Second)
	if n := len(rows(b.search(q))); n != 100 {
		t.Errorf("after 30 s: %d records", n)
	}
	b.clock.advance(time.Second)
	text := b.refused(400, "POST", "/data/search/", asJSON(q))
	if !strings.Contains(text, "cursor") || !strings.Contains(text, "xpired") {
		t.Errorf("the refusal says %s", text)
	}
	fresh := since("lead", "")
	fresh["cursor"] = b.search(fresh)["cursor"]
	fresh["query"].(object)["queries"] = fresh["query"].(object)["queries"].([]any)[:1]
	fresh["results_limit"] = 150
	b.refused(400, "POST", "/data/search/", asJSON(fresh)) // another query's cursor
}

func TestIndexLagsBehind(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: 3 * time.Second})
	id := b.sim.AddLead(closeiosim.Fields{"name": "First"})
	name := func() any {
		list := rows(b.search(since("lead", "", "name")))
		if len(list) == 0 {
			return nil
		}
		return list[0]["name"]
	}
	var seen []any
	look := func() { seen = append(seen, name()) }
	look()
	b.clock.advance(3 * time.Second)
	look()
	if err := b.sim.EditLead(id, closeiosim.Fields{"name": "Second"}); err != nil {
		t.Fatal(err)
	}
	if got := b.get("/lead/" + id + "/")["name"]; got != "Second" {
		t.Errorf("GET by id gives %v", got)
	}
	look()
	b.clock.advance(3 * time.Second)
	look()
	b.sim.DeleteLead(id)
	look()
	b.sim.CatchUp()
	look()
	if d := cmp.Diff([]any{nil, "First", "First", "Second", "Second", nil}, seen); d != "" {
		t.Error(d)
	}
}

func TestSearchConditions(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	add := func(name, sync string, more closeiosim.Fields) string {
		f := closeiosim.Fields{"name": name}
		if sync != "" {
			f["custom.Sync"] = sync
		}
		for k, v := range more {
			f[k] = v
		}
		b.clock.advance(time.Minute)
		return b.sim.AddLead(f)
	}
	one := add("Acme Labs", "Yes", closeiosim.Fields{"custom.Renewal Date": "2027-01-31"})
	two := add("Beta", "No", closeiosim.Fields{"url": "beta.example"})
	three := add("Gamma Labs", "", nil)
	person := b.sim.AddContact(two, closeiosim.Fields{"name": "Ann Bee", "title": "CEO"})
	regular := func(kind, name string) object {
		return object{"type": "regular_field", "object_type": kind, "field_name": name}
	}
	custom := func(name string) object {
		return object{"type": "custom_field", "custom_field_id": b.sim.CustomFieldID("lead", name)}
	}
	on := func(field, condition object) object {
		return object{"type": "field_condition", "field": field, "condition": condition}
	}
	yes := on(custom("Sync"), object{"type": "term", "values": []string{"Yes"}})
	hasSync := on(custom("Sync"), object{"type": "exists"})
	negated := on(custom("Sync"), object{"type": "exists"})
	negated["negate"] = true
	fixed := func(at time.Time) object {
		return object{"type": "fixed_utc", "value": at.Format(time.RFC3339Nano)}
	}
	for _, c := range []struct {
		name string
		kind string
		q    object
		want []string
	}{
		{"and", "lead", object{"type": "and", "queries": []any{yes, hasSync}}, []string{one}},
		{"or", "lead", object{"type": "or", "queries": []any{yes, on(regular("lead", "url"), object{"type": "exists"})}}, []string{one, two}},
		{"not", "lead", object{"type": "not", "query": yes}, []string{two, three}},
		{"negate", "lead", negated, []string{three}},
		{"words", "lead", on(regular("lead", "name"), object{"type": "text", "mode": "full_words", "value": "labs"}), []string{one, three}},
		{"exact", "contact", on(regular("contact", "title"), object{"type": "text", "mode": "exact_value", "value": "ceo"}), []string{person}},
		{"reference", "contact", on(regular("contact", "lead_id"), object{"type": "reference", "object_ids": []string{two}}), []string{person}},
		{"id", "lead", object{"type": "id", "value": two}, []string{two}},
		{"date field", "lead", on(custom("Renewal Date"), object{"type": "moment_range", "on_or_after": object{"type": "fixed_local_date", "value": "2027-01-31", "which": "start"}}), []string{one}},
		{
			"made between", "lead", on(regular("lead", "date_created"), object{"type": "moment_range", "on_or_after": fixed(start().Add(2 * time.Minute)), "before": fixed(start().Add(3 * time.Minute))}),
			[]string{two},
		},
		{
			"relative", "lead", on(regular("lead", "date_created"), object{
				"type":        "moment_range",
				"on_or_after": object{"type": "offset", "direction": "past", "moment": object{"type": "now"}, "offset": object{"minutes": 1}},
			}), []string{two, three},
		},
		{"related", "lead", object{
			"type": "has_related", "this_object_type": "lead", "related_object_type": "contact",
			"related_query": on(regular("contact", "title"), object{"type": "exists"}),
		}, []string{two}},
	} {
		q := object{"query": object{"type": "and", "queries": []any{object{"type": "object_type", "object_type": c.kind}, c.q}}}
		if d := cmp.Diff(c.want, ids(rows(b.search(q)))); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestSearchOrderAndBounds(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1})
	var made []string
	for i := range 5 {
		b.clock.advance(time.Second)
		made = append(made, b.sim.AddLead(closeiosim.Fields{"name": fmt.Sprint("L", 4-i)}))
	}
	if err := b.sim.Touch(made[0]); err != nil {
		t.Fatal(err)
	}
	want := []string{made[1], made[2], made[3], made[4], made[0]}
	if err := b.sim.SetUpdated(made[0], b.clock.at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	q := since("lead", "")
	if d := cmp.Diff(want, ids(rows(b.search(q)))); d != "" {
		t.Errorf("ascending: %s", d)
	}
	q["sort"].([]any)[0].(object)["direction"] = "desc"
	q["_limit"] = 2
	var down []string
	for {
		page := b.search(q)
		down = append(down, ids(rows(page))...)
		if page["cursor"] == nil {
			break
		}
		q["cursor"] = page["cursor"]
	}
	slices.Reverse(want)
	if d := cmp.Diff(want, down); d != "" {
		t.Errorf("descending by cursor: %s", d)
	}
	named := since("lead", "")
	named["sort"].([]any)[0].(object)["field"].(object)["field_name"] = "name"
	delete(named["sort"].([]any)[0].(object), "x")
	slices.Reverse(made)
	if d := cmp.Diff(made, ids(rows(b.search(named)))); d != "" {
		t.Errorf("by name: %s", d)
	}
	total := since("lead", "")
	total["include_counts"], total["results_limit"] = true, 3
	page := b.search(total)
	if n := len(rows(page)); n != 3 || page["cursor"] != nil {
		t.Errorf("results_limit 3 gives %d, cursor %v", n, page["cursor"])
	}
	if d := cmp.Diff(object{"total": 5.0}, page["count"]); d != "" {
		t.Error(d)
	}
}

// The grain rounds a moment down, so that on_or_after gives more and before less.
func TestSearchGrain(t *testing.T) {
	b := newBed(t, closeiosim.Options{IndexLag: -1, SearchGrain: time.Minute})
	b.sim.AddLead(closeiosim.Fields{"name": "A"})
	later := b.clock.at.Add(40 * time.Second).Format(time.RFC3339Nano)
	if n := len(rows(b.search(since("lead", later)))); n != 1 {
		t.Errorf("a moment later within the minute finds %d", n)
	}
}

func TestSearchRefuses(t *testing.T) {
	b := newBed(t, closeiosim.Options{})
	for name, body := range map[string]string{
		"no object type":      `{"query":{"type":"and","queries":[]}}`,
		"opportunity":         `{"query":{"type":"object_type","object_type":"opportunity"}}`,
		"no JSON":             `{`,
		"unknown query":       `{"query":{"type":"and","queries":[{"type":"object_type","object_type":"lead"},{"type":"smell"}]}}`,
		"not of nothing":      `{"query":{"type":"and","queries":[{"type":"object_type","object_type":"lead"},{"type":"not"}]}}`,
		"unknown field":       `{"query":{"type":"and","queries":[{"type":"object_type","object_type":"lead"},{"type":"field_condition","field":{"type":"regular_field","object_type":"lead","field_name":"x"},"condition":{"type":"exists"}}]}}`,
		"custom field gone":   `{"query":{"type":"and","queries":[{"type":"object_type","object_type":"lead"},{"type":"field_condition","field":{"type":"custom_field","custom_field_id":"cf_x"},"condition":{"type":"exists"}}]}}`,
		"other object's":      `{"query":{"type":"and","queries":[{"type":"object_type","object_type":"lead"},{"type":"field_condition","field":{"type":"regular_field","object_type":"contact","field_name":"name"},"condition":{"type":"exists"}}]}}`,
		"no moment":           `{"query":{"type":"and","queries":[{"type":"object_type","object_type":"lead"},{"type":"field_condition","field":{"type":"regular_field","object_type":"lead","field_name":"date_updated"},"condition":{"type":"moment_range","before":{"type":"fixed_utc","value":"soon"}}}]}}`,
		"limit too large":     `{"query":{"type":"object_type","object_type":"lead"},"_limit":201}`,
		"limit of nothing":    `{"query":{"type":"object_type","object_type":"lead"},"_limit":0}`,
		"cursor never seen":   `{"query":{"type":"object_type","object_type":"lead"},"cursor":"x"}`,
		"sort by nothing":     `{"query":{"type":"object_type","object_type":"lead"},"sort":[{"direction":"asc","field":{"type":"regular_field","object_type":"lead","field_name":"x"}}]}`,
		"direction of wishes": `{"query":{"type":"object_type","object_type":"lead"},"sort":[{"direction":"up","field":{"type":"regular_field","object_type":"lead","field_name":"name"}}]}`,
	} {
		w := b.send("POST", "/data/search/", body)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d, %s", name, w.Code, w.Body)
		}
	}
}
