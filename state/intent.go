package state

import (
	"encoding/binary"
	"fmt"
)

func (tx *Tx) intents(system, object string) *table { return tx.table("intent", system, object) }

// PutIntents stores one batch of creates that are about to be sent, as one
// value, and returns its number. The fields that were sent stand sorted.
func (tx *Tx) PutIntents(system, object string, in []Intent) (batch uint64, err error) {
	t := tx.intents(system, object)
	batch = tx.counter(bucketName("intent", system, object), t.lastKey).next()
	payload, err := packIntents(tx.scratch[:0], in)
	if err == nil {
		err = t.put(numberKey(batch), payload)
	}
	if err != nil {
		return 0, fmt.Errorf("put intents of %s/%s: %w", system, object, err)
	}
	return batch, nil
}

// Intents calls fn for each batch that is still open, in order. A batch that is
// damaged is an ErrDamaged: creates may be under way that nobody can name.
func (tx *Tx) Intents(system, object string, fn func(batch uint64, in []Intent) error) error {
	t := tx.intents(system, object)
	return t.walk(nil, nil, func(key, payload []byte, damage error) error {
		if damage != nil {
			return damage
		}
		in, err := unpackIntents(payload)
		if err != nil {
			return t.damage(key, err.Error())
		}
		return fn(binary.BigEndian.Uint64(key), in)
	})
}

// CloseIntents removes a batch whose outcome is known.
func (tx *Tx) CloseIntents(system, object string, batch uint64) error {
	return tx.intents(system, object).del(numberKey(batch))
}

func packIntents(b []byte, in []Intent) ([]byte, error) {
	b = append(b, packedVersion)
	b = binary.AppendUvarint(b, uint64(len(in)))
	for _, i := range in {
		b = binary.AppendUvarint(b, uint64(i.Hub))
		b = AppendString(b, i.External)
		b = binary.AppendVarint(b, i.At)
		var err error
		if b, err = packLinkFields(b, i.Sent); err != nil {
			return b, err
		}
	}
	return b, nil
}

func unpackIntents(b []byte) ([]Intent, error) {
	r := newReader(b)
	var in []Intent
	for n := r.count(); n > 0 && !r.bad; n-- {
		i := Intent{Hub: HubID(r.uvarint()), External: r.string(), At: r.varint()}
		i.Sent = r.linkFields(nil)
		in = append(in, i)
	}
	return in, r.end()
}
