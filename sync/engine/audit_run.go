package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/audit"
	"crmsyncd/sync/ledger"
)

// A full run audits its own reading: nothing is read for that but, once more by
// id, what seems unexplained.

// auditEvery is of how many records that did not change one is compared.
const auditEvery = 64

// auditKept is how many findings a run keeps.
const auditKept = 24

// audits returns the audit of the object under way, nil in a run that has none.
// What the last full run found is looked at again, whatever this one reads.
func (r *run) audits(tx *state.Tx, route *ledger.Route) *auditing {
	if !r.req.Full || r.opt.dry || r.req.Backfill {
		return nil
	}
	if r.aud == nil || r.aud.r != route {
		r.aud = r.newAuditing(r.sys, route, audit.Tally{})
		r.aud.running = r
		r.aud.src.Rests = suspended(tx, route)
		for _, hub := range AuditMarks(tx, route.System)[route.Object].Hubs {
			r.aud.suspect.set(uint64(hub))
		}
	}
	return r.aud
}

// auditMet looks at a record that a push has just read by id and decided.
func (p *pusher) auditMet(tx *state.Tx, it *item, rec *record.Record, h *hit, pending bool) {
	a := p.audits(tx, p.r)
	if a == nil {
		return
	}
	remote := audit.Remote{ID: rec.ID, Version: rec.Version, Values: h.values, Faults: h.faults}
	if len(p.resting) > 0 {
		remote = a.src.Convert(rec, nil)
	}
	a.rec, a.link = it.rec, it.link
	if pending {
		a.rec.Number = tx.Counter() // what it was given just now
	}
	a.judge(tx, &remote, it.external)
	a.rec, a.link = state.HubRecord{}, state.Link{} // they are the item's
}

// auditSettled looks at a record that a pull has just read and settled.
func (p *puller) auditSettled(tx *state.Tx, o *observation) error {
	a := p.audits(tx, p.r)
	if a == nil {
		return nil
	}
	remote := audit.Remote{ID: o.remote, Raw: o.raw, Values: make([]record.Value, len(o.values)), Faults: make([]string, len(o.values))}
	if o.version != 0 {
		remote.Version = time.UnixMilli(o.version)
	}
	for i, v := range o.values {
		remote.Values[i], remote.Faults[i] = v.value, v.fault
		if p.suspended[i] {
			remote.Values[i] = record.UnreadableValue()
		}
	}
	return a.suspects(tx, &remote)
}

// auditUnchanged looks at a few of the records that are what they were when
// they were settled; other ones in each run.
func (p *puller) auditUnchanged(tx *state.Tx, hub state.HubID, rec *record.Record) error {
	if (uint64(hub)+p.rec.ID)%auditEvery != 0 || p.audits(tx, p.r) == nil {
		return nil
	}
	o := p.observe(rec, 0)
	return p.auditSettled(tx, &o)
}

// suspects notes a record that must be looked at again at the end.
func (a *auditing) suspects(tx *state.Tx, remote *audit.Remote) error {
	linked, err := a.load(tx, remote.ID)
	if err != nil || !linked {
		return err
	}
	a.judge(tx, remote, a.external(tx))
	return nil
}

// judge looks at the record under way and notes it where it is not explained.
func (a *auditing) judge(tx *state.Tx, remote *audit.Remote, external record.Value) {
	a.look(tx, remote, external)
	for _, s := range a.stands {
		if s.standing == audit.Unexplained || s.standing == audit.Unread {
			a.suspect.set(uint64(a.link.Hub))
		}
	}
}

// auditEnd reads again by id what seemed unexplained, and says what still is in
// the run's counts. An error of the run comes first.
func (r *run) auditEnd(ctx context.Context, route *ledger.Route, err error) error {
	if err != nil {
		return err
	}
	var a *auditing
	if err := r.opt.Store.View(func(tx *state.Tx) error { a = r.audits(tx, route); return nil }); err != nil || a == nil {
		return err
	}
	mark := AuditMark{Run: r.rec.ID, Began: r.rec.Started}
	a.say = func(f AuditFinding) error {
		if f.Standing != audit.Unexplained.String() {
			return nil
		}
		if len(mark.Hubs) < auditKept {
			mark.Hubs = append(mark.Hubs, a.rec.ID)
		}
		if len(r.rec.Audit) < auditKept {
			r.rec.Audit = append(r.rec.Audit, state.RunFinding{
				Object: f.Object, HubObject: f.HubObject, Hub: f.Hub, Remote: f.Remote, Field: f.Field, Reason: f.Reason,
			})
		}
		return nil
	}
	if a.sys.Getter != nil && len(a.suspect.words) > 0 {
		if err := a.eachLink(ctx, func(hub state.HubID) bool { return a.suspect.has(uint64(hub)) }); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	mark.Unexplained = a.tally.Count(audit.Unexplained)
	r.count("audit_unexplained", mark.Unexplained)
	r.count("audit_unread", a.tally.Count(audit.Unread))
	if r.audited == nil {
		r.audited = map[string]AuditMark{}
	}
	r.audited[route.Object] = mark
	return nil
}

// AuditMark is what the last full run of an object found.
type AuditMark struct {
	Run         uint64        `json:"run"`
	Began       time.Time     `json:"began"`
	Unexplained int           `json:"unexplained,omitempty"`
	Hubs        []state.HubID `json:"hubs,omitempty"` // whose records these are, the first of them
}

func markKey(system string) string { return "audit:" + system }

// AuditMarks returns what the last full runs of a system found, by object.
func AuditMarks(tx *state.Tx, system string) map[string]AuditMark {
	marks := map[string]AuditMark{}
	_ = json.Unmarshal(tx.Meta(markKey(system)), &marks) // what cannot be read is as good as none
	return marks
}

// keepAudit remembers what the run found, until the next full run.
func (r *run) keepAudit(tx *state.Tx) error {
	if len(r.audited) == 0 {
		return nil
	}
	marks := AuditMarks(tx, r.req.System)
	maps.Copy(marks, r.audited)
	b, err := json.Marshal(marks)
	if err != nil {
		return fmt.Errorf("keep the audit: %w", err)
	}
	return tx.SetMeta(markKey(r.req.System), b)
}
