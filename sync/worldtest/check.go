package worldtest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/plan"
)

// check says what is wrong with a world at rest: what the audit cannot explain,
// doubles, forbidden writes, and work where there should be none.
func (l *life) check() []string {
	l.audit()
	views := l.views()
	l.doubles(views)
	l.forbidden()
	l.reasons(views)
	if l.twin {
		l.lostEdits(views)
	}
	l.idle()
	return l.failures
}

// audit is the last word on each field and record.
func (l *life) audit() {
	res, err := l.Engine.Audit(l.t.Context(), engine.AuditRequest{}, func(f engine.AuditFinding) error {
		l.fail("audit: %s", auditText(f))
		return nil
	})
	if err != nil || len(res.Failed) > 0 {
		l.fail("audit: %v %+v", err, res.Failed)
	}
}

func auditText(f engine.AuditFinding) string {
	side := func(s engine.AuditSide) string {
		switch {
		case !s.Known:
			return "unknown"
		case s.Value == nil:
			return "blank"
		}
		return *s.Value
	}
	return fmt.Sprintf("%s %s/%s %s %s %s %s: %s | %s (%s)",
		f.Standing, f.System, f.Object, f.Remote, f.Hub, f.Record, f.Field, side(f.Ours), side(f.Theirs), f.Reason)
}

// views are the hub's records by object.
func (l *life) views() map[string][]engine.RecordView {
	out := map[string][]engine.RecordView{}
	for _, object := range []string{fieldmap.Account, fieldmap.Contact, fieldmap.Opportunity} {
		if err := l.Engine.ExportWithout(object, "", func(v engine.RecordView) error {
			out[object] = append(out[object], v)
			return nil
		}); err != nil {
			l.fail("export of %s: %v", object, err)
		}
	}
	return out
}

// write is one write that a target accepted.
type write struct {
	at               time.Time
	object, id       string
	op               string
	created, deletes bool
	fields           map[string]string
}

func (l *life) audited(system string) (out []write) {
	if system == HubSpot {
		for _, w := range l.HubSpot.Audit() {
			deletes := w.Op == hubspotsim.OpArchive || w.Op == hubspotsim.OpMerge
			out = append(out, write{w.Time, w.Object, w.ID, w.Op, w.Created, deletes, w.Fields})
		}
		return out
	}
	for _, w := range l.Salesforce.Audit() {
		out = append(out, write{w.Time, w.Object, w.ID, w.Op, w.Created, w.Op == salesforcesim.OpDelete, w.Fields})
	}
	return out
}

// doubles finds an external id on two records, two records made for one, and a
// record that was made and has no link.
func (l *life) doubles(views map[string][]engine.RecordView) {
	for _, r := range l.Targets() {
		carried := map[string]int{}
		for _, rec := range l.In(r) {
			if carried[rec.External]++; rec.External != "" && carried[rec.External] == 2 {
				l.fail("%s %s stands twice", r.Key(), rec.External)
			}
		}
		l.madeOnce(r, linked(r, views[r.Hub.Name]))
	}
}

// linked are the ids of a target's records that have a link in any state.
func linked(r *fieldmap.Route, views []engine.RecordView) map[string]bool {
	out := map[string]bool{}
	for _, v := range views {
		for _, link := range v.Links {
			if link.System == r.System && link.Object == r.Object {
				out[link.Remote] = true
			}
		}
	}
	return out
}

// madeOnce goes by the target's own audit. A record that a person deleted or
// merged may have been made again, or be known by another id.
func (l *life) madeOnce(r *fieldmap.Route, linked map[string]bool) {
	made := map[string]int{}
	for _, w := range l.audited(r.System) {
		external := w.fields[r.ExternalID]
		if w.object != r.Object || !w.created || l.touched[touchKey(r, external)]["*"] {
			continue
		}
		if made[external]++; made[external] > 1 {
			l.fail("%s %s was made %d times", r.Key(), external, made[external])
		}
		if !linked[w.id] {
			l.fail("%s %s was made as %s and has no link", r.Key(), external, w.id)
		}
	}
}

// forbidden finds writes that may never happen.
func (l *life) forbidden() {
	if n := len(l.QBench.Audit()) + len(l.Close.Writes()); n > 0 {
		l.fail("%d writes to the sources", n)
	}
	for _, system := range []string{Salesforce, HubSpot} {
		for _, w := range l.audited(system) {
			if w.deletes {
				l.fail("%s: a %s of %s %s", system, w.op, w.object, w.id)
			}
			r := l.Mapping.Route(system, w.object)
			if r == nil || w.created || w.op != "update" && w.op != "upsert" {
				continue
			}
			for _, rule := range r.Fields {
				if _, sent := w.fields[rule.Remote.Name]; sent && (rule.Write == fieldmap.CreateOnly || rule.Write == fieldmap.Never) {
					l.fail("%s: %s of an existing %s was written", system, rule.Remote.Name, w.object)
				}
			}
		}
	}
}

// reasons finds tolerated differences and holds that nothing in the history
// explains.
func (l *life) reasons(views map[string][]engine.RecordView) {
	for _, r := range l.Targets() {
		for _, v := range views[r.Hub.Name] {
			for _, link := range v.Links {
				if link.System != r.System || link.Object != r.Object || link.State != "open" {
					continue
				}
				for _, d := range link.Differs {
					key := touchKey(r, idOf(r, v))
					if d.Reason == plan.CreateOnly.String() || l.touched.has(key, d.Remote) || l.bent[r.System] {
						continue
					}
					l.fail("%s %s: %s is tolerated as %s, and nobody touched it", r.Key(), idOf(r, v), d.Field, d.Reason)
				}
			}
		}
	}
}

// lostEdits finds a person's edit that we overwrote though the hub had nothing
// new to say. Only an undisturbed world can be asked: where an answer is lost,
// our own value may go out once more.
func (l *life) lostEdits(views map[string][]engine.RecordView) {
	for _, e := range l.edits {
		r := l.Mapping.Route(e.system, e.object)
		for _, v := range views[r.Hub.Name] {
			if !linked(r, []engine.RecordView{v})[e.id] {
				continue
			}
			since := sinceOf(v, hubName(r, e.field))
			var sent, again time.Time
			for _, w := range l.audited(e.system) {
				if _, ok := w.fields[e.field]; !ok || w.object != e.object || w.id != e.id {
					continue
				}
				if w.at.Before(e.at) {
					sent = w.at
				} else {
					again = w.at
				}
			}
			if !since.IsZero() && !sent.IsZero() && !again.IsZero() && since.Before(sent) {
				l.fail("%s %s: a person's edit of %s was overwritten", r.Key(), e.id, e.field)
			}
		}
	}
}

// sinceOf is when a field of the hub got its value, zero for a blank.
func sinceOf(v engine.RecordView, field string) (at time.Time) {
	for _, f := range v.Fields {
		if f.Name == field {
			at = f.Since
		}
	}
	return at
}

// idOf is the id of the source that a hub record goes by in a target.
func idOf(r *fieldmap.Route, v engine.RecordView) string {
	if r.Hub.ID == nil {
		for _, link := range v.Links {
			if link.System == Close {
				return "close:" + link.Remote
			}
		}
		return ""
	}
	for _, f := range v.Fields {
		if f.Name == r.Hub.ID.Name {
			return f.Value
		}
	}
	return ""
}

// idle finds work in a further run of everything: a routine push that calls, a
// full one that writes, a pull that changes the hub.
func (l *life) idle() {
	l.Tick()
	for _, system := range Systems() { // a hold that ends with the next run has that one
		if _, err := l.Run(system, false); err != nil {
			l.fail("a further run of %s: %v", system, err)
		}
	}
	for _, full := range []bool{false, true} {
		l.Tick()
		l.Salesforce.ResetCalls()
		l.HubSpot.ResetCalls()
		for _, system := range Systems() {
			run, err := l.Run(system, full)
			if err != nil {
				l.fail("a further run of %s: %v", system, err)
			}
			if n := run.Counts["new"] + run.Counts["changed"] + run.Counts["created"] + run.Counts["updated"]; n > 0 {
				l.fail("a further run of %s, full %t, still worked: %v", system, full, run.Counts)
			}
		}
		if s, h := l.Salesforce.Calls(), l.HubSpot.Calls(); !full && dataCalls(s, h) > 0 || s.Writes()+h.Writes() > 0 {
			l.fail("further runs, full %t, made calls: %s %s", full, s, h)
		}
	}
}

// dataCalls counts the calls that are about records, and not about the
// organization and its schema, which each day asks about once.
func dataCalls(s salesforcesim.Calls, h hubspotsim.Calls) int {
	n := s.Total() + h.Total() - s.Of(salesforcesim.CallQuery, "Organization")
	for _, kind := range []salesforcesim.CallKind{
		salesforcesim.CallToken, salesforcesim.CallIdentity, salesforcesim.CallVersions, salesforcesim.CallDescribeGlobal,
		salesforcesim.CallDescribe, salesforcesim.CallLimits,
	} {
		n -= s.Of(kind)
	}
	for _, kind := range []hubspotsim.CallKind{
		hubspotsim.CallToken, hubspotsim.CallAccount, hubspotsim.CallProperties, hubspotsim.CallOwners, hubspotsim.CallLabels,
	} {
		n -= h.Of(kind)
	}
	return n
}

// unlike says where a world is unlike its undisturbed twin, except for what is
// held or tolerated in one of the two, and for records that people deleted,
// merged or took out of the source.
func (l *life) unlike(twin *life) (out []string) {
	for _, r := range l.Targets() {
		mine, theirs := byExternal(l.In(r)), byExternal(twin.In(r))
		why, twins := l.excuses(r), twin.excuses(r)
		for _, ext := range slices.Sorted(maps.Keys(merged(mine, theirs))) {
			key := touchKey(r, ext)
			a, here := mine[ext]
			b, there := theirs[ext]
			whole := l.gone[r.Hub.Name+" "+ext] || l.touched[key]["*"] || twin.touched[key]["*"] || why[ext]["*"] || twins[ext]["*"]
			if here != there {
				if !whole {
					out = append(out, fmt.Sprintf("%s %s: is there %t, in the twin %t", r.Key(), ext, here, there))
				}
				continue
			}
			for _, field := range slices.Sorted(maps.Keys(differing(a.Fields, b.Fields))) {
				last := l.gone[r.Hub.Name+" "+ext+" "+hubName(r, field)] // nobody could read it any more
				if !whole && !last && !why[ext][field] && !twins[ext][field] {
					out = append(out, fmt.Sprintf("%s %s: %s is %q, in the twin %q", r.Key(), ext, field, a.Fields[field], b.Fields[field]))
				}
			}
		}
	}
	return out
}

func byExternal(list []There) map[string]There {
	out := map[string]There{}
	for _, t := range list {
		if t.External != "" {
			out[t.External] = t
		}
	}
	return out
}

func merged(a, b map[string]There) map[string]There {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// excuses are the fields that a route's links tolerate or hold, by external id;
// "*" is a record that is held as a whole.
func (l *life) excuses(r *fieldmap.Route) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, v := range l.views()[r.Hub.Name] {
		fields := map[string]bool{}
		for _, link := range v.Links {
			if link.System == r.System && link.Object == r.Object && link.State == "open" {
				for _, d := range link.Differs {
					fields[d.Remote] = true
				}
			}
		}
		for _, h := range v.Holds {
			if mine := h.System == r.System && h.Object == r.Object; mine || h.System == QBench || h.System == Close {
				fields[remoteName(r, h.Field)] = true
			}
		}
		out[idOf(r, v)] = fields
	}
	return out
}

// remoteName is the target's name of a held field of the hub.
func remoteName(r *fieldmap.Route, field string) string {
	for _, rule := range r.Fields {
		if rule.Hub.Name == field {
			return rule.Remote.Name
		}
	}
	return "*"
}

// hubName is the hub's name of a target's field.
func hubName(r *fieldmap.Route, field string) string {
	for _, rule := range r.Fields {
		if rule.Remote.Name == field {
			return rule.Hub.Name
		}
	}
	return ""
}
