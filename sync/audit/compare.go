package audit

import (
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// Compare appends to dst each mapped field of the route in which hub and remote
// record do not agree, and returns it. It looks at the two records and at the
// route. A value that was not read, or whose field is gone, is in dst too: it
// never counts as blank.
func Compare(dst []Difference, route *fieldmap.Route, hub Hub, remote *Remote, refs References) []Difference {
	for i, rule := range route.Fields {
		ours, theirs := hub.Value(rule.Hub), remote.Values[i]
		if ours == theirs && theirs.Known() && plain(rule, theirs) {
			continue
		}
		d := Difference{Rule: rule, Field: rule.Hub.Name, Remote: rule.Remote.Name, Ours: ours, Theirs: theirs, Fault: remote.Faults[i]}
		if d.Fault == "" && theirs.Known() && d.agrees(route.Direction, refs) {
			continue
		}
		dst = append(dst, d)
	}
	return compareExternal(dst, route, hub, remote)
}

// plain reports whether a value means the same on both sides.
func plain(rule *fieldmap.Rule, v record.Value) bool {
	return !v.IsSet() || rule.Values == nil && rule.Hub.Type != record.Reference && rule.Hub.Holds(v)
}

// compareExternal compares our id, where the route puts it into their system
// beside the mapped fields.
func compareExternal(dst []Difference, route *fieldmap.Route, hub Hub, remote *Remote) []Difference {
	if route.ExternalID == "" || !hub.External.IsSet() {
		return dst
	}
	beside := route.ReadFields()[len(route.Fields):]
	at := slices.IndexFunc(beside, func(f record.Field) bool { return f.Name == route.ExternalID }) + len(route.Fields)
	if at < len(route.Fields) || remote.Values[at] == hub.External {
		return dst
	}
	return append(dst, Difference{
		Field: route.ExternalID, Remote: route.ExternalID, Ours: hub.External, OursThere: hub.External,
		Theirs: remote.Values[at], TheirsHere: remote.Values[at], Fault: remote.Faults[at],
	})
}

// agrees brings each side into the form of the other and reports whether they
// hold the same. It fills in the other forms, and the fault of a side that has
// none.
func (d *Difference) agrees(direction fieldmap.Direction, refs References) bool {
	var here, there bool
	if d.Rule.Hub.Type == record.Reference {
		d.TheirsHere, here = bring(d.Theirs, d.Rule, refs.ToHub)
		d.OursThere, there = bring(d.Ours, d.Rule, refs.ToRemote)
	} else {
		d.TheirsHere, here = d.Rule.ToHub(d.Theirs)
		d.OursThere, there = d.Rule.ToRemote(d.Ours)
	}
	if !here {
		d.TheirsHere = record.Value{}
	}
	if !there {
		d.OursThere = record.Value{}
	}
	// The side that a route carries values from must have a meaning on the other
	// one; that of the other side may be anything, as long as it is not the same.
	if carried := direction == fieldmap.Pull && here || direction == fieldmap.Push && there; !carried {
		d.Fault = FaultUnmapped
		if d.Rule.Hub.Type == record.Reference {
			d.Fault = FaultReference
		}
		return false
	}
	if d.OursThere.Known() && d.OursThere == d.Theirs {
		return true
	}
	return here && d.Rule.Equal(d.TheirsHere, d.Ours)
}

// bring translates a reference; a blank names nothing on either side.
func bring(v record.Value, rule *fieldmap.Rule, to func(*fieldmap.Rule, record.Value) (record.Value, bool)) (record.Value, bool) {
	if !v.IsSet() {
		return v, true
	}
	return to(rule, v)
}
