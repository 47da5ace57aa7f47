package state

import (
	"encoding/binary"

	"crmsyncd/fieldmap/record"
)

// RemoteKeys is an index over the records of a system that were listed once
// because it cannot look a match key up: digest of the key → remote ids. It
// only suggests; every hit is read and compared again, so nothing is ever taken
// out of it.
type RemoteKeys struct{ t *table }

// RemoteKeys returns the index of one match key of an object.
func (tx *Tx) RemoteKeys(system, object, key string) RemoteKeys {
	return RemoteKeys{tx.table("remotekey", system, object, key)}
}

// Add notes that a remote record has this key.
func (k RemoteKeys) Add(d record.Digest, remote string) error {
	row := append(binary.BigEndian.AppendUint64(nil, uint64(d)), remote...)
	if k.t.has(row) {
		return nil
	}
	return k.t.put(row, []byte{packedVersion})
}

// Find returns the remote records that may have this key.
func (k RemoteKeys) Find(d record.Digest) (remotes []string, err error) {
	prefix := binary.BigEndian.AppendUint64(nil, uint64(d))
	err = k.t.walk(nil, prefix, func(key, _ []byte, damage error) error {
		if damage != nil {
			return damage
		}
		remotes = append(remotes, string(key[len(prefix):]))
		return nil
	})
	return remotes, err
}

// Drop forgets the index, so that it is made anew.
func (k RemoteKeys) Drop() error { return k.t.drop() }
