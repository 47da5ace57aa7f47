package engine

import (
	"encoding/binary"
	"errors"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// observation is one record as it was read, with its fields in the order of
// the route's ReadFields. It is what a spool holds: what was seen, never what
// is to be done about it.
type observation struct {
	remote      string
	fingerprint uint64 // of the route that read it; another one drops the row
	readAt      int64  // unix ms when the page was asked for
	version     int64  // unix ms, 0 when the system does not say
	raw         record.Digest
	values      []observed
}

// observed is one field of an observation: a value, or why it has none.
type observed struct {
	value record.Value
	fault string // the value does not fit its type; never holds the value
}

// append packs the observation.
func (o *observation) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, o.fingerprint)
	b = binary.AppendVarint(b, o.readAt)
	b = binary.AppendVarint(b, o.version)
	b = binary.LittleEndian.AppendUint64(b, uint64(o.raw))
	b = binary.AppendUvarint(b, uint64(len(o.values)))
	for _, v := range o.values {
		b = state.AppendString(b, v.fault)
		b = state.AppendValue(b, v.value)
	}
	return b
}

var errShort = errors.New("an observation is cut short")

// readObservation unpacks what append packed.
func readObservation(remote, b []byte, o *observation) error {
	o.remote = string(remote)
	if len(b) < 8 {
		return errShort
	}
	o.fingerprint, b = binary.LittleEndian.Uint64(b), b[8:]
	var n int
	if o.readAt, n = binary.Varint(b); n <= 0 {
		return errShort
	}
	b = b[n:]
	if o.version, n = binary.Varint(b); n <= 0 || len(b) < n+8 {
		return errShort
	}
	b = b[n:]
	o.raw, b = record.Digest(binary.LittleEndian.Uint64(b)), b[8:]
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) {
		return errShort
	}
	b = b[n:]
	o.values = o.values[:0]
	for range count {
		var v observed
		var err error
		if v.fault, b, err = state.ReadString(b); err != nil {
			return err
		}
		if v.value, b, err = state.ReadValue(b); err != nil {
			return err
		}
		o.values = append(o.values, v)
	}
	return nil
}

// futureStamp is how far ahead of ours a system's clock may be.
const futureStamp = 10 * time.Minute

// observe turns a record into an observation. It copies everything, so that
// the page may go.
func (p *puller) observe(rec *record.Record, raw record.Digest) observation {
	o := observation{
		remote: rec.ID, fingerprint: p.r.Fingerprint, readAt: p.readAt.UnixMilli(), raw: raw,
		values: make([]observed, len(p.fields)),
	}
	// A stamp from the future is no version: all that comes would look older (F5).
	if !rec.Version.IsZero() && !rec.Version.After(p.now().Add(futureStamp)) {
		o.version = rec.Version.UnixMilli()
	}
	for i, f := range p.fields {
		v, err := p.read(i, f, rec.Raw[i])
		if err != nil {
			o.values[i] = observed{fault: faultOf(err)}
			continue
		}
		o.values[i] = observed{value: v}
	}
	return o
}

// read converts one field. A rule with an explicit repair reads the value
// itself, for the provider refuses what is to be repaired (R11).
func (p *puller) read(i int, f record.Field, raw []byte) (record.Value, error) {
	if i < len(p.r.Fields) && p.r.Fields[i].Repair != "" {
		return p.r.Fields[i].Read(raw)
	}
	return p.sys.Provider.Convert(p.r.Object, f, raw)
}
