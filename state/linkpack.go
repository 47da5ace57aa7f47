package state

import (
	"encoding/binary"
	"math"
	"slices"

	"crmsyncd/fieldmap/record"
)

// A packed link:
//
//	version, flags (bits 0-1 state, 2-3 origin, 4 closed, 5 wrote, 6 raw, 7 fresh)
//	how many differences are tolerated, remote id, version
//	reason, time and successor       if closed
//	our write above version          if wrote
//	digest of the raw record         if raw
//	how many fields, then for each field
//	  head    field number above the one before, shifted by five;
//	          bit 4: shown; bit 3: sent; bit 2: a note follows; bits 0-1: which
//	          digests follow
//	  digests seen, told
//	  note, with the high bit set where their text follows it
//	how many remote fields, then for each what is known to stand there
//	  head    field number above the one before, shifted by four;
//	          bit 3: more values precede; bit 2: the last value is what the rule
//	          at the same place has seen; bits 0-1: how it is known
//	  how many precede and a bit for each that was read, then their digests
//	  digest of the last value
//
// A link of the first format has no remote fields, no text and no fresh; the
// numbers of its fields are shifted by four, and a sent field of it is one whose
// seen was never read.

const (
	linkVersion    = 2
	linkVersionOne = packedVersion

	linkHasClose = 1 << 4
	linkHasWrote = 1 << 5
	linkHasRaw   = 1 << 6
	linkFresh    = 1 << 7

	toldSame  = 0 // seen follows, told is the same
	toldOther = 1 // seen and told follow
	toldNone  = 2 // seen follows, told is zero
	seenNone  = 3 // told follows, seen is zero

	fieldNote  = 1 << 2
	fieldSent  = 1 << 3
	fieldShown = 1 << 4
	fieldShift = 5

	noteText = 1 << 7 // their text follows the note

	fieldShiftOne = 4

	thereKnown = 3
	thereSeen  = 1 << 2
	thereMore  = 1 << 3
	thereShift = 4
)

func packLink(b []byte, l *Link) ([]byte, error) {
	flags := byte(l.State) | byte(l.Origin)<<2
	closed := l.Close != NotClosed || l.ClosedAt != 0 || l.Successor != ""
	for _, f := range []struct {
		on  bool
		bit byte
	}{{closed, linkHasClose}, {l.Wrote != 0, linkHasWrote}, {l.Raw != 0, linkHasRaw}, {l.Fresh, linkFresh}} {
		if f.on {
			flags |= f.bit
		}
	}
	b = append(b, linkVersion, flags)
	b = binary.AppendUvarint(b, uint64(l.tolerated()))
	b = AppendString(b, l.Remote)
	b = binary.AppendVarint(b, l.Version)
	if closed {
		b = append(b, byte(l.Close))
		b = binary.AppendVarint(b, l.ClosedAt)
		b = AppendString(b, l.Successor)
	}
	if l.Wrote != 0 {
		b = binary.AppendVarint(b, l.Wrote-l.Version)
	}
	if l.Raw != 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(l.Raw))
	}
	b, err := packLinkFields(b, l.Fields)
	if err != nil {
		return b, err
	}
	return packThere(b, l)
}

func packLinkFields(b []byte, fields []LinkField) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(fields)))
	var prev Num
	for i := range fields {
		f := &fields[i]
		if f.Field <= prev || f.Note >= noteText {
			return b, errUnsorted
		}
		kind := f.kind()
		head := uint64(f.Field-prev)<<fieldShift | uint64(kind)
		if f.Sent {
			head |= fieldSent
		}
		if f.Shown {
			head |= fieldShown
		}
		if f.Note != 0 {
			head |= fieldNote
		}
		b = binary.AppendUvarint(b, head)
		if kind != seenNone {
			b = binary.LittleEndian.AppendUint64(b, uint64(f.Seen))
		}
		if kind == toldOther || kind == seenNone {
			b = binary.LittleEndian.AppendUint64(b, uint64(f.Told))
		}
		if f.Note != 0 && f.Text.Known() {
			b = AppendValue(append(b, f.Note|noteText), f.Text)
		} else if f.Note != 0 {
			b = append(b, f.Note)
		}
		prev = f.Field
	}
	return b, nil
}

func (f *LinkField) kind() byte {
	switch {
	case f.Seen == 0:
		return seenNone
	case f.Told == f.Seen:
		return toldSame
	case f.Told == 0:
		return toldNone
	}
	return toldOther
}

// packThere packs what stands in the remote fields. Mostly that is what the rule
// at the same place has seen, and takes one byte.
func packThere(b []byte, l *Link) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(l.There)))
	var prev Num
	for i := range l.There {
		t := &l.There[i]
		if t.Field <= prev {
			return b, errUnsorted
		}
		head := uint64(t.Field-prev)<<thereShift | uint64(t.Known)
		may, reads := t.All()
		last := t.Last()
		same := last != 0 && i < len(l.Fields) && l.Fields[i].Seen == last
		if same {
			head |= thereSeen
		}
		if len(may) > 1 {
			head |= thereMore
		}
		b = binary.AppendUvarint(b, head)
		if len(may) > 1 {
			b = append(b, byte(len(may)-1)|reads<<4)
			for _, d := range may[:len(may)-1] {
				b = binary.LittleEndian.AppendUint64(b, uint64(d))
			}
		}
		if last != 0 && !same {
			b = binary.LittleEndian.AppendUint64(b, uint64(last))
		}
		prev = t.Field
	}
	return b, nil
}

func bit(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

// linkReader reads the version of a packed link.
func linkReader(b []byte) (in *reader, one bool) {
	in = &reader{b: b}
	version := in.byte()
	in.bad = in.bad || version != linkVersion && version != linkVersionOne
	return in, version == linkVersionOne
}

// tolerated is how many fields of an open link differ and may.
func (l *Link) tolerated() (n int) {
	if l.State != LinkOpen {
		return 0
	}
	for i := range l.Fields {
		if l.Fields[i].Note != 0 && l.Fields[i].Told != 0 {
			n++
		}
	}
	return n
}

// linkHead is what can be read of a packed link without its fields.
type linkHead struct {
	state     LinkState
	tolerated int
	remote    []byte
}

func readLinkHead(b []byte) (linkHead, error) {
	in, one := linkReader(b)
	h := linkHead{state: LinkState(in.byte() & 3)}
	if !one {
		h.tolerated = int(in.uvarint())
	}
	if h.remote = in.bytes(); in.bad {
		return linkHead{}, errShort
	}
	if one {
		var l Link
		if _, err := unpackLink(b, &l); err != nil {
			return linkHead{}, err
		}
		h.tolerated = l.tolerated()
	}
	return h, nil
}

// unpackLink fills all of l but Hub. one says that it is of the first format.
func unpackLink(b []byte, l *Link) (one bool, err error) {
	in, one := linkReader(b)
	flags := in.byte()
	l.State, l.Origin, l.Fresh = LinkState(flags&3), Origin(flags>>2&3), flags&linkFresh != 0
	if one && l.Fresh || l.State > LinkClosed || l.Origin > OriginPerson {
		return one, errShort
	}
	differs := 0
	if !one {
		differs = int(in.uvarint())
	}
	l.Remote = in.same(l.Remote)
	l.Version = in.varint()
	l.Close, l.ClosedAt, l.Successor, l.Wrote, l.Raw = NotClosed, 0, "", 0, 0
	if flags&linkHasClose != 0 {
		l.Close = CloseReason(in.byte())
		l.ClosedAt = in.varint()
		l.Successor = in.string()
	}
	if flags&linkHasWrote != 0 {
		l.Wrote = l.Version + in.varint()
	}
	if flags&linkHasRaw != 0 {
		l.Raw = record.Digest(in.fixed())
	}
	if one {
		l.Fields, l.There = in.linkFieldsOne(l.Fields[:0]), l.There[:0]
		return one, in.end()
	}
	l.Fields = in.linkFields(l.Fields[:0])
	l.There = in.there(l.There[:0], l.Fields)
	in.bad = in.bad || differs != l.tolerated()
	return one, in.end()
}

func (r *reader) linkFields(to []LinkField) []LinkField {
	var prev Num
	for n := r.count(); n > 0 && !r.bad; n-- {
		to = append(to, LinkField{})
		f := &to[len(to)-1]
		r.linkField(f, prev)
		prev = f.Field
	}
	return to
}

func (r *reader) linkField(f *LinkField, prev Num) {
	head := r.uvarint()
	f.Field = r.num(prev, head>>fieldShift)
	f.Sent, f.Shown = head&fieldSent != 0, head&fieldShown != 0
	r.digests(f, head&3)
	if head&fieldNote == 0 {
		return
	}
	f.Note = r.byte()
	if f.Note&noteText != 0 {
		f.Note &^= noteText
		f.Text = r.value()
	}
	r.bad = r.bad || f.Note == 0
}

func (r *reader) digests(f *LinkField, kind uint64) {
	if kind != seenNone {
		f.Seen = record.Digest(r.fixed())
	}
	switch kind {
	case toldSame:
		f.Told = f.Seen
	case toldOther, seenNone:
		f.Told = record.Digest(r.fixed())
	}
}

// linkFieldsOne reads fields of the first format.
func (r *reader) linkFieldsOne(to []LinkField) []LinkField {
	var prev Num
	for n := r.count(); n > 0 && !r.bad; n-- {
		head := r.uvarint()
		f := LinkField{Field: r.num(prev, head>>fieldShiftOne), Sent: head&fieldSent != 0}
		r.digests(&f, head&3)
		if head&fieldNote != 0 {
			f.Note = r.byte()
		}
		to = append(to, f)
		prev = f.Field
	}
	return to
}

func (r *reader) there(to []LinkThere, fields []LinkField) []LinkThere {
	var prev Num
	n := r.count()
	to = slices.Grow(to, n)
	for ; n > 0 && !r.bad; n-- {
		i := len(to)
		var seen record.Digest
		if i < len(fields) {
			seen = fields[i].Seen
		}
		to = to[:i+1]
		if !r.plainThere(&to[i], prev, seen) {
			to[i] = r.thereOf(prev, seen)
		}
		prev = to[i].Field
	}
	return to
}

// plainThere reads what mostly stands there: the one value that the rule at the same
// place has seen, in a head of one byte. Of anything else it reads nothing.
func (r *reader) plainThere(t *LinkThere, prev Num, seen record.Digest) bool {
	if r.bad || seen == 0 || r.pos >= len(r.b) {
		return false
	}
	head := r.b[r.pos]
	delta, known := Num(head>>thereShift), record.Known(head&thereKnown)
	if head >= 0x80 || head&(thereMore|thereSeen) != thereSeen || delta == 0 || prev > math.MaxUint16-delta || !t.Only(known, seen) {
		return false
	}
	r.pos++
	t.Field = prev + delta
	return true
}

func (r *reader) thereOf(prev Num, seen record.Digest) LinkThere {
	head := r.uvarint()
	t := LinkThere{Field: r.num(prev, head>>thereShift)}
	known := record.Known(head & thereKnown)
	if head&(thereMore|thereSeen) == thereSeen && t.Only(known, seen) {
		return t
	}
	var may [5]record.Digest
	n, reads := 0, uint8(0)
	if head&thereMore != 0 {
		b := r.byte()
		n, reads = int(b&15), b>>4
		if n == 0 || n >= len(may) {
			r.bad = true
			return t
		}
		for i := range n {
			may[i] = record.Digest(r.fixed())
		}
	}
	switch {
	case head&thereSeen != 0:
		may[n] = seen
		n++
	case known != record.Unread:
		may[n] = record.Digest(r.fixed())
		n++
	}
	if n == 1 && known == record.Read {
		reads = 1
	}
	var ok bool
	if t.There, ok = record.MakeThere(known, reads, may[:n]); !ok {
		r.bad = true
	}
	return t
}

// AppendLinkFields appends packed field states, which stand sorted, to b.
func AppendLinkFields(b []byte, fields []LinkField) ([]byte, error) { return packLinkFields(b, fields) }

// ReadLinkFields reads what AppendLinkFields wrote into to, and returns the
// bytes behind it. With one set, they are of the first format.
func ReadLinkFields(b []byte, to []LinkField, one bool) (fields []LinkField, rest []byte, err error) {
	in := &reader{b: b}
	if one {
		fields = in.linkFieldsOne(to)
	} else {
		fields = in.linkFields(to)
	}
	if in.bad {
		return nil, nil, errShort
	}
	return fields, b[in.pos:], nil
}
