package state

import (
	"encoding/binary"
	"slices"

	"crmsyncd/fieldmap/record"
)

// journalFrames is how many values a reader of the journal keeps unpacked.
const journalFrames = 256

// journalReader reads values of the journal and finds entries of the same field
// before and after one. Damaged values are left out; lost names the first.
type journalReader struct {
	tx     *Tx
	frames map[uint64][]JournalEntry
	lists  map[string]*postRows // the short lists
	object string               // whose group of postings is loaded
	group  HubID
	posts  postRows
	lost   error
}

func newJournalReader(tx *Tx) *journalReader {
	return &journalReader{tx: tx, frames: map[uint64][]JournalEntry{}, lists: map[string]*postRows{}, group: ^HubID(0)}
}

// frame returns the entries of a value, none where it is gone.
func (r *journalReader) frame(number uint64) []JournalEntry {
	if entries, ok := r.frames[number]; ok {
		return entries
	}
	t, key := r.tx.journal(), numberKey(number)
	payload, _, err := t.get(key)
	var entries []JournalEntry
	if err == nil && payload != nil {
		if entries, err = unpackJournal(number, payload); err != nil {
			entries, err = nil, t.damage(key, err.Error())
		}
	}
	r.lost = firstError(r.lost, err)
	if len(r.frames) >= journalFrames {
		clear(r.frames)
	}
	r.frames[number] = entries
	return entries
}

// each calls fn for the wanted entries of a value with their old values filled
// in. All are where want is nil.
func (r *journalReader) each(number uint64, want func(*JournalEntry) bool, fn func(JournalEntry) error) error {
	for _, e := range r.frame(number) {
		if want != nil && !want(&e) {
			continue
		}
		r.resolve(&e)
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// framesOf returns the values that have entries of a hub record, oldest first.
func (r *journalReader) framesOf(object string, hub HubID) (frames []uint64) {
	if group := hub >> postGroup; r.group != group || r.object != object {
		var err error
		r.object, r.group = object, group
		r.posts, err = r.tx.posts(object).postRows(numberKey(uint64(group)), group<<postGroup)
		r.lost = firstError(r.lost, err)
	}
	frames = r.listed(object).framesOf(hub, r.posts.framesOf(hub, nil))
	slices.Sort(frames)
	return slices.Compact(frames)
}

// listed returns the short list of an object, and what the transaction itself
// journaled.
func (r *journalReader) listed(object string) *postRows {
	rows := r.lists[object]
	if rows == nil {
		read, err := r.tx.listedPosts(object)
		r.lost = firstError(r.lost, err)
		own := slices.Clone(r.tx.posted.records[object])
		slices.SortFunc(own, byHub)
		read.put(own)
		rows = &read
		r.lists[object] = rows
	}
	return rows
}

// sameField reports whether both entries are about one field of one record in
// one system, by one rule and in one flow.
func sameField(a, b *JournalEntry) bool {
	return a.Object == b.Object && a.Hub == b.Hub && a.System == b.System && a.Field == b.Field && a.Rule == b.Rule && a.Flow == b.Flow
}

// resolve fills in an old value that is our own last: what the entry before
// says was sent to that field.
func (r *journalReader) resolve(e *JournalEntry) {
	if !e.unresolved() {
		return
	}
	frames := r.framesOf(e.Object, e.Hub)
	for _, number := range slices.Backward(frames) {
		if number > e.Seq {
			continue
		}
		entries := r.frame(number)
		for i := range slices.Backward(entries) {
			if b := &entries[i]; b.Seq < e.Seq && b.Remote == e.Remote {
				if v, ok := b.sent(e); ok {
					e.Old = v
					return
				}
			}
		}
	}
	if k, ok := r.tx.keptEntry(e); ok && k.Seq < e.Seq && k.Remote == e.Remote {
		e.Old = k.New
	}
}

// unresolved reports whether the old value is our own last and stands in the
// entry before.
func (e *JournalEntry) unresolved() bool {
	return e.OldKnown == OldOwnLast && e.Old.State() == record.Missing && e.Field != 0
}

// sent returns what the entry says was sent to the field of another one.
func (e *JournalEntry) sent(to *JournalEntry) (record.Value, bool) {
	if sameField(e, to) {
		return e.New, e.New.State() != record.Missing
	}
	if len(e.Sent) > 0 && e.Object == to.Object && e.Hub == to.Hub && e.System == to.System && e.Flow == to.Flow {
		for _, v := range e.Sent {
			if v.Field == to.Field && v.Rule == to.Rule {
				return v.Value, v.Value.State() != record.Missing
			}
		}
	}
	return record.Value{}, false
}

// next returns the entry of the same field that comes after one, of those in
// the journal.
func (r *journalReader) next(e *JournalEntry) (JournalEntry, bool) {
	for _, number := range r.framesOf(e.Object, e.Hub) {
		entries := r.frame(number)
		if len(entries) == 0 || entries[len(entries)-1].Seq <= e.Seq {
			continue
		}
		for i := range entries {
			if n := &entries[i]; n.Seq > e.Seq {
				if _, ok := n.sent(e); ok {
					return *n, true
				}
			}
		}
	}
	return JournalEntry{}, false
}

// What was kept of entries that are gone: the latest of each field.

func (tx *Tx) kept(object string) *table { return tx.table("journalkept", object) }

func (e *JournalEntry) keptKey() []byte {
	key := numberKey(uint64(e.Hub))
	for _, n := range []Num{e.System, e.Field, e.Rule} {
		key = binary.BigEndian.AppendUint16(key, uint16(n))
	}
	return append(key, byte(e.Flow))
}

// keptEntry returns what was kept of the field of an entry.
func (tx *Tx) keptEntry(e *JournalEntry) (JournalEntry, bool) {
	payload, ok, err := tx.kept(e.Object).get(e.keptKey())
	if !ok || err != nil {
		return JournalEntry{}, false
	}
	k, err := unpackKept(payload)
	return k, err == nil
}

// keptOf returns what was kept of a hub record.
func (tx *Tx) keptOf(object string, hub HubID) (out []JournalEntry, lost error) {
	t := tx.kept(object)
	err := t.walk(nil, numberKey(uint64(hub)), func(key, payload []byte, damage error) error {
		e, err := unpackKept(payload)
		if damage == nil && err != nil {
			damage = t.damage(key, err.Error())
		}
		if damage != nil {
			lost = firstError(lost, damage)
			return nil
		}
		out = append(out, e)
		return nil
	})
	return out, firstError(err, lost)
}

// putKept keeps an entry without its old value. That of the same field before
// it goes.
func (tx *Tx) putKept(e JournalEntry) error {
	e.Old, e.OldKnown, e.Sent = record.Value{}, OldUnknown, nil
	b := binary.AppendUvarint([]byte{packedVersion}, e.Seq)
	payload, _ := tx.packer.pack([]JournalEntry{e})
	return tx.kept(e.Object).put(e.keptKey(), append(b, payload...))
}

func unpackKept(b []byte) (JournalEntry, error) {
	r := newReader(b)
	seq := r.uvarint()
	if r.bad {
		return JournalEntry{}, errShort
	}
	entries, err := unpackJournal(seq, b[r.pos:])
	if err != nil || len(entries) != 1 {
		return JournalEntry{}, errShort
	}
	return entries[0], nil
}
