package state

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A match key row is field, digest and hub id; its value is only the checksum.
const (
	keyPrefixSize = 2 + 8
	keyRowSize    = keyPrefixSize + 8
)

func (k IndexKey) prefix() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, keyRowSize), uint16(k.Field))
	return binary.BigEndian.AppendUint64(b, uint64(k.Digest))
}

// keyBuffer holds the match keys of one transaction until its end, because
// digests are random and putting random keys into a tree one by one is the
// dearest thing that a load does.
type keyBuffer struct {
	first map[IndexKey]HubID
	more  map[IndexKey][]HubID
}

func (p *keyBuffer) add(k IndexKey, id HubID) {
	if p.first == nil {
		p.first, p.more = map[IndexKey]HubID{}, map[IndexKey][]HubID{}
	}
	have, ok := p.first[k]
	switch {
	case !ok:
		p.first[k] = id
	case have != id && !slices.Contains(p.more[k], id):
		p.more[k] = append(p.more[k], id)
	}
}

func (p *keyBuffer) get(k IndexKey) []HubID {
	id, ok := p.first[k]
	if !ok {
		return nil
	}
	return append([]HubID{id}, p.more[k]...)
}

// sorted returns the rows in the order of the tree.
func (p *keyBuffer) sorted() [][keyRowSize]byte {
	rows := make([][keyRowSize]byte, 0, len(p.first))
	add := func(k IndexKey, id HubID) {
		rows = append(rows, [keyRowSize]byte(binary.BigEndian.AppendUint64(k.prefix(), uint64(id))))
	}
	for k, id := range p.first {
		add(k, id)
	}
	for k, ids := range p.more {
		for _, id := range ids {
			add(k, id)
		}
	}
	slices.SortFunc(rows, func(a, b [keyRowSize]byte) int { return bytes.Compare(a[:], b[:]) })
	return rows
}

// flush puts the collected match keys into the tree. Those of a large chunk of
// a merge become a run of their own, which is folded into the tree later.
func (h *Hub) flush() error {
	rows := h.pending.sorted()
	h.pending = keyBuffer{}
	if h.tx.merging && len(rows) >= h.tx.s.runSize {
		return h.putRun(rows)
	}
	for _, row := range rows {
		if err := h.putKey(row[:]); err != nil {
			return err
		}
	}
	return nil
}

// putKey puts one row into the tree unless it is there: a put, even of the same
// row, would write the page again.
func (h *Hub) putKey(row []byte) error {
	if h.keys.has(row) {
		return nil
	}
	return h.keys.put(row, nil)
}

// Find returns the records that have or once had this match key, in order of
// their ids.
func (h *Hub) Find(key IndexKey) ([]HubID, error) {
	found, prefix := h.pending.get(key), key.prefix()
	take := func(row, _ []byte, damage error) error {
		if damage != nil {
			return damage
		}
		if len(row) != keyRowSize {
			return h.keys.damage(row, "wrong length")
		}
		found = append(found, HubID(binary.BigEndian.Uint64(row[keyPrefixSize:])))
		return nil
	}
	err := h.keys.walk(nil, prefix, take)
	for _, r := range h.runs() {
		for i := r.seek(prefix); err == nil && i < r.len() && bytes.HasPrefix(r.row(i), prefix); i++ {
			err = take(r.row(i), nil, r.check(h.keys, i))
		}
	}
	slices.Sort(found)
	return slices.Compact(found), err
}
