package fieldmap

import (
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
)

// anySystem lets records of every origin be created.
const (
	anySystem      = "any"
	systemOfRecord = "system_of_record"
)

// route makes one route out of its own lines; what needs other routes comes in
// finish. It returns nil when nothing can be made of it.
func (c *compilation) route(at place, system string, spec ObjectSpec) *Route {
	if strings.TrimSpace(spec.Object) == "" {
		c.fail(at.at("object"), "the route names no object", "")
		return nil
	}
	hub := c.m.Hub[spec.Hub]
	if hub == nil {
		c.failName(at.at("hub"), "hub object", spec.Hub, ObjectNames())
		return nil
	}
	direction, ok := c.direction(at.at("direction"), spec.Direction)
	if !ok {
		return nil
	}
	r := &Route{
		System: system, Object: spec.Object, Hub: hub, Direction: direction,
		ExternalID: spec.ExternalID,
		MatchOnly:  word[uint8](c, at.at("mode"), spec.Mode, modeNames()) == 1,
		OnLink:     word[LinkRule](c, at.at("on_link"), spec.OnLink, linkNames()),
		OnMove:     word[OnMove](c, at.at("on_move"), spec.OnMove, moveNames()),
		ReadBefore: spec.ReadBefore,
		File:       spec.File, Line: spec.Line,
	}
	if r.ReadBefore && direction == Pull {
		c.fail(at.at("read_before"), "read_before is for routes that push: nothing is written to "+r.Key(), "leave it out")
	}
	c.duplicateRoute(at, r)
	for i, field := range spec.Fields {
		if rule := c.rule(at.at("fields[%d]", i).onLine(field.Line), r, field); rule != nil {
			rule.Index = len(r.Fields)
			r.Fields = append(r.Fields, rule)
		}
	}
	c.parent(at, r, spec.Parent)
	c.matchKeys(at, r, spec)
	c.filter(at.at("filter"), r, spec.Filter)
	c.creation(at, r, spec)
	return r
}

func (c *compilation) direction(at place, name string) (Direction, bool) {
	i := slices.Index(directionNames(), name)
	if i >= 0 {
		return Direction(i), true
	}
	switch name {
	case "":
		c.fail(at, "the route has no direction", "allowed: pull, push")
	case "both", "two-way", "bidirectional":
		c.fail(at, "there is no direction "+name, "write direction: pull and mark single fields editable") // D16
	default:
		word[Direction](c, at, name, directionNames())
	}
	return 0, false
}

func (c *compilation) duplicateRoute(at place, r *Route) {
	for _, other := range c.m.Routes {
		if other.System != r.System {
			continue
		}
		switch {
		case other.Object == r.Object:
			c.fail(at, fmt.Sprintf("there are two routes for %s", r.Key()), "put their fields into one")
		case other.Hub == r.Hub && other.Direction != r.Direction:
			c.fail(at, fmt.Sprintf("%s is pulled from %s and pushed to it", r.Hub.Name, r.System),
				"two ways are direction: pull and editable fields") // D16
		}
	}
}

func (c *compilation) matchKeys(at place, r *Route, spec ObjectSpec) {
	for i, key := range spec.Match {
		at := at.at("match[%d]", i)
		field := c.field(at.at("hub"), r.Hub, key.Hub)
		if key.Remote == "" {
			c.fail(at.at("remote"), "a match key names the field of either side", "")
		}
		if field == nil || key.Remote == "" {
			continue
		}
		if field.Computed != nil {
			c.fail(at.at("hub"), field.Name+" is computed, and what is worked out tells no record apart", "match by an id")
		}
		field.Key = true
		form := word[Form](c, at.at("compare"), key.Compare, formNames())
		c.exactID(at.at("compare"), field, form)
		c.weakKey(at, field, form)
		r.Match = append(r.Match, MatchKey{Remote: key.Remote, Hub: field, Compare: form})
	}
}

// exactID keeps account_id byte for byte (D9, R6).
func (c *compilation) exactID(at place, field *HubField, form Form) {
	if field.Name == AccountID && form != Exact {
		c.fail(at, "account_id is always compared exactly", "leave compare out")
	}
}

// weakKey warns of keys that people type (R32, R34) and that several records
// may share (D1, R47).
func (c *compilation) weakKey(at place, field *HubField, form Form) {
	switch {
	case field.Name == Name || field.Name == "first_name" || field.Name == "last_name":
		c.warn(at, "names are not unique", "two hits hold the record; an id is a better key")
	case form == Email || form == Domain || form == URL || field.Name == Mail || field.Name == "website":
		c.warn(at, fmt.Sprintf("%s is a weak key: it is typed by hand", field.Name),
			"it may serve only if every one of them is known here; an id is a better key")
	}
}

func (c *compilation) filter(at place, r *Route, source string) {
	if strings.TrimSpace(source) == "" {
		return
	}
	fields := r.filterFields()
	filter, faults := CompileFilter(source, fields)
	for _, fault := range faults {
		c.fail(at, fault.Message, fault.Hint)
	}
	r.Filter = filter
	for _, name := range filter.Fields() {
		if _, mapped := fields.Types[name]; !mapped {
			if near := Nearest(name, fields.known()); near != "" {
				c.warn(at, fmt.Sprintf("filter: no field of the route reads %q", name), "did you mean "+near+"?")
			}
		}
	}
	if r.Direction == Pull && (r.Hub.Name == Contact || r.Hub.Name == User) {
		c.warn(at, fmt.Sprintf("a filter on %s is advised against", plural(r.Hub.Name)),
			"records that refer to those left out lose their reference") // R90, R113
	}
}

// filterFields are the remote fields on a pull and the hub's on a push.
func (r *Route) filterFields() FilterFields {
	fields := FilterFields{Types: map[string]record.Type{}, Open: r.Direction == Pull}
	if r.Direction == Push {
		for _, f := range r.Hub.Fields {
			fields.Types[f.Name] = f.Type
		}
		return fields
	}
	for _, f := range r.readFields() {
		fields.Types[f.Name] = f.Type
	}
	return fields
}

// creation reads who may create records here and what they wait for.
func (c *compilation) creation(at place, r *Route, spec ObjectSpec) {
	if r.Direction == Pull {
		c.pushWord(at, "external_id", spec.ExternalID != "")
		c.pushWord(at, "create_from", len(spec.CreateFrom) > 0)
		c.pushWord(at, "create_needs", len(spec.CreateNeeds) > 0)
		r.ExternalID = ""
		return
	}
	for i, name := range spec.CreateFrom {
		switch {
		case name == systemOfRecord:
			r.CreateFrom = append(r.CreateFrom, r.Hub.SystemOfRecord)
		case name == anySystem, c.checkSystem(at.at("create_from[%d]", i), name):
			r.CreateFrom = append(r.CreateFrom, name)
		}
	}
	if len(spec.CreateFrom) == 0 {
		r.CreateFrom = []string{r.Hub.SystemOfRecord} // D14
	}
	needs := spec.CreateNeeds
	if needs == nil {
		needs = defaultNeeds(r.Hub.Name)
	}
	for i, name := range needs {
		if f := c.field(at.at("create_needs[%d]", i), r.Hub, name); f != nil && !slices.Contains(r.CreateNeeds, f) {
			r.CreateNeeds = append(r.CreateNeeds, f)
		}
	}
}

func (c *compilation) pushWord(at place, key string, given bool) {
	if given {
		c.fail(at.at("%s", key), key+" is a word for push routes", "leave it out")
	}
}

// defaultNeeds are what a create waits for unless the route says otherwise
// (R140, R149, D4).
func defaultNeeds(object string) []string {
	switch object {
	case Account:
		return []string{Name}
	case Contact:
		return []string{Mail, "first_name", "last_name", phoneNumbers}
	}
	return nil
}

// field returns the hub field of this name, in which the default type of a
// sub-object may be left out (D3).
func (c *compilation) field(at place, h *HubObject, name string) *HubField {
	sub := c.subs[h.Name]
	if f := h.Field(sub.full(name)); f != nil {
		return f
	}
	if fault := sub.fault(h.Name, name); fault != nil {
		c.fail(at, fault.Message, fault.Hint)
		return nil
	}
	hint := didYouMean(name, h.names())
	if hint == "" {
		hint = "declare it in hub.yaml"
	}
	c.fail(at, fmt.Sprintf("%s has no field %q", h.Name, name), hint)
	return nil
}
