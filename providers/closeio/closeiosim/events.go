package closeiosim

import (
	"slices"
	"sort"
)

// event is an entry of the event log.
type event struct {
	id               string
	seq              uint64 // order of the last change of this entry
	created, updated int64
	objectType       string
	objectID, leadID string
	action           string
	changed          []string
	data             string // "null" for deletes
	previous         []cell
	who              *actor
}

// eventLog keeps events in the order of their last change, oldest first.
type eventLog struct {
	all []*event
	seq uint64
}

// keepEvents is how far back the log reaches.
// https://developer.close.com/api/resources/events (last checked 2026-11-22)
const keepEvents = 30 * 24 * 60 * 60 * 1000

// log adds an event, or lets it become part of the last one of the same object
// when that is recent: then its date_updated moves, its id and date_created stay.
func (s *store) log(e *event) {
	if s.switches.quiet {
		return
	}
	now := s.now()
	s.prune(now)
	s.events.seq++
	if old := s.consolidate(e, now); old != nil {
		s.events.all = slices.DeleteFunc(s.events.all, func(x *event) bool { return x == old })
		e = old
	} else {
		e.id, e.created = s.traces.next("ev_"), now
	}
	e.updated, e.seq = now, s.events.seq
	log := s.events.all
	at := sort.Search(len(log), func(i int) bool { return log[i].updated > now })
	s.events.all = slices.Insert(log, at, e)
}

func (s *store) consolidate(e *event, now int64) *event {
	if e.action != "updated" || e.who.merged != nil || s.opt.ConsolidateWithin <= 0 {
		return nil
	}
	since := now - s.opt.ConsolidateWithin.Milliseconds()
	for i := len(s.events.all) - 1; i >= 0; i-- {
		old := s.events.all[i]
		if old.updated < since {
			return nil
		}
		if old.objectID != e.objectID {
			continue
		}
		if old.action != "updated" || old.who.merged != nil || old.who.userID != e.who.userID || old.who.keyID != e.who.keyID {
			return nil
		}
		old.data, old.leadID = e.data, e.leadID
		for _, c := range e.previous {
			if !slices.ContainsFunc(old.previous, func(p cell) bool { return p.name == c.name }) {
				old.previous = append(old.previous, c)
			}
		}
		for _, name := range e.changed {
			if !slices.Contains(old.changed, name) {
				old.changed = append(old.changed, name)
			}
		}
		slices.Sort(old.changed)
		return old
	}
	return nil
}

func (s *store) prune(now int64) {
	done := 0
	for done < len(s.events.all) && s.events.all[done].updated < now-keepEvents {
		done++
	}
	s.events.all = s.events.all[done:]
}

// eventType is the object_type of a record's events.
func (s *store) eventType(r *record, v *version) string {
	if r.kind == task {
		return "task." + plain(s.stored(v, "_type"))
	}
	return r.kind.String()
}

func eventLead(r *record, v *version) string {
	if r.kind == lead {
		return r.id
	}
	if v.lead != nil {
		return v.lead.id
	}
	return ""
}

// logMade, logChange and logGone tell of a record.
func (s *store) logMade(r *record, a *actor) {
	s.logRecord(r, r.live, "created", a, joinCells(s.eventCells(r, r.live)))
}

func (s *store) logGone(r *record, v *version, before []cell, a *actor) {
	s.log(&event{
		objectType: s.eventType(r, v), objectID: r.id, leadID: eventLead(r, v), action: "deleted",
		data: "null", previous: before, who: a,
	})
}

func (s *store) logRecord(r *record, v *version, action string, a *actor, data string) {
	s.log(&event{
		objectType: s.eventType(r, v), objectID: r.id, leadID: eventLead(r, v), action: action, data: data, who: a,
	})
}

// logChange compares the record with what it was; changed_fields holds the
// noise too: date_updated, updated_by, the labels.
func (s *store) logChange(r *record, before []cell, action string, a *actor) {
	if s.switches.quiet {
		return
	}
	after := s.eventCells(r, r.live)
	e := &event{
		objectType: s.eventType(r, r.live), objectID: r.id, leadID: eventLead(r, r.live), action: action,
		data: joinCells(after), who: a,
	}
	was := map[string]string{}
	for _, c := range before {
		was[c.name] = c.raw
	}
	for _, c := range after {
		old, had := was[c.name]
		delete(was, c.name)
		if had && old == c.raw {
			continue
		}
		if !had {
			old = "null"
		}
		e.changed = append(e.changed, c.name)
		e.previous = append(e.previous, cell{c.name, old})
	}
	for _, c := range before {
		if _, gone := was[c.name]; gone {
			e.changed = append(e.changed, c.name)
			e.previous = append(e.previous, c)
		}
	}
	slices.Sort(e.changed)
	s.log(e)
}
