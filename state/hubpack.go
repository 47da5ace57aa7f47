package state

import (
	"encoding/binary"
	"errors"

	"crmsyncd/fieldmap/record"
)

// A packed hub record:
//
//	version, state, number, alias, how many values, then for each value
//	  head      field number above the one before, shifted by two;
//	            bit 1: null, bit 0: source, time and rule as before
//	  source, seconds above the time before, rule    unless as before
//	  text                                           unless null

var errUnsorted = errors.New("fields are not sorted, or a number stands twice")

const (
	hubSame = 1 << 0
	hubNull = 1 << 1
)

func packHub(b []byte, r *HubRecord) ([]byte, error) {
	b = append(b, packedVersion, byte(r.State))
	b = binary.AppendUvarint(b, r.Number)
	b = binary.AppendUvarint(b, uint64(r.AliasOf))
	b = binary.AppendUvarint(b, uint64(len(r.Values)))
	var prev HubValue
	for _, v := range r.Values {
		if v.Field <= prev.Field || !v.Value.Known() {
			return b, errUnsorted
		}
		head := uint64(v.Field-prev.Field) << 2
		if v.Source == prev.Source && v.At == prev.At && v.Rule == prev.Rule {
			head |= hubSame
		}
		if v.Value.IsNull() {
			head |= hubNull
		}
		b = binary.AppendUvarint(b, head)
		if head&hubSame == 0 {
			b = binary.AppendUvarint(b, uint64(v.Source))
			b = binary.AppendVarint(b, v.At-prev.At)
			b = binary.AppendUvarint(b, uint64(v.Rule))
		}
		if head&hubNull == 0 {
			b = AppendString(b, v.Value.Text())
		}
		prev = v
	}
	return b, nil
}

// unpackHub fills all of r but its ID. The texts share one copy of b.
func unpackHub(b []byte, r *HubRecord) error {
	in := newReader(b)
	in.text = string(b)
	r.State = HubState(in.byte())
	if r.State > HubForgotten {
		return errShort
	}
	r.Number = in.uvarint()
	r.AliasOf = HubID(in.uvarint())
	r.Values = r.Values[:0]
	var prev HubValue
	for n := in.count(); n > 0 && !in.bad; n-- {
		v := in.hubValue(prev)
		r.Values = append(r.Values, v)
		prev = v
	}
	return in.end()
}

func (r *reader) hubValue(prev HubValue) HubValue {
	head := r.uvarint()
	v := HubValue{Field: r.num(prev.Field, head>>2), Source: prev.Source, At: prev.At, Rule: prev.Rule}
	if head&hubSame == 0 {
		v.Source = r.short()
		v.At = prev.At + r.varint()
		v.Rule = r.short()
	}
	v.Value = record.NullValue()
	if head&hubNull == 0 {
		v.Value = record.Of(r.string())
	}
	return v
}

// hubNumber reads the change number alone.
func hubNumber(b []byte) uint64 {
	in := newReader(b)
	in.byte()
	return in.uvarint()
}
