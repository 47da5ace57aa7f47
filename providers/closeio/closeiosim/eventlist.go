package closeiosim

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// eventMax is the page of the event log; a larger _limit is cut to it.
const eventMax = 50

// plainHour is how long a user who is no admin sees the values of an event.
// https://developer.close.com/api/overview/changelog/2019/1/25 (last checked 2026-11-22)
const plainHour = 60 * 60 * 1000

// eventFilters are the combinations that the event log takes.
// https://developer.close.com/api/resources/events (last checked 2026-11-22)
func eventFilters() []string {
	return []string{
		"", "object_type object_id", "object_type action", "object_id action",
		"object_type lead_id", "object_type action lead_id",
		"object_type lead_id user_id", "object_type action lead_id user_id", "lead_id user_id",
		"object_id user_id", "object_id action user_id", "object_type user_id", "object_type action user_id",
		"lead_id", "user_id", "request_id",
	}
}

// eventFilter is what a list of events asks for; empty means any.
type eventFilter struct{ objectType, objectID, action, lead, user, request string }

// listEvents tells the newest first. There is no _skip.
func (c *call) listEvents() answer {
	s := c.store
	s.prune(s.now())
	var given []string
	for _, name := range []string{"object_type", "object_id", "action", "lead_id", "user_id", "request_id"} {
		if c.query.Get(name) != "" {
			given = append(given, name)
		}
	}
	if !contains(eventFilters(), strings.Join(given, " ")) {
		return badRequest("This combination of filters is not supported: " + strings.Join(given, ", ") + ".")
	}
	limit, err := c.count64("_limit", eventMax)
	if err != nil {
		return badField("_limit", err.Error())
	}
	limit = max(1, min(limit, eventMax))
	if s.opt.PageMax > 0 {
		limit = min(limit, s.opt.PageMax)
	}
	within := &span{math.MinInt64, math.MaxInt64}
	for _, op := range []string{"", "gt", "gte", "lt", "lte"} {
		name := strings.TrimSuffix("date_updated__"+op, "__")
		if v := c.query.Get(name); v != "" {
			one, err := timeSpan(op, v)
			if err != nil {
				return badField(name, err.Error())
			}
			within = within.and(one)
		}
	}
	q := c.query
	f := eventFilter{q.Get("object_type"), q.Get("object_id"), q.Get("action"), q.Get("lead_id"), q.Get("user_id"), q.Get("request_id")}
	matches := func(e *event) bool {
		return e.updated >= within.from && e.updated < within.to && f.matches(e)
	}
	return c.eventPage(matches, limit)
}

func (f *eventFilter) matches(e *event) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return fits(f.objectType, e.objectType) && fits(f.objectID, e.objectID) && fits(f.action, e.action) &&
		fits(f.lead, e.leadID) && fits(f.user, e.who.userID) && fits(f.request, e.who.requestID)
}

// eventPage walks from a cursor, which names a place between two events.
func (c *call) eventPage(matches func(*event) bool, limit int) answer {
	var list []*event // newest first
	for _, e := range slices.Backward(c.store.events.all) {
		if matches(e) && !c.store.hides(c.store.any(e.objectID)) {
			list = append(list, e)
		}
	}
	start, fine := eventStart(c.query.Get("_cursor"), list, limit)
	if !fine {
		return badRequest("Invalid cursor")
	}
	end := min(len(list), start+limit)
	b := append(make([]byte, 0, 1<<14), `{"data":[`...)
	for i, e := range list[start:end] {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.appendEvent(b, e)
	}
	b = append(b, ']')
	b = appendEventCursor(b, "cursor_next", "n", end < len(list) && end > start, list, end-1)
	b = appendEventCursor(b, "cursor_previous", "p", start > 0 && start < len(list), list, start)
	return ok(append(b, '}'))
}

// eventStart is where the page of a cursor begins, the newest first.
func eventStart(token string, list []*event, limit int) (start int, fine bool) {
	if token == "" {
		return 0, true
	}
	var seq uint64
	var updated int64
	var way string
	if n, err := fmt.Sscanf(token, "ec_%1s_%d_%d", &way, &updated, &seq); n != 3 || err != nil {
		return 0, false
	}
	at := sort.Search(len(list), func(i int) bool {
		e := list[i]
		if way == "n" {
			return e.updated < updated || e.updated == updated && e.seq < seq
		}
		return e.updated < updated || e.updated == updated && e.seq <= seq
	})
	if way == "n" {
		return at, true
	}
	return max(0, at-limit), true
}

func appendEventCursor(b []byte, name, way string, is bool, list []*event, i int) []byte {
	b = append(b, `,"`+name+`":`...)
	if !is {
		return append(b, "null"...)
	}
	return append(b, fmt.Sprintf(`"ec_%s_%d_%d"`, way, list[i].updated, list[i].seq)...)
}

func (c *call) getEvent() answer {
	c.store.prune(c.store.now())
	for _, e := range c.store.events.all {
		if e.id == c.path[1] && !c.store.hides(c.store.any(e.objectID)) {
			return ok(c.appendEvent(nil, e))
		}
	}
	return notFound()
}

// appendEvent writes an event; its own times carry no offset, those in data do.
func (c *call) appendEvent(b []byte, e *event) []byte {
	text := func(name, v string) {
		b = append(b, `,"`+name+`":`...)
		if v == "" {
			b = append(b, "null"...)
			return
		}
		b = quote(b, v)
	}
	b = append(b, `{"id":`+quoted(e.id)...)
	b = append(append(b, `,"date_created":"`...), appendNaive(nil, e.created)...)
	b = append(append(b, `","date_updated":"`...), appendNaive(nil, e.updated)...)
	b = append(b, '"')
	text("organization_id", c.store.organization)
	text("user_id", e.who.userID)
	text("request_id", e.who.requestID)
	text("api_key_id", e.who.keyID)
	text("object_type", e.objectType)
	text("object_id", e.objectID)
	text("lead_id", e.leadID)
	text("action", e.action)
	b = append(append(b, `,"changed_fields":`...), encode(append([]string{}, e.changed...))...)
	if !c.store.opt.NonAdmin || c.store.now()-e.updated < plainHour {
		b = append(append(b, `,"data":`...), e.data...)
		b = append(append(b, `,"previous_data":`...), joinCells(e.previous)...)
	}
	return append(append(append(b, `,"meta":`...), encode(e.meta())...), '}')
}

func (e *event) meta() map[string]any {
	m := map[string]any{"request_method": e.who.method, "request_path": e.who.path}
	if e.who.merged != nil {
		m["merge_source_lead_id"], m["merge_destination_lead_id"] = e.who.merged.source, e.who.merged.destination
	}
	return m
}
