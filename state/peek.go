package state

import (
	"encoding/binary"

	"crmsyncd/fieldmap/record"
)

// remoteRow is what the index of remote ids knows of a link. It repeats what
// must be known of a record to leave it alone, so that one look-up decides.
//
// Packed: hub id, shifted by three; bit 2: raw follows; bits 0-1: state; then
// the digest of the raw record.
type remoteRow struct {
	hub   HubID
	state LinkState
	raw   record.Digest
}

const remoteHasRaw = 1 << 2

func rowOf(l *Link) remoteRow { return remoteRow{l.Hub, l.State, l.Raw} }

func packRemote(r remoteRow) []byte {
	head := uint64(r.hub)<<3 | uint64(r.state)
	if r.raw == 0 {
		return binary.AppendUvarint(nil, head)
	}
	b := binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64+8), head|remoteHasRaw)
	return binary.LittleEndian.AppendUint64(b, uint64(r.raw))
}

func unpackRemote(b []byte) (r remoteRow, err error) {
	head, n := binary.Uvarint(b)
	if n <= 0 {
		return r, errShort
	}
	r.hub, r.state, b = HubID(head>>3), LinkState(head&3), b[n:]
	if head&remoteHasRaw != 0 && len(b) == 8 {
		r.raw, b = record.Digest(binary.LittleEndian.Uint64(b)), nil
	}
	if len(b) != 0 || r.state > LinkClosed || head&remoteHasRaw != 0 && r.raw == 0 {
		return remoteRow{}, errShort
	}
	return r, nil
}

// Peek returns what has to be known of a remote record to leave it alone: the
// hub record it is linked with, the digest of its raw fields when it was last
// settled, and the link's state. It reads the index alone: whether the link
// itself is sound, Sound tells.
func (l *Links) Peek(remote string) (hub HubID, raw record.Digest, st LinkState, ok bool) {
	row, ok := l.lookUp(remote)
	return row.hub, row.raw, row.state, ok
}

// Sound reports whether the link of a hub record is there and undamaged.
func (l *Links) Sound(hub HubID) bool {
	l.key = binary.BigEndian.AppendUint64(l.key[:0], uint64(hub))
	_, ok, err := l.rows.get(l.key)
	return ok && err == nil
}

// lookUp returns what the index says of a remote id.
func (l *Links) lookUp(remote string) (remoteRow, bool) {
	if len(l.pending) > 0 {
		if row, ok := l.pending[remote]; ok {
			return row, true
		}
	}
	if remote == "" || l.remotes.b == nil {
		return remoteRow{}, false
	}
	l.key = append(l.key[:0], remote...)
	payload, ok, err := l.remotes.get(l.key)
	if !ok {
		return remoteRow{}, false
	}
	if err == nil {
		var row remoteRow
		if row, err = unpackRemote(payload); err == nil {
			return row, true
		}
	}
	return l.search(remote)
}

// search finds the link of a remote id whose index row is damaged by a walk
// over all links. Not to find it would make the record look new.
func (l *Links) search(remote string) (found remoteRow, ok bool) {
	err := l.Each(0, func(link *Link) error {
		if link.Remote == remote {
			found, ok = rowOf(link), true
			if link.State != LinkClosed {
				return ErrStop
			}
		}
		return nil
	})
	if !ok {
		l.tx.note(firstError(err, l.remotes.damage([]byte(remote), "and no link names it")))
	}
	return found, ok
}
