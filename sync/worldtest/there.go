package worldtest

import (
	"maps"
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// There is one record of a target as its own people see it: the mapped fields by
// the target's names, references as the external id of what they name.
type There struct {
	ID       string
	External string
	Fields   map[string]string
}

// Targets lists the push routes, in their order.
func (w *World) Targets() (out []*fieldmap.Route) {
	for _, r := range w.Mapping.Routes {
		if r.Direction == fieldmap.Push {
			out = append(out, r)
		}
	}
	return out
}

// In lists the live records that a target holds of a route's object, oldest first.
func (w *World) In(r *fieldmap.Route) (out []There) {
	for _, rec := range w.records(r.System, r.Object) {
		t := There{ID: rec[idField(r.System)], External: rec[r.ExternalID], Fields: map[string]string{}}
		for _, rule := range r.Fields {
			if v := w.value(r, rule, rec); v != "" {
				t.Fields[rule.Remote.Name] = v
			}
		}
		out = append(out, t)
	}
	return out
}

func idField(system string) string {
	if system == HubSpot {
		return "hs_object_id"
	}
	return "Id"
}

func (w *World) records(system, object string) []map[string]string {
	if system == HubSpot {
		return w.HubSpot.Records(object)
	}
	return w.Salesforce.Records(object)
}

// value is what a record has in a mapped field.
func (w *World) value(r *fieldmap.Route, rule *fieldmap.Rule, rec map[string]string) string {
	if rule.Remote.Type != record.Reference {
		return rec[rule.Remote.Name]
	}
	if r.System == Salesforce {
		if id := rec[rule.Remote.Name]; id != "" {
			return w.Salesforce.Record("Account", id)["QBench_Id__c"]
		}
		return ""
	}
	for _, a := range w.HubSpot.Associations(r.Object, rec[idField(HubSpot)], "companies") {
		if a.Primary() {
			return w.HubSpot.Record("companies", a.ToID)["qbench_id"]
		}
	}
	return ""
}

// find returns the id of the record that carries an external id, "" where there
// is none or more than one.
func (w *World) find(r *fieldmap.Route, external string) string {
	var ids []string
	if r.System == HubSpot {
		ids = w.HubSpot.Find(r.Object, r.ExternalID, external)
	} else {
		ids = w.Salesforce.Find(r.Object, r.ExternalID, external)
	}
	if len(ids) != 1 {
		return ""
	}
	return ids[0]
}

// touches are the fields of target records that people changed, by route and
// external id; "*" is the record as a whole.
type touches map[string]map[string]bool

func touchKey(r *fieldmap.Route, external string) string { return r.Key() + " " + external }

func (t touches) add(key, field string) {
	if t[key] == nil {
		t[key] = map[string]bool{}
	}
	t[key][field] = true
}

// has reports whether people changed the field, or the record as a whole.
func (t touches) has(key, field string) bool { return t[key]["*"] || t[key][field] }

// watch calls fn, in which people work in the targets, and notes what they
// changed.
func (w *World) watch(t touches, fn func()) {
	before := map[string]map[string]There{}
	for _, r := range w.Targets() {
		before[r.Key()] = byID(w.In(r))
	}
	fn()
	for _, r := range w.Targets() {
		old, now := before[r.Key()], byID(w.In(r))
		for id, rec := range old {
			after, ok := now[id]
			if !ok || after.External != rec.External {
				t.add(touchKey(r, rec.External), "*")
				continue
			}
			for field := range differing(rec.Fields, after.Fields) {
				t.add(touchKey(r, rec.External), field)
			}
		}
		for id, rec := range now {
			if _, ok := old[id]; !ok {
				t.add(touchKey(r, rec.External), "*")
			}
		}
	}
}

func byID(list []There) map[string]There {
	out := map[string]There{}
	for _, t := range list {
		out[t.ID] = t
	}
	return out
}

// differing is the set of keys under which two maps differ.
func differing(a, b map[string]string) map[string]bool {
	out := map[string]bool{}
	for _, k := range slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))) {
		if a[k] != b[k] {
			out[k] = true
		}
	}
	return out
}
