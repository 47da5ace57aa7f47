package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// matchAll is the first walk: it links what it finds, commits that, and counts
// the records in which something would be overwritten.
func (p *pusher) matchAll(ctx context.Context) (overwrites int, err error) {
	open, err := p.countOpen(p.r)
	if err != nil {
		return 0, err
	}
	p.guardIdle = p.opt.Guards.Overwrites.idle(int(p.bound-min(p.bound, p.pos.Number)), open)
	err = p.eachChunk(ctx, p.pos.Number, p.bound, func(ctx context.Context, ids []state.HubID) error {
		p.scanned += len(ids)
		p.progress(p.r.Object, "match", p.scanned, 0)
		n, err := p.matchChunk(ctx, ids)
		overwrites += n
		return err
	})
	return overwrites, err
}

// matchChunk matches one chunk.
func (p *pusher) matchChunk(ctx context.Context, ids []state.HubID) (overwrites int, err error) {
	var c matching
	err = p.opt.Store.View(func(tx *state.Tx) error {
		for _, id := range ids {
			if err := p.sortToMatch(tx, id, &c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(c.read) > 0 {
		n, err := p.reconcileChunk(ctx, c.read, comparison{})
		if err != nil {
			return 0, err
		}
		c.overwrites += n
	}
	n, err := p.findChunk(ctx, c.loose)
	p.free = append(p.free, c.loose...)
	return c.overwrites + n, err
}

// matching is what the first walk makes of one chunk.
type matching struct {
	loose      []*item      // to be looked for
	read       []state.Link // whose record must be read first
	overwrites int          // records in which something would be overwritten
}

// sortToMatch says what the first walk does with one hub record.
func (p *pusher) sortToMatch(tx *state.Tx, id state.HubID, c *matching) error {
	holds, done := p.sortLinked(tx, id, c)
	if done {
		return nil
	}
	it, err := p.load(tx, id)
	if err != nil || it == nil || it.wait {
		return err
	}
	it.standing = holds
	switch {
	case p.outOfReach(it):
	case p.toFind(tx, it):
		c.loose = append(c.loose, it)
	case it.linked && p.unread(tx, it):
		c.read = append(c.read, state.Link{Hub: it.link.Hub, Remote: it.link.Remote})
	case it.linked:
		if p.replaces(tx, it) {
			c.overwrites++
		}
		p.free = append(p.free, it)
	}
	return nil
}

// sortLinked reads the holds of a linked record, and reports whether the link
// alone says what the first walk does with it: to read it, or nothing.
func (p *pusher) sortLinked(tx *state.Tx, id state.HubID, c *matching) (holds []state.Hold, done bool) {
	linked, err := p.r.Links(tx).Get(id, &p.link)
	if !linked && err == nil {
		return nil, false
	}
	holds = p.r.Holds(tx, id, "")
	switch {
	case err != nil: // a damaged one is read anew
		return holds, false
	case p.toAsk(holds):
		c.read = append(c.read, state.Link{Hub: id, Remote: p.link.Remote, State: p.link.State})
		return holds, true
	}
	return holds, p.guardIdle && p.wellKnown()
}

// toFind reports whether the record is to be looked for in the target.
func (p *pusher) toFind(tx *state.Tx, it *item) bool {
	return !it.linked && p.mayLink(tx, it.id) && !p.waits(tx, it)
}

// wellKnown reports whether every field of the link under way was read or
// written before, so that there is nothing to match.
func (p *pusher) wellKnown() bool {
	if p.opt.Store.Suspect() != "" {
		return false
	}
	for i := range p.r.Rules {
		if !p.resting[i] && p.isUnmet(&p.link, i) {
			return false
		}
	}
	return true
}

// isUnmet reports whether a rule has settled with nothing of this link yet.
func (p *pusher) isUnmet(l *state.Link, i int) bool {
	lf := p.r.Field(l, i)
	return lf == nil || lf.Seen == 0 && lf.Told == 0
}

// unread reports whether the record must be read before anything is decided on
// it: a person made its link, it moved, its digests were lost, or a field is new.
// A field that waits for something else, or of which enough is known, is not
// read for.
func (p *pusher) unread(tx *state.Tx, it *item) bool {
	if it.lost || p.opt.Store.Suspect() != "" {
		return true
	}
	for i, rule := range p.r.Fields {
		if p.resting[i] || !p.isUnmet(&it.link, i) {
			continue
		}
		if v, f := p.unmet(tx, it, i, rule); f == nil && v.Kind == plan.Nothing {
			return true
		}
	}
	return false
}

// unmet decides a field that its rule has not met yet by what is known to stand
// there, without its text. It can where that is a blank or our own value.
func (p *pusher) unmet(tx *state.Tx, it *item, i int, rule *fieldmap.Rule) (plan.Verdict, *pushFault) {
	return p.meetField(tx, it, i, rule, record.Value{}, plan.Reading{})
}

// overwrites decides a linked record and reports whether a value that is not
// blank would be replaced, which no accepted plan lets through.
func (p *pusher) overwrites(tx *state.Tx, it *item) bool {
	it.standing = p.r.Holds(tx, it.id, "")
	return p.replaces(tx, it)
}

// replaces is overwrites for a record whose holds are known.
func (p *pusher) replaces(tx *state.Tx, it *item) bool {
	if p.decide(tx, it); it.wait {
		return false
	}
	row, found := p.planRow(it)
	return found && !accepted(tx, p.plans, row)
}

// planRow is what a plan keeps of a record's overwrites: enough to tell whether
// anything has moved when it is accepted.
func (p *pusher) planRow(it *item) (state.PlanRow, bool) {
	row := state.PlanRow{Hub: it.id, Edition: 1}
	var b strings.Builder
	for i := range it.verdicts {
		v := &it.verdicts[i]
		if v.Kind != plan.Push || !v.Overwrites {
			continue
		}
		rule := p.r.Fields[i]
		old, _ := p.oldOf(it, i)
		row.Fields = append(row.Fields, state.PlanField{Name: rule.Hub.Name, Old: old, New: v.Value, Reason: uint8(v.Reason), Rule: p.r.Rules[i]})
		var seen record.Digest
		if lf := p.r.Field(&it.link, i); lf != nil {
			seen = lf.Seen
		}
		fmt.Fprintf(&b, "%s %x %x\n", rule.Hub.Name, v.Told, seen)
	}
	row.Digest = p.book.Key.Bytes([]byte(b.String()))
	return row, len(row.Fields) > 0
}

// guardOverwrites stops a flood, keeping what it would have written for a
// person to look at (D22).
func (p *pusher) guardOverwrites(n int) error {
	open, err := p.countOpen(p.r)
	if err != nil || !p.opt.Guards.Overwrites.passed(n, open) {
		return err
	}
	note := fmt.Sprintf("%d of %d linked records would be overwritten", n, open)
	var rows []state.PlanRow
	err = p.eachChunk(context.Background(), p.pos.Number, p.bound, func(_ context.Context, ids []state.HubID) error {
		return p.opt.Store.View(func(tx *state.Tx) error {
			for _, id := range ids {
				it, err := p.load(tx, id)
				if err != nil {
					return err
				}
				if it == nil || it.wait || !it.linked || !p.overwrites(tx, it) {
					continue
				}
				row, _ := p.planRow(it)
				rows = append(rows, row)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return p.keepPlan(p.r, rows, note)
}

// externalKey is the key that proves a repeat: our id.
func (p *pusher) externalKey() fieldmap.MatchKey {
	return fieldmap.MatchKey{Remote: p.r.ExternalID, Hub: p.r.Hub.ID, Compare: fieldmap.Exact}
}

// chooseKeys sets the keys that records are looked up by: our external id
// first, then those of the route. Where the target takes only some keys and one
// of the route's is among them, that one alone is asked, one call a batch: a
// record that carries our id already refuses to be made again, and is then
// linked.
//
// It is asked for before the first look-up: a system may have to tell its schema.
func (p *pusher) chooseKeys(ctx context.Context) error {
	if p.chosen {
		return nil
	}
	p.keys = p.keys[:0]
	direct := false
	for _, k := range p.r.Match {
		if k.Remote == p.r.ExternalID {
			continue
		}
		p.keys = append(p.keys, k)
		if p.sys.Chooser == nil {
			continue
		}
		can, err := p.sys.Chooser.FindsBy(ctx, p.r.Object, p.keyField(k))
		if err != nil {
			return fmt.Errorf("choose the keys of %s: %w", p.r.Object, err)
		}
		direct = direct || can
	}
	if p.r.ExternalID != "" && !direct {
		p.keys = slices.Insert(p.keys, 0, p.externalKey())
	}
	p.chosen = true
	return nil
}

// wanted is what a match key is looked up by.
func (p *pusher) wanted(key fieldmap.MatchKey, it *item) record.Value {
	if key.Remote == p.r.ExternalID {
		return it.external
	}
	return p.r.Value(&it.rec, key.Hub)
}

// keyField is the remote field of a match key.
func (p *pusher) keyField(key fieldmap.MatchKey) record.Field {
	if key.Remote == p.r.ExternalID {
		return record.Field{Name: key.Remote, Type: record.ID}
	}
	return record.Field{Name: key.Remote, Type: key.Hub.Type}
}

// findFields are read with every hit: the rules' fields, so that the first
// meeting can be decided, then keys and our id.
func (p *pusher) findFields() []record.Field {
	fields := p.r.ReadFields()
	if len(p.resting) > 0 {
		fields = slices.DeleteFunc(slices.Clone(fields), p.rests)
	}
	for _, f := range fields {
		if f.Name == p.r.ExternalID {
			return fields
		}
	}
	if p.r.ExternalID != "" {
		fields = append(fields, record.Field{Name: p.r.ExternalID, Type: record.ID})
	}
	return fields
}

// rests reports whether a remote field is gone for now.
func (p *pusher) rests(f record.Field) bool {
	for i := range p.resting {
		if p.r.Fields[i].Remote.Name == f.Name {
			return true
		}
	}
	return false
}

// hit is a record that a look-up brought, converted.
type hit struct {
	id     string
	values []record.Value // by findFields
	faults []string
	raw    [][]byte // of those that could not be read
	stamp  int64    // its version, Unix milliseconds; 0 when the system does not say
	by     record.Author
}

func (h *hit) value(fields []record.Field, name string) record.Value {
	for i, f := range fields {
		if f.Name == name {
			return h.values[i]
		}
	}
	return record.Value{}
}

// findChunk looks unlinked records up by one key after the other, one call per
// key, and links what is found.
func (p *pusher) findChunk(ctx context.Context, loose []*item) (overwrites int, err error) {
	if len(loose) == 0 {
		return 0, nil
	}
	if err := p.chooseKeys(ctx); err != nil {
		return 0, err
	}
	fields := p.findFields()
	for _, key := range p.keys {
		if len(loose) == 0 {
			return overwrites, nil
		}
		hits, err := p.find(ctx, key, fields, loose)
		if err != nil {
			return overwrites, err
		}
		if len(hits) == 0 {
			continue
		}
		var rest []*item
		err = p.opt.Store.Update(func(tx *state.Tx) error {
			tx.OneOfMany()
			rest = rest[:0]
			if err := p.meetHits(tx, hits); err != nil {
				return err
			}
			for _, it := range loose {
				done, over, err := p.matched(tx, key, it, fields, hits)
				if err != nil {
					return err
				}
				if over {
					overwrites++
				}
				if !done {
					rest = append(rest, it)
				}
			}
			return nil
		})
		if err != nil {
			return overwrites, err
		}
		loose = rest
	}
	if len(loose) == 0 {
		return overwrites, nil
	}
	return overwrites, p.holdCandidates(ctx, loose)
}

// find asks the target for all records that may be meant, once per key.
func (p *pusher) find(ctx context.Context, key fieldmap.MatchKey, fields []record.Field, loose []*item) ([]hit, error) {
	var values []record.Value
	for _, it := range loose {
		values = append(values, spellings(key.Compare, p.wanted(key, it))...)
	}
	values = distinct(values)
	if len(values) == 0 {
		return nil, nil
	}
	recs, err := p.lookUp(ctx, key, fields, values)
	if err != nil {
		return nil, fmt.Errorf("look up %s by %s: %w", p.r.Object, key.Remote, err)
	}
	hits := make([]hit, len(recs))
	for i := range recs {
		hits[i] = p.convert(&recs[i], fields)
	}
	return hits, nil
}

func (p *pusher) convert(rec *record.Record, fields []record.Field) hit {
	h := hit{id: rec.ID, values: make([]record.Value, len(fields)), faults: make([]string, len(fields)), by: rec.By}
	if !rec.Version.IsZero() && !rec.Version.After(p.now().Add(futureStamp)) {
		h.stamp = rec.Version.UnixMilli()
	}
	for i, f := range fields {
		v, err := p.sys.Provider.Convert(p.r.Object, f, rec.Raw[i])
		if err != nil {
			if h.raw == nil {
				h.raw = make([][]byte, len(fields))
			}
			h.faults[i], h.raw[i] = faultOf(err), slices.Clone(rec.Raw[i])
			continue
		}
		h.values[i] = v
	}
	return h
}

// matched takes the verdict on one record's hits. done is false when the next
// key is to be tried.
func (p *pusher) matched(tx *state.Tx, key fieldmap.MatchKey, it *item, fields []record.Field, hits []hit) (done, over bool, err error) {
	want := p.wanted(key, it)
	var candidates []plan.Hit
	for i := range hits {
		h := &hits[i]
		ext := h.value(fields, p.r.ExternalID)
		known, err := p.presentElsewhere(tx, ext, it.id)
		if err != nil {
			return false, false, err
		}
		candidates = append(candidates, plan.Hit{ID: h.id, Key: h.value(fields, key.Remote), External: ext, ExternalKnown: known})
	}
	m := plan.MatchHits(key, want, it.external, candidates)
	switch m.Kind {
	case plan.Linked:
		over, err = p.linkFound(tx, it, fields, hitByID(hits, m.IDs[0]))
		return true, over, err
	case plan.Ambiguous:
		p.hold(it, "", ledger.HoldAmbiguous, "several records have this "+key.Remote, "", m.IDs...)
		return true, false, p.putHolds(tx, it)
	case plan.Claimed:
		p.hold(it, "", ledger.HoldDuplicate, fmt.Sprintf("found by %s, but it carries another %s", key.Remote, p.r.ExternalID), "", m.IDs...)
		return true, false, p.putHolds(tx, it)
	}
	return false, false, nil
}

func hitByID(hits []hit, id string) *hit {
	for i := range hits {
		if hits[i].id == id {
			return &hits[i]
		}
	}
	return nil
}

// presentElsewhere reports whether an external id belongs to a source record
// that we know as present and that is not this one.
func (p *pusher) presentElsewhere(tx *state.Tx, ext record.Value, not state.HubID) (bool, error) {
	if !ext.IsSet() {
		return false, nil
	}
	if has, err := p.hubHas(tx, ext, not); err != nil || has {
		return has, err
	}
	system, remote, ok := strings.Cut(ext.Text(), ":")
	if !ok {
		return false, nil
	}
	for _, r := range p.book.RoutesOf(system) {
		if r.Hub != p.r.Hub || r.Direction != fieldmap.Pull {
			continue
		}
		if id, _, st, ok := tx.Links(system, r.Object).Peek(remote); ok && id != not && st != state.LinkClosed {
			return true, nil
		}
	}
	return false, nil
}

// hubHas reports whether another hub record in scope has this identity. One that
// is damaged counts as having it.
func (p *pusher) hubHas(tx *state.Tx, id record.Value, not state.HubID) (bool, error) {
	o := p.r.Hub
	if o.ID == nil {
		return false, nil
	}
	ik, ok := p.book.IndexKey(ledger.Index{Field: o.ID, Form: fieldmap.Exact}, id)
	if !ok {
		return false, nil
	}
	hubs, err := tx.Hub(o.Name).Find(ik)
	if err != nil {
		return false, fmt.Errorf("look who has the %s of a record: %w", o.ID.Name, err)
	}
	for _, hub := range hubs {
		var rec state.HubRecord
		got, err := tx.Hub(o.Name).Get(hub, &rec)
		switch {
		case hub == not:
		case err != nil:
			return true, nil //nolint:nilerr // nobody is linked with what may be another's
		case got && rec.State == state.HubActive && rec.Get(p.book.Nums(o)[o.ID.Index]) == id:
			return true, nil
		}
	}
	return false, nil
}

// linkFound links a hub record with the record that was found. What was read
// with it is the link's first seen, and decides the first meeting.
func (p *pusher) linkFound(tx *state.Tx, it *item, fields []record.Field, h *hit) (over bool, err error) {
	ls := p.r.Links(tx)
	switch ok, err := ls.Get(it.id, &it.link); {
	case err != nil && !errors.Is(err, state.ErrDamaged):
		return false, err
	case err == nil && ok && it.link.State != state.LinkClosed:
		return false, nil // a person linked it meanwhile
	}
	if other, _, st, ok := ls.Peek(h.id); ok && other != it.id && st != state.LinkClosed {
		p.hold(it, "", ledger.HoldDuplicate, fmt.Sprintf("%s %s is already linked with %s/%s", p.r.Object, h.id, p.r.Hub.Name, other), "",
			p.r.Hub.Name+"/"+other.String(), p.r.Hub.Name+"/"+it.id.String())
		return false, p.putHolds(tx, it)
	}
	it.link = state.Link{Hub: it.id, Remote: h.id, Origin: state.OriginFound, State: state.LinkOpen}
	if over, err = p.meet(tx, it, fields, h, comparison{}); err != nil {
		return false, err
	}
	if err := ls.Put(&it.link); err != nil {
		return false, err
	}
	p.count("linked", 1)
	if p.opt.OnChange != nil {
		p.opt.OnChange(plan.Change{
			System: p.req.System, Object: p.r.Object, Op: plan.OpLink, Remote: h.id, HubObject: p.r.Hub.Name, Hub: uint64(it.id), Key: it.key,
		})
	}
	if err := p.book.Notify(tx, p.r.Linked(it.id)); err != nil {
		return false, err
	}
	return over, tx.Journal([]state.JournalEntry{p.entryOf(p.r, it.id, h.id, "linked")})
}

// meet decides every field of a record that was just read, and keeps the
// verdicts in the link: a field that must be written is left without told, so
// that the second walk writes it. A field that cannot be read or translated is
// held by itself; all others go on.
func (p *pusher) meet(tx *state.Tx, it *item, fields []record.Field, h *hit, c comparison) (over bool, err error) {
	how := p.readingOf(&it.link, h, c)
	for i, rule := range p.r.Fields {
		at := fieldIndex(fields, rule.Remote.Name)
		if at < 0 || p.resting[i] || !c.covers(i) && !it.back && !p.isUnmet(&it.link, i) {
			continue
		}
		v, err := p.meetRead(tx, it, i, h.values[at], h.unreadable(at), how)
		if err != nil {
			return false, err
		}
		over = over || v.Kind == plan.Push && v.Overwrites
	}
	if h.stamp != 0 {
		it.link.Version, it.link.Fresh = max(it.link.Version, h.stamp), true
	}
	if p.r.ExternalID != "" && it.external.IsSet() {
		if at := fieldIndex(fields, p.r.ExternalID); at >= 0 {
			p.meetExternal(it, h.values[at])
		}
	}
	return over, nil
}

// readingOf is what a reading says of who changed the record since our last
// write: another author, or a later version than that of our write where the
// system names no author and our user writes for us alone.
func (p *pusher) readingOf(l *state.Link, h *hit, c comparison) plan.Reading {
	how := plan.Reading{ByID: true, Own: c.own, Touched: h.by}
	if h.by == record.ByUnknown && p.sys.UserOurs && l.Fresh && l.Wrote != 0 && h.stamp > l.Version {
		how.Touched = record.ByOther
	}
	return how
}

// unreadable is why a value cannot be read, with its bytes; empty where it can.
type unreadable struct {
	fault string
	raw   []byte
}

func (h *hit) unreadable(at int) unreadable {
	if h.faults[at] == "" {
		return unreadable{}
	}
	return unreadable{h.faults[at], h.raw[at]}
}

// meetRead decides one field that was read, and keeps what came of it: in the
// link, and as a hold.
func (p *pusher) meetRead(tx *state.Tx, it *item, i int, theirs record.Value, bad unreadable, how plan.Reading) (plan.Verdict, error) {
	rule := p.r.Fields[i]
	ours := p.book.Key.Value(rule.Hub.Type, p.ours(it, rule))
	field := holdOn{rule: rule, ours: p.heldOf(tx, rule, p.ours(it, rule)), theirs: p.book.Key.Value(rule.Remote.Type, theirs)}
	if bad.fault != "" {
		field.theirs = p.book.Key.Bytes(bad.raw)
		p.leaveUnreadable(it, i, field.theirs)
		return plan.Verdict{}, p.holdMet(tx, it, field, ledger.HoldBadValue, strings.TrimPrefix(bad.fault, rule.Remote.Name+": "), "")
	}
	if p.heldAsBefore(tx, it, i, field) {
		return plan.Verdict{}, nil
	}
	v, f := p.meetField(tx, it, i, rule, theirs, how)
	lf := p.r.Field(&it.link, i)
	switch {
	case f != nil && rule.Hub.Type == record.Reference && lf != nil && lf.Seen == field.theirs && lf.Told == ours:
		return plan.Verdict{}, nil // they still name the record that is gone or waits
	case f != nil && f.reason != "":
		p.show(it, i, theirs)
		if lf != nil && rule.Hub.Type == record.Reference {
			// It is due until the record that it names is there again.
			it.link.Set(state.LinkField{Field: lf.Field, Seen: lf.Seen})
		}
		return plan.Verdict{}, p.holdMet(tx, it, field, f.reason, f.detail, f.event)
	case f != nil:
		v = plan.Verdict{Kind: plan.Tolerate, Reason: plan.Skipped, Seen: field.theirs, Told: ours}
	case v.Kind == plan.Hold:
		p.show(it, i, theirs)
		return v, p.holdMet(tx, it, field, v.Reason.String(), p.heldFor(v.Reason, theirs, it, rule), "")
	}
	p.keepMet(it, i, v, theirs)
	return v, p.endMet(tx, it, rule)
}

// heldAsBefore reports whether a field is held for just these two values, by what
// their system made of ours, and nothing was sent since.
func (p *pusher) heldAsBefore(tx *state.Tx, it *item, i int, on holdOn) bool {
	stands := p.r.Stands(&it.link, i)
	if p.behind[i] || !stands.Open() || stands.Known != record.Read || stands.Last() != on.theirs {
		return false
	}
	h, ok := tx.Hold(p.holdOf(it, on.rule.Hub.Name, "", "", "").Key())
	return ok && readAnew(h) && h.Reason != ledger.HoldBadValue && h.Ours == on.ours && h.Theirs == on.theirs
}

// ours is the hub's value for a rule.
func (p *pusher) ours(it *item, rule *fieldmap.Rule) record.Value {
	return p.r.Value(&it.rec, rule.Hub)
}

// show notes what a reading showed of a field that is not settled by it.
func (p *pusher) show(it *item, i int, theirs record.Value) {
	num := p.r.Remotes[i]
	there := it.link.Stands(num)
	there.Show(p.book.Key.Value(p.r.Fields[i].Remote.Type, theirs))
	it.link.SetStands(num, there)
}

// leaveUnreadable notes that what stands in a field cannot be read. Our own next
// change of it goes out all the same.
func (p *pusher) leaveUnreadable(it *item, i int, raw record.Digest) {
	it.link.SetStands(p.r.Remotes[i], record.ReadThere(raw))
	rule := p.r.Rules[i]
	if p.isUnmet(&it.link, i) {
		it.link.Set(state.LinkField{Field: rule, Told: p.book.Key.Value(p.r.Fields[i].Hub.Type, p.ours(it, p.r.Fields[i]))})
	}
}

// heldFor says what stands between the two sides of a field that is held.
func (p *pusher) heldFor(why plan.Reason, theirs record.Value, it *item, rule *fieldmap.Rule) string {
	sent, _ := rule.ToRemote(p.ours(it, rule))
	switch why {
	case plan.WriteIgnored:
		return fmt.Sprintf("%s took %q for %s and kept %q", p.req.System, plainText(rule.Remote.Type, sent), rule.Remote.Name, plainText(rule.Remote.Type, theirs))
	case plan.Oscillating:
		return fmt.Sprintf("%s turned %q into %q twice in %s", p.req.System, plainText(rule.Remote.Type, sent), plainText(rule.Remote.Type, theirs), rule.Remote.Name)
	}
	return why.String()
}

// holdOn is a field that is held, with the two values that it is held for.
type holdOn struct {
	rule         *fieldmap.Rule
	ours, theirs record.Digest
}

// holdMet holds one field of a record that was read, in the transaction that
// keeps the reading.
func (p *pusher) holdMet(tx *state.Tx, it *item, on holdOn, reason, detail string, event ledger.Event) error {
	h := p.holdOf(it, on.rule.Hub.Name, reason, detail, event)
	h.Ours, h.Theirs = on.ours, on.theirs
	old, ok := tx.Hold(h.Key())
	switch {
	case ok && old.Reason == reason && old.Ours == h.Ours && old.Theirs == h.Theirs && old.Detail == detail && old.Event == h.Event:
		return nil
	case !ok:
		p.count("held", 1)
	}
	return tx.PutHold(h)
}

// endMet ends what held one field: it is decided.
func (p *pusher) endMet(tx *state.Tx, it *item, rule *fieldmap.Rule) error {
	return tx.DeleteHold(p.holdOf(it, rule.Hub.Name, "", "", "").Key())
}

func fieldIndex(fields []record.Field, name string) int {
	for i, f := range fields {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// keepMet stores the verdict on a field that was read. What must be sent again
// to a system that made something else of it keeps what led to that.
func (p *pusher) keepMet(it *item, i int, v plan.Verdict, theirs record.Value) {
	lf := state.LinkField{Field: p.r.Rules[i], Seen: v.Seen, Told: v.Told}
	stands, num := p.r.Stands(&it.link, i), p.r.Remotes[i]
	d := p.book.Key.Value(p.r.Fields[i].Remote.Type, theirs)
	if v.Kind == plan.Push && stands.Open() {
		stands.Show(d)
	} else {
		stands = record.ReadThere(d)
	}
	it.link.SetStands(num, stands)
	switch v.Kind {
	case plan.Push:
		// Not told yet; the note says why it is to be, for the second walk, and the
		// text what the write replaces.
		lf.Seen, lf.Told, lf.Note, lf.Text = d, 0, uint8(v.Reason), theirs
	case plan.Tolerate:
		lf.Note = uint8(v.Reason)
		if v.Reason != plan.CreateOnly {
			lf.Text = theirs
		}
	case plan.Nothing:
		if old := it.link.Field(lf.Field); old != nil {
			lf.Note, lf.Text = old.Note, old.Text
		}
	}
	it.link.Set(lf)
}

// meetExternal notes whether the record carries our id.
func (p *pusher) meetExternal(it *item, theirs record.Value) {
	lf := state.LinkField{Field: p.book.External, Seen: p.book.Key.Value(record.ID, theirs)}
	if theirs == it.external {
		lf.Told = p.book.Key.Value(record.ID, it.external)
	}
	it.link.Set(lf)
}

// meetField decides one field by what was read of it, or by what is known to
// stand there where theirs is missing.
func (p *pusher) meetField(tx *state.Tx, it *item, i int, rule *fieldmap.Rule, theirs record.Value, how plan.Reading) (plan.Verdict, *pushFault) {
	n := p.r.Nums[rule.Hub.Index]
	ours := it.rec.Get(n)
	remote, f := p.translate(tx, rule, ours)
	if f != nil {
		return plan.Verdict{}, f
	}
	in := plan.Field{
		Rule: rule, Direction: fieldmap.Push, OnLink: p.r.OnLink, Theirs: theirs, TheirsHub: p.theirsHub(tx, rule, theirs),
		Ours: ours, OursRemote: remote, Lost: it.lost, RuleChanged: p.ruleChanged(it, i), Found: it.link.Origin == state.OriginFound,
		OursOwned: rule.Hub.Owner != "" && p.sourceOf(&it.rec, n) == rule.Hub.Owner,
		There:     p.r.Stands(&it.link, i), Reading: how,
	}
	if p.behind[i] || it.back {
		in.OtherSeen, in.There = p.r.OtherSeen(&it.link, i, theirs), p.r.StandsUnder(&it.link, i, theirs)
		in.OwnersBlank = p.ownersBlank(tx, it, rule)
	}
	if lf := p.r.Field(&it.link, i); lf != nil {
		in.Pending = pendingOf(lf)
		in.Seen, in.Told, in.Tolerated = lf.Seen, lf.Told, lf.Note != 0 && plan.Reason(lf.Note) != plan.Skipped && lf.Told != 0
		in.Freed = in.Tolerated && p.behind[i] && modeChanged(rule, p.pos) && p.frees(rule, plan.Reason(lf.Note), cleared(&it.rec, n))
	}
	return plan.Decide(p.book.Key, in), nil
}

// ruleChanged reports whether a rule may be another one than the link last settled
// with: it changed since the position, or the record was not to be seen meanwhile.
func (p *pusher) ruleChanged(it *item, i int) bool {
	rule := p.r.Fields[i]
	return it.back || p.behind[i] && p.pos.Fields[ledger.RuleName(rule)] != rule.Fingerprint
}

// ownersBlank reports whether a field is blank because its owner says so.
func (p *pusher) ownersBlank(tx *state.Tx, it *item, rule *fieldmap.Rule) bool {
	n := p.r.Nums[rule.Hub.Index]
	return it.rec.Get(n).IsNull() && rule.Hub.Owner != "" && p.sourceOf(&it.rec, n) == "" && p.book.HeldBy(tx, rule.Hub.Owner, p.r.Hub, it.id)
}

// theirsHub brings their value into the hub's form; one that cannot be brought
// there is simply not equal.
func (p *pusher) theirsHub(tx *state.Tx, rule *fieldmap.Rule, theirs record.Value) record.Value {
	switch {
	case !theirs.IsSet():
		return theirs
	case rule.Hub.Type == record.Reference:
		route := p.routeOf(rule.Hub.RefTo)
		if route == nil {
			return theirs
		}
		if id, _, _, ok := route.Links(tx).Peek(theirs.Text()); ok {
			return record.Of(id.String())
		}
		return record.Of("?" + theirs.Text()) // never a hub id, so never equal
	}
	if hub, ok := rule.ToHub(theirs); ok {
		return hub
	}
	return theirs
}

func distinct(values []record.Value) []record.Value {
	seen := make(map[record.Value]bool, len(values))
	out := values[:0]
	for _, v := range values {
		if v.IsSet() && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// spellings are the texts under which a target may hold a value that is equal
// by the form. Hits are compared again, so one too many does no harm.
func spellings(form fieldmap.Form, v record.Value) []record.Value {
	if !v.IsSet() {
		return nil
	}
	out := []record.Value{v}
	switch form {
	case fieldmap.Fold, fieldmap.Email:
		out = append(out, record.Of(strings.ToLower(v.Text())))
	case fieldmap.URL, fieldmap.Domain:
		host := fieldmap.Domain.Key(v)
		if host == "" {
			return out
		}
		for _, h := range []string{host, "www." + host} {
			for _, form := range []string{h, "http://" + h, "https://" + h, "http://" + h + "/", "https://" + h + "/"} {
				out = append(out, record.Of(form))
			}
		}
	}
	return out
}
