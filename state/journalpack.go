package state

import (
	"cmp"
	"encoding/binary"

	"crmsyncd/fieldmap/record"
)

// A value of the journal holds entries of one run with consecutive numbers, the
// first of which is its key. What entries have in common stands once:
//
//	version 2, how many entries, run
//	texts, heads (object, system, flow, configuration), shapes (head, field,
//	rule, reason, evidence, how old is known, which values follow)
//	entries: shape and marks, then what the marks say: time, hub id and remote
//	id as they differ from those before, old, new, what was sent
//
// Values of version 1 repeat all of it in each entry. They are read and stay.
const journalVersion = 2

// What an entry says besides its shape.
const (
	markSame    = 1 << iota // it is of the record of the entry before
	markAt                  // its time is another one than before
	markBits    = iota
	partOld     = 1 << 0 // in a shape: an old value follows
	partNew     = 1 << 1
	partSent    = 1 << 2
	partsEnd    = 1 << 3
	knownsEnd   = uint64(OldOwnLast) + 1
	flowsEnd    = uint64(FlowPush) + 1
	journalRoom = 24 // for the version and the numbers of a value's head
)

type journalHead struct {
	object string
	system Num
	flow   Flow
	config uint64
}

type journalShape struct {
	head             int
	field, rule      Num
	reason, evidence string
	known            OldKnown
	parts            byte
}

// journalPacker packs entries. It is used again and again.
type journalPacker struct {
	texts  []string
	heads  []journalHead
	shapes []journalShape
	// The same as bytes.
	textBytes, headBytes, shapeBytes, body, out []byte
	last                                        int // the shape of the entry before
}

// pack packs as many of the entries as fit, one at least, and returns how many
// that were. What it returns is valid until it is called again.
func (p *journalPacker) pack(entries []JournalEntry) (payload []byte, n int) {
	p.texts, p.heads, p.shapes, p.last = p.texts[:0], p.heads[:0], p.shapes[:0], 0
	p.textBytes, p.headBytes, p.shapeBytes, p.body = p.textBytes[:0], p.headBytes[:0], p.shapeBytes[:0], p.body[:0]
	var none JournalEntry
	prev := &none
	for n < len(entries) && entries[n].Run == entries[0].Run {
		was := *p
		p.entry(&entries[n], prev)
		if n > 0 && p.size() > frameSize {
			*p = was
			break
		}
		prev = &entries[n]
		n++
	}
	b := append(p.out[:0], journalVersion)
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendUvarint(b, entries[0].Run)
	b = append(binary.AppendUvarint(b, uint64(len(p.texts))), p.textBytes...)
	b = append(binary.AppendUvarint(b, uint64(len(p.heads))), p.headBytes...)
	b = append(binary.AppendUvarint(b, uint64(len(p.shapes))), p.shapeBytes...)
	p.out = append(b, p.body...)
	return p.out, n
}

func (p *journalPacker) size() int {
	return journalRoom + len(p.textBytes) + len(p.headBytes) + len(p.shapeBytes) + len(p.body)
}

func (p *journalPacker) entry(e, prev *JournalEntry) {
	s := journalShape{
		head:  p.head(journalHead{e.Object, e.System, e.Flow, e.Config}),
		field: e.Field, rule: e.Rule, reason: e.Reason, evidence: e.Evidence, known: e.OldKnown, parts: partsOf(e),
	}
	p.last = p.shape(s)
	mark := uint64(p.last) << markBits
	same := e.Hub == prev.Hub && e.Remote == prev.Remote
	if same {
		mark |= markSame
	}
	if e.At != prev.At {
		mark |= markAt
	}
	b := binary.AppendUvarint(p.body, mark)
	if e.At != prev.At {
		b = binary.AppendVarint(b, e.At-prev.At)
	}
	if !same {
		b = binary.AppendVarint(b, int64(e.Hub-prev.Hub))
		n := commonText(e.Remote, prev.Remote)
		b = AppendString(binary.AppendUvarint(b, uint64(n)), e.Remote[n:])
	}
	if s.parts&partOld != 0 {
		b = AppendValue(b, e.Old)
	}
	if s.parts&partNew != 0 {
		b = AppendValue(b, e.New)
	}
	if s.parts&partSent != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Sent)))
		for _, v := range e.Sent {
			b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(v.Field)), uint64(v.Rule))
			b = AppendValue(b, v.Value)
		}
	}
	p.body = b
}

func commonText(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func partsOf(e *JournalEntry) (parts byte) {
	if e.Old.State() != record.Missing {
		parts |= partOld
	}
	if e.New.State() != record.Missing {
		parts |= partNew
	}
	if len(e.Sent) > 0 {
		parts |= partSent
	}
	return parts
}

// text returns the number of a text. There are few in a value.
func (p *journalPacker) text(s string) uint64 {
	for i, t := range p.texts {
		if t == s {
			return uint64(i)
		}
	}
	p.texts = append(p.texts, s)
	p.textBytes = AppendString(p.textBytes, s)
	return uint64(len(p.texts) - 1)
}

func (p *journalPacker) head(h journalHead) int {
	for i := len(p.heads) - 1; i >= 0; i-- {
		if p.heads[i] == h {
			return i
		}
	}
	object := p.text(h.object)
	p.heads = append(p.heads, h)
	b := binary.AppendUvarint(p.headBytes, object)
	b = binary.AppendUvarint(b, uint64(h.system))
	b = append(b, byte(h.flow))
	p.headBytes = binary.AppendUvarint(b, h.config)
	return len(p.heads) - 1
}

// shape returns the number of a shape, which is mostly that of the entry before
// or the one behind it.
func (p *journalPacker) shape(s journalShape) int {
	for _, i := range [...]int{p.last, p.last + 1} {
		if i < len(p.shapes) && p.shapes[i] == s {
			return i
		}
	}
	for i := range p.shapes {
		if p.shapes[i] == s {
			return i
		}
	}
	reason, evidence := p.text(s.reason), p.text(s.evidence)
	p.shapes = append(p.shapes, s)
	b := binary.AppendUvarint(p.shapeBytes, uint64(s.head))
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(s.field)), uint64(s.rule))
	b = binary.AppendUvarint(binary.AppendUvarint(b, reason), evidence)
	p.shapeBytes = append(b, byte(s.known), s.parts)
	return len(p.shapes) - 1
}

// countJournal is how many entries a value holds.
func countJournal(b []byte) int {
	r := &reader{b: b}
	r.byte()
	return r.count()
}

// unpackJournal returns the entries of a value whose first has this number.
func unpackJournal(first uint64, b []byte) ([]JournalEntry, error) {
	r := &reader{b: b}
	switch r.byte() {
	case packedVersion:
		return unpackJournal1(first, r)
	case journalVersion:
	default:
		return nil, errShort
	}
	n, run := r.count(), r.uvarint()
	texts := r.texts()
	heads := r.journalHeads(texts)
	shapes := r.journalShapes(texts, len(heads))
	var entries []JournalEntry
	if !r.bad {
		entries = make([]JournalEntry, 0, n)
	}
	var prev JournalEntry
	for i := 0; i < n && !r.bad; i++ {
		e := JournalEntry{Seq: first + uint64(i), Run: run}
		r.journalEntry(&e, &prev, heads, shapes)
		entries = append(entries, e)
		prev = e
	}
	return entries, r.end()
}

func (r *reader) texts() []string {
	texts := make([]string, r.count())
	for i := range texts {
		texts[i] = r.string()
	}
	return texts
}

// place reads the number of one of so many, and returns 0 where there is none.
func (r *reader) place(of int) int {
	i := r.uvarint()
	if r.bad || i >= uint64(of) {
		r.bad = true
		return 0
	}
	return int(i)
}

// textOf reads the number of a text.
func (r *reader) textOf(texts []string) string {
	if i := r.place(len(texts)); !r.bad {
		return texts[i]
	}
	return ""
}

// below reads a byte that must be below a limit.
func (r *reader) below(limit uint64) byte {
	b := r.byte()
	if uint64(b) >= limit {
		r.bad = true
	}
	return b
}

func (r *reader) journalHeads(texts []string) []journalHead {
	heads := make([]journalHead, r.count())
	for i := range heads {
		heads[i] = journalHead{r.textOf(texts), r.short(), Flow(r.below(flowsEnd)), r.uvarint()}
	}
	return heads
}

func (r *reader) journalShapes(texts []string, heads int) []journalShape {
	shapes := make([]journalShape, r.count())
	for i := range shapes {
		shapes[i] = journalShape{
			head: r.place(heads), field: r.short(), rule: r.short(), reason: r.textOf(texts), evidence: r.textOf(texts),
			known: OldKnown(r.below(knownsEnd)), parts: r.below(partsEnd),
		}
	}
	return shapes
}

func (r *reader) journalEntry(e, prev *JournalEntry, heads []journalHead, shapes []journalShape) {
	mark := r.uvarint()
	if r.bad || mark>>markBits >= uint64(len(shapes)) {
		r.bad = true
		return
	}
	s := shapes[mark>>markBits]
	h := heads[s.head]
	e.Object, e.System, e.Flow, e.Config = h.object, h.system, h.flow, h.config
	e.Field, e.Rule, e.Reason, e.Evidence, e.OldKnown = s.field, s.rule, s.reason, s.evidence, s.known
	e.At, e.Hub, e.Remote = prev.At, prev.Hub, prev.Remote
	if mark&markAt != 0 {
		e.At += r.varint()
	}
	if mark&markSame == 0 {
		e.Hub += HubID(r.varint())
		n := r.uvarint()
		if r.bad || n > uint64(len(prev.Remote)) {
			r.bad = true
			return
		}
		e.Remote = prev.Remote[:n] + r.string()
	}
	if s.parts&partOld != 0 {
		e.Old = r.value()
	}
	if s.parts&partNew != 0 {
		e.New = r.value()
	}
	if s.parts&partSent != 0 {
		e.Sent = r.sentValues()
	}
}

func (r *reader) sentValues() []SentValue {
	out := make([]SentValue, 0, r.count())
	for range cap(out) {
		out = append(out, SentValue{Field: r.short(), Rule: r.short(), Value: r.value()})
	}
	return out
}

// unpackJournal1 reads the rest of a value of version 1.
func unpackJournal1(first uint64, r *reader) ([]JournalEntry, error) {
	n := r.count()
	texts := r.texts()
	var entries []JournalEntry
	var prev JournalEntry
	for i := 0; i < n && !r.bad; i++ {
		e := JournalEntry{
			Seq: first + uint64(i), Run: r.uvarint(), At: prev.At + r.varint(), Object: r.textOf(texts), Hub: HubID(r.uvarint()),
			System: r.short(), Remote: r.string(), Field: r.short(), Old: r.value(), New: r.value(),
			Reason: r.textOf(texts), Evidence: r.textOf(texts), Config: r.uvarint(),
		}
		entries = append(entries, e)
		prev = e
	}
	return entries, r.end()
}

func bySeq(a, b JournalEntry) int { return cmp.Compare(a.Seq, b.Seq) }
