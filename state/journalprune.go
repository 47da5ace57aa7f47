package state

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"crmsyncd/fieldmap/record"
)

// Retention removes whole runs, the oldest first. The latest entry of a field of
// a record stays, without its old value, and so does the one that tells the old
// value of an entry that stays: what we wrote there last can always be told.

const (
	pruneStep   = 32   // values of the journal that one transaction removes
	sweepStep   = 256  // values that one transaction compares with what was kept
	tidyStep    = 2000 // rows of an index, or runs, that one transaction looks at
	pruningFact = "journal:pruning"
)

// JournalLimits bound the journal. A limit of 0 is none.
type JournalLimits struct {
	Keep time.Duration // how long the entries of a run stay after its last one
	Max  int64         // bytes of all entries; those of the latest run stay
}

// PruneJournal removes the entries of the oldest runs while they are older than
// the limits say or all entries together take more, and runs that are too old
// and have none. It works in short transactions and may be cut off behind any
// of them; the next call goes on.
func (s *Store) PruneJournal(ctx context.Context, limits JournalLimits, now time.Time) error {
	if limits.Keep > 0 {
		if err := s.View(func(tx *Tx) (err error) { limits.Keep, err = tx.keepFor(limits.Keep); return err }); err != nil {
			return fmt.Errorf("prune the journal: %w", err)
		}
	}
	p := &journalPruner{limits: limits, cut: now.Add(-limits.Keep)}
	for _, step := range []pruneStage{{p.sweepDue, p.sweep}, {p.pruneDue, p.prune}, {p.tidyDue, p.tidy}, {p.runsDue, p.dropRuns}} {
		if err := s.pruneStage(ctx, step); err != nil {
			return fmt.Errorf("prune the journal: %w", err)
		}
	}
	return nil
}

// A clock that jumps for a minute would make the whole history old. So nothing goes
// by its age while one of the latest runs is this far from the one before it; after a
// real pause that ends by itself.
const (
	steadyRuns = 100
	steadyGap  = 10 * 24 * time.Hour
)

// keepFor is how long entries stay, 0 for ever while the clock does not seem steady.
func (tx *Tx) keepFor(keep time.Duration) (time.Duration, error) {
	runs, err := tx.Runs(steadyRuns)
	for i := 1; i < len(runs); i++ {
		if runs[i-1].Started.Sub(runs[i].Started).Abs() > steadyGap {
			return 0, err
		}
	}
	return keep, err
}

// pruneStage is one kind of work: whether there is any, and the next part of it.
type pruneStage struct {
	due func(*Tx) (bool, error)
	do  func(*Tx) error
}

func (s *Store) pruneStage(ctx context.Context, step pruneStage) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		due := false
		err := s.View(func(tx *Tx) (err error) {
			due, err = step.due(tx)
			return err
		})
		if err != nil || !due {
			return err
		}
		if err := s.Update(step.do); err != nil {
			return err
		}
	}
}

// journalPruner is one pass.
type journalPruner struct {
	limits JournalLimits
	cut    time.Time // what is older goes, where the age is limited
	object string    // whose index is tidied, and from which key on
	from   []byte
}

// anyKept reports whether anything was ever kept.
func (tx *Tx) anyKept() (yes bool) {
	tx.eachTable("journalkept/", func(*table) { yes = true })
	return yes
}

// journalSwept is the number of the entry up to which what was kept was compared
// with what came after it.
func (tx *Tx) journalSwept() *counter {
	return tx.counter("journal swept", func() uint64 { return 0 })
}

func (p *journalPruner) sweepDue(tx *Tx) (bool, error) {
	return tx.anyKept() && tx.journalSwept().n < tx.journalLast().n, nil
}

// sweep forgets what was kept of fields that have later entries by now.
func (p *journalPruner) sweep(tx *Tx) error {
	swept, t, n, end := tx.journalSwept(), tx.journal(), 0, tx.journalLast().n
	after := swept.n
	from := uint64(0)
	if t.b != nil {
		from = t.before(after + 2)
	}
	err := t.walk(numberKey(from), nil, func(key, payload []byte, _ error) error {
		first := binary.BigEndian.Uint64(key)
		if n++; n > sweepStep {
			end = first - 1
			return ErrStop
		}
		entries, _ := unpackJournal(first, payload) // what is damaged tells nothing
		for i := range entries {
			if e := &entries[i]; e.Seq > after && !e.unresolved() {
				if err := e.eachField(func(f *JournalEntry) error { return tx.dropKept(f) }); err != nil {
					return err
				}
			}
		}
		return nil
	})
	swept.n, swept.dirty = end, true
	return err
}

// eachField calls fn for each field that an entry tells the new value of, as an
// entry of its own.
func (e *JournalEntry) eachField(fn func(*JournalEntry) error) error {
	if e.Field != 0 && e.New.State() != record.Missing {
		if err := fn(e); err != nil {
			return err
		}
	}
	for _, v := range e.Sent {
		f := *e
		f.Field, f.Rule, f.Old, f.New, f.OldKnown, f.Sent = v.Field, v.Rule, record.Value{}, v.Value, OldUnknown, nil
		if err := fn(&f); err != nil {
			return err
		}
	}
	return nil
}

// dropKept forgets what was kept of the field of an entry, if it is older.
func (tx *Tx) dropKept(e *JournalEntry) error {
	t, key := tx.kept(e.Object), e.keptKey()
	if !t.has(key) {
		return nil
	}
	if k, ok := tx.keptEntry(e); ok && k.Seq >= e.Seq {
		return nil
	}
	return t.del(key)
}

func (p *journalPruner) pruneDue(tx *Tx) (bool, error) {
	s, ok, err := tx.oldestSpan()
	return err == nil && ok && p.goes(tx, s), err
}

// oldestSpan returns the first span of the oldest run, or of what people did
// where that is older. The last number of a damaged one is not known.
func (tx *Tx) oldestSpan() (oldest span, ok bool, err error) {
	t := tx.spans()
	for _, from := range []uint64{0, 1} {
		err = t.walk(numberKey(from), nil, func(key, payload []byte, damage error) error {
			if len(key) != 16 {
				return t.damage(key, errShort.Error())
			}
			s, bad := readSpan(key, payload)
			if damage != nil || bad != nil {
				s = span{binary.BigEndian.Uint64(key), binary.BigEndian.Uint64(key[8:]), math.MaxUint64}
			}
			if !ok || s.first < oldest.first {
				oldest, ok = s, true
			}
			return ErrStop
		})
		if err != nil {
			return oldest, false, err
		}
	}
	return oldest, ok, nil
}

// goes reports whether the limits want the run of a span removed. One that was
// begun to be removed is removed whole.
func (p *journalPruner) goes(tx *Tx, s span) bool {
	if s.run != 0 && string(tx.Meta(pruningFact)) == strconv.FormatUint(s.run, 10) {
		return true
	}
	if p.limits.Keep > 0 && p.endOf(tx, s) < p.cut.Unix() {
		return true
	}
	if p.limits.Max <= 0 || int64(tx.journalBytes().n) <= p.limits.Max {
		return false
	}
	t := tx.spans()
	last, _ := t.b.Cursor().Last()
	return s.run == 0 || binary.BigEndian.Uint64(last) != s.run
}

// endOf is spanEnd, and where that has not come yet, for a clock was wrong then, the
// end of the next run: what came before it is no younger.
func (p *journalPruner) endOf(tx *Tx, s span) int64 {
	end := tx.spanEnd(s)
	if s.run == 0 || end <= p.cut.Add(p.limits.Keep).Unix() {
		return end
	}
	_ = tx.spans().walk(numberKey(s.run+1), nil, func(key, payload []byte, damage error) error {
		if next, bad := readSpan(key, payload); damage == nil && bad == nil {
			end = tx.spanEnd(next)
		}
		return ErrStop
	})
	return end
}

// spanEnd is the time of the last entry of a span's run; of a person's deeds,
// which are of none, that of the span. Where it is damaged it is long ago.
func (tx *Tx) spanEnd(s span) int64 {
	if s.run != 0 {
		last, ok, _ := tx.lastSpan(s.run)
		if !ok {
			return math.MinInt64
		}
		s = last
	}
	t := tx.journal()
	if t.b == nil || s.last == math.MaxUint64 {
		return math.MinInt64
	}
	first := t.before(s.last + 1)
	payload, _, err := t.get(numberKey(first))
	entries, bad := unpackJournal(first, payload)
	if err != nil || bad != nil || len(entries) == 0 || entries[len(entries)-1].Seq < s.first {
		return math.MinInt64
	}
	return entries[len(entries)-1].At
}

// prune removes the next values of the oldest span.
func (p *journalPruner) prune(tx *Tx) error {
	s, ok, err := tx.oldestSpan()
	if err != nil || !ok {
		return err
	}
	if !tx.anyKept() {
		swept := tx.journalSwept()
		swept.n, swept.dirty = tx.journalLast().n, true
	}
	going, next, err := tx.takeFrames(s)
	if err != nil {
		return err
	}
	if err := tx.keepLatest(going); err != nil {
		return err
	}
	for frame := range going {
		if err := tx.journal().del(numberKey(frame)); err != nil {
			return err
		}
	}
	return tx.shortenSpan(s, next)
}

// takeFrames returns the next values of a span with their entries, nil for those
// that are damaged, and the number behind them, 0 where the span is at its end.
func (tx *Tx) takeFrames(s span) (going map[uint64][]JournalEntry, next uint64, err error) {
	t, size, from := tx.journal(), tx.journalBytes(), s.first
	tx.journalLast() // known before the values that tell it are gone
	if t.b != nil {
		from = max(1, t.before(s.first+1))
	}
	going = map[uint64][]JournalEntry{}
	err = t.walk(numberKey(from), nil, func(key, payload []byte, damage error) error {
		first := binary.BigEndian.Uint64(key)
		entries, bad := unpackJournal(first, payload)
		lost := damage != nil || bad != nil || len(entries) == 0
		switch {
		case first > s.last, s.last == math.MaxUint64 && (lost || entries[0].Run != s.run):
			return ErrStop
		case first < s.first && (lost || entries[len(entries)-1].Seq < s.first):
			return nil // the value before it
		case len(going) == pruneStep:
			next = first
			return ErrStop
		}
		if lost {
			entries = nil
		}
		going[first] = entries
		size.add(-len(payload))
		return nil
	})
	return going, next, err
}

// shortenSpan takes what was removed out of the index of runs, and remembers a
// run that is not wholly removed.
func (tx *Tx) shortenSpan(s span, next uint64) error {
	t := tx.spans()
	if err := t.del(s.key()); err != nil {
		return err
	}
	if next != 0 {
		s.first = next
		if err := t.put(s.key(), binary.AppendUvarint([]byte{packedVersion}, s.last)); err != nil {
			return err
		}
	}
	if s.run == 0 {
		return nil
	}
	if tx.hasSpan(s.run) {
		return tx.SetMeta(pruningFact, strconv.AppendUint(nil, s.run, 10))
	}
	return tx.SetMeta(pruningFact, nil)
}

func (tx *Tx) hasSpan(run uint64) (yes bool) {
	_ = tx.spans().walk(nil, numberKey(run), func([]byte, []byte, error) error {
		yes = true
		return ErrStop
	})
	return yes
}

// keepLatest keeps those of the entries that are the latest of their field, or
// tell the old value of the one that comes after.
func (tx *Tx) keepLatest(going map[uint64][]JournalEntry) error {
	var all []JournalEntry
	for _, entries := range going {
		all = append(all, entries...)
	}
	// One group of postings after the other.
	slices.SortFunc(all, func(a, b JournalEntry) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Hub, b.Hub), bySeq(a, b))
	})
	r := newJournalReader(tx)
	for i := range all {
		err := all[i].eachField(func(f *JournalEntry) error {
			if k, ok := tx.keptEntry(f); ok && k.Seq > f.Seq {
				return nil
			}
			if n, ok := r.next(f); ok && !n.unresolved() {
				return tx.dropKept(f)
			}
			return tx.putKept(*f)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// journalTidied is the number below which no row of the index by record names
// only values that are gone.
func (tx *Tx) journalTidied() *counter {
	return tx.counter("journal tidied", func() uint64 { return 0 })
}

// journalFirst is the number of the first entry that is left, or to come.
func (tx *Tx) journalFirst() uint64 {
	if first := tx.journal().firstNumber(); first != 0 {
		return first
	}
	return tx.journalLast().n + 1
}

func (p *journalPruner) tidyDue(tx *Tx) (bool, error) {
	first := tx.journalFirst()
	return first > 1 && tx.journalTidied().n < first, nil
}

// tidy removes rows of the index by record that name only values which are gone.
func (p *journalPruner) tidy(tx *Tx) error {
	first, left := tx.journalFirst(), tidyStep
	var tables []*table
	tx.eachTable("journalof/", func(t *table) { tables = append(tables, t) })
	for _, t := range tables {
		if t.name < p.object {
			continue
		}
		if t.name > p.object {
			p.object, p.from = t.name, nil
		}
		for more := true; more && left > 0; left-- {
			var err error
			if more, err = p.tidyRow(t, first); err != nil {
				return err
			}
		}
	}
	if left > 0 {
		tidied := tx.journalTidied()
		tidied.n, tidied.dirty = first, true
		p.object, p.from = "", nil
	}
	return nil
}

// tidyRow looks at the next row, and goes on with the next group behind one that
// stays: the rows of a group stand in the order of the values that they name.
func (p *journalPruner) tidyRow(t *table, first uint64) (more bool, err error) {
	if t.b == nil {
		return false, nil
	}
	key, val := t.b.Cursor().Seek(p.from)
	if len(key) < 8 {
		return false, nil
	}
	group := binary.BigEndian.Uint64(key)
	payload, damage := t.open(key, val)
	list, bad := unpackPosts(HubID(group<<postGroup), payload, nil)
	if damage == nil && bad == nil && !slices.ContainsFunc(list, func(one post) bool { return one.frame >= first }) {
		p.from = slices.Clone(key)
		return true, t.del(p.from)
	}
	if group == math.MaxUint64>>postGroup {
		return false, nil
	}
	p.from = numberKey(group + 1)
	return true, nil
}

func (p *journalPruner) runsDue(tx *Tx) (bool, error) {
	ids, err := p.oldRuns(tx, 1)
	return len(ids) > 0, err
}

// dropRuns removes the oldest runs.
func (p *journalPruner) dropRuns(tx *Tx) error {
	ids, err := p.oldRuns(tx, tidyStep)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := tx.runs().del(numberKey(id)); err != nil {
			return err
		}
	}
	return nil
}

// oldRuns returns runs that are too old and have no entry. The latest run stays,
// so that no number is given out again.
func (p *journalPruner) oldRuns(tx *Tx, most int) (ids []uint64, err error) {
	if p.limits.Keep <= 0 {
		return nil, nil
	}
	t := tx.runs()
	last := t.lastKey()
	err = t.walk(nil, nil, func(key, payload []byte, damage error) error {
		id := binary.BigEndian.Uint64(key)
		var r Run
		if damage == nil {
			damage = t.unJSON(key, payload, &r)
		}
		young := r.Started.After(p.cut) || r.Ended.After(p.cut)
		if damage == nil && r.Started.After(p.cut) || id == last || len(ids) == most {
			return ErrStop
		}
		if damage == nil && !young && !tx.hasSpan(id) {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}
