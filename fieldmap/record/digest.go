package record

import (
	"encoding/binary"

	// The one import from outside: a keyed hash is part of what a digest is, and
	// the standard library has none that is both short and stable on disk.
	"github.com/dchest/siphash"
)

// Digest stands for a value without showing it. Zero means that there is none.
// Digests are keyed, because e-mails and phone numbers can be guessed from
// plain hashes.
type Digest uint64

// Key makes digests. Each installation has its own.
type Key struct{ k0, k1 uint64 }

// NewKey returns the key with these 16 bytes.
func NewKey(b [16]byte) Key {
	return Key{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// Value returns the digest of v as a value of type t. Null has a digest of its
// own; missing and unreadable have none.
func (k Key) Value(t Type, v Value) Digest {
	if !v.Known() {
		return 0
	}
	buf := make([]byte, 0, 128)
	buf = append(buf, byte(t), byte(v.state))
	buf = append(buf, v.text...)
	return k.sum(buf)
}

// Bytes returns the digest of b.
func (k Key) Bytes(b []byte) Digest { return k.sum(b) }

// Raw returns the digest of a record's fields as they were sent, under the
// fingerprint of the rules that will read them.
func (k Key) Raw(fingerprint uint64, r *Record, buf []byte) (Digest, []byte) {
	buf = binary.LittleEndian.AppendUint64(buf[:0], fingerprint)
	for _, raw := range r.Raw {
		buf = binary.AppendUvarint(buf, uint64(len(raw)))
		buf = append(buf, raw...)
	}
	return k.sum(buf), buf
}

func (k Key) sum(b []byte) Digest {
	d := Digest(siphash.Hash(k.k0, k.k1, b))
	if d == 0 {
		return 1
	}
	return d
}
