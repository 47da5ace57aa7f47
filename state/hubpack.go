package state

import (
	"encoding/binary"
	"errors"

	"crmsyncd/fieldmap/record"
)

// A packed hub record:
//
//	version, state, number, alias, how many values, then for each value
//	  head      field number above the one before, shifted by three; bit 2:
//	            evidence follows, bit 1: null, bit 0: source, time and rule as before
//	  source, seconds above the time before, rule    unless as before
//	  grade, shifted by one; bit 0: override; then   if evidence follows
//	  from, and to above it                          unless without a time
//	  text                                           unless null
//
// A record of the first format has no evidence, and its numbers are shifted by
// two.

var errUnsorted = errors.New("fields are not sorted, or a number stands twice")

const (
	hubVersion    = 2
	hubVersionOne = packedVersion

	hubSame     = 1 << 0
	hubNull     = 1 << 1
	hubEvidence = 1 << 2
	hubShift    = 3
	hubShiftOne = 2
)

func packHub(b []byte, r *HubRecord) ([]byte, error) {
	b = append(b, hubVersion, byte(r.State))
	b = binary.AppendUvarint(b, r.Number)
	b = binary.AppendUvarint(b, uint64(r.AliasOf))
	b = binary.AppendUvarint(b, uint64(len(r.Values)))
	var first HubValue
	prev := &first
	for i := range r.Values {
		v := &r.Values[i]
		if v.Field <= prev.Field || !v.Value.Known() {
			return b, errUnsorted
		}
		b = packHubValue(b, v, prev)
		prev = v
	}
	return b, nil
}

func packHubValue(b []byte, v, prev *HubValue) []byte {
	head := uint64(v.Field-prev.Field) << hubShift
	if v.Source == prev.Source && v.At == prev.At && v.Rule == prev.Rule {
		head |= hubSame
	}
	if v.Value.IsNull() {
		head |= hubNull
	}
	if v.Override || v.Evidence.Grade != NoTime {
		head |= hubEvidence
	}
	b = binary.AppendUvarint(b, head)
	if head&hubSame == 0 {
		b = binary.AppendUvarint(b, uint64(v.Source))
		b = binary.AppendVarint(b, v.At-prev.At)
		b = binary.AppendUvarint(b, uint64(v.Rule))
	}
	if head&hubEvidence != 0 {
		b = append(b, byte(v.Evidence.Grade)<<1|byte(bit(v.Override)))
		if v.Evidence.Grade != NoTime {
			b = binary.AppendVarint(b, v.Evidence.From)
			b = binary.AppendVarint(b, v.Evidence.To-v.Evidence.From)
		}
	}
	if head&hubNull == 0 {
		b = AppendString(b, v.Value.Text())
	}
	return b
}

// hubReader reads the version of a packed hub record.
func hubReader(b []byte) (in *reader, one bool) {
	in = &reader{b: b}
	version := in.byte()
	in.bad = in.bad || version != hubVersion && version != hubVersionOne
	return in, version == hubVersionOne
}

// unpackHub fills all of r but its ID. The texts share one copy of b.
func unpackHub(b []byte, r *HubRecord) error {
	in, one := hubReader(b)
	in.text = string(b)
	r.State = HubState(in.byte())
	if r.State > HubForgotten {
		return errShort
	}
	r.Number = in.uvarint()
	r.AliasOf = HubID(in.uvarint())
	r.Values = r.Values[:0]
	var first HubValue
	prev := &first
	for n := in.count(); n > 0 && !in.bad; n-- {
		r.Values = append(r.Values, HubValue{})
		v := &r.Values[len(r.Values)-1]
		in.hubValue(v, prev, one)
		prev = v
	}
	return in.end()
}

// hubValue reads one value behind prev, which stays where it is.
func (r *reader) hubValue(v, prev *HubValue, one bool) {
	head := r.uvarint()
	shift, evidence := hubShift, head&hubEvidence != 0
	if one {
		shift, evidence = hubShiftOne, false
	}
	v.Field = r.num(prev.Field, head>>shift)
	v.Source, v.At, v.Rule = prev.Source, prev.At, prev.Rule
	if head&hubSame == 0 {
		v.Source = r.short()
		v.At = prev.At + r.varint()
		v.Rule = r.short()
	}
	if evidence {
		b := r.byte()
		v.Override, v.Evidence.Grade = b&1 == 1, Grade(b>>1)
		r.bad = r.bad || v.Evidence.Grade > Certain
		if v.Evidence.Grade != NoTime {
			v.Evidence.From = r.varint()
			v.Evidence.To = v.Evidence.From + r.varint()
		}
	}
	v.Value = record.NullValue()
	if head&hubNull == 0 {
		v.Value = record.Of(r.string())
	}
}

// hubNumber reads the change number alone.
func hubNumber(b []byte) uint64 {
	in, _ := hubReader(b)
	in.byte()
	return in.uvarint()
}
