package state

import (
	"encoding/binary"

	"crmsyncd/fieldmap/record"
)

// A packed link:
//
//	version, flags (bits 0-1 state, 2-3 origin, 4 closed, 5 wrote, 6 raw)
//	remote id, version
//	reason, time and successor       if closed
//	our write above version          if wrote
//	digest of the raw record         if raw
//	how many fields, then for each field
//	  head    field number above the one before, shifted by four;
//	          bit 3: assumed; bit 2: a note follows; bits 0-1: which digests follow
//	  digests seen, told
//	  note

const (
	linkHasClose = 1 << 4
	linkHasWrote = 1 << 5
	linkHasRaw   = 1 << 6

	toldSame  = 0 // seen follows, told is the same
	toldOther = 1 // seen and told follow
	toldNone  = 2 // seen follows, told is zero
	seenNone  = 3 // told follows, seen is zero

	fieldNote    = 1 << 2
	fieldAssumed = 1 << 3
	fieldShift   = 4
)

func packLink(b []byte, l *Link) ([]byte, error) {
	flags := byte(l.State) | byte(l.Origin)<<2
	closed := l.Close != NotClosed || l.ClosedAt != 0 || l.Successor != ""
	for _, f := range []struct {
		on  bool
		bit byte
	}{{closed, linkHasClose}, {l.Wrote != 0, linkHasWrote}, {l.Raw != 0, linkHasRaw}} {
		if f.on {
			flags |= f.bit
		}
	}
	b = append(b, packedVersion, flags)
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
	return packLinkFields(b, l.Fields)
}

func packLinkFields(b []byte, fields []LinkField) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(fields)))
	var prev Num
	for _, f := range fields {
		if f.Field <= prev {
			return b, errUnsorted
		}
		kind := f.kind()
		head := uint64(f.Field-prev)<<fieldShift | uint64(kind)
		if f.Assumed {
			head |= fieldAssumed
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
		if f.Note != 0 {
			b = append(b, f.Note)
		}
		prev = f.Field
	}
	return b, nil
}

func (f LinkField) kind() byte {
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

func bit(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

// linkHead reads state and remote id alone.
func linkHead(b []byte) (LinkState, []byte, error) {
	in := newReader(b)
	flags := in.byte()
	remote := in.bytes()
	if in.bad {
		return 0, nil, errShort
	}
	return LinkState(flags & 3), remote, nil
}

// unpackLink fills all of l but Hub.
func unpackLink(b []byte, l *Link) error {
	in := newReader(b)
	flags := in.byte()
	l.State, l.Origin = LinkState(flags&3), Origin(flags>>2&3)
	if flags>>7 != 0 || l.State > LinkClosed || l.Origin > OriginPerson {
		return errShort
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
	l.Fields = in.linkFields(l.Fields[:0])
	return in.end()
}

func (r *reader) linkFields(to []LinkField) []LinkField {
	var prev Num
	for n := r.count(); n > 0 && !r.bad; n-- {
		f := r.linkField(prev)
		to = append(to, f)
		prev = f.Field
	}
	return to
}

func (r *reader) linkField(prev Num) LinkField {
	head := r.uvarint()
	f := LinkField{Field: r.num(prev, head>>fieldShift), Assumed: head&fieldAssumed != 0}
	kind := head & 3
	if kind != seenNone {
		f.Seen = record.Digest(r.fixed())
	}
	switch kind {
	case toldSame:
		f.Told = f.Seen
	case toldOther, seenNone:
		f.Told = record.Digest(r.fixed())
	}
	if head&fieldNote != 0 {
		f.Note = r.byte()
	}
	return f
}

// AppendLinkFields appends packed field states, which stand sorted, to b.
func AppendLinkFields(b []byte, fields []LinkField) ([]byte, error) { return packLinkFields(b, fields) }

// ReadLinkFields reads what AppendLinkFields wrote into to, and returns the
// bytes behind it.
func ReadLinkFields(b []byte, to []LinkField) (fields []LinkField, rest []byte, err error) {
	in := &reader{b: b}
	fields = in.linkFields(to)
	if in.bad {
		return nil, nil, errShort
	}
	return fields, b[in.pos:], nil
}
