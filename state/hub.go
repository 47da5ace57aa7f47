package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"crmsyncd/fieldmap/record"
)

// Get returns the value of field f. A field that the record does not hold is
// null: the hub always knows.
func (r *HubRecord) Get(f Num) record.Value {
	if i, ok := r.find(f); ok {
		return r.Values[i].Value
	}
	return record.NullValue()
}

// Set gives field f a value with where it came from, and reports whether that
// changed the value. A value that was not read changes nothing.
func (r *HubRecord) Set(f Num, v record.Value, source Num, at int64, rule Num) bool {
	i, ok := r.find(f)
	if !v.Known() || f == 0 || ok && r.Values[i].Value == v || !ok && v.IsNull() {
		return false
	}
	hv := HubValue{Field: f, Value: v, Source: source, At: at, Rule: rule}
	if ok {
		r.Values[i] = hv
	} else {
		r.Values = slices.Insert(r.Values, i, hv)
	}
	return true
}

// Replace gives field f another value that means the same, from where the old
// one came. A field that the record does not hold stays so.
func (r *HubRecord) Replace(f Num, v record.Value) {
	if i, ok := r.find(f); ok {
		r.Values[i].Value = v
	}
}

// Attribute notes that the value of field f is also that of another source,
// and reports whether that is new.
func (r *HubRecord) Attribute(f, source Num) bool {
	i, ok := r.find(f)
	if !ok || r.Values[i].Source == source {
		return false
	}
	r.Values[i].Source = source
	return true
}

func (r *HubRecord) find(f Num) (int, bool) {
	return search(len(r.Values), func(i int) Num { return r.Values[i].Field }, f)
}

// search finds a number among n that stand sorted. It copies no element, as
// slices.BinarySearchFunc does: these are large, and it is called for each field.
func search(n int, at func(i int) Num, want Num) (int, bool) {
	low, high := 0, n
	for low < high {
		if mid := int(uint(low+high) >> 1); at(mid) < want {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < n && at(low) == want
}

// Hub is the records of one hub object within one transaction.
type Hub struct {
	tx      *Tx
	object  string
	records *table // hub id → record
	changed *table // change number → hub id, the latest only
	keys    *table // match key and hub id → nothing
	pending keyBuffer
	folded  []keyRun // cached; see runs
	listed  bool
}

// Hub returns the records of this hub object.
func (tx *Tx) Hub(object string) *Hub {
	h := tx.hubs[object]
	if h == nil {
		h = &Hub{
			tx: tx, object: object,
			records: tx.table("hub", object), changed: tx.table("change", object), keys: tx.table("key", object).pack(0),
		}
		tx.hubs[object] = h
	}
	return h
}

func (h *Hub) ids() *counter { return h.tx.counter(bucketName("id", h.object), h.records.lastKey) }

func (h *Hub) counted() *counter { return h.tx.counter(bucketName("hub", h.object), h.records.rows) }

// NextID returns an id that no record of this object ever had.
func (h *Hub) NextID() (HubID, error) {
	if !h.tx.writable {
		return 0, errReadOnly
	}
	return HubID(h.ids().next()), nil
}

// Count returns the number of records, whatever their state.
func (h *Hub) Count() int { return int(h.counted().n) }

// Get reads a record into into, whose Values it reuses, and reports whether
// there is one. The texts stay valid after the transaction. A record that is
// damaged is an ErrDamaged: it is there, but its values are lost.
func (h *Hub) Get(id HubID, into *HubRecord) (bool, error) {
	key := numberKey(uint64(id))
	payload, ok, err := h.records.get(key)
	if err == nil && ok {
		err = h.unpack(key, payload, into)
	}
	if err != nil || !ok {
		*into = HubRecord{ID: id, Values: into.Values[:0]}
	}
	return ok && err == nil, err
}

func (h *Hub) unpack(key, payload []byte, into *HubRecord) error {
	into.ID = HubID(binary.BigEndian.Uint64(key))
	if err := unpackHub(payload, into); err != nil {
		return h.records.damage(key, err.Error())
	}
	return nil
}

// Put stores a record, gives it the next change number and adds its match
// keys. Keys that it had before stay: a hit is compared again by who asked.
func (h *Hub) Put(rec *HubRecord, keys []IndexKey) error {
	if rec.ID == 0 {
		return errors.New("put a hub record without an id")
	}
	key := numberKey(uint64(rec.ID))
	if err := h.forgetNumber(key); err != nil {
		return err
	}
	rec.Number = h.tx.changes().next()
	if ids := h.ids(); uint64(rec.ID) > ids.n {
		ids.n, ids.dirty = uint64(rec.ID), true
	}
	var err error
	h.tx.scratch, err = packHub(h.tx.scratch[:0], rec)
	if err != nil {
		return fmt.Errorf("put %s %s: %w", h.object, rec.ID, err)
	}
	if err := h.records.put(key, h.tx.scratch); err != nil {
		return err
	}
	for _, k := range keys {
		h.pending.add(k, rec.ID)
	}
	return h.changed.put(numberKey(rec.Number), binary.AppendUvarint(nil, uint64(rec.ID)))
}

// forgetNumber drops the change number that the record under key has now, or
// counts the record where it is new.
func (h *Hub) forgetNumber(key []byte) error {
	payload, ok, err := h.records.get(key)
	if err != nil {
		return h.forgetLost(HubID(binary.BigEndian.Uint64(key)))
	}
	if !ok {
		h.counted().add(1)
		return nil
	}
	return h.changed.del(numberKey(hubNumber(payload)))
}

// forgetLost finds the number of a damaged record by a walk over all of them.
func (h *Hub) forgetLost(id HubID) error {
	return h.changed.walk(nil, nil, func(key, payload []byte, damage error) error {
		n, _, err := ReadUvarint(payload)
		if damage == nil && err == nil && HubID(n) == id {
			return h.changed.del(key)
		}
		return nil
	})
}

// Touch gives a record the next change number without a change of values.
func (h *Hub) Touch(id HubID) error {
	var rec HubRecord
	ok, err := h.Get(id, &rec)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("touch %s %s: there is no such record", h.object, id)
	}
	return h.Put(&rec, nil)
}

// Changes calls fn for each record whose latest change number lies above after
// and not above upTo, in the order of the numbers.
func (h *Hub) Changes(after, upTo uint64, fn func(number uint64, id HubID) error) error {
	if after >= upTo {
		return nil
	}
	return h.changed.walk(numberKey(after+1), nil, func(key, payload []byte, damage error) error {
		if damage != nil {
			return damage
		}
		number := binary.BigEndian.Uint64(key)
		if number > upTo {
			return ErrStop
		}
		id, _, err := ReadUvarint(payload)
		if err != nil {
			return h.changed.damage(key, err.Error())
		}
		return fn(number, HubID(id))
	})
}

// Each calls fn for each record from the id from on. The record is reused for
// the next one. Damaged records are left out, and an ErrDamaged that names the
// first of them is returned in the end.
func (h *Hub) Each(from HubID, fn func(*HubRecord) error) error {
	var rec HubRecord
	var lost error
	err := h.records.walk(numberKey(uint64(from)), nil, func(key, payload []byte, damage error) error {
		if damage == nil {
			damage = h.unpack(key, payload, &rec)
		}
		if damage != nil {
			lost = firstError(lost, damage)
			return nil
		}
		return fn(&rec)
	})
	return firstError(err, lost)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
