package state

import "encoding/binary"

func (tx *Tx) children(object string) *table { return tx.table("child", object) }

func childKey(parent, child HubID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(parent)), uint64(child))
}

// PutChild notes that a record of a hub object belongs to a parent.
func (tx *Tx) PutChild(object string, parent, child HubID) error {
	t, key := tx.children(object), childKey(parent, child)
	if t.has(key) {
		return nil
	}
	return t.put(key, nil)
}

// DropChild forgets that a record belongs to a parent.
func (tx *Tx) DropChild(object string, parent, child HubID) error {
	return tx.children(object).del(childKey(parent, child))
}

// Children calls fn for each record of a hub object that belongs to a parent.
func (tx *Tx) Children(object string, parent HubID, fn func(child HubID) error) error {
	return tx.children(object).walk(nil, numberKey(uint64(parent)), func(key, _ []byte, damage error) error {
		if damage != nil {
			return damage
		}
		return fn(HubID(binary.BigEndian.Uint64(key[8:])))
	})
}

// DropChildren forgets whose every record of a hub object is.
func (tx *Tx) DropChildren(object string) error { return tx.children(object).drop() }
