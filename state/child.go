package state

import (
	"bytes"
	"encoding/binary"
	"slices"
)

func (tx *Tx) children(object string) *table { return tx.table("child", object) }

// kin is one note that a record belongs to a parent: the key of its row.
type kin [16]byte

func kinOf(parent, child HubID) (k kin) {
	binary.BigEndian.PutUint64(k[:8], uint64(parent))
	binary.BigEndian.PutUint64(k[8:], uint64(child))
	return k
}

// PutChild notes that a record of a hub object belongs to a parent. The rows are
// written in order when they are asked for, or at the end: written as they come,
// each would be moved into the middle of a page that grows with the transaction.
func (tx *Tx) PutChild(object string, parent, child HubID) error {
	if tx.kin == nil {
		tx.kin = map[string][]kin{}
	}
	tx.kin[object] = append(tx.kin[object], kinOf(parent, child))
	return nil
}

// flushKin writes what PutChild noted of an object.
func (tx *Tx) flushKin(object string) error {
	notes := tx.kin[object]
	if len(notes) == 0 {
		return nil
	}
	delete(tx.kin, object)
	slices.SortFunc(notes, func(a, b kin) int { return bytes.Compare(a[:], b[:]) })
	t := tx.children(object)
	for _, k := range slices.Compact(notes) {
		if t.has(k[:]) {
			continue
		}
		if err := t.put(k[:], nil); err != nil {
			return err
		}
	}
	return nil
}

// flushAllKin writes what PutChild noted.
func (tx *Tx) flushAllKin() error {
	for object := range tx.kin {
		if err := tx.flushKin(object); err != nil {
			return err
		}
	}
	return nil
}

// DropChild forgets that a record belongs to a parent.
func (tx *Tx) DropChild(object string, parent, child HubID) error {
	if err := tx.flushKin(object); err != nil {
		return err
	}
	k := kinOf(parent, child)
	return tx.children(object).del(k[:])
}

// Children calls fn for each record of a hub object that belongs to a parent.
func (tx *Tx) Children(object string, parent HubID, fn func(child HubID) error) error {
	if err := tx.flushKin(object); err != nil {
		return err
	}
	return tx.children(object).walk(nil, numberKey(uint64(parent)), func(key, _ []byte, damage error) error {
		if damage != nil {
			return damage
		}
		return fn(HubID(binary.BigEndian.Uint64(key[8:])))
	})
}

// DropChildren forgets whose every record of a hub object is.
func (tx *Tx) DropChildren(object string) error {
	delete(tx.kin, object)
	return tx.children(object).drop()
}
