package state

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// The journal has two indexes, neither of which costs a row for each entry.
//
// By run: the spans of numbers that its entries have. One row is a span, and a
// span that goes on where the last one of its run ended makes it longer.
//
// By record: postings, each a hub id and the value of the journal that has
// entries of it, sorted by hub id and packed by some thousand hub ids. Postings
// of a few records would lie all over that index, so those of a small
// transaction are appended to a short list, which is searched as well, and go
// into the index together once it is long.

const (
	postGroup  = 12  // bits of a hub id that postings of one row may differ in
	postsLarge = 500 // postings of one transaction that are worth rows of their own
	postLists  = 256 // rows of the short list
)

// post says that a value of the journal has entries of a hub record.
type post struct {
	hub   HubID
	frame uint64
}

func byHub(a, b post) int {
	if a.hub != b.hub {
		return cmp.Compare(a.hub, b.hub)
	}
	return cmp.Compare(a.frame, b.frame)
}

// postRows are rows of postings, each of them sorted.
type postRows struct {
	all  []post
	ends []int // of each row
}

// add reads a row.
func (p *postRows) add(base HubID, payload []byte) error {
	var err error
	if p.all, err = unpackPosts(base, payload, p.all); err != nil {
		p.all = p.all[:p.end()]
		return err
	}
	p.ends = append(p.ends, len(p.all))
	return nil
}

// put adds postings that are sorted.
func (p *postRows) put(list []post) {
	p.all = append(p.all, list...)
	p.ends = append(p.ends, len(p.all))
}

func (p *postRows) end() int {
	if len(p.ends) == 0 {
		return 0
	}
	return p.ends[len(p.ends)-1]
}

// framesOf appends the values that have entries of a hub record.
func (p *postRows) framesOf(hub HubID, to []uint64) []uint64 {
	from := 0
	for _, end := range p.ends {
		row := p.all[from:end]
		from = end
		if len(row) == 0 || row[0].hub > hub || row[len(row)-1].hub < hub {
			continue
		}
		i, _ := slices.BinarySearchFunc(row, post{hub: hub}, byHub)
		for ; i < len(row) && row[i].hub == hub; i++ {
			to = append(to, row[i].frame)
		}
	}
	return to
}

// span is a run's entries with these numbers.
type span struct{ run, first, last uint64 }

// journalPosts is what one transaction adds to the indexes.
type journalPosts struct {
	records map[string][]post
	spans   []span
}

// add notes the entries of one value.
func (p *journalPosts) add(entries []JournalEntry) {
	if p.records == nil {
		p.records = map[string][]post{}
	}
	frame := entries[0].Seq
	var object string
	var list []post
	for i := range entries {
		e := &entries[i]
		if i == 0 || e.Object != object {
			if i > 0 {
				p.records[object] = list
			}
			object, list = e.Object, p.records[e.Object]
		}
		if one := (post{e.Hub, frame}); e.Hub != 0 && (len(list) == 0 || list[len(list)-1] != one) {
			list = append(list, one)
		}
		p.addSpan(e.Run, e.Seq)
	}
	p.records[object] = list
}

func (p *journalPosts) addSpan(run, seq uint64) {
	if n := len(p.spans); n > 0 && p.spans[n-1].run == run && p.spans[n-1].last+1 == seq {
		p.spans[n-1].last = seq
		return
	}
	p.spans = append(p.spans, span{run, seq, seq})
}

func (tx *Tx) spans() *table { return tx.table("journalrun") }

// posts is the index of the records of an object, and newPosts its short list.
func (tx *Tx) posts(object string) *table { return tx.table("journalof", object) }

func (tx *Tx) newPosts(object string) *table { return tx.table("journalnew", object).pack(fillAppend) }

func (tx *Tx) newPostRows(object string) *counter {
	return tx.counter(bucketName("journalnew", object), tx.newPosts(object).rows)
}

// flushPosts brings what the transaction journaled into the indexes.
func (tx *Tx) flushPosts() error {
	for _, s := range tx.posted.spans {
		if err := tx.putSpan(s); err != nil {
			return err
		}
	}
	for _, object := range slices.Sorted(maps.Keys(tx.posted.records)) {
		list := tx.posted.records[object]
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, byHub)
		list = slices.Compact(list)
		put := tx.putNewPosts
		if len(list) >= postsLarge {
			put = tx.putPosts
		}
		if err := put(object, list); err != nil {
			return err
		}
	}
	tx.posted = journalPosts{}
	return nil
}

// putSpan adds a span of entries, to the last one of its run where it goes on
// there.
func (tx *Tx) putSpan(s span) error {
	if last, ok, err := tx.lastSpan(s.run); err == nil && ok && last.last+1 == s.first {
		s.first = last.first
	}
	return tx.spans().put(s.key(), binary.AppendUvarint([]byte{packedVersion}, s.last))
}

func (s span) key() []byte { return binary.BigEndian.AppendUint64(numberKey(s.run), s.first) }

func readSpan(key, payload []byte) (span, error) {
	r := newReader(payload)
	s := span{last: r.uvarint()}
	if len(key) != 16 || r.end() != nil {
		return s, errShort
	}
	s.run, s.first = binary.BigEndian.Uint64(key), binary.BigEndian.Uint64(key[8:])
	if s.last < s.first {
		return s, errShort
	}
	return s, nil
}

// lastSpan returns the last span of a run.
func (tx *Tx) lastSpan(run uint64) (s span, ok bool, err error) {
	t := tx.spans()
	if t.b == nil {
		return s, false, nil
	}
	c := t.b.Cursor()
	find := c.Prev
	if behind, _ := c.Seek(numberKey(run + 1)); behind == nil {
		find = c.Last
	}
	k, val := find()
	if len(k) != 16 || binary.BigEndian.Uint64(k) != run {
		return s, false, nil
	}
	payload, err := t.open(k, val)
	if err == nil {
		s, err = readSpan(k, payload)
	}
	return s, err == nil, err
}

// eachSpan calls fn for each span of a run, in order, also for what this
// transaction journaled.
func (tx *Tx) eachSpan(run uint64, fn func(span) error) error {
	t := tx.spans()
	stop := false
	err := t.walk(nil, numberKey(run), func(key, payload []byte, damage error) error {
		if damage != nil {
			return damage
		}
		s, err := readSpan(key, payload)
		if err != nil {
			return t.damage(key, err.Error())
		}
		err = fn(s)
		stop = err != nil
		return err
	})
	for _, s := range tx.posted.spans {
		if err == nil && !stop && s.run == run {
			err = fn(s)
		}
	}
	return stopped(err)
}

// putPosts puts sorted postings into the index.
func (tx *Tx) putPosts(object string, list []post) error {
	t := tx.posts(object)
	for len(list) > 0 {
		group := list[0].hub >> postGroup
		n := 1
		for n < len(list) && list[n].hub>>postGroup == group {
			n++
		}
		payload, n := packPosts(group<<postGroup, list[:n])
		if err := t.put(postKey(list[:n]), payload); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// postKey is the key of a row of the index: its group, the first of the values
// that it names, so that old rows stand first, and the first of its hub ids,
// without which two rows of one transaction could have the same.
func postKey(list []post) []byte {
	first := list[0].frame
	for _, p := range list {
		first = min(first, p.frame)
	}
	key := binary.BigEndian.AppendUint64(numberKey(uint64(list[0].hub>>postGroup)), first)
	return binary.BigEndian.AppendUint16(key, uint16(list[0].hub&(1<<postGroup-1)))
}

// putNewPosts appends sorted postings to the short list, or brings both into the
// index where it is long.
func (tx *Tx) putNewPosts(object string, list []post) error {
	rows := tx.newPostRows(object)
	if rows.n >= postLists {
		return tx.foldPosts(object, list)
	}
	t := tx.newPosts(object)
	for part := uint16(0); len(list) > 0; part++ {
		payload, n := packPosts(0, list)
		key := binary.BigEndian.AppendUint16(numberKey(tx.journalLast().n), part)
		if err := t.put(key, payload); err != nil {
			return err
		}
		rows.add(1)
		list = list[n:]
	}
	return nil
}

// foldPosts brings the short list and more postings into the index. Postings of
// values that are gone are left out, and so is a damaged row: what it names is
// still found by run.
func (tx *Tx) foldPosts(object string, more []post) error {
	t := tx.newPosts(object)
	listed, _ := tx.listedPosts(object)
	first := tx.journalFirst()
	all := slices.DeleteFunc(append(listed.all, more...), func(p post) bool { return p.frame < first })
	slices.SortFunc(all, byHub)
	if err := t.drop(); err != nil {
		return err
	}
	tx.newPostRows(object).drop()
	return tx.putPosts(object, slices.Compact(all))
}

// listedPosts reads the short list. A damaged row is left out and reported.
func (tx *Tx) listedPosts(object string) (postRows, error) {
	return tx.newPosts(object).postRows(nil, 0)
}

// postRows reads the rows whose key begins with prefix. Damaged ones are left
// out and reported.
func (t *table) postRows(prefix []byte, base HubID) (rows postRows, lost error) {
	err := t.walk(nil, prefix, func(key, payload []byte, damage error) error {
		if damage == nil {
			if err := rows.add(base, payload); err != nil {
				damage = t.damage(key, err.Error())
			}
		}
		lost = firstError(lost, damage)
		return nil
	})
	return rows, firstError(err, lost)
}

// firstNumber returns the lowest key as a number, 0 when the table is empty.
func (t *table) firstNumber() uint64 {
	k, _ := t.first()
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

// packPosts packs as many postings as fit into a row, one at least. They are
// sorted and their hub ids not below base.
func packPosts(base HubID, list []post) (payload []byte, n int) {
	b := []byte{packedVersion}
	at := post{hub: base}
	for ; n < len(list) && (n == 0 || len(b) < frameSize-2*binary.MaxVarintLen64); n++ {
		p := list[n]
		b = binary.AppendUvarint(b, uint64(p.hub-at.hub))
		b = binary.AppendVarint(b, int64(p.frame-at.frame))
		at = p
	}
	return b, n
}

func unpackPosts(base HubID, b []byte, to []post) ([]post, error) {
	r := newReader(b)
	at := post{hub: base}
	for !r.bad && r.pos < len(b) {
		at.hub += HubID(r.uvarint())
		at.frame += uint64(r.varint())
		to = append(to, at)
	}
	return to, r.end()
}

// migrateJournal indexes a journal that has no index. Its values stay as they
// are.
func migrateJournal(tx *Tx) error {
	var posted journalPosts
	t := tx.journal()
	err := t.walk(nil, nil, func(key, payload []byte, damage error) error {
		entries, err := unpackJournal(binary.BigEndian.Uint64(key), payload)
		if damage == nil && err == nil && len(entries) > 0 {
			posted.add(entries) // what is damaged is of no record that could be told
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range posted.spans {
		if err := tx.putSpan(s); err != nil {
			return err
		}
	}
	for object, list := range posted.records {
		slices.SortFunc(list, byHub)
		if err := tx.putPosts(object, slices.Compact(list)); err != nil {
			return err
		}
	}
	return nil
}
