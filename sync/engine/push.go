package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// scanChunk is how many hub records are loaded at once; it is the largest batch
// that any vendor takes.
const scanChunk = 200

// maxPasses bounds how often a stage runs again for the records that it
// released itself.
const maxPasses = 5

// pusher writes one hub object to one object of one system.
type pusher struct {
	*run
	r         *ledger.Route
	pos       state.Position
	behind    map[int]bool         // rules that the position was not reached under
	back      map[state.HubID]bool // linked records that were not to be seen and are again
	unoffered map[int][]string     // options that value maps name and the system does not offer
	asked     bool                 // the schema was asked again in this run
	resting   map[int]bool         // rules whose remote field is gone or cannot be written
	bound     uint64
	batch     int
	spool     *state.Spool
	spooling  bool
	keys      []fieldmap.MatchKey // that records are looked up by
	chosen    bool                // keys are set
	plans     []state.Plan        // that a person accepted
	sent      bool                // something was written, or released, in this pass
	creates   []*item
	updates   []*item
	scanned   int // in the first walk
	decided   int // in the second
	today     string
	free      []*item // for reuse

	guardIdle      bool       // no count of overwrites can be too many
	groups         [][]int    // rules whose fields travel together
	link           state.Link // for reuse
	entries        []state.JournalEntry
	packed         []byte
	answers        []answer
	flying         *flight         // the batch whose call is under way
	unstored       *unstored       // the batch whose answers wait to be stored
	indexed        bool            // the index of the target's keys is up to date in this run
	hubRec         state.HubRecord // for reuse
	made           []state.SentValue
	intended       []state.Intent // for reuse, with what they refer to
	intendedFields []state.LinkField
	intendedForms  []state.IntentField
	silent         []string // records that are due, and on which nothing was decided
	askedFor       bitset   // hub ids whose record was asked for by id and not brought
}

// item is one hub record on its way to a system.
type item struct {
	id       state.HubID
	rec      state.HubRecord
	link     state.Link
	linked   bool
	lost     bool
	key      string       // what people know it by
	external record.Value // our id, as it stands or shall stand there
	verdicts []plan.Verdict
	old      []record.Value // theirs, where it was read
	shown    []record.Value // theirs, where the write read it before
	holds    []state.Hold
	standing []state.Hold     // those of before
	kept     []string         // fields whose hold stands as it is
	left     []string         // fields that are due, and that nothing was decided on
	wait     bool             // the whole record waits
	back     bool             // it was not to be seen, and is again
	setExt   bool             // our id is part of this write
	taken    *providers.Error // why a create was refused as a repeat
	intent   uint64           // the batch of intents of its create
	part     uint16           // where its intent is in there
}

// pusher is what decides on the records of a route.
func (r *run) pusher(route *ledger.Route) *pusher {
	return &pusher{run: r, r: route, behind: map[int]bool{}, today: r.today()}
}

// pushObject is one push of one object.
func pushObject(ctx context.Context, r *run, route *ledger.Route) error {
	p := r.pusher(route)
	p.spool = r.opt.Store.Spool("push/" + route.Key())
	if r.sys.Writer == nil || r.sys.Finder == nil {
		return providers.Errorf(providers.Broken, "write "+route.Object, "%s cannot be written to", r.req.System)
	}
	p.batch = min(r.sys.Writer.BatchSize(route.Object), scanChunk)
	p.groups = groupsOf(r.sys, route)
	if err := p.prepare(); err != nil {
		return err
	}
	due := false
	if err := r.opt.Store.View(func(tx *state.Tx) (err error) { due, err = r.pushDue(tx, route); return err }); err != nil {
		return fmt.Errorf("look what is due of %s: %w", route.Object, err)
	}
	if !due && !r.req.Full {
		return nil
	}
	if err := r.preflight(ctx); err != nil {
		return err
	}
	err := p.stages(ctx)
	if err != nil && providers.KindOf(err) == providers.Broken && !errors.Is(err, ErrGuard) {
		// Perhaps the schema changed: the next run looks before it does anything.
		err = errors.Join(err, r.forgetChecks())
	}
	return err
}

// stages does everything that is due on the object, what earlier runs left
// open first.
func (p *pusher) stages(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		p.mergeAnswers, p.settleIntents, p.retryHeld, p.loadPosition, p.settleUpdates, p.readLeft, p.rebound, p.compareAll,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for range maxPasses {
		if err := p.pass(ctx); err != nil {
			return errors.Join(err, p.mergeAnswers(context.WithoutCancel(ctx)))
		}
		for _, step := range []func(context.Context) error{p.mergeAnswers, p.readOwn, p.spoken, p.settleAbsent, p.savePosition} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		if more, err := p.released(); err != nil || !p.sent || !more {
			return err
		}
	}
	return nil
}

// compareAll compares every linked record where that is due, and decides of those
// that are not there.
func (p *pusher) compareAll(ctx context.Context) error {
	compare := p.acceptedAbsent
	if p.req.Full || len(p.behind) > 0 {
		compare = p.reconcile
	}
	if err := compare(ctx); err != nil {
		return err
	}
	return p.settleAbsent(ctx)
}

// pushDue reports whether a push of the route has anything to do. A damaged
// position begins anew, so it has.
func (e *Engine) pushDue(tx *state.Tx, r *ledger.Route) (bool, error) {
	pos, ok, err := r.Position(tx)
	if err != nil || !ok {
		return true, nil //nolint:nilerr // the run itself says what is damaged
	}
	if len(behindRules(r, pos, suspended(tx, r))) > 0 || !modesKnown(r, pos) || pos.Fields[choiceName] != choiceFingerprint(r) ||
		e.opt.Store.Spool("push/"+r.Key()).Len(tx) > 0 || len(tx.HoldsFor(string(ledger.NextRun(r.System)))) > 0 ||
		len(acceptedPlans(tx, r)) > 0 {
		return true, nil
	}
	written, err := tx.Wakes(r.System, r.Object, state.WakeWritten, 1)
	if err != nil || len(written) > 0 {
		return true, err
	}
	due := false
	found := func() error { due = true; return state.ErrStop }
	if err := tx.Intents(r.System, r.Object, func(uint64, state.IntentBatch, []state.Intent) error { return found() }); err != nil || due {
		return true, err
	}
	err = tx.Hub(r.Hub.Name).Changes(pos.Number, tx.Counter(), func(uint64, state.HubID) error { return found() })
	return due, err
}

// behindRules are the rules that a position was not reached under: new ones and
// changed ones.
func behindRules(r *ledger.Route, pos state.Position, resting map[int]bool) map[int]bool {
	out := map[int]bool{}
	for i, rule := range r.Fields {
		if fp, ok := pos.Fields[ledger.RuleName(rule)]; !resting[i] && (!ok || fp != rule.Fingerprint || modeChanged(rule, pos)) {
			out[i] = true
		}
	}
	return out
}

// choiceName is what a push position keeps the fingerprint of its choice under.
const choiceName = "choice"

// choiceFingerprint stands for what decides which records go to a target at
// all: filter, match keys, and what may and can be created. A position reached
// under another one says nothing of those that were left out.
func choiceFingerprint(r *ledger.Route) uint64 {
	h := fnv.New64a()
	add := func(words ...string) {
		for _, w := range words {
			_, _ = h.Write([]byte(w + "\x00"))
		}
	}
	add(r.Filter.Source(), r.ExternalID, strconv.FormatBool(r.MatchOnly))
	add(r.CreateFrom...)
	for _, f := range r.CreateNeeds {
		add("needs", f.Name)
	}
	for _, k := range r.Match {
		add("match", k.Remote, k.Hub.Name, k.Compare.String())
	}
	return h.Sum64()
}

// prepare loads what the stage needs to know.
func (p *pusher) prepare() error {
	return p.opt.Store.View(func(tx *state.Tx) error {
		p.plans = acceptedPlans(tx, p.r)
		return nil
	})
}

func (p *pusher) loadPosition(context.Context) error {
	return p.opt.Store.View(func(tx *state.Tx) error {
		p.rest(suspended(tx, p.r))
		p.unoffered = unoffered(tx, p.r)
		pos, ok, err := p.r.Position(tx)
		if err != nil {
			return err
		}
		p.pos, p.bound = pos, tx.Counter()
		if ok {
			p.behind = behindRules(p.r, pos, p.resting)
		}
		if pos.Fields[choiceName] != choiceFingerprint(p.r) {
			// Who may go out is decided anew for everybody, as for a new target.
			p.pos.Number = 0
		}
		return nil
	})
}

// rest notes which rules rest, for whoever reads the run.
func (p *pusher) rest(rules map[int]bool) {
	p.resting = rules
	var names []string
	for i := range rules {
		names = append(names, p.r.Fields[i].Remote.Name)
	}
	if len(names) > 0 {
		slices.Sort(names)
		p.obj.Note = "suspended, for the field is gone, hidden or not writable there: " + strings.Join(names, ", ")
	}
}

// savePosition moves the position to the pass's bound: everything up to there
// is settled or held.
func (p *pusher) savePosition(context.Context) error {
	p.pos.Number = max(p.pos.Number, p.bound)
	was := p.pos.Fields
	p.pos.Fields, p.pos.Behind, p.pos.Complete = fingerprints(p.r), nil, true
	p.keepModes(was)
	p.pos.Fields[choiceName] = choiceFingerprint(p.r)
	for i := range p.resting {
		delete(p.pos.Fields, ledger.RuleName(p.r.Fields[i]))
		p.pos.Behind = append(p.pos.Behind, ledger.RuleName(p.r.Fields[i]))
	}
	slices.Sort(p.pos.Behind)
	p.pos.Listed = p.now()
	all := p.req.Full || len(p.behind) > 0
	p.behind = map[int]bool{}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		if err := p.endPlans(tx, all); err != nil {
			return err
		}
		p.plans = nil
		return p.r.SetPosition(tx, p.pos)
	})
}

// endPlans drops the plans that the pass used or came past the guards without:
// nothing is left of what they were made for. What would be overwritten was
// counted anew; whether records are back is known where all were read.
func (p *pusher) endPlans(tx *state.Tx, all bool) error {
	if err := dropPlans(tx, p.plans); err != nil {
		return err
	}
	for _, pl := range plansOf(tx, p.r) {
		absent := false
		if err := tx.EachPlanRow(pl.ID, func(row state.PlanRow) error {
			absent = isAbsent(row)
			return state.ErrStop
		}); err != nil && !errors.Is(err, state.ErrDamaged) {
			return fmt.Errorf("read plan %s: %w", pl.ID, err)
		}
		if absent && !all {
			continue
		}
		if err := tx.DropPlan(pl.ID); err != nil {
			return err
		}
	}
	return nil
}

// released reports whether the pass gave new numbers to records of its own
// object, such as the children of an account that was just linked, and sets the
// bound of another pass.
func (p *pusher) released() (again bool, err error) {
	err = p.opt.Store.View(func(tx *state.Tx) error {
		p.bound = tx.Counter()
		return tx.Hub(p.r.Hub.Name).Changes(p.pos.Number, p.bound, func(uint64, state.HubID) error {
			again = true
			return state.ErrStop
		})
	})
	return again, err
}

// retryHeld gives new numbers to the records whose hold ends with a new run,
// and in a full run to every refused one, once.
func (p *pusher) retryHeld(context.Context) error {
	return p.opt.Store.Update(func(tx *state.Tx) error {
		for _, h := range tx.HoldsFor(string(ledger.NextRun(p.req.System))) {
			if h.Object != p.r.Object {
				continue
			}
			if err := tx.Hub(p.r.Hub.Name).Touch(h.Hub); err != nil {
				return err
			}
		}
		if !p.req.Full {
			if changed, err := p.rulesChanged(tx); err != nil || !changed {
				return err
			}
		}
		return touchHeld(tx, p.r, func(h state.Hold) bool { return retriable(h.Reason) && !readAnew(h) })
	})
}

func (p *pusher) rulesChanged(tx *state.Tx) (bool, error) {
	pos, ok, err := p.r.Position(tx)
	return err == nil && ok && len(behindRules(p.r, pos, suspended(tx, p.r))) > 0, err
}

// retriable reports whether a changed rule or a full run may end the hold.
func retriable(reason string) bool {
	return reason != ledger.HoldDeleted && reason != ledger.HoldMerged && reason != ledger.HoldNotVisible && reason != ledger.HoldUnlinked
}

// readAnew reports whether a field is held for what was read of it there: the
// next reading says whether it still is.
func readAnew(h state.Hold) bool {
	switch h.Reason {
	case ledger.HoldBadValue, ledger.HoldWriteIgnored, ledger.HoldOscillating:
		return h.Field != "" && h.Flow == state.FlowPush
	}
	return false
}

// touchHeld gives the held hub records of a route new numbers, and forgets
// what was refused, so that they are tried again.
func touchHeld(tx *state.Tx, r *ledger.Route, which func(state.Hold) bool) error {
	var held []state.Hold
	if err := tx.EachHold(r.System, func(h state.Hold) error {
		if h.Object == r.Object && h.Hub != 0 && !h.Dropped && which(h) {
			held = append(held, h)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, h := range held {
		h.Digest, h.Ours = 0, 0
		if err := tx.PutHold(h); err != nil {
			return err
		}
		if err := tx.Hub(r.Hub.Name).Touch(h.Hub); err != nil {
			return err
		}
	}
	return nil
}

// pass is one pass over the changed records, in two walks: the first matches
// what is not linked, commits that and counts what would be overwritten; the
// second writes.
func (p *pusher) pass(ctx context.Context) error {
	p.sent, p.scanned, p.decided = false, 0, 0
	overwrites, err := p.matchAll(ctx)
	if err != nil {
		return err
	}
	p.spooling = p.scanned > p.opt.Spool
	if err := p.guardOverwrites(overwrites); err != nil {
		return err
	}
	err = p.eachChunk(ctx, p.pos.Number, p.bound, p.applyChunk)
	for err == nil && (len(p.creates)+len(p.updates) > 0 || p.flying != nil) {
		// An answer may bring a record back into the batches.
		if err = p.flush(ctx, true); err == nil {
			err = p.land(ctx)
		}
	}
	return errors.Join(err, p.land(ctx), p.storeLeft())
}

// eachChunk walks the hub records that changed, oldest change first.
func (p *pusher) eachChunk(ctx context.Context, after, upTo uint64, fn func(context.Context, []state.HubID) error) error {
	var ids []state.HubID
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		ids = ids[:0]
		last := after
		if err := p.opt.Store.View(func(tx *state.Tx) error {
			return tx.Hub(p.r.Hub.Name).Changes(after, upTo, func(n uint64, id state.HubID) error {
				ids, last = append(ids, id), n
				if len(ids) == scanChunk {
					return state.ErrStop
				}
				return nil
			})
		}); err != nil {
			return err
		}
		if len(ids) == 0 {
			return nil
		}
		if err := fn(ctx, ids); err != nil {
			return err
		}
		after = last
	}
}

// load reads a hub record and its link. It returns nil for one that this route
// has nothing to do with; one on which the filter cannot answer waits.
func (p *pusher) load(tx *state.Tx, id state.HubID) (*item, error) {
	it := p.newItem(id)
	ok, err := tx.Hub(p.r.Hub.Name).Get(id, &it.rec)
	if err != nil {
		return nil, fmt.Errorf("hub record %s/%s: %w", p.r.Hub.Name, id, err)
	}
	in, fault := false, ""
	if ok && it.rec.State == state.HubActive {
		in, fault = p.inScope(it)
	}
	if !in && fault == "" {
		return nil, nil //nolint:nilnil // the route has nothing to do with it
	}
	ok, err = p.r.Links(tx).Get(id, &it.link)
	it.lost = errors.Is(err, state.ErrDamaged)
	if err != nil && !it.lost {
		return nil, err
	}
	if ok && it.link.State == state.LinkClosed {
		return nil, nil //nolint:nilnil // closed for a reason that a hold or a person tells
	}
	it.linked = ok
	it.external, it.key = p.externalOf(tx, it), p.keyOf(&it.rec)
	if fault != "" {
		p.hold(it, "", ledger.HoldBadValue, fault, "")
	}
	return it, nil
}

func (p *pusher) newItem(id state.HubID) *item {
	if n := len(p.free); n > 0 {
		it := p.free[n-1]
		p.free = p.free[:n-1]
		it.reset(id)
		return it
	}
	it := &item{}
	it.reset(id)
	return it
}

func (it *item) reset(id state.HubID) {
	values, fields, there := it.rec.Values[:0], it.link.Fields[:0], it.link.There[:0]
	*it = item{id: id, verdicts: it.verdicts[:0], old: it.old[:0], shown: it.shown[:0], kept: it.kept[:0], left: it.left[:0]}
	it.rec.Values, it.link.Fields, it.link.There = values, fields, there
}

// inScope applies the route's filter. Where it cannot answer, fault says so,
// without any value.
func (p *pusher) inScope(it *item) (in bool, fault string) {
	if p.r.Filter == nil {
		return true, ""
	}
	get := func(name string) record.Value {
		if f := p.r.Hub.ByName[name]; f != nil {
			return p.r.Value(&it.rec, f)
		}
		return record.Value{}
	}
	ok, err := p.r.Filter.Match(get, fieldmap.Scope{Today: p.today})
	if err != nil {
		return false, err.Error()
	}
	return ok, ""
}

// externalOf is the id that we write into the target: the source's, never the
// hub's own. It is the object's id field, else system:id of its source.
func (p *pusher) externalOf(tx *state.Tx, it *item) record.Value {
	if p.r.ExternalID == "" {
		return record.NullValue()
	}
	if id := p.r.Hub.ID; id != nil {
		if v := p.r.Value(&it.rec, id); v.IsSet() {
			return v
		}
	}
	for _, r := range p.book.Routes {
		if r.Direction != fieldmap.Pull || r.Hub != p.r.Hub || r.System != p.r.Hub.SystemOfRecord {
			continue
		}
		if remote, ok := r.OpenLink(tx, it.id); ok {
			return record.Of(r.System + ":" + remote)
		}
	}
	return record.NullValue()
}

// mayCreate reports whether the hub record comes from a system that may create
// records in this target (D14).
func (p *pusher) mayCreate(tx *state.Tx, id state.HubID) bool {
	if p.r.MatchOnly {
		return false
	}
	fromAny := slices.Contains(p.r.CreateFrom, "any")
	for _, r := range p.book.Routes {
		if r.Direction != fieldmap.Pull || r.Hub != p.r.Hub || !fromAny && !slices.Contains(p.r.CreateFrom, r.System) {
			continue
		}
		if _, ok := r.OpenLink(tx, id); ok {
			return true
		}
	}
	return false
}

// mayLink reports whether a hub record may be joined with one that is there:
// one that the system of record holds, or that could be made. Another would only
// take it from the one whose own it is (D14).
func (p *pusher) mayLink(tx *state.Tx, id state.HubID) bool {
	return p.r.MatchOnly || p.mayCreate(tx, id) || p.book.HeldBy(tx, p.r.Hub.SystemOfRecord, p.r.Hub, id)
}

// keyOf is what people know a record by.
func (e *Engine) keyOf(o *fieldmap.HubObject, rec *state.HubRecord) string {
	for _, name := range []string{"email", "name", "subject"} {
		if f := o.ByName[name]; f != nil {
			if v := rec.Get(e.book.Nums(o)[f.Index]); v.IsSet() {
				return v.Text()
			}
		}
	}
	return rec.ID.String()
}

func (p *pusher) keyOf(rec *state.HubRecord) string { return p.Engine.keyOf(p.r.Hub, rec) }

// hold notes that the record, or one field of it, must wait.
func (p *pusher) hold(it *item, field, reason, detail string, event ledger.Event, candidates ...string) {
	it.holds = append(it.holds, p.holdOf(it, field, reason, detail, event, candidates...))
	if field == "" {
		it.wait = true
	}
}

func (p *pusher) holdOf(it *item, field, reason, detail string, event ledger.Event, candidates ...string) state.Hold {
	h := p.newHold(p.r, it.id, reason, detail)
	h.Field, h.Event, h.Candidates = field, string(event), candidates
	return h
}

// unixMilli is the time as links keep it.
func unixMilli(t time.Time) int64 { return t.UnixMilli() }
