package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/audit"
	"crmsyncd/sync/ledger"
)

// AuditRequest asks how the hub and the systems agree.
type AuditRequest struct {
	System, Object string // empty means all
	Sample         int    // so many linked records of each object only; 0 means all
	// OnProgress hears how far it is.
	OnProgress func(Progress)
}

// AuditFinding is one field, or one record, that the two sides do not agree
// about. It holds customers' values and goes to the one who asked.
type AuditFinding struct {
	System    string `json:"system"`
	Object    string `json:"object"`
	Remote    string `json:"remote_id,omitempty"`
	HubObject string `json:"hub_object"`
	Hub       string `json:"hub_id,omitempty"`
	Record    string `json:"record,omitempty"` // what people know it by
	Field     string `json:"field,omitempty"`  // empty where it is about the record
	There     string `json:"remote_field,omitempty"`
	Standing  string `json:"standing"` // unexplained or unread
	Reason    string `json:"reason,omitempty"`

	Ours   AuditSide `json:"ours,omitzero"`
	Theirs AuditSide `json:"theirs,omitzero"`
}

// AuditSide is the value of one side.
type AuditSide struct {
	Known bool    `json:"known"`           // false where it was not read or does not convert
	Value *string `json:"value"`           // nil for a blank
	Other *string `json:"other,omitempty"` // in the other side's form, where that is another
}

// AuditCount is how many fields of an object stand so.
type AuditCount struct {
	System   string `json:"system"`
	Object   string `json:"object"`
	Standing string `json:"standing"`
	Reason   string `json:"reason,omitempty"`
	Count    int    `json:"count"`
}

// AuditResult sums an audit up.
type AuditResult struct {
	Counts      []AuditCount   `json:"counts"`
	Records     int            `json:"records"` // that were compared
	Unexplained int            `json:"unexplained"`
	Unread      int            `json:"unread"`
	Failed      []AuditFailure `json:"failed,omitempty"` // what could not be read, so that nothing is known of it
}

// AuditFailure is an object that an audit could not read. Object is empty where it
// is the whole system.
type AuditFailure struct {
	System string `json:"system"`
	Object string `json:"object,omitempty"`
	Error  string `json:"error"`
}

// The reasons of findings about whole records.
const (
	AuditNoLink    = "no_link"                  // of a hub record that belongs there
	AuditLoose     = "external_id_without_link" // of a record there that carries our id
	AuditTwice     = "external_id_twice"
	AuditGone      = "record_gone"
	AuditInvisible = "record_not_visible"
)

// Audit compares the hub with what the systems hold, and tells fn of every
// field and record that nobody can explain, and of what is still to be read. It
// lists each object in full, or reads the linked records by id where the system
// has no listing; what differs is read again by id before it is said. It reads
// only: nothing is written, neither to a system nor to the state. A system that
// cannot be read leaves the others going; where none can, that is an error.
func (e *Engine) Audit(ctx context.Context, req AuditRequest, fn func(AuditFinding) error) (AuditResult, error) {
	routes, err := e.auditRoutes(req)
	if err != nil {
		return AuditResult{}, err
	}
	tally := audit.Tally{}
	records := 0
	systems := map[string]*System{}
	var failed []AuditFailure
	var errs []error
	down := map[string]bool{}
	for _, r := range routes {
		if down[r.System] {
			continue
		}
		if systems[r.System] == nil {
			systems[r.System], _ = e.gated(e.opt.Systems[r.System], proving{})
		}
		a := e.newAuditing(systems[r.System], r, tally)
		a.say = fn
		if req.OnProgress != nil {
			a.progress = req.OnProgress
		}
		err = a.object(ctx, req.Sample)
		records += a.compared
		if err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("audit %s: %w", r.Key(), err))
		f := AuditFailure{System: r.System, Object: r.Object, Error: err.Error()}
		if reachesSystem(err) {
			f.Object, down[r.System] = "", true
		}
		failed = append(failed, f)
		if ctx.Err() != nil {
			break
		}
	}
	res := auditResult(tally, records)
	res.Failed = failed
	if len(failed) > 0 && (records == 0 && len(res.Counts) == 0 || ctx.Err() != nil) {
		return res, errors.Join(errs...)
	}
	return res, nil
}

func (e *Engine) auditRoutes(req AuditRequest) ([]*ledger.Route, error) {
	var routes []*ledger.Route
	for _, r := range e.book.Routes {
		if (req.System == "" || req.System == r.System) && (req.Object == "" || req.Object == r.Object) {
			routes = append(routes, r)
		}
	}
	if len(routes) == 0 {
		_, err := e.routeNamed(req.System, req.Object)
		return nil, err
	}
	return routes, nil
}

func auditResult(tally audit.Tally, records int) AuditResult {
	res := AuditResult{Counts: []AuditCount{}, Records: records, Unexplained: tally.Count(audit.Unexplained), Unread: tally.Count(audit.Unread)}
	for k, n := range tally {
		res.Counts = append(res.Counts, AuditCount{k.System, k.Object, k.Standing.String(), k.Reason, n})
	}
	slices.SortFunc(res.Counts, func(a, b AuditCount) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Standing, b.Standing), cmp.Compare(a.Reason, b.Reason))
	})
	return res
}

// auditing is the audit of one object.
type auditing struct {
	*Engine
	r        *ledger.Route
	sys      *System
	p        *pusher // what a push would make of a hub record; it is never run
	src      *audit.Source
	tally    audit.Tally
	say      func(AuditFinding) error
	progress func(Progress)
	seen     bitset // hub ids whose record was read
	compared int
	running  *run // the run whose own reading it is; nil for the command

	memory  auditMemory
	suspect bitset // hub ids of a run's reading that must be looked at again
	differs []audit.Difference
	stands  []auditStanding
	rec     state.HubRecord
	link    state.Link
}

type auditStanding struct {
	standing audit.Standing
	reason   string
}

func (e *Engine) newAuditing(sys *System, r *ledger.Route, tally audit.Tally) *auditing {
	a := &auditing{
		Engine: e, r: r, sys: sys, tally: tally, say: func(AuditFinding) error { return nil }, progress: func(Progress) {},
		p: (&run{Engine: e, sys: sys, req: Request{System: r.System}, flow: "push"}).pusher(r),
	}
	a.src = &audit.Source{Route: r.Route, Key: e.book.Key, Provider: sys.Provider, Reader: sys.Reader, Getter: sys.Getter, Completer: sys.Completer, Now: e.now}
	return a
}

// object audits the whole object, or a sample of it.
func (a *auditing) object(ctx context.Context, sample int) error {
	if err := a.opt.Store.View(func(tx *state.Tx) error { a.src.Rests = suspended(tx, a.r); return nil }); err != nil {
		return err
	}
	if sample > 0 {
		links, err := a.sample(sample)
		if err != nil {
			return err
		}
		return a.byID(ctx, links)
	}
	if a.sys.Reader == nil {
		return a.eachLink(ctx, a.unseen)
	}
	read := 0
	err := a.src.List(ctx, func(page []audit.Remote, total int) error {
		read += len(page)
		a.progress(Progress{System: a.r.System, Object: a.r.Object, Step: "audit", Done: read, Total: total})
		return a.page(ctx, page)
	})
	if err != nil {
		return err
	}
	if err := a.eachLink(ctx, a.unseen); err != nil {
		return err
	}
	return a.unlinkedHub()
}

// sample returns n of the open links, each with the same chance.
func (a *auditing) sample(n int) ([]state.Link, error) {
	var out []state.Link
	met := 0
	err := a.opt.Store.View(func(tx *state.Tx) error {
		return a.r.Links(tx).Each(0, func(l *state.Link) error {
			if l.State != state.LinkOpen {
				return nil
			}
			met++
			link := state.Link{Hub: l.Hub, Remote: l.Remote}
			if len(out) < n {
				out = append(out, link)
			} else if at := rand.IntN(met); at < n {
				out[at] = link
			}
			return nil
		})
	})
	return out, err
}

// eachLink audits the open links that want names, reading their records by id,
// some at a time.
func (a *auditing) eachLink(ctx context.Context, want func(state.HubID) bool) error {
	for from := state.HubID(0); ; {
		var chunk []state.Link
		err := a.opt.Store.View(func(tx *state.Tx) error {
			return a.r.Links(tx).Each(from, func(l *state.Link) error {
				if l.State == state.LinkOpen && want(l.Hub) {
					chunk = append(chunk, state.Link{Hub: l.Hub, Remote: l.Remote})
				}
				if len(chunk) == removeBatch {
					return state.ErrStop
				}
				return nil
			})
		})
		if err != nil || len(chunk) == 0 {
			return err
		}
		if err := a.byID(ctx, chunk); err != nil {
			return err
		}
		from = chunk[len(chunk)-1].Hub + 1
	}
}

// unseen reports whether no listing brought the record of a link.
func (a *auditing) unseen(hub state.HubID) bool { return !a.seen.has(uint64(hub)) }

// page compares a page of the listing. What differs is read again by id.
func (a *auditing) page(ctx context.Context, page []audit.Remote) error {
	var again []state.Link
	err := a.opt.Store.View(func(tx *state.Tx) error {
		for i := range page {
			more, err := a.compare(tx, &page[i], a.sys.Getter == nil)
			if err != nil {
				return err
			}
			if more {
				again = append(again, state.Link{Hub: a.rec.ID, Remote: page[i].ID})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.byID(ctx, again)
}

// auditTries is how often a record is read that a run settles meanwhile.
const auditTries = 3

// byID reads linked records by id and says how they stand, each against the hub
// as it is in one transaction. What a run settled since it was read is read
// again.
func (a *auditing) byID(ctx context.Context, links []state.Link) error {
	if len(links) > 0 && a.sys.Getter == nil {
		return providers.Errorf(providers.Broken, "audit "+a.r.Object, "%s can neither be listed nor read by id", a.r.System)
	}
	for chunk := range slices.Chunk(links, removeBatch) {
		for try := 1; len(chunk) > 0; try++ {
			moving, err := a.chunk(ctx, chunk, try == auditTries)
			if err != nil {
				return err
			}
			chunk = moving
		}
	}
	return nil
}

// chunk reads some records by id once and returns those that must be read
// again.
func (a *auditing) chunk(ctx context.Context, chunk []state.Link, final bool) (moving []state.Link, err error) {
	ids := make([]string, len(chunk))
	for i, l := range chunk {
		ids[i] = l.Remote
	}
	found, refused, err := a.src.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	err = a.opt.Store.View(func(tx *state.Tx) error {
		for i := range found {
			there[found[i].ID] = true
			stale, err := a.stale(tx, &found[i])
			switch {
			case err != nil:
				return err
			case stale && !final:
				moving = append(moving, state.Link{Hub: a.rec.ID, Remote: found[i].ID})
				continue
			case stale:
				a.tally.Add(a.r.Route, audit.Unread, audit.ReasonMoving, 1)
				if err := a.say(a.finding(found[i].ID, audit.Unread, audit.ReasonMoving)); err != nil {
					return err
				}
				continue
			}
			if _, err := a.compare(tx, &found[i], true); err != nil {
				return err
			}
		}
		for _, l := range chunk {
			if there[l.Remote] {
				continue
			}
			if err := a.absent(tx, l, refused[l.Remote]); err != nil {
				return err
			}
		}
		return nil
	})
	return moving, err
}

// stale reports whether a run wrote to the record, or settled a newer version
// of it, since it was asked for: then the reading says nothing (F4).
func (a *auditing) stale(tx *state.Tx, remote *audit.Remote) (bool, error) {
	linked, err := a.load(tx, remote.ID)
	if err != nil || !linked {
		return false, err
	}
	return a.past(a.link.Wrote) > unixMilli(remote.ReadAt) || !remote.Version.IsZero() && a.link.Version > unixMilli(remote.Version), nil
}

// compare compares one record with its hub record and says how each field
// stands. Unless it is final, a record that must be read again first is only
// reported.
func (a *auditing) compare(tx *state.Tx, remote *audit.Remote, final bool) (again bool, err error) {
	linked, err := a.load(tx, remote.ID)
	if err != nil || !linked {
		return false, errors.Join(err, a.loose(tx, remote))
	}
	a.seen.set(uint64(a.link.Hub))
	if stale, err := a.stale(tx, remote); err != nil || stale && !final {
		return stale, err
	}
	a.look(tx, remote, a.external(tx))
	settled := func(s auditStanding) bool { return s.standing == audit.Tolerated || s.standing == audit.Suspended }
	if !final && slices.ContainsFunc(a.stands, func(s auditStanding) bool { return !settled(s) }) {
		return true, nil
	}
	a.compared++
	a.tally.Add(a.r.Route, audit.Agree, "", len(a.r.Fields)-len(a.stands))
	for i, s := range a.stands {
		a.tally.Add(a.r.Route, s.standing, s.reason, 1)
		if s.standing != audit.Unexplained && s.standing != audit.Unread {
			continue
		}
		if err := a.say(a.fieldFinding(remote.ID, &a.differs[i], s)); err != nil {
			return false, err
		}
	}
	return false, nil
}

// look compares the record under way and judges what differs.
func (a *auditing) look(tx *state.Tx, remote *audit.Remote, external record.Value) {
	a.remember(tx)
	fields := a.r.Nums
	hub := audit.Hub{External: external, Value: func(f *fieldmap.HubField) record.Value { return orNull(a.rec.Get(fields[f.Index])) }}
	a.differs = audit.Compare(a.differs[:0], a.r.Route, hub, remote, auditRefs{a.Engine, tx, a.r})
	a.stands = a.stands[:0]
	for i := range a.differs {
		s, reason := audit.Judge(a.book.Key, remote, &a.differs[i], &a.memory)
		a.stands = append(a.stands, auditStanding{s, reason})
	}
}

// external is our id of the hub record under way, on a push route.
func (a *auditing) external(tx *state.Tx) record.Value {
	if a.r.Direction != fieldmap.Push {
		return record.Value{}
	}
	return a.p.externalOf(tx, &item{id: a.rec.ID, rec: a.rec})
}

// orNull is a value of the hub, which holds no blanks.
func orNull(v record.Value) record.Value {
	if v.State() == record.Missing {
		return record.NullValue()
	}
	return v
}

// load loads hub record and link of a remote record. It reports false for one
// that is not linked.
func (a *auditing) load(tx *state.Tx, remote string) (bool, error) {
	links := a.r.Links(tx)
	hub, _, st, ok := links.Peek(remote)
	if !ok || st == state.LinkClosed {
		return false, nil
	}
	if _, err := links.Get(hub, &a.link); err != nil && !errors.Is(err, state.ErrDamaged) {
		return false, err
	}
	ok, err := tx.Hub(a.r.Hub.Name).Get(hub, &a.rec)
	if err != nil {
		return false, fmt.Errorf("hub record %s/%s: %w", a.r.Hub.Name, hub, err)
	}
	return ok, nil
}

// finding is what all findings about the hub record under way have in common.
func (a *auditing) finding(remote string, s audit.Standing, reason string) AuditFinding {
	f := AuditFinding{
		System: a.r.System, Object: a.r.Object, Remote: remote, HubObject: a.r.Hub.Name, Standing: s.String(), Reason: reason,
	}
	if a.rec.ID != 0 {
		f.Hub, f.Record = a.rec.ID.String(), a.label(a.r.Hub, &a.rec)
	}
	return f
}

func (a *auditing) fieldFinding(remote string, d *audit.Difference, s auditStanding) AuditFinding {
	f := a.finding(remote, s.standing, s.reason)
	f.Field, f.There = d.Field, d.Remote
	ours, theirs := d.Types()
	f.Ours, f.Theirs = auditSide(ours, d.Ours, d.OursThere), auditSide(theirs, d.Theirs, d.TheirsHere)
	return f
}

func auditSide(t record.Type, v, other record.Value) AuditSide {
	side := AuditSide{Known: v.Known()}
	if text := plainText(t, v); v.IsSet() {
		side.Value = &text
	}
	if text := plainText(t, other); other.IsSet() && other != v {
		side.Other = &text
	}
	return side
}

// tell counts a finding about a record, and says it unless it is explained.
func (a *auditing) tell(remote string, s audit.Standing, reason string) error {
	a.tally.Add(a.r.Route, s, reason, 1)
	if s != audit.Unexplained {
		return nil
	}
	return a.say(a.finding(remote, s, reason))
}

// absent says how an open link stands whose record the system did not give.
func (a *auditing) absent(tx *state.Tx, l state.Link, refused *providers.Error) error {
	links := a.r.Links(tx)
	ok, err := links.Get(l.Hub, &a.link)
	if err != nil || !ok || a.link.Remote != l.Remote || a.link.State != state.LinkOpen {
		return err // it moved or closed meanwhile
	}
	if ok, err := tx.Hub(a.r.Hub.Name).Get(l.Hub, &a.rec); err != nil || !ok {
		return err
	}
	a.remember(tx)
	standing, held := a.memory.heldWhole()
	switch {
	case a.memory.placeholder():
		return a.tell(l.Remote, audit.Leaving, "placeholder")
	case held != "":
		return a.tell(l.Remote, standing, held)
	case a.memory.guarded(l.Hub):
		return a.tell(l.Remote, audit.Due, WaitGuard)
	case refused != nil && refused.Kind != providers.Missing:
		return a.tell(l.Remote, audit.Unexplained, AuditInvisible)
	}
	return a.tell(l.Remote, audit.Unexplained, AuditGone)
}

// loose says how a record stands that is not linked and carries our id.
func (a *auditing) loose(tx *state.Tx, remote *audit.Remote) error {
	at := a.r.ReadIndex(a.r.ExternalID)
	if a.r.Direction != fieldmap.Push || at < 0 || !remote.Values[at].IsSet() {
		return nil
	}
	links := a.r.Links(tx)
	if hub, _, _, ok := links.Peek(remote.ID); ok {
		if _, err := links.Get(hub, &a.link); err == nil && a.link.Remote == remote.ID {
			a.tally.Add(a.r.Route, audit.Leaving, closeName(a.link.Close), 1)
			return nil
		}
	}
	id, ok, err := a.byExternal(tx, remote.Values[at])
	if err != nil {
		return err
	}
	if !ok {
		a.tally.Add(a.r.Route, audit.Leaving, "not_in_hub", 1)
		return nil
	}
	a.link = state.Link{}
	linked, err := links.Get(id, &a.link)
	if err != nil && !errors.Is(err, state.ErrDamaged) {
		return err
	}
	a.remember(tx)
	if linked && a.link.State != state.LinkClosed {
		if standing, held := a.memory.heldWhole(); held != "" {
			return a.tell(remote.ID, standing, held)
		}
		return a.tell(remote.ID, audit.Unexplained, AuditTwice)
	}
	s, reason := a.unlinked(tx, linked)
	if s == audit.Unexplained {
		reason = AuditLoose
	}
	return a.tell(remote.ID, s, reason)
}

// byExternal loads the hub record that an external id of ours stands for.
func (a *auditing) byExternal(tx *state.Tx, ext record.Value) (state.HubID, bool, error) {
	hub := tx.Hub(a.r.Hub.Name)
	var ids []state.HubID
	if id := a.r.Hub.ID; id != nil {
		if ik, ok := a.book.IndexKey(ledger.Index{Field: id, Form: fieldmap.Exact}, ext); ok {
			var err error
			if ids, err = hub.Find(ik); err != nil {
				return 0, false, err
			}
		}
	}
	if system, remote, ok := strings.Cut(ext.Text(), ":"); ok {
		for _, r := range a.book.RoutesOf(system) {
			if id, ok := tx.Links(system, r.Object).ByRemote(remote); ok && r.Hub == a.r.Hub && r.Direction == fieldmap.Pull {
				ids = append(ids, id)
			}
		}
	}
	for _, id := range ids {
		ok, err := hub.Get(id, &a.rec)
		if err != nil {
			return 0, false, err
		}
		if ok && a.rec.State == state.HubActive && a.p.externalOf(tx, &item{id: id, rec: a.rec}) == ext {
			return id, true, nil
		}
	}
	a.rec = state.HubRecord{}
	return 0, false, nil
}

// unlinkedHub says which hub records belong into the target and are not there.
func (a *auditing) unlinkedHub() error {
	if a.r.Direction != fieldmap.Push {
		return nil
	}
	return a.eachRecord(a.r.Hub.Name, func(tx *state.Tx, rec *state.HubRecord) error {
		if rec.State != state.HubActive {
			return nil
		}
		a.rec, a.link = *rec, state.Link{}
		linked, err := a.r.Links(tx).Get(rec.ID, &a.link)
		if err != nil && !errors.Is(err, state.ErrDamaged) {
			return err
		}
		if linked && a.link.State != state.LinkClosed {
			return nil
		}
		a.remember(tx)
		s, reason := a.unlinked(tx, linked)
		if s == audit.Agree {
			return nil
		}
		return a.tell("", s, reason)
	})
}

// unlinked says how the hub record under way stands, which is not linked:
// agree where it does not belong into the target.
func (a *auditing) unlinked(tx *state.Tx, closed bool) (audit.Standing, string) {
	it := &item{id: a.rec.ID, rec: a.rec}
	in, fault := a.p.inScope(it)
	standing, held := a.memory.heldWhole()
	switch {
	case fault == "" && !in || !a.p.mayLink(tx, it.id):
		return audit.Agree, ""
	case held != "":
		return standing, held
	case closed:
		return audit.Leaving, closeName(a.link.Close)
	case a.rec.Number > a.memory.route().number:
		return audit.Due, a.memory.route().waits
	case a.r.MatchOnly || !a.p.mayCreate(tx, it.id):
		return audit.Tolerated, "never_created"
	}
	return audit.Unexplained, AuditNoLink
}
