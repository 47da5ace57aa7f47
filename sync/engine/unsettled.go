package engine

import (
	"encoding/binary"
	"slices"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// lookedUp is what the state knows of a record that a page brought.
type lookedUp struct {
	raw     record.Digest
	hub     state.HubID
	linked  bool
	settled bool // nothing changed since every field of it was settled
}

// listing is the one under way, beside the last one. A system without a change
// filter sends everything each time, and mostly it is what it was: then a page
// is recognized as a whole, and no record of it is looked up.
type listing struct {
	before   state.Listing
	pages    []record.Digest
	revision uint64 // of the links, at the first page
	moved    bool   // they changed since
	buf      []byte
}

// unsettled returns the records whose raw digest is not the settled one.
func (p *puller) unsettled(recs []record.Record) ([]freshRecord, error) {
	if cap(p.looked) < len(recs) {
		p.looked = make([]lookedUp, len(recs))
	}
	looked := p.looked[:len(recs)]
	for i := range recs {
		looked[i].raw, p.rawBuf = p.key.Raw(p.r.Fingerprint, &recs[i], p.rawBuf)
	}
	page := p.listing.digest(p.key, recs, looked)
	same := false
	err := p.opt.Store.View(func(tx *state.Tx) error {
		links := tx.Links(p.req.System, p.r.Object)
		if same = p.listing.next(links.Revision(), page) && !p.req.Full; !same {
			p.lookUp(links, recs, looked)
		}
		return nil
	})
	if err != nil || same {
		return nil, err
	}
	fresh := p.fresh(looked)
	if len(fresh) > 0 {
		p.listing.pages[len(p.listing.pages)-1] = 0
	}
	return fresh, nil
}

// lookUp compares records with the state. In a full run the link itself is
// looked at too, for its digests may be damaged.
func (p *puller) lookUp(links *state.Links, recs []record.Record, looked []lookedUp) {
	for i := range recs {
		l := &looked[i]
		hub, settled, st, ok := links.Peek(recs[i].ID)
		l.hub, l.linked = hub, ok
		l.settled = ok && settled == l.raw && st == state.LinkOpen && (!p.req.Full || links.Sound(hub))
	}
}

func (p *puller) fresh(looked []lookedUp) []freshRecord {
	askAll := p.req.Full && len(p.costly) > 0
	var fresh []freshRecord
	for i := range looked {
		l := &looked[i]
		if l.linked {
			p.seen.set(uint64(l.hub))
		}
		if !l.settled || askAll {
			fresh = append(fresh, freshRecord{i, l.raw})
		}
	}
	return fresh
}

// digest stands for all that was read of a page.
func (l *listing) digest(key record.Key, recs []record.Record, looked []lookedUp) record.Digest {
	l.buf = l.buf[:0]
	for i := range recs {
		l.buf = binary.AppendUvarint(l.buf, uint64(len(recs[i].ID)))
		l.buf = append(l.buf, recs[i].ID...)
		l.buf = binary.LittleEndian.AppendUint64(l.buf, uint64(looked[i].raw))
	}
	return key.Bytes(l.buf)
}

// next notes the next page, and reports whether all of its records were settled
// when the last listing brought it, and no link has changed since.
func (l *listing) next(revision uint64, page record.Digest) bool {
	n := len(l.pages)
	l.pages = append(l.pages, page)
	if n == 0 {
		l.revision = revision
	}
	l.moved = l.moved || revision != l.revision
	return revision != 0 && revision == l.before.Revision && n < len(l.before.Pages) && l.before.Pages[n] == page
}

// keep remembers a listing in which nothing moved.
func (l *listing) keep(tx *state.Tx, system, object string) error {
	now := tx.Links(system, object).Revision()
	if l.moved || now == 0 || now != l.revision || now == l.before.Revision && slices.Equal(l.pages, l.before.Pages) {
		return nil
	}
	return tx.SetListing(system, object, state.Listing{Revision: now, Pages: l.pages})
}
