package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// matchAll is the first walk: it links what it finds, commits that, and counts
// the records in which something would be overwritten.
func (p *pusher) matchAll(ctx context.Context) (overwrites int, err error) {
	_ = p.opt.Store.View(func(tx *state.Tx) error {
		p.guardIdle = p.opt.Guards.Overwrites.idle(int(p.bound-min(p.bound, p.pos.Number)), tx.Links(p.req.System, p.r.Object).Open())
		return nil
	})
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
	var loose, unread []*item
	err = p.opt.Store.View(func(tx *state.Tx) error {
		for _, id := range ids {
			if p.guardIdle && p.wellKnown(tx, id) {
				continue
			}
			it, err := p.load(tx, id)
			switch {
			case err != nil:
				return err
			case it == nil:
			case p.toFind(tx, it):
				loose = append(loose, it)
			case it.linked && p.unread(it):
				unread = append(unread, it)
			case it.linked:
				if p.overwrites(tx, it) {
					overwrites++
				}
				p.free = append(p.free, it)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(unread) > 0 {
		n, err := p.reconcileChunk(ctx, links(unread), nil)
		if err != nil {
			return 0, err
		}
		overwrites += n
	}
	n, err := p.findChunk(ctx, loose)
	p.free = append(p.free, loose...)
	return overwrites + n, err
}

// toFind reports whether the record is to be looked for in the target.
func (p *pusher) toFind(tx *state.Tx, it *item) bool {
	return !it.linked && p.mayLink(tx, it.id) && !p.waits(tx, it)
}

// wellKnown reports whether the record is linked and every field of the link
// was read or written before, so that there is nothing to match.
func (p *pusher) wellKnown(tx *state.Tx, id state.HubID) bool {
	ok, err := tx.Links(p.req.System, p.r.Object).Get(id, &p.link)
	return ok && err == nil && !p.unreadLink(&p.link)
}

func links(items []*item) []state.Link {
	out := make([]state.Link, len(items))
	for i, it := range items {
		out[i] = state.Link{Hub: it.link.Hub, Remote: it.link.Remote}
	}
	return out
}

// unread reports whether the link knows nothing of some field: a person made
// it, it moved, its digests were lost, or the field is new. Such a record is
// read before anything is decided on it.
func (p *pusher) unread(it *item) bool {
	return it.lost || p.unreadLink(&it.link)
}

func (p *pusher) unreadLink(l *state.Link) bool {
	if p.opt.Store.Suspect() != "" {
		return true
	}
	for i, n := range p.names.rules[p.r] {
		if lf := l.Field(n); !p.resting[i] && (lf == nil || lf.Seen == 0) {
			return true
		}
	}
	return false
}

// overwrites decides a linked record and reports whether a value that is not
// blank would be replaced, which no accepted plan lets through.
func (p *pusher) overwrites(tx *state.Tx, it *item) bool {
	if p.decide(tx, it); it.wait {
		return false
	}
	row, found := p.planRow(it)
	return found && !accepted(tx, p.plans, row)
}

// planRow is what a plan keeps of a record's overwrites: enough to tell whether
// anything has moved when it is accepted.
func (p *pusher) planRow(it *item) (state.PlanRow, bool) {
	row := state.PlanRow{Hub: it.id}
	var b strings.Builder
	for i := range it.verdicts {
		v := &it.verdicts[i]
		if v.Kind != plan.Push || !v.Overwrites {
			continue
		}
		rule := p.r.Fields[i]
		row.Fields = append(row.Fields, rule.Hub.Name)
		var seen record.Digest
		if lf := it.link.Field(p.names.rules[p.r][i]); lf != nil {
			seen = lf.Seen
		}
		fmt.Fprintf(&b, "%s %x %x\n", rule.Hub.Name, v.Told, seen)
	}
	row.Digest = p.key.Bytes([]byte(b.String()))
	return row, len(row.Fields) > 0
}

// guardOverwrites stops a flood, keeping what it would have written for a
// person to look at (D22).
func (p *pusher) guardOverwrites(n int) error {
	open := 0
	_ = p.opt.Store.View(func(tx *state.Tx) error {
		open = tx.Links(p.req.System, p.r.Object).Open()
		return nil
	})
	if !p.opt.Guards.Overwrites.passed(n, open) {
		return nil
	}
	var rows []state.PlanRow
	err := p.eachChunk(context.Background(), p.pos.Number, p.bound, func(_ context.Context, ids []state.HubID) error {
		return p.opt.Store.View(func(tx *state.Tx) error {
			for _, id := range ids {
				it, err := p.load(tx, id)
				if err != nil {
					return err
				}
				if it == nil || !it.linked || !p.overwrites(tx, it) {
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
	return p.keepPlan(rows, fmt.Sprintf("%d of %d linked records would be overwritten", n, open))
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
func (p *pusher) chooseKeys(ctx context.Context) error {
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
	return nil
}

// wanted is what a match key is looked up by.
func (p *pusher) wanted(key fieldmap.MatchKey, it *item) record.Value {
	if key.Remote == p.r.ExternalID {
		return it.external
	}
	return it.rec.Get(p.names.fields[p.r.Hub][key.Hub.Index])
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
	return overwrites, nil
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
	h := hit{id: rec.ID, values: make([]record.Value, len(fields)), faults: make([]string, len(fields))}
	for i, f := range fields {
		v, err := p.sys.Provider.Convert(p.r.Object, f, rec.Raw[i])
		if err != nil {
			h.faults[i] = faultOf(err)
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
		candidates = append(candidates, plan.Hit{
			ID: h.id, Key: h.value(fields, key.Remote), External: ext,
			ExternalKnown: ext.IsSet() && p.presentElsewhere(tx, ext, it.id),
		})
	}
	m := plan.MatchHits(key, want, it.external, candidates)
	switch m.Kind {
	case plan.Linked:
		over, err = p.linkFound(tx, it, fields, hitByID(hits, m.IDs[0]))
		return true, over, err
	case plan.Ambiguous:
		p.hold(it, "", HoldAmbiguous, "several records have this "+key.Remote, "", m.IDs...)
		return true, false, p.putHolds(tx, it)
	case plan.Claimed:
		p.hold(it, "", HoldDuplicate, fmt.Sprintf("found by %s, but it carries another %s", key.Remote, p.r.ExternalID), "", m.IDs...)
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
func (p *pusher) presentElsewhere(tx *state.Tx, ext record.Value, not state.HubID) bool {
	if p.r.Hub.ID != nil && p.hubHas(tx, ext, not) {
		return true
	}
	system, remote, ok := strings.Cut(ext.Text(), ":")
	if !ok {
		return false
	}
	for _, r := range p.opt.Mapping.RoutesOf(system) {
		if r.Hub != p.r.Hub || r.Direction != fieldmap.Pull {
			continue
		}
		if id, _, st, ok := tx.Links(system, r.Object).Peek(remote); ok && id != not && st != state.LinkClosed {
			return true
		}
	}
	return false
}

// hubHas reports whether another hub record in scope has this identity.
func (p *pusher) hubHas(tx *state.Tx, id record.Value, not state.HubID) bool {
	o := p.r.Hub
	ik, ok := p.indexKey(indexName{o.ID, fieldmap.Exact}, id)
	if !ok {
		return false
	}
	hubs, _ := tx.Hub(o.Name).Find(ik)
	for _, hub := range hubs {
		var rec state.HubRecord
		if got, err := tx.Hub(o.Name).Get(hub, &rec); err != nil || !got || hub == not || rec.State != state.HubActive {
			continue
		}
		if rec.Get(p.names.fields[o][o.ID.Index]) == id {
			return true
		}
	}
	return false
}

// linkFound links a hub record with the record that was found. What was read
// with it is the link's first seen, and decides the first meeting.
func (p *pusher) linkFound(tx *state.Tx, it *item, fields []record.Field, h *hit) (over bool, err error) {
	ls := tx.Links(p.req.System, p.r.Object)
	if other, _, st, ok := ls.Peek(h.id); ok && other != it.id && st != state.LinkClosed {
		p.hold(it, "", HoldDuplicate, fmt.Sprintf("%s %s is already linked with %s/%s", p.r.Object, h.id, p.r.Hub.Name, other), "",
			p.r.Hub.Name+"/"+other.String(), p.r.Hub.Name+"/"+it.id.String())
		return false, p.putHolds(tx, it)
	}
	it.link = state.Link{Hub: it.id, Remote: h.id, Origin: state.OriginFound, State: state.LinkOpen}
	over = p.meet(tx, it, fields, h)
	if err := ls.Put(&it.link); err != nil {
		return false, err
	}
	p.count("linked", 1)
	if p.opt.OnChange != nil {
		p.opt.OnChange(plan.Change{
			System: p.req.System, Object: p.r.Object, Op: plan.OpLink, Remote: h.id, HubObject: p.r.Hub.Name, Hub: uint64(it.id), Key: it.key,
		})
	}
	if err := p.release(tx, it.id); err != nil {
		return false, err
	}
	return over, tx.Journal([]state.JournalEntry{p.entryOf(p.r, it.id, h.id, "linked")})
}

// meet decides every field of a record that was just read, and keeps the
// verdicts in the link: a field that must be written is left without told, so
// that the second walk writes it.
func (p *pusher) meet(tx *state.Tx, it *item, fields []record.Field, h *hit) (over bool) {
	for i, rule := range p.r.Fields {
		at := fieldIndex(fields, rule.Remote.Name)
		if at < 0 || h.faults[at] != "" {
			continue
		}
		v, fault := p.meetField(tx, it, i, rule, h.values[at])
		if fault != nil {
			continue
		}
		p.keepMet(it, i, v, h.values[at])
		over = over || v.Kind == plan.Push && v.Overwrites
	}
	if p.r.ExternalID != "" && it.external.IsSet() {
		if at := fieldIndex(fields, p.r.ExternalID); at >= 0 {
			p.meetExternal(it, h.values[at])
		}
	}
	return over
}

func fieldIndex(fields []record.Field, name string) int {
	for i, f := range fields {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// keepMet stores the verdict on a field that was read.
func (p *pusher) keepMet(it *item, i int, v plan.Verdict, theirs record.Value) {
	lf := state.LinkField{Field: p.names.rules[p.r][i], Seen: v.Seen, Told: v.Told, Assumed: v.Assumed}
	switch v.Kind {
	case plan.Push:
		// Not told yet; the note says why it is to be, for the second walk.
		lf.Seen, lf.Told, lf.Assumed = p.key.Value(p.r.Fields[i].Remote.Type, theirs), 0, false
		lf.Note = uint8(v.Reason)
	case plan.Tolerate:
		lf.Note = uint8(v.Reason)
	case plan.Nothing:
		if old := it.link.Field(lf.Field); old != nil {
			lf.Note = old.Note
		}
	}
	it.link.Set(lf)
}

// meetExternal notes whether the record carries our id.
func (p *pusher) meetExternal(it *item, theirs record.Value) {
	lf := state.LinkField{Field: p.external, Seen: p.key.Value(record.ID, theirs)}
	if theirs == it.external {
		lf.Told = p.key.Value(record.ID, it.external)
	}
	it.link.Set(lf)
}

// meetField decides one field that was read.
func (p *pusher) meetField(tx *state.Tx, it *item, i int, rule *fieldmap.Rule, theirs record.Value) (plan.Verdict, *pushFault) {
	n := p.names.fields[p.r.Hub][rule.Hub.Index]
	ours := it.rec.Get(n)
	remote, f := p.translate(tx, rule, ours)
	if f != nil {
		return plan.Verdict{}, f
	}
	in := plan.Field{
		Rule: rule, Direction: fieldmap.Push, OnLink: p.r.OnLink, Theirs: theirs, TheirsHub: p.theirsHub(tx, rule, theirs),
		Ours: ours, OursRemote: remote, Lost: it.lost, RuleChanged: p.behind[i], Found: it.link.Origin == state.OriginFound,
		OursOwned: rule.Hub.Owner != "" && p.sourceOf(&it.rec, n) == rule.Hub.Owner,
	}
	if lf := it.link.Field(p.names.rules[p.r][i]); lf != nil {
		in.Seen, in.Told, in.Assumed, in.Tolerated = lf.Seen, lf.Told, lf.Assumed, lf.Note != 0 && plan.Reason(lf.Note) != plan.Skipped && lf.Told != 0
	}
	return plan.Decide(p.key, in), nil
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
		if id, _, _, ok := tx.Links(route.System, route.Object).Peek(theirs.Text()); ok {
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
