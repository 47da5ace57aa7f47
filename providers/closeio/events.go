package closeio

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// The places of what is read of an event.
const (
	evID = iota
	evAction
	evType
	evObject
	evUpdated
	evUser
	evKey
	evFields
	evSource
	evInto
)

const eventFields = "id,action,object_type,object_id,date_created,date_updated,user_id,api_key_id,changed_fields,meta"

func newEventWalker() *jsonwalk.Walker {
	return jsonwalk.New(jsonwalk.Shape{
		Array: "data", Head: []string{"cursor_next"},
		Fields: []string{
			"id", "action", "object_type", "object_id", "date_updated", "user_id", "api_key_id", "changed_fields",
			"meta.merge_source_lead_id", "meta.merge_destination_lead_id",
		},
	})
}

// eventWindow is how much of the log one step reads at first. The log gives the
// newest first, and a step is turned round whole.
const eventWindow = 6 * time.Hour

// Events reads the event log, oldest first, from five minutes before the cursor:
// so long the log rewrites its latest events when the same record changes again.
// It reaches back 30 days; of what was longer ago nothing is told, and a full
// reading has to find it. An event that says no more than a listing, and one of
// another kind of record, is left out.
//
// https://developer.close.com/resources/events and
// https://developer.close.com/resources/events/list-of-event-types, last
// checked 2026-11-22.
func (c *Client) Events(ctx context.Context, since record.Cursor) iter.Seq2[providers.EventPage, error] {
	return func(yield func(providers.EventPage, error) bool) {
		l, err := c.newLog(ctx, since)
		if err != nil {
			yield(providers.EventPage{}, err)
			return
		}
		if since == "" {
			yield(providers.EventPage{Next: position{at: l.safe}.cursor()}, nil)
			return
		}
		for done := false; !done; {
			var page providers.EventPage
			if page, done, err = l.step(ctx); err != nil {
				yield(providers.EventPage{}, err)
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// eventLog is one reading of the log.
type eventLog struct {
	c     *Client
	call  call
	walk  *jsonwalk.Walker
	me    *self
	names map[string]string // custom fields by id, as listings name them

	from   time.Time
	safe   time.Time // what happened before this is told for good
	window time.Duration
	pages  int       // of the last step
	oldest time.Time // event read last
	given  map[eventState]struct{}
}

// eventState is an event as it was written last.
type eventState struct {
	id string
	at int64
}

func (c *Client) newLog(ctx context.Context, since record.Cursor) (*eventLog, error) {
	k := call{op: "read events", kind: kindEvents}
	p, err := parsePosition(k.op, since)
	if err != nil {
		return nil, err
	}
	if p.window {
		return nil, providers.Errorf(providers.Broken, k.op, "the position is one of another object")
	}
	if _, known := c.clock.At(time.Now()); since == "" && !known {
		if _, err := c.Identify(ctx); err != nil {
			return nil, err
		}
	}
	me, err := c.me(ctx)
	if err != nil {
		return nil, err
	}
	now := c.serverAt(time.Now())
	l := &eventLog{
		c: c, call: k, walk: newEventWalker(), me: me, safe: later(now.Add(-overlap), p.at),
		from: later(p.at.Add(-overlap), now.Add(overlap-eventsKept)), window: eventWindow, given: map[eventState]struct{}{},
	}
	return l, nil
}

// step reads one stretch of the log and moves on behind it. The last one has no
// end, so that nothing slips by between two clocks.
func (l *eventLog) step(ctx context.Context) (providers.EventPage, bool, error) {
	to := l.from.Add(l.window)
	last := to.After(l.safe)
	if last {
		to = time.Time{}
	}
	events, err := l.stretch(ctx, l.from, to)
	if err != nil {
		return providers.EventPage{}, false, err
	}
	page := providers.EventPage{Events: events, Next: position{at: grain(l.safe)}.cursor()}
	if !last {
		page.Next = position{at: grain(to)}.cursor()
	}
	l.from = to
	if l.pages <= 2 {
		l.window *= 2
	} else if l.pages > 20 {
		l.window = max(l.window/2, overlap)
	}
	return page, last, nil
}

// stretch returns what happened within a time, oldest first.
func (l *eventLog) stretch(ctx context.Context, from, to time.Time) ([]providers.Event, error) {
	v := url.Values{"_limit": {strconv.Itoa(eventPage)}, "_fields": {eventFields}, byUpdate + "__gte": {eventStamp(from)}}
	if !to.IsZero() {
		v.Set(byUpdate+"__lt", eventStamp(to))
	}
	clear(l.given)
	var out []providers.Event
	for l.pages = 1; ; l.pages++ {
		next, err := l.page(ctx, v, &out)
		if err != nil {
			return nil, err
		}
		if next == "" {
			break
		}
		if next == v.Get("_cursor") {
			return nil, providers.Errorf(providers.Broken, l.call.op, "the log does not move on")
		}
		// The cursor stands for the times; naming them beside it is refused.
		v.Set("_cursor", next)
		v.Del(byUpdate + "__gte")
		v.Del(byUpdate + "__lt")
	}
	out = slices.DeleteFunc(out, func(e providers.Event) bool {
		return e.At.Before(from) || !to.IsZero() && !e.At.Before(to)
	})
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b providers.Event) int { return a.At.Compare(b.At) })
	return out, nil
}

func eventStamp(t time.Time) string { return t.UTC().Format(stampForm) }

func (l *eventLog) page(ctx context.Context, v url.Values, out *[]providers.Event) (next string, err error) {
	resp, err := l.c.get(ctx, l.call, "/event/?"+v.Encode())
	if err != nil {
		return "", err
	}
	defer resp.Release()
	p, werr := l.walk.Walk(resp.Body)
	if werr != nil {
		return "", providers.Errorf(providers.Broken, l.call.op, "read the answer: %w", werr)
	}
	if !p.Found {
		return "", providers.Errorf(providers.Broken, l.call.op, "the answer holds no events, not even none")
	}
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		e, ok, err := l.event(ctx, row)
		if err != nil {
			return "", err
		}
		if ok {
			*out = append(*out, e)
		}
	}
	if p.Len() == 0 || l.oldest.Before(l.from) {
		return "", nil
	}
	next, _ = jsonwalk.Text(p.Head[0])
	return next, nil
}

// event reads one entry of the log, false where it is of no use here or was
// given already.
func (l *eventLog) event(ctx context.Context, row [][]byte) (providers.Event, bool, error) {
	kind, _ := jsonwalk.Text(row[evType])
	object := objectOfEvent(kind)
	id, ok := jsonwalk.Text(row[evID])
	at := parseStamp(row[evUpdated])
	if !ok || at.IsZero() {
		return providers.Event{}, false, providers.Errorf(providers.Broken, l.call.op, "an event of the answer has no id or no time")
	}
	l.oldest = at
	state := eventState{id, at.UnixNano()}
	if _, known := l.given[state]; known || object == "" {
		return providers.Event{}, false, nil
	}
	l.given[state] = struct{}{}
	e := providers.Event{At: at, Object: object, Own: l.own(row)}
	e.ID, _ = jsonwalk.Text(row[evObject])
	source, _ := jsonwalk.Text(row[evSource])
	into, _ := jsonwalk.Text(row[evInto])
	action, _ := jsonwalk.Text(row[evAction])
	switch merge := object == Lead && source != "" && into != ""; {
	case merge && (action == "merged" || action == "deleted" && e.ID == source):
		e.Kind, e.ID, e.Into = providers.EventMerged, source, into
	case action == "deleted":
		e.Kind = providers.EventDeleted
	default:
		e.Kind = providers.EventUpdated
		var err error
		if e.Fields, err = l.fields(ctx, object, row[evFields]); err != nil {
			return providers.Event{}, false, err
		}
	}
	return e, validID(e.ID), nil
}

// objectOfEvent returns the object that an event is about, empty for all kinds
// that are never taken.
func objectOfEvent(kind string) string {
	switch kind {
	case Lead, Contact, Opportunity:
		return kind
	case "task.lead":
		return Task
	}
	return ""
}

// own reports whether our own credential did it: a key of its user did. What the
// user does by hand carries no key. An app leaves no mark that tells it from its
// user, so nothing is its own.
func (l *eventLog) own(row [][]byte) bool {
	user, _ := jsonwalk.Text(row[evUser])
	key, _ := jsonwalk.Text(row[evKey])
	return l.c.cfg.Auth.Method == APIKey && key != "" && user == l.me.user
}

// fields returns what changed in the words of the listings. A list such as
// addresses changes as a whole, so no part of it is named.
func (l *eventLog) fields(ctx context.Context, object string, raw []byte) ([]string, error) {
	elems, _ := jsonwalk.Elements(raw)
	var out []string
	for _, one := range elems {
		name, ok := jsonwalk.Text(one)
		if !ok {
			continue
		}
		id, custom := strings.CutPrefix(name, customPrefix)
		if !custom || !hasCustom(object) {
			out = append(out, name)
			out = append(out, alsoChanged(object, name)...)
			continue
		}
		known, err := l.customName(ctx, object, id)
		if err != nil {
			return nil, err
		}
		if known != "" {
			out = append(out, known)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// alsoChanged names the fields that are made of a member that changed.
func alsoChanged(object, name string) []string {
	switch object + "." + name {
	case Lead + ".name":
		return []string{"display_name"}
	case Contact + ".name":
		return []string{"first_name", "last_name", "display_name"}
	case Contact + ".emails":
		return []string{"email"}
	case Contact + ".phones":
		return []string{"phone"}
	case Contact + ".urls":
		return []string{"url"}
	}
	return nil
}

// customName returns the name of a custom field, empty for one that the schema
// lacks. Two fields of one name cannot be told apart by it, so neither is named.
func (l *eventLog) customName(ctx context.Context, object, id string) (string, error) {
	key := object + "/" + id
	if name, ok := l.names[key]; ok {
		return name, nil
	}
	schema, err := l.c.recentSchema(ctx, l.call.op, object)
	if err != nil {
		return "", err
	}
	if l.names == nil {
		l.names = map[string]string{}
	}
	l.names[key] = ""
	for i := range schema.fields {
		if f := &schema.fields[i]; schema.byName[f.Name] == i {
			l.names[object+"/"+f.ID] = customPrefix + f.Name
		}
	}
	return l.names[key], nil
}
