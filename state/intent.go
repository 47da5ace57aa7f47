package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"crmsyncd/fieldmap/record"
)

// A batch of intents is kept in parts that fill pages: rows whose keys are the
// number of the batch and, but for the first, that of the part.
//
//	version: 3 in the last part, 4 where another follows
//	flow, job
//	how many intents, then each with hub id, external id, time, field states,
//	flags, and what they say: remote id, version, what the fields were before
//
// A part of the first format, with version 1 or 2, has no flow and no job, and
// its intents end with field states of the first format.

const (
	lastPartOne = packedVersion
	morePartOne = packedVersion + 1
	lastPart    = packedVersion + 2
	morePart    = packedVersion + 3

	intentRemote  = 1 << 0
	intentVersion = 1 << 1
	intentBefore  = 1 << 2

	maxParts  = 1 << 16
	batchSize = 8 // of the batch within a key
)

func (tx *Tx) intents(system, object string) *table {
	return tx.table("intent", system, object).pack(fillAppend)
}

func partKey(batch uint64, part int) []byte {
	key := numberKey(batch)
	if part > 0 {
		key = binary.BigEndian.AppendUint16(key, uint16(part))
	}
	return key
}

// lastBatch returns the highest number of a batch that is there.
func (t *table) lastBatch() uint64 {
	if t.b == nil {
		return 0
	}
	k, _ := t.b.Cursor().Last()
	return batchOf(k)
}

// batchOf returns the batch that a part is of, 0 where the key is none.
func batchOf(key []byte) uint64 {
	if len(key) < batchSize {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}

// PutIntents stores one batch of writes that are about to be sent, and returns
// its number. It sets the Part of each. The fields that were sent stand sorted.
func (tx *Tx) PutIntents(system, object string, of IntentBatch, in []Intent) (batch uint64, err error) {
	t := tx.intents(system, object)
	batch = tx.counter(bucketName("intent", system, object), t.lastBatch).next()
	if err := t.putParts(batch, of, in); err != nil {
		return 0, fmt.Errorf("put intents of %s/%s: %w", system, object, err)
	}
	return batch, nil
}

// putParts packs intents into parts of about frameSize.
func (t *table) putParts(batch uint64, of IntentBatch, in []Intent) (err error) {
	var rows []byte
	part, from, size := 0, 0, 0
	flush := func(to int, version byte, rows []byte) error {
		b := AppendString(append(t.tx.scratch[:0], version, byte(of.Flow)), of.Job)
		b = binary.AppendUvarint(b, uint64(to-from))
		t.tx.scratch = append(b, rows...)
		err := t.put(partKey(batch, part), t.tx.scratch)
		part, from = part+1, to
		return err
	}
	for i := range in {
		start := len(rows)
		if rows, err = packIntent(rows, &in[i]); err != nil {
			return err
		}
		if i == 0 {
			size = frameFor(len(rows)*len(in), len(in))
		}
		if start > 0 && len(rows) > size && part < maxParts-1 {
			if err = flush(i, morePart, rows[:start]); err != nil {
				return err
			}
			rows = append(rows[:0], rows[start:]...)
		}
		in[i].Part = uint16(part)
	}
	return flush(len(in), lastPart, rows)
}

// Intents calls fn for each batch that is still open, in order. A batch that is
// damaged is an ErrDamaged: creates may be under way that nobody can name.
func (tx *Tx) Intents(system, object string, fn func(batch uint64, of IntentBatch, in []Intent) error) error {
	t, answered := tx.intents(system, object), tx.answered(system, object)
	var g gathering
	err := t.walk(nil, nil, func(key, payload []byte, damage error) error {
		if answered.has(batchOf(key)) {
			return nil
		}
		if damage != nil {
			return damage
		}
		whole, err := g.add(key, payload)
		if err != nil {
			return t.damage(key, err.Error())
		}
		if !whole {
			return nil
		}
		return fn(g.batch, g.of, g.take())
	})
	if err == nil && g.parts > 0 {
		return t.damage(numberKey(g.batch), errPartMissing.Error())
	}
	return err
}

var errPartMissing = errors.New("a part is missing")

// gathering puts the parts of a batch together.
type gathering struct {
	batch uint64
	parts int // of the batch that is not whole yet
	of    IntentBatch
	in    []Intent
}

func (g *gathering) add(key, payload []byte) (whole bool, err error) {
	batch := batchOf(key)
	if g.parts > 0 && batch != g.batch || string(key) != string(partKey(batch, g.parts)) {
		return false, errPartMissing
	}
	in, of, more, err := unpackIntents(payload)
	if err != nil {
		return false, err
	}
	for i := range in {
		in[i].Part = uint16(g.parts)
	}
	g.batch, g.of, g.in, g.parts = batch, of, append(g.in, in...), g.parts+1
	return !more, nil
}

func (g *gathering) take() []Intent {
	in := g.in
	g.in, g.parts = nil, 0
	return in
}

// checkIntent checks that a part can be and that its neighbors are there.
func checkIntent(t *table, key, payload []byte) error {
	_, _, more, err := unpackIntents(payload)
	if err != nil {
		return err
	}
	batch, part := batchOf(key), 0
	if len(key) == batchSize+2 {
		part = int(binary.BigEndian.Uint16(key[batchSize:]))
	}
	switch {
	case string(key) != string(partKey(batch, part)):
		return errShort
	case more && !t.has(partKey(batch, part+1)), part > 0 && !t.has(partKey(batch, part-1)):
		return errPartMissing
	}
	return nil
}

// CloseIntents removes a batch whose outcome is known.
func (tx *Tx) CloseIntents(system, object string, batch uint64) error {
	return tx.intents(system, object).dropParts(batch)
}

func (t *table) dropParts(batch uint64) error {
	return t.walk(nil, numberKey(batch), func(key, _ []byte, _ error) error { return t.del(key) })
}

// SentIntent returns the field states of one intent by its batch, its part and
// its hub record, appended to to. It is an ErrDamaged where they are not to be
// had.
func (tx *Tx) SentIntent(system, object string, batch uint64, part uint16, hub HubID, to []LinkField) ([]LinkField, error) {
	t, key := tx.intents(system, object), partKey(batch, int(part))
	payload, ok, err := t.get(key)
	switch {
	case err != nil:
		return to, err
	case !ok:
		return to, t.damage(key, "it is gone")
	}
	p := partReader(payload)
	r, begin := p.reader, len(to)
	var skipped Intent
	for n := p.n; n > 0 && !r.bad; n-- {
		id := HubID(r.uvarint())
		r.bytes()
		r.varint()
		to = p.fields(to[:begin])
		if !p.one {
			p.rest(&skipped)
		}
		if id == hub && !r.bad {
			return to, nil
		}
	}
	return to[:begin], t.damage(key, "the record is not in it")
}

func packIntent(b []byte, i *Intent) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(i.Hub))
	b = AppendString(b, i.External)
	b = binary.AppendVarint(b, i.At)
	b, err := packLinkFields(b, i.Sent)
	if err != nil {
		return b, err
	}
	flags := bit(i.Remote != "")*intentRemote | bit(i.Version != 0)*intentVersion | bit(len(i.Before) > 0)*intentBefore
	b = append(b, byte(flags))
	if i.Remote != "" {
		b = AppendString(b, i.Remote)
	}
	if i.Version != 0 {
		b = binary.AppendVarint(b, i.Version)
	}
	if len(i.Before) == 0 {
		return b, nil
	}
	b = binary.AppendUvarint(b, uint64(len(i.Before)))
	for _, f := range i.Before {
		b = binary.AppendUvarint(b, uint64(f.Field))
		b = binary.LittleEndian.AppendUint64(b, uint64(f.Seen))
		b = binary.LittleEndian.AppendUint64(b, uint64(f.Form))
	}
	return b, nil
}

// partOf is one part on its way out of its packed form.
type partOf struct {
	*reader
	of   IntentBatch
	n    int // how many intents follow
	more bool
	one  bool // it is of the first format
}

// partReader reads the head of a part.
func partReader(b []byte) partOf {
	p := partOf{reader: &reader{b: b}}
	version := p.byte()
	p.bad = p.bad || version < lastPartOne || version > morePart
	p.one = version <= morePartOne
	p.more = version == morePart || version == morePartOne
	if !p.one {
		p.of.Flow = Flow(p.byte())
		p.of.Job = p.string()
		p.bad = p.bad || p.of.Flow > FlowPush
	} else {
		p.of.Flow = FlowPush
	}
	p.n = p.count()
	return p
}

// fields reads what was sent.
func (p *partOf) fields(to []LinkField) []LinkField {
	if p.one {
		return p.linkFieldsOne(to)
	}
	return p.linkFields(to)
}

// rest reads what follows the field states.
func (p *partOf) rest(i *Intent) {
	flags := p.byte()
	p.bad = p.bad || flags >= intentBefore<<1
	if flags&intentRemote != 0 {
		i.Remote = p.string()
	}
	if flags&intentVersion != 0 {
		i.Version = p.varint()
	}
	if flags&intentBefore == 0 {
		return
	}
	for n := p.count(); n > 0 && !p.bad; n-- {
		i.Before = append(i.Before, IntentField{p.short(), record.Digest(p.fixed()), record.Digest(p.fixed())})
	}
}

func unpackIntents(b []byte) (in []Intent, of IntentBatch, more bool, err error) {
	p := partReader(b)
	for n := p.n; n > 0 && !p.bad; n-- {
		i := Intent{Hub: HubID(p.uvarint()), External: p.string(), At: p.varint()}
		i.Sent = p.fields(nil)
		if !p.one {
			p.rest(&i)
		}
		in = append(in, i)
	}
	return in, p.of, p.more, p.end()
}
