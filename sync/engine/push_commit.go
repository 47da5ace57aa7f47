package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// answer is one confirmed write: what a link gets by it. It is what the spool
// of a large push holds.
type answer struct {
	hub     state.HubID
	remote  string
	created bool
	at      int64  // unix ms
	version int64  // of the record, as the answer told it; 0 where it did not
	batch   uint64 // of the intent that says the fields; 0 where they stand here
	part    uint16 // of that intent
	fields  []state.LinkField
	sent    []sentValue // journaled for an update; a create is one entry
}

// What the flag of a spooled answer says.
const (
	answerCreated = 1 << iota
	answerRefers  // to an intent
	answerSecond  // of the second format of the state
)

// sentValue is one field that went out, and what it replaced.
type sentValue struct {
	field, rule state.Num // of the hub, and of the link
	reason      uint8
	value       record.Value
	old         record.Value // as it was read; missing where it was not
	known       state.OldKnown
}

// answer fills a, whose lists it reuses.
func (p *pusher) answer(a *answer, it *item, remote string, created bool) {
	*a = answer{hub: it.id, remote: remote, created: created, at: unixMilli(p.now()), fields: a.fields[:0], sent: a.sent[:0]}
	if created && p.spooling {
		a.batch, a.part = it.intent, it.part
		return
	}
	a.fields = p.appendFieldStates(a.fields, it)
	p.sentOf(a, it)
}

// sentOf lists what went out for a record.
func (p *pusher) sentOf(a *answer, it *item) {
	for i := range it.verdicts {
		v := &it.verdicts[i]
		if v.Kind != plan.Push {
			continue
		}
		s := sentValue{field: p.r.Nums[p.r.Fields[i].Hub.Index], rule: p.r.Rules[i], reason: uint8(v.Reason), value: v.Value}
		if it.linked {
			s.old, s.known = p.oldOf(it, i)
		}
		a.sent = append(a.sent, s)
	}
}

// oldOf is what a write replaces, as their system spells it, and how that is
// known: it was read, or it is what we settled with there last.
func (p *pusher) oldOf(it *item, i int) (record.Value, state.OldKnown) {
	if i < len(it.old) && it.old[i].Known() {
		return it.old[i], state.OldRead
	}
	lf := p.r.Field(&it.link, i)
	stands := p.r.Stands(&it.link, i)
	typ := p.r.Fields[i].Remote.Type
	switch last := stands.Last(); {
	case lf == nil || last == 0:
		return record.Value{}, state.OldUnknown
	case lf.Text.Known() && p.book.Key.Value(typ, lf.Text) == last:
		return lf.Text, state.OldRead
	case last == p.book.Key.Value(typ, record.NullValue()):
		return record.NullValue(), state.OldRead
	case last == lf.Seen:
		return record.Value{}, state.OldOwnLast
	}
	return record.Value{}, state.OldUnknown
}

// show notes that the answer showed a field as it was sent. The fields stand
// sorted.
func (a *answer) show(rule state.Num) {
	i, ok := slices.BinarySearchFunc(a.fields, rule, func(f state.LinkField, n state.Num) int { return int(f.Field) - int(n) })
	if ok {
		a.fields[i].Shown = true
	}
}

func (a *answer) append(b []byte) (_ []byte, err error) {
	b = state.AppendString(b, a.remote)
	flag := byte(answerSecond)
	if a.created {
		flag |= answerCreated
	}
	if a.batch != 0 {
		flag |= answerRefers
	}
	b = append(b, flag)
	b = binary.AppendVarint(b, a.at)
	b = binary.AppendVarint(b, a.version)
	if a.batch != 0 {
		b = binary.AppendUvarint(b, a.batch)
		return binary.AppendUvarint(b, uint64(a.part)), nil
	}
	if b, err = state.AppendLinkFields(b, a.fields); err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(len(a.sent)))
	for _, s := range a.sent {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(s.field)), uint64(s.rule))
		b = append(b, s.reason, byte(s.known))
		b = state.AppendValue(state.AppendValue(b, s.value), s.old)
	}
	return b, nil
}

func readAnswer(key, b []byte, a *answer) (err error) {
	if len(key) != 8 {
		return errShort
	}
	a.hub = state.HubID(binary.BigEndian.Uint64(key))
	if a.remote, b, err = state.ReadString(b); err != nil {
		return err
	}
	if len(b) == 0 {
		return errShort
	}
	flag := b[0]
	a.created = flag&answerCreated != 0
	at, n := binary.Varint(b[1:])
	if n <= 0 || flag >= answerSecond<<1 {
		return errShort
	}
	a.at, a.version, b = at, 0, b[1+n:]
	if flag&answerSecond != 0 {
		if a.version, n = binary.Varint(b); n <= 0 {
			return errShort
		}
		b = b[n:]
	}
	a.batch, a.part, a.fields, a.sent = 0, 0, a.fields[:0], a.sent[:0]
	if flag&answerRefers != 0 {
		return a.readPlace(b)
	}
	if a.fields, b, err = state.ReadLinkFields(b, a.fields[:0], flag&answerSecond == 0); err != nil {
		return err
	}
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) {
		return errShort
	}
	b = b[n:]
	for range count {
		var s sentValue
		if b, err = s.read(b, flag&answerSecond == 0); err != nil {
			return err
		}
		a.sent = append(a.sent, s)
	}
	return nil
}

// read reads a value that went out; one says that it is of the first format,
// which knows neither rule nor old value.
func (s *sentValue) read(b []byte, one bool) (rest []byte, err error) {
	var num, rule uint64
	if num, b, err = state.ReadUvarint(b); err != nil {
		return nil, err
	}
	if !one {
		if rule, b, err = state.ReadUvarint(b); err != nil {
			return nil, err
		}
	}
	head := 2
	if one {
		head = 1
	}
	if len(b) < head || num > math.MaxUint16 || rule > math.MaxUint16 {
		return nil, errShort
	}
	s.field, s.rule, s.reason = state.Num(num), state.Num(rule), b[0]
	if !one {
		s.known = state.OldKnown(b[1])
	}
	if s.value, b, err = state.ReadValue(b[head:]); err != nil || one {
		return b, err
	}
	s.old, b, err = state.ReadValue(b)
	return b, err
}

// readPlace reads which intent says the fields.
func (a *answer) readPlace(b []byte) (err error) {
	if a.batch, b, err = state.ReadUvarint(b); err != nil {
		return err
	}
	part, rest, err := state.ReadUvarint(b)
	if err != nil || part > math.MaxUint16 || len(rest) > 0 || a.batch == 0 {
		return errShort
	}
	a.part = uint16(part)
	return nil
}

// keep makes answers durable: straight into the links, or through the spool in
// a large stage.
func (p *pusher) keep(tx *state.Tx, answers []answer) error {
	if p.spooling && len(answers) > 0 {
		entries, err := p.spoolEntries(answers)
		if err != nil {
			return err
		}
		return p.spool.Append(tx, entries)
	}
	for i := range answers {
		if err := p.applyAnswer(tx, &answers[i]); err != nil {
			return err
		}
	}
	return nil
}

// spoolEntries packs answers one behind the other.
func (p *pusher) spoolEntries(answers []answer) (entries []state.Entry, err error) {
	const key = 8
	p.packed = p.packed[:0]
	ends := make([]int, len(answers))
	for i := range answers {
		p.packed = binary.BigEndian.AppendUint64(p.packed, uint64(answers[i].hub))
		if p.packed, err = answers[i].append(p.packed); err != nil {
			return nil, err
		}
		ends[i] = len(p.packed)
	}
	entries = make([]state.Entry, len(answers))
	from := 0
	for i, to := range ends {
		entries[i] = state.Entry{Key: p.packed[from : from+key], Data: p.packed[from+key : to]}
		from = to
	}
	return entries, nil
}

// answersChunk is how many answers one transaction merges. They come in the
// order of the links, so that small ones write no page twice.
const answersChunk = 4000

// rewriteShare is which part of the links must be written for all of them to be.
const rewriteShare = 2

// mergeAnswers brings the spooled answers into the links, before anything reads
// them.
func (p *pusher) mergeAnswers(ctx context.Context) error {
	var a answer
	rewrite, err := p.rewritesLinks()
	if err != nil {
		return err
	}
	err = p.spool.Merge(ctx, answersChunk, func(tx *state.Tx, en state.Entry) error {
		if rewrite {
			p.r.Links(tx).Rewrite()
		}
		if err := readAnswer(en.Key, en.Data, &a); err != nil {
			return err
		}
		if err := p.recall(tx, &a); err != nil {
			return err
		}
		return p.applyAnswer(tx, &a)
	})
	if lostEntries(err) {
		// The records are there: they are found again by our id.
		p.log.Error("answers are damaged in the state; the records are looked up again", "system", p.req.System, "object", p.r.Object, "err", err)
		return p.opt.Store.Update(func(tx *state.Tx) error {
			return errors.Join(tx.ReopenIntents(p.req.System, p.r.Object), p.spool.Drop(tx))
		})
	}
	if err != nil {
		return fmt.Errorf("merge what was written to %s: %w", p.r.Object, err)
	}
	if rewrite {
		if err := p.opt.Store.PackLinks(ctx, p.req.System, p.r.Object); err != nil {
			return err
		}
	}
	return p.dropAnswered()
}

// rewritesLinks reports whether the spooled answers are for so many of the links
// that to write all of them anew, page behind page, costs little more and leaves
// them in far less room.
func (p *pusher) rewritesLinks() (yes bool, err error) {
	err = p.opt.Store.View(func(tx *state.Tx) error {
		ls := p.r.Links(tx)
		n := p.spool.Len(tx)
		yes = ls.Rewriting() || n > 0 && n >= ls.Count()/rewriteShare
		return nil
	})
	return yes, err
}

// recall fetches what a create was sent from its intent. Where that is damaged,
// the link knows no digest, and the record is read before anything else is
// written to it.
func (p *pusher) recall(tx *state.Tx, a *answer) (err error) {
	if a.batch == 0 {
		return nil
	}
	a.fields, err = tx.SentIntent(p.req.System, p.r.Object, a.batch, a.part, a.hub, a.fields)
	if err == nil {
		return p.recallValues(tx, a)
	}
	if !errors.Is(err, state.ErrDamaged) {
		return err
	}
	p.log.Error("what a record was made with is damaged in the state; it is read again", "system", p.req.System, "object", p.r.Object, "hub", a.hub, "err", err)
	return tx.Hub(p.r.Hub.Name).Touch(a.hub)
}

// recallValues finds what a record was made with, for the journal: the values
// that the hub still holds. What it holds no longer is known as a digest alone.
func (p *pusher) recallValues(tx *state.Tx, a *answer) error {
	rec := &p.hubRec
	if ok, err := tx.Hub(p.r.Hub.Name).Get(a.hub, rec); err != nil || !ok {
		return err
	}
	for i, rule := range p.r.Fields {
		num := p.r.Rules[i]
		at := slices.IndexFunc(a.fields, func(f state.LinkField) bool { return f.Field == num && f.Sent })
		if at < 0 {
			continue
		}
		ours := p.r.Value(rec, rule.Hub)
		if !ours.IsSet() || a.fields[at].Told != p.book.Key.Value(rule.Hub.Type, ours) {
			continue
		}
		if remote, f := p.translate(tx, rule, ours); f == nil && p.book.Key.Value(rule.Remote.Type, remote) == a.fields[at].Seen {
			a.sent = append(a.sent, sentValue{field: p.r.Nums[rule.Hub.Index], rule: num, reason: uint8(plan.NewRecord), value: remote})
		}
	}
	return nil
}

// dropAnswered removes the intents that merged answers referred to.
func (p *pusher) dropAnswered() error {
	left := false
	err := p.opt.Store.View(func(tx *state.Tx) error {
		left = tx.HasAnswered(p.req.System, p.r.Object)
		return nil
	})
	if err != nil || !left {
		return err
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		tx.OneOfMany()
		return tx.DropAnswered(p.req.System, p.r.Object)
	})
}

// applyAnswer moves the link to what was confirmed. told becomes the digest of
// the value that was sent, never of the hub's value now.
func (p *pusher) applyAnswer(tx *state.Tx, a *answer) error {
	ls := p.r.Links(tx)
	l := &p.link
	ok, err := ls.Get(a.hub, l)
	if err != nil {
		return err
	}
	switch {
	case ok && l.Remote != a.remote && l.State != state.LinkClosed:
		return nil // a person linked it elsewhere meanwhile
	case !a.created && (!ok || l.State == state.LinkClosed):
		return tx.Journal(p.journaled(a)) // a person unlinked it meanwhile
	}
	if !ok || l.Remote != a.remote {
		*l = state.Link{Hub: a.hub, Remote: a.remote, Origin: state.OriginMade, Fields: l.Fields[:0], There: l.There[:0]}
	}
	l.State, l.Close, l.Wrote = state.LinkOpen, state.NotClosed, a.at
	for _, lf := range a.fields {
		p.setField(l, lf)
	}
	l.Version, l.Fresh = max(l.Version, a.version), a.version != 0
	if err := ls.Put(l); err != nil {
		return err
	}
	if err := p.endRefusal(tx, a.hub); err != nil {
		return err
	}
	if a.created {
		if err := p.book.Notify(tx, p.r.Linked(a.hub)); err != nil {
			return err
		}
	}
	return tx.Journal(p.journaled(a))
}

// endRefusal ends what held the record as a whole: it was written.
func (p *pusher) endRefusal(tx *state.Tx, hub state.HubID) error {
	for _, h := range p.r.Holds(tx, hub, "") {
		if h.Field == "" {
			if err := tx.DeleteHold(h.Key()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pusher) journaled(a *answer) []state.JournalEntry {
	e := p.entryOf(p.r, a.hub, a.remote, "created")
	e.At = a.at / 1000
	p.entries = p.entries[:0]
	if a.created {
		e.Sent = p.made[:0]
		for _, s := range a.sent {
			e.Sent = append(e.Sent, state.SentValue{Field: s.field, Rule: s.rule, Value: s.value})
		}
		p.made = e.Sent
		return append(p.entries, e)
	}
	for _, s := range a.sent {
		e.Field, e.Rule, e.New, e.Reason = s.field, s.rule, s.value, plan.Reason(s.reason).String()
		e.Old, e.OldKnown = s.old, s.known
		p.entries = append(p.entries, e)
	}
	return p.entries
}

// confirm reads back by id what was written to enforced fields: such a field is
// compared on every full run, so its remote form must be known.
func (p *pusher) confirm(ctx context.Context, items []*item, results []providers.Result) error {
	var ids []state.Link
	for i, it := range items {
		if results[i].Err == nil && p.enforced(it, &results[i]) {
			remote := it.link.Remote
			if remote == "" {
				remote = results[i].ID // it was made
			}
			ids = append(ids, state.Link{Hub: it.id, Remote: remote})
		}
	}
	if len(ids) == 0 || p.spooling || p.sys.Getter == nil || p.opt.dry {
		return nil
	}
	_, err := p.reconcileChunk(ctx, ids, comparison{own: true, late: true})
	return err
}
