package state

import (
	"encoding/binary"

	"crmsyncd/fieldmap/record"
)

func (tx *Tx) excluded(system, object string) (*table, *counter) {
	t := tx.table("excluded", system, object)
	return t, tx.counter(t.name, t.rows)
}

// Exclude remembers that a filter keeps a remote record out.
func (tx *Tx) Exclude(system, object, remote string, e Excluded) error {
	t, n := tx.excluded(system, object)
	payload := binary.LittleEndian.AppendUint64(append(tx.scratch[:0], packedVersion), uint64(e.Digest))
	payload = AppendString(payload, e.Clause)
	if len(e.Keys) > 0 {
		payload = append(payload, e.Held)
	}
	for _, k := range e.Keys {
		payload = binary.LittleEndian.AppendUint64(payload, uint64(k))
	}
	old, ok, err := t.get([]byte(remote))
	if ok && err == nil && string(old) == string(payload) {
		return nil
	}
	if !ok {
		n.add(1)
	}
	return t.put([]byte(remote), payload)
}

// ExcludedRow returns what keeps a remote record out.
func (tx *Tx) ExcludedRow(system, object, remote string) (Excluded, bool) {
	t, _ := tx.excluded(system, object)
	payload, ok, err := t.get([]byte(remote))
	if ok && err == nil {
		var e Excluded
		if e, err = unpackExcluded(payload); err == nil {
			return e, true
		}
		err = t.damage([]byte(remote), err.Error())
	}
	if err != nil {
		tx.note(err)
	}
	return Excluded{}, false
}

// EachExcluded calls fn for each record of an object that a filter keeps out.
func (tx *Tx) EachExcluded(system, object string, fn func(remote string, e Excluded) error) error {
	t, _ := tx.excluded(system, object)
	return t.walk(nil, nil, func(key, payload []byte, damage error) error {
		if damage != nil {
			return damage
		}
		e, err := unpackExcluded(payload)
		if err != nil {
			return t.damage(key, err.Error())
		}
		return fn(string(key), e)
	})
}

func unpackExcluded(b []byte) (Excluded, error) {
	r := newReader(b)
	e := Excluded{Digest: record.Digest(r.fixed()), Clause: r.string()}
	if !r.bad && r.pos < len(r.b) {
		e.Held = r.byte()
		r.bad = r.bad || r.pos == len(r.b)
	}
	for !r.bad && r.pos < len(r.b) {
		e.Keys = append(e.Keys, record.Digest(r.fixed()))
	}
	return e, r.end()
}

// Include forgets that a remote record was kept out.
func (tx *Tx) Include(system, object, remote string) error {
	t, n := tx.excluded(system, object)
	if !t.has([]byte(remote)) {
		return nil
	}
	n.add(-1)
	return t.del([]byte(remote))
}

// CountExcluded returns how many records of an object are kept out.
func (tx *Tx) CountExcluded(system, object string) int {
	_, n := tx.excluded(system, object)
	return int(n.n)
}

// PutConfig keeps the text of a configuration under its fingerprint. A damaged one
// is replaced.
func (tx *Tx) PutConfig(fp uint64, text []byte) error {
	t := tx.table("config")
	if _, ok, err := t.get(numberKey(fp)); ok && err == nil {
		return nil
	}
	return t.put(numberKey(fp), text)
}

// Config returns the text of the configuration with this fingerprint, nil where
// it is not kept or damaged.
func (tx *Tx) Config(fp uint64) []byte {
	payload, ok, err := tx.table("config").get(numberKey(fp))
	if !ok || err != nil {
		return nil
	}
	return append([]byte{}, payload...)
}
