package state

import "encoding/binary"

// flips lie in the order of the day, so that what is due stands first.
func (tx *Tx) flips(object string) *table { return tx.table("flip", object) }

const dayLen = len("2006-01-02")

func flipKey(day string, id HubID) []byte {
	key := make([]byte, dayLen, dayLen+8)
	copy(key, day)
	return binary.BigEndian.AppendUint64(key, uint64(id))
}

// Flip notes that the computed fields of a hub record are to be evaluated on a
// day, given as 2006-01-02; at once where the day is empty.
func (tx *Tx) Flip(object, day string, id HubID) error {
	t, key := tx.flips(object), flipKey(day, id)
	if t.has(key) {
		return nil
	}
	return t.put(key, nil)
}

// Flips calls fn for what is due by a day, the oldest first.
func (tx *Tx) Flips(object, today string, fn func(day string, id HubID) error) error {
	return tx.flips(object).walk(nil, nil, func(key, _ []byte, damage error) error {
		if damage != nil {
			return damage
		}
		day := string(key[:dayLen])
		if day[0] == 0 {
			day = ""
		}
		if day > today {
			return ErrStop
		}
		return fn(day, HubID(binary.BigEndian.Uint64(key[dayLen:])))
	})
}

// Unflip forgets a note of Flip.
func (tx *Tx) Unflip(object, day string, id HubID) error {
	return tx.flips(object).del(flipKey(day, id))
}
